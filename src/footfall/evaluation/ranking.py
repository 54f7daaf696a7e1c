"""Ranking over all items, in batches, with ties broken honestly.

Candidates of a case are all codes from ``FIRST_CODE`` on with a finite score; where the cases say ``exclude_seen``,
less the items of the history that are no target. A target without a finite score is never found. Ties and metrics are
defined in ``accuracy.py`` and ``beyond.py``.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError, unknown_name
from footfall.evaluation import _kernels, beyond
from footfall.evaluation._kernels import rank
from footfall.evaluation.accuracy import accuracy, places
from footfall.evaluation.cases import Cases
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Int32, Int64, Sequences

Float64 = npt.NDArray[np.float64]
Score = Callable[[Sequences], npt.NDArray[np.float32]]
"""Scores histories: float32 [histories, n_codes], as ``Recommender.scores``."""


@dataclasses.dataclass(frozen=True)
class RankingEvaluation:
    """How one recommender did on some cases.

    Attributes:
        ks: Lengths of list at which metrics were taken, ascending.
        n_codes: Size of the item vocabulary.
        metrics: ``NDCG@10`` and the like to one value a case, float64 [cases]: those of ``ACCURACY`` always;
            ``Novelty`` (bits) and ``PopularityPercentile`` where counts were given, ``Diversity`` where vectors were:
            nan for a case whose list is too short to have one.
        target_offsets: Where each case's places begin, and the end, int64 [cases + 1].
        places: Places of the targets, ascending in each case, inf if never found; float64 [targets].
        top: The first max(ks) codes, best first, of equal scores the lower code first; 0 where candidates ran out;
            int32 [cases, max(ks)].
        score_cpu_s: Processor time that scoring took, seconds.
    """

    ks: tuple[int, ...]
    n_codes: int
    metrics: Mapping[str, Float64]
    target_offsets: Int64
    places: Float64
    top: Int32
    score_cpu_s: float

    def __len__(self) -> int:
        return len(self.target_offsets) - 1

    def values(self, name: str) -> Float64:
        """Return a metric of every case, float64 [cases].

        Args:
            name: E.g. ``NDCG@10``.

        Raises:
            InputError: There is no such metric.
        """
        if name not in self.metrics:
            raise InputError(unknown_name("metric", name, self.metrics))
        return self.metrics[name]

    def mean(self, name: str) -> float:
        """Return the mean of a metric over the cases that have it; nan if none has.

        Args:
            name: E.g. ``NDCG@10``.

        Raises:
            InputError: There is no such metric.
        """
        values = self.values(name)
        known = values[~np.isnan(values)]
        return float(known.mean()) if len(known) else float("nan")

    def coverage(self, k: int) -> float:
        """Return the share of all items that are in some first-k list.

        Args:
            k: At most max(ks).
        """
        return beyond.coverage(self._lists(k), self.n_codes)

    def gini(self, k: int) -> float:
        """Return the Gini coefficient of exposure in first-k lists.

        Args:
            k: At most max(ks).
        """
        return beyond.gini(self._lists(k), self.n_codes)

    def summary(self) -> dict[str, float]:
        """Return the means of all metrics, and ``Coverage`` and ``Gini`` at each k."""
        means = {name: self.mean(name) for name in self.metrics}
        for k in self.ks:
            means |= {f"Coverage@{k}": self.coverage(k), f"Gini@{k}": self.gini(k)}
        return means

    def take(self, rows: Int64) -> RankingEvaluation:
        """Return some cases, in the order given; the time that scoring took stays that of all.

        Args:
            rows: Their numbers, int64 [some].
        """
        lengths = np.diff(self.target_offsets)[rows]
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
        kept = np.arange(offsets[-1]) + np.repeat(self.target_offsets[:-1][rows] - offsets[:-1], lengths)
        metrics = {name: values[rows] for name, values in self.metrics.items()}
        return dataclasses.replace(
            self, metrics=metrics, target_offsets=offsets, places=self.places[kept], top=self.top[rows]
        )

    def _lists(self, k: int) -> Int32:
        if not 1 <= k <= self.top.shape[1]:
            raise InputError(f"k={k}; these lists have {self.top.shape[1]} places")
        return self.top[:, :k]


def rank_targets(scores: npt.NDArray[np.floating], cases: Cases) -> Float64:
    """Return the rank of each target among all candidates, float64 [targets]: ``1 + greater + equal / 2``.

    Other targets of the case are candidates too. A target without a finite score has rank inf.

    Args:
        scores: float [cases, n_codes], higher is better; -inf for what is no candidate.
        cases: What was asked.

    Raises:
        InputError: The scores have another shape, or one is nan or +inf; a target is no item.
    """
    greater, equal, _ = _stands(scores, cases, 0)
    ranks: Float64 = np.where(greater < 0, np.inf, 1 + greater + equal / 2)
    return ranks


def top_k(scores: npt.NDArray[np.floating], cases: Cases, k: int) -> Int32:
    """Return the first k candidates of each case, int32 [cases, k]: best first, of equal scores the lower code first.

    Args:
        scores: float [cases, n_codes], higher is better; -inf for what is no candidate.
        cases: What was asked.
        k: Length of the lists; 0 stands where candidates run out.

    Raises:
        InputError: As ``rank_targets``.
    """
    return _stands(scores, cases, k)[2]


def highest(scores: npt.NDArray[np.floating], k: int) -> Int32:
    """Return the codes with the highest scores of each row, int32 [rows, k]: best first, of equals the lower code.

    Args:
        scores: float [rows, n_codes]; -inf for what is no candidate.
        k: Length of the lists, from 1; 0 stands where candidates run out.
    """
    top = np.empty((len(scores), k), np.int32)
    _kernels.highest(np.ascontiguousarray(scores), top)
    return top


def evaluate(
    score: Score,
    cases: Cases,
    ks: Sequence[int] = (10, 20),
    batch: int = 512,
    counts: Int64 | None = None,
    vectors: npt.NDArray[np.floating] | None = None,
) -> RankingEvaluation:
    """Ask a recommender all cases, and judge its rankings.

    Args:
        score: E.g. ``recommender.scores``.
        cases: What to ask.
        ks: Lengths of list.
        batch: Cases scored at once; memory holds batch x n_codes scores.
        counts: Train events of each code, int64 [n_codes]; for novelty and popularity.
        vectors: Of the items, float [n_codes, width]; for diversity.

    Raises:
        InputError: No cases; a k or a batch below 1; scores of another shape, or nan or +inf among them.
    """
    ks = tuple(sorted(set(ks)))
    if not len(cases) or not ks or ks[0] < 1 or batch < 1:
        raise InputError(
            f"{len(cases)} cases, ks={ks}, batch={batch}; give at least one case, and numbers of 1 or more"
        )
    for name, given in (("counts", counts), ("vectors", vectors)):
        if given is not None and len(given) != cases.histories.n_codes:
            raise InputError(f"{name} for {len(given)} codes, and the vocabulary has {cases.histories.n_codes}")
    greater, equal = np.empty(len(cases.targets), np.int64), np.empty(len(cases.targets), np.int64)
    top = np.empty((len(cases), ks[-1]), np.int32)
    seconds = 0.0
    for start in range(0, len(cases), batch):
        rows = np.arange(start, min(start + batch, len(cases)))
        some = cases.take(rows)
        began = time.process_time()
        scores = score(some.histories)
        seconds += time.process_time() - began
        part = slice(cases.target_offsets[start], cases.target_offsets[rows[-1] + 1])
        greater[part], equal[part], top[rows] = _stands(scores, some, ks[-1])
    placed = places(greater, equal, cases.target_offsets)
    metrics = accuracy(placed, cases.target_offsets, ks)
    for k in ks:
        if counts is not None:
            metrics[f"Novelty@{k}"] = beyond.novelty(top[:, :k], counts)
            metrics[f"PopularityPercentile@{k}"] = beyond.popularity_percentile(top[:, :k], counts)
        if vectors is not None:
            metrics[f"Diversity@{k}"] = beyond.diversity(top[:, :k], vectors)
    return RankingEvaluation(ks, cases.histories.n_codes, metrics, cases.target_offsets, placed, top, seconds)


def _stands(scores: npt.NDArray[Any], cases: Cases, k: int) -> tuple[Int64, Int64, Int32]:
    """Return how many score higher and the same, int64 [targets] each, and the first k, int32 [cases, k]."""
    histories, targets = cases.histories, cases.targets
    if scores.shape != (len(cases), histories.n_codes) or scores.dtype not in (np.float32, np.float64):
        raise InputError(
            f"scores are {scores.dtype} {list(scores.shape)}; a recommender gives float32 [histories, n_codes], here "
            f"[{len(cases)}, {histories.n_codes}]"
        )
    if len(targets) and (targets.min() < FIRST_CODE or targets.max() >= histories.n_codes):
        raise InputError(
            f"a target is no item that can be shown; codes go from {FIRST_CODE} to {histories.n_codes - 1}"
        )
    greater, equal = np.empty(len(targets), np.int64), np.empty(len(targets), np.int64)
    top = np.empty((len(cases), k), np.int32)
    seen = histories if cases.seen is None else cases.seen
    wrong = rank(
        np.ascontiguousarray(scores),
        seen.offsets,
        seen.item,
        cases.target_offsets,
        targets,
        cases.exclude_seen,
        greater,
        equal,
        top,
    )
    if wrong >= 0:
        raise InputError(f"case {wrong} of the batch has a score that is nan or +inf; a score is finite, or -inf")
    return greater, equal, top
