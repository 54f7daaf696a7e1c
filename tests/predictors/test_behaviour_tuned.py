"""Tuning the behaviour model: what only the order of events tells is learnt, and nobody else's backbone is touched."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from footfall.errors import InputError, TrainingError
from footfall.evaluation.probability import auroc
from footfall.evaluation.splits import before
from footfall.histories.memory import from_events
from footfall.predictors._base import Examples
from footfall.predictors._registry import by_name
from footfall.predictors.behaviour_together import BehaviourTogether
from footfall.predictors.behaviour_tuned import HISTORY, BehaviourTuned
from footfall.predictors.boosting import Boosting
from footfall.recommenders.behaviour import Behaviour
from footfall.tasks._moments import Log
from footfall.tasks._prediction import Prediction
from footfall.tasks._registry import made
from footfall.training.loop import TrainingSettings
from footfall.training.tuning import TuningSettings

MINUTE = 60_000_000
DAY = 1440 * MINUTE
START = 1_700_000_000_000_000
ENDS = START + 20 * DAY
USERS = 2600
LEARNT = 2000
PATIENT = TuningSettings(epochs=16, patience=16, head_epochs=3, rate=2e-3, backbone_rate=2e-3, again=False)
QUICK = TuningSettings(epochs=2, head_epochs=2)
Event = dict[str, Any]


def walks(users: int, rng: np.random.Generator) -> list[Event]:
    """Five events of any kind, then two views and a cart in an order that is drawn; about a minute apart."""
    events: list[Event] = []
    for user in range(users):
        kinds = [("view_item", "add_to_cart")[int(kind)] for kind in rng.integers(0, 2, 5)]
        middle = rng.random() < 0.5
        kinds += ["view_item", "add_to_cart", "view_item"] if middle else ["add_to_cart", "view_item", "view_item"]
        item, other = rng.permutation(8)[:2].tolist()
        items = [*rng.integers(0, 8, 5).tolist(), item, item if rng.random() < 0.6 else other, item]
        moment = START + int(rng.integers(0, 19 * DAY))
        for kind, thing in zip(kinds, items, strict=True):
            moment += int(rng.uniform(MINUTE, 2 * MINUTE))
            events.append({"user_id": f"u{user:05d}", "item_id": f"i{thing}", "event_type": kind, "timestamp": moment})
    return events


def in_order(log: Log) -> npt.NDArray[np.float64]:
    """The oracle: 1 where the last three events are view, cart, view of one item."""
    assert log.raw.event_type is not None
    wanted, told = [log.types[kind] for kind in ("view_item", "add_to_cart", "view_item")], []
    for end in log.raw.offsets[1:].tolist():
        kinds, items = log.raw.event_type[end - 3 : end].tolist(), log.raw.item[end - 3 : end].tolist()
        told.append(float(kinds == wanted and len(set(items)) == 1))
    return np.array(told)


@pytest.fixture(scope="module")
def ordered() -> Examples:
    log = Log.of(from_events(walks(USERS, np.random.default_rng(0))))
    return log.at(np.arange(USERS), ENDS, 7 * DAY, in_order(log))


@pytest.fixture(scope="module")
def backbone(ordered: Examples) -> Behaviour:
    return Behaviour(training=TrainingSettings(epochs=2), dropout=0.1).fit(ordered.log)


def tuned(backbone: Behaviour, settings: TuningSettings = QUICK, family: type[BehaviourTuned] = BehaviourTuned) -> Any:
    model = family("binary", tuning=settings)
    model.backbone = backbone
    return model


def weights_of(behaviour: Behaviour | None) -> dict[str, npt.NDArray[Any]]:
    assert behaviour is not None
    assert behaviour.model is not None
    return {name: value.detach().cpu().numpy().copy() for name, value in behaviour.model.state_dict().items()}


def test_what_only_the_order_of_events_tells_is_learnt(ordered: Examples, backbone: Behaviour) -> None:
    learn, asked = ordered.take(np.arange(LEARNT)), ordered.take(np.arange(LEARNT, USERS))
    by_features = auroc(asked.told, Boosting("binary").fit(learn).predict(asked))
    found = tuned(backbone, PATIENT).fit(learn)
    by_order = auroc(asked.told, found.predict(asked))
    assert by_order > 0.9
    assert by_order > by_features + 0.2
    assert found.importances()[HISTORY] > 0.5  # and it says so
    left = tuned(backbone, dataclasses.replace(PATIENT, frozen=True)).fit(learn)
    assert by_order > auroc(asked.told, left.predict(asked)) + 0.1  # the state as it was does not tell it


def test_the_backbone_that_was_handed_over_is_left_as_it_was(ordered: Examples, backbone: Behaviour) -> None:
    some, once = ordered.take(np.arange(400)), weights_of(backbone)
    model = tuned(backbone, TuningSettings(epochs=3, head_epochs=2, patience=3)).fit(some)
    for name, value in weights_of(backbone).items():
        np.testing.assert_array_equal(value, once[name], err_msg=name)
    assert model.backbone is not backbone
    assert model.backbone.model is not backbone.model
    first = model.predict(some)
    np.testing.assert_array_equal(model.fit(some).predict(some), first)  # anew, and not from where it had come to


def test_frozen_is_frozen_and_what_is_tuned_is_the_backbone_but_no_item(ordered: Examples, backbone: Behaviour) -> None:
    some, once = ordered.take(np.arange(800)), weights_of(backbone)
    frozen = weights_of(tuned(backbone, dataclasses.replace(QUICK, frozen=True)).fit(some).backbone)
    assert all(np.array_equal(value, once[name]) for name, value in frozen.items())
    moved = weights_of(tuned(backbone, dataclasses.replace(PATIENT, epochs=12)).fit(some).backbone)
    assert not np.array_equal(moved["backbone.blocks.0.qkv.weight"], once["backbone.blocks.0.qkv.weight"])
    assert np.array_equal(moved["items.own.weight"], once["items.own.weight"])
    assert np.array_equal(moved["embedding.items.own.weight"], once["items.own.weight"])


def test_the_objective_of_pretraining_can_stay_on(ordered: Examples, backbone: Behaviour) -> None:
    some = ordered.take(np.arange(800))
    plain = dataclasses.replace(PATIENT, epochs=6)
    alone = tuned(backbone, plain).fit(some)
    beside = tuned(backbone, dataclasses.replace(plain, next_weight=0.5)).fit(some)
    assert not np.array_equal(alone.predict(some), beside.predict(some))


def test_several_cutoffs_the_last_one_is_held_out_and_rows_without_history_are_answered(backbone: Behaviour) -> None:
    log = Log.of(from_events(walks(300, np.random.default_rng(1))))
    rng = np.random.default_rng(2)
    parts = [
        log.at(np.arange(300), at, 7 * DAY, rng.integers(0, 2, 300).astype(float)) for at in (START + 9 * DAY, ENDS)
    ]
    both = Examples.stack(parts)
    assert (both.histories.lengths == 0).any()
    said = tuned(backbone).fit(both).predict(both)
    assert np.isfinite(said).all()
    nobody = dataclasses.replace(both, cutoff_us=np.zeros(len(both), np.int64))
    with pytest.raises(TrainingError, match="no example has a history"):
        tuned(backbone).fit(nobody)
    with pytest.raises(InputError, match="set backbone before fit"):
        BehaviourTuned("binary").fit(both)


# --- together ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_siblings_help_where_they_tell_more_and_are_never_read_when_asked(
    ordered: Examples, backbone: Behaviour, tmp_path: Path
) -> None:
    learn, asked = ordered.take(np.arange(LEARNT)), ordered.take(np.arange(LEARNT, USERS))
    # The own answer is drowned in noise; the sibling is what it is made of, known of four in five.
    rng = np.random.default_rng(3)
    noisy = np.where(rng.random(LEARNT) < 0.35, 1 - learn.told, learn.told)
    sibling = np.where(rng.random(LEARNT) < 0.2, np.nan, learn.told)
    given = dataclasses.replace(learn, labels=noisy, also={"truth": sibling, "amount": np.nan_to_num(sibling) * 7})
    alone = tuned(backbone, PATIENT).fit(given)
    together = tuned(backbone, PATIENT, BehaviourTogether).fit(given)
    assert auroc(asked.told, together.predict(asked)) > auroc(asked.told, alone.predict(asked)) + 0.05
    blind = dataclasses.replace(asked, labels=None, also={})
    np.testing.assert_array_equal(together.predict(blind), together.predict(asked))
    together.save(tmp_path)  # and what is served has one head
    assert {path.name for path in tmp_path.iterdir()} == {"backbone", "head.safetensors", "settings.json"}
    np.testing.assert_allclose(BehaviourTogether.load(tmp_path).predict(blind), together.predict(blind), rtol=1e-6)


def test_a_sibling_that_says_the_same_is_left_out(ordered: Examples, backbone: Behaviour) -> None:
    some = ordered.take(np.arange(300))
    contrary = dataclasses.replace(some, also={"contrary": 1 - some.told, "alike": np.ones(300)})
    np.testing.assert_array_equal(
        tuned(backbone, QUICK, BehaviourTogether).fit(contrary).predict(some), tuned(backbone).fit(some).predict(some)
    )


def test_siblings_are_taken_and_stacked_with_their_rows(ordered: Examples) -> None:
    some = dataclasses.replace(ordered.take(np.arange(4)), also={"a": np.array([1.0, 2, 3, np.nan]), "b": np.zeros(4)})
    assert some.take(np.array([2, 0])).also["a"].tolist() == [3, 1]
    without = dataclasses.replace(some, also={"a": np.full(4, 9.0)})
    stacked = Examples.stack([some, without])
    assert set(stacked.also) == {"a"}
    np.testing.assert_array_equal(stacked.also["a"], [1, 2, 3, np.nan, 9, 9, 9, 9])
    with pytest.raises(InputError, match="all must have the same"):
        dataclasses.replace(some, also={"a": np.zeros(3)})


# --- leakage ----------------------------------------------------------------------------------------------------------


def shop_log(users: int = 120, days: int = 60) -> list[Event]:
    """A third buys often, a third only looks, a third fades out."""
    rng = np.random.default_rng(4)
    events: list[Event] = []
    for user in range(users):
        moment, end = START + int(rng.integers(0, 3 * DAY)), START + (days if user % 3 < 2 else days // 2) * DAY
        while moment < end:
            row: Event = {"user_id": f"u{user:03d}", "item_id": f"i{int(rng.integers(12)):02d}", "timestamp": moment}
            events.append(row | {"event_type": "view_item", "price": 10.0})
            if user % 3 != 1 and rng.random() < 0.6:
                paid = {"value": 5.0 + user / 10, "order_id": f"o{user}-{moment}", "timestamp": moment + MINUTE}
                events.append(row | paid | {"event_type": "purchase"})
            moment += int(rng.uniform(1.5, 6.5) * DAY)
    return sorted(events, key=lambda event: event["timestamp"])


def changed(events: list[Event], cutoff: int, change: str) -> list[Event]:
    early, late = [e for e in events if e["timestamp"] < cutoff], [e for e in events if e["timestamp"] >= cutoff]
    if change == "taken away":
        return early
    if change == "told otherwise":
        return early + [e | {"event_type": "purchase", "value": 999.0, "order_id": "x"} for e in late]
    rng = np.random.default_rng(5)
    return early + [
        e | {"item_id": f"i{int(rng.integers(12)):02d}", "user_id": f"u{user:03d}"}
        for e in late
        for user in rng.integers(0, 120, 1)
    ]


def scores(name: str, events: list[Event], cutoff: int) -> npt.NDArray[np.float64]:
    """Learn at two cutoffs whose horizons end by ``cutoff``, and ask everybody there."""
    log = Log.of(from_events(events))
    task = made("purchase", {"lookback": "30d"})
    assert isinstance(task, Prediction)
    learn_us = (cutoff - 14 * DAY, cutoff - 7 * DAY)
    learn = Examples.stack([task.examples(log, at, 7 * DAY) for at in learn_us])
    assert set(learn.also) == {"churn", "value"}
    model: Any = by_name(name)("binary")  # type: ignore[call-arg]
    model.backbone = Behaviour(training=TrainingSettings(epochs=2), dropout=0.1).fit(before(log.coded, learn_us[0]))
    if isinstance(model, BehaviourTuned):
        model.tuning = QUICK
    found: npt.NDArray[np.float64] = model.fit(learn).predict(log.at(task.asked(log, cutoff), cutoff, 7 * DAY))
    return found


@pytest.mark.parametrize("name", ["behaviour", "behaviour_boosting", "behaviour_tuned", "behaviour_together"])
def test_nothing_at_or_after_a_cutoff_moves_a_score(name: str) -> None:
    events, cutoff = shop_log(), START + 45 * DAY
    said = scores(name, events, cutoff)
    assert len(np.unique(said)) > 10
    for change in ("taken away", "told otherwise", "mixed up"):
        np.testing.assert_array_equal(scores(name, changed(events, cutoff, change), cutoff), said, err_msg=change)
    # Its twin: the same change before the cutoff is seen.
    earlier = scores(name, changed(events, cutoff - 9 * DAY, "told otherwise"), cutoff)
    assert earlier.shape != said.shape or not np.array_equal(earlier, said)
