"""Quantiles of an amount, given what was foretold of it: how low and how high it may well turn out.

Rows in order of the amount foretold are cut into bins, and each level's quantile of what came is fitted over the bins
so that it never descends: of bin j it is the largest over i <= j of the smallest over k >= j of the quantile of all
that came in bins i to k. That is isotonic distributional regression (Henzi, Ziegel and Gneiting, JRSS B 2021), of which
no pinball loss can tell a better non-descending curve, and whose levels never cross. Between the centres of bins the
curves are straight lines. Beyond the outer ones quantiles of amounts from 0 go on in proportion to what was foretold
(twice as much foretold, twice as wide); where anything is below 0 they go on level.

A block's quantile is taken at the rank that split conformal prediction asks for (Papadopoulos et al. 2002; Lei et al.,
JASA 2018): a little further out than the sample's own, so that an amount yet to come lies inside as often as is said.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.evaluation._amounts import inside, pinball_losses
from footfall.evaluation._given import Float64, Int64, column

LEVELS: Final = (0.1, 0.5, 0.9)
LEAST_ROWS: Final = 50
"""Of a bin: fewer cannot tell a tenth."""
MOST_BINS: Final = 40


@dataclasses.dataclass(frozen=True)
class Quantiles:
    """Curves of quantiles over the amount foretold; made by ``fit``.

    Attributes:
        levels: Which quantiles, ascending, in (0, 1).
        centres: Amounts foretold at which the curves are known, ascending, float64 [knots].
        values: The quantiles there, float64 [levels, knots]; they ascend with the level, and with the centres.
    """

    levels: tuple[float, ...]
    centres: Float64
    values: Float64

    @classmethod
    def fit(cls, predicted: npt.ArrayLike, came: npt.ArrayLike, levels: Sequence[float] = LEVELS) -> Self:
        """Learn from rows that were not trained on.

        Args:
            predicted: Amounts foretold, [rows].
            came: What came of it, [rows].
            levels: Which quantiles, ascending, in (0, 1).

        Raises:
            InputError: A column cannot be used, or the levels do not ascend within (0, 1).
        """
        f = column("predicted amounts", predicted)
        a = column("actual amounts", came, len(f))
        asked = np.asarray(levels, np.float64)
        if not len(asked) or asked.min() <= 0 or asked.max() >= 1 or (np.diff(asked) <= 0).any():
            raise InputError(f"levels {list(levels)}; give ascending numbers between 0 and 1, e.g. 0.1, 0.5, 0.9")
        order, starts = _bins(f)
        ends = np.append(starts[1:], len(f))
        ascending, sorted_came = f[order], a[order]
        # Rounding of a mean must not take it out of its bin.
        centres = [
            float(np.clip(ascending[i:j].mean(), ascending[i], ascending[j - 1])) for i, j in _pairs(starts, ends)
        ]
        values = _max_min(sorted_came, starts, ends, tuple(asked.tolist()))
        return cls(tuple(asked.tolist()), np.array(centres), values)

    def apply(self, predicted: npt.ArrayLike) -> Float64:
        """Return the quantiles for each amount foretold, float64 [rows, levels]; none for none.

        Args:
            predicted: Amounts foretold, [rows].

        Raises:
            InputError: One of them is no finite number.
        """
        f = column("predicted amounts", predicted) if np.size(predicted) else np.zeros(0)
        found = np.stack([np.interp(f, self.centres, curve) for curve in self.values], axis=1)
        # A straight line may pass its own end, or its neighbour, by a rounding.
        np.clip(found, self.values[:, 0], self.values[:, -1], out=found)
        if self.centres[0] > 0 and self.values.min() >= 0:
            share = np.maximum(f, 0) / np.clip(f, self.centres[0], self.centres[-1])
            found *= share[:, None]
        ordered: Float64 = np.maximum.accumulate(found, axis=1)
        return ordered

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values, to be read by ``from_dict``."""
        return {"levels": list(self.levels), "centres": self.centres.tolist(), "values": self.values.tolist()}

    @classmethod
    def from_dict(cls, parts: Mapping[str, Any]) -> Self:
        """Read what ``to_dict`` gave.

        Args:
            parts: From ``to_dict``.

        Raises:
            InputError: A part is missing, or the curves descend or cross.
        """
        try:
            levels = tuple(float(level) for level in parts["levels"])
            centres, values = np.array(parts["centres"], np.float64), np.array(parts["values"], np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"quantiles cannot be read ({error}); give what to_dict gave") from None
        fit = centres.ndim == 1 and len(centres) > 0 and values.shape == (len(levels), len(centres)) and len(levels) > 0
        if (
            not fit
            or (np.diff(centres) <= 0).any()
            or (np.diff(values, axis=0) < 0).any()
            or (np.diff(values) < 0).any()
        ):
            raise InputError("quantiles cannot be read (curves must ascend and never cross); give what to_dict gave")
        return cls(levels, centres, values)


