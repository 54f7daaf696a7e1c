"""What can be said of candidates from a history: how each was met and bought, and what stands beside it on the shelf.

A candidate has a row of numbers, the same for one live user and for a whole log. What a log lacks (times, types,
orders, content) is NaN throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel
from footfall.histories.content import WORDS, Content
from footfall.histories.sequences import Sequences

Codes = npt.NDArray[np.int64]
Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Shelf = tuple[str, int]
"""A field of content, and a column of it: a level of the category."""

MET: Final = (
    "events",
    "events_since",
    "log_s_since",
    "last_type",
    "orders",
    "orders_since",
    "log_s_since_order",
    "log_s_between_orders",
    "overdue",
)
"""What ``met`` says of an item. ``overdue`` is the time since its last order in units of the mean time between them."""
BESIDE: Final = ("events", "log_s_since", "lines", "log_s_since_line", "log_s_between_lines", "overdue")
"""What ``beside`` says of each shelf; a line is one of an order, and those of one moment count once for the gap."""
MOST_SHELVES: Final = 5


def met(histories: Sequences, codes: Codes) -> Float32:
    """Return ``MET`` of each candidate, float32 [len(MET), histories, candidates]; NaN where it was not met.

    Args:
        histories: What is known of each.
        codes: Candidates in the order of their codes, int64 [histories, candidates].
    """
    found = np.full((len(MET), *codes.shape), np.nan, np.float32)
    found[0] = 0
    if histories.n_events:
        _find(found, codes, histories.offsets, _plain(histories.item), *_columns(histories))
    return found


def kinds_of(content: Content | None) -> tuple[Shelf, ...]:
    """Return by what items are put together: levels of the category, the brand, the band of the price.

    Args:
        content: What is known of items; the first ``MOST_SHELVES`` of it are taken.
    """
    fields = {} if content is None else content.fields
    kinds = [(name, level) for name, field in fields.items() if name != WORDS for level in range(field.codes.shape[1])]
    return tuple(kinds[:MOST_SHELVES])


def shelves_of(content: Content | None, kinds: Sequence[Shelf], n_codes: int) -> Int32:
    """Return on which shelf of each kind items stand, int32 [kinds, n_codes], 0 for none.

    Args:
        content: What is known of items.
        kinds: As ``kinds_of`` gave them.
        n_codes: Size of the vocabulary.
    """
    found = np.zeros((len(kinds), n_codes), np.int32)
    for row, (name, level) in enumerate(kinds):
        field = None if content is None else content.fields.get(name)
        if field is not None and level < field.codes.shape[1]:
            found[row] = field.codes[:, level]
    return found


def beside(histories: Sequences, codes: Codes, shelves: Int32) -> Float32:
    """Return ``BESIDE`` of each candidate's shelves, float32 [shelves * len(BESIDE), histories, candidates].

    Args:
        histories: What is known of each.
        codes: Candidates, int64 [histories, candidates].
        shelves: As ``shelves_of`` gives them.
    """
    found = np.full((len(shelves) * len(BESIDE), *codes.shape), np.nan, np.float32)
    n_names = int(shelves.max(initial=0)) + 1
    if len(shelves) and histories.n_events:
        times, _, orders = _columns(histories)
        scratch = np.zeros((len(shelves), 6, n_names), np.int64)
        _look(found, codes, histories.offsets, _plain(histories.item), times, orders, shelves, scratch)
    return found


def _columns(histories: Sequences) -> tuple[Int64, Int64, Int64]:
    """Return times, types and orders, each [events], or empty where there are none."""
    given = (histories.timestamp_us, histories.event_type, histories.order)
    times, types, orders = (np.zeros(0, np.int64) if c is None else np.ascontiguousarray(c, np.int64) for c in given)
    return times, types, orders


def _plain(item: Int32) -> Int32:
    return np.ascontiguousarray(item)


@kernel
def _find(  # noqa: C901, PLR0912 - one pass is one loop
    found: Float32, codes: Codes, offsets: Int64, item: Int32, times: Int64, types: Int64, orders: Int64
) -> None:
    width = codes.shape[1]
    order, newest, oldest = np.empty(width, np.int64), np.empty(width, np.int64), np.empty(width, np.int64)
    for row in range(len(codes)):
        begin, end = offsets[row], offsets[row + 1]
        order[:] = 0
        passed, passing = 0, 0  # orders walked over, and the one that is being walked over
        for event in range(end - 1, begin - 1, -1):
            if len(orders) and orders[event] > 0 and orders[event] != passing:
                passing = orders[event]
                passed += 1
            at = np.searchsorted(codes[row], item[event])
            if at == width or codes[row, at] != item[event]:
                continue
            if found[0, row, at] == 0:
                found[1, row, at] = end - 1 - event
                if len(times):
                    found[2, row, at] = np.log1p(max(times[end - 1] - times[event], 0) / 1e6)
                if len(types):
                    found[3, row, at] = types[event]
            found[0, row, at] += 1
            if not len(orders) or orders[event] == 0 or orders[event] == order[at]:
                continue
            if order[at] == 0:
                found[4, row, at] = 0
                found[5, row, at] = passed - 1
                if len(times):
                    newest[at] = times[event]
                    found[6, row, at] = np.log1p(max(times[end - 1] - times[event], 0) / 1e6)
            order[at] = orders[event]
            found[4, row, at] += 1
            if len(times):
                oldest[at] = times[event]
        if len(times):
            for at in range(width):
                if found[4, row, at] > 1 and newest[at] > oldest[at]:
                    gap = (newest[at] - oldest[at]) / (found[4, row, at] - 1)
                    found[7, row, at] = np.log1p(gap / 1e6)
                    found[8, row, at] = max(times[end - 1] - newest[at], 0) / gap


@kernel
def _look(  # noqa: C901, PLR0912 - one pass is one loop
    found: Float32,
    codes: Codes,
    offsets: Int64,
    item: Int32,
    times: Int64,
    orders: Int64,
    shelves: Int32,
    seen: Int64,
) -> None:
    # Of each shelf: events, the last moment, lines, the first and the last moment with a line, gaps between them.
    for row in range(len(codes)):
        begin, end = offsets[row], offsets[row + 1]
        now = times[end - 1] if len(times) and end > begin else 0
        for kind in range(len(shelves)):
            counts = seen[kind]
            for event in range(begin, end):
                name = shelves[kind, item[event]]
                counts[0, name] += 1
                if len(times):
                    counts[1, name] = times[event]
                if len(orders) and orders[event] > 0:
                    if len(times):
                        if counts[2, name] == 0:
                            counts[3, name] = times[event]
                        elif times[event] > counts[4, name]:
                            counts[5, name] += 1
                        counts[4, name] = times[event]
                    counts[2, name] += 1
            first = kind * 6
            for at in range(codes.shape[1]):
                name = shelves[kind, codes[row, at]]
                if name == 0:
                    continue
                found[first, row, at] = counts[0, name]
                if len(times) and counts[0, name] > 0:
                    found[first + 1, row, at] = np.log1p((now - counts[1, name]) / 1e6)
                if not len(orders):
                    continue
                found[first + 2, row, at] = counts[2, name]
                if len(times) and counts[2, name] > 0:
                    found[first + 3, row, at] = np.log1p((now - counts[4, name]) / 1e6)
                    if counts[5, name] > 0:
                        gap = (counts[4, name] - counts[3, name]) / counts[5, name]
                        found[first + 4, row, at] = np.log1p(gap / 1e6)
                        found[first + 5, row, at] = (now - counts[4, name]) / gap
            for event in range(begin, end):
                counts[:, shelves[kind, item[event]]] = 0
