"""A small engine that runs a reader as its contract says, for tests of readers without a lake."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import duckdb
import pytest

from footfall.events.cleaning import cleaning
from footfall.events.readers._base import Projection, Reader, q

Row = dict[str, Any]


class Table(NamedTuple):
    """A file's rows as texts, as the lake gives them to a reader.

    Attributes:
        columns: Column names.
        rows: One text or None per column.
        lines: Of JSONL, the objects themselves; else None.
    """

    columns: list[str]
    rows: list[list[str | None]]
    lines: list[Row] | None


class Read(NamedTuple):
    """What a reader made of a table: rows without their nulls, ``properties`` taken apart."""

    events: list[Row]
    items: list[Row]


def parse(text: str, format_: str, more: Iterable[str] = ()) -> Table:
    """Take a CSV or JSONL text apart; ``more`` are columns that are looked for besides those that are there."""
    if format_ == "csv":
        header, *body = csv.reader(io.StringIO(text))
        return Table(header, [[cell or None for cell in row] for row in body], None)
    lines = [json.loads(line) for line in text.splitlines() if line.strip()]
    columns = list(dict.fromkeys([*(key for line in lines for key in line), *more]))
    return Table(columns, [[as_text(line.get(c)) for c in columns] for line in lines], lines)


def as_text(value: Any) -> str | None:
    """Write a JSON value as the lake does: scalars plain, the rest as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def run_reader(reader: Reader, table: Table) -> Read:
    """Run a reader's projection over a table."""
    projection = reader.project(table.columns)
    connection = duckdb.connect()
    try:
        connection.execute(f"CREATE TABLE raw ({', '.join(f'{q(c)} VARCHAR' for c in table.columns)}, _row BIGINT)")
        holes = ", ".join("?" * (len(table.columns) + 1))
        connection.executemany(f"INSERT INTO raw VALUES ({holes})", [[*row, i] for i, row in enumerate(table.rows)])
        return _collect(connection, projection, reader, table)
    finally:
        connection.close()


def relation(projection: Projection, raw: str) -> str:
    """Build the SQL of the rows that the expressions are over: prepared, exploded, prepared again."""
    sql = raw
    for name, expression in projection.prepare.items():
        sql = f"SELECT *, {expression} AS {name} FROM ({sql})"
    if projection.explode is None:
        return sql
    sql = f"SELECT *, {projection.explode} AS _list FROM ({sql})"
    sql = f"SELECT *, unnest(CASE WHEN len(_list) > 0 THEN _list ELSE [NULL::JSON] END) AS element FROM ({sql})"
    for name, expression in projection.prepare_element.items():
        sql = f"SELECT *, {expression} AS {name} FROM ({sql})"
    return sql


def _collect(connection: duckdb.DuckDBPyConnection, projection: Projection, reader: Reader, table: Table) -> Read:
    clean = cleaning(projection, now_us=0, clock_skew_s=0, currency="USD")
    texts = clean.texts
    given = ", ".join(["*", *(f"{sql} AS _given_{name}" for name, sql in clean.ids.items())])
    items = {c: f"nullif(CAST({e} AS VARCHAR), '')" for c, e in projection.items.items()}
    if "item_id" in items:
        items["item_id"] = texts.get("item_id", items["item_id"])
    shown = [f"{e} AS {q('t_' + c)}" for c, e in texts.items()] + [f"{e} AS {q('i_' + c)}" for c, e in items.items()]
    shown.append(f"CAST({projection.properties or 'NULL'} AS VARCHAR) AS p")
    rows = connection.execute(
        f"SELECT _row, {', '.join(shown)} FROM (SELECT {given} FROM ({relation(projection, 'FROM raw')})) ORDER BY _row"
    ).fetchall()
    read = Read([], [])
    for index, *values in rows:
        event = {c: v for c, v in zip(texts, values, strict=False) if v is not None}
        item = {c: v for c, v in zip(items, values[len(texts) :], strict=False) if v is not None}
        properties = _merged(_rest(projection, table, index), json.loads(values[-1]) if values[-1] else {})
        target = item if reader.target == "items" else event
        if properties:
            target["properties"] = properties
        if reader.target == "events":
            read.events.append(event)
        if "item_id" in item and len(item) > 1:
            read.items.append(item)
    return read


def _rest(projection: Projection, table: Table, index: int) -> Row:
    if table.lines is not None:
        used = set(table.columns) - set(projection.rest)
        return {k: v for k, v in table.lines[index].items() if k not in used and v is not None}
    pairs = zip(table.columns, table.rows[index], strict=True)
    return {c: v for c, v in pairs if c in projection.rest and v is not None}


def _merged(below: Row, above: Row) -> Row:
    """Merge as RFC 7396 does, but refuse to lose anything: a key in both must have the same value."""
    for key in below.keys() & above.keys():
        assert as_text(below[key]) == as_text(above[key]), f"{key!r} is in rest and in properties"
    return below | above


@pytest.fixture(scope="session")
def read_text() -> Callable[..., Read]:
    """Parse a text and run a reader over it: ``read_text(reader, text, "csv")``."""

    def run(reader: Reader, text: str, format_: str = "csv", more: Sequence[str] = ()) -> Read:
        return run_reader(reader, parse(text, format_, more))

    return run


@pytest.fixture(scope="session")
def parse_text() -> Callable[..., Table]:
    """Take a CSV or JSONL text apart."""
    return parse


@pytest.fixture(scope="session")
def reader_relation() -> Callable[[Projection, str], str]:
    """Build the SQL that a reader's expressions are over."""
    return relation


@pytest.fixture(scope="session")
def leaves() -> Callable[[Any], set[str]]:
    """Return all texts and numbers in nested values, keys left out; JSON inside of texts is taken apart."""

    def walk(value: Any, keys: bool = False) -> set[str]:
        if isinstance(value, dict):
            found = set().union(*(walk(v, keys) for v in value.values())) if value else set()
            return found | set(value) if keys else found
        if isinstance(value, list):
            return set().union(*(walk(v, keys) for v in value)) if value else set()
        if value is None or value == "":
            return set()
        if isinstance(value, str) and value[0] in "{[":
            try:
                return walk(json.loads(value), keys)
            except ValueError:
                return {value}
        return {value if isinstance(value, str) else json.dumps(value)}

    return walk
