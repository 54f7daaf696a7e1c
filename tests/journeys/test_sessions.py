"""Sessions: the rule at its edges, engagement, flags, groups; and the whole against a plain twin."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import itertools
import json
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.histories.memory import from_events
from footfall.histories.store import Histories
from footfall.journeys._run import Breakdown, Scope
from footfall.journeys.sessions import (
    SessionRow,
    SessionRule,
    SessionsResult,
    SessionsSpec,
    session_numbers,
    session_table,
    sessions,
)

Session = dict[str, Any]
Twin = Callable[..., list[Session]]

US = 1_000_000
KEYS = {"add_to_cart", "purchase"}  # those of schema.KEY_EVENT_TYPES that the logs have


def log_of(*events: tuple[float, str] | tuple[float, str, dict[str, Any]]) -> list[dict[str, Any]]:
    """One user's events: (seconds, event type, more)."""
    return [
        {"user_id": "u", "timestamp": round(e[0] * US), "event_type": e[1], **(e[2] if len(e) > 2 else {})}
        for e in events
    ]


def result_of(histories: Histories, **given_: Any) -> SessionsResult:
    result = sessions(histories, **given_)
    assert isinstance(result, SessionsResult)
    return result


def cuts(histories: Histories, **given_: Any) -> list[str]:
    table = session_table(histories, spec=SessionsSpec(SessionRule(**given_)))
    return [str(cut) for cut in table["cut"].to_pylist()]


def test_a_silence_of_exactly_the_gap_does_not_cut() -> None:
    together = log_of((0, "view_item"), (1800, "view_item"))
    apart = log_of((0, "view_item"), (1800.000001, "view_item"))
    assert cuts(from_events(together)) == ["first"]
    assert cuts(from_events(apart)) == ["first", "gap"]
    assert cuts(from_events(apart), gap_s=1801) == ["first"]


def test_an_event_exactly_a_day_after_the_start_still_belongs() -> None:
    steps = [(1800 * k, "view_item") for k in range(50)]  # 48 x 1800 s = 86,400 s: events 0 to 48 are one session
    histories = from_events(log_of(*steps))
    table = session_table(histories)
    assert table["events"].to_pylist() == [49, 1]
    assert table["cut"].to_pylist() == ["first", "length"]
    assert cuts(histories, max_s=86_399) == ["first", "length"]
    assert session_table(histories, spec=SessionsSpec(SessionRule(max_s=86_399)))["events"].to_pylist() == [48, 2]


def test_a_long_silence_is_a_gap_even_where_the_session_would_be_too_long() -> None:
    assert cuts(from_events(log_of((0, "view_item"), (90_000, "view_item")))) == ["first", "gap"]


def test_sessions_of_the_source_may_interleave_and_stretch() -> None:
    log = log_of(
        (0, "view_item", {"session_id": "A"}),
        (10, "search", {"session_id": "B"}),
        (20, "view_item", {"session_id": "A"}),
        (30, "purchase"),  # no id: it continues the session of the event before it, A
        (9_000, "view_item", {"session_id": "B"}),  # 8,970 s later, and still B
        (9_100, "view_item"),  # continues B
        (12_000, "view_item"),  # no id, 2,900 s after the event before: a session of its own
    )
    histories = from_events(log)
    table = session_table(histories, spec=SessionsSpec(SessionRule(source=True)))
    assert table["events"].to_pylist() == [3, 3, 1]
    assert table["cut"].to_pylist() == ["first", "source", "gap"]
    assert table["duration_s"].to_pylist() == [30.0, 9_090.0, 0.0]
    assert table["purchase"].to_pylist() == [True, False, False]
    assert session_numbers(histories.partitions[0], SessionRule(source=True)).tolist() == [0, 1, 0, 0, 1, 1, 2]
    result = result_of(histories, source=True)
    assert result.without_source == 3
    assert "3 of 7 events have no session id of the source" in str(result)


def test_an_id_used_by_two_users_is_a_session_of_each() -> None:
    log = [{"user_id": user, "timestamp": 0, "event_type": "view_item", "session_id": "shared"} for user in ("a", "b")]
    assert result_of(from_events(log), source=True).sessions == 2


def test_an_event_without_an_id_is_cut_by_length_too() -> None:
    ids = {"session_id": "A"}
    log = log_of((0, "view_item", ids), (86_000, "view_item", ids), (86_401, "view_item"), (86_402, "view_item", ids))
    table = session_table(from_events(log), spec=SessionsSpec(SessionRule(source=True)))
    assert table["cut"].to_pylist() == ["first", "length"]
    assert table["events"].to_pylist() == [3, 1]


