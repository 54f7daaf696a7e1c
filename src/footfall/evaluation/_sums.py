"""Metrics of probabilities as sums over distinct scores, of many resamples at once; defined in ``probability``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from footfall.errors import InputError
from footfall.evaluation._given import Float64, Int64
from footfall.evaluation._resamples import Groups, Statistic, interval
from footfall.evaluation.curves import bins_of
from footfall.evaluation.intervals import Interval

_EDGE: Final = float(np.finfo(np.float64).eps)
_DRAWS: Final = 200
"""Times that labels are drawn from the probabilities."""


def statistic_of(y: Float64, groups: Groups, bins: int) -> Statistic:
    """Return the function that gives the metrics of resamples; everything is sums over distinct probabilities.

    Args:
        y: Labels, float64 [rows].
        groups: Of the probabilities.
        bins: Of ECE.

    Raises:
        InputError: Bins below 1.
    """
    if bins < 1:
        raise InputError(f"bins = {bins}; give 1 or more, e.g. 15")
    p, y_sorted = groups.values, y[groups.order]
    inside = np.clip(p, _EDGE, 1 - _EDGE)
    cost_hit, cost_miss = -np.log(inside), -np.log1p(-inside)

    def metrics(times: Float64) -> Mapping[str, Float64]:
        ordered = times[:, groups.order]
        positive, every = groups.sums_of_sorted(ordered * y_sorted), groups.sums_of_sorted(ordered)
        negative = every - positive
        total = every.sum(1)
        return {
            "AUROC": area_under_roc(positive, negative),
            "AP": area_of_steps(positive, negative),
            "LogLoss": (_weighed(positive, cost_hit) + _weighed(negative, cost_miss)) / total,
            "Brier": (_weighed(positive, (1 - p) ** 2) + _weighed(negative, p**2)) / total,
            "ECE": np.abs(_in_bins(positive - every * p, bins_of(every, bins), bins)).sum(1) / total,
        }

    return metrics


def area_under_roc(positive: Float64, negative: Float64) -> Float64:
    """Return AUROC of each resample, nan where a class is missing.

    Args:
        positive: Mass of positives of each distinct score, ascending, float64 [resamples, groups].
        negative: The same of negatives.
    """
    below = np.cumsum(negative, 1) - negative / 2
    pairs = positive.sum(1) * negative.sum(1)
    won = np.einsum("rg,rg->r", positive, below)
    area: Float64 = np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
    return area


def area_of_steps(positive: Float64, negative: Float64) -> Float64:
    """Return AP of each resample, nan where a class is missing.

    Args:
        positive: Mass of positives of each distinct score, ascending, float64 [resamples, groups].
        negative: The same of negatives.
    """
    found = np.cumsum(positive[:, ::-1], 1)
    chosen = found + np.cumsum(negative[:, ::-1], 1)
    precision = np.divide(found, chosen, out=np.zeros_like(found), where=chosen > 0)
    hits = found[:, -1]
    area = np.einsum("rg,rg->r", positive[:, ::-1], precision)
    both = (hits > 0) & (negative.sum(1) > 0)
    mean: Float64 = np.divide(area, hits, out=np.full(len(hits), np.nan), where=both)
    return mean


def _weighed(mass: Float64, costs: Float64) -> Float64:
    """Add up mass times cost, float64 [resamples]; without BLAS, whose threads wait for each other on busy cores."""
    total: Float64 = np.einsum("rg,g->r", mass, costs)
    return total


def _in_bins(amounts: Float64, places: Int64, bins: int) -> Float64:
    """Add up over bins, float64 [resamples, bins]."""
    resamples = len(amounts)
    flat = places + np.arange(resamples)[:, None] * bins
    summed: Float64 = np.bincount(flat.ravel(), amounts.ravel(), resamples * bins).astype(np.float64, copy=False)
    return summed.reshape(resamples, bins)


def ece_if_calibrated(groups: Groups, rows: int, bins: int, seed: int, level: float) -> Interval:
    """Return mean and range of the ECE of labels drawn from the probabilities themselves.

    Args:
        groups: Of the probabilities.
        rows: How many there are.
        bins: Of ECE.
        seed: Of the labels.
        level: Of the range.
    """
    rng = np.random.default_rng(seed)
    count = np.diff(groups.starts, append=rows)
    places = bins_of(count[None].astype(np.float64), bins)
    amounts = rng.binomial(count, groups.values, (_DRAWS, len(count))) - count * groups.values
    drawn = np.abs(_in_bins(amounts, np.broadcast_to(places, amounts.shape), bins)).sum(1) / rows
    return interval(float(drawn.mean()), drawn, level)
