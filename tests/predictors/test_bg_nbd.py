"""BG/NBD and gamma-gamma: the published figures of CDNOW, planted truths, simulation, and slow integrals."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special, stats

from footfall.errors import InputError
from footfall.predictors._likelihood import Likelihood
from footfall.predictors._purchases import _integral, expected
from footfall.predictors.bg_nbd import BgNbd, GammaGamma, _likelihood
from footfall.predictors.gamma_gamma import _likelihood as value_likelihood

Float64 = npt.NDArray[np.float64]
PUBLISHED = BgNbd(0.243, 4.414, 0.793, 2.426)
SHOP = BgNbd(0.8, 6.0, 0.9, 3.0)
CALIBRATION_END = dt.date(1997, 9, 30)
WEEKS_AFTER = 39


@pytest.fixture(scope="module")
def cdnow(shared_data: Path) -> dict[str, Float64]:
    """The 2,357 customers in weeks: purchases of one day are one."""
    path = shared_data / "cdnow" / "CDNOW_sample.txt"
    if not path.is_file():
        pytest.skip(f"real data not found at {path}")
    days: dict[str, dict[int, float]] = {}
    for line in path.read_text().splitlines():
        _, customer, date, _, value = line.split()
        day = dt.datetime.strptime(date, "%Y%m%d").date().toordinal()  # noqa: DTZ007 - a day has no zone
        days.setdefault(customer, {})
        days[customer][day] = days[customer].get(day, 0) + float(value)
    end = CALIBRATION_END.toordinal()
    rows = []
    for bought in days.values():
        known = sorted(day for day in bought if day <= end)
        later = sum(end < day <= end + 7 * WEEKS_AFTER for day in bought)
        spent = float(np.mean([bought[day] for day in known[1:]])) if len(known) > 1 else 0
        rows.append((len(known) - 1, (known[-1] - known[0]) / 7, (end - known[0]) / 7, later, spent))
    return dict(zip(("frequency", "recency", "age", "later", "mean_value"), np.array(rows).T, strict=True))


@pytest.fixture(scope="module")
def fitted(cdnow: dict[str, Float64]) -> BgNbd:
    return BgNbd.fit(cdnow["frequency"], cdnow["recency"], cdnow["age"])


def lives(model: BgNbd, rows: int, seed: int, until: Float64) -> tuple[list[Float64], Float64]:
    """Live out customers by the story of the model; return each one's repeat purchases up to ``until``, and rates."""
    rng = np.random.default_rng(seed)
    rate, leave = rng.gamma(model.r, 1 / model.alpha, rows), rng.beta(model.a, model.b, rows)
    times = []
    for customer in range(rows):
        now, bought = 0.0, []
        while True:
            now += rng.exponential(1 / max(rate[customer], 1e-300))
            if now > until[customer]:
                break
            bought.append(now)
            if rng.random() < leave[customer]:
                break
        times.append(np.array(bought))
    return times, rate


def past_of(times: list[Float64], age: Float64) -> tuple[Float64, Float64]:
    known = [bought[bought <= now] for bought, now in zip(times, age, strict=True)]
    return np.array([float(len(k)) for k in known]), np.array([k[-1] if len(k) else 0.0 for k in known])


def test_cdnow_gives_the_published_parameters(fitted: BgNbd) -> None:
    """Fader, Hardie and Lee 2005, table 2."""
    assert fitted.customers == 2357
    assert (fitted.r, fitted.alpha, fitted.a, fitted.b) == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=0.001)
    assert fitted.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    assert fitted.notes == ()


def test_cdnow_weeks_40_to_78(cdnow: dict[str, Float64], fitted: BgNbd) -> None:
    """The paper's section 4: the forecast of all repeat purchases up to week 78 is 4 % too low; its figure 4."""
    x = cdnow["frequency"]
    assert (x.sum(), cdnow["later"].sum()) == (2457, 1882)
    in_all = fitted.expected_purchases(cdnow["age"] + WEEKS_AFTER).sum()
    assert in_all / (2457 + 1882) == pytest.approx(0.96, abs=0.005)
    foretold = fitted.expected_purchases_of(x, cdnow["recency"], cdnow["age"], WEEKS_AFTER)
    assert foretold.sum() == pytest.approx(1653.4, abs=1)
    groups = [np.minimum(x, 7) == count for count in range(8)]
    assert [cdnow["later"][group].mean() for group in groups] == pytest.approx(
        [0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359], abs=0.001
    )
    assert [foretold[group].mean() for group in groups] == pytest.approx(
        [0.225, 0.523, 1.044, 1.520, 2.164, 2.654, 3.504, 6.157], abs=0.001
    )


