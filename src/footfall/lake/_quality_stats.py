"""The arithmetic of the quality report: drift, robust limits, the bulk of a log. Pure Python over small aggregates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

Drift = Literal["none", "moderate", "large"]
Method = Literal["mad", "mean_ad", "none"]

MODERATE_PSI: Final = 0.1
LARGE_PSI: Final = 0.25

ROBUST_Z: Final = 3.5
MAD_FACTOR: Final = 0.6745
MEAN_AD_FACTOR: Final = 1.253314

BULK_GAP_DAYS: Final = 30
BULK_GAP_SPANS: Final = 3
BULK_FAR_SHARE: Final = 0.05


def psi(first: Sequence[int], second: Sequence[int]) -> float:
    """Return the population stability index of two histograms over the same bins.

    The sum over bins of (q - p) ln(q / p), where p and q are the shares of the first and of the second histogram
    (Siddiqi, Credit Risk Scorecards, 2006; the symmetrised Kullback-Leibler divergence). Half a row is added to every
    bin, so that an empty bin does not make it infinite.

    Args:
        first: Rows per bin.
        second: Rows per bin, the same bins.

    >>> round(psi([50, 50], [50, 50]), 4), round(psi([90, 10], [50, 50]), 4)
    (0.0, 0.8531)
    """
    bins = len(first)
    n_first, n_second = sum(first) + bins / 2, sum(second) + bins / 2
    total = 0.0
    for a, b in zip(first, second, strict=True):
        p, q = (a + 0.5) / n_first, (b + 0.5) / n_second
        total += (q - p) * math.log(q / p)
    return total


def chance_psi(rows_first: int, rows_second: int, bins: int) -> float:
    """Return the index that two samples of one population stay below 99 times in 100.

    Without drift the index is about (1/n + 1/m) times a chi-square of ``bins - 1`` degrees of freedom (Yurdakul and
    Naranjo, Statistical properties of the population stability index, 2020); its quantile is Wilson and Hilferty's.

    Args:
        rows_first: Rows of the first sample, at least 1.
        rows_second: Rows of the second sample, at least 1.
        bins: Number of bins.
    """
    degrees = bins - 1
    if degrees < 1:
        return 0.0
    part = 2 / (9 * degrees)
    quantile = degrees * (1 - part + 2.3263 * math.sqrt(part)) ** 3
    return (1 / rows_first + 1 / rows_second) * quantile


def drift_level(index: float, chance: float) -> Drift:
    """Name a drift: moderate from 0.1, large from 0.25 (Siddiqi 2006); none where chance alone would explain it."""
    if index < MODERATE_PSI or index <= chance:
        return "none"
    return "large" if index >= LARGE_PSI else "moderate"


def robust_scale(mad: float, mean_ad: float) -> tuple[float, Method]:
    """Return what a distance from the median is divided by to give the robust z, and where it comes from.

    The modified z is 0.6745 (x - median) / MAD, where MAD is the median absolute deviation (Iglewicz and Hoaglin, How
    to detect and handle outliers, 1993). Where more than half of the values are equal, MAD is 0; then the mean absolute
    deviation from the median serves, times 1.253314. Where that is 0 too, all values are equal and none is an outlier.

    Args:
        mad: Median absolute deviation from the median.
        mean_ad: Mean absolute deviation from the median.
    """
    if mad > 0:
        return mad / MAD_FACTOR, "mad"
    if mean_ad > 0:
        return mean_ad * MEAN_AD_FACTOR, "mean_ad"
    return 0.0, "none"


class Bulk(NamedTuple):
    """Where most of a log lies.

    Attributes:
        first: Index of its first day with events.
        last: Index of its last.
    """

    first: int
    last: int


def bulk(days: Sequence[int], rows: Sequence[int]) -> Bulk:
    """Find the days that belong together; what lies far from them is probably a clock's mistake.

    The bulk grows from the day of the median event to its neighbours with events. It stops at a gap of more than 30
    days that is also more than three times its own length, unless over 5 % of all rows lie beyond: that is a pause, not
    a mistake.

    Args:
        days: Days with events as running numbers, ascending; at least one.
        rows: Events of each.

    >>> bulk([0, 10_000, 10_001, 10_003], [2, 50, 60, 70])
    Bulk(first=1, last=3)
    """
    total, middle, so_far = sum(rows), 0, rows[0]
    while so_far < (total + 1) // 2:
        middle += 1
        so_far += rows[middle]
    first = last = middle
    before, after = so_far - rows[middle], total - so_far
    while True:
        reach = max(BULK_GAP_DAYS, BULK_GAP_SPANS * (days[last] - days[first] + 1))
        many = BULK_FAR_SHARE * total
        if first > 0 and (days[first] - days[first - 1] <= reach or before > many):
            first -= 1
            before -= rows[first]
        elif last < len(days) - 1 and (days[last + 1] - days[last] <= reach or after > many):
            last += 1
            after -= rows[last]
        else:
            return Bulk(first, last)
