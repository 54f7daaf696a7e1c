"""When people come: the hours of the week, the days of the year, the seasons of what they buy."""

from __future__ import annotations

import datetime as dt
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.simulator.taxonomy import LEAVES

Float = npt.NDArray[np.float64]

RHYTHMS: Final = ("mornings", "lunch breaks", "evenings", "nights", "weekends")
"""Ways to spread one's visits over the week; the code of a rhythm is its place."""
RHYTHM_SHARES: Final = (0.15, 0.2, 0.35, 0.12, 0.18)


def _dates(start: dt.date, days: int) -> list[dt.date]:
    return [start + dt.timedelta(days=d) for d in range(days)]


def seasons(start: dt.date, days: int) -> Float:
    """Return the log of each leaf's season, float [leaves, days]: a cosine over the year, highest on its peak day."""
    day_of_year = np.array([d.timetuple().tm_yday for d in _dates(start, days)])
    return np.array([leaf.swing * np.cos(2 * np.pi * (day_of_year - leaf.peak_day) / 365.25) for leaf in LEAVES])


def busyness(start: dt.date, days: int) -> Float:
    """Return the shop's busy and quiet days: January sales, Black Friday, Singles' Day, Christmas, and slow growth.

    float [days], 1 for an ordinary day.
    """
    factors = []
    for number, date in enumerate(_dates(start, days)):
        factor = 1 + 0.1 * number / 365
        if (date.month, date.day) in {(11, 11), (6, 18)} or (
            date.month == 11 and date.day >= 23 and date.weekday() == 4
        ):
            factor *= 1.9
        elif date.month == 12 and date.day <= 20:
            factor *= 1.3
        elif (date.month, date.day) in {(12, 24), (12, 25), (12, 31), (1, 1)}:
            factor *= 0.6
        elif date.month == 1 and date.day <= 10:
            factor *= 1.15
        factors.append(factor)
    return np.array(factors)


def rhythms() -> Float:
    """Return the ways to spread visits over the week, float [RHYTHMS, 7, 24], Monday first; their means are 1."""
    hours = np.arange(24)
    base = 0.15 + np.exp(-0.5 * ((hours - 15) / 5.0) ** 2) * 0.5
    week = []
    for peak, width, weekend in ((8, 1.8, 0.8), (12.5, 1.3, 0.7), (20, 2.0, 1.1), (23.5, 1.6, 1.2), (14, 4.0, 2.6)):
        away = np.minimum(np.abs(hours - peak), 24 - np.abs(hours - peak))
        day = 0.25 * base + np.exp(-0.5 * (away / width) ** 2)
        week.append(np.array([day * (weekend if weekday >= 5 else 1.0) for weekday in range(7)]))
    weights = np.array(week)
    return np.asarray(weights / weights.mean(axis=(1, 2), keepdims=True))
