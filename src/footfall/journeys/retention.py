"""Retention: of the users who began in a period, how many came back one, two, three periods later.

A user enters a cohort by the start event: *first-time*, once, with the first one in scope; or *recurring*, in every
calendar period that has one. Period 0 is the cohort itself. A return counts in period k,

* on the *calendar* clock: k calendar days, weeks or months (in the shop's time zone) after the cohort's own;
* on the *rolling* clock: ``k = floor((t - t0) / length)``, with 24 hours or 7 x 24 hours as the length and ``t0`` the
  entry: the first start event (recurring: the first one of that calendar period).

*On*: the user returned in period k. *On or after*: in period k or any later one (this can still grow after period k).
A cell whose period had not begun when the log ended has no row; one that had not ended is marked as incomplete.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

from footfall.errors import InputError
from footfall.histories.calendar import Unit
from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.journeys._activity import (
    Activity,
    Bool,
    Int64,
    Names,
    active_periods,
    as_names,
    changes,
    check_choice,
    first_in_each,
)
from footfall.journeys._returns import Entries, Returns, count_on, count_on_or_after
from footfall.journeys._run import Breakdown, Scope, run, run_by
from footfall.journeys._span import Timeline
from footfall.journeys._users import users_table
from footfall.results import Result, render_table
from footfall.schema import US_PER_DAY

Cohort = Literal["first_time", "recurring"]
Counting = Literal["on", "on_or_after"]
Clock = Literal["calendar", "rolling"]
Against = Literal["start", "previous"]

PERIODS: Final[dict[Unit, int]] = {"day": 30, "week": 12, "month": 12}
"""How many periods after period 0 are shown when nobody says."""

MOST_PERIODS: Final = 1000
ROLLING_US: Final[dict[str, int]] = {"day": US_PER_DAY, "week": 7 * US_PER_DAY}


@dataclasses.dataclass(frozen=True)
class RetentionSpec:
    """What to ask.

    Attributes:
        unit: Length of a period, and of the cohorts: ``day``, ``week`` or ``month``.
        periods: Periods after period 0; see ``PERIODS`` for what holds without it.
        start: Event types that let a user enter a cohort; any event of the user without it.
        returns: Event types that count as coming back; any event of the user without it.
        cohort: ``first_time`` or ``recurring``.
        counting: ``on`` or ``on_or_after``.
        clock: ``calendar`` or ``rolling``.
        against: Shares of the cohort (``start``), or of those who were there in the period before (``previous``).
    """

    unit: Unit = "week"
    periods: int | None = None
    start: tuple[str, ...] | None = None
    returns: tuple[str, ...] | None = None
    cohort: Cohort = "first_time"
    counting: Counting = "on"
    clock: Clock = "calendar"
    against: Against = "start"

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            InputError: One is not among its accepted values, or they do not go together.
        """
        check_choice("unit", self.unit, ("day", "week", "month"))
        check_choice("cohort", self.cohort, ("first_time", "recurring"))
        check_choice("counting", self.counting, ("on", "on_or_after"))
        check_choice("clock", self.clock, ("calendar", "rolling"))
        check_choice("against", self.against, ("start", "previous"))
        if self.clock == "rolling" and self.unit not in ROLLING_US:
            raise InputError(
                "a rolling month has no fixed length; rolling periods are day (24 h) or week (7 x 24 h): "
                "take one of them, or months on the calendar clock"
            )
        if self.periods is not None and not 1 <= self.periods <= MOST_PERIODS:
            raise InputError(f"periods = {self.periods} cannot be used; accepted: 1 to {MOST_PERIODS}")

    @property
    def columns(self) -> int:
        """Number of periods, period 0 included."""
        return 1 + (PERIODS[self.unit] if self.periods is None else self.periods)


