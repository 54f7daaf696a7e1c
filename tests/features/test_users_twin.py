"""Features of users against a slow twin in plain Python, on small logs of every kind."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import statistics
import zoneinfo
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.features.items import ItemFacts
from footfall.features.users import event_types, log_of, user_features
from footfall.histories.memory import Event, from_events
from footfall.histories.store import Histories
from footfall.schema import PASSIVE_EVENT_TYPES

DAY = 86_400
CUTOFF = dt.datetime(2024, 3, 11, 3, tzinfo=dt.UTC)  # the day after clocks went forward in New York
ZONE = "America/New_York"
TYPES = (
    "view_item",
    "search",
    "add_to_cart",
    "remove_from_cart",
    "purchase",
    "refund",
    "review",
    "message_sent",
    "odd",
)
SPANS = {"1d": 1, "7d": 7, "30d": 30, "90d": 90, "all": 10**6}
STAGE = {"view_item": 1, "add_to_cart": 2, "begin_checkout": 3, "add_payment_info": 3, "purchase": 4}

NOT_TWINNED = {"campaign_last", "country_modal", "region_modal", "seen_to_bought_price"}

# Events mostly come in visits, and many lie at the very bounds of windows and sessions.
moments = st.builds(
    lambda day, s: day * DAY + s,
    st.sampled_from([0, 1, 1, 2, 3, 6, 7, 8, 29, 30, 31, 89, 90, 91, 100]),
    st.sampled_from([0, 0, 1, 600, 1800, 1801, 3600, 40_000, 80_000]),
)


def dated(event: dict[str, Any]) -> Event:
    return {**event, "timestamp": CUTOFF - dt.timedelta(seconds=event["age_s"])}


def events_of(kinds: list[str]) -> st.SearchStrategy[list[Event]]:
    said = st.fixed_dictionaries(
        {
            "user_id": st.sampled_from(["a", "a", "b"]),
            "age_s": st.one_of(moments, moments, st.integers(-2 * DAY, 100 * DAY)),
            "event_type": st.sampled_from(kinds),
        },
        optional={
            "item_id": st.sampled_from(["i", "j", "k"]),
            "price": st.sampled_from([8.0, 9.5, 10.0, 20.0]),
            "quantity": st.sampled_from([1.0, 2.0]),
            "value": st.sampled_from([5.0, 12.5]),
            "order_id": st.sampled_from(["o1", "o2"]),
            "rating": st.sampled_from([1.0, 4.0, 5.0]),
            "query": st.sampled_from(["red", "blue"]),
            "channel": st.sampled_from(["mail", "ads"]),
            "device": st.sampled_from(["phone", "desk"]),
        },
    )
    return st.lists(said.map(dated), min_size=1, max_size=30)


# Many logs have events of a few types only, so that what these do to each other is met.
events_st = st.lists(st.sampled_from(TYPES), min_size=2, max_size=20).flatmap(events_of)


def mean(values: list[float]) -> float:
    return statistics.fmean(values) if values else math.nan


def spread(values: list[float]) -> float:
    return statistics.pstdev(values) if len(values) > 1 else math.nan


def over(one: float, other: float) -> float:
    return math.nan if other == 0 or math.isnan(other) else one / other


def gaps(times: list[float]) -> list[float]:
    return [b - a for a, b in itertools.pairwise(times)]


def ages_in(ages: list[float], span: str) -> int:
    return sum(age <= SPANS[span] for age in ages)


class Shop:
    """What the twin knows of items."""

    def __init__(self, early: list[Event]) -> None:
        about = [e for e in early if "item_id" in e]
        self.views = Counter(e["item_id"] for e in about if e["event_type"] == "view_item")
        self.buys = Counter(e["item_id"] for e in about if e["event_type"] == "purchase")
        prior = over(self.buys.total(), self.views.total()) if self.views else 0.0
        ids = {e["item_id"] for e in about}
        self.conversion = {i: min((self.buys[i] + 20 * prior) / (self.views[i] + 20), 1) for i in ids}
        prices = {i: [e["price"] for e in about if e["item_id"] == i and "price" in e] for i in ids}
        self.price = {i: statistics.median(p) if p else math.nan for i, p in prices.items()}
        recent = Counter(e["item_id"] for e in about if age(e) <= 28)
        self.popularity = {i: math.log(recent[i] / max(recent.total(), 1) + 1e-8) for i in ids}


def age(event: Event) -> float:
    return float(event["age_s"] / DAY)


def twin(mine: list[Event], shop: Shop) -> Iterator[tuple[str, float]]:
    """Yield the features of one user's events before the cutoff, in time order."""
    done = [e for e in mine if e["event_type"] not in PASSIVE_EVENT_TYPES]
    yield from twin_activity(mine, done)
    yield from twin_buying(mine, shop)
    yield from twin_browsing(mine, shop)
    yield from twin_context(mine, done)


