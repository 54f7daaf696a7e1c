"""Calibration: twins of scikit-learn and SciPy, order kept, distortions undone, small samples told."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from footfall.errors import InputError
from footfall.evaluation.calibration import KINDS, Beta, Calibrator, Identity, Isotonic, Platt, chosen
from footfall.evaluation.probability import log_loss

Float64 = npt.NDArray[np.float64]


def distorted(rows: int, seed: int, a: float = 1.0, b: float = 1.0, c: float = 0.0) -> tuple[Float64, Float64, Float64]:
    """Return scores, labels, and the true probabilities: the beta curve of the scores."""
    rng = np.random.default_rng(seed)
    s = rng.beta(0.8, 2.5, rows)
    p = 1 / (1 + np.exp(-(c + a * np.log(s) - b * np.log(1 - s))))
    return s, (rng.random(rows) < p).astype(float), p


rows_of = st.lists(
    st.tuples(st.floats(0, 1), st.booleans(), st.sampled_from([0.0, 0.5, 1.0, 3.0])), min_size=2, max_size=40
)


@given(rows_of, st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_no_family_ever_turns_two_scores_round(rows: list[tuple[float, bool, float]], asked: list[float]) -> None:
    s, y, w = (np.array(part, np.float64) for part in zip(*rows, strict=True))
    queue = np.sort(np.concatenate((asked, s, np.nextafter(s, 0), np.nextafter(s, 1))))
    if len(set(y[w > 0])) < 2:
        for family in (Platt, Beta, Isotonic):
            with pytest.raises(InputError, match=r"both classes|not 0 to every row"):
                family.fit(s, y, w)
        return
    for fitted in (Identity.fit(s, y, w), Platt.fit(s, y, w), Beta.fit(s, y, w), Isotonic.fit(s, y, w)):
        p = fitted.apply(queue)
        assert (np.diff(p) >= 0).all()
        assert ((p >= 0) & (p <= 1)).all()
        assert isinstance(fitted, Identity) or ((p > 0) & (p < 1)).all()  # log loss stays finite
        read = Calibrator.from_dict(json.loads(json.dumps(fitted.to_dict())))
        assert type(read) is type(fitted)
        assert (read.apply(queue) == p).all()
        assert len(fitted.apply([])) == 0


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans(), st.integers(1, 3)), min_size=2, max_size=60))
def test_steps_are_those_of_scikit_learn(rows: list[tuple[int, bool, int]]) -> None:
    s, y, w = (np.array(part, np.float64) for part in zip(*rows, strict=True))
    if len(set(y)) < 2:
        return
    twin = IsotonicRegression(out_of_bounds="clip").fit(s, y, sample_weight=w).predict(np.unique(s))
    fitted = Isotonic.fit(s, y, w)
    edge = 0.5 / (1 + w.sum())
    levels = np.unique(np.round(np.clip(twin, edge, 1 - edge), 9))
    assert np.round(fitted.probabilities, 9) == pytest.approx(levels)
    often = np.repeat(np.arange(len(s)), w.astype(int))  # a weight is that many rows
    assert Isotonic.fit(s[often], y[often]).apply(s) == pytest.approx(fitted.apply(s))


def test_lines_between_the_centres_by_hand() -> None:
    # steps: {1, 2} at 0, {3, 4} at 1/2, {6} at 1; centres 1.5, 3.5, 6; ends at half a hit in one row more: .5 / 6
    fitted = Isotonic.fit([1, 2, 3, 4, 6], [0, 0, 1, 0, 1])
    assert fitted.centres.tolist() == [1.5, 3.5, 6]
    assert fitted.probabilities == pytest.approx([0.5 / 6, 0.5, 1 - 0.5 / 6])
    assert fitted.apply([-9, 1.5, 2.5, 3.5, 99]) == pytest.approx([1 / 12, 1 / 12, (1 / 12 + 0.5) / 2, 0.5, 11 / 12])


def test_platt_is_the_logistic_regression_to_its_targets() -> None:
    rng = np.random.default_rng(0)
    s = rng.normal(0, 30, 400)
    y = (rng.random(400) < 1 / (1 + np.exp(1 - s / 20))).astype(float)
    hits, misses = y.sum(), 400 - y.sum()
    target = np.where(y > 0, (hits + 1) / (hits + 2), 1 / (misses + 2))
    weight = np.concatenate((target, 1 - target))  # a soft target is two rows
    twin = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000)
    twin.fit(np.concatenate((s, s))[:, None] / 30, np.repeat([1, 0], 400), sample_weight=weight)
    fitted = Platt.fit(s, y)
    assert fitted.slope == pytest.approx(twin.coef_[0, 0] / 30, rel=1e-4)
    assert fitted.intercept == pytest.approx(twin.intercept_[0], rel=1e-4)


@pytest.mark.parametrize(("a", "b"), [(0.5, 1.7), (2.0, 0.0), (0.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)])
def test_beta_is_the_bounded_optimum(a: float, b: float) -> None:
    s, y, _ = distorted(2000, 1, a, b, -0.2)
    hits, misses = y.sum(), len(y) - y.sum()
    target = np.where(y > 0, (hits + 1) / (hits + 2), 1 / (misses + 2))

    def loss(parts: Float64) -> float:
        x = parts[2] + parts[0] * np.log(s) - parts[1] * np.log1p(-s)
        return float(np.mean(np.logaddexp(0, x) - target * x))

    twin = optimize.minimize(loss, [1, 1, 0], method="L-BFGS-B", bounds=[(0, None), (0, None), (None, None)])
    fitted = Beta.fit(s, y)
    assert min(fitted.a, fitted.b) >= 0
    assert loss(np.array([fitted.a, fitted.b, fitted.c])) <= twin.fun + 1e-8
    assert (fitted.a, fitted.b, fitted.c) == pytest.approx(twin.x, abs=2e-2)


def test_beta_finds_a_planted_distortion() -> None:
    s, y, p = distorted(200_000, 2, 0.6, 1.8, -0.5)
    fitted = Beta.fit(s, y)
    assert (fitted.a, fitted.b, fitted.c) == pytest.approx((0.6, 1.8, -0.5), abs=0.05)
    assert fitted.apply(s) == pytest.approx(p, abs=0.02)
    assert np.abs(Isotonic.fit(s, y).apply(s) - p).mean() < 0.01


def test_a_perfect_score_in_a_small_sample_is_no_certainty() -> None:
    for fitted in (Platt.fit([1, 2, 3, 4], [0, 0, 1, 1]), Beta.fit([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1])):
        low, high = fitted.apply([0, 1] if isinstance(fitted, Beta) else [1, 4])
        assert 0 < low < 0.3
        assert 0.7 < high < 1
    assert Isotonic.fit([1, 2, 3, 4], [0, 0, 1, 1]).apply([0, 9]) == pytest.approx([0.1, 0.9])


def test_constant_and_upside_down_scores_become_the_rate() -> None:
    y = [0, 0, 0, 1] * 25
    for fitted in (Platt.fit([3.0] * 100, y), Isotonic.fit([3.0] * 100, y)):
        assert fitted.apply([3.0]) == pytest.approx([0.25], abs=0.01)
    assert Beta.fit([0.3] * 100, y).apply([0.3]) == pytest.approx([0.25], abs=0.01)
    upside_down = Platt.fit(-np.array(y, float), y)
    assert upside_down.slope == 0
    assert upside_down.apply([-5, 5]) == pytest.approx([0.25, 0.25], abs=0.01)


def test_the_choice_undoes_what_is_wrong_and_leaves_what_is_right() -> None:
    s, y, _ = distorted(4000, 3)
    assert chosen(s, y, 0).kind == "identity"
    for a, b, c, kinds in ((1.0, 1.0, 1.5, {"platt"}), (0.3, 2.5, 0.0, {"beta"}), (1.8, 1.8, 0.0, {"platt"})):
        s, y, p = distorted(20_000, 4, a, b, c)
        choice = chosen(s, y, 0)
        assert choice.kind in kinds
        assert choice.calibrator.apply(s) == pytest.approx(p, abs=0.06)
        assert log_loss(y, choice.calibrator.apply(s)) < log_loss(y, s)
    steps = np.random.default_rng(0).random(20_000)
    labels = np.random.default_rng(1).random(20_000) < np.where(steps < 0.5, 0.1, np.where(steps < 0.6, 0.9, 0.95))
    assert chosen(steps, labels, 0).kind == "isotonic"
    kept = json.loads(chosen(steps, labels, 0).to_json())
    assert kept == json.loads(chosen(steps, labels, 0).to_json())
    assert isinstance(Calibrator.from_dict(kept["calibrator"]), Isotonic)


def test_the_choice_among_few_is_simple_and_says_so() -> None:
    s, y, _ = distorted(60, 5, 1.2, 0.9, 0.2)
    choice = chosen(s, y, 0)
    assert choice.kind in {"identity", "platt"}
    assert [row.kind for row in choice.rows] == ["identity", "platt", "beta", "isotonic"]
    one = chosen([0.1, 0.2, 0.3], [0, 0, 1], 0)
    assert (one.kind, one.folds) == ("identity", 0)
    assert "the rarer class has 1 of 3 rows" in str(one)
    assert math.isnan(one.rows[0].log_loss)
    assert chosen([-3.0, 2.0, 9.0], [0, 0, 1], 0).kind == "platt"
    assert chosen([0.1, 0.2], [0, 0], 0).kind == "identity"
    with pytest.raises(InputError, match="both classes"):
        chosen([-3.0, 2.0], [0, 0], 0)
    assert chosen([0.2, 0.4, 0.6, 0.8], [0, 1, 0, 1], 0).folds == 2


def test_scores_that_are_no_probabilities() -> None:
    rng = np.random.default_rng(0)
    s = rng.normal(0, 2, 3000)
    y = rng.random(3000) < 1 / (1 + np.exp(1 - s))
    choice = chosen(s, y, 0)
    assert [row.kind for row in choice.rows] == ["platt", "isotonic"]
    assert choice.kind == "platt"
    assert choice.calibrator.apply([0.0]) == pytest.approx([1 / (1 + math.e)], abs=0.03)
    assert chosen(y * 0.5, y, 0, probabilities=False).kind in {"platt", "isotonic"}
    with pytest.raises(InputError, match=r"numbers in \[0, 1\]"):
        chosen(s, y, 0, probabilities=True)


@settings(max_examples=15)
@given(rows_of, st.integers(0, 3))
def test_the_choice_breaks_on_nothing(rows: list[tuple[float, bool, float]], seed: int) -> None:
    s, y, w = (np.array(part, np.float64) for part in zip(*rows, strict=True))
    if not w.any():
        return
    choice = chosen(s, y, seed, w)
    p = choice.calibrator.apply(s)
    assert ((p >= 0) & (p <= 1)).all()


def test_weights_are_rows_in_the_fit() -> None:
    s, y, _ = distorted(300, 7, 0.5, 1.5, 0.3)
    w = np.random.default_rng(0).integers(0, 4, 300)
    often = np.repeat(np.arange(300), w)
    for family in (Platt, Beta, Isotonic):
        assert family.fit(s, y, w).apply(s) == pytest.approx(family.fit(s[often], y[often]).apply(s), abs=1e-6)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: Beta.fit([0.1, 1.2], [0, 1]), r"scores from 0.1 to 1.2; this calibration takes .* use Platt"),
        (lambda: Identity().apply([-0.1]), "scores from -0.1"),
        (lambda: Platt.fit([0.1, 0.2], [0, 1]).apply([math.inf]), "nan or infinite"),
        (lambda: Isotonic.fit([], []), "at least one row"),
        (lambda: Calibrator.from_dict({"kind": "bata"}), "did you mean 'beta'"),
        (lambda: Beta.from_dict({"kind": "platt", "slope": 1, "intercept": 0}), "Accepted: beta"),
        (lambda: Calibrator.from_dict({"kind": "beta", "a": 1}), "give what to_dict gave"),
        (lambda: Calibrator.from_dict({"kind": "isotonic", "centres": [2, 1], "probabilities": [0, 1]}), "ascend"),
    ],
)
def test_refusals_say_what_to_do(ask: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask()


def test_every_kind_has_its_name() -> None:
    assert [kind.kind for kind in KINDS] == ["identity", "platt", "beta", "isotonic"]
