"""Questions of the running visit: asked right after an event of it, at many moments of each horizon."""

from __future__ import annotations

import abc
import dataclasses
from typing import ClassVar, Final

import numpy as np

from footfall.features.table import FeatureTable
from footfall.predictors._base import Examples, Float64, Int64
from footfall.schema import PASSIVE_EVENT_TYPES, US_PER_S
from footfall.tasks._moments import Log
from footfall.tasks._prediction import Prediction
from footfall.tasks._visits import GAP_US, Visits, some

MOST: Final = 20_000
"""Moments of one horizon that are asked at; drawn where there are more."""
LAST: Final = "last_event_type"


@dataclasses.dataclass(frozen=True)
class RunningPrediction(Prediction):
    """One number about each user at a moment of a visit.

    What is learnt at a cutoff are moments of the horizon after it, each with what was known right then; horizons of
    learning, calibrating and judging do not overlap, so no visit teaches and judges.
    """

    of_users: ClassVar[bool] = False

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
        return self._made(log, places, horizon_us, self.came(log, visits, places), cutoff_us)

    def now(self, log: Log, now_us: int, horizon_us: int, rows: Int64 | None = None) -> Examples:
        """Return those whose visit may still go on, or those named; each right after the last event."""
        places = log.visits.latest(now_us, self.asked(log, now_us) if rows is None else rows)
        return self._made(log, places, horizon_us, None, now_us - GAP_US)

    def _made(self, log: Log, places: Int64, horizon_us: int, labels: Float64 | None, known_us: int) -> Examples:
        """Return examples right after events; what is known of items is of a moment before all of them."""
        visits = log.visits
        rows, moments = visits.row[places], visits.time_us[places] + 1
        found = log.at(rows, moments, horizon_us, labels, known_us=known_us)
        return dataclasses.replace(found, table=found.table.joined(visit_features(log, places)))


def visit_features(log: Log, places: Int64) -> FeatureTable:
    """Return what the running visit holds up to some events: how many of each type, how long ago it began, the last.

    Args:
        log: All events; those after an event are of no account for it.
        places: The events, places in ``log.visits.at``.
    """
    visits = log.visits
    begins = visits.first[visits.visit[places]]
    columns: dict[str, Float64] = {
        "visit_events": (places - begins + 1).astype(np.float64),
        "visit_s": (visits.time_us[places] - visits.time_us[begins]) / US_PER_S,
        "visit_last_gap_s": (visits.time_us[places] - visits.time_us[np.maximum(places - 1, begins)]) / US_PER_S,
    }
    for name in sorted(log.types):
        if name not in PASSIVE_EVENT_TYPES:
            counted = np.concatenate(([0], np.cumsum(log.events_of(name)[visits.at])))
            columns[f"visit_{name}"] = (counted[places + 1] - counted[begins]).astype(np.float64)
    kinds = log.raw.event_type
    assert kinds is not None  # noqa: S101 - visits are made of events of known types
    columns[LAST] = kinds[visits.at[places]].astype(np.float64)
    values = np.column_stack(list(columns.values())).astype(np.float32)
    return FeatureTable(tuple(columns), values, visits.row[places], {LAST: max(log.types.values()) + 1})
