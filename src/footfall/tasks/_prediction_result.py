"""What comes of comparing predictors: one row a family and seed, judged on the same users of a later horizon."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from footfall.evaluation.amounts import AmountEvaluation
from footfall.evaluation.intervals import Interval, bootstrap, mean_by
from footfall.evaluation.probability import ProbabilityEvaluation
from footfall.evaluation.quantiles import Quantiles, covered, losses
from footfall.predictors._base import Examples, Float64, Kind
from footfall.results import Result
from footfall.schema import US_PER_DAY

if TYPE_CHECKING:
    from footfall.tasks._moments import Moments
    from footfall.tasks._prediction import Entrant, Prediction

DECIDES: Final[Mapping[Kind, str]] = {"binary": "AP", "amount": "Gini"}
"""The metric by which the board is sorted."""
METRICS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "binary": ("AUROC", "AP", "LogLoss", "Brier", "ECE"),
    "amount": ("Spearman", "Gini", "MAE", "RMSE"),
}
LEAK: Final = 0.99
"""A single feature with a larger AUROC is told as a likely leak."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One family.

    Attributes:
        predictor: Its name.
        metrics: By name, with intervals over users.
        fit_cpu_s: Processor time of fitting and calibrating, seconds.
        worth: On the calibration slice, by which the champion is chosen; higher is better.
        seed: It was fitted with.
        champion: Whether it is what is served.
    """

    predictor: str
    metrics: Mapping[str, Interval]
    fit_cpu_s: float
    worth: float
    seed: int
    champion: bool = False


@dataclasses.dataclass(frozen=True)
class PredictionBoard(Result):
    """Predictors side by side on one horizon that none of them saw, best first.

    Attributes:
        question: What is asked, in words.
        metric: What the rows are sorted by.
        users: Number of users that were asked about.
        rate: Share of them with the answer yes, or the mean amount.
        cutoff: When they were asked, ISO 8601.
        champion: The family that is served: the best where probabilities were calibrated, so that the horizon shown
            here chose nothing.
        learnt_from: Number of cutoffs that were learnt from.
        left_out: Families that could not take part, and why.
        leaks: Features that alone tell nearly everything: likely made of the answer.
        bundle: Where what is served is kept; empty where it is not.
        rows: The families.
    """

    rows_field: ClassVar[str] = "rows"
    question: str
    metric: str
    users: int
    rate: float
    cutoff: str
    champion: str
    learnt_from: int
    left_out: Mapping[str, str]
    leaks: tuple[str, ...]
    bundle: str
    rows: tuple[Row, ...]

    def headline(self) -> str:
        """Say what was asked of whom, and who is served."""
        return f"{self.question}: {self.users:,} users asked on {self.cutoff[:10]}\nChampion: {self.champion}"

    def notes(self) -> Sequence[str]:
        """Say how it was judged, what was left out, and what looks like a leak."""
        how = "calibrated on the next horizon (which chose the champion), judged on the one after that"
        found = [f"Learnt at {self.learnt_from} cutoffs a horizon apart, {how}; intervals: bootstrap over users."]
        found += [f"Likely a leak: {each}" for each in self.leaks]
        found += [f"Left out: {name}: {why}" for name, why in self.left_out.items()]
        return [*found, *([f"Kept in {self.bundle}."] if self.bundle else [])]

    def table_rows(self) -> list[dict[str, Any]]:
        """Return one flat row a family."""
        rows = []
        for row in self.rows:
            flat: dict[str, Any] = {"predictor": row.predictor}
            for name, around in row.metrics.items():
                flat[name] = around.mean
                if name == self.metric:
                    flat |= {f"{name}_low": around.low, f"{name}_high": around.high}
            more = {"seed": row.seed} if len({each.seed for each in self.rows}) > 1 else {}
            rows.append({**flat, "fit_cpu_s": round(row.fit_cpu_s, 2), **more, "champion": row.champion})
        return rows


def judged(
    task: Prediction,
    name: str,
    said: Float64,
    test: Examples,
    seed: int,
    fit_cpu_s: float,
    worth: float,
    bands: Quantiles | None = None,
) -> Row:
    """Judge what a family said.

    Args:
        task: What was asked.
        name: Of the family.
        said: Probabilities or amounts, float64 [examples].
        test: Who was asked, and what came of it.
        seed: It was fitted with.
        fit_cpu_s: What fitting cost.
        worth: On the calibration slice.
        bands: Quantiles around what was said: adds ``Coverage80``, the share of outcomes between the lowest and the
            highest, and ``Pinball``, the mean loss over all of them.
    """
    judge: Any = ProbabilityEvaluation if task.kind == "binary" else AmountEvaluation
    answered = task.answered(said, test)
    assert answered.told is not None  # noqa: S101 - the test is told
    found = judge.of(answered.told, answered.said, test.rows[answered.places])
    metrics = {metric: found.interval(metric) for metric in METRICS[task.kind]}
    for metric, (values, users) in task.besides(answered, test).items():
        metrics[metric] = bootstrap(mean_by(values, users), seed=0, repeats=300)
    if bands is not None:
        around = bands.apply(said)
        metrics["Coverage80"] = bootstrap(covered(test.told, around), seed=0, repeats=300)
        metrics["Pinball"] = bootstrap(losses(test.told, around, bands.levels), seed=0, repeats=300)
    return Row(name, metrics, fit_cpu_s, worth, seed)


def board(
    task: Prediction,
    rows: Sequence[Row],
    found: Sequence[Entrant],
    moments: Moments,
    test: Examples,
    leaks: Sequence[str] = (),
) -> PredictionBoard:
    """Put rows side by side.

    Args:
        task: What was asked.
        rows: One a family and seed.
        found: The families of the last seed, with those that could not take part.
        moments: When was learnt and judged.
        test: Who was asked.
        leaks: What looks like one.
    """
    by_family: dict[str, list[float]] = {}
    for row in rows:
        by_family.setdefault(row.predictor, []).append(row.worth)
    champion = task.family or max(by_family, key=lambda name: float(np.mean(by_family[name])))
    metric = DECIDES[task.kind]
    ordered = sorted(rows, key=lambda row: -_known(row.metrics[metric].mean))
    cutoff = dt.datetime.fromtimestamp(moments.judge_us / 1e6, dt.UTC).isoformat(timespec="seconds")
    days = moments.horizon_us / US_PER_DAY
    told = task.answered(np.zeros(len(test)), test).told
    rate = float("nan") if told is None or not len(told) else float(told.mean())
    return PredictionBoard(
        question=f"{task.title} of {days:.3g} days" if task.per_horizon else task.title,
        metric=metric,
        users=len(np.unique(test.rows)),
        rate=rate,
        cutoff=cutoff,
        champion=champion,
        learnt_from=len(moments.learn_us),
        left_out={entrant.name: entrant.why_not for entrant in found if entrant.why_not},
        leaks=tuple(leaks),
        bundle="",
        rows=tuple(dataclasses.replace(row, champion=row.predictor == champion) for row in ordered),
    )


def _known(value: float) -> float:
    return -np.inf if np.isnan(value) else value
