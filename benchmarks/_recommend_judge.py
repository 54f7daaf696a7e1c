"""What ``recommend.py`` asks of each data set, and what it makes of the runs: means, intervals, differences, targets.

A metric of a case is its mean over the seeds; intervals are bootstrapped over users (sessions, where nobody is known),
and differences are paired: every tool answers the same cases.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import _records
from _recommend_data import Data
from _recommend_runs import Done
from footfall.evaluation.accuracy import accuracy
from footfall.evaluation.intervals import Interval, bootstrap, paired_difference

Float64 = npt.NDArray[np.float64]
Runs = Mapping[str, Sequence[Done]]
"""Tool to its runs, one a seed."""

OURS: Final = "footfall"
FAMILIES: Final = ("popularity", "markov", "neighbours", "ease", "als", "bpr")
PEERS: Final = ("rectools_sasrec", "rectools_esasrec", "rectools_esasrec_light")
IMPLICIT: Final = ("implicit_als", "implicit_bpr", "implicit_bm25")
BASKETS: Final = ("popularity_user", "tifu_knn")


@dataclasses.dataclass(frozen=True)
class Spec:
    """What is asked of a data set.

    Attributes:
        metrics: In the order in which they matter.
        tools: Who is asked, if nobody else is named.
        least: Targets of our own means, by metric.
        most_train_cpu_s: Target of our processor time of training.
        lift_over: Tools; ours is to be above the best of them by ``lift`` in the metrics ``lift_in``.
        lift: As a share.
        lift_in: Metrics.
        ahead_of_all: Whether ours is to be above every other tool, with the whole interval.
        of_oracle: Ours as a share of the oracle's, at least.
    """

    metrics: tuple[str, ...]
    tools: tuple[str, ...]
    least: Mapping[str, float] = dataclasses.field(default_factory=dict)
    most_train_cpu_s: float | None = None
    lift_over: tuple[str, ...] = ()
    lift: float = 0.0
    lift_in: tuple[str, ...] = ()
    ahead_of_all: bool = False
    of_oracle: float | None = None

    @property
    def ks(self) -> tuple[int, ...]:
        """Lengths of list."""
        return tuple(sorted({int(name.partition("@")[2]) for name in self.metrics}))


_NEXT: Final = (OURS, *PEERS, "recbole", *IMPLICIT, "popularity", "markov", "ease")
_SESSIONS: Final = (OURS, "rectools_sasrec", "rectools_esasrec_light", "implicit_bm25", "popularity", "markov")
_TIMED: Final = (*FAMILIES, "popularity_recent", *BASKETS)

SPECS: Final[Mapping[str, Spec]] = {
    "beauty": Spec(("NDCG@10", "HitRate@10"), _NEXT, {"NDCG@10": 0.064}, 900),
    "toys": Spec(("NDCG@10", "HitRate@10"), _NEXT, {"NDCG@10": 0.072}, 900),
    "diginetica": Spec(("MRR@20", "HitRate@20"), _SESSIONS, {"HitRate@20": 0.555, "MRR@20": 0.198}),
    "yoochoose": Spec(("MRR@20", "HitRate@20"), _SESSIONS, {"HitRate@20": 0.73, "MRR@20": 0.32}),
    "dunnhumby": Spec(
        ("NDCG@20", "Recall@20"),
        (OURS, *BASKETS, "popularity", "implicit_als"),
        lift_over=BASKETS,
        lift=0.05,
        lift_in=("NDCG@20", "Recall@20"),
    ),
    "online_retail": Spec(("NDCG@20", "Recall@20", "HitRate@10"), (OURS, *_TIMED), ahead_of_all=True),
    "simulated": Spec(
        ("NDCG@10", "HitRate@10"),
        ("oracle", OURS, "footfall_views", *FAMILIES, "popularity_recent", "rectools_esasrec_light"),
        lift_over=("footfall_views",),
        lift=0.10,
        lift_in=("NDCG@10",),
        of_oracle=0.9,
    ),
}


def values_of(runs: Sequence[Done], data: Data, metric: str) -> Float64:
    """Return a value of every user whose plain mean is the mean of a metric over all cases and seeds.

    Where users have several cases, the mean over cases is a ratio: the users' sums by the users' counts. Its bootstrap
    over users is that of the linearised ratio, ``m + (sum - m * count) * users / cases``, of which this is one value
    each (Cochran, Sampling Techniques, 1977, section 6.3). With one case each it is the metric itself.

    Args:
        runs: One a seed.
        data: The data set.
        metric: E.g. ``NDCG@10``.
    """
    k = int(metric.partition("@")[2])
    each = np.mean([accuracy(run.places, run.target_offsets, (k,))[metric] for run in runs], axis=0)
    cases = np.concatenate((each, np.zeros(data.missed)))
    _, place, counts = np.unique(data.groups, return_inverse=True, return_counts=True)
    mean = cases.mean()
    values: Float64 = mean + (np.bincount(place, cases) - mean * counts) * len(counts) / len(cases)
    return values


def mean_of_seed(run: Done, data: Data, metric: str) -> float:
    """Return the mean of a metric over all cases of one run.

    Args:
        run: The run.
        data: The data set.
        metric: E.g. ``NDCG@10``.
    """
    k = int(metric.partition("@")[2])
    each = accuracy(run.places, run.target_offsets, (k,))[metric]
    return float(each.sum() / (len(each) + data.missed))


def summed_up(runs: Sequence[Done], data: Data, spec: Spec) -> dict[str, Any]:
    """Sum up the runs of one tool.

    Args:
        runs: One a seed.
        data: The data set.
        spec: What is asked of it.
    """
    told = [run.told for run in runs]
    rates = [t["interactions"] * t["epochs"] / max(t["train_cpu_s"], 1e-9) for t in told]
    metrics = {}
    for name in spec.metrics:
        seeds = [mean_of_seed(run, data, name) for run in runs]
        interval = bootstrap(values_of(runs, data, name), seed=0)
        metrics[name] = {**_interval(interval), "each_seed": [round(value, 6) for value in seeds]}
    first = told[0]
    return {
        "tool": runs[0].tool,
        "seeds": [run.seed for run in runs],
        "metrics": metrics,
        "train_cpu_s": _records.spread(t["train_cpu_s"] for t in told),
        "choosing_cpu_s": _records.spread(t["choosing_cpu_s"] for t in told),
        "score_cpu_s": _records.spread(t["score_cpu_s"] for t in told),
        "peak_mb": _records.spread(t["peak_mb"] for t in told),
        "start_mb": _records.spread(t["start_mb"] for t in told),
        "interactions": first["interactions"],
        "interactions_per_cpu_s": _records.spread(rates),
        **{
            name: [t.get(name) for t in told]
            for name in ("epochs", "best_epoch", "stopped_by", "budget_s", "commit", "dirty")
        },
        **{name: first.get(name) for name in ("parameters", "settings", "versions", "looks")},
    }


def differences(runs: Runs, data: Data, spec: Spec) -> list[dict[str, Any]]:
    """Compare ours with every other tool, over the same users.

    Args:
        runs: Of all tools.
        data: The data set.
        spec: What is asked of it.
    """
    found = []
    for tool in runs if OURS in runs else ():
        if tool == OURS:
            continue
        for metric in spec.metrics:
            ours, theirs = (values_of(runs[name], data, metric) for name in (OURS, tool))
            compared = paired_difference(ours, theirs, seed=0)
            lift = None if compared.lift is None else _interval(compared.lift)
            found.append({"tool": tool, "metric": metric, "difference": _interval(compared.difference), "lift": lift})
    return found


def targets(
    tools: Sequence[Mapping[str, Any]], compared: Sequence[Mapping[str, Any]], spec: Spec
) -> list[dict[str, Any]]:
    """Put what was found beside what was aimed at; a target whose tools did not run is left out.

    Args:
        tools: What ``summed_up`` gave.
        compared: What ``differences`` gave.
        spec: What is asked.
    """
    by = {tool["tool"]: tool for tool in tools}
    if OURS not in by:
        return []
    found = []
    for metric, least in spec.least.items():
        found.append(_records.judged(f"{metric} of Footfall", _as_ratio(by[OURS]["metrics"][metric]), least=least))
    if spec.most_train_cpu_s is not None:
        cost = by[OURS]["train_cpu_s"]
        told = {"ratio": cost["median"], "low": cost["min"], "high": cost["max"]}
        found.append(_records.judged("CPU s of Footfall's training", told, most=spec.most_train_cpu_s))
    at = {(each["tool"], each["metric"]): each for each in compared}
    rivals = [tool for tool in spec.lift_over if tool in by]
    if len(rivals) == len(spec.lift_over) > 0:
        for metric in spec.lift_in:
            best = max(rivals, key=lambda tool: float(by[tool]["metrics"][metric]["mean"]))
            if lift := at[best, metric]["lift"]:
                what = f"{metric} of Footfall over that of {best}, the best of {' and '.join(rivals)}"
                found.append(_records.judged(what, _plus_one(lift), least=1 + spec.lift))
    if spec.of_oracle is not None and ("oracle", spec.metrics[0]) in at:
        share = _plus_one(at["oracle", spec.metrics[0]]["lift"])
        found.append(_records.judged(f"{spec.metrics[0]} of Footfall over the oracle's", share, least=spec.of_oracle))
    if spec.ahead_of_all:
        found += [_ahead(tool, spec.metrics[0], at[tool, spec.metrics[0]]) for tool in by if tool != OURS]
    return found


def _ahead(tool: str, metric: str, compared: Mapping[str, Any]) -> dict[str, Any]:
    found = _as_ratio(compared["difference"])
    what = f"{metric} of Footfall less that of {tool}"
    return {"what": what, **found, "target": "interval above 0", "met": found["low"] > 0}


def _interval(found: Interval) -> dict[str, float]:
    return {name: float(f"{getattr(found, name):.6g}") for name in ("mean", "low", "high")}


def _as_ratio(found: Mapping[str, float]) -> dict[str, float]:
    return {"ratio": found["mean"], "low": found["low"], "high": found["high"]}


def _plus_one(found: Mapping[str, float]) -> dict[str, float]:
    return {name: round(1 + value, 6) for name, value in _as_ratio(found).items()}
