"""Visits of a log, and the moments inside of them at which a question of the running visit is asked."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.predictors._base import Float64, Int64
from footfall.schema import US_PER_S

GAP_US: Final = 1800 * US_PER_S
"""A longer silence ends a visit; what features take it to be."""


@dataclasses.dataclass(frozen=True)
class Visits:
    """What users did, cut into visits. What was shown or sent to them is left out.

    Attributes:
        at: Positions of the events in the log, in its order, int64 [events].
        row: Whose history each is in, int64 [events].
        time_us: When, int64 [events].
        visit: Number of each event's visit, int64 [events].
        ends_us: When each visit's last event is, int64 [visits].
        first: Which event each visit begins with, a place in ``at``, int64 [visits].
    """

    at: Int64
    row: Int64
    time_us: Int64
    visit: Int64
    ends_us: Int64
    first: Int64

    @classmethod
    def of(cls, rows: Int64, times_us: Int64, did: npt.NDArray[np.bool_]) -> Visits:
        """Cut a log into visits.

        Args:
            rows: Whose history each event is in, ascending, int64 [events].
            times_us: When, ascending in each history, int64 [events].
            did: Whether it is a user's doing, bool [events].
        """
        at = np.flatnonzero(did)
        row, time_us = rows[at], times_us[at]
        begins = np.ones(len(at), np.bool_)
        begins[1:] = (row[1:] != row[:-1]) | (time_us[1:] - time_us[:-1] > GAP_US)
        first = np.flatnonzero(begins)
        last = np.append(first[1:], len(at)) - 1
        return cls(at, row, time_us, np.cumsum(begins) - 1, time_us[last[last >= 0]], first)

    def within(self, begin_us: int, end_us: int) -> Int64:
        """Return the events in [begin, end) that have nothing at their own microsecond after them, places in ``at``.

        Right after such an event, everything up to it is known; between events of one moment nobody is asked.

        Args:
            begin_us: UTC microseconds.
            end_us: UTC microseconds.
        """
        alone = np.ones(len(self.at), np.bool_)
        alone[:-1] = (self.row[1:] != self.row[:-1]) | (self.time_us[1:] > self.time_us[:-1])
        return np.flatnonzero(alone & (self.time_us >= begin_us) & (self.time_us < end_us))

    def running(self, now_us: int) -> Int64:
        """Return everyone whose visit may still go on at a moment, int64 [users].

        Args:
            now_us: UTC microseconds.
        """
        return np.unique(self.row[(self.time_us < now_us) & (self.time_us >= now_us - GAP_US)])

    def latest(self, now_us: int, rows: Int64) -> Int64:
        """Return the last event before a moment of each of some users, places in ``at``; of who has none, nothing.

        Args:
            now_us: UTC microseconds.
            rows: Whose, int64 [users].
        """
        known = np.flatnonzero(self.time_us < now_us)
        last = known[np.append(self.row[known][1:] != self.row[known][:-1], True)] if len(known) else known
        where = np.minimum(np.searchsorted(self.row[last], rows), max(len(last) - 1, 0))
        return last[where][self.row[last[where]] == rows] if len(last) else last

    def remaining_s(self, places: Int64) -> Float64:
        """Return how long each event's visit still goes on after it, seconds, float64 [places]."""
        left: Float64 = (self.ends_us[self.visit[places]] - self.time_us[places]) / US_PER_S
        return left

    def later_in_visit(self, places: Int64, wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Tell after which events of a visit another one is wanted, bool [places].

        Args:
            places: In ``at``.
            wanted: Which events count, bool [events of the log].
        """
        counted = np.concatenate(([0], np.cumsum(wanted[self.at])))
        ends = np.append(self.first[1:], len(self.at))[self.visit[places]]
        found: npt.NDArray[np.bool_] = counted[ends] > counted[places + 1]
        return found


def some(places: Int64, most: int, seed: int) -> Int64:
    """Return at most so many of them, drawn without order and returned in order.

    Args:
        places: To draw from.
        most: How many.
        seed: Makes it repeatable.
    """
    if len(places) <= most:
        return places
    return places[np.sort(np.random.default_rng((seed, 7)).choice(len(places), most, replace=False))]
