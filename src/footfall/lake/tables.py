"""The lake's Delta tables: create, list, commit. DuckDB writes the files; they are committed here in one step."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import deltalake
import filelock
import pyarrow as pa
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, RemoveAction

from footfall.errors import LakeError
from footfall.schema import EVENT_COLUMNS, ITEM_COLUMNS, LINK_COLUMNS, REJECT_COLUMNS

TABLES: Final[dict[str, Mapping[str, str]]] = {
    "events": EVENT_COLUMNS,
    "items": ITEM_COLUMNS,
    "rejects": REJECT_COLUMNS,
    "links": LINK_COLUMNS,
}

_ARROW: Final[dict[str, pa.DataType]] = {
    "VARCHAR": pa.string(),
    "TIMESTAMPTZ": pa.timestamp("us", tz="UTC"),
    "DECIMAL(18,3)": pa.decimal128(18, 3),
    "DECIMAL(18,4)": pa.decimal128(18, 4),
    "DOUBLE": pa.float64(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "BOOLEAN": pa.bool_(),
}


def arrow_schema(table: str) -> pa.Schema:
    """Return a table's Arrow schema, without reading it."""
    return pa.schema([(name, _ARROW[kind]) for name, kind in TABLES[table].items()])


class Tables:
    """The Delta tables of one workspace.

    Statistics are kept for times only: file statistics hold smallest and largest values, and a person's id must not
    stay behind in them once that person is erased.
    """

    def __init__(self, root: Path) -> None:
        """Remember where the tables are.

        Args:
            root: ``<workspace>/lake``.
        """
        self.root = root

    def create(self) -> None:
        """Create the tables that are missing."""
        for name in TABLES:
            self._create(name)

    def _create(self, name: str) -> None:
        stats = "seen_at" if name == "items" else "timestamp" if name == "events" else "ingested_at"
        deltalake.DeltaTable.create(
            str(self.root / name),
            arrow_schema(name),
            mode="ignore",
            configuration={"delta.dataSkippingStatsColumns": stats, "delta.checkpointInterval": "50"},
        )

    def open(self, name: str, version: int | None = None) -> deltalake.DeltaTable:
        """Open one table.

        Args:
            name: A key of ``TABLES``.
            version: An older version; the newest without it.

        Raises:
            LakeError: It cannot be read.
        """
        try:
            return deltalake.DeltaTable(str(self.root / name), version=version)
        except (DeltaError, OSError) as error:
            raise LakeError(f"the table {self.root / name} cannot be read: {error}") from error

    def version(self) -> str:
        """Return the lake's version: those of ``events``, ``items`` and ``links``, e.g. ``12.3.0``."""
        return ".".join(str(self.open(name).version()) for name in ("events", "items", "links"))

    def files(self, name: str, version: int | None = None) -> list[str]:
        """Return the data files of a table, in name order."""
        # Only the names are taken from the URIs, in which a blank of the folder's path is written %20.
        return sorted(str(self.root / name / Path(uri).name) for uri in self.open(name, version).file_uris())

    def spans(self, name: str = "events") -> dict[str, tuple[int, int] | None]:
        """Return, per data file, its first and last ``timestamp`` in microseconds, or None where that is not known."""
        table = self.open(name)
        actions = pa.table(table.get_add_actions(flatten=True))
        names = actions.column_names
        low = actions["min.timestamp"].to_pylist() if "min.timestamp" in names else [None] * actions.num_rows
        high = actions["max.timestamp"].to_pylist() if "max.timestamp" in names else [None] * actions.num_rows
        spans: dict[str, tuple[int, int] | None] = {}
        for path, first, last in zip(actions["path"].to_pylist(), low, high, strict=True):
            known = first is not None and last is not None
            spans[str(self.root / name / path)] = (_us(first), _us(last)) if known else None
        return spans

    def added_since(self, name: str, version: int) -> list[str] | None:
        """Return the files added after a version, or None if any were removed or that version is gone.

        Args:
            name: A key of ``TABLES``.
            version: The version one already has.
        """
        try:
            before = set(self.files(name, version))
        except LakeError:
            return None
        now = self.files(name)
        return [f for f in now if f not in before] if before <= set(now) else None

    def commit(
        self,
        name: str,
        files: Sequence[WrittenFile],
        metadata: Mapping[str, Any] | None = None,
        *,
        removed: Sequence[str] = (),
    ) -> int:
        """Add written files to a table, and take others out, in one atomic step; return the table's new version.

        The data and its folder are flushed to disk first, so that what is reported as committed outlives the machine.

        Args:
            name: A key of ``TABLES``.
            files: Files that lie in the table's folder.
            metadata: Kept in the commit, e.g. the ingest's id.
            removed: Data files, as ``files`` names them, that the table no longer has; they lie in its folder.
        """
        table = self.open(name)
        home = self.root / name
        if files or removed:
            now_ms = int(dt.datetime.now(dt.UTC).timestamp() * 1000)
            properties = deltalake.CommitProperties(custom_metadata=dict(metadata or {}))
            try:
                actions: list[AddAction | RemoveAction] = [f.action(home) for f in files]
                actions += [RemoveAction(Path(path).name, True, now_ms) for path in removed]
                for file in files:
                    _flush(file.path)
                _flush(home)
                table.create_write_transaction(actions, "append", table.schema(), commit_properties=properties)
                _flush(home / "_delta_log")
            except (DeltaError, OSError) as error:
                raise unwritable(home, error) from error
        return self.open(name).version()

    def forget(self, name: str, metadata: Mapping[str, Any] | None = None) -> int:
        """Leave only what the newest version needs: old data files, files never committed and the old log go.

        The write lock must be held. Readers that have opened an older version may lose its files.

        Args:
            name: A key of ``TABLES``.
            metadata: Kept in the log, for what would otherwise go with it.

        Returns:
            The table's new version.
        """
        properties = deltalake.CommitProperties(custom_metadata=dict(metadata or {}))
        self.open(name).vacuum(0, False, False, full=True, commit_properties=properties)
        table = self.open(name)
        table.create_checkpoint()
        version, log = table.version(), self.root / name / "_delta_log"
        for path in log.iterdir():
            number = path.name.partition(".")[0]
            if number.isdigit() and int(number) < version:
                path.unlink()
        _flush(log)
        return version

    @contextlib.contextmanager
    def lock(self, timeout_s: float = 3600) -> Iterator[None]:
        """Hold the workspace's write lock: between looking for duplicates and committing, nobody else may commit.

        The lock is the operating system's, so a killed process leaves none behind.

        Args:
            timeout_s: How long to wait for another writer, in seconds.

        Raises:
            LakeError: Another process held it all that time.
        """
        lock = filelock.FileLock(self.root / ".write.lock", timeout=timeout_s)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise LakeError(
                f"another process has been writing to {self.root} for {timeout_s:.0f} s; try again"
            ) from None
        try:
            yield
        finally:
            lock.release()


