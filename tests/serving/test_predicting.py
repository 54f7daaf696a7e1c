"""Predicting: from a workspace's files to answers, by Python and by the command line; mistakes are one line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import footfall
from footfall.cli.main import cli
from footfall.errors import FootfallError, InputError
from footfall.histories.memory import from_events
from footfall.histories.sequences import sequences_of
from footfall.serving.bundles import open_bundle, write_bundle
from footfall.serving.naming import names_of
from footfall.serving.predicting import Predicting
from footfall.serving.vocabularies import Vocabularies
from footfall.shop import Shop
from footfall.tasks._base import Given
from footfall.tasks._registry import made

DAY = 86_400
START = 1_700_000_000
Event = dict[str, Any]


def rows(users: int = 120, days: int = 70) -> list[Event]:
    """Every other user buys about every five days, the rest only look."""
    rng = np.random.default_rng(0)
    events = []
    for user in range(users):
        moment = START + int(rng.integers(0, 3 * DAY))
        while moment < START + days * DAY:
            row = {"user_id": f"u{user:03d}", "item_id": f"i{int(rng.integers(9))}", "timestamp": moment}
            row |= {"channel": ["web", "app"][user % 3 == 0], "price": 10 + user % 7}
            events.append({**row, "event_type": "view_item", "value": "", "order_id": ""})
            if user % 2 and rng.random() < 0.6:
                paid = {"event_type": "purchase", "value": 10 + user % 7, "order_id": f"o{len(events)}"}
                events.append({**row, **paid, "timestamp": moment + 60})
            moment += int(rng.uniform(1, 5) * DAY)
    return events


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    home = tmp_path_factory.mktemp("predicting")
    with (home / "events.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows()[0]))
        writer.writeheader()
        writer.writerows(rows())
    made_shop = footfall.init(home / "shop")
    made_shop.ingest(home / "events.csv")
    made_shop.train("purchase", horizon="7d", lookback="30d", epochs=1, family="boosting")
    return made_shop


def call(shop: Shop, *args: str | Path) -> Any:
    # ``standalone_mode`` is off as in ``main``, so that our own errors come through.
    return CliRunner().invoke(cli, ["-w", str(shop.workspace.path), *map(str, args)], standalone_mode=False)


def test_of_whom_there_is_nothing_to_ask_is_said(shop: Shop) -> None:
    shop.train("repurchase", horizon="7d", lookback="60d", family="linear")
    found = shop.predict("repurchase", ["u001", "u000", "nobody"])
    assert set(found.to_arrow()["user_id"].to_pylist()) == {"u001"}
    assert found.unasked == ("u000",)  # who only looks buys nothing again
    assert found.left_out == ("nobody",)
    assert "There is nothing to foretell of 1 of those asked for: u000." in found.notes()
    assert found.to_dict()["unasked"] == ["u000"]


def test_who_buys_is_ahead_of_who_does_not(shop: Shop) -> None:
    found = shop.predict("purchase")
    table = found.to_arrow()
    assert table.column_names == ["user_id", "probability"]
    said = dict(zip(table["user_id"].to_pylist(), table["probability"].to_pylist(), strict=True))
    assert list(said.values()) == sorted(said.values(), reverse=True)
    buyers = [p for user, p in said.items() if int(user[1:]) % 2]
    others = [p for user, p in said.items() if not int(user[1:]) % 2]
    assert np.mean(buyers) > 0.5
    assert np.mean(others) < 0.2
    assert 0 < min(said.values()) <= max(said.values()) < 1


def test_amounts_are_told_with_how_low_and_how_high_they_may_turn_out(shop: Shop) -> None:
    board = shop.train("value", horizon="7d", lookback="30d", epochs=1, family="linear")
    assert "Coverage80" in str(board)
    found = shop.predict("value").to_arrow()
    assert found.column_names[:5] == ["user_id", "amount", "low", "median", "high"]
    low, median, high = (np.array(found[name]) for name in ("low", "median", "high"))
    assert (low <= median).all()
    assert (median <= high).all()
    assert high[0] > 0  # the best customer
    ahead = dict(zip(found["user_id"].to_pylist(), found["lifetime_365d"].to_pylist(), strict=True))
    assert all((spent > 0) == bool(int(user[1:]) % 2) for user, spent in ahead.items())  # who only looks spends nothing
    assert not low[-1]  # who only looks
    assert shop.predict("purchase").to_arrow().column_names == ["user_id", "probability"]


def test_some_users_in_the_order_asked_and_the_unknown_told(shop: Shop) -> None:
    found = shop.predict("purchase", ["u005", "nobody", "u002"], reasons=True)
    assert found.to_arrow()["user_id"].to_pylist() == ["u005", "u002"]
    assert found.left_out == ("nobody",)
    assert "Nothing is known of 1 of those asked for" in str(found)
    reasons = found.to_arrow()["reasons"].to_pylist()
    assert all(1 <= len(each) <= 3 for each in reasons)
    assert {"feature", "text", "moved"} == set(reasons[0][0])
    assert json.loads(found.to_json())["predictions"][0]["user_id"] == "u005"


def test_as_of_a_moment_nothing_later_is_known(shop: Shop) -> None:
    early = shop.predict("purchase", ["u001"], as_of="2023-12-20")
    assert early.as_of.startswith("2023-12-2") or early.as_of.startswith("2023-12-19")
    assert early.to_arrow()["probability"].to_pylist() != shop.predict("purchase", ["u001"]).to_arrow()[
        "probability"
    ].to_pylist()  # fmt: skip


def test_a_log_compiled_anew_with_other_codes_gives_the_same_answers(tmp_path: Path) -> None:
    events = [
        {k: v for k, v in row.items() if v != ""} | {"timestamp": row["timestamp"] * 1_000_000} for row in rows(80)
    ]
    events.sort(key=lambda row: row["timestamp"])
    old = from_events(events)
    given = Given(old, epochs=1, horizon_us=7 * DAY * 1_000_000)
    trained = made("purchase", {"lookback": "30d", "family": "behaviour_boosting"}).train(given)
    vocabularies = Vocabularies.of(old, trained.content)
    write_bundle(tmp_path, "purchase", trained.model, vocabularies, trained.about)
    expected = Predicting(open_bundle(tmp_path, "purchase"), old).predict(reasons=True).to_arrow()
    mixed = [events[i] for i in np.random.default_rng(1).permutation(len(events))]
    mixed.sort(key=lambda row: (row["item_id"], row["event_type"]), reverse=True)
    new = from_events(sorted(mixed, key=lambda row: row["timestamp"]))
    assert old.vocabularies["item"].ids != from_events(mixed).vocabularies["item"].ids
    for histories in (new, from_events(mixed)):
        found = Predicting(open_bundle(tmp_path, "purchase"), histories).predict(reasons=True).to_arrow()
        one = dict(zip(found["user_id"].to_pylist(), found["probability"].to_pylist(), strict=True))
        other = dict(zip(expected["user_id"].to_pylist(), expected["probability"].to_pylist(), strict=True))
        assert one == pytest.approx(other, rel=1e-4)
        told = [named_events(table) for table in (found, expected)]
        same = [told[0][user] == told[1][user] for user in told[0]]
        assert np.mean(same) > 0.95  # of two that moved an answer alike, either may come first
        texts = [text for each in told[0].values() for text in each]
        assert len(texts) > 40
        item = re.compile(r"^(view of i\d|\d+ views of i\d|purchase of i\d|\d+ purchases of i\d), ")
        assert all(item.match(text) for text in texts)


def named_events(table: Any) -> dict[str, set[str]]:
    pairs = zip(table["user_id"].to_pylist(), table["reasons"].to_pylist(), strict=True)
    return {user: {why["text"] for why in reasons if why["feature"] == "history"} for user, reasons in pairs}


def test_reasons_call_items_by_the_catalogues_name_and_the_unknown_by_their_id() -> None:
    row = {"user_id": "a", "event_type": "view_item", "timestamp": START * 1_000_000}
    old = from_events([row | {"item_id": "i1"}, row | {"item_id": "i2"}])
    new = from_events([row | {"item_id": "i3", "event_type": "like"}, row | {"item_id": "i2"}])
    table = new.vocabularies["item"].table
    called = ["Red shoe" if each == "i3" else None for each in table["id"].to_pylist()]
    object.__setattr__(new.vocabularies["item"], "table", table.append_column("name", pa.array(called, pa.string())))
    vocabularies = Vocabularies.of(old, None)
    log, back = vocabularies.read(new, sequences_of(new))
    names = names_of(new, vocabularies, back)
    assert {names.item(code) for code in log.item.tolist()} == {"Red shoe", "i2"}
    assert names.item(old.vocabularies["item"].code("i1")) == "i1"
    assert names.item(2) == names.item(99) == "an item"
    assert log.event_type is not None
    assert {names.event_type(code) for code in log.event_type.tolist()} == {"view_item", "like"}
    assert names.event_type(0) == names.event_type(99) == "event"


def test_the_command_line(shop: Shop, tmp_path: Path) -> None:
    out = tmp_path / "p.parquet"
    done = call(shop, "predict", "purchase", "--explain", "--out", out)
    assert done.exception is None, done.output
    table = pq.read_table(out)
    assert table.column_names == ["user_id", "probability", "reasons"]
    assert len(table) == len(shop.predict("purchase").to_arrow())
    shown = call(shop, "predict", "purchase", "--user", "u001", "--explain")
    assert "because" in shown.output
    assert "u001" in shown.output
    told = call(
        shop, "evaluate", "purchase", "--against", "linear,constant", "--horizon", "7d", "--format", "json", "-q"
    )
    board = json.loads(told.stdout)
    assert {row["predictor"] for row in board["rows"]} == {"linear", "constant"}
    assert board["metric"] == "AP"
    card = (shop.models_root / "purchase" / open_bundle(shop.models_root, "purchase").version / "card.md").read_text()
    assert "AUROC" in card
    assert "importances" in card


MISTAKES: list[tuple[Sequence[str], str]] = [
    (["predict", "purchas"], "unknown task 'purchas'; did you mean 'purchase'"),
    (["predict", "churn"], "nothing is trained for churn in this workspace; run: footfall train churn"),
    (["predict", "recommend"], "nothing is trained for recommend"),
    (["train", "purchase", "--for", "view"], "unknown setting of task purchase 'goal'"),
    (["train", "purchase", "--family", "boostin"], "unknown family of purchase 'boostin'; did you mean 'boosting'"),
    (["train", "purchase", "--lookback", "soon"], "--lookback"),
    (["train", "purchase", "--horizon", "40d"], "needs four of them"),
]


@pytest.mark.parametrize(("args", "said"), MISTAKES)
def test_mistakes_are_one_line(shop: Shop, args: Sequence[str], said: str) -> None:
    done = call(shop, *args)
    assert isinstance(done.exception, FootfallError), done.output
    assert said in str(done.exception)
    assert "\n" not in str(done.exception)


def test_a_recommender_foretells_no_number(shop: Shop) -> None:
    shop.train("recommend", family="popularity", epochs=1)
    with pytest.raises(InputError, match="recommend foretells no number of a user"):
        shop.predict("recommend")


def test_the_record_of_a_run_leaves_tables_to_the_card(shop: Shop) -> None:
    shown = call(shop, "runs", "--task", "purchase", "--format", "json")
    (run,) = [row["id"] for row in json.loads(shown.stdout)["rows"]]
    told = call(shop, "runs", run).output
    assert "outcome.served" in told
    assert "outcome.bundle" in told
    assert "outcome.robustness" not in told
    assert shop.card("purchase").about["robustness"]["edits"]
