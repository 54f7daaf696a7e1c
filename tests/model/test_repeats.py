"""What the past adds to items that were met before: beside a twin that adds it up event by event."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.model.batch import Batch
from footfall.model.behaviour import NEXT, BehaviourModel
from footfall.model.config import ModelConfig
from footfall.model.repeats import Repeats, _past
from footfall.recommenders.behaviour import Behaviour
from footfall.training.loop import TrainingSettings
from footfall.training.objectives import with_repeats

Make = Callable[..., Batch]


def test_every_time_of_an_item_adds_to_it_and_its_last_time_speaks_for_all() -> None:
    torch.manual_seed(0)
    item = torch.tensor([[5, 7, 5, 0, 7, 7], [3, 3, 3, 4, 0, 3]])
    gain = torch.randn(2, 6, 6)
    past = _past(gain, item, slice(0, 6))
    for row in range(2):
        for t in range(6):
            for j in range(6):
                times = [i for i in range(t + 1) if item[row, i] == item[row, j]]
                if j <= t:
                    whole = math.log1p(sum(math.exp(float(gain[row, t, i])) for i in times))
                    assert float(past.rise[row, t, j]) == pytest.approx(whole, rel=1e-5)
                counted = bool(times) and j == times[-1] and int(item[row, j]) >= FIRST_CODE
                assert bool(past.counts[row, t, j]) == counted


def test_the_last_state_alone_says_what_all_states_say(config: ModelConfig, make_batch: Make) -> None:
    torch.manual_seed(0)
    repeats, batch = Repeats(config), make_batch([2, 5, 5])
    states = torch.randn(12, config.size.width)
    for whole, last in zip(repeats(states, batch), repeats(states, batch, last_only=True), strict=True):
        torch.testing.assert_close(whole.rise[:, -1:], last.rise)
        assert torch.equal(whole.counts[:, -1:], last.counts)


def test_scores_are_what_the_loss_is_worked_out_from(config: ModelConfig, make_batch: Make) -> None:
    torch.manual_seed(0)
    model = BehaviourModel(dataclasses.replace(config, repeats=True)).eval()
    torch.nn.init.normal_(model.repeats[NEXT].distance)  # type: ignore[arg-type]
    batch = make_batch([5])
    batch.item[:] = torch.tensor([6, 9, 6, 0, 12])
    scores = model.score(batch)[0, FIRST_CODE:]
    for code in (6, 12, 20):  # met twice, met last, never met
        targets = torch.zeros(5, dtype=torch.int64)
        targets[4] = code
        with torch.no_grad():
            # So many are drawn that every item is among them, each about as often as any other.
            loss = with_repeats(model, model(batch), batch, targets, negatives=400_000, smoothing=0.0)
        exact = torch.logsumexp(scores, 0) - scores[code - FIRST_CODE]
        # An item met before is a candidate twice: with what the past adds, and, drawn, without it.
        plain = model.queries(model(batch)[-1:]) @ model.keys().T
        twice = [i for i in (6, 9, 12) if i != code]
        extra = torch.logsumexp(torch.cat((scores, plain[0, twice].detach())), 0) - scores[code - FIRST_CODE]
        assert float(exact) <= float(loss) + 0.02
        assert float(loss) == pytest.approx(float(extra), abs=0.02)


def test_people_who_come_back_to_their_own_items_are_foretold_by_it() -> None:
    rng = np.random.default_rng(0)
    own = [rng.choice(np.arange(FIRST_CODE, 203), 4, replace=False) for _ in range(150)]
    histories = [rng.choice(items, 20).astype(np.int32) for items in own]
    log = Sequences(np.arange(0, 20 * 151, 20), np.concatenate(histories), 203)
    settings = TrainingSettings(epochs=8, negatives=100, every=4, tokens=100, warmup_steps=10)
    hits = {}
    for repeats in (False, True):
        model = Behaviour(training=settings, repeats=repeats, warm_start=False).fit(log, seed=0)
        top = np.argsort(-model.scores(log), axis=1)[:, :4]
        hits[repeats] = np.mean([len(np.intersect1d(a, b)) / 4 for a, b in zip(top, own, strict=True)])
    assert hits[True] > 0.9
    assert hits[True] > hits[False] + 0.1
