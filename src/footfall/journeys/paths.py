"""Paths: the ways that sessions (or whole histories) take, step by step, from or to an event of one's choice.

A **unit** is a session, or a user's whole history. Its **steps** are its events in order; with ``collapse`` a run of
one event type is one step. Every event counts, passive ones (impressions, messages sent) too; ``Scope.where`` leaves
some out. Each unit gives at most one **path** of ``max_steps`` cells:

- without anchors, its first steps;
- from ``start``: the first step of that type and the steps after it; a unit without one gives no path;
- to ``end``: the steps before the first step of that type, and that step in the last cell; a unit without one gives
  no path;
- from ``start`` to ``end``: the first step of type ``start`` up to the first step of type ``end`` after it; a unit
  without both gives no path. One with more than ``max_steps`` steps keeps its beginning and its end, with ``(more)``
  in the last cell but one.

With ``occurrences="all"`` a unit gives a path for every step of the anchor's type, and these may overlap; between two
anchors, the search for the next start goes on at the end of the path before, so they overlap in that step at most.

Cells without a step are filled: ``(start)`` before a unit's first step, ``(drop-off)`` after its last one, ``(end)``
after the end anchor. So every path has a cell in every column, and every column sums to the number of paths. A column
shows its most frequent event types and puts the others in ``(other)``; cells without a step are never among those.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa

from footfall.errors import InputError, unknown_name
from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.journeys import _path_kernels, _run
from footfall.journeys._columns import Columns, DistinctPaths
from footfall.journeys._cut import SessionRule, cut
from footfall.journeys._path_kernels import ANY, FIRST_STATE
from footfall.journeys._path_result import PathLink, PathsResult, PathStep, TopPath
from footfall.journeys._run import Breakdown, Scope
from footfall.journeys._states import OTHER, States, check_event_types
from footfall.journeys._users import users_table
from footfall.journeys.kernels import Int64, UInt8, read_only

__all__ = [
    "CELLS",
    "PathLink",
    "PathStep",
    "PathsResult",
    "PathsSpec",
    "Plan",
    "TopPath",
    "merge",
    "partial",
    "paths",
    "users_at",
]

Within = Literal["session", "history"]
Occurrences = Literal["first", "all"]

MOST_STEPS: Final = 30
CELLS: Final = ("(start)", "(drop-off)", "(end)", "(more)")
"""Names of the cells that hold no step, by their codes in ``_path_kernels``."""


@dataclasses.dataclass(frozen=True)
class PathsSpec:
    """What is asked about paths.

    Attributes:
        start: Event type at which paths start; None for the unit's first step.
        end: Event type at which paths end; None for no end.
        within: ``session``, or ``history`` for a user's whole past.
        occurrences: ``first`` for one path per unit, ``all`` for one per step of the anchor's type.
        collapse: Count a run of one event type as one step.
        max_steps: Cells of a path.
        rows_per_step: Event types shown per column; the others share ``(other)``.
        top: Whole paths listed.
        rule: Where sessions are cut.
    """

    start: str | None = None
    end: str | None = None
    within: Within = "session"
    occurrences: Occurrences = "first"
    collapse: bool = False
    max_steps: int = 5
    rows_per_step: int = 6
    top: int = 10
    rule: SessionRule = dataclasses.field(default_factory=SessionRule)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: One of them cannot be used.
        """
        for name, given, accepted in (
            ("within", self.within, ("session", "history")),
            ("occurrences", self.occurrences, ("first", "all")),
        ):
            if given not in accepted:
                raise InputError(unknown_name(f"{name} value", str(given), accepted))
        anchors = (self.start is not None) + (self.end is not None)
        if self.occurrences == "all" and not anchors:
            raise InputError(
                "occurrences = 'all' needs an event to anchor paths at; give a start or an end, or 'first'"
            )
        least = 3 if anchors == 2 else 2
        for name, low, high in (("max_steps", least, MOST_STEPS), ("rows_per_step", 1, 250), ("top", 0, 10_000)):
            if not low <= getattr(self, name) <= high:
                raise InputError(f"{name} = {getattr(self, name)} cannot be used; give a number from {low} to {high}")


