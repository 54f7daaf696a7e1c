"""Commands about data: a workspace, files in, what is wrong with them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from footfall.cli._common import emit, format_option, pairs, the_shop


@click.command("init")
@click.argument("folder", metavar="DIR")
@click.option("--currency", default="USD", show_default=True, help="ISO 4217 code that money is added up in.")
@click.option("--timezone", default="UTC", show_default=True, help="IANA zone of the shop.")
def init_command(folder: str, currency: str, timezone: str) -> None:
    """Make a workspace in DIR."""
    from footfall import shop

    shop.init(folder, currency=currency, timezone=timezone)
    click.echo(f"made the workspace {folder}; next: footfall -w {folder} ingest FILES")


@contextmanager
def progress_bar(quiet: bool) -> Iterator[Callable[[str, int, int], None] | None]:
    """Show a bar on stderr where somebody is looking, a line per step where nobody is, nothing when asked."""
    if quiet:
        yield None
        return
    if not sys.stderr.isatty():
        yield lambda text, done, total: click.echo(f"{text} ({done / max(total, 1):.0%})", err=True)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking at the files", total=None)
        yield lambda text, done, total: bar.update(task, description=text, completed=done, total=total)


def _reading_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(
        [
            click.argument("paths", metavar="PATH...", nargs=-1, required=True),
            click.option("--source", help="The format; guessed from the columns without it."),
            click.option("--map", "mapping", metavar="OURS=THEIRS", multiple=True, help="Our column = theirs."),
            click.option("--set", "constants", metavar="OURS=TEXT", multiple=True, help="A value for every row."),
            click.option("--names", metavar="A,B,C", help="Column names of a file without a header line."),
            click.option("--delimiter", help="One character; a blank stands for any white space."),
            click.option("--encoding", help="The files' encoding, e.g. latin-1 or gbk."),
            click.option("--time-format", help="How times are written, e.g. %d/%m/%Y %H:%M."),
            click.option("-q", "--quiet", is_flag=True, help="No progress."),
            format_option,
        ]
    ):
        command = option(command)
    return command


@click.command("ingest")
@_reading_options
@click.option("--keep-identical", is_flag=True, help="Number rows that are equal in every column; do not drop them.")
def ingest_command(
    paths: tuple[str, ...],
    source: str | None,
    mapping: tuple[str, ...],
    constants: tuple[str, ...],
    names: str | None,
    delimiter: str | None,
    encoding: str | None,
    time_format: str | None,
    quiet: bool,
    format_: str,
    keep_identical: bool = False,
) -> None:
    """Read event files: CSV, JSONL, Parquet, also .gz and .zst; folders and globs.

    Every row is accepted, a duplicate, or rejected with a reason and kept. Reading a file twice adds nothing.
    """
    shop = the_shop()
    with progress_bar(quiet) as progress:
        report = shop.ingest(
            list(paths),
            source=source,
            mapping=pairs(mapping, "--map"),
            constants=pairs(constants, "--set"),
            keep_identical=keep_identical,
            progress=progress,
            names=[n.strip() for n in names.split(",")] if names else (),
            delimiter=delimiter,
            encoding=encoding,
            time_format=time_format,
        )
    emit(report, format_)


@click.command("items")
@_reading_options
def items_command(
    paths: tuple[str, ...],
    source: str | None,
    mapping: tuple[str, ...],
    constants: tuple[str, ...],
    names: str | None,
    delimiter: str | None,
    encoding: str | None,
    time_format: str | None,
    quiet: bool,
    format_: str,
) -> None:
    """Read the catalogue: item_id, name, category, brand, price, and so on."""
    shop = the_shop()
    with progress_bar(quiet) as progress:
        report = shop.ingest_items(
            list(paths),
            source=source,
            mapping=pairs(mapping, "--map"),
            constants=pairs(constants, "--set"),
            progress=progress,
            names=[n.strip() for n in names.split(",")] if names else (),
            delimiter=delimiter,
            encoding=encoding,
            time_format=time_format,
        )
    emit(report, format_)


@click.command("check")
@format_option
def check_command(format_: str) -> None:
    """Report on the quality of the data: missing, odd, late, automatic, and what was done about each."""
    emit(the_shop().check(), format_)


@click.command("rejects")
@click.option("--reason", help="Only rows refused for this reason.")
@click.option("-n", "--rows", type=click.IntRange(min=1), default=20, show_default=True, help="How many to show.")
@format_option
def rejects_command(reason: str | None, rows: int, format_: str) -> None:
    """Show rows that were refused: where they stood, why, and what they said."""
    emit(the_shop().rejects(reason=reason, limit=rows), format_)


@click.command("compile")
@click.option("--force", is_flag=True, help="From nothing, even where adding what is new would do.")
def compile_command(force: bool) -> None:
    """Bring the compiled histories up to date (analyses do so by themselves)."""
    from footfall.histories.compile import compile as bring_up_to_date

    shop = the_shop()
    histories = bring_up_to_date(shop.workspace, force=force)
    click.echo(
        f"histories of lake version {histories.manifest['lake_version']}: {histories.n_users:,} users, "
        f"{histories.n_events:,} events, {len(histories.partitions)} partitions"
    )
