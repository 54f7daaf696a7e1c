"""Packing: histories are cut into windows, and windows of equal length share a batch, so that nothing is padded."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from footfall.histories.columns import UNSEEN
from footfall.histories.event_features import QUERY
from footfall.histories.sequences import Sequences
from footfall.model.batch import Batch
from footfall.model.config import ModelConfig

Int64 = npt.NDArray[np.int64]

Codes = npt.NDArray[np.integer[Any]]

GAP = "gap"
"""The feature that says how long ago the event before was."""

N_GAPS = 32
"""Bands of the time between two events: 0 for none, then doubling from one second on."""


def gap_bands(timestamp_us: Int64, offsets: Int64) -> npt.NDArray[np.int8]:
    """Return the band of the time since the event before, int8 [events]; 0 for the first of a sequence.

    Band ``b`` holds 2^(b-1) - 1 up to below 2^b - 1 seconds.

    Args:
        timestamp_us: UTC microseconds, ascending within a sequence, int64 [events].
        offsets: Where sequences begin, and the end, int64 [sequences + 1].
    """
    bands = np.zeros(len(timestamp_us), np.int8)
    if len(timestamp_us) > 1:
        apart_s = np.maximum(np.diff(timestamp_us), 0) / 1e6
        bands[1:] = np.minimum(1 + np.floor(np.log2(apart_s + 1)), N_GAPS - 1)
    firsts = offsets[:-1]
    bands[firsts[firsts < len(bands)]] = 0
    return bands


@dataclasses.dataclass(frozen=True)
class Tokens:
    """Everything the model reads of a log, event by event.

    Attributes:
        sequences: The events.
        features: Codes of further features by name, integers [events] each; those the model was built for.
        gaps: Band of the time since the event before, int8 [events]; None where there are no times.
    """

    sequences: Sequences
    features: dict[str, Codes]
    gaps: Codes | None

    @classmethod
    def of(cls, sequences: Sequences, config: ModelConfig) -> Tokens:
        """Work out what a model reads of sequences.

        Args:
            sequences: The events.
            config: What the model was built for.
        """
        time = sequences.timestamp_us
        gaps = None if time is None else gap_bands(time, sequences.offsets)
        features: dict[str, Codes] = {}
        for name, n_codes in config.features.items():
            if name == GAP and gaps is not None:
                features[name] = gaps
            else:
                features[name] = _within(sequences, name, n_codes)
        if config.searches:
            features[QUERY] = _within(sequences, QUERY, np.iinfo(np.int32).max)
        kinds = sequences.event_type
        if kinds is not None and config.n_types and int(kinds.max(initial=0)) >= config.n_types:
            known = np.where(kinds < config.n_types, kinds, UNSEEN).astype(kinds.dtype)
            sequences = dataclasses.replace(sequences, event_type=known)
        return cls(sequences, features, gaps)

    def with_mirrored(self) -> Tokens:
        """Return all sequences, then the mirror image of each: the same events backwards, at mirrored times.

        Events keep their positions; those of the mirror images come after all of them.
        """
        old = self.sequences
        rows = old.rows
        backwards = old.offsets[:-1][rows] + old.offsets[1:][rows] - 1 - np.arange(old.n_events)
        offsets = np.concatenate((old.offsets, old.offsets[1:] + old.n_events))
        at = np.concatenate((np.arange(old.n_events), backwards))
        time = old.timestamp_us
        if time is not None:
            ends = time[old.offsets[:-1][rows]] + time[old.offsets[1:][rows] - 1]
            time = np.concatenate((time, ends - time[backwards]))
        mirrored = dataclasses.replace(
            old,
            offsets=offsets,
            item=old.item[at],
            event_type=None if old.event_type is None else old.event_type[at],
            timestamp_us=time,
            order=None if old.order is None else old.order[at],
            user_idx=None if old.user_idx is None else np.tile(old.user_idx, 2),
            extra={name: column[at] for name, column in old.extra.items()},
        )
        gaps = None if time is None else gap_bands(time, offsets)
        features = {name: codes[at] for name, codes in self.features.items()}
        if gaps is not None and GAP in features:
            features[GAP] = gaps
        return Tokens(mirrored, features, gaps)

    def batch(self, groups: Sequence[tuple[Int64, int]]) -> tuple[Batch, Int64]:
        """Put rows of events together.

        Args:
            groups: Position of the first event of each row, int64 [rows]; and the length of all of them.

        Returns:
            The batch, and the position of each of its tokens, int64 [tokens].
        """
        at = np.concatenate([(starts[:, None] + np.arange(length)).ravel() for starts, length in groups])
        sequences = self.sequences
        time = None
        if sequences.timestamp_us is not None:
            firsts = np.concatenate([np.repeat(sequences.timestamp_us[starts], length) for starts, length in groups])
            time = torch.from_numpy(((sequences.timestamp_us[at] - firsts) / 1e6).astype(np.float32))
        kinds = None if sequences.event_type is None else torch.from_numpy(sequences.event_type[at].astype(np.int64))
        return (
            Batch(
                groups=tuple((len(starts), length) for starts, length in groups),
                item=torch.from_numpy(sequences.item[at].astype(np.int64)),
                event_type=kinds,
                features={name: torch.from_numpy(codes[at].astype(np.int64)) for name, codes in self.features.items()},
                time_s=time,
            ),
            at,
        )


def _within(sequences: Sequences, name: str, n_codes: int) -> Codes:
    """Return a column's codes, those that the model has no row for as 0; zeros where there is no such column."""
    codes = sequences.extra.get(name)
    if codes is None:
        return np.zeros(sequences.n_events, np.int8)
    return np.where((codes < 0) | (codes >= n_codes), 0, codes)