def twin_activity(mine: list[Event], done: list[Event]) -> Iterator[tuple[str, float]]:
    visits: list[list[Event]] = []
    for event in done:
        if not visits or visits[-1][-1]["age_s"] - event["age_s"] > 1800:
            visits.append([])
        visits[-1].append(event)
    for span in SPANS:
        yield f"events_{span}", ages_in([age(e) for e in done], span)
    for span in ("7d", "30d", "90d", "all"):
        yield f"sessions_{span}", ages_in([age(v[0]) for v in visits], span)
    yield "days_since_first_event", age(done[0]) if done else math.nan
    yield "days_since_last_event", age(done[-1]) if done else math.nan
    zone = zoneinfo.ZoneInfo(ZONE)
    local = [e["timestamp"].astimezone(zone) for e in done]
    yield "active_days_all", len({moment.date() for moment in local})
    yield "active_days_30d", len({moment.date() for moment, e in zip(local, done, strict=True) if age(e) <= 30})
    lengths = [v[0]["age_s"] - v[-1]["age_s"] for v in visits]
    yield "session_mean_s", mean(lengths)
    yield "session_typical_s", math.expm1(mean([math.log1p(length) for length in lengths]))
    yield "session_mean_events", mean([len(v) for v in visits])
    yield "last_session_s", lengths[-1] if lengths else math.nan
    yield "last_session_events", len(visits[-1]) if visits else math.nan
    between = gaps([-age(v[0]) for v in visits])
    yield "session_gap_mean_days", mean(between)
    yield "session_gap_std_days", spread(between)
    yield "session_overdue", over(age(visits[-1][0]), mean(between)) if visits else math.nan
    depths = [max(STAGE.get(e["event_type"], 0) for e in v) for v in visits]
    yield "last_session_depth", depths[-1] if depths else math.nan
    yield "depth_30d", max([STAGE.get(e["event_type"], 0) for e in done if age(e) <= 30], default=0)
    by_search = sum(v[0]["event_type"] == "search" for v in visits)
    yield "search_first_share", over(by_search, len(visits))
    yield "searches_per_session", over(sum(e["event_type"] == "search" for e in done), len(visits))
    for kind in TYPES:
        ages = [age(e) for e in mine if e["event_type"] == kind]
        for span in ("7d", "30d", "all"):
            yield f"{kind}_{span}", ages_in(ages, span)
        yield f"days_since_{kind}", min(ages, default=math.nan)
    yield from twin_trend("events", [ages_in([age(e) for e in done], span) for span in SPANS])
    yield from twin_trend("sessions", [ages_in([age(v[0]) for v in visits], span) for span in SPANS])
    for name, kind in (("views", "view_item"), ("carts", "add_to_cart")):
        ages = [age(e) for e in mine if e["event_type"] == kind]
        yield from twin_trend(name, [ages_in(ages, span) for span in SPANS])
    weeks = Counter(math.ceil(age(e) / 7) - 1 for e in done)
    yield "events_weekly_slope", float(np.polyfit(np.arange(8), [weeks[7 - w] for w in range(8)], 1)[0])


