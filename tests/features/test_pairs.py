"""Features of pairs against their slow twin; one pair alone as in a batch; nothing from a pair's moment on."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import math
import statistics
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.features.pairs import met_pairs, pair_features, pair_outcome
from footfall.features.table import FeatureTable
from footfall.features.things import ThingFacts
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.schema import PASSIVE_EVENT_TYPES, US_PER_DAY

NAMES = ("view_item", "add_to_cart", "purchase", "search", "ad_impression", "view_item_list", "odd")
TYPES = {name: FIRST_CODE + place for place, name in enumerate(NAMES)}
KINDS = {code: name for name, code in TYPES.items()}
N_THINGS = 7
N_USERS = 8
MOMENTS_US = tuple(int(day * US_PER_DAY) for day in (0, 20, 50, 83, 90, 97, 110, 119.5, 120))
SPANS = {"7d": 7, "30d": 30, "90d": 90, "all": 10**6}
ZONE = "Europe/Berlin"

Row = dict[str, Any]


def log_of(seed: int, most: int = 60, kinds: tuple[str, ...] = NAMES) -> Sequences:
    """Return a random log in which many events lie at the very moments and bounds that are asked about."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, most, N_USERS)
    n = int(lengths.sum())
    times = np.where(rng.random(n) < 0.3, rng.choice(MOMENTS_US, n), rng.integers(0, 120 * US_PER_DAY, n))
    times = times[np.lexsort((times, np.repeat(np.arange(N_USERS), lengths)))]
    kind = rng.choice([TYPES[name] for name in ("view_item", "purchase", "purchase", *kinds) if name in kinds], n)
    return Sequences(
        offsets=np.concatenate(([0], np.cumsum(lengths))),
        item=rng.integers(0, N_THINGS, n).astype(np.int32),
        n_codes=N_THINGS,
        event_type=kind.astype(np.int16),
        timestamp_us=times,
        order=rng.choice([0, 0, 1, 2, 3, 4], n).astype(np.int32),
        extra={
            "quantity": rng.choice([np.nan, 1.0, 3.0], n).astype(np.float32),
            "price": rng.choice([np.nan, 2.0, 5.5], n).astype(np.float32),
            "value_minor": rng.choice([0, 250], n).astype(np.int64),
        },
    )


