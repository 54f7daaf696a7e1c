"""Dwell: how long a visit that has just begun will last."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from footfall.errors import InputError
from footfall.predictors._base import Float64, Int64, Kind
from footfall.tasks._moments import Log
from footfall.tasks._running import RunningPrediction
from footfall.tasks._visits import Visits


@dataclasses.dataclass(frozen=True)
class Dwell(RunningPrediction):
    """Seconds from the first event of a visit to its last; 0 for a visit of one event."""

    name: ClassVar[str] = "dwell"
    title: ClassVar[str] = "how many seconds a visit that begins will last"
    kind: ClassVar[Kind] = "amount"
    per_horizon: ClassVar[bool] = False

    def needs(self, log: Log) -> None:
        """Refuse a log in which no visit has two events."""
        visits = log.visits
        if not len(visits.at) or not (visits.ends_us > visits.time_us[visits.first]).any():
            raise InputError("no visit of this log has two events at different times; its length cannot be foretold")

    def moments(self, visits: Visits, cutoff_us: int, horizon_us: int) -> Int64:
        """Return the first event of each visit (the last one of its microsecond)."""
        found = visits.within(cutoff_us, cutoff_us + horizon_us)
        begun = visits.time_us[visits.first][visits.visit[found]]
        first: Int64 = found[visits.time_us[found] == begun]
        return first

    def came(self, log: Log, visits: Visits, places: Int64) -> Float64:  # noqa: ARG002 - the visits tell
        """Return how long it goes on, seconds."""
        return visits.remaining_s(places)
