"""Curves of probabilities, as typed rows: reliability, and cumulative gains with lift."""

from __future__ import annotations

import dataclasses
import statistics

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.evaluation._given import Float64, Int64, both_classes, column, labels_of, probabilities_of
from footfall.evaluation._resamples import Groups
from footfall.evaluation.intervals import Interval


@dataclasses.dataclass(frozen=True)
class ReliabilityRow:
    """One bin of probabilities.

    Attributes:
        lowest: Lowest probability in it.
        highest: Highest probability in it.
        mean_probability: What was said.
        observed_rate: What happened.
        observed_low: Of the Wilson interval of the rate.
        observed_high: Of the Wilson interval of the rate.
        count: Rows.
    """

    lowest: float
    highest: float
    mean_probability: float
    observed_rate: float
    observed_low: float
    observed_high: float
    count: int


@dataclasses.dataclass(frozen=True)
class GainsRow:
    """What is reached by acting on the highest scores.

    Attributes:
        share: Of all rows that are acted on.
        count: The same in rows.
        lowest_score: Of those acted on.
        hits: Positives among them, expected if equal scores are taken at random.
        precision: Hits by count.
        recall: Hits by all positives: the gain.
        lift: Precision by the rate of all rows.
    """

    share: float
    count: int
    lowest_score: float
    hits: float
    precision: float
    recall: float
    lift: float


def wilson(hits: float, count: float, level: float = 0.95) -> Interval:
    """Return a rate and its score interval (Wilson, JASA 1927).

    >>> str(wilson(0, 10))
    '0.0000 [0.0000, 0.2775]'

    Args:
        hits: From 0 to count.
        count: Trials, above 0.
        level: Of the interval.

    Raises:
        InputError: The numbers are no rate; a level outside (0, 1).
    """
    if not 0 <= hits <= count or count <= 0 or not 0 < level < 1:
        raise InputError(f"{hits:g} hits of {count:g}, level={level}; give hits from 0 to count, and a level as 0.95")
    z = statistics.NormalDist().inv_cdf((1 + level) / 2)
    rate = hits / count
    middle = (rate + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * np.sqrt(rate * (1 - rate) / count + z**2 / (4 * count**2))
    # The ends are the rate itself where there were no hits, or only hits; rounding must not say otherwise.
    low = 0.0 if hits == 0 else float(max(0.0, middle - half))
    high = 1.0 if hits == count else float(min(1.0, middle + half))
    return Interval(rate, low, high)


def bins_of(mass: Float64, bins: int) -> Int64:
    """Return the bin of each distinct score, int64 [resamples, groups]: bins of equal mass, equal scores together.

    Args:
        mass: Of each distinct score in ascending order, float64 [resamples, groups].
        bins: How many.
    """
    reached = np.cumsum(mass, 1)
    middle = (reached - mass / 2) / reached[:, -1:]
    return np.minimum((middle * bins).astype(np.int64), bins - 1)


def reliability(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, *, bins: int = 15, level: float = 0.95
) -> tuple[ReliabilityRow, ...]:
    """Return probability against observed rate in bins of equal mass, ascending.

    Args:
        labels: 0 or 1, [rows].
        probabilities: [rows].
        bins: At most so many: fewer where many probabilities are equal.
        level: Of the intervals of the rates; they take rows as independent.

    Raises:
        InputError: A column cannot be used; bins below 1; a level outside (0, 1).
    """
    p = probabilities_of(probabilities)
    y = labels_of(labels, len(p))
    if bins < 1:
        raise InputError(f"bins = {bins}; give 1 or more, e.g. 15")
    groups = Groups.of(p)
    count = np.diff(groups.starts, append=len(p)).astype(np.float64)
    places = bins_of(count[None], bins)[0]
    firsts = np.flatnonzero(np.diff(places, prepend=-1))
    sizes = np.add.reduceat(count, firsts)
    hits = np.add.reduceat(groups.sums(y[None])[0], firsts)
    means = np.add.reduceat(count * groups.values, firsts) / sizes
    lasts = np.append(firsts[1:], len(count)) - 1
    rows = []
    for first, last, size, hit, mean in zip(firsts, lasts, sizes, hits, means, strict=True):
        rate = wilson(hit, size, level)
        lowest, highest = float(groups.values[first]), float(groups.values[last])
        rows.append(
            ReliabilityRow(
                lowest, highest, float(np.clip(mean, lowest, highest)), float(rate.mean), rate.low, rate.high, int(size)
            )
        )
    return tuple(rows)


def gains(labels: npt.ArrayLike, scores: npt.ArrayLike, *, parts: int = 10) -> tuple[GainsRow, ...]:
    """Return what acting on the highest 1/parts, 2/parts, ... of the rows reaches.

    Where a cut goes through equal scores, hits are those expected if these are taken at random.

    Args:
        labels: 0 or 1, [rows].
        scores: Any real numbers, [rows].
        parts: How many cuts; of few rows only as many as there are different ones.

    Raises:
        InputError: A column cannot be used; all labels are of one class; parts below 1.
    """
    s = column("scores", scores)
    y = labels_of(labels, len(s))
    both_classes(y, np.ones(len(y)), "a curve of gains")
    if parts < 1:
        raise InputError(f"parts = {parts}; give 1 or more, e.g. 10")
    groups = Groups.of(s)
    count = np.diff(groups.starts, append=len(s))[::-1]
    reached = np.concatenate((np.zeros(1), np.cumsum(count)))
    found = np.concatenate((np.zeros(1), np.cumsum(groups.sums(y[None])[0][::-1])))
    cuts = np.unique(np.maximum(1, np.round(np.arange(1, parts + 1) / parts * len(s))).astype(np.int64))
    hits = np.interp(cuts, reached, found)
    lowest = groups.values[::-1][np.searchsorted(reached[1:], cuts)]
    rows = []
    for cut, hit, score in zip(cuts.tolist(), hits.tolist(), lowest.tolist(), strict=True):
        recall = hit / float(y.sum())
        rows.append(GainsRow(cut / len(s), cut, score, hit, hit / cut, recall, recall * len(s) / cut))
    return tuple(rows)
