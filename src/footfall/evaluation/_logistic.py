"""Logistic curves with slopes that never fall, by Newton's method; for calibration.

Sums are by ``einsum`` and ``sum``, not by ``@``: on thin columns the threads of BLAS wait for each other ten times
longer than they work, where other work holds the cores.
"""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np

from footfall.evaluation._given import Bool, Float64

_ROUNDS: Final = 100
_RIDGE: Final = 1e-9
"""By row and by squared standardised slope: decides where the data cannot (all scores equal), moves nothing else."""
_STEEPEST: Final = 36.0
"""Log-odds beyond which a double would be 1, and one mistake would cost everything."""


def sigmoid(log_odds: Float64) -> Float64:
    """Return probabilities, never lower for higher log-odds, not even by a rounding.

    Args:
        log_odds: float64 [rows].
    """
    # exp(x) / (1 + exp(x)) would be as exact below 0, but may fall by a last digit where x rises.
    chances: Float64 = 1 / (1 + np.exp(-np.clip(log_odds, -_STEEPEST, _STEEPEST)))
    return chances


def logistic(features: Float64, targets: Float64, weights: Float64) -> tuple[float, Float64]:
    """Return intercept and slopes, all from 0, that make targets likeliest.

    The likelihood is concave, so its best point under the bounds is the best of the free optima of all sets of slopes
    whose others are 0, among those that keep the bounds. With one or two features that is at most four small fits.

    Args:
        features: float64 [rows, few].
        targets: What is aimed at, strictly between 0 and 1, float64 [rows].
        weights: float64 [rows].
    """
    mean = np.average(features, axis=0, weights=weights)
    spread = np.sqrt(np.average((features - mean) ** 2, axis=0, weights=weights))
    scale = np.where(spread > 1e-12 * (1 + np.abs(mean)), spread, np.inf)  # a feature without spread is 0
    standard = (features - mean) / scale
    share = weights / weights.sum()
    best: tuple[float, Float64] | None = None
    for flags in itertools.product((True, False), repeat=features.shape[1]):
        free = np.array(flags)
        fitted = _newton(standard, targets, share, free)
        loss = _loss(standard, targets, share, fitted)
        if (fitted[1:] >= 0).all() and (best is None or loss < best[0]):
            best = loss, fitted
    assert best is not None  # noqa: S101 - with all slopes 0 nothing breaks the bounds
    slopes = best[1][1:] / scale
    return float(best[1][0] - slopes @ mean), slopes


def _newton(standard: Float64, targets: Float64, share: Float64, free: Bool) -> Float64:
    """Return intercept and slopes, float64 [1 + few], of which those that are not free are 0."""
    design = np.column_stack((np.ones(len(standard)), standard * free))
    ridge = _RIDGE * np.eye(design.shape[1])
    ridge[0, 0] = 0
    at = np.zeros(design.shape[1])
    rate = float((share * targets).sum())
    at[0] = np.log(rate / (1 - rate))
    loss = _loss(standard, targets, share, at)
    for _ in range(_ROUNDS):
        p = sigmoid(np.einsum("rk,k->r", design, at))
        slope = np.einsum("rk,r->k", design, share * (p - targets)) + ridge @ at
        bend = np.einsum("rj,r,rk->jk", design, share * p * (1 - p), design) + ridge + 1e-15 * np.eye(len(at))
        step = np.linalg.solve(bend, slope)
        size = 1.0
        while size > 1e-6 and _loss(standard, targets, share, at - size * step) > loss:
            size /= 2
        moved = at - size * step
        now = _loss(standard, targets, share, moved)
        if not now < loss:
            break
        at, gain, loss = moved, loss - now, now
        if gain < 1e-14:
            break
    return at


def _loss(standard: Float64, targets: Float64, share: Float64, at: Float64) -> float:
    log_odds = at[0] + np.einsum("rk,k->r", standard, at[1:])
    penalty = _RIDGE / 2 * float(at[1:] @ at[1:])
    return float((share * (np.logaddexp(0, log_odds) - targets * log_odds)).sum()) + penalty
