"""Raw rows: every source file as a relation of texts, whatever its format.

The relation has the file's columns as ``VARCHAR`` (nested values as JSON text), ``_file``, ``_text`` (the line itself
where the format has lines of its own, else null), ``_bad`` (why the line cannot be taken apart, else null), and
``_line`` and ``_detail`` (its number and what exactly is wrong, where known). Of a torn line, its columns are given.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Final

import duckdb
import pyarrow as pa

from footfall.errors import SourceError
from footfall.events.archives import DamagedArchiveError, is_torn
from footfall.events.files import SourceFile
from footfall.events.readers._base import lit, q
from footfall.events.recovery import BLANKS, MAX_LINE_BYTES, BadLine, columns_found, locate, printable, recover
from footfall.lake.engine import Engine, first_line, sql_list

_REASON: Final = {"MISSING COLUMNS": "missing_columns", "TOO MANY COLUMNS": "too_many_columns"}
"""What the fast CSV reader reports line by line without touching its neighbours; all else goes to the patient one."""

_FOUND: Final = re.compile(r"Found: (\d+)")
_NO_LINE: Final = "NULL::BIGINT AS _line, NULL::VARCHAR AS _detail"
_NO_TEXT: Final = f"NULL::VARCHAR AS _text, NULL::VARCHAR AS _bad, {_NO_LINE}"
_BLANKS: Final = " || ".join(f"chr({ord(c)})" for c in BLANKS)
_LIMITS: Final = f"max_line_size = {MAX_LINE_BYTES}, store_rejects = true, hive_partitioning = false"
_NEVER: Final = "\x01\x02\x03\x04"
_FILE: Final = "_footfall_file"
"""What the readers call the column with the file's name, until we call it ``_file``."""


