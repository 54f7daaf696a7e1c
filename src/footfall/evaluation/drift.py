"""Drift: how far the distribution of a number, or of codes, has moved from one time to another.

PSI, population stability index: sum over bins of (a - e) ln(a / e), e and a the shares of the expected (earlier) and
the actual (later) rows (Siddiqi, Credit Risk Scorecards, 2006; the sum of both Kullback-Leibler divergences: Kullback
and Leibler, Annals of Mathematical Statistics 1951). Bins of numbers end at the quantiles of the expected rows, upper
end included, so that equal numbers stay together; what is missing is a bin of its own. Of codes, each of the commonest
``MOST_CODES`` (of both times together) is a bin, and all others are one. Half a row is added to every bin, so that an
empty one costs much and not everything; bins that are empty at both times are none.

By chance alone PSI is about (1 / rows of one + 1 / of the other) times a chi-squared number of (bins - 1) degrees
(Yurdakul and Naranjo, Journal of Risk Model Validation 2020): ``by_chance`` is the 95 % point of it. Above that, the
usual words are: below 0.1 little, to 0.25 some, above 0.25 much.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.evaluation._given import Float64, Int64

BINS: Final = 10
MOST_CODES: Final = 20
SOME: Final = 0.1
MUCH: Final = 0.25
LEVEL: Final = 0.95
"""Of the point that chance seldom passes."""


@dataclasses.dataclass(frozen=True)
class Drift:
    """How far one column has moved.

    Attributes:
        psi: Population stability index, from 0.
        by_chance: What it stays below 19 times of 20 where nothing has moved.
        bins: Number of bins that hold any row.
    """

    psi: float
    by_chance: float
    bins: int

    @property
    def size(self) -> str:
        """In a word: ``none`` (no more than by chance), ``little``, ``some``, ``much``."""
        if self.psi <= self.by_chance:
            return "none"
        return "little" if self.psi < SOME else "some" if self.psi < MUCH else "much"


def drift(expected: npt.ArrayLike, actual: npt.ArrayLike, *, codes: bool = False, bins: int = BINS) -> Drift:
    """Return how far a column has moved.

    Args:
        expected: Earlier, numbers with NaN where missing, [rows].
        actual: Later, [other rows].
        codes: Whether the numbers are codes, each a kind of its own.
        bins: Of numbers, at most so many, besides that of the missing.

    Raises:
        InputError: A column has no rows, another shape, or holds infinity; fewer than two bins.
    """
    if bins < 2:
        raise InputError(f"bins = {bins} cannot be used; accepted: 2 or more")
    before, after = _column("expected", expected), _column("actual", actual)
    places = _codes(before, after) if codes else _bins(before, after, bins)
    size = int(max(part.max() for part in places)) + 1
    counts = [np.bincount(part, minlength=size) for part in places]
    held = (counts[0] + counts[1]) > 0
    e, a = (_shares(count[held]) for count in counts)
    degrees = int(held.sum()) - 1
    rows = 1 / len(before) + 1 / len(after)
    return Drift(float(np.sum((a - e) * np.log(a / e))), rows * _chi_squared(degrees), degrees + 1)


def _column(name: str, values: npt.ArrayLike) -> Float64:
    data = np.asarray(values, np.float64)
    if data.ndim != 1 or not len(data) or np.isinf(data).any():
        raise InputError(f"{name} rows of shape {list(data.shape)}; give one number or NaN a row, and at least one row")
    return data


def _bins(before: Float64, after: Float64, bins: int) -> list[Int64]:
    known = before[~np.isnan(before)]
    # Nothing known before: whatever is known now is in one bin, which was empty.
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins)) if len(known) else np.zeros(0)
    return [np.where(np.isnan(part), len(edges) + 1, np.searchsorted(edges, part, "left")) for part in (before, after)]


def _codes(before: Float64, after: Float64) -> list[Int64]:
    _, place, count = np.unique(np.concatenate((before, after)), return_inverse=True, return_counts=True)
    rank = np.empty(len(count), np.int64)
    rank[np.argsort(-count, kind="stable")] = np.arange(len(count))
    common = np.minimum(rank, MOST_CODES)[place.ravel()]
    return [common[: len(before)], common[len(before) :]]


def _shares(counts: Int64) -> Float64:
    shares: Float64 = (counts + 0.5) / (counts.sum() + 0.5 * len(counts))
    return shares


def _chi_squared(degrees: int) -> float:
    """Return the ``LEVEL`` point of a chi-squared number (Wilson and Hilferty, PNAS 1931), within 3 % of the truth."""
    if not degrees:
        return 0.0
    z = statistics.NormalDist().inv_cdf(LEVEL)
    return float(degrees * (1 - 2 / (9 * degrees) + z * math.sqrt(2 / (9 * degrees))) ** 3)
