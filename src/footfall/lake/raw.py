"""Raw rows: every source file as a relation of texts, whatever its format.

The relation has the file's columns as ``VARCHAR`` (nested values as JSON text), ``_file``, ``_text`` (the line itself
where the format has lines of its own, else null), ``_bad`` (why the line cannot be taken apart, else null), and
``_line`` and ``_detail`` (its number and what exactly is wrong, where known). Of a torn line, its columns are given.
"""

from __future__ import annotations

import csv
import dataclasses
import itertools
from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from footfall.errors import SourceError
from footfall.events.files import SourceFile
from footfall.events.readers._base import lit, q
from footfall.events.recovery import BadLine, recover
from footfall.lake.engine import Engine, sql_list

_COUNTABLE = ("MISSING COLUMNS", "TOO MANY COLUMNS")
"""What the fast CSV reader reports line by line without touching its neighbours; all else goes to the patient one."""

_REASON = {"MISSING COLUMNS": "missing_columns", "TOO MANY COLUMNS": "too_many_columns"}


_NO_LINE = "NULL::BIGINT AS _line, NULL::VARCHAR AS _detail"
_NO_TEXT = f"NULL::VARCHAR AS _text, NULL::VARCHAR AS _bad, {_NO_LINE}"


class RawFiles:
    """Files of one shape, ready to be read; those that the fast reader cannot take are replaced by clean copies."""

    def __init__(self, engine: Engine, files: Sequence[SourceFile], columns: Sequence[str]) -> None:
        """Prepare the files.

        Args:
            engine: Where they will be read.
            files: Files of one shape.
            columns: The columns wanted; for JSONL more than the look at the first lines may have found.
        """
        self._engine = engine
        self._files = list(files)
        self.columns = tuple(columns)
        self._names = {str(f.path): str(f.path) for f in files}
        self.inputs = tuple(files)
        self._broken: list[tuple[SourceFile, BadLine]] = []
        if files[0].encoding != "utf-8":
            self.mend(range(len(self._files)))

    @property
    def format(self) -> str:
        """The files' format."""
        return self._files[0].format

    def mend(self, which: Sequence[int]) -> None:
        """Replace some files by clean copies made line by line; the lines left out are kept apart."""
        for i in which:
            file = self._files[i]
            clean = self._engine.scratch / f"clean-{i}"
            self._broken += [(file, bad) for bad in recover(file, clean)]
            self._names[str(clean)] = str(file.path)
            self._files[i] = dataclasses.replace(
                file, path=clean, compression="none", header=file.header and file.format == "csv", encoding="utf-8"
            )

    def relation(self) -> str:
        """Return the SQL of the relation."""
        groups = itertools.groupby(self._files, key=lambda f: f.shape)
        return " UNION ALL ".join(self._select(list(group)) for _, group in groups)

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
            f"SELECT {shown}, filename AS _file, {_NO_TEXT} FROM read_csv({sql_list(paths)}, "
            f"auto_detect = false, header = {str(first.header).lower()}, delim = {lit(first.delimiter)}, "
            f"quote = '\"', escape = '\"', columns = {{{typed}}}, filename = true, store_rejects = true, "
            f"compression = {lit(first.compression)})"
        )

    def _lines(self, paths: Sequence[str], file: SourceFile, *, header: bool) -> str:
        """Return the SQL that reads whole lines; U+0001 can stand in no line of text or JSON, so nothing is cut."""
        return (
            f"SELECT line, filename AS _file FROM read_csv({sql_list(paths)}, auto_detect = false, "
            f"header = {str(header).lower()}, delim = '\x01', quote = '', escape = '', "
            f"columns = {{'line': 'VARCHAR'}}, filename = true, store_rejects = true, "
            f"compression = {lit(file.compression)}) WHERE trim(line) <> ''"
        )

    def _jsonl(self, paths: Sequence[str], file: SourceFile) -> str:
        keys = ", ".join(lit('$."' + c.replace('"', '\\"') + '"') for c in self.columns)
        shown = ", ".join(f"_values[{i + 1}] AS {q(c)}" for i, c in enumerate(self.columns))
        bad = "CASE WHEN NOT json_valid(line) THEN 'bad_json' WHEN json_type(line) <> 'OBJECT' THEN 'not_an_object' END"
        return (
            f"SELECT {shown}, _file, line AS _text, _bad, {_NO_LINE} FROM (SELECT *, CASE WHEN _bad IS NULL THEN "
            f"json_extract_string(line, [{keys}]) END AS _values FROM (SELECT *, {bad} AS _bad FROM "
            f"({self._lines(paths, file, header=False)})))"
        )

    def _blanks(self, paths: Sequence[str], file: SourceFile) -> str:
        shown = ", ".join(f"_values[{file.columns.index(c) + 1}] AS {q(c)}" for c in self.columns)
        n = len(file.columns)
        bad = f"CASE WHEN len(_values) < {n} THEN 'missing_columns' WHEN len(_values) > {n} THEN 'too_many_columns' END"
        lines = self._lines(paths, file, header=file.header)
        return (
            f"SELECT {shown}, _file, line AS _text, {bad} AS _bad, {_NO_LINE} FROM (SELECT *, "
            f"regexp_split_to_array(trim(line), '\\s+') AS _values FROM ({lines}))"
        )

    def _parquet(self, paths: Sequence[str], file: SourceFile) -> str:
        kinds = {field.name: field.type for field in pq.read_schema(file.path)}
        shown = []
        for column in self.columns:
            name = q(column)
            if column in file.nested:
                text = f"to_json({name})"
            elif pa.types.is_floating(kinds[column]):
                # A whole number that a notebook turned into 17850.0 for the sake of its nulls is 17850 again.
                whole = f"{name} = trunc({name}) AND abs({name}) < 9e15"
                text = (
                    f"CASE WHEN {whole} THEN CAST(CAST({name} AS BIGINT) AS VARCHAR) ELSE CAST({name} AS VARCHAR) END"
                )
            else:
                text = f"CAST({name} AS VARCHAR)"
            shown.append(f"CAST({text} AS VARCHAR) AS {name}")
        return (
            f"SELECT {', '.join(shown)}, filename AS _file, {_NO_TEXT} "
            f"FROM read_parquet({sql_list(paths)}, filename = true)"
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
            except (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException) as error:
                if last or self.format == "parquet":
                    raise SourceError(f"{self.inputs[0].path} cannot be read: {_first_line(error)}") from error
                self.mend(range(len(self._files)))
                continue
            hurt = self._rejected()
            if not hurt:
                break
            assert not last, f"a clean copy was refused: {hurt}"  # noqa: S101 - our mistake
            self.mend(hurt)
        if self._broken:
            self._stage_broken(select)

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
        rows = self._engine.arrow(
            "SELECT s.file_path, e.line, min(e.error_type) AS error_type, any_value(e.csv_line) AS csv_line, "
            "any_value(e.error_message) AS message FROM reject_errors e JOIN reject_scans s USING (scan_id, file_id) "
            "GROUP BY s.file_path, e.line, e.line_byte_position ORDER BY s.file_path, e.line"
        ).to_pylist()
        place = {str(f.path): i for i, f in enumerate(self._files)}
        hurt = {
            place[row["file_path"]]
            for row in rows
            if row["error_type"] not in _COUNTABLE or "\n" in (row["csv_line"] or "").rstrip("\r\n")
        }
        if hurt:
            return sorted(hurt)
        for row in rows:
            raw = (row["csv_line"] or "").rstrip("\r\n")
            bad = BadLine(int(row["line"]), _REASON[row["error_type"]], raw[:10_000], row["message"] or "")
            self._broken.append((self._files[place[row["file_path"]]], bad))
        return []

    @property
    def names(self) -> dict[str, str]:
        """Path that was read to the file as the user named it."""
        return self._names


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
