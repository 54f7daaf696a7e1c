"""Attribution: every model by hand and against a slow twin; no money lost; what a touch is, and which ones count."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.histories.memory import from_events
from footfall.histories.store import Histories
from footfall.journeys import _markov
from footfall.journeys._credit import apportion, settle
from footfall.journeys._run import Breakdown, Scope
from footfall.journeys.attribution import (
    MODELS,
    UNATTRIBUTED,
    AttributionResult,
    AttributionSpec,
    attribution,
    users_in,
)

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
Event = dict[str, Any]


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def us(text: str) -> int:
    return int((at(text) - EPOCH) / dt.timedelta(microseconds=1))


def ask(histories: Histories, **settings_: Any) -> AttributionResult:
    result = attribution(histories, **settings_)
    assert isinstance(result, AttributionResult)
    return result


def revenue(result: AttributionResult, model: str) -> dict[str, float]:
    return {row.channel: row.revenue for row in result.rows if row.model == model and row.revenue}


def touch(user: str, when: str, channel: str | None) -> Event:
    return {"user_id": user, "timestamp": at(when), "event_type": "view_item", "channel": channel}


def buy(user: str, when: str, value: float, order: str | None = None, channel: str | None = None) -> Event:
    given_ = {"value": value, "order_id": order, "channel": channel}
    return {"user_id": user, "timestamp": at(when), "event_type": "purchase"} | given_


JOURNEY = [
    touch("a", "2024-01-01 10:00", "email"),
    touch("a", "2024-01-08 10:00", "google"),
    touch("a", "2024-01-08 10:10", "google"),  # the same visit and channel: one touch
    touch("a", "2024-01-15 10:00", "direct"),
    buy("a", "2024-01-22 10:00", 60, "o1"),
    buy("a", "2024-01-22 10:00", 10, "o1"),  # another row of the order
]


def test_every_model_by_hand() -> None:
    result = ask(from_events(JOURNEY))
    assert (result.conversions, result.unattributed, result.revenue) == (1, 0, 70.0)
    assert revenue(result, "first") == {"email": 70.0}
    assert revenue(result, "last") == {"(direct)": 70.0}
    assert revenue(result, "last_non_direct") == {"google": 70.0}
    # 70 / 3 = 23.333...: two thirds of a cent are left, which the two largest remainders get.
    assert sorted(revenue(result, "linear").values()) == [23.33, 23.33, 23.34]
    assert revenue(result, "position") == {"email": 28.0, "google": 14.0, "(direct)": 28.0}
    # Touches lie 1, 2, 3 half-lives (7 days) before: weights 1/2, 1/4, 1/8, together 7/8: 4/7, 2/7, 1/7 of 70.
    assert revenue(result, "time_decay") == {"email": 10.0, "google": 20.0, "(direct)": 40.0}
    # One way only: without any of the three it never reaches the end. Effects 1, 1, 1: a third each.
    assert sorted(revenue(result, "markov").values()) == [23.33, 23.33, 23.34]
    assert {e.channel: e.effect for e in result.removal_effects} == {"email": 1.0, "google": 1.0, "(direct)": 1.0}


def test_conversions_are_divided_like_revenue() -> None:
    result = ask(from_events(JOURNEY), models=["position"])
    assert {row.channel: row.conversions for row in result.rows} == {"email": 0.4, "google": 0.2, "(direct)": 0.4}
    assert {row.channel: row.share for row in result.rows} == {"email": 0.4, "google": 0.2, "(direct)": 0.4}


def test_short_journeys_in_the_position_model() -> None:
    one = [touch("a", "2024-01-01 10:00", "email"), buy("a", "2024-01-02 10:00", 10)]
    two = [
        touch("b", "2024-01-01 10:00", "email"),
        touch("b", "2024-01-01 11:00", "ad"),
        buy("b", "2024-01-02 10:00", 10),
    ]
    assert revenue(ask(from_events(one)), "position") == {"email": 10.0}
    assert revenue(ask(from_events(two)), "position") == {"email": 5.0, "ad": 5.0}


def test_removal_effects_by_hand() -> None:
    # Three journeys: A B buys, A leaves, B leaves. From start: A 2/3, B 1/3. From A: B 1/2, gone 1/2. From B: buys 1/2.
    # P = 2/3 * 1/2 * 1/2 + 1/3 * 1/2 = 1/3. Without A: 1/3 * 1/2 = 1/6, effect 1/2. Without B: 0, effect 1.
    events = [
        touch("x", "2024-01-01 10:00", "A"),
        touch("x", "2024-01-02 10:00", "B"),
        buy("x", "2024-01-03 10:00", 90),
        touch("y", "2024-01-01 10:00", "A"),
        touch("z", "2024-01-01 10:00", "B"),
    ]
    result = ask(from_events(events))
    assert result.other_journeys == 2
    assert {e.channel: e.effect for e in result.removal_effects} == pytest.approx({"A": 1 / 2, "B": 1.0})
    assert revenue(result, "markov") == {"A": 30.0, "B": 60.0}


def test_a_touch_must_lie_strictly_before_and_within_the_lookback() -> None:
    def credited(when: str, lookback_days: float = 30) -> set[str]:
        events = [touch("a", when, "email"), buy("a", "2024-01-31 12:00", 10)]
        return set(revenue(ask(from_events(events), lookback_days=lookback_days, models=["last"]), "last"))

    assert credited("2024-01-31 11:59:59.999999") == {"email"}
    assert credited("2024-01-31 12:00") == {UNATTRIBUTED}
    assert credited("2024-01-01 12:00") == {"email"}  # 30 days to the microsecond
    assert credited("2024-01-01 11:59:59.999999") == {UNATTRIBUTED}
    assert credited("2024-01-31 00:00", 0.5) == {"email"}
    assert credited("2024-01-30 23:59:59.999999", 0.5) == {UNATTRIBUTED}


def test_a_touch_is_a_run_of_one_channel_in_a_visit() -> None:
    events = [
        touch("a", "2024-01-01 10:00", "email"),
        touch("a", "2024-01-01 10:20", None),  # says nothing, and keeps the visit open
        touch("a", "2024-01-01 10:50", "email"),
        touch("a", "2024-01-01 11:00", "ad"),
        touch("a", "2024-01-01 11:30", "ad"),  # 30 minutes are not longer than the gap
        touch("a", "2024-01-01 12:01", "ad"),  # 31 minutes are: a new visit
        buy("a", "2024-01-01 12:02", 30),
    ]
    result = ask(from_events(events), models=["linear"])
    assert revenue(result, "linear") == {"email": 10.0, "ad": 20.0}
    assert revenue(ask(from_events(events), models=["linear"], session_gap_s=60), "linear") == {
        "email": 12.0,  # five touches, two of them by email
        "ad": 18.0,
    }


def test_names_of_direct_are_one_channel() -> None:
    events = [touch("a", f"2024-01-0{d} 10:00", c) for d, c in enumerate(("Direct", "(none)", "(direct)", "ad"), 1)]
    events.append(buy("a", "2024-01-09 10:00", 40))
    assert revenue(ask(from_events(events)), "linear") == {"(direct)": 30.0, "ad": 10.0}


def test_a_visit_without_a_channel_can_be_direct() -> None:
    events = [
        touch("a", "2024-01-01 10:00", "ad"),
        touch("a", "2024-01-02 10:00", None),
        touch("a", "2024-01-02 10:05", None),
        touch("a", "2024-01-03 10:00", None),
        touch("a", "2024-01-03 10:01", "ad"),  # this visit has one
        buy("a", "2024-01-04 10:00", 30),
    ]
    assert revenue(ask(from_events(events)), "linear") == {"ad": 30.0}
    assert revenue(ask(from_events(events), missing="direct"), "linear") == {"ad": 20.0, "(direct)": 10.0}
    alone = [buy("a", "2024-01-04 10:00", 30)]  # nothing lies strictly before the sale itself
    assert revenue(ask(from_events(alone), missing="direct"), "last") == {UNATTRIBUTED: 30.0}


def test_a_span_is_of_conversions_not_of_touches() -> None:
    events = [
        touch("a", "2024-01-30 10:00", "email"),
        buy("a", "2024-01-31 10:00", 5),
        touch("b", "2024-01-20 10:00", "ad"),
        buy("a", "2024-02-02 10:00", 7),
    ]
    result = ask(from_events(events), scope=Scope(from_us=us("2024-02-01 00:00")))
    assert (result.conversions, revenue(result, "last"), result.other_journeys) == (1, {"email": 7.0}, 0)


def test_other_columns_and_other_conversions() -> None:
    events = [
        touch("a", "2024-01-01 10:00", "ad") | {"campaign": "spring"},
        {"user_id": "a", "timestamp": at("2024-01-02 10:00"), "event_type": "sign_up"},
    ]
    result = ask(from_events(events), column="campaign", conversion="sign_up", models=["first"])
    assert [(row.channel, row.conversions, row.share) for row in result.rows] == [("spring", 1.0, None)]
    assert "spring" in str(result)


def test_nothing_is_no_error() -> None:
    assert ask(from_events([])).rows == ()
    assert ask(from_events([touch("a", "2024-01-01 10:00", "ad")])).conversions == 0


def test_users_behind_a_channel() -> None:
    events = [*JOURNEY, touch("b", "2024-01-01 10:00", "email"), buy("c", "2024-01-01 10:00", 5)]

    def ids(channel: str, model: Any) -> list[str]:
        found = users_in(from_events(events, partitions=3), AttributionSpec(), channel=channel, model=model)
        return list(found["user_id"].to_pylist())

    assert ids("email", "first") == ["a"]
    assert ids("email", "last") == []
    assert ids("google", "markov") == ["a"]
    assert ids(UNATTRIBUTED, "last") == ["c"]
    with pytest.raises(InputError, match="unknown channel 'gogle'; did you mean 'google'"):
        ids("gogle", "last")
    with pytest.raises(InputError, match="unknown model 'shapley'"):
        ids("email", "shapley")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"column": "device"}, "unknown column 'device'. Accepted: campaign, channel"),
        ({"models": ["lst"]}, "unknown model 'lst'; did you mean 'last'"),
        ({"models": []}, "models = (none) cannot be used; name each wanted one once"),
        ({"models": ["last", "last"]}, "models = last, last cannot be used"),
        ({"lookback_days": 0}, "lookback_days = 0 cannot be used; accepted: a number above 0"),
        ({"half_life_days": -1}, "half_life_days = -1 cannot be used"),
        ({"half_life_days": float("nan")}, "half_life_days = nan cannot be used"),
        ({"session_gap_s": 0}, "session_gap_s = 0 cannot be used"),
        ({"missing": "drop"}, "unknown missing 'drop'"),
        ({"conversion": "buy"}, "unknown event type 'buy'"),
    ],
)
def test_what_cannot_be_asked(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        attribution(from_events(JOURNEY), **wrong)


def test_too_many_channels_for_the_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_markov, "MOST_CHANNELS", 2)
    with pytest.raises(InputError, match="takes at most 2 channels, this log has 3; leave markov out"):
        ask(from_events(JOURNEY))
    assert ask(from_events(JOURNEY), models=["last"]).conversions == 1


def test_json_keys_are_stable() -> None:
    answer = json.loads(ask(from_events(JOURNEY)).to_json())
    assert list(answer) == [
        "column", "conversion", "lookback_days", "currency", "conversions", "unattributed", "revenue",
        "other_journeys", "rows", "removal_effects",
    ]  # fmt: skip
    assert list(answer["rows"][0]) == ["model", "channel", "conversions", "revenue", "share"]
    assert list(answer["removal_effects"][0]) == ["channel", "effect"]


def test_the_table_has_a_column_per_model() -> None:
    lines = str(ask(from_events(JOURNEY), models=["first", "last"])).splitlines()
    assert lines[0] == "attribution by channel: 1 conversions (purchase), 70.00 USD; 0 without a touch"
    assert lines[1].split() == ["channel", "first", "last"]
    assert lines[3].split() == ["email", "70", "0"]


def test_a_breakdown_divides_each_groups_revenue() -> None:
    events = [{**event, "country": "DE"} for event in JOURNEY]
    events += [touch("b", "2024-01-01 10:00", "ad") | {"country": "FR"}, buy("b", "2024-01-02 10:00", 5)]
    result = attribution(from_events(events), by="country")
    assert isinstance(result, Breakdown)
    assert {value: group.revenue for value, group in result.groups} == {"DE": 70.0, "FR": 5.0}


@given(st.lists(st.integers(-10_000, 10_000), min_size=1, max_size=9), st.integers(2, 1000))
def test_settling_keeps_the_sum_and_stays_near(parts: list[int], scale: int) -> None:
    parts.append(-sum(parts) % scale)  # whole units together
    units = settle(np.array(parts, np.int64), scale)
    assert sum(units) * scale == sum(parts)
    assert all(abs(unit * scale - part) < scale for unit, part in zip(units, parts, strict=True))


@given(st.integers(-10_000, 10_000), st.lists(st.floats(0.01, 1), min_size=1, max_size=9))
def test_apportioning_keeps_the_sum_and_stays_near(total: int, weights: list[float]) -> None:
    shares = np.array(weights) / sum(weights)
    units = apportion(total, shares)
    assert sum(units) == total
    assert all(abs(unit - total * share) < 1 + 1e-6 for unit, share in zip(units, shares, strict=True))


CHANNELS = ["email", "google", "ad", "direct", "(None)", None]
LOGS: st.SearchStrategy[list[Event]] = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": st.sampled_from("abcd"),
            "timestamp": st.builds(
                lambda step, shift: us("2024-01-01 00:00") + step * HOUR_US * 6 + shift,
                st.integers(0, 40),
                st.sampled_from([0, 0, 1, -1, 1_800_000_000, 1_800_000_001, 600_000_000]),
            ),
            "event_type": st.sampled_from(["view_item", "view_item", "purchase"]),
            "channel": st.sampled_from(CHANNELS),
            "order_id": st.sampled_from([None, None, "o1", "o2"]),
            "value": st.integers(0, 3000).map(lambda cents: cents / 100),
        }
    ),
    max_size=40,
)


def touches_of(mine: list[Event], missing: str) -> list[tuple[int, str]]:
    """Return (moment, channel) of each touch of one user's events in time order."""
    visits: list[list[Event]] = []
    for event in mine:
        if not visits or event["timestamp"] - visits[-1][-1]["timestamp"] > 1_800_000_000:
            visits.append([])
        visits[-1].append(event)
    touches = []
    for visit in visits:
        known = [e for e in visit if e["channel"] is not None]
        names = ["(direct)" if e["channel"].lower() in {"direct", "(none)"} else e["channel"] for e in known]
        if not known and missing == "direct":
            touches.append((visit[0]["timestamp"], "(direct)"))
        for place, (event, name) in enumerate(zip(known, names, strict=True)):
            if place == 0 or names[place - 1] != name:
                touches.append((event["timestamp"], name))
    return touches


