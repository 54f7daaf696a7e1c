"""The oracle of the simulated shop: its probabilities are what people then do, and no model ranks better."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from footfall.evaluation.ranking import evaluate
from footfall.histories.columns import FIRST_CODE

Load = Callable[[str], ModuleType]


@pytest.fixture(scope="module")
def shop(load: Load, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Any]:
    """A simulated shop, its oracle, and the probabilities of its test cases, float64 [cases, n_codes]."""
    folder = tmp_path_factory.mktemp("simulated")
    data = load("_recommend_logs").simulated(4000, folder)
    oracle = load("_recommend_oracle").Oracle(folder, data)
    scores = oracle.scores(data.test.histories)
    assert (scores[:, :FIRST_CODE] == -np.inf).all()
    return data, oracle, np.where(np.isfinite(scores), scores, 0).astype(np.float64)


@pytest.mark.slow
def test_probabilities_sum_to_one_but_for_items_that_no_log_names(shop: tuple[Any, Any, Any]) -> None:
    _, _, probability = shop
    assert probability.min() >= 0
    assert probability.sum(1) == pytest.approx(np.ones(len(probability)), abs=0.02)
    assert probability.sum(1).max() < 1 + 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 10, 50, 200])
def test_the_first_k_are_hit_as_often_as_they_say(shop: tuple[Any, Any, Any], k: int) -> None:
    data, _, probability = shop
    own = probability[np.arange(len(probability)), data.test.targets]
    hits = ((probability > own[:, None]).sum(1) < k).sum()
    expected = np.sort(probability, axis=1)[:, -k:].sum(1)
    deviation = np.sqrt((expected * (1 - expected)).sum())
    assert abs(hits - expected.sum()) < 3 * deviation


@pytest.mark.slow
def test_what_happens_is_as_surprising_as_it_should_be(shop: tuple[Any, Any, Any]) -> None:
    data, _, probability = shop
    surprise = -np.log(np.maximum(probability[np.arange(len(probability)), data.test.targets], 1e-12))
    entropy = -(probability * np.log(np.maximum(probability, 1e-300))).sum(1)
    error = surprise.std() / np.sqrt(len(surprise))
    assert surprise.mean() == pytest.approx(entropy.mean(), abs=4 * error)  # rare acts that it leaves out cost a little


@pytest.mark.slow
@pytest.mark.parametrize("family", ["markov", "popularity", "popularity_user", "neighbours", "als"])
def test_no_model_ranks_better(load: Load, shop: tuple[Any, Any, Any], family: str, tmp_path: Path) -> None:
    data, oracle, _ = shop
    model = load("_recommend_tools").fit(family, data, 0, metric="NDCG@10", epochs=1, folder=tmp_path)
    best = evaluate(oracle.scores, data.test, (10,)).mean("NDCG@10")
    assert evaluate(model.score, data.test, (10,)).mean("NDCG@10") < best
