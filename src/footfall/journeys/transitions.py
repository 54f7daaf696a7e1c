"""Transitions: what comes right after what within a session, how often, with which probability, how soon.

Every session begins with a step from ``(start)`` and ends with one to ``(end)``. With ``collapse``, a run of one event
type is one step, so nothing follows itself; the time of a step then runs from the last event of the run before it.
Every event counts, passive ones (impressions, messages sent) too; ``Scope.where`` leaves some out.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np
import pyarrow as pa

from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.journeys import _run, kernels
from footfall.journeys._cut import SessionRule, cut
from footfall.journeys._run import Breakdown, Scope
from footfall.journeys._states import States, check_event_types
from footfall.journeys._users import users_table
from footfall.journeys.kernels import Int64
from footfall.results import Result
from footfall.schema import US_PER_S

START: Final = "(start)"
END: Final = "(end)"


@dataclasses.dataclass(frozen=True)
class TransitionsSpec:
    """What is asked about transitions.

    Attributes:
        rule: Where sessions are cut.
        collapse: Count a run of one event type as one step.
    """

    rule: SessionRule = dataclasses.field(default_factory=SessionRule)
    collapse: bool = False


@dataclasses.dataclass(frozen=True)
class TransitionRow:
    """One step.

    Attributes:
        source: What comes first: an event type or ``(start)``.
        target: What comes right after it: an event type or ``(end)``.
        count: How often.
        users: Distinct users with such a step.
        probability: Share of all steps from ``source``, in [0, 1].
        share: Share of all steps, in [0, 1].
        median_s: Median time between the two events, in seconds; None for steps from ``(start)`` or to ``(end)``.
    """

    source: str
    target: str
    count: int
    users: int
    probability: float
    share: float
    median_s: float | None


@dataclasses.dataclass(frozen=True)
class TransitionsResult(Result):
    """All steps that occur, most frequent first.

    Attributes:
        sessions: Number of sessions: the steps from ``(start)``, and those to ``(end)``.
        users: Users with a session.
        events: Their events.
        steps: Number of steps, those from ``(start)`` and to ``(end)`` included.
        collapsed: Whether a run of one event type is one step.
        rows: One per pair of states.
        definition: What a session is, in words.
        left_out: What ``(other)`` holds, in words; empty when there is none.
    """

    rows_field: ClassVar[str] = "rows"
    sessions: int
    users: int
    events: int
    steps: int
    collapsed: bool
    rows: tuple[TransitionRow, ...]
    definition: str
    left_out: tuple[str, ...] = ()

    def headline(self) -> str:
        """Say how many steps there are."""
        return f"{self.steps:,} steps in {self.sessions:,} sessions of {self.users:,} users"

    def notes(self) -> Sequence[str]:
        """Return the definitions."""
        runs = ("a run of one event type is one step",) if self.collapsed else ()
        return (f"probability: of the steps from the source; {self.definition}", *runs, *self.left_out)


@dataclasses.dataclass(frozen=True)
class Partial:
    """The steps of one partition; T states, with ``(start)`` and ``(end)`` as number T.

    Attributes:
        counts: int64 [T + 1, T + 1], source by target.
        users: int64 [T + 1, T + 1], distinct users.
        gaps_us: int64, the times between events, those of one pair side by side.
        begins: int64 [T * T + 1], where the gaps of each pair begin.
        sessions: Number of sessions.
        active: Users with a session.
        events: Number of events.
    """

    counts: Int64
    users: Int64
    gaps_us: Int64
    begins: Int64
    sessions: int
    active: int
    events: int


def partial(part: Partition, spec: TransitionsSpec, states: States) -> Partial:
    """Count the steps of one partition.

    Args:
        part: The partition.
        spec: What is asked.
        states: The state of each event type.
    """
    sessions = cut(part, spec.rule)
    kinds, n = sessions.column(part, "event_type"), len(states)
    counts, users = kernels.count_transitions(
        sessions.starts, sessions.user_sessions, kinds, states.of_code, n, spec.collapse
    )
    begins = np.concatenate(([0], np.cumsum(counts[:n, :n])))
    gaps_us = kernels.gather_gaps(
        sessions.starts,
        sessions.column(part, "timestamp_us"),
        kinds,
        states.of_code,
        begins[:-1].reshape(n, n).copy(),
        int(begins[-1]),
        spec.collapse,
    )
    active = int(np.count_nonzero(np.diff(sessions.user_sessions)))
    return Partial(counts, users, gaps_us, begins, len(sessions), active, part.n_events)


def merge(partials: Sequence[Partial], spec: TransitionsSpec, states: States) -> TransitionsResult:
    """Add the steps of all partitions up.

    Args:
        partials: In any order.
        spec: What was asked.
        states: The state of each event type.
    """
    counts, users = (np.sum([getattr(p, name) for p in partials], axis=0) for name in ("counts", "users"))
    total, n = int(np.sum(counts)), len(states)
    sources, targets = (*states.names, START), (*states.names, END)
    rows = []
    for a, b in np.argwhere(counts):
        count, pair = int(counts[a, b]), int(a) * n + int(b)
        median_s = None
        if a < n and b < n:
            gaps_us = np.concatenate([p.gaps_us[p.begins[pair] : p.begins[pair + 1]] for p in partials])
            median_s = float(np.median(gaps_us)) / US_PER_S
        probability = count / int(counts[a].sum())
        rows.append(
            TransitionRow(sources[a], targets[b], count, int(users[a, b]), probability, count / total, median_s)
        )
    return TransitionsResult(
        sessions=sum(p.sessions for p in partials),
        users=sum(p.active for p in partials),
        events=sum(p.events for p in partials),
        steps=total,
        collapsed=spec.collapse,
        rows=tuple(sorted(rows, key=lambda r: (-r.count, r.source, r.target))),
        definition=spec.rule.describe(),
        left_out=tuple(states.notes()),
    )


def transitions(
    histories: Histories,
    *,
    collapse: bool = False,
    gap_s: int = 1800,
    max_s: int = 86_400,
    source: bool = False,
    scope: Scope = Scope(),  # noqa: B008 - frozen
    by: str | None = None,
) -> TransitionsResult | Breakdown[TransitionsResult]:
    """Count what comes right after what within sessions.

    Args:
        histories: What to analyse.
        collapse: Count a run of one event type as one step.
        gap_s: As in ``sessions``.
        max_s: As in ``sessions``.
        source: As in ``sessions``.
        scope: Which events count; sessions are cut out of what is left.
        by: A coded column to break users down by.

    Raises:
        InputError: A setting cannot be used.
    """
    spec = TransitionsSpec(SessionRule(gap_s, max_s, source), collapse)
    spec.rule.check(histories)
    states = States.of(histories)
    one = functools.partial(partial, spec=spec, states=states)
    add = functools.partial(merge, spec=spec, states=states)
    return _run.run(histories, one, add, scope) if by is None else _run.run_by(histories, one, add, scope, by)


def users_at(
    histories: Histories,
    source: str,
    target: str,
    *,
    spec: TransitionsSpec | None = None,
    scope: Scope = Scope(),  # noqa: B008 - frozen
) -> pa.Table:
    """Return the users behind one row: those with at least one step from ``source`` to ``target``.

    Args:
        histories: What to analyse.
        source: An event type or ``(start)``.
        target: An event type or ``(end)``.
        spec: As the row was counted; the defaults without it.
        scope: As the row was counted.

    Returns:
        Columns ``user_id`` and ``anonymous`` (whether that id is an anonymous one), sorted.

    Raises:
        InputError: An event type is unknown, or a setting cannot be used.
    """
    spec = TransitionsSpec() if spec is None else spec
    spec.rule.check(histories)
    states = States.of(histories, keep=(source, target))
    wanted = [_state(histories, states, name, outside) for name, outside in ((source, START), (target, END))]

    def one(part: Partition) -> Int64:
        return _users_with(part, spec, states, *wanted)

    return users_table(histories, one, scope)


def _state(histories: Histories, states: States, name: str, outside: str) -> int:
    """Return the state of a name; -1 for an event type of ours that this log does not have."""
    if name == outside:
        return len(states)
    if name not in states.names:
        check_event_types(histories, [name])
        return -1
    return states.names.index(name)


def _users_with(part: Partition, spec: TransitionsSpec, states: States, source: int, target: int) -> Int64:
    sessions = cut(part, spec.rule)
    n = len(states)
    kinds = sessions.column(part, "event_type")
    begins = np.zeros(part.n_events + 1, np.bool_)
    begins[sessions.starts] = True
    kept = np.flatnonzero(begins[:-1] | (np.diff(kinds, prepend=-1) != 0)) if spec.collapse else np.arange(len(kinds))
    state = states.of_code[kinds[kept]]
    before = np.where(begins[kept], n, np.concatenate(([n], state[:-1])))
    if target < n:
        found = kept[(before == source) & (state == target)]
    elif source < n:
        found = sessions.starts[1:][states.of_code[kinds[sessions.starts[1:] - 1]] == source] - 1
    else:
        found = np.empty(0, np.int64)  # no session is empty
    return np.unique(np.searchsorted(part.offsets, found, side="right") - 1)