def windows(offsets: Int64, context: int) -> tuple[Int64, Int64]:
    """Cut sequences into windows, from the end backwards, so that every event but the first is foretold once.

    Args:
        offsets: Where sequences begin, and the end, int64 [sequences + 1].
        context: Most events that are read at once.

    Returns:
        Position of the first event of each window, and the number of events it reads, int64 [windows] each; the events
        foretold are those one place further on. A sequence of one event gives none.
    """
    lengths = np.diff(offsets) - 1
    counts = np.maximum(-(-lengths // context), 0)
    rows = np.repeat(np.arange(len(lengths)), counts)
    number = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    ends = offsets[1:][rows] - 1 - number * context
    starts = np.maximum(ends - context, offsets[:-1][rows])
    return starts, ends - starts


def recency_shares(sequences: Sequences, ends: Int64, recency: float, *, images: int = 1) -> npt.NDArray[np.float64]:
    """Return how likely each window is to be trained on in an epoch, float64 [windows]: e^(-age / recency).

    Args:
        sequences: The log.
        ends: Position of the last event of each window, int64 [windows].
        recency: Age that lowers the chance to 1/e, the whole log being of age 1; 0 for no such thing.
        images: How often the log stands there, one after another; where it has no times, age is place within one.
    """
    if not recency or not len(ends):
        return np.ones(len(ends))
    time = sequences.timestamp_us
    whole = len(sequences) // images
    at = sequences.rows[ends] % whole if time is None else time[ends]
    first, last = (0, whole) if time is None else (int(time.min()), int(time.max()))
    shares: npt.NDArray[np.float64] = np.exp(-(last - at) / max(last - first, 1) / recency)
    return shares


def shuffled(starts: Int64, lengths: Int64, tokens: int, rng: np.random.Generator) -> Iterator[list[tuple[Int64, int]]]:
    """Yield the rows of each batch: windows of equal length in groups, in a random order.

    Args:
        starts: Position of the first event of each window, int64 [windows].
        lengths: Number of events it reads, int64 [windows].
        tokens: Tokens of a batch; the last group may go beyond.
        rng: Makes the order.
    """
    mixed = rng.permutation(len(starts))
    mixed = mixed[np.argsort(lengths[mixed], kind="stable")]
    groups: list[tuple[Int64, int]] = []
    edges = np.flatnonzero(np.diff(lengths[mixed])) + 1
    for same in np.split(mixed, edges):
        if len(same):
            length = int(lengths[same[0]])
            rows = max(1, tokens // length)
            groups += [(starts[same[i : i + rows]], length) for i in range(0, len(same), rows)]
    batch: list[tuple[Int64, int]] = []
    held = 0
    for i in rng.permutation(len(groups)):
        batch.append(groups[i])
        held += len(groups[i][0]) * groups[i][1]
        if held >= tokens:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def newest(sequences: Sequences, context: int, tokens: int) -> Iterator[tuple[Int64, list[tuple[Int64, int]]]]:
    """Yield the end of every sequence that has events, in batches of equally long groups.

    Args:
        sequences: What is known of each.
        context: Most events that are read.
        tokens: Tokens of a batch, about.

    Yields:
        The numbers of the sequences, int64 [rows], and their groups, in the same order.
    """
    lengths = np.minimum(sequences.lengths, context)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    starts = sequences.offsets[1:] - lengths
    rows: list[Int64] = []
    groups: list[tuple[Int64, int]] = []
    held = 0
    for same in np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1):
        length = int(lengths[same[0]]) if len(same) else 1
        step = max(1, tokens // length)
        for i in range(0, len(same), step):
            some = same[i : i + step]
            rows.append(some)
            groups.append((starts[some], length))
            held += len(some) * length
            if held >= tokens:
                yield np.concatenate(rows), groups
                rows, groups, held = [], [], 0
    if rows:
        yield np.concatenate(rows), groups
