"""Predictions beside rivals: cutoffs hide what is later, verdicts are right, true chances are what people then do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

Load = Callable[[str], ModuleType]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CDNOW's two files, of customers who buy at steady rates of their own and some of whom leave."""
    folder = tmp_path / "data"
    (folder / "cdnow").mkdir(parents=True)
    rng = np.random.default_rng(0)
    master, sample = [], []
    start = np.datetime64("1997-01-01")
    for customer in range(1, 901):
        rate, day, end = rng.gamma(1, 1 / 30), int(rng.integers(0, 80)), int(rng.exponential(500))
        while day < min(545, 80 + end):
            date = str(start + np.timedelta64(day, "D")).replace("-", "")
            value = rng.gamma(3, 8)
            master.append(f" {customer:05d} {date}  1  {value:.2f}")
            sample.append(f" {customer:05d} {customer:04d} {date}  1  {value:.2f}")
            day += 1 + int(rng.exponential(1 / rate))
    (folder / "cdnow" / "CDNOW_master.txt").write_text("\n".join(master) + "\n")
    (folder / "cdnow" / "CDNOW_sample.txt").write_text("\n".join(sample) + "\n")
    monkeypatch.setenv("FOOTFALL_DATA", str(folder))
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_a_log_is_asked_at_its_cutoffs_and_becomes_a_table(load: Load, tmp_path: Path) -> None:
    more = ["--work", str(tmp_path / "w"), "--records", str(tmp_path / "r")]
    few = ["--families", "constant", "linear", "--tasks", "purchase", "value", "--seeds", "0", "1", "--cutoffs", "2"]
    assert load("predict").main(["--data", "cdnow", *few, *more]) == 0
    (made,) = load("_records").read("predict", tmp_path / "r")
    assert str(tmp_path) not in json.dumps(made)
    (found,) = made["sets"]
    assert [(each["task"], each["back"]) for each in found["questions"]] == [
        ("purchase", 0), ("value", 0), ("purchase", 1), ("value", 1),
    ]  # fmt: skip
    first, _, second, _ = found["questions"]
    # The horizon that judges a horizon earlier is the one that calibrated before.
    assert first["rates"][-2]["rate"] == pytest.approx(second["rates"][-1]["rate"], abs=0.02)
    names = {tool["tool"] for tool in first["tools"]}
    assert names == {"constant", "linear", "lightgbm", "lightgbm_all", "bg_nbd"}
    assert {aim["met"] for aim in found["targets"]} == {None}  # a try judges nothing
    whole = {**made, "tried": {}}
    (tmp_path / "s").mkdir()
    load("_records").write(whole, tmp_path / "s")
    table = load("_predict_table").predict(tmp_path / "s", load("table").grid)
    assert "### CDNOW, all customers" in table
    assert "| **linear** | " in table
    assert load("_predict_table").predict(tmp_path / "r", load("table").grid) == "No record yet."


def told(n: int = 4000) -> tuple[Any, Any]:
    rng = np.random.default_rng(1)
    chance = rng.beta(1, 4, n)
    return (rng.random(n) < chance).astype(np.float64), chance


def test_differences_are_paired_and_know_which_way_is_better(load: Load) -> None:
    judge = load("_predict_judge")
    labels, chance = told()
    noisy = np.clip(chance + np.random.default_rng(2).normal(0, 0.2, len(chance)), 0.01, 0.99)
    good, bad = judge.Said.of("binary", labels, [chance, chance]), judge.Said.of("binary", labels, [noisy])
    for metric in ("AUROC", "AP", "LogLoss"):
        assert judge._verdict(good.less(bad, metric), metric) == "better"  # noqa: SLF001
        assert judge._verdict(bad.less(good, metric), metric) == "worse"  # noqa: SLF001
        same = good.less(good, metric)
        assert (same.mean, same.low, same.high) == (0, 0, 0)
        assert judge._verdict(same, metric) == "equal"  # noqa: SLF001


