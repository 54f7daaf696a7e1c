from __future__ import annotations

import datetime as dt
import zoneinfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import ConfigError
from footfall.histories.calendar import Calendar, Unit

# Half-hour zones, one that moves by half an hour, and three whose clocks change at midnight.
ZONES = ["UTC", "Europe/Berlin", "Asia/Shanghai", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
ZONES += ["America/Sao_Paulo", "Asia/Beirut", "America/Havana"]
UNITS: list[Unit] = ["day", "week", "month"]
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def us(moment: dt.datetime) -> int:
    return (moment - EPOCH) // dt.timedelta(microseconds=1)


# Zones change their offset in whole minutes since the 1970s; before, and beyond the table, nothing is promised.
moments = st.datetimes(dt.datetime(1975, 1, 1), dt.datetime(2095, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001


@settings(max_examples=150, deadline=None)
@given(moments, st.sampled_from(ZONES))
def test_local_time_is_that_of_the_zone_database(moment: dt.datetime, zone: str) -> None:
    local = moment.astimezone(zoneinfo.ZoneInfo(zone)).replace(tzinfo=dt.UTC)
    calendar = Calendar(zone)
    times = np.array([us(moment)])
    assert calendar.local_us(times).tolist() == [us(local)]
    assert calendar.day(times).tolist() == [(local.date() - EPOCH.date()).days]
    assert calendar.period(times, "month").tolist() == [(local.year - 1970) * 12 + local.month - 1]
    year, week, _ = local.isocalendar()
    assert calendar.label(int(calendar.period(times, "week")[0]), "week") == f"{year}-W{week:02d}"
    assert calendar.label(int(calendar.period(times, "day")[0]), "day") == local.date().isoformat()
    assert calendar.label(int(calendar.period(times, "month")[0]), "month") == f"{local:%Y-%m}"


@settings(max_examples=150, deadline=None)
@given(moments, st.sampled_from(ZONES), st.sampled_from(UNITS))
def test_a_period_begins_at_its_start_and_not_before(moment: dt.datetime, zone: str, unit: Unit) -> None:
    calendar = Calendar(zone)
    period = int(calendar.period(np.array([us(moment)]), unit)[0])
    start, following = calendar.start_us(period, unit), calendar.start_us(period + 1, unit)
    assert start <= us(moment) < following
    edge = np.array([start - 1, start, following - 1, following])
    assert calendar.period(edge, unit).tolist() == [period - 1, period, period, period + 1]


def test_a_change_of_clocks_moves_the_day_not_its_number() -> None:
    berlin = Calendar("Europe/Berlin")
    day = int(berlin.day(np.array([us(dt.datetime(2021, 3, 28, 12, tzinfo=dt.UTC))]))[0])
    # 2021-03-28 has 23 hours in Berlin (clocks go forward at 01:00 UTC), 2021-10-31 has 25
    assert (berlin.start_us(day + 1, "day") - berlin.start_us(day, "day")) == 23 * 3600 * 1_000_000
    assert berlin.start_us(day, "day") == us(dt.datetime(2021, 3, 27, 23, tzinfo=dt.UTC))
    autumn = day + (dt.date(2021, 10, 31) - dt.date(2021, 3, 28)).days
    assert (berlin.start_us(autumn + 1, "day") - berlin.start_us(autumn, "day")) == 25 * 3600 * 1_000_000


def test_the_change_is_found_to_the_microsecond() -> None:
    berlin = Calendar("Europe/Berlin")
    change = us(dt.datetime(2021, 3, 28, 1, tzinfo=dt.UTC))
    before, after = berlin.local_us(np.array([change - 1, change])).tolist()
    assert after - before == 3600 * 1_000_000 + 1


def test_weeks_begin_on_monday() -> None:
    calendar = Calendar()
    sunday, monday = dt.datetime(2021, 1, 3, tzinfo=dt.UTC), dt.datetime(2021, 1, 4, tzinfo=dt.UTC)
    weeks = calendar.period(np.array([us(sunday), us(monday)]), "week").tolist()
    assert weeks[1] == weeks[0] + 1
    assert [calendar.label(week, "week") for week in weeks] == ["2020-W53", "2021-W01"]
    assert calendar.start_us(weeks[1], "week") == us(monday)


def test_an_unknown_zone_says_what_to_give() -> None:
    with pytest.raises(ConfigError, match=r"unknown time zone 'Berlin'; give an IANA name such as UTC, Europe/Berlin"):
        Calendar("Berlin").day(np.array([0]))