def test_what_other_implementations_print(cdnow: dict[str, Float64], fitted: BgNbd) -> None:
    """R's BTYD: 1.444 in a year, 25.756 for customer 1516; Hardie's spreadsheet: 1.226; BTYDplus: mean P(alive)."""
    assert fitted.expected_purchases(52) == pytest.approx(1.4440, abs=1e-4)
    assert fitted.expected_purchases_of([26], [216 / 7], [31], 52) == pytest.approx([25.7565], abs=1e-3)
    assert fitted.expected_purchases_of([2], [30.43], [38.86], 39) == pytest.approx([1.226], abs=1e-3)
    alive = fitted.probability_alive(cdnow["frequency"], cdnow["recency"], cdnow["age"])
    assert (alive.mean(), np.quantile(alive, 0.25)) == pytest.approx((0.8134, 0.6604), abs=1e-3)


def test_the_unit_of_time_says_nothing(cdnow: dict[str, Float64], fitted: BgNbd) -> None:
    days = BgNbd.fit(cdnow["frequency"], cdnow["recency"] * 7, cdnow["age"] * 7)
    assert (days.r, days.alpha / 7, days.a, days.b) == pytest.approx(
        (fitted.r, fitted.alpha, fitted.a, fitted.b), rel=1e-3
    )
    assert days.log_likelihood == pytest.approx(fitted.log_likelihood - 2457 * math.log(7), abs=0.01)


def test_cdnow_values(cdnow: dict[str, Float64]) -> None:
    """Fader and Hardie 2013: p 6.25, q 3.74, gamma 15.44 over the 946 who bought again; a mean of 35.2."""
    values = GammaGamma.fit(cdnow["frequency"], cdnow["mean_value"])
    assert values.customers == 946
    assert (values.p, values.q, values.gamma) == pytest.approx((6.25, 3.74, 15.44), abs=0.01)
    assert values.expected_mean_value([0], [0]) == pytest.approx([35.17], abs=0.02)


def test_planted_parameters_are_found() -> None:
    age = np.random.default_rng(0).uniform(20, 60, 30_000)
    times, _ = lives(SHOP, 30_000, 1, age)
    found = BgNbd.fit(*past_of(times, age), age)
    assert (found.r, found.alpha, found.a, found.b) == pytest.approx((0.8, 6.0, 0.9, 3.0), rel=0.12)
    assert found.a / (found.a + found.b) == pytest.approx(0.9 / 3.9, rel=0.05)


def test_what_is_foretold_comes_about() -> None:
    """Simulated customers are grouped by what was foretold of them; each group does it, by law of large numbers."""
    rows, horizon = 40_000, 26.0
    age = np.full(rows, 30.0)
    times, _ = lives(SHOP, rows, 2, age + horizon)
    x, t_x = past_of(times, age)
    later = np.array([(bought > 30).sum() for bought in times])
    mean, chance = SHOP.expected_purchases_of(x, t_x, age, horizon), SHOP.probability_of_any(x, t_x, age, horizon)
    high = SHOP.quantile_of(x, t_x, age, horizon, 0.9)
    for part in np.array_split(np.argsort(mean, kind="stable"), 10):
        error = later[part].std() / math.sqrt(len(part))
        assert later[part].mean() == pytest.approx(mean[part].mean(), abs=4 * error)
    for part in np.array_split(np.argsort(chance, kind="stable"), 10):
        error = math.sqrt(chance[part].mean() * (1 - chance[part].mean()) / len(part))
        assert (later[part] > 0).mean() == pytest.approx(chance[part].mean(), abs=4 * error)
    assert (later <= high).mean() >= 0.9 - 0.005
    assert (later < high).mean() <= 0.9
    # of all together: new customers
    unknown = SHOP.expected_purchases(30.0)
    assert x.mean() == pytest.approx(float(unknown), abs=4 * x.std() / math.sqrt(rows))


parameter = st.floats(0.05, 8)


@settings(max_examples=40)
@given(parameter, parameter, parameter, parameter, st.floats(0.01, 200))
def test_expectation_is_the_integral_over_customers(r: float, alpha: float, a: float, b: float, t: float) -> None:
    """(1 - exp(-rate p t)) / p, over gamma rates in closed form, over beta p by quadrature with its ends as weight."""
    slow = integrate.quad(
        lambda p: -math.expm1(-r * math.log1p(p * t / alpha)) / p if p else r * t / alpha,
        0,
        1,
        weight="alg",
        wvar=(a - 1, b - 1),
        epsabs=1e-13,
        limit=200,
    )[0] / special.beta(a, b)
    assert BgNbd(r, alpha, a, b).expected_purchases(t) == pytest.approx(slow, rel=1e-5)


