"""TIFU-KNN: the next basket from how often and how lately the user, and users like this one, had each item."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import scipy.sparse

from footfall.compiled import kernel, part
from footfall.errors import InputError
from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Scores
from footfall.recommenders._learnt import Arrays, Learnt, require

Csr = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float64]]

_BASKETS = ("auto", "order", "timestamp")


@dataclasses.dataclass
class TifuKnn(Learnt):
    """Temporal item frequency of a user and of the nearest users (Hu et al. 2020).

    A user's baskets are 0/1 vectors of items. They are put into groups of ``group_size``, counted back from the newest,
    so that only the oldest group may be short. A group's vector is the mean over its baskets of ``within_decay ** age``
    times the basket, the age of its newest being 0; the user's vector u is the mean over the groups of
    ``group_decay ** age`` times the group's vector, the newest group's age being 0. Scores are
    ``alpha * u + (1 - alpha) * mean of the nearest users' vectors``, near by Euclidean distance; of equally near ones,
    the earlier in training. Nobody is their own neighbour: where both sides know ``user_idx``, the same user is left
    out.

    The defaults are the paper's for Ta-Feng. The authors' program takes ``group_size`` for the number of groups; this
    follows the text of the paper.

    Attributes:
        group_size: Baskets of one group.
        within_decay: Weight of a basket relative to the next one of its group.
        group_decay: Weight of a group relative to the next one.
        nearest: How many users are averaged; all there are, if fewer.
        alpha: Weight of the user's own vector.
        basket_by: ``order``: events of one order are a basket, and events without one are of no account. ``timestamp``:
            events of one moment are. ``auto``: by order, where training has orders.
    """

    name: ClassVar[str] = "tifu_knn"
    title: ClassVar[str] = "own and similar users' frequent items (TIFU-KNN)"
    floor: ClassVar[float | None] = 0.001

    group_size: int = 7
    within_decay: float = 0.9
    group_decay: float = 0.7
    nearest: int = 300
    alpha: float = 0.7
    basket_by: Literal["auto", "order", "timestamp"] = "auto"

    def __post_init__(self) -> None:
        """Check the settings."""
        require(self, "group_size", "a whole number from 1", holds=self.group_size >= 1)
        require(self, "within_decay", "a number above 0 and at most 1", holds=0 < self.within_decay <= 1)
        require(self, "group_decay", "a number above 0 and at most 1", holds=0 < self.group_decay <= 1)
        require(self, "nearest", "a whole number from 1", holds=self.nearest >= 1)
        require(self, "alpha", "a number from 0 to 1", holds=0 <= self.alpha <= 1)
        require(self, "basket_by", " or ".join(_BASKETS), holds=self.basket_by in _BASKETS)

    def _learn(self, train: Sequences, seed: int) -> Arrays:  # noqa: ARG002 - nothing is random
        has_orders = train.order is not None and bool((train.order > 0).any())
        by_order = self.basket_by == "order" or (self.basket_by == "auto" and has_orders)
        users = self._vectors(train, by_order=by_order)
        known = np.flatnonzero(np.diff(users.indptr))  # who has no basket is nobody's neighbour
        users = users[known]
        items = users.T.tocsr()
        return {
            "by_order": np.array(by_order),
            "user_idx": np.full(len(known), -1) if train.user_idx is None else train.user_idx[known],
            "square": np.asarray(users.multiply(users).sum(axis=1)).ravel(),
            **{f"user_{key}": value for key, value in _parts(users).items()},
            **{f"item_{key}": value for key, value in _parts(items).items()},
        }

    def _rank(self, histories: Sequences, arrays: Arrays) -> Scores:
        own = self._vectors(histories, by_order=bool(arrays["by_order"]))
        who = np.full(len(histories), -2) if histories.user_idx is None else histories.user_idx
        scores = np.zeros(own.shape, np.float32)
        users, items = _csr(arrays, "user_"), _csr(arrays, "item_")
        known = arrays["user_idx"], arrays["square"]
        _average(scores, _csr(_parts(own)), who, *known, users, items, self.nearest, self.alpha)
        return scores

    def _vectors(self, sequences: Sequences, *, by_order: bool) -> Any:
        """Return the temporal frequency of every item, CSR float64 [sequences, n_codes]."""
        told = sequences.order if by_order else sequences.timestamp_us
        if told is None:
            raise InputError(
                f"recommender {self.name!r} needs {'order' if by_order else 'order or timestamp_us'} to tell baskets "
                "apart, and these sequences lack it; give it, or use 'popularity_user'"
            )
        kept = np.flatnonzero(told > 0) if by_order else np.arange(sequences.n_events)
        rows, item = sequences.rows[kept], sequences.item[kept].astype(np.int64)
        # Number the baskets of all sequences in the order of their first events.
        dense = np.unique(told[kept], return_inverse=True)[1]
        _, first, basket = np.unique(rows * (1 + dense.max(initial=0)) + dense, return_index=True, return_inverse=True)
        by_time = np.argsort(first)
        number = np.empty_like(by_time)
        number[by_time] = np.arange(len(by_time))
        row = rows[first[by_time]]
        weights = self._weights(np.bincount(row, minlength=len(sequences)))
        basket, item = np.divmod(np.unique(number[basket] * sequences.n_codes + item), sequences.n_codes)
        vectors = scipy.sparse.coo_matrix((weights[basket], (row[basket], item)), (len(sequences), sequences.n_codes))
        return vectors.tocsr()

    def _weights(self, n_baskets: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the weight of each basket, the oldest of each sequence first, from how many each sequence has."""
        many = np.repeat(n_baskets, n_baskets)
        age = np.repeat(np.cumsum(n_baskets), n_baskets) - 1 - np.arange(n_baskets.sum())
        group, within = np.divmod(age, self.group_size)
        n_groups = -(-many // self.group_size)
        size = np.where(group == n_groups - 1, many - group * self.group_size, self.group_size)
        weights: npt.NDArray[np.float64] = self.within_decay**within / size * self.group_decay**group / n_groups
        return weights


def _csr(arrays: Arrays, prefix: str = "") -> Csr:
    return arrays[f"{prefix}indptr"], arrays[f"{prefix}indices"], arrays[f"{prefix}data"]


def _parts(matrix: Any) -> dict[str, npt.NDArray[Any]]:
    matrix.sort_indices()
    indptr, indices = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)
    return {"indptr": indptr, "indices": indices, "data": matrix.data.astype(np.float64)}


