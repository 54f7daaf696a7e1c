"""The compiled loops of paths: cut a path out of each unit, count equal paths, count columns and links.

A unit is a session or a whole history: the events ``starts[n]:starts[n + 1]``. A path is a row of ``max_steps`` cells
(uint8). Two events are one step when ``collapse`` is on and the second follows the first with the same event type.
Knows nothing of event types: they arrive as codes, and ``cell_of`` gives the cell of each.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from footfall.compiled import kernel
from footfall.journeys.kernels import Array, Int64, UInt8

BEFORE: Final = 0
DROP_OFF: Final = 1
AFTER: Final = 2
MORE: Final = 3
FIRST_STATE: Final = 4
"""Cells that hold no step: before the unit's first event, after its last one, after the end anchor, the left-out middle
of a path that is too long between two anchors. Event types stand from ``FIRST_STATE`` on."""

ANY: Final = -1
"""An anchor that is not set."""


@kernel
def extract_paths(
    starts: Array,
    event_type: Array,
    cell_of: Array,
    start_code: int,
    end_code: int,
    every: bool,
    collapse: bool,
    room: int,
    max_steps: int,
) -> tuple[UInt8, Int64]:
    """Cut the paths out of all units.

    Args:
        starts: Where units begin; a unit may be empty.
        event_type: Event type codes.
        cell_of: Event type code to its cell, uint8.
        start_code: Event type at which paths start, or ``ANY``.
        end_code: Event type at which paths end, or ``ANY``.
        every: Take every occurrence of the anchor, not only a unit's first.
        collapse: Merge runs of one event type.
        room: No fewer than the number of paths.
        max_steps: Cells of a path.

    Returns:
        The paths (uint8 [paths, max_steps]) and the unit of each (int64 [paths]).
    """
    rows, units = np.empty((room, max_steps), np.uint8), np.empty(room, np.int64)
    n = 0
    for unit in range(len(starts) - 1):
        begin, end = starts[unit], starts[unit + 1]
        anchor = end_code if start_code == ANY else start_code
        i = begin
        while i < end:
            if (anchor != ANY and event_type[i] != anchor) or (
                collapse and i > begin and event_type[i] == event_type[i - 1]
            ):
                i += 1
                continue
            last = i
            if start_code == ANY and end_code != ANY:
                _backward(rows[n], event_type, cell_of, begin, i, collapse)
            else:
                last = _forward(rows[n], event_type, cell_of, i, end, end_code, collapse)
                if last == end:  # no end anchor follows this start, so none follows a later one
                    break
            units[n] = unit
            n += 1
            if not every:
                break
            i = max(last, i + 1)
    return rows[:n], units[:n]


@kernel
def _backward(row: UInt8, event_type: Array, cell_of: Array, begin: int, anchor: int, collapse: bool) -> None:
    """Write the steps up to ``anchor`` (an event), the anchor in the last cell."""
    k = len(row) - 1
    row[k] = cell_of[event_type[anchor]]
    for i in range(anchor - 1, begin - 1, -1):
        if k == 0:
            break
        if collapse and event_type[i] == event_type[i + 1]:
            continue
        k -= 1
        row[k] = cell_of[event_type[i]]
    row[:k] = BEFORE


@kernel
def _forward(
    row: UInt8, event_type: Array, cell_of: Array, anchor: int, end: int, end_code: int, collapse: bool
) -> int:
    """Write the steps from ``anchor`` (an event) on; up to the first ``end_code`` after it, if there is one.

    Returns:
        The event the next path may start from; ``end`` when the end anchor does not come.
    """
    k = 0
    for i in range(anchor, end):
        if collapse and i > anchor and event_type[i] == event_type[i - 1]:
            continue
        if k < len(row):
            row[k] = cell_of[event_type[i]]
        k += 1
        if end_code == ANY and k == len(row):
            break
        if event_type[i] == end_code and k > 1:
            if k > len(row):
                row[len(row) - 2], row[len(row) - 1] = MORE, cell_of[end_code]
            row[k:] = AFTER
            return i
    if end_code != ANY:
        return end
    row[k:] = DROP_OFF
    return anchor


@kernel
def count_distinct(rows: UInt8, weights: Int64, slots: Int64) -> tuple[Int64, Int64]:
    """Find the distinct rows by a hash table with open addressing.

    Args:
        rows: uint8 [rows, cells].
        weights: How often each row counts, int64 [rows]; empty when each counts once.
        slots: The table: -1 everywhere, its length a power of two above the number of rows.

    Returns:
        The place of the first of each distinct row, in order, and its summed weight; both int64 [distinct].
    """
    firsts, counts = np.empty(len(rows), np.int64), np.zeros(len(rows), np.int64)
    n, mask = 0, np.uint64(len(slots) - 1)
    for r in range(len(rows)):
        key = np.uint64(14695981039346656037)  # FNV-1a, folded so that all bits reach the mask
        for cell in rows[r]:
            key = (key ^ np.uint64(cell)) * np.uint64(1099511628211)
        place = (key ^ (key >> np.uint64(32))) & mask
        while slots[place] >= 0 and not _equal(rows, firsts[slots[place]], r):
            place = (place + np.uint64(1)) & mask
        if slots[place] < 0:
            slots[place], firsts[n] = n, r
            n += 1
        counts[slots[place]] += weights[r] if len(weights) else 1
    return firsts[:n], counts[:n]


@kernel
def _equal(rows: UInt8, a: int, b: int) -> bool:
    for k in range(rows.shape[1]):  # noqa: SIM110 - numba compiles no generator
        if rows[a, k] != rows[b, k]:
            return False
    return True


@kernel
def tally(rows: UInt8, weights: Int64, n_cells: int) -> tuple[Int64, Int64]:
    """Count columns and the links between neighbouring columns.

    Args:
        rows: uint8 [rows, max_steps].
        weights: How often each row counts, int64 [rows].
        n_cells: One more than the largest cell.

    Returns:
        int64 [max_steps, n_cells] and int64 [max_steps - 1, n_cells, n_cells] (cell by next cell).
    """
    max_steps = rows.shape[1]
    columns = np.zeros((max_steps, n_cells), np.int64)
    links = np.zeros((max_steps - 1, n_cells, n_cells), np.int64)
    for r in range(len(rows)):
        for k in range(max_steps):
            columns[k, rows[r, k]] += weights[r]
            if k:
                links[k - 1, rows[r, k - 1], rows[r, k]] += weights[r]
    return columns, links