def test_metrics_of_seeds_are_averaged(load: Load) -> None:
    judge = load("_predict_judge")
    labels, chance = told(500)
    other = np.roll(chance, 1)
    both, one, two = (judge.Said.of("binary", labels, said) for said in ([chance, other], [chance], [other]))
    for metric in ("AUROC", "LogLoss"):
        assert both.values[metric] == pytest.approx((one.values[metric] + two.values[metric]) / 2)
        np.testing.assert_allclose(both.drawn[metric], (one.drawn[metric] + two.drawn[metric]) / 2)


def test_the_champion_is_chosen_before_the_horizon_that_judges(load: Load) -> None:
    entrants = [
        {"name": "a", "worth": -0.5}, {"name": "a", "worth": -0.1}, {"name": "b", "worth": -0.2},
        {"name": "b", "worth": -0.2}, {"name": "rival"}, {"name": "c", "worth": None},
    ]  # fmt: skip
    assert load("_predict_judge")._champion(entrants) == "b"  # noqa: SLF001


@pytest.mark.usefixtures("home")
def test_the_rule_is_chosen_without_a_look_at_what_is_judged(load: Load) -> None:
    clv = load("_predict_clv")
    days = clv.read()
    known = [[day for day in each if day <= clv.END] for each in days]
    rule = clv.RULES["trees, median"]
    assert len(known) > 700
    whole = rule(days, clv.END, days, clv.END, clv.WEEKS, 0)
    np.testing.assert_array_equal(whole, rule(known, clv.END, known, clv.END, clv.WEEKS, 0))
    assert clv.came([[1, 3, 8, 9]], 1, 1).tolist() == [2.0]
    assert [each.tolist() for each in clv.summary([[1, 3, 8, 9]], 8)] == [[2.0], [1.0], [1.0]]


def test_thresholds_and_folds(load: Load) -> None:
    shoppers = load("_predict_shoppers")
    labels, chance = told(1000)
    fold = shoppers.folds(labels, 10, 0)
    shares = [labels[fold == held].mean() for held in range(10)]
    assert max(shares) - min(shares) < 0.02
    assert np.bincount(fold).min() >= 98
    at = shoppers.threshold("F1", labels, chance)
    best = max(shoppers.decisions(labels, chance >= value)["F1"] for value in np.linspace(0.05, 0.95, 181))
    assert shoppers.decisions(labels, chance >= at)["F1"] > best - 0.03
    assert shoppers.decisions(np.array([1.0, 1, 0]), np.array([True, False, True])) == {"Accuracy": 1 / 3, "F1": 0.5}


@pytest.mark.slow
def test_true_chances_are_what_people_then_do(load: Load, tmp_path: Path) -> None:
    """Of the simulated shop: the mean is right in tenths of the chance, and the lives up to the cutoff are the same."""
    import pyarrow.parquet as pq

    data, oracle = load("_predict_data"), load("_predict_oracle")
    from footfall.simulator import simulate

    simulate(tmp_path / "simulation", **data.wanted(2000))
    plan = oracle.planned(tmp_path, 2000)
    users = pq.read_table(tmp_path / "simulation" / "truth" / "users.parquet")["user_id"].to_pylist()
    events = pq.read_table(min((tmp_path / "simulation").glob("events-*.parquet")))
    kinds, who = events["event_type"].to_pylist(), events["user_id"].to_pylist()
    day = (events["timestamp"].cast("int64").to_numpy() // 86_400_000_000) - (plan.start.toordinal() - 719_163)
    named = {name for name, at in zip(who, day.tolist(), strict=True) if name and at < 112}
    bought = {n for n, kind, at in zip(who, kinds, day.tolist(), strict=True) if kind == "purchase" and at >= 112}
    found = oracle.chances(plan, named, 112, 126, 60)
    assert set(found) <= set(users)
    asked = sorted(set(found) & {name for name in who if name})
    chance = np.array([found[name] for name in asked])
    label = np.array([name in bought for name in asked], np.float64)
    assert ((chance >= 0) & (chance <= 1)).all()
    for said in chance.T:
        deviation = np.sqrt((said * (1 - said)).sum())
        assert abs(label.sum() - said.sum()) < 4 * deviation
    again = oracle.chances(plan, named, 112, 126, 60)
    assert again == found
