"""Retention: by hand, against a slow twin, whatever the partitions; marks of what had not ended; who is in a cell."""

from __future__ import annotations

import datetime as dt
import json
import re
import zoneinfo
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.histories.memory import from_events
from footfall.histories.store import Histories
from footfall.journeys._run import Breakdown, Scope
from footfall.journeys.retention import RetentionResult, RetentionRow, RetentionSpec, retention, users_in

DAY_US = 86_400_000_000
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
PASSIVE = {"view_item_list", "view_promotion", "ad_impression", "message_sent"}
Event = dict[str, Any]


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def ask(histories: Histories, **settings_: Any) -> RetentionResult:
    result = retention(histories, **settings_)
    assert isinstance(result, RetentionResult)
    return result


def small_log(partitions: int = 1) -> Histories:
    """Days of January 2024 (the 1st is a Monday): a 1, 2, 4; b 1, 4; c 2, 3; the log ends on the 4th at 12:00."""
    days = {"a": (1, 2, 4), "b": (1, 4), "c": (2, 3)}
    events = [
        {"user_id": user, "timestamp": at(f"2024-01-0{day} 12:00"), "event_type": "view_item", "country": country}
        for (user, when), country in zip(days.items(), ("DE", "DE", "FR"), strict=True)
        for day in when
    ]
    return from_events(events, partitions=partitions)


def test_calendar_days_by_hand() -> None:
    result = ask(small_log(), unit="day")
    # Cohort of the 1st: a and b. The 2nd: a; the 3rd: nobody; the 4th: both, and that day is not over.
    # Cohort of the 2nd: c. The 3rd: c; the 4th: nobody yet.
    assert result.rows == (
        RetentionRow("2024-01-01", 2, 0, 2, 1.0, complete=True, observed=2),
        RetentionRow("2024-01-01", 2, 1, 1, 0.5, complete=True, observed=2),
        RetentionRow("2024-01-01", 2, 2, 0, 0.0, complete=True, observed=2),
        RetentionRow("2024-01-01", 2, 3, 2, 1.0, complete=False, observed=0),
        RetentionRow("2024-01-02", 1, 0, 1, 1.0, complete=True, observed=1),
        RetentionRow("2024-01-02", 1, 1, 1, 1.0, complete=True, observed=1),
        RetentionRow("2024-01-02", 1, 2, 0, 0.0, complete=False, observed=0),
    )
    # Complete cells only: period 1 has (1 + 1) of (2 + 1), period 2 has 0 of 2.
    assert [(p.period, p.cohorts, p.size, p.users, p.share) for p in result.overall] == [
        (0, 2, 3, 3, 1.0),
        (1, 2, 3, 2, 2 / 3),
        (2, 1, 2, 0, 0.0),
    ]


def test_a_day_is_complete_when_the_log_has_its_last_microsecond() -> None:
    last = at("2024-01-05 00:00") - dt.timedelta(microseconds=1)
    events = [{"user_id": "a", "timestamp": t, "event_type": "x"} for t in (at("2024-01-04 12:00"), last)]
    assert [row.complete for row in ask(from_events(events), unit="day").rows] == [True]
    events[1]["timestamp"] = last - dt.timedelta(microseconds=1)
    assert [row.complete for row in ask(from_events(events), unit="day").rows] == [False]


def test_on_or_after_counts_those_who_come_later() -> None:
    result = ask(small_log(), unit="day", counting="on_or_after")
    # Cohort of the 1st: both are back on the 4th, so both are back on or after each day before it.
    assert [row.users for row in result.rows if row.cohort == "2024-01-01"] == [2, 2, 2, 2]
    assert [row.users for row in result.rows if row.cohort == "2024-01-02"] == [1, 1, 0]


def test_recurring_enters_a_cohort_in_every_period() -> None:
    result = ask(small_log(), unit="day", cohort="recurring")
    # Entries: 1st a, b; 2nd a, c; 3rd c; 4th a, b. Of the 2nd's: the 3rd has c, the 4th a.
    sizes = {row.cohort: row.size for row in result.rows}
    assert sizes == {"2024-01-01": 2, "2024-01-02": 2, "2024-01-03": 1, "2024-01-04": 2}
    assert [row.users for row in result.rows if row.cohort == "2024-01-02"] == [2, 1, 1]


def test_shares_against_the_period_before() -> None:
    result = ask(small_log(), unit="day", against="previous")
    # Cohort of the 1st has 2, 1, 0, 2: 1/2, 0/1, and 2 of nobody.
    assert [row.share for row in result.rows if row.cohort == "2024-01-01"] == [1.0, 0.5, 0.0, None]
    # Period 1: (1 + 1) of (2 + 1); period 2: 0 of the 1 of the first cohort, for the second has not completed it.
    assert [point.share for point in result.overall] == [1.0, 2 / 3, 0.0]


