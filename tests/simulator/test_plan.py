"""What a caller may ask for, and what comes of it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from footfall.errors import InputError
from footfall.simulator import Tuning, simulate


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"users": 0}, "users=0 cannot be used; give a whole number from 1 to"),
        ({"users": True}, "users=True cannot be used"),
        ({"events": -5}, "events=-5 cannot be used; give a whole number from 1 to"),
        ({"days": 0}, "days=0 cannot be used; give a whole number from 1 to 3660"),
        ({"seed": -1}, "seed=-1 cannot be used"),
        ({"items": 3}, "items=3 cannot be used; give a whole number from 36 to"),
        ({"threads": 0}, "threads=0 cannot be used"),
        ({"format": "csv"}, "unknown format 'csv'. Accepted: jsonl, parquet"),
        ({"currency": "euro"}, "currency='euro' cannot be used; give an ISO 4217 code such as EUR"),
        ({"languages": {"en": 1, "cn": 1}}, "unknown language 'cn'; did you mean 'en'? Accepted: en, zh"),
        ({"languages": {"en": 0}}, "give shares of at least 0 that are not all 0"),
        ({"languages": {"en": float("nan")}}, "give shares of at least 0 that are not all 0"),
        ({"impressions_per_view": 7}, "impressions_per_view=7 cannot be used; give a number from 0 to 6"),
        ({"users": 5000, "events": 100}, "100 events are too few for 5000 users"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused(wish: dict[str, Any], message: str, folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        simulate(folder, **wish)
    assert message in str(caught.value)
    assert not folder.exists()


def test_a_simulation_is_not_written_over_another(folder: Path) -> None:
    simulate(folder, users=20)
    with pytest.raises(InputError, match="already holds a simulation"):
        simulate(folder, users=20)


@pytest.mark.parametrize(
    "wish", [{"events": 60_000}, {"events": 60_000, "users": 800}, {"events": 40_000, "days": 30}], ids=str
)
def test_about_as_many_events_as_asked_for(wish: dict[str, Any], folder: Path) -> None:
    done = simulate(folder, seed=2, **wish)
    assert done.events == pytest.approx(wish["events"], rel=0.15)
    assert done.users == wish.get("users", done.users)


@pytest.mark.parametrize("users", [1, 2, 30, 199, 200])
def test_small_shops(users: int, folder: Path) -> None:
    done = simulate(folder, users=users, days=3, items=36)
    truth = pq.read_table(done.truth / "users.parquet")
    assert len(truth) == users
    assert sum(len(pq.read_table(file)) for file in done.event_files) == done.events
    assert pc.any(truth["fraud"]).as_py() == pc.any(truth["robot"]).as_py() == (users >= 200)


def test_dates_currency_languages_and_impressions(folder: Path) -> None:
    start = dt.date(2024, 11, 20)
    done = simulate(
        folder, users=300, days=12, start=start, currency="EUR", languages={"zh": 1}, impressions_per_view=0, items=50
    )
    table = pq.read_table(done.event_files[0])
    times = table["timestamp"].to_pylist()
    assert dt.datetime(2024, 11, 20, tzinfo=dt.UTC) <= min(times)
    assert max(times) < dt.datetime(2024, 12, 2, tzinfo=dt.UTC)
    assert set(table["currency"].to_pylist()) == {"EUR", None}
    assert set(pq.read_table(done.truth / "users.parquet")["language"].to_pylist()) == {"zh"}
    assert "view_item_list" not in {row.event_type for row in done.rows}
    assert len(pq.read_table(done.items_file)) == done.items == 50


def test_tuning_changes_behaviour_and_is_written_down(folder: Path) -> None:
    done = simulate(folder, users=600, tuning=Tuning(search=0.0, fraud=0.0, robots=0.0, ads_per_day=0.0))
    kinds = {row.event_type for row in done.rows}
    assert not kinds & {"search", "ad_impression", "ad_click"}
    known = json.loads((done.truth / "parameters.json").read_text("utf-8"))
    assert known["tuning"]["search"] == 0.0
    assert known["events"] == done.events
