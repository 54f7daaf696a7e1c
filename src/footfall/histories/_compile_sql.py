"""The queries of compilation: the users with their partitions, the vocabularies, and the stream of coded rows.

They work on what ``lake.keys.resolve`` left in the engine, besides ``events`` (to be counted) and ``items``.
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
from footfall.histories._id_map import IdMap
from footfall.histories.columns import CODED, DTYPES, FIRST_CODE, LOCAL
from footfall.lake.engine import Engine, sql_list

VALUE_TYPE: Final = pa.decimal128(18, 4)
VALUE_SCALE: Final = 10_000
"""``value`` is a decimal with four digits after the point."""

_BATCH_ROWS: Final = 256 * 1024

_TABLE_SCHEMA: Final = pa.schema([("id", pa.string()), ("count", pa.int64())])
_ITEM_SCHEMA: Final = pa.schema(
    [
        *_TABLE_SCHEMA,
        *((c, pa.string()) for c in ("name", "category", "brand")),
        ("price", pa.float64()),
        ("available", pa.bool_()),
    ]
)


@dataclasses.dataclass(frozen=True)
class Users:
    """The users of the rows to compile, numbered by partition and then by the hash of their key.

    Attributes:
        bases: First user of each partition and the end, int64 [partitions + 1].
        ids: From ``who`` (what ``coded_rows`` says of a row) to the user's number.
        salt: Which hashes ``who`` holds.
    """

    bases: npt.NDArray[np.int64]
    ids: IdMap
    salt: int


def number_users(run: Engine, partitions: int) -> Users:
    """Make the table ``users``: ``key`` and its ``part``; a user's number is its row.

    Args:
        run: Holds ``keys``, ``user_keys``, ``device_keys`` and ``assigned``.
        partitions: A power of two.
    """
    run.run(
        f"""CREATE TEMP TABLE users AS SELECT key, CAST(m & {partitions - 1} AS INTEGER) AS part
        FROM (SELECT key, md5_number_lower(key) AS m FROM keys) ORDER BY part, m, key"""
    )
    counts = run.arrow("SELECT part, count(*) AS n FROM users GROUP BY part")
    sizes = np.zeros(partitions + 1, np.int64)
    sizes[counts["part"].to_numpy() + 1] = counts["n"].to_numpy()
    for salt in itertools.count():  # two ids with one hash: once in a blue moon, and then other hashes are taken
        hashes, numbers = _numbered_ids(run, salt)
        if not (hashes[1:] == hashes[:-1]).any():
            break
    return Users(np.cumsum(sizes), IdMap.of(hashes, numbers), salt)


def _numbered_ids(run: Engine, salt: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
    """Return the hashes of all ids, ascending, and the number of the user of each."""
    ids = f"""
        SELECT {user_hash("user_id", salt)} AS who, key FROM user_keys
        UNION ALL SELECT {device_hash("anonymous_id", salt)}, key FROM device_keys
        UNION ALL SELECT {moment_hash("anonymous_id", "instant", salt)}, key FROM assigned"""
    count = int(str(run.row(f"SELECT count(*) FROM ({ids})")[0]))
    hashes, numbers = np.empty(count, np.uint64), np.empty(count, np.int32)
    numbered = "SELECT key, CAST(rowid AS INTEGER) AS number FROM users"
    filled = 0
    for batch in run.batches(f"SELECT who, number FROM ({ids}) JOIN ({numbered}) USING (key) ORDER BY who"):
        end = filled + batch.num_rows
        hashes[filled:end], numbers[filled:end] = batch.column(0).to_numpy(), batch.column(1).to_numpy()
        filled = end
    assert filled == count, "an id has no user"  # noqa: S101 - our mistake
    return hashes, numbers


def user_hash(user_id: str, salt: int) -> str:
    """Build the SQL of ``who`` for an event that names its user; another hash for each salt (0, 1, 2, ...)."""
    return f"hash({user_id}, {3 * salt})"


def device_hash(anonymous_id: str, salt: int) -> str:
    """Build the SQL of ``who`` for an event that names a device only."""
    return f"hash({anonymous_id}, {3 * salt + 1})"


def moment_hash(anonymous_id: str, instant: str, salt: int) -> str:
    """Build the SQL of ``who`` for an event on a device of several users, where it depends on the time."""
    return f"hash({anonymous_id}, epoch_us({instant}), {3 * salt + 2})"


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


def count_rows(run: Engine, files: Sequence[str]) -> int:
    """Return the number of rows of files, from what they say of themselves.

    Args:
        run: Any engine.
        files: Parquet files.
    """
    if not files:
        return 0
    return int(str(run.row(f"SELECT CAST(sum(num_rows) AS BIGINT) FROM parquet_file_metadata({sql_list(files)})")[0]))


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
    said = ("name", "category", "brand", "price", "available")
    newest = ", ".join(f"arg_max({c}, row(seen_at, {c})) AS {c}" for c in said)
    shown = "v.id, v.count, i.name, i.category, i.brand, CAST(i.price AS DOUBLE) AS price, i.available"
    sql = (
        f"SELECT {shown} FROM (SELECT *, rowid AS place FROM v_item) v LEFT JOIN "
        f"(SELECT item_id AS id, {newest} FROM items GROUP BY item_id) i USING (id) ORDER BY place"
    )
    return _stream(run, sql, _ITEM_SCHEMA, path)


def _stream(run: Engine, sql: str, schema: pa.Schema, path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as out:
        for batch in run.batches(sql, _BATCH_ROWS):
            out.write_table(pa.Table.from_batches([batch]).cast(schema))


def coded_rows(run: Engine, columns: Mapping[str, np.dtype[Any]], salt: int) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Stream the rows to compile, coded: batches of equally long arrays by name, in any order.

    ``who`` is a hash of the ids that say whose event it is; ``ingested_us`` and ``sequence`` are its arrival; local
    columns (order, source session) are 64-bit hashes, 0 for none; ``value_minor`` still counts ten-thousandths of the
    major unit.

    Args:
        run: Holds ``compiling`` and the vocabularies.
        columns: Names and types wanted, besides ``who``.
        salt: Which hashes ``who`` holds.
    """
    who = f"CASE WHEN e.user_id IS NOT NULL THEN {user_hash('e.user_id', salt)} "
    joins = []
    if run.row("SELECT count(*) FROM shared") != (0,):
        lonely = "CASE WHEN e.user_id IS NULL THEN e.anonymous_id END"
        joins.append(f"LEFT JOIN shared d ON d.anonymous_id = {lonely}")
        moment = moment_hash("e.anonymous_id", 'e."timestamp"', salt)
        who += f"WHEN d.anonymous_id IS NOT NULL THEN {moment} "
    shown = [f"{who} ELSE {device_hash('e.anonymous_id', salt)} END AS who"]
    for name in columns:
        if name in CODED:
            codes = f"SELECT id, CAST(rowid + {FIRST_CODE} AS INTEGER) AS code FROM v_{name}"
            joins.append(f'LEFT JOIN ({codes}) v_{name} ON v_{name}.id = e."{CODED[name]}"')
        shown.append(f'{_expression(name)} AS "{name}"')
    sql = f"SELECT {', '.join(shown)} FROM compiling e {' '.join(joins)}"
    for batch in run.batches(sql, _BATCH_ROWS):
        coded = {name: _numbers(batch.column(name)).astype(dtype, copy=False) for name, dtype in columns.items()}
        yield coded | {"who": batch.column("who").to_numpy()}


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
