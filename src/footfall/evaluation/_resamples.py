"""The bootstrap that the evaluations of probabilities and of amounts share: how often each row is drawn.

A statistic takes float64 [resamples, rows], how often each row stands in each resample, and returns one value a
resample: nan where a resample has none. So the estimate (every row once), the weighted estimate and all resamples come
from the same few lines, and what has been sorted once serves them all.

Users are drawn with replacement, and bring all their rows: rows of one user are no independent witnesses (Field and
Welsh, Bootstrapping clustered data, JRSS B 2007).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from footfall.errors import InputError
from footfall.evaluation._given import Float64, Int64
from footfall.evaluation.intervals import Interval

Statistic = Callable[[Float64], Mapping[str, Float64]]
"""Times drawn, float64 [resamples, rows], to one value a resample of each metric, float64 [resamples]."""

_AT_ONCE: Final = 1_000_000
"""Numbers held at once: an array of them still lies in the cache of a processor's core, or nearly."""


@dataclasses.dataclass(frozen=True)
class Groups:
    """Rows in the order of a score, with equal scores together.

    Attributes:
        order: Rows by ascending score, int64 [rows].
        starts: Where in ``order`` each distinct score begins, int64 [groups].
        values: The distinct scores, ascending, float64 [groups].
    """

    order: Int64
    starts: Int64
    values: Float64

    @classmethod
    def of(cls, scores: Float64) -> Groups:
        """Sort scores once.

        Args:
            scores: float64 [rows].
        """
        order = np.argsort(scores, kind="stable")
        ascending = scores[order]
        starts = np.flatnonzero(np.concatenate((np.ones(1, np.bool_), ascending[1:] != ascending[:-1])))
        return cls(order, starts, ascending[starts])

    def sums(self, amounts: Float64) -> Float64:
        """Add up a quantity over each distinct score, float64 [resamples, groups].

        Args:
            amounts: float64 [resamples, rows], rows as they were given.
        """
        return self.sums_of_sorted(amounts[:, self.order])

    def sums_of_sorted(self, amounts: Float64) -> Float64:
        """Add up a quantity over each distinct score, float64 [resamples, groups].

        Args:
            amounts: float64 [resamples, rows], rows in the order of ``order``.
        """
        # Without ties there is nothing to add up.
        return amounts if len(self.starts) == len(self.order) else np.add.reduceat(amounts, self.starts, axis=1)

    def spread(self, values: Float64) -> Float64:
        """Give each row the value of its score, float64 [resamples, rows], rows as they were given.

        Args:
            values: float64 [resamples, groups].
        """
        place = np.empty(len(self.order), np.int64)
        place[self.order] = np.repeat(np.arange(len(self.starts)), np.diff(self.starts, append=len(self.order)))
        return values[:, place]


def estimate(statistic: Statistic, rows: int) -> dict[str, float]:
    """Return a statistic of all rows, each once.

    Args:
        statistic: What to take.
        rows: How many.
    """
    return {name: float(values[0]) for name, values in statistic(np.ones((1, rows))).items()}


def resample(statistic: Statistic, users: Int64, *, seed: int, repeats: int) -> dict[str, Float64]:
    """Return a statistic of resamples of users, float64 [repeats] a metric.

    Args:
        statistic: What to take.
        users: Dense numbers, int64 [rows], as ``users_of``.
        seed: Makes it repeatable; the same seed and users draw the same resamples.
        repeats: Resamples.
    """
    rng = np.random.default_rng(seed)
    count = int(users.max()) + 1
    alone = count == len(users)  # a permutation of rows at most, and drawing does not care about those
    step = max(1, _AT_ONCE // len(users))
    parts: list[Mapping[str, Float64]] = []
    for start in range(0, repeats, step):
        some = min(step, repeats - start)
        drawn = rng.integers(0, count, (some, count)) + np.arange(some)[:, None] * count
        times = np.bincount(drawn.ravel(), minlength=some * count).reshape(some, count).astype(np.float64)
        parts.append(statistic(times if alone else times[:, users]))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def interval(value: float, resampled: Float64, level: float) -> Interval:
    """Return an estimate and its percentile interval over the resamples that have a value.

    Args:
        value: The estimate.
        resampled: float64 [repeats], nan where a resample has none.
        level: Share of the resampled values that the interval holds.
    """
    known = resampled[~np.isnan(resampled)]
    if not len(known) or np.isnan(value):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


def check_resampling(repeats: int, level: float) -> None:
    """Refuse settings of a bootstrap that cannot be used.

    Args:
        repeats: Resamples.
        level: Of the intervals.

    Raises:
        InputError: Repeats below 1; a level outside (0, 1).
    """
    if repeats < 1 or not 0 < level < 1:
        raise InputError(f"repeats={repeats}, level={level}; give 1 or more, and a level between 0 and 1, e.g. 0.95")
