"""A warm start for the item table: items that stand near each other in histories begin near each other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse
from scipy.sparse.linalg import svds

from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences

SELF = 0.3
"""Weight of an item's own place in the matrix, against which rare items are measured."""

DENSE_ITEMS = 1000
"""Up to so many items, the decomposition is that of the whole matrix, which is exact and repeats itself."""


def co_occurrence(sequences: Sequences, reach: int = 3) -> scipy.sparse.csr_matrix:
    """Return how often two items stand at most ``reach`` places apart, each time worth 1 / places; symmetric.

    Args:
        sequences: Events; those without an item are passed over.
        reach: Farthest places apart.

    Returns:
        float32 [n_codes, n_codes].
    """
    items = sequences.with_items()
    rows, columns, weights = [], [], []
    row_of = items.rows
    for apart in range(1, reach + 1):
        together = row_of[apart:] == row_of[:-apart] if apart < len(row_of) else np.zeros(0, bool)
        rows.append(items.item[: len(together)][together])
        columns.append(items.item[apart : apart + len(together)][together])
        weights.append(np.full(int(together.sum()), 1 / apart, np.float32))
    places = (np.concatenate(rows), np.concatenate(columns))
    one_way = scipy.sparse.csr_matrix((np.concatenate(weights), places), shape=(items.n_codes, items.n_codes))
    return one_way + one_way.T


def item_vectors(sequences: Sequences, width: int, *, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return a vector for every item from the SVD of the normalised co-occurrence, float32 [n_codes, width].

    The matrix is divided by the roots of its row and column sums (as in normalised graph embeddings); vectors are the
    left singular vectors times the roots of the singular values, of length one. Items never seen have zero vectors.

    Args:
        sequences: What the items are learnt from.
        width: Numbers per item; where there are fewer items, the rest are zero.
        seed: Makes the iteration repeatable.
    """
    both = co_occurrence(sequences)
    vectors = np.zeros((sequences.n_codes, width), np.float32)
    # Of the items seen only: the others would be many equal values, over which the iteration draws anew as it likes.
    seen = np.flatnonzero(np.asarray(both.sum(0)).ravel())
    seen = seen[seen >= FIRST_CODE]
    rank = min(width, len(seen) - 2)
    if rank < 1:
        return vectors
    near = both[seen][:, seen]
    root = scipy.sparse.diags(1 / np.sqrt(np.asarray(near.sum(0)).ravel() + 1)).astype(np.float32)
    matrix = root @ near @ root + SELF * scipy.sparse.eye(len(seen), dtype=np.float32)
    if len(seen) <= DENSE_ITEMS:
        left, values, _ = np.linalg.svd(matrix.toarray())
        left, values = left[:, :rank], values[:rank]
    else:
        left, values, _ = svds(matrix.tocsr(), k=rank, tol=1e-2, rng=np.random.default_rng(seed))
    found = left * np.sqrt(np.maximum(values, 0))
    vectors[seen, :rank] = found / (np.linalg.norm(found, axis=1, keepdims=True) + 1e-3)
    return vectors
