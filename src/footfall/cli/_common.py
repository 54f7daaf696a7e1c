"""What commands share: the workspace, the options that say which events count, and how results are written."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from footfall.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from footfall.results import Result
    from footfall.shop import Shop

F = TypeVar("F", bound=Callable[..., Any])

format_option = click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="How the result is written.",
)


def the_shop() -> Shop:
    """Open the workspace that the command line names."""
    from footfall import shop

    return shop.open(click.get_current_context().find_root().obj)


def scope_options(command: F) -> F:
    """Add the options that say which events an analysis sees."""
    for option in reversed(
        [
            click.option("--where", metavar="CONDITION", help="Only events that meet it, e.g. \"country = 'DE'\"."),
            click.option("--by", metavar="COLUMN", help="One result per value of a column, e.g. device."),
            click.option(
                "--from", "--since", "from_", metavar="TIME", help="First moment, inclusive (the shop's zone)."
            ),
            click.option("--to", "--until", "to", metavar="TIME", help="Last moment, exclusive."),
            click.option("--exclude-bots", is_flag=True, help="Leave out what is flagged as a robot."),
        ]
    ):
        command = option(command)
    return command


def rule_options(command: F) -> F:
    """Add the options that say whom to act on; at most one of the rules."""
    for option in reversed(
        [
            click.option("--capacity", type=click.IntRange(min=1), help="Choose so many users, the highest."),
            click.option(
                "--precision", type=float, help="Choose as many as keep this share of hits where that could be seen."
            ),
            click.option("--cost", type=float, help="Of acting on one user: choose whom more is expected of."),
            click.option("--gain", type=float, help="What a hit brings, with --cost."),
        ]
    ):
        command = option(command)
    return command


def session_options(command: F) -> F:
    """Add the options that say how sessions are cut."""
    for option in reversed(
        [
            click.option("--gap-s", type=click.IntRange(min=1), help="Silence that ends a session, in seconds."),
            click.option("--source-sessions", "source", is_flag=True, help="Use the sessions of the source itself."),
        ]
    ):
        command = option(command)
    return command


def given(**options: Any) -> dict[str, Any]:
    """Return the options that the user gave: what is None keeps the function's own default."""
    return {name: value for name, value in options.items() if value is not None}


def emit(result: Result, format_: str) -> None:
    """Write a result to stdout.

    Args:
        result: What to write.
        format_: ``table``, ``json`` or ``csv``.
    """
    if format_ == "json":
        click.echo(result.to_json())
    elif format_ == "csv":
        write_csv(result.table_rows())
    else:
        click.echo(str(result))


def write_csv(rows: list[dict[str, Any]]) -> None:
    """Write rows to stdout as CSV; lists and mappings as JSON in their cell."""
    if not rows:
        return
    writer = csv.DictWriter(sys.stdout, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {k: json.dumps(v, ensure_ascii=False) if isinstance(v, (list, dict)) else v for k, v in row.items()}
        )


def write_table(table: pa.Table, out: str) -> None:
    """Write a table to a file, by its suffix, and say so on stderr.

    Args:
        table: What to write.
        out: A name ending in .parquet, .csv or .jsonl.

    Raises:
        InputError: It ends in something else.
    """
    path = Path(out)
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        pq.write_table(table, path)
    elif path.suffix == ".csv":
        import pyarrow.csv as pc

        pc.write_csv(table, path)
    elif path.suffix == ".jsonl":
        from footfall.results import plain

        with path.open("w", encoding="utf-8") as file:
            for row in table.to_pylist():
                file.write(json.dumps(plain(row), ensure_ascii=False) + "\n")
    else:
        raise InputError(f"{out} has suffix {path.suffix!r}; accepted: .parquet, .csv, .jsonl")
    click.echo(f"wrote {table.num_rows:,} rows to {out}", err=True)


def pairs(values: tuple[str, ...], option: str) -> dict[str, str]:
    """Read ``ours=theirs`` pairs.

    Raises:
        InputError: One has no ``=``.
    """
    found = {}
    for value in values:
        name, sign, rest = value.partition("=")
        if not sign or not name or not rest:
            raise InputError(f"{option} {value!r} is no pair; accepted: {option} ours=theirs")
        found[name.strip()] = rest.strip()
    return found
