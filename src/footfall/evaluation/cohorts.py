"""Cohorts: the same evaluation by kind of case, so that a mean does not hide who is served badly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.evaluation.cases import Cases
from footfall.evaluation.ranking import RankingEvaluation
from footfall.histories.sequences import Int64

Labels = npt.NDArray[np.str_]


def by_cohort(evaluation: RankingEvaluation, labels: Labels | Sequence[str]) -> dict[str, RankingEvaluation]:
    """Return the evaluation of each cohort, in the order of their names.

    Args:
        evaluation: Of all cases.
        labels: The cohort of each case, str [cases].

    Raises:
        InputError: There is not one label a case.
    """
    names = np.asarray(labels)
    if names.shape != (len(evaluation),):
        raise InputError(f"labels of shape {list(names.shape)} for {len(evaluation)} cases; give one a case")
    return {str(name): evaluation.take(np.flatnonzero(names == name)) for name in np.unique(names)}


def history_cohorts(cases: Cases, *, light_at_most: int | None = None) -> Labels:
    """Return ``new`` (no history), ``light`` or ``heavy`` for each case, str [cases].

    Args:
        cases: What was asked.
        light_at_most: Events up to which a history is light; the median of those that are not empty without it.
    """
    lengths = cases.histories.lengths
    if light_at_most is None:
        light_at_most = int(np.median(lengths[lengths > 0])) if (lengths > 0).any() else 0
    return np.where(lengths == 0, "new", np.where(lengths <= light_at_most, "light", "heavy"))


def item_cohorts(cases: Cases, counts: Int64, *, cold_below: int = 5) -> Labels:
    """Return ``cold`` where train saw every target fewer than ``cold_below`` times, else ``warm``; str [cases].

    Args:
        cases: What was asked.
        counts: Train events of each code, int64 [n_codes].
        cold_below: Events from which an item is warm; 1: cold items are those that train never saw.

    Raises:
        InputError: There is not one count a code.
    """
    if len(counts) != cases.histories.n_codes:
        raise InputError(f"counts for {len(counts)} codes, and the vocabulary has {cases.histories.n_codes}")
    if not len(cases):
        return np.array([], np.str_)
    most = np.maximum.reduceat(counts[cases.targets], cases.target_offsets[:-1])
    return np.where(most < cold_below, "cold", "warm")
