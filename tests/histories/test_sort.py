from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.histories._assemble import round_half_even
from footfall.histories._id_map import IdMap
from footfall.histories._sort import dense_codes, merge_runs, order_rows, scatter

small = st.integers(0, 3)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=60), st.sampled_from([[0, 10], [0, 3, 3, 7, 10], [0, 0, 10, 10]]))
def test_rows_are_scattered_to_the_partition_of_their_user(users: list[int], bases: list[int]) -> None:
    order, starts = scatter(np.array(users, np.int32), np.array(bases, np.int64))
    homes = [max(p for p in range(len(bases) - 1) if bases[p] <= u < bases[p + 1]) for u in users]
    expected = sorted(range(len(users)), key=lambda row: homes[row])
    assert order.tolist() == expected
    assert starts.tolist() == [sum(h < p for h in homes) for p in range(len(bases))]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(small, st.integers(0, 6), small, small), max_size=150))
def test_rows_are_ordered_by_user_time_and_arrival(rows: list[tuple[int, int, int, int]]) -> None:
    user, time, ingested, sequence = (np.array([r[i] for r in rows], np.int64) for i in range(4))
    order, offsets = order_rows(user.astype(np.int32), time, ingested, sequence, 5)
    assert order.tolist() == sorted(range(len(rows)), key=lambda row: rows[row])
    assert offsets.tolist() == [sum(u < n for u in user.tolist()) for n in range(6)]


def test_a_long_history_in_any_order_is_sorted() -> None:
    rng = np.random.default_rng(3)
    for n in (15, 16, 17, 31, 33, 1000, 4097):
        time = rng.permutation(n).astype(np.int64)
        zeros = np.zeros(n, np.int64)
        order, _ = order_rows(zeros.astype(np.int32), time, zeros, zeros, 1)
        assert time[order].tolist() == list(range(n))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(small, st.integers(0, 9), st.booleans(), st.booleans()), max_size=40))
def test_old_and_new_events_are_merged_by_time_the_old_ones_first(rows: list[tuple[int, int, bool, bool]]) -> None:
    # Of four users those with number 2 are forgotten (their old events are out of date), 3 is new.
    old = sorted((u, t) for u, t, new, _ in rows if not new and u < 3)
    new = sorted((u, t) for u, t, is_new, _ in rows if is_new)

    def offsets(events: list[tuple[int, int]], users: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array([sum(u < n for u, _ in events) for n in range(users + 1)], np.int64)

    gather, found = merge_runs(
        np.array([0, 1, -1, -1]),
        offsets(old, 3),
        np.array([t for _, t in old], np.int64),
        offsets(new, 4),
        np.array([t for _, t in new], np.int64),
    )
    places = [(u, t, 0, i) for i, (u, t) in enumerate(old) if u != 2]
    places += [(u, t, 1, len(old) + i) for i, (u, t) in enumerate(new)]
    assert gather.tolist() == [p[3] for p in sorted(places)]
    assert found.tolist() == [sum(p[0] < n for p in places) for n in range(5)]


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from([0, 0, 1, 16, 17, 33, 2**64 - 1, 2**63]), max_size=60))
def test_keys_are_numbered_by_first_appearance(keys: list[int]) -> None:
    codes, distinct = dense_codes(np.array(keys, np.uint64))
    seen = list(dict.fromkeys(k for k in keys if k))
    assert codes.tolist() == [0 if k == 0 else seen.index(k) + 1 for k in keys]
    assert distinct.tolist() == seen


@given(st.lists(st.integers(-(10**18), 10**18)), st.sampled_from([1, 10, 100, 10_000]))
def test_rounding_equals_that_of_exact_fractions(values: list[int], minor: int) -> None:
    from fractions import Fraction

    assert round_half_even(np.array(values, np.int64), minor).tolist() == [round(Fraction(v, minor)) for v in values]


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 2**64 - 1) | st.integers(2**63, 2**63 + 40), max_size=60), st.data())
def test_ids_are_found_by_their_hashes(hashes: set[int], data: st.DataObject) -> None:
    known = sorted(hashes)
    numbers = list(range(100, 100 + len(known)))
    ids = IdMap.of(np.array(known, np.uint64), np.array(numbers, np.int32))
    wanted = data.draw(st.lists(st.sampled_from([*known, 0, 1, 2**63, 2**64 - 1])))
    expected = [100 + known.index(w) if w in hashes else -1 for w in wanted]
    assert ids.look_up(np.array(wanted, np.uint64)).tolist() == expected
