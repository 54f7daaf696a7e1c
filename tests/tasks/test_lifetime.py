"""Lifetime value: steady buyers go on as they did, who has left is not counted on, and later money is worth less."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.histories.memory import from_events
from footfall.predictors._base import Examples
from footfall.predictors.lifetime import Lifetime
from footfall.schema import US_PER_DAY
from footfall.tasks._lifetime import learnt, spent_ahead
from footfall.tasks._moments import Log

START = 1_700_000_000_000_000


def buyers(n: int = 200, days: int = 400, seed: int = 0) -> list[dict[str, Any]]:
    """All buy for 10 every 20 days or so, the first half to the end, the others for some time only; one only looks."""
    rng = np.random.default_rng(seed)
    events: list[dict[str, Any]] = []
    for user in range(n):
        moment, end = float(rng.uniform(0, 30)), days if user < n // 2 else rng.uniform(30, days / 2)
        while moment < end:
            row = {"user_id": f"u{user:03d}", "item_id": "i1", "event_type": "purchase", "value": 10.0}
            events.append(row | {"timestamp": START + int(moment * US_PER_DAY), "order_id": f"o{len(events)}"})
            moment += float(rng.exponential(20))
    events.append({"user_id": "x", "item_id": "i1", "event_type": "view_item", "timestamp": START + US_PER_DAY})
    return sorted(events, key=lambda event: event["timestamp"])


@pytest.fixture(scope="module")
def asked() -> tuple[Lifetime, Examples]:
    log = Log.of(from_events(buyers()))
    return learnt(log), log.at(np.arange(len(log.raw)), log.ends_us, US_PER_DAY)


def test_steady_buyers_go_on_and_who_has_left_is_not_counted_on(asked: tuple[Lifetime, Examples]) -> None:
    lifetime, examples = asked
    spent = spent_ahead(lifetime, examples, discount=0)
    since = examples.table.column("days_since_last_order")
    steady = since < 40
    gone = since > 200
    assert steady.sum() > 80
    assert gone.sum() > 80
    # About 18 orders of 10, less for those who will leave: in this model as many leave as did so far.
    assert 110 < spent[steady].mean() < 190
    assert spent[gone].mean() < 0.1 * spent[steady].mean()
    assert spent[np.isnan(since)].tolist() == [0]


def test_later_money_is_worth_less(asked: tuple[Lifetime, Examples]) -> None:
    lifetime, examples = asked
    plain = spent_ahead(lifetime, examples, discount=0)
    year = lifetime.predict(dataclasses.replace(examples, horizon_us=365 * US_PER_DAY))
    np.testing.assert_allclose(plain, year, rtol=1e-9)
    known = plain > 0
    share = spent_ahead(lifetime, examples)[known] / plain[known]
    # Of spending that is even over the year, its middle; of spending that fades, more.
    assert share.min() >= 1.1**-0.5 - 1e-3
    assert share.max() < 1


def test_what_is_kept_gives_the_same(asked: tuple[Lifetime, Examples], tmp_path: Path) -> None:
    lifetime, examples = asked
    lifetime.save(tmp_path)
    np.testing.assert_allclose(spent_ahead(Lifetime.load(tmp_path), examples), spent_ahead(lifetime, examples))


def test_where_nobody_comes_back_nothing_can_be_learnt() -> None:
    events = {event["user_id"]: event for event in buyers()}
    with pytest.raises(InputError, match="bought again"):
        learnt(Log.of(from_events(sorted(events.values(), key=lambda event: event["timestamp"]))))
    with pytest.raises(InputError, match="at least 30 are needed"):
        learnt(Log.of(from_events(buyers(20))))
