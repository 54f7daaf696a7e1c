from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from footfall.errors import StaleHistoriesError
from footfall.histories.compile import compile as compile_histories
from footfall.histories.compile import discard, open_histories
from footfall.histories.store import Histories
from footfall.lake.workspace import Workspace

Row = dict[str, Any]
PutRows = Callable[[Workspace, str, Sequence[Mapping[str, Any]]], None]
Decode = Callable[[Histories], dict[str, list[tuple[Any, ...]]]]

START_US = 1_600_000_000_000_000


def stamped(rows: Sequence[Row], ingested: int) -> list[Row]:
    return [
        {"event_id": f"{ingested}-{i}", **row, "ingested_at": ingested, "sequence": i} for i, row in enumerate(rows)
    ]


def view(user: str | None, at: int, **more: Any) -> Row:
    return {"user_id": user, "anonymous_id": None, "timestamp": START_US + at, "event_type": "view_item", **more}


def test_the_two_newest_versions_are_kept(shop: Workspace, put_rows: PutRows) -> None:
    names = []
    for batch in range(4):
        put_rows(shop, "events", stamped([view("u", batch)], START_US + batch))
        compile_histories(shop)
        names.append(shop.tables.version())
    assert sorted(p.name for p in shop.histories_root.iterdir() if p.is_dir()) == names[-2:]


def test_after_an_erasure_no_older_version_stays(shop: Workspace, put_rows: PutRows) -> None:
    put_rows(shop, "events", stamped([view("u", 0)], START_US))
    put_rows(shop, "events", stamped([view("erased", 1)], START_US + 1))
    compile_histories(shop)
    table = shop.tables.open("events")
    table.delete("user_id = 'erased'")
    histories = compile_histories(shop)
    assert histories.manifest["compiled"]["anew_because"] == "files were removed from the lake"
    assert [u.to_pylist() for u in histories.users] == [[{"user_id": "u", "anonymous": False}]]
    assert [p.name for p in shop.histories_root.iterdir() if p.is_dir()] == [shop.tables.version()]


def test_what_is_compiled_is_opened_and_force_compiles_it_anew(shop: Workspace, put_rows: PutRows) -> None:
    put_rows(shop, "events", stamped([view("u", 0)], START_US))
    compile_histories(shop)
    manifest = shop.histories_root / shop.tables.version() / "manifest.json"
    written = manifest.stat().st_ino
    compile_histories(shop)
    assert manifest.stat().st_ino == written
    assert compile_histories(shop, force=True).manifest["compiled"]["anew_because"] == "asked for"
    assert manifest.stat().st_ino != written


def test_changed_settings_compile_anew(shop: Workspace, put_rows: PutRows, monkeypatch: pytest.MonkeyPatch) -> None:
    put_rows(shop, "events", stamped([view("u", 0, value=Decimal("12.5"))], START_US))
    assert compile_histories(shop).partitions[0].column("value_minor").tolist() == [1250]
    monkeypatch.setenv("FOOTFALL_CURRENCY", "JPY")
    histories = compile_histories(Workspace(shop.path))
    assert histories.partitions[0].column("value_minor").tolist() == [12]  # 12.5 -> 12, the even neighbour
    assert histories.manifest["compiled"]["anew_because"] == "the settings or the program have changed"


def test_a_lake_made_anew_under_the_same_version_is_not_mistaken(tmp_path: Path, put_rows: PutRows) -> None:
    one, two = Workspace.init(tmp_path / "one"), Workspace.init(tmp_path / "two")
    put_rows(one, "events", stamped([view("old", 0)], START_US))
    put_rows(two, "events", stamped([view("new", 0)], START_US))
    compile_histories(one)
    one.histories_root.rename(two.histories_root)
    assert compile_histories(two).user_ids(0, [0]) == ["new"]


def test_open_histories_compiles_only_if_it_may(shop: Workspace, put_rows: PutRows) -> None:
    put_rows(shop, "events", stamped([view("u", 0)], START_US))
    with pytest.raises(
        StaleHistoriesError, match=r"no histories of lake version 1\.0\.0 .* \(compiled: none\); run: footfall"
    ):
        open_histories(shop, compile_if_needed=False)
    assert open_histories(shop).n_events == 1
    assert open_histories(shop, compile_if_needed=False).n_events == 1
    put_rows(shop, "events", stamped([view("u", 1)], START_US + 1))
    with pytest.raises(StaleHistoriesError, match=r"2\.0\.0 .* \(compiled: 1\.0\.0\)"):
        open_histories(shop, compile_if_needed=False)
    discard(shop)
    assert open_histories(shop).manifest["compiled"]["built_on"] is None


