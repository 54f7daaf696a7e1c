"""The list policy: its probabilities against the sum over all rankings, and against what is drawn."""

from __future__ import annotations

import itertools
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.simulator.lists import draw_slate, marginals
from footfall.simulator.params import LIST_CANDIDATES
from footfall.simulator.rows import Array, buffers


def _marginals_loop(weight: Any, count: int, size: int, state: Any) -> None:
    marginals(weight, count, size, state[0])


def _draws_loop(rng: Any, weight: Any, count: int, size: int, state: Any, out: Any) -> None:
    for turn in range(len(out)):
        draw_slate(rng, weight, count, size, state[0])
        for k in range(size):
            out[turn, k] = state[0].slate[k]


_njit: Any = numba.njit  # not kept on disk: that would not see a change in the parts
_marginals, _draws = _njit(_marginals_loop), _njit(_draws_loop)


def _state() -> Array:
    return buffers(1, 1, 1, 1)[1]


def _probabilities(weights: list[float], size: int) -> Array:
    """[candidates, positions] by the kernel, one candidate at a time."""
    state = _state()
    padded = np.zeros(LIST_CANDIDATES)
    padded[: len(weights)] = weights
    out = np.zeros((len(weights), size))
    for i in range(len(weights)):
        state["slate"][0, :size] = i  # ask for i at every position
        _marginals(padded, len(weights), size, state)
        out[i] = state["slate_prob"][0, :size]
    return out


def _by_rankings(weights: list[float], size: int) -> Array:
    """The same from the definition: the probability of a ranking is the product of its draws."""
    out = np.zeros((len(weights), size))
    for ranking in itertools.permutations(range(len(weights)), size):
        left, probability = sum(weights), 1.0
        for i in ranking:
            probability *= weights[i] / left
            left -= weights[i]
        for k, i in enumerate(ranking):
            out[i, k] += probability
    return out


def test_two_candidates_by_hand() -> None:
    # weights 1 and 3: first place 1/4 and 3/4; second place the other way round
    assert _probabilities([1.0, 3.0], 2) == pytest.approx(np.array([[0.25, 0.75], [0.75, 0.25]]))


def test_three_candidates_by_hand() -> None:
    # weights 1, 2, 3; item 0 second: after item 1 (2/6) it is 1/4, after item 2 (3/6) it is 1/3
    assert _probabilities([1.0, 2.0, 3.0], 2)[0] == pytest.approx([1 / 6, 2 / 6 * 1 / 4 + 3 / 6 * 1 / 3])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.01, 20), min_size=1, max_size=6), st.data())
def test_probabilities_equal_the_sum_over_all_rankings(weights: list[float], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(weights)))
    got = _probabilities(weights, size)
    assert got == pytest.approx(_by_rankings(weights, size), rel=1e-9)
    assert got.sum(axis=0) == pytest.approx(np.ones(size))


def test_draws_come_as_often_as_their_probability_says() -> None:
    weights = [4.0, 2.0, 1.0, 1.0, 0.5]
    padded = np.zeros(LIST_CANDIDATES)
    padded[:5] = weights
    drawn = np.zeros((40_000, 3), np.int64)
    _draws(np.random.Generator(np.random.PCG64(5)), padded, 5, 3, _state(), drawn)
    assert all(len(set(slate)) == 3 for slate in drawn[:500].tolist())
    shares = np.stack([np.bincount(drawn[:, k], minlength=5) for k in range(3)], axis=1) / len(drawn)
    assert shares == pytest.approx(_by_rankings(weights, 3), abs=4 * 0.5 / np.sqrt(len(drawn)))  # 4 standard errors
