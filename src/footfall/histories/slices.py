"""Histories as of a cutoff: what was known then, and nothing at or after it.

``before`` and ``lookback`` give positions for code that walks columns itself; ``until`` and ``as_of`` give a partition
and whole histories that hold nothing else, so that a reader cannot look ahead by mistake. Flags of robots and counts of
ids are worked out anew from the events that are left. What the catalogue says of an item is not dated here: it is the
newest. Codes of ids were given with the whole log in view; that an id has a code says nothing about users.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from footfall.compiled import kernel
from footfall.errors import InputError
from footfall.histories import robots
from footfall.histories.columns import DTYPES, FIRST_CODE, USER_BOT_AGENT, USER_BOT_BEHAVIOUR
from footfall.histories.partition import Array, Partition
from footfall.histories.store import Histories
from footfall.histories.vocabulary import Vocabulary

Int64 = npt.NDArray[np.int64]


def before(part: Partition, cutoff_us: int | Int64) -> Int64:
    """Return where each user's events before a cutoff end, int64 [users].

    The events of local user ``i`` strictly before the cutoff stand at ``part.offsets[i]:ends[i]``.

    Args:
        part: The partition.
        cutoff_us: UTC microseconds; one for all users, or one each, [users].
    """
    return _first_at(part.offsets, part.timestamp_us, _per_user(part, cutoff_us))


def lookback(part: Partition, cutoff_us: int | Int64, lookback_us: int) -> Int64:
    """Return where each user's events of the last ``lookback_us`` before a cutoff begin, int64 [users].

    Those events are in [cutoff - lookback, cutoff) and stand at ``starts[i]:before(part, cutoff_us)[i]``.

    Args:
        part: The partition.
        cutoff_us: UTC microseconds; one for all users, or one each, [users].
        lookback_us: How far back, microseconds.

    Raises:
        InputError: ``lookback_us`` is not above zero.
    """
    if lookback_us <= 0:
        raise InputError(f"a lookback must be longer than zero, got {lookback_us} µs")
    return _first_at(part.offsets, part.timestamp_us, _per_user(part, cutoff_us) - lookback_us)


def counts_before(histories: Histories, cutoff_us: int) -> Int64:
    """Return the number of events strictly before a cutoff of every user, int64 [histories.n_users], by ``user_idx``.

    Args:
        histories: All users.
        cutoff_us: UTC microseconds.
    """
    counts = [before(part, cutoff_us) - part.offsets[:-1] for part in histories.partitions]
    return np.concatenate(counts) if counts else np.zeros(0, np.int64)


def until(
    histories: Histories, part: Partition, cutoff_us: int | Int64, *, lookback_us: int | None = None
) -> Partition:
    """Return a partition as of a cutoff: users keep their places, even those left without events.

    Columns are cut when they are first asked for.

    Args:
        histories: Where the partition is from (what its event types mean).
        part: The partition.
        cutoff_us: UTC microseconds; one for all users, or one each, [users]. Events at it are left out.
        lookback_us: Leave out what is older than this before the cutoff, too; microseconds.

    Raises:
        InputError: ``lookback_us`` is not above zero.
    """
    ends = before(part, cutoff_us)
    starts = part.offsets[:-1] if lookback_us is None else lookback(part, cutoff_us, lookback_us)
    kept, offsets = _positions(starts, ends)
    cut = Partition(part.index, part.user_base, offsets, np.zeros(part.n_users, np.uint8), CutColumns(part, kept))
    return dataclasses.replace(cut, user_bot=_flags(histories, cut))


def as_of(histories: Histories, cutoff_us: int, *, lookback_us: int | None = None) -> Histories:
    """Return histories as of a cutoff, for everything that reads histories; ``user_idx`` stays the same.

    Args:
        histories: All users.
        cutoff_us: UTC microseconds; events at it are left out.
        lookback_us: Leave out what is older than this before the cutoff, too; microseconds.

    Raises:
        InputError: ``lookback_us`` is not above zero.
    """
    parts = tuple(until(histories, part, cutoff_us, lookback_us=lookback_us) for part in histories.partitions)
    manifest = {**histories.manifest, "cutoff_us": cutoff_us, "lookback_us": lookback_us}
    vocabularies = Recounted(histories.vocabularies, parts)
    return dataclasses.replace(histories, partitions=parts, vocabularies=vocabularies, manifest=manifest)


def _per_user(part: Partition, cutoff_us: int | Int64) -> Int64:
    return np.ascontiguousarray(np.broadcast_to(np.asarray(cutoff_us, np.int64), (part.n_users,)))


@kernel
def _first_at(offsets: Int64, time: Int64, moment: Int64) -> Int64:
    """Return the position of each user's first event at or after a moment (their end if there is none), [users]."""
    first = np.empty(len(moment), np.int64)
    for u in range(len(moment)):
        low, high = offsets[u], offsets[u + 1]
        while low < high:
            middle = (low + high) // 2
            if time[middle] < moment[u]:
                low = middle + 1
            else:
                high = middle
        first[u] = low
    return first


