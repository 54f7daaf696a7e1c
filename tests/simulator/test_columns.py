"""Columns and files: decimals without text, JSON lines that say what the table says, dirt that is counted."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.schema import GIVEN_EVENT_COLUMNS
from footfall.simulator import simulate
from footfall.simulator.columns import PRICE, coded, decimals, spelled
from footfall.simulator.dirt import KINDS
from footfall.simulator.write import json_lines


@settings(max_examples=60, deadline=None)
@given(st.lists(st.none() | st.integers(-(10**17), 10**17), min_size=1, max_size=40))
def test_decimals_are_what_python_makes_of_them(numbers: list[int | None]) -> None:
    given_ = np.array([n is not None for n in numbers])
    column = decimals(np.array([n or 0 for n in numbers], np.int64), given_, PRICE)
    column.validate(full=True)
    assert column.to_pylist() == [None if n is None else decimal.Decimal(n).scaleb(-4) for n in numbers]


def test_words_by_code_and_by_number() -> None:
    assert coded(np.array([0, 2, 1]), ["a", "b"]).to_pylist() == [None, "b", "a"]
    keys, some = np.array([30, 10, 30, 99]), np.array([True, True, True, False])
    column = spelled(keys, some, lambda unique: [f"n{key}" for key in unique])
    assert column.to_pylist() == ["n30", "n10", "n30", None]
    assert column.dictionary.to_pylist() == ["n10", "n30"]


def test_json_lines_leave_out_nulls_and_escape_words() -> None:
    moment = dt.datetime(2025, 1, 2, 3, 4, 5, 678, dt.UTC)
    table = pa.table(
        {
            "text": pa.array(['say "hi"\n', None]),
            "coded": pa.array(["防晒霜", "\\"]).dictionary_encode(),
            "price": pa.array([decimal.Decimal("12.5000"), None], pa.decimal128(18, 4)),
            "timestamp": pa.array([moment, moment], pa.timestamp("us", tz="UTC")),
            "properties": pa.array([None, '{"a": [1, 2]}']),
        }
    )
    first, second = (json.loads(line) for line in json_lines(table).to_pylist())
    time = "2025-01-02T03:04:05.000678Z"
    assert first == {"text": 'say "hi"\n', "coded": "防晒霜", "price": 12.5, "timestamp": time}
    assert second == {"coded": "\\", "timestamp": time, "properties": {"a": [1, 2]}}


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    parquet = simulate(tmp_path / "parquet", users=150, seed=3)
    lines = simulate(tmp_path / "lines", users=150, seed=3, format="jsonl")
    table = pq.read_table(parquet.event_files[0])
    written = [json.loads(line) for line in lines.event_files[0].read_text("utf-8").splitlines()]
    assert len(written) == len(table) == parquet.events
    for line, row in zip(written, table.to_pylist(), strict=True):
        assert list(line) == [name for name in GIVEN_EVENT_COLUMNS if row[name] is not None]
        assert dt.datetime.fromisoformat(line["timestamp"]) == row["timestamp"]
        assert line.get("price") == (None if row["price"] is None else float(row["price"]))
        assert line.get("properties") == (None if row["properties"] is None else json.loads(row["properties"]))
        for name in ("event_id", "user_id", "event_type", "query", "text", "rating", "position", "logging_prob"):
            assert line.get(name) == row[name]


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> tuple[pa.Table, pa.Table, pa.Table, dict[str, int]]:
    """The same shop without dirt and with it, what was done, and how often."""
    home = tmp_path_factory.mktemp("dirt")
    clean = simulate(home / "clean", users=700, seed=5)
    soiled = simulate(home / "soiled", users=700, seed=5, dirt=True)
    assert clean.events == soiled.events
    assert not any(clean.dirt.values())
    tables = [pq.read_table(one.event_files[0]) for one in (clean, soiled)]
    return tables[0], tables[1], pq.read_table(soiled.truth / "dirt.parquet"), dict(soiled.dirt)


def test_the_dirt_that_is_reported_is_the_dirt_that_is_there(
    dirty: tuple[pa.Table, pa.Table, pa.Table, dict[str, int]],
) -> None:
    clean, soiled, done, counts = dirty
    kinds = done["kind"].to_pylist()
    assert counts == {kind: kinds.count(kind) for kind in KINDS}
    assert min(counts.values()) > 0
    rows = soiled.to_pylist()
    last = max(clean["timestamp"].to_pylist())
    assert len(rows) - len(clean) == counts["duplicate"]
    assert sum(r["user_id"] is None and r["anonymous_id"] is None for r in rows) == counts["missing_ids"]
    assert sum(r["price"] is not None and r["price"] < 0 for r in rows) == counts["negative_price"]
    assert sum(r["timestamp"] > last for r in rows) == counts["future_timestamp"]
    assert sum(r["event_type"] is None for r in rows) == counts["missing_event_type"]


def test_rows_without_dirt_are_what_they_were(dirty: tuple[pa.Table, pa.Table, pa.Table, dict[str, int]]) -> None:
    clean, soiled, done, _ = dirty
    broken = dict(zip(done["event_id"].to_pylist(), done["kind"].to_pylist(), strict=True))
    before = {row["event_id"]: row for row in clean.to_pylist()}
    seen: dict[str, int] = {}
    for row in soiled.to_pylist():
        kind = broken.get(row["event_id"])
        seen[row["event_id"]] = seen.get(row["event_id"], 0) + 1
        if kind in {None, "duplicate"}:
            assert row == before[row["event_id"]]
    assert {key for key, number in seen.items() if number > 1} == {k for k, v in broken.items() if v == "duplicate"}
    assert seen.keys() == before.keys()
