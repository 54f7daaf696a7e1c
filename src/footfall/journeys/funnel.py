"""Funnels: how many users make one step after another, and how long they take.

The semantics, in full:

- An *attempt* gives steps events of their own: one event never serves two steps, and a step that is asked for twice
  needs two events. Its events lie in the order of the steps (``ordered``), directly after one another among the user's
  events in scope (``strict``), or anyhow (``any``). Events at the same microsecond have no order of their own: they
  serve in whatever order is best.
- The window is inclusive: an event exactly ``within`` after the first step (or the step before) still counts.
- A user counts once, with the attempt that gets farthest. Of several: the one with most steps (optional ones), then the
  one completed first, then the one that starts last, then the one whose steps lie latest, compared from the last to
  the first. All numbers of a user come from that one attempt.
- An *exclusion* removes the user from the whole funnel if it happens strictly after an attempt began, while its window
  is open (in a strict funnel: while it could still go on), and strictly before the user first converts.
- *In progress* is who has not converted, but has an attempt whose window was open at the end of the log.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from footfall.histories.columns import FIRST_CODE
from footfall.histories.conditions import Condition
from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.journeys import _funnel_kernels, _funnel_search, _run
from footfall.journeys._funnel_kernels import NEVER, REMOVED, Int16
from footfall.journeys._funnel_result import Entrants, FunnelBreakdown, FunnelResult, FunnelStep, UserKind
from footfall.journeys._funnel_spec import FunnelSpec, Order, WindowFrom
from footfall.journeys._run import Scope
from footfall.journeys._span import Span
from footfall.journeys.kernels import Int64, read_only
from footfall.journeys.steps import Step
from footfall.schema import US_PER_S

__all__ = ["FunnelBreakdown", "FunnelResult", "FunnelSpec", "FunnelStep", "Step", "UserKind", "funnel"]

Columns = tuple[Int64, Int64, Int16, Int16]
"""What every kernel reads: offsets, times, codes, bits per code."""

_GROUPS = 8
_USER_COLUMNS = ["user_id", "anonymous"]


@dataclasses.dataclass(frozen=True)
class Attempts:
    """The winning attempts of the users who entered, and those whom an exclusion removed.

    Attributes:
        passed: int16 [entrants], steps of each attempt, as bits.
        times: int64 [entrants, steps], their times.
        open_from: int64 [entrants], no attempt of the user can go on later than this plus the window.
        value: int64 [entrants], code of the breakdown's column; 0 without a breakdown.
        removed: int64 [removed users], the same for them.
        users: Arrow table [entrants] of ``user_id`` and ``anonymous``, or None.
    """

    passed: Int16
    times: Int64
    open_from: Int64
    value: Int64
    removed: Int64
    users: pa.Table | None

    @classmethod
    def union(cls, several: Sequence[Attempts]) -> Attempts:
        """Put the attempts of several partitions together."""
        tables = [a.users for a in several if a.users is not None]
        return cls(
            np.concatenate([a.passed for a in several]),
            np.concatenate([a.times for a in several]),
            np.concatenate([a.open_from for a in several]),
            np.concatenate([a.value for a in several]),
            np.concatenate([a.removed for a in several]),
            pa.concat_tables(tables) if tables else None,
        )

    def of_values(self, values: npt.NDArray[np.int64]) -> Attempts:
        """Return the attempts of the users with one of several values."""
        here = np.isin(self.value, values)
        users = None if self.users is None else self.users.filter(pa.array(here))
        removed = self.removed[np.isin(self.removed, values)]
        return Attempts(self.passed[here], self.times[here], self.open_from[here], self.value[here], removed, users)


def partial(part: Partition, *, histories: Histories, spec: FunnelSpec, want_users: bool = False) -> Attempts:
    """Find the winning attempts in one partition.

    Args:
        part: The partition, cut to the events in scope.
        histories: The log.
        spec: The question.
        want_users: Whether to look up who the users are.
    """
    offsets, timestamp_us = read_only(part.offsets), read_only(part.timestamp_us)
    codes, bits_of = spec.bits(histories, part)
    passed = np.empty(part.n_users, np.int16)
    times = np.empty((part.n_users, len(spec.steps)), np.int64)
    open_from = np.empty(part.n_users, np.int64)
    columns: Columns = (offsets, timestamp_us, codes, bits_of)
    rules = (len(spec.steps), spec.window_us, spec.window_from == "previous")
    if spec.order == "any":
        _funnel_search.any_order(*columns, *rules, passed, times, open_from)
    elif spec.order == "strict" or any(step.optional for step in spec.steps):
        strict = spec.order == "strict"
        _funnel_search.stepwise(*columns, *rules, passed, times, open_from, spec.required, strict)
    else:
        _funnel_kernels.ordered(*columns, *rules, passed, times, open_from)
    entered, removed = np.flatnonzero(passed > 0), np.flatnonzero(passed == REMOVED)
    value = np.zeros(part.n_users, np.int64) if spec.by is None else _values(part, columns, spec, passed, times)
    users = histories.users[part.index].select(_USER_COLUMNS).take(pa.array(entered)) if want_users else None
    return Attempts(passed[entered], times[entered], open_from[entered], value[entered], value[removed], users)


def _values(part: Partition, columns: Columns, spec: FunnelSpec, passed: Int16, times: Int64) -> Int64:
    """Return the code of the breakdown's column for each user, int64 [users]; 0 for users without a value."""
    by = str(spec.by)
    if spec.by_value == "first":
        return _run.first_known(part, by)
    if spec.by_value == "last":
        known = np.flatnonzero(part.column(by))
        users = np.searchsorted(part.offsets, known, side="right") - 1
        last = np.zeros(part.n_users, np.int64)
        last[users] = part.column(by)[known]
        return last
    k = int(spec.by_value.removeprefix("step:")) - 1
    moments = np.where((passed > 0) & (passed >> k & 1 != 0), times[:, k], NEVER)
    wanted = (1 << len(spec.steps)) - 1 if spec.order == "any" else 1 << k
    found: Int64 = _funnel_kernels.value_at(*columns, wanted, moments, read_only(part.column(by)))
    return found


