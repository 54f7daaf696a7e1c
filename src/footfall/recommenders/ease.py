"""EASE: the best linear item-item model, in closed form; for catalogues that fit in memory squared."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import scipy.linalg

from footfall.errors import InputError
from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Scores
from footfall.recommenders._learnt import Arrays, Learnt, require
from footfall.recommenders._sparse import counts


@dataclasses.dataclass
class Ease(Learnt):
    """Embarrassingly Shallow Autoencoder (Steck 2019, equation 8).

    With X the users' items as 0 and 1, ``P = inverse(X'X + regularization * I)``, and ``B[i, j] = -P[i, j] / P[j, j]``
    with a diagonal of 0; the scores of a history x are ``x B``. Items without events are left out of the inverse, for
    their rows and columns of B are 0 in any case.

    Attributes:
        regularization: The paper's lambda; larger for fewer data.
        max_items: The most items with events that are taken; n of them need n * n * 4 bytes, and thrice this while
            fitting.
    """

    name: ClassVar[str] = "ease"
    title: ClassVar[str] = "linear item-item model in closed form (EASE)"

    regularization: float = 250.0
    max_items: int = 20_000

    def __post_init__(self) -> None:
        """Check the settings."""
        require(self, "regularization", "a number above 0", holds=self.regularization > 0)
        require(self, "max_items", "a whole number from 1", holds=self.max_items >= 1)

    def _learn(self, train: Sequences, seed: int) -> Arrays:  # noqa: ARG002 - nothing is random
        codes = np.unique(train.item)
        if len(codes) > self.max_items:
            raise InputError(
                f"recommender {self.name!r} inverts a dense matrix of items by items: {len(codes)} items with events "
                f"would need {12 * len(codes) ** 2 / 1e9:.1f} GB; the limit is max_items = {self.max_items}; "
                "raise it where the memory is there, leave rare items out, or use 'neighbours'"
            )
        if not len(codes):
            return {"codes": codes, "weights": np.zeros((0, 0), np.float32)}
        seen = counts(train, binary=True)[:, codes]
        gram = (seen.T @ seen).toarray(order="F")
        gram[np.diag_indices_from(gram)] += np.float32(self.regularization)
        factor, wrong = scipy.linalg.lapack.spotrf(gram, lower=1, overwrite_a=1)
        if wrong:  # positive definite, lambda being above 0; but not after rounding
            raise InputError(
                f"regularization of recommender {self.name!r} is {self.regularization}, too little beside "
                f"{len(train)} histories for 32-bit numbers; give a larger one"
            )
        half, _ = scipy.linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
        inverse = np.tril(half)
        inverse += np.tril(half, -1).T
        weights = inverse / -np.diag(inverse)
        np.fill_diagonal(weights, 0)
        return {"codes": codes, "weights": np.ascontiguousarray(weights)}

    def _rank(self, histories: Sequences, arrays: Arrays) -> Scores:
        scores = np.zeros((len(histories), histories.n_codes), np.float32)
        codes = arrays["codes"]
        scores[:, codes] = counts(histories, binary=True)[:, codes] @ arrays["weights"]
        return scores
