"""The behaviour model as a recommender: it learns what was planted, and says what it cannot do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from footfall.errors import InputError, TrainingError
from footfall.evaluation.cases import Cases
from footfall.evaluation.ranking import evaluate
from footfall.histories.sequences import Sequences
from footfall.model.config import Size
from footfall.recommenders.behaviour import Behaviour
from footfall.recommenders.markov import Markov
from footfall.training.loop import Step, TrainingSettings

Make = Callable[..., Sequences]
QUICK = TrainingSettings(epochs=60, tokens=256, every=10, learning_rate=1e-2, negatives=0, half=False)
N_CODES = 23


def two_rings(n: int, seed: int) -> Sequences:
    """Users who walk round a ring of items, some forwards and some backwards: only the last two items tell which."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 8, n)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    way = np.repeat(rng.choice([-1, 1], n), lengths)
    start = np.repeat(rng.integers(0, 20, n), lengths)
    place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    return Sequences(offsets, ((start + way * place) % 20 + 3).astype(np.int32), N_CODES)


def cases_of(whole: Sequences) -> Cases:
    """Foretell the last item of every sequence."""
    ends = whole.offsets[1:] - 1
    histories = whole.between(whole.offsets[:-1], ends)
    return Cases(histories, np.arange(len(whole) + 1), whole.item[ends], exclude_seen=False)


def test_it_learns_what_needs_more_than_the_last_item() -> None:
    train, cases = two_rings(400, 0), cases_of(two_rings(100, 1))
    model = Behaviour(training=QUICK, dropout=0.0).fit(train, seed=1)
    ours = evaluate(model.scores, cases, ks=(1,)).mean("HitRate@1")
    # The last item alone leaves two neighbours to choose from; transitions over two steps know the way as well.
    last_only = Markov(gap_weights=(1.0,), last=1).fit(train)
    theirs = evaluate(last_only.scores, cases, ks=(1,)).mean("HitRate@1")
    assert theirs < 0.75
    assert ours > 0.95
    assert max(look.metric for look in model.looks if look.metric == look.metric) > 0.9


def test_a_history_without_events_is_given_what_is_popular(make: Make) -> None:
    train = make([[3, 4, 5], [3, 4, 6], [3, 7]], 9)
    model = Behaviour(training=QUICK).fit(train)
    scores = model.scores(make([[], [3]], 9))
    assert scores[0].argmax() == 3
    assert scores[0, 8] == scores[0, 3:].min() == 0.0  # never met
    assert np.isfinite(scores[:, 3:]).all()


def test_held_out_cases_are_not_learnt_from() -> None:
    train = two_rings(50, 0)
    model = Behaviour(training=TrainingSettings(epochs=1, every=1), held_out=10).fit(train, seed=3)
    # Of 50 sequences ten gave their last item away: that many pairs fewer were trained on.
    assert model.looks[-1].events == int(train.lengths.sum()) - 50 - 10


def test_a_run_that_was_stopped_is_gone_on_with(tmp_path: Path) -> None:
    train = two_rings(50, 0)
    settings = TrainingSettings(epochs=3, tokens=32, every=1, save_s=0.0)

    class StopError(Exception):
        pass

    def stop(step: Step) -> None:
        if step.events > 80:
            raise StopError

    with pytest.raises(StopError):
        Behaviour(training=settings).fit(train, folder=tmp_path / "run", watch=stop)
    again = Behaviour(training=settings).fit(train, folder=tmp_path / "run")
    whole = Behaviour(training=settings).fit(train)
    np.testing.assert_array_equal(again.scores(train), whole.scores(train))
    assert [(x.loss, x.metric) for x in again.looks] == [(x.loss, x.metric) for x in whole.looks]


def test_what_cannot_be_trained_or_asked_is_said(make: Make) -> None:
    with pytest.raises(TrainingError, match="no history has two events"):
        Behaviour().fit(make([[3], [4]], 9))
    with pytest.raises(InputError, match="did you mean 'tiny'"):
        Behaviour(size="tinny").fit(make([[3, 4]], 9))
    timed = make([[3, 4, 5], [4, 5]], 9, times=[[0, 10**6, 10**7], [5, 10**8]])
    model = Behaviour(training=QUICK).fit(timed)
    with pytest.raises(InputError, match="reads times, and these histories have none"):
        model.scores(make([[3]], 9))


def test_times_count_where_there_are_times(make: Make) -> None:
    # After a short pause comes item 4, after a long one item 5: nothing but the time tells which.
    rng = np.random.default_rng(0)
    short = rng.random(300) < 0.5
    hour = 3_600_000_000
    times = [[0, hour // 60 if s else 400 * hour, hour // 60 + 1 if s else 400 * hour + 1] for s in short]
    items = [[3, 6, 4 if s else 5] for s in short]
    model = Behaviour(training=QUICK, dropout=0.0).fit(make(items, 8, times=times))
    asked = make([[3, 6], [3, 6]], 8, times=[[0, hour // 60], [0, 400 * hour]])
    assert model.scores(asked)[:, 3:].argmax(1).tolist() == [1, 2]


def test_products_in_bfloat16_lose_next_to_nothing() -> None:
    train = two_rings(50, 0)
    losses = {}
    for half in (False, True):
        settings = TrainingSettings(epochs=2, tokens=64, warmup_steps=5, half=half)
        model = Behaviour(Size(256, 1, 4, 16, 1e-3, 0.0), settings, held_out=0).fit(train)
        assert model.model is not None
        assert all(value.dtype == torch.float32 for value in model.model.parameters())  # the weights are whole numbers
        losses[half] = model.looks[-1].loss
    assert losses[True] == pytest.approx(losses[False], rel=0.02)
    assert losses[True] != losses[False]


def test_a_goal_is_learnt_on_a_frozen_backbone_or_a_tuned_one() -> None:
    train = two_rings(60, 0)
    start = Behaviour(training=TrainingSettings(epochs=2, tokens=64), held_out=0).fit(train).model
    assert start is not None
    before = {name: value.clone() for name, value in start.state_dict().items()}
    for frozen in (True, False):
        tuning = TrainingSettings(
            epochs=2, tokens=64, next_weight=0.0, goal_weight=1.0, learning_rate=1e-3, frozen=frozen
        )
        found = Behaviour(goal="event", tuning=tuning, held_out=0).fit(train, start=start).model
        assert found is not None
        after = found.state_dict()
        changed = {name for name, value in before.items() if not torch.equal(after[name], value)}
        assert bool(changed) is not frozen
        assert after["heads.event.turn.weight"].abs().sum() > 0
        assert all(torch.equal(value, before[name]) for name, value in start.state_dict().items())  # a copy was tuned


def test_a_model_goes_on_with_a_newer_log_that_has_more_items() -> None:
    old = two_rings(60, 0)
    start = Behaviour(training=TrainingSettings(epochs=3, tokens=64), held_out=0).fit(old).model
    assert start is not None
    newer = dataclasses.replace(old, n_codes=old.n_codes + 5)
    found = Behaviour(training=TrainingSettings(epochs=1, tokens=64), held_out=0).fit(newer, start=start)
    assert found.model is not None
    assert found.model.config.n_codes == old.n_codes + 5
    assert (
        found.looks[0].loss
        < Behaviour(training=TrainingSettings(epochs=1, tokens=64), held_out=0, warm_start=False)
        .fit(newer)
        .looks[0]
        .loss
    )
    with pytest.raises(InputError, match="codes only ever grow"):
        Behaviour(held_out=0).fit(old, start=found.model)
