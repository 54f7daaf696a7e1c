"""Robustness and drift: what is fragile by construction shows as fragile, what moved shows as moved, no later event."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pytest

from footfall.evaluation.amounts import gini
from footfall.evaluation.probability import auroc
from footfall.histories.memory import from_events
from footfall.predictors._base import Examples, Float64, Kind, Predictor
from footfall.predictors._registry import predictors
from footfall.tasks import _robustness
from footfall.tasks._base import Given
from footfall.tasks._drift import drifted
from footfall.tasks._moments import Log, Moments
from footfall.tasks._prediction import Prediction
from footfall.tasks._probable import Calibrated
from footfall.tasks._registry import made
from footfall.tasks._robustness import drawn, overlap, robustness

HOUR = 3_600_000_000
DAY = 24 * HOUR
START = 1_700_000_000_000_000
CUTOFF = START + 60 * DAY
Event = dict[str, Any]


def events(users: int = 200, days: int = 70, seed: int = 0, dear_from: int = 10**9, gap_days: float = 5) -> list[Event]:
    """Users come the more often the higher their number, and every third of them buys; prices may rise one day."""
    rng = np.random.default_rng(seed)
    found: list[Event] = []
    for user in range(users):
        moment, gap = START + int(rng.integers(0, DAY)), gap_days * DAY * 30 / (30 + user)
        while moment < START + days * DAY:
            price = (3.0 if moment >= START + dear_from * DAY else 1.0) * (10 + int(rng.integers(9)))
            row: Event = {"user_id": f"u{user:03d}", "item_id": f"i{int(rng.integers(9))}", "timestamp": moment}
            found.append(row | {"event_type": "view_item", "price": price, "device": ["phone", "desktop"][user % 2]})
            if user % 3 == 0 and rng.random() < 0.5:
                paid = {"event_type": "purchase", "value": price, "price": price, "order_id": f"o{len(found)}"}
                found.append(row | paid | {"timestamp": moment + HOUR // 60})
            moment += max(int(rng.exponential(gap)), HOUR)
    return sorted(found, key=lambda event: event["timestamp"])


class Planted(Predictor):
    """Says something of a history alone."""

    name: ClassVar[str] = "planted"

    def __init__(self, kind: Kind, how: str) -> None:
        self.kind, self.how = kind, how

    def fit(self, examples: Examples, *, seed: int = 0) -> Self:
        del examples, seed
        return self

    def predict(self, examples: Examples) -> Float64:
        past = examples.histories
        assert past.timestamp_us is not None
        lengths = past.lengths
        if self.how == "how often":
            return lengths / (lengths + 50.0)
        if self.how == "constant":
            return np.full(len(past), 0.3)
        last = np.where(lengths > 0, past.timestamp_us[np.maximum(past.offsets[1:] - 1, 0)], 0)
        return last // HOUR * 7919 % 1009 / 1009.0  # of the last event alone, and of it everything

    def save(self, folder: Path) -> None:
        raise NotImplementedError(folder)

    @classmethod
    def load(cls, folder: Path) -> Self:
        raise NotImplementedError(folder)


def planted(how: str, kind: Kind = "binary") -> Calibrated:
    return Calibrated(Planted(kind, how), kind, {"kind": "identity"} if kind == "binary" else {"scale": 1.0})


def purchase() -> Prediction:
    task = made("purchase", {"lookback": "90d"})
    assert isinstance(task, Prediction)
    return task


@pytest.fixture(scope="module")
def log() -> Log:
    return Log.of(from_events(events()))


@pytest.fixture(scope="module")
def test(log: Log) -> Examples:
    return purchase().examples(log, CUTOFF, 7 * DAY)


def test_what_hangs_on_the_last_event_is_fragile_and_what_counts_all_is_not() -> None:
    log = Log.of(from_events(events(days=20, gap_days=0.8)))  # nearly everybody comes every day
    test = purchase().examples(log, START + 18 * DAY, 2 * DAY)
    fragile, steady = (robustness(planted(how), log, test) for how in ("last event", "how often"))
    assert steady["stability"] > 0.9
    assert fragile["stability"] < steady["stability"] - 0.1
    for found in (fragile, steady):
        overlaps = [row["overlap"] for row in found["edits"]]
        assert found["stability"] == pytest.approx(np.mean(overlaps))
        assert min(overlaps) == next(row["overlap"] for row in found["edits"] if row["edit"] == found["weakest"])
    by_name = {row["edit"]: row for row in fragile["edits"]}
    assert fragile["weakest"] == "last day missing"
    assert by_name["last day missing"]["overlap"] < 0.5
    # Whose last event is not touched keeps the answer: most under a tenth of the events, so the typical change is 0.
    assert by_name["doubled"]["p95_change"] == 0
    assert by_name["delayed"]["mean_change"] > 10 * by_name["doubled"]["mean_change"]


def test_what_always_says_the_same_is_moved_by_nothing(log: Log, test: Examples) -> None:
    found = robustness(planted("constant"), log, test)
    assert found["stability"] == 1
    for row in found["edits"]:
        assert (row["mean_change"], row["p95_change"], row["spearman"], row["overlap"]) == (0, 0, None, 1)
        assert row["metrics"]["AUROC"] == {"before": 0.5, "after": 0.5, "change": 0, "low": 0, "high": 0}


def test_every_figure_is_what_a_plain_count_says(log: Log, test: Examples) -> None:
    found = robustness(planted("how often"), log, test)
    lengths = np.array([int((log.times[a:b] < CUTOFF).sum()) for a, b in zip(*_ends(log, test), strict=True)])
    last_day = np.array([int((log.times[a:b] >= CUTOFF - DAY).sum()) for a, b in zip(*_ends(log, test), strict=True)])
    later = np.array([int((log.times[a:b] >= CUTOFF).sum()) for a, b in zip(*_ends(log, test), strict=True)])
    now = lengths - (last_day - later)
    said, after = lengths / (lengths + 50), now / (now + 50)
    row = found["edits"][-1]
    assert row["edit"] == "last day missing"
    assert row["events_lost"] == int((lengths - now).sum()) > 0
    assert found["events"] == int(lengths.sum())
    assert row["mean_change"] == pytest.approx(np.abs(after - said).mean())
    assert row["p95_change"] == pytest.approx(np.quantile(np.abs(after - said), 0.95))
    told = test.told
    assert row["metrics"]["AUROC"]["before"] == pytest.approx(auroc(told, said))
    assert row["metrics"]["AUROC"]["after"] == pytest.approx(auroc(told, after))
    assert row["metrics"]["AUROC"]["change"] == pytest.approx(auroc(told, after) - auroc(told, said))
    assert row["metrics"]["AP"]["low"] <= row["metrics"]["AP"]["change"] <= row["metrics"]["AP"]["high"]
    json.dumps(found, allow_nan=False)


def _ends(log: Log, test: Examples) -> tuple[list[int], list[int]]:
    return log.raw.offsets[:-1][test.rows].tolist(), log.raw.offsets[1:][test.rows].tolist()


def test_amounts_are_told_by_their_mean_and_their_gini(log: Log) -> None:
    value = made("value", {"lookback": "90d"})
    assert isinstance(value, Prediction)
    asked = value.examples(log, CUTOFF, 7 * DAY)
    found = robustness(planted("how often", "amount"), log, asked)
    again = robustness(planted("how often"), log, dataclasses.replace(asked, labels=(asked.told > 0).astype(float)))
    said = Planted("amount", "how often").predict(asked)
    for row, chance in zip(found["edits"], again["edits"], strict=True):
        assert row["mean_change"] == pytest.approx(chance["mean_change"] / said.mean())
        assert row["overlap"] == chance["overlap"]
        assert row["metrics"]["Gini"]["before"] == pytest.approx(gini(asked.told, said))
        assert row["metrics"]["Gini"]["low"] <= row["metrics"]["Gini"]["change"] <= row["metrics"]["Gini"]["high"]


def test_the_same_seed_tells_the_same(log: Log, test: Examples) -> None:
    one, same, other = (robustness(planted("how often"), log, test, seed=seed) for seed in (0, 0, 1))
    assert one == same
    assert one != other


def test_overlap_by_hand() -> None:
    said = np.arange(20) / 20
    assert overlap(said, said) == 1
    assert overlap(said, -said) == 0
    assert overlap(said, np.where(np.arange(20) == 19, -1, said)) == 0.5
    assert overlap(np.zeros(20), np.zeros(20)) == 1
    assert overlap(np.zeros(1), np.ones(1)) == 1


def test_no_more_users_and_events_than_allowed(log: Log, test: Examples, monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(log, test, 0).tolist() == list(range(len(test)))
    monkeypatch.setattr(_robustness, "MOST_USERS", 50)
    places = drawn(log, test, 0)
    assert len(set(places.tolist())) == 50
    assert places.tolist() == sorted(places.tolist()) != drawn(log, test, 1).tolist()
    monkeypatch.setattr(_robustness, "MOST_EVENTS", 300)
    few = drawn(log, test, 0)
    assert 0 < len(few) < 50
    assert log.raw.lengths[test.rows[few]].sum() <= 300
    monkeypatch.setattr(_robustness, "MOST_EVENTS", 0)
    assert len(drawn(log, test, 0)) == 1


# --- leakage ----------------------------------------------------------------------------------------------------------


def told_otherwise(given: list[Event], cutoff: int) -> list[Event]:
    """Let every other user buy dearly from a moment on."""
    late = {"event_type": "purchase", "value": 999.0, "device": "phone", "order_id": "x"}
    return [e | late if e["timestamp"] >= cutoff and int(e["user_id"][1:]) % 2 else e for e in given]


def test_nothing_at_or_after_the_judging_moment_moves_a_figure() -> None:
    found = []
    labels: Any = None
    for given in (events(), told_otherwise(events(), CUTOFF), [e for e in events() if e["timestamp"] < CUTOFF]):
        log = Log.of(from_events(given))
        learn = purchase().examples(log, CUTOFF - 14 * DAY, 7 * DAY)
        later = purchase().examples(log, CUTOFF - 7 * DAY, 7 * DAY)
        judged = purchase().examples(log, CUTOFF, 7 * DAY)
        labels = judged.told if labels is None else labels
        model = Calibrated.of(predictors()["boosting"]("binary").fit(learn), later)  # type: ignore[call-arg]  # every family takes a kind
        found.append(robustness(model, log, dataclasses.replace(judged, labels=labels)))
    assert found[0] == found[1] == found[2]
    # Its twin: what lies before the moment does move them.
    before = Log.of(from_events(told_otherwise(events(), CUTOFF - 5 * DAY)))
    judged = dataclasses.replace(purchase().examples(before, CUTOFF, 7 * DAY), labels=labels)
    assert robustness(model, before, judged) != found[0]


def test_what_judges_has_not_seen_the_judged_horizon() -> None:
    # Trained on two logs that differ in the judged horizon alone: what is served differs, what is judged does not.
    about = []
    for given in (events(), told_otherwise(events(), START + 63 * DAY)):
        task = made("purchase", {"lookback": "90d", "family": "boosting"})
        about.append(task.train(Given(from_events(given), horizon_us=7 * DAY)).about)
    parts = ("mean_change", "p95_change", "spearman", "overlap", "events_lost", "events_added")
    rows = [[{part: row[part] for part in parts} for row in one["robustness"]["edits"]] for one in about]
    assert rows[0] == rows[1]
    assert about[0]["drift"]["scores"] == about[1]["drift"]["scores"]
    assert about[0]["judged"]["mean_probability"] == about[1]["judged"]["mean_probability"]
    assert about[0]["judged"]["rate"] != about[1]["judged"]["rate"]
    assert about[0]["calibration"] != about[1]["calibration"]  # of what is served, which has seen it


# --- drift ------------------------------------------------------------------------------------------------------------


def parts(log: Log) -> tuple[Moments, Examples, Examples, Examples]:
    moments = Moments.of(log, 7 * DAY)
    learn = Examples.stack([purchase().examples(log, moment, 7 * DAY) for moment in moments.learn_us])
    later, judged = (purchase().examples(log, m, 7 * DAY) for m in (moments.calibrate_us, moments.judge_us))
    return moments, learn, later, judged


def test_what_moved_is_told_first_and_what_did_not_is_not() -> None:
    log = Log.of(from_events(events(dear_from=50)))
    moments, learn, later, judged = parts(log)
    model = planted("how often")
    found = drifted(model, log, moments, learn, later, judged, model.predict(judged))
    psi = {row["feature"]: row for row in found["features"]}
    assert any("price" in name for name in psi)
    assert max(psi.values(), key=lambda row: row["psi"])["size"] == "much"
    assert [row["psi"] for row in found["features"]] == sorted((row["psi"] for row in psi.values()), reverse=True)
    assert found["n_features"] == len(learn.table.names)
    assert len(psi) <= found["n_features"]
    assert found["n_much"] <= found["n_some"] < found["n_features"]
    same = drifted(model, log, moments, judged_as(moments, judged), judged, judged, model.predict(judged))
    assert (same["n_some"], same["n_much"], same["scores"]["psi"]) == (0, 0, 0)
    json.dumps(found, allow_nan=False)


def judged_as(moments: Moments, judged: Examples) -> Examples:
    """Return the judged users as if they had been learnt from at the first cutoff."""
    return dataclasses.replace(judged, cutoff_us=np.full(len(judged), moments.learn_us[0]))


def test_rates_and_halves_are_plain_counts(log: Log) -> None:
    moments, learn, later, judged = parts(log)
    model = planted("how often")
    found = drifted(model, log, moments, learn, later, judged, model.predict(judged))
    assert [row["slice"] for row in found["rates"]] == ["learnt"] * 4 + ["calibrated", "judged"]
    assert found["rates"][-1]["users"] == len(judged)
    assert found["rates"][-1]["rate"] == pytest.approx(judged.told.mean())
    assert found["rates"][0]["users"] == int((learn.cutoff_us == moments.learn_us[0]).sum())
    lately, longer = found["halves"]
    assert lately["users"] + longer["users"] == len(judged)
    assert abs(lately["users"] - longer["users"]) <= 1
    ends = zip(*_ends(log, judged), strict=True)
    last = np.array([max(t for t in log.times[a:b].tolist() if t < moments.judge_us) for a, b in ends])
    recent = last > np.median(last)
    assert lately["rate"] == pytest.approx(judged.told[recent].mean())
    assert lately["days_since"] == pytest.approx((moments.judge_us - np.median(last[recent])) / DAY)
    assert lately["AUROC"][0] == pytest.approx(auroc(judged.told[recent], model.predict(judged)[recent]))
    assert longer["AUROC"][0] == pytest.approx(auroc(judged.told[~recent], model.predict(judged)[~recent]))
    assert all(math.isfinite(end) for end in lately["AUROC"])


def test_users_seen_at_one_moment_are_one_half() -> None:
    rows = [{"user_id": f"u{u}", "item_id": "i", "event_type": "view_item", "timestamp": START} for u in range(30)]
    later = [row | {"timestamp": START + 40 * DAY, "event_type": "purchase", "value": 1.0} for row in rows[:15]]
    log = Log.of(from_events(rows + later))
    judged = log.at(np.arange(30), START + 35 * DAY, 7 * DAY, (np.arange(30) < 15).astype(float))
    moments = Moments((START + DAY,), START + 28 * DAY, START + 35 * DAY, 7 * DAY)
    learn = log.at(np.arange(30), START + DAY, 7 * DAY, np.zeros(30))
    model = planted("how often")
    found = drifted(model, log, moments, learn, judged, judged, model.predict(judged))
    assert [half["users"] for half in found["halves"]] == [0, 30]
    assert "AUROC" not in found["halves"][0]
