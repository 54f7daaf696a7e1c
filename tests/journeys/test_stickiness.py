"""Stickiness: by hand, against a slow twin, and the identity behind the ratio."""

from __future__ import annotations

import calendar
import datetime as dt
import json
import re
import zoneinfo
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.histories.memory import from_events
from footfall.histories.store import Histories
from footfall.journeys._run import Breakdown, Scope
from footfall.journeys.stickiness import IntervalRow, StickinessResult, StickinessSpec, stickiness, users_in

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
DAY_US = 86_400_000_000


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def ask(histories: Histories, **settings_: Any) -> StickinessResult:
    result = stickiness(histories, **settings_)
    assert isinstance(result, StickinessResult)
    return result


def small_log(partitions: int = 1) -> Histories:
    """January 2024, whose 1st is a Monday: a on the 1st, 2nd, 7th; b twice on the 1st; a on the 8th, a Monday."""
    days = {"a": (1, 2, 7, 8), "b": (1, 1)}
    events = [
        {"user_id": user, "timestamp": at(f"2024-01-0{day} 12:00"), "event_type": "view_item", "device": user}
        for user, when in days.items()
        for day in when
    ]
    return from_events(events, partitions=partitions)


def test_weeks_by_hand() -> None:
    result = ask(small_log())
    first = [row for row in result.rows if row.interval == "2024-W01"]
    assert [row.days for row in first] == [1, 2, 3, 4, 5, 6, 7]
    assert [row.users for row in first] == [1, 0, 1, 0, 0, 0, 0]  # b on one day, a on three
    assert [row.at_least for row in first] == [2, 1, 1, 0, 0, 0, 0]
    assert [row.share for row in first[:3]] == [0.5, 0.0, 0.5]
    # Week 1 has 3 + 1 active days of two users on 7 days; week 2 is covered for one day only, with a on it.
    assert result.intervals == (
        IntervalRow("2024-W01", 2, 7, 4 / 7, 2.0, 4 / 7 / 2, complete=True),
        IntervalRow("2024-W02", 1, 1, 1.0, 1.0, 1.0, complete=False),
    )
    assert [(row.interval, row.days, row.users) for row in result.overall[:3]] == [
        ("(all)", 1, 1),
        ("(all)", 2, 0),
        ("(all)", 3, 1),
    ]


def test_the_table_shows_intervals_then_days() -> None:
    lines = str(ask(small_log())).splitlines()
    assert lines[0] == "stickiness: active days per week, users with any event"
    assert lines[3].split() == ["2024-W01", "2", "7", "0.5714", "2", "0.2857", "yes"]
    assert lines[-1] == "Covered in part only: 2024-W02."


def test_nothing_is_no_error() -> None:
    assert ask(from_events([])).intervals == ()
    empty = ask(small_log(), events="purchase")
    assert empty.rows == ()
    assert [(row.users, row.daily_users, row.ratio) for row in empty.intervals] == [(0, 0.0, None), (0, 0.0, None)]


def test_users_by_number_of_days() -> None:
    def ids(**cell: Any) -> list[str]:
        return list(users_in(small_log(3), StickinessSpec(), **cell)["user_id"].to_pylist())

    assert ids(interval="2024-W01", days=1) == ["b"]
    assert ids(interval="2024-W01", days=1, at_least=True) == ["a", "b"]
    assert ids(interval="2024-W02", days=2) == []
    with pytest.raises(InputError, match="days = 8 cannot be used; accepted: 1 to 7"):
        ids(interval="2024-W01", days=8)
    with pytest.raises(InputError, match="no week '2024-W09' in this log"):
        ids(interval="2024-W09", days=1)


def test_what_cannot_be_asked() -> None:
    with pytest.raises(InputError, match=re.escape("unknown interval 'day'. Accepted: month, week")):
        stickiness(small_log(), interval="day")  # type: ignore[arg-type]


