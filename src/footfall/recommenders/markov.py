"""Markov: what followed what, with more weight on what followed at once."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import scipy.sparse

from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Scores
from footfall.recommenders._learnt import Arrays, Learnt, require
from footfall.recommenders._sparse import add_rows, popularity

_TIE = 1e-7


@dataclasses.dataclass
class Markov(Learnt):
    """Item-to-item transitions over short gaps.

    With ``M[a, b]`` the sum over gaps g of ``gap_weights[g - 1]`` times the number of times b stands g events after a
    in a sequence, the score of b for a history is the sum over its last items a, the newest with age 0, of
    ``decay ** age * M[a, b] / sqrt(out[a] * popularity[b])``, where ``out[a]`` is the sum of row a and
    ``popularity[b]`` 1 more than b's events. ``M / out`` would be a Markov chain with skips (Shani, Heckerman
    and Brafman 2005); dividing by the root of both items' sizes instead is the cosine's way (Sarwar et al. 2001), and
    keeps the popular from following everything. ``1e-7 * log(popularity)`` breaks ties.

    Attributes:
        gap_weights: Weight of a pair one event apart, two apart, and so on.
        last: How many of the newest items of a history are asked.
        decay: Weight of an item relative to the one after it.
    """

    name: ClassVar[str] = "markov"
    title: ClassVar[str] = "what followed the last items"
    floor: ClassVar[float | None] = 0.01

    gap_weights: tuple[float, ...] = (1.0, 1 / 2, 1 / 3)
    last: int = 10
    decay: float = 0.6

    def __post_init__(self) -> None:
        """Check the settings."""
        positive = len(self.gap_weights) > 0 and min(self.gap_weights) > 0
        require(self, "gap_weights", "at least one number, all above 0", holds=positive)
        require(self, "last", "a whole number from 1", holds=self.last >= 1)
        require(self, "decay", "a number above 0 and at most 1", holds=0 < self.decay <= 1)

    def _learn(self, train: Sequences, seed: int) -> Arrays:  # noqa: ARG002 - nothing is random
        shape = (train.n_codes, train.n_codes)
        moves = scipy.sparse.csr_matrix(shape, dtype=np.float32)
        rows = train.rows
        for gap, weight in enumerate(self.gap_weights, 1):
            begins = np.flatnonzero(rows[:-gap] == rows[gap:])
            pair = train.item[begins], train.item[begins + gap]
            values = np.full(len(begins), weight, np.float32)
            moves = moves + scipy.sparse.coo_matrix((values, pair), shape=shape).tocsr()
        popular = popularity(train) + 1.0
        out = np.asarray(moves.sum(axis=1), np.float64).ravel()
        moves.data /= np.sqrt(np.repeat(out, np.diff(moves.indptr)) * popular[moves.indices]).astype(np.float32)
        moves.sort_indices()
        return {
            "indptr": moves.indptr.astype(np.int64),
            "indices": moves.indices.astype(np.int32),
            "data": moves.data,
            "tie": (_TIE * np.log(popular)).astype(np.float32),
        }

    def _rank(self, histories: Sequences, arrays: Arrays) -> Scores:
        asked = histories.tail(self.last)
        ages = np.repeat(asked.offsets[1:], asked.lengths) - 1 - np.arange(asked.n_events)
        scores: Scores = np.tile(arrays["tie"], (len(asked), 1))
        weights = (self.decay**ages).astype(np.float32)
        add_rows(scores, asked, weights, (arrays["indptr"], arrays["indices"], arrays["data"]))
        return scores
