"""Moments that a prediction is learnt and judged at: rolling cutoffs, each a horizon before the next."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Hashable, Mapping
from typing import Any, Final, Self

import numpy as np

from footfall.errors import InputError
from footfall.features.items import ItemFacts
from footfall.features.users import event_types, log_of, user_features
from footfall.histories.event_features import described
from footfall.histories.sequences import Sequences
from footfall.histories.store import Histories
from footfall.predictors._base import Examples, Float64, Int64
from footfall.schema import PASSIVE_EVENT_TYPES, US_PER_DAY
from footfall.tasks._visits import Visits

MOST_CUTOFFS: Final = 4
"""Cutoffs that are learnt from: more teach more seasons and cost as much each."""


@dataclasses.dataclass(frozen=True)
class Log:
    """A log as features and as the behaviour model read it; both have the same histories in the same order.

    Attributes:
        raw: With the columns that features are made of.
        coded: With the codes that the behaviour model reads.
        types: Names of event types to their codes.
        timezone: The shop's zone.
        currency: The shop's currency.
    """

    raw: Sequences
    coded: Sequences
    types: Mapping[str, int]
    timezone: str
    currency: str

    @classmethod
    def of(cls, histories: Histories) -> Self:
        """Read a log.

        Args:
            histories: All of it that may be known.

        Raises:
            InputError: It is empty.
        """
        raw = log_of(histories)
        if not raw.n_events:
            raise InputError("there are no events to learn from; read a log first (footfall ingest)")
        coded = described(histories, raw)
        return cls(raw, coded, event_types(histories), histories.timezone, histories.currency)

    @property
    def times(self) -> Int64:
        """Of the events, UTC microseconds, int64 [events]."""
        assert self.raw.timestamp_us is not None  # noqa: S101 - histories have times
        return self.raw.timestamp_us

    @property
    def begins_us(self) -> int:
        """The moment of the first event."""
        return int(self.times.min())

    @property
    def ends_us(self) -> int:
        """The moment after the last event."""
        return int(self.times.max()) + 1

    def events_of(self, *names: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Tell which events are of these types, bool [events]; of a type that the log lacks there are none.

        Args:
            names: Of types.
        """
        codes = [self.types[name] for name in names if name in self.types]
        if self.raw.event_type is None:
            return np.zeros(self.raw.n_events, np.bool_)
        found: np.ndarray[tuple[int], np.dtype[np.bool_]] = np.isin(self.raw.event_type, np.array(codes, np.int64))
        return found

    @functools.cached_property
    def memo(self) -> dict[Hashable, Any]:
        """What was worked out of this log already, by what was asked."""
        return {}

    @functools.cached_property
    def visits(self) -> Visits:
        """What users did, cut into visits."""
        return Visits.of(self.raw.rows, self.times, ~self.events_of(*PASSIVE_EVENT_TYPES))

    def active(self, begin_us: int, end_us: int, *names: str) -> Int64:
        """Return the histories with an event in [begin, end), of some types where they are named, int64 [histories].

        Where none are named, what happens without a user's doing (messages sent, impressions) counts for nothing.

        Args:
            begin_us: UTC microseconds.
            end_us: UTC microseconds.
            names: Of types.
        """
        inside = (self.times >= begin_us) & (self.times < end_us)
        inside &= self.events_of(*names) if names else ~self.events_of(*PASSIVE_EVENT_TYPES)
        return np.unique(self.raw.rows[inside])

    def item_facts(self, as_of_us: int) -> ItemFacts:
        """Return what was known of items at a moment; not worked out anew for the next users.

        Args:
            as_of_us: The moment.
        """
        if ("item facts", as_of_us) not in self.memo:
            self.memo["item facts", as_of_us] = ItemFacts.of(self.raw, as_of_us, self.types)
        found: ItemFacts = self.memo["item facts", as_of_us]
        return found

    def at(
        self,
        rows: Int64,
        cutoff_us: int | Int64,
        horizon_us: int,
        labels: Float64 | None = None,
        *,
        known_us: int | None = None,
        facts: ItemFacts | None = None,
        groups: Collection[str] | None = None,
    ) -> Examples:
        """Return examples of some histories, at one moment or each at its own.

        Args:
            rows: Which histories, the same one as often as wanted.
            cutoff_us: The moment, or one for each of ``rows``.
            horizon_us: How far ahead is asked.
            labels: What came of it.
            known_us: Items are known as of this moment, at most the first cutoff; as of that without it.
            facts: What was known of items by then; what all events of this log tell without it.
            groups: Of features; all of them without it.
        """
        moments = np.full(len(rows), cutoff_us, np.int64)
        # Not the end of the log: what is known as of a moment must not depend on what comes after it.
        first = int(moments.min()) if len(moments) else self.ends_us if known_us is None else known_us
        if facts is None:
            facts = self.item_facts(first if known_us is None else min(first, known_us))
        table = user_features(
            self.raw,
            moments,
            self.types,
            groups=groups,
            facts=facts,
            rows=rows,
            timezone=self.timezone,
            currency=self.currency,
        )
        return Examples(table, self.coded, rows, moments, horizon_us, labels)


@dataclasses.dataclass(frozen=True)
class Moments:
    """When is learnt, calibrated and judged; every moment's horizon ends where the next begins, or before.

    Attributes:
        learn_us: Cutoffs to learn from, the oldest first.
        calibrate_us: The cutoff whose outcomes make probabilities of scores.
        judge_us: The cutoff that judges.
        horizon_us: How far ahead is asked.
    """

    learn_us: tuple[int, ...]
    calibrate_us: int
    judge_us: int
    horizon_us: int

    @classmethod
    def of(cls, log: Log, horizon_us: int) -> Self:
        """Cut a log.

        Args:
            log: All of it that may be known.
            horizon_us: How far ahead is asked.

        Raises:
            InputError: The log is shorter than four horizons.
        """
        judge = log.ends_us - horizon_us
        learn = [judge - back * horizon_us for back in range(2, 2 + MOST_CUTOFFS)]
        learn = [moment for moment in learn if moment - log.begins_us >= horizon_us]
        if not learn:
            have = (log.ends_us - log.begins_us) / US_PER_DAY
            horizon = f"{horizon_us / US_PER_DAY:.3g} days"
            raise InputError(
                f"the log spans {have:.3g} days, and a horizon of {horizon} needs four of them: to know something, to "
                "learn, to calibrate and to judge; give a shorter --horizon, or read a longer log"
            )
        return cls(tuple(reversed(learn)), judge - horizon_us, judge, horizon_us)
