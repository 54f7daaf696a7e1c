"""DuckDB over the lake: a connection with the tables as views, bounded in memory, spilling inside the workspace."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import filelock
import pyarrow as pa

from footfall.config import Settings
from footfall.errors import LakeError
from footfall.lake.tables import DISK_ERRORS, TABLES, Tables, unwritable


def sql_list(paths: Sequence[str]) -> str:
    """Write file names as an SQL list."""
    return "[" + ", ".join("'" + p.replace("'", "''") + "'" for p in paths) + "]"


def scan(table: str, files: Sequence[str], *, columns: str = "*", named: bool = False) -> str:
    """Build the SQL that reads files of a table; columns that a file lacks are null.

    Args:
        table: A key of ``TABLES``.
        files: Its data files.
        columns: What to select.
        named: Also give the column ``filename``, the file of each row; there must be a file then.
    """
    typed = ", ".join(f'CAST(NULL AS {kind}) AS "{name}"' for name, kind in TABLES[table].items())
    rows = f"SELECT {typed} WHERE false"
    if files:
        options = "union_by_name = true" + ", filename = true" * named
        rows += f" UNION ALL BY NAME FROM read_parquet({sql_list(files)}, {options})"
    return f"SELECT {columns} FROM ({rows})"


class Engine:
    """One DuckDB connection.

    Attributes:
        connection: The DuckDB connection; times are in UTC.
        scratch: A folder for temporary files, removed at the end.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, scratch: Path) -> None:
        self.connection, self.scratch = connection, scratch

    def run(self, sql: str, parameters: Sequence[object] = ()) -> None:
        """Execute a statement and forget its result."""
        self.connection.execute(sql, list(parameters) or None)

    def arrow(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        """Execute a query and return its whole result as an Arrow table."""
        return self.connection.sql(sql, params=list(parameters) or None).to_arrow_table()

    def batches(self, sql: str, rows: int = 1_000_000) -> pa.RecordBatchReader:
        """Execute a query and return its result as a stream of Arrow batches of at most ``rows`` rows."""
        return self.connection.sql(sql).to_arrow_reader(rows)

    def row(self, sql: str, parameters: Sequence[object] = ()) -> tuple[object, ...]:
        """Execute a query and return its only row (of types that need no conversion: numbers, texts)."""
        rows = self.connection.execute(sql, list(parameters) or None).fetchall()
        assert len(rows) == 1, f"expected one row, got {len(rows)}"  # noqa: S101 - our mistake
        return tuple(rows[0])

    def load(self, name: str, table: pa.Table) -> None:
        """Make a temporary table from an Arrow table.

        Args:
            name: The new table's name.
            table: Its rows.
        """
        self.connection.register("loading", table)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM loading")
        self.connection.unregister("loading")

    def refresh(self, name: str, files: Sequence[str]) -> None:
        """Point the view of a table at these files.

        Args:
            name: A key of ``TABLES``.
            files: Its data files.
        """
        self.connection.execute(f"CREATE OR REPLACE VIEW {name} AS {scan(name, files)}")


@contextlib.contextmanager
def engine(tables: Tables, settings: Settings, *, views: Mapping[str, Sequence[str]] | None = None) -> Iterator[Engine]:
    """Open a connection on the lake.

    Args:
        tables: The workspace's tables.
        settings: Gives memory and threads.
        views: Table to the files its view reads; without it, all files of all tables.

    Yields:
        The engine; views bear the names of the tables.
    """
    scratch = tables.root / ".scratch" / uuid.uuid4().hex
    alive = filelock.FileLock(scratch_lock(scratch))
    try:
        scratch.parent.mkdir(parents=True, exist_ok=True)
        alive.acquire()
        scratch.mkdir()
    except OSError as error:
        raise unwritable(scratch.parent, error) from error
    connection = duckdb.connect()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET threads = {settings.thread_count}")
        connection.execute(f"SET memory_limit = '{settings.memory_bytes // 2**20}MiB'")
        connection.execute(f"SET temp_directory = '{str(scratch).replace(chr(39), chr(39) * 2)}'")
        connection.execute("SET enable_progress_bar = false")
        for name in TABLES:
            files = tables.files(name) if views is None else views.get(name, ())
            connection.execute(f"CREATE VIEW {name} AS {scan(name, files)}")
        yield Engine(connection, scratch)
    except duckdb.OutOfMemoryException as error:
        raise LakeError(
            f"{settings.memory} of memory are not enough here; allow more with memory = in footfall.toml "
            f"or FOOTFALL_MEMORY, or use fewer threads ({settings.thread_count} now): {first_line(error)}"
        ) from error
    except duckdb.IOException as error:
        raise unwritable(tables.root, error) from error
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise unwritable(tables.root, error) from error
        raise
    finally:
        connection.close()
        shutil.rmtree(scratch, ignore_errors=True)
        scratch_lock(scratch).unlink(missing_ok=True)
        alive.release()


def first_line(error: Exception) -> str:
    """Return the first line of what an error says that is not blank; the engine says many."""
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)


def scratch_lock(scratch: Path) -> Path:
    """Return the lock that is held as long as a scratch folder is in use; a killed process leaves folder and file."""
    return scratch.with_suffix(".lock")


def remove_dead_scratch(tables: Tables) -> int:
    """Remove the scratch folders that killed processes left behind.

    Args:
        tables: The workspace's tables.

    Returns:
        How many folders are still in use; their owners remove them at their end.
    """
    used = 0
    for scratch in {path.with_suffix("") for path in (tables.root / ".scratch").glob("*")}:
        lock = filelock.FileLock(scratch_lock(scratch), timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            used += 1
            continue
        shutil.rmtree(scratch, ignore_errors=True)
        scratch_lock(scratch).unlink(missing_ok=True)
        lock.release()
    return used
