"""Accuracy: places of targets, with ties broken honestly, and the metrics that follow from them.

**Ties.** A recommender that scores many items alike must not gain by the order in which they are looked at. The rank
of a target is its expected one under a random order of equals: ``1 + greater + equal / 2``. Where several targets of a
case are equal to each other, they cannot stand at one place: the j-th of m targets among N equals takes its expected
place ``greater + j (N + 1) / (m + 1)``, the mean of the j-th smallest of m numbers drawn from 1 ... N without
replacement (David and Nagaraja, Order Statistics, 2003, section 3.7), which for m = 1 is the same rank. So no metric
can exceed 1.

**Metrics** of one case with T targets at the places p_1 < ... < p_T, of which those with p_j <= k are found:

* HitRate@k: 1 if any is found.
* Recall@k: found / T. Precision@k: found / k. Manning, Raghavan and Schütze, Introduction to Information Retrieval,
  2008, section 8.4.
* NDCG@k: sum over found of 1 / log2(1 + p_j), by the same sum over places 1 ... min(k, T). Järvelin and Kekäläinen,
  Cumulated gain-based evaluation of IR techniques, TOIS 2002, with gains of 0 or 1 and the discount log2(1 + p).
* MRR@k: 1 / p_1 if found, else 0. Voorhees, The TREC-8 Question Answering Track Report, 1999.
* MAP@k: sum over found of j / p_j, by min(k, T). Manning et al., section 8.4, cut at k.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]

ACCURACY: Final = ("HitRate", "Recall", "Precision", "NDCG", "MRR", "MAP")
"""Names of the metrics of accuracy; ``NDCG@10`` is one of them at a k."""


def places(greater: Int64, equal: Int64, target_offsets: Int64) -> Float64:
    """Return the expected places of targets, ascending in each case, float64 [targets]; inf if never found.

    Args:
        greater: Candidates that score higher than each target, -1 if it has no score; int64 [targets].
        equal: Other candidates that score the same, targets of the case among them; int64 [targets].
        target_offsets: Where each case's targets begin, and the end, int64 [cases + 1].
    """
    case = np.repeat(np.arange(len(target_offsets) - 1), np.diff(target_offsets))
    above = np.where(greater < 0, np.inf, greater)
    order = np.lexsort((above, case))
    above, equals = above[order], equal[order] + 1
    new = np.ones(len(order), np.bool_)  # a new group of equal targets begins
    new[1:] = (case[1:] != case[:-1]) | (above[1:] != above[:-1])
    starts = np.flatnonzero(new)
    sizes = np.diff(np.append(starts, len(order)))
    nth = np.arange(len(order)) - np.repeat(starts, sizes) + 1
    placed: Float64 = above + nth * (equals + 1) / (np.repeat(sizes, sizes) + 1)
    return placed


def accuracy(placed: Float64, target_offsets: Int64, ks: Sequence[int]) -> dict[str, Float64]:
    """Return the metrics of ``ACCURACY`` at each k, e.g. ``NDCG@10``: float64 [cases] each.

    Args:
        placed: Places of the targets, ascending in each case, float64 [targets].
        target_offsets: Where each case's places begin, and the end, int64 [cases + 1].
        ks: Lengths of list.
    """
    starts, count = target_offsets[:-1], np.diff(target_offsets)
    nth = np.arange(len(placed)) - np.repeat(starts, count) + 1
    best = placed[starts]
    metrics: dict[str, Float64] = {}
    for k in ks:
        hit = placed <= k
        found = np.add.reduceat(hit, starts, dtype=np.float64)
        ideal = np.cumsum(1 / np.log2(1 + np.arange(1, k + 1)))
        reachable = np.minimum(count, k)
        at = {
            "HitRate": (found > 0).astype(np.float64),
            "Recall": found / count,
            "Precision": found / k,
            "NDCG": np.add.reduceat(hit / np.log2(1 + placed), starts) / ideal[reachable - 1],
            "MRR": np.where(best <= k, 1 / best, 0),
            "MAP": np.add.reduceat(np.where(hit, nth / placed, 0), starts) / reachable,
        }
        metrics |= {f"{name}@{k}": at[name] for name in ACCURACY}
    return metrics
