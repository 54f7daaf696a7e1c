"""The package ``implicit`` as its users use it: its own factors for users it knows, its own folding in for others."""

from __future__ import annotations

import importlib
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import scipy.sparse

from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences

SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "implicit_als": {"factors": 128, "regularization": 10.0, "alpha": 40.0, "iterations": 15},
    "implicit_bpr": {"factors": 100, "learning_rate": 0.01, "regularization": 0.01, "iterations": 100},
    "implicit_bm25": {"K": 50, "K1": 1.2, "B": 0.75},
}
"""ALS: alpha is that of Hu, Koren and Volinsky (2008); BPR and BM25: the package's defaults, with more neighbours."""

_CLASSES: Final = {
    "implicit_als": ("cpu.als", "AlternatingLeastSquares"),
    "implicit_bpr": ("cpu.bpr", "BayesianPersonalizedRanking"),
    "implicit_bm25": ("nearest_neighbours", "BM25Recommender"),
}


class Implicit:
    """A model of ``implicit`` behind our protocol, as far as the benchmark needs it."""

    def __init__(self, tool: str) -> None:
        """Make it ready.

        Args:
            tool: One of ``SETTINGS``.
        """
        self.tool = tool
        self.settings = SETTINGS[tool]
        self.model: Any = None
        self.place: dict[int, int] = {}

    def fit(self, train: Sequences, *, seed: int = 0) -> None:
        """Learn from sequences.

        Args:
            train: What may be known.
            seed: For what is random.
        """
        module, name = _CLASSES[self.tool]
        one_core = {"num_threads": 1}
        chance = {} if self.tool == "implicit_bm25" else {"random_state": seed}
        self.model = getattr(importlib.import_module(f"implicit.{module}"), name)(**self.settings, **chance, **one_core)
        self.model.fit(_counts(train), show_progress=False)
        if train.user_idx is not None:
            self.place = {int(user): row for row, user in enumerate(train.user_idx)}

    def scores(self, histories: Sequences) -> npt.NDArray[np.float32]:
        """Score all items for all histories, float32 [histories, n_codes].

        Args:
            histories: What is known of each.
        """
        known = _counts(histories)
        if self.tool == "implicit_bm25":
            found = (known @ self.model.similarity).toarray()
        elif self.tool == "implicit_als":
            found = self.model.recalculate_user(np.arange(len(histories)), known) @ self.model.item_factors.T
        else:
            found = self._bpr_users(known, histories) @ self.model.item_factors.T
        floor = np.full((len(histories), FIRST_CODE), -np.inf)
        return np.concatenate((floor, found), axis=1).astype(np.float32)

    def _bpr_users(self, known: Any, histories: Sequences) -> Any:
        """Return BPR's own factors of users it was trained on; the mean of their items' for others."""
        sizes = np.maximum(np.diff(known.indptr), 1)[:, None]
        users = np.asarray(known @ self.model.item_factors) / sizes
        users[:, -1] = 1  # the last column of the items is their bias
        if histories.user_idx is not None:
            rows = np.array([self.place.get(int(user), -1) for user in histories.user_idx])
            users[rows >= 0] = self.model.user_factors[rows[rows >= 0]]
        return users


def _counts(sequences: Sequences) -> Any:
    """Return how often each sequence has each item that can be shown, CSR float32 [sequences, items]."""
    shown = sequences.with_items()
    shape = (len(shown), shown.n_codes - FIRST_CODE)
    ones = np.ones(shown.n_events, np.float32)
    return scipy.sparse.csr_matrix((ones, (shown.rows, shown.item - FIRST_CODE)), shape=shape)
