"""The shop's calendar: from UTC microseconds to local days, weeks and months, daylight saving included."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import zoneinfo
from typing import Literal

import numpy as np
import numpy.typing as npt

from footfall.errors import ConfigError
from footfall.schema import US_PER_DAY, US_PER_S

Unit = Literal["day", "week", "month"]
Int64 = npt.NDArray[np.int64]

_FIRST_YEAR, _LAST_YEAR = 1970, 2100


@dataclasses.dataclass(frozen=True)
class Calendar:
    """Calendar arithmetic in one zone.

    Attributes:
        timezone: An IANA name such as ``Europe/Berlin``.
    """

    timezone: str = "UTC"

    @property
    @functools.cache  # noqa: B019 - one per zone and process: finding them takes 0.05 s, and every analysis asks
    def _offsets(self) -> tuple[Int64, Int64]:
        """Moments at which the zone's offset from UTC changes, and the offset from then on; both in microseconds."""
        try:
            zone = zoneinfo.ZoneInfo(self.timezone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            raise ConfigError(
                f"unknown time zone {self.timezone!r}; give an IANA name such as UTC, Europe/Berlin or Asia/Shanghai"
            ) from None
        start = dt.datetime(_FIRST_YEAR, 1, 1, tzinfo=dt.UTC)
        hours = np.arange((dt.datetime(_LAST_YEAR, 1, 1, tzinfo=dt.UTC) - start) // dt.timedelta(hours=1), step=24 * 7)
        moments, offsets = [np.iinfo(np.int64).min], [_offset_us(zone, start)]
        for week in hours:
            low, high = start + dt.timedelta(hours=int(week)), start + dt.timedelta(hours=int(week) + 24 * 7)
            if _offset_us(zone, high) == offsets[-1]:
                continue
            while high - low > dt.timedelta(minutes=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if _offset_us(zone, middle) == offsets[-1] else (low, middle)
            change = high.replace(second=0, microsecond=0)
            moments.append(int((change - start) / dt.timedelta(microseconds=1)))
            offsets.append(_offset_us(zone, high))
        return np.array(moments, np.int64), np.array(offsets, np.int64)

    def local_us(self, timestamp_us: Int64) -> Int64:
        """Return wall-clock microseconds (as if they were UTC) of UTC microseconds, int64, same shape."""
        moments, offsets = self._offsets
        if len(offsets) == 1:
            fixed: Int64 = timestamp_us + offsets[0]
            return fixed
        shifted: Int64 = timestamp_us + offsets[np.searchsorted(moments, timestamp_us, side="right") - 1]
        return shifted

    def day(self, timestamp_us: Int64) -> Int64:
        """Return local days since 1970-01-01, int64, same shape."""
        return self.local_us(timestamp_us) // US_PER_DAY

    def period(self, timestamp_us: Int64, unit: Unit) -> Int64:
        """Return each time's local period as a running number: days, ISO weeks (Monday first) or months since 1970.

        Args:
            timestamp_us: UTC microseconds.
            unit: ``day``, ``week`` or ``month``.
        """
        day = self.day(timestamp_us)
        if unit == "day":
            return day
        if unit == "week":
            return (day + 3) // 7  # 1970-01-01 was a Thursday
        month: Int64 = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        return month

    def start_us(self, period: int, unit: Unit) -> int:
        """Return the UTC microsecond at which a period begins (the first wall-clock moment of its first day)."""
        if unit == "month":
            first = np.datetime64(int(period), "M").astype("datetime64[D]").astype(int)
        else:
            first = period if unit == "day" else period * 7 - 3
        wall = int(first) * US_PER_DAY
        moments, offsets = (values.tolist() for values in self._offsets)
        until = [*moments[1:], np.iinfo(np.int64).max]
        # Midnight may be skipped (then the day begins at the change) or come twice (then it begins at the first).
        firsts = (max(wall - o, m) for m, o in zip(moments, offsets, strict=True))
        return int(next(first for first, end in zip(firsts, until, strict=True) if first < end))

    def label(self, period: int, unit: Unit) -> str:
        """Write a period: ``2019-10-01``, ``2019-W40`` or ``2019-10``.

        >>> Calendar().label(2075, "week")
        '2009-W41'
        """
        if unit == "month":
            return str(np.datetime64(int(period), "M"))
        first = dt.date(1970, 1, 1) + dt.timedelta(days=int(period) if unit == "day" else int(period) * 7 - 3)
        if unit == "day":
            return first.isoformat()
        year, week, _ = first.isocalendar()
        return f"{year}-W{week:02d}"


def _offset_us(zone: zoneinfo.ZoneInfo, moment: dt.datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) * US_PER_S
