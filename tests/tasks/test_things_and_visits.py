"""Questions about things and running visits: labels by hand, no moment knows what follows, answers add up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.histories.memory import from_events
from footfall.predictors._base import Examples
from footfall.tasks._moments import Log
from footfall.tasks._pairs import PairPrediction
from footfall.tasks._registry import made
from footfall.tasks._running import RunningPrediction
from footfall.tasks._visits import GAP_US, Visits, some

MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE
START = 1_700_000_000_000_000
Event = dict[str, Any]


def event(user: str, day: float, kind: str = "view_item", item: str = "i1", **more: Any) -> Event:
    moment = START + round(day * DAY)
    return {"user_id": user, "item_id": item, "event_type": kind, "timestamp": moment, "price": 5.0, **more}


def minutes(day: int, minute: float) -> float:
    return day + minute / 1440


EVENTS = sorted(
    [
        event("a", minutes(1, 0)),
        event("a", minutes(1, 5), "add_to_cart"),
        event("a", minutes(1, 9), "message_sent"),  # nobody's doing
        event("a", minutes(1, 10), "purchase", order_id="1"),
        event("a", minutes(1, 41), "view_item", "i2"),  # 31 minutes later: another visit
        event("b", minutes(2, 0), "view_item", "i2"),
        event("a", minutes(12, 0), "purchase", "i1", order_id="2"),
        event("b", minutes(13, 0), "purchase", "i2", order_id="3"),
        event("b", minutes(26, 0), "purchase", "i2", order_id="4"),
    ],
    key=lambda each: each["timestamp"],
)


def read(events: list[Event] = EVENTS) -> Log:
    return Log.of(from_events(events))


def names(examples: Examples) -> list[str]:
    assert examples.about is not None
    return [examples.about.names[code - 1] for code in examples.about.codes.tolist()]


def test_visits_by_hand() -> None:
    visits = read().visits
    assert len(visits.at) == 8  # a message is nobody's doing
    assert np.diff(np.append(visits.first, 8)).tolist() == [3, 1, 1, 1, 1, 1]
    assert visits.remaining_s(np.arange(4)).tolist() == [600, 300, 0, 0]
    assert visits.later_in_visit(np.arange(4), read().events_of("purchase")).tolist() == [True, True, False, False]
    assert visits.running(START + DAY + 10 * MINUTE + GAP_US).tolist() == [0]
    assert visits.running(START + DAY).tolist() == []
    assert visits.latest(START + 2 * DAY, np.array([0, 1])).tolist() == [3]  # b was not there yet
    assert visits.within(START + DAY, START + DAY + 6 * MINUTE).tolist() == [0, 1]


def test_between_events_of_one_moment_nobody_is_asked() -> None:
    rows, did = np.zeros(3, np.int64), np.ones(3, np.bool_)
    visits = Visits.of(rows, np.array([START, START, START + MINUTE]), did)
    assert visits.within(START, START + DAY).tolist() == [1, 2]
    assert len(Visits.of(rows[:0], np.zeros(0, np.int64), did[:0]).within(0, 9)) == 0


def test_some_are_drawn_once_and_in_order() -> None:
    drawn = some(np.arange(100), 10, 0)
    assert len(set(drawn.tolist())) == 10
    assert drawn.tolist() == sorted(drawn.tolist()) == some(np.arange(100), 10, 0).tolist()
    assert some(np.arange(5), 10, 0).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("name", "expected"), [("session_purchase", [1.0, 1.0, 0.0, 0.0, 0.0]), ("dwell", [600.0, 0.0, 0.0])]
)
def test_labels_of_running_visits_by_hand(name: str, expected: list[float]) -> None:
    task: Any = made(name, {})
    assert task.examples(read(), START + DAY, 9 * DAY).told.tolist() == expected


def test_the_next_event_by_hand() -> None:
    task: Any = made("next_event", {})
    log = read()
    found = task.examples(log, START + DAY, 9 * DAY)
    came = [name for name, told in zip(names(found), found.told.tolist(), strict=True) if told]
    # Before the first moment only a view is known, so a cart and a purchase are not asked about yet.
    assert came == ["end of visit"] * 3
    later = task.examples(log, START + 12 * DAY, 9 * DAY)
    assert set(names(later)) == {"view_item", "add_to_cart", "purchase", "end of visit"}
    answered = task.answered(np.linspace(0.1, 0.4, len(later)), later)
    moments = np.unique(later.cutoff_us)
    assert [round(answered.said[later.cutoff_us == at].sum(), 9) for at in moments] == [1.0] * len(moments)
    values, users = task.besides(answered, later)["Accuracy"]
    assert values.tolist() == [1.0, 1.0]  # the largest is the last one, the end, which came
    assert users.tolist() == [0, 1]


def test_interest_by_hand() -> None:
    task: Any = made("interest", {"lookback": "20d"})
    log = read()
    found = task.examples(log, START + 5 * DAY, 10 * DAY)
    assert found.about is not None
    assert set(found.about.kinds) == {"category", "brand", "price_band"}
    # Two users, and one band that all prices are in; both bought in it on days 12 and 13.
    assert sorted(set(names(found))) == ["price band 5"]
    assert found.told.tolist() == [1.0, 1.0]
    assert task.examples(log, START + 5 * DAY, 7 * DAY).told.tolist() == [0.0, 0.0]  # day 12 is not before day 12


def test_repurchase_learns_hazards_and_tells_the_whole() -> None:
    task: Any = made("repurchase", {})
    log = read()
    found = task.examples(log, START + 14 * DAY, 16 * DAY)
    # a bought i1, b bought i2, before the cutoff; b buys again on day 26: the fourth quarter of days 14 to 30.
    assert found.told.tolist() == [0, 0, 0, 0, 0, 0, 0, 1]
    again = task.examples(log, START + 14 * DAY, 48 * DAY)  # the same day is the second quarter's
    assert again.told[4:6].tolist() == [0, 1]
    assert np.isnan(again.told[6:]).all()  # it was bought already: nothing can come of these
    assert len(again.known()) == 6
    answered = task.answered(np.array([0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0]), found)
    np.testing.assert_allclose(answered.said, [0.0, 0.75])
    assert answered.told.tolist() == [0.0, 1.0]
    assert np.isnan(answered.more["days"][0])
    assert answered.more["days"][1] == pytest.approx((0.5 * 2 + 0.25 * 6) / 0.75)
    off, users = task.besides(answered, found)["DaysOff"]
    assert off.tolist() == [pytest.approx(14 - answered.more["days"][1])]
    assert users.tolist() == [1]


@pytest.mark.parametrize("name", ["session_purchase", "dwell"])
def test_a_moment_knows_nothing_of_what_follows(name: str) -> None:
    task: Any = made(name, {})
    assert isinstance(task, RunningPrediction)
    whole = read()
    found = task.examples(whole, START + DAY, 20 * DAY)
    for at, cutoff in enumerate(found.cutoff_us.tolist()):
        early = [each for each in EVENTS if each["timestamp"] < cutoff]
        # The log's types are known, and have the codes that they have in the whole of it.
        early += [event("z", 40, kind) for kind in dict.fromkeys(each["event_type"] for each in EVENTS)]
        log = read(early)
        alone = task._made(log, log.visits.latest(cutoff, found.rows[at : at + 1]), 20 * DAY, None, START + DAY)  # noqa: SLF001
        assert alone.table.names == found.table.names
        np.testing.assert_array_equal(alone.table.values[0], found.table.values[at])


def test_a_pair_alone_is_told_what_it_is_told_among_others() -> None:
    task: Any = made("interest", {"lookback": "20d"})
    assert isinstance(task, PairPrediction)
    log = read()
    both = task.now(log, START + 20 * DAY, 7 * DAY)
    alone = task.now(log, START + 20 * DAY, 7 * DAY, np.array([1]))
    np.testing.assert_array_equal(both.table.values[both.rows == 1], alone.table.values)


@pytest.mark.parametrize(
    ("name", "events", "said"),
    [
        ("session_purchase", [e for e in EVENTS if e["event_type"] == "purchase"], "purchases only"),
        ("dwell", [event("a", 1), event("a", 3)], "two events at different times"),
        ("next_event", [event("a", 1), event("a", 3)], "no visit of this log has two events"),
        ("interest", [event("a", 1)], "no event of type purchase"),
        (
            "repurchase",
            [event("a", 1, "purchase"), event("a", 3, "purchase", "i2")],
            "nobody in this log bought an item",
        ),
    ],
)
def test_logs_that_cannot_answer_say_why(name: str, events: list[Event], said: str) -> None:
    task: Any = made(name, {})
    with pytest.raises(InputError, match=said):
        task.needs(read(events))
