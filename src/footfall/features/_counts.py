"""How many events of each type there are in each window, and when the last one was."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel
from footfall.features._cuts import Array, Int64
from footfall.features._past import WINDOWS, Float64, Past, days_since, once, window_of
from footfall.schema import PASSIVE_EVENT_TYPES

Int32 = npt.NDArray[np.int32]

NEVER: Final = np.iinfo(np.int64).min


@dataclasses.dataclass(frozen=True)
class Counts:
    """Numbers of events.

    Attributes:
        types: What each place stands for; the last place is for all other types.
        counts: int32 [places, windows, rows], events in each of ``WINDOWS``.
        last_us: int64 [places, rows], the last event; ``NEVER`` where there is none.
    """

    types: tuple[str, ...]
    counts: Int32
    last_us: Int64

    def of(self, event_type: str, window: str) -> Int32:
        """Return the number of events of a type in a window, int32 [rows]; 0 for a type that the log lacks."""
        if event_type not in self.types:
            return np.zeros(self.counts.shape[2], np.int32)
        counts: Int32 = self.counts[self.types.index(event_type), WINDOWS.index(window)]
        return counts

    def done(self, window: str) -> Int32:
        """Return the number of events that users did, in a window, int32 [rows]: shown and sent things do not count."""
        held = [i for i, name in enumerate((*self.types, "")) if name not in PASSIVE_EVENT_TYPES]
        done: Int32 = self.counts[held, WINDOWS.index(window)].sum(axis=0, dtype=np.int32)
        return done


@once
def counts_of(past: Past) -> Counts:
    """Count the events of every type."""
    counts, last_us = _counted(past.offsets, past.time_us, past.place, past.cutoff_us, len(past.types) + 1)
    return Counts(past.types, np.cumsum(counts, axis=1, dtype=np.int32, out=counts), last_us)


def type_columns(past: Past, event_types: tuple[str, ...]) -> Iterator[tuple[str, Array]]:
    """Return the columns of those types that the log has: counts in 7 and 30 days and in all, days since the last."""
    found = counts_of(past)
    for name in event_types:
        if name in past.types:
            for window in ("7d", "30d", "all"):
                yield f"{name}_{window}", found.of(name, window)
            yield f"days_since_{name}", days_since_last(past, name)


def days_since_last(past: Past, event_type: str) -> Float64:
    """Return the days since the last event of a type that the log has, NaN where there is none."""
    last = counts_of(past).last_us[past.types.index(event_type)]
    return days_since(past, np.where(last == NEVER, np.nan, last))


@kernel
def _counted(offsets: Int64, time_us: Int64, place: Array, cutoff_us: Int64, n_places: int) -> tuple[Int32, Int64]:
    """Return the events of each place whose shortest window it is, and the last of each place."""
    n_rows = len(offsets) - 1
    counts = np.zeros((n_places, 5, n_rows), np.int32)
    last = np.full((n_places, n_rows), NEVER, np.int64)
    for row in range(n_rows):
        for i in range(offsets[row], offsets[row + 1]):
            counts[place[i], window_of(cutoff_us[row] - time_us[i]), row] += 1
            last[place[i], row] = time_us[i]
    return counts, last
