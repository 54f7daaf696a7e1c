"""The queries of compilation: the users with their partitions, the vocabularies, and the stream of coded rows.

They work on what ``lake.keys.resolve`` left in the engine: ``keyed`` and ``keys``, besides ``events`` and ``items``.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from footfall.errors import InputError
from footfall.histories.columns import CODED, DTYPES, FIRST_CODE, LOCAL
from footfall.lake.engine import Engine, sql_list

VALUE_TYPE: Final = pa.decimal128(18, 4)
VALUE_SCALE: Final = 10_000
"""``value`` is a decimal with four digits after the point."""

_BATCH_ROWS: Final = 256 * 1024

_TABLE_SCHEMA: Final = pa.schema([("id", pa.string()), ("count", pa.int64())])
_ITEM_SCHEMA: Final = pa.schema(
    [*_TABLE_SCHEMA, *((c, pa.string()) for c in ("name", "category", "brand")), ("price", pa.float64())]
)


@dataclasses.dataclass(frozen=True)
class Users:
    """The users of the rows to compile, numbered by partition and then by the hash of their key.

    Attributes:
        bases: First user of each partition and the end, int64 [partitions + 1].
    """

    bases: npt.NDArray[np.int64]


def number_users(run: Engine, partitions: int) -> Users:
    """Make the table ``users``: ``key``, its ``part``, and ``h``, a number of its own; a user's number is its row.

    Args:
        run: Holds ``keys``.
        partitions: A power of two.
    """
    for salt in itertools.count():  # two keys with one hash: once in a blue moon, and then others are taken
        run.run(
            f"""CREATE OR REPLACE TEMP TABLE users AS
            SELECT key, CAST(m & {partitions - 1} AS INTEGER) AS part, {hash_sql("key", salt)} AS h
            FROM (SELECT key, md5_number_lower(key) AS m FROM keys) ORDER BY part, m, key"""
        )
        if run.row("SELECT count(*) = count(DISTINCT h) FROM users") == (True,):
            run.run(f"CREATE OR REPLACE TEMP MACRO user_hash(k) AS {hash_sql('k', salt)}")
            break
    counts = run.arrow("SELECT part, count(*) AS n FROM users GROUP BY part")
    sizes = np.zeros(partitions + 1, np.int64)
    sizes[counts["part"].to_numpy() + 1] = counts["n"].to_numpy()
    return Users(np.cumsum(sizes))


def hash_sql(key: str, salt: int) -> str:
    """Build the SQL of a 64-bit hash; another one for each salt.

    Args:
        key: SQL of a text.
        salt: 0, 1, 2, ...
    """
    return f"hash({key})" if salt == 0 else f"hash({key} || ' {salt}')"


def user_keys(run: Engine, low: int, high: int) -> pa.Table:
    """Return the users numbered ``low`` to ``high - 1``: ``key`` string, ``rebuilt`` bool.

    Args:
        run: Holds ``users`` and ``rebuilt``.
        low: First user.
        high: The one after the last.
    """
    table = run.arrow(
        "SELECT key, key IN (FROM rebuilt) AS rebuilt FROM (SELECT key, rowid AS number FROM users "
        f"WHERE rowid >= {low} AND rowid < {high}) ORDER BY number"
    )
    return table.cast(pa.schema([("key", pa.string()), ("rebuilt", pa.bool_())]))


def present(run: Engine, files: Sequence[str]) -> set[str]:
    """Return the event columns that hold anything in these files, from the files' own statistics where they have them.

    Args:
        run: Any engine.
        files: Files of ``events``.
    """
    if not files:
        return set()
    some = "count(*) FILTER (stats_null_count IS NULL OR stats_null_count < num_values) > 0"
    sql = f"SELECT path_in_schema AS name FROM parquet_metadata({sql_list(files)}) GROUP BY name HAVING {some}"
    return set(run.arrow(sql)["name"].to_pylist())


def build_vocabulary(run: Engine, column: str, old: pa.Table | None, *, counted: bool) -> int:
    """Make the table ``v_<column>`` (``id``, ``count``; row ``i`` has code ``i + 3``) and return its number of rows.

    Known ids keep their codes; new ones come after them, the most frequent first.

    Args:
        run: Its ``events`` are counted (each event is counted in one compile only).
        column: A key of ``columns.CODED``.
        old: The vocabulary so far.
        counted: Whether ``events`` has the column at all.
    """
    table, given = f"v_{column}", CODED[column]
    run.run(f"CREATE TEMP TABLE {table} (id VARCHAR, count BIGINT)")
    counts = f'SELECT "{given}" AS id, count(*) AS count FROM events WHERE "{given}" IS NOT NULL GROUP BY "{given}"'
    run.run(f"CREATE TEMP TABLE counted AS {counts}{'' if counted else ' LIMIT 0'}")
    if old is not None and old.num_rows:
        place = pa.array(np.arange(old.num_rows))
        run.load("known", pa.table({"id": old["id"], "count": old["count"], "place": place}))
        run.run(
            f"INSERT INTO {table} SELECT id, known.count + coalesce(counted.count, 0) FROM known "
            "LEFT JOIN counted USING (id) ORDER BY place"
        )
        run.run("DROP TABLE known")
    run.run(f"INSERT INTO {table} FROM counted WHERE id NOT IN (SELECT id FROM {table}) ORDER BY count DESC, id")
    run.run("DROP TABLE counted")
    if column == "item":  # a new item has a code from its first minute
        run.run(
            f"INSERT INTO {table} SELECT DISTINCT item_id, 0 FROM items WHERE item_id IS NOT NULL "
            f"AND item_id NOT IN (SELECT id FROM {table}) ORDER BY item_id"
        )
    size = int(str(run.row(f"SELECT count(*) FROM {table}")[0]))
    largest = 2 ** (8 * DTYPES[column].itemsize - 1) - 1 - FIRST_CODE
    if size > largest:
        raise InputError(
            f"the log has {size:,} different values of {given!r}; at most {largest:,} can be coded. "
            "Is a column mapped to the wrong name? Map it anew (--map) and ingest again"
        )
    return size


def write_vocabulary(run: Engine, column: str, path: Path) -> None:
    """Write ``v_<column>`` as an Arrow file; items with what the catalogue last said of them.

    Args:
        run: Holds the table.
        column: A key of ``columns.CODED``.
        path: The file.
    """
    if column != "item":
        return _stream(run, f"SELECT id, count FROM v_{column} ORDER BY rowid", _TABLE_SCHEMA, path)
    newest = ", ".join(f"arg_max({c}, row(seen_at, {c})) AS {c}" for c in ("name", "category", "brand", "price"))
    shown = "v.id, v.count, i.name, i.category, i.brand, CAST(i.price AS DOUBLE) AS price"
    sql = (
        f"SELECT {shown} FROM (SELECT *, rowid AS place FROM v_item) v LEFT JOIN "
        f"(SELECT item_id AS id, {newest} FROM items GROUP BY item_id) i USING (id) ORDER BY place"
    )
    return _stream(run, sql, _ITEM_SCHEMA, path)


def _stream(run: Engine, sql: str, schema: pa.Schema, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as out:
        for batch in run.batches(sql, _BATCH_ROWS):
            out.write_table(pa.Table.from_batches([batch]).cast(schema))


def coded_rows(run: Engine, columns: Mapping[str, np.dtype[Any]]) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Stream the rows to compile, coded, in no order: batches of equally long arrays by name.

    ``user`` is the number of the row's user, ``ingested_us`` and ``sequence`` its arrival; local columns (order, source
    session) are 64-bit hashes, 0 for none; ``value_minor`` still counts ten-thousandths of the major unit.

    Args:
        run: Holds ``keyed``, ``users`` and the vocabularies.
        columns: Names and types wanted.
    """
    shown, joins = [], ["JOIN (SELECT h, CAST(rowid AS INTEGER) AS number FROM users) u ON u.h = user_hash(e.key)"]
    for name in columns:
        if name in CODED:
            codes = f"SELECT id, CAST(rowid + {FIRST_CODE} AS INTEGER) AS code FROM v_{name}"
            joins.append(f'LEFT JOIN ({codes}) v_{name} ON v_{name}.id = e."{CODED[name]}"')
        shown.append(f'{_expression(name)} AS "{name}"')
    sql = f"SELECT {', '.join(shown)} FROM keyed e {' '.join(joins)}"
    for batch in run.batches(sql, _BATCH_ROWS):
        yield {name: _numbers(batch.column(name)).astype(dtype, copy=False) for name, dtype in columns.items()}


