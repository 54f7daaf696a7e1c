"""The check by deletion: ratios by hand, an interval that holds the truth, and cases in which nothing can be told."""

from __future__ import annotations

import json

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.evaluation.deletion import Deletion


def test_by_hand() -> None:
    found = Deletion.of([4, 2, 0, 2], [1, 1, 1, 1])
    assert (found.named, found.random, found.ratio, found.users) == (2, 1, 2, 4)
    assert found.low < 2 < found.high


def test_the_interval_holds_the_truth_about_as_often_as_is_said() -> None:
    held = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        random = rng.exponential(1, 150)
        named = random * rng.gamma(4, 0.5, 150)  # twice as far, on average
        found = Deletion.of(named, random, seed=seed, repeats=300)
        held += found.low <= 2 <= found.high
    assert 0.88 < held / 200 < 0.99


def test_resamples_are_of_users_together() -> None:
    # Where every user's ratio is the same there is nothing to be unsure of.
    random = np.random.default_rng(0).exponential(1, 50)
    found = Deletion.of(3 * random, random)
    assert found.low == pytest.approx(3)
    assert found.high == pytest.approx(3)


def test_where_nothing_drawn_changes_anything_there_is_no_ratio() -> None:
    found = Deletion.of([1.0, 2.0], [0.0, 0.0])
    assert np.isnan(found.ratio)
    told = found.to_dict()
    assert told["ratio"] is told["low"] is told["high"] is None
    assert json.loads(json.dumps(told, allow_nan=False))["named"] == 1.5
    one = Deletion.of([2.0], [1.0])
    assert (one.ratio, one.low, one.high, one.users) == (2, 2, 2, 1)


def test_what_cannot_be_used_is_said() -> None:
    with pytest.raises(InputError, match="shape"):
        Deletion.of([], [])
    with pytest.raises(InputError, match="here 1"):
        Deletion.of([1.0], [1.0, 2.0])
    with pytest.raises(InputError, match="give absolute changes"):
        Deletion.of([-1.0], [1.0])