def twin_trend(name: str, counts: Sequence[float]) -> Iterator[tuple[str, float]]:
    _, week, month, quarter, _ = counts
    yield f"{name}_trend_7d_30d", math.log1p(week * 30 / 7) - math.log1p(month)
    yield f"{name}_trend_30d_90d", math.log1p(month * 3) - math.log1p(quarter)


def twin_buying(mine: list[Event], shop: Shop) -> Iterator[tuple[str, float]]:
    lines = [e for e in mine if e["event_type"] == "purchase"]
    orders: dict[Any, list[Event]] = {}
    for line in lines:
        orders.setdefault(line.get("order_id") or line["timestamp"], []).append(line)
    dates = [age(order[0]) for order in orders.values()]
    values = [sum(map(worth, order)) for order in orders.values()]
    spend = {span: sum(v for v, d in zip(values, dates, strict=True) if d <= SPANS[span]) for span in SPANS}
    for span in ("30d", "90d", "all"):
        yield f"orders_{span}", ages_in(dates, span)
        yield f"spend_{span}", spend[span]
    yield from twin_trend("orders", [ages_in(dates, span) for span in SPANS])
    yield from twin_trend("spend", list(spend.values()))
    yield "order_mean_value", mean(values)
    yield "order_max_value", max(values, default=math.nan)
    yield "last_order_value", values[-1] if values else math.nan
    yield "items_per_order", over(sum(e.get("quantity", 1) for e in lines), len(orders))
    yield "lines_per_order", over(len(lines), len(orders))
    yield "days_since_first_order", max(dates, default=math.nan)
    yield "days_since_last_order", min(dates, default=math.nan)
    between = gaps([-date for date in dates])
    yield "order_gap_mean_days", mean(between)
    yield "order_gap_std_days", spread(between)
    yield "order_overdue", over(min(dates, default=math.nan), mean(between))
    refunded = sum(worth(e) for e in mine if e["event_type"] == "refund")
    yield "refunded", refunded
    yield "refund_share", over(refunded, sum(values))
    bought: dict[str, Any] = {}
    repeats = 0
    for line in lines:
        if "item_id" in line:
            number = line.get("order_id") or line["timestamp"]
            repeats += bought.get(line["item_id"], number) != number
            bought[line["item_id"]] = number
    yield "items_bought_distinct", len(bought)
    yield "repeat_share", over(repeats, sum("item_id" in e for e in lines))
    yield "max_price", max((e["price"] for e in lines if "price" in e), default=math.nan)
    comparable = [(e["price"], shop.price[e["item_id"]]) for e in lines if "price" in e and "item_id" in e]
    yield "discount_share", mean([paid <= 0.95 * usual for paid, usual in comparable])
    prices = [shop.price[e["item_id"]] for e in lines if "item_id" in e]
    yield "bought_price", mean([p for p in prices if not math.isnan(p)])


def worth(event: Event) -> float:
    return float(event.get("value") or event.get("price", 0) * event.get("quantity", 1))


