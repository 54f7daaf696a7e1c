"""Ranked: trees find who knows what, candidates stay above the rest, and what was met is counted as by hand."""

from __future__ import annotations

import dataclasses
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from footfall.errors import DependencyBrokenError, InputError
from footfall.evaluation.cases import Cases
from footfall.evaluation.ranking import evaluate
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.recommenders.blend import Blend
from footfall.recommenders.markov import Markov
from footfall.recommenders.popularity import Popularity
from footfall.recommenders.ranked import Ranked

N_ITEMS = 40
N_CODES = FIRST_CODE + N_ITEMS


def items(*rows: list[int]) -> Sequences:
    return Sequences(np.cumsum([0, *map(len, rows)]), np.array([i for r in rows for i in r], np.int32), N_CODES)


def shop(users: int, seed: int) -> tuple[Sequences, Cases]:
    """Short visits go on to the next item of a ring; after a long one, people come back to its first item."""
    rng = np.random.default_rng(seed)
    histories, targets = [], []
    for _ in range(users):
        first, long = int(rng.integers(N_ITEMS)), rng.random() < 0.5
        walk = [FIRST_CODE + (first + step) % N_ITEMS for step in range(9 if long else 3)]
        histories.append(walk[:-1])
        targets.append(walk[0] if long else walk[-1])
    train = items(*[[*history, target] for history, target in zip(histories, targets, strict=True)])
    return train, Cases(items(*histories), np.arange(users + 1), np.array(targets, np.int32), exclude_seen=False)


def small(**settings: Any) -> Ranked:
    return Ranked(Blend((Markov(), Popularity()), (0.8, 0.2)), **{"least": 10, "candidates": 20, **settings})


def test_trees_know_when_to_trust_whom() -> None:
    train, _ = shop(400, 0)
    _, learnt_from = shop(600, 1)
    _, asked = shop(300, 2)
    ranked = small()
    ranked.first.fit(train)
    learnt = ranked.counted(train).learn(learnt_from)
    worth = {name: evaluate(m.scores, asked, ks=(1,)).mean("HitRate@1") for name, m in
             {"blend": ranked.first, "ranked": learnt}.items()}  # fmt: skip
    assert worth["blend"] < 0.7
    assert worth["ranked"] > 0.85


def test_candidates_stand_above_the_rest_which_keep_the_order_of_the_blend() -> None:
    train, cases = shop(300, 0)
    ranked = small().fit(train)
    found, base = ranked.scores(cases.histories), ranked.first.scores(cases.histories)
    for row in range(40):
        order = np.argsort(-found[row], kind="stable")[:N_ITEMS]
        best = set(np.argsort(-base[row], kind="stable")[:20].tolist())
        rest = order[20:]
        assert np.all(np.diff(base[row, rest]) <= 1e-6)
        assert base[row, rest].max() <= min(base[row, code] for code in order[:20]) + 1e-6
        assert len(best & set(order[:20].tolist())) >= 15  # the rest are ties


def test_of_whom_nothing_is_known_the_blend_answers() -> None:
    train, _ = shop(200, 0)
    ranked = small().fit(train)
    nobody = items([], [])
    np.testing.assert_array_equal(ranked.scores(nobody), ranked.first.scores(nobody))


def test_nothing_to_learn_from_leaves_the_blend() -> None:
    train = items([FIRST_CODE, FIRST_CODE + 1], [FIRST_CODE + 2])
    ranked = small().fit(train)
    np.testing.assert_array_equal(ranked.scores(train), ranked.first.scores(train))


def test_trees_stay_while_members_are_fitted_anew(tmp_path: Path) -> None:
    train, cases = shop(300, 0)
    newer, _ = shop(300, 5)
    ranked = small()
    ranked.first.fit(train)
    learnt = ranked.counted(train).learn(cases, seed=4)
    again = learnt.over(Blend((Markov(), Popularity()), (0.8, 0.2)).fit(newer), newer)
    assert not np.array_equal(again.scores(cases.histories), learnt.scores(cases.histories))
    again.save(tmp_path)
    read = Ranked.load(tmp_path)
    assert read == again
    np.testing.assert_array_equal(read.scores(cases.histories), again.scores(cases.histories))


def test_a_newer_vocabulary_has_room() -> None:
    train, cases = shop(300, 0)
    ranked = small().fit(train)
    wider = dataclasses.replace(cases.histories, n_codes=N_CODES + 2)
    with pytest.raises(InputError, match="vocabulary"):
        ranked.scores(wider)
    assert ranked.grow(wider)
    assert ranked.scores(wider).shape == (len(wider), N_CODES + 2)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [("candidates", 0, "from 1"), ("leaves", 1, "from 2"), ("rate", 0.0, "above 0"), ("trees", -1, "from 1")],
)
def test_settings_that_cannot_be_meant(setting: str, value: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"{setting} of recommender 'ranked' is .*{said}"):
        Ranked(**{setting: value})


def test_a_library_that_cannot_be_loaded_says_what_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def broken(name: str, *rest: Any) -> Any:
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", broken)
    train, _ = shop(100, 0)
    with pytest.raises(DependencyBrokenError, match=r"libgomp\.so\.1.*try: apt install libgomp1"):
        small().fit(train)
