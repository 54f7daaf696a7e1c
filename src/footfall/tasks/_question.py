"""What is asked of recommenders: which item is viewed or bought next, or what the next order holds."""

from __future__ import annotations

import dataclasses
from typing import Final, Literal, Self

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError, unknown_name
from footfall.evaluation.cases import Cases
from footfall.evaluation.splits import by_time, leave_one_out, newcomers, next_basket
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.histories.store import Histories
from footfall.schema import US_PER_DAY

Goal = Literal["view", "purchase", "basket"]
GOALS: Final = ("view", "purchase", "basket")
_TYPES: Final = {"view": ("view_item", "select_item"), "purchase": ("purchase",), "basket": ("purchase",)}
_REPEATS: Final = 0.05
"""Share of items come back to from which on seen items are recommended too."""
_COVERING: Final = 0.95
"""Share of events from which on the very next item is what is asked."""
_WEEK_US: Final = 7 * US_PER_DAY


@dataclasses.dataclass(frozen=True)
class Question:
    """One question about the next item.

    Attributes:
        goal: ``view``: the next item looked at; ``purchase``: what is bought next; ``basket``: the whole next order.
        types: Names of the event types that it is about; none: every type.
        codes: Their codes.
        exclude_seen: Whether items are left out that the user has such an event of already.
        repeats: Share of such events that were about an item the user had one of before.
        very_next: Whether nearly every event is of these types, so that the very next item is what is asked.
    """

    goal: Goal
    types: tuple[str, ...]
    codes: tuple[int, ...]
    exclude_seen: bool
    repeats: float
    very_next: bool

    @classmethod
    def of(
        cls, histories: Histories, log: Sequences, goal: str | None = None, *, exclude_seen: bool | None = None
    ) -> Self:
        """Make a question that a log can answer.

        Args:
            histories: Where the log is from (what its types mean).
            log: Its events.
            goal: One of ``GOALS``; without it, views if there are any, else purchases, else items of any event.
            exclude_seen: Whether seen items are left out; without it, unless people come back to items.

        Raises:
            InputError: The goal is unknown, or the log has no such events.
        """
        if goal is not None and goal not in GOALS:
            raise InputError(unknown_name("goal", goal, GOALS))
        if not log.n_events:
            raise InputError("there are no events to learn from; read a log first (footfall ingest)")
        vocabulary = histories.vocabularies["event_type"]
        about = log.with_items().event_type
        counts = np.bincount(np.zeros(0, np.int64) if about is None else about, minlength=len(vocabulary))
        if not counts.sum():
            raise InputError("no event of this log is about an item; read events with an item_id (footfall ingest)")
        found: dict[str, tuple[str, ...]] = {}
        for name, types in _TYPES.items():
            have = [t for t in types if counts[vocabulary.code(t)] and vocabulary.code(t) >= FIRST_CODE]
            found[name] = tuple(have[:1])
        if goal is not None and not found[goal]:
            there = ", ".join(t for t in vocabulary.ids if counts[vocabulary.code(t)])
            other = next((f"; give --for {g}" for g in GOALS if found[g]), "; leave --for out to use them all")
            raise InputError(
                f"--for {goal} needs events of type {_TYPES[goal][0]}; this log has items in {there}{other}"
            )
        chosen: str = goal or next((g for g in GOALS if found[g]), "view")
        types = found[chosen]
        codes = tuple(vocabulary.code(t) for t in types)
        asked = _of_types(log, codes)
        repeats = repeat_share(asked)
        if exclude_seen is None:
            exclude_seen = chosen != "basket" and repeats < _REPEATS
        very_next = chosen == "view" and asked.n_events >= _COVERING * int(counts.sum())
        return cls(chosen, types, codes, exclude_seen, repeats, very_next)  # type: ignore[arg-type]

    def asked(self, log: Sequences) -> Sequences:
        """Return the events that the question is about."""
        return _of_types(log, self.codes)

    def cases(self, log: Sequences, cutoff_us: int, horizon_us: int) -> Cases:
        """Return a case for everyone with such an event in [cutoff, cutoff + horizon).

        Args:
            log: All events.
            cutoff_us: The moment of asking, UTC microseconds.
            horizon_us: How far it looks ahead, microseconds.
        """
        if self.goal == "view":
            given = by_time(
                log, cutoff_us, horizon_us, exclude_seen=False, target_types=self.codes or None, first_only=True
            )
        else:
            given = next_basket(log, cutoff_us, horizon_us, basket_types=self.codes)
        return self._seeing(given)

    def newcomers(self, log: Sequences, cutoff_us: int, horizon_us: int) -> Cases:
        """Return a case for everyone who came in [cutoff, cutoff + horizon): their last item there, by all before it.

        Args:
            log: All events.
            cutoff_us: Nothing from here on may be learnt from, UTC microseconds.
            horizon_us: How long after it newcomers are looked at, microseconds.
        """
        return self._seeing(newcomers(log, cutoff_us, horizon_us, target_types=self.codes or None))

    def last_items(self, log: Sequences, back: int) -> Cases:
        """Return a case for everyone: the ``back``-th item from the end; of the events the question is about only.

        Args:
            log: All events.
            back: 1 or 2.
        """
        return self._seeing(leave_one_out(self.asked(log), back=back, exclude_seen=False))

    def _seeing(self, cases: Cases) -> Cases:
        seen = self.asked(cases.histories) if self.exclude_seen else None
        return dataclasses.replace(cases, exclude_seen=self.exclude_seen, seen=seen)

    def __str__(self) -> str:
        what = {"view": "the next item viewed", "purchase": "what is bought next", "basket": "the whole next order"}
        text = what[self.goal] if self.types else "the next item of any event"
        seen = "items had before are left out" if self.exclude_seen else "items had before may come again"
        return f"{text} ({seen}; {self.repeats:.0%} of such events are about an item had before)"