def test_rolling_periods_count_from_each_users_entry() -> None:
    moments = {"a": ("2024-01-01 23:00", "2024-01-02 01:00", "2024-01-02 23:00"), "b": ("2024-01-01 10:00",)}
    events = [
        {"user_id": user, "timestamp": at(moment), "event_type": "x"}
        for user, when in moments.items()
        for moment in when
    ]
    result = ask(from_events(events), unit="day", clock="rolling")
    # a: two hours later is still period 0; exactly 24 h later is period 1. The log ends 1 us after 2024-01-02 23:00:
    # period 0 is over for both (a's ended that very moment), period 1 for nobody: a's began, b's ends on the 3rd.
    assert result.rows == (
        RetentionRow("2024-01-01", 2, 0, 2, 1.0, complete=True, observed=2),
        RetentionRow("2024-01-01", 2, 1, 1, 0.5, complete=False, observed=0),
    )


def test_periods_are_of_the_shops_zone() -> None:
    # 23:30 UTC on the 1st is the 2nd in Berlin.
    moments = ("2024-01-01 12:00", "2024-01-01 23:30")
    events = [{"user_id": "a", "timestamp": at(m), "event_type": "x"} for m in moments]
    assert [row.users for row in ask(from_events(events), unit="day").rows] == [1]
    assert [row.users for row in ask(from_events(events, timezone="Europe/Berlin"), unit="day").rows] == [1, 1]


@pytest.mark.parametrize("clock", ["calendar", "rolling"])
def test_a_day_that_comes_twice_is_one_cohort(clock: str) -> None:
    # In St John's, 00:01 on 30 October 2005 became 23:01 of the 29th. Seen: 23:59:30, 00:00:15, 23:01:30, 01:00.
    events = [
        {"user_id": "a", "timestamp": at("2005-10-30 02:29:30") + dt.timedelta(seconds=s), "event_type": "x"}
        for s in (0, 45, 120, 7230)
    ]
    result = ask(from_events(events, timezone="America/St_Johns"), unit="day", cohort="recurring", clock=clock)
    assert {row.cohort: row.size for row in result.rows} == {"2005-10-29": 1, "2005-10-30": 1}


def test_what_is_done_to_users_is_no_activity_unless_named() -> None:
    events = [
        {"user_id": "a", "timestamp": at("2024-01-01 12:00"), "event_type": "view_item"},
        {"user_id": "a", "timestamp": at("2024-01-02 12:00"), "event_type": "message_sent"},
        {"user_id": "b", "timestamp": at("2024-01-03 12:00"), "event_type": "view_item"},
    ]
    log = from_events(events)
    result = ask(log, unit="day")
    assert [row.users for row in result.rows if row.cohort == "2024-01-01"] == [1, 0, 0]
    assert result.returns == "any event except message_sent"
    named = ask(log, unit="day", returns="message_sent")
    assert [row.users for row in named.rows if row.cohort == "2024-01-01"] == [1, 1, 0]


