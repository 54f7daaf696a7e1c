"""How every analysis runs: which events it sees, one partial per partition (on threads), one merge.

A partial reads one partition and returns something small; a merge adds partials up. The answer is the same for any
number of partitions and threads, because each user's events lie in one partition and merges do not depend on order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError, unknown_name
from footfall.histories.columns import CODED, FIRST_CODE, MISSING
from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.results import Result, plain

P = TypeVar("P")
R = TypeVar("R", bound=Result)

BREAKDOWNS = tuple(sorted((set(CODED) - {"item"}) | {"item"}))


@dataclasses.dataclass(frozen=True)
class Scope:
    """Which events an analysis sees.

    Attributes:
        where: A condition on events, e.g. ``country = 'DE' and price > 20``; all events without it.
        from_us: First moment, UTC microseconds, inclusive.
        to_us: Last moment, UTC microseconds, exclusive.
        exclude_bots: Leave out users and events flagged as robots.
        threads: Partitions worked on at once; 1 without it.
    """

    where: str | None = None
    from_us: int | None = None
    to_us: int | None = None
    exclude_bots: bool = False
    threads: int = 1

    def __post_init__(self) -> None:
        """Check the span.

        Raises:
            InputError: It is empty.
        """
        if self.from_us is not None and self.to_us is not None and self.from_us >= self.to_us:
            raise InputError("the span is empty: --from must lie before --to")

    def narrow(self, histories: Histories, part: Partition) -> Partition:
        """Return the partition with only the events in scope."""
        masks: list[npt.NDArray[np.bool_]] = []
        if self.where is not None:
            from footfall.histories.conditions import Condition

            masks.append(Condition.parse(self.where).mask(histories, part))
        if self.from_us is not None:
            masks.append(part.timestamp_us >= self.from_us)
        if self.to_us is not None:
            masks.append(part.timestamp_us < self.to_us)
        if self.exclude_bots:
            masks.append((part.column("bot") == 0) & (part.user_bot == 0)[part.user_of_event()])
        return part.select(np.logical_and.reduce(masks)) if masks else part


def run(histories: Histories, partial: Callable[[Partition], P], merge: Callable[[Sequence[P]], R], scope: Scope) -> R:
    """Run one analysis.

    Args:
        histories: What to analyse.
        partial: Reads one partition; called on several threads at once.
        merge: Adds the partials up; gets them in the order of the partitions.
        scope: Which events count.
    """

    def one(part: Partition) -> P:
        return partial(scope.narrow(histories, part))

    if scope.threads <= 1 or len(histories.partitions) == 1:
        return merge([one(part) for part in histories.partitions])
    with ThreadPoolExecutor(scope.threads) as pool:
        return merge(list(pool.map(one, histories.partitions)))


@dataclasses.dataclass(frozen=True)
class Breakdown(Result, Generic[R]):
    """One result per value of a column.

    Attributes:
        by: The column.
        groups: Value and result, largest group first; ``(none)`` for users without a value, ``(other)`` for the rest.
    """

    rows_field = "groups"
    by: str
    groups: tuple[tuple[str, R], ...]

    def headline(self) -> str:
        """Say by what, and how users were put into groups."""
        return f"by {self.by} (each user's first known value)"

    def table_rows(self) -> list[dict[str, Any]]:
        """Return the rows of all groups, the group's value first."""
        return [{self.by: value, **row} for value, result in self.groups for row in result.table_rows()]

    def notes(self) -> Sequence[str]:
        """Return the notes of the first group: they are the same for all."""
        return self.groups[0][1].notes() if self.groups else ()

    def to_dict(self) -> dict[str, Any]:
        """Return ``by`` and ``groups``, each with ``value`` and the fields of its result."""
        return {"by": self.by, "groups": [{"value": v, **plain(r.to_dict())} for v, r in self.groups]}


def run_by(
    histories: Histories,
    partial: Callable[[Partition], P],
    merge: Callable[[Sequence[P]], R],
    scope: Scope,
    by: str,
    top: int = 8,
) -> Breakdown[R]:
    """Run one analysis per group of users; a user belongs to the group of their first known value of ``by``.

    Args:
        histories: What to analyse.
        partial: As in ``run``.
        merge: As in ``run``.
        scope: Which events count.
        by: A coded column, see ``BREAKDOWNS``.
        top: Values with a group of their own; the others share ``(other)``.

    Raises:
        InputError: There is no such column.
    """
    if by not in CODED:
        raise InputError(unknown_name("column to break down by", by, BREAKDOWNS))
    narrowed = [scope.narrow(histories, part) for part in histories.partitions]
    firsts = [first_known(part, by) for part in narrowed]
    have_events = [np.diff(part.offsets) > 0 for part in narrowed]
    size = np.zeros(len(histories.vocabularies[by]), np.int64)
    for first, alive in zip(firsts, have_events, strict=True):
        size += np.bincount(first[alive], minlength=len(size))
    shown = sorted((c for c in np.flatnonzero(size) if c >= FIRST_CODE), key=lambda c: (-size[c], c))[:top]
    others = sorted(set(np.flatnonzero(size).tolist()) - {MISSING} - {int(c) for c in shown})
    wanted = [(str(histories.vocabularies[by].decode(int(c))), [int(c)]) for c in shown]
    wanted += [("(other)", others), ("(none)", [MISSING])]
    groups = []
    for value, codes in wanted:
        users = [np.isin(f, codes) for f in firsts]
        if not any((u & a).any() for u, a in zip(users, have_events, strict=True)):
            continue
        parts = [p.select(u[p.user_of_event()]) for p, u in zip(narrowed, users, strict=True)]
        groups.append((value, merge([partial(p) for p in parts])))
    return Breakdown(by, tuple(groups))


def first_known(part: Partition, column: str) -> npt.NDArray[np.int64]:
    """Return each user's first value of a coded column that is not missing, int64 [users]; 0 where there is none."""
    codes = part.column(column)
    known = np.flatnonzero(codes)
    users = np.searchsorted(part.offsets, known, side="right") - 1
    first = np.zeros(part.n_users, np.int64)
    first[users[::-1]] = codes[known[::-1]]
    return first
