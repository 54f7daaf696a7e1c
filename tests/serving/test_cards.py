"""Cards: every part is there and says what the facts say; the plot is drawn, and the same each time."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner

import footfall
from footfall.cli.main import cli
from footfall.errors import FootfallError
from footfall.histories.memory import from_events
from footfall.serving._card_limits import limits
from footfall.serving._card_plot import write_plot
from footfall.serving._card_tables import table
from footfall.serving.bundles import open_bundle, read_card, write_bundle
from footfall.serving.cards import card
from footfall.serving.vocabularies import Vocabularies
from footfall.tasks import _prediction
from footfall.tasks._base import Given, Trained
from footfall.tasks._registry import made

DAY = 86_400_000_000
START = 1_700_000_000_000_000
Facts = dict[str, Any]
SVG = "{http://www.w3.org/2000/svg}"


def events(users: int = 150, days: int = 70) -> list[dict[str, Any]]:
    """Every other user buys, the more often the higher the number."""
    rng = np.random.default_rng(0)
    found = []
    for user in range(users):
        moment = START + int(rng.integers(0, 3 * DAY))
        while moment < START + days * DAY:
            row = {"user_id": f"u{user:03d}", "item_id": f"i{int(rng.integers(9))}", "timestamp": moment}
            row |= {"channel": ["web", "app"][user % 3 == 0], "price": 10 + user % 7, "event_type": "view_item"}
            found.append(row)
            if user % 2 and rng.random() < 0.3 + user / 300:
                paid = {"event_type": "purchase", "value": 10 + user % 7, "order_id": f"o{len(found)}"}
                found.append({**row, **paid, "timestamp": moment + 60_000_000})
            moment += int(rng.uniform(1, 5) * DAY)
    return sorted(found, key=lambda row: row["timestamp"])


@pytest.fixture(scope="module")
def trained() -> dict[str, Trained]:
    histories = from_events(events())
    given = Given(histories, epochs=1, horizon_us=7 * DAY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_prediction, "GATES", ("constant", "linear", "boosting"))  # the quick ones
        purchase = made("purchase", {"lookback": "30d"}).train(given)
    return {
        "purchase": purchase,
        "value": made("value", {"lookback": "30d", "family": "boosting"}).train(given),
    }


@pytest.fixture(scope="module")
def models(trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("models")
    histories = from_events(events())
    for task, found in trained.items():
        about = {"lake_version": "7.2.0", **found.about}
        write_bundle(home, task, found.model, Vocabularies.of(histories, found.content), about)
    return home


@pytest.fixture
def facts(models: Path) -> Callable[[str], Facts]:
    return lambda task: copy.deepcopy(dict(read_card(models, task).about))


PARTS = [
    "For which decisions",
    "Data and moments",
    "Families",
    "Calibration",
    "What counts: importances of features",
    "Reasons, checked by deletion",
    "Robustness",
    "Drift",
    "Fairness",
    "Known limits",
    "Made with",
]


@pytest.mark.parametrize("task", ["purchase", "value"])
def test_every_part_is_there_in_order(task: str, models: Path) -> None:
    text = read_card(models, task).text
    parts = [part if task == "purchase" else part.replace("Calibration", "Foretold and came") for part in PARTS]
    parts = [part for part in parts if part != "Fairness" or task == "purchase"]  # it is of probabilities
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == parts
    assert not re.search(r"\b(nan|None|inf)\b", text)
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        widths = {line.count("|") for line in block.splitlines()}
        assert len(widths) == 1, block  # every row has the cells of its head


def test_a_card_says_what_the_facts_say(models: Path) -> None:
    found = read_card(models, "purchase")
    about, text = found.about, found.text
    assert text.startswith(f"# purchase {about['version']}\n\n**Who will buy within the horizon of 7 days.**")
    assert "Whether a user who was active lately buys anything within the horizon." in text
    assert "| lake version | 7.2.0 |" in text
    assert f"| users, events | 150, {len(events()):,} |" in text
    for metric in ("AUROC", "AP"):
        value, low, high = about["metrics"][about["served"]][metric]
        assert f"{metric} {value:.3f} [{low:.3f}, {high:.3f}]" in text
    assert set(about["metrics"]) == {row["predictor"] for row in about["families"]}
    assert all(f"| {name} |" in text or f"| **{name}** |" in text for name in about["metrics"])
    assert text.count("| **") == 1  # the one that is served
    assert all(f"| {row['edit']} |" in text for row in about["robustness"]["edits"])
    assert all(f"| `{row['feature']}` |" in text for row in about["drift"]["features"])
    assert sum(row["count"] for row in about["judged"]["reliability"]) == about["judged_users"]
    assert "![reliability](reliability.svg)" in text
    assert "**seed**: 0" in text
    assert re.search(r"python 3[.\d]+, numpy [\d.]+", text)


def test_amounts_are_told_by_tenths_in_the_currency_of_the_shop(models: Path) -> None:
    found = read_card(models, "value")
    assert "![mean amounts by tenth](deciles.svg)" in found.text
    assert "USD a user came" in found.text
    assert [row["decile"] for row in found.about["judged"]["deciles"]] == list(range(1, 11))
    assert "as was asked for" in found.text
    assert "No other family was tried beside boosting." in found.text


@pytest.mark.parametrize(("task", "name"), [("purchase", "reliability.svg"), ("value", "deciles.svg")])
def test_the_plot_is_drawn_and_checked_like_the_model(task: str, name: str, models: Path) -> None:
    bundle = open_bundle(models, task)
    root = ET.fromstring((bundle.path / name).read_text("utf-8"))
    assert root.tag == f"{SVG}svg"
    assert len(root.findall(f".//{SVG}path")) > 20
    assert name in bundle.about["checksums"]
    assert {file.suffix for file in bundle.path.rglob("*") if file.is_file()} <= {
        ".json", ".md", ".npz", ".safetensors", ".svg", ".skops",
    }  # fmt: skip


@pytest.mark.parametrize("task", ["purchase", "value"])
def test_equal_facts_draw_equal_bytes_and_others_do_not(task: str, facts: Any, models: Path, tmp_path: Path) -> None:
    for folder in ("one", "same", "other"):
        (tmp_path / folder).mkdir()
    about = facts(task)
    one, same = (write_plot(about, tmp_path / folder) for folder in ("one", "same"))
    assert one is not None
    assert same is not None
    kept = open_bundle(models, task).path / one.name
    assert one.read_bytes() == same.read_bytes() == kept.read_bytes()
    rows = about["judged"]["reliability" if task == "purchase" else "deciles"]
    rows[0]["mean_probability" if task == "purchase" else "mean_predicted"] *= 0.5
    other = write_plot(about, tmp_path / "other")
    assert other is not None
    assert other.read_bytes() != one.read_bytes()


def test_rare_answers_and_single_bins_can_be_drawn(facts: Any, tmp_path: Path) -> None:
    about = facts("purchase")
    rare = [
        {"mean_probability": p, "observed_rate": 0.0, "observed_low": 0.0, "observed_high": 2 * p, "count": 9}
        for p in (0.0001, 0.0002, 0.0003, 0.02)
    ]
    for rows in (rare, rare[:1], rare[-1:]):
        about["judged"]["reliability"] = rows
        path = write_plot(about, tmp_path)
        assert path is not None
        assert path.stat().st_size > 5_000
    about["judged"]["reliability"] = []
    assert write_plot(about, tmp_path) is None
    amounts = facts("value")
    for row in amounts["judged"]["deciles"]:
        row |= {"actual_low": None, "actual_high": None}
    assert write_plot(amounts, tmp_path) is not None
    card(amounts)


# --- known limits -----------------------------------------------------------------------------------------------------


def changed(about: Facts, path: str, value: Any) -> Facts:
    *way, last = path.split("/")
    part = about
    for name in way:
        part = part[int(name)] if isinstance(part, list) else part[name]
    part[int(last) if isinstance(part, list) else last] = value
    return about


def served(about: Facts) -> str:
    return str(about["served"])


LIMITS: list[tuple[str, Any, Any, str]] = [
    ("leaks", [], ["x alone has an AUROC of 1.0000"], "Likely a leak: x alone has an AUROC of 1.0000"),
    ("metrics/SERVED/ECE", [0.019, 0.01, 0.03], [0.034, 0.02, 0.04], "ECE is 0.034, above 0.02: .* off by 3.4 points"),
    ("judged_users", 5000, 999, "Judged on 999 users only"),
    ("judged/positives", 120, 99, "only 99 had the rarer answer"),
    ("metrics/SERVED/AP", [0.5, 0.45, 0.55], [0.5, 0.3, 0.7], "AP is known roughly only: 0.500, 95 % interval 0.300"),
    ("metrics/SERVED/AP", [0.5, 0.45, 0.55], [None, None, None], "AP, the metric that decides, cannot be told"),
    ("metrics/constant/AP", [0.0, 0.0, 0.0], [0.99, 0.9, 1], "On the judged horizon .*constant had a higher AP than"),
    ("left_out", {}, {"bg_nbd": "no orders"}, "The family bg_nbd could not take part: no orders."),
    ("drift/rates/5/rate", 0.305, 0.2, r"rate of yes moved by -33 % \(from 30 % to 20 %\)"),
    ("robustness/stability", 0.81, 0.7, "30% of the highest tenth of users are others .*weakest"),
    ("drift/n_much", 0, 7, "7 of .* features are far from where they were"),
    ("drift/scores/size", "little", "some", "The answers themselves drifted"),
    ("data/days", 800, 90, "spans 90 days, less than a year"),
    ("data/days", 800, 400, "spans 400 days: each season was seen once"),
    ("moments/learnt", ["a", "b", "c"], ["2023-01-01T00:00:00+00:00"], "Learnt at 1 cutoff only"),
    (
        "fairness",
        None,
        [{"by": "device", "groups": [], "warnings": ["phones fare worse"]}],
        "Fairness by device: phones",
    ),
]


@pytest.mark.parametrize(("path", "good", "bad", "said"), LIMITS, ids=[f"{p} {said[:20]}" for p, _, _, said in LIMITS])
def test_a_limit_is_said_where_a_fact_calls_for_it_and_not_else(
    path: str, good: Any, bad: Any, said: str, facts: Any
) -> None:
    about = facts("purchase")
    about["drift"]["rates"][4] |= {"rate": 0.3, "users": 4000}
    about["drift"]["rates"][5] |= {"users": 4000}
    about["judged_users"] = 4000
    path = path.replace("SERVED", served(about))
    assert not [one for one in limits(changed(about, path, good)) if re.search(said, one)]
    found = [one for one in limits(changed(about, path, bad)) if re.search(said, one)]
    assert len(found) == 1
    assert f"- {found[0]}\n" in card(about)


def test_a_difference_of_few_is_called_chance(facts: Any) -> None:
    about = facts("purchase")
    for users, chance in ((50, True), (50_000, False)):
        about["drift"]["rates"][4] |= {"rate": 0.3, "users": users}
        about["drift"]["rates"][5] |= {"rate": 0.25, "users": users}
        (said,) = [one for one in limits(about) if "From calibration to judging the rate" in one]
        assert ("may differ by chance" in said) is chance


def test_amounts_that_are_off_are_said(facts: Any) -> None:
    about = facts("value")
    about["judged"] |= {"mean_actual": 10.0, "mean_predicted": 10.5}
    assert not [one for one in limits(about) if "Amounts are off" in one]
    about["judged"]["mean_predicted"] = 8.0
    assert [one for one in limits(about) if "Amounts are off by -20 % in all: 8 a user was foretold, 10 came" in one]


# --- fairness, and odd facts ------------------------------------------------------------------------------------------


def test_groups_stand_in_tables(facts: Any) -> None:
    about = facts("purchase")
    assert "## Fairness" in card(about)  # channels and devices are groups
    about["fairness"] = []
    assert "## Fairness" not in card(about)
    group = {
        "group": "phone | web",
        "users": 1200,
        "rate": [0.2, 0.1, 0.3],
        "AUROC": [0.8, 0.7, 0.9],
        "ECE": [None] * 3,
    }
    about["fairness"] = [
        {"by": "device", "groups": [group, group | {"group": "desktop"}], "warnings": ["desktop is few"]},
        {"by": "country", "groups": [], "warnings": []},
    ]
    text = card(about)
    assert "## Fairness" in text
    assert "| device | users | rate | AUROC | ECE |" in text
    assert r"| phone \| web | 1,200 | 0.200 [0.100, 0.300] | 0.800 [0.700, 0.900] | - |" in text
    assert "- desktop is few" in text


def test_a_table_keeps_its_columns() -> None:
    assert table(("a", "b"), [["x|y", "1"]]) == ["| a | b |", "|---|---|", "| x\\|y | 1 |"]


def test_facts_without_importances_or_gains_are_told_in_words(facts: Any) -> None:
    about = facts("purchase")
    about["importances"], about["judged"]["gains"] = {}, []
    text = card(about)
    assert "does not tell." in text
    assert "would have reached" not in text


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop(trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory) -> footfall.Shop:
    found = footfall.init(tmp_path_factory.mktemp("cards") / "shop")
    one = trained["purchase"]
    vocabularies = Vocabularies.of(from_events(events()), one.content)
    for _ in range(2):
        write_bundle(found.models_root, "purchase", one.model, vocabularies, one.about)
    return found


def call(shop: footfall.Shop, *args: str) -> Any:
    return CliRunner().invoke(cli, ["-w", str(shop.workspace.path), *args], standalone_mode=False)


def test_the_command_shows_the_card_or_its_facts(shop: footfall.Shop) -> None:
    shown = call(shop, "card", "purchase")
    assert shown.exception is None
    served_card = read_card(shop.models_root, "purchase")
    assert shown.stdout == served_card.text + "\n"
    assert str(served_card.path) in shown.stderr
    facts = json.loads(call(shop, "card", "purchase", "--format", "json").stdout)
    assert facts == served_card.about
    assert {"robustness", "drift", "judged", "metrics"} <= set(facts)
    first = min(path.parent.name for path in (shop.models_root / "purchase").glob("*/card.md"))
    assert call(shop, "card", "purchase", "--version", first).stdout.startswith(f"# purchase {first}\n")
    assert str(shop.card("purchase", version=first)).startswith(f"# purchase {first}\n")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["card", "purchas"], "unknown task 'purchas'; did you mean 'purchase'"),
        (["card", "churn"], "nothing is trained for churn in this workspace; run: footfall train churn"),
        (["card", "purchase", "--version", "x"], "there is no version 'x' of purchase; have: 2"),
    ],
)
def test_mistakes_are_one_line(args: list[str], said: str, shop: footfall.Shop) -> None:
    done = call(shop, *args)
    assert isinstance(done.exception, FootfallError), done.output
    assert said in str(done.exception)


def test_a_card_that_is_gone_is_written_anew_from_the_facts(shop: footfall.Shop) -> None:
    found = read_card(shop.models_root, "purchase")
    file = found.path / "card.md"
    file.unlink()
    assert read_card(shop.models_root, "purchase").text == found.text
    file.write_text(found.text, "utf-8")
