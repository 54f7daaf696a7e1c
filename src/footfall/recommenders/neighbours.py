"""Neighbours: items that the same people have, weighted by BM25."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Scores
from footfall.recommenders._learnt import Arrays, Learnt, require
from footfall.recommenders._sparse import add_rows, counts


@dataclasses.dataclass
class Neighbours(Learnt):
    """Item-item neighbours under BM25 weights, the same as ``implicit.nearest_neighbours.BM25Recommender``.

    An item is a document, and the users who have it are its words. The weight of item i in user u's row is
    ``w[u, i] = n[u, i] * (k1 + 1) / (k1 * ((1 - b) + b * n[i] / mean n) + n[u, i]) * idf[u]`` with
    ``idf[u] = log(items) - log(1 + items of u)`` (Robertson and Zaragoza 2009, with the idf that ``implicit`` uses), n
    being numbers of events. Items i and j are as similar as ``sum over u of w[u, i] * w[u, j]``; an item is a neighbour
    of itself. The score of j is the sum over the history's events of its item's similarity to j, where j is among that
    item's neighbours (Deshpande and Karypis 2004).

    Attributes:
        neighbours: How many neighbours of an item are kept, itself among them; of equals, the lower code.
        k1: How much repeats count: 0 for not at all.
        b: How much an item's popularity is discounted: 0 for not at all, 1 for fully.
    """

    name: ClassVar[str] = "neighbours"
    title: ClassVar[str] = "items of the same people (BM25)"
    floor: ClassVar[float | None] = 0.1

    neighbours: int = 50
    k1: float = 1.2
    b: float = 0.75

    def __post_init__(self) -> None:
        """Check the settings."""
        require(self, "neighbours", "a whole number from 1", holds=self.neighbours >= 1)
        require(self, "k1", "a number from 0", holds=self.k1 >= 0)
        require(self, "b", "a number from 0 to 1", holds=0 <= self.b <= 1)

    def _learn(self, train: Sequences, seed: int) -> Arrays:  # noqa: ARG002 - nothing is random
        users = counts(train)
        events = np.asarray(users.sum(axis=0), np.float64).ravel()
        n_items = max(1, train.n_codes - FIRST_CODE)
        length = (1 - self.b) + self.b * events / max(events.sum() / n_items, 1e-9)
        sizes = np.diff(users.indptr)
        idf = np.log(n_items) - np.log1p(sizes)
        n = users.data.astype(np.float64)
        users.data = n * (self.k1 + 1) / (self.k1 * length[users.indices] + n) * np.repeat(idf, sizes)
        items = users.T.tocsr()
        found, data, kept = _nearest(*_parts(items), *_parts(users), self.neighbours)
        indptr = np.concatenate((np.zeros(1, np.int64), np.cumsum(kept)))
        inside = np.arange(found.shape[1]) < kept[:, None]
        return {"indptr": indptr, "indices": found[inside], "data": data[inside].astype(np.float32)}

    def _rank(self, histories: Sequences, arrays: Arrays) -> Scores:
        scores = np.zeros((len(histories), histories.n_codes), np.float32)
        weights = np.ones(histories.n_events, np.float32)
        add_rows(scores, histories, weights, (arrays["indptr"], arrays["indices"], arrays["data"]))
        return scores


def _parts(matrix: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data


@kernel
def _nearest(
    item_ptr: npt.NDArray[np.int64],
    item_users: npt.NDArray[np.int32],
    item_data: npt.NDArray[np.float64],
    user_ptr: npt.NDArray[np.int64],
    user_items: npt.NDArray[np.int32],
    user_data: npt.NDArray[np.float64],
    most: int,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Multiply items by users row by row, and keep each row's largest values only, so that memory stays small."""
    n_items = len(item_ptr) - 1
    found = np.zeros((n_items, most), np.int32)
    data = np.zeros((n_items, most))
    kept = np.zeros(n_items, np.int64)
    total = np.zeros(n_items)
    touched = np.zeros(n_items, np.int32)
    marked = np.full(n_items, -1, np.int64)
    for item in range(n_items):
        n_touched = 0
        for place in range(item_ptr[item], item_ptr[item + 1]):
            user, weight = item_users[place], item_data[place]
            for other_place in range(user_ptr[user], user_ptr[user + 1]):
                other = user_items[other_place]
                if marked[other] != item:
                    marked[other] = item
                    total[other] = 0.0
                    touched[n_touched] = other
                    n_touched += 1
                total[other] += weight * user_data[other_place]
        near = np.sort(touched[:n_touched])
        order = np.argsort(-total[near], kind="mergesort")
        for other in near[order]:
            if kept[item] < most and total[other] > 0.0:
                found[item, kept[item]] = other
                data[item, kept[item]] = total[other]
                kept[item] += 1
    return found, data, kept
