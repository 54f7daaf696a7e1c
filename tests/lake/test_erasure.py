"""Erasure: nothing of a person is left anywhere, everything else is as it was, and it stays so."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.events.identity import Alias, follow
from footfall.histories.compile import compile as compile_histories
from footfall.histories.compile import open_histories
from footfall.lake import erasure
from footfall.lake._mentions import names_one_of, values_in
from footfall.lake._person import PERSONAL
from footfall.lake._traces import JOURNAL
from footfall.lake.erasure import ErasureReport, erase
from footfall.lake.ingest import IngestOptions, IngestReport, ingest
from footfall.lake.links import alias, link, unlink
from footfall.lake.quality import check
from footfall.lake.secrecy import keyed_hash
from footfall.lake.tables import TABLES
from footfall.lake.workspace import ERASURES, Workspace
from footfall.lake.write import Writer

Row = dict[str, Any]
PutRows = Callable[[Workspace, str, Sequence[Mapping[str, Any]]], None]
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)

HEADER = "user_id,anonymous_id,event_type,item_id,timestamp,price,properties\n"


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "my shop")  # a blank in the name: paths are not always plain


def write(path: Path, *lines: str) -> Path:
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines), "utf-8")
    return path


def read(shop: Workspace, path: Path) -> IngestReport:
    return ingest(shop, [str(path)], IngestOptions(source="footfall"))


def rows(shop: Workspace, table: str) -> list[Row]:
    with shop.engine() as run:
        found: list[Row] = run.arrow(f"SELECT * FROM {table}").to_pylist()
    return found


def counts(report: ErasureReport) -> dict[str, int]:
    return {t.table: t.rows for t in report.tables}


def traces(shop: Workspace, *texts: str) -> list[str]:
    """Every file of the workspace that holds one of the texts: as bytes, or in a cell of Parquet or Arrow."""
    found = []
    for path in sorted(p for p in shop.path.rglob("*") if p.is_file()):
        content = path.read_bytes()
        if path.suffix == ".parquet":
            content += json.dumps(pq.read_table(path).to_pylist(), default=str, ensure_ascii=False).encode()
        found += [f"{path.relative_to(shop.path)}: {text}" for text in texts if text.encode() in content]
    return found


LOG = (
    "alice-id,,view_item,i1,2024-01-01 10:00:00,1.50,",
    "alice-id,alice-phone,add_to_cart,i1,2024-01-01 10:01:00,1.50,",
    ",alice-phone,view_item,i2,2024-01-01 09:00:00,,",
    "bob,,view_item,i1,2024-01-01 10:00:00,1.50,",
    "bob,tablet,view_item,i2,2024-01-02 10:00:00,,",
    "alice-id,tablet,view_item,i2,2024-01-02 11:00:00,,",
    ",tablet,view_item,i3,2024-01-02 12:00:00,,",
    "alice-id,,view_item,i3,no time,,",
    "bob,,view_item,i3,no time,,",
    ',,view_item,i4,2024-01-02 10:00:00,,"{""friend"": ""alice-id""}"',
)


def test_nothing_of_a_person_is_left(shop: Workspace, tmp_path: Path) -> None:
    report = read(shop, write(tmp_path / "log.csv", *LOG))
    assert (report.accepted, report.rejected) == (7, 3)
    link(shop, "alice-laptop", "alice-id")
    link(shop, "bob-laptop", "bob")
    compile_histories(shop)
    dead = shop.tables.root / ".scratch" / "dead"
    dead.mkdir(parents=True)
    (dead / "spill").write_text("alice-id")
    assert len(traces(shop, "alice-id")) > 5  # events, rejects, links, histories (also in pieces), the spill
    (shop.tables.root / "events" / "part-never-committed.parquet").write_text("alice-id")
    bob = [r for r in rows(shop, "events") if r["user_id"] == "bob"]
    version = shop.tables.version()

    erased = erase(shop, "alice-id")

    # Events: two of her own, one of her phone, one on the tablet, and the tablet's without a user, which follows hers.
    # Rejects: her bad time, and the row that names her.
    assert counts(erased) == {"events": 5, "rejects": 2, "links": 1}
    assert erased.user_ids == ("alice-id",)
    assert erased.anonymous_ids == ("alice-laptop", "alice-phone")
    assert [(d.anonymous_id, d.users, d.own, d.others) for d in erased.shared_devices] == [("tablet", 2, 1, 0)]
    assert erased.histories == (version,)
    assert (erased.lake_version_before, erased.lake_version) == (version, shop.tables.version())
    assert version != erased.lake_version
    assert traces(shop, "alice-id", "alice-phone", "alice-laptop") == []
    assert not dead.exists()

    assert rows(shop, "events") == bob
    assert [r["user_id"] for r in rows(shop, "rejects")] == ["bob"]
    assert [r["user_id"] for r in rows(shop, "links")] == ["bob"]
    assert len(rows(shop, "items")) == 0
    histories = compile_histories(shop)
    assert sorted(i for part in histories.users for i in part["user_id"].to_pylist()) == ["bob"]


def test_the_audit_names_nobody_and_ingest_heeds_it(shop: Workspace, tmp_path: Path) -> None:
    log = write(tmp_path / "log.csv", *LOG)
    read(shop, log)
    erased = erase(shop, "alice-id")
    lines = [json.loads(line) for line in (shop.tables.root / ERASURES).read_text("utf-8").splitlines()]
    unnamed = lines.pop()  # the tablet's event that was hers
    assert len(unnamed["events"]) == 1
    assert shop.erased_events() == set(unnamed["events"])
    assert [line["who"] for line in lines] == [keyed_hash(i, shop.secret) for i in ("alice-id", "alice-phone")]
    for line in lines:
        assert line["at"] == erased.at
        assert line["removed"] == counts(erased)
        assert (line["lake_version_before"], line["lake_version"]) == (
            erased.lake_version_before, erased.lake_version,
        )  # fmt: skip
    assert {e.who for e in shop.erased()} == {line["who"] for line in lines}

    again = read(shop, log)
    # Hers: two of her own, her phone's, two on the tablet, her bad time, the row without a user that names her.
    assert again.reasons == {"erased_user": 7, "bad_timestamp": 1}
    assert (again.accepted, again.duplicates) == (0, 2)
    assert traces(shop, "alice-id", "alice-phone") == []
    # Bob's row with the bad time was kept before; nothing of hers is kept now.
    assert [r["user_id"] for r in rows(shop, "rejects")] == ["bob"]


def test_who_comes_back_is_somebody_new(shop: Workspace, tmp_path: Path) -> None:
    read(shop, write(tmp_path / "log.csv", *LOG))
    erase(shop, "alice-id")
    after = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).strftime("%Y-%m-%d %H:%M:%S")
    report = read(shop, write(tmp_path / "new.csv", f"alice-id,,view_item,i1,{after},,"))
    assert report.accepted == 1
    assert counts(erase(shop, "alice-id"))["events"] == 1
    lines = (shop.tables.root / ERASURES).read_text("utf-8").splitlines()
    assert len(lines) == 4  # two ids and the tablet's event at first, one id the second time


def test_a_dry_run_changes_nothing(shop: Workspace, tmp_path: Path) -> None:
    read(shop, write(tmp_path / "log.csv", *LOG))
    compile_histories(shop)
    before = {p: p.read_bytes() for p in shop.path.rglob("*") if p.is_file()}
    report = erase(shop, "alice-id", dry_run=True)
    assert {p: p.read_bytes() for p in shop.path.rglob("*") if p.is_file()} == before
    assert report.dry_run
    assert report.at is None
    assert "would remove 7 rows of alice-id" in str(report)
    done = erase(shop, "alice-id")
    assert counts(done) == counts(report)
    assert done.histories == report.histories
    assert json.loads(done.to_json())["anonymous_ids"] == ["alice-phone"]


def test_a_device_of_one_user_stands_for_that_user(shop: Workspace, tmp_path: Path) -> None:
    read(shop, write(tmp_path / "log.csv", *LOG))
    report = erase(shop, "alice-phone")
    assert report.user_ids == ("alice-id",)
    assert counts(report) == {"events": 5, "rejects": 2, "links": 0}


def test_a_shared_device_is_erased_without_its_users(shop: Workspace, tmp_path: Path) -> None:
    read(shop, write(tmp_path / "log.csv", *LOG))
    report = erase(shop, "tablet")
    assert counts(report) == {"events": 1, "rejects": 0, "links": 0}
    assert report.cleared == 2  # bob's and alice's events on it stay theirs
    assert traces(shop, "tablet") == []
    assert len(rows(shop, "events")) == 6
    # The same file again: its rows of other users are known, and a new one of theirs comes in without the device.
    new = write(tmp_path / "new.csv", *LOG, "carol,tablet,view_item,i1,2024-01-05 10:00:00,,")
    again = read(shop, new)
    assert again.accepted == 1
    assert traces(shop, "tablet") == []


def test_aliases_lead_to_earlier_ids(shop: Workspace, put_rows: PutRows) -> None:
    events = [
        ("e1", "old", None, "view_item"),
        ("e2", "new", "old", "alias"),
        ("e3", "new", None, "view_item"),
        ("e4", None, "phone", "view_item"),
        ("e5", "old", "phone", "view_item"),
        ("e6", "other", None, "view_item"),
    ]
    put_events(shop, put_rows, events)
    alias(shop, "new", "newest")
    for asked in ("old", "new", "newest", "phone"):
        report = erase(shop, asked, dry_run=True)
        assert report.user_ids == ("newest", "new", "old")
        assert set(report.anonymous_ids) >= {"phone"}
        assert counts(report) == {"events": 5, "rejects": 0, "links": 1}
    erase(shop, "old")
    assert traces(shop, "old", "newest", "phone") == []
    assert [r["event_id"] for r in rows(shop, "events")] == ["e6"]


def test_an_undone_link_separates(shop: Workspace, put_rows: PutRows) -> None:
    put_events(
        shop,
        put_rows,
        [("e1", "ann", "pc", "view_item"), ("e2", None, "pc", "view_item"), ("e3", "ben", "pc", "login")],
    )
    unlink(shop, "pc", "ben")
    report = erase(shop, "ann")  # the device is hers alone now; ben's event on it is his, but it names her device
    assert (report.anonymous_ids, counts(report), report.cleared) == (
        ("pc",),
        {"events": 2, "rejects": 0, "links": 1},
        1,
    )
    assert [(r["event_id"], r["anonymous_id"]) for r in rows(shop, "events")] == [("e3", None)]


def put_events(shop: Workspace, put_rows: PutRows, events: Sequence[tuple[str, str | None, str | None, str]]) -> None:
    put_rows(
        shop,
        "events",
        [
            {
                "event_id": id_, "user_id": user, "anonymous_id": device, "event_type": kind, "sequence": i,
                "timestamp": START + dt.timedelta(seconds=i), "ingested_at": START,
            }
            for i, (id_, user, device, kind) in enumerate(events)
        ],
    )  # fmt: skip


def test_rows_of_others_that_name_the_person_are_counted(shop: Workspace, put_rows: PutRows) -> None:
    about = {"event_type": "review", "timestamp": START, "ingested_at": START}
    put_rows(
        shop,
        "events",
        [
            about | {"event_id": "1", "user_id": "ann"},
            about | {"event_id": "2", "user_id": "ben", "properties": '{"to": "ann"}'},
            about | {"event_id": "3", "user_id": "ben", "properties": '{"to": "anna"}'},
        ],
    )
    report = erase(shop, "ann")
    assert report.mentions == 1
    assert "1 rows of other users name this person in their properties" in str(report)


def test_nobody_of_that_id(shop: Workspace, tmp_path: Path) -> None:
    read(shop, write(tmp_path / "log.csv", *LOG))
    for dry_run in (True, False):
        with pytest.raises(InputError, match=r"nothing is held of 'Alice-ID': no event, refused row or link"):
            erase(shop, "Alice-ID", dry_run=dry_run)
    with pytest.raises(InputError, match="got a blank"):
        erase(shop, "  ")
    assert not (shop.tables.root / ERASURES).exists()


def test_once_more_is_no_mistake(shop: Workspace, tmp_path: Path) -> None:
    read(shop, write(tmp_path / "log.csv", *LOG))
    erase(shop, "alice-id")
    again = erase(shop, "alice-id")
    assert sum(counts(again).values()) == 0
    assert "it was erased at 20" in again.remarks[0]


def test_what_must_be_trained_again(shop: Workspace, tmp_path: Path) -> None:
    read(shop, write(tmp_path / "log.csv", *LOG))
    version = shop.tables.version()
    events = int(version.split(".")[0])
    made: dict[str, dict[str, Row]] = {
        "churn/1": {"card.json": {"lake_version": version}},
        "churn/2": {"card.json": {"lake_version": f"{events + 90}.0.0"}},  # of after the erasure
        "ads/1": {"weights.json": {"rank": 3}},  # says nothing
    }
    for name, files in made.items():
        for file, content in files.items():
            path = shop.path / "models" / name / file
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps(content))
    report = erase(shop, "alice-id")
    assert report.retrain == ("models/ads/1", "models/churn/1")
    assert "retrain: models/churn/1 was trained on data with this person" in str(report)


def test_the_table_of_duplicates_outlives_the_old_log(shop: Workspace, tmp_path: Path) -> None:
    read(shop, write(tmp_path / "log.csv", *LOG, LOG[3]))  # bob's first line twice
    assert check(shop).duplicates.dropped == 1
    erase(shop, "alice-id")
    assert check(shop).duplicates.dropped == 1
    erase(shop, "bob")
    assert check(shop).duplicates.dropped == 1
    logs = [p.name for p in (shop.tables.root / "events" / "_delta_log").glob("*.json")]
    assert len(logs) == 1


# Killed in the middle of each step, and run again.

STEPS = ("rewrite", "commit rejects", "forget", "histories", "audit", "journal")


DYING = """
import os, signal, sys
from pathlib import Path
from footfall.lake import _traces, erasure
from footfall.lake.workspace import Workspace

