"""The page ``docs/cli.md``, made from the commands' own ``--help``: ``make docs``."""

from __future__ import annotations

import click

from footfall.cli.main import COMMANDS, cli

HEAD = """\
# The command line
This page is made from `--help` by `make docs`; a test fails when the two differ.

Results go to stdout as a table, or with `--format json|csv`; progress goes to stderr. Exit codes: 0 done, 2 a mistake
in what was given, 1 a mistake of ours, 130 stopped. The workspace is `-w`, else `FOOTFALL_WORKSPACE`, else the current
folder.
"""


def page() -> str:
    """Return the page."""
    parent = click.Context(cli, info_name="footfall", max_content_width=110, help_option_names=["-h", "--help"])
    parts = [HEAD, _block("footfall", cli, parent)]
    for name in COMMANDS:
        command = cli.get_command(parent, name)
        assert command is not None, name  # noqa: S101 - our own table
        context = click.Context(command, info_name=name, parent=parent, max_content_width=110)
        parts.append(_block(f"footfall {name}", command, context))
    return "\n".join(parts)


def _block(title: str, command: click.Command, context: click.Context) -> str:
    return f"## {title}\n```\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    click.echo(page(), nl=False)
