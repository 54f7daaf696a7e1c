"""The command ``footfall``: finds a command's file, runs it, turns our errors into one clear line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys

import click

from footfall._version import __version__
from footfall.errors import FootfallError, InputError, unknown_name

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Make a simulated shop, show its journeys, recommend items in it."),
    "init": ("data", "Make a workspace."),
    "simulate": ("demo", "Write a simulated shop's log, with its truth apart."),
    "ingest": ("data", "Read event files into the workspace."),
    "items": ("data", "Read the catalogue."),
    "check": ("data", "Report on the quality of the data."),
    "rejects": ("data", "Show rows that were refused, and why."),
    "compile": ("data", "Bring the compiled histories up to date."),
    "sessions": ("journeys", "Visits: how many, how long, how many engaged, how many that buy."),
    "funnel": ("journeys", "How many users get from step to step, and how fast."),
    "paths": ("journeys", "What users do on the way to, or from, an event."),
    "transitions": ("journeys", "What follows what within sessions."),
    "step-matrix": ("journeys", "Which events stand at the first, second, third place of a session."),
    "retention": ("returning", "Who comes back, by cohort."),
    "lifecycle": ("returning", "New, returning, resurrecting and dormant users."),
    "stickiness": ("returning", "On how many days of a week or month users are active."),
    "rfm": ("returning", "Recency, frequency, monetary value, and named groups."),
    "attribution": ("returning", "Revenue by the channels that led to it."),
    "train": ("models", "Train a task, and serve what wins."),
    "evaluate": ("models", "Put every family side by side on a later time."),
    "recommend": ("models", "Recommend items to users, with reasons."),
    "predict": ("models", "Foretell what each user will do, with reasons."),
    "fairness": ("fairness", "Judge what is foretold and decided by country, device or your own groups."),
    "card": ("models", "Show the card of a trained model: what it is, how good, and its limits."),
    "runs": ("models", "List training runs, or put some side by side."),
    "links": ("people", "Which devices are joined to which users, and why others are not."),
    "link": ("people", "Join a device to a user."),
    "unlink": ("people", "Undo the link of a device to a user."),
    "erase": ("people", "Remove a person from every table."),
    "export": ("people", "Write everything that is held about a person."),
}
"""Command to the file that holds it and its line in ``--help``: the list is shown without loading any of the files."""


class LazyGroup(click.Group):
    """A group that imports a command's file only when that command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of a first day's work."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or a stand-in that only knows its help line while ``--help`` is listed."""
        if cmd_name not in COMMANDS:
            raise click.UsageError(unknown_name("command", cmd_name, COMMANDS), ctx)
        module, help_line = COMMANDS[cmd_name]
        if ctx.info_name is not None and ctx.resilient_parsing:
            return click.Command(cmd_name, help=help_line)
        loaded = importlib.import_module(f"footfall.cli.{module}")
        command = getattr(loaded, cmd_name.replace("-", "_") + "_command")
        assert isinstance(command, click.Command)  # noqa: S101 - our own table
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table alone."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-w", "--workspace", metavar="DIR", help="The workspace; else FOOTFALL_WORKSPACE, else the current folder."
)
@click.version_option(__version__, prog_name="footfall")
@click.pass_context
def cli(ctx: click.Context, workspace: str | None) -> None:
    """Read a shop's event log, show the journeys in it, answer the shop's questions.

    Results go to stdout (--format json or csv for machines), progress to stderr.
    """
    ctx.obj = workspace


def main() -> None:
    """Run the command line; exit 0 when done, 2 for a mistake of the user's, 1 for one of ours."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.Abort:
        click.echo("stopped", err=True)
        sys.exit(130)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except InputError as error:
        click.echo(f"footfall: {error}", err=True)
        sys.exit(2)
    except FootfallError as error:
        click.echo(f"footfall: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output has gone (| head): that is no error, but Python would complain while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get("FOOTFALL_DEBUG"):
            raise
        click.echo(
            f"footfall: internal error, {type(error).__name__}: {error}; "
            "run again with FOOTFALL_DEBUG=1 to see where, and report it",
            err=True,
        )
        sys.exit(1)
