"""Judges what was said: metrics, paired differences of the champion and its rivals, and targets.

Families and rivals were asked about the same users. The metrics of several seeds are averaged; an interval is a
bootstrap over users, the same resamples for all seeds and for both sides of a difference.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import _records
from _predict_rivals import RIVALS
from footfall.evaluation._amounts import parts_of, together
from footfall.evaluation._resamples import Groups, estimate, interval, resample
from footfall.evaluation._sums import ece_if_calibrated, statistic_of
from footfall.evaluation.intervals import Interval
from footfall.evaluation.probability import BINS
from footfall.predictors._base import Float64, Kind

Bool = npt.NDArray[np.bool_]

METRICS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "binary": ("AUROC", "AP", "LogLoss", "ECE"),
    "amount": ("Spearman", "Gini", "MAE", "RMSE"),
}
LOWER: Final = frozenset({"LogLoss", "Brier", "ECE", "MAE", "RMSE"})
COMPARED: Final[Mapping[Kind, tuple[str, ...]]] = {
    "binary": ("AUROC", "AP", "LogLoss"),
    "amount": ("Spearman", "Gini", "MAE"),
}
"""What a target is set for; ECE has one of its own."""
AGAINST: Final[Mapping[Kind, tuple[str, ...]]] = {
    "binary": ("boosting", "lightgbm", "lightgbm_all"),
    "amount": ("boosting", "lightgbm", "lightgbm_all", "bg_nbd"),
}
"""LightGBM on all features: ours with sensible settings, calibrated as all of ours are; and as others use it."""
MOST_ECE: Final = 0.02
FROM_TRUTH: Final = 0.01
"""How far the AUROC of ``purchase`` may lie below that of the true chances, where these are known."""
REPEATS: Final = 300
LEVEL: Final = 0.95


@dataclasses.dataclass
class Said:
    """What one tool said of the users of one question, and how good it was.

    Attributes:
        values: Metric to the mean over seeds.
        drawn: Metric to the same of each resample of users, float64 [resamples].
    """

    values: Mapping[str, float]
    drawn: Mapping[str, Float64]

    @classmethod
    def of(cls, kind: Kind, told: Float64, said: Sequence[Float64]) -> Said:
        """Judge.

        Args:
            kind: Whether chances or amounts were said.
            told: What came of it, float64 [users].
            said: One a seed, float64 [users] each.
        """
        users = np.arange(len(told))
        found, drawn = [], []
        for each in said:
            statistic = _statistic(kind, told, each)
            found.append(estimate(statistic, len(told)))
            drawn.append(resample(statistic, users, seed=0, repeats=REPEATS))
        names = METRICS[kind]
        return cls(
            {name: float(np.mean([each[name] for each in found])) for name in names},
            {name: np.asarray(np.mean([each[name] for each in drawn], axis=0)) for name in names},
        )

    def interval(self, name: str) -> Interval:
        """Return a metric with its interval; resampling adds noise to ECE, which is taken off again."""
        around = interval(self.values[name], self.drawn[name], LEVEL)
        if name != "ECE":
            return around
        excess = float(self.drawn[name].mean()) - self.values[name]
        return Interval(around.mean, max(0.0, around.low - excess), around.high - excess)

    def less(self, other: Said, name: str) -> Interval:
        """Return the difference to another, who was asked of the same users."""
        return interval(self.values[name] - other.values[name], self.drawn[name] - other.drawn[name], LEVEL)


def _statistic(kind: Kind, told: Float64, said: Float64) -> Any:
    if kind == "binary":
        return statistic_of(told, Groups.of(np.clip(said, 0, 1)), BINS)
    actual, foretold = Groups.of(told), Groups.of(said)
    means = {"MAE": np.abs(said - told), "RMSE": (said - told) ** 2}
    return together(told, actual, foretold, means, parts_of(foretold, len(told), 1))


def judged(
    task: Mapping[str, Any], said: Mapping[str, npt.NDArray[Any]], truth: Mapping[str, Float64] | None = None
) -> dict[str, Any]:
    """Judge everybody who answered one question at one cutoff.

    Args:
        task: What the run told of the question.
        said: What was said: ``TASK/SEED/FAMILY``, and ``TASK/told``.
        truth: True chances of each user, NaN where not known, by what is known for them; None where nobody knows any.
    """
    kind, name = task["kind"], task["task"]
    told = said[f"{name}/told"]
    tools = {each["name"]: each for each in task["entrants"]}
    answers = {tool: _of_seeds(said, name, tool) for tool in tools}
    by = {tool: Said.of(kind, told, each) for tool, each in answers.items() if each}
    champion = _champion(task["entrants"])
    rows = [_row(tool, kind, by, task["entrants"], champion) for tool in by]
    worst_first = -1 if METRICS[kind][0] not in LOWER else 1
    rows.sort(key=lambda row: worst_first * (row["metrics"][METRICS[kind][0]]["mean"] or 0))
    differences = [
        {"rival": rival, "metric": metric, **_plain(by[champion].less(by[rival], metric)), "verdict": verdict}
        for rival in (*AGAINST[kind], *(r for r in RIVALS[kind] if r not in AGAINST[kind]))
        for metric in COMPARED[kind]
        if rival in by
        for verdict in [_verdict(by[champion].less(by[rival], metric), metric)]
    ]
    about = {key: task[key] for key in ("task", "kind", "users", "rate", "rates", "columns", "learnt_from")}
    about |= {"champion": champion, "tools": rows, "differences": differences}
    about["left_out"] = {each["name"]: each["why_not"] for each in task["entrants"] if each["why_not"]}
    if kind == "binary":
        first = answers[champion][0]
        about["ece_by_chance"] = _plain(ece_if_calibrated(Groups.of(first), len(told), BINS, 0, LEVEL))
    if truth is not None:
        about["truth"] = {knows: against_truth(told, answers[champion], each) for knows, each in truth.items()}
    return about


def against_truth(told: Float64, said: Sequence[Float64], truth: Float64) -> dict[str, Any]:
    """Put a champion beside the true chances, on the users whose chance is known.

    Args:
        told: What came of it, float64 [users].
        said: By the champion, one a seed.
        truth: The true chance of each user, NaN where it is not known.
    """
    known = np.isfinite(truth)
    oracle = Said.of("binary", told[known], [truth[known]])
    champion = Said.of("binary", told[known], [each[known] for each in said])
    return {
        "users": int(known.sum()),
        "oracle": {name: _plain(oracle.interval(name)) for name in METRICS["binary"]},
        "champion": {name: _plain(champion.interval(name)) for name in METRICS["binary"]},
        "short_of_AUROC": _plain(oracle.less(champion, "AUROC")),
    }


def targets(questions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Put what was found on one log, at all its cutoffs, beside what was aimed at.

    Args:
        questions: What ``judged`` gave, each with ``back``.
    """
    found = []
    for task in dict.fromkeys(each["task"] for each in questions):
        some = [each for each in questions if each["task"] == task]
        kind = some[0]["kind"]
        verdicts = [
            (d["rival"], d["verdict"]) for each in some for d in each["differences"] if d["rival"] in AGAINST[kind]
        ]
        worse, better = (sum(verdict == what for _, verdict in verdicts) for what in ("worse", "better"))
        all_ = len(verdicts) or 1
        found.append(_aim(f"{task}: of {all_} comparisons with rivals, worse beyond the interval", worse, most=0))
        share = _aim(f"{task}: share of {all_} comparisons better beyond the interval", better / all_, least=0.5)
        found.append(share)
        if kind == "binary":
            worst = max(_champion_row(each)["metrics"]["ECE"]["mean"] for each in some)
            found.append(_aim(f"{task}: highest ECE of the champion at {len(some)} cutoffs", worst, most=MOST_ECE))
        for each in some:
            if "truth" in each:
                short = each["truth"]["log"]["short_of_AUROC"]
                what = f"{task}: AUROC of the true chances less that of the champion, {each['back']} horizons back"
                aim = {"ratio": short["mean"], "low": short["low"], "high": short["high"]}
                found.append(_records.judged(what, aim, most=FROM_TRUTH))
    return found


