"""Lifecycle: by hand, against a slow twin, the identities between the states, and who is in one."""

from __future__ import annotations

import datetime as dt
import json
import re
import zoneinfo
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.histories.memory import from_events
from footfall.histories.store import Histories
from footfall.journeys._run import Breakdown, Scope
from footfall.journeys.lifecycle import STATES, LifecycleResult, LifecycleRow, LifecycleSpec, lifecycle, users_in

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
DAY_US = 86_400_000_000


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def ask(histories: Histories, **settings_: Any) -> LifecycleResult:
    result = lifecycle(histories, **settings_)
    assert isinstance(result, LifecycleResult)
    return result


def small_log(partitions: int = 1) -> Histories:
    """Active days of January 2024: a 1, 2, 3; b 1, 3; c 3; nobody on the 4th; b on the 5th until 12:00."""
    days = {"a": (1, 2, 3), "b": (1, 3, 5), "c": (3,)}
    events = [
        {"user_id": user, "timestamp": at(f"2024-01-0{day} {hour}:00"), "event_type": "view_item", "device": user}
        for user, when in days.items()
        for day in when
        for hour in (11, 12)
    ]
    return from_events(events, partitions=partitions)


def test_days_by_hand() -> None:
    assert ask(small_log(), unit="day").rows == (
        LifecycleRow("2024-01-01", new=2, returning=0, resurrecting=0, dormant=0, active=2, complete=True),
        LifecycleRow("2024-01-02", new=0, returning=1, resurrecting=0, dormant=1, active=1, complete=True),
        LifecycleRow("2024-01-03", new=1, returning=1, resurrecting=1, dormant=0, active=3, complete=True),
        LifecycleRow("2024-01-04", new=0, returning=0, resurrecting=0, dormant=3, active=0, complete=True),
        LifecycleRow("2024-01-05", new=0, returning=0, resurrecting=1, dormant=0, active=1, complete=False),
    )


def test_a_period_that_the_scope_cuts_is_not_complete() -> None:
    cut = Scope(from_us=int((at("2024-01-01 11:30") - EPOCH) / dt.timedelta(microseconds=1)))
    assert [row.complete for row in ask(small_log(), unit="day", scope=cut).rows] == [False, True, True, True, False]
    whole = Scope(from_us=int((at("2024-01-02 00:00") - EPOCH) / dt.timedelta(microseconds=1)))
    assert [row.complete for row in ask(small_log(), unit="day", scope=whole).rows] == [True, True, True, False]


def test_the_note_names_what_is_not_final() -> None:
    assert ask(small_log(), unit="day").notes()[1].startswith("Covered in part only: 2024-01-05;")


def test_clocks_set_back_over_midnight() -> None:
    # In St John's, 00:01 on 30 October 2005 (02:31 UTC) became 23:01 of the 29th: a minute of the 30th, then the 29th
    # again for an hour. Seen: 23:59:30 of the 29th, 00:00:15 of the 30th, 23:01:30 of the 29th, 01:00 of the 30th.
    seconds = (0, 45, 120, 7230)
    events = [
        {"user_id": "a", "timestamp": at("2005-10-30 02:29:30") + dt.timedelta(seconds=s), "event_type": "view_item"}
        for s in seconds
    ]
    for upto, days in ((1, [1]), (2, [1, 1]), (3, [1, 1]), (4, [1, 1])):
        result = ask(from_events(events[:upto], timezone="America/St_Johns"), unit="day")
        assert [row.active for row in result.rows] == days


def test_only_named_events_count() -> None:
    assert ask(small_log(), events="purchase").rows == ()
    assert ask(from_events([])).rows == ()