def shares_of(path: list[tuple[int, str]], sale: int, half_life_days: float) -> dict[str, dict[str, float]]:
    """Return each model's share of a conversion for each channel."""
    n = len(path)
    place = {"first": 0, "last": n - 1}
    place["last_non_direct"] = max((i for i in range(n) if path[i][1] != "(direct)"), default=n - 1)
    weights = {model: [float(i == wanted) for i in range(n)] for model, wanted in place.items()}
    weights["linear"] = [1 / n] * n
    weights["position"] = [1.0] if n == 1 else [0.5, 0.5] if n == 2 else [0.4, *[0.2 / (n - 2)] * (n - 2), 0.4]
    decay = [0.5 ** ((sale - moment) / DAY_US / half_life_days) for moment, _ in path]
    weights["time_decay"] = [d / sum(decay) for d in decay]
    shares: dict[str, dict[str, float]] = {model: defaultdict(float) for model in weights}
    for model, each in weights.items():
        for (_, name), weight in zip(path, each, strict=True):
            shares[model][name] += weight
    return shares


def chance_to_convert(walks: Counter[tuple[str, ...]], without: str | None) -> float:
    """Return the chance that a walk over the steps of all journeys ends in a sale; a removed channel ends it."""
    steps: dict[str, Counter[str]] = defaultdict(Counter)
    for walk, times in walks.items():
        for before, after in itertools.pairwise(walk):
            steps[before][after] += times
    chance = dict.fromkeys([*steps, "SALE", "GONE"], 0.0) | {"SALE": 1.0}
    for _ in range(3000):
        for state, onward in steps.items():
            reached = sum(times * chance[s] for s, times in onward.items() if s != without)
            chance[state] = reached / onward.total()
    return chance.get("START", 0.0)