def losses(came: npt.ArrayLike, quantiles: Float64, levels: Sequence[float] = LEVELS) -> Float64:
    """Return the pinball loss of each row, mean over the levels, in the unit of the amounts, float64 [rows].

    Args:
        came: What came of it, [rows].
        quantiles: As foretold, float64 [rows, levels].
        levels: Which quantiles they are.

    Raises:
        InputError: Amounts cannot be used, or there is not one column a level.
    """
    a = column("actual amounts", came, len(quantiles))
    if quantiles.ndim != 2 or quantiles.shape[1] != len(levels):
        raise InputError(f"quantiles of shape {list(quantiles.shape)}; give a column for each of {list(levels)}")
    each = [pinball_losses(a, quantiles[:, place], level) for place, level in enumerate(levels)]
    return np.asarray(np.mean(each, axis=0), np.float64)


def covered(came: npt.ArrayLike, quantiles: Float64) -> Float64:
    """Return 1 for amounts between their outermost quantiles, ends included, else 0, float64 [rows].

    Of amounts that are often 0 more lie inside than the levels say: where 0 is the low end and comes oftener than that.

    Args:
        came: What came of it, [rows].
        quantiles: As foretold, float64 [rows, levels].

    Raises:
        InputError: Amounts cannot be used.
    """
    a = column("actual amounts", came, len(quantiles))
    return inside(a, quantiles[:, 0], quantiles[:, -1]).astype(np.float64)


def _pairs(starts: Int64, ends: Int64) -> list[tuple[int, int]]:
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _bins(f: Float64) -> tuple[Int64, Int64]:
    """Return rows by ascending amount, and where each bin begins; equal amounts are never parted."""
    order = np.argsort(f, kind="stable")
    ascending = f[order]
    bins = min(MOST_BINS, max(1, len(f) // LEAST_ROWS))
    wanted = np.arange(1, bins) * len(f) // bins
    # A cut within equal amounts moves to where they begin.
    starts = np.unique(np.concatenate((np.zeros(1, np.int64), np.searchsorted(ascending, ascending[wanted]))))
    # Such a move may leave a bin with too few rows: it joins the one before it.
    kept = [0]
    for start in starts[1:].tolist():
        if start - kept[-1] >= LEAST_ROWS // 2 and len(f) - start >= LEAST_ROWS // 2:
            kept.append(start)
    return order, np.array(kept, np.int64)


def _max_min(came: Float64, starts: Int64, ends: Int64, levels: tuple[float, ...]) -> Float64:
    """Return the isotonic quantiles of each bin, float64 [levels, bins]; of amounts in order of the bins."""
    bins = len(starts)
    values = np.full((len(levels), bins), -np.inf)
    for i in range(bins):
        blocks = np.stack([block_quantiles(came[starts[i] : ends[k]], levels) for k in range(i, bins)], axis=1)
        smallest = np.minimum.accumulate(blocks[:, ::-1], axis=1)[:, ::-1]  # over k >= j, for each j from i on
        values[:, i:] = np.maximum(values[:, i:], smallest)
    return values


def block_quantiles(came: Float64, levels: Sequence[float]) -> Float64:
    """Return the quantiles of one block at the ranks of split conformal prediction, float64 [levels].

    Args:
        came: Amounts of the block, float64 [rows], at least one.
        levels: Which quantiles, ascending, in (0, 1).
    """
    n = len(came)
    ranks = np.array([_rank(n, level) for level in levels]) - 1
    found: Float64 = np.partition(came, np.unique(ranks))[ranks]
    return found


def _rank(n: int, level: float) -> int:
    """Return which of n ascending amounts is the quantile, from 1 on: the outer one of two where it lies between."""
    if level == 0.5:
        return (n + 1) // 2
    # (n + 1) * 0.9 of 9 is 9.000000000000002.
    place = round((n + 1) * level, 9)
    return min(max(math.floor(place) if level < 0.5 else math.ceil(place), 1), n)
