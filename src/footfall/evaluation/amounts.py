"""Amounts foretold against amounts that came: order, size and spread, with intervals over users.

* Spearman: correlation of midranks (Spearman 1904); of the resampled rows in a resample.
* Gini, normalised: rows in order of the amount foretold draw the concentration curve of the amounts that came (share of
  rows against share of the sum; Lorenz 1905; Kakwani, Econometrica 1977), which is a straight line over rows foretold
  alike. Twice the area between it and the diagonal, by the same of a perfect order. 1 is perfect, 0 is chance (Frees,
  Meyers and Cummings, JASA 2011; for lifetime values: Wang, Liu and Miao 2019, arXiv:1912.07753).
* MAE, RMSE, Bias: mean absolute error, root of the mean squared error, mean of foretold less came; unit of the amounts.
* Pinball: mean of q (a - f) above and (1 - q) (f - a) below, of quantile q (Koenker and Bassett, Econometrica 1978).
* Coverage: share of the amounts that lie in their interval, ends included; Width: mean width of the intervals.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError, unknown_name
from footfall.evaluation._amounts import band_of, gini_of, inside, parts_of, pinball_losses, spearman_of, together
from footfall.evaluation._given import Float64, column, users_of, weights_of
from footfall.evaluation._resamples import Groups, check_resampling, estimate, interval, resample
from footfall.evaluation.intervals import Interval
from footfall.results import Result

PARTS: Final = 10
Band = tuple[npt.ArrayLike, npt.ArrayLike]
"""Low ends and high ends of intervals, [rows] each."""


def spearman(actual: npt.ArrayLike, predicted: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the rank correlation, -1 to 1.

    Args:
        actual: Amounts that came, [rows].
        predicted: Amounts foretold, [rows].
        weights: How many rows each stands for, [rows].

    Raises:
        InputError: A column cannot be used, or is constant: it has no order.
    """
    a, f = column("actual amounts", actual), column("predicted amounts", predicted, np.size(actual))
    value = float(spearman_of(Groups.of(a), Groups.of(f))(weights_of(weights, len(a))[None])[0])
    if np.isnan(value):
        raise InputError("Spearman needs two different amounts in both columns; one of them is constant")
    return value


