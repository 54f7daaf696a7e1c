"""Peers in environments of their own: they run, and what we make of their vectors is what they themselves answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from footfall.evaluation.accuracy import accuracy

Load = Callable[[str], ModuleType]


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["rectools_sasrec", "rectools_esasrec_light", "recbole"])
def test_a_peer_is_judged_by_what_it_answers(load: Load, real_data: Path, tmp_path: Path, tool: str) -> None:
    del real_data
    runs, home = load("_recommend_runs"), load("_measure").HERE / "work"
    if not (home / f".venv-{runs.PEERS[tool]}" / ".made").exists():
        pytest.skip("the peers' environments are not made; benchmarks/recommend.py makes them")
    folder = runs.prepared("beauty", tmp_path, 300)
    done = runs.run(tool, 0, folder, tmp_path, ks=(10,), metric="NDCG@10", epochs=2, budget_s=60)
    assert done.told["epochs"] == 2
    assert len(done.told["looks"]) == 2
    assert len(done.places) == 300
    assert done.told["train_cpu_s"] > 0
    if tool != "recbole":  # RecTools' own lists, seen items left out by itself
        ours = accuracy(done.places, done.target_offsets, (10,))["HitRate@10"].mean()
        assert done.told["own_hit_rate_10"] == pytest.approx(ours)
        assert ours > 0
