"""BPR: factors that rank what a user has before what the user lacks, with users folded in from their histories."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Scores
from footfall.recommenders._implicit import item_factors
from footfall.recommenders._learnt import Arrays, Learnt, require
from footfall.recommenders._sparse import counts, padded, shown


@dataclasses.dataclass
class Bpr(Learnt):
    """Bayesian personalised ranking (Rendle et al. 2009, BPR-MF), fitted by ``implicit`` on one thread.

    Pairs of an item that the user has and one that the user lacks are drawn (the latter by popularity, as ``implicit``
    does), and ``log sigmoid(x.y_has + bias_has - x.y_lacks - bias_lacks)`` is raised. Only items' factors and biases
    are kept: a history's own x is the mean of its items' factors, so users who were not trained on are served as well.
    Scores are ``x.y + bias``; the bias alone for an empty history. An item without events is in no pair, so nothing is
    learnt of it: it gets the lowest bias there is, not one of 0, which would put it before all that are rarely taken.

    Attributes:
        factors: Length of the vectors, without the bias.
        learning_rate: Step of the descent.
        regularization: Weight of the vectors' squared lengths.
        iterations: Rounds; each draws as many pairs as there are events.
    """

    name: ClassVar[str] = "bpr"
    title: ClassVar[str] = "matrix factorisation by pairs (implicit BPR)"

    factors: int = 100
    learning_rate: float = 0.01
    regularization: float = 0.01
    iterations: int = 100

    def __post_init__(self) -> None:
        """Check the settings."""
        require(self, "factors", "a whole number from 1", holds=self.factors >= 1)
        require(self, "learning_rate", "a number above 0", holds=self.learning_rate > 0)
        require(self, "regularization", "a number from 0", holds=self.regularization >= 0)
        require(self, "iterations", "a whole number from 1", holds=self.iterations >= 1)

    def _learn(self, train: Sequences, seed: int) -> Arrays:
        # Users of whom nothing is known yet would shift what is drawn for the others.
        train = train.take(np.flatnonzero(train.lengths > 0))
        users = shown(counts(train, binary=True))
        factors = item_factors(
            "cpu.bpr",
            "BayesianPersonalizedRanking",
            users,
            self.factors + 1,
            seed,
            factors=self.factors,
            learning_rate=self.learning_rate,
            regularization=self.regularization,
            iterations=self.iterations,
            num_threads=1,  # threads write over each other: more than one, and no two runs are equal
        )
        items, bias = factors[:, : self.factors], factors[:, self.factors]
        known = np.bincount(users.indices, minlength=len(bias)) > 0
        return {"items": items, "bias": np.where(known, bias, bias[known].min(initial=0))}

    def _rank(self, histories: Sequences, arrays: Arrays) -> Scores:
        known = shown(counts(histories, binary=True))
        sizes = np.maximum(np.diff(known.indptr), 1).astype(np.float32)
        users = (known @ arrays["items"]) / sizes[:, None]
        return padded(users @ arrays["items"].T + arrays["bias"])
