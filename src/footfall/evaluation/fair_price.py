"""What a fairer decision costs: two decisions about the same users, by what came of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.evaluation._given import Bool, Float64, labels_of, users_of
from footfall.evaluation._resamples import Statistic, check_resampling, estimate, interval, resample
from footfall.evaluation.intervals import Interval


@dataclasses.dataclass(frozen=True)
class PriceRow:
    """One metric of a decision before and after it was made fairer.

    Attributes:
        metric: ``selection_rate_difference`` and ``true_positive_rate_difference`` (largest less smallest group),
            ``precision``, ``recall``, and ``gain`` where costs are told.
        before: Of the first decision.
        after: Of the second.
        change: Second less first, with its bootstrap interval over users (pairs).
    """

    metric: str
    before: float
    after: float
    change: Interval


def price(
    labels: npt.ArrayLike,
    before: Bool,
    after: Bool,
    groups: npt.ArrayLike,
    *,
    cost: float | None = None,
    gain: float | None = None,
    seed: int = 0,
    repeats: int = 300,
    level: float = 0.95,
) -> tuple[PriceRow, ...]:
    """Put two decisions about the same users side by side.

    Args:
        labels: 0 or 1, [users].
        before: Who was chosen, bool [users].
        after: Who is chosen now, bool [users].
        groups: Name of each user's group, [users]; a group without users of label 1 has no true positive rate.
        cost: Of acting on one user.
        gain: Of one hit; with ``cost``, or there is no row ``gain``.
        seed: Of the bootstrap.
        repeats: Resamples.
        level: Of the intervals.

    Raises:
        InputError: A column or a setting cannot be used.
    """
    y = labels_of(labels)
    names = np.asarray(groups)
    check_resampling(repeats, level)
    if not before.shape == after.shape == names.shape == y.shape:
        raise InputError(
            f"{len(y)} labels, {len(before)} and {len(after)} choices, {len(names)} groups; give one a user"
        )
    statistics = [_statistic(y, chosen.astype(np.float64), names, cost, gain) for chosen in (before, after)]
    owner = users_of(None, len(y))
    values = [estimate(statistic, len(y)) for statistic in statistics]
    drawn = [resample(statistic, owner, seed=seed, repeats=repeats) for statistic in statistics]
    return tuple(
        PriceRow(name, was, values[1][name], interval(values[1][name] - was, drawn[1][name] - drawn[0][name], level))
        for name, was in values[0].items()
    )


def _statistic(
    y: Float64, chosen: Float64, names: npt.NDArray[np.generic], cost: float | None, gain: float | None
) -> Statistic:
    values, place = np.unique(names, return_inverse=True)
    member = (place == np.arange(len(values))[:, None]).astype(np.float64)

    def metrics(times: Float64) -> Mapping[str, Float64]:
        users, hits, acted, caught = (
            np.einsum("rn,gn->gr", times * column, member) for column in (np.ones(len(y)), y, chosen, y * chosen)
        )
        all_hits, all_acted, all_caught = hits.sum(0), acted.sum(0), caught.sum(0)
        found = {
            "selection_rate_difference": _apart(_by(acted, users)),
            "true_positive_rate_difference": _apart(_by(caught, hits)),
            "precision": _by(all_caught, all_acted),
            "recall": _by(all_caught, all_hits),
        }
        return found if cost is None or gain is None else {**found, "gain": all_caught * gain - all_acted * cost}

    return metrics


def _by(part: Float64, whole: Float64) -> Float64:
    found: Float64 = np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
    return found


def _apart(rates: Float64) -> Float64:
    """Return the largest less the smallest of the groups that have a rate, float64 [resamples]."""
    highest = np.where(np.isnan(rates), -np.inf, rates).max(0)
    lowest = np.where(np.isnan(rates), np.inf, rates).min(0)
    found: Float64 = np.where(np.isfinite(highest), highest - lowest, np.nan)
    return found
