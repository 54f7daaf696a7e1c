"""Rates follow the shops that the parameters name, and say which."""

from __future__ import annotations

from pathlib import Path

import pytest

from footfall.simulator import Simulation, describe, params, simulate


def test_the_sources_are_what_was_published() -> None:
    # 69,332 / 2,664,312 = 2.60 % and 22,457 / 2,664,312 = 0.84 % of views; 1,908 / 12,330 = 15.5 % of sessions
    assert round(100 * params.RETAILROCKET_ADDS / params.RETAILROCKET_VIEWS, 2) == 2.60
    assert round(100 * params.RETAILROCKET_TRANSACTIONS / params.RETAILROCKET_VIEWS, 2) == 0.84
    assert round(100 * params.UCI_BUYING_SESSIONS / params.UCI_SESSIONS, 1) == 15.5


def test_rates_are_those_of_real_shops(large: Simulation) -> None:
    rates = {row.rate: row for row in describe(large).rows}
    assert len(rates) == 7
    for name, within in (
        ("adds per view", 0.15),
        ("purchased lines per view", 0.15),
        ("lines per order", 0.10),
        ("views per session", 0.10),
        ("buying share of sessions with 10 views or more", 0.15),
        ("returned share of lines", 0.50),  # a few dozen returns
    ):
        assert rates[name].simulated == pytest.approx(rates[name].real, rel=within), name
    buying = rates["buying sessions per product page"]  # the two shops differ by a third: between or near them
    assert buying.simulated is not None
    assert buying.simulated > 0.8 * params.UCI_BUYING_SESSIONS / params.UCI_PRODUCT_PAGES
    assert buying.simulated < 1.2 * params.RETAILROCKET_ORDERS / params.RETAILROCKET_VIEWS


def test_the_mix_of_events_stays_that_of_a_shop(large: Simulation) -> None:
    share = {row.event_type: row.share for row in large.rows}
    assert share["view_item"] > 0.5
    assert share["view_item_list"] < 0.3
    assert 0.02 < large.robot_events / large.events < 0.15


def test_real_data_has_the_rates_that_are_quoted(shared_data: Path) -> None:
    lines = (shared_data / "online_shoppers_intention" / "online_shoppers_intention.csv").read_text().splitlines()
    header = lines[0].split(",")
    cells = [line.split(",") for line in lines[1:]]
    pages, revenue = header.index("ProductRelated"), header.index("Revenue")
    assert len(cells) == params.UCI_SESSIONS
    assert sum(row[revenue] == "TRUE" for row in cells) == params.UCI_BUYING_SESSIONS
    assert sum(int(row[pages]) for row in cells) == params.UCI_PRODUCT_PAGES


@pytest.mark.slow
def test_a_million_events_are_about_a_million(tmp_path: Path) -> None:
    done = simulate(tmp_path / "million", events=1_000_000)
    assert done.events == pytest.approx(1_000_000, rel=0.05)
