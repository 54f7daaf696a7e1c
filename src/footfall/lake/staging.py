"""Staging: one query takes raw rows to typed, keyed, judged rows in a temporary table; duplicates are then found in it.

Columns of ``staged`` besides the event columns: ``_key`` (128-bit hash of the row as read, or of its given id), ``_id``
(given id or null), ``_n`` (place of the element in its row, or null), ``_file``, ``_raw`` (only for refused rows),
``_line``, ``_detail``, ``_reason`` (null for a good row), ``i_<column>`` (what the row says of its item, unless the
event's column says just that).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from footfall.events.cleaning import Cleaning
from footfall.events.readers._base import Projection, Reader, lit, q
from footfall.lake.engine import Engine, scan
from footfall.lake.raw import RawFiles
from footfall.lake.secrecy import LABELS, masked_line_sql, masked_sql

SEPARATOR = chr(31)


def stage_sql(reader: Reader, projection: Projection, cleaning: Cleaning, raw: RawFiles) -> str:
    """Build the query that ``staged`` is made of; ``{relation}`` stands for the raw rows.

    Args:
        reader: The source's reader.
        projection: Its projection for these columns.
        cleaning: The SQL of the cleaning layers.
        raw: The files.
    """
    exploded = projection.explode is not None
    given = ", ".join(["*", *(f"{sql} AS _given_{name}" for name, sql in cleaning.ids.items())])
    texts = [f"{sql} AS t_{name}" for name, sql in cleaning.texts.items()]
    own = {name: sql for name, sql in projection.items.items() if name not in said_by_event(projection)}
    items = [f"{sql} AS i_{name}" for name, sql in own.items()]
    # Raw columns go along under names of their own, for the text of refused rows; those of good rows are never touched.
    along = [f"{q(c)} AS {q('r_' + c)}" for c in raw.columns]
    carried = ["_key", "_file", "_line", "_detail", "_bad", "_text", *(["_n"] if exploded else [])]
    first = ", ".join([*carried, *along, *texts, *items, f"{_properties(projection, raw)} AS properties"])
    columns = [c for c in cleaning.typed if c != "properties" and (c in CORE or cleaning.given(c))]
    second = ", ".join(["*", *(f'{cleaning.typed[c]} AS "{c}"' for c in columns)])
    shown = [f'"{c}"' for c in columns] + [f"i_{name}" for name in own]
    shown += ["_file", "_line", "_detail", "_reason", *(["_n"] if exploded else [])]
    shown += ["properties"] if has_properties(projection, raw) else []
    if "event_id" in cleaning.texts:
        # Equal ids are one event, whatever else the rows say; rows without one are told apart by all that they say.
        shown.append("t_event_id AS _id")
        shown.append("CASE WHEN t_event_id IS NULL THEN _key ELSE md5_number('id:' || t_event_id) END AS _key")
    else:
        shown += ["NULL::VARCHAR AS _id", "_key"]
    shown.append(f"CASE WHEN _reason IS NOT NULL THEN {_raw(raw, cleaning)} END AS _raw")
    return (
        f"SELECT {', '.join(shown)} FROM (SELECT *, coalesce(_bad, {cleaning.reason}) AS _reason FROM "
        f"(SELECT {second} FROM (SELECT {first} FROM (SELECT {given} FROM ({_keyed(reader, projection, raw)})))))"
    )


CORE: Final = (
    "user_id", "anonymous_id", "timestamp", "event_type", "item_id", "order_id", "quantity", "price", "value"
)  # fmt: skip
"""Columns that ``staged`` always has; the others only where the source gives them."""


def said_by_event(projection: Projection) -> list[str]:
    """Return the columns of the item that say what the event's column of that name says; they are not staged twice."""
    return [c for c, sql in projection.items.items() if c in ("item_id", "price") and sql == projection.event.get(c)]


def has_properties(projection: Projection, raw: RawFiles) -> bool:
    """Tell whether rows of this source can have properties."""
    return raw.format == "jsonl" or bool(projection.rest) or projection.properties is not None


