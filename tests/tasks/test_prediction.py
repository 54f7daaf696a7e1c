"""Predictions: what is planted is found, nothing after a cutoff moves an answer, and bad logs are told why."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.evaluation.precision_curve import PrecisionCurve
from footfall.histories.memory import from_events
from footfall.histories.store import Histories
from footfall.predictors._registry import predictors
from footfall.tasks._base import Given, Trained
from footfall.tasks._moments import Log, Moments
from footfall.tasks._prediction import Prediction, likely_leaks
from footfall.tasks._prediction_result import PredictionBoard
from footfall.tasks._probable import Calibrated
from footfall.tasks._reasons import reasons_of
from footfall.tasks._registry import made, tasks
from footfall.tasks._words import in_words

HOUR = 3_600_000_000
DAY = 24 * HOUR
START = 1_700_000_000_000_000
DAYS = 84
TASKS = sorted(name for name, task in tasks().items() if issubclass(task, Prediction))
WHO = ("churn", "purchase", "value")
"""Questions about users alone, as of a cutoff."""
PLANTED = {
    "churn": 0.65,  # much of who leaves when is chance
    "dwell": 0.4,
    "interest": 0.75,
    "next_event": 0.9,
    "purchase": 0.8,
    "repurchase": 0.6,  # which of twelve items comes is chance, and who is gone is not
    "session_purchase": 0.85,
    "value": 0.6,
}
every = pytest.mark.parametrize("name", TASKS)
Event = dict[str, Any]


def shop_log(users: int = 150, days: int = DAYS, seed: int = 0) -> list[Event]:
    """A third buys about every six days, spending more the higher its number; a third only looks; a third fades out.

    Each has an item that comes back, of twelve.
    """
    rng = np.random.default_rng(seed)
    events: list[Event] = []
    for user in range(users):
        kind, moment = user % 3, START + int(rng.integers(0, 3 * DAY))
        end = START + (days if kind < 2 else days * (user % 40) // 40) * DAY
        while moment < end:
            item = user % 12 if rng.random() < 0.4 else int(rng.integers(12))
            row: Event = {"user_id": f"u{user:03d}", "item_id": f"i{item:02d}", "timestamp": moment}
            row |= {"channel": ["web", "app"][user % 2], "device": ["phone", "desktop"][item % 2]}
            events.append(row | {"event_type": "view_item", "price": 10.0 + item})
            if kind != 1 and rng.random() < 0.6:
                paid = {"value": 5.0 + user / 10, "price": 10.0 + item, "order_id": f"o{user}-{moment // DAY}"}
                events.append(row | paid | {"event_type": "purchase", "timestamp": moment + 60_000_000})
            moment += int(rng.uniform(1.5, 6.5) * DAY)
    return sorted(events, key=lambda e: e["timestamp"])


@pytest.fixture(scope="module")
def histories() -> Histories:
    return from_events(shop_log())


def given(histories: Histories, **more: Any) -> Given:
    return Given(histories, **({"epochs": 1, "horizon_us": 7 * DAY} | more))


def task(name: str, **asked: Any) -> Prediction:
    found = made(name, {"lookback": "30d", **asked})
    assert isinstance(found, Prediction)
    return found


def board_of(trained: Trained) -> PredictionBoard:
    assert isinstance(trained.result, PredictionBoard)
    return trained.result


@every
def test_what_is_planted_is_found(name: str, histories: Histories) -> None:
    families = ("constant", "linear", "boosting", *(("lifetime",) if name in WHO else ()))
    board = task(name).evaluate(given(histories), against=families)
    assert {row.predictor for row in board.rows} == set(families)
    metric = "AUROC" if task(name).kind == "binary" else "Spearman"
    best = max(row.metrics[metric].mean for row in board.rows if row.predictor != "constant")
    assert best > PLANTED[name]
    assert board.champion != "constant"
    assert board.users > 50
    assert [row.champion for row in board.rows].count(True) == 1
    text = str(board)
    assert "Learnt at 4 cutoffs a horizon apart" in text
    assert all(row.predictor in text for row in board.rows)


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in WHO else pytest.mark.slow) for n in TASKS])
def test_every_family_takes_part(name: str, histories: Histories) -> None:
    board = task(name).evaluate(given(histories), against=("all",))
    kind = task(name).kind
    families = {n for n, family in predictors().items() if kind in family.kinds}
    assert {row.predictor for row in board.rows} | set(board.left_out) == families
    assert set(board.left_out) <= (set() if name in WHO else {"lifetime"})  # it counts purchases of customers


@every
def test_what_is_served_is_kept_and_gives_the_same_answers(name: str, histories: Histories, tmp_path: Path) -> None:
    asked = task(name)
    trained = asked.train(given(histories))
    log = Log.of(histories)
    examples = asked.now(log, log.ends_us, 7 * DAY, np.arange(len(log.raw)))
    said = trained.model.predict(examples)
    trained.model.save(tmp_path)
    again = Calibrated.load(tmp_path)
    np.testing.assert_allclose(again.predict(examples), said, rtol=1e-6)
    around = again.quantiles(examples)
    if asked.kind == "binary":
        assert 0 <= said.min() <= said.max() <= 1
        assert around is None
    else:
        assert around is not None
        np.testing.assert_allclose(around, trained.model.quantiles(examples), rtol=1e-6)
        assert (np.diff(around, axis=1) >= 0).all()
        assert (np.diff(around[np.argsort(said)], axis=0) >= 0).all()
        row = next(row for row in board_of(trained).rows if row.champion)
        assert 0.65 < row.metrics["Coverage80"].mean <= 1
        assert 0 < row.metrics["Pinball"].mean < row.metrics["MAE"].mean
    why = reasons_of(again, examples)
    assert len(why) == len(examples)
    assert any(why)
    assert all(reason.text for reasons in why for reason in reasons)


def test_what_an_older_footfall_kept_knows_no_quantiles(histories: Histories, tmp_path: Path) -> None:
    asked = task("value")
    log = Log.of(histories)
    learn, later = (asked.examples(log, START + day * DAY, 7 * DAY) for day in (49, 56))
    Calibrated.of(predictors()["linear"]("amount").fit(learn), later).save(tmp_path)  # type: ignore[call-arg]
    about = json.loads((tmp_path / "calibrated.json").read_text())
    assert set(about.pop("quantiles")) == {"levels", "centres", "values"}
    (tmp_path / "calibrated.json").write_text(json.dumps(about))
    old = Calibrated.load(tmp_path)
    assert old.quantiles(later) is None
    assert len(old.predict(later)) == len(later)


@pytest.mark.parametrize("name", ["next_event", "repurchase"])
def test_a_precision_is_one_of_answers(name: str, histories: Histories) -> None:
    asked = task(name)
    bench = asked._bench(given(histories))  # noqa: SLF001
    (entrant,) = asked._contest(bench, ("linear",))  # noqa: SLF001
    assert entrant.model is not None
    answered = asked.answered(entrant.model.predict(bench.later), bench.later)
    assert answered.told is not None
    assert entrant.model.curve == PrecisionCurve.of(answered.said, answered.told)
    assert entrant.model.curve.rate == pytest.approx(answered.told.mean())


# --- leakage ----------------------------------------------------------------------------------------------------------


def changed(events: list[Event], cutoff: int, change: str) -> list[Event]:
    early, late = [e for e in events if e["timestamp"] < cutoff], [e for e in events if e["timestamp"] >= cutoff]
    rng = np.random.default_rng(2)
    if change == "taken away":
        late = late[:0]
    elif change == "moved later":
        late = [e | {"timestamp": e["timestamp"] + 9 * DAY} for e in late]
    elif change == "told otherwise":
        late = [e | {"event_type": "purchase", "value": 999.0, "device": "phone", "order_id": "x"} for e in late]
    else:
        late = [
            e | {"item_id": f"i{int(rng.integers(12)):02d}", "user_id": f"u{int(rng.integers(150)):03d}"} for e in late
        ]
    return early + late


@every
@pytest.mark.parametrize("change", ["taken away", "moved later", "told otherwise", "mixed up"])
def test_nothing_at_or_after_a_cutoff_moves_an_answer(name: str, change: str) -> None:
    events = shop_log(90)
    cutoff = START + 70 * DAY
    said = []
    for log_events in (events, changed(events, cutoff, change)):
        log = Log.of(from_events(log_events))
        asked = task(name, **({"act": "purchase"} if name == "churn" else {}))
        learn_at = cutoff - 14 * DAY
        learn = asked.examples(log, learn_at, 7 * DAY)
        later = asked.examples(log, cutoff - 7 * DAY, 7 * DAY)
        model = Calibrated.of(predictors()["boosting"](asked.kind).fit(learn.known()), later.known())  # type: ignore[call-arg]
        examples = asked.now(log, cutoff, 7 * DAY, np.arange(80))
        said.append((examples.rows, examples.table.values, model.predict(examples)))
    for one, other in zip(*said, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_test_above_can_fail() -> None:
    # Its twin: of what lies before the cutoff, the same changes are seen.
    events = shop_log(90)
    cutoff = START + 70 * DAY
    tables: list[Any] = []
    for log_events in (events, changed(events, cutoff - 9 * DAY, "told otherwise")):
        log = Log.of(from_events(log_events))
        tables.append(log.at(task("purchase").asked(log, cutoff), cutoff, 7 * DAY).table.values)
    assert tables[0].shape != tables[1].shape or not np.array_equal(tables[0], tables[1], equal_nan=True)


def test_moments_lie_a_horizon_apart_and_their_horizons_do_not_overlap(histories: Histories) -> None:
    log = Log.of(histories)
    moments = Moments.of(log, 7 * DAY)
    found = [*moments.learn_us, moments.calibrate_us, moments.judge_us, log.ends_us]
    assert np.all(np.diff(found) == 7 * DAY)
    assert len(moments.learn_us) == 4


# --- labels by hand ---------------------------------------------------------------------------------------------------


def test_labels_by_hand() -> None:
    def event(user: str, day: float, kind: str, **more: Any) -> Event:
        return {"user_id": user, "item_id": "i1", "event_type": kind, "timestamp": START + int(day * DAY), **more}

    events = [
        event("a", 1, "purchase", value=10.0, order_id="1"),
        event("a", 10, "purchase", value=7.5, order_id="2"),
        event("a", 11, "refund", value=2.5, order_id="2"),
        event("b", 2, "view_item"),
        event("b", 9.99, "view_item"),
        event("c", 3, "purchase", value=4.0, order_id="3"),
        event("c", 17, "purchase", value=9.0, order_id="4"),
        event("d", 12, "purchase", value=1.0, order_id="5"),
    ]
    log = Log.of(from_events(sorted(events, key=lambda e: e["timestamp"])))
    cutoff, horizon = START + 10 * DAY, 7 * DAY
    named = ["a", "b", "c", "d"]
    ids = from_events(sorted(events, key=lambda e: e["timestamp"])).users[0]["user_id"].to_pylist()

    def by_name(rows: Any, labels: Any) -> dict[str, float]:
        return {ids[row]: label for row, label in zip(rows.tolist(), labels.tolist(), strict=True)}

    for name, expected in (
        ("purchase", {"a": 1, "b": 0, "c": 0}),
        ("churn", {"a": 0, "c": 1}),
        ("value", {"a": 5.0, "b": 0, "c": 0}),
    ):
        asked = task(name)
        rows = asked.asked(log, cutoff)
        assert by_name(rows, asked.outcome(log, rows, cutoff, horizon)) == expected, name
    visits = task("churn", act="visit")
    rows = visits.asked(log, cutoff)
    assert by_name(rows, visits.outcome(log, rows, cutoff, horizon)) == {"a": 0, "b": 1, "c": 1}
    assert set(ids) == set(named)


def test_a_currency_without_decimals_is_not_divided() -> None:
    row: Event = {"user_id": "a", "item_id": "i1", "event_type": "purchase"}
    events = [
        row | {"timestamp": START, "value": 1200.0, "order_id": "1"},
        row | {"timestamp": START + 10 * DAY, "value": 900.0, "order_id": "2"},
    ]
    log = Log.of(from_events(events, currency="JPY", minor_digits=0))
    found = task("value").outcome(log, np.array([0]), START + DAY, 20 * DAY)
    assert found.tolist() == [900.0]


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "events", "said"),
    [
        ("purchase", lambda: [e for e in shop_log() if e["event_type"] != "purchase"], "no event of type purchase"),
        ("value", lambda: [{k: v for k, v in e.items() if k not in ("value", "price")} for e in shop_log()], "cost"),
        ("purchase", lambda: shop_log(days=20), "spans .* days, and a horizon of 7 days needs four of them"),
        ("churn", lambda: shop_log(9), "only . cases are there to learn from|only .. cases"),
    ],
)
def test_logs_that_cannot_answer_say_why(name: str, events: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        task(name).train(given(from_events(events())))


def test_settings_that_are_unknown_are_named() -> None:
    with pytest.raises(InputError, match="unknown setting of task purchase 'goal'"):
        made("purchase", {"goal": "view"})
    with pytest.raises(InputError, match="unknown act of churn 'visits'; did you mean 'visit'"):
        made("churn", {"act": "visits"})
    with pytest.raises(InputError, match="unknown family of purchase 'boost'; did you mean 'boosting'"):
        task("purchase").evaluate(given(from_events(shop_log(30))), against=("boost",))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("session_overdue", 1.254, "away for 1.25 times the usual gap between visits"),
        ("sessions_30d", 11, "sessions 11 in 30 days"),
        ("spend_all", 12345.6, "spend 12,346 in all"),
        ("days_since_last_order", 44, "last order 44 days ago"),
        ("days_since_refund", float("nan"), "no refund yet"),
        ("order_overdue", float("nan"), "order overdue unknown"),
        ("hour_sin", -0.5, "hour sin -0.5"),
        ("its_events_30d", 4, "of it: events 4 in 30 days"),
        ("its_days_since_view", 1e-11, "of it: view just now"),
        ("days_since_last_event", 0.25, "last event 6 hours ago"),
        ("its_days_since_order", float("nan"), "of it: no order yet"),
    ],
)
def test_features_are_said_in_words(name: str, value: float, said: str) -> None:
    assert in_words(name, value) == said


def test_a_feature_made_of_the_answer_is_told() -> None:
    log = Log.of(from_events(shop_log(90)))
    cutoff = START + 50 * DAY
    asked = task("purchase")
    examples = asked.examples(log, cutoff, 7 * DAY)
    assert likely_leaks(examples) == []
    table = examples.table
    values = np.column_stack([table.values, examples.told * 3 + 1]).astype(np.float32)
    leaky = dataclasses.replace(table, names=(*table.names, "answer"), values=values)
    assert likely_leaks(dataclasses.replace(examples, table=leaky)) == ["answer alone has an AUROC of 1.0000"]