def merge(partials: Sequence[Attempts], *, spec: FunnelSpec, span: Span) -> FunnelResult:
    """Count the attempts of all partitions.

    Args:
        partials: As from ``partial``.
        spec: The question.
        span: What the log covers; users are in progress or not as of its end.
    """
    return _count(Attempts.union(partials), spec, span)


def merge_by(partials: Sequence[Attempts], *, histories: Histories, spec: FunnelSpec, span: Span) -> FunnelBreakdown:
    """Count the attempts of all partitions, per group of users.

    Args:
        partials: As from ``partial``.
        histories: The log.
        spec: The question; its ``by`` names the column.
        span: As in ``merge``.
    """
    attempts, by = Attempts.union(partials), str(spec.by)
    size = np.bincount(attempts.value, minlength=len(histories.vocabularies[by]))
    some = np.union1d(attempts.value, attempts.removed)
    shown = sorted((int(c) for c in some if c >= FIRST_CODE), key=lambda c: (-size[c], c))[:_GROUPS]
    wanted = [(str(histories.vocabularies[by].decode(code)), [code]) for code in shown]
    wanted.append(("(other)", [int(c) for c in some if c and c not in shown]))
    wanted.append(("(none)", [int(c) for c in some if not c]))
    groups = tuple(
        (name, _count(attempts.of_values(np.array(codes, np.int64)), spec, span)) for name, codes in wanted if codes
    )
    return FunnelBreakdown(by, groups, spec.by_value)