@dataclasses.dataclass(frozen=True)
class Plan:
    """A spec made ready for one log.

    Attributes:
        spec: What is asked.
        names: What each cell shows; the last one is ``(other)``.
        cell_of: Event type code to cell, uint8 [codes].
        start_code: Event type code of the start, or ``_path_kernels.ANY``.
        end_code: Event type code of the end, or ``_path_kernels.ANY``.
        left_out: What ``(other)`` holds everywhere.
    """

    spec: PathsSpec
    names: tuple[str, ...]
    cell_of: UInt8
    start_code: int
    end_code: int
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, histories: Histories, spec: PathsSpec) -> Plan:
        """Look the event types up.

        Raises:
            InputError: An anchor is no event type, or the log has no sessions of the source.
        """
        spec.rule.check(histories)
        check_event_types(histories, (spec.start, spec.end))
        states = States.of(histories, keep=(spec.start, spec.end))
        names = (*CELLS, *states.names, *(() if states.folded else (OTHER,)))
        start, end = (ANY if name is None else histories.event_code(name) for name in (spec.start, spec.end))
        return cls(spec, names, (states.of_code + FIRST_STATE).astype(np.uint8), start, end, tuple(states.notes()))


@dataclasses.dataclass(frozen=True)
class Partial:
    """The paths of one partition.

    Attributes:
        distinct: The paths, equal ones once.
        units: Number of units.
        users: Users with a path.
    """

    distinct: DistinctPaths
    units: int
    users: int


def partial(part: Partition, plan: Plan) -> Partial:
    """Find the paths of one partition."""
    rows, users, units = _extract(part, plan)
    return Partial(DistinctPaths.of(rows), units, int(np.count_nonzero(np.diff(users, prepend=-1))))


def _extract(part: Partition, plan: Plan) -> tuple[UInt8, Int64, int]:
    """Return the paths, the local user of each (both in the order of users), and the number of units."""
    spec = plan.spec
    if spec.within == "session":
        sessions = cut(part, spec.rule)
        starts, kinds, user_of_unit = sessions.starts, sessions.column(part, "event_type"), sessions.user_of_session()
        n_units = len(sessions)
    else:
        starts, kinds, user_of_unit = read_only(part.offsets), read_only(part.event_type), np.arange(part.n_users)
        n_units = int(np.count_nonzero(np.diff(part.offsets)))
    anchor = plan.end_code if plan.start_code == ANY else plan.start_code
    every = spec.occurrences == "all"
    room = int(np.count_nonzero(kinds == anchor)) if every else len(starts) - 1
    rows, units = _path_kernels.extract_paths(
        starts, kinds, plan.cell_of, plan.start_code, plan.end_code, every, spec.collapse, room, spec.max_steps
    )
    return rows, user_of_unit[units], n_units


def merge(partials: Sequence[Partial], plan: Plan) -> PathsResult:
    """Add the paths of all partitions up; the partials may come in any order."""
    spec, names = plan.spec, plan.names
    distinct = DistinctPaths.union([p.distinct for p in partials])
    columns = Columns.of(distinct, names, spec.rows_per_step)
    total = int(distinct.counts.sum())
    return PathsResult(
        unit=spec.within,
        units=sum(p.units for p in partials),
        paths=total,
        users=sum(p.users for p in partials),
        start=spec.start,
        end=spec.end,
        max_steps=spec.max_steps,
        steps=tuple(PathStep(k + 1, names[c], n, n / total) for k, c, n in columns.cells(names)),
        links=tuple(PathLink(k + 1, names[a], names[b], n) for k, a, b, n in columns.joints(names)),
        top_paths=tuple(
            TopPath(_sequence(row, names), count, count / total) for row, count in distinct.top(spec.top, names)
        ),
        definition=_definition(spec),
        left_out=plan.left_out,
    )


