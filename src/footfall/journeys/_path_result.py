"""What the analysis of paths returns: columns, links between them, whole paths."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

from footfall.results import Result, render_table


@dataclasses.dataclass(frozen=True)
class PathStep:
    """One event type (or filled cell) in one column.

    Attributes:
        step: The column, from 1.
        event_type: An event type, ``(other)``, or one of the filled cells.
        paths: Paths that have it there.
        share: Their share of all paths, in [0, 1].
    """

    step: int
    event_type: str
    paths: int
    share: float


@dataclasses.dataclass(frozen=True)
class PathLink:
    """One step between neighbouring columns.

    Attributes:
        step: The column it leaves, from 1.
        source: What stands there.
        target: What stands in the next column.
        paths: Paths that go that way.
    """

    step: int
    source: str
    target: str
    paths: int


@dataclasses.dataclass(frozen=True)
class TopPath:
    """One whole path.

    Attributes:
        steps: Its event types in order; a filled cell stands once, however many it fills.
        paths: How often it was taken.
        share: Its share of all paths, in [0, 1].
    """

    steps: tuple[str, ...]
    paths: int
    share: float


@dataclasses.dataclass(frozen=True)
class PathsResult(Result):
    """Paths, column by column.

    Attributes:
        unit: ``session`` or ``history``.
        units: Number of sessions, or of users with events.
        paths: Number of paths; every column sums to it.
        users: Users with a path.
        start: Where paths start, if anchored.
        end: Where paths end, if anchored.
        max_steps: Number of columns.
        steps: The columns, each by falling number of paths, ``(other)`` and filled cells last.
        links: What follows what between columns; the links out of a step, and into it, sum to its paths.
        top_paths: The most frequent whole paths.
        definition: What is counted, in words.
        left_out: What ``(other)`` holds everywhere, in words; empty when there is nothing.
    """

    rows_field: ClassVar[str] = "steps"
    unit: str
    units: int
    paths: int
    users: int
    start: str | None
    end: str | None
    max_steps: int
    steps: tuple[PathStep, ...]
    links: tuple[PathLink, ...]
    top_paths: tuple[TopPath, ...]
    definition: str
    left_out: tuple[str, ...] = ()

    def headline(self) -> str:
        """Say how many paths there are."""
        units = "sessions" if self.unit == "session" else "histories"
        anchors = [f"{word} {name}" for word, name in (("from", self.start), ("to", self.end)) if name is not None]
        return " ".join([f"{self.paths:,} paths", *anchors, f"in {self.units:,} {units}, {self.users:,} users"])

    def notes(self) -> Sequence[str]:
        """Return the definitions."""
        return (self.definition, *self.left_out)

    def __str__(self) -> str:
        """Draw the most frequent paths, then the columns side by side."""
        top = [{"path": " > ".join(p.steps), "paths": p.paths, "share": p.share} for p in self.top_paths]
        cells = [[s for s in self.steps if s.step == k + 1] for k in range(self.max_steps)]
        height = max(len(column) for column in cells)
        texts = [[f"{s.event_type} {s.paths:,} ({s.share:.1%})" for s in column] for column in cells]
        side_by_side: list[dict[str, Any]] = [
            {f"step {k + 1}": column[row] if row < len(column) else "" for k, column in enumerate(texts)}
            for row in range(height)
        ]
        return "\n".join([self.headline(), render_table(top), render_table(side_by_side), *self.notes()])
