"""Questions of the running visit: asked right after an event of it, at many moments of each horizon."""

from __future__ import annotations

import abc
import dataclasses
from typing import Final

from footfall.predictors._base import Examples, Float64, Int64
from footfall.tasks._moments import Log
from footfall.tasks._prediction import Prediction
from footfall.tasks._visits import Visits, some

MOST: Final = 20_000
"""Moments of one horizon that are asked at; drawn where there are more."""


@dataclasses.dataclass(frozen=True)
class RunningPrediction(Prediction):
    """One number about each user at a moment of a visit.

    What is learnt at a cutoff are moments of the horizon after it, each with what was known right then; horizons of
    learning, calibrating and judging do not overlap, so no visit teaches and judges.
    """

    @abc.abstractmethod
    def came(self, log: Log, visits: Visits, places: Int64) -> Float64:
        """Return what came of each moment before its visit ended, float64 [moments].

        Args:
            log: All events.
            visits: Of the log.
            places: Of the events after which is asked.
        """

    def moments(self, visits: Visits, cutoff_us: int, horizon_us: int) -> Int64:
        """Return the events of a horizon after which may be asked; all of them where a task does not say otherwise.

        Args:
            visits: Of the log.
            cutoff_us: UTC microseconds.
            horizon_us: Its length.
        """
        return visits.within(cutoff_us, cutoff_us + horizon_us)

    def asked(self, log: Log, cutoff_us: int) -> Int64:
        """Return everyone whose visit may still go on at a moment, int64 [users]."""
        return log.visits.running(cutoff_us)

    def outcome(self, log: Log, rows: Int64, cutoff_us: int, horizon_us: int) -> Float64:  # noqa: ARG002 - a visit's end
        """Return what came of the visits that were running at a moment."""
        return self.came(log, log.visits, log.visits.latest(cutoff_us, rows))

    def examples(self, log: Log, cutoff_us: int, horizon_us: int) -> Examples:
        """Return moments of the horizon, with what came of them."""
        visits = log.visits
        places = some(self.moments(visits, cutoff_us, horizon_us), MOST, 0)
        moments = visits.time_us[places] + 1
        return self.made(log, visits.row[places], moments, horizon_us, self.came(log, visits, places), cutoff_us)

    def now(self, log: Log, now_us: int, horizon_us: int, rows: Int64 | None = None) -> Examples:
        """Return those whose visit may still go on, or those named; each right after the last event."""
        places = log.visits.latest(now_us, self.asked(log, now_us) if rows is None else rows)
        return self.made(log, log.visits.row[places], log.visits.time_us[places] + 1, horizon_us, None, now_us)

    def made(
        self, log: Log, rows: Int64, moments: Int64, horizon_us: int, labels: Float64 | None, known_us: int
    ) -> Examples:
        """Return examples of histories at moments.

        Args:
            log: All events.
            rows: Whose.
            moments: When each is asked.
            horizon_us: How far ahead is asked.
            labels: What came of it.
            known_us: What is known of items is of this moment, or of the first moment where that is earlier.
        """
        return log.at(rows, moments, horizon_us, labels, known_us=known_us)
