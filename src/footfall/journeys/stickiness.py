"""Stickiness: on how many days of a week or a month users are active, and what share of them a usual day sees.

A user is active on a day, in the shop's time zone, with at least one event that counts. For each week or month:

* ``exactly(n)``: users active on n different days of it; ``at_least(n)``: on n or more;
* ``daily_users``: mean number of users active per day, over the days of it that the log covers;
* ``ratio = daily_users / users``, with all users active in it: the "DAU/MAU" (or DAU/WAU) of the trade. It equals the
  mean number of active days per user, divided by the days covered: the chance that a user of the month comes on a day.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

from footfall.errors import InputError
from footfall.histories.calendar import Calendar
from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.journeys._activity import (
    Activity,
    Int64,
    Names,
    active_periods,
    as_names,
    changes,
    check_choice,
)
from footfall.journeys._run import Breakdown, Scope, run, run_by
from footfall.journeys._span import Timeline
from footfall.journeys._users import users_table
from footfall.results import Result, render_table
from footfall.schema import US_PER_DAY

Interval = Literal["week", "month"]
MOST_DAYS: Final = {"week": 7, "month": 31}

_NO_ZONE: Final = Calendar("UTC")
"""For arithmetic on local days, to which the shop's zone has been applied already."""


@dataclasses.dataclass(frozen=True)
class StickinessSpec:
    """What to ask.

    Attributes:
        interval: In what days are counted: ``week`` or ``month``.
        events: Event types that make a user active; any event of the user without it.
    """

    interval: Interval = "week"
    events: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            InputError: The interval is not among the accepted ones.
        """
        check_choice("interval", self.interval, tuple(MOST_DAYS))


@dataclasses.dataclass(frozen=True)
class StickinessRow:
    """One number of days in one interval.

    Attributes:
        interval: Its label, e.g. ``2019-W40``; ``(all)`` for all complete ones together.
        days: Number of active days, from 1.
        users: Users active on exactly so many days; in ``(all)`` a user counts once per interval.
        at_least: Users active on so many days or more.
        share: ``users`` of the interval's active users.
        complete: Whether the interval was over when the log ended, and the scope did not cut its beginning off.
    """

    interval: str
    days: int
    users: int
    at_least: int
    share: float
    complete: bool


@dataclasses.dataclass(frozen=True)
class IntervalRow:
    """One interval.

    Attributes:
        interval: Its label.
        users: Users active in it.
        days: Days of it that the log covers.
        daily_users: Mean number of users active per covered day.
        mean_days: Mean number of active days per active user.
        ratio: ``daily_users / users``; None without users.
        complete: As in ``StickinessRow``.
    """

    interval: str
    users: int
    days: int
    daily_users: float
    mean_days: float | None
    ratio: float | None
    complete: bool


@dataclasses.dataclass(frozen=True)
class StickinessResult(Result):
    """How often users come.

    Attributes:
        interval: As asked.
        events: Which events make a user active, in words.
        rows: Per interval with users, one row for each number of days.
        intervals: One row per interval.
        overall: Rows for all complete intervals together.
    """

    interval: Interval
    events: str
    rows: tuple[StickinessRow, ...]
    intervals: tuple[IntervalRow, ...]
    overall: tuple[StickinessRow, ...]

    def headline(self) -> str:
        """Say what is counted."""
        return f"stickiness: active days per {self.interval}, users with {self.events}"

    def notes(self) -> Sequence[str]:
        """Give the definitions."""
        notes = [
            (
                f"daily_users: mean users active per day that the log covers; ratio: daily_users of the "
                f"{self.interval}'s users. (all) adds up complete {self.interval}s: a user counts once in each."
            )
        ]
        partly = [row.interval for row in self.intervals if not row.complete]
        if partly:
            notes.append(f"Covered in part only: {', '.join(partly)}.")
        return notes

    def __str__(self) -> str:
        """Draw the intervals, then the distribution over all complete ones."""
        tables: list[list[dict[str, Any]]] = [
            [dataclasses.asdict(row) for row in self.intervals],
            [dataclasses.asdict(row) for row in self.overall],
        ]
        return "\n".join((self.headline(), *(render_table(t) + "\n" for t in tables if t), *self.notes()))


@dataclasses.dataclass(frozen=True)
class StickinessPlan:
    """A question put to one log.

    Attributes:
        spec: The question.
        timeline: The intervals of the log.
        activity: Events that make a user active.
    """

    spec: StickinessSpec
    timeline: Timeline
    activity: Activity

    @classmethod
    def of(cls, spec: StickinessSpec, histories: Histories, scope: Scope) -> StickinessPlan:
        """Resolve names and intervals against a log."""
        return cls(spec, Timeline.of(histories, spec.interval, scope), Activity.of(histories, spec.events))

    def interval_of(self, day: Int64) -> Int64:
        """Return the interval of local days, int64, same shape."""
        return _NO_ZONE.period(day * US_PER_DAY, self.spec.interval)

    def active_days(self, part: Partition) -> tuple[Int64, Int64, Int64]:
        """Return user, interval and number of active days, for each user and interval with any; int64 each."""
        pairs = active_periods(part, self.activity, self.timeline.calendar, "day")
        interval = self.interval_of(pairs.period)
        begins = np.flatnonzero(changes(pairs.user, interval))
        return pairs.user[begins], interval[begins], np.diff(np.append(begins, len(interval)))

    def partial(self, part: Partition) -> Int64:
        """Count one partition: int64 [intervals, 1 + most days], users by number of active days."""
        _, interval, days = self.active_days(part)
        shape = (len(self.timeline), MOST_DAYS[self.spec.interval] + 1)
        flat = (interval - self.timeline.first) * shape[1] + days
        return np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)

    def merge(self, partials: Sequence[Int64]) -> StickinessResult:
        """Add partials up."""
        counts = np.sum(partials, axis=0)
        first = self.timeline.first
        labels = [self.timeline.label(first + at) for at in range(len(counts))]
        whole = [self.timeline.whole(first + at) for at in range(len(counts))]
        rows = [row for at, label in enumerate(labels) for row in _distribution(label, counts[at], complete=whole[at])]
        together = counts[np.array(whole, np.bool_)].sum(axis=0)
        return StickinessResult(
            self.spec.interval,
            self.activity.description,
            tuple(rows),
            tuple(
                _interval(label, row, days, complete=complete)
                for label, row, days, complete in zip(labels, counts, self._covered(), whole, strict=True)
            ),
            tuple(_distribution("(all)", together, complete=True)),
        )

    def _covered(self) -> list[int]:
        """Return how many days of each interval the log covers."""
        days = Timeline(self.timeline.calendar, "day", self.timeline.span)
        interval = self.interval_of(np.arange(days.first, days.last + 1, dtype=np.int64))
        return [int(n) for n in np.bincount(interval - self.timeline.first, minlength=len(self.timeline))]


def _distribution(label: str, counts: Int64, *, complete: bool) -> list[StickinessRow]:
    users = int(counts.sum())
    at_least = np.cumsum(counts[::-1])[::-1]
    return [
        StickinessRow(label, n, int(counts[n]), int(at_least[n]), int(counts[n]) / users, complete)
        for n in range(1, len(counts))
        if users
    ]


def _interval(label: str, counts: Int64, days: int, *, complete: bool) -> IntervalRow:
    users, active_days = int(counts.sum()), int(counts @ np.arange(len(counts)))
    return IntervalRow(
        interval=label,
        users=users,
        days=days,
        daily_users=active_days / days,
        mean_days=active_days / users if users else None,
        ratio=active_days / days / users if users else None,
        complete=complete,
    )


def stickiness(
    histories: Histories,
    *,
    interval: Interval = "week",
    events: Names = None,
    scope: Scope = Scope(),  # noqa: B008 - frozen
    by: str | None = None,
) -> StickinessResult | Breakdown[StickinessResult]:
    """Count on how many days of each week or month users are active.

    Args:
        histories: The log.
        interval: ``week`` or ``month``, in the shop's time zone.
        events: One event type or several that make a user active; any event of the user without it.
        scope: Which events count.
        by: Column to break down by.

    Raises:
        InputError: A setting cannot be used.
    """
    plan = StickinessPlan.of(StickinessSpec(interval, as_names(events)), histories, scope)
    if by is None:
        return run(histories, plan.partial, plan.merge, scope)
    return run_by(histories, plan.partial, plan.merge, scope, by)


def users_in(
    histories: Histories,
    spec: StickinessSpec,
    *,
    interval: str,
    days: int,
    at_least: bool = False,
    scope: Scope = Scope(),  # noqa: B008 - frozen
) -> pa.Table:
    """Return the users active on so many days of one interval.

    Args:
        histories: The log.
        spec: The question.
        interval: A label, e.g. ``2019-W40``.
        days: Number of active days, from 1.
        at_least: Whether more days count too.
        scope: Which events count.

    Returns:
        Columns ``user_id`` and ``anonymous``, sorted by both.

    Raises:
        InputError: There is no such interval or number of days.
    """
    plan = StickinessPlan.of(spec, histories, scope)
    wanted = plan.timeline.find(interval)
    if not 1 <= days <= MOST_DAYS[spec.interval]:
        raise InputError(f"days = {days} cannot be used; accepted: 1 to {MOST_DAYS[spec.interval]}")

    def pick(part: Partition) -> Int64:
        user, found, active = plan.active_days(part)
        enough = active >= days if at_least else active == days
        return np.unique(user[(found == wanted) & enough])

    return users_table(histories, pick, scope)