def test_users_in_a_state() -> None:
    def ids(period: str, state: Any) -> list[str]:
        found = users_in(small_log(3), LifecycleSpec("day"), period=period, state=state)
        return list(found["user_id"].to_pylist())

    assert ids("2024-01-01", "new") == ["a", "b"]
    assert ids("2024-01-03", "resurrecting") == ["b"]
    assert ids("2024-01-04", "dormant") == ["a", "b", "c"]
    assert ids("2024-01-04", "returning") == []
    with pytest.raises(InputError, match="unknown state 'asleep'"):
        ids("2024-01-04", "asleep")
    with pytest.raises(InputError, match="no day '2023-01-01' in this log"):
        ids("2023-01-01", "new")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"unit": "weeks"}, "unknown unit 'weeks'; did you mean 'week'?"),
        ({"events": ["vew_item"]}, "unknown event type 'vew_item'; did you mean 'view_item'"),
        ({"events": []}, "no event types given"),
    ],
)
def test_what_cannot_be_asked(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        lifecycle(small_log(), **wrong)


def test_json_keys_are_stable() -> None:
    answer = json.loads(ask(small_log(), unit="day").to_json())
    assert list(answer) == ["unit", "events", "rows"]
    assert list(answer["rows"][0]) == ["period", "new", "returning", "resurrecting", "dormant", "active", "complete"]


def test_a_breakdown_ends_with_the_log() -> None:
    result = lifecycle(small_log(), unit="day", by="device")
    assert isinstance(result, Breakdown)
    rows = dict(result.groups)["c"].rows
    assert [(row.period, row.new, row.dormant, row.complete) for row in rows] == [
        ("2024-01-03", 1, 0, True),
        ("2024-01-04", 0, 1, True),
        ("2024-01-05", 0, 0, False),
    ]


LOGS: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": st.sampled_from("abcdef"),
            "timestamp": st.builds(
                lambda day, shift: (
                    int((at("2021-10-20 22:00") - EPOCH) / dt.timedelta(microseconds=1)) + day * DAY_US + shift
                ),
                st.integers(0, 80),
                st.sampled_from([0, 1, -1, 3_600_000_000, -3_600_000_000]),
            ),
            "event_type": st.sampled_from(["view_item", "purchase", "ad_impression"]),
        }
    ),
    max_size=50,
)


def period_of(moment: int, unit: str, zone: str) -> tuple[int, str]:
    """Return a running number of the period and its label."""
    day = (EPOCH + dt.timedelta(microseconds=moment)).astimezone(zoneinfo.ZoneInfo(zone)).date()
    if unit == "day":
        return day.toordinal(), day.isoformat()
    if unit == "week":
        return (day.toordinal() - 1) // 7, f"{day:%G-W%V}"
    return day.year * 12 + day.month, f"{day:%Y-%m}"


@settings(max_examples=100, deadline=None)
@given(
    events=LOGS,
    unit=st.sampled_from(["day", "week", "month"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    names=st.sampled_from([None, ("purchase",)]),
    partitions=st.sampled_from([1, 3, 16]),
    threads=st.sampled_from([1, 4]),
)
def test_the_twin_agrees(
    events: list[dict[str, Any]], unit: Any, zone: str, names: Any, partitions: int, threads: int
) -> None:
    log, scope = from_events(events, partitions=partitions, timezone=zone), Scope(threads=threads)
    result = ask(log, unit=unit, events=names, scope=scope)
    active: dict[str, set[int]] = {}
    labels: dict[int, str] = {}
    for event in events:
        number, labels[number] = period_of(event["timestamp"], unit, zone)
        if event["event_type"] in (names or ("view_item", "purchase")):
            active.setdefault(event["user_id"], set()).add(number)
    begin = min((min(periods) for periods in active.values()), default=0)
    end = max(labels, default=0)
    after_log = period_of(max((e["timestamp"] for e in events), default=0) + 1, unit, zone)[0]
    expected = []
    for number in range(begin, end + 1) if active else ():
        state: dict[str, set[str]] = {name: set() for name in STATES}
        for user, periods in active.items():
            if number in periods:
                if number == min(periods):
                    state["new"].add(user)
                elif number - 1 in periods:
                    state["returning"].add(user)
                else:
                    state["resurrecting"].add(user)
            elif number - 1 in periods:
                state["dormant"].add(user)
        expected.append((labels.get(number), state, number < after_log))
    assert len(result.rows) == len(expected)
    for row, (label, state, complete) in zip(result.rows, expected, strict=True):
        assert label in {None, row.period}
        assert {name: getattr(row, name) for name in STATES} == {name: len(users) for name, users in state.items()}
        assert row.complete == complete
    for before, row in zip(result.rows, result.rows[1:], strict=False):
        assert row.active == row.new + row.returning + row.resurrecting
        assert row.dormant == before.active - row.returning
    if expected:
        row, (_, state, _) = result.rows[-1], expected[-1]
        for name in STATES:
            found = users_in(log, LifecycleSpec(unit, names), period=row.period, state=name, scope=scope)
            assert found["user_id"].to_pylist() == sorted(state[name])
