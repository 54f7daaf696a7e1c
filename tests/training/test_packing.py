"""Packing: every event but the first is foretold once, in rows of equal length, and nothing is padded."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.histories.sequences import Sequences
from footfall.model.config import ModelConfig, Size
from footfall.training.packing import N_GAPS, Tokens, gap_bands, newest, recency_shares, shuffled, windows

CONFIG = ModelConfig(Size(8, 1, 1, 8, 1e-3, 0.0), n_codes=20, n_types=5, features={"gap": N_GAPS, "channel": 4})


def offsets_of(lengths: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)


@given(st.lists(st.integers(0, 40), max_size=20), st.integers(1, 9))
def test_every_event_but_the_first_is_foretold_once(lengths: list[int], context: int) -> None:
    offsets = offsets_of(lengths)
    starts, sizes = windows(offsets, context)
    foretold = [p for start, size in zip(starts, sizes, strict=True) for p in range(start + 1, start + size + 1)]
    expected = [p for a, b in itertools.pairwise(offsets) for p in range(a + 1, b)]
    assert sorted(foretold) == expected
    assert all(1 <= size <= context for size in sizes)
    if len(starts):  # the newest events have the longest past
        assert max(sizes) == min(context, max(lengths) - 1)


@given(st.lists(st.integers(0, 40), max_size=20), st.integers(1, 60), st.integers(0, 9))
def test_batches_hold_every_window_once_in_groups_of_one_length(lengths: list[int], tokens: int, seed: int) -> None:
    starts, sizes = windows(offsets_of(lengths), 8)
    size_of = dict(zip(starts.tolist(), sizes.tolist(), strict=True))
    found = list(shuffled(starts, sizes, tokens, np.random.default_rng(seed)))
    rows = [(int(s), length) for batch in found for group, length in batch for s in group]
    assert sorted(rows) == sorted(size_of.items())
    for batch in found[:-1]:
        held = [len(group) * length for group, length in batch]
        assert sum(held) >= tokens > sum(held[:-1])
    again = list(shuffled(starts, sizes, tokens, np.random.default_rng(seed)))
    assert [[g.tolist() for g, _ in b] for b in again] == [[g.tolist() for g, _ in b] for b in found]


@given(st.lists(st.integers(0, 20), max_size=20), st.integers(1, 30))
def test_the_newest_events_of_every_history_come_once(lengths: list[int], tokens: int) -> None:
    sequences = Sequences(offsets_of(lengths), np.arange(sum(lengths), dtype=np.int32), sum(lengths) + 1)
    found: dict[int, list[int]] = {}
    for rows, groups in newest(sequences, 8, tokens):
        starts = [(int(s), length) for group, length in groups for s in group]
        for row, (start, length) in zip(rows.tolist(), starts, strict=True):
            assert row not in found
            found[row] = list(range(start, start + length))
    assert found == {i: sequences[i].tolist()[-8:] for i, n in enumerate(lengths) if n}


def test_bands_of_time_double() -> None:
    seconds = np.array([0, 0, 1, 3, 3 + 7, 10 + 86400, 5, 5])
    bands = gap_bands(seconds * 1_000_000, np.array([0, 6, 8]))
    assert bands.tolist() == [0, 1, 2, 2, 4, 17, 0, 1]
    assert gap_bands(np.array([0, 10**18]), np.array([0, 2])).tolist() == [0, N_GAPS - 1]


def test_a_batch_holds_what_the_log_says() -> None:
    sequences = Sequences(
        np.array([0, 3, 5]),
        np.array([3, 4, 0, 6, 25], np.int32) % 20,
        20,
        event_type=np.array([3, 4, 3, 4, 3], np.int16),
        timestamp_us=np.array([0, 2, 4, 1, 8]) * 1_000_000,
        extra={"channel": np.array([1, 2, 3, 4, -1])},
    )
    tokens = Tokens.of(sequences, CONFIG)
    batch, at = tokens.batch([(np.array([0, 3]), 2)])
    assert at.tolist() == [0, 1, 3, 4]
    assert batch.groups == ((2, 2),)
    assert batch.item.tolist() == [3, 4, 6, 5]
    assert batch.event_type is not None
    assert batch.event_type.tolist() == [3, 4, 4, 3]
    assert batch.features["channel"].tolist() == [1, 2, 0, 0]  # beyond what the model knows: as if missing
    assert batch.time_s is not None
    assert batch.time_s.tolist() == [0, 2, 0, 7]
    assert batch.places.tolist() == [1, 0, 1, 0]
    assert batch.ends.tolist() == [1, 3]


def test_a_type_that_the_model_never_met_is_an_unseen_one() -> None:
    later = Sequences(np.array([0, 3]), np.array([3, 4, 5], np.int32), 20, event_type=np.array([3, 4, 9], np.int16))
    batch, _ = Tokens.of(later, CONFIG).batch([(np.array([0]), 3)])
    assert batch.event_type is not None
    assert batch.event_type.tolist() == [3, 4, 2]


def test_what_a_log_lacks_is_no_column() -> None:
    plain = ModelConfig(Size(8, 1, 1, 8, 1e-3, 0.0), n_codes=20)
    tokens = Tokens.of(Sequences(np.array([0, 2]), np.array([3, 4], np.int32), 20), plain)
    batch, _ = tokens.batch([(np.array([0]), 2)])
    assert (batch.event_type, batch.time_s, dict(batch.features), tokens.gaps) == (None, None, {}, None)


@pytest.mark.parametrize("lengths", [[], [1, 1], [0]])
def test_histories_of_one_event_give_nothing(lengths: list[int]) -> None:
    starts, sizes = windows(offsets_of(lengths), 8)
    assert len(starts) == len(sizes) == 0
    assert list(shuffled(starts, sizes, 10, np.random.default_rng(0))) == []


def test_mirrored_sequences_follow_their_own() -> None:
    hour = 3_600_000_000
    sequences = Sequences(
        offsets_of([3, 0, 2]),
        np.array([4, 5, 6, 7, 8], np.int32),
        20,
        event_type=np.array([3, 4, 3, 4, 4], np.int16),
        timestamp_us=np.array([0, 1, 9, 5, 6]) * hour,
        user_idx=np.array([2, 0, 1]),
        extra={"channel": np.array([1, 2, 3, 1, 2])},
    )
    tokens = Tokens.of(sequences, CONFIG).with_mirrored()
    found = tokens.sequences
    assert [found[row].tolist() for row in range(6)] == [[4, 5, 6], [], [7, 8], [6, 5, 4], [], [8, 7]]
    assert found.event_type is not None
    assert found.timestamp_us is not None
    assert found.user_idx is not None
    assert found.event_type.tolist() == [3, 4, 3, 4, 4, 3, 4, 3, 4, 4]
    assert (found.timestamp_us // hour).tolist() == [0, 1, 9, 5, 6, 0, 8, 9, 5, 6]
    assert found.user_idx.tolist() == [2, 0, 1, 2, 0, 1]
    assert tokens.features["channel"].tolist() == [1, 2, 3, 1, 2, 3, 2, 1, 2, 1]
    assert tokens.gaps is not None
    assert tokens.gaps.tolist() == gap_bands(found.timestamp_us, found.offsets).tolist()
    assert tokens.features["gap"].tolist() == tokens.gaps.tolist()


def test_old_windows_are_less_likely() -> None:
    offsets = offsets_of([2, 2, 2, 2])
    plain = Sequences(offsets, np.full(8, 4, np.int32), 20)
    starts, lengths = windows(offsets, 5)
    assert recency_shares(plain, starts + lengths, 0.0).tolist() == [1.0] * 4
    expected = np.exp(-np.array([4, 3, 2, 1]) / 4 / 0.5)  # by place in the log
    np.testing.assert_allclose(recency_shares(plain, starts + lengths, 0.5), expected)
    config = ModelConfig(Size(8, 1, 1, 8, 1e-3, 0.0), n_codes=20)
    twice = Tokens.of(plain, config).with_mirrored().sequences
    begins, sizes = windows(twice.offsets, 5)
    np.testing.assert_allclose(recency_shares(twice, begins + sizes, 0.5, images=2), np.tile(expected, 2))
    timed = Sequences(offsets, plain.item, 20, timestamp_us=np.array([0, 100, 5, 50, 0, 0, 90, 100]))
    by_end = dict(zip((starts + lengths).tolist(), recency_shares(timed, starts + lengths, 0.5), strict=True))
    assert by_end == pytest.approx({1: 1.0, 3: np.exp(-1), 5: np.exp(-2), 7: 1.0})
