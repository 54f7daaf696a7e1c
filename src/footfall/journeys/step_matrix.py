"""Step matrix: what share of sessions does what as its first, second, third step.

A session counts at each step, in ``(ended)`` once it has no further event, so the shares of every step sum to 1. With
``collapse``, a run of one event type is one step. Every event counts, passive ones (impressions, messages sent) too;
``Scope.where`` leaves some out. These are the columns of paths without anchors, where ``(ended)`` is called
``(drop-off)``; so ``paths.users_at`` gives the users behind a number.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np

from footfall.errors import InputError
from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.journeys import _run, kernels
from footfall.journeys._cut import SessionRule, cut
from footfall.journeys._run import Breakdown, Scope
from footfall.journeys._states import States
from footfall.journeys.kernels import Int64
from footfall.results import Result

ENDED: Final = "(ended)"
MOST_STEPS: Final = 1000


@dataclasses.dataclass(frozen=True)
class StepMatrixSpec:
    """What is asked about steps.

    Attributes:
        rule: Where sessions are cut.
        max_steps: Steps shown.
        collapse: Count a run of one event type as one step.
    """

    rule: SessionRule = dataclasses.field(default_factory=SessionRule)
    max_steps: int = 10
    collapse: bool = False

    def __post_init__(self) -> None:
        """Check the number of steps.

        Raises:
            InputError: It is out of range.
        """
        if not 1 <= self.max_steps <= MOST_STEPS:
            raise InputError(f"max_steps = {self.max_steps} cannot be used; give a whole number from 1 to {MOST_STEPS}")


@dataclasses.dataclass(frozen=True)
class StepRow:
    """All sessions at one step.

    Attributes:
        step: 1 for the first.
        sessions: Every event type of the log, the most frequent first, and ``(ended)``, to its number of sessions.
        shares: The same as shares of all sessions; they sum to 1. Zero where there is no session at all.
    """

    step: int
    sessions: Mapping[str, int]
    shares: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class StepMatrixResult(Result):
    """The first steps of all sessions.

    Attributes:
        sessions: Number of sessions.
        users: Users with a session.
        events: Their events.
        collapsed: Whether a run of one event type is one step.
        steps: One row per step.
        definition: What a session is, in words.
        left_out: What ``(other)`` holds, in words; empty when there is none.
    """

    rows_field: ClassVar[str] = "steps"
    sessions: int
    users: int
    events: int
    collapsed: bool
    steps: tuple[StepRow, ...]
    definition: str
    left_out: tuple[str, ...] = ()

    def headline(self) -> str:
        """Say what the shares are of."""
        return f"share of {self.sessions:,} sessions at each step"

    def table_rows(self) -> list[dict[str, Any]]:
        """Return one row per step, with the share of each event type as a column."""
        return [{"step": row.step, **row.shares} for row in self.steps]

    def notes(self) -> Sequence[str]:
        """Return the definitions."""
        runs = ("a run of one event type is one step",) if self.collapsed else ()
        return (self.definition, *runs, *self.left_out)


@dataclasses.dataclass(frozen=True)
class Partial:
    """The steps of one partition.

    Attributes:
        counts: int64 [max_steps, states], sessions.
        sessions: Number of sessions.
        users: Users with a session.
        events: Number of events.
    """

    counts: Int64
    sessions: int
    users: int
    events: int


def partial(part: Partition, spec: StepMatrixSpec, states: States) -> Partial:
    """Count the steps of one partition.

    Args:
        part: The partition.
        spec: What is asked.
        states: The state of each event type.
    """
    sessions = cut(part, spec.rule)
    kinds = sessions.column(part, "event_type")
    counts = kernels.count_steps(sessions.starts, kinds, states.of_code, len(states), spec.max_steps, spec.collapse)
    return Partial(counts, len(sessions), int(np.count_nonzero(np.diff(sessions.user_sessions))), part.n_events)


def merge(partials: Sequence[Partial], spec: StepMatrixSpec, states: States) -> StepMatrixResult:
    """Add the steps of all partitions up.

    Args:
        partials: In any order.
        spec: What was asked.
        states: The state of each event type.
    """
    counts = np.sum([p.counts for p in partials], axis=0)
    total = sum(p.sessions for p in partials)
    shown = states.by_frequency()  # of the whole log, so that the groups of a breakdown have the same columns
    shown += sorted(set(np.flatnonzero(counts.any(axis=0)).tolist()) - set(shown))
    rows = []
    for k in range(spec.max_steps):
        sessions = {states.names[s]: int(counts[k, s]) for s in shown}
        sessions[ENDED] = total - sum(sessions.values())
        rows.append(StepRow(k + 1, sessions, {name: n / total if total else 0.0 for name, n in sessions.items()}))
    return StepMatrixResult(
        sessions=total,
        users=sum(p.users for p in partials),
        events=sum(p.events for p in partials),
        collapsed=spec.collapse,
        steps=tuple(rows),
        definition=spec.rule.describe(),
        left_out=tuple(states.notes()),
    )


def step_matrix(
    histories: Histories,
    *,
    max_steps: int = 10,
    collapse: bool = False,
    gap_s: int = 1800,
    max_s: int = 86_400,
    source: bool = False,
    scope: Scope = Scope(),  # noqa: B008 - frozen
    by: str | None = None,
) -> StepMatrixResult | Breakdown[StepMatrixResult]:
    """Count what sessions do step by step.

    Args:
        histories: What to analyse.
        max_steps: Steps shown.
        collapse: Count a run of one event type as one step.
        gap_s: As in ``sessions``.
        max_s: As in ``sessions``.
        source: As in ``sessions``.
        scope: Which events count; sessions are cut out of what is left.
        by: A coded column to break users down by.

    Raises:
        InputError: A setting cannot be used.
    """
    spec = StepMatrixSpec(SessionRule(gap_s, max_s, source), max_steps, collapse)
    spec.rule.check(histories)
    states = States.of(histories)
    one = functools.partial(partial, spec=spec, states=states)
    add = functools.partial(merge, spec=spec, states=states)
    return _run.run(histories, one, add, scope) if by is None else _run.run_by(histories, one, add, scope, by)
