"""Metrics of amounts over many resamples at once; defined in ``amounts``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.evaluation._given import Bool, Float64, column
from footfall.evaluation._resamples import Groups, Statistic

OfResamples = Callable[[Float64], Float64]
"""Times drawn, float64 [resamples, rows], to one value a resample."""
_FLAT: Final = 1e-12
"""Of the spread that ranks could have: less is a constant."""


def spearman_of(actual: Groups, predicted: Groups) -> OfResamples:
    """Return the function that gives the rank correlation of resamples, nan where a column is constant.

    Args:
        actual: Of the amounts that came.
        predicted: Of the amounts foretold.
    """

    def correlation(times: Float64) -> Float64:
        total = times.sum(1, keepdims=True)
        ranks = [_centred_ranks(groups, times, total) for groups in (actual, predicted)]
        products = [
            np.einsum("rn,rn,rn->r", times, ranks[one], ranks[other]) for one, other in ((0, 1), (0, 0), (1, 1))
        ]
        spread = np.sqrt(products[1] * products[2])
        known = spread > _FLAT * total[:, 0]
        rho: Float64 = np.divide(products[0], spread, out=np.full(len(spread), np.nan), where=known)
        return np.clip(rho, -1, 1)

    return correlation


def _centred_ranks(groups: Groups, times: Float64, total: Float64) -> Float64:
    """Return midranks less their mean, by the number of rows; float64 [resamples, rows]."""
    mass = groups.sums(times)
    return groups.spread((np.cumsum(mass, 1) - mass / 2) / total - 0.5)


def gini_of(a: Float64, actual: Groups, predicted: Groups) -> OfResamples:
    """Return the function that gives the normalised Gini of resamples, nan where all amounts are the same.

    Args:
        a: Amounts that came, from 0, float64 [rows].
        actual: Of them.
        predicted: Of the amounts foretold.
    """

    def normalised(times: Float64) -> Float64:
        own, best = (_concentration(groups, times, a) for groups in (predicted, actual))
        known = best > _FLAT * np.abs(a).max() * times.sum(1) ** 2
        ratio: Float64 = np.divide(own, best, out=np.full(len(own), np.nan), where=known)
        return ratio

    return normalised


def _concentration(groups: Groups, times: Float64, a: Float64) -> Float64:
    """Return the area between curve and diagonal, times what is the same for both orders."""
    mass, amount = groups.sums(times), groups.sums(times * a)
    twice_below = np.einsum("rg,rg->r", mass, 2 * np.cumsum(amount, 1) - amount)
    area: Float64 = mass.sum(1) * amount.sum(1) - twice_below
    return area


def pinball_losses(a: Float64, f: Float64, quantile: float) -> Float64:
    """Return the loss of each row, float64 [rows].

    Args:
        a: Amounts that came, float64 [rows].
        f: The quantile foretold, float64 [rows].
        quantile: Which.

    Raises:
        InputError: A quantile outside (0, 1).
    """
    if not 0 < quantile < 1:
        raise InputError(f"quantile = {quantile}; give a number between 0 and 1, e.g. 0.9")
    return np.maximum(quantile * (a - f), (quantile - 1) * (a - f))


def band_of(low: npt.ArrayLike, high: npt.ArrayLike, rows: int) -> tuple[Float64, Float64]:
    """Return low and high ends, float64 [rows] each.

    Args:
        low: [rows].
        high: [rows].
        rows: How many there must be.

    Raises:
        InputError: A column cannot be used; a high end below its low end.
    """
    lows, highs = column("low ends", low, rows), column("high ends", high, rows)
    turned = int((highs < lows).sum())
    if turned:
        raise InputError(f"{turned} of {rows} intervals end below their beginning; give low ends first, then high ends")
    return lows, highs


def inside(a: Float64, low: Float64, high: Float64) -> Bool:
    """Return which amounts lie in their interval, bool [rows].

    Args:
        a: Amounts that came, float64 [rows].
        low: Low ends, float64 [rows].
        high: High ends, float64 [rows].
    """
    return (a >= low) & (a <= high)


def parts_of(predicted: Groups, rows: int, parts: int) -> Float64:
    """Return how much of each row is in each part, the highest foretold first; float64 [rows, parts].

    Parts have whole numbers of rows; rows foretold alike that two parts share are in both by equal shares.

    Args:
        predicted: Of the amounts foretold.
        rows: How many there are.
        parts: At most so many; of few rows one a row.
    """
    ends = np.append(predicted.starts[1:], rows)
    from_top = (rows - ends)[:, None], (rows - predicted.starts)[:, None]
    cuts = np.unique(np.round(np.arange(parts + 1) / parts * rows))
    shared = np.clip(np.minimum(from_top[1], cuts[1:]) - np.maximum(from_top[0], cuts[:-1]), 0, None)
    shares: Float64 = shared / (ends - predicted.starts)[:, None]
    return predicted.spread(shares.T).T


def together(a: Float64, actual: Groups, predicted: Groups, means: Mapping[str, Float64], shares: Float64) -> Statistic:
    """Return the function that gives all metrics of resamples, and ``decile 0``, ``decile 1``, ...: mean amounts.

    Args:
        a: Amounts that came, float64 [rows].
        actual: Of them.
        predicted: Of the amounts foretold.
        means: What is averaged over rows, float64 [rows] a metric; of ``RMSE`` the root is taken.
        shares: As ``parts_of``.
    """
    correlation, normalised = spearman_of(actual, predicted), gini_of(a, actual, predicted)
    columns = np.stack(list(means.values()), 1)

    def metrics(times: Float64) -> Mapping[str, Float64]:
        total = times.sum(1)
        gini = normalised(times) if a.min() >= 0 else np.full(len(times), np.nan)
        found = {"Spearman": correlation(times), "Gini": gini}
        averages = times @ columns / total[:, None]
        for name, average in zip(means, averages.T, strict=True):
            found[name] = np.sqrt(average) if name == "RMSE" else average
        mass, amount = times @ shares, times @ (shares * a[:, None])
        by_part = np.divide(amount, mass, out=np.full(mass.shape, np.nan), where=mass > 0)
        return found | {f"decile {part}": values for part, values in enumerate(by_part.T)}

    return metrics
