"""Features of users: known answers, one live user as in a batch, nothing from after the cutoff, stable columns."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import ConfigError, InputError
from footfall.features.items import ItemFacts
from footfall.features.table import FeatureTable
from footfall.features.users import GROUPS, RAW, event_types, log_of, user_features
from footfall.histories.columns import FIRST_CODE
from footfall.histories.content import Content, Field
from footfall.histories.memory import from_events
from footfall.histories.sequences import Sequences, sequences_of
from footfall.schema import EVENT_TYPES, US_PER_DAY

TYPES = {name: FIRST_CODE + place for place, name in enumerate((*EVENT_TYPES, "odd"))}
N_ITEMS = 9
DAY = US_PER_DAY
CUTOFF = 200 * DAY

Event = tuple[int, int, int, int, float, int]
"""Time, type, item, order, a number (price, rating, ...), a code (channel, query, ...)."""


def made(*rows: list[Event]) -> Sequences:
    """Return a log of histories, with all the columns that features read."""
    events = [event for row in rows for event in row]
    columns = [np.array([event[k] for event in events]) for k in range(6)]
    time, kind, item, order, number, code = columns if events else [np.zeros(0)] * 6
    extra: dict[str, Any] = dict.fromkeys(RAW, code.astype(np.int32))
    extra |= dict.fromkeys(("price", "quantity", "rating"), number.astype(np.float32))
    category = np.array([[0, 0], [0, 0], [0, 0], [1, 2], [1, 3], [4, 0], [4, 5], [0, 0], [4, 5]], np.int32)
    return Sequences(
        offsets=np.cumsum([0, *map(len, rows)]),
        item=item.astype(np.int32),
        n_codes=N_ITEMS,
        event_type=kind.astype(np.int16),
        timestamp_us=time.astype(np.int64),
        order=order.astype(np.int32),
        extra=extra | {"value_minor": np.where(kind == TYPES["purchase"], code, 0).astype(np.int64)},
        sizes=dict.fromkeys(("channel", "device", "campaign", "country", "region", "query"), 6),
        content=Content({"category": Field(("a", "a > b", "a > c", "d", "d > e"), category)}),
    )


def event(time: float, kind: str, item: int = 0, order: int = 0, number: float = math.nan, code: int = 0) -> Event:
    """Return an event some days before the cutoff."""
    return (CUTOFF - round(time * DAY), TYPES[kind], item, order, number, code)


def events_at(times: st.SearchStrategy[int]) -> st.SearchStrategy[list[Event]]:
    kinds = st.sampled_from(list(TYPES.values()))
    numbers = st.sampled_from([math.nan, 1.0, 2.5, 5.0])
    one = st.tuples(times, kinds, st.integers(0, N_ITEMS - 1), st.integers(0, 3), numbers, st.integers(0, 5))
    return st.lists(one, max_size=12).map(sorted)


early = events_at(st.sampled_from([1, 5, 60, 120, 170, 190, 195, 199]).map(lambda day: day * DAY + 7))
late = events_at(st.integers(CUTOFF, CUTOFF + 40 * DAY))


def same(one: FeatureTable, other: FeatureTable) -> None:
    assert one.names == other.names
    assert one.categories == other.categories
    np.testing.assert_array_equal(one.rows, other.rows)
    np.testing.assert_array_equal(one.values.view(np.int32), other.values.view(np.int32))


def told(table: FeatureTable, row: int = 0) -> dict[str, float]:
    return dict(zip(table.names, table.values[row].tolist(), strict=True))


@settings(max_examples=150)
@given(st.lists(early, min_size=1, max_size=5), st.data())
def test_one_live_user_has_the_features_that_a_batch_gives(rows: list[list[Event]], data: st.DataObject) -> None:
    log = made(*rows)
    facts = ItemFacts.of(log, CUTOFF, TYPES)
    batch = user_features(log, CUTOFF, TYPES, facts=facts)
    assert batch.rows.tolist() == [n for n, row in enumerate(rows) if row]
    for place, n in enumerate(batch.rows.tolist()):
        alone = made(rows[n] + data.draw(late))
        live = user_features(alone, CUTOFF, TYPES, facts=facts)
        same(dataclasses.replace(live, rows=batch.rows[place : place + 1]), batch.take([place]))
        same(user_features(log, CUTOFF, TYPES, facts=facts, rows=np.array([n])), batch.take([place]))


@settings(max_examples=150)
@given(st.lists(early, min_size=1, max_size=4), st.booleans(), st.data())
def test_nothing_at_or_after_the_cutoff_moves_a_feature(
    rows: list[list[Event]], sized: bool, data: st.DataObject
) -> None:
    """Late events are there or not, changed, and in another order; the table is the same, bit for bit."""
    tables = []
    for _ in range(3):
        log = made(*(row + data.draw(late) for row in rows))
        log = log if sized else dataclasses.replace(log, sizes={})
        facts = ItemFacts.of(log, CUTOFF, TYPES)
        tables.append(user_features(log, CUTOFF, TYPES, facts=facts, timezone="Europe/Berlin"))
    same(tables[0], tables[1])
    same(tables[0], tables[2])
    log = made(*rows)
    log = log if sized else dataclasses.replace(log, sizes={})
    facts = ItemFacts.of(log, CUTOFF, TYPES)
    same(tables[0], user_features(log, CUTOFF, TYPES, facts=facts, timezone="Europe/Berlin"))


def test_late_events_of_the_same_moment_in_another_order_move_nothing() -> None:
    row = [event(3, "view_item", 3), event(1, "add_to_cart", 4)]
    after = [event(0, "purchase", 3, 1, 9.0, 1), event(0, "view_item", 5), event(0, "odd", 4, 0, 3.0, 2)]
    one, other = (user_features(made(row + more), CUTOFF, TYPES) for more in (after, after[::-1]))
    same(one, other)


def test_columns_follow_from_the_log_and_never_from_the_rows() -> None:
    rows = [[event(1, name)] for name in TYPES] + [[event(0, "purchase")]]
    log = made(*rows)
    facts = ItemFacts.of(log, CUTOFF, TYPES)
    whole = user_features(log, CUTOFF, TYPES, facts=facts, rows=np.arange(len(rows)))
    assert len(whole) == len(rows)
    assert not np.isinf(whole.values).any()
    for n in range(len(rows)):
        table = user_features(log.take(np.array([n])), CUTOFF, TYPES, facts=facts, rows=np.zeros(1, np.int64))
        assert (table.names, table.categories) == (whole.names, whole.categories)
    nothing = told(whole, len(rows) - 1)
    assert nothing["events_all"] == nothing["orders_all"] == nothing["spend_90d"] == nothing["purchase_30d"] == 0
    assert math.isnan(nothing["days_since_last_order"])
    assert nothing["channel_modal"] == 0
    groups = {group: user_features(log, CUTOFF, TYPES, facts=facts, groups=[group]).names for group in GROUPS}
    assert [name for group in GROUPS for name in groups[group]] == list(whole.names)
    assert all(groups.values())


def test_columns_that_the_log_cannot_fill_are_not_there() -> None:
    log = made([event(1, "view_item", 3)])
    bare = dataclasses.replace(log, extra={}, sizes={}, content=None)
    names = user_features(bare, CUTOFF, {"view_item": TYPES["view_item"], "purchase": 2}).names
    assert {"events_all", "view_item_30d", "items_seen_7d", "views_trend_7d_30d"} <= set(names)
    absent = {
        "purchase_30d",
        "orders_all",
        "spend_all",
        "rating_mean",
        "channel_modal",
        "category_entropy",
        "cart_value",
    }
    assert not absent & set(names)
    some = user_features(bare, CUTOFF, {"purchase": TYPES["purchase"]}, groups=["buying"]).names
    assert "orders_all" in some
    assert "spend_all" not in some


def test_buying_by_hand() -> None:
    row = [
        event(100, "purchase", 3, 7, 2.0, 1000),  # order 7: 10.00 + 20.00
        event(100, "purchase", 4, 7, 2.0, 2000),
        event(60, "purchase", 3, 0, 1.0, 500),  # without a number: one moment, one order
        event(60, "purchase", 5, 0, 3.0, 700),
        event(10, "purchase", 3, 8, 1.0, 0),  # without a value: price 1 times quantity 1
        event(10, "purchase", 3, 8, 0.0, 0),  # the same item in the same order is no repeat, and costs nothing
        event(9, "purchase", 6, 7, 1.0, 100),  # order 7 goes on, and is dated by its first row
        event(5, "refund", 3, 7, 2.0, 0),  # price 2 times quantity 2
    ]
    found = told(user_features(made(row), CUTOFF, TYPES, groups=["buying"]))
    expected = {
        "orders_30d": 1,
        "orders_90d": 2,
        "orders_all": 3,
        "spend_30d": 1,
        "spend_90d": 1 + 12,
        "spend_all": 1 + 12 + 31,
        "order_mean_value": 44 / 3,
        "order_max_value": 31,
        "last_order_value": 1,
        "items_per_order": (2 + 2 + 1 + 3 + 1 + 0 + 1) / 3,
        "lines_per_order": 7 / 3,
        "days_since_first_order": 100,
        "days_since_last_order": 10,
        "order_gap_mean_days": (40 + 50) / 2,
        "order_gap_std_days": 5,
        "order_overdue": 10 / 45,
        "items_bought_distinct": 4,
        "repeat_share": 2 / 7,  # item 3 in the second and in the third order
        "max_price": 3,
        "refunded": 4,
        "refund_share": 4 / 44,
        "purchase_30d": 3,
        "days_since_purchase": 9,
        "refund_7d": 1,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_cart_categories_and_items_by_hand() -> None:
    row = [
        event(50, "add_to_cart", 3, 0, 2.0),
        event(40, "purchase", 4, 1, 1.0),  # clears the cart
        event(9, "view_item", 3, 0, 4.0),  # category a
        event(8, "view_item", 4, 0, 6.0),  # category a
        event(7, "view_item", 5, 0, 8.0),  # category d
        event(6, "view_item", 5, 0, 8.0),
        event(5, "add_to_cart", 4, 0, 2.0),  # two pieces at 2
        event(4, "add_to_cart", 5, 0, 3.0),  # three pieces at 3
        event(3, "remove_from_cart", 5, 0, 1.0),
        event(2, "remove_from_cart", 3, 0, 1.0),  # is not in the cart
        event(1, "remove_from_cart", 4, 0, 5.0),  # more than there are
        event(0.5, "add_to_cart", 4, 0, 1.0),  # is there again, one piece at 1
    ]
    log = made(row)
    facts = ItemFacts.of(log, CUTOFF, TYPES)
    found = told(user_features(log, CUTOFF, TYPES, facts=facts, groups=["browsing", "items"]))
    expected = {
        "items_seen_7d": 1,
        "items_seen_30d": 3,
        "categories_seen": 2,
        "category_entropy": math.log(2),
        "cart_items": 2,
        "cart_quantity": 2 + 1,
        "cart_value": 2 * 3 + 1 * 1,
        "cart_age_days": 0.5,
        # One purchase in four views: 1/4; item 5 has two views and no purchase, item 4 one of each.
        "cart_conversion": ((0 + 20 / 4) / (2 + 20) + (1 + 20 / 4) / (1 + 20)) / 2,
        # The medians: of item 3 (2, 4, 1), of item 4 (1, 6, 2, 5, 1), of item 5 (8, 8, 3, 1)
        "seen_price_all": (2 + 2 + 5.5 + 5.5) / 4,
        "seen_price_last": 5.5,
        "bought_price": 2,
        "seen_to_bought_price": 15 / 4 / 2,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_trends_and_messages_by_hand() -> None:
    row = [event(day, "view_item", 3) for day in (80, 20, 10, 3)] + [event(2, "message_sent")] * 4
    row += [event(1, "message_open"), event(1, "message_click")]
    found = told(user_features(made(row), CUTOFF, TYPES))
    expected = {
        "events_all": 6,  # what was sent is not what the user did
        "views_trend_7d_30d": math.log1p(1 * 30 / 7) - math.log1p(3),
        "views_trend_30d_90d": math.log1p(3 * 3) - math.log1p(4),
        "sessions_trend_7d_30d": math.log1p(2 * 30 / 7) - math.log1p(4),
        "orders_trend_7d_30d": 0,
        "spend_trend_30d_90d": 0,
        "message_open_share": 1 / 4,
        "message_click_share": 1 / 4,
        # Weeks before the cutoff: 3 events in the first, one in the second (day 10), one in the third (day 20).
        "events_weekly_slope": (3 * 3.5 + 2.5 + 1.5) / 42,
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6)


def test_days_and_nights_are_those_of_the_shops_clock() -> None:
    # In St. John's the clock was put back from 00:01 to 23:01 of the day before: two days, shown in turns.
    clock = [(2, 29), (2, 30), (3, 0), (4, 0)]  # 23:59, 00:00 by summer time; 23:30, 00:30 by winter time
    moments = [dt.datetime(2010, 11, 7, hour, minute, tzinfo=dt.UTC) for hour, minute in clock]
    row = [(int(moment.timestamp()) * 1_000_000, TYPES["login"], 0, 0, math.nan, 0) for moment in moments]
    found = told(user_features(made(row), row[-1][0] + 1, TYPES, timezone="America/St_Johns"))
    assert (found["active_days_all"], found["active_days_30d"]) == (2, 2)
    assert found["night_share"] == 0.5
    assert found["weekend_share"] == 1  # Saturday and Sunday
    early_bird = [event(1 - 6 / 24 - 1 / 1440, "login"), event(1 - 6 / 24, "login"), event(1 - 5.99 / 24, "login")]
    early_bird.sort()
    assert told(user_features(made(early_bird), CUTOFF, TYPES))["night_share"] == pytest.approx(1 / 3)  # 6:00 is day


def test_items_that_came_after_the_facts_are_unknown() -> None:
    facts = ItemFacts.of(made([event(9, "view_item", 3, 0, 5.0)]), CUTOFF, TYPES)
    grown = dataclasses.replace(made([event(2, "add_to_cart", 3)]), n_codes=50, content=None)
    row = dataclasses.replace(grown, item=np.array([40], np.int32))
    table = user_features(row, CUTOFF, TYPES, facts=facts)
    assert "category_entropy" in table.names
    found = told(table)
    assert found["cart_items"] == 1
    assert math.isnan(found["cart_conversion"])
    assert math.isnan(found["cart_value"])
    viewed = dataclasses.replace(row, event_type=np.array([TYPES["view_item"]], np.int16))
    found = told(user_features(viewed, CUTOFF, TYPES, facts=facts))
    assert found["seen_popularity_all"] == pytest.approx(math.log(1e-8))
    assert math.isnan(found["seen_price_last"])


def test_codes_of_orders_may_be_large_or_unknown() -> None:
    row = [event(9, "purchase", 3, 5), event(9, "purchase", 4, 2_000_000_000), event(8, "purchase", 3, 5)]
    assert told(user_features(made(row), CUTOFF, TYPES))["orders_all"] == 2
    unknown = dataclasses.replace(made(row), order=None)
    assert told(user_features(unknown, CUTOFF, TYPES))["orders_all"] == 2  # two moments


def test_rows_are_in_the_order_asked_for() -> None:
    log = made([event(1, "login")], [], [event(2, "login"), event(1, "login")])
    assert user_features(log, CUTOFF, TYPES).rows.tolist() == [0, 2]
    table = user_features(log, CUTOFF, TYPES, rows=np.array([2, 1, 0, 2]))
    assert table.rows.tolist() == [2, 1, 0, 2]
    assert table.column("events_all").tolist() == [2, 0, 1, 2]
    first = CUTOFF - 3 * DAY
    assert user_features(log, first, TYPES).values.shape == (0, len(table.names))
    assert user_features(made(), CUTOFF, TYPES).names == table.names


def test_compiled_histories_are_read_with_sizes() -> None:
    moment = dt.datetime(2024, 5, 1, 12, tzinfo=dt.UTC)
    events = [
        {"user_id": "u", "timestamp": moment, "event_type": "search", "query": "tea", "channel": "mail"},
        {"user_id": "u", "timestamp": moment, "event_type": "purchase", "item_id": "a", "value": 9.5, "device": "tv"},
    ]
    histories = from_events(events)
    log, types = log_of(histories), event_types(histories)
    assert types == {"search": 3, "purchase": 4}
    cutoff = int(moment.timestamp() * 1e6) + DAY
    table = user_features(log, cutoff, types)
    assert table.categories["channel_modal"] == len(histories.vocabularies["channel"]) == 4
    assert (told(table)["channel_modal"], told(table)["spend_all"]) == (3, 9.5)
    unsized = user_features(sequences_of(histories, extra=RAW), cutoff, types)
    assert unsized.names == table.names
    assert told(user_features(log, cutoff, types, currency="JPY"))["spend_all"] == 950  # no minor unit


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda log: user_features(log, CUTOFF, TYPES, groups=["buyng"]), "unknown group .* did you mean 'buying'"),
        (lambda log: user_features(log, CUTOFF, TYPES, groups=["items"]), "needs facts about items"),
        (lambda log: user_features(log, 5, TYPES, facts=ItemFacts.of(log, 6, TYPES)), "came after the cutoff"),
        (lambda log: user_features(dataclasses.replace(log, timestamp_us=None), 5, TYPES), "lacks timestamp_us"),
        (lambda log: user_features(dataclasses.replace(log, event_type=None), 5, TYPES), "lacks event_type"),
        (lambda log: user_features(log, 5, TYPES, rows=np.array([1])), "rows from 1 to 1; the log has 0 to 0"),
        (lambda log: user_features(log, 5, TYPES, rows=np.array([0.5])), "integers"),
        (lambda log: ItemFacts.of(dataclasses.replace(log, event_type=None), 5, TYPES), "event_type"),
    ],
)
def test_refusals_say_what_to_do(ask: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask(made([event(1, "login")]))


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown time zone"):
        user_features(made([event(1, "login")]), CUTOFF, TYPES, timezone="Mars/Olympus")
