"""Probabilities against what happened: order, sharpness and honesty, with intervals over users.

For labels y of 0 and 1 and probabilities p (for the first two any score will do), weighted by w:

* AUROC: chance that a positive scores above a negative, of equals one half (Hanley and McNeil, Radiology 1982): the
  Mann-Whitney statistic by midranks.
* AP, average precision: sum over distinct scores, from the highest, of (rise of recall) x (precision there); steps,
  nothing interpolated (as scikit-learn; Manning, Raghavan and Schütze, 2008, section 8.4). A constant has the rate.
* LogLoss: mean of -ln(probability of what happened), nats; p is moved into [e, 1 - e] with e = 2.2e-16, so that one
  certain mistake costs 36 and not everything.
* Brier: mean of (p - y)^2 (Brier, Monthly Weather Review 1950).
* ECE, expected calibration error: rows in order of p are cut into bins of equal mass; sum over bins of
  |sum of p - sum of y|, by all rows (Naeini, Cooper and Hauskrecht, AAAI 2015; Guo et al., ICML 2017, with bins of
  equal width; of equal mass: Nixon et al., CVPR workshops 2019). Rows of equal p stay together: they are in the bin
  where the middle of their mass is. ECE is above 0 by chance alone even for true probabilities: ``ECEIfCalibrated``
  tells by how much, for the same p and labels drawn from them (Bröcker and Smith, Weather and Forecasting 2007).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError, unknown_name
from footfall.evaluation._given import (
    Float64,
    both_classes,
    column,
    labels_of,
    probabilities_of,
    users_of,
    weights_of,
)
from footfall.evaluation._resamples import Groups, check_resampling, estimate, interval, resample
from footfall.evaluation._sums import area_of_steps, area_under_roc, ece_if_calibrated, statistic_of
from footfall.evaluation.curves import GainsRow, ReliabilityRow, gains, reliability
from footfall.evaluation.intervals import Interval
from footfall.results import Result

METRICS: Final = ("AUROC", "AP", "LogLoss", "Brier", "ECE")
LOWER_IS_BETTER: Final = frozenset({"LogLoss", "Brier", "ECE"})
BINS: Final = 15


def auroc(labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the chance that a positive scores above a negative; of equal scores one half.

    Args:
        labels: 0 or 1, [rows].
        scores: Any real numbers, [rows].
        weights: How much each row counts, [rows].

    Raises:
        InputError: A column cannot be used; all labels are of one class.
    """
    return _of_scores("AUROC", labels, scores, weights)


