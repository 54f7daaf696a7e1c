"""What is asked of a funnel: its steps and rules, checked; and how the steps look to the kernels."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Final, Literal, get_args

import numpy as np

from footfall.durations import format_duration, parse_duration_s
from footfall.errors import InputError, unknown_name
from footfall.histories.columns import CODED
from footfall.histories.conditions import Condition
from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.journeys._funnel_kernels import EXCLUDED, MAX_STEPS, NO_WINDOW, Int16
from footfall.journeys._run import BREAKDOWNS
from footfall.journeys.kernels import read_only
from footfall.journeys.steps import Step
from footfall.schema import US_PER_S

Order = Literal["ordered", "strict", "any"]
WindowFrom = Literal["first", "previous"]

MAX_STEPS_ANY: Final = 10
"""Most steps in any order: an attempt is kept for every set of steps, 1,024 of them."""

_WINDOW: Final = "give a duration such as 7d, 24h or 30m, or None for no window at all"


@dataclasses.dataclass(frozen=True)
class FunnelSpec:
    """A question to a funnel.

    Attributes:
        steps: Its steps.
        within_us: Longest time from the first (or the previous) step, microseconds, inclusive; None for no window.
        order: ``ordered``, ``strict`` or ``any``.
        window_from: ``first`` or ``previous``.
        exclude: What removes a user from the funnel.
        by: Coded column to break users down by.
        by_value: ``first``, ``last`` or ``step:N``: which of a user's values counts.
    """

    steps: tuple[Step, ...]
    within_us: int | None
    order: Order = "ordered"
    window_from: WindowFrom = "first"
    exclude: tuple[Step, ...] = ()
    by: str | None = None
    by_value: str = "first"

    @classmethod
    def of(
        cls,
        steps: Sequence[str | Step],
        *,
        within: str | dt.timedelta | None,
        exclude: Sequence[str | Step | Condition] = (),
        order: Order = "ordered",
        window_from: WindowFrom = "first",
        by: str | None = None,
        by_value: str = "first",
    ) -> FunnelSpec:
        """Read a question as a person writes it.

        Args:
            steps: Steps or their texts.
            within: The window.
            exclude: Exclusions or their texts.
            order: As the attribute.
            window_from: As the attribute.
            by: As the attribute.
            by_value: As the attribute.

        Raises:
            InputError: It cannot be answered.
        """
        read = tuple(step if isinstance(step, Step) else Step.parse(step) for step in _several(steps, "steps"))
        removing = tuple(_exclusion(given) for given in _several(exclude, "exclude"))
        return cls(read, _window_us(within), order, window_from, removing, by, by_value)

    def __post_init__(self) -> None:
        """Check that the parts go together.

        Raises:
            InputError: They do not.
        """
        for name, given, accepted in (("order", self.order, Order), ("window_from", self.window_from, WindowFrom)):
            if given not in get_args(accepted):
                raise InputError(unknown_name(name, str(given), get_args(accepted)))
        if self.within_us is not None and self.within_us <= 0:
            raise InputError(f"the window of a funnel must be longer than 0; {_WINDOW}")
        self._check_steps()
        if self.by is not None and self.by not in CODED:
            raise InputError(unknown_name("column to break down by", self.by, BREAKDOWNS))
        accepted_values = ["first", "last", *(f"step:{n + 1}" for n in range(len(self.steps)))]
        if self.by is None and self.by_value != "first":
            raise InputError(f"by_value={self.by_value!r} says which value of a column counts; name the column with by")
        if self.by_value not in accepted_values:
            raise InputError(unknown_name("by_value", self.by_value, accepted_values))

    def _check_steps(self) -> None:
        optional = [step.label for step in self.steps if step.optional]
        if len(self.steps) - len(optional) < 2:
            raise InputError(f"a funnel needs two steps that are not optional; given: {self._shown()}")
        most = MAX_STEPS_ANY if self.order == "any" else MAX_STEPS
        if len(self.steps) > most:
            raise InputError(f"{len(self.steps)} steps are too many; with order={self.order!r} {most} are possible")
        if optional and self.order == "any":
            raise InputError(
                f"in any order no step can be optional ({', '.join(optional)}): row k counts whoever made k of them; "
                "drop the question mark, or use order='ordered' or 'strict'"
            )
        if self.steps[0].optional:
            raise InputError(f"the first step ({optional[0]}) cannot be optional: users enter the funnel there")

    def _shown(self) -> str:
        return ", ".join(step.text + " ?" * step.optional for step in self.steps) or "none"

    @property
    def window_us(self) -> int:
        """The window as the kernels take it, microseconds."""
        return NO_WINDOW if self.within_us is None else self.within_us

    @property
    def within_s(self) -> float | None:
        """The window in seconds."""
        return None if self.within_us is None else self.within_us / US_PER_S

    @property
    def required(self) -> int:
        """Bits of the steps that are not optional."""
        return sum(1 << k for k, step in enumerate(self.steps) if not step.optional)

    @property
    def last_required(self) -> int:
        """The last step that is not optional, from 0: who gets there has converted."""
        return self.required.bit_length() - 1

    def previous(self, k: int) -> int:
        """Return the step before step ``k`` (from 0) that is not optional; 0 for step 0."""
        return max((j for j in range(k) if not self.steps[j].optional), default=0)

    def check(self, histories: Histories) -> None:
        """Check that the log has the event types that are asked for.

        Raises:
            InputError: It lacks one.
        """
        for step in (*self.steps, *self.exclude):
            step.code(histories)

    def bits(self, histories: Histories, part: Partition) -> tuple[Int16, Int16]:
        """Return which steps and exclusions the events of a partition match, as the kernels take it.

        Args:
            histories: The log.
            part: One of its partitions, or a part of one.

        Returns:
            ``codes`` int16 [events] and ``bits_of``: event ``i`` matches ``bits_of[codes[i]]``.
        """
        named = [(1 << k, step) for k, step in enumerate(self.steps)] + [(EXCLUDED, step) for step in self.exclude]
        bits_of = np.zeros(len(histories.vocabularies["event_type"]), np.int16)
        for bit, step in named:
            if step.condition is None and (code := step.code(histories)) is not None:
                bits_of[code] |= bit
        conditional = [(bit, step) for bit, step in named if step.condition is not None]
        if not conditional:
            return read_only(part.event_type), read_only(bits_of)
        bits = bits_of[part.event_type]
        for bit, step in conditional:
            bits |= np.where(step.mask(histories, part), np.int16(bit), np.int16(0))
        return read_only(bits), read_only(np.arange(2 * EXCLUDED).astype(np.int16))

    def notes(self) -> list[str]:
        """Return the definitions behind the numbers."""
        order = {
            "ordered": "Steps in order; other events may lie between.",
            "strict": "Each step directly follows the one before: any event between, a repeated step too, breaks it.",
            "any": f"Any order: row k counts users who made at least k of: {', '.join(s.label for s in self.steps)}.",
        }[self.order]
        since = "the first step" if self.window_from == "first" else "the step before"
        window = "No window." if self.within_s is None else f"Within {format_duration(self.within_s)} of {since}."
        notes = [
            f"{order} {window} One event serves one step.",
            "A user counts once, by the attempt that gets farthest; of several, the one completed first, started last.",
            "Times are that attempt's: median_s and p90_s from the step before, the others from step 1.",
            "Dropped: made the step before but not this one. In progress: those of them whose window is still open.",
        ]
        if any(step.optional for step in self.steps):
            notes.append("An optional step may be left out; 'the step before' is the last one that is not optional.")
        if self.exclude:
            names = ", ".join(step.label for step in self.exclude)
            notes.append(f"Removed: users with {names} between entering and converting, while their window was open.")
        return notes


def _several(given: Sequence[str | Step | Condition], name: str) -> Sequence[str | Step]:
    """Return a list of steps as it is; a lone text in its place is a mistake that would be read letter by letter."""
    if isinstance(given, (str, Step, Condition)):
        raise InputError(f"{name} is a list, such as ['view_item', 'purchase']; given: {str(given)!r}")
    return [Step(c.text, c.text, None, c) if isinstance(c, Condition) else c for c in given]


def _exclusion(given: str | Step) -> Step:
    step = given if isinstance(given, Step) else Step.parse(given)
    if step.optional:
        raise InputError(f"an exclusion cannot be optional; drop the question mark behind {step.text!r}")
    return step


def _window_us(within: str | dt.timedelta | None) -> int | None:
    if within is None:
        return None
    if isinstance(within, str):
        return parse_duration_s(within, name="the window of a funnel") * US_PER_S
    if isinstance(within, dt.timedelta):
        return within // dt.timedelta(microseconds=1)
    raise InputError(f"the window of a funnel cannot be {within!r}; {_WINDOW}")