def _positions(starts: Int64, ends: Int64) -> tuple[Int64, Int64]:
    """Return the positions in ``starts[i]:ends[i]`` of all users one after another, and where each user's begin."""
    lengths = np.maximum(ends - starts, 0)
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths), offsets


def _flags(histories: Histories, part: Partition) -> npt.NDArray[np.uint8]:
    """Return why users are taken for robots, from the events of this partition alone, uint8 [users]."""
    kinds = robots.kinds_of(histories.vocabularies["event_type"].ids)
    behave = robots.behaves_like_robot(part.offsets, part.offsets[1:], part.timestamp_us, part.event_type, kinds)
    flagged = np.concatenate((np.zeros(1, np.int64), np.cumsum(part.column("bot") > 0)))[part.offsets]
    flags = np.where(behave, USER_BOT_BEHAVIOUR, 0) | np.where(np.diff(flagged) > 0, USER_BOT_AGENT, 0)
    return flags.astype(np.uint8)


class CutColumns(Mapping[str, Array]):
    """Columns of a partition at some positions only, each cut when first asked for; those the log lacks are absent."""

    def __init__(self, part: Partition, positions: Int64) -> None:
        """Remember what to cut.

        Args:
            part: The whole partition.
            positions: Events to keep, ascending.
        """
        self._names = [name for name in DTYPES if part.has(name)]
        self._cut = functools.cache(lambda name: np.asarray(part.column(name))[positions])

    def __getitem__(self, name: str) -> Array:
        """Return one column, cut."""
        if name not in self._names:
            raise KeyError(name)
        return self._cut(name)

    def __contains__(self, name: object) -> bool:
        """Tell whether the log has the column, without cutting it."""
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Recounted(Mapping[str, Vocabulary]):
    """Vocabularies with the counts of some partitions only, each counted when first asked for."""

    def __init__(self, whole: Mapping[str, Vocabulary], parts: tuple[Partition, ...]) -> None:
        """Remember what to count.

        Args:
            whole: The vocabularies that give ids and codes.
            parts: The partitions to count.
        """
        self._whole, self._parts = whole, parts
        self._counted = functools.cache(self._count)

    def _count(self, name: str) -> Vocabulary:
        vocabulary = self._whole[name]
        counts = np.zeros(len(vocabulary), np.int64)
        for part in self._parts:
            counts += np.bincount(part.column(name), minlength=len(vocabulary))
        column = vocabulary.table.column_names.index("count")
        return Vocabulary(name, vocabulary.table.set_column(column, "count", pa.array(counts[FIRST_CODE:], pa.int64())))

    def __getitem__(self, name: str) -> Vocabulary:
        """Return one vocabulary, recounted."""
        return self._counted(name)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._whole)

    def __len__(self) -> int:
        return len(self._whole)
