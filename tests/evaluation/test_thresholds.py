"""Thresholds: the best there is by trying all, what is expected comes about, and what cannot be is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.evaluation.thresholds import Costs, from_capacity, from_cost, from_precision

probabilities = st.lists(st.integers(0, 20).map(lambda n: n / 20), min_size=1, max_size=30)
COUPON = Costs(hit_value=20, action_cost=2)


def test_by_hand() -> None:
    p = [0.05, 0.1, 0.3, 0.6]
    decision = from_cost(p, COUPON)
    assert decision.threshold == 0.1  # 2 / 20: at it acting neither gains nor loses
    assert decision.select(p).tolist() == [False, True, True, True]
    assert (decision.selected, decision.users) == (3, 4)
    assert decision.expected_hits == pytest.approx(1.0)
    assert decision.expected_profit == pytest.approx(1.0 * 20 - 3 * 2)
    assert decision.expected_precision == pytest.approx(1 / 3)
    assert decision.expected_recall == pytest.approx(1 / 1.05)
    assert decision.profit_of_none == 0
    dear_misses = from_cost(p, Costs(20, 2, miss_cost=20))
    assert dear_misses.threshold == 0.05
    assert dear_misses.expected_profit == pytest.approx(1.05 * 20 - 4 * 2)
    assert dear_misses.profit_of_none == pytest.approx(-1.05 * 20)


@given(probabilities, st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
def test_no_other_threshold_is_expected_to_bring_more(p: list[float], value: int, miss: int, cost: int) -> None:
    costs = Costs(value, cost, miss)
    positives = sum(p)
    tried = {
        t: costs.profit(sum(x >= t for x in p), sum(x for x in p if x >= t), positives) for t in (*set(p), math.inf)
    }
    if max(p) < costs.break_even:
        assert max(tried.values()) == pytest.approx(tried[math.inf])
        with pytest.raises(InputError, match="pays for nobody"):
            from_cost(p, costs)
        return
    decision = from_cost(p, costs)
    assert decision.expected_profit == pytest.approx(max(tried.values()))
    assert decision.selected == decision.select(p).sum()


@given(probabilities, st.integers(1, 40), st.integers(0, 5))
def test_a_capacity_is_used_and_never_passed(p: list[float], capacity: int, seed: int) -> None:
    decision = from_capacity(p, capacity)
    taken = decision.select(p, seed=seed)
    assert taken.sum() == decision.selected == min(capacity, len(p))
    best = sorted(p, reverse=True)[:capacity]
    assert sorted(np.array(p)[taken], reverse=True) == best
    assert decision.expected_hits == pytest.approx(sum(best))
    assert decision.expected_profit is None


def test_a_lot_among_equals_favours_nobody() -> None:
    p = [0.9, *[0.4] * 10]
    decision = from_capacity(p, 4)
    assert (decision.threshold, decision.share_of_equals) == (0.4, 0.3)
    often = np.mean([decision.select(p, seed=seed) for seed in range(2000)], axis=0)
    assert often[0] == 1
    assert often[1:] == pytest.approx([0.3] * 10, abs=0.05)
    assert (decision.select(p, seed=3) == decision.select(p, seed=3)).all()


def test_a_capacity_with_costs_leaves_places_free_where_acting_loses() -> None:
    p = [0.05, 0.08, 0.3, 0.6]
    assert from_capacity(p, 3, COUPON).selected == 2
    assert from_capacity(p, 3, COUPON).rule == "capacity"
    assert from_capacity(p, 3).selected == 3
    assert from_capacity(p, 1, COUPON).expected_profit == pytest.approx(0.6 * 20 - 2)


@given(probabilities, st.integers(1, 20))
def test_a_precision_is_kept_by_as_many_as_can_be(p: list[float], wanted: int) -> None:
    precision = wanted / 20
    if max(p) < precision:
        with pytest.raises(InputError, match="cannot be reached: the highest probability"):
            from_precision(p, precision)
        return
    decision = from_precision(p, precision)
    taken = np.array(p)[decision.select(p)]
    assert taken.mean() >= precision - 1e-9
    assert decision.expected_precision == pytest.approx(taken.mean())
    lower = [x for x in p if x < decision.threshold]
    if lower:  # taking those with the next lower probability too would break it
        assert np.array([x for x in p if x >= max(lower)]).mean() < precision


def test_what_is_expected_of_true_probabilities_comes_about() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(0.5, 4, 50_000)
    y = rng.random(50_000) < p
    for decision in (from_cost(p, COUPON), from_capacity(p, 5_000, COUPON), from_precision(p, 0.3, COUPON)):
        came = decision.outcome(p, y)
        assert came.selected == decision.selected
        assert came.hits == pytest.approx(decision.expected_hits, rel=0.03)
        assert came.profit == pytest.approx(decision.expected_profit, rel=0.05)
        assert came.precision == pytest.approx(decision.expected_precision, rel=0.03)
    assert math.isnan(from_cost([0.9], COUPON).outcome([0.01], [0]).precision)
    assert from_precision([0.9], 0.5).outcome([0.9], [1]).profit is None


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda: from_cost([0.01, 0.03], COUPON),
            "from a probability of 0.1 on, and the highest is 0.03: .* 0.6 would",
        ),
        (lambda: from_cost([1.0], Costs(1, 2)), "from a probability of 2 on"),
        (lambda: from_cost([], COUPON), "at least one row"),
        (lambda: from_cost([1.4], COUPON), "calibrate scores first"),
        (lambda: from_capacity([0.1], 0), "capacity = 0"),
        (lambda: from_capacity([0.01], 1, COUPON), "pays for nobody"),
        (lambda: from_precision([0.1, 0.2], 0.3), "highest probability is 0.2; ask for at most that"),
        (lambda: from_precision([0.1], 30), "precision = 30; give a share"),
        (lambda: Costs(20, 0), "needs no threshold"),
        (lambda: Costs(0, 1), "nothing is gained by a hit"),
        (lambda: Costs(-1, 1), "give finite numbers from 0"),
        (lambda: Costs(math.nan, 1), "give finite numbers from 0"),
    ],
)
def test_refusals_say_what_to_do(ask: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask()