def test_a_known_event_type_that_the_log_lacks_is_an_empty_answer() -> None:
    assert ask(small_log(), start="purchase").rows == ()
    assert ask(from_events([])).rows == ()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"unit": "month", "clock": "rolling"}, "a rolling month has no fixed length; rolling periods are day"),
        ({"unit": "year"}, "unknown unit 'year'. Accepted: day, month, week"),
        ({"cohort": "first"}, "unknown cohort 'first'; did you mean 'first_time'?"),
        ({"counting": "after"}, "unknown counting 'after'"),
        ({"clock": "roling"}, "unknown clock 'roling'; did you mean 'rolling'?"),
        ({"against": "next"}, "unknown against 'next'"),
        ({"periods": 0}, "periods = 0 cannot be used; accepted: 1 to 1000"),
        ({"start": "purchas"}, "unknown event type 'purchas'; did you mean 'purchase'?"),
        ({"start": ()}, "no event types given"),
        ({"by": "colour"}, "unknown column to break down by 'colour'"),
    ],
)
def test_what_cannot_be_asked(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        retention(small_log(), **wrong)


def test_users_behind_a_cell() -> None:
    def ids(**cell: Any) -> list[str]:
        return list(users_in(small_log(3), RetentionSpec(unit="day"), **cell)["user_id"].to_pylist())

    assert ids(cohort="2024-01-01", period=0) == ["a", "b"]
    assert ids(cohort="2024-01-01", period=1) == ["a"]
    assert ids(cohort="2024-01-01", period=2) == []
    with pytest.raises(InputError, match="no day '2024-02-01' in this log; it runs from 2024-01-01 to 2024-01-04"):
        ids(cohort="2024-02-01", period=0)
    with pytest.raises(InputError, match="no period 31; accepted: 0 to 30"):
        ids(cohort="2024-01-01", period=31)


def test_json_keys_are_stable() -> None:
    answer = json.loads(ask(small_log(), unit="day").to_json())
    assert list(answer) == [
        "unit", "cohort", "counting", "clock", "against", "start", "returns", "rows", "overall"
    ]  # fmt: skip
    assert list(answer["rows"][0]) == ["cohort", "size", "period", "users", "share", "complete", "observed"]
    assert list(answer["overall"][0]) == ["period", "cohorts", "size", "users", "share"]


def test_the_triangle_is_drawn() -> None:
    lines = str(ask(small_log(), unit="day")).splitlines()
    assert lines[0] == "retention by day: from the first any event to any event"
    assert lines[3].split() == ["2024-01-01", "2", "100.0%", "50.0%", "0.0%", "100.0%*"]
    assert lines[5].split() == ["(all)", "3", "100.0%", "66.7%", "0.0%"]


def test_a_breakdown_keeps_the_marks_of_the_whole_log() -> None:
    result = retention(small_log(), unit="day", by="country")
    assert isinstance(result, Breakdown)
    groups = dict(result.groups)
    assert [row.users for row in groups["DE"].rows] == [2, 1, 0, 2]
    # c was last seen on the 3rd, but the log saw the 3rd to its end.
    assert [(row.users, row.complete) for row in groups["FR"].rows] == [(1, True), (1, True), (0, False)]


ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
SHIFTS = (0, 0, 1, -1, 3_600_000_000, -3_600_000_000)


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    """Logs around the end of winter time in 2021, with moments that are whole days and a microsecond beside them."""
    base = int((at("2021-03-20 23:00") - EPOCH) / dt.timedelta(microseconds=1))
    moment = st.builds(lambda day, shift: base + day * DAY_US + shift, st.integers(0, 40), st.sampled_from(SHIFTS))
    event = st.fixed_dictionaries(
        {
            "user_id": st.sampled_from("abcdefg"),
            "timestamp": moment,
            "event_type": st.sampled_from(["view_item", "purchase", "message_sent"]),
        }
    )
    return draw(st.lists(event, max_size=40))


SPECS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "unit": st.sampled_from(["day", "week", "month"]),
        "periods": st.sampled_from([None, 1, 3]),
        "start": st.sampled_from([None, ("purchase",), ("view_item", "message_sent")]),
        "returns": st.sampled_from([None, ("purchase",)]),
        "cohort": st.sampled_from(["first_time", "recurring"]),
        "counting": st.sampled_from(["on", "on_or_after"]),
        "clock": st.sampled_from(["calendar", "rolling"]),
        "against": st.sampled_from(["start", "previous"]),
    }
).filter(lambda s: (s["unit"], s["clock"]) != ("month", "rolling"))


def number(moment: int, unit: str, zone: str) -> int:
    day = (EPOCH + dt.timedelta(microseconds=moment)).astimezone(zoneinfo.ZoneInfo(zone)).date()
    if unit == "day":
        return day.toordinal()
    if unit == "week":
        return (day.toordinal() - 1) // 7
    return day.year * 12 + day.month - 1


def label(moment: int, unit: str, zone: str) -> str:
    day = (EPOCH + dt.timedelta(microseconds=moment)).astimezone(zoneinfo.ZoneInfo(zone)).date()
    return {"day": day.isoformat(), "week": f"{day:%G-W%V}", "month": f"{day:%Y-%m}"}[unit]


Twin = dict[tuple[str, int], tuple[int, set[str], int, bool]]


