"""Export: everything that is held about a person, and nothing else."""

from __future__ import annotations

import datetime as dt
import json
import stat
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from footfall.errors import InputError
from footfall.lake.erasure import erase
from footfall.lake.export import export_user
from footfall.lake.ingest import IngestOptions, ingest
from footfall.lake.links import alias, link
from footfall.lake.workspace import Workspace

PutRows = Callable[[Workspace, str, Sequence[Mapping[str, Any]]], None]

HEADER = "user_id,anonymous_id,event_type,item_id,timestamp,price,properties\n"
LOG = (
    "ann,,view_item,i1,2024-01-01 10:00:00,12345678901234.5600,",
    ',ann-pc,view_item,i2,2024-01-01 09:00:00,,"{""a"": [1, 2.50]}"',
    "ann,ann-pc,view_item,ü3,2024-01-01 11:00:00,,",
    "ben,,view_item,i1,2024-01-01 10:00:00,,",
    "ann,,view_item,i1,no time,,",
)


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    made = Workspace.init(tmp_path / "shop")
    log = tmp_path / "log.csv"
    log.write_text(HEADER + "".join(f"{line}\n" for line in LOG), "utf-8")
    ingest(made, [str(log)], IngestOptions(source="footfall"))
    link(made, "ann-tv", "ann")
    return made


def test_the_document(shop: Workspace, tmp_path: Path) -> None:
    out = tmp_path / "ann.jsonl"
    report = export_user(shop, "ann", out=out)
    assert {t.table: t.rows for t in report.tables} == {"events": 3, "rejects": 1, "links": 1}
    assert report.out == str(out)
    assert "5 rows are held of ann, written to" in str(report)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    manifest, *rows = [json.loads(line, parse_float=Decimal) for line in out.read_text("utf-8").splitlines()]
    assert manifest["table"] == "manifest"
    assert manifest["user_ids"] == ["ann"]
    assert manifest["anonymous_ids"] == ["ann-pc", "ann-tv"]
    assert manifest["rows"] == {"events": 3, "rejects": 1, "links": 1}
    assert manifest["lake_version"] == shop.tables.version()
    events = [r for r in rows if r["table"] == "events"]
    assert [e["item_id"] for e in events] == ["i2", "i1", "ü3"]  # in order of time
    assert events[0]["properties"] == {"a": [1, Decimal("2.50")]}
    assert events[0]["timestamp"] == "2024-01-01T09:00:00+00:00"
    assert events[1]["price"] == Decimal("12345678901234.56")  # more digits than a float has
    assert "anonymous_id" not in events[1]  # what is missing is left out
    (reject,) = [r for r in rows if r["table"] == "rejects"]
    assert (reject["reason"], reject["user_id"]) == ("bad_timestamp", "ann")
    (linked,) = [r for r in rows if r["table"] == "links"]
    assert (linked["anonymous_id"], linked["user_id"], linked["undone"]) == ("ann-tv", "ann", False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ann.jsonl", "log.csv", "shop"]


def test_without_a_file_the_rows_are_in_the_report(shop: Workspace) -> None:
    report = export_user(shop, "ann-pc")  # the device is hers alone
    assert [e["item_id"] for e in report.data["events"]] == ["i2", "i1", "ü3"]
    document = json.loads(report.to_json())
    assert document["user_ids"] == ["ann"]
    assert len(document["data"]["events"]) == 3


def test_a_dry_run_only_counts(shop: Workspace, tmp_path: Path) -> None:
    before = sorted(p for p in tmp_path.rglob("*") if p.is_file())
    report = export_user(shop, "ann", dry_run=True, out=tmp_path / "ann.jsonl")
    assert {t.table: t.rows for t in report.tables} == {"events": 3, "rejects": 1, "links": 1}
    assert (report.out, report.data) == (None, {})
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == before


def test_the_rows_are_those_that_erase_removes(shop: Workspace, put_rows: PutRows) -> None:
    moment = dt.datetime(2024, 1, 3, tzinfo=dt.UTC)
    shared = {"event_type": "view_item", "ingested_at": moment, "anonymous_id": "kiosk"}
    put_rows(
        shop,
        "events",
        [
            shared | {"event_id": "1", "user_id": "ann", "timestamp": moment},
            shared | {"event_id": "2", "user_id": "ben", "timestamp": moment + dt.timedelta(hours=2)},
            shared | {"event_id": "3", "timestamp": moment - dt.timedelta(hours=1)},  # hers: she is identified next
            shared | {"event_id": "4", "timestamp": moment + dt.timedelta(hours=1)},  # his
        ],
    )
    alias(shop, "ann", "anna")
    report = export_user(shop, "anna")
    assert report.user_ids == ("anna", "ann")
    assert [e["event_id"] for e in report.data["events"]][-2:] == ["3", "1"]
    assert [(d.anonymous_id, d.users, d.own, d.others) for d in report.shared_devices] == [("kiosk", 2, 1, 1)]
    assert "left out: 1 events without a user of kiosk" in str(report)
    removed = erase(shop, "ann")
    assert [(t.table, t.rows) for t in removed.tables] == [(t.table, t.rows) for t in report.tables]
    with pytest.raises(InputError, match=r"nothing is held of 'ann': it was erased at 20\d\d"):
        export_user(shop, "ann")


def test_mistakes(shop: Workspace, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing is held of 'nobody': no event, refused row or link"):
        export_user(shop, "nobody")
    with pytest.raises(InputError, match="got a blank"):
        export_user(shop, " ")
    there = tmp_path / "there.jsonl"
    there.write_text("mine")
    with pytest.raises(InputError, match=r"there\.jsonl exists already; remove it, or give another file with --out"):
        export_user(shop, "ann", out=there)
    assert there.read_text() == "mine"
    with pytest.raises(InputError, match="is no folder"):
        export_user(shop, "ann", out=tmp_path / "nowhere" / "ann.jsonl")