@kernel
def _average(
    scores: Scores,
    own: Csr,
    who: npt.NDArray[np.int64],
    user_idx: npt.NDArray[np.int64],
    square: npt.NDArray[np.float64],
    users: Csr,
    items: Csr,
    nearest: int,
    alpha: float,
) -> None:
    """Fill scores from histories' own vectors, trained users' vectors, and the latter by item."""
    distance = np.zeros(len(square))
    total = np.zeros(scores.shape[1])
    for row in range(len(scores)):
        distance[:] = square  # |u - v|^2 less |u|^2, which is the same for all v
        for place in range(own[0][row], own[0][row + 1]):
            _add(distance, items, own[1][place], -2 * own[2][place])
        distance[user_idx == who[row]] = np.inf
        wanted = min(nearest, len(square) - np.sum(user_idx == who[row]))
        total[:] = 0.0
        _add(total, own, row, alpha)
        for user in _smallest(distance, wanted):
            _add(total, users, user, (1 - alpha) / wanted)
        scores[row] = total


@part
def _add(total: npt.NDArray[np.float64], matrix: Csr, row: int, weight: float) -> None:
    for place in range(matrix[0][row], matrix[0][row + 1]):
        total[matrix[1][place]] += weight * matrix[2][place]


@part
def _smallest(values: npt.NDArray[np.float64], wanted: int) -> npt.NDArray[np.int64]:
    """Return where the smallest values are; of equal ones, the first."""
    if wanted == 0:
        return np.zeros(0, np.int64)
    limit = np.partition(values, wanted - 1)[wanted - 1]
    below, at = np.flatnonzero(values < limit), np.flatnonzero(values == limit)
    return np.concatenate((below, at[: wanted - len(below)]))
