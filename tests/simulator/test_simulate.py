"""The log: the same bytes for the same seed, and rows that agree with one another and with the schema."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from footfall.schema import EVENT_TYPES, GIVEN_EVENT_COLUMNS, GIVEN_ITEM_COLUMNS
from footfall.simulator import Simulation, describe, simulate

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def rows(shop: Simulation) -> Rows:
    found: Rows = []
    for file in shop.event_files:
        found += pq.read_table(file).to_pylist()
    return found


def _of(rows: Rows, *kinds: str) -> Rows:
    return [row for row in rows if row["event_type"] in kinds]


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_the_same_seed_gives_the_same_bytes_on_any_number_of_threads(
    form: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("footfall.simulator.plan.CHUNK_EVENTS", 4000)  # so that a small shop has several chunks
    wish: dict[str, Any] = {"users": 900, "seed": 4, "format": form, "dirt": True}
    one = simulate(tmp_path / "one", **wish)
    simulate(tmp_path / "again", **wish)
    simulate(tmp_path / "threads", threads=3, **wish)
    assert len(one.event_files) > 4
    assert _digests(tmp_path / "one") == _digests(tmp_path / "again") == _digests(tmp_path / "threads")


def test_another_seed_gives_another_shop(tmp_path: Path) -> None:
    simulate(tmp_path / "one", users=50, seed=1)
    simulate(tmp_path / "other", users=50, seed=2)
    one, other = _digests(tmp_path / "one"), _digests(tmp_path / "other")
    assert one.keys() == other.keys()
    for name in ("events-00000.parquet", "items.parquet", "truth/users.parquet", "truth/items.parquet"):
        assert one[name] != other[name]


def test_too_small_a_guess_of_the_rows_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    simulate(tmp_path / "one", users=300, seed=9)
    monkeypatch.setattr("footfall.simulator.run.expected_events", lambda *_: (0.0, 0.0))
    simulate(tmp_path / "tight", users=300, seed=9)
    assert _digests(tmp_path / "one") == _digests(tmp_path / "tight")


def test_columns_have_the_types_of_the_schema(shop: Simulation) -> None:
    schema = pq.read_schema(shop.event_files[0])
    assert tuple(schema.names) == GIVEN_EVENT_COLUMNS
    assert schema.field("timestamp").type == pa.timestamp("us", tz="UTC")
    assert schema.field("quantity").type == pa.decimal128(18, 3)
    assert schema.field("price").type == schema.field("value").type == pa.decimal128(18, 4)
    assert schema.field("position").type == pa.int32()
    assert {schema.field(name).type for name in ("rating", "logging_prob")} == {pa.float64()}
    words = set(schema.names) - {"timestamp", "quantity", "price", "value", "position", "rating", "logging_prob"}
    assert {schema.field(name).type for name in words} == {pa.string()}
    assert tuple(pq.read_schema(shop.items_file).names) == GIVEN_ITEM_COLUMNS


def test_rows_are_whole(shop: Simulation, rows: Rows) -> None:
    assert len(rows) == shop.events == sum(row.rows for row in shop.rows)
    assert len({row["event_id"] for row in rows}) == len(rows)
    start = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    times = [row["timestamp"] for row in rows]
    assert times == sorted(times)
    assert start <= times[0]
    assert times[-1] < start + dt.timedelta(days=90)
    for row in rows:
        assert row["user_id"] or row["anonymous_id"]
        assert row["event_type"] in EVENT_TYPES
        assert row["properties"] is None or isinstance(json.loads(row["properties"]), dict)
        assert (row["currency"] is None) == (row["price"] is None and row["value"] is None)


def test_the_shop_knows_every_kind_of_event_that_it_promises(rows: Rows) -> None:
    promised = set(EVENT_TYPES) - {
        "view_promotion",
        "select_promotion",
        "add_to_wishlist",
        "rate",
        "share",
        "like",
    }
    assert {row["event_type"] for row in rows} == promised


def test_items_are_those_of_the_catalogue(shop: Simulation, rows: Rows) -> None:
    items = {item["item_id"]: item for item in pq.read_table(shop.items_file).to_pylist()}
    assert len(items) == shop.items
    assert {row["item_id"] for row in rows} - {None} <= items.keys()
    for row in _of(rows, "view_item", "add_to_cart", "purchase"):
        assert row["item_id"]
        # at most 30 % off the list price, rounded to a cent
        assert float(items[row["item_id"]]["price"]) * 0.7 - 0.005 <= float(row["price"])
        assert row["price"] <= items[row["item_id"]]["price"]
    for item in items.values():
        assert item["category"].count(".") == 2
        assert item["brand"] in item["name"]
        assert item["description"]


def test_orders(rows: Rows) -> None:
    lines = defaultdict(list)
    for row in _of(rows, "purchase"):
        assert row["value"] == row["price"] * row["quantity"]
        lines[row["order_id"]].append(row)
    assert None not in lines
    for order in lines.values():
        who = ("user_id", "anonymous_id", "session_id", "timestamp")
        assert len({tuple(row[name] for name in who) for row in order}) == 1
    checkouts = {row["session_id"] for row in _of(rows, "begin_checkout")}
    assert {row["session_id"] for row in _of(rows, "purchase")} <= checkouts
    for row in _of(rows, "refund", "review", "support_message"):
        bought = [line for line in lines[row["order_id"]] if line["item_id"] == row["item_id"]]
        assert bought
        assert bought[0]["timestamp"] < row["timestamp"]
        if row["event_type"] == "refund":
            assert row["value"] in {line["value"] for line in bought}


def test_lists_show_different_items_at_positions_from_the_top(rows: Rows) -> None:
    lists = defaultdict(list)
    for row in _of(rows, "view_item_list"):
        lists[row["decision_id"]].append(row)
        assert 0 < row["logging_prob"] <= 1
    for shown in lists.values():
        assert [row["position"] for row in shown] == list(range(1, len(shown) + 1))
        assert len({row["item_id"] for row in shown}) == len(shown)
        assert len({(row["list_id"], row["session_id"], row["timestamp"]) for row in shown}) == 1
    for row in _of(rows, "select_item"):
        assert lists[row["decision_id"]][row["position"] - 1]["item_id"] == row["item_id"]


def test_sessions_of_one_user_lie_apart_and_hold_together(rows: Rows) -> None:
    visits = defaultdict(list)
    for row in rows:
        if row["session_id"]:
            visits[row["session_id"]].append(row)
    for visit in visits.values():
        times = [row["timestamp"] for row in visit]
        gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(times)]
        assert max(gaps, default=0) <= 1800
        assert len({row["anonymous_id"] for row in visit}) == 1
        known = [row["user_id"] is not None for row in visit]
        assert known == sorted(known)  # once logged in, logged in


def test_the_half_hour_rule_finds_the_visits(shop: Simulation, rows: Rows) -> None:
    robots = {row["user_id"]: row["robot"] for row in pq.read_table(shop.truth / "users.parquet").to_pylist()}
    people = defaultdict(set)
    for row in pq.read_table(shop.truth / "devices.parquet").to_pylist():
        people[row["anonymous_id"]].add(row["user_id"])
    sessions = defaultdict(list)
    for row in rows:
        who = people[row["anonymous_id"]]
        if row["session_id"] and len(who) == 1 and not robots[min(who)]:
            sessions[min(who)].append((row["timestamp"], row["session_id"]))
    found = true = 0
    for events in sessions.values():
        times = sorted(time for time, _ in events)
        found += 1 + sum((b - a).total_seconds() > 1800 for a, b in itertools.pairwise(times))
        true += len({session for _, session in events})
    assert found == true


def test_identity(shop: Simulation, rows: Rows) -> None:
    before: set[str] = set()
    after: set[str] = set()
    for row in rows:
        if row["anonymous_id"]:
            (after if row["user_id"] else before).add(row["anonymous_id"])
    assert len(before & after) > 50  # seen without a name, then with one
    devices = defaultdict(set)
    for row in pq.read_table(shop.truth / "devices.parquet").to_pylist():
        devices[row["anonymous_id"]].add(row["user_id"])
    assert {row["anonymous_id"] for row in rows} - {None} == devices.keys()
    for row in rows:
        if row["user_id"] and row["anonymous_id"]:
            assert row["user_id"] in devices[row["anonymous_id"]]
    assert any(len(users) > 3 for users in devices.values())  # a public computer, or a ring's


def test_login_names_an_anonymous_visitor(rows: Rows) -> None:
    for row in _of(rows, "login", "sign_up"):
        assert row["user_id"]
        assert row["anonymous_id"]


def test_search_words_are_the_words_of_an_item(shop: Simulation, rows: Rows) -> None:
    words = set()
    for item in pq.read_table(shop.items_file).to_pylist():
        words |= set(item["name"].lower().split()) | {item["brand"].lower()}
    english = [row["query"] for row in _of(rows, "search") if row["query"].isascii()]
    known = sum(all(word in words for word in query.split()) for query in english)
    assert known / len(english) > 0.9  # the others are misspelt, or name a style no title leads with


def test_results_print_and_travel(shop: Simulation) -> None:
    told = json.loads(shop.to_json())
    assert told["events"] == shop.events
    assert {row["event_type"] for row in told["rows"]} <= set(EVENT_TYPES)
    assert f"{shop.events:,} events of 1,800 users" in str(shop)
    description = describe(shop)
    assert "RetailRocket" in str(description)
    assert json.loads(description.to_json())["counts"] == told["rows"]


def test_files_are_small_pieces_with_plain_words(shop: Simulation) -> None:
    assert [path.name for path in shop.event_files] == ["events-00000.parquet"]
    meta = pq.ParquetFile(shop.event_files[0]).metadata
    assert meta.metadata is None or b"ARROW:schema" not in meta.metadata
