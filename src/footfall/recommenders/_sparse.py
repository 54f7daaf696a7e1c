"""Sparse matrices of sequences and items, and adding rows of one into dense scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from footfall.compiled import kernel
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Scores


def counts(sequences: Sequences, *, binary: bool = False) -> Any:
    """Return how often each sequence has each item: a CSR matrix, float32 [sequences, n_codes], columns in order.

    Args:
        sequences: Events about items only.
        binary: 1 however often.
    """
    values = np.ones(sequences.n_events, np.float32)
    shape = (len(sequences), sequences.n_codes)
    matrix = scipy.sparse.coo_matrix((values, (sequences.rows, sequences.item)), shape=shape).tocsr()
    matrix.sort_indices()
    if binary:
        matrix.data[:] = 1
    return matrix


def shown(matrix: Any) -> Any:
    """Return the columns of items that can be shown: code ``FIRST_CODE`` becomes column 0."""
    return matrix[:, FIRST_CODE:]


def padded(scores: Scores) -> Scores:
    """Return scores of items that can be shown with room for the codes below ``FIRST_CODE``."""
    return np.concatenate((np.full((len(scores), FIRST_CODE), -np.inf, np.float32), scores), axis=1)


def popularity(sequences: Sequences) -> npt.NDArray[np.int64]:
    """Return the number of events of every item, int64 [n_codes]."""
    return np.bincount(sequences.item, minlength=sequences.n_codes)


def add_rows(
    scores: Scores, sequences: Sequences, weights: npt.NDArray[np.float32], matrix: tuple[npt.NDArray[Any], ...]
) -> None:
    """Add to each row of scores the weighted rows of a sparse matrix that its sequence's items name.

    Args:
        scores: float32 [sequences, columns]; changed in place.
        sequences: The items of each row.
        weights: The weight of each event, float32 [events].
        matrix: ``indptr``, ``indices`` and ``data`` of a CSR matrix, float32 [n_codes, columns].
    """
    _add_rows(scores, sequences.offsets, np.ascontiguousarray(sequences.item), weights, *matrix)


@kernel
def _add_rows(
    scores: Scores,
    offsets: npt.NDArray[np.int64],
    items: npt.NDArray[np.int32],
    weights: npt.NDArray[np.float32],
    indptr: npt.NDArray[np.int64],
    indices: npt.NDArray[np.int32],
    data: npt.NDArray[np.float32],
) -> None:
    for row in range(len(offsets) - 1):
        for event in range(offsets[row], offsets[row + 1]):
            item = items[event]
            for place in range(indptr[item], indptr[item + 1]):
                scores[row, indices[place]] += weights[event] * data[place]
