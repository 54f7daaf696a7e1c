"""What is foretold from each event: the next item, or the items of the next order."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class Targets:
    """The events that are foretold from each event; where there are several, any of them is right.

    Attributes:
        events: Positions of all events that are ever foretold, ascending, int64 [targets].
        first: For each event, the place in ``events`` of the first that is foretold from it, int64 [events].
        end: The place after the last; equal to ``first`` where nothing is foretold.
    """

    events: Int64
    first: Int64
    end: Int64

    def draw(self, at: Int64, rng: np.random.Generator) -> tuple[Int64, Int64]:
        """Draw one event to foretell from each of some events.

        Args:
            at: Positions of events, int64 [some].
            rng: Draws.

        Returns:
            Which of ``at`` have one, int64 [those]; and its position, int64 [those].
        """
        first, end = self.first[at], self.end[at]
        real = np.flatnonzero(end > first)
        first, end = first[real], end[real]
        return real, self.events[first + rng.integers(0, end - first)]

    def until(self, n_events: int) -> Targets:
        """Return the same for a longer log; from the events it added, nothing is foretold.

        Args:
            n_events: Events of the longer log.
        """
        more = n_events - len(self.first)
        return Targets(self.events, np.pad(self.first, (0, more)), np.pad(self.end, (0, more)))


def following(sequences: Sequences) -> Targets:
    """Foretell from every event the very next one, if it is about an item.

    Args:
        sequences: The log.
    """
    count = np.concatenate((np.zeros(1, np.int64), np.cumsum(sequences.item >= FIRST_CODE)))
    events: Int64 = np.flatnonzero(sequences.item >= FIRST_CODE)
    after = np.minimum(np.arange(sequences.n_events) + 1, sequences.n_events - 1)
    first, end = count[after], count[after + 1]
    lasts = sequences.offsets[1:][sequences.lengths > 0] - 1
    end[lasts] = first[lasts]
    return Targets(events, first.astype(np.int64), end.astype(np.int64))


def next_of(sequences: Sequences, types: Collection[int] | None, *, orders: bool) -> Targets:
    """Foretell from every event the next one of some types, however far ahead; or all lines of the next order.

    Lines of one order say nothing of each other here: from any of them, the order after it is foretold. Lines without
    an order's number are one order where they are of the same microsecond.

    Args:
        sequences: The log.
        types: Codes of the types of events that are foretold; any without it.
        orders: Whether the lines of an order are one answer.
    """
    wanted = sequences.item >= FIRST_CODE
    if types is not None and sequences.event_type is not None:
        wanted &= np.isin(sequences.event_type, np.array(sorted(types), np.int64))
    order = np.zeros(sequences.n_events, np.int64)
    if orders:
        order = _orders(sequences, wanted)
    events = np.flatnonzero(wanted)
    first, end = _next(sequences.offsets, wanted, order, len(events))
    return Targets(events, first, end)


def _orders(sequences: Sequences, wanted: Bool) -> Int64:
    """Number the orders from 1 on; 0 for events that are no line of one, int64 [events]."""
    own = np.zeros(sequences.n_events, np.int64) if sequences.order is None else sequences.order.astype(np.int64)
    rows = sequences.rows
    time = np.arange(sequences.n_events) if sequences.timestamp_us is None else sequences.timestamp_us
    key = np.where(own > 0, own, 0)
    new = np.ones(sequences.n_events, np.bool_)
    events = np.flatnonzero(wanted)
    a, b = events[:-1], events[1:]
    new[b] = (rows[a] != rows[b]) | (key[a] != key[b]) | ((key[b] == 0) & (time[a] != time[b]))
    numbers = np.zeros(sequences.n_events, np.int64)
    numbers[events] = np.cumsum(new[events])
    return numbers


@kernel
def _next(offsets: Int64, wanted: Bool, order: Int64, n_targets: int) -> tuple[Int64, Int64]:
    """Return the first and the end of what follows each event, walking backwards, int64 [events] each."""
    first = np.zeros(len(wanted), np.int64)
    end = np.zeros(len(wanted), np.int64)
    place = n_targets
    for u in range(len(offsets) - 2, -1, -1):
        # What stands after the present event: one order (or event), and the one after it.
        low, high, after_low, after_high, held = place, place, place, place, np.int64(-1)
        for i in range(offsets[u + 1] - 1, offsets[u] - 1, -1):
            if wanted[i] and order[i] > 0 and order[i] == held:
                first[i], end[i] = after_low, after_high
                place -= 1
                low = place
            elif wanted[i]:
                first[i], end[i] = low, high
                place -= 1
                after_low, after_high = low, high
                low, high, held = place, place + 1, order[i]
            else:
                first[i], end[i] = low, high
    return first, end
