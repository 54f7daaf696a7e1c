"""The catalogue's SQL: what staged rows say of their items, and what of it is new."""

from __future__ import annotations

from footfall.events.cleaning import time_sql
from footfall.events.readers._base import Projection, lit
from footfall.lake import staging
from footfall.schema import ITEM_COLUMNS


def described(projection: Projection, *, properties: bool = False) -> list[str]:
    """Return the catalogue columns that a source's rows speak of, the key and the time left out.

    Args:
        projection: The reader's projection.
        properties: Whether ``properties`` of ``staged`` are the item's: the source is a catalogue, and has some.
    """
    if "item_id" not in projection.items:
        return []
    spoken = {*projection.items, *(["properties"] if properties else [])} - {"item_id", "seen_at"}
    return [c for c in ITEM_COLUMNS if c in spoken]


def new_items_sql(
    projection: Projection, source: str, now_sql: str, *, properties: bool = False, all_kept: bool = False
) -> str:
    """Build the query for catalogue rows that say something the lake does not know yet.

    Several rows of one item become one: the newest value of each column, the newest value of each property; of values
    of one moment, the last. Rows in ``dropped`` said what they have to say when they were read before.

    Args:
        projection: The reader's projection; it describes at least one column.
        source: The reader's name.
        now_sql: SQL for the moment of the ingest, for rows that carry no time.
        properties: As for ``described``.
        all_kept: Whether nothing is in ``dropped``.
    """
    columns = described(projection, properties=properties)
    own_time = "seen_at" in projection.items
    at = (
        f"coalesce({time_sql('i_seen_at', projection)}, {now_sql})"
        if own_time
        else 'coalesce("timestamp", ' + now_sql + ")"
    )
    by_event = staging.said_by_event(projection)
    item = "item_id" if "item_id" in by_event else "i_item_id"
    rows = (
        f"(SELECT *, CAST(epoch_us(_seen) AS HUGEINT) * {1 << 40} + r AS _order FROM "
        f"(SELECT *, rowid AS r, {at} AS _seen FROM staged WHERE _reason IS NULL AND nullif({item}, '') IS NOT NULL "
        f"{'' if all_kept else 'AND rowid NOT IN (SELECT r FROM dropped)'}))"
    )
    said = {c: c if c in by_event else f"try_cast(nullif(i_{c}, '') AS {ITEM_COLUMNS[c]})" for c in columns}
    values = [f"arg_max({sql}, _order) AS {c}" for c, sql in said.items() if c != "properties"]
    new = f"SELECT {', '.join([f'{item} AS item_id', 'max(_seen) AS seen_at', *values])} FROM {rows} GROUP BY 1"
    if "properties" in columns:
        new = f"SELECT * FROM ({new}) LEFT JOIN ({_merged_properties(rows, item)}) USING (item_id)"
    known = ", ".join(f"arg_max(items.{c}, items.seen_at) AS {c}" for c in columns)
    same = " AND ".join(f"(new.{c} IS NULL OR new.{c} IS NOT DISTINCT FROM old.{c})" for c in columns)
    given = {c: f"new.{c}" for c in [*columns, "item_id", "seen_at"]} | {"source": lit(source)}
    shown = ", ".join(f"CAST({given.get(c, 'NULL')} AS {kind}) AS {c}" for c, kind in ITEM_COLUMNS.items())
    # What was known at that time is what counts: a file that is read late, or once more, speaks of its own time.
    return (
        f"WITH new AS MATERIALIZED ({new}), old AS (SELECT new.item_id, {known} FROM new JOIN items ON "
        "items.item_id = new.item_id AND items.seen_at <= new.seen_at GROUP BY 1) "
        f"SELECT {shown} FROM new LEFT JOIN old ON new.item_id = old.item_id WHERE old.item_id IS NULL OR NOT ({same}) "
        f"EXCEPT SELECT {', '.join(ITEM_COLUMNS)} FROM items"
    )


def _merged_properties(rows: str, item: str) -> str:
    keys = f"SELECT *, unnest(json_keys(properties)) AS k FROM {rows} WHERE json_valid(properties)"
    path = """'$."' || replace(replace(k, '\\', '\\\\'), '"', '\\"') || '"'"""
    newest = (
        f"SELECT {item} AS item_id, k, arg_max(json_extract(properties, {path}), _order) AS v "
        f"FROM ({keys}) GROUP BY ALL"
    )
    return f"SELECT item_id, CAST(json_group_object(k, v) AS VARCHAR) AS properties FROM ({newest}) GROUP BY 1"
