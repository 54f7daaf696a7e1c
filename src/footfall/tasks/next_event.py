"""Next event: what a user will do next in the running visit, or whether it is over."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from footfall.errors import InputError
from footfall.predictors._base import Examples, Float64, Int64, Kind
from footfall.schema import PASSIVE_EVENT_TYPES
from footfall.tasks._answered import Answered
from footfall.tasks._moments import Log
from footfall.tasks._pairs import PairPrediction
from footfall.tasks._things import Things
from footfall.tasks._visits import GAP_US, some

EXIT: Final = "end of visit"
MOST_MOMENTS: Final = 2_000
"""Moments of one horizon that are asked at."""
LEAST_SHARE: Final = 0.001
"""Share of what users did that a type must have to be asked about."""


@dataclasses.dataclass(frozen=True)
class NextEvent(PairPrediction):
    """The chance of each type of event to be the next one of the visit, and of the visit to be over; they sum to 1.

    A visit is over after half an hour's silence. Types with less than a thousandth of the events are left out: where
    one of them comes next, none of those asked about does.
    """

    name: ClassVar[str] = "next_event"
    title: ClassVar[str] = "what each user will do next in the running visit"
    kind: ClassVar[Kind] = "binary"
    per_horizon: ClassVar[bool] = False
    composes: ClassVar[bool] = True

    def needs(self, log: Log) -> None:
        """Refuse a log in which nothing but one type happens, once a visit."""
        visits = log.visits
        if len(visits.first) == len(visits.at):
            raise InputError("no visit of this log has two events; there is no next event to foretell")

    def things(self, log: Log, as_of_us: int) -> Things:
        """Return the types of what users do, and the end of the visit."""
        return Things.of(log, ("event_type",), as_of_us, more=(EXIT,))

    def asked(self, log: Log, cutoff_us: int) -> Int64:
        """Return everyone whose visit may still go on."""
        return log.visits.running(cutoff_us)

    def whom(self, log: Log, cutoff_us: int, horizon_us: int) -> tuple[Int64, Int64]:
        """Return moments of the horizon, each right after an event."""
        visits = log.visits
        places = some(visits.within(cutoff_us, cutoff_us + horizon_us), MOST_MOMENTS, 0)
        return visits.row[places], visits.time_us[places] + 1

    def now(self, log: Log, now_us: int, horizon_us: int, rows: Int64 | None = None) -> Examples:
        """Return those whose visit may still go on, or those named; each right after the last event."""
        places = log.visits.latest(now_us, self.asked(log, now_us) if rows is None else rows)
        asked = log.visits.row[places], log.visits.time_us[places] + 1
        return self._made(log, self.things(log, now_us), asked, now_us - GAP_US, horizon_us)

    def pairs(self, log: Log, things: Things, rows: Int64, moments: Int64) -> tuple[Int64, Int64]:
        """Return every type that happens often enough before the first moment, and the end, for each."""
        early = int(moments.min()) if len(moments) else log.begins_us
        known = log.times < max(early, log.begins_us + 1)
        count = np.bincount(things.of_event[0][known & ~log.events_of(*PASSIVE_EVENT_TYPES)], minlength=len(things))
        count[0] = 0
        codes = np.append(np.flatnonzero(count >= max(1, LEAST_SHARE * count.sum())), len(things) - 1)
        return np.repeat(np.arange(len(rows)), len(codes)), np.tile(codes, len(rows))

    def came(self, log: Log, things: Things, examples: Examples, horizon_us: int) -> Float64:  # noqa: ARG002 - visits end
        """Return 1 for the type of the visit's next event, or for its end."""
        assert examples.about is not None  # noqa: S101 - they are pairs
        visits = log.visits
        # The event right before the moment: rows and times ascend together in a log.
        keys = visits.row * (log.ends_us + 2 - log.begins_us) + visits.time_us - log.begins_us
        asked = examples.rows * (log.ends_us + 2 - log.begins_us) + examples.cutoff_us - log.begins_us
        following = np.searchsorted(keys, asked)
        last = visits.at.size - 1
        goes_on = (following <= last) & (following > 0)
        inside = np.minimum(following, last)
        goes_on &= visits.visit[inside] == visits.visit[np.maximum(following - 1, 0)]
        came = np.where(goes_on, things.of_event[0][visits.at[inside]], len(things) - 1)
        told: Float64 = (came == examples.about.codes).astype(np.float64)
        return told

    def answered(self, said: Float64, examples: Examples) -> Answered:
        """Return chances that sum to 1 for each moment."""
        begins = np.ones(len(said), np.bool_)
        begins[1:] = (examples.rows[1:] != examples.rows[:-1]) | (examples.cutoff_us[1:] != examples.cutoff_us[:-1])
        moment = np.cumsum(begins) - 1
        total = np.bincount(moment, said)
        chance: Float64 = said / np.maximum(total, 1e-12)[moment]
        return Answered(chance, examples.labels, np.arange(len(said)))

    def besides(self, answered: Answered, examples: Examples) -> Mapping[str, tuple[Float64, Int64]]:
        """Return how often the likeliest came true."""
        assert answered.told is not None  # noqa: S101 - the caller judges
        rows, moments = examples.rows, examples.cutoff_us
        order = np.lexsort((-answered.said, moments, rows))
        first = np.ones(len(order), np.bool_)
        first[1:] = (np.diff(rows[order]) != 0) | (np.diff(moments[order]) != 0)
        return {"Accuracy": (answered.told[order][first], rows[order][first])}