def test_more_partitions_when_the_log_has_grown(
    shop: Workspace, put_rows: PutRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_rows(shop, "events", stamped([view(f"u{i}", i) for i in range(10)], START_US))
    assert len(compile_histories(shop).partitions) == 1
    monkeypatch.setattr("footfall.histories._plan.MOST_EVENTS", 8)
    monkeypatch.setattr("footfall.histories._plan.FEWEST_EVENTS", 8)
    put_rows(shop, "events", stamped([view(f"v{i}", i) for i in range(10)], START_US + 1))
    histories = compile_histories(shop)
    assert (len(histories.partitions), histories.n_events) == (4, 20)
    assert histories.manifest["compiled"]["anew_because"] == "4 partitions instead of 1"


SLOWLY = """
import sys, time
from pathlib import Path
from footfall.histories.compile import compile
from footfall.lake.workspace import Workspace

def stop(what, done, total):
    if what == "sorting partitions":
        print("sorting", flush=True)
        time.sleep(60)

compile(Workspace(Path(sys.argv[1])), progress=stop)
"""

ANSWER = """
import sys
from pathlib import Path
from footfall.histories.compile import compile
from footfall.lake.workspace import Workspace

print(compile(Workspace(Path(sys.argv[1]))).n_events)
"""


def start(script: str, shop: Workspace) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", script, str(shop.path)], stdout=subprocess.PIPE, text=True)


def test_a_killed_compile_leaves_nothing_and_the_next_one_cleans_up(shop: Workspace, put_rows: PutRows) -> None:
    put_rows(shop, "events", stamped([view("u", 0)], START_US))
    with start(SLOWLY, shop) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "sorting\n"
        process.kill()
    assert [p.name[:5] for p in shop.histories_root.iterdir() if p.is_dir()] == [".tmp-"]
    with pytest.raises(StaleHistoriesError):
        open_histories(shop, compile_if_needed=False)
    assert compile_histories(shop).n_events == 1
    assert [p.name for p in shop.histories_root.iterdir() if p.is_dir()] == [shop.tables.version()]


def test_two_compiles_at_once_both_answer(shop: Workspace, put_rows: PutRows) -> None:
    put_rows(shop, "events", stamped([view(f"u{i}", i) for i in range(100)], START_US))
    both = [start(ANSWER, shop) for _ in range(2)]
    assert [process.communicate(timeout=120)[0] for process in both] == ["100\n", "100\n"]
    assert [p.name for p in shop.histories_root.iterdir() if p.is_dir()] == [shop.tables.version()]


def test_removed_histories_do_not_read_as_missing_values(shop: Workspace, put_rows: PutRows) -> None:
    put_rows(shop, "events", stamped([view("u", 0, item_id="i")], START_US))
    histories = compile_histories(shop)
    discard(shop)
    for read in (
        lambda: histories.partitions[0].column("item"),
        lambda: histories.vocabularies["item"],
        lambda: histories.users[0],
    ):
        with pytest.raises(StaleHistoriesError, match="newer histories took its place; open them again"):
            read()


def test_progress_is_told(shop: Workspace, put_rows: PutRows) -> None:
    put_rows(shop, "events", stamped([view("u", 0)], START_US))
    told: list[tuple[str, int, int]] = []
    compile_histories(shop, progress=lambda *step: told.append(step))
    assert list(dict.fromkeys(what for what, _, _ in told)) == [
        "whose events are these",
        "counting ids",
        "reading events",
        "sorting partitions",
    ]
    assert all(0 <= done <= total for _, done, total in told)


def test_the_manifest_says_what_was_compiled(shop: Workspace, put_rows: PutRows) -> None:
    put_rows(shop, "events", stamped([view("u", 0, item_id="i"), view("v", 1)], START_US))
    compile_histories(shop)
    manifest = json.loads((shop.histories_root / "1.0.0/manifest.json").read_text())
    assert manifest["partitions"] == [{"users": 2, "events": 2}]
    assert manifest["ingested_us"] == START_US
    assert (manifest["currency"], manifest["timezone"], manifest["lake_version"]) == ("USD", "UTC", "1.0.0")
    assert dt.datetime.fromisoformat(manifest["compiled"]["at"]).tzinfo is not None


def test_many_changed_links_compile_anew(
    shop: Workspace, put_rows: PutRows, decode: Decode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("footfall.histories._build.MANY_REBUILT", 1)
    put_rows(shop, "events", stamped([view(None, i, anonymous_id=f"d{i}") for i in range(4)], START_US))
    compile_histories(shop)
    put_rows(shop, "events", stamped([view(f"u{i}", 9, anonymous_id=f"d{i}") for i in range(4)], START_US + 1))
    histories = compile_histories(shop)
    assert histories.manifest["compiled"]["anew_because"] == "links changed the events of too many users"
    assert {user: len(events) - 1 for user, events in decode(histories).items()} == {f"u:u{i}": 2 for i in range(4)}


def test_a_commit_that_takes_files_away_meanwhile_is_followed(shop: Workspace, put_rows: PutRows) -> None:
    put_rows(shop, "events", stamped([view("u", 0)], START_US))
    meddled: list[int] = []

    def meddle(_what: str, _done: int, _total: int) -> None:
        if not meddled:
            meddled.append(1)
            put_rows(shop, "events", stamped([view("u", 1)], START_US + 1))
            raise OSError("a file is gone")

    assert compile_histories(shop, progress=meddle).manifest["lake_version"] == "2.0.0"
    with pytest.raises(OSError, match="again"):
        compile_histories(shop, force=True, progress=lambda *_: (_ for _ in ()).throw(OSError("again")))
    assert [p.name for p in shop.histories_root.iterdir() if p.is_dir()] == ["2.0.0"]