def repeat_share(log: Sequences) -> float:
    """Return the share of events whose item the same sequence had before."""
    items = log.with_items()
    if not items.n_events:
        return 0.0
    keys = items.rows * items.n_codes + items.item
    return 1 - len(np.unique(keys)) / items.n_events


def horizon_of(log: Sequences, given_us: int | None) -> int:
    """Return how far ahead is asked, microseconds: what was given, else a week, and at most a sixth of the log.

    Args:
        log: All events, with times.
        given_us: What the user gave, if anything.
    """
    if given_us is not None:
        return given_us
    assert log.timestamp_us is not None  # noqa: S101 - histories have times
    span = int(log.timestamp_us.max()) - int(log.timestamp_us.min()) if log.n_events else 0
    return max(1, min(_WEEK_US, span // 6))


def sample(cases: Cases, most: int, seed: int) -> Cases:
    """Return at most so many cases, drawn evenly, in their order."""
    if len(cases) <= most:
        return cases
    return cases.take(np.sort(np.random.default_rng(seed).permutation(len(cases))[:most]))


def halves(cases: Cases, seed: int) -> tuple[Cases, Cases]:
    """Return two halves of the cases, drawn evenly; twice the whole where a half would be too few to choose by."""
    if len(cases) < 200:
        return cases, cases
    mixed: npt.NDArray[np.int64] = np.random.default_rng((seed, 1)).permutation(len(cases))
    middle = len(cases) // 2
    return cases.take(np.sort(mixed[:middle])), cases.take(np.sort(mixed[middle:]))


def _of_types(log: Sequences, codes: tuple[int, ...]) -> Sequences:
    """Return the events about an item that are of some types; of any type without them."""
    about = log.item >= FIRST_CODE
    if codes and log.event_type is not None:
        about &= np.isin(log.event_type, np.array(codes, np.int64))
    return log.where(about)