def _sequence(row: UInt8, names: Sequence[str]) -> tuple[str, ...]:
    """Name the cells of one path, those that only fill it once."""
    return tuple(names[cell] for k, cell in enumerate(row) if cell >= FIRST_STATE or k == 0 or cell != row[k - 1])


def _definition(spec: PathsSpec) -> str:
    unit = "history" if spec.within == "history" else "session"
    what = f"each {unit} gives at most one path" if spec.occurrences == "first" else "each occurrence gives a path"
    runs = "; a run of one event type is one step" if spec.collapse else ""
    return f"{what}{runs}" + ("" if spec.within == "history" else f"; {spec.rule.describe()}")


def paths(
    histories: Histories,
    *,
    start: str | None = None,
    end: str | None = None,
    within: Within = "session",
    occurrences: Occurrences = "first",
    collapse: bool = False,
    max_steps: int = 5,
    rows_per_step: int = 6,
    top: int = 10,
    gap_s: int = 1800,
    max_s: int = 86_400,
    source: bool = False,
    scope: Scope = Scope(),  # noqa: B008 - frozen
    by: str | None = None,
) -> PathsResult | Breakdown[PathsResult]:
    """Count the ways that sessions or histories take.

    Args:
        histories: What to analyse.
        start: Event type at which paths start; the unit's first step without it.
        end: Event type at which paths end.
        within: ``session``, or ``history`` for a user's whole past.
        occurrences: ``first`` for one path per unit, ``all`` for one per step of the anchor's type.
        collapse: Count a run of one event type as one step.
        max_steps: Columns.
        rows_per_step: Event types shown per column; the others share ``(other)``.
        top: Whole paths listed.
        gap_s: As in ``sessions``.
        max_s: As in ``sessions``.
        source: As in ``sessions``.
        scope: Which events count; sessions are cut out of what is left.
        by: A coded column to break users down by.

    Raises:
        InputError: A setting cannot be used.
    """
    rule = SessionRule(gap_s, max_s, source)
    spec = PathsSpec(start, end, within, occurrences, collapse, max_steps, rows_per_step, top, rule)
    plan = Plan.of(histories, spec)
    one, add = functools.partial(partial, plan=plan), functools.partial(merge, plan=plan)
    return _run.run(histories, one, add, scope) if by is None else _run.run_by(histories, one, add, scope, by)


def users_at(
    histories: Histories,
    step: int,
    event_type: str,
    *,
    spec: PathsSpec | None = None,
    scope: Scope = Scope(),  # noqa: B008 - frozen
) -> pa.Table:
    """Return the users behind one cell: those with at least one path that has ``event_type`` at ``step``.

    Args:
        histories: What to analyse.
        step: The column, from 1.
        event_type: An event type (in ``(other)`` or not), ``(other)`` as that column has it, or a filled cell.
        spec: As the paths were counted; the defaults without it.
        scope: As the paths were counted.

    Returns:
        Columns ``user_id`` and ``anonymous`` (whether that id is an anonymous one), sorted.

    Raises:
        InputError: There is no such column or event type, or a setting cannot be used.
    """
    spec = PathsSpec() if spec is None else spec
    plan = Plan.of(histories, spec)
    if not 1 <= step <= spec.max_steps:
        raise InputError(f"step = {step} cannot be used; these paths have the steps 1 to {spec.max_steps}")
    if event_type not in plan.names:
        check_event_types(histories, [event_type])
    wanted = np.array([name == event_type for name in plan.names])
    if event_type == OTHER:

        def add(partials: Sequence[Partial]) -> Any:  # `run` is typed for results
            return Columns.of(DistinctPaths.union([p.distinct for p in partials]), plan.names, spec.rows_per_step)

        columns = _run.run(histories, functools.partial(partial, plan=plan), add, scope)
        wanted = columns.shown[step - 1] == len(plan.names) - 1

    def one(part: Partition) -> Int64:
        rows, users, _ = _extract(part, plan)
        return np.unique(users[wanted[rows[:, step - 1]]])

    return users_table(histories, one, scope)
