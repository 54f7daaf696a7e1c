"""Ingest: files in, events out, nothing lost.

Files of one shape are read together, a bounded number of bytes at a time. Each such batch is staged without any lock;
then, under the workspace's write lock, duplicates are found and the batch is committed: rejects first, then the
catalogue, then events. A process killed in between leaves rows that the next read of the same files finds again (keys
are hashes of what was read), so nothing reported is lost and nothing is added twice.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

import duckdb

from footfall.errors import InputError, SourceError
from footfall.events import cleaning as clean
from footfall.events.files import SourceFile, inspect, resolve
from footfall.events.readers import _registry
from footfall.events.readers._base import Projection, Reader
from footfall.events.readers.mapped import mapped_reader
from footfall.lake import staging
from footfall.lake.engine import Engine, engine
from footfall.lake.raw import RawFiles
from footfall.lake.report import IngestReport, Totals
from footfall.lake.sweep import sweep
from footfall.lake.tally import Tally
from footfall.lake.workspace import Workspace
from footfall.lake.write import Writer

BATCH_BYTES = 1 << 30
"""Bytes of source files read between two commits (a larger file is a batch by itself); packed ones count for more."""

PACKED_WEIGHT = 5
"""How many bytes of text a byte of a packed file is taken for."""

Progress = Callable[[str, int, int], None]
"""Called with what is going on, bytes done and bytes in all."""


@dataclasses.dataclass(frozen=True)
class IngestOptions:
    """How to read.

    Attributes:
        source: A reader's name; guessed from the columns without it.
        mapping: Our column to theirs, for a table that no reader knows.
        constants: Our column to a text that holds for every row.
        keep_identical: Rows without an id that are equal in every column are numbered instead of dropped.
        names: Column names of files without a header line.
        encoding: The files' encoding; UTF-8 (or what their first bytes say) without it.
        delimiter: The files' delimiter; seen from the first lines without it.
        time_format: A strptime format for times.
        target: What the files hold.
    """

    source: str | None = None
    mapping: Mapping[str, str] = dataclasses.field(default_factory=dict)
    constants: Mapping[str, str] = dataclasses.field(default_factory=dict)
    keep_identical: bool = False
    names: Sequence[str] = ()
    encoding: str | None = None
    delimiter: str | None = None
    time_format: str | None = None
    target: Literal["events", "items"] | None = None

    def __post_init__(self) -> None:
        """Check what can be checked before a file is seen.

        Raises:
            InputError: The delimiter cannot be one, or source and mapping are both given.
        """
        mark = self.delimiter
        if mark is not None and (len(mark) != 1 or not mark.isascii() or mark.isalnum() or mark in '"\r\n\0.-:_\\'):
            raise InputError(
                f"--delimiter {mark!r} cannot be used; accepted: one character such as , ; | or a tab, "
                "or a blank for any white space"
            )
        if self.by_hand and self.source is not None:
            raise InputError("give either --source or --map, not both: a mapping is a source of its own")

    @property
    def by_hand(self) -> bool:
        """Whether the user says what the columns are."""
        return bool(self.mapping or self.constants)


@dataclasses.dataclass(frozen=True)
class Batch:
    """Files that one query reads with one reader."""

    reader: Reader
    columns: tuple[str, ...]
    projection: Projection
    files: tuple[SourceFile, ...]
    bytes: int

    @property
    def name(self) -> str:
        """What the user is told is read."""
        more = len(self.files) - 1
        return self.files[0].path.name + (f" and {more:,} more" if more else "")


def ingest(
    workspace: Workspace, paths: Sequence[str], options: IngestOptions | None = None, progress: Progress | None = None
) -> IngestReport:
    """Read files into the lake.

    Args:
        workspace: Where to.
        paths: Files, folders, globs.
        options: How to read them.
        progress: Told how far it is.

    Returns:
        What was read, accepted, found twice and rejected, and why; everything in it is on disk.

    Raises:
        InputError: The paths, the source or the mapping cannot be used, and nothing was read; or a file turned out to
            be unreadable on the way, and the message says how many were read before it.
        LakeError: The lake cannot be written, e.g. for want of space.
    """
    options = options or IngestOptions()
    files, notes = resolve(paths)
    looked = []
    for path in files:
        file = inspect(path, names=options.names, encoding=options.encoding, delimiter=options.delimiter)
        if file is None:
            notes.append(f"passed over {path}: it is empty")
        else:
            looked.append(file)
            notes += _ignored(file, options)
    if not looked:
        raise InputError(f"nothing to read: {'; '.join(notes) or 'no file given'}")
    batches = list(_batches(looked, options))
    total_bytes, done = sum(b.bytes for b in batches), 0
    reports: list[IngestReport] = []
    sweep(workspace.tables)
    with engine(workspace.tables, workspace.settings, views={}) as run:
        # A time without a zone is in the shop's zone.
        run.run(f"SET TimeZone = '{workspace.settings.timezone}'")
        _check_time_format(run, options.time_format)
        tally = Tally(run, several=len(batches) > 1)
        for batch in batches:
            if progress:
                progress(f"reading {batch.name}", done, total_bytes)
            try:
                reports.append(_one(workspace, run, batch, options, tally))
            except SourceError as error:
                before = sum(report.files for report in reports)
                kept = f"; before it, {before:,} of {len(looked):,} files were read and are kept" if before else ""
                raise SourceError(f"{error}{kept}") from error
            done += batch.bytes
            if progress:
                progress(f"committed {batch.name}", done, total_bytes)
    return IngestReport.combined(reports, notes=notes, guessed=options.source is None and not options.by_hand)


def _ignored(file: SourceFile, options: IngestOptions) -> list[str]:
    """Say which settings do not apply to a file."""
    of_tables = {"--names": bool(options.names), "--delimiter": options.delimiter is not None}
    of_text = {"--encoding": options.encoding is not None}
    given = {"csv": {}, "jsonl": of_tables, "parquet": of_tables | of_text}[file.format]
    return [f"{name} has no effect on {file.path}: it is {file.format}" for name, is_given in given.items() if is_given]


def _check_time_format(run: Engine, time_format: str | None) -> None:
    if time_format is None:
        return
    try:
        run.row("SELECT try_strptime('', ?)", [time_format])
    except duckdb.Error as error:
        why = str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
        raise InputError(
            f"--time-format {time_format!r} cannot be used: {why}; accepted: strptime's marks, e.g. %d/%m/%Y %H:%M"
        ) from None


def _batches(files: Sequence[SourceFile], options: IngestOptions) -> Iterator[Batch]:
    for _, group in itertools.groupby(files, key=lambda f: f.shape):
        same = list(group)
        reader = _reader(same[0], options)
        columns = same[0].columns
        if same[0].format == "jsonl":
            # Keys that the look at the first lines did not meet may still come. Of two names that differ by case only
            # the reader's is looked for; the other stays in the rest of the line.
            known = {c.lower() for c in reader.known}
            columns = tuple(c for c in columns if c in reader.known or c.lower() not in known)
            columns = tuple(dict.fromkeys([*columns, *sorted(reader.known)]))
        projection = reader.project(columns)
        taken: list[SourceFile] = []
        size = weight = 0
        for file in same:
            bytes_ = file.path.stat().st_size
            packed = file.format == "parquet" or file.compression != "none"
            heavy = bytes_ * (PACKED_WEIGHT if packed else 1)
            if taken and weight + heavy > BATCH_BYTES:
                yield Batch(reader, columns, projection, tuple(taken), size)
                taken, size, weight = [], 0, 0
            taken.append(file)
            size, weight = size + bytes_, weight + heavy
        yield Batch(reader, columns, projection, tuple(taken), size)


def _reader(file: SourceFile, options: IngestOptions) -> Reader:
    target = options.target
    try:
        if not options.by_hand:
            return _registry.choose(file.columns, options.source, target=target)
        return mapped_reader(options.mapping, options.constants, file.columns, target=target or "events")
    except SourceError as error:
        raise SourceError(f"{file.path}: {error}") from None


def _one(workspace: Workspace, run: Engine, batch: Batch, options: IngestOptions, tally: Tally) -> IngestReport:
    """Read one batch: stage it, find what is double, commit it."""
    settings = workspace.settings
    now = dt.datetime.now(dt.UTC)
    cleaning = clean.cleaning(
        batch.projection,
        now_us=int(now.timestamp() * 1_000_000),
        clock_skew_s=settings.clock_skew_s,
        currency=settings.currency,
        time_format=options.time_format,
        target=batch.reader.target,
    )
    exploded = batch.projection.explode is not None
    raw = RawFiles(run, batch.files, batch.columns)
    raw.stage(staging.stage_sql(batch.reader, batch.projection, cleaning, raw))
    raw.drop_copies()
    writer = Writer(workspace, run, batch.reader, batch.projection, raw, now, tally)
    if batch.reader.target == "items":
        with workspace.tables.lock():
            return writer.commit_items_only()
    if options.keep_identical:
        staging.number_identical(run, exploded=exploded)
    writer.refuse_erased()
    writer.hash_addresses()
    with workspace.tables.lock():
        writer.refuse_erased()  # once more: someone may have been erased while this batch was staged
        _find_double(workspace, run, exploded=exploded)
        return writer.commit()


def _find_double(workspace: Workspace, run: Engine, *, exploded: bool) -> None:
    """Compare with the lake as it is now; without given ids, only files whose times overlap can hold the same rows."""
    with_ids, low, high = run.row(
        'SELECT count(_id) > 0, epoch_us(min("timestamp")), epoch_us(max("timestamp")) FROM staged '
        "WHERE _reason IS NULL"
    )
    spans = workspace.tables.spans()
    near = [
        path
        for path, span in spans.items()
        if with_ids or span is None or (low is not None and span[0] <= int(str(high)) and span[1] >= int(str(low)))
    ]
    staging.find_duplicates(run, near, exploded=exploded)
    run.refresh("events", list(spans))
    packed = [r.name for r in _registry.readers().values() if r.project(sorted(r.known)).explode is not None]
    staging.find_resent(run, packed, exploded=exploded)


__all__ = ["IngestOptions", "IngestReport", "Totals", "ingest"]
