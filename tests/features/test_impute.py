"""Imputation: values by hand, what was filled is said, and nothing is learned from outside the training rows."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.features.impute import STRATEGIES, Filled, Imputer, ImputeSpec, Strategy, fit

NAN = math.nan
DAY_US = 86_400_000_000
FAR = 10**18


def fill(imputer: Imputer, values: npt.ArrayLike, columns: list[str], **given_: Any) -> Filled:
    """Fill rows of one user, one day apart, unless told otherwise."""
    if imputer.spec.strategy == "interpolate":
        rows = len(np.asarray(values))
        given_ = {"user": np.zeros(rows, int), "time_us": np.arange(rows) * DAY_US, "cutoff_us": FAR} | given_
    return imputer.fill(values, columns, **given_)


def test_mean_and_median_come_from_training_rows() -> None:
    train = [[1.0, 10.0], [2.0, NAN], [6.0, 30.0]]
    rows = [[NAN, NAN], [100.0, NAN]]
    by_mean = fit(train, ["age", "spend"], ImputeSpec("mean")).fill(rows, ["age", "spend"])
    assert by_mean.values.tolist() == [[3.0, 20.0], [100.0, 20.0]]  # (1 + 2 + 6) / 3, (10 + 30) / 2
    assert by_mean.filled.tolist() == [[True, True], [False, True]]
    by_median = fit(train, ["age", "spend"]).fill(rows, ["age", "spend"])
    assert by_median.values.tolist() == [[2.0, 20.0], [100.0, 20.0]]


def test_interpolation_is_linear_in_the_users_own_time() -> None:
    imputer = fit([[5.0], [7.0], [100.0]], ["x"], ImputeSpec("interpolate"))
    # User 1 has 10 at day 0 and 40 at day 3, so 20 at day 1; before the first and after the last, the nearest.
    # User 2 knows nothing: the training median, 7. The rows are given out of order.
    user = [1, 2, 1, 1, 1, 1]
    day = [3, 1, 0, 1, -5, 9]
    values = [[40.0], [NAN], [10.0], [NAN], [NAN], [NAN]]
    filled = imputer.fill(values, ["x"], user=user, time_us=np.array(day) * DAY_US, cutoff_us=FAR)
    assert filled.values[:, 0].tolist() == [40.0, 7.0, 10.0, 20.0, 10.0, 40.0]
    assert filled.filled[:, 0].tolist() == [False, True, False, True, True, True]


def test_interpolation_carries_on_after_the_cutoff() -> None:
    imputer = fit([[0.0]], ["x"], ImputeSpec("interpolate"))
    values = [[1.0], [NAN], [NAN], [NAN], [9.0], [NAN]]
    filled = fill(imputer, values, ["x"], cutoff_us=3 * DAY_US)
    # Days 1 and 2 may not see the 9 of day 4; day 3, from the cutoff on, carries the 1; day 5 carries the 9.
    assert filled.values[:, 0].tolist() == [1.0, 1.0, 1.0, 1.0, 9.0, 9.0]


def test_a_model_finds_a_planted_line() -> None:
    x = np.linspace(0, 1, 200)
    train = np.column_stack((x, 3 * x + 1))
    by_model = fit(train, ["x", "y"], ImputeSpec("iterative")).fill([[0.5, NAN], [NAN, 2.5]], ["x", "y"])
    assert by_model.values == pytest.approx(np.array([[0.5, 2.5], [0.5, 2.5]]), abs=0.05)


def test_neighbours_are_near_whatever_the_units() -> None:
    # The first column decides: near 0 the answer is 1, near 10 it is 9. The second is noise in a large unit.
    train = [[0.0, 5e6, 1.0], [0.1, 1e6, 1.0], [10.0, 5e6, 9.0], [10.1, 1e6, 9.0]]
    imputer = fit(train, ["a", "noise", "answer"], ImputeSpec("knn", neighbours=2))
    filled = imputer.fill([[0.05, 3e6, NAN], [10.05, 3e6, NAN]], ["a", "noise", "answer"])
    assert filled.values[:, 2] == pytest.approx([1.0, 9.0])


def test_a_model_that_does_not_settle_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("footfall.features.impute.MOST_ROUNDS", 1)
    rng = np.random.default_rng(0)
    train = rng.normal(size=(60, 3)) @ rng.normal(size=(3, 3))
    train[rng.random(train.shape) < 0.3] = NAN
    imputer = fit(train, ["a", "b", "c"], ImputeSpec("iterative"))
    assert imputer.notes == ("the iterative model still moved after 1 rounds; compare with knn or median",)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_rows_do_not_move_each_other_and_known_numbers_stay(strategy: Strategy) -> None:
    rng = np.random.default_rng(1)
    train = rng.normal(size=(50, 3))
    train[rng.random(train.shape) < 0.2] = NAN
    columns = ["a", "b", "c"]
    imputer = fit(train, columns, ImputeSpec(strategy))
    rows = rng.normal(size=(6, 3))
    rows[rng.random(rows.shape) < 0.4] = NAN
    users = {"user": np.arange(6), "time_us": np.zeros(6, int)} if strategy == "interpolate" else {}
    filled = fill(imputer, rows, columns, **users)
    known = ~np.isnan(rows)
    assert np.array_equal(filled.filled, ~known)
    assert np.array_equal(filled.values[known], rows[known])
    assert np.isfinite(filled.values).all()
    alone = np.vstack([fill(imputer, rows[[i]], columns).values for i in range(6)])
    assert alone == pytest.approx(filled.values)
    assert fill(imputer, np.empty((0, 3)), columns).values.shape == (0, 3)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 8), st.one_of(st.none(), st.integers(-9, 9))), max_size=20
    ),
    cutoff=st.integers(0, 9),
)
def test_the_twin_agrees_and_the_future_moves_nothing(rows: list[tuple[int, int, int | None]], cutoff: int) -> None:
    imputer = fit([[50.0]], ["x"], ImputeSpec("interpolate"))
    rows = sorted(rows, key=lambda row: row[1])

    def values_of(given_: list[tuple[int, int, int | None]]) -> list[float]:
        values = np.array([[NAN if v is None else v] for _, _, v in given_], float).reshape(-1, 1)
        user, time = [u for u, _, _ in given_], [t for _, t, _ in given_]
        filled = imputer.fill(values, ["x"], user=user, time_us=time, cutoff_us=cutoff)
        return [float(value) for value in filled.values[:, 0]]

    expected = []
    for place, (user, time, value) in enumerate(rows):
        before = [(t, v) for u, t, v in rows[:place] if u == user and v is not None]
        after = [(t, v) for u, t, v in rows[place + 1 :] if u == user and v is not None and t < cutoff]
        if time >= cutoff:
            after = []
        if value is not None:
            expected.append(float(value))
        elif before and after:
            (t0, v0), (t1, v1) = before[-1], after[0]
            expected.append(v0 + (v1 - v0) * (time - t0) / (t1 - t0) if t1 > t0 else float(v0))
        elif before or after:
            expected.append(float((before[-1:] or after)[0][1]))
        else:
            expected.append(50.0)
    assert values_of(rows) == pytest.approx(expected)
    changed = [(u, t, v if t < cutoff else 7) for u, t, v in rows]
    early = [place for place, (_, t, _) in enumerate(rows) if t < cutoff]
    assert [values_of(changed)[i] for i in early] == pytest.approx([expected[i] for i in early])


@pytest.mark.parametrize(
    ("values", "columns", "message"),
    [
        (
            [[1.0, NAN], [2.0, NAN]],
            ["age", "spend"],
            "no known value in the training rows of: spend; leave the column out",
        ),
        (np.empty((0, 1)), ["age"], "no known value in the training rows of: age"),
        ([[1.0, math.inf]], ["age", "spend"], "infinite values in: spend; give finite numbers, NaN if missing"),
        ([1.0, 2.0], ["age"], "values of shape [2] for 1 columns; give an array [rows, 1]"),
        ([[1.0, 2.0]], ["age"], "values of shape [1, 2] for 1 columns"),
        ([[1.0, 2.0]], ["age", "age"], "columns = ['age', 'age'] cannot be used; give each column a name of its own"),
        ([[1.0]], "a", "columns = 'a' cannot be used"),
        ([["much"]], ["age"], "values that are not numbers"),
    ],
)
def test_bad_training_rows(values: Any, columns: Any, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        fit(values, columns)


def test_bad_settings() -> None:
    with pytest.raises(InputError, match=re.escape("unknown strategy 'mode'; did you mean 'mean'")):
        ImputeSpec("mode")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="neighbours = 0 cannot be used; accepted: a whole number from 1"):
        ImputeSpec("knn", neighbours=0)


def test_bad_rows_to_fill() -> None:
    imputer = fit([[1.0, 2.0]], ["a", "b"], ImputeSpec("interpolate"))
    with pytest.raises(InputError, match="given: b, a; accepted, in this order: a, b"):
        imputer.fill([[1.0, 2.0]], ["b", "a"])
    with pytest.raises(InputError, match="interpolate needs user, time_us and cutoff_us"):
        imputer.fill([[1.0, 2.0]], ["a", "b"])
    with pytest.raises(InputError, match=re.escape("user of shape [2], int64; give 1 integers, one per row")):
        imputer.fill([[1.0, 2.0]], ["a", "b"], user=[1, 2], time_us=[0], cutoff_us=0)
    with pytest.raises(InputError, match=re.escape("time_us of shape [1], float64; give 1 integers")):
        imputer.fill([[1.0, 2.0]], ["a", "b"], user=[1], time_us=[0.5], cutoff_us=0)
