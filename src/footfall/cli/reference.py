"""The pages ``docs/cli.md`` and ``docs/sources.md``, made from ``--help`` and from the readers: ``make docs``."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from pathlib import Path

import click

from footfall.cli.main import COMMANDS, cli
from footfall.events import readers

COMMANDS_HEAD = """\
# The command line
This page is made from `--help` by `make docs`; a test fails when the two differ.

Results go to stdout as a table, or with `--format json|csv`; progress goes to stderr. Exit codes: 0 done, 2 a mistake
in what was given, 1 a mistake of ours, 130 stopped. The workspace is `-w`, else `FOOTFALL_WORKSPACE`, else the current
folder.
"""

SOURCES_HEAD = """\
# Sources
This page is made from the readers themselves by `make docs`; a test fails when the two differ.

`footfall ingest` (events) and `footfall items` (catalogues) guess the source from the columns and say the guess;
`--source NAME` chooses. What no column of ours carries is kept in `properties`.
"""


def commands_page() -> str:
    """Return ``docs/cli.md``."""
    settings = {"max_content_width": 110, "help_option_names": ["-h", "--help"]}
    parent = click.Context(cli, info_name="footfall", **settings)  # type: ignore[arg-type]  # two kinds of values
    parts = [COMMANDS_HEAD, _block("footfall", cli, parent)]
    for name in COMMANDS:
        command = cli.get_command(parent, name)
        assert command is not None, name  # noqa: S101 - our own table
        context = click.Context(command, info_name=name, parent=parent, **settings)  # type: ignore[arg-type]  # as above
        parts.append(_block(f"footfall {name}", command, context))
    return "\n".join(parts)


def _block(title: str, command: click.Command, context: click.Context) -> str:
    return f"## {title}\n```\n{command.get_help(context)}\n```\n"


def sources_page() -> str:
    """Return ``docs/sources.md``: each reader's own docstring."""
    parts = [SOURCES_HEAD]
    for info in pkgutil.iter_modules(readers.__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{readers.__name__}.{info.name}")
        reader = module.READER
        name = "mapped" if reader is None else reader.name
        title = "any table, by `--map`" if reader is None else f"{reader.title} ({reader.target})"
        text = inspect.cleandoc(module.__doc__ or "").replace("``", "`")
        parts.append(f"## `{name}`: {title}\n{text}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "cli.md").write_text(commands_page(), "utf-8")
    (folder / "sources.md").write_text(sources_page(), "utf-8")
