"""Deciding and fairness from a workspace's files, by Python and by the command line; mistakes are one line."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import footfall
from footfall.cli.main import cli
from footfall.errors import FootfallError
from footfall.serving.bundles import open_bundle
from footfall.shop import Shop

DAY = 86_400
START = 1_700_000_000
Event = dict[str, Any]


def rows(users: int = 120, days: int = 70) -> list[Event]:
    """Every other user buys about every five days; of those in FR, all do."""
    rng = np.random.default_rng(0)
    events = []
    for user in range(users):
        moment = START + int(rng.integers(0, 3 * DAY))
        while moment < START + days * DAY:
            row = {"user_id": f"u{user:03d}", "item_id": f"i{int(rng.integers(9))}", "timestamp": moment}
            row |= {"country": ["DE", "DE", "FR"][user % 3], "price": 10 + user % 7}
            events.append({**row, "event_type": "view_item", "value": "", "order_id": ""})
            if (user % 2 or user % 3 == 2) and rng.random() < 0.6:
                paid = {"event_type": "purchase", "value": 10 + user % 7, "order_id": f"o{len(events)}"}
                events.append({**row, **paid, "timestamp": moment + 60})
            moment += int(rng.uniform(1, 5) * DAY)
    return events


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    home = tmp_path_factory.mktemp("deciding")
    with (home / "events.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows()[0]))
        writer.writeheader()
        writer.writerows(rows())
    made_shop = footfall.init(home / "shop")
    made_shop.ingest(home / "events.csv")
    for task in ("purchase", "value"):
        made_shop.train(task, horizon="7d", lookback="30d", epochs=1, family="linear")
    return made_shop


def call(shop: Shop, *args: str | Path) -> Any:
    # ``standalone_mode`` is off as in ``main``, so that our own errors come through.
    return CliRunner().invoke(cli, ["-w", str(shop.workspace.path), *map(str, args)], standalone_mode=False)


def decided(found: Any) -> tuple[Any, Any]:
    table = found.to_arrow()
    return np.array(table.column(1).to_pylist()), np.array(table["decision"].to_pylist())


def test_without_a_rule_nothing_is_decided(shop: Shop) -> None:
    found = shop.predict("purchase")
    assert found.to_arrow().column_names == ["user_id", "probability"]
    assert found.decision is None
    assert json.loads(found.to_json())["decision"] is None


def test_each_rule_decides_as_by_hand(shop: Shop) -> None:
    p, chosen = decided(shop.predict("purchase", capacity=17))
    assert chosen.tolist() == [True] * 17 + [False] * (len(p) - 17)  # the highest stand first
    p, chosen = decided(shop.predict("purchase", cost=1.5, gain=4))
    assert chosen.tolist() == (p * 4 > 1.5).tolist()
    assert 0 < chosen.sum() < len(p)
    found = shop.predict("purchase", precision=0.8)
    p, chosen = decided(found)
    curve = open_bundle(shop.models_root, "purchase").model.curve
    assert curve is not None
    assert chosen.tolist() == (p >= curve.reaching(0.8).threshold).tolist()
    told = json.loads(found.to_json())["decision"]
    assert told["chosen"] == chosen.sum()
    assert told["reached_precision"][1] <= told["reached_precision"][0] <= told["reached_precision"][2]
    assert told["expected_precision"] == pytest.approx(p[chosen].mean())
    assert "Decision by precision 0.8" in found.headline()
    amount, chosen = decided(shop.predict("value", cost=9))
    assert chosen.tolist() == (amount > 9).tolist()


def test_of_some_users_those_are_chosen_from(shop: Shop) -> None:
    found = shop.predict("purchase", ["u001", "u000", "nobody"], capacity=1)
    assert found.to_arrow()["decision"].to_pylist() == [True, False]
    assert "Nothing is known of 1" in " ".join(found.notes())
    none = shop.predict("purchase", ["nobody"], capacity=1)
    assert none.to_arrow().num_rows == 0
    assert "Nobody is chosen" in str(none)


def test_equal_shares_of_groups(shop: Shop, tmp_path: Path) -> None:
    fair = shop.predict("purchase", capacity=30, fair_by="country")
    users = fair.to_arrow()["user_id"].to_pylist()
    _, chosen = decided(fair)
    french = np.array([int(user[1:]) % 3 == 2 for user in users])
    assert (chosen[french].sum(), chosen[~french].sum()) == (10, 20)
    _, single = decided(shop.predict("purchase", capacity=30))
    assert single[french].mean() > chosen[french].mean()
    assert shop.predict("purchase").to_arrow()["probability"] == fair.to_arrow()["probability"]
    assert {group.group: group.chosen for group in fair.decision.groups} == {"DE": 20, "FR": 10}  # type: ignore[union-attr]
    file = tmp_path / "groups.csv"
    file.write_text("user_id,group\n" + "".join(f"u{n:03d},{'DF'[n % 3 == 2]}\n" for n in range(120)))
    by_file = shop.predict("purchase", capacity=30, groups=file)
    assert decided(by_file)[1].tolist() == chosen.tolist()
    hits = shop.predict("purchase", capacity=30, fair_by="country", fair="opportunity").decision
    assert hits is not None
    assert hits.fair == "opportunity"
    assert hits.chosen == 30


def test_the_command_line_decides(shop: Shop, tmp_path: Path) -> None:
    out = tmp_path / "p.csv"
    done = call(shop, "predict", "purchase", "--capacity", "12", "--out", out)
    assert done.exception is None, done.output
    assert "Decision by capacity 12: 12 of 120 users are chosen" in done.stderr
    assert "Expected of those chosen" in done.stderr
    with out.open() as file:
        assert sum(row["decision"] == "true" for row in csv.DictReader(file)) == 12
    shown = call(shop, "predict", "purchase", "--capacity", "12", "--explain", "-n", "2")
    assert "decision" in shown.stdout
    assert "because" in shown.stdout
    fair = call(
        shop, "predict", "purchase", "--cost", "1", "--gain", "3", "--fair-by", "country", "--fair", "opportunity"
    )
    assert "The same share of expected hits is chosen of each country" in fair.stdout
    table = tmp_path / "p.parquet"
    assert call(shop, "predict", "value", "--capacity", "5", "--out", table).exception is None
    names = ["user_id", "amount", "low", "median", "high", "lifetime_365d", "decision"]
    assert pq.read_table(table).column_names == names


def test_the_command_line_judges_fairness(shop: Shop, tmp_path: Path) -> None:
    asked = ["fairness", "purchase", "--family", "linear", "--horizon", "7d", "--lookback", "30d", "-q"]
    done = call(shop, *asked, "--by", "country", "--capacity", "30", "--mitigate", "parity", "--format", "json")
    assert done.exception is None, done.output
    told = json.loads(done.stdout)
    assert {row["group"] for row in told["rows"]} <= {"DE", "FR", "(small groups)"}
    assert told["chosen"] == 30
    price = {row["metric"]: row for row in told["price"]}
    assert price["selection_rate_difference"]["after"] < price["selection_rate_difference"]["before"]
    file = tmp_path / "groups.csv"
    file.write_text("user_id,group\n" + "".join(f"u{n:03d},g{n % 2}\n" for n in range(110)))
    shown = call(shop, *asked, "--groups", file)
    assert shown.exception is None, shown.output
    assert "(unknown)" in shown.stdout
    assert "selection_rate" in shown.stdout
    rows_of = call(shop, *asked, "--by", "country", "--format", "csv")
    assert "true_positive_rate_low" in rows_of.stdout.splitlines()[0]
    about = open_bundle(shop.models_root, "purchase").about
    assert [card["by"] for card in about["fairness"]] == ["country"]


MISTAKES: list[tuple[Sequence[str], str]] = [
    (["predict", "purchase", "--capacity", "3", "--precision", ".5"], "rules of their own"),
    (["predict", "purchase", "--cost", "3"], "--cost 3 needs --gain"),
    (["predict", "purchase", "--gain", "3"], "--gain 3 alone decides nothing"),
    (["predict", "purchase", "--precision", "1.5"], "--precision 1.5; give a share"),
    (["predict", "value", "--precision", ".5"], "value foretells an amount, which has no precision"),
    (["predict", "value", "--cost", "1", "--gain", "2"], "give --cost without --gain"),
    (["predict", "value", "--capacity", "3", "--fair-by", "country", "--fair", "opportunity"], "give --fair parity"),
    (
        ["predict", "purchase", "--capacity", "3", "--fair-by", "device"],
        "this log has no column device; it has country",
    ),
    (["predict", "purchase", "--fair-by", "country"], "fairness is of a decision"),
    (["fairness", "purchase"], "tell users apart by --by"),
    (["fairness", "value", "--by", "country"], "value foretells an amount"),
    (["fairness", "purchase", "--groups", "nowhere.csv"], "there is no such file"),
]


@pytest.mark.parametrize(("args", "said"), MISTAKES)
def test_mistakes_are_one_line(shop: Shop, args: Sequence[str], said: str) -> None:
    done = call(shop, *args)
    assert isinstance(done.exception, FootfallError), done.output
    assert said in str(done.exception)
    assert "\n" not in str(done.exception)
