"""Ranking by counting: how many items stand above each target, and the first k of every case, without sorting."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel, part
from footfall.histories.columns import FIRST_CODE

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Floats = npt.NDArray[np.floating]


@part
def _mark(history: Int32, targets: Int32, stamp: int, marks: Int32, left_out: Int32) -> int:
    """Mark what is left out with ``stamp``: items of the history that are no target. Return how many they are."""
    for code in targets:
        marks[code] = -stamp
    count = 0
    for code in history:
        if code >= FIRST_CODE and marks[code] != stamp and marks[code] != -stamp:
            marks[code] = stamp
            left_out[count] = code
            count += 1
    return count


@part
def _unfit(scores: Floats) -> int:
    """Return how many scores are neither finite nor -inf."""
    count = 0
    for code in range(FIRST_CODE, len(scores)):
        count += 0 if scores[code] < np.inf else 1
    return count


@part
def _stand(scores: Floats, target: int, left_out: Int32) -> tuple[int, int]:
    """Return how many other items score higher than a target, and how many the same; (-1, 0) if it has no score."""
    own = scores[target]
    if own == -np.inf:
        return -1, 0
    greater, equal = 0, -1  # the target itself is equal
    for code in range(FIRST_CODE, len(scores)):
        greater += scores[code] > own
        equal += scores[code] == own
    for code in left_out:
        greater -= scores[code] > own
        equal -= scores[code] == own
    return greater, equal


@part
def _first(scores: Floats, stamp: int, marks: Int32, best: Floats, top: Int32) -> None:
    """Write the codes with the highest scores into ``top``, best first; of equal scores the lower code is first."""
    best[:] = -np.inf
    last = len(top) - 1
    for code in range(FIRST_CODE, len(scores)):
        score = scores[code]
        if score > best[last] and marks[code] != stamp:
            place = last
            while place > 0 and best[place - 1] < score:
                best[place], top[place] = best[place - 1], top[place - 1]
                place -= 1
            best[place], top[place] = score, code


@kernel
def rank(
    scores: Floats,
    offsets: Int64,
    items: Int32,
    target_offsets: Int64,
    targets: Int32,
    exclude_seen: bool,
    greater: Int64,
    equal: Int64,
    top: Int32,
) -> int:
    """Rank the cases of one batch.

    Args:
        scores: float32 or float64 [cases, n_codes].
        offsets: Of the histories, int64 [cases + 1].
        items: Of the histories, int32 [events].
        target_offsets: int64 [cases + 1].
        targets: int32 [targets].
        exclude_seen: Whether items of the history that are no target are left out.
        greater: Filled: candidates that score higher than the target, -1 if it has no score; int64 [targets].
        equal: Filled: other candidates that score the same; int64 [targets].
        top: Filled: the first k codes, best first; 0 where candidates run out; int32 [cases, k], k may be 0.

    Returns:
        The first case with a score that is neither finite nor -inf; -1 if there is none.
    """
    n_cases, n_codes = scores.shape
    marks = np.zeros(n_codes, np.int32)
    longest = 0
    for case in range(n_cases):
        longest = max(longest, offsets[case + 1] - offsets[case])
    left_out = np.empty(longest, np.int32)
    best = np.empty(top.shape[1], scores.dtype)
    for case in range(n_cases):
        row = scores[case]
        if _unfit(row) > 0:
            return case
        history = items[offsets[case] : offsets[case + 1] if exclude_seen else offsets[case]]
        count = _mark(history, targets[target_offsets[case] : target_offsets[case + 1]], case + 1, marks, left_out)
        for at in range(target_offsets[case], target_offsets[case + 1]):
            greater[at], equal[at] = _stand(row, targets[at], left_out[:count])
        top[case] = 0
        if top.shape[1] > 0:
            _first(row, case + 1, marks, best, top[case])
    return -1


@kernel
def highest(scores: Floats, top: Int32) -> None:
    """Write the codes with the highest scores of each row into ``top``, best first; see ``ranking.highest``.

    Args:
        scores: float32 or float64 [rows, n_codes].
        top: Filled: 0 where candidates run out; int32 [rows, k], k from 1.
    """
    marks = np.zeros(scores.shape[1], np.int32)
    best = np.empty(top.shape[1], scores.dtype)
    for row in range(len(scores)):
        top[row] = 0
        _first(scores[row], row + 1, marks, best, top[row])
