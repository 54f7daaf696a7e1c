"""Lifecycle: of each period's users, who is new, who returns, who is back from the dead; and who fell silent.

With the periods in which a user was active: *new* in the first one, *returning* in one right after another,
*resurrecting* in one after a pause; *dormant* in a period without activity right after one with it. Hence

    active = new + returning + resurrecting          dormant(t) = active(t - 1) - returning(t)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import pyarrow as pa

from footfall.histories.calendar import Unit
from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.journeys._activity import (
    Activity,
    Int64,
    Names,
    Pairs,
    active_periods,
    as_names,
    check_choice,
)
from footfall.journeys._run import Breakdown, Scope, run, run_by
from footfall.journeys._span import Timeline
from footfall.journeys._users import users_table
from footfall.results import Result

State = Literal["new", "returning", "resurrecting", "dormant"]
STATES: Final[tuple[State, ...]] = ("new", "returning", "resurrecting", "dormant")


@dataclasses.dataclass(frozen=True)
class LifecycleSpec:
    """What to ask.

    Attributes:
        unit: Length of a period: ``day``, ``week`` or ``month``.
        events: Event types that make a user active; any event of the user without it.
    """

    unit: Unit = "week"
    events: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            InputError: The unit is not among the accepted ones.
        """
        check_choice("unit", self.unit, ("day", "week", "month"))


@dataclasses.dataclass(frozen=True)
class LifecycleRow:
    """One period.

    Attributes:
        period: Its label, e.g. ``2019-W40``.
        new: Users active for the first time (in scope).
        returning: Users active in this period and the one before.
        resurrecting: Users active in this period and earlier, but not in the one before.
        dormant: Users active in the period before and not in this one; a chart draws them downwards.
        active: ``new + returning + resurrecting``.
        complete: Whether the period was over when the log ended, and the scope did not cut its beginning off.
    """

    period: str
    new: int
    returning: int
    resurrecting: int
    dormant: int
    active: int
    complete: bool


@dataclasses.dataclass(frozen=True)
class LifecycleResult(Result):
    """Who comes, stays, and goes.

    Attributes:
        unit: As asked.
        events: Which events make a user active, in words.
        rows: One per period, from the first with an active user to the last of the log, those without users included.
    """

    unit: Unit
    events: str
    rows: tuple[LifecycleRow, ...]

    def headline(self) -> str:
        """Say what is counted."""
        return f"lifecycle by {self.unit}: users with {self.events}"

    def notes(self) -> Sequence[str]:
        """Give the definitions and name the periods that are not whole."""
        notes = [
            (
                f"new: first {self.unit} in scope; returning: active in the {self.unit} before too; resurrecting: "
                f"active earlier, not in the {self.unit} before; dormant: in the {self.unit} before, not in this one."
            )
        ]
        partly = [row.period for row in self.rows if not row.complete]
        if partly:
            notes.append(f"Covered in part only: {', '.join(partly)}; their numbers are not final.")
        return notes


@dataclasses.dataclass(frozen=True)
class LifecyclePlan:
    """A question put to one log.

    Attributes:
        spec: The question.
        timeline: The periods of the log.
        activity: Events that make a user active.
    """

    spec: LifecycleSpec
    timeline: Timeline
    activity: Activity

    @classmethod
    def of(cls, spec: LifecycleSpec, histories: Histories, scope: Scope) -> LifecyclePlan:
        """Resolve names and periods against a log."""
        return cls(spec, Timeline.of(histories, spec.unit, scope), Activity.of(histories, spec.events))

    def pairs(self, part: Partition) -> Pairs:
        """Return who was active when."""
        return active_periods(part, self.activity, self.timeline.calendar, self.spec.unit)

    def in_state(self, pairs: Pairs, state: State) -> Pairs:
        """Return which users are in a state in which periods."""
        if state == "new":
            keep = pairs.first
        elif state == "returning":
            keep = pairs.gap == 1
        elif state == "resurrecting":
            keep = pairs.gap > 1
        else:
            back_next = np.append(pairs.gap[1:] == 1, False)
            keep = ~back_next[: len(pairs.gap)] & (pairs.period < self.timeline.last)
            return Pairs(pairs.user[keep], pairs.period[keep] + 1)
        return Pairs(pairs.user[keep], pairs.period[keep])

    def partial(self, part: Partition) -> Int64:
        """Count one partition: int64 [states, periods], states in the order of ``STATES``."""
        pairs, first, width = self.pairs(part), self.timeline.first, len(self.timeline)
        return np.array([np.bincount(self.in_state(pairs, s).period - first, minlength=width) for s in STATES])

    def merge(self, partials: Sequence[Int64]) -> LifecycleResult:
        """Add partials up."""
        counts = np.sum(partials, axis=0)
        active = counts[:3].sum(axis=0)
        begin = int(np.argmax(active > 0)) if active.any() else len(active)
        rows = tuple(
            LifecycleRow(
                period=self.timeline.label(self.timeline.first + at),
                **{state: int(counts[place, at]) for place, state in enumerate(STATES)},
                active=int(active[at]),
                complete=self.timeline.whole(self.timeline.first + at),
            )
            for at in range(begin, len(active))
        )
        return LifecycleResult(self.spec.unit, self.activity.description, rows)


def lifecycle(
    histories: Histories,
    *,
    unit: Unit = "week",
    events: Names = None,
    scope: Scope = Scope(),  # noqa: B008 - frozen
    by: str | None = None,
) -> LifecycleResult | Breakdown[LifecycleResult]:
    """Count new, returning, resurrecting and dormant users per period.

    Args:
        histories: The log.
        unit: ``day``, ``week`` or ``month``, in the shop's time zone.
        events: One event type or several that make a user active; any event of the user without it.
        scope: Which events count.
        by: Column to break down by.

    Raises:
        InputError: A setting cannot be used.
    """
    plan = LifecyclePlan.of(LifecycleSpec(unit, as_names(events)), histories, scope)
    if by is None:
        return run(histories, plan.partial, plan.merge, scope)
    return run_by(histories, plan.partial, plan.merge, scope, by)


def users_in(
    histories: Histories,
    spec: LifecycleSpec,
    *,
    period: str,
    state: State,
    scope: Scope = Scope(),  # noqa: B008 - frozen
) -> pa.Table:
    """Return the users in one state in one period.

    Args:
        histories: The log.
        spec: The question.
        period: A label, e.g. ``2019-W40``.
        state: One of ``STATES``.
        scope: Which events count.

    Returns:
        Columns ``user_id`` and ``anonymous``, sorted by both.

    Raises:
        InputError: There is no such period or state.
    """
    check_choice("state", state, STATES)
    plan = LifecyclePlan.of(spec, histories, scope)
    wanted = plan.timeline.find(period)

    def pick(part: Partition) -> Int64:
        found = plan.in_state(plan.pairs(part), state)
        return np.unique(found.user[found.period == wanted])

    return users_table(histories, pick, scope)