@dataclasses.dataclass(frozen=True)
class RetentionRow:
    """One cell.

    Attributes:
        cohort: The period of entry, e.g. ``2019-W40``.
        size: Users who entered.
        period: Periods since; 0 is the cohort's own.
        users: Users who returned; in period 0 the whole cohort.
        share: ``users`` of the cohort, or of the users of the period before; None of nobody.
        complete: Whether the period had ended for every user of the cohort when the log did.
        observed: Users of the cohort whose period had ended when the log did.
    """

    cohort: str
    size: int
    period: int
    users: int
    share: float | None
    complete: bool
    observed: int


@dataclasses.dataclass(frozen=True)
class CurvePoint:
    """One period over all cohorts that completed it.

    Attributes:
        period: Periods since entry.
        cohorts: Number of cohorts that completed it.
        size: Their users.
        users: Those who returned.
        share: ``users`` of ``size``, or of the same cohorts' users of the period before; None of nobody.
    """

    period: int
    cohorts: int
    size: int
    users: int
    share: float | None


@dataclasses.dataclass(frozen=True)
class RetentionResult(Result):
    """Who comes back.

    Attributes:
        unit: As asked.
        cohort: As asked.
        counting: As asked.
        clock: As asked.
        against: As asked.
        start: Which events let a user enter, in words.
        returns: Which events count as coming back, in words.
        rows: Cells by cohort, then period. Cohorts without users have none.
        overall: The curve over complete cells only, weighted by cohort size.
    """

    unit: Unit
    cohort: Cohort
    counting: Counting
    clock: Clock
    against: Against
    start: str
    returns: str
    rows: tuple[RetentionRow, ...]
    overall: tuple[CurvePoint, ...]

    def headline(self) -> str:
        """Say who enters and who counts as returning."""
        enter = "first" if self.cohort == "first_time" else "each"
        return f"retention by {self.unit}: from the {enter} {self.start} to {self.returns}"

    def notes(self) -> Sequence[str]:
        """Give the definitions and explain the marks."""
        length = "calendar" if self.clock == "calendar" else "rolling (counted from each user's own entry)"
        scope = "the first in scope" if self.cohort == "first_time" else f"every {self.unit} with a start event"
        when = "in" if self.counting == "on" else "in or after"
        of = "the cohort" if self.against == "start" else "those who were there in the period before"
        return (
            f"Entry: {scope}. Returned: {when} the period. Shares are of {of}. Periods are {length} {self.unit}s.",
            (
                "* the period had not ended for everybody when the log did; a cell that had not begun is empty. "
                "'(all)' has complete cells only, weighted by size."
            ),
        )

    def __str__(self) -> str:
        """Draw the triangle: a line per cohort, a column per period, incomplete cells with an asterisk."""
        lines: dict[str, dict[str, Any]] = {}
        width = 1 + max((row.period for row in self.rows), default=-1)
        for row in self.rows:
            line = lines.setdefault(row.cohort, {"cohort": row.cohort, "users": row.size} | _blank(width))
            line[str(row.period)] = _percent(row.share) + ("" if row.complete else "*")
        if self.overall:
            curve = {str(point.period): _percent(point.share) for point in self.overall}
            lines["(all)"] = {"cohort": "(all)", "users": self.overall[0].size} | _blank(width) | curve
        return "\n".join((self.headline(), render_table(list(lines.values())), *self.notes()))


def _blank(width: int) -> dict[str, str]:
    return {str(period): "" for period in range(width)}


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}%"


@dataclasses.dataclass(frozen=True)
class Cells:
    """What a partial counts; all int64 [cohorts, periods].

    Attributes:
        users: Users who returned.
        begun: Users of the cohort whose period had begun when the log ended.
        observed: Users of the cohort whose period had ended.
    """

    users: Int64
    begun: Int64
    observed: Int64


