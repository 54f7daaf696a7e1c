"""Ids: different for different numbers, and telling nothing of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.simulator.ids import Ids, hexadecimal, scramble


@pytest.mark.parametrize("key", [0, 1, 2**64 - 1, 0x1234_5678_9ABC_DEF0])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_scramble_is_a_permutation(bits: int, key: int) -> None:
    numbers = np.arange(1 << bits, dtype=np.int64)
    assert sorted(scramble(numbers, key, bits).tolist()) == numbers.tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2**56 - 1), min_size=1, max_size=20))
def test_hexadecimal_is_what_python_writes(numbers: list[int]) -> None:
    assert hexadecimal(np.array(numbers, np.uint64), 14).to_pylist() == [f"{n:014x}" for n in numbers]


def test_no_numbers_give_no_ids() -> None:
    assert hexadecimal(np.zeros(0, np.uint64), 8).to_pylist() == []


def test_neighbours_have_nothing_in_common() -> None:
    mixed = scramble(np.arange(20_000, dtype=np.int64), 99, 32)
    changed = np.bitwise_count(mixed[1:] ^ mixed[:-1])
    assert changed.mean() == pytest.approx(16, abs=0.2)  # half of the bits
    assert abs(np.corrcoef(np.arange(20_000), mixed.astype(float))[0, 1]) < 0.03


def test_seeds_and_kinds_have_their_own_ids() -> None:
    numbers = np.arange(1000, dtype=np.int64)
    one, other = Ids(1), Ids(2)
    assert set(one.users(numbers).to_pylist()).isdisjoint(other.users(numbers).to_pylist())
    sessions, orders = one.of_user("session", numbers, numbers), one.of_user("order", numbers, numbers)
    assert set(sessions.to_pylist()).isdisjoint(orders.to_pylist())
    assert one.events(numbers, numbers).equals(Ids(1).events(numbers, numbers))
    assert isinstance(sessions, pa.StringArray)


def test_addresses_are_dotted_and_public_looking() -> None:
    for address in Ids(3).addresses(np.arange(-50, 500, dtype=np.int64)):
        parts = [int(part) for part in address.split(".")]
        assert len(parts) == 4
        assert 20 <= parts[0] < 170
        assert max(parts) < 256