@settings(max_examples=100, deadline=None)
@given(
    events=LOGS,
    lookback=st.sampled_from([30.0, 2.0]),
    half_life=st.sampled_from([7.0, 0.5]),
    missing=st.sampled_from(["skip", "direct"]),
    partitions=st.sampled_from([1, 3, 16]),
    threads=st.sampled_from([1, 4]),
)
def test_the_twin_agrees(
    events: list[Event], lookback: float, half_life: float, missing: Any, partitions: int, threads: int
) -> None:
    log, scope = from_events(events, partitions=partitions), Scope(threads=threads)
    result = ask(log, lookback_days=lookback, half_life_days=half_life, missing=missing, scope=scope)
    credit: dict[str, dict[str, float]] = {model: defaultdict(float) for model in MODELS}
    cents: dict[str, dict[str, float]] = {model: defaultdict(float) for model in MODELS}
    walks: Counter[tuple[str, ...]] = Counter()
    behind: dict[tuple[str, str], set[str]] = defaultdict(set)
    alone, total, sales_count, lost, attributed = 0, 0, 0, 0, 0
    for user in sorted({e["user_id"] for e in events}):
        mine = sorted((e for e in events if e["user_id"] == user), key=lambda e: e["timestamp"])
        touches = touches_of(mine, missing)
        sales: dict[Any, list[Event]] = defaultdict(list)
        for event in mine:
            if event["event_type"] == "purchase":
                sales[event["order_id"] or event["timestamp"]].append(event)
        used: set[int] = set()
        for rows in sales.values():
            sale, value = min(e["timestamp"] for e in rows), sum(round(e["value"] * 100) for e in rows)
            total, sales_count = total + value, sales_count + 1
            numbers = [i for i, (t, _) in enumerate(touches) if sale - lookback * DAY_US <= t < sale]
            if not numbers:
                alone, lost = alone + 1, lost + value
                continue
            used |= set(numbers)
            attributed += value
            path = [touches[i] for i in numbers]
            walks["START", *(name for _, name in path), "SALE"] += 1
            for model, shares in shares_of(path, sale, half_life).items():
                for name, share in shares.items():
                    credit[model][name] += share
                    cents[model][name] += share * value
                    if share > 0:
                        behind[model, name].add(user)
        rest: list[str] = []
        for i, (moment, name) in enumerate(touches):
            cut = i - 1 in used or (i > 0 and moment - touches[i - 1][0] > lookback * DAY_US)
            if rest and (i in used or cut):
                walks["START", *rest, "GONE"] += 1
                rest = []
            if i not in used:
                rest.append(name)
        if rest:
            walks["START", *rest, "GONE"] += 1
    whole = chance_to_convert(walks, None)
    names = {name for walk in walks for name in walk[1:-1]}
    effects = {name: 1 - chance_to_convert(walks, name) / whole if whole else 0.0 for name in names}
    for name in names if whole else ():
        credit["markov"][name] = (sales_count - alone) * effects[name] / sum(effects.values())
        cents["markov"][name] = attributed * effects[name] / sum(effects.values())
    assert (result.conversions, result.unattributed) == (sales_count, alone)
    assert round(result.revenue * 100) == total
    assert result.other_journeys == sum(times for walk, times in walks.items() if walk[-1] == "GONE")
    assert {e.channel: e.effect for e in result.removal_effects} == pytest.approx(effects, abs=1e-9)
    for model in MODELS:
        owed = {row.channel: row for row in result.rows if row.model == model}
        assert set(owed) == names | ({UNATTRIBUTED} if alone else set())
        assert sum(round(row.revenue * 100) for row in owed.values()) == total  # to the minor unit
        assert sum(row.conversions for row in owed.values()) == pytest.approx(sales_count)
        for name in names:
            assert owed[name].conversions == pytest.approx(credit[model][name], abs=1e-6)
            assert abs(owed[name].revenue * 100 - cents[model][name]) < 1.01
        if alone:
            assert (owed[UNATTRIBUTED].conversions, round(owed[UNATTRIBUTED].revenue * 100)) == (alone, lost)
    assert result == ask(from_events(events), lookback_days=lookback, half_life_days=half_life, missing=missing)
    spec = AttributionSpec(lookback_days=lookback, half_life_days=half_life, missing=missing)
    for name in sorted(names)[:2]:
        found = users_in(log, spec, channel=name, model="last_non_direct", scope=scope)["user_id"].to_pylist()
        assert found == sorted(behind["last_non_direct", name])