def _keyed(reader: Reader, projection: Projection, raw: RawFiles) -> str:
    """Give each raw row its key, and one row per element where the source packs several events into one."""
    # Sorted by name, so that a file with its columns in another order has the same keys.
    # Nothing and an empty text are one; concat takes them so, and is cheaper than asking first.
    parts = [f", {lit(SEPARATOR)}, {q(c)}" for c in sorted(raw.columns)]
    whole = "_text" if raw.format == "jsonl" else f"concat({lit(reader.name)}{''.join(parts)})"
    keyed = f"SELECT *, md5_number({whole}) AS _key FROM ({{relation}})"
    keyed = _prepared(keyed, projection.prepare)
    if projection.explode is None:
        return keyed
    array = projection.explode
    listed = f"CASE WHEN _bad IS NULL AND len({array}) > 0 THEN {array} ELSE [NULL::JSON] END AS _list"
    elements = (
        "SELECT * EXCLUDE (_list), unnest(_list) AS element, unnest(range(1, len(_list) + 1)) AS _n "
        f"FROM (SELECT *, {listed} FROM ({keyed}))"
    )
    return _prepared(elements, projection.prepare_element)


def _prepared(sql: str, expressions: Mapping[str, str]) -> str:
    """Add what is worked out once and used by several expressions; each may use the ones before it."""
    # One query each: an alias used in the same SELECT is worked out again wherever it stands.
    for name, expression in expressions.items():
        sql = f"SELECT *, {expression} AS {name} FROM ({sql})"
    return sql


def _properties(projection: Projection, raw: RawFiles) -> str:
    """Build the JSON of everything that no column of ours carries; null when there is nothing."""
    parts: list[str] = []
    if raw.format == "jsonl":
        # The line itself without the keys that were used: keys that the look at the file did not see stay in it.
        used = [c for c in raw.columns if c not in projection.rest]
        patch = "{" + ", ".join(f"{_json_text(c)}: null" for c in used) + "}"
        parts.append(f"CASE WHEN _bad IS NULL THEN json_merge_patch(_text, {lit(patch)}) END")
    elif projection.rest:
        first = raw.inputs[0]
        nested = {c for c, kind in zip(first.columns, first.kinds, strict=False) if pa.types.is_nested(kind)}
        pairs = ", ".join(f"{lit(c)}, {f'CAST({q(c)} AS JSON)' if c in nested else q(c)}" for c in projection.rest)
        anything = f"coalesce({', '.join(q(c) for c in projection.rest)})"
        parts.append(f"CASE WHEN {anything} IS NOT NULL THEN json_object({pairs}) END")
    if projection.properties is not None:
        parts.append(projection.properties)
    if not parts:
        return "NULL::VARCHAR"
    whole = [f"coalesce({part}, '{{}}')" for part in parts]
    merged = parts[0] if len(parts) == 1 else f"json_merge_patch({', '.join(whole)})"
    return f"nullif(CAST({merged} AS VARCHAR), '{{}}')"


def _json_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _raw(raw: RawFiles, cleaning: Cleaning) -> str:
    """Build the SQL of a refused row's text; addresses and agents stay out of it, as they do everywhere at rest."""
    hidden = [name for name in LABELS if name in cleaning.texts]
    line = masked_line_sql(masked_sql("_text", hidden)) if hidden else "_text"
    if raw.format == "jsonl":
        # Written anew, a text has one spelling: \\u00fc is the letter, \\/ a plain slash.
        whole = (
            "CASE WHEN contains(_text, chr(92)) THEN coalesce(TRY(CAST(json(_text) AS VARCHAR)), _text) ELSE _text END"
        )
        return f"CASE WHEN _bad IS NULL THEN {masked_sql(whole, hidden)} ELSE {line} END" if hidden else "_text"
    pairs = ", ".join(f"{q(c)} := {masked_sql(q('r_' + c), hidden)}" for c in raw.columns)
    return f"coalesce({line}, CAST(to_json(struct_pack({pairs})) AS VARCHAR))"


def number_identical(engine: Engine, *, exploded: bool) -> None:
    """Give the second, third, ... of identical rows of one file keys of their own, so that all of them stay.

    Rows with an id of their own are left alone: equal ids are one event.

    Args:
        engine: Holds ``staged``.
        exploded: Whether one raw row gave several staged ones.
    """
    _place_twins(engine, ["_key", *(["_n"] if exploded else []), "_file"], "_id IS NULL")
    engine.run(
        "UPDATE staged SET _key = md5_number(concat_ws('#', CAST(_key AS VARCHAR), k)) FROM twins "
        "WHERE staged.rowid = twins.r AND k > 1"
    )


