"""TIFU-KNN by hand, against plain loops in exact fractions, and what it takes for a basket."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.recommenders.tifu_knn import TifuKnn

Make = Callable[..., Sequences]
N_CODES = 7
basket = st.lists(st.integers(0, N_CODES - 1), min_size=1, max_size=3)
shoppers = st.lists(st.lists(basket, max_size=4), max_size=5)


def sequences(users: list[list[list[int]]], *, who: int | None = None, by: str = "order") -> Sequences:
    """Make sequences of users' baskets; ``who`` is the ``user_idx`` of the first."""
    flat = [(code, number) for user in users for number, items in enumerate(user, 1) for code in items]
    lengths = [sum(map(len, user)) for user in users]
    numbers = np.array([number for _, number in flat], np.int64)
    return Sequences(
        offsets=np.cumsum([0, *lengths]).astype(np.int64),
        item=np.array([code for code, _ in flat], np.int32),
        n_codes=N_CODES,
        order=numbers.astype(np.int32) if by == "order" else None,
        timestamp_us=numbers * 1_000 if by == "timestamp" else None,
        user_idx=None if who is None else np.arange(who, who + len(users)),
    )


def vector(user: list[list[int]], m: int, r_b: Fraction, r_g: Fraction) -> dict[int, Fraction]:
    """Follow section 4.1 of the paper, basket by basket."""
    baskets = [{c for c in items if c >= FIRST_CODE} for items in user]
    baskets = [items for items in baskets if items]
    groups = []
    while baskets:
        groups.append(baskets[-m:])
        baskets = baskets[:-m]
    result = {c: Fraction(0) for c in range(FIRST_CODE, N_CODES)}
    for group_age, group in enumerate(groups):
        for age, items in enumerate(reversed(group)):
            for code in items:
                result[code] += r_b**age / len(group) * r_g**group_age / len(groups)
    return result


def test_by_hand(make: Make) -> None:
    # Baskets, oldest first: {3}, {3, 4}, {5}. In twos from the end: [{3}], [{3, 4}, {5}].
    # Newest group: (0.9 * {3, 4} + {5}) / 2; older: {3} / 1, times 0.7; both over 2 groups.
    own = make([[3, 3, 4, 5]], 6, orders=[[8, 2, 2, 9]])
    model = TifuKnn(group_size=2, alpha=1.0).fit(own)
    np.testing.assert_allclose(model.scores(own)[0, 3:], [(0.45 + 0.7) / 2, 0.45 / 2, 0.5 / 2])


def test_neighbours_by_hand(make: Make) -> None:
    # The history has {3}; the nearest two of three have {3} and {3, 4} (distances 0 and 1; {5, 6} is at root 3).
    train = make([[3], [5, 6], [3, 4]], 7, orders=[[1], [1, 1], [1, 1]])
    scores = TifuKnn(nearest=2, alpha=0.6).fit(train).scores(make([[3]], 7, orders=[[1]]))
    np.testing.assert_allclose(scores[0, 3:], [0.6 + 0.4 * (1 + 1) / 2, 0.4 * 1 / 2, 0, 0])


@pytest.mark.parametrize("by", ["order", "timestamp"])
@given(
    train=shoppers, asked=shoppers, nearest=st.integers(1, 4), m=st.integers(1, 2), who=st.sampled_from([None, 0, 2])
)
@settings(max_examples=60)
def test_as_plain_loops(
    by: str, train: list[list[list[int]]], asked: list[list[list[int]]], nearest: int, m: int, who: int | None
) -> None:
    half = Fraction(1, 2)
    users = {n: vector(user, m, half, half) for n, user in enumerate(train)}
    users = {n: v for n, v in users.items() if any(v.values())}
    model = TifuKnn(group_size=m, within_decay=0.5, group_decay=0.5, nearest=nearest, alpha=0.75, basket_by=by)  # type: ignore[arg-type]
    got = model.fit(sequences(train, who=0, by=by)).scores(sequences(asked, who=who, by=by))
    for row, user in enumerate(asked):
        own = vector(user, m, half, half)
        others = [n for n in users if who is None or n != who + row]
        others.sort(key=lambda n: (sum((users[n][c] - own[c]) ** 2 for c in own), n))
        near = others[:nearest]
        for code in own:
            mean = sum((users[n][code] for n in near), Fraction(0)) / max(1, len(near))
            expected = Fraction(3, 4) * own[code] + Fraction(1, 4) * mean
            np.testing.assert_allclose(got[row, code], float(expected), rtol=1e-5, atol=1e-9)


def test_many_baskets_in_groups_of_seven() -> None:
    user = [[3 + n % 4] for n in range(25)]
    expected = vector(user, 7, Fraction(9, 10), Fraction(7, 10))
    own = sequences([user])
    scores = TifuKnn(alpha=1.0).fit(own).scores(own)
    np.testing.assert_allclose(scores[0, 3:], [float(expected[c]) for c in range(3, 7)], rtol=1e-5)


def test_what_is_a_basket(make: Make) -> None:
    # Two events of order 4, one of none; without orders, moments tell.
    given_ = make([[3, 4, 5]], 6, orders=[[4, 4, 0]], times=[[1, 2, 2]])
    np.testing.assert_allclose(TifuKnn(alpha=1).fit(given_).scores(given_)[0, 3:], [1, 1, 0])
    by_time = TifuKnn(alpha=1, basket_by="timestamp").fit(given_).scores(given_)[0, 3:]
    np.testing.assert_allclose(by_time, [0.9 / 2, 1 / 2, 1 / 2])
    no_orders = make([[3, 4, 5]], 6, orders=[[0, 0, 0]], times=[[1, 2, 2]])
    np.testing.assert_allclose(TifuKnn(alpha=1).fit(no_orders).scores(no_orders)[0, 3:], by_time)


def test_baskets_cannot_be_told(make: Make) -> None:
    plain, ordered = make([[3]], 4), make([[3]], 4, orders=[[1]])
    with pytest.raises(InputError, match="'tifu_knn' needs order or timestamp_us to tell baskets apart"):
        TifuKnn().fit(plain)
    with pytest.raises(InputError, match="needs order to tell"):
        TifuKnn(basket_by="order").fit(plain)
    with pytest.raises(InputError, match="needs order to tell"):
        TifuKnn().fit(ordered).scores(plain)