def test_json_keys_are_stable() -> None:
    answer = json.loads(ask(small_log()).to_json())
    assert list(answer) == ["interval", "events", "rows", "intervals", "overall"]
    assert list(answer["rows"][0]) == ["interval", "days", "users", "at_least", "share", "complete"]
    assert list(answer["intervals"][0]) == [
        "interval", "users", "days", "daily_users", "mean_days", "ratio", "complete"
    ]  # fmt: skip


def test_a_breakdown_covers_the_days_of_the_whole_log() -> None:
    result = stickiness(small_log(), by="device")
    assert isinstance(result, Breakdown)
    assert [(row.users, row.days) for row in dict(result.groups)["b"].intervals] == [(1, 7), (0, 1)]


LOGS: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": st.sampled_from("abcd"),
            "timestamp": st.builds(
                lambda day, shift: (
                    int((at("2021-03-10 22:00") - EPOCH) / dt.timedelta(microseconds=1)) + day * DAY_US + shift
                ),
                st.integers(0, 60),
                st.sampled_from([0, 1, -1, 3_600_000_000, -3_600_000_000]),
            ),
            "event_type": st.sampled_from(["view_item", "purchase", "message_sent"]),
        }
    ),
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(
    events=LOGS,
    interval=st.sampled_from(["week", "month"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
    partitions=st.sampled_from([1, 3, 16]),
    threads=st.sampled_from([1, 4]),
)
def test_the_twin_agrees(events: list[dict[str, Any]], interval: Any, zone: str, partitions: int, threads: int) -> None:
    log, scope = from_events(events, partitions=partitions, timezone=zone), Scope(threads=threads)
    result = ask(log, interval=interval, scope=scope)

    def local(moment: int) -> dt.date:
        return (EPOCH + dt.timedelta(microseconds=moment)).astimezone(zoneinfo.ZoneInfo(zone)).date()

    def label(day: dt.date) -> str:
        return f"{day:%G-W%V}" if interval == "week" else f"{day:%Y-%m}"

    days: dict[tuple[str, str], set[dt.date]] = defaultdict(set)
    for event in events:
        if event["event_type"] != "message_sent":
            day = local(event["timestamp"])
            days[label(day), event["user_id"]].add(day)
    moments = [event["timestamp"] for event in events]
    covered: dict[str, int] = defaultdict(int)
    if moments:
        day = local(min(moments))
        while day <= local(max(moments)):
            covered[label(day)] += 1
            day += dt.timedelta(days=1)
    assert [row.interval for row in result.intervals] == list(covered)
    for row in result.intervals:
        mine = {user: len(found) for (name, user), found in days.items() if name == row.interval}
        assert (row.users, row.days) == (len(mine), covered[row.interval])
        assert row.daily_users == sum(mine.values()) / row.days
        assert row.complete == (label(local(max(moments) + 1)) > row.interval)
        if mine:
            assert row.mean_days is not None
            assert row.mean_days == pytest.approx(sum(mine.values()) / len(mine))
            assert row.ratio == pytest.approx(row.daily_users / row.users)
            assert row.ratio == pytest.approx(row.mean_days / row.days)
        cells = [cell for cell in result.rows if cell.interval == row.interval]
        assert len(cells) == ({"week": 7, "month": 31}[interval] if mine else 0)
        for cell in cells:
            assert cell.users == sum(n == cell.days for n in mine.values())
            assert cell.at_least == sum(n >= cell.days for n in mine.values())
            assert cell.share == cell.users / len(mine)
        if cells:
            most = max(mine.values())
            found = users_in(log, StickinessSpec(interval), interval=row.interval, days=most, scope=scope)
            assert found["user_id"].to_pylist() == sorted(user for user, n in mine.items() if n == most)
    whole = {row.interval for row in result.intervals if row.complete}
    for cell in result.overall:
        assert cell.users == sum(row.users for row in result.rows if row.interval in whole and row.days == cell.days)
    if interval == "month":
        for row in result.intervals:
            year, month = map(int, row.interval.split("-"))
            assert row.days <= calendar.monthrange(year, month)[1]
