"""From scores to lists: what may be shown, what is shown, in which order, and which past events moved it."""

from __future__ import annotations

import dataclasses
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from footfall.errors import InputError
from footfall.evaluation.ranking import highest
from footfall.histories.columns import FIRST_CODE
from footfall.histories.content import levels_of
from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Recommender
from footfall.tasks._index import ItemIndex

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]

_EVERY_LEVEL: Final = 1000
SCORES_AT_ONCE: Final = 2**25
"""Scores that are held at once: 128 MiB."""
DIVERSE_AMONG: Final = 10
"""How many times the length of the list are candidates for a diverse one."""
LEAST_SHARE: Final = 0.03
"""A part of the past that moved an item less than this, of all that moved it, is no reason."""
LATE_EVENTS: Final = 24
"""Events of a history, from the end, that are asked for reasons."""


@dataclasses.dataclass(frozen=True)
class Filters:
    """Which items may be shown.

    Attributes:
        in_stock: Leave out what the catalogue says is not available.
        category: Only this category and what lies below it; a path as the catalogue writes it.
        brand: Only this brand.
        min_price: Only what costs this much or more, in the shop's currency; what has no price is left out.
        max_price: Only what costs this much or less; what has no price is left out.
    """

    in_stock: bool = True
    category: str | None = None
    brand: str | None = None
    min_price: float | None = None
    max_price: float | None = None

    def mask(self, items: pa.Table) -> Bool:
        """Return which items may be shown, bool [rows of ``items``].

        Args:
            items: The table of a vocabulary of items.

        Raises:
            InputError: No item is left, or the catalogue says nothing of what is asked for.
        """
        shown = np.ones(items.num_rows, bool)
        if self.in_stock and "available" in items.column_names:
            shown &= pc.fill_null(items["available"], True).to_numpy()
        if self.category is not None:
            wanted = levels_of(self.category, _EVERY_LEVEL)
            paths = self._said(items, "category")
            deep = slice(len(wanted) - 1, len(wanted))
            levels = [[] if path is None else levels_of(path, _EVERY_LEVEL) for path in paths]
            shown &= np.array([bool(wanted) and there[deep] == wanted[-1:] for there in levels], bool)
        if self.brand is not None:
            shown &= np.array([brand == self.brand for brand in self._said(items, "brand")], bool)
        if self.min_price is not None or self.max_price is not None:
            prices = np.array([np.nan if p is None else p for p in self._said(items, "price")], np.float64)
            low = -np.inf if self.min_price is None else self.min_price
            high = np.inf if self.max_price is None else self.max_price
            shown &= (prices >= low) & (prices <= high)
        if not shown.any():
            given = {
                name: value
                for name, value in dataclasses.asdict(self).items()
                if value is not None and value is not False
            }
            raise InputError(f"no item of {items.num_rows:,} may be shown under {given}; loosen the filters")
        return shown

    @staticmethod
    def _said(items: pa.Table, column: str) -> list[Any]:
        if column not in items.column_names or items[column].null_count == items.num_rows:
            raise InputError(
                f"the catalogue has no {column}; read one that has it (footfall items), or do not filter by it"
            )
        values: list[Any] = items[column].to_pylist()
        return values


@dataclasses.dataclass(frozen=True)
class Lists:
    """What is shown to each of some users.

    Attributes:
        items: Codes, best first, int32 [users, k]; 0 where nothing is left to show.
        scores: Of those items, float32 [users, k]; nan where there is none.
    """

    items: Int32
    scores: Float32

    @classmethod
    def empty(cls, users: int, k: int) -> Self:
        """Make lists with nothing on them.

        Args:
            users: How many.
            k: Their length.
        """
        return cls(np.zeros((users, k), np.int32), np.full((users, k), np.nan, np.float32))

    def put(self, rows: Int64, best: Int64, scores: Float32, diversity: float, vectors: Float32 | None) -> None:
        """Fill some lists from candidates.

        Args:
            rows: Which, int64 [rows].
            best: Codes of candidates, best first, int64 [rows, candidates].
            scores: Theirs, -inf for what cannot be shown, float32 [rows, candidates].
            diversity: From 0 to 1; see ``diverse``.
            vectors: Of all codes, float32 [n_codes, width]; needed for diversity.
        """
        k = self.items.shape[1]
        if diversity and vectors is not None:
            order = diverse(scores, vectors[best], k, diversity)
            best, scores = np.take_along_axis(best, order, 1), np.take_along_axis(scores, order, 1)
        best, scores = best[:, :k], scores[:, :k]
        real = np.isfinite(scores) & (best >= FIRST_CODE)
        self.items[rows, : best.shape[1]] = np.where(real, best, 0)
        self.scores[rows, : best.shape[1]] = np.where(real, scores, np.nan)


