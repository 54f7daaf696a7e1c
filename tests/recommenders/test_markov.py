"""Markov by hand, against plain loops, and on planted transitions."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.recommenders.markov import Markov

Make = Callable[..., Sequences]
N_CODES = 8
rows = st.lists(st.lists(st.integers(0, N_CODES - 1), max_size=9), max_size=5)


def test_by_hand(make: Make) -> None:
    # 3 > 4 at gap 1, 3 > 5 at gap 2 (1/2), 4 > 5 at gap 1, and 3 > 5 at gap 1 of the other user.
    fitted = Markov().fit(make([[3, 4, 5], [3, 5]], 7))
    scores = fitted.scores(make([[4, 3]], 7))[0]
    out_3, popular_4, popular_5 = 1 + 1.5, 1 + 1, 2 + 1
    np.testing.assert_allclose(scores[4], 1 / math.sqrt(out_3 * popular_4), rtol=1e-5)
    np.testing.assert_allclose(
        scores[5], 1.5 / math.sqrt(out_3 * popular_5) + 0.6 / math.sqrt(1 * popular_5), rtol=1e-5
    )
    np.testing.assert_allclose(scores[[3, 6]], [1e-7 * math.log(2 + 1), 0], rtol=1e-5)


@given(
    rows,
    rows,
    st.lists(st.sampled_from([0.25, 0.5, 1.0]), min_size=1, max_size=4),
    st.integers(1, 4),
    st.sampled_from([0.5, 0.6, 1.0]),
)
def test_as_plain_loops(
    users: list[list[int]], asked: list[list[int]], gap_weights: list[float], last: int, decay: float
) -> None:
    moves: defaultdict[tuple[int, int], float] = defaultdict(float)
    out: defaultdict[int, float] = defaultdict(float)
    popular: Counter[int] = Counter()
    for user in users:
        items = [code for code in user if code >= FIRST_CODE]
        popular.update(items)
        for at, a in enumerate(items):
            for gap, weight in enumerate(gap_weights, 1):
                if at + gap < len(items):
                    moves[a, items[at + gap]] += weight
                    out[a] += weight
    model = Markov(gap_weights=tuple(gap_weights), last=last, decay=decay).fit(_sequences(users))
    scores = model.scores(_sequences(asked))
    for row, user in zip(scores, asked, strict=True):
        items = [code for code in user if code >= FIRST_CODE][-last:]
        for b in range(FIRST_CODE, N_CODES):
            expected = 1e-7 * math.log(popular[b] + 1)
            for age, a in enumerate(reversed(items)):
                if (a, b) in moves:
                    expected += decay**age * moves[a, b] / math.sqrt(out[a] * (popular[b] + 1))
            np.testing.assert_allclose(row[b], expected, rtol=1e-5, atol=1e-9)


def test_planted_transitions_are_found(make: Make) -> None:
    # Item c is followed by c + 1 in four of five cases, and by anything otherwise.
    rng = np.random.default_rng(0)
    n_codes = FIRST_CODE + 50
    users = []
    for _ in range(400):
        user = [int(rng.integers(FIRST_CODE, n_codes))]
        for _ in range(9):
            follows = FIRST_CODE + (user[-1] - FIRST_CODE + 1) % 50
            user.append(follows if rng.random() < 0.8 else int(rng.integers(FIRST_CODE, n_codes)))
        users.append(user)
    scores = Markov().fit(make(users, n_codes)).scores(make([[code] for code in range(FIRST_CODE, n_codes)], n_codes))
    np.testing.assert_array_equal(scores.argmax(1), FIRST_CODE + (np.arange(50) + 1) % 50)


def test_popularity_breaks_ties(make: Make) -> None:
    scores = Markov().fit(make([[5, 5], [4]], 7)).scores(make([[]], 7))[0]
    assert scores[5] > scores[4] > scores[3] == scores[6]


def _sequences(users: list[list[int]]) -> Sequences:
    flat = np.array([code for user in users for code in user], np.int32)
    return Sequences(np.cumsum([0, *map(len, users)]).astype(np.int64), flat, N_CODES)
