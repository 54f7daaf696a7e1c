"""Popularity by hand, and against plain sorting."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Scores
from footfall.recommenders.popularity import Popularity, PopularityRecent, PopularityUser, ranked

DAY = 86_400_000_000
Make = Callable[..., Sequences]
N_CODES = 9
rows = st.lists(st.lists(st.tuples(st.integers(0, N_CODES - 1), st.integers(0, 20)), max_size=8), max_size=5)


def best_first(scores: Scores) -> list[list[int]]:
    """Return items in groups of equal scores, the highest first, as sorted lists."""
    shown = {code: float(scores[code]) for code in range(FIRST_CODE, len(scores))}
    return [sorted(c for c in shown if shown[c] == value) for value in sorted(set(shown.values()), reverse=True)]


def grouped(key: Mapping[int, tuple[int, ...]]) -> list[list[int]]:
    return [sorted(c for c in key if key[c] == value) for value in sorted(set(key.values()), reverse=True)]


def test_all_time(make: Make) -> None:
    scores = Popularity().fit(make([[3, 4, 4], [4, 5, 0]], 7)).scores(make([[3], []], 7))
    np.testing.assert_array_equal(scores[:, 3:], [[1, 3, 1, 0]] * 2)


def test_of_late(make: Make) -> None:
    # The newest event is of day 10, so day 3 is still of late and day 2 is not. Item 5 had most events, none of late.
    train = make([[5, 5, 5, 4, 4], [3, 6, 3]], 8, times=[[0, 0, DAY, 2 * DAY, 3 * DAY], [3 * DAY, 3 * DAY, 10 * DAY]])
    scores = PopularityRecent().fit(train).scores(make([[]], 8))[0]
    np.testing.assert_allclose(scores[3:], [2 + 2 / 4, 1 + 2 / 4, 0 + 3 / 4, 1 + 1 / 4, 0])
    wider = PopularityRecent(window_days=9).fit(train).scores(make([[]], 8))[0]
    np.testing.assert_allclose(wider[3:], [2 + 2 / 4, 2 + 2 / 4, 1 + 3 / 4, 1 + 1 / 4, 0])


def test_of_late_needs_times(make: Make) -> None:
    with pytest.raises(InputError, match=r"'popularity_recent' needs timestamps.*use 'popularity'"):
        PopularityRecent().fit(make([[3]], 4))


def test_ones_own(make: Make) -> None:
    # 4 twice; 5 and 3 once, 3 later; 6 and 7 never, 7 more popular.
    fitted = PopularityUser().fit(make([[7, 7, 6, 4]], 9))
    scores = fitted.scores(make([[4, 5, 4, 3]], 9))[0]
    assert best_first(scores) == [[4], [3], [5], [7], [6], [8]]
    np.testing.assert_allclose(scores[3:], [1 + 3 / 4, 2 + 2 / 4, 1 + 1 / 4, 0.25, 0.5, 0], rtol=1e-6)


def test_ones_own_of_one_basket(make: Make) -> None:
    fitted = PopularityUser().fit(make([[5, 5, 4]], 6, times=[[1, 2, 3]]))
    asked = make([[5, 4, 3]], 6, times=[[7, 7, 7]])  # one moment: position says nothing, popularity does
    assert best_first(fitted.scores(asked)[0]) == [[5], [4], [3]]


@given(rows, st.integers(1, 9))
def test_of_late_as_plain_sorting(users: list[list[tuple[int, int]]], days: int) -> None:
    train = _sequences(users)
    known = [(code, day) for user in users for code, day in user if code >= FIRST_CODE]
    newest = max((day for _, day in known), default=0)
    ever = Counter(code for code, _ in known)
    recent = Counter(code for code, day in known if day >= newest - days)
    scores = PopularityRecent(window_days=days).fit(train).scores(train.take(np.zeros(min(1, len(train)), np.int64)))
    for row in scores:
        assert best_first(row) == grouped({c: (recent[c], ever[c]) for c in range(FIRST_CODE, N_CODES)})


@given(rows, rows)
def test_ones_own_as_plain_sorting(users: list[list[tuple[int, int]]], others: list[list[tuple[int, int]]]) -> None:
    asked = [sorted(user, key=lambda event: event[1]) for user in others]
    ever = Counter(code for user in users for code, _ in user)
    scores = PopularityUser().fit(_sequences(users)).scores(_sequences(asked))
    for row, user in zip(scores, asked, strict=True):
        often, last = Counter(code for code, _ in user), dict(user)
        key = {c: (often[c], last.get(c, -1), ever[c]) for c in range(FIRST_CODE, N_CODES)}
        assert best_first(row) == grouped(key)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10**6)), min_size=1))
def test_order_survives_rounding(keys: list[tuple[int, int]]) -> None:
    first, second = np.array(keys).T
    value = 2**24 + first.astype(np.float64)  # float32 knows no odd number here, and nothing of the second key
    got = ranked(value, first, second)
    assert got.dtype == np.float32
    assert np.abs(got - value).max() <= 2 * len(keys) + 2
    for a, key in enumerate(keys):
        for b, other in enumerate(keys):
            assert (got[a] > got[b]) == (key > other)


def _sequences(users: list[list[tuple[int, int]]]) -> Sequences:
    return Sequences(
        offsets=np.cumsum([0, *map(len, users)]).astype(np.int64),
        item=np.array([code for user in users for code, _ in user], np.int32),
        n_codes=N_CODES,
        timestamp_us=np.array([day * DAY for user in users for _, day in user], np.int64),
    )
