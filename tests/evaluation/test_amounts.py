"""Amounts judged: by hand, by SciPy and scikit-learn, by slow twins."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as oracle

from footfall.errors import InputError
from footfall.evaluation.amounts import AmountEvaluation, coverage, gini, mae, pinball, rmse, spearman

Float64 = npt.NDArray[np.float64]
rows_of = st.lists(st.tuples(st.integers(0, 6), st.integers(-3, 3), st.integers(1, 3)), min_size=2, max_size=30)


def spenders(rows: int, seed: int) -> tuple[Float64, Float64]:
    """Return amounts, most of them 0, and means that they were drawn around."""
    rng = np.random.default_rng(seed)
    mean = rng.gamma(0.5, 20, rows)
    return np.where(rng.random(rows) < 0.4, rng.gamma(1.0, mean / 0.4 + 1e-9), 0), mean


def slow_gini(actual: Float64, predicted: Float64) -> float:
    """Return the area by the definition, between the diagonal and a curve that is straight over equals."""

    def area(order: Float64) -> float:
        x, y, twice = 0.0, 0.0, 0.0
        for value in sorted(set(order.tolist())):
            here = order == value
            x1, y1 = x + here.mean(), y + actual[here].sum() / actual.sum()
            twice += (x1 - x) * (y1 + y)
            x, y = x1, y1
        return 1 - twice

    return area(predicted) / area(actual)


@given(rows_of)
def test_twins_with_ties_and_weights(rows: list[tuple[int, int, int]]) -> None:
    a, f, w = (np.array(part, np.float64) for part in zip(*rows, strict=True))
    often = np.repeat(np.arange(len(a)), w.astype(int))  # a weight is that many rows
    assert mae(a, f, w) == pytest.approx(oracle.mean_absolute_error(a, f, sample_weight=w))
    assert rmse(a, f, w) == pytest.approx(oracle.root_mean_squared_error(a, f, sample_weight=w))
    assert pinball(a, f, 0.8, w) == pytest.approx(oracle.mean_pinball_loss(a, f, sample_weight=w, alpha=0.8))
    if len(set(a)) == 1:
        with pytest.raises(InputError, match="Gini needs amounts that differ"):
            gini(a, f, w)
        with pytest.raises(InputError, match="one of them is constant"):
            spearman(a, f, w)
        return
    assert gini(a, f, w) == pytest.approx(slow_gini(a[often], f[often]))
    if len(set(f)) > 1:
        twin = stats.spearmanr(a[often], f[often]).statistic
        assert spearman(a, f, w) == pytest.approx(twin, abs=1e-12)
        assert spearman(a[often], f[often]) == pytest.approx(twin, abs=1e-12)


def test_by_hand() -> None:
    assert gini([0, 0, 10], [1, 2, 3]) == 1
    assert gini([0, 0, 10], [3, 2, 1]) == -1
    assert gini([0, 0, 10], [5, 5, 5]) == 0  # a constant orders nothing
    assert gini([0, 0, 10], [1, 2, 2]) == pytest.approx(0.5)  # (2/3 - 0 - ...) halfway between first and second place
    assert spearman([1, 2, 3], [10, 30, 20]) == pytest.approx(0.5)
    assert pinball([10, 10], [6, 12], 0.9) == pytest.approx((0.9 * 4 + 0.1 * 2) / 2)
    assert coverage([1, 2, 3, 4], [1, 0, 4, 0], [1, 1, 5, 9]) == 0.5
    assert coverage([1, 2], [1, 0], [1, 1], [3, 1]) == 0.75


def test_gini_of_labels_is_twice_auroc_less_one() -> None:
    rng = np.random.default_rng(0)
    y = rng.random(500) < 0.2
    s = np.round(rng.normal(y, 1), 1)
    assert gini(y, s) == pytest.approx(2 * oracle.roc_auc_score(y, s) - 1)


def test_the_evaluation_agrees_with_its_parts() -> None:
    a, f = spenders(3000, 1)
    users = np.random.default_rng(0).integers(0, 1000, 3000)
    high = 2.3 * f
    judged = AmountEvaluation.of(a, f, users, 3, quantiles={0.9: high}, bands={0.8: (np.zeros(3000), high)})
    parts = {
        "Spearman": spearman(a, f),
        "Gini": gini(a, f),
        "MAE": mae(a, f),
        "RMSE": rmse(a, f),
        "Bias": (f - a).mean(),
        "Pinball@0.9": pinball(a, high, 0.9),
        "Coverage@0.8": coverage(a, np.zeros(3000), high),
        "Width@0.8": high.mean(),
    }
    assert {row.metric for row in judged.rows} == set(parts)
    for name, value in parts.items():
        around = judged.interval(name)
        assert around.mean == pytest.approx(value)
        assert around.low < around.mean < around.high
    assert judged.users == len(np.unique(users))
    assert judged == AmountEvaluation.of(a, f, users, 3, quantiles={0.9: high}, bands={0.8: (np.zeros(3000), high)})
    assert json.loads(judged.to_json())["deciles"][0]["decile"] == 1
    assert "bootstrap over users" in str(judged)


def test_resamples_are_the_metrics_of_drawn_rows() -> None:
    a, f = spenders(300, 2)
    f = np.round(f)
    judged = AmountEvaluation.of(a, f, repeats=2000)
    rng = np.random.default_rng(1)
    slow = []
    for _ in range(600):
        rows = rng.integers(0, 300, 300)
        slow.append((stats.spearmanr(a[rows], f[rows]).statistic, slow_gini(a[rows], f[rows])))
    for name, drawn in zip(("Spearman", "Gini"), np.array(slow).T, strict=True):
        low, high = np.quantile(drawn, [0.025, 0.975])
        around = judged.interval(name)
        assert (around.low, around.high) == pytest.approx((low, high), abs=0.15 * (high - low))


def test_deciles_go_down_and_hold_everything() -> None:
    a, f = spenders(5003, 3)
    judged = AmountEvaluation.of(a, f)
    assert sum(row.count for row in judged.deciles) == 5003
    assert sum(row.share_of_sum for row in judged.deciles) == pytest.approx(1)
    order = np.argsort(-f)
    first = judged.deciles[0]
    assert first.mean_actual == pytest.approx(a[order[: first.count]].mean())
    assert first.mean_predicted == pytest.approx(f[order[: first.count]].mean())
    assert first.actual_low < first.mean_actual < first.actual_high
    assert [row.mean_predicted for row in judged.deciles] == sorted(
        (row.mean_predicted for row in judged.deciles), reverse=True
    )


@given(rows_of, st.integers(0, 5))
def test_odd_rows_break_nothing(rows: list[tuple[int, int, int]], seed: int) -> None:
    a, f, users = (np.array(part, np.float64) for part in zip(*rows, strict=True))
    judged = AmountEvaluation.of(a, f, users, seed, repeats=20)
    assert sum(row.count for row in judged.deciles) == len(a)
    assert sum(row.count * row.mean_actual for row in judged.deciles) == pytest.approx(a.sum())
    assert sum(row.count * row.mean_predicted for row in judged.deciles) == pytest.approx(f.sum())
    # rows foretold alike are in each decile alike, whatever their order
    turned = AmountEvaluation.of(a[::-1], f[::-1], users[::-1], seed, repeats=20)
    assert [row.mean_actual for row in turned.deciles] == pytest.approx([row.mean_actual for row in judged.deciles])


def test_what_cannot_be_told_is_nan_and_said() -> None:
    nothing = AmountEvaluation.of(np.zeros(20), np.arange(20))
    assert math.isnan(nothing.interval("Gini").mean)
    assert math.isnan(nothing.interval("Spearman").low)
    assert math.isnan(nothing.deciles[0].share_of_sum)
    assert nothing.reasons == ("Spearman and Gini cannot be told: all 20 amounts that came are 0.",)
    refunds = AmountEvaluation.of([-5, 0, 9], [1, 2, 3])
    assert math.isnan(refunds.interval("Gini").mean)
    assert "begin at -5" in str(refunds)
    constant = AmountEvaluation.of([1, 0, 9], [2, 2, 2])
    assert (constant.interval("Gini").mean, "Spearman cannot be told" in constant.reasons[0]) == (0, True)


def test_twenty_thousand_rows_take_less_than_two_seconds() -> None:
    a, f = spenders(20_000, 0)
    users = np.random.default_rng(0).integers(0, 8000, 20_000)
    began = time.process_time()
    AmountEvaluation.of(a, f, users, repeats=200)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: mae([], []), "at least one row"),
        (lambda: mae([1, 2], [1]), "predicted amounts of shape"),
        (lambda: mae([1, math.nan], [1, 2]), "actual amounts: 1 of 2 are nan"),
        (lambda: gini([-1, 2], [1, 2]), "actual amounts from -1; shares of a sum need amounts from 0"),
        (lambda: pinball([1], [1], 90), "quantile = 90; .* e.g. 0.9"),
        (lambda: coverage([1, 2], [0, 3], [1, 2]), "1 of 2 intervals end below"),
        (lambda: AmountEvaluation.of([1], [1], quantiles={0.9: [1, 2]}), "quantile 0.9 of shape"),
        (lambda: AmountEvaluation.of([1], [1], level=95), "level=95"),
        (lambda: AmountEvaluation.of([1, 2], [1, 2]).interval("gini"), "unknown metric 'gini'"),
    ],
)
def test_refusals_say_what_to_do(ask: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask()
