"""Fairness: unfairness that is planted is found, a fair shop is not warned, equal shares are equal, twins by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    equalized_odds_difference,
    false_positive_rate,
    selection_rate,
    true_positive_rate,
)
from fairlearn.postprocessing import ThresholdOptimizer
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin

from footfall.errors import InputError
from footfall.evaluation.fair_places import fair_places
from footfall.evaluation.fair_price import price
from footfall.evaluation.fairness import METRICS, SMALL, by_group, pooled
from footfall.evaluation.probability import auroc, average_precision, ece
from footfall.evaluation.thresholds import highest


def shop(users: int = 800, seed: int = 0, shares: tuple[float, ...] = (0.6, 0.3, 0.1)) -> tuple[Any, ...]:
    """True probabilities, whatever the group: labels, probabilities, the highest quarter, groups."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 3, users)
    names = rng.choice(list("abcdef")[: len(shares)], users, p=shares)
    return (rng.random(users) < p).astype(float), p, highest(p, users // 4), names


def test_by_group_metrics_are_those_of_fairlearn_and_of_one_group_alone() -> None:
    y, p, chosen, names = shop()
    found = by_group(y, p, chosen, names, repeats=20)
    assert [row.group for row in found.groups] == ["a", "b", "c"]
    twin = MetricFrame(
        metrics={"s": selection_rate, "t": true_positive_rate, "f": false_positive_rate},
        y_true=y.astype(int),
        y_pred=chosen.astype(int),
        sensitive_features=names,
    )
    for row in found.groups:
        assert tuple(row.metrics) == METRICS
        values = {name: around.mean for name, around in row.metrics.items()}
        inside = names == row.group
        expected = twin.by_group.loc[row.group]
        assert [values["selection_rate"], values["true_positive_rate"], values["false_positive_rate"]] == pytest.approx(
            expected.tolist()
        )
        assert values["rate"] == pytest.approx(y[inside].mean())
        assert values["mean_probability"] == pytest.approx(p[inside].mean())
        assert values["calibration"] == pytest.approx(p[inside].mean() / y[inside].mean())
        assert values["AUROC"] == pytest.approx(auroc(y[inside], p[inside]))
        assert values["AP"] == pytest.approx(average_precision(y[inside], p[inside]))
        assert values["ECE"] == pytest.approx(ece(y[inside], p[inside]))
        rest = auroc(y[~inside], p[~inside])
        assert row.against_rest["AUROC"].mean == pytest.approx(values["AUROC"] - rest)
        assert row.chosen == chosen[inside].sum()
        assert all(around.low <= around.mean <= around.high for name, around in row.metrics.items() if name != "ECE")
    rates = twin.by_group["s"]
    assert found.disparities["demographic_parity_difference"].mean == pytest.approx(rates.max() - rates.min())
    odds = equalized_odds_difference(y.astype(int), chosen.astype(int), sensitive_features=names)
    assert found.disparities["equalized_odds_difference"].mean == pytest.approx(odds)


def test_a_planted_unfairness_is_found_and_named() -> None:
    rng = np.random.default_rng(1)
    y, p, _, names = shop(2000, 1)
    lower = np.where(names == "b", p * 0.4, p)  # the same people, said to buy less
    found = by_group(y, lower, highest(lower, 500), names, bound=0.1, repeats=100)
    said = {(one.group, one.metric): one.difference.mean for one in found.unlike}
    assert said["b", "selection_rate"] < -0.1
    assert said["b", "true_positive_rate"] < -0.1
    assert said["b", "calibration"] < -0.4
    assert ("b", "AUROC") not in said
    noise = np.where(names == "b", rng.permutation(p), p)  # of them nothing is known
    found = by_group(y, noise, highest(noise, 500), names, bound=0.1, repeats=100)
    assert "AUROC" in {one.metric for one in found.unlike if one.group == "b"}
    assert not by_group(y, noise, highest(noise, 500), names, bound=2.0, repeats=20).unlike


@pytest.mark.parametrize(
    # Without a bound chance alone decides. Of 5% that are stated, so many or more have a chance of less than 1 in 100.
    ("shops", "too_many"),
    [(20, 5), pytest.param(200, 19, marks=pytest.mark.slow)],
)
def test_a_fair_shop_is_warned_of_no_more_often_than_stated(shops: int, too_many: int) -> None:
    warned = [bool(by_group(*shop(seed=seed), bound=0.0, repeats=100, seed=seed).unlike) for seed in range(shops)]
    assert sum(warned) < too_many


def test_two_groups_are_said_once() -> None:
    y, p, _, names = shop(shares=(0.5, 0.5))
    found = by_group(y, p, names == "a", names, repeats=50)
    assert {one.group for one in found.unlike} == {found.groups[0].group}
    assert {one.metric for one in found.unlike} == {"selection_rate", "true_positive_rate", "false_positive_rate"}
    assert abs(found.groups[0].against_rest["selection_rate"].mean) == 1


def test_small_groups_are_put_together_and_unknown_ones_kept() -> None:
    names = np.array(["a"] * 100 + ["b"] * 29 + ["c"] * 30 + ["?"] * 5 + ["d"] * 40)
    labels = np.tile([0.0, 1.0], 102)
    labels[-40:] = 0  # d has one answer only
    assert set(pooled(names).tolist()) == {"a", "c", "d", SMALL}
    assert set(pooled(names, labels, keep=["?"]).tolist()) == {"a", "c", "?", SMALL}
    found = by_group(labels, np.full(204, 0.5), np.zeros(204, bool), names, keep=("?",), repeats=10)
    assert [row.group for row in found.groups] == ["a", "c", "?", SMALL]
    assert found.pooled == ("b", "d")
    assert not found.groups[2].against_rest
    many = np.repeat([f"g{i:02d}" for i in range(25)], 40)
    assert len(np.unique(pooled(many))) == 21


def test_edges() -> None:
    alone = by_group([1], [0.5], np.array([True]), ["a"], repeats=5)
    assert alone.groups[0].metrics["selection_rate"].mean == 1
    assert np.isnan(alone.groups[0].metrics["AUROC"].mean)
    assert np.isnan(alone.groups[0].metrics["false_positive_rate"].mean)
    assert (alone.disparities, alone.unlike) == ({}, ())
    y, p, chosen, _ = shop()
    one = by_group(y, p, chosen, np.full(800, "all"), repeats=5)
    assert len(one.groups) == 1
    assert not one.groups[0].against_rest
    with pytest.raises(InputError, match="give one a user"):
        by_group([1, 0], [0.5, 0.5], np.array([True]), ["a", "a"])
    with pytest.raises(InputError, match="bound = -1"):
        by_group([1], [0.5], np.array([True]), ["a"], bound=-1)


# --- equal shares -----------------------------------------------------------------------------------------------------


def slow_parity(p: list[float], names: list[str], places: int) -> list[int]:
    """Give places one by one to the group that would be furthest behind with half a place more; return the counts."""
    taken = dict.fromkeys(sorted(set(names)), 0)
    for _ in range(min(places, len(p))):
        open_ = [name for name in taken if taken[name] < names.count(name)]
        taken[min(open_, key=lambda name: ((taken[name] + 0.5) / names.count(name), name))] += 1
    return list(taken.values())


@given(st.lists(st.tuples(st.integers(1, 20), st.sampled_from("abc")), min_size=1, max_size=40), st.integers(0, 45))
def test_parity_gives_out_places_one_by_one(users: list[tuple[int, str]], places: int) -> None:
    p, names = [n / 20 for n, _ in users], [name for _, name in users]
    taken = fair_places(p, names, places)
    assert taken.sum() == min(places, len(p))
    counts = {name: int(taken[np.array(names) == name].sum()) for name in sorted(set(names))}
    shares = [counts[name] / names.count(name) for name in counts]
    slow = dict(zip(counts, slow_parity(p, names, places), strict=True))
    # Where two groups are behind by as much, who is first may differ, and nothing else.
    levels = sorted((k + 0.5) / names.count(name) for name in counts for k in range(counts[name]))
    assert levels == pytest.approx(sorted((k + 0.5) / names.count(name) for name in slow for k in range(slow[name])))
    assert max(shares) - min(shares) <= 1 / min(names.count(name) for name in counts) + 1e-9
    for name, count in counts.items():  # within a group it is a threshold
        own = np.array(names) == name
        if 0 < count < own.sum():
            assert np.array(p)[own & taken].min() >= np.array(p)[own & ~taken].max()


def test_opportunity_equalises_the_expected_share_of_hits_and_parity_that_of_users() -> None:
    y, p, _, names = shop(30_000, 3)
    p = np.where(names == "b", p**2, p)
    y = (np.random.default_rng(4).random(30_000) < p).astype(float)
    single = highest(p, 6_000)

    def shares(chosen: Any, weight: Any) -> float:
        each = [weight[chosen & (names == n)].sum() / weight[names == n].sum() for n in "abc"]
        return float(max(each) - min(each))

    for kind, weight in (("parity", np.ones(30_000)), ("opportunity", p)):
        fair = fair_places(p, names, 6_000, kind)
        assert fair.sum() == 6_000
        assert shares(single, weight) > 0.1
        assert shares(fair, weight) < 0.005
        assert p[fair].sum() < p[single].sum()
    assert shares(fair_places(p, names, 6_000, "opportunity"), y) < 0.05  # what is expected comes about
    rows = {row.metric: row for row in price(y, single, fair_places(p, names, 6_000), names, cost=1, gain=4)}
    assert rows["selection_rate_difference"].before == pytest.approx(shares(single, np.ones(30_000)))
    assert rows["selection_rate_difference"].after < 0.005
    assert rows["precision"].before == pytest.approx(y[single].mean())
    assert rows["recall"].before == pytest.approx(y[single].sum() / y.sum())
    assert rows["gain"].before == pytest.approx(4 * y[single].sum() - 6_000)
    assert rows["gain"].change.mean == pytest.approx(rows["gain"].after - rows["gain"].before)
    assert rows["precision"].change.high < 0
    assert "gain" not in {row.metric for row in price(y, single, single, names, repeats=5)}


class Said(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """Says what it is given, for fairlearn."""

    def fit(self, x: Any, y: Any) -> Said:
        del x
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, x: Any) -> Any:
        return np.column_stack((1 - np.ravel(x), np.ravel(x)))


def test_at_its_own_share_fairlearn_has_no_better_thresholds() -> None:
    _, p, _, names = shop(3000, 5)
    p = np.where(names == "b", p**2, p)
    y = (np.random.default_rng(6).random(3000) < p).astype(int)
    theirs = ThresholdOptimizer(
        estimator=Said().fit(p, y), constraints="demographic_parity", objective="balanced_accuracy_score", prefit=True,
        predict_method="predict_proba",
    )  # fmt: skip
    theirs.fit(p[:, None], y, sensitive_features=names)
    chance = theirs._pmf_predict(p[:, None], sensitive_features=names)[:, 1]  # noqa: SLF001 - without its lots
    ours = fair_places(p, names, round(chance.sum()))
    for name in "abc":
        assert ours[names == name].mean() == pytest.approx(chance[names == name].mean(), abs=0.01)
    assert np.mean(ours != (chance > 0.5)) < 0.02
    assert p[ours].sum() >= (p * chance).sum() - 2


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: fair_places([0.1], ["a"], 1, "equal"), "unknown kind of fairness 'equal'"),
        (lambda: fair_places([0.1], ["a", "b"], 1), "give the group of each"),
        (lambda: fair_places([-0.1], ["a"], 1, "opportunity"), "needs probabilities"),
        (lambda: price([1.0], np.array([True]), np.array([True, False]), ["a"]), "give one a user"),
    ],
)
def test_refusals(ask: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        ask()


def test_where_nothing_is_said_places_are_shared_alike() -> None:
    taken = fair_places(np.zeros(90), np.repeat(["a", "b", "c"], 30), 9, "opportunity")
    assert [int(taken[i : i + 30].sum()) for i in (0, 30, 60)] == [3, 3, 3]
    assert fair_places([0.4, 0.2], ["a", "b"], 5).all()
    assert not fair_places([0.4, 0.2], ["a", "b"], 0).any()
