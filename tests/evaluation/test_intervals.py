"""Intervals: they hold the truth as often as they say, whichever way they are drawn; differences are of pairs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.evaluation import intervals
from footfall.evaluation.intervals import Interval, bootstrap, mean_by, paired_difference


@pytest.mark.parametrize("level", [0.8, 0.95])
@pytest.mark.parametrize("kind", ["normal", "rounded"])  # distinct values are drawn one by one; few by their counts
def test_the_interval_holds_the_true_mean_as_often_as_it_says(level: float, kind: str) -> None:
    rng = np.random.default_rng(11)
    trials, held = 400, 0
    for trial in range(trials):
        values = rng.normal(3, 2, 200)
        interval = bootstrap(np.round(values) if kind == "rounded" else values, seed=trial, repeats=400, level=level)
        held += interval.low <= 3 <= interval.high
    assert held / trials == pytest.approx(level, abs=4 * math.sqrt(level * (1 - level) / trials))


def test_the_interval_is_that_of_the_normal_law() -> None:
    values = np.random.default_rng(0).normal(10, 4, 10_000)
    interval = bootstrap(values, seed=1, repeats=4000)
    half = 1.96 * values.std() / 100
    assert interval.mean == pytest.approx(values.mean())
    assert (interval.low, interval.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=half / 10)


def test_both_ways_of_drawing_are_the_same_law(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(0, 5, 500) / 4
    by_count = bootstrap(values, seed=1, repeats=20_000)
    # one value in a million apart: nearly all distinct now, so that the cases themselves are drawn
    apart = bootstrap(values + np.arange(500) * 1e-9, seed=1, repeats=20_000)
    assert (by_count.low, by_count.high) == pytest.approx((apart.low, apart.high), abs=0.003)
    monkeypatch.setattr(intervals, "_AT_ONCE", 7)  # many small parts
    again = bootstrap(values, seed=1, repeats=20_000)
    assert (by_count.low, by_count.high) == pytest.approx((again.low, again.high), abs=0.003)


def test_hit_or_miss_by_the_binomial_law() -> None:
    """Of 100 cases with 30 hits a resample has Binomial(100, 0.3) hits; its quantiles are known."""
    interval = bootstrap([1.0] * 30 + [0.0] * 70, seed=0, repeats=20_000)
    assert (interval.mean, interval.low, interval.high) == pytest.approx((0.3, 0.21, 0.39))


@settings(deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.integers(0, 99))
def test_an_interval_lies_within_the_values_and_is_repeatable(values: list[float], seed: int) -> None:
    interval = bootstrap(values, seed=seed, repeats=50)
    assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9
    assert interval.mean == pytest.approx(sum(values) / len(values), abs=1e-9)
    assert bootstrap(values, seed=seed, repeats=50) == interval


def test_a_constant_has_no_width() -> None:
    interval = bootstrap(np.full(100, 0.25), seed=0)
    assert (interval.mean, interval.low, interval.high) == (0.25, 0.25, 0.25)
    assert str(interval) == "0.2500 [0.2500, 0.2500]"


def test_pairs_see_what_separate_intervals_hide() -> None:
    """Cases differ much from each other, and the first is a little better in all: only the pairs show it."""
    rng = np.random.default_rng(4)
    base = rng.random(300)
    better = base + rng.normal(0.01, 0.01, 300)
    one, other = bootstrap(better, seed=0), bootstrap(base, seed=0)
    assert one.low < other.high
    lead = paired_difference(better, base, seed=0)
    assert lead.above_zero
    assert lead.difference.mean == pytest.approx(better.mean() - base.mean())
    assert lead.lift is not None
    assert lead.lift.mean == pytest.approx(better.mean() / base.mean() - 1)
    assert lead.lift.low < lead.lift.mean < lead.lift.high


def test_a_pair_that_is_the_same_has_no_lead() -> None:
    values = np.random.default_rng(4).random(50)
    same = paired_difference(values, values, seed=0)
    assert same.difference == Interval(0, 0, 0)
    assert not same.above_zero
    assert same.lift == Interval(0, 0, 0)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40), st.integers(0, 9))
def test_a_difference_is_the_bootstrap_of_differences(pairs: list[tuple[int, int]], seed: int) -> None:
    a, b = np.array(pairs, np.float64).T
    one, turned = paired_difference(a, b, seed=seed, repeats=4000), paired_difference(b, a, seed=seed, repeats=4000)
    plain = bootstrap(a - b, seed=seed, repeats=4000)
    assert one.difference.mean == pytest.approx(plain.mean)
    sd = float((a - b).std()) / math.sqrt(len(a))
    assert (one.difference.low, one.difference.high) == pytest.approx((plain.low, plain.high), abs=0.35 * sd + 1e-9)
    assert one.difference.mean == pytest.approx(-turned.difference.mean)


def test_the_error_rate_of_a_lead_is_what_it_should_be() -> None:
    """Two recommenders that are equally good: the lower bound is above 0 in 2.5 per cent of the trials."""
    rng = np.random.default_rng(9)
    trials = 400
    wrong = sum(
        paired_difference(rng.normal(1, 1, 200), rng.normal(1, 1, 200), seed=t, repeats=400).above_zero
        for t in range(trials)
    )
    assert wrong / trials == pytest.approx(0.025, abs=4 * math.sqrt(0.025 * 0.975 / trials))


def test_there_is_no_lift_over_nothing() -> None:
    assert paired_difference([1.0, 1.0], [0.0, 0.0], seed=0).lift is None
    assert paired_difference([1.0] * 3, [1.0, 0.0, 0.0], seed=0).lift is None  # some resamples have none


def test_mean_by_users() -> None:
    assert mean_by([1, 0, 0.5, 1], np.array([7, 3, 7, 7])).tolist() == [0, 2.5 / 3]
    with pytest.raises(InputError, match="give one a case"):
        mean_by([1, 2], np.array([1]))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: bootstrap([], seed=0), "at least one"),
        (lambda: bootstrap([1, math.nan], seed=0), "one finite number a case"),
        (lambda: bootstrap(np.ones((2, 2)), seed=0), r"shape \[2, 2\]"),
        (lambda: bootstrap([1], seed=0, repeats=0), "repeats=0"),
        (lambda: bootstrap([1], seed=0, level=95), "level=95; .* e.g. 0.95"),
        (lambda: paired_difference([1], [1, 2], seed=0), "1 cases against 2"),
    ],
)
def test_refusals_say_what_to_do(ask: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask()
