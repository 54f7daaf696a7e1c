"""Influence of events: it adds up to what the model says, asks nobody else, and finds what was planted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.histories.sequences import Sequences
from footfall.recommenders._influence import integrated_gradients
from footfall.recommenders.behaviour import Behaviour
from footfall.training.loop import TrainingSettings

Make = Callable[..., Sequences]
QUICK = TrainingSettings(epochs=4, tokens=256, every=10, learning_rate=1e-2, negatives=0, half=False)
DAY = 86_400_000_000


def histories(rows: int, seed: int, *, timed: bool = True, longest: int = 30) -> Sequences:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, longest, rows)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    n = int(offsets[-1])
    time = np.concatenate([np.sort(rng.integers(0, 60 * DAY, length)) for length in lengths])
    return Sequences(
        offsets,
        rng.integers(3, 20, n).astype(np.int32),
        20,
        event_type=rng.integers(3, 7, n).astype(np.int16),
        timestamp_us=time if timed else None,
        extra={"device": rng.integers(0, 4, n).astype(np.int16)},
        sizes={"device": 4},
    )


@pytest.fixture(scope="module")
def model() -> Behaviour:
    return Behaviour(training=QUICK, context=16, held_out=0).fit(histories(80, 0))


@pytest.mark.parametrize("timed", [True, False])
def test_what_events_added_and_the_base_sum_to_what_the_model_says(timed: bool) -> None:
    model = Behaviour(training=QUICK, context=16, held_out=0).fit(histories(60, 0, timed=timed))
    asked = histories(15, 1, timed=timed)
    states = model.states(asked)
    directions = np.random.default_rng(2).normal(size=states.shape)
    said = (states * directions).sum(axis=1)
    assert model.model is not None
    for steps, error in ((12, 0.02), (48, 1e-3)):
        found = integrated_gradients(model.model, asked, directions, steps)
        total = np.bincount(asked.rows, found.events, len(asked)) + found.base
        assert np.abs(total - said).max() < error * np.abs(said - found.base).mean()
    assert np.abs(said - found.base).mean() > 1  # there was something to add up


def test_one_direction_for_all_is_the_same_as_one_for_each(model: Behaviour) -> None:
    asked = histories(20, 1)
    direction = np.random.default_rng(2).normal(size=(model.states(asked).shape[1],))
    one = model.event_influence(asked, direction)
    each = model.event_influence(asked, np.tile(direction, (len(asked), 1)))
    np.testing.assert_array_equal(one.events, each.events)
    double = model.event_influence(asked, 2 * direction)
    np.testing.assert_allclose(double.events, 2 * one.events, atol=1e-4)


def test_who_else_is_asked_does_not_matter(model: Behaviour) -> None:
    asked = histories(20, 1)
    direction = np.ones(model.states(asked).shape[1])
    together = model.event_influence(asked, direction)
    for row in (3, 11):
        alone = model.event_influence(asked.take(np.array([row])), direction)
        begin, end = asked.offsets[row], asked.offsets[row + 1]
        np.testing.assert_allclose(alone.events, together.events[begin:end], atol=1e-4)
        np.testing.assert_allclose(alone.base[0], together.base[row], atol=1e-4)


def test_events_too_old_to_be_read_and_histories_without_any_get_nothing(model: Behaviour) -> None:
    asked = histories(20, 1)
    found = model.event_influence(asked, np.ones(model.states(asked).shape[1]))
    age = asked.offsets[1:][asked.rows] - np.arange(asked.n_events)
    assert (age > 16).any()
    assert not found.events[age > 16].any()
    assert (found.events[age <= 16] != 0).mean() > 0.99
    empty = asked.lengths == 0
    assert empty.any()
    assert not found.base[empty].any()
    nobody = model.event_influence(asked.take(np.zeros(0, np.int64)), np.ones(model.states(asked).shape[1]))
    assert len(nobody.events) == len(nobody.base) == 0


def test_who_has_learnt_nothing_is_told() -> None:
    with pytest.raises(InputError, match="learnt nothing"):
        Behaviour().event_influence(histories(3, 0), np.ones(64))
