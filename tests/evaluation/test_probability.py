"""Probabilities judged: by hand, by scikit-learn, by slow twins; intervals hold the truth as often as they say."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from footfall.errors import InputError
from footfall.evaluation.curves import gains, reliability, wilson
from footfall.evaluation.probability import (
    METRICS,
    ProbabilityEvaluation,
    auroc,
    average_precision,
    brier,
    compare,
    ece,
    log_loss,
)

Float64 = npt.NDArray[np.float64]


def shop(rows: int, seed: int, sharpness: float = 1.0) -> tuple[Float64, Float64]:
    """Return labels, and the probabilities they were drawn from."""
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(2 - sharpness * rng.normal(size=rows)))
    return (rng.random(rows) < p).astype(float), p


rows_of = st.lists(st.tuples(st.booleans(), st.integers(0, 8), st.integers(0, 3)), min_size=2, max_size=40)


@given(rows_of)
def test_twins_of_scikit_learn_with_ties_and_weights(rows: list[tuple[bool, int, int]]) -> None:
    y, p, w = (np.array(part, np.float64) for part in zip(*rows, strict=True))
    p /= 8
    if len(set(y[w > 0])) < 2:
        for metric in (auroc, average_precision):
            with pytest.raises(InputError, match=r"both classes|not 0 to every row"):
                metric(y, p, w)
        return
    assert auroc(y, p, w) == pytest.approx(oracle.roc_auc_score(y, p, sample_weight=w))
    assert average_precision(y, p, w) == pytest.approx(oracle.average_precision_score(y, p, sample_weight=w))
    assert log_loss(y, p, w) == pytest.approx(oracle.log_loss(y, p, sample_weight=w))
    assert brier(y, p, w) == pytest.approx(oracle.brier_score_loss(y, p, sample_weight=w))
    often = np.repeat(np.arange(len(y)), w.astype(int))  # a weight is that many rows
    for each in (auroc, average_precision, log_loss, brier, ece):
        assert each(y, p, w) == pytest.approx(each(y[often], p[often]))


def test_by_hand() -> None:
    y, p = [0, 1, 0, 1], [0.2, 0.2, 0.4, 0.8]
    assert auroc(y, p) == pytest.approx((1 / 2 + 0 + 1 + 1) / 4)
    assert average_precision(y, p) == pytest.approx(1 / 2 * 1 + 1 / 2 * 2 / 4)
    assert log_loss(y, p) == pytest.approx(-np.mean(np.log([0.8, 0.2, 0.6, 0.8])))
    assert brier(y, p) == pytest.approx((0.04 + 0.64 + 0.16 + 0.04) / 4)
    # two bins of mass 2: the equal ones together, |.4 - 1|; then |1.2 - 1|
    assert ece(y, p, bins=2) == pytest.approx((0.6 + 0.2) / 4)
    assert log_loss([1], [0]) == pytest.approx(-math.log(np.finfo(float).eps))


def test_ece_is_that_of_a_plain_loop_and_ties_are_never_parted() -> None:
    y, p = shop(1000, 3)
    order = np.argsort(p)
    slow = sum(abs(p[part].sum() - y[part].sum()) for part in np.array_split(order, 10)) / 1000
    assert ece(y, p, bins=10) == pytest.approx(slow)
    rounded = np.round(p, 1)
    assert ece(y, rounded, bins=10) == pytest.approx(ece(y[order], rounded[order], bins=10))
    assert ece(y, np.full(1000, y.mean())) == pytest.approx(0)
    assert ece(y, np.full(1000, y.mean() + 0.1)) == pytest.approx(0.1)


@given(rows_of, st.integers(1, 20))
def test_reliability_holds_every_row_once(rows: list[tuple[bool, int, int]], bins: int) -> None:
    y, p = np.array([r[0] for r in rows], float), np.array([r[1] for r in rows]) / 8
    drawn = reliability(y, p, bins=bins)
    assert sum(row.count for row in drawn) == len(y)
    assert sum(row.count * row.observed_rate for row in drawn) == pytest.approx(y.sum())
    assert sum(row.count * row.mean_probability for row in drawn) == pytest.approx(p.sum())
    assert len(drawn) <= bins
    for row, after in zip(drawn, (*drawn[1:], None), strict=True):
        assert row.lowest <= row.mean_probability <= row.highest
        assert 0 <= row.observed_low <= row.observed_rate <= row.observed_high <= 1
        assert after is None or row.highest < after.lowest
    far = sum(row.count * abs(row.mean_probability - row.observed_rate) for row in drawn)
    assert ece(y, p, bins=bins) == pytest.approx(far / len(y))


def test_wilson_is_that_of_scipy() -> None:
    from scipy.stats import binomtest

    for hits, count in ((0, 10), (3, 7), (40, 40), (1, 1000)):
        twin = binomtest(hits, count).proportion_ci(0.9, method="wilson")
        rate = wilson(hits, count, 0.9)
        assert (rate.low, rate.high) == pytest.approx((twin.low, twin.high), abs=1e-12)


def test_gains_by_hand() -> None:
    # the highest two are hits; of the three equal ones at .5 one is, so a cut after two of them expects 2/3
    y, s = [1, 1, 0, 1, 0, 0, 0, 0], [9, 8, 5, 5, 5, 1, 1, 0]
    rows = gains(y, s, parts=4)
    assert [row.count for row in rows] == [2, 4, 6, 8]
    assert [row.hits for row in rows] == pytest.approx([2, 2 + 2 / 3, 3, 3])
    assert [row.recall for row in rows] == pytest.approx([2 / 3, 8 / 9, 1, 1])
    assert [row.lift for row in rows] == pytest.approx([1 / (3 / 8), (8 / 3 / 4) / (3 / 8), 0.5 / (3 / 8), 1])
    assert [row.lowest_score for row in rows] == [8, 5, 1, 0]
    assert [row.lift for row in gains(y, np.ones(8))] == pytest.approx([1] * 8)  # a constant lifts nothing


def test_the_evaluation_agrees_with_its_parts_and_is_repeatable() -> None:
    y, p = shop(2000, 1)
    users = np.array([f"u{i % 700}" for i in range(2000)])
    judged = ProbabilityEvaluation.of(y, p, users, 5)
    assert judged == ProbabilityEvaluation.of(y, p, users, 5)
    values = (auroc(y, p), average_precision(y, p), log_loss(y, p), brier(y, p), ece(y, p))
    for name, value in zip(METRICS, values, strict=True):
        around = judged.interval(name)
        assert around.mean == pytest.approx(value)
        assert around.low < around.mean < around.high
    assert (judged.cases, judged.positives, judged.users) == (2000, int(y.sum()), 700)
    assert json.loads(judged.to_json())["rows"][0]["metric"] == "AUROC"
    assert "2,000 rows of 700 users" in str(judged)
    assert "bootstrap over users" in str(judged)


def test_resamples_are_the_metrics_of_drawn_rows() -> None:
    """The slow twin: draw users, lay their rows side by side, ask scikit-learn."""
    y, p = shop(300, 2)
    users = np.random.default_rng(0).integers(0, 100, 300)
    judged = ProbabilityEvaluation.of(y, p, users, 0, repeats=2000)
    rng = np.random.default_rng(1)
    of_user = [np.flatnonzero(users == user) for user in np.unique(users)]
    slow = []
    for _ in range(1000):
        rows = np.concatenate([of_user[u] for u in rng.integers(0, len(of_user), len(of_user))])
        slow.append((oracle.roc_auc_score(y[rows], p[rows]), oracle.average_precision_score(y[rows], p[rows])))
    for name, drawn in zip(("AUROC", "AP"), np.array(slow).T, strict=True):
        low, high = np.quantile(drawn, [0.025, 0.975])
        around = judged.interval(name)
        assert (around.low, around.high) == pytest.approx((low, high), abs=0.12 * (high - low))


def test_the_interval_of_auroc_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(8)
    truth = 0.76025  # of normal scores one deviation apart: the normal law at 1 / sqrt(2)
    held = 0
    for trial in range(200):
        y = (rng.random(300) < 0.3).astype(float)
        p = 1 / (1 + np.exp(-rng.normal(y, 1)))
        around = ProbabilityEvaluation.of(y, p, seed=trial, repeats=200).interval("AUROC")
        held += around.low <= truth <= around.high
    assert held / 200 == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 200))


def test_rows_of_one_user_are_no_independent_witnesses() -> None:
    y, p = shop(500, 6)
    often, users = np.repeat(np.arange(500), 8), np.repeat(np.arange(500), 8)
    by_row = ProbabilityEvaluation.of(y[often], p[often]).interval("AUROC")
    by_user = ProbabilityEvaluation.of(y[often], p[often], users).interval("AUROC")
    assert (by_user.high - by_user.low) / (by_row.high - by_row.low) == pytest.approx(math.sqrt(8), rel=0.25)


def test_chance_explains_the_ece_of_true_probabilities_and_not_that_of_others() -> None:
    inside = 0
    for seed in range(40):
        y, p = shop(1000, seed)
        judged = ProbabilityEvaluation.of(y, p, seed=seed, repeats=20)
        chance = judged.interval("ECEIfCalibrated")
        inside += chance.low <= judged.interval("ECE").mean <= chance.high
    assert inside >= 35
    y, p = shop(1000, 99)
    bold = ProbabilityEvaluation.of(y, np.clip(1.6 * p, 0, 1))
    assert bold.interval("ECE").low > bold.interval("ECEIfCalibrated").high


def test_pairs_see_what_separate_intervals_hide() -> None:
    y, p = shop(3000, 4)
    noisy = 1 / (1 + np.exp(-(np.log(p / (1 - p)) + np.random.default_rng(0).normal(0, 0.4, 3000))))
    good, bad = ProbabilityEvaluation.of(y, p), ProbabilityEvaluation.of(y, noisy)
    assert good.interval("AUROC").low < bad.interval("AUROC").high
    side = compare(y, p, noisy)
    assert {row.metric: row.better for row in side.rows}["AUROC"] == "first"
    loss = side.row("LogLoss")
    assert loss.better == "first"
    assert loss.high < 0
    assert loss.difference == pytest.approx(log_loss(y, p) - log_loss(y, noisy))
    assert compare(y, noisy, p).row("LogLoss").better == "second"
    assert {(row.low, row.high, row.better) for row in compare(y, p, p).rows} == {(0.0, 0.0, None)}
    with pytest.raises(InputError, match="unknown metric 'Logloss'"):
        side.row("Logloss")


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_told_and_no_half(label: int) -> None:
    judged = ProbabilityEvaluation.of(np.full(50, label), np.linspace(0.1, 0.9, 50))
    assert math.isnan(judged.interval("AUROC").mean)
    assert math.isnan(judged.interval("AP").low)
    assert math.isfinite(judged.interval("LogLoss").high)
    assert judged.reasons == (f"AUROC and AP cannot be told: all 50 labels are {label}.",)
    assert judged.gains == ()
    assert json.loads(judged.to_json())["rows"][0]["value"] is None
    assert math.isnan(compare(np.full(50, label), np.full(50, 0.5), np.linspace(0, 1, 50)).row("AUROC").low)
    for metric in (auroc, average_precision):
        with pytest.raises(InputError, match=f"all 50 labels are {label}; give more rows"):
            metric(np.full(50, label), np.linspace(0, 1, 50))


def test_one_positive_says_that_its_interval_is_too_narrow() -> None:
    judged = ProbabilityEvaluation.of([1, *[0] * 30], np.linspace(1, 0, 31))
    assert judged.interval("AUROC").mean == 1
    assert "resamples held one class only" in judged.reasons[0]


@settings(max_examples=30)
@given(rows_of, st.integers(0, 9))
def test_odd_rows_break_nothing(rows: list[tuple[bool, int, int]], seed: int) -> None:
    y, p, users = (np.array(part) for part in zip(*rows, strict=True))
    judged = ProbabilityEvaluation.of(y, p / 8, users, seed, repeats=20)
    for row in judged.rows[:4]:
        assert math.isnan(row.value) or not row.low > row.high
    one = ProbabilityEvaluation.of(y, np.full(len(y), 0.25), users, seed, repeats=20)  # a constant
    if 0 < y.sum() < len(y):
        assert one.interval("AUROC").mean == 0.5
        assert one.interval("AP").mean == pytest.approx(y.mean())


def test_twenty_thousand_rows_take_less_than_two_seconds() -> None:
    y, p = shop(20_000, 0)
    users = np.random.default_rng(0).integers(0, 8000, 20_000)
    ProbabilityEvaluation.of(y[:100], p[:100])
    began = time.process_time()
    ProbabilityEvaluation.of(y, p, users, repeats=200)
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: auroc([], []), "at least one row"),
        (lambda: auroc([0, 1], [0.1, math.nan]), "1 of 2 are nan or infinite"),
        (lambda: auroc([0, 2], [0.1, 0.2]), "labels hold 2; give 0"),
        (lambda: auroc([0, 1, 1], [0.1, 0.2]), r"labels of shape \[3\]; give one number a row, here 2"),
        (lambda: auroc(["a", "b"], [0.1, 0.2]), "labels are not numbers"),
        (lambda: brier([0, 1], [0.1, 1.2]), r"0.1 to 1.2; they lie in \[0, 1\]; calibrate"),
        (lambda: brier([0, 1], [0.1, 0.2], [-1, 2]), "weights from -1"),
        (lambda: ece([0, 1], [0.1, 0.2], bins=0), "bins = 0"),
        (lambda: ProbabilityEvaluation.of([0, 1], [0.1, 0.2], users=[1]), "users of shape"),
        (lambda: ProbabilityEvaluation.of([0, 1], [0.1, 0.2], repeats=0), "repeats=0"),
        (lambda: ProbabilityEvaluation.of([0, 1], [0.1, 0.2]).interval("AUC"), "did you mean 'AUROC'"),
        (lambda: gains([0, 1], [1, 2], parts=0), "parts = 0"),
        (lambda: wilson(3, 2), "3 hits of 2"),
    ],
)
def test_refusals_say_what_to_do(ask: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask()
