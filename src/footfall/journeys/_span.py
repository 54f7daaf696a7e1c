"""Which periods a log covers, how they are called, and which of them had not ended when the log did."""

from __future__ import annotations

import dataclasses
import functools
from typing import Final

import numpy as np

from footfall.errors import InputError
from footfall.histories.calendar import Calendar, Unit
from footfall.histories.store import Histories
from footfall.journeys._run import Scope
from footfall.schema import US_PER_S

_CLOCK_CHANGE_US: Final = 3 * 3600 * US_PER_S
_CLOCK_CHANGE_STEP_US: Final = 30 * US_PER_S


@dataclasses.dataclass(frozen=True)
class Span:
    """The stretch of time that is looked at: the log, cut to the scope. It is the same for every breakdown of the log.

    Attributes:
        first_us: First moment, UTC microseconds, inclusive.
        end_us: End, exclusive: one microsecond after the last event of the log, or the scope's end if that is earlier.
            Equal to ``first_us`` or before it when there is nothing to see.
        cut: Whether the log goes further back than ``first_us``.
    """

    first_us: int
    end_us: int
    cut: bool = False

    @classmethod
    def of(cls, histories: Histories, scope: Scope) -> Span:
        """Return the span of a log within a scope."""
        times = [part.timestamp_us for part in histories.partitions if part.n_events]
        if not times:
            return cls(0, 0)
        first, end = min(int(t.min()) for t in times), max(int(t.max()) for t in times) + 1
        begin = first if scope.from_us is None else max(first, scope.from_us)
        return cls(begin, end if scope.to_us is None else min(end, scope.to_us), begin > first)


@dataclasses.dataclass(frozen=True)
class Timeline:
    """The calendar periods of a span, numbered as ``Calendar.period`` numbers them.

    Attributes:
        calendar: The shop's calendar.
        unit: ``day``, ``week`` or ``month``.
        span: What is covered.
    """

    calendar: Calendar
    unit: Unit
    span: Span

    @classmethod
    def of(cls, histories: Histories, unit: Unit, scope: Scope) -> Timeline:
        """Return the periods of a log within a scope."""
        return cls(Calendar(histories.timezone), unit, Span.of(histories, scope))

    @functools.cached_property
    def _ends(self) -> tuple[int, int]:
        if self.span.end_us <= self.span.first_us:
            return 0, -1
        # Where clocks are set back over midnight, the last hour of a day comes after the first minute of the next.
        first_us, last_us = self.span.first_us, self.span.end_us - 1
        near = np.arange(0, _CLOCK_CHANGE_US, _CLOCK_CHANGE_STEP_US)
        firsts = self.calendar.period(np.minimum(first_us + near, last_us), self.unit)
        lasts = self.calendar.period(np.maximum(last_us - near, first_us), self.unit)
        return int(firsts.min()), int(lasts.max())

    @property
    def first(self) -> int:
        """The first period."""
        return self._ends[0]

    @property
    def last(self) -> int:
        """The last period; before the first when nothing is covered."""
        return self._ends[1]

    def __len__(self) -> int:
        """Number of periods."""
        return self.last - self.first + 1

    def ended(self, period: int) -> bool:
        """Tell whether a period was over when the span ended: no later event of the log can fall into it."""
        return period < self.last or (period == self.last and self._last_ended)

    @functools.cached_property
    def _last_ended(self) -> bool:
        return self.calendar.start_us(self.last + 1, self.unit) <= self.span.end_us

    def whole(self, period: int) -> bool:
        """Tell whether a period was over, and the scope did not cut its beginning off."""
        return self.ended(period) and (period > self.first or self._first_whole)

    @functools.cached_property
    def _first_whole(self) -> bool:
        return not self.span.cut or self.calendar.start_us(self.first, self.unit) >= self.span.first_us

    def label(self, period: int) -> str:
        """Return what a period is called, e.g. ``2019-W40``."""
        return self.calendar.label(period, self.unit)

    def find(self, label: str) -> int:
        """Return the period of a label.

        Raises:
            InputError: The span has no such period.
        """
        for period in range(self.first, self.last + 1):
            if self.label(period) == label:
                return period
        raise InputError(
            f"no {self.unit} {label!r} in this log; it runs "
            + (f"from {self.label(self.first)} to {self.label(self.last)}" if len(self) else "over no time at all")
        )
