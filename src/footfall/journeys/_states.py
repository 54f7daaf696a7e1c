"""Event types as small state codes, for tables with one row or column per event type."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError, unknown_name
from footfall.histories.columns import FIRST_CODE
from footfall.histories.store import Histories
from footfall.histories.vocabulary import RESERVED_NAMES
from footfall.schema import EVENT_TYPES

OTHER: Final = "(other)"
MAX_STATES: Final = 250
"""Most states: they must fit a byte beside the few cells that hold no step, and their square must stay small."""


@dataclasses.dataclass(frozen=True)
class States:
    """Which state each event type is.

    Attributes:
        names: The event type of each state; the last one is ``(other)`` when some types share it.
        of_code: Event type code to state, int64 [codes].
        events: int64 [states], how many events of the log are in each.
        folded: Number of event types that share ``(other)``.
    """

    names: tuple[str, ...]
    of_code: npt.NDArray[np.int64]
    events: npt.NDArray[np.int64]
    folded: int = 0

    @classmethod
    def of(cls, histories: Histories, keep: Iterable[str | None] = (), limit: int = MAX_STATES) -> States:
        """Give every event type of a log its state; beyond ``limit`` the rarest share ``(other)``.

        Args:
            histories: Gives the event types and how often each occurs.
            keep: Event types that keep a state of their own, however rare.
            limit: Most states.
        """
        vocabulary = histories.vocabularies["event_type"]
        names = [*RESERVED_NAMES, *vocabulary.ids]
        if len(names) <= limit:
            return cls(tuple(names), np.arange(len(names)), vocabulary.counts)
        wanted = {name for name in keep if name is not None}
        ranked = sorted(
            range(len(names)),
            key=lambda c: (c >= FIRST_CODE, names[c] not in wanted, -vocabulary.counts[c], names[c]),
        )
        kept = sorted(ranked[: limit - 1])
        of_code = np.full(len(names), limit - 1, np.int64)
        of_code[kept] = np.arange(len(kept))
        events = np.bincount(of_code, weights=vocabulary.counts, minlength=limit).astype(np.int64)
        return cls((*(names[c] for c in kept), OTHER), of_code, events, len(names) - len(kept))

    def __len__(self) -> int:
        """Number of states."""
        return len(self.names)

    def by_frequency(self) -> list[int]:
        """Return the states that the log has events in, the most frequent first; the same for every part of the log."""
        return sorted(np.flatnonzero(self.events).tolist(), key=lambda s: (-self.events[s], self.names[s]))

    def notes(self) -> Sequence[str]:
        """Return the sentence that says what ``(other)`` holds, if any type is in it."""
        return (f"the {self.folded:,} rarest event types are counted as {OTHER}",) if self.folded else ()


def check_event_types(histories: Histories, names: Iterable[str | None]) -> None:
    """Check that event types are in the log, or are known ones that this log happens not to have.

    Raises:
        InputError: One is neither.
    """
    known = {*histories.vocabularies["event_type"].ids, *EVENT_TYPES}
    for name in names:
        if name is not None and name not in known:
            raise InputError(unknown_name("event type", name, known))