@dataclasses.dataclass(frozen=True)
class RetentionPlan:
    """A question put to one log: event types are codes, cohorts are rows of a matrix.

    Attributes:
        spec: The question.
        timeline: The periods of the log.
        start: Events that let a user enter.
        returns: Events that count as coming back.
    """

    spec: RetentionSpec
    timeline: Timeline
    start: Activity
    returns: Activity

    @classmethod
    def of(cls, spec: RetentionSpec, histories: Histories, scope: Scope) -> RetentionPlan:
        """Resolve names and periods against a log."""
        start, returns = (Activity.of(histories, names) for names in (spec.start, spec.returns))
        return cls(spec, Timeline.of(histories, spec.unit, scope), start, returns)

    def partial(self, part: Partition) -> Cells:
        """Count one partition."""
        entries = self.entries(part)
        users = self.count(entries, self.come_back(part), -1, np.empty(0, np.bool_))
        begun, observed = self._reach(entries)
        users[:, 0] = begun[:, 0]
        return Cells(users, begun, observed)

    def entries(self, part: Partition) -> Entries:
        """Return who enters which cohort, and when."""
        calendar, unit, first = self.timeline.calendar, self.spec.unit, self.timeline.first
        if self.spec.clock == "calendar":
            pairs = active_periods(part, self.start, calendar, unit)
            keep = pairs.first if self.spec.cohort == "first_time" else np.ones(len(pairs.user), np.bool_)
            period = pairs.period[keep]
            return Entries(pairs.user[keep], period - first, period)
        starts = np.flatnonzero(self.start.mask(part))
        user = part.user_of_event()[starts]
        time = np.asarray(part.timestamp_us)[starts]
        period = calendar.period(time, unit)
        at = first_in_each(user, period) if self.spec.cohort == "recurring" else np.flatnonzero(changes(user))
        return Entries(user[at], period[at] - first, time[at])

    def come_back(self, part: Partition) -> Returns:
        """Return each user's returns: calendar periods, or moments on the rolling clock."""
        if self.spec.clock == "calendar":
            pairs = active_periods(part, self.returns, self.timeline.calendar, self.spec.unit)
            return Returns(np.searchsorted(pairs.user, np.arange(part.n_users + 1)), pairs.period, 1)
        events = np.flatnonzero(self.returns.mask(part))
        offsets = np.searchsorted(events, part.offsets)
        return Returns(offsets, np.asarray(part.timestamp_us)[events], ROLLING_US[self.spec.unit])

    def count(self, entries: Entries, returns: Returns, wanted: int, hit: Bool) -> Int64:
        """Count returns per cohort and period; period 0 stays empty.

        Args:
            entries: Who entered.
            returns: Who came back.
            wanted: A period whose entries to mark in ``hit``; -1 for none.
            hit: bool [entries], written to.
        """
        counter = count_on if self.spec.counting == "on" else count_on_or_after
        return counter(entries, returns, (len(self.timeline), self.spec.columns), wanted, hit)

    def _reach(self, entries: Entries) -> tuple[Int64, Int64]:
        """Count, per cohort and period, the entries whose period had begun, and had ended, when the log did."""
        shape, last = (len(self.timeline), self.spec.columns), self.spec.columns - 1
        if self.spec.clock == "calendar":
            begun = self.timeline.last - entries.base
            ended = begun if self.timeline.ended(self.timeline.last) else begun - 1
        else:
            length, end = ROLLING_US[self.spec.unit], self.timeline.span.end_us
            begun = (end - 1 - entries.base) // length
            ended = (end - entries.base) // length - 1
        return _at_least(entries.row, np.minimum(begun, last), shape), _at_least(
            entries.row, np.minimum(ended, last), shape
        )

    def merge(self, partials: Sequence[Cells]) -> RetentionResult:
        """Add partials up and work out the shares."""
        spec, timeline = self.spec, self.timeline
        users = np.sum([p.users for p in partials], axis=0)
        begun = np.sum([p.begun for p in partials], axis=0)
        observed = np.sum([p.observed for p in partials], axis=0)
        over = np.array([timeline.ended(timeline.first + row) for row in range(len(timeline))], np.bool_)
        complete = (observed == begun[:, :1]) & over[:, None] & (begun > 0)
        below = np.roll(users, 1, axis=1) if spec.against == "previous" else np.broadcast_to(begun[:, :1], users.shape)
        below = np.column_stack((begun[:, :1], below[:, 1:]))
        rows = tuple(
            RetentionRow(
                cohort=timeline.label(timeline.first + row),
                size=int(begun[row, 0]),
                period=k,
                users=int(users[row, k]),
                share=_share(int(users[row, k]), int(below[row, k])),
                complete=bool(complete[row, k]),
                observed=int(observed[row, k]),
            )
            for row, k in np.argwhere(begun > 0).tolist()
        )
        overall = tuple(
            CurvePoint(
                period=k,
                cohorts=int(complete[:, k].sum()),
                size=int(begun[complete[:, k], 0].sum()),
                users=int(users[complete[:, k], k].sum()),
                share=_share(int(users[complete[:, k], k].sum()), int(below[complete[:, k], k].sum())),
            )
            for k in range(spec.columns)
            if complete[:, k].any()
        )
        return RetentionResult(
            spec.unit,
            spec.cohort,
            spec.counting,
            spec.clock,
            spec.against,
            self.start.description,
            self.returns.description,
            rows,
            overall,
        )


