"""A GA4 export is the same events whether it comes as JSONL or as Parquet with its nested columns."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import footfall

Row = dict[str, Any]

TEXT = pa.string()
PARAM = pa.struct(
    [
        ("key", TEXT),
        (
            "value",
            pa.struct(
                [
                    ("string_value", TEXT),
                    ("int_value", pa.int64()),
                    ("float_value", pa.float64()),
                    ("double_value", pa.float64()),
                ]
            ),
        ),
    ]
)
ITEM = pa.struct(
    [
        ("item_id", TEXT),
        ("item_name", TEXT),
        ("item_brand", TEXT),
        ("item_category", TEXT),
        ("item_category2", TEXT),
        ("price", pa.float64()),
        ("quantity", pa.int64()),
        ("item_revenue", pa.float64()),
        ("item_list_name", TEXT),
        ("item_list_index", TEXT),
        ("item_params", pa.list_(PARAM)),
    ]
)
CAMPAIGN = pa.struct([("campaign_name", TEXT), ("default_channel_group", TEXT)])
SCHEMA = pa.schema(
    [
        ("event_date", TEXT),
        ("event_timestamp", pa.int64()),
        ("event_name", TEXT),
        ("event_params", pa.list_(PARAM)),
        ("user_id", TEXT),
        ("user_pseudo_id", TEXT),
        ("device", pa.struct([("category", TEXT), ("web_info", pa.struct([("browser", TEXT)]))])),
        ("geo", pa.struct([("country", TEXT), ("region", TEXT)])),
        ("ecommerce", pa.struct([("transaction_id", TEXT), ("purchase_revenue", pa.float64())])),
        ("items", pa.list_(ITEM)),
        ("session_traffic_source_last_click", pa.struct([("cross_channel_campaign", CAMPAIGN)])),
    ]
)


def param(key: str, **value: Any) -> Row:
    kinds = ("string_value", "int_value", "float_value", "double_value")
    return {"key": key, "value": {kind: value.get(kind) for kind in kinds}}


def item(**given: Any) -> Row:
    return {name: given.get(name) for name in [field.name for field in ITEM]}


def event(name: str, at_us: int, **given: Any) -> Row:
    row = {field.name: given.get(field.name) for field in SCHEMA}
    return row | {"event_name": name, "event_timestamp": at_us, "event_date": "20240301"}


BOOT = item(
    item_id="A", item_name="Boot 'n' \"Bär\"", item_brand="Läufer", item_category="Apparel",
    item_category2="Shoes v2.0", price=11.5, quantity=2, item_list_name="home", item_list_index="3",
    item_params=[param("size", int_value=42)],
)  # fmt: skip
CARD = item(item_id="(not set)", item_name="Gift card", item_revenue=2.25)
ROWS = [
    event("session_start", 1709287200000001, user_pseudo_id="1.2", event_params=[param("ga_session_id", int_value=7)]),
    event(
        "view_item", 1709287260000000, user_pseudo_id="1.2", items=[BOOT],
        event_params=[param("ga_session_id", int_value=7), param("currency", string_value="EUR")],
        device={"category": "mobile", "web_info": {"browser": "Chrome"}}, geo={"country": "Germany", "region": None},
    ),
    event(
        "purchase", 1709287320000001, user_id="u1", user_pseudo_id="1.2", items=[BOOT, CARD],
        event_params=[
            param("currency", string_value="EUR"), param("ga_session_id", int_value=9007199254740993),
            param("engaged", double_value=0.1), param("coupon", string_value="{}"),
        ],
        ecommerce={"transaction_id": "T1", "purchase_revenue": 25.25},
        session_traffic_source_last_click={
            "cross_channel_campaign": {"campaign_name": "spring", "default_channel_group": "Email"}
        },
    ),
    event("purchase", 1709287380000000, user_id="u2", ecommerce={"transaction_id": "T2", "purchase_revenue": 9.5},
          items=[]),
    event("view_search_results", 1709287440000000, user_id="u2",
          event_params=[param("search_term", string_value="b,ö")]),
]  # fmt: skip


def write_parquet(path: Path, rows: list[Row]) -> None:
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path)


def write_jsonl(path: Path, rows: list[Row]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def as_bigquery_writes(value: Any) -> Any:
    """Leave nulls out and write 64-bit integers as texts, as BigQuery's JSON export does."""
    if isinstance(value, dict):
        return {k: as_bigquery_writes(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [as_bigquery_writes(v) for v in value]
    return str(value) if isinstance(value, int) else value


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: w for k, v in value.items() if (w := without_nulls(v)) not in (None, {}, [])}
    if isinstance(value, list):
        return [without_nulls(v) for v in value]
    return value


class Lake:
    """What an ingest left: events and items, without what names the reading itself."""

    def __init__(self, folder: Path, paths: list[Path]) -> None:
        self.shop = footfall.init(folder, currency="EUR")
        self.report = self.shop.ingest([str(path) for path in paths])
        with self.shop.workspace.engine() as run:
            rows = run.arrow(
                'SELECT * EXCLUDE (event_id, ingested_at, sequence) FROM events ORDER BY "timestamp", sequence'
            ).to_pylist()
            self.items = run.arrow("SELECT * EXCLUDE (seen_at) FROM items ORDER BY item_id, seen_at").to_pylist()
        self.properties = [json.loads(row.pop("properties") or "{}") for row in rows]
        self.events = rows


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Lake]:
    folder = tmp_path_factory.mktemp("ga4")
    write_parquet(folder / "p.parquet", ROWS)
    write_jsonl(folder / "nulls.jsonl", ROWS)
    write_jsonl(folder / "bigquery.jsonl", as_bigquery_writes(ROWS))
    made: dict[str, Lake] = {}

    def get(name: str) -> Lake:
        return made.get(name) or made.setdefault(name, Lake(folder / f"shop-{name}", [folder / name]))

    return get