def _numbers(column: pa.Array) -> npt.NDArray[Any]:
    """Return an Arrow column without nulls as an array; a decimal as its digits, without the point."""
    if not pa.types.is_decimal(column.type):
        plain: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False)
        return plain
    # Eighteen digits fit the low half of the 128 bits, sign included.
    exact = column.cast(VALUE_TYPE)
    halves = np.frombuffer(exact.buffers()[1], np.int64)
    return halves[2 * exact.offset : 2 * (exact.offset + len(exact)) : 2]


def _expression(name: str) -> str:
    if name in CODED:
        return f"coalesce(v_{name}.code, 0)"
    if name in LOCAL:
        given = LOCAL[name]
        return f'CASE WHEN e."{given}" IS NULL THEN 0::UBIGINT ELSE hash(e."{given}") END'
    return _PLAIN[name]


_PLAIN: Final = {
    "user": "u.number",
    "timestamp_us": 'epoch_us(e."timestamp")',
    "ingested_us": "epoch_us(e.ingested_at)",
    "sequence": 'coalesce(e."sequence", 0)',
    "value_minor": "coalesce(e.value, 0)",
    "price": "coalesce(CAST(e.price AS DOUBLE), 'nan'::DOUBLE)",
    "quantity": "coalesce(CAST(e.quantity AS DOUBLE), 'nan'::DOUBLE)",
    "rating": "coalesce(e.rating, 'nan'::DOUBLE)",
    "position": 'coalesce(e."position", -1)',
    "bot": "CAST(e.bot IS NOT NULL AS UTINYINT)",
}

SOURCES: Final[dict[str, str]] = {
    **CODED,
    **LOCAL,
    "timestamp_us": "timestamp",
    "value_minor": "value",
    **{name: name for name in ("price", "quantity", "rating", "position", "bot")},
}
"""Column of histories to the event column it is made of."""
