"""Where the past of histories ends: moments, one for all rows or one for each; and columns as kernels take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel
from footfall.errors import InputError
from footfall.histories.sequences import Sequences

Array = npt.NDArray[Any]
Int64 = npt.NDArray[np.int64]


def ends_of(log: Sequences, cutoff_us: int | Int64, rows: Int64 | None = None) -> tuple[Int64, Int64, Int64]:
    """Find where the past of histories ends.

    Args:
        log: Whole histories.
        cutoff_us: One moment, or one for each of ``rows``.
        rows: Which histories; without it, all with an event before the cutoff.

    Returns:
        The histories, their moments, and the position after the last event strictly before the moment; int64 [rows].

    Raises:
        InputError: See ``past_of``.
    """
    if log.timestamp_us is None or log.event_type is None:
        raise InputError(
            "features need timestamp_us and event_type, and this log lacks "
            + " and ".join(n for n in ("timestamp_us", "event_type") if getattr(log, n) is None)
        )
    offsets = frozen(log.offsets, np.int64)
    chosen = np.arange(len(log)) if rows is None else checked_rows(rows, len(log))
    moments = moments_of(cutoff_us, None if rows is None else len(chosen), len(chosen))
    ends = _first_at(offsets, frozen(log.timestamp_us, np.int64), frozen(chosen, np.int64), moments)
    if rows is None:
        some = ends > offsets[:-1]
        chosen, moments, ends = chosen[some], frozen(moments[some]), ends[some]
    return chosen, moments, ends


def frozen(column: Array, dtype: type[np.generic] | None = None) -> Array:
    """Return a plain read-only view of a column, of one type."""
    view = np.ascontiguousarray(column, dtype).view()
    view.flags.writeable = False
    return view


def moments_of(cutoff_us: int | Int64, n_given: int | None, n_rows: int) -> Int64:
    """Return the moment of each row, int64 [rows].

    Args:
        cutoff_us: One moment for all rows, or one for each.
        n_given: Number of rows that were asked for; None where nobody said which.
        n_rows: Number of rows that there are.

    Raises:
        InputError: Moments that are no integers, or not as many as there are rows.
    """
    given = np.asarray(cutoff_us)
    if given.ndim > 1 or (given.size and not np.issubdtype(given.dtype, np.integer)):
        raise InputError(
            f"cutoff_us of shape {list(given.shape)}, {given.dtype}; give UTC microseconds, an integer or one per row"
        )
    if given.ndim and given.shape != (n_given,):
        asked = "rows that nobody named" if n_given is None else f"{n_given} rows"
        raise InputError(f"{len(given)} moments in cutoff_us for {asked}; give one moment, or rows and one for each")
    moments: Int64 = frozen(np.full(n_rows, given, np.int64) if given.ndim == 0 else given, np.int64)
    return moments


def first_of(cutoff_us: int | Int64) -> int:
    """Return the first of the moments; the last that there can be where there is none."""
    return int(np.min(cutoff_us, initial=np.iinfo(np.int64).max))


def checked_rows(rows: Int64, n_rows: int) -> Int64:
    """Return numbers of histories as int64 [rows].

    Raises:
        InputError: They are no integers, or there are no such histories.
    """
    chosen = np.asarray(rows)
    if chosen.ndim != 1 or (len(chosen) and not np.issubdtype(chosen.dtype, np.integer)):
        raise InputError(f"rows of shape {list(chosen.shape)}, {chosen.dtype}; give the numbers of histories, integers")
    if len(chosen) and not 0 <= int(chosen.min()) <= int(chosen.max()) < n_rows:
        raise InputError(f"rows from {int(chosen.min())} to {int(chosen.max())}; the log has 0 to {n_rows - 1}")
    return chosen.astype(np.int64)


@kernel
def _first_at(offsets: Int64, time_us: Int64, rows: Int64, moment_us: Int64) -> Int64:
    """Return the position of the first event of each of some histories at or after its moment, int64 [rows]."""
    first = np.empty(len(rows), np.int64)
    for place in range(len(rows)):
        low, high = offsets[rows[place]], offsets[rows[place] + 1]
        while low < high:
            middle = (low + high) // 2
            if time_us[middle] < moment_us[place]:
                low = middle + 1
            else:
                high = middle
        first[place] = low
    return first
