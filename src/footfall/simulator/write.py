"""Files: a log as Parquet or JSON lines, and tables that grow a piece at a time. The same rows give the same bytes."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

Format = Literal["parquet", "jsonl"]
FORMATS: Final = ("parquet", "jsonl")
LINES_AT_ONCE: Final = 50_000
"""Rows made into text at a time."""


def write_table(table: pa.Table, path: Path) -> None:
    """Write a Parquet file without Arrow's own schema: words are plain strings to whoever reads it."""
    pq.write_table(table, path, compression="zstd", store_schema=False, row_group_size=131_072)


def write_log(table: pa.Table, path: Path, form: Format) -> None:
    """Write events in the form asked for.

    Args:
        table: Canonical columns.
        path: Where.
        form: ``parquet``, or ``jsonl``: one JSON object a line without the columns that are null; ``properties`` is an
            object there, times are ISO 8601, decimals are numbers.
    """
    if form == "parquet":
        write_table(table, path)
        return
    with path.open("wb") as file:
        for first in range(0, len(table), LINES_AT_ONCE):
            for chunk in json_lines(table.slice(first, LINES_AT_ONCE)).chunks:
                file.write(b"".join(line + b"\n" for line in chunk.cast(pa.binary()).to_pylist()))


def json_lines(table: pa.Table) -> pa.ChunkedArray:
    """Turn each row into a JSON object, column by column rather than row by row.

    Args:
        table: Columns of words (dictionary or string), numbers, decimals and times.
    """
    fields = []
    for name in table.column_names:
        value = _json_value(table[name].combine_chunks(), raw=name == "properties")
        fields.append(pc.binary_join_element_wise(json.dumps(name) + ": ", value, ""))
    inside = pc.binary_join_element_wise(*fields, ", ", null_handling="skip")
    return pa.chunked_array([pc.binary_join_element_wise("{", inside, "}", "")])


def _json_value(column: pa.Array, *, raw: bool) -> pa.Array:
    """Write each value as JSON; nulls stay null. ``raw`` text is JSON already."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        text = pc.replace_substring(column.cast(pa.string()), " ", "T")
        return pc.binary_join_element_wise('"', text, '"', "")
    if not (pa.types.is_string(kind) or pa.types.is_dictionary(kind)):
        return column.cast(pa.string())
    if raw:
        return column.cast(pa.string())
    words = column if pa.types.is_dictionary(kind) else column.dictionary_encode()
    quoted = [json.dumps(word, ensure_ascii=False) for word in words.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(words.indices, pa.array(quoted, pa.string())).cast(pa.string())


class Growing:
    """Parquet tables in one folder that grow a piece at a time; a table without a single row is written too.

    Used as a context: the files are whole once it is left.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writers: dict[str, pq.ParquetWriter] = {}

    def add(self, name: str, table: pa.Table) -> None:
        """Append a piece to the table ``name``; every piece has the same schema."""
        if name not in self._writers:
            path = self.folder / f"{name}.parquet"
            self._writers[name] = pq.ParquetWriter(path, table.schema, compression="zstd", store_schema=False)
        if len(table):
            self._writers[name].write_table(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers.values():
            writer.close()
