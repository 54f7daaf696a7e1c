"""Popularity: of all time, of late, and in one user's own history. The least that any other family must beat."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Scores
from footfall.recommenders._learnt import Arrays, Learnt, require
from footfall.recommenders._sparse import popularity

_DAY_US = 86_400_000_000


@dataclasses.dataclass
class Popularity(Learnt):
    """Scores an item by its number of events, the same for everybody; with ``popularity_user`` the rivals' floor."""

    name: ClassVar[str] = "popularity"
    title: ClassVar[str] = "most popular of all time"

    def _learn(self, train: Sequences, seed: int) -> Arrays:  # noqa: ARG002 - nothing is random
        return {"score": popularity(train).astype(np.float32)}

    def _rank(self, histories: Sequences, arrays: Arrays) -> Scores:
        return np.tile(arrays["score"], (len(histories), 1))


@dataclasses.dataclass
class PopularityRecent(Learnt):
    """Scores an item by its events of late; of equals, the one with more events of all time comes first.

    The score is ``recent + all / (1 + max(all))``: the second part is below 1, so it only breaks ties.

    Attributes:
        window_days: How far before the newest training event "of late" goes, in days; its beginning included.
    """

    name: ClassVar[str] = "popularity_recent"
    title: ClassVar[str] = "most popular of the last days"

    window_days: float = 7

    def __post_init__(self) -> None:
        """Check the settings."""
        require(self, "window_days", "a number above 0", holds=self.window_days > 0)

    def _learn(self, train: Sequences, seed: int) -> Arrays:  # noqa: ARG002 - nothing is random
        if train.timestamp_us is None:
            raise InputError(
                f"recommender {self.name!r} needs timestamps, and these sequences have only an order; "
                "give timestamp_us, or use 'popularity'"
            )
        ever = popularity(train)
        begin = train.timestamp_us.max(initial=0) - round(self.window_days * _DAY_US)
        recent = popularity(train.where(train.timestamp_us >= begin))
        return {"score": ranked(recent + ever / (1 + ever.max(initial=0)), recent, ever)}

    def _rank(self, histories: Sequences, arrays: Arrays) -> Scores:
        return np.tile(arrays["score"], (len(histories), 1))


@dataclasses.dataclass
class PopularityUser(Learnt):
    """Scores an item by how often the history has it: what was bought before is bought again.

    Of equals, the one seen last comes first; of these (one basket, or one moment), the more popular of all time. Items
    that the history lacks follow by popularity, with scores in [0, 1/2]; an item in it has
    ``its events + newness / (1 + items of the history)``, where newness numbers its items' last moments from 1.
    """

    name: ClassVar[str] = "popularity_user"
    title: ClassVar[str] = "what the user had most often"
    floor: ClassVar[float | None] = 0.1

    def _learn(self, train: Sequences, seed: int) -> Arrays:  # noqa: ARG002 - nothing is random
        ever = popularity(train)
        return {"popularity": ever, "score": ranked(0.5 * ever / max(1, ever.max(initial=0)), ever)}

    def _rank(self, histories: Sequences, arrays: Arrays) -> Scores:
        scores: Scores = np.tile(arrays["score"], (len(histories), 1))
        times = histories.timestamp_us
        for row in range(len(histories)):
            first, last = histories.offsets[row], histories.offsets[row + 1]
            moments = np.arange(first, last) if times is None else times[first:last]
            items, inverse, frequency = np.unique(histories[row], return_inverse=True, return_counts=True)
            newest = np.full(len(items), np.iinfo(np.int64).min)
            np.maximum.at(newest, inverse, moments)
            newness = np.unique(newest, return_inverse=True)[1] + 1
            value = frequency + newness / (1 + len(items))
            scores[row, items] = ranked(value, frequency, newness, arrays["popularity"][items])
        return scores


def ranked(value: npt.NDArray[np.float64], *keys: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return a value as float32, lifted by the least steps there are where rounding would lose an order.

    Args:
        value: Not negative; in the order of the keys, as far as it tells items apart.
        keys: What the order is by, most important first. Items with equal keys get equal scores.
    """
    if not len(value):
        return np.empty(0, np.float32)
    order = np.lexsort(keys[::-1])
    rises = np.zeros(len(value), bool)
    for key in keys:
        rises[1:] |= np.diff(key[order]) != 0
    group = np.cumsum(rises)
    # The bits of floats from 0 up are integers in the same order, and the next float is the next integer.
    least = value[order].astype(np.float32)[np.r_[True, rises[1:]]].view(np.int32).astype(np.int64)
    steps = np.arange(len(least))
    lifted = (np.maximum.accumulate(least - steps) + steps).astype(np.int32).view(np.float32)
    result = np.empty(len(value), np.float32)
    result[order] = lifted[group]
    return result
