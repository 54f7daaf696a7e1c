"""Fairness of a task: on the horizon that judges, by what was known before it; every task, every refusal, the card."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.evaluation.fairness import METRICS
from footfall.evaluation.probability import auroc
from footfall.histories.memory import from_events
from footfall.histories.store import Histories
from footfall.tasks import _groups
from footfall.tasks._base import Given
from footfall.tasks._fairness import asked_of, fairness, fairness_of_card
from footfall.tasks._prediction import Prediction
from footfall.tasks._registry import made, tasks

DAY = 86_400_000_000
START = 1_700_000_000_000_000
DAYS = 63
TASKS = sorted(name for name, task in tasks().items() if issubclass(task, Prediction))
COUNTRIES = ("DE", "FR", "IT")
Event = dict[str, Any]


def shop_log(users: int = 240) -> list[Event]:
    """Half buy about every four days, half only look; of those in FR nearly all buy, whatever they look like."""
    rng = np.random.default_rng(0)
    events: list[Event] = []
    for user in range(users):
        country = COUNTRIES[user % 3]
        buys, moment = (rng.random() < (0.9 if country == "FR" else 0.35)), START + int(rng.integers(0, 3 * DAY))
        while moment < START + DAYS * DAY:
            row: Event = {"user_id": f"u{user:03d}", "item_id": f"i{user % 9}", "timestamp": moment, "country": country}
            row |= {"device": "phone", "channel": ["web", "app"][user % 2]}
            events.append(row | {"event_type": "view_item", "price": 10.0})
            if buys and rng.random() < 0.7:
                paid = {"value": 10.0, "order_id": f"o{len(events)}"}
                events.append(row | paid | {"event_type": "purchase", "timestamp": moment + 60_000_000})
            moment += int(rng.uniform(1.5, 6.5) * DAY)
    return sorted(events, key=lambda e: e["timestamp"])


@pytest.fixture(scope="module")
def histories() -> Histories:
    return from_events(shop_log())


def given(histories: Histories) -> Given:
    return Given(histories, epochs=1, horizon_us=7 * DAY)


def task(name: str) -> Any:
    return made(name, {"lookback": "30d", "family": "linear"})


@pytest.mark.parametrize("name", TASKS)
def test_every_task_is_judged_or_says_why_not(name: str, histories: Histories) -> None:
    if task(name).kind == "amount":
        with pytest.raises(InputError, match=r"fairness is of a probability .* foretells an amount"):
            fairness(task(name), given(histories), by="country")
        return
    if not task(name).of_users:
        with pytest.raises(InputError, match=r"fairness is of questions about users .* asks about things or running"):
            fairness(task(name), given(histories), by="country")
        return
    found = fairness(task(name), given(histories), by="country", mitigate="parity")
    assert {row.group for row in found.rows} <= {*COUNTRIES, "(small groups)"}
    assert sum(row.users for row in found.rows) == found.users
    assert sum(row.chosen for row in found.rows) == found.chosen == sum(row.chosen for row in found.after)
    shares = [row.metrics["selection_rate"].mean for row in found.after]
    assert max(shares) - min(shares) <= 1 / min(row.users for row in found.rows) + 1e-9
    assert {row.metric for row in found.price} >= {"selection_rate_difference", "precision", "recall"}
    text = str(found)
    assert all(metric in text for metric in METRICS)
    assert json.loads(found.to_json())["warnings"] == list(found.warnings())
    assert len(found.table_rows()) == len(found.rows)


def test_what_is_planted_is_warned_of_and_its_mitigation_has_a_price(histories: Histories) -> None:
    question = asked_of("purchase", "country", None, {"mitigate": "parity", "cost": 2, "gain": 10, "lookback": "30d"})
    found = question(given(histories))
    assert any("FR has a selection rate" in warning for warning in found.warnings())
    price = {row.metric: row for row in found.price}
    assert price["selection_rate_difference"].after < 0.03
    assert price["selection_rate_difference"].before > 0.3
    assert price["precision"].after < price["precision"].before
    assert price["gain"].change.high < 0
    assert found.rule == "cost 2, gain 10"
    fair = asked_of("purchase", "channel", None, {"lookback": "30d", "family": "linear"})(given(histories))
    assert fair.warnings() == ()
    assert "No group is beyond 0.1 of the rest" in str(fair)


def test_it_is_judged_on_the_last_horizon_by_whom_the_rule_takes(histories: Histories) -> None:
    found = fairness(task("purchase"), given(histories), by="country")
    bench, name, model = task("purchase").champion(given(histories))
    said = model.predict(bench.test)
    names = _groups.by_column(histories, bench.test.table, "country")
    assert (found.model, found.users) == (name, len(said)) == ("linear", len(said))
    assert found.chosen == round(bench.later.told.mean() * len(said))
    for row in found.rows:
        inside = names == row.group
        assert row.metrics["rate"].mean == pytest.approx(bench.test.told[inside].mean())
        assert row.metrics["AUROC"].mean == pytest.approx(auroc(bench.test.told[inside], said[inside]))
        assert row.chosen == (said[inside] >= np.sort(said)[-found.chosen]).sum()


def test_groups_are_what_was_known_before_the_cutoff(histories: Histories) -> None:
    # A group is the country of most events before a moment; those from it on move nothing.
    cutoff = START + 40 * DAY
    events = [e if e["timestamp"] < cutoff else e | {"country": "XX"} for e in shop_log(60)]
    names = []
    for log in (shop_log(60), events):
        compiled = from_events(log)
        names.append(_groups.at(compiled, np.arange(compiled.n_users), cutoff, "country").tolist())
    assert names[0] == names[1]
    assert set(names[0]) == set(COUNTRIES)
    late = from_events(events)
    moved = _groups.at(late, np.arange(late.n_users), START + 200 * DAY, {"u001": "x"}).tolist()
    assert sorted(moved) == ["(unknown)"] * 59 + ["x"]
    bench, _, _ = task("purchase").champion(given(histories))
    ours = _groups.at(histories, bench.test.rows, bench.moments.judge_us, "country")
    assert ours.tolist() == _groups.by_column(histories, bench.test.table, "country").tolist()


def test_the_card(histories: Histories) -> None:
    bench, _, model = task("purchase").champion(given(histories))
    cards = fairness_of_card(bench, model)
    assert [card["by"] for card in cards] == ["country", "channel"]  # one device only
    for card in cards:
        assert set(card) == {"by", "groups", "warnings"}
        for group in card["groups"]:
            assert set(group) == {"group", "users", "rate", "mean_probability", "AUROC", "ECE", "selection_rate"}
            value, low, high = group["selection_rate"]
            assert low <= value <= high
    assert any("FR has a selection rate" in warning for warning in cards[0]["warnings"])
    json.dumps(cards, allow_nan=False)
    bench, _, amounts = task("value").champion(given(histories))
    assert fairness_of_card(bench, amounts) == []
    trained = task("purchase").train(given(histories))
    assert [card["by"] for card in trained.about["fairness"]] == ["country", "channel"]


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (("purchase", None, None, {}), "tell users apart by --by country | region"),
        (("purchase", "countr", None, {}), "did you mean 'country'"),
        (("purchase", "country", {"u": "x"}, {}), "two ways to tell users apart"),
        (("value", "country", None, {}), "value foretells an amount"),
        (("recommend", "country", None, {}), "recommend foretells no number of a user"),
        (("purchase", "country", None, {"capacity": 3, "precision": 0.5}), "rules of their own"),
        (("purchase", "country", None, {"bund": 3}), "unknown setting of task purchase 'bund'"),
    ],
)
def test_refusals_before_anything_is_read(ask: tuple[Any, ...], said: str) -> None:
    with pytest.raises(InputError) as told:
        asked_of(*ask)
    assert said in str(told.value)


def test_refusals_of_the_log_and_of_settings(histories: Histories) -> None:
    for asked, said in (
        ({"by": "region"}, "no event says a region of any of the users asked"),
        ({"by": {"nobody": "x"}}, "knows none of the 1 users"),
        ({"by": "country", "bound": -1}, "--bound -1"),
        ({"by": "country", "mitigate": "pariti"}, "did you mean 'parity'"),
    ):
        with pytest.raises(InputError, match=said):
            fairness(task("purchase"), given(histories), **asked)