def asked(seed: int, n: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng([seed, 1])
    moments = rng.choice([*MOMENTS_US[2:], 64 * US_PER_DAY + 5], n)
    return rng.integers(0, N_USERS, n), rng.integers(0, N_THINGS, n), moments


def rows_of(log: Sequences, user: int, until_us: int) -> list[Row]:
    """Return the events of a user before a moment, with the order that each purchase belongs to."""
    found: list[Row] = []
    assert log.event_type is not None
    assert log.timestamp_us is not None
    assert log.order is not None
    for i in range(log.offsets[user], log.offsets[user + 1]):
        at, code = int(log.timestamp_us[i]), int(log.order[i])
        if at >= until_us:
            break
        value, price, pieces = (float(log.extra[name][i]) for name in ("value_minor", "price", "quantity"))
        pieces = 1 if math.isnan(pieces) else pieces
        kind = KINDS[int(log.event_type[i])]
        found.append(
            {
                "at": at,
                "kind": kind,
                "thing": int(log.item[i]),
                "order": ("code", code) if code else ("moment", at),
                "pieces": pieces,
                "money": value / 100 if value else 0 if math.isnan(price) else price * pieces,
                "done": kind not in PASSIVE_EVENT_TYPES,
            }
        )
    return found


def dates(lines: list[Row]) -> list[int]:
    """Return when each order was, by its first line among these."""
    found: dict[Any, int] = {}
    for line in lines:
        found.setdefault(line["order"], line["at"])
    return list(found.values())


def over(above: float, below: float) -> float:
    return above / below if below else math.nan


def twin(mine: list[Row], thing: int, now: int) -> Iterator[tuple[str, float]]:
    """Yield what the user's own events say of a thing; ``mine`` are those before the moment."""
    done = [e for e in mine if e["done"]]
    bought = [e for e in done if e["kind"] == "purchase"]
    of_it = [e for e in done if e["thing"] == thing and thing]
    lines = [e for e in of_it if e["kind"] == "purchase"]
    when = {
        "events": [e["at"] for e in of_it],
        "views": [e["at"] for e in of_it if e["kind"] == "view_item"],
        "carts": [e["at"] for e in of_it if e["kind"] == "add_to_cart"],
        "purchases": [e["at"] for e in lines],
        "orders": dates(lines),
        "shown": [e["at"] for e in mine if not e["done"] and e["thing"] == thing and thing],
    }
    for name, times in when.items():
        for span, days in SPANS.items():
            yield f"{name}_{span}", sum(now - at <= days * US_PER_DAY for at in times)
        single = name.removesuffix("s")
        if name != "orders":
            yield f"days_since_{single}", (now - max(times)) / US_PER_DAY if times else math.nan
    yield "days_since_first_event", (now - of_it[0]["at"]) / US_PER_DAY if of_it else math.nan
    for name, half in (("events", 7), ("events", 30), ("orders", 30), ("orders", 90)):
        yield f"{name}_decayed_{half}d", sum(0.5 ** ((now - at) / US_PER_DAY / half) for at in when[name])
    local = [datetime.fromtimestamp(e["at"] / 1e6, UTC).astimezone(zoneinfo.ZoneInfo(ZONE)).date() for e in of_it]
    yield "active_days", len(set(local))
    recent = [e for e in done if now - e["at"] <= 30 * US_PER_DAY]
    yield "event_share_30d", over(sum(e["thing"] == thing and thing > 0 for e in recent), len(recent))
    yield "event_share", over(len(of_it), len(done))
    yield "purchase_share", over(len(lines), len(bought))
    yield "order_share", over(len(when["orders"]), len(dates(bought)))
    yield "spend", sum(e["money"] for e in lines)
    yield "spend_share", over(sum(e["money"] for e in lines), sum(e["money"] for e in bought))
    yield "quantity_mean", over(sum(e["pieces"] for e in lines), len(lines))
    gaps = [(b - a) / US_PER_DAY for a, b in itertools.pairwise(when["orders"])]
    mean = over(sum(gaps), len(gaps))
    yield "order_gap_mean_days", mean
    yield "order_gap_std_days", statistics.pstdev(gaps) if len(gaps) > 1 else math.nan
    since = (now - when["orders"][-1]) / US_PER_DAY if when["orders"] else math.nan
    yield "order_overdue", math.nan if math.isnan(mean) else over(since, mean)
    begun = list(dict.fromkeys(e["order"] for e in bought))
    newest = max((begun.index(e["order"]) for e in lines), default=None)
    yield "orders_since", math.nan if newest is None else len(begun) - 1 - newest
    met = {e["thing"] for e in done if e["thing"]}
    last = {each: max(k for k, e in enumerate(done) if e["thing"] == each) for each in met}
    count = {each: sum(e["thing"] == each for e in done) for each in met}
    yield "recency_rank", 1 + sum(k > last[thing] for k in last.values()) if thing in met else math.nan
    yield "frequency_rank", 1 + sum(k > count[thing] for k in count.values()) if thing in met else math.nan
    yield "things_met", len(met)
    yield "is_last", float(thing > 0 and bool(done) and done[-1]["thing"] == thing)


def twin_of_all(log: Sequences, thing: int, now: int) -> Iterator[tuple[str, float]]:
    """Yield what everybody's events before a moment say of a thing."""
    users = [[e for e in rows_of(log, user, now) if e["done"] and e["thing"]] for user in range(len(log))]
    month, two = 28 * US_PER_DAY, 56 * US_PER_DAY
    for name, kinds in (("event", NAMES), ("purchase", ("purchase",))):
        held = [e for mine in users for e in mine if e["kind"] in kinds]
        recent = [e["thing"] for e in held if now - e["at"] <= month]
        before = [e["thing"] for e in held if month < now - e["at"] <= two]
        yield f"all_{name}_share", recent.count(thing) / max(len(recent), 1)
        yield f"all_{name}_trend", math.log((recent.count(thing) + 1) / (before.count(thing) + 1))
    orders = {
        each: [dates([e for e in mine if e["kind"] == "purchase" and e["thing"] == each]) for mine in users]
        for each in range(N_THINGS)
    }
    buyers = sum(bool(when) for when in orders[thing])
    yield "all_buyers", buyers
    yield "all_repeat_rate", over(sum(len(when) > 1 for when in orders[thing]), buyers)
    gaps = {each: [b - a for when in orders[each] for a, b in itertools.pairwise(when)] for each in orders}
    overall = [gap for each in gaps.values() for gap in each]
    typical = math.nan
    if overall:
        own, n = (statistics.median(gaps[thing]), len(gaps[thing])) if gaps[thing] else (0, 0)
        typical = (n * own + 20 * statistics.median(overall)) / (n + 20) / US_PER_DAY
    yield "all_gap_days", typical


def same(one: FeatureTable, other: FeatureTable) -> None:
    assert one.names == other.names
    assert one.categories == other.categories
    np.testing.assert_array_equal(one.rows, other.rows)
    np.testing.assert_array_equal(one.values.view(np.int32), other.values.view(np.int32))


@pytest.mark.parametrize("seed", range(8))
def test_features_of_pairs_are_those_of_the_slow_twin(seed: int) -> None:
    log, (rows, things, moments) = log_of(seed), asked(seed, 80)
    table = pair_features(log, rows, things, moments, log.item, TYPES, n_things=N_THINGS, timezone=ZONE)
    assert table.rows.tolist() == rows.tolist()
    first = int(moments.min())
    for place, (row, thing, moment) in enumerate(zip(rows.tolist(), things.tolist(), moments.tolist(), strict=True)):
        expected = dict(twin(rows_of(log, row, moment), thing, moment)) | dict(twin_of_all(log, thing, first))
        expected["overdue_for_all"] = expected["days_since_purchase"] / expected["all_gap_days"]
        expected["thing"] = thing
        found = dict(zip(table.names, table.values[place].tolist(), strict=True))
        assert found.keys() == expected.keys()
        assert found == pytest.approx(expected, rel=2e-5, abs=2e-5, nan_ok=True)


@pytest.mark.parametrize("seed", range(4))
def test_one_pair_alone_and_live_is_as_in_the_batch(seed: int) -> None:
    log, (rows, things, moments) = log_of(seed), asked(seed, 60)
    facts = ThingFacts.of(log, int(moments.min()), TYPES, log.item, N_THINGS)
    given: dict[str, Any] = {"n_things": N_THINGS, "facts": ThingFacts.from_arrays(facts.to_arrays())}
    batch = pair_features(log, rows, things, moments, log.item, TYPES, **given)
    same(batch, pair_features(log, rows, things, moments, log.item, TYPES, n_things=N_THINGS))
    for place in range(len(rows)):
        at = slice(place, place + 1)
        one = pair_features(log, rows[at], things[at], int(moments[place]), log.item, TYPES, **given)
        same(one, batch.take([place]))
        mine = log.take(rows[at])
        live = pair_features(mine, np.zeros(1, np.int64), things[at], moments[at], mine.item, TYPES, **given)
        same(dataclasses.replace(live, rows=rows[at]), one)


@pytest.mark.parametrize("seed", range(4))
def test_what_comes_from_a_moment_on_moves_nothing(seed: int) -> None:
    log = log_of(seed)
    assert log.timestamp_us is not None
    assert log.event_type is not None
    assert log.order is not None
    rng = np.random.default_rng(seed)
    rows, things = np.repeat(np.arange(N_USERS), N_THINGS), np.tile(np.arange(N_THINGS), N_USERS)
    cut = MOMENTS_US[5]
    late = log.timestamp_us >= cut
    changed = dataclasses.replace(
        log,
        item=np.where(late, rng.integers(0, N_THINGS, log.n_events), log.item).astype(np.int32),
        order=np.where(late, rng.integers(0, 5, log.n_events), log.order).astype(np.int32),
        event_type=np.where(late, TYPES["purchase"], log.event_type).astype(np.int16),
        extra={**log.extra, "quantity": np.where(late, 9, log.extra["quantity"]).astype(np.float32)},
    )
    tables = [
        pair_features(each, rows, things, cut, each.item, TYPES, n_things=N_THINGS)
        for each in (log, log.where(~late), changed)
    ]
    assert late.any()
    same(tables[0], tables[1])
    same(tables[0], tables[2])
    for each in (log.where(~late), changed):
        for one, other in zip(met_pairs(log, rows, cut, log.item), met_pairs(each, rows, cut, each.item), strict=True):
            np.testing.assert_array_equal(one, other)


def test_columns_follow_from_the_log() -> None:
    log, nothing = log_of(1), np.zeros(0, np.int64)
    whole = pair_features(log, nothing, nothing, nothing, log.item, TYPES, n_things=N_THINGS)
    assert whole.values.shape == (0, len(whole.names))
    assert whole.categories == {"thing": N_THINGS}
    viewed = {name: code for name, code in TYPES.items() if name != "purchase"}
    bare = dataclasses.replace(log, extra={})
    names = pair_features(bare, nothing, nothing, 5, log.item, viewed, n_things=2000).names
    lost = set(whole.names) - set(names)
    assert {"thing", "orders_all", "days_since_purchase", "spend", "quantity_mean", "order_overdue"} <= lost
    assert {"events_all", "views_7d", "carts_30d", "shown_7d", "recency_rank", "all_event_share"} <= set(names)
    some = pair_features(bare, nothing, nothing, 5, log.item, TYPES, n_things=9).names
    assert set(whole.names) - set(some) == {"spend", "spend_share", "quantity_mean"}
    only = pair_features(bare, nothing, nothing, 5, log.item, {"purchase": TYPES["purchase"]}, n_things=9).names
    assert not any("view" in name or "cart" in name or "shown" in name for name in only)


def test_somebody_who_never_met_a_thing_and_a_thing_that_is_none() -> None:
    log = log_of(2)
    table = pair_features(log, np.array([1, 1]), np.array([0, 6]), 1, log.item, TYPES, n_things=N_THINGS)
    assert (table.column("events_all") == 0).all()
    assert np.isnan(table.column("days_since_event")).all()
    empty = log.take(np.zeros(0, np.int64))
    with pytest.raises(InputError, match="rows from 0 to 0"):
        pair_features(empty, np.array([0]), np.array([1]), 1, empty.item, TYPES, n_things=N_THINGS)


@pytest.mark.parametrize("kinds", [(), ("purchase",), ("view_item", "odd", "absent")])
def test_met_pairs_and_outcomes_are_those_of_the_slow_twin(kinds: tuple[str, ...]) -> None:
    for seed in range(4):
        log, (rows, things, moments) = log_of(seed), asked(seed, 80)
        codes = [TYPES.get(kind, 0) for kind in kinds]
        places, met = met_pairs(log, rows, moments, log.item, *codes)
        expected = []
        for place, (row, moment) in enumerate(zip(rows.tolist(), moments.tolist(), strict=True)):
            held = [e for e in rows_of(log, row, moment) if not kinds or e["kind"] in kinds]
            expected += [(place, thing) for thing in dict.fromkeys(e["thing"] for e in held) if thing]
        assert list(zip(places.tolist(), met.tolist(), strict=True)) == expected
        horizon = 13 * US_PER_DAY
        happened, first = pair_outcome(log, rows, things, moments, horizon, log.item, *codes)
        for place, (row, thing, moment) in enumerate(
            zip(rows.tolist(), things.tolist(), moments.tolist(), strict=True)
        ):
            mine = rows_of(log, row, moment + horizon)
            mine = mine[bisect.bisect_left([e["at"] for e in mine], moment) :]
            times = [e["at"] for e in mine if e["thing"] == thing and thing and (not kinds or e["kind"] in kinds)]
            assert (bool(happened[place]), int(first[place])) == (bool(times), min(times, default=-1))


def test_no_type_that_the_log_knows_means_no_pairs() -> None:
    log = log_of(1)
    assert len(met_pairs(log, np.arange(N_USERS), MOMENTS_US[-1], log.item, 0)[0]) == 0
    assert len(met_pairs(log, np.arange(N_USERS), MOMENTS_US[-1], log.item)[0]) > N_USERS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"things": np.array([1, 2])}, "things of shape \\[2\\].* each of the 1 rows"),
        ({"things": np.array([7])}, "things from 7 to 7; accepted: 0 to 6"),
        ({"thing_of_event": np.zeros(3, np.int32)}, "thing_of_event of shape \\[3\\]"),
        ({"n_things": 3}, "codes of things from 0 to 6; accepted: 0 to 2"),
        ({"rows": np.array([8])}, "rows from 8 to 8; the log has 0 to 7"),
        ({"cutoff_us": np.array([1, 2])}, "2 moments in cutoff_us for 1 rows"),
    ],
)
def test_refusals_say_what_to_do(change: dict[str, Any], message: str) -> None:
    log = log_of(1)
    given = {"rows": np.array([0]), "things": np.array([1]), "cutoff_us": 5, "thing_of_event": log.item}
    with pytest.raises(InputError, match=message):
        pair_features(log, types=TYPES, **{"n_things": N_THINGS, **given, **change})


def test_facts_must_be_as_old_and_about_the_same_things() -> None:
    log, one = log_of(1), np.array([1])
    facts = ThingFacts.of(log, 10, TYPES, log.item, N_THINGS)
    with pytest.raises(InputError, match="as of 10 know what came after the cutoff, 9"):
        pair_features(log, one, one, 9, log.item, TYPES, n_things=N_THINGS, facts=facts)
    with pytest.raises(InputError, match="facts about 7 codes of things, and n_things is 8"):
        pair_features(log, one, one, 10, log.item, TYPES, n_things=8, facts=facts)
    with pytest.raises(InputError, match="facts about things are missing: buyers"):
        ThingFacts.from_arrays({k: v for k, v in facts.to_arrays().items() if k != "buyers"})
    with pytest.raises(InputError, match="a horizon of 0 microseconds"):
        pair_outcome(log, one, one, 9, 0, log.item)
    typeless = dataclasses.replace(log, event_type=None)
    with pytest.raises(InputError, match="lacks event_type"):
        met_pairs(typeless, one, 9, log.item)
    with pytest.raises(InputError, match="need timestamp_us and event_type"):
        pair_outcome(dataclasses.replace(log, timestamp_us=None), one, one, 9, 5, log.item)