def twin_browsing(mine: list[Event], shop: Shop) -> Iterator[tuple[str, float]]:
    views = [e for e in mine if e["event_type"] == "view_item" and "item_id" in e]
    for span in ("7d", "30d", "all"):
        yield f"items_seen_{span}", len({e["item_id"] for e in views if age(e) <= SPANS[span]})
    yield "queries_distinct", len({e["query"] for e in mine if "query" in e})
    for what in ("popularity", "conversion", "price"):
        known: dict[str, float] = getattr(shop, what)
        for span in ("30d", "all"):
            values = [known[e["item_id"]] for e in views if age(e) <= SPANS[span]]
            yield f"seen_{what}_{span}", mean([v for v in values if not math.isnan(v)])
        yield f"seen_{what}_last", known[views[-1]["item_id"]] if views else math.nan
    bought = [at for at, e in enumerate(mine) if e["event_type"] == "purchase"]
    pieces: dict[str | None, float] = {}
    latest: dict[str | None, Event] = {}
    for event in mine[bought[-1] + 1 if bought else 0 :]:
        item, number = event.get("item_id"), event.get("quantity", 1)
        if event["event_type"] == "add_to_cart":
            pieces[item] = pieces.get(item, 0) + number
            latest[item] = event
        elif event["event_type"] == "remove_from_cart" and item in pieces:
            pieces[item] = max(pieces[item] - number, 0)
    held = {item: number for item, number in pieces.items() if number}
    prices = {item: latest[item].get("price", shop.price.get(item or "", math.nan)) for item in held}
    values = [prices[item] * held[item] for item in held if not math.isnan(prices[item])]
    yield "cart_items", len(held)
    yield "cart_quantity", sum(held.values())
    yield "cart_value", sum(values) if values or not held else math.nan
    yield "cart_age_days", min((age(latest[item]) for item in held), default=math.nan)
    yield "cart_conversion", mean([shop.conversion[item] for item in held if item])


def twin_context(mine: list[Event], done: list[Event]) -> Iterator[tuple[str, float]]:
    zone = zoneinfo.ZoneInfo(ZONE)
    local = [e["timestamp"].astimezone(zone) for e in done]
    minutes = [moment.hour * 60 + moment.minute for moment in local]
    angles = [minute / 1440 * 2 * math.pi for minute in minutes]
    sine, cosine = sum(map(math.sin, angles)), sum(map(math.cos, angles))
    length = math.hypot(sine, cosine)
    directed = length > 1e-9 * len(done)
    yield "hour_sin", sine / length if directed else math.nan
    yield "hour_cos", cosine / length if directed else math.nan
    yield "hour_concentration", over(length, len(done))
    yield "weekend_share", mean([moment.weekday() >= 5 for moment in local])
    yield "night_share", mean([moment.hour < 6 for moment in local])
    for name in ("channel", "device"):
        said = [e[name] for e in mine if name in e]
        counts = Counter(said)
        most = [value for value in reversed(said) if counts[value] == max(counts.values())]
        yield f"{name}_modal", CODES[name].get(most[0], 0) if said else 0
        yield f"{name}_last", CODES[name].get(said[-1], 0) if said else 0
        yield f"{name}s_distinct", len(counts)
    given_ = [e["rating"] for e in mine if "rating" in e]
    yield "ratings", len(given_)
    yield "rating_mean", mean(given_)
    yield "rating_std", spread(given_)


CODES: dict[str, dict[str, int]] = {}


def codes_of(histories: Histories) -> None:
    for name in ("channel", "device"):
        vocabulary = histories.vocabularies[name]
        CODES[name] = {value: vocabulary.code(value) for value in vocabulary.ids}


@settings(max_examples=300)
@given(events_st)
def test_features_are_those_of_the_slow_twin(events: list[Event]) -> None:
    histories = from_events(events)
    codes_of(histories)
    log, types = log_of(histories), event_types(histories)
    cutoff_us = int(CUTOFF.timestamp() * 1_000_000)
    table = user_features(
        log, cutoff_us, types, facts=ItemFacts.of(log, cutoff_us, types), timezone=ZONE, rows=np.arange(len(log))
    )
    early = [e for e in events if e["age_s"] > 0]
    shop = Shop(early)
    for row, user in enumerate(histories.user_ids(0, list(range(len(log))))):
        mine = sorted((e for e in early if e["user_id"] == user), key=lambda e: e["timestamp"])
        expected = dict(twin(mine, shop))
        found = dict(zip(table.names, table.values[row].tolist(), strict=True))
        compared = found.keys() & expected.keys()
        assert {name: found[name] for name in compared} == pytest.approx(
            {name: expected[name] for name in compared}, rel=2e-5, abs=2e-5, nan_ok=True
        )
        assert found.keys() - expected.keys() <= NOT_TWINNED
        if types.keys() >= set(TYPES):
            assert not {name for name in expected.keys() - found.keys() if "odd" not in name}
