"""ALS: matrix factorisation of implicit feedback, with users folded in from their histories."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Scores
from footfall.recommenders._implicit import item_factors, one_blas_thread
from footfall.recommenders._learnt import Arrays, Learnt, require
from footfall.recommenders._sparse import counts, padded, shown


@dataclasses.dataclass
class Als(Learnt):
    """Weighted matrix factorisation by alternating least squares (Hu, Koren and Volinsky 2008), fitted by ``implicit``.

    An item that a user has n events with is preferred (p = 1) with confidence ``c = 1 + alpha * n``; all others are not
    (p = 0) with confidence 1. The factors minimise ``sum of c * (p - x.y)^2 + regularization * (|x|^2 + |y|^2)``. Only
    items' factors Y are kept: a history's own x is the minimum given Y, their equation 4, so users who were not trained
    on are served as well, and the newest events count at once. Scores are ``x Y'``; 0 for an empty history.

    Attributes:
        factors: Length of the vectors.
        regularization: Weight of the vectors' squared lengths.
        alpha: What one event adds to the confidence; 40 is the paper's.
        iterations: Rounds over users and items.
    """

    name: ClassVar[str] = "als"
    title: ClassVar[str] = "matrix factorisation (implicit ALS)"

    factors: int = 128
    regularization: float = 10.0
    alpha: float = 40.0
    iterations: int = 15

    def __post_init__(self) -> None:
        """Check the settings."""
        require(self, "factors", "a whole number from 1", holds=self.factors >= 1)
        require(self, "regularization", "a number above 0", holds=self.regularization > 0)
        require(self, "alpha", "a number above 0", holds=self.alpha > 0)
        require(self, "iterations", "a whole number from 1", holds=self.iterations >= 1)

    def _learn(self, train: Sequences, seed: int) -> Arrays:
        # Users of whom nothing is known yet would shift what is drawn for the others.
        train = train.take(np.flatnonzero(train.lengths > 0))
        users = shown(counts(train))
        users.data = 1 + np.float32(self.alpha) * users.data
        factors = item_factors(
            "cpu.als",
            "AlternatingLeastSquares",
            users,
            self.factors,
            seed,
            factors=self.factors,
            regularization=self.regularization,
            alpha=1.0,  # the confidence is in the matrix
            iterations=self.iterations,
        )
        return {"items": factors, "square": factors.T.astype(np.float64) @ factors.astype(np.float64)}

    def _rank(self, histories: Sequences, arrays: Arrays) -> Scores:
        items: npt.NDArray[np.float32] = arrays["items"]
        base = arrays["square"] + self.regularization * np.eye(self.factors)
        users = np.zeros((len(histories), self.factors), np.float32)
        known = shown(counts(histories))
        with one_blas_thread():
            for row in np.flatnonzero(np.diff(known.indptr)):
                inside = slice(known.indptr[row], known.indptr[row + 1])
                own, more = items[known.indices[inside]].astype(np.float64), self.alpha * known.data[inside]
                users[row] = np.linalg.solve(base + (own.T * more) @ own, own.T @ (1 + more))
        return padded(users @ items.T)