def _aim(what: str, value: float, *, most: float | None = None, least: float | None = None) -> dict[str, Any]:
    value = float(f"{value:.4g}")
    return _records.judged(what, {"ratio": value, "low": value, "high": value}, most=most, least=least)


def _of_seeds(said: Mapping[str, npt.NDArray[Any]], task: str, tool: str) -> list[Float64]:
    keys = [key for key in said if key.startswith(f"{task}/") and key.endswith(f"/{tool}")]
    return [np.asarray(said[key], np.float64) for key in sorted(keys)]


def _champion(entrants: Sequence[Mapping[str, Any]]) -> str:
    """Return who was the best where chances were calibrated, as ``train`` and ``evaluate`` choose it."""
    worths: dict[str, list[float]] = {}
    for each in entrants:
        if each.get("worth") is not None:
            worths.setdefault(each["name"], []).append(each["worth"])
    return max(worths, key=lambda name: float(np.mean(worths[name])))


def _champion_row(question: Mapping[str, Any]) -> Mapping[str, Any]:
    row: Mapping[str, Any] = next(each for each in question["tools"] if each["tool"] == question["champion"])
    return row


def _row(
    tool: str, kind: Kind, by: Mapping[str, Said], entrants: Sequence[Mapping[str, Any]], champion: str
) -> dict[str, Any]:
    own = [each for each in entrants if each["name"] == tool]
    worths = [each["worth"] for each in own if each.get("worth") is not None]
    return {
        "tool": tool,
        "champion": tool == champion,
        "metrics": {name: _plain(by[tool].interval(name)) for name in METRICS[kind]},
        "worth": float(f"{np.mean(worths):.6g}") if worths else None,
        "fit_cpu_s": _records.spread([each["fit_cpu_s"] for each in own]),
        "calibrations": [each["calibration"]["kind"] for each in own if "kind" in (each.get("calibration") or {})],
    }


def _verdict(difference: Interval, metric: str) -> str:
    low, high = (difference.low, difference.high) if metric not in LOWER else (-difference.high, -difference.low)
    return "better" if low > 0 else "worse" if high < 0 else "equal"


def _plain(found: Interval) -> dict[str, Any]:
    """Return an interval for a record; None for what has no value (a constant has no rank correlation)."""
    values = {name: float(f"{getattr(found, name):.5g}") for name in ("mean", "low", "high")}
    return {name: None if np.isnan(value) else value for name, value in values.items()}