@pytest.mark.parametrize(("a", "b"), [(1.0, 2.0), (1.00005, 2.0), (0.4, 0.6), (0.4, 0.60005), (1.0, 1e-3)])
def test_where_the_formula_is_0_by_0(a: float, b: float) -> None:
    near = [float(BgNbd(0.5, 3, a + shift, b + shift).expected_purchases(20)) for shift in (-5e-4, 5e-4)]
    assert float(BgNbd(0.5, 3, a, b).expected_purchases(20)) == pytest.approx(np.mean(near), rel=1e-4)


def test_far_out_the_integral_takes_over() -> None:
    rng = np.random.default_rng(0)
    r, alpha, a, b = np.exp(rng.uniform(-9, 9, (4, 2000)))
    t = alpha * np.exp(rng.uniform(-6, 6, 2000))
    found = expected(r, alpha, a, b, t)
    assert (found >= -np.expm1(-r * np.log1p(t / alpha)) * (1 - 1e-6)).all()
    assert (found <= r * t / alpha * (1 + 1e-6)).all()
    usual = (np.abs(np.log([r, a, b])) < 4).all(0)
    assert found[usual] == pytest.approx(_integral(r, alpha, a, b, t)[usual], rel=1e-5)


def test_hundreds_of_purchases_overflow_nothing() -> None:
    x = np.array([0.0, 100, 500, 3000])
    expected = PUBLISHED.expected_purchases_of(x, np.where(x > 0, 50.0, 0), np.full(4, 50.0), 10)
    assert np.isfinite(expected).all()
    # with so many, the rate is nearly known, and leaving rare: about x / 50 a week
    assert expected[3] == pytest.approx((3000 + 0.243) / (50 + 4.414) * 10, rel=0.08)
    assert PUBLISHED.probability_alive([3000], [25], [50])[0] < 1e-12


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.floats(0, 1), st.floats(0.1, 100), st.floats(0, 60)), min_size=1, max_size=8
    ),
    st.tuples(parameter, parameter, parameter, parameter),
)
def test_laws(rows: list[tuple[int, float, float, float]], parameters: tuple[float, float, float, float]) -> None:
    model = BgNbd(*parameters)
    x, part, age, t = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    t_x = np.where(x > 0, part * age, 0)
    alive, some = model.probability_alive(x, t_x, age), model.probability_of_any(x, t_x, age, t)
    mean = model.expected_purchases_of(x, t_x, age, t)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert (alive[x == 0] == 1).all()
    assert (some <= alive + 1e-12).all()
    assert (some <= mean + 1e-6 * (1 + mean)).all()  # Markov: at least one, of so many expected
    assert (model.expected_purchases_of(x, t_x, age, t + 5) >= mean - 1e-6 * (1 + mean)).all()
    assert model.expected_purchases_of(x, t_x, age, 0) == pytest.approx(np.zeros(len(x)), abs=1e-9)
    low, high = (model.quantile_of(x, t_x, age, t, q) for q in (0.25, 0.75))
    assert (low <= high).all()
    assert ((high == 0) == (1 - some >= 0.75)).all()
    assert BgNbd.from_dict(json.loads(json.dumps(model.to_dict()))).to_dict() == model.to_dict()


def test_quantiles_are_those_of_the_paper() -> None:
    """Equation 8, chances of exactly x purchases of a new customer, added up."""
    r, alpha, a, b, t = 0.8, 6.0, 0.9, 3.0, 40.0
    z = t / (alpha + t)
    counts = np.arange(400)
    binomial = stats.nbinom.pmf(counts, r, 1 - z)
    left = np.where(counts > 0, special.beta(a + 1, b + counts - 1) / special.beta(a, b), 0)
    exact = special.beta(a, b + counts) / special.beta(a, b) * binomial
    exact += left * (1 - np.concatenate(([0], np.cumsum(binomial)[:-1])))
    assert exact.sum() == pytest.approx(1, abs=1e-3)
    assert (counts @ exact) == pytest.approx(float(SHOP.expected_purchases(t)), rel=2e-2)
    for q in (0.1, 0.5, 0.9, 0.99):
        # a customer of no age is a new one
        asked = SHOP.quantile_of([0], [0], [1e-12], t, q)
        assert asked.tolist() == [int(np.searchsorted(np.cumsum(exact), q))]


def test_gradients_are_those_of_finite_differences() -> None:
    x, t_x, age = np.array([0.0, 1, 4]), np.array([0.0, 3, 8]), np.array([9.0, 10, 12])
    count = np.array([5.0, 2, 1])
    asked: list[tuple[Likelihood, Float64]] = [
        (lambda p: _likelihood(p, x, t_x, age, count), np.array([0.7, 2.0, 0.6, 1.9])),
        (lambda p: value_likelihood(p, x[1:], np.array([3.0, 8.0])), np.array([2.0, 3.0, 5.0])),
    ]
    for likelihood, at in asked:
        step = 1e-6 * np.eye(len(at))
        slow = [(likelihood(at + h)[0] - likelihood(at - h)[0]) / 2e-6 for h in step]
        assert likelihood(at)[1] == pytest.approx(slow, rel=1e-5)