def average_precision(labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the mean precision over the steps of recall.

    Args:
        labels: 0 or 1, [rows].
        scores: Any real numbers, [rows].
        weights: How much each row counts, [rows].

    Raises:
        InputError: A column cannot be used; all labels are of one class.
    """
    return _of_scores("AP", labels, scores, weights)


def log_loss(labels: npt.ArrayLike, probabilities: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the mean surprise at what happened, nats.

    Args:
        labels: 0 or 1, [rows].
        probabilities: [rows].
        weights: How much each row counts, [rows].

    Raises:
        InputError: A column cannot be used.
    """
    return _of_probabilities("LogLoss", labels, probabilities, weights)


def brier(labels: npt.ArrayLike, probabilities: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    """Return the mean squared distance from what happened, 0 to 1.

    Args:
        labels: 0 or 1, [rows].
        probabilities: [rows].
        weights: How much each row counts, [rows].

    Raises:
        InputError: A column cannot be used.
    """
    return _of_probabilities("Brier", labels, probabilities, weights)


def ece(
    labels: npt.ArrayLike, probabilities: npt.ArrayLike, weights: npt.ArrayLike | None = None, bins: int = BINS
) -> float:
    """Return the expected calibration error over bins of equal mass, 0 to 1.

    Args:
        labels: 0 or 1, [rows].
        probabilities: [rows].
        weights: How much each row counts, [rows].
        bins: At most so many.

    Raises:
        InputError: A column cannot be used; bins below 1.
    """
    return _of_probabilities("ECE", labels, probabilities, weights, bins)


@dataclasses.dataclass(frozen=True)
class MetricRow:
    """One metric; ``low`` and ``high`` are nan where the interval cannot be told."""

    metric: str
    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class ProbabilityEvaluation(Result):
    """How good some probabilities were.

    Attributes:
        cases: Number of rows.
        positives: Rows labelled 1.
        users: Number of users over whom intervals are; None: each row its own.
        level: Of the intervals.
        rows: The metrics of ``METRICS``, with intervals, and ``ECEIfCalibrated``: mean and range of the ECE that true
            probabilities of these values would have had. nan where ``reasons`` say why.
        reliability: Probability against observed rate in bins of equal mass.
        gains: What is reached by acting on the highest tenths; empty where all labels are of one class.
        reasons: What could not be told, and why.
    """

    cases: int
    positives: int
    users: int | None
    level: float
    rows: tuple[MetricRow, ...]
    reliability: tuple[ReliabilityRow, ...]
    gains: tuple[GainsRow, ...]
    reasons: tuple[str, ...]

    @classmethod
    def of(
        cls,
        labels: npt.ArrayLike,
        probabilities: npt.ArrayLike,
        users: npt.ArrayLike | None = None,
        seed: int = 0,
        *,
        repeats: int = 300,
        level: float = 0.95,
        bins: int = BINS,
    ) -> ProbabilityEvaluation:
        """Judge probabilities by every metric.

        The interval of ECE is moved down by the mean excess of the resampled over the estimate: resampling adds noise,
        and noise adds ECE.

        Args:
            labels: 0 or 1, [rows].
            probabilities: [rows].
            users: Whose each row is, any ids, [rows], where a user has several.
            seed: Of the bootstrap.
            repeats: Resamples.
            level: Of the intervals.
            bins: Of ECE and of the reliability rows.

        Raises:
            InputError: A column or a setting cannot be used. Labels of one class are no error: AUROC and AP are nan.
        """
        y, p = labels_of(labels), probabilities_of(probabilities, len(np.atleast_1d(labels)))
        check_resampling(repeats, level)
        owner = users_of(users, len(y))
        groups = Groups.of(p)
        statistic = statistic_of(y, groups, bins)
        values = estimate(statistic, len(y))
        drawn = resample(statistic, owner, seed=seed, repeats=repeats)
        rows = [_row(name, _interval(name, values[name], drawn[name], level)) for name in METRICS]
        rows[-1] = dataclasses.replace(rows[-1], low=max(0.0, rows[-1].low))  # ECE, moved down as told above
        rows.append(_row("ECEIfCalibrated", ece_if_calibrated(groups, len(y), bins, seed, level)))
        positives = int(y.sum())
        return cls(
            cases=len(y),
            positives=positives,
            users=None if users is None else int(owner.max()) + 1,
            level=level,
            rows=tuple(rows),
            reliability=reliability(y, p, bins=bins, level=level),
            gains=gains(y, p) if 0 < positives < len(y) else (),
            reasons=tuple(_reasons(y, drawn["AUROC"])),
        )

    def interval(self, metric: str) -> Interval:
        """Return a metric with its interval.

        Args:
            metric: E.g. ``AUROC``.

        Raises:
            InputError: There is no such metric.
        """
        return _find(self.rows, metric)

    def headline(self) -> str:
        """Say how many rows, and the rate."""
        over = "" if self.users is None else f" of {self.users:,} users"
        return f"{self.cases:,} rows{over}, {self.positives:,} positive ({self.positives / self.cases:.2%})"

    def notes(self) -> Sequence[str]:
        """Say what the intervals are, what a constant would have, and what could not be told."""
        rate = self.positives / self.cases
        entropy = -sum(q * math.log(q) for q in (rate, 1 - rate) if q)
        over = "rows" if self.users is None else "users"
        return (
            f"low, high: {self.level:.0%} percentile bootstrap over {over}; of ECEIfCalibrated: its range by chance.",
            f"The rate alone, said to all, has LogLoss {entropy:.4f} and Brier {rate * (1 - rate):.4f}.",
            *self.reasons,
        )


@dataclasses.dataclass(frozen=True)
class MetricDifference:
    """One metric of two models: the first less the second, and its interval.

    Attributes:
        metric: Its name.
        first: Of the first model.
        second: Of the second model.
        difference: First less second; below 0 is better for the metrics of ``LOWER_IS_BETTER``.
        low: Of the interval of the difference.
        high: Of the interval of the difference.
        better: ``first`` or ``second`` where the whole interval is on one side of 0, else None.
    """

    metric: str
    first: float
    second: float
    difference: float
    low: float
    high: float
    better: str | None


@dataclasses.dataclass(frozen=True)
class ProbabilityComparison(Result):
    """Two models on the same rows.

    Attributes:
        cases: Number of rows.
        users: Number of users over whom intervals are; None: each row its own.
        level: Of the intervals.
        rows: One a metric.
        reasons: What could not be told, and why.
    """

    cases: int
    users: int | None
    level: float
    rows: tuple[MetricDifference, ...]
    reasons: tuple[str, ...]

    def row(self, metric: str) -> MetricDifference:
        """Return one metric.

        Args:
            metric: E.g. ``LogLoss``.

        Raises:
            InputError: There is no such metric.
        """
        by_name = {row.metric: row for row in self.rows}
        if metric not in by_name:
            raise InputError(unknown_name("metric", metric, by_name))
        return by_name[metric]

    def notes(self) -> Sequence[str]:
        """Say what the intervals are."""
        over = "rows" if self.users is None else "users"
        return (f"low, high: {self.level:.0%} percentile bootstrap of pairs over {over}.", *self.reasons)


def compare(
    labels: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    users: npt.ArrayLike | None = None,
    seed: int = 0,
    *,
    repeats: int = 300,
    level: float = 0.95,
    bins: int = BINS,
) -> ProbabilityComparison:
    """Put two models side by side on the same rows; both are judged on the same resamples.

    Args:
        labels: 0 or 1, [rows].
        first: Probabilities of one model, [rows].
        second: Of the other, [rows].
        users: Whose each row is, [rows], where a user has several.
        seed: Of the bootstrap.
        repeats: Resamples.
        level: Of the intervals.
        bins: Of ECE.

    Raises:
        InputError: A column or a setting cannot be used.
    """
    y = labels_of(labels)
    check_resampling(repeats, level)
    owner = users_of(users, len(y))
    statistics = [statistic_of(y, Groups.of(probabilities_of(p, len(y))), bins) for p in (first, second)]
    a, b = (estimate(statistic, len(y)) for statistic in statistics)
    drawn_a, drawn_b = (resample(statistic, owner, seed=seed, repeats=repeats) for statistic in statistics)
    rows = []
    for name in METRICS:
        around = _interval(name, a[name] - b[name], drawn_a[name] - drawn_b[name], level)
        rows.append(
            MetricDifference(name, a[name], b[name], around.mean, around.low, around.high, _better(name, around))
        )
    over = None if users is None else int(owner.max()) + 1
    return ProbabilityComparison(len(y), over, level, tuple(rows), tuple(_reasons(y, drawn_a["AUROC"])))


def _better(name: str, difference: Interval) -> str | None:
    if difference.low > 0:
        return "second" if name in LOWER_IS_BETTER else "first"
    if difference.high < 0:
        return "first" if name in LOWER_IS_BETTER else "second"
    return None


def _of_scores(name: str, labels: npt.ArrayLike, scores: npt.ArrayLike, weights: npt.ArrayLike | None) -> float:
    s = column("scores", scores)
    y, w = labels_of(labels, len(s)), weights_of(weights, len(s))
    both_classes(y, w, name)
    groups = Groups.of(s)
    positive, negative = groups.sums((w * y)[None]), groups.sums((w * (1 - y))[None])
    return float({"AUROC": area_under_roc, "AP": area_of_steps}[name](positive, negative)[0])


def _of_probabilities(
    name: str, labels: npt.ArrayLike, given: npt.ArrayLike, weights: npt.ArrayLike | None, bins: int = BINS
) -> float:
    p = probabilities_of(given)
    y, w = labels_of(labels, len(p)), weights_of(weights, len(p))
    return float(statistic_of(y, Groups.of(p), bins)(w[None])[name][0])


def _interval(name: str, value: float, drawn: Float64, level: float) -> Interval:
    around = interval(value, drawn, level)
    if name != "ECE":
        return around
    excess = float(drawn.mean()) - value
    return Interval(value, around.low - excess, around.high - excess)


def _reasons(y: Float64, drawn: Float64) -> list[str]:
    kinds = np.unique(y)
    if len(kinds) < 2:
        return [f"AUROC and AP cannot be told: all {len(y)} labels are {kinds[0]:g}."]
    without = int(np.isnan(drawn).sum())
    if not without:
        return []
    others = "intervals of AUROC and AP are over the others, and too narrow: there are too few rows of one class"
    return [f"{without} of {len(drawn)} resamples held one class only; {others}."]


def _row(name: str, around: Interval) -> MetricRow:
    return MetricRow(name, around.mean, around.low, around.high)


def _find(rows: Sequence[Any], metric: str) -> Interval:
    by_name = {row.metric: row for row in rows}
    if metric not in by_name:
        raise InputError(unknown_name("metric", metric, by_name))
    row = by_name[metric]
    return Interval(row.value, row.low, row.high)
