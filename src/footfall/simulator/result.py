"""What a simulation answers: counts, paths, and its rates beside those of real shops."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from footfall.results import Result
from footfall.schema import EVENT_TYPES
from footfall.simulator import tally
from footfall.simulator.plan import Plan


@dataclasses.dataclass(frozen=True)
class TypeCount:
    """How many events of a type were written.

    Attributes:
        event_type: The type.
        rows: Events of that type; rows broken or sent twice on purpose are counted once, as what they were.
        share: Share of all events.
    """

    event_type: str
    rows: int
    share: float


@dataclasses.dataclass(frozen=True)
class Simulation(Result):
    """A simulated shop.

    Attributes:
        out: The folder.
        seed: Its seed.
        users: Users drawn, robots and passers-by included.
        items: Items of the catalogue.
        days: Days simulated.
        start: First day, ISO 8601.
        format: Form of the event files.
        events: Events written, without the second copies that dirt adds.
        robot_events: Events of robots.
        dirt: Kind of dirt to the number of rows with it; all 0 without dirt.
        rows: Event types and their counts, in the order of the schema.
        rates: Rates beside real shops'.
    """

    out: str
    seed: int
    users: int
    items: int
    days: int
    start: str
    format: str
    events: int
    robot_events: int
    dirt: Mapping[str, int]
    rows: tuple[TypeCount, ...]
    rates: tuple[tally.Rate, ...]

    @classmethod
    def of(cls, plan: Plan, counted: tally.Tally, broken: Mapping[str, int]) -> Self:
        """Make the result from what was counted."""
        total = int(counted.by_type.sum())
        used = [(EVENT_TYPES[code], int(counted.by_type[code])) for code in np.flatnonzero(counted.by_type).tolist()]
        return cls(
            out=str(plan.out),
            seed=plan.seed,
            users=plan.users,
            items=plan.items,
            days=plan.days,
            start=plan.start.isoformat(),
            format=plan.form,
            events=total,
            robot_events=counted.robots,
            dirt=dict(broken),
            rows=tuple(TypeCount(name, number, number / total) for name, number in used),
            rates=tuple(tally.rates(counted)),
        )

    @property
    def event_files(self) -> list[Path]:
        """The files of the log, in order."""
        return sorted(Path(self.out).glob(f"events-*.{self.format}"))

    @property
    def items_file(self) -> Path:
        """The catalogue."""
        return Path(self.out) / "items.parquet"

    @property
    def truth(self) -> Path:
        """The folder of what no log says."""
        return Path(self.out) / "truth"

    def headline(self) -> str:
        """Return how large the shop is and where it lies."""
        return (
            f"{self.events:,} events of {self.users:,} users on {self.items:,} items in {self.days} days "
            f"from {self.start} (seed {self.seed}), in {self.out}"
        )

    def notes(self) -> Sequence[str]:
        """Return the share of robots, and the dirt."""
        found = [f"{self.robot_events:,} events are robots'."]
        if any(self.dirt.values()):
            found.append("Broken on purpose: " + ", ".join(f"{kind} {n:,}" for kind, n in self.dirt.items()) + ".")
        return found


@dataclasses.dataclass(frozen=True)
class Description(Result):
    """The rates of a simulated shop beside real ones.

    Attributes:
        rows: One rate each.
        counts: Event types and their counts.
    """

    rows: tuple[tally.Rate, ...]
    counts: tuple[TypeCount, ...]

    rows_field: ClassVar[str] = "rows"

    def headline(self) -> str:
        """Return what the table shows."""
        return "Rates of the simulated shop, robots left out, beside real shops'"

    def table_rows(self) -> list[dict[str, Any]]:
        """Return the rates as plain dictionaries."""
        return [dataclasses.asdict(rate) for rate in self.rows]


def describe(simulation: Simulation) -> Description:
    """Set a simulation's counts and rates beside what real shops published (sources: ``footfall.simulator.params``)."""
    return Description(rows=simulation.rates, counts=simulation.rows)
