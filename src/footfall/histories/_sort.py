"""Kernels of compilation: every one is linear in its rows, but for the sort within one user's events."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel, part

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
UInt64 = npt.NDArray[np.uint64]

_RUN = 16  # rows sorted by insertion before runs are merged


@kernel
def scatter(user: Int32, bases: Int64) -> tuple[Int64, Int64]:
    """Order rows by partition.

    Args:
        user: Global user of each row, [rows].
        bases: First user of each partition and the end, [partitions + 1].

    Returns:
        The rows in order of partition, int64 [rows]; and where each partition begins in it, int64 [partitions + 1].
    """
    parts = len(bases) - 1
    home = np.empty(len(user), np.int32)
    starts = np.zeros(parts + 1, np.int64)
    for row in range(len(user)):
        low, high = 0, parts - 1
        while low < high:
            middle = (low + high + 1) // 2
            if bases[middle] <= user[row]:
                low = middle
            else:
                high = middle - 1
        home[row] = low
        starts[low + 1] += 1
    for i in range(parts):
        starts[i + 1] += starts[i]
    free = starts.copy()
    order = np.empty(len(user), np.int64)
    for row in range(len(user)):
        order[free[home[row]]] = row
        free[home[row]] += 1
    return order, starts


@part
def _comes_first(a: int, b: int, time: Int64, ingested: Int64, sequence: Int64) -> bool:
    """Tell whether row ``a`` comes strictly before row ``b``."""
    if time[a] != time[b]:
        return bool(time[a] < time[b])
    if ingested[a] != ingested[b]:
        return bool(ingested[a] < ingested[b])
    return bool(sequence[a] < sequence[b])


@part
def _sort_rows(rows: Int64, spare: Int64, time: Int64, ingested: Int64, sequence: Int64) -> None:
    """Sort row numbers in place, stably, by merging runs; ``spare`` is as long as ``rows``."""
    n = len(rows)
    for start in range(0, n, _RUN):
        for i in range(start + 1, min(start + _RUN, n)):
            row, j = rows[i], i - 1
            while j >= start and _comes_first(row, rows[j], time, ingested, sequence):
                rows[j + 1] = rows[j]
                j -= 1
            rows[j + 1] = row
    width = _RUN
    while width < n:
        for start in range(0, n - width, 2 * width):
            middle, end = start + width, min(start + 2 * width, n)
            if not _comes_first(rows[middle], rows[middle - 1], time, ingested, sequence):
                continue
            spare[start:middle] = rows[start:middle]
            left, right = start, middle
            for out in range(start, end):
                if left == middle:
                    break
                if right < end and _comes_first(rows[right], spare[left], time, ingested, sequence):
                    rows[out] = rows[right]
                    right += 1
                else:
                    rows[out] = spare[left]
                    left += 1
        width *= 2


@kernel
def order_rows(user: Int32, time: Int64, ingested: Int64, sequence: Int64, n_users: int) -> tuple[Int64, Int64]:
    """Order rows by user, then time, then arrival (``ingested``, ``sequence``).

    Args:
        user: Local user of each row, [rows].
        time: Event times, [rows].
        ingested: When each row came in, [rows].
        sequence: Its place in its ingest, [rows].
        n_users: Number of users.

    Returns:
        Row numbers in order, int64 [rows]; and where each user begins in it, int64 [users + 1].
    """
    offsets = np.zeros(n_users + 1, np.int64)
    for row in range(len(user)):
        offsets[user[row] + 1] += 1
    longest = 0
    for u in range(n_users):
        longest = max(longest, offsets[u + 1])
        offsets[u + 1] += offsets[u]
    free = offsets.copy()
    order = np.empty(len(user), np.int64)
    for row in range(len(user)):
        order[free[user[row]]] = row
        free[user[row]] += 1
    spare = np.empty(longest, np.int64)
    for u in range(n_users):
        mine = order[offsets[u] : offsets[u + 1]]
        if len(mine) > 1:
            _sort_rows(mine, spare[: len(mine)], time, ingested, sequence)
    return order, offsets


@kernel
def merge_runs(
    old_user: Int64, old_offsets: Int64, old_time: Int64, new_offsets: Int64, new_time: Int64
) -> tuple[Int64, Int64]:
    """Merge each user's old and new events by time; of equal times the old ones come first.

    Args:
        old_user: For each user, their place among the old users, or -1, [users].
        old_offsets: Where each old user's events begin, [old users + 1].
        old_time: Times of the old events, ascending within a user.
        new_offsets: Where each user's new events begin, [users + 1].
        new_time: Times of the new events, ascending within a user.

    Returns:
        For each merged event its place in the old events followed by the new ones, int64 [events]; and where each
        user's events begin, int64 [users + 1].
    """
    n_users, n_old = len(old_user), len(old_time)
    offsets = np.zeros(n_users + 1, np.int64)
    for u in range(n_users):
        kept = old_offsets[old_user[u] + 1] - old_offsets[old_user[u]] if old_user[u] >= 0 else 0
        offsets[u + 1] = offsets[u] + kept + new_offsets[u + 1] - new_offsets[u]
    gather = np.empty(offsets[n_users], np.int64)
    for u in range(n_users):
        old = old_end = 0
        if old_user[u] >= 0:
            old, old_end = old_offsets[old_user[u]], old_offsets[old_user[u] + 1]
        new, new_end = new_offsets[u], new_offsets[u + 1]
        for out in range(offsets[u], offsets[u + 1]):
            if new == new_end or (old < old_end and old_time[old] <= new_time[new]):
                gather[out] = old
                old += 1
            else:
                gather[out] = n_old + new
                new += 1
    return gather, offsets


@kernel
def dense_codes(keys: UInt64) -> tuple[Int32, UInt64]:
    """Number distinct keys by first appearance, from 1; the key 0 is missing and stays 0.

    Args:
        keys: One per row; well mixed (they are hashes), for their low bits find their place in the table.

    Returns:
        The numbers, int32 [rows]; and the key of each number, uint64 [distinct] (that of number ``i`` at ``i - 1``).
    """
    size = 16
    while size < 2 * len(keys):
        size *= 2
    slots = np.zeros(size, np.int32)
    distinct = np.empty(len(keys), np.uint64)
    codes = np.zeros(len(keys), np.int32)
    count = 0
    for row in range(len(keys)):
        key = keys[row]
        if key == 0:
            continue
        slot = np.int64(key & np.uint64(size - 1))
        while slots[slot] != 0 and distinct[slots[slot] - 1] != key:
            slot = (slot + 1) & (size - 1)
        if slots[slot] == 0:
            distinct[count] = key
            count += 1
            slots[slot] = count
        codes[row] = slots[slot]
    return codes, distinct[:count].copy()