def gini(actual: npt.ArrayLike, predicted: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the normalised Gini coefficient, -1 to 1.

    Args:
        actual: Amounts that came, from 0, [rows].
        predicted: Amounts foretold, or any score, [rows].
        weights: How many rows each stands for, [rows].

    Raises:
        InputError: A column cannot be used; an amount that came is below 0; all of them are the same.
    """
    a, f = column("actual amounts", actual), column("predicted amounts", predicted, np.size(actual))
    w = weights_of(weights, len(a))
    if a.min() < 0:
        raise InputError(f"actual amounts from {a.min():g}; shares of a sum need amounts from 0")
    value = float(gini_of(a, Groups.of(a), Groups.of(f))(w[None])[0])
    if np.isnan(value):
        raise InputError(f"Gini needs amounts that differ; all {len(a)} that came are {a[0]:g}")
    return value


def mae(actual: npt.ArrayLike, predicted: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the mean absolute error, in the unit of the amounts.

    Args:
        actual: Amounts that came, [rows].
        predicted: Amounts foretold, [rows].
        weights: How many rows each stands for, [rows].

    Raises:
        InputError: A column cannot be used.
    """
    a, f, w = _given(actual, predicted, weights)
    return float(np.average(np.abs(f - a), weights=w))


def rmse(actual: npt.ArrayLike, predicted: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the root of the mean squared error, in the unit of the amounts.

    Args:
        actual: Amounts that came, [rows].
        predicted: Amounts foretold, [rows].
        weights: How many rows each stands for, [rows].

    Raises:
        InputError: A column cannot be used.
    """
    a, f, w = _given(actual, predicted, weights)
    return float(np.sqrt(np.average((f - a) ** 2, weights=w)))


def pinball(
    actual: npt.ArrayLike, predicted: npt.ArrayLike, quantile: float, weights: npt.ArrayLike | None = None
) -> float:
    """Return the mean loss of a foretold quantile, in the unit of the amounts.

    Args:
        actual: Amounts that came, [rows].
        predicted: The quantile foretold, [rows].
        quantile: Which, in (0, 1).
        weights: How many rows each stands for, [rows].

    Raises:
        InputError: A column cannot be used; a quantile outside (0, 1).
    """
    a, f, w = _given(actual, predicted, weights)
    return float(np.average(pinball_losses(a, f, quantile), weights=w))


def coverage(
    actual: npt.ArrayLike, low: npt.ArrayLike, high: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Return the share of amounts that lie in their interval, 0 to 1.

    Args:
        actual: Amounts that came, [rows].
        low: Low ends, [rows]; an amount at the end lies in it.
        high: High ends, [rows].
        weights: How many rows each stands for, [rows].

    Raises:
        InputError: A column cannot be used; a high end below its low end.
    """
    a, w = column("actual amounts", actual), weights_of(weights, np.size(actual))
    return float(np.average(inside(a, *band_of(low, high, len(a))), weights=w))


@dataclasses.dataclass(frozen=True)
class AmountRow:
    """One metric; ``low`` and ``high`` are nan where the interval cannot be told."""

    metric: str
    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class DecileRow:
    """One tenth of the rows, by the amount foretold.

    Attributes:
        decile: 1 is the highest.
        count: Rows.
        mean_predicted: Foretold.
        mean_actual: Came; of rows foretold alike that two tenths share, the mean of these stands for each.
        actual_low: Of its bootstrap interval.
        actual_high: Of its bootstrap interval.
        share_of_sum: Of all that came; nan where that is nothing.
    """

    decile: int
    count: int
    mean_predicted: float
    mean_actual: float
    actual_low: float
    actual_high: float
    share_of_sum: float


@dataclasses.dataclass(frozen=True)
class AmountEvaluation(Result):
    """How good some amounts foretold were.

    Attributes:
        cases: Number of rows.
        users: Number of users over whom intervals are; None: each row its own.
        level: Of the intervals.
        mean_actual: Came.
        mean_predicted: Foretold.
        rows: The metrics with intervals; nan where ``reasons`` say why.
        deciles: From the highest tenth foretold to the lowest.
        reasons: What could not be told, and why.
    """

    cases: int
    users: int | None
    level: float
    mean_actual: float
    mean_predicted: float
    rows: tuple[AmountRow, ...]
    deciles: tuple[DecileRow, ...]
    reasons: tuple[str, ...]

    @classmethod
    def of(
        cls,
        actual: npt.ArrayLike,
        predicted: npt.ArrayLike,
        users: npt.ArrayLike | None = None,
        seed: int = 0,
        *,
        quantiles: Mapping[float, npt.ArrayLike] | None = None,
        bands: Mapping[float, Band] | None = None,
        repeats: int = 300,
        level: float = 0.95,
    ) -> AmountEvaluation:
        """Judge amounts by every metric.

        Args:
            actual: Amounts that came, [rows].
            predicted: Amounts foretold (means), [rows].
            users: Whose each row is, any ids, [rows], where a user has several.
            seed: Of the bootstrap.
            quantiles: Foretold quantiles, e.g. ``{0.9: [rows]}``: adds ``Pinball@0.9``.
            bands: Foretold intervals by their level, e.g. ``{0.8: (low, high)}``: adds ``Coverage@0.8``, ``Width@0.8``.
            repeats: Resamples.
            level: Of the intervals.

        Raises:
            InputError: A column or a setting cannot be used. Amounts without order or with some below 0 are no error:
                what needs them is nan.
        """
        a, f, _ = _given(actual, predicted, None)
        check_resampling(repeats, level)
        owner = users_of(users, len(a))
        by_actual, by_predicted = Groups.of(a), Groups.of(f)
        means = {"MAE": np.abs(f - a), "RMSE": (f - a) ** 2, "Bias": f - a} | _more(a, quantiles or {}, bands or {})
        tenths = parts_of(by_predicted, len(a), PARTS)
        statistic = together(a, by_actual, by_predicted, means, tenths)
        values = estimate(statistic, len(a))
        drawn = resample(statistic, owner, seed=seed, repeats=repeats)
        names = [name for name in values if not name.startswith("decile")]
        rows = []
        for name in names:
            around = interval(values[name], drawn[name], level)
            rows.append(AmountRow(name, around.mean, around.low, around.high))
        return cls(
            cases=len(a),
            users=None if users is None else int(owner.max()) + 1,
            level=level,
            mean_actual=float(a.mean()),
            mean_predicted=float(f.mean()),
            rows=tuple(rows),
            deciles=_deciles(a, f, tenths, values, drawn, level),
            reasons=tuple(_reasons(a, f)),
        )

    def interval(self, metric: str) -> Interval:
        """Return a metric with its interval.

        Args:
            metric: E.g. ``Spearman``.

        Raises:
            InputError: There is no such metric.
        """
        by_name = {row.metric: row for row in self.rows}
        if metric not in by_name:
            raise InputError(unknown_name("metric", metric, by_name))
        return Interval(by_name[metric].value, by_name[metric].low, by_name[metric].high)

    def headline(self) -> str:
        """Say how many rows, and both means."""
        over = "" if self.users is None else f" of {self.users:,} users"
        return f"{self.cases:,} rows{over}, mean {self.mean_actual:.4g}, foretold {self.mean_predicted:.4g}"

    def notes(self) -> Sequence[str]:
        """Say what the intervals are, and what could not be told."""
        over = "rows" if self.users is None else "users"
        return (f"low, high: {self.level:.0%} percentile bootstrap over {over}.", *self.reasons)


def _given(
    actual: npt.ArrayLike, predicted: npt.ArrayLike, weights: npt.ArrayLike | None
) -> tuple[Float64, Float64, Float64]:
    a = column("actual amounts", actual)
    return a, column("predicted amounts", predicted, len(a)), weights_of(weights, len(a))


def _more(a: Float64, quantiles: Mapping[float, npt.ArrayLike], bands: Mapping[float, Band]) -> dict[str, Float64]:
    """Return what foretold quantiles and intervals add to the means, float64 [rows] a metric."""
    more = {}
    for quantile, foretold in quantiles.items():
        f = column(f"quantile {quantile:g}", foretold, len(a))
        more[f"Pinball@{quantile:g}"] = pinball_losses(a, f, quantile)
    for level, (low, high) in bands.items():
        lows, highs = band_of(low, high, len(a))
        more[f"Coverage@{level:g}"] = inside(a, lows, highs).astype(np.float64)
        more[f"Width@{level:g}"] = highs - lows
    return more


def _deciles(
    a: Float64,
    f: Float64,
    shares: Float64,
    values: Mapping[str, float],
    drawn: Mapping[str, Float64],
    level: float,
) -> tuple[DecileRow, ...]:
    count, foretold = shares.sum(0), shares.T @ f
    total = float(a.sum())
    rows = []
    for part in range(shares.shape[1]):
        came = interval(values[f"decile {part}"], drawn[f"decile {part}"], level)
        rows.append(
            DecileRow(
                decile=part + 1,
                count=round(count[part]),
                mean_predicted=float(foretold[part] / count[part]),
                mean_actual=came.mean,
                actual_low=came.low,
                actual_high=came.high,
                share_of_sum=came.mean * float(count[part]) / total if total else float("nan"),
            )
        )
    return tuple(rows)


def _reasons(a: Float64, f: Float64) -> list[str]:
    reasons = []
    if a.min() == a.max():
        reasons.append(f"Spearman and Gini cannot be told: all {len(a)} amounts that came are {a[0]:g}.")
    elif f.min() == f.max():
        reasons.append(f"Spearman cannot be told: all {len(a)} amounts foretold are {f[0]:g}.")
    if a.min() < 0:
        reasons.append(f"Gini cannot be told: amounts that came begin at {a.min():g}, and shares need amounts from 0.")
    return reasons