def die(*args, **named):
    os.kill(os.getpid(), signal.SIGKILL)

shop, step = Workspace(Path(sys.argv[1])), sys.argv[2]
commit = shop.tables.commit
if step == "rewrite":
    erasure._rewrite = die
elif step == "commit rejects":
    shop.tables.commit = lambda name, *a, **k: die() if name == "rejects" else commit(name, *a, **k)
elif step == "forget":
    shop.tables.forget = die
elif step == "histories":
    erasure.remove_histories = die
elif step == "audit":
    erasure.append_audit = die
elif step == "journal":
    _traces.Journal.remove = staticmethod(die)
erasure.erase(shop, "alice-id")
"""


@pytest.mark.parametrize(
    ("step", "next_one"), [*((step, "alice-id") for step in STEPS), ("commit rejects", "bob"), ("forget", "bob")]
)
def test_a_killed_erasure_is_finished_by_the_next(shop: Workspace, tmp_path: Path, step: str, next_one: str) -> None:
    log = write(tmp_path / "log.csv", *LOG)
    read(shop, log)
    compile_histories(shop)
    killed = subprocess.run([sys.executable, "-c", DYING, str(shop.path), step], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert (shop.tables.root / JOURNAL).exists()
    assert len(rows(shop, "events")) in {2, 7}  # readable, before or after

    report = erase(shop, next_one)

    assert traces(shop, "alice-id", "alice-phone") == []
    assert not (shop.tables.root / JOURNAL).exists()
    assert [e.who for e in shop.erased()].count(keyed_hash("alice-id", shop.secret)) == 1
    if next_one == "alice-id":
        assert counts(report) == {"events": 5, "rejects": 2, "links": 0}
        assert read(shop, log).reasons == {"erased_user": 7, "bad_timestamp": 1}


# At the same time as others.


def test_an_ingest_that_was_under_way_does_not_bring_the_person_back(
    shop: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(shop, write(tmp_path / "log.csv", *LOG))
    more = write(
        tmp_path / "more.csv", "alice-id,,view_item,i7,2024-01-03 10:00:00,,", "bob,,view_item,i7,2024-01-03 10:00:00,,"
    )
    staged, go_on = threading.Event(), threading.Event()
    hash_addresses = Writer.hash_addresses

    def wait(self: Writer) -> None:  # the last step before the lock is asked for
        hash_addresses(self)
        staged.set()
        assert go_on.wait(30)

    monkeypatch.setattr(Writer, "hash_addresses", wait)
    reports: list[IngestReport] = []
    other = threading.Thread(target=lambda: reports.append(read(Workspace(shop.path), more)))
    other.start()
    assert staged.wait(30)
    report = erase(shop, "alice-id")
    assert report.remarks == ("1 scratch folders of running commands may hold old rows until those commands end",)
    go_on.set()
    other.join(30)
    assert (reports[0].accepted, reports[0].reasons) == (1, {"erased_user": 1})
    assert traces(shop, "alice-id") == []


def test_an_ingest_waits_for_the_lock(shop: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(shop, write(tmp_path / "log.csv", *LOG))
    more = write(tmp_path / "more.csv", "bob,,view_item,i7,2024-01-03 10:00:00,,")
    order: list[str] = []
    rewrite, done = erasure._rewrite, threading.Event()  # noqa: SLF001

    def slow(*args: Any) -> None:
        if not order:
            order.append("erasing")
            other.start()
            time.sleep(1)  # long enough for the other to have read its file and to stand at the lock
        rewrite(*args)

    def late() -> None:
        read(Workspace(shop.path), more)
        order.append("ingested")
        done.set()

    other = threading.Thread(target=late)
    monkeypatch.setattr(erasure, "_rewrite", slow)
    erase(shop, "alice-id")
    order.append("erased")
    assert done.wait(30)
    other.join()
    assert order == ["erasing", "erased", "ingested"]
    assert len(rows(shop, "events")) == 3


def test_erasure_waits_for_a_compilation(shop: Workspace, tmp_path: Path) -> None:
    read(shop, write(tmp_path / "log.csv", *LOG))
    begun, erased = threading.Event(), threading.Event()

    def progress(*_: Any) -> None:
        if not begun.is_set():
            begun.set()
            assert not erased.wait(0.5)  # it must not happen while we compile

    def run() -> None:
        assert begun.wait(30)
        erase(Workspace(shop.path), "alice-id")
        erased.set()

    other = threading.Thread(target=run)
    other.start()
    compile_histories(shop, progress=progress)
    assert erased.wait(30)
    other.join()
    assert traces(shop, "alice-id") == []
    assert open_histories(shop).n_users == 1


# Whole values only.


def test_values_of_a_row() -> None:
    assert values_in('{"a": "u1", "n": 17850, "deep": {"x": ["u 2", 1.50]}, "text": "{\\"id\\": \\"u3\\"}"}') >= {
        "u1", "17850", "u 2", "1.50", "u3",
    }  # fmt: skip
    assert values_in('{"caf\\u00e9": "caf\\u00e9"}') == {"café"}
    line = '2024-01-01,view,"u 1;x",user=u2, u3'
    assert values_in(line) >= {"view", "u 1;x", "u2", "u3"}
    assert not {"u", "1", "2024"} & values_in("2024-01-01,viewed,u12,u-1")
    assert values_in('{"user": "u1", "torn') >= {"u1"}


def test_bare_numbers_count_only_where_nobody_is_named() -> None:
    raw = '{"user_id": "7", "quantity": "12"}'
    assert names_one_of(raw, ["12"], nobody=True)
    assert not names_one_of(raw, ["12"], nobody=False)
    assert names_one_of('{"friend": "u12"}', ["12", "u12"], nobody=False)
    assert not names_one_of('{"friend": "u12"}', ["u1"], nobody=True)


def test_refused_rows_with_numbers_for_ids(shop: Workspace, tmp_path: Path) -> None:
    read(
        shop,
        write(
            tmp_path / "log.csv",
            "12,,view_item,i1,2024-01-01 10:00:00,1.50,",
            "99,,view_item,12,no time,12,",  # another customer's; 12 is an item and a price here
            "12,,view_item,i1,no time,,",
            "312,,view_item,i1,no time,,",
        ),
    )
    assert counts(erase(shop, "12")) == {"events": 1, "rejects": 1, "links": 0}
    assert sorted(r["user_id"] for r in rows(shop, "rejects")) == ["312", "99"]


# Against a twin: who belongs together, by the words of events.identity.

IDS = ("p", "q", "r", "d1", "d2")
ID = st.none() | st.sampled_from(IDS)
LOGS = st.lists(
    st.tuples(ID, ID, st.sampled_from(["view_item", "alias"])).filter(lambda e: e[0] is not None or e[1] is not None),
    min_size=1,
    max_size=12,
)


def twin(events: Sequence[tuple[str | None, str | None, str]], asked: str) -> tuple[set[int], set[int]] | None:
    """Return which events go, and which lose their device, or None if nobody is meant."""
    said = [
        Alias(device, user, (i, 0, 0)) for i, (user, device, kind) in enumerate(events)
        if kind == "alias" and user is not None and device is not None
    ]  # fmt: skip
    users = {user for user, _, _ in events if user is not None}
    targets = {a.user for a in said}
    ends = follow(a for a in said if a.previous in users | targets)
    known_as = {u: ends.get(u, u) for u in users | targets | set(ends)}
    linked: dict[str, set[str]] = {}
    for user, device, _ in events:
        if user is not None and device is not None:
            linked.setdefault(device, set()).add(known_as[user])
    devices = {device for _, device, _ in events if device is not None}
    if asked in known_as:
        person = known_as[asked]
    elif len(linked.get(asked, ())) == 1:
        (person,) = linked[asked]
    elif asked in devices:
        mine = {i for i, (user, device, _) in enumerate(events) if user is None and device == asked}
        return mine, {i for i, (user, device, _) in enumerate(events) if user is not None and device == asked}
    else:
        return None
    names = {u for u, end in known_as.items() if end == person} | {person}
    own = {d for d, of in linked.items() if of == {person}} | {n for n in names & devices if n not in linked}
    gone = set()
    for i, (user, device, _) in enumerate(events):
        if user in names or (user is None and device in own):
            gone.add(i)
        elif user is None and device is not None and 2 <= len(linked.get(device, ())) <= 3:
            told = [(j, known_as[u]) for j, (u, d, _) in enumerate(events) if u is not None and d == device]
            if next((u for j, u in told if j > i), told[-1][1]) == person:
                gone.add(i)
    cleared = {i for i, (_, device, _) in enumerate(events) if i not in gone and device in names | own}
    return gone, cleared


@pytest.fixture(scope="module")
def reused(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace.init(tmp_path_factory.mktemp("erasure") / "shop")


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=LOGS, asked=st.sampled_from(IDS))
def test_who_is_meant_equals_its_twin(
    reused: Workspace, put_rows: PutRows, events: list[tuple[str | None, str | None, str]], asked: str
) -> None:
    old = reused.tables.files("events")
    put_events(reused, put_rows, [(str(i), *event) for i, event in enumerate(events)])
    reused.tables.commit("events", [], removed=old)
    expected = twin(events, asked)
    if expected is None:
        with pytest.raises(InputError):
            erase(reused, asked, dry_run=True)
        return
    report = erase(reused, asked, dry_run=True)
    assert (counts(report)["events"], report.cleared) == (len(expected[0]), len(expected[1]))
    if len(events) < 4:  # a few of them in earnest; the audit must not make later ones known
        done = erase(reused, asked)
        assert dataclasses.replace(done, histories=(), at=None, dry_run=True, lake_version="") == dataclasses.replace(
            report, histories=(), lake_version=""
        )
        left = {int(r["event_id"]): r["anonymous_id"] for r in rows(reused, "events")}
        assert set(left) == set(range(len(events))) - expected[0]
        assert all(device == (None if i in expected[1] else events[i][1]) for i, device in left.items())
        (reused.tables.root / ERASURES).unlink()


def test_every_table_with_people_is_known() -> None:
    personal = {name for name, columns in TABLES.items() if {"user_id", "anonymous_id"} & set(columns)}
    assert personal == set(PERSONAL)
    assert "user_id" not in TABLES["items"]