class RawFiles:
    """Files of one shape, ready to be read; those that the fast reader cannot take are replaced by clean copies."""

    def __init__(self, engine: Engine, files: Sequence[SourceFile], columns: Sequence[str]) -> None:
        """Prepare the files.

        Args:
            engine: Where they will be read.
            files: Files of one shape.
            columns: The columns wanted; for JSONL more than the look at the first lines may have found.

        Raises:
            SourceError: A file is damaged, or is gone.
        """
        self._engine = engine
        self._files = list(files)
        self.columns = tuple(columns)
        self.inputs = tuple(files)
        self._broken: list[tuple[SourceFile, BadLine]] = []
        self._mended: set[int] = set()
        self._threads = int(str(engine.row("SELECT current_setting('threads')")[0]))
        odd = []
        for i, file in enumerate(files):
            with _readable(file):
                if file.odd or (file.compression != "none" and is_torn(file.path, file.compression)):
                    odd.append(i)
            if i not in odd and (set(str(file.path)) & set("*?[") or str(file.path).startswith("~")):
                # The engine would take the name for a pattern.
                link = engine.scratch / f"link-{i}"
                link.unlink(missing_ok=True)
                link.symlink_to(file.path.resolve())
                self._files[i] = dataclasses.replace(file, path=link)
        self.mend(odd)

    @property
    def format(self) -> str:
        """The files' format."""
        return self._files[0].format

    @property
    def names(self) -> dict[str, str]:
        """Path of a copy or a link that is read to the file that it stands for."""
        pairs = zip(self._files, self.inputs, strict=True)
        return {str(now.path): str(given.path) for now, given in pairs if now.path != given.path}

    def mend(self, which: Sequence[int]) -> None:
        """Replace some files by clean copies made line by line; the lines left out are kept apart.

        Args:
            which: Their places among the files.

        Raises:
            SourceError: A file is damaged, or is gone.
        """
        for i in which:
            if i in self._mended:
                continue
            self._mended.add(i)
            file = self.inputs[i]
            clean = self._engine.scratch / f"clean-{i}"
            with _readable(file):
                self._broken += [(file, bad) for bad in recover(file, clean)]
            header_lines = int(file.format == "csv" and file.delimiter != " ")
            self._files[i] = dataclasses.replace(
                file, path=clean, compression="none", header_lines=header_lines, encoding="utf-8", odd=False
            )

    def relation(self) -> str:
        """Return the SQL of the relation."""
        scans = []
        for _, group in itertools.groupby(self._files, key=lambda f: f.shape):
            same = list(group)
            # Told to read twice as many tables as it has threads, the engine takes a file for a task, and then loses a
            # quoted value that is still open at a file's end without a word (seen in DuckDB 2.0).
            most = max(1, 2 * self._threads - 1) if same[0].format == "csv" else len(same)
            scans += [self._select(same[i : i + most]) for i in range(0, len(same), most)]
        return " UNION ALL ".join(scans)

    def _select(self, files: Sequence[SourceFile]) -> str:
        first = files[0]
        paths = [str(f.path) for f in files]
        if first.format == "parquet":
            return self._parquet(paths, first)
        if first.format == "jsonl":
            return self._jsonl(paths, first)
        if first.delimiter == " ":
            return self._blanks(paths, first)
        typed = ", ".join(f"{lit(c)}: 'VARCHAR'" for c in first.columns)
        shown = ", ".join(q(c) for c in self.columns)
        return (
            f"SELECT {shown}, {_FILE} AS _file, {_NO_TEXT} FROM read_csv({sql_list(paths)}, auto_detect = false, "
            f"header = {str(first.header_lines > 0).lower()}, delim = {lit(first.delimiter)}, quote = '\"', "
            f"escape = '\"', columns = {{{typed}}}, compression = {lit(first.compression)}, filename = '{_FILE}', "
            f"{_LIMITS})"
        )

    def _lines(self, paths: Sequence[str], file: SourceFile) -> str:
        """Return the SQL that reads whole lines: cut at letters that stand in no line of text or JSON."""
        return (
            f"SELECT line, {_FILE} AS _file FROM read_csv({sql_list(paths)}, auto_detect = false, "
            f"header = {str(file.header_lines > 0).lower()}, delim = {lit(_NEVER)}, quote = '', escape = '', "
            f"columns = {{'line': 'VARCHAR'}}, compression = {lit(file.compression)}, filename = '{_FILE}', {_LIMITS}) "
            f"WHERE trim(line, {_BLANKS}) <> ''"
        )

    def _jsonl(self, paths: Sequence[str], file: SourceFile) -> str:
        paths_of_keys = ['$."' + c.replace("\\", "\\\\").replace('"', '\\"') + '"' for c in self.columns]
        keys = ", ".join(lit(path) for path in paths_of_keys)
        shown = ", ".join(f"_values[{i + 1}] AS {q(c)}" for i, c in enumerate(self.columns))
        bad = "CASE WHEN NOT json_valid(_text) THEN 'bad_json' WHEN json_type(_text) <> 'OBJECT' "
        bad += "THEN 'not_an_object' END"
        return (
            f"SELECT {shown}, _file, _text, _bad, {_NO_LINE} FROM (SELECT *, CASE WHEN _bad IS NULL THEN "
            f"json_extract_string(_text, [{keys}]) END AS _values FROM (SELECT *, {bad} AS _bad FROM "
            f"(SELECT line AS _text, _file FROM ({self._lines(paths, file)}))))"
        )

    def _blanks(self, paths: Sequence[str], file: SourceFile) -> str:
        shown = ", ".join(f"_values[{file.columns.index(c) + 1}] AS {q(c)}" for c in self.columns)
        n = len(file.columns)
        bad = f"CASE WHEN len(_values) < {n} THEN 'missing_columns' WHEN len(_values) > {n} THEN 'too_many_columns' END"
        return (
            f"SELECT {shown}, _file, line AS _text, {bad} AS _bad, {_NO_LINE} FROM (SELECT *, "
            f"regexp_split_to_array(trim(line, {_BLANKS}), '[ \\t\\v\\f]+') AS _values FROM "
            f"({self._lines(paths, file)}))"
        )

    def _parquet(self, paths: Sequence[str], file: SourceFile) -> str:
        kinds = dict(zip(file.columns, file.kinds, strict=True))
        shown = []
        for column in self.columns:
            name, kind = q(column), kinds[column]
            if pa.types.is_nested(kind):
                text = f"to_json({name})"
            elif pa.types.is_floating(kind):
                # A whole number that a notebook turned into 17850.0 for the sake of its nulls is 17850 again.
                whole = f"{name} = trunc({name}) AND abs({name}) < 9e15"
                number = f"CAST(TRY_CAST({name} AS BIGINT) AS VARCHAR)"
                text = f"CASE WHEN {whole} THEN {number} ELSE CAST({name} AS VARCHAR) END"
            else:
                text = f"CAST({name} AS VARCHAR)"
            shown.append(f"CAST({text} AS VARCHAR) AS {name}")
        # By place, not by name: a file may have two columns whose names differ by case only.
        named = ", ".join([*(q(c) for c in file.columns), "_file"])
        return (
            f"SELECT {', '.join(shown)}, _file, {_NO_TEXT} FROM read_parquet({sql_list(paths)}, "
            f"filename = '{_FILE}', hive_partitioning = false) AS raw({named})"
        )

    def stage(self, select: str) -> None:
        """Create the table ``staged`` from a query over the relation, the lines that cannot be read included.

        If the fast reader stumbles over anything that may have hidden other lines from it, the files concerned are
        mended and the query runs once more: every line of every file is in ``staged``, once.

        Args:
            select: SQL with ``{relation}`` in the place of the relation.

        Raises:
            SourceError: A file cannot be read at all.
        """
        for last in (False, True):
            self._engine.run("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
            self._engine.run("DROP TABLE IF EXISTS staged")
            try:
                self._engine.run(f"CREATE TEMP TABLE staged AS {select.replace('{relation}', self.relation())}")
            except duckdb.Error as error:
                self._check_still_there()
                if not self._is_about_files(error):
                    raise
                if last or self.format == "parquet":
                    raise SourceError(self._unreadable(error)) from error
                self.mend(range(len(self._files)))
                continue
            hurt = self._rejected()
            if not hurt:
                break
            assert not last, f"a clean copy was refused: {hurt}"  # noqa: S101 - our mistake
            self.mend(hurt)
        if self._broken:
            self._stage_broken(select)

    def drop_copies(self) -> None:
        """Remove the clean copies from disk; the files cannot be read after that."""
        for file in self._files:
            if file.path.parent == self._engine.scratch:
                file.path.unlink(missing_ok=True)

    def _check_still_there(self) -> None:
        for file in self.inputs:
            if not file.path.exists():
                raise SourceError(f"{file.path} was there a moment ago and is gone; read the files again")

    def _is_about_files(self, error: duckdb.Error) -> bool:
        """Tell an error that the files have made from one of the disk, the memory, or the query."""
        if isinstance(error, duckdb.OutOfMemoryException):
            return False
        if isinstance(error, duckdb.InvalidInputException) or any(str(f.path) in str(error) for f in self._files):
            return True
        if isinstance(error, duckdb.IOException):
            return self._files[0].compression != "none"
        return self.format == "parquet"

    def _unreadable(self, error: duckdb.Error) -> str:
        for file, given in zip(self._files, self.inputs, strict=True):
            try:
                values = ", ".join(f"sum(strlen({q(c)}))" for c in self.columns)
                self._engine.run(f"SELECT {values} FROM ({self._select([file])})")
            except duckdb.Error as own:
                return f"{given.path} cannot be read: {first_line(own)}"
        return f"{self.inputs[0].path} or a file like it cannot be read: {first_line(error)}"

    def _stage_broken(self, select: str) -> None:
        """Add the lines that could not be read to ``staged``, with as many of their columns as are there."""
        lines = [self._cells(file, bad) for file, bad in self._broken]
        columns = {c: pa.array([cells.get(c) for cells in lines], pa.string()) for c in self.columns}
        columns["_file"] = pa.array([str(file.path) for file, _ in self._broken], pa.string())
        columns["_text"] = pa.array([bad.raw for _, bad in self._broken], pa.string())
        columns["_bad"] = pa.array([bad.reason for _, bad in self._broken], pa.string())
        columns["_line"] = pa.array([bad.line for _, bad in self._broken], pa.int64())
        columns["_detail"] = pa.array([bad.detail for _, bad in self._broken], pa.string())
        self._engine.connection.register("broken_lines", pa.table(columns))
        self._engine.run(f"INSERT INTO staged {select.replace('{relation}', 'SELECT * FROM broken_lines')}")
        self._engine.connection.unregister("broken_lines")

    def _cells(self, file: SourceFile, bad: BadLine) -> dict[str, str | None]:
        if file.format != "csv" or bad.reason != "missing_columns":
            return {}
        row = next(csv.reader([bad.raw], delimiter=file.delimiter), [])
        return {name: cell or None for name, cell in zip(file.columns, row, strict=False)}

    def _rejected(self) -> list[int]:
        """Take in what the fast reader rejected; return the files that must be read by the patient one instead."""
        known = self._engine.row("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'reject_errors'")
        if self.format == "parquet" or known == (0,):
            return []
        countable = ", ".join(lit(kind) for kind in _REASON)
        rows = self._engine.arrow(
            f"SELECT s.file_path AS path, e.line_byte_position AS place, min(e.error_type) AS kind, "
            f"bool_and(e.error_type IN ({countable}) AND NOT regexp_matches(trim(e.csv_line, chr(10) || chr(13)), "
            "'[\\r\\n]')) AS alone, any_value(e.error_message) AS message FROM reject_errors e "
            "JOIN reject_scans s USING (scan_id, file_id) GROUP BY ALL ORDER BY ALL"
        ).to_pylist()
        hurt, fresh = [], []
        for path, group in itertools.groupby(rows, key=lambda row: row["path"]):
            here = list(group)
            i = next(i for i, f in enumerate(self._files) if str(f.path) == path)
            bad = self._countable(i, here) if all(row["alone"] for row in here) else None
            if bad is None:
                hurt.append(i)
            else:
                fresh += [(self.inputs[i], line) for line in bad]
        if not hurt:
            self._broken += fresh
        return hurt

    def _countable(self, i: int, rows: Sequence[dict[str, object]]) -> list[BadLine] | None:
        """Return a file's rejected lines, or None where one is no text: that is for the patient reader to say."""
        with _readable(self.inputs[i]):
            found = locate(self._files[i], [int(str(row["place"])) - 1 for row in rows])
        lines = []
        for (number, raw), row in zip(found, rows, strict=True):
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError:
                return None
            if self.format == "jsonl":
                lines.append(BadLine(number, "bad_json", printable(raw), "control characters"))
                continue
            found_columns = _FOUND.search(str(row["message"]))
            detail = columns_found(int(found_columns[1]), len(self.inputs[i].columns)) if found_columns else ""
            lines.append(BadLine(number, _REASON[str(row["kind"])], printable(raw), detail))
        return lines


@contextlib.contextmanager
def _readable(file: SourceFile) -> Iterator[None]:
    """Turn what goes wrong while a file is read into one clear line."""
    try:
        yield
    except DamagedArchiveError as error:
        raise SourceError(f"{file.path} is damaged: {error}; fetch or pack it anew") from None
    except FileNotFoundError:
        raise SourceError(f"{file.path} was there a moment ago and is gone; read the files again") from None
    except PermissionError as error:
        raise SourceError(f"{file.path} cannot be read: {error.strerror or error}") from None