def twin(events: list[Event], spec: dict[str, Any], zone: str, begin: int | None, end: int | None) -> Twin:
    """Return (cohort, period) to (size, entries that returned, entries that were observed, complete), from the text."""
    unit, rolling = spec["unit"], spec["clock"] == "rolling"
    length = {"day": DAY_US, "week": 7 * DAY_US}.get(unit, 0)
    columns = 1 + (spec["periods"] or {"day": 30, "week": 12, "month": 12}[unit])
    log_end = max((e["timestamp"] for e in events), default=0) + 1
    if end is not None:
        log_end = min(log_end, end)
    seen = [e for e in events if (begin is None or e["timestamp"] >= begin) and (end is None or e["timestamp"] < end)]

    def counts(event: Event, names: tuple[str, ...] | None) -> bool:
        return event["event_type"] not in PASSIVE if names is None else event["event_type"] in names

    entries: dict[str, list[tuple[str, int]]] = defaultdict(list)  # cohort to (user, moment of entry)
    for user in {e["user_id"] for e in seen}:
        mine = sorted(e["timestamp"] for e in seen if e["user_id"] == user and counts(e, spec["start"]))
        entered: set[str] = set()
        for moment in mine if spec["cohort"] == "recurring" else mine[:1]:
            if label(moment, unit, zone) not in entered:
                entered.add(label(moment, unit, zone))
                entries[label(moment, unit, zone)].append((user, moment))
    cells: Twin = {}
    for cohort, members in entries.items():
        over = number(log_end, unit, zone) > number(members[0][1], unit, zone)
        for k in range(columns):
            began, observed, back = 0, 0, set()
            for user, entry in members:
                returns = [e["timestamp"] for e in seen if e["user_id"] == user and counts(e, spec["returns"])]
                if rolling:
                    began += entry + k * length < log_end
                    observed += entry + (k + 1) * length <= log_end
                    periods = {(r - entry) // length for r in returns if r > entry}
                else:
                    own = number(entry, unit, zone)
                    began += own + k <= number(log_end - 1, unit, zone)
                    observed += own + k < number(log_end, unit, zone)
                    periods = {number(r, unit, zone) - own for r in returns}
                if k == 0 or (k in periods if spec["counting"] == "on" else max(periods, default=-1) >= k):
                    back.add(user)
            if began:
                cells[cohort, k] = (len(members), back, observed, over and observed == len(members))
    return cells


@settings(max_examples=120, deadline=None)
@given(
    events=logs(),
    spec=SPECS,
    zone=st.sampled_from(ZONES),
    partitions=st.sampled_from([1, 3, 16]),
    threads=st.sampled_from([1, 4]),
    cut=st.sampled_from([None, (5, None), (None, 30), (5, 30)]),
)
def test_the_twin_agrees(
    events: list[Event],
    spec: dict[str, Any],
    zone: str,
    partitions: int,
    threads: int,
    cut: tuple[int | None, int | None] | None,
) -> None:
    base = int((at("2021-03-20 23:00") - EPOCH) / dt.timedelta(microseconds=1))
    begin, end = (None if day is None else base + day * DAY_US for day in cut or (None, None))
    log = from_events(events, partitions=partitions, timezone=zone)
    scope = Scope(from_us=begin, to_us=end, threads=threads)
    result = ask(log, scope=scope, **spec)
    expected = twin(events, spec, zone, begin, end)
    found = {(row.cohort, row.period): (row.size, row.users, row.observed, row.complete) for row in result.rows}
    assert found == {cell: (size, len(back), seen, done) for cell, (size, back, seen, done) in expected.items()}
    assert list(found) == sorted(found)
    for row in result.rows:
        of = row.size
        if spec["against"] == "previous" and row.period:
            of = len(expected[row.cohort, row.period - 1][1])
        assert row.share == (row.users / of if of else None)
    for point in result.overall:
        done = {cohort: cell for (cohort, k), cell in expected.items() if k == point.period and cell[3]}
        before = sum(len(expected[cohort, max(point.period - 1, 0)][1]) for cohort in done)
        of = before if spec["against"] == "previous" else sum(cell[0] for cell in done.values())
        users = sum(len(cell[1]) for cell in done.values())
        assert (point.cohorts, point.users, point.share) == (len(done), users, users / of if of else None)
    assert len(result.overall) == len({k for (_, k), cell in expected.items() if cell[3]})
    for cohort, k in list(expected)[:: max(len(expected) // 4, 1)]:
        who = users_in(log, RetentionSpec(**spec), cohort=cohort, period=k, scope=scope)["user_id"].to_pylist()
        assert who == sorted(expected[cohort, k][1])


def test_cdnow_is_three_monthly_cohorts(shared_data: Path) -> None:
    lines = [line.split() for line in (shared_data / "cdnow" / "CDNOW_master.txt").read_text("utf-8").splitlines()]
    bought = sorted(
        (dt.datetime.strptime(w[1], "%Y%m%d").replace(tzinfo=dt.UTC), w[0]) for w in lines if w[0].isdigit()
    )
    events = [{"user_id": user, "timestamp": day, "event_type": "purchase"} for day, user in bought]
    result = ask(from_events(events, partitions=4), unit="month", start="purchase", returns="purchase")
    first_seen: dict[str, str] = {}
    later: set[tuple[str, str]] = set()
    for day, user in bought:
        first_seen.setdefault(user, f"{day:%Y-%m}")
        later.add((user, f"{day:%Y-%m}"))
    sizes = {row.cohort: row.size for row in result.rows}
    assert sum(sizes.values()) == 23_570
    assert list(sizes) == ["1997-01", "1997-02", "1997-03"]  # who first bought in the first quarter of 1997
    one = next(row for row in result.rows if (row.cohort, row.period) == ("1997-01", 1))
    assert one.users == sum(first_seen[user] == "1997-01" and month == "1997-02" for user, month in later)