def test_parquet_is_known_as_ga4_and_every_item_is_an_event(read: Callable[[str], Lake]) -> None:
    lake = read("p.parquet")
    assert (lake.report.source, lake.report.read, lake.report.accepted) == ("ga4", 6, 6)
    shown = ("event_type", "user_id", "item_id", "quantity", "price", "value", "order_id", "session_id", "position")
    told = [tuple(None if row[c] is None else str(row[c]) for c in shown) for row in lake.events]
    # A sale is worth price x quantity; a look has no value.
    assert told == [
        ("session_start", None, None, None, None, None, None, "1.2.7", None),
        ("view_item", None, "A", "2.000", "11.5000", None, None, "1.2.7", "3"),
        ("purchase", "u1", "A", "2.000", "11.5000", "23.0000", "T1", "1.2.9007199254740993", "3"),
        ("purchase", "u1", "Gift card", None, None, "2.2500", "T1", "1.2.9007199254740993", None),
        ("purchase", "u2", None, None, None, "9.5000", "T2", None, None),
        ("search", "u2", None, None, None, None, None, None, None),
    ]
    assert [(row["channel"], row["campaign"]) for row in lake.events][2] == ("Email", "spring")
    assert (lake.events[1]["device"], lake.events[1]["country"], lake.events[1]["region"]) == (
        "mobile",
        "Germany",
        None,
    )
    assert (lake.events[5]["query"], lake.events[2]["currency"]) == ("b,ö", "EUR")


@pytest.mark.parametrize("name", ["nulls.jsonl", "bigquery.jsonl"])
def test_jsonl_gives_the_same_events_and_items(name: str, read: Callable[[str], Lake]) -> None:
    parquet, jsonl = read("p.parquet"), read(name)
    assert jsonl.events == parquet.events
    assert jsonl.items == parquet.items
    assert jsonl.report.as_accepted == parquet.report.as_accepted


def test_what_no_column_takes_is_kept_alike(read: Callable[[str], Lake]) -> None:
    # Parquet has every field of a struct, JSONL those that were written: only nulls may differ.
    parquet, jsonl = (without_nulls(read(name).properties) for name in ("p.parquet", "nulls.jsonl"))
    assert parquet == jsonl
    kept = parquet[2]
    assert kept["event_params"] == {
        "currency": "EUR", "ga_session_id": 9007199254740993, "engaged": 0.1, "coupon": "{}"
    }  # fmt: skip
    assert kept["item"]["item_name"] == "Boot 'n' \"Bär\""
    assert kept["item"]["item_params"] == [{"key": "size", "value": {"int_value": 42}}]
    assert parquet[1]["device"] == {"category": "mobile", "web_info": {"browser": "Chrome"}}


def test_reading_parquet_twice_or_in_two_files_adds_nothing(tmp_path: Path) -> None:
    write_parquet(tmp_path / "all.parquet", ROWS)
    write_parquet(tmp_path / "first.parquet", ROWS[:2])
    write_parquet(tmp_path / "rest.parquet", ROWS[2:])
    lake = Lake(tmp_path / "shop", [tmp_path / "first.parquet", tmp_path / "rest.parquet"])
    assert lake.report.accepted == 6
    again = lake.shop.ingest(str(tmp_path / "all.parquet"))
    assert (again.read, again.accepted, again.duplicates) == (6, 0, 6)


def test_a_bad_nested_row_is_kept_among_the_refused(tmp_path: Path) -> None:
    rows = copy.deepcopy(ROWS[:2])
    rows[1]["event_timestamp"] = None
    write_parquet(tmp_path / "p.parquet", rows)
    lake = Lake(tmp_path / "shop", [tmp_path / "p.parquet"])
    assert (lake.report.accepted, lake.report.rejected) == (1, 1)
    (refused,) = lake.shop.rejects().rows
    assert "Läufer" in str(refused.raw)