DISK_ERRORS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM)
"""What the system says when a disk cannot take more, or must not."""


def unwritable(place: Path, error: Exception) -> LakeError:
    """Build the error for a place that does not take what is written: a full disk, a read-only one, missing rights.

    Args:
        place: The table or folder.
        error: What the library or the system said.
    """
    text = str(error)
    known = (os.strerror(code) for code in DISK_ERRORS)
    said = next((words for words in known if words in text), "") or next(iter(text.splitlines()), "")
    return LakeError(
        f"{place} cannot be read or written: {said}. What was committed before is safe; see to space and rights "
        "there, and run the command again"
    )


class WrittenFile:
    """A Parquet file that has been written but not yet committed."""

    def __init__(self, path: Path, rows: int, span_us: tuple[int, int] | None = None, time_column: str = "") -> None:
        """Describe the file.

        Args:
            path: Where it lies.
            rows: Number of rows.
            span_us: First and last value of ``time_column``, in microseconds since 1970 UTC.
            time_column: The column the statistics are kept for.
        """
        self.path, self.rows, self.span_us, self.time_column = path, rows, span_us, time_column

    def action(self, home: Path) -> AddAction:
        """Return the entry for Delta's log."""
        stats: dict[str, Any] = {"numRecords": self.rows}
        if self.span_us is not None:
            low, high = (_iso(moment) for moment in self.span_us)
            stats |= {"minValues": {self.time_column: low}, "maxValues": {self.time_column: high}}
        info = self.path.stat()
        relative = self.path.relative_to(home).as_posix()
        return AddAction(relative, info.st_size, {}, int(info.st_mtime * 1000), True, json.dumps(stats))


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _iso(moment_us: int) -> str:
    moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=moment_us)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _us(moment: dt.datetime) -> int:
    return (moment - dt.datetime(1970, 1, 1, tzinfo=moment.tzinfo)) // dt.timedelta(microseconds=1)