def lists(
    recommender: Recommender,
    histories: Sequences,
    shown: Bool,
    seen: Sequences | None,
    k: int,
    *,
    diversity: float = 0.0,
    vectors: Float32 | None = None,
) -> Lists:
    """Return the best items for each history.

    Args:
        recommender: Who is asked.
        histories: What is known of each.
        shown: Which codes may be shown, bool [n_codes].
        seen: Events whose items are left out, per history; none without it.
        k: Length of the lists.
        diversity: 0: by score alone; towards 1: the less alike, the better (``diverse``).
        vectors: Of the items, float32 [n_codes, width]; needed for diversity.

    Raises:
        InputError: ``k`` or the diversity is out of range.
    """
    if k < 1 or not 0 <= diversity <= 1:
        raise InputError(f"k={k}, diversity={diversity}; accepted: k from 1, diversity from 0 to 1")
    n_codes = histories.n_codes
    among = min(k * DIVERSE_AMONG if diversity else k, n_codes)
    found = Lists.empty(len(histories), k)
    batch = max(1, SCORES_AT_ONCE // n_codes)
    for start in range(0, len(histories), batch):
        rows = np.arange(start, min(start + batch, len(histories)))
        scores = recommender.scores(histories.take(rows))
        scores[:, ~shown] = -np.inf
        if seen is not None:
            some = seen.take(rows)
            scores[some.rows, some.item] = -np.inf
        best = highest(scores, among).astype(np.int64)
        found.put(rows, best, np.take_along_axis(scores, best, 1), diversity, vectors)
    return found


def nearest_lists(
    index: ItemIndex,
    queries: Float32,
    keys: Float32,
    shown: Bool,
    seen: Sequences | None,
    k: int,
    *,
    diversity: float = 0.0,
) -> tuple[Lists, Int64]:
    """Return the best items for queries from an index; and which rows it had too few items for, int64.

    Args:
        index: Of ``keys``.
        queries: float32 [histories, width].
        keys: Vectors of the items, float32 [n_codes, width].
        shown: Which codes may be shown, bool [n_codes].
        seen: Events whose items are left out, per history; none without it.
        k: Length of the lists.
        diversity: As in ``lists``.
    """
    among = k * DIVERSE_AMONG
    most_seen = 0 if seen is None else int(seen.lengths.max(initial=0))
    best = np.sort(index.nearest(queries, among + most_seen), axis=1)
    scores = np.einsum("rcw,rw->rc", keys[best], queries)
    scores[~shown[best]] = -np.inf
    for row in range(0 if seen is None else len(seen)):
        scores[row, np.isin(best[row], seen[row])] = -np.inf  # type: ignore[index]  # not None here
    order = np.argsort(-scores, axis=1, kind="stable")
    best, scores = np.take_along_axis(best, order, 1), np.take_along_axis(scores, order, 1)
    found = Lists.empty(len(queries), k)
    found.put(np.arange(len(queries)), best, scores, diversity, keys)
    return found, np.flatnonzero(np.isfinite(scores).sum(1) < k)


def diverse(scores: Float32, vectors: Float32, k: int, diversity: float) -> Int64:
    """Return the order in which candidates are shown by maximal marginal relevance, int64 [rows, k].

    Source: Carbonell and Goldstein, SIGIR 1998: the next item is the one with the largest
    ``(1 - diversity) * relevance - diversity * (likeness to the most alike item shown so far)``. Relevance is the score
    scaled to 0..1 over the row's candidates, likeness the cosine.

    Args:
        scores: Of the candidates, best first, -inf for what cannot be shown, float32 [rows, candidates].
        vectors: Of the candidates, float32 [rows, candidates, width].
        k: How many are shown.
        diversity: From 0 to 1.
    """
    finite = np.isfinite(scores)
    low = np.where(finite, scores, np.inf).min(1, keepdims=True, initial=np.inf)
    spread = np.where(finite, scores, -np.inf).max(1, keepdims=True, initial=-np.inf) - low
    with np.errstate(invalid="ignore", divide="ignore"):
        relevance = np.where(finite, np.where(spread > 0, (scores - low) / spread, 0.0), 0.0)
    long = np.linalg.norm(vectors, axis=2, keepdims=True)
    unit = vectors / np.where(long > 0, long, 1)
    rows = np.arange(len(scores))
    alike = np.zeros_like(relevance)
    order = np.empty((len(scores), min(k, scores.shape[1])), np.int64)
    for place in range(order.shape[1]):
        gain = (1 - diversity) * relevance - diversity * alike
        gain[~finite] = -np.inf
        for before in range(place):
            gain[rows, order[:, before]] = -np.inf
        left = np.where(np.isneginf(gain).all(1), _first_left(order[:, :place], scores.shape[1]), gain.argmax(1))
        order[:, place] = left
        likeness = np.einsum("rcw,rw->rc", unit, unit[rows, left])
        alike = likeness if place == 0 else np.maximum(alike, likeness)
    return order


def _first_left(taken: Int64, candidates: int) -> Int64:
    """Return for each row the first place that is not taken, int64 [rows]."""
    free = np.ones((len(taken), candidates), bool)
    np.put_along_axis(free, taken, values=False, axis=1)
    first: Int64 = free.argmax(1)
    return first


@dataclasses.dataclass(frozen=True)
class Reason:
    """A part of someone's past that moved an item up.

    Attributes:
        events: Positions of the events in the history, from its beginning.
        weight: Its share of all that moved the item up, 0 to 1.
    """

    events: tuple[int, ...]
    weight: float


def reasons(recommender: Recommender, history: Sequences, items: Int32, most: int = 3) -> list[list[Reason]]:
    """Return for each item which past events moved it up: what its score loses when they are taken away.

    Events about one item are taken away together; of a long history, the last ``LATE_EVENTS`` are asked.

    Args:
        recommender: Who gave the scores.
        history: One history.
        items: Codes, int32 [items]; below ``FIRST_CODE`` there is none.
        most: Reasons an item.
    """
    groups = _groups(history)
    if not groups:
        return [[] for _ in items]
    parts = [np.setdiff1d(np.arange(history.n_events), group) for group in groups]
    variants = history.at([np.arange(history.n_events), *parts])
    scores = recommender.scores(variants)[:, items]
    with np.errstate(invalid="ignore"):
        lost = np.nan_to_num(np.maximum(scores[0] - scores[1:], 0), nan=0.0, posinf=0.0)
    found: list[list[Reason]] = []
    for column, code in enumerate(items):
        whole = lost[:, column].sum()
        order = np.argsort(-lost[:, column], kind="stable")[:most]
        good = [i for i in order if code >= FIRST_CODE and whole > 0 and lost[i, column] > LEAST_SHARE * whole]
        found.append([Reason(tuple(map(int, groups[i])), float(lost[i, column] / whole)) for i in good])
    return found


def _groups(history: Sequences) -> list[Int64]:
    """Return positions of the late events of one history, those about one item together; the newest group first."""
    late = np.arange(max(0, history.n_events - LATE_EVENTS), history.n_events)
    by_item: dict[Any, list[int]] = {}
    for position in late[::-1].tolist():
        item = int(history.item[position])
        by_item.setdefault(item if item >= FIRST_CODE else f"event {position}", []).append(position)
    return [np.array(sorted(group), np.int64) for group in by_item.values()]
