"""Reasons that name past events: grouping, words, what is planted is named, and deletion tells true ones from false."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.evaluation.splits import before
from footfall.features.table import FeatureTable
from footfall.histories.memory import from_events
from footfall.histories.sequences import Sequences
from footfall.predictors._base import Examples
from footfall.predictors._registry import predictors
from footfall.recommenders.behaviour import Behaviour
from footfall.tasks import _deletion
from footfall.tasks._deletion import reasons_check
from footfall.tasks._event_reasons import EventGroups, Names, events_that_moved, margin, said_of, without
from footfall.tasks._moments import Log
from footfall.tasks._probable import Calibrated
from footfall.tasks._reasons import reasons_of
from footfall.tasks._registry import made
from footfall.training.loop import TrainingSettings

DAY = 86_400_000_000
START = 1_700_000_000_000_000
Event = dict[str, Any]


def wishes(users: int = 300, days: int = 84, seed: int = 0) -> list[Event]:
    """Everybody views and fills carts alike; who puts something on the wishlist buys a few days later, nobody else."""
    rng = np.random.default_rng(seed)
    events: list[Event] = []
    for user in range(users):
        moment = START + int(rng.integers(0, 3 * DAY))
        while moment < START + days * DAY:
            row: Event = {"user_id": f"u{user:03d}", "item_id": f"i{int(rng.integers(12)):02d}", "timestamp": moment}
            kind = rng.random()
            if kind < 0.12:
                events.append(row | {"event_type": "add_to_wishlist"})
                bought = {"event_type": "purchase", "value": 10.0, "order_id": f"o{len(events)}"}
                events.append(row | bought | {"timestamp": moment + int(rng.uniform(2, 7) * DAY)})
            else:
                events.append(row | {"event_type": "add_to_cart" if kind < 0.3 else "view_item"})
            moment += int(rng.uniform(0.5, 4) * DAY)
    return sorted(events, key=lambda event: event["timestamp"])


@dataclasses.dataclass
class Shop:
    log: Log
    backbone: Behaviour
    learn: Examples
    later: Examples
    test: Examples

    known: dict[str, Calibrated] = dataclasses.field(default_factory=dict)

    def model(self, family: str) -> Calibrated:
        if family not in self.known:
            predictor: Any = predictors()[family]("binary")  # type: ignore[call-arg]
            predictor.backbone = self.backbone
            self.known[family] = Calibrated.of(predictor.fit(self.learn), self.later)
        return self.known[family]


@pytest.fixture(scope="module")
def shop() -> Shop:
    log = Log.of(from_events(wishes()))
    task: Any = made("purchase", {"lookback": "30d"})
    at = [task.examples(log, START + day * DAY, 7 * DAY) for day in (42, 49, 56, 63, 70)]
    training = TrainingSettings(epochs=8, tokens=1024, learning_rate=5e-3)
    backbone = Behaviour(training=training).fit(before(log.coded, START + 42 * DAY))
    return Shop(log, backbone, Examples.stack(at[:3]), at[3], at[4])


@pytest.mark.parametrize("family", ["behaviour", "behaviour_boosting"])
def test_events_that_are_named_move_the_score_more_than_others(shop: Shop, family: str) -> None:
    model = shop.model(family)
    for log in (None, shop.log):
        check = reasons_check(model, shop.test, log, users=80)
        assert set(check) == ({"events"} if family == "behaviour" else {"events", "features"})
        for each in check.values():
            assert set(each) == {"named", "random", "ratio", "low", "high", "users"}
            assert each["low"] > 1.1
            assert each["users"] > 40


@pytest.mark.parametrize("family", ["boosting", "linear"])
def test_features_that_are_named_move_the_score_more_than_others(shop: Shop, family: str) -> None:
    check = reasons_check(shop.model(family), shop.test, users=80)
    assert set(check) == {"features"}
    assert check["features"]["low"] > 1.5


def test_the_check_fails_reasons_that_are_made_up(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def made_up(predictor: Any, examples: Examples) -> Any:
        groups, moved = events_that_moved(predictor, examples)
        return groups, np.random.default_rng(0).permutation(moved)

    monkeypatch.setattr(_deletion, "events_that_moved", made_up)
    check = reasons_check(shop.model("behaviour"), shop.test, users=80)["events"]
    assert check["low"] < 1.1


def test_the_kind_of_event_that_decides_is_named_oftener_than_it_happens(shop: Shop) -> None:
    model = shop.model("behaviour")
    lately = shop.test.take(np.arange(0, len(shop.test), 2))
    groups, moved = events_that_moved(model.predictor, lately)
    wished = groups.event_type == shop.log.types["add_to_wishlist"]
    new = groups.last_us >= START + 63 * DAY  # what was bought of older wishes has been bought
    assert np.mean(moved[wished & new]) > 0.2
    assert np.mean(moved[wished & new]) > np.mean(moved[~wished & new]) + 0.2
    assert np.mean(np.abs(moved[wished & new])) > 1.5 * np.mean(np.abs(moved[~wished & new]))


def test_a_reason_is_what_the_score_loses_without_it(shop: Shop) -> None:
    model = shop.model("behaviour")
    asked = shop.test.take(np.arange(20))
    groups, moved = events_that_moved(model.predictor, asked)
    histories = asked.histories
    for group in groups.foremost(moved, 2).tolist():
        row = np.array([groups.row[group]])
        gone = np.flatnonzero(groups.of_event == group)
        assert (histories.rows[gone] == row).all()
        alone = margin(model.predictor, asked.take(row)) - margin(model.predictor, without(asked, row, [gone]))
        assert moved[group] == pytest.approx(alone[0], abs=1e-3)


@pytest.mark.parametrize("family", ["behaviour", "behaviour_boosting"])
def test_reasons_name_items_and_nothing_at_or_after_the_cutoff_is_named(shop: Shop, family: str) -> None:
    model = shop.model(family)
    kinds = {code: name for name, code in shop.log.types.items()}
    names = Names(lambda code: f"<{code}>", kinds.__getitem__)
    asked = shop.test.take(np.arange(40))
    told = reasons_of(model, asked, names)
    texts = [reason.text for row in told for reason in row if reason.feature == "history"]
    assert all(len(row) == 3 for row in told)
    assert len(texts) > 20
    assert all("<" in text and ("ago" in text or "within the hour" in text) for text in texts)
    assert all(text.endswith(("(raises it)", "(lowers it)")) for text in texts)
    assert all(abs(a.moved) >= abs(b.moved) for row in told for a, b in itertools.pairwise(row))
    # The same log, in which everything from the cutoff on is otherwise.
    times = shop.log.coded.timestamp_us
    assert times is not None
    item = np.where(times >= START + 70 * DAY, 3, shop.log.coded.item).astype(np.int32)
    other = dataclasses.replace(asked, log=dataclasses.replace(shop.log.coded, item=item))
    assert reasons_of(model, other, names) == told
    assert (item != shop.log.coded.item).any()
    # The twin: of what lies before it, the same change is seen.
    item = np.where(times >= START + 60 * DAY, 3, shop.log.coded.item).astype(np.int32)
    assert reasons_of(model, dataclasses.replace(asked, log=dataclasses.replace(shop.log.coded, item=item))) != told


def test_who_has_done_nothing_has_no_events_to_be_named(shop: Shop) -> None:
    early = dataclasses.replace(shop.test, cutoff_us=np.full(len(shop.test), START - DAY)).take(np.arange(5))
    groups, moved = events_that_moved(shop.model("behaviour").predictor, early)
    assert len(groups) == len(moved) == 0
    assert reasons_of(shop.model("behaviour"), early) == [()] * 5
    assert reasons_of(shop.model("behaviour"), early.take(np.zeros(0, np.int64))) == []
    assert "events" not in reasons_check(shop.model("behaviour"), early)


def test_a_family_that_reads_no_events_cannot_be_asked_for_them(shop: Shop) -> None:
    with pytest.raises(InputError, match="'boosting' reads no events"):
        events_that_moved(shop.model("boosting").predictor, shop.test)


# --- groups and words -------------------------------------------------------------------------------------------------


def small() -> Sequences:
    return Sequences(
        np.array([0, 0, 5, 7]),
        np.array([3, 3, 4, 3, 0, 5, 3], np.int32),
        6,
        event_type=np.array([3, 3, 3, 4, 5, 3, 3], np.int16),
        timestamp_us=np.array([1, 2, 3, 4, 5, 6, 7], np.int64) * DAY,
    )


@pytest.mark.parametrize("context", [1, 2, 4, 100])
def test_groups_are_those_of_a_slow_twin(context: int) -> None:
    rng = np.random.default_rng(0)
    offsets = np.cumsum([0, *rng.integers(0, 9, 30)])
    n = int(offsets[-1])
    kinds, item = rng.integers(3, 5, n).astype(np.int16), rng.integers(3, 5, n).astype(np.int32)
    log = Sequences(offsets, item, 6, event_type=kinds, timestamp_us=np.sort(rng.integers(0, 10**9, n)))
    times = log.timestamp_us
    assert times is not None
    expected: dict[tuple[int, int, int], list[int]] = {}
    for row in range(len(log)):
        for at in range(max(int(offsets[row]), int(offsets[row + 1]) - context), int(offsets[row + 1])):
            expected.setdefault((row, int(kinds[at]), int(item[at])), []).append(at)
    groups = EventGroups.of(log, context)
    found = {}
    for group in range(len(groups)):
        places = np.flatnonzero(groups.of_event == group).tolist()
        found[int(groups.row[group]), int(groups.event_type[group]), int(groups.item[group])] = places
        assert groups.count[group] == len(places)
        assert groups.last_us[group] == times[places].max()
    assert found == expected
    assert (groups.of_event < 0).sum() == n - sum(map(len, expected.values()))
    newest = groups.newest(2)
    for row in range(len(log)):
        mine = groups.last_us[groups.row == row]
        assert sorted(groups.last_us[newest[groups.row[newest] == row]]) == sorted(np.sort(mine)[::-1][:2])


def test_groups_that_did_nothing_are_not_foremost() -> None:
    groups = EventGroups.of(small(), 100)
    moved = np.zeros(len(groups))
    assert len(groups.foremost(moved, 3)) == 0
    moved[1] = -2.0
    assert groups.foremost(moved, 3).tolist() == [1]


def test_events_in_words() -> None:
    groups = EventGroups.of(small(), 100)
    names = Names({3: "Red shoe", 4: "Hat", 5: "Sock"}.__getitem__, {3: "view_item", 4: "my_event", 5: "login"}.get)  # type: ignore[arg-type]
    said = {said_of(groups, group, 8 * DAY + DAY // 2, names) for group in range(len(groups))}
    assert said == {
        "2 views of Red shoe, the last 6 days ago",
        "view of Hat, 6 days ago",
        "my event of Red shoe, 4 days ago",
        "login, 4 days ago",
        "view of Sock, 2 days ago",
        "view of Red shoe, 2 days ago",
    }
    assert said_of(groups, 0, 2 * DAY + 1, names).endswith("within the hour")
    assert said_of(groups, 0, 2 * DAY + DAY // 12, names).endswith("the last 2 hours ago")
    assert said_of(groups, 0, 3 * DAY, Names()) == "2 x event 3 of item 3, the last 1 day ago"


def test_what_is_known_of_a_rhythm_is_one_reason(shop: Shop) -> None:
    model = shop.model("boosting")
    names = shop.test.table.names
    assert {"order_gap_mean_days", "days_since_last_order", "order_overdue"} <= set(names)
    values = shop.test.table.values[:4].copy()
    values[:, names.index("order_gap_mean_days")] = [31, 31, np.nan, 1.5]
    values[:, names.index("days_since_last_order")] = [44, 2, 44, 0.25]
    table = FeatureTable(names, values, shop.test.table.rows[:4], shop.test.table.categories)
    asked = dataclasses.replace(shop.test.take(np.arange(4)), table=table)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("footfall.tasks._reasons.MOST", 1000)
        told = reasons_of(model, asked)
    cycles = [[reason for reason in row if reason.feature == "order_cycle"] for row in told]
    assert [[reason.text.rpartition(" (")[0] for reason in row] for row in cycles] == [
        ["buys every 31 days, now day 44"],
        ["buys every 31 days, now day 2"],
        [],
        ["buys every 1.5 days, now day 0.25"],
    ]
    parts = {"order_gap_mean_days", "days_since_last_order", "order_overdue", "days_since_purchase"}
    assert not parts & {reason.feature for reason in told[0]}
    assert parts & {reason.feature for reason in told[2]}
    # Nothing is lost: TreeSHAP's parts still sum to the score.
    assert isinstance(model.predictor, predictors()["boosting"])
    whole = model.predictor.contributions(table)[:, :-1].sum(axis=1)  # type: ignore[attr-defined]
    np.testing.assert_allclose([sum(reason.moved for reason in row) for row in told], whole, rtol=1e-6)


def test_one_user_alone_has_reasons_of_a_family_that_compares_with_what_is_usual(shop: Shop) -> None:
    model = shop.model("linear")
    together = reasons_of(model, shop.test.take(np.arange(10)))
    alone = [reasons_of(model, shop.test.take(np.array([row])))[0] for row in range(10)]
    for one, other in zip(together, alone, strict=True):
        assert one
        assert [reason.feature for reason in one] == [reason.feature for reason in other]