def _count(attempts: Attempts, spec: FunnelSpec, span: Span) -> FunnelResult:
    """Turn attempts into the rows of a funnel."""
    made = [attempts.passed >> k & 1 != 0 for k in range(len(spec.steps))]
    open_still = attempts.open_from >= span.end_us - 1 - spec.window_us
    windowed, rows = spec.within_us is not None, []
    for k, step in enumerate(spec.steps):
        previous = spec.previous(k)
        dropped = made[previous] & ~made[k] & (not step.optional)
        users, entered, before = (int(np.count_nonzero(made[j])) for j in (k, 0, previous))
        rows.append(
            FunnelStep(
                k + 1,
                f"any {k + 1} of {len(spec.steps)}" if spec.order == "any" else step.label,
                None if spec.order == "any" else step.event_type,
                step.optional,
                users,
                _share(users, entered),
                _share(users, before),
                int(np.count_nonzero(dropped)),
                int(np.count_nonzero(dropped & open_still)) if windowed else None,
                *_waits_s(attempts.times[made[k]], previous, k),
                *_waits_s(attempts.times[made[k]], 0, k),
            )
        )
    entered, converted = rows[0].users, rows[spec.last_required].users
    in_progress = sum(row.in_progress or 0 for row in rows) if windowed else None
    log_end_us = span.end_us - 1 if span.end_us > span.first_us else None
    return FunnelResult(
        tuple(rows),
        entered,
        converted,
        _share(converted, entered),
        in_progress,
        None if in_progress is None else _share(converted, entered - in_progress),
        len(attempts.removed),
        spec.order,
        spec.window_from,
        spec.within_s,
        None if log_end_us is None else _moment(log_end_us),
        tuple(spec.notes()),
        None if attempts.users is None else _entrants(attempts, spec),
    )


def _entrants(attempts: Attempts, spec: FunnelSpec) -> Entrants:
    previous = tuple(spec.previous(k) for k in range(len(spec.steps)))
    return Entrants(attempts.users, attempts.passed, previous, spec.required)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _waits_s(times: Int64, start: int, end: int) -> tuple[float | None, float | None]:
    """Return median and 90th percentile of the time between two steps, in seconds."""
    if start == end or not len(times):
        return None, None
    median, p90 = np.quantile(times[:, end] - times[:, start], [0.5, 0.9]) / US_PER_S
    return float(median), float(p90)


def _moment(timestamp_us: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=timestamp_us)


def funnel(
    histories: Histories,
    steps: Sequence[str | Step],
    *,
    within: str | dt.timedelta | None,
    order: Order = "ordered",
    window_from: WindowFrom = "first",
    exclude: Sequence[str | Step | Condition] = (),
    by: str | None = None,
    by_value: str = "first",
    scope: Scope = Scope(),  # noqa: B008 - frozen
    want_users: bool = False,
) -> FunnelResult | FunnelBreakdown:
    """Count how far users get along a row of steps.

    Args:
        histories: What to analyse.
        steps: Two or more: event types, ``view_item where price > 20``, conditions; ``?`` behind one makes it optional,
            ``label:`` in front names it.
        within: Window such as ``7d`` or ``24h``, inclusive; None for no window, which has to be said.
        order: ``ordered``; ``strict``, when no other event may lie between; ``any``, when the order does not matter.
        window_from: Whether the window runs from the ``first`` step, or anew from the ``previous`` one.
        exclude: Event types or conditions that remove a user who does them between entering and converting.
        by: A coded column to break users down by; groups are sorted by the number of users who entered.
        by_value: Which of a user's values counts: the ``first`` or ``last`` known one, or the one of the event at
            ``step:N`` of the user's attempt (in any order: its N-th step in time). Of several events that match the
            step at its microsecond the first with a value counts; who never made the step stands under ``(none)``.
        scope: Which events count.
        want_users: Keep who stands behind each step, for ``FunnelResult.users``.

    Raises:
        InputError: A step or setting cannot be used; the message says what is accepted.
    """
    spec = FunnelSpec.of(
        steps, within=within, exclude=exclude, order=order, window_from=window_from, by=by, by_value=by_value
    )
    spec.check(histories)
    span = Span.of(histories, scope)
    one = functools.partial(partial, histories=histories, spec=spec, want_users=want_users)
    if by is None:
        return _run.run(histories, one, functools.partial(merge, spec=spec, span=span), scope)
    return _run.run(histories, one, functools.partial(merge_by, histories=histories, spec=spec, span=span), scope)
