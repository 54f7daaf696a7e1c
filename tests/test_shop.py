from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path

import pytest

import footfall
from footfall.journeys.funnel import FunnelResult
from footfall.journeys.paths import PathsResult
from footfall.journeys.sessions import SessionsResult
from footfall.journeys.transitions import TransitionsResult
from footfall.results import Result
from footfall.simulator import simulate

ROOT = Path(__file__).parents[1]
FUNNEL = ["view_item", "add_to_cart", "purchase"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> footfall.Shop:
    home = tmp_path_factory.mktemp("shop")
    simulation = simulate(home / "log", users=300, days=30, seed=3)
    shop = footfall.init(home / "shop", currency="EUR", timezone="Europe/Berlin")
    shop.ingest(simulation.event_files)
    shop.ingest_items(simulation.items_file)
    return shop


def test_results_become_what_people_use(shop: footfall.Shop) -> None:
    result = shop.funnel(FUNNEL, within="7d")
    assert isinstance(result, FunnelResult)
    rows = result.table_rows()
    assert result.to_arrow().to_pylist() == rows
    assert result.to_pandas()["users"].tolist() == [r["users"] for r in rows]
    assert result.to_polars()["users"].to_list() == [r["users"] for r in rows]
    assert json.loads(result.to_json()) == result.to_dict()
    assert all(str(r["users"]) in str(result).replace(",", "") for r in rows)


def test_the_same_users_stand_behind_the_same_step_everywhere(shop: footfall.Shop) -> None:
    sessions, transitions = shop.sessions(), shop.transitions()
    paths = shop.paths(end="purchase", within="history")
    funnel = shop.funnel(["purchase", "view_item"], within=None)
    assert isinstance(sessions, SessionsResult)
    assert isinstance(transitions, TransitionsResult)
    assert isinstance(paths, PathsResult)
    assert isinstance(funnel, FunnelResult)
    assert sessions.sessions == sum(r.count for r in transitions.rows if r.source == "(start)")
    assert sessions.events == shop.histories().n_events
    buyers = funnel.steps[0].users
    assert paths.users == buyers
    rfm = shop.rfm()
    assert isinstance(rfm, Result)
    assert sum(r["users"] for r in rfm.table_rows()) == buyers


def test_spans_are_in_the_shops_zone_and_halves_make_the_whole(shop: footfall.Shop) -> None:
    middle = dt.date(2025, 1, 16)
    before, after = shop.sessions(to=middle), shop.sessions(from_="2025-01-16T00:00:00+01:00")
    assert isinstance(before, SessionsResult)
    assert isinstance(after, SessionsResult)
    assert before.events + after.events == shop.histories().n_events
    assert shop.scope(from_="2025-01-16").from_us == shop.scope(from_=middle).from_us


def test_items_have_their_attributes_and_conditions_see_them(shop: footfall.Shop) -> None:
    categories = {c for c in shop.histories().vocabularies["item"].table["category"].to_pylist() if c}
    first = min(categories)
    result = shop.sessions(where=f"category = '{first}'")
    assert isinstance(result, SessionsResult)
    assert 0 < result.events < shop.histories().n_events


def test_histories_follow_the_lake(shop: footfall.Shop, tmp_path: Path) -> None:
    before = shop.histories()
    assert shop.histories() is before
    log = tmp_path / "more.csv"
    log.write_text("user_id,event_type,product_id,category_id,timestamp\nnobody,view,1,2,2025-01-05 10:00:00\n")
    shop.ingest(log)
    assert shop.histories().n_events == before.n_events + 1


def test_a_missing_workspace_is_said() -> None:
    with pytest.raises(footfall.WorkspaceError, match=r"is no workspace: it has no footfall\.toml"):
        footfall.open("/nowhere")


def test_the_picture_of_the_readme_is_drawn(shop: footfall.Shop, tmp_path: Path) -> None:
    out = tmp_path / "paths.svg"
    script = ROOT / "examples" / "paths_picture.py"
    subprocess.run([sys.executable, str(script), str(shop.workspace.path), str(out)], check=True)
    text = out.read_text("utf-8")
    assert text.startswith("<svg")
    assert "purchase 100%" in text
