"""Selection: which columns are left, by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.features.select import by_correlation, by_importance, by_variation
from footfall.features.table import FeatureTable

NAN = math.nan


def made(categories: dict[str, int] | None = None, **columns: list[float]) -> FeatureTable:
    values = np.array(list(columns.values()), np.float32).T
    return FeatureTable(tuple(columns), values, np.arange(len(values)), categories or {})


def test_columns_that_do_not_vary_are_left_out() -> None:
    table = made(one=[1, 1, 1], two=[1, 2, 1], gaps=[5, NAN, 5], nothing=[NAN, NAN, NAN])
    assert by_variation(table) == ("two", "gaps")


def test_of_each_pair_that_says_the_same_the_earlier_is_kept() -> None:
    x = [1.0, 2, 3, 4, 9]
    table = made({"code": 4}, a=x, code=x, minus=[-v for v in x], b=[1, 0, 0, 1, 0], flat=[0.1] * 5, flat_2=[0.1] * 5)
    assert by_correlation(table) == ("a", "code", "b", "flat", "flat_2")
    assert by_correlation(table, most=1) == ("a", "code", "minus", "b", "flat", "flat_2")
    worth = dict.fromkeys(table.names, 1.0) | {"minus": 2.0}
    assert by_correlation(table, importances=worth) == ("code", "minus", "b", "flat", "flat_2")


def test_missing_values_say_nothing() -> None:
    # About their means 2 and 3: (-1, 0, 1, 0) and (-1, -1, 0, 2), whose correlation is 1 / sqrt(2 * 6) = 0.29.
    table = made(a=[1, NAN, 3, 2], b=[2, 2, NAN, 5])
    assert by_correlation(table, most=0.3) == ("a", "b")
    assert by_correlation(table, most=0.28) == ("a",)


@given(st.integers(2, 6), st.integers(0, 1000), st.floats(0, 1))
def test_no_two_kept_columns_are_above_the_bound_and_each_dropped_one_has_a_reason(
    n: int, seed: int, most: float
) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(12, n)) @ rng.normal(size=(n, n))
    table = made(**{f"c{k}": values[:, k].tolist() for k in range(n)})
    kept = by_correlation(table, most=most)
    known = np.abs(np.corrcoef(table.values.astype(np.float64).T)).reshape(n, n)
    places = [table.names.index(name) for name in kept]
    assert all(known[i, j] <= most + 1e-9 for i in places for j in places if i != j)
    for dropped in set(range(n)) - set(places):
        assert any(known[dropped, i] > most - 1e-9 for i in places if i < dropped)


def test_the_fewest_columns_that_hold_a_share() -> None:
    worth = {"a": 1.0, "b": 6.0, "c": 0.0, "d": 2.0, "e": 1.0}
    assert by_importance(worth, share=0.6) == ("b",)
    assert by_importance(worth, share=0.8) == ("b", "d")
    assert by_importance(worth, share=0.81) == ("b", "d", "a")  # a and e are equal: the earlier one
    assert by_importance(worth, share=1) == ("b", "d", "a", "e")
    assert by_importance(worth, share=1, at_most=2) == ("b", "d")
    assert by_importance({"a": 0.0}) == ()
    assert by_importance({}) == ()
    assert len(by_importance({str(n): 0.1 for n in range(10)}, share=0.3)) == 3  # 0.1 + 0.1 + 0.1 > 0.3 * 1.0


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: by_correlation(made(a=[1.0]), most=1.5), "most = 1.5"),
        (lambda: by_correlation(made(a=[1.0]), importances={"b": 1}), "unknown feature 'a'.*every column"),
        (lambda: by_importance({"a": 1}, share=0), "share = 0"),
        (lambda: by_importance({"a": 1}, at_most=0), "at_most = 0"),
        (lambda: by_importance({"a": NAN, "b": -1}), "not numbers from 0: a, b"),
    ],
)
def test_refusals_say_what_to_do(ask: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask()