@pytest.mark.parametrize(
    ("log", "engaged"),
    [
        (log_of((0, "search"), (10, "search")), False),  # not longer than 10 s
        (log_of((0, "search"), (10.000001, "search")), True),
        (log_of((0, "add_to_cart")), True),  # a key event
        (log_of((0, "view_item")), False),
        (log_of((0, "view_item"), (1, "view_item")), True),  # two views
        (log_of((0, "view_item"), (1, "view_item_list")), False),  # a list is no view
    ],
)
def test_engaged(log: list[dict[str, Any]], engaged: bool) -> None:
    assert session_table(from_events(log))["engaged"].to_pylist() == [engaged]
    result = result_of(from_events(log))
    assert (result.engaged_share, result.bounce_share) == ((1.0, 0.0) if engaged else (0.0, 1.0))


def test_what_engages_can_be_set() -> None:
    histories = from_events(log_of((0, "search"), (1, "page_view"), (2, "page_view")))
    assert result_of(histories).engaged_share == 0
    assert result_of(histories, key_event_types=["search"]).engaged_share == 1
    assert result_of(histories, view_event_types=["page_view"]).engaged_share == 1
    assert result_of(histories, engaged_s=1).engaged_share == 1


def test_midnight_is_the_shops() -> None:
    late = dt.datetime(2019, 10, 1, 21, 55, tzinfo=dt.UTC)  # 23:55 in Berlin
    log = [{"user_id": "u", "timestamp": late + dt.timedelta(minutes=m), "event_type": "view_item"} for m in (0, 5)]
    assert result_of(from_events(log, timezone="Europe/Berlin")).midnight_share == 1
    assert result_of(from_events(log)).midnight_share == 0


def test_a_campaign_change_looks_past_unknown_campaigns() -> None:
    def change(*campaigns: str | None) -> list[bool]:
        log = log_of(*((float(k), "view_item", {"campaign": c}) for k, c in enumerate(campaigns)))
        return [bool(x) for x in session_table(from_events(log))["campaign_change"].to_pylist()]

    assert change("spring", None, "spring", None) == [False]
    assert change(None, "spring", None, "autumn") == [True]
    assert change(None, None) == [False]


def test_robots_are_counted() -> None:
    log = [
        {"user_id": "robot", "timestamp": 0, "event_type": "view_item", "bot": "crawler"},
        {"user_id": "robot", "timestamp": 9_000 * US, "event_type": "view_item"},  # a robot's, though not flagged
        {"user_id": "person", "timestamp": 0, "event_type": "view_item"},
        {"user_id": "other", "timestamp": 0, "event_type": "view_item"},
    ]
    assert result_of(from_events(log)).bot_share == 2 / 4
    assert result_of(from_events(log), scope=Scope(exclude_bots=True)).sessions == 2


def test_by_local_day() -> None:
    # 22:30 UTC is half past midnight of the next day in Berlin.
    log = [
        {"user_id": "a", "timestamp": dt.datetime(2019, 10, 1, 22, 30, tzinfo=dt.UTC), "event_type": "view_item"},
        {"user_id": "b", "timestamp": dt.datetime(2019, 10, 1, 12, 0, tzinfo=dt.UTC), "event_type": "purchase"},
        {"user_id": "b", "timestamp": dt.datetime(2019, 10, 1, 14, 0, tzinfo=dt.UTC), "event_type": "view_item"},
    ]
    result = result_of(from_events(log, timezone="Europe/Berlin"), per="day")
    assert [(r.group, r.sessions, r.users, r.share, r.purchase_share) for r in result.rows] == [
        ("2019-10-01", 2, 1, 2 / 3, 1 / 2),
        ("2019-10-02", 1, 1, 1 / 3, 0.0),
    ]
    assert [row.group for row in result_of(from_events(log), per="month").rows] == ["2019-10"]
    assert next(iter(result.table_rows()[0])) == "day"


def test_days_before_1970_are_days() -> None:
    log = [{"user_id": "u", "timestamp": -1, "event_type": "view_item"}]
    assert [row.group for row in result_of(from_events(log), per="day").rows] == ["1969-12-31"]