def test_a_penalty_draws_few_customers_to_the_middle() -> None:
    x, t_x, age = [0, 0, 1], [0, 0, 3], [10, 10, 10]
    free, held = BgNbd.fit(x, t_x, age), BgNbd.fit(x, t_x, age, penalty=0.1)
    assert any("ran to the edge" in note for note in free.notes)
    assert held.notes == ()
    far = [sum(abs(math.log(v)) for v in (m.r, m.alpha / 10, m.a, m.b)) for m in (free, held)]
    assert far[1] < far[0]
    assert BgNbd.from_dict(json.loads(json.dumps(free.to_dict()))) == free


def test_planted_values_are_found_and_shrunk() -> None:
    rng = np.random.default_rng(3)
    p, q, gamma = 4.0, 3.0, 20.0
    x = rng.integers(1, 8, 30_000).astype(float)
    nu = rng.gamma(q, 1 / gamma, 30_000)
    mean = rng.gamma(p * x, 1 / nu) / x
    found = GammaGamma.fit(x, mean)
    assert (found.p, found.q, found.gamma) == pytest.approx((p, q, gamma), rel=0.05)
    expected = found.expected_mean_value(x, mean)
    for part in np.array_split(np.argsort(expected), 10):  # the truth of a customer is p / nu
        assert (p / nu[part]).mean() == pytest.approx(expected[part].mean(), rel=0.05)
    overall = p * gamma / (q - 1)
    own = found.expected_mean_value([0, 1, 1000], [0, 100, 100])
    assert own[0] == pytest.approx(overall, rel=0.05)
    assert overall < own[1] < own[2] < 100
    assert GammaGamma.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert found.notes == ()
    assert "Spearman +" in GammaGamma.fit(x, mean * x).notes[0]
    assert GammaGamma.fit(x, mean / 100).gamma == pytest.approx(found.gamma / 100, rel=1e-3)


def test_nobody_to_ask_about() -> None:
    assert PUBLISHED.expected_purchases_of([], [], [], 5).shape == (0,)
    assert PUBLISHED.quantile_of([], [], [], 5, 0.5).shape == (0,)
    assert GammaGamma(6, 4, 15).expected_mean_value([], []).shape == (0,)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: BgNbd.fit([0, 0], [0, 0], [5, 6]), "none of 2 customers bought again"),
        (lambda: BgNbd.fit([], [], []), "none of 0 customers"),
        (lambda: BgNbd.fit([1], [2], [5], penalty=-1), "penalty = -1"),
        (lambda: BgNbd.fit([1.5], [2], [5]), "whole number of repeat purchases"),
        (lambda: BgNbd.fit([1, 1], [2, 7], [5, 6]), "1 of 2 customers, the first with frequency 1, recency 7, age 6"),
        (lambda: BgNbd.fit([0], [2], [5]), "recency is 0 without a repeat purchase"),
        (lambda: BgNbd.fit([0], [0], [0]), "age is above 0"),
        (lambda: BgNbd.fit([1], [1, 2], [5]), "recency of shape"),
        (lambda: BgNbd.fit([], [1], []), "recency for 1 customers, and frequency for none"),
        (lambda: BgNbd(0, 1, 1, 1), "r = 0; a parameter"),
        (lambda: PUBLISHED.expected_purchases(-1), "horizon = -1"),
        (lambda: PUBLISHED.expected_purchases("soon"), "horizon = 'soon'"),
        (lambda: PUBLISHED.expected_purchases_of([1], [1], [2], [5, 6]), r"shape \[2\] for 1 customers; give one for"),
        (lambda: GammaGamma.fit([1], ["much"]), "mean values are not numbers"),
        (lambda: PUBLISHED.quantile_of([1], [1], [2], 5, 90), "quantile = 90"),
        (lambda: BgNbd.from_dict({"r": 1}), "BgNbd cannot be read"),
        (lambda: GammaGamma.fit([0], [3]), "no customer has a purchase"),
        (lambda: GammaGamma.fit([1, 2], [3, 0]), "mean values from 0"),
        (lambda: GammaGamma.fit([1, 2], [3]), "mean values of shape"),
        (lambda: GammaGamma.fit([-1], [3]), "frequency from -1"),
        (lambda: GammaGamma(6, 0.9, 15).expected_mean_value([0], [0]), "there is no mean for customers"),
        (lambda: GammaGamma.from_dict({"p": "x", "customers": 1, "notes": []}), "GammaGamma cannot be read"),
    ],
)
def test_refusals_say_what_to_do(ask: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask()