def _place_twins(engine: Engine, key: Sequence[str], condition: str) -> None:
    """Make ``twins`` (row ``r``, place ``k`` from 1): the rows that have a key in common, in the order of the file."""
    # Sorting their hashes finds the few that may be twins at half the price of grouping all keys.
    hashes = np.sort(engine.arrow(f"SELECT hash({', '.join(key)}) AS h FROM staged WHERE {condition}")["h"].to_numpy())
    several = np.unique(hashes[1:][hashes[1:] == hashes[:-1]])
    engine.load("several", pa.table({"h": pa.array(several)}))
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE twins AS SELECT r, row_number() OVER (PARTITION BY {', '.join(key)} ORDER BY r) "
        f"AS k FROM (SELECT rowid AS r, {', '.join(key)} FROM staged WHERE {condition} "
        f"AND hash({', '.join(key)}) IN (SELECT h FROM several))"
    )


def find_duplicates(engine: Engine, lake_files: Sequence[str], *, exploded: bool) -> None:
    """Fill ``dropped`` (row, why) with the rows that add nothing: said twice in this read, or in the lake already.

    Args:
        engine: Holds ``staged``.
        lake_files: Files of ``events`` that may hold the same events.
        exploded: Whether one raw row gave several staged ones.
    """
    _place_twins(engine, ["_key", *(["_n"] if exploded else [])], "_reason IS NULL")
    engine.run("CREATE OR REPLACE TEMP TABLE dropped AS SELECT r, 'identical' AS why FROM twins WHERE k > 1")
    if lake_files:
        have = scan("events", lake_files, columns="event_id")
        engine.run(
            f"INSERT INTO dropped SELECT rowid, 'known' FROM staged WHERE _reason IS NULL "
            f"AND {event_id(exploded=exploded)} IN ({have}) AND rowid NOT IN (SELECT r FROM dropped)"
        )


def find_resent(engine: Engine, packed_sources: Sequence[str], *, exploded: bool) -> None:
    """Add to ``dropped`` the lines of orders that were sent twice.

    One sending of an order is its lines of one message, or of one moment where each line is a row of its own. A later
    sending with exactly the same lines (item, quantity, price) is the same sale again. Two equal lines within one
    sending are two sales, and an order that grew or changed is no repetition.

    Args:
        engine: Holds ``staged`` and ``dropped``.
        packed_sources: Sources whose rows hold several events; in the lake, their ids end in the event's place.
        exploded: Whether one raw row gave several staged ones.
    """
    line = (
        "concat_ws('|', coalesce(item_id, ''), coalesce(CAST(quantity AS VARCHAR), ''), "
        "coalesce(CAST(price AS VARCHAR), ''))"
    )
    shared = f'order_id, coalesce(user_id, anonymous_id) AS who, epoch_us("timestamp") AS t, {line} AS line'
    moment = 'CAST(epoch_us("timestamp") AS VARCHAR)'
    sending = BASE_ID if exploded else moment
    engine.run(
        f"CREATE OR REPLACE TEMP TABLE lines AS SELECT rowid AS r, {sending} AS sending, {shared} FROM staged "
        "WHERE _reason IS NULL AND event_type = 'purchase' AND order_id IS NOT NULL "
        "AND rowid NOT IN (SELECT r FROM dropped)"
    )
    if engine.row("SELECT count(*) FROM lines") == (0,):
        return
    engine.run(
        f"INSERT INTO lines SELECT NULL, CASE WHEN source IN ({', '.join(map(lit, packed_sources)) or 'NULL'}) "
        f"THEN regexp_replace(event_id, '#[0-9]+$', '') ELSE {moment} END, {shared} FROM events "
        "WHERE event_type = 'purchase' AND order_id IN (SELECT order_id FROM lines)"
    )
    engine.run(
        "INSERT INTO dropped WITH sendings AS (SELECT order_id, who, sending, min(t) AS t, "
        "bool_or(r IS NULL) AS in_lake, list_sort(list(line)) AS content FROM lines GROUP BY order_id, who, sending), "
        "ranked AS (SELECT *, row_number() OVER (PARTITION BY order_id, who, content "
        "ORDER BY in_lake DESC, t, sending) AS place FROM sendings) "
        "SELECT r, 'resent' FROM lines JOIN ranked USING (order_id, who, sending) WHERE place > 1 AND r IS NOT NULL"
    )


BASE_ID: Final = "coalesce(_id, to_hex(_key))"
"""A staged row's event id, without the place of its element."""


def event_id(*, exploded: bool) -> str:
    """Return the SQL of a staged row's event id."""
    return f"{BASE_ID} || '#' || _n" if exploded else BASE_ID