def _at_least(row: Int64, reached: Int64, shape: tuple[int, int]) -> Int64:
    """Count, per row and k, the entries that reached at least k; one with ``reached`` below 0 counts nowhere."""
    some = reached >= 0
    flat = np.bincount(row[some] * shape[1] + reached[some], minlength=shape[0] * shape[1])
    counts: Int64 = np.cumsum(flat.reshape(shape)[:, ::-1], axis=1)[:, ::-1].copy()
    return counts


def _share(users: int, of: int) -> float | None:
    return users / of if of else None


def retention(
    histories: Histories,
    *,
    unit: Unit = "week",
    periods: int | None = None,
    start: Names = None,
    returns: Names = None,
    cohort: Cohort = "first_time",
    counting: Counting = "on",
    clock: Clock = "calendar",
    against: Against = "start",
    scope: Scope = Scope(),  # noqa: B008 - frozen
    by: str | None = None,
) -> RetentionResult | Breakdown[RetentionResult]:
    """Count who comes back.

    Args:
        histories: The log.
        unit: As in ``RetentionSpec``; so are ``periods`` to ``against``.
        periods: Periods after period 0.
        start: One event type or several that let a user enter.
        returns: One event type or several that count as coming back.
        cohort: ``first_time`` or ``recurring``.
        counting: ``on`` or ``on_or_after``.
        clock: ``calendar`` or ``rolling``.
        against: ``start`` or ``previous``.
        scope: Which events count.
        by: Column to break down by.

    Raises:
        InputError: A setting cannot be used.
    """
    spec = RetentionSpec(unit, periods, as_names(start), as_names(returns), cohort, counting, clock, against)
    plan = RetentionPlan.of(spec, histories, scope)
    if by is None:
        return run(histories, plan.partial, plan.merge, scope)
    return run_by(histories, plan.partial, plan.merge, scope, by)


def users_in(
    histories: Histories,
    spec: RetentionSpec,
    *,
    cohort: str,
    period: int,
    scope: Scope = Scope(),  # noqa: B008 - frozen
) -> pa.Table:
    """Return the users behind one cell.

    Args:
        histories: The log.
        spec: The question.
        cohort: The label of a row, e.g. ``2019-W40``.
        period: Periods since entry; 0 gives the cohort.
        scope: Which events count.

    Returns:
        Columns ``user_id`` and ``anonymous``, sorted by both.

    Raises:
        InputError: There is no such cohort or period.
    """
    plan = RetentionPlan.of(spec, histories, scope)
    row = plan.timeline.find(cohort) - plan.timeline.first
    if not 0 <= period < spec.columns:
        raise InputError(f"no period {period}; accepted: 0 to {spec.columns - 1} (more with periods)")

    def pick(part: Partition) -> Int64:
        entries = plan.entries(part)
        hit = np.full(len(entries.user), period == 0)
        plan.count(entries, plan.come_back(part), period, hit)
        return np.unique(entries.user[hit & (entries.row == row)])

    return users_table(histories, pick, scope)
