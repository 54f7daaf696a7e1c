"""Sequences: the events of many histories (or sessions) one after another, as training and ranking read them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.histories.columns import FIRST_CODE
from footfall.histories.content import Content
from footfall.histories.store import Histories

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Int16 = npt.NDArray[np.int16]


@dataclasses.dataclass(frozen=True)
class Sequences:
    """Events in time order, sequence after sequence.

    Attributes:
        offsets: Where each sequence begins, and the end; int64 [sequences + 1].
        item: Codes of the item vocabulary, int32 [events]; below ``FIRST_CODE`` there is no item that could be shown.
        n_codes: Size of the item vocabulary; every code is below it.
        event_type: Codes of the type vocabulary, int16 [events]; None where the source knows one type only.
        timestamp_us: UTC microseconds, int64 [events]; None where the source knows the order only.
        order: Equal numbers mean the same order of the same user, int32 [events], 0 for none; None where unknown.
        user_idx: Whose sequence it is, int64 [sequences]; None where nobody is known.
        extra: More columns by their name in histories (``price``, ``channel``, ...), each [events].
        sizes: Number of codes of those columns of ``extra`` that hold codes a model can read.
        content: What is known of the items besides their events; None where nothing is.
    """

    offsets: Int64
    item: Int32
    n_codes: int
    event_type: Int16 | None = None
    timestamp_us: Int64 | None = None
    order: Int32 | None = None
    user_idx: Int64 | None = None
    extra: Mapping[str, npt.NDArray[Any]] = dataclasses.field(default_factory=dict)
    sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    content: Content | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit each other."""
        columns = {name: getattr(self, name) for name in _COLUMNS if getattr(self, name) is not None}
        lengths = {name: len(column) for name, column in [*columns.items(), *self.extra.items()]}
        if set(lengths.values()) != {int(self.offsets[-1])}:
            raise InputError(f"offsets end at {int(self.offsets[-1])}, and the columns have {lengths} events")
        if self.n_events and not 0 <= int(self.item.min()) <= int(self.item.max()) < self.n_codes:
            low, high = int(self.item.min()), int(self.item.max())
            raise InputError(f"item codes go from {low} to {high}; accepted: 0 to {self.n_codes - 1}, the vocabulary's")
        if self.content is not None:
            rows = {name: len(field.codes) for name, field in self.content.fields.items()}
            if set(rows.values()) != {self.n_codes}:
                raise InputError(f"the vocabulary has {self.n_codes} codes, and content describes {rows}")
        if self.user_idx is not None and len(self.user_idx) != len(self):
            raise InputError(f"{len(self)} sequences, and user_idx for {len(self.user_idx)}")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def n_events(self) -> int:
        """Number of events."""
        return int(self.offsets[-1])

    @property
    def lengths(self) -> Int64:
        """Number of events of each sequence, int64 [sequences]."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> Int64:
        """The sequence of each event, int64 [events]."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def __getitem__(self, row: int) -> Int32:
        """Return the items of one sequence, int32 [its length]."""
        return self.item[self.offsets[row] : self.offsets[row + 1]]

    def between(self, starts: Int64, ends: Int64, rows: Int64 | None = None) -> Sequences:
        """Return parts of sequences.

        Args:
            starts: Position of the first event of each part, int64 [parts].
            ends: Position after its last event, int64 [parts]; no part ends before it starts.
            rows: The sequence each part is from, int64 [parts]; all in order without it.
        """
        lengths = ends - starts
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
        kept = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        users = None if self.user_idx is None else self.user_idx if rows is None else self.user_idx[rows]
        return dataclasses.replace(self, offsets=offsets, user_idx=users, **self._columns_at(kept))

    def at(self, parts: Sequence[Int64]) -> Sequences:
        """Return sequences made of events at given positions; nobody's, for they may be mixtures.

        Args:
            parts: Positions of the events of each, ascending, int64 [its length].
        """
        lengths = [len(part) for part in parts]
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)))
        kept = np.concatenate([np.zeros(0, np.int64), *parts])
        return dataclasses.replace(self, offsets=offsets, user_idx=None, **self._columns_at(kept))

    def take(self, rows: Int64) -> Sequences:
        """Return some sequences, in the order given.

        Args:
            rows: Their numbers, int64 [some].
        """
        return self.between(self.offsets[:-1][rows], self.offsets[1:][rows], rows)

    def tail(self, length: int) -> Sequences:
        """Return the last events of every sequence.

        Args:
            length: The most events that are kept.
        """
        return self.between(np.maximum(self.offsets[:-1], self.offsets[1:] - length), self.offsets[1:])

    def where(self, kept: npt.NDArray[np.bool_]) -> Sequences:
        """Return the events that are kept; sequences keep their places, even those left without events.

        Args:
            kept: bool [events].
        """
        counted = np.concatenate((np.zeros(1, np.int64), np.cumsum(kept, dtype=np.int64)))
        return dataclasses.replace(self, offsets=counted[self.offsets], **self._columns_at(np.flatnonzero(kept)))

    def with_items(self) -> Sequences:
        """Return the events about an item that can be shown."""
        return self.where(self.item >= FIRST_CODE)

    def _columns_at(self, positions: Int64) -> dict[str, Any]:
        columns = {name: getattr(self, name) for name in _COLUMNS}
        cut = {name: None if column is None else column[positions] for name, column in columns.items()}
        return cut | {"extra": {name: column[positions] for name, column in self.extra.items()}}


_COLUMNS = ("item", "event_type", "timestamp_us", "order")


def sequences_of(
    histories: Histories, event_types: Collection[str] | None = None, extra: Collection[str] = ()
) -> Sequences:
    """Return every user's whole history as one sequence, in the order of ``user_idx``.

    Args:
        histories: All users; of a cutoff with ``slices.as_of``.
        event_types: Keep these types only; all without it.
        extra: More columns that are wanted; those that the log lacks are left out.

    Raises:
        InputError: The log has none of these types.
    """
    types = histories.vocabularies["event_type"]
    codes = np.array([types.code(name) for name in event_types or types.ids], np.int64)
    known = codes[codes >= FIRST_CODE]
    if event_types is not None and not len(known):
        raise InputError(f"no event is of type {', '.join(sorted(event_types))}; the log has {', '.join(types.ids)}")
    ends, base, orders = [], 0, 0
    more = [name for name in extra if any(part.has(name) for part in histories.partitions)]
    columns: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in [*_COLUMNS, *more]}
    for part in histories.partitions:
        ends.append(np.asarray(part.offsets[1:]) + base)
        base += part.n_events
        order = np.asarray(part.column("order"))
        columns["order"].append(np.where(order > 0, order + orders, 0).astype(np.int32))
        orders += int(order.max(initial=0))
        for name in ("item", "event_type", "timestamp_us", *more):
            columns[name].append(np.asarray(part.column(name)))
    joined: dict[str, Any] = {name: np.concatenate(arrays) for name, arrays in columns.items()}
    whole = Sequences(
        offsets=np.concatenate([np.zeros(1, np.int64), *ends]),
        n_codes=len(histories.vocabularies["item"]),
        user_idx=np.arange(histories.n_users),
        extra={name: joined.pop(name) for name in more},
        **joined,
    )
    return whole if event_types is None else whole.where(np.isin(joined["event_type"], known))
