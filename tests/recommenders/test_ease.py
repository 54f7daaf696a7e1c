"""EASE against the closed form in plain NumPy, by its optimality, and on too large a catalogue."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.recommenders.ease import Ease

Make = Callable[..., Sequences]
N_CODES = 9
rows = st.lists(st.lists(st.integers(0, N_CODES - 1), max_size=8), min_size=1, max_size=6)


def multi_hot(users: list[list[int]]) -> npt.NDArray[np.float64]:
    x = np.zeros((len(users), N_CODES - FIRST_CODE))
    for row, user in enumerate(users):
        for code in user:
            if code >= FIRST_CODE:
                x[row, code - FIRST_CODE] = 1
    return x


@given(rows, rows, st.sampled_from([0.5, 10.0, 250.0]))
@settings(max_examples=50)
def test_as_the_closed_form(users: list[list[int]], asked: list[list[int]], regularization: float) -> None:
    x = multi_hot(users)
    inverse = np.linalg.inv(x.T @ x + regularization * np.eye(x.shape[1]))
    weights = np.eye(x.shape[1]) - inverse / np.diag(inverse)  # Steck's equation 8; the diagonal comes out as 0
    scores = Ease(regularization=regularization).fit(_sequences(users)).scores(_sequences(asked))
    np.testing.assert_allclose(scores[:, FIRST_CODE:], multi_hot(asked) @ weights, rtol=1e-3, atol=1e-5)


def test_two_items_by_hand(make: Make) -> None:
    # Item 3 is in both rows and 4 in one: G = [[2, 1], [1, 1]] and lambda 1 give [[3, 1], [1, 2]],
    # whose inverse is [[2, -1], [-1, 3]] / 5, so B[3, 4] = 1/3 and B[4, 3] = 1/2.
    scores = Ease(regularization=1.0).fit(make([[3, 4], [3, 3]], 5)).scores(make([[3], [4]], 5))
    np.testing.assert_allclose(scores[:, 3:], [[0, 1 / 3], [1 / 2, 0]], rtol=1e-5)


def test_too_many_items(make: Make) -> None:
    with pytest.raises(InputError, match=r"4 items with events would need .* the limit is max_items = 3; raise it"):
        Ease(max_items=3).fit(make([[3, 4, 5, 6]], 7))
    Ease(max_items=4).fit(make([[3, 4, 5, 6, 0]], 700))  # items without events cost nothing


def test_regularization_that_rounding_swallows(make: Make) -> None:
    with pytest.raises(InputError, match=r"regularization of recommender 'ease' is 1e-09, too little beside 9 hist"):
        Ease(regularization=1e-9).fit(make([[3, 4]] * 9, 5))


def _sequences(users: list[list[int]]) -> Sequences:
    flat = np.array([code for user in users for code in user], np.int32)
    return Sequences(np.cumsum([0, *map(len, users)]).astype(np.int64), flat, N_CODES)
