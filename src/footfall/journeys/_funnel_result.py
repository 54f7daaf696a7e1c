"""What a funnel answers."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from footfall.durations import format_duration
from footfall.errors import InputError
from footfall.journeys._funnel_kernels import Int16
from footfall.journeys._run import Breakdown
from footfall.results import Result, plain

UserKind = Literal["reached", "dropped"]


@dataclasses.dataclass(frozen=True)
class FunnelStep:
    """One row of a funnel. "The step before" is the last one before it that is not optional.

    Attributes:
        step: Its number, from 1; in any order, the number of steps made.
        label: What it is called.
        event_type: The event type it wants; None where a condition alone decides.
        optional: Whether an attempt may leave it out.
        users: Users whose attempt has it.
        share_of_first: ``users`` divided by those of step 1; None without any.
        share_of_previous: ``users`` divided by those of the step before; None without any.
        dropped: Users with the step before but not this one; 0 for an optional step, which nobody has to make.
        in_progress: Those of ``dropped`` whose window was still open at the end of the log; None without a window.
        median_s: Median time from the step before, in seconds; None for step 1 and where nobody got here.
        p90_s: The time that nine in ten users needed at most (interpolated), from the step before, in seconds.
        median_from_first_s: As ``median_s``, from step 1.
        p90_from_first_s: As ``p90_s``, from step 1.
    """

    step: int
    label: str
    event_type: str | None
    optional: bool
    users: int
    share_of_first: float | None
    share_of_previous: float | None
    dropped: int
    in_progress: int | None
    median_s: float | None
    p90_s: float | None
    median_from_first_s: float | None
    p90_from_first_s: float | None


@dataclasses.dataclass(frozen=True, eq=False)
class Entrants:
    """Who stands behind the numbers.

    Attributes:
        table: One row per user who entered: ``user_id``, ``anonymous``.
        passed: Steps of each one's attempt, as bits, int16 [users].
        previous: For each step, from 0, the step before that is not optional.
        required: Bits of the steps that are not optional.
    """

    table: pa.Table
    passed: Int16
    previous: tuple[int, ...]
    required: int

    def find(self, step: int, kind: UserKind) -> pa.Table:
        """Return the users who made a step (from 0), or only the one before, sorted by id."""
        made = self._made(step)
        if kind == "dropped":
            may_stop_here = step > 0 and self.required >> step & 1 != 0
            made = self._made(self.previous[step]) & ~made & may_stop_here
        return _sorted(self.table.filter(pa.array(made)))

    def all(self, labels: Sequence[str]) -> pa.Table:
        """Return everybody, with the last step made (from 1), its label, and whether the user converted."""
        last = np.zeros(len(self.passed), np.int64)
        for step in range(len(labels)):
            last[self._made(step)] = step
        table = self.table.append_column("step", pa.array(last + 1))
        table = table.append_column("label", pa.array(np.array(labels, object)[last], pa.string()))
        return _sorted(table.append_column("converted", pa.array(self._made(self.required.bit_length() - 1))))

    def _made(self, step: int) -> npt.NDArray[np.bool_]:
        return (self.passed >> step & 1).astype(np.bool_)


def _sorted(users: pa.Table) -> pa.Table:
    return users.sort_by([("user_id", "ascending"), ("anonymous", "ascending")])


@dataclasses.dataclass(frozen=True)
class FunnelResult(Result):
    """How far users get.

    Attributes:
        steps: One row per step.
        entered: Users who made step 1 (in any order: any step).
        converted: Users who made the last step that is not optional (in any order: all steps).
        conversion: ``converted / entered``; None if nobody entered.
        in_progress: Users who have not converted but whose window was still open at the end of the log; None without
            a window, when nobody's ever passes.
        conversion_settled: ``converted / (entered - in_progress)``: the conversion of those whose outcome is known.
        excluded: Users whom an exclusion removed; they are in no other number.
        order: ``ordered``, ``strict`` or ``any``.
        window_from: ``first`` or ``previous``.
        within_s: The window in seconds; None for no window.
        log_end: The last moment of the log (or of the scope's span), UTC; None for an empty log.
        definitions: What the numbers mean, in sentences.
        entrants: Who stands behind the numbers, if that was asked for; no part of ``to_dict``.
    """

    rows_field = "steps"
    steps: tuple[FunnelStep, ...]
    entered: int
    converted: int
    conversion: float | None
    in_progress: int | None
    conversion_settled: float | None
    excluded: int
    order: str
    window_from: str
    within_s: float | None
    log_end: dt.datetime | None
    definitions: tuple[str, ...]
    entrants: Entrants | None = dataclasses.field(default=None, repr=False, compare=False)

    def headline(self) -> str:
        """Say how many entered, converted, and are still on their way."""
        since = "" if self.window_from == "first" else " per step"
        window = "" if self.within_s is None else f" within {format_duration(self.within_s)}{since}"
        said = f"{self.entered:,} users entered, {self.converted:,} converted{window}"
        if self.conversion is not None:
            said += f" ({self.conversion:.2%})"
        if self.in_progress:
            settled = "" if self.conversion_settled is None else f" ({self.conversion_settled:.2%} without them)"
            said += f"; {self.in_progress:,} still in progress{settled}"
        return said + (f"; {self.excluded:,} removed by exclusions" if self.excluded else "")

    def notes(self) -> Sequence[str]:
        """Return the definitions."""
        return self.definitions

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the users as JSON-ready values."""
        return {f.name: plain(getattr(self, f.name)) for f in dataclasses.fields(self) if f.name != "entrants"}

    def users(self, step: int, kind: UserKind = "reached") -> pa.Table:
        """Return the users behind a row.

        Args:
            step: Number of the row, from 1.
            kind: ``reached`` for the users who made it, ``dropped`` for those who made the step before but not this
                one.

        Returns:
            Columns ``user_id`` and ``anonymous`` (whether that id is an anonymous one), sorted by both.

        Raises:
            InputError: There is no such row or kind, or the funnel was made without users.
        """
        entrants = self._kept()
        if not 1 <= step <= len(self.steps):
            raise InputError(f"step = {step} cannot be used; this funnel has the steps 1 to {len(self.steps)}")
        if kind not in {"reached", "dropped"}:
            raise InputError(f"kind = {kind!r} cannot be used; accepted are 'reached' and 'dropped'")
        return entrants.find(step - 1, kind)

    def users_table(self) -> pa.Table:
        """Return everybody who entered, and how far each got.

        Returns:
            Columns ``user_id``, ``anonymous`` (whether that id is an anonymous one), ``step`` (the last one made, from
            1), its ``label``, and ``converted``; sorted by the first two.

        Raises:
            InputError: The funnel was made without users.
        """
        return self._kept().all([row.label for row in self.steps])

    def _kept(self) -> Entrants:
        if self.entrants is None:
            raise InputError("this funnel kept no users; make it with want_users=True")
        return self.entrants


@dataclasses.dataclass(frozen=True)
class FunnelBreakdown(Breakdown[FunnelResult]):
    """One funnel per value of a column.

    Attributes:
        by_value: Which of a user's values counts: ``first``, ``last`` or ``step:N``.
    """

    by_value: str = "first"

    def headline(self) -> str:
        """Say by what, and how users were put into groups."""
        if self.by_value in {"first", "last"}:
            return f"by {self.by} (each user's {self.by_value} known value)"
        return f"by {self.by} (its value at {self.by_value.replace(':', ' ')} of each user's attempt)"

    def to_dict(self) -> dict[str, Any]:
        """Return ``by``, ``by_value`` and ``groups``, each with ``value`` and the fields of its result."""
        return {"by": self.by, "by_value": self.by_value, "groups": super().to_dict()["groups"]}
