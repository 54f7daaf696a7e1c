"""Session neighbours: votes by hand, and what order, age and rarity change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.histories.sequences import Sequences
from footfall.recommenders.session_neighbours import SessionNeighbours

Make = Callable[..., Sequences]


def test_votes_by_hand(make: Make) -> None:
    train = make([[3, 4, 5, 6], [7, 8]], 10)
    model = SessionNeighbours(log_decay=2.0, place_decay=3.0, history_decay=1.5).fit(train)
    scores = model.scores(make([[9, 4, 3]], 10))[0]
    # Items 3 and 4 are shared, each met in one sequence; 3 is the newest in the history, and stands at place 0.
    like = (1 + np.exp(-1 / 1.5)) * np.exp(-0.5 / 2) / 4**0.25
    expected = [like, like, like * np.exp(-1 / 3), like * np.exp(-2 / 3), 0, 0, 0]
    np.testing.assert_allclose(scores[3:], expected, rtol=1e-5)


def slow(model: SessionNeighbours, train: list[list[int]], asked: list[int], n_codes: int) -> list[float]:
    """Score one history word for word as the docstring says."""
    told = []
    for number, sequence in enumerate(train):
        like = 0.0
        for item in set(asked) & set(sequence):
            age = asked[::-1].index(item)
            met = sum(item in other for other in train)
            like += np.exp(-age / model.history_decay) * met**-model.rarity
        age_in_log = (len(train) - 1 - number) / len(train)
        told.append(like * np.exp(-age_in_log / model.log_decay) / max(len(sequence), 1) ** model.length_power)
    scores = [0.0] * n_codes
    for number in sorted(range(len(train)), key=lambda n: -told[n])[: model.nearest]:
        sequence = train[number]
        if told[number]:
            pivot = next(item for item in reversed(asked) if item in sequence)
            place = len(sequence) - 1 - sequence[::-1].index(pivot)
            for at, item in enumerate(sequence):
                share = np.exp(-(abs(at - place) - 1) / model.place_decay) if at != place else model.itself
                scores[item] += told[number] * share * (model.before if at < place else 1)
    return scores


@pytest.mark.parametrize(
    "settings",
    [{}, {"nearest": 4}, {"before": 0.5, "itself": 0.2}, {"length_power": 0.0, "rarity": 1.0, "log_decay": 0.1}],
)
def test_the_same_as_word_for_word(make: Make, settings: dict[str, Any]) -> None:
    rng = np.random.default_rng(3)
    n_codes = 15
    train = [rng.integers(3, n_codes, rng.integers(1, 7)).tolist() for _ in range(30)]
    asked = [rng.integers(3, n_codes, rng.integers(1, 6)).tolist() for _ in range(20)]
    model = SessionNeighbours(**settings).fit(make(train, n_codes))
    expected = [slow(model, train, one, n_codes)[3:] for one in asked]
    np.testing.assert_allclose(model.scores(make(asked, n_codes))[:, 3:], expected, rtol=1e-4, atol=1e-7)


def test_only_the_newest_sequences_are_looked_at(make: Make) -> None:
    train = make([[3, 4], [3, 5], [3, 6]], 8)
    scores = SessionNeighbours(newest=2).fit(train).scores(make([[3]], 8))[0]
    assert list(np.flatnonzero(scores > 0)) == [3, 5, 6]
    timed = make([[3, 4], [3, 5], [3, 6]], 8, times=[[8, 9], [0, 1], [4, 5]])
    scores = SessionNeighbours(newest=2).fit(timed).scores(make([[3]], 8, times=[[10]]))[0]
    assert list(np.flatnonzero(scores > 0)) == [3, 4, 6]
    assert scores[4] > scores[6]  # it ended later


@pytest.mark.parametrize("settings", [{"nearest": 0}, {"newest": 0}, {"log_decay": 0.0}, {"rarity": -1.0}])
def test_settings_out_of_range(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(settings))):
        SessionNeighbours(**settings)
