"""Intervals by bootstrap over cases, and the difference of two recommenders over the same cases."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError

Float64 = npt.NDArray[np.float64]
Values = npt.NDArray[np.floating] | Sequence[float]

_AT_ONCE: Final = 4_000_000
"""Numbers held at once."""


@dataclasses.dataclass(frozen=True)
class Interval:
    """A mean and the interval around it; in the unit of the values."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclasses.dataclass(frozen=True)
class Difference:
    """One recommender against another over the same cases.

    Attributes:
        difference: Mean of the first less mean of the second.
        lift: The same by the mean of the second (0.1: ten per cent more); None where that is not above 0 in every
            resample, so that a share of it says nothing.
    """

    difference: Interval
    lift: Interval | None

    @property
    def above_zero(self) -> bool:
        """Whether the whole interval of the difference is above 0."""
        return self.difference.low > 0


def bootstrap(values: Values, *, seed: int, repeats: int = 1000, level: float = 0.95) -> Interval:
    """Return the mean and its percentile bootstrap interval.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13. Cases are drawn with replacement;
    give one value a user (``mean_by``) where a user has several cases, or the interval is too narrow.

    Args:
        values: One a case, float [cases].
        seed: Makes it repeatable. Two recommenders are compared by ``paired_difference``, not by two of these.
        repeats: Resamples.
        level: Share of the resampled means that the interval holds.

    Raises:
        InputError: No values, or nan among them; repeats below 1; a level outside (0, 1).
    """
    data = _checked(values, repeats, level)[:, None]
    return _interval(float(data.mean()), _resampled_means(data, seed, repeats)[:, 0], level)


def paired_difference(a: Values, b: Values, *, seed: int, repeats: int = 1000, level: float = 0.95) -> Difference:
    """Return how far the first is above the second, over resamples of the cases that both were asked.

    Args:
        a: One a case, float [cases].
        b: The same cases in the same order, float [cases].
        seed: Makes it repeatable.
        repeats: Resamples.
        level: Share of the resampled differences that the interval holds.

    Raises:
        InputError: As ``bootstrap``; or the two have different numbers of cases.
    """
    first, second = _checked(a, repeats, level), _checked(b, repeats, level)
    if len(first) != len(second):
        raise InputError(f"{len(first)} cases against {len(second)}; a pair needs the same cases in the same order")
    means = _resampled_means(np.stack((first, second), 1), seed, repeats)
    mean_a, mean_b = float(first.mean()), float(second.mean())
    difference = _interval(mean_a - mean_b, means[:, 0] - means[:, 1], level)
    if mean_b <= 0 or means[:, 1].min() <= 0:
        return Difference(difference, None)
    return Difference(difference, _interval(mean_a / mean_b - 1, means[:, 0] / means[:, 1] - 1, level))


def mean_by(values: Values, groups: npt.NDArray[np.int64]) -> Float64:
    """Return one mean a group, in the order of the groups' numbers: a value a user where users have several cases.

    Args:
        values: One a case, float [cases].
        groups: E.g. ``cases.histories.user_idx``, int64 [cases].

    Raises:
        InputError: There is not one group a case.
    """
    data = np.asarray(values, np.float64)
    if data.shape != np.shape(groups):
        raise InputError(f"{len(data)} values, and groups for {len(groups)}; give one a case")
    _, place, count = np.unique(groups, return_inverse=True, return_counts=True)
    return np.bincount(place, weights=data, minlength=len(count)) / count


def _checked(values: Values, repeats: int, level: float) -> Float64:
    data = np.asarray(values, np.float64)
    if data.ndim != 1 or not len(data) or not np.isfinite(data).all():
        raise InputError(f"values of shape {list(data.shape)}; give one finite number a case, and at least one")
    if repeats < 1 or not 0 < level < 1:
        raise InputError(f"repeats={repeats}, level={level}; give 1 or more, and a level between 0 and 1, e.g. 0.95")
    return data


def _interval(mean: float, resampled: Float64, level: float) -> Interval:
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean, float(low), float(high))


def _resampled_means(data: Float64, seed: int, repeats: int) -> Float64:
    """Return the means of resamples, float64 [repeats, columns]; of data, float64 [cases, columns].

    How often each distinct row is drawn is multinomial, so a metric with few distinct values needs few numbers a
    resample. Where nearly all rows differ, drawing the cases themselves is quicker, and is the same.
    """
    rng = np.random.default_rng(seed)
    cases = len(data)
    distinct, count = np.unique(data, axis=0, return_counts=True)
    if len(distinct) * 8 <= cases:
        step = max(1, _AT_ONCE // len(distinct))
        sizes = (min(step, repeats - start) for start in range(0, repeats, step))
        return np.concatenate([rng.multinomial(cases, count / cases, size) @ distinct / cases for size in sizes])
    step = max(1, _AT_ONCE // cases)
    means = []
    for start in range(0, repeats, step):
        drawn = rng.integers(0, cases, (min(step, repeats - start), cases), np.int32)
        means.append(np.stack([column[drawn].mean(1) for column in data.T.copy()], 1))
    return np.concatenate(means)