def test_scope_is_applied_before_sessions_are_cut() -> None:
    histories = from_events(log_of((0, "view_item"), (1000, "search"), (2000, "view_item")))
    assert result_of(histories).sessions == 1
    assert result_of(histories, scope=Scope(from_us=1500 * US)).events == 1
    assert result_of(histories, scope=Scope(where="event_type = 'view_item'")).sessions == 2  # 2,000 s apart now


def test_no_events() -> None:
    result = result_of(from_events([]))
    assert (result.sessions, result.engaged_share, result.rows) == (0, None, ())
    assert str(result).startswith("no sessions")
    assert session_table(from_events([])).num_rows == 0


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"gap_s": 0}, "gap_s = 0 cannot be used; give a whole number of seconds from 1 to"),
        ({"max_s": 1.5}, "max_s = 1.5 cannot be used; give a whole number"),
        ({"engaged_s": -1}, "engaged_s = -1 cannot be used"),
        ({"per": "days"}, "unknown period 'days'; did you mean 'day'?"),
        ({"key_event_types": ["purchse"]}, "unknown event type 'purchse'; did you mean 'purchase'?"),
        ({"by": "devices"}, "unknown column to break down by 'devices'; did you mean 'device'?"),
    ],
)
def test_settings_that_cannot_be_used(given_: Mapping[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=r".") as caught:
        sessions(from_events(log_of((0, "view_item"))), **given_)
    assert message in str(caught.value)


def test_sessions_of_a_source_that_gives_none() -> None:
    histories = from_events(log_of((0, "view_item")))
    part = histories.partitions[0]
    arrays = {name: part.arrays[name] for name in ("timestamp_us", "event_type")}
    bare = dataclasses.replace(histories, partitions=[dataclasses.replace(part, arrays=arrays)])
    assert result_of(bare).sessions == 1
    with pytest.raises(InputError, match="no event of this log has a session_id; leave that out"):
        sessions(bare, source=True)


def test_columns_mapped_from_disk(tmp_path: Path) -> None:
    log = log_of((0, "view_item", {"session_id": "A"}), (1, "search"), (2, "purchase", {"session_id": "B"}))
    histories = from_events(log)
    part = histories.partitions[0]
    for name in ("timestamp_us", "event_type", "source_session"):
        np.save(tmp_path / f"{name}.npy", part.arrays[name])
    mapped = dataclasses.replace(histories, partitions=[dataclasses.replace(part, arrays={}, folder=tmp_path)])
    for source in (False, True):
        assert result_of(mapped, source=source) == result_of(histories, source=source)


def test_result_becomes_tables_and_json() -> None:
    histories = from_events(log_of((0, "view_item"), (9_000, "purchase")))
    result = result_of(histories)
    assert json.loads(result.to_json())["rows"][1]["group"] == "gap"
    assert list(json.loads(result.to_json())) == [
        *("sessions", "users", "events", "mean_events", "median_events", "mean_duration_s", "median_duration_s"),
        *("engaged_share", "bounce_share", "single_event_share", "purchase_share", "midnight_share"),
        *("campaign_change_share", "bot_share", "grouped_by", "rows", "without_source", "definition"),
    ]
    assert result.to_arrow()["cut"].to_pylist() == ["first", "gap"]
    assert list(result.to_pandas()["sessions"]) == [1, 1]
    assert result.to_polars()["sessions"].to_list() == [1, 1]
    assert str(result).startswith("2 sessions of 1 users, 2 events; 50.0% engaged, 50.0% with a purchase")


def engaged(session: Session) -> bool:
    types = [e["event_type"] for e in session["events"]]
    return duration_us(session) > 10 * US or bool(KEYS & set(types)) or types.count("view_item") >= 2


def duration_us(session: Session) -> int:
    return int(session["events"][-1]["timestamp"] - session["events"][0]["timestamp"])


def local_day(session: Session, event: int) -> dt.date:
    moment = dt.datetime.fromtimestamp(session["events"][event]["timestamp"] // US, ZoneInfo("America/New_York"))
    return moment.date()


def changes_campaign(session: Session) -> bool:
    known = [e["campaign"] for e in session["events"] if e["campaign"] is not None]
    return any(a != b for a, b in itertools.pairwise(known))


def check_measures(row: SessionsResult | SessionRow, expected: list[Session], robots: set[tuple[str, bool]]) -> None:
    n = len(expected)
    lengths = [len(s["events"]) for s in expected]
    durations_s = [duration_us(s) / US for s in expected]
    assert row.sessions == n
    assert row.users == len({(s["user"], s["anonymous"]) for s in expected})
    assert row.events == sum(lengths)
    assert row.mean_events == pytest.approx(statistics.fmean(lengths))
    assert row.median_events == statistics.median(lengths)
    assert row.mean_duration_s == pytest.approx(statistics.fmean(durations_s))
    assert row.median_duration_s == pytest.approx(statistics.median(durations_s))
    assert row.engaged_share == sum(map(engaged, expected)) / n
    assert row.single_event_share == lengths.count(1) / n
    assert row.purchase_share == sum(any(e["event_type"] == "purchase" for e in s["events"]) for s in expected) / n
    assert row.midnight_share == sum(local_day(s, 0) != local_day(s, -1) for s in expected) / n
    assert row.campaign_change_share == sum(map(changes_campaign, expected)) / n
    assert row.bot_share == sum((s["user"], s["anonymous"]) in robots for s in expected) / n


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.data(),
    source=st.booleans(),
    gap_s=st.sampled_from((1, 1800, 50_000)),
    max_s=st.sampled_from((10, 86_400)),
    partitions=st.sampled_from((1, 3, 16)),
    threads=st.sampled_from((1, 4)),
)
def test_twin(
    data: st.DataObject,
    logs: st.SearchStrategy[list[dict[str, Any]]],
    twin_sessions: Twin,
    source: bool,
    gap_s: int,
    max_s: int,
    partitions: int,
    threads: int,
) -> None:
    log = data.draw(logs)
    rule = SessionRule(gap_s, max_s, source)
    expected = twin_sessions(log, **dataclasses.asdict(rule))
    histories = from_events(log, partitions=partitions, timezone="America/New_York")
    scope = Scope(threads=threads)
    robots = {(s["user"], s["anonymous"]) for s in expected if any(e["bot"] for e in s["events"])}

    result = result_of(histories, gap_s=gap_s, max_s=max_s, source=source, scope=scope)
    check_measures(result, expected, robots)
    for row in result.rows:
        check_measures(row, [s for s in expected if s["cut"] == row.group], robots)
    assert sum(row.sessions for row in result.rows) == len(expected)
    daily = result_of(histories, gap_s=gap_s, max_s=max_s, source=source, per="day")
    assert [row.group for row in daily.rows] == sorted({local_day(s, 0).isoformat() for s in expected})
    for row in daily.rows:
        check_measures(row, [s for s in expected if local_day(s, 0).isoformat() == row.group], robots)

    table = session_table(histories, spec=SessionsSpec(rule), scope=scope).to_pylist()
    assert [(t["user_id"], t["anonymous"], t["session"], t["cut"], t["events"], t["engaged"]) for t in table] == [
        (s["user"], s["anonymous"], s["number"], s["cut"], len(s["events"]), engaged(s)) for s in expected
    ]
    moments = [(round(t["first_event"].timestamp() * US), round(t["last_event"].timestamp() * US)) for t in table]
    assert moments == [(s["events"][0]["timestamp"], s["events"][-1]["timestamp"]) for s in expected]

    sizes = [np.bincount(session_numbers(part, rule)).tolist() for part in histories.partitions if part.n_events]
    assert sorted(n for some in sizes for n in some) == sorted(len(s["events"]) for s in expected)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_breakdown_adds_up(data: st.DataObject, logs: st.SearchStrategy[list[dict[str, Any]]]) -> None:
    log = data.draw(logs)
    whole = result_of(from_events(log))
    parts = sessions(from_events(log, partitions=3), by="device")
    assert isinstance(parts, Breakdown)
    assert sum(result.sessions for _, result in parts.groups) == whole.sessions
    assert sum(result.users for _, result in parts.groups) == whole.users


def test_rees46_sample(shared_data: Path) -> None:
    # As its uploader cut it: the last line, whose user and session are torn off, still counts as an event here.
    with (shared_data / "rees46_oct2019_sample" / "2019-Oct.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    log = [
        {
            "user_id": row["user_id"],
            "timestamp": dt.datetime.strptime(row["event_time"], "%Y-%m-%d %H:%M:%S %Z").replace(tzinfo=dt.UTC),
            "event_type": row["event_type"],
            "session_id": row["user_session"],
        }
        for row in rows
    ]
    histories = from_events(log, partitions=4)
    by_time, by_source = result_of(histories), result_of(histories, source=True)
    assert (by_time.users, by_time.sessions) == (4_505, 4_519)
    # 5,066 ids; one of them is shared by two users, and the torn line has none.
    assert (by_source.sessions, by_source.without_source) == (5_066 + 1 + 1, 1)
