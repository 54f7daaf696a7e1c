"""The synthetic log on disk: as a lake, as a REES46 file, as Segment lines, as the coded columns that rivals read."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from _log import EVENT_TYPES, Array, Piece, ShopLog, item_names, user_names
from _questions import CODED_FILE, CODED_TABLE, NAMES_FILE
from footfall.histories.columns import FIRST_CODE
from footfall.histories.store import Histories
from footfall.lake.tables import WrittenFile
from footfall.lake.workspace import Workspace

INGESTED_AT: Final = dt.datetime(2020, 4, 1, tzinfo=dt.UTC)

_CATEGORIES: Final = tuple(
    f"{top}.{middle}"
    for top in ("electronics", "appliances", "furniture", "apparel", "computers", "kids")
    for middle in ("smartphone", "kitchen.refrigerators", "living_room.sofa", "shoes", "notebook", "toys", "audio")
)
_BRANDS: Final = ("samsung", "apple", "xiaomi", "huawei", "lucente", "bosch", "sony", "lg", "artel", "indesit", "oppo")
_REES46_TYPES: Final = ("view", "view", "cart", "cart", "remove_from_cart", "cart", "purchase")
_SEGMENT_TYPES: Final = (
    "Product Viewed",
    "Products Searched",
    "Product Added to Wishlist",
    "Product Added",
    "Product Removed",
    "Checkout Started",
    "Order Completed",
)
_PART: Final = 250_000
"""Rows formatted at once."""

TWICE_EVERY: Final = 100
DIRTY_EVERY: Final = 1000
"""Of so many rows one is written twice; of so many one cannot be used."""


def write_lake(log: ShopLog, workspace: Workspace) -> None:
    """Put a log into a lake, a piece a commit, as ``ingest`` of a REES46 log would have left it."""
    prices = log.prices_minor()
    for piece in log.pieces():
        table = _lake_table(log, piece, prices)
        path = workspace.tables.root / "events" / f"part-{piece.number:04d}.parquet"
        pq.write_table(table, path, compression="zstd", compression_level=1, row_group_size=122_880)
        span = int(piece.timestamp_us[0]), int(piece.timestamp_us[-1])
        workspace.tables.commit("events", [WrittenFile(path, len(piece), span, "timestamp")])


def _lake_table(log: ShopLog, piece: Piece, prices_minor: Array) -> pa.Table:
    rng = np.random.default_rng([log.seed, 4, log.events, piece.number])
    price_minor = prices_minor[piece.item]
    searches = piece.event_type == EVENT_TYPES.index("search")
    purchases = piece.event_type == EVENT_TYPES.index("purchase")
    return pa.table(
        {
            "event_id": _hex_names(rng, len(piece)),
            "user_id": pa.array(user_names(piece.user)).cast(pa.string()),
            "timestamp": pa.array(piece.timestamp_us, pa.timestamp("us", tz="UTC")),
            "ingested_at": pa.repeat(pa.scalar(INGESTED_AT, pa.timestamp("us", tz="UTC")), len(piece)),
            "event_type": pa.DictionaryArray.from_arrays(piece.event_type, list(EVENT_TYPES)).cast(pa.string()),
            "item_id": pa.array(item_names(piece.item), mask=searches).cast(pa.string()),
            "price": _decimal(price_minor, ~searches),
            "value": _decimal(price_minor, purchases),
            "session_id": _visit_names(piece.visit),
            "source": pa.repeat("rees46", len(piece)),
            "sequence": pa.array(np.arange(len(piece))),
        }
    )


def _decimal(minor: Array, keep: Array) -> pa.Array:
    """Turn hundredths, none negative, into decimals with four digits after the point; null where ``keep`` is false."""
    halves = np.zeros((len(minor), 2), np.int64)  # low and high half of 128 bits
    halves[:, 0] = minor * 100
    whole = pa.Array.from_buffers(pa.decimal128(18, 4), len(minor), [None, pa.py_buffer(halves)])
    return pc.if_else(pa.array(keep), whole, pa.scalar(None, whole.type))


def _hex_names(rng: np.random.Generator, n: int) -> pa.Array:
    """Return random ids of 32 hexadecimal digits."""
    text = rng.bytes(16 * n).hex().encode()
    offsets = np.arange(0, 32 * n + 1, 32, dtype=np.int32)
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(text))


def _visit_names(visit: Array) -> pa.Array:
    """Return the ids of visits: UUIDs, the same for the same visit."""
    distinct, place = np.unique(visit, return_inverse=True)
    names = [str(uuid.UUID(int=(int(v) * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 128))) for v in distinct]
    return pa.array(names).take(pa.array(place))


def write_coded(histories: Histories, folder: Path) -> None:
    """Write the sequence columns of compiled histories for the rivals: a Parquet file and a table of DuckDB's own.

    Columns ``user`` (int32), ``us`` (int64, UTC microseconds), ``type`` (int16), ``item`` (int32): the very codes that
    the histories hold, sorted by user and time, so no rival pays for texts or for the order of the rows.
    """
    schema = pa.schema([("user", pa.int32()), ("us", pa.int64()), ("type", pa.int16()), ("item", pa.int32())])
    with pq.ParquetWriter(folder / CODED_FILE, schema, compression="zstd") as out:
        for part in histories.partitions:
            user = (part.user_of_event() + part.user_base).astype(np.int32)
            columns = [user, *(np.asarray(part.column(name)) for name in ("timestamp_us", "event_type", "item"))]
            out.write_table(pa.table([pa.array(column) for column in columns], schema=schema))
    names = enumerate(histories.vocabularies["event_type"].ids, FIRST_CODE)
    (folder / NAMES_FILE).write_text(json.dumps(dict(names)), "utf-8")
    with duckdb.connect(str(folder / CODED_TABLE)) as connection:
        path = str(folder / CODED_FILE).replace("'", "''")
        connection.execute(f"CREATE TABLE events AS FROM read_parquet('{path}')")


def write_rees46(log: ShopLog, path: Path) -> dict[str, int]:
    """Write a CSV of the REES46 kind: some rows stand in it twice, and some cannot be used.

    Returns:
        What is in it: ``rows``, ``twice`` and ``dirty``.
    """
    counts = {"rows": 0, "twice": 0, "dirty": 0}
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write("event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n")
        for lines in _parts(log, _rees46_lines):
            spoilt = range(DIRTY_EVERY // 2 + 1, len(lines), DIRTY_EVERY)
            for number in spoilt:
                lines[number] = _spoilt(lines[number], number // DIRTY_EVERY)
            again = lines[::TWICE_EVERY]
            out.write("\n".join(lines + again) + "\n")
            counts["rows"] += len(lines) + len(again)
            counts["twice"] += len(again)
            counts["dirty"] += len(spoilt)
    return counts


def write_segment(log: ShopLog, path: Path) -> None:
    """Write the same events as Segment ``track`` calls, one JSON line each."""
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for lines in _parts(log, _segment_lines):
            out.write("\n".join(lines) + "\n")


def _parts(log: ShopLog, lines_of: Any) -> Any:
    prices = log.prices_minor()
    for piece in log.pieces():
        names = _visit_names(piece.visit).to_pylist()
        for low in range(0, len(piece), _PART):
            part = slice(low, low + _PART)
            seconds = piece.timestamp_us[part] // 1_000_000
            item = piece.item[part]
            columns = {
                "time": seconds.astype("datetime64[s]").astype(str).tolist(),
                "kind": piece.event_type[part].tolist(),
                "item": item_names(item).tolist(),
                "category": (item % len(_CATEGORIES)).tolist(),
                "brand": (item // 7 % (2 * len(_BRANDS))).tolist(),
                "price": [f"{minor // 100}.{minor % 100:02d}" for minor in prices[item].tolist()],
                "user": user_names(piece.user[part]).tolist(),
                "session": names[part],
                "n": range(piece.number * log.piece_events + low, piece.number * log.piece_events + low + len(seconds)),
            }
            yield lines_of(columns)


def _rees46_lines(columns: dict[str, Any]) -> list[str]:
    """Write one line per event; a third of the items have no category, and half have no brand, as in the real log."""
    return [
        f"{time.replace('T', ' ')} UTC,{_REES46_TYPES[kind]},{item},205301352{category:02d}63166{category:03d},"
        f"{_CATEGORIES[category] if category % 3 else ''},{_BRANDS[brand] if brand < len(_BRANDS) else ''},"
        f"{price},{user},{session}"
        for time, kind, item, category, brand, price, user, session in zip(
            *(columns[c] for c in ("time", "kind", "item", "category", "brand", "price", "user", "session")),
            strict=True,
        )
    ]


def _spoilt(line: str, kind: int) -> str:
    """Spoil a line in one of five ways that occur."""
    time, event_type, item, category_id, category, brand, price, user, session = line.split(",")
    cells = (
        (f"00{time[2:]}", event_type, item, category_id, category, brand, price, user, session),
        (time, event_type, item, category_id, category, brand, price, "", ""),
        (time, event_type, item, category_id, category, brand, f"{price}?", user, session),
        (time[:7], event_type, item, category_id, category, brand, price, user, session),
        (time, "", item, category_id, category, brand, price, user, session),
    )[kind % 5]
    return ",".join(cells)


def _segment_lines(columns: dict[str, Any]) -> list[str]:
    return [
        f'{{"type":"track","event":"{_SEGMENT_TYPES[kind]}","messageId":"m-{n}","userId":"{user}",'
        f'"timestamp":"{time}Z","properties":{{"product_id":"{item}","price":{price},"category":"{_CATEGORIES[category]}"}}}}'
        for time, kind, item, category, price, user, n in zip(
            *(columns[c] for c in ("time", "kind", "item", "category", "price", "user", "n")), strict=True
        )
    ]
