"""Values that cannot be: which are taken, which are refused, and for what reason."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall.events.cleaning import REASONS
from footfall.events.readers import _registry
from footfall.lake.ingest import IngestOptions, IngestReport, ingest
from footfall.lake.rejects import rejects
from footfall.lake.workspace import Workspace

GOOD = {"user_id": "u", "event_type": "view_item", "item_id": "p", "timestamp": "2024-03-01 10:00:00"}
COLUMNS = [
    *GOOD,
    "anonymous_id",
    "price",
    "quantity",
    "value",
    "rating",
    "position",
    "logging_prob",
    "order_id",
    "query",
]

Value = tuple[str, str, str | None]


def values(column: str, reason: str | None, *texts: str) -> list[Value]:
    return [(column, text, reason) for text in texts]


NOBODY = ("", "  ", "null", "NULL", "None", "nan", "NaN", "undefined", "(not set)", "n/a", "nil")

VALUES: list[Value] = [
    *values("user_id", "missing_user", *NOBODY),
    *values("user_id", None, "0", "-1", " u ", "a b", "🦄", "x" * 5000, "nullable", "it's", '"'),
    *values("event_type", "missing_event_type", "", " ", "null"),
    *values("event_type", None, "view", "🦄 seen", "Spin Wheel"),
    *values("item_id", "missing_item", "", " ", "null", "undefined"),
    *values("timestamp", "missing_timestamp", "", "   "),
    *values(
        "timestamp", "bad_timestamp", "yesterday", "now", "2024-13-01", "2024-02-30 10:00:00", "2024-03-01T25:00:00"
    ),
    *values(
        "timestamp", "bad_timestamp", "0", "12345678", "99999999", "-1709287200", "1e400", "9" * 40, "2024-03-01 XYZ"
    ),
    *values("timestamp", "bad_timestamp", "300000-01-01", "03/01/2024", "2024-03-01 10:00:60", "infinityZ"),
    *values(
        "timestamp", "impossible_timestamp", "1969-12-31", "1970-01-01 00:00:00", "epoch", "-infinity", "-5000-01-01"
    ),
    *values("timestamp", "impossible_timestamp", "1989-12-31 23:59:59", "100000000"),
    *values("timestamp", "future_timestamp", "2099-01-01", "infinity", "99999-01-01", "290000-01-01", "4000000000"),
    *values("timestamp", None, "1990-01-01", "2024-03-01", "20240301", " 2024-03-01 10:00 ", "2024-03-01 10:00:00 UTC"),
    *values(
        "timestamp", None, "2024-03-01T10:00:00Z", "2024-03-01T10:00:00.123456+05:30", "2024-03-01 10:00 Europe/Paris"
    ),
    *values(
        "timestamp", None, "1709287200", "1709287200.5", "1709287200000", "1709287200000000", "1709287200000000000"
    ),
    *values(
        "price",
        "bad_price",
        "free",
        "12,50",
        "$12",
        "NaN",
        "nan",
        "inf",
        "-inf",
        "0x10",
        "1e30",
        "999999999999999",
        "--5",
    ),
    *values("price", "bad_price", "true", "1 2", "٣", "-"),
    *values("price", "negative_price", "-1", "-0.0001"),
    *values(
        "price", None, "", " ", "0", "-0", "12.50", " 12 ", "1e3", "+5", "5.", ".5", "1.23456789", "99999999999999"
    ),
    *values("quantity", "bad_quantity", "two", "nan", "1e20", "1/2"),
    *values("quantity", "negative_quantity", "-1"),
    *values("quantity", None, "", "0", "1.5", "1000000"),
    *values("value", "bad_value", "much", "inf", "1e20"),
    *values("value", "negative_value", "-1"),
    *values("rating", "bad_rating", "0", "6", "5.1", "good", "nan", "inf", "-1"),
    *values("rating", None, "", "1", "4.5", "5"),
    *values("position", "bad_position", "-1", "first", "2147483648", "nan"),
    *values("position", None, "", "0", "2147483647"),
    *values("logging_prob", "bad_logging_prob", "0", "-0.1", "1.0001", "nan", "inf", "likely"),
    *values("logging_prob", None, "", "1", "0.5", "1e-300"),
]


def write(path: Path, rows: Sequence[Mapping[str, str]], columns: Sequence[str] = COLUMNS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_each_value_is_taken_or_refused_for_its_reason(
    workspace: Workspace, tmp_path: Path, check_ingest: Callable[..., IngestReport]
) -> None:
    rows = [GOOD | {"query": f"row {n}", column: text} for n, (column, text, _) in enumerate(VALUES)]
    report = check_ingest(workspace, [write(tmp_path / "log.csv", rows)])
    with workspace.engine() as run:
        taken = dict.fromkeys(run.arrow("SELECT query FROM events")["query"].to_pylist())
        refused = run.arrow("SELECT raw, reason FROM rejects").to_pylist()
    found = taken | {row["raw"].rpartition('"query":"')[2].removesuffix('"}'): row["reason"] for row in refused}
    expected = {f"row {n}": reason for n, (_, _, reason) in enumerate(VALUES)}
    assert {VALUES[int(q[4:])][:2]: reason for q, reason in found.items() if expected[q] != reason} == {}
    assert report.read == len(VALUES)
    assert report.reasons == Counter(reason for _, _, reason in VALUES if reason)
    assert report.as_read.event_types["view_item"] >= report.as_accepted.event_types["view_item"]
    assert report.as_accepted.last == "2024-03-01T10:00:00.500000+00:00"


def test_every_reason_is_met_and_explained() -> None:
    of_lines = {
        "missing_columns",
        "too_many_columns",
        "unterminated_quote",
        "bad_quotes",
        "bad_encoding",
        "line_too_long",
    }
    of_files = {"bad_json", "not_an_object", "truncated_file", "erased_user", "bad_available"}
    assert set(REASONS) == {reason for _, _, reason in VALUES if reason} | of_lines | of_files
    assert all(text and text[0].islower() and not text.endswith(".") for text in REASONS.values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-01 10:00:00", "2024-03-01T09:00:00"),  # no zone: the shop's, an hour ahead of UTC
        ("2024-07-01 10:00:00", "2024-07-01T08:00:00"),
        ("2024-03-01 10:00:00 UTC", "2024-03-01T10:00:00"),
        ("2024-03-01T10:00:00Z", "2024-03-01T10:00:00"),
        ("2024-03-01T10:00:00-05:00", "2024-03-01T15:00:00"),
        ("2024-03-01", "2024-02-29T23:00:00"),
        ("20240301", "2024-02-29T23:00:00"),
        ("1709287200", "2024-03-01T10:00:00"),
        ("1709287200.25", "2024-03-01T10:00:00.250000"),
        ("1709287200123", "2024-03-01T10:00:00.123000"),
        ("1709287200123456", "2024-03-01T10:00:00.123456"),
        ("1709287200123456789", "2024-03-01T10:00:00.123457"),
    ],
)
def test_times(text: str, expected: str, tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / "shop", timezone="Europe/Berlin")
    ingest(workspace, [str(write(tmp_path / "log.csv", [GOOD | {"timestamp": text}]))])
    with workspace.engine() as run:
        moment = run.arrow('SELECT "timestamp" FROM events')["timestamp"].to_pylist()
    assert moment == [dt.datetime.fromisoformat(expected).replace(tzinfo=dt.UTC)]


def test_a_time_format_of_the_users_own(
    workspace: Workspace, tmp_path: Path, check_ingest: Callable[..., IngestReport]
) -> None:
    rows = [
        GOOD | {"timestamp": text}
        for text in ("01/02/2024 10:30", "31/01/2024 23:59", "01/31/2024 10:00", "2024-01-01")
    ]
    options = IngestOptions(time_format="%d/%m/%Y %H:%M")
    report = check_ingest(workspace, [write(tmp_path / "log.csv", rows)], options)
    assert report.reasons == {"bad_timestamp": 2}
    assert (report.as_accepted.first, report.as_accepted.last) == (
        "2024-01-31T23:59:00+00:00",
        "2024-02-01T10:30:00+00:00",
    )


def test_money(workspace: Workspace, tmp_path: Path, check_ingest: Callable[..., IngestReport]) -> None:
    rows = [
        GOOD | {"event_type": "purchase", "price": "2.5", "quantity": "3"},  # 7.50
        GOOD | {"event_type": "purchase", "price": "4"},  # of one
        GOOD
        | {"event_type": "purchase", "price": "4", "quantity": "2", "value": "7"},  # as given: there was a discount
        GOOD | {"event_type": "refund", "price": "1", "quantity": "2"},  # -2
        GOOD | {"event_type": "adjustment", "price": "5", "quantity": "-1"},  # -5
        GOOD | {"event_type": "adjustment", "value": "-1.25"},
        GOOD | {"price": "100"},  # a view is no money
        GOOD | {"event_type": "purchase", "price": "99999999999999", "quantity": "99999999"},  # beyond measure
        GOOD | {"event_type": "purchase", "price": "99999999999999", "quantity": "999999999999999"},
    ]
    report = check_ingest(workspace, [write(tmp_path / "log.csv", rows)])
    assert report.reasons == {"bad_value": 2}
    assert report.as_accepted.value == 7.5 + 4 + 7 - 2 - 5 - 1.25
    with workspace.engine() as run:
        assert run.row('SELECT count("value"), count(currency), min(currency) FROM events') == (6, 7, "USD")


def test_the_catalogue_is_checked_too(
    workspace: Workspace, tmp_path: Path, check_ingest: Callable[..., IngestReport]
) -> None:
    columns = ["item_id", "name", "category", "price", "available", "seen_at"]
    good = {
        "item_id": "1",
        "name": "cup",
        "category": "home.kitchen",
        "price": "3",
        "available": "true",
        "seen_at": "2024-01-01",
    }
    rows = [
        good,
        good | {"item_id": " "},
        good | {"item_id": "2", "price": "cheap"},
        good | {"item_id": "3", "price": "-1"},
        good | {"item_id": "4", "available": "perhaps"},
        good | {"item_id": "5", "seen_at": "some day"},
        good | {"item_id": "6", "price": "", "available": "", "seen_at": ""},
        good | {"item_id": "7", "seen_at": "1709287200"},
    ]  # fmt: skip
    path = write(tmp_path / "items.csv", rows, columns)
    report = check_ingest(workspace, [path], IngestOptions(target="items", mapping={"item_id": "item_id"}))
    assert report.reasons == {
        "missing_item": 1, "bad_price": 1, "negative_price": 1, "bad_available": 1, "bad_timestamp": 1,
    }  # fmt: skip
    assert (report.accepted, report.items, report.as_accepted.items, report.as_read.items) == (3, 3, 3, 7)


SOURCES = sorted(name for name, reader in _registry.readers().items() if reader.target == "events")
TEXTS = st.sampled_from(
    [
        *("", " ", "null", "0", "-1", "1", "1e30", "nan", "inf", "-inf", "9223372036854775807", "-9223372036854775808"),
        *("9" * 30, "1709287200", "1709287200000", "1709287200000000", "2024-03-01", "infinity", "purchase", "track"),
        *("{}", "[]", "[1]", '{"a": 1}', '[{"product_id": "1", "price": "x"}]', '{"products": [1, {"price": 1e99}]}'),
    ]
) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=st.sampled_from(SOURCES), data=st.data())
def test_no_value_stops_an_ingest(source: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("values")
    workspace = Workspace.init(home / "shop")
    columns = sorted(_registry.readers()[source].known)
    cell: st.SearchStrategy[Any] = st.fixed_dictionaries(dict.fromkeys(columns, TEXTS))
    rows = data.draw(st.lists(cell, min_size=1, max_size=8))
    path = write(home / "log.csv", rows, columns)
    report = ingest(workspace, [str(path)], IngestOptions(source=source))
    assert report.accepted + report.duplicates + report.rejected == report.read >= len(rows)
    assert rejects(workspace).total == report.rejected
    again = ingest(workspace, [str(path)], IngestOptions(source=source))
    assert (again.read, again.accepted, again.items) == (report.read, 0, 0)
    assert rejects(workspace).total == report.rejected
