"""The benchmark of recommenders: kept runs, what is made of them, peers, tables, and a whole run of our own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from footfall.evaluation.ranking import evaluate
from footfall.evaluation.splits import leave_one_out
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences

Load = Callable[[str], ModuleType]


def told(**more: Any) -> dict[str, Any]:
    common = {
        "train_cpu_s": 10.0, "choosing_cpu_s": 1.0, "score_cpu_s": 2.0, "peak_mb": 100.0, "start_mb": 50.0,
        "epochs": 4, "best_epoch": 3, "stopped_by": "epochs", "interactions": 500, "settings": {}, "looks": [],
        "versions": {}, "parameters": 7, "commit": "c", "dirty": False,
    }  # fmt: skip
    return {**common, **more}


def done(load: Load, tool: str, places: Sequence[float], seed: int = 0, **more: Any) -> Any:
    return load("_recommend_runs").Done(tool, seed, told(**more), np.array(places), np.arange(len(places) + 1))


def asked(load: Load, users: int, *, missed: int = 0) -> Any:
    whole = Sequences(np.arange(0, 4 * users + 1, 4), np.full(4 * users, FIRST_CODE, np.int32), 20)
    cases = leave_one_out(whole)
    return load("_recommend_data").Data("beauty", whole, cases, cases, groups=np.arange(users + missed), missed=missed)


def test_means_are_over_cases_and_seeds_and_misses_count(load: Load) -> None:
    judge = load("_recommend_judge")
    data = asked(load, 3, missed=1)
    runs = [done(load, "footfall", [1, 3, np.inf]), done(load, "footfall", [1, np.inf, np.inf], seed=1)]
    found = judge.summed_up(runs, data, judge.SPECS["beauty"])
    # a place of 1 is worth 1, one of 3 is worth 1 / log2(4) = 1/2; the fourth case is a miss
    assert found["metrics"]["NDCG@10"]["each_seed"] == [1.5 / 4, 1 / 4]
    assert found["metrics"]["NDCG@10"]["mean"] == pytest.approx((1.5 / 4 + 1 / 4) / 2)
    assert found["metrics"]["HitRate@10"]["each_seed"] == [2 / 4, 1 / 4]
    assert found["metrics"]["NDCG@10"]["low"] <= found["metrics"]["NDCG@10"]["mean"]
    assert found["interactions_per_cpu_s"]["median"] == 500 * 4 / 10
    assert (found["seeds"], found["stopped_by"]) == ([0, 1], ["epochs", "epochs"])


def test_several_cases_of_a_user_are_one_value_and_the_mean_is_over_cases(load: Load) -> None:
    judge = load("_recommend_judge")
    data = asked(load, 3)
    data = load("dataclasses").replace(data, groups=np.array([5, 5, 9]))
    values = judge.values_of([done(load, "footfall", [1, np.inf, 1])], data, "HitRate@10")
    # the mean is 2/3; user 5: 2/3 + (1 - 2/3 * 2) * 2/3, user 9: 2/3 + (1 - 2/3) * 2/3
    assert values == pytest.approx([4 / 9, 8 / 9])
    assert values.mean() == pytest.approx(2 / 3)


def judged(load: Load, name: str, places: Mapping[str, Sequence[float]], **more: Any) -> list[dict[str, Any]]:
    judge = load("_recommend_judge")
    data = asked(load, len(next(iter(places.values()))))
    runs = {tool: [done(load, tool, found, **more)] for tool, found in places.items()}
    tools = [judge.summed_up(each, data, judge.SPECS[name]) for each in runs.values()]
    found: list[dict[str, Any]] = judge.targets(
        tools, judge.differences(runs, data, judge.SPECS[name]), judge.SPECS[name]
    )
    return found


def test_targets_of_beauty(load: Load) -> None:
    found = judged(load, "beauty", {"footfall": [1] + [np.inf] * 9}, train_cpu_s=901.0)
    assert [(each["ratio"], each["target"], each["met"]) for each in found] == [
        (0.1, "at least 0.064", True),
        (901.0, "at most 900", False),
    ]


def test_targets_of_baskets_are_over_the_best_rival(load: Load) -> None:
    places = {"footfall": [1.0] * 40, "popularity_user": [3.0] * 40, "tifu_knn": [1.0] * 20 + [3.0] * 20}
    found = judged(load, "dunnhumby", places)
    assert ["tifu_knn, the best" in each["what"] for each in found] == [True, False]  # recalls are equal: the first one
    assert found[0]["ratio"] == pytest.approx(1 / 0.75, abs=1e-5)
    assert found[0]["met"] is True
    assert (found[1]["ratio"], found[1]["met"]) == (1.0, False)
    without = {tool: places[tool] for tool in ("footfall", "tifu_knn")}
    assert judged(load, "dunnhumby", without) == []


def test_targets_ahead_of_all_and_of_the_oracle(load: Load) -> None:
    places = {"footfall": [1.0] * 30, "markov": [3.0] * 30, "popularity": [1.0] * 30}
    found = {each["what"]: each["met"] for each in judged(load, "online_retail", places)}
    assert found == {
        "NDCG@20 of Footfall less that of markov": True,
        "NDCG@20 of Footfall less that of popularity": False,
    }
    shop = {"footfall": [3.0] * 30, "footfall_views": [7.0] * 30, "oracle": [1.0] * 30}
    views, oracle = judged(load, "simulated", shop)
    assert (views["ratio"], views["met"]) == (pytest.approx((1 / 2) / (1 / 3)), True)
    assert (oracle["ratio"], oracle["target"], oracle["met"]) == (0.5, "at least 0.9", False)


def test_a_run_is_kept_until_its_programs_settings_or_time_change(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = load("_recommend_runs")
    made: list[Any] = []

    def do(tool: str, seed: int, folder: Path, out: Path, given: Mapping[str, Any]) -> None:
        del folder
        made.append((tool, seed, given["epochs"], given["budget_s"]))
        (out / "told.json").write_text(json.dumps(told(stopped_by="budget", budget_s=given["budget_s"])))
        np.savez(out / "places.npz", places=np.ones(2), target_offsets=np.arange(3))

    monkeypatch.setattr(runs, "_do", do)
    common: dict[str, Any] = {"folder": tmp_path / "data-beauty-1", "work": tmp_path, "ks": (10,), "metric": "NDCG@10"}
    for more in ({"budget_s": 60.0}, {"budget_s": 60.0}, {"budget_s": 30.0}, {"budget_s": 90.0}, {"budget_s": 90.0}):
        runs.run("recbole", 0, **common, **more)
    assert made == [("recbole", 0, None, 60.0), ("recbole", 0, None, 90.0)]
    runs.run("recbole", 1, **common, budget_s=60.0)
    runs.run("recbole", 1, **common, budget_s=60.0, epochs=2)
    runs.run("recbole", 1, **common, budget_s=60.0, fresh=True)
    assert len(made) == 5
    monkeypatch.setattr(runs, "digest", lambda _: "changed")
    assert runs.run("recbole", 1, **common, budget_s=60.0).places.tolist() == [1, 1]
    assert len(made) == 6


def test_a_rivals_time_follows_from_ours(load: Load) -> None:
    runs = load("_recommend_runs")
    ours = [done(load, "footfall", [1], train_cpu_s=seconds) for seconds in (100.0, 121.0)]
    assert runs.budget_for(ours, None) == 420  # 3 x 121 = 363, in whole minutes
    assert runs.budget_for(ours, 0.5) == 30
    with pytest.raises(load("_measure").BenchmarkError, match="run footfall too, or give --minutes-rival"):
        runs.budget_for([], None)


def test_peers_are_ranked_as_we_rank(load: Load, tmp_path: Path) -> None:
    peer, data = load("_recommend_peer"), load("_recommend_data")
    rng = np.random.default_rng(1)
    whole = Sequences(np.arange(0, 241, 6), rng.integers(FIRST_CODE, 60, 240).astype(np.int32), 60)
    cases = leave_one_out(whole)
    made = data.Data("beauty", whole, cases, cases, groups=np.arange(len(cases)))
    data.save(made, tmp_path)
    users = rng.integers(-2, 3, (len(cases), 3)).astype(np.float32)  # small integers: many ties
    items = rng.integers(-2, 3, (60, 3)).astype(np.float32)
    items[[7, 11]] = np.nan  # the peer does not know them
    table = np.nan_to_num(items)

    def score(histories: Sequences) -> Any:
        del histories
        found = users @ table.T
        found[:, [7, 11]] = -np.inf
        found[:, :FIRST_CODE] = -np.inf
        return found

    expected = evaluate(score, cases, (10,), batch=1000)
    part = peer.Part(tmp_path / "test.npz")
    assert peer.ndcg_10(part, users, items) == pytest.approx(expected.mean("NDCG@10"))
    np.savez(tmp_path / "vectors.npz", users=users, items=items)
    load("_recommend_runs").place(made, tmp_path, (10,))
    assert np.array_equal(np.load(tmp_path / "places.npz")["places"], expected.places)


def test_a_peer_reads_the_newest_items_that_it_knows(load: Load, tmp_path: Path) -> None:
    peer = load("_recommend_peer")
    np.savez(tmp_path / "x.npz", offsets=np.array([0, 4, 4, 6]), item=np.array([3, 4, 2, 5, 6, 3]), n_codes=np.array(7))
    part = peer.Part(tmp_path / "x.npz")
    place = np.array([0, 0, 0, 1, 2, 0, 4])  # code 5 is unknown to it, code 2 is no item
    assert part.newest(2, place).tolist() == [[1, 2], [0, 0], [4, 1]]
    assert part.newest(3, place).tolist() == [[0, 1, 2], [0, 0, 0], [0, 4, 1]]


def test_an_unknown_tool_is_refused_in_one_line(
    load: Load, real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del real_data
    common = ["--data", "beauty", "--cut", "50", "--work", str(tmp_path), "--records", str(tmp_path)]
    assert load("recommend").main(["--tools", "nobody", *common]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("no tool is named 'nobody'; accepted: footfall, ")


def test_a_whole_run_of_our_own(load: Load, real_data: Path, tmp_path: Path) -> None:
    del real_data
    records = tmp_path / "records"
    arguments = ["--data", "beauty", "--cut", "200", "--epochs", "1", "--seeds", "0"]
    where = ["--work", str(tmp_path / "work"), "--records", str(records)]
    assert load("recommend").main([*arguments, "--tools", "footfall", "popularity", *where]) == 0
    (path,) = records.iterdir()
    made = json.loads(path.read_text())
    assert str(tmp_path) not in path.read_text()
    assert made["tried"] == {"cut": 200, "epochs": 1}
    (found,) = made["sets"]
    assert (found["data"], found["cases"], found["missed"], found["failed"]) == ("beauty", 200, 0, [])
    ours, popular = found["tools"]
    assert (ours["tool"], popular["tool"]) == ("footfall", "popularity")
    assert ours["interactions"] == popular["interactions"] == found["facts"]["interactions"] - 2 * 200
    assert ours["epochs"] == [1]
    assert ours["train_cpu_s"]["median"] > 0
    members = ours["settings"]["first"]["members"]
    assert [each["name"] for each in members] == ["behaviour", "markov"]
    assert members[0]["training"]["epochs"] == 1
    assert {"mean", "low", "high", "each_seed"} == set(ours["metrics"]["NDCG@10"])
    assert [each["met"] for each in found["targets"]] == [None, None]
    assert [each["metric"] for each in found["differences"]] == ["NDCG@10", "HitRate@10"]
    table = load("table")
    page = "<!-- table: recommend -->\n<!-- end -->\n"
    assert "No record yet." in table.render(page, records)  # a mere try
    path.write_text(json.dumps({**made, "tried": {}}))
    shown = table.render(page, records)
    assert "### Amazon Beauty" in shown
    assert "| **Footfall** | " in shown
    assert "| NDCG@10 of Footfall | " in shown


def test_tables_of_speed(load: Load, tmp_path: Path) -> None:
    records = load("_records")
    target = records.judged("CPU per event", {"ratio": 1.1, "low": 1.1, "high": 1.1}, most=1.2)
    sizes = [{"events": 1_000_000, "train_cpu_s": 30.0, "cpu_ns_per_event": 30_000.0, "peak_mb": 900.0}]
    lists = [{"tool": "footfall", "cpu_s": records.spread([2.0])}]
    parts = [
        {"part": "linear", "measures": sizes, "targets": [target]},
        {"part": "top10", "measures": lists, "targets": []},
    ]
    records.write(records.record("recommend_speed", 1, 0, tried={"cut": None}, parts=parts), tmp_path)
    shown = load("table").render("<!-- table: recommend -->\n<!-- end -->\n", tmp_path)
    assert "| 1,000,000 events | 30.0 | 30.0 | 900 |" in shown
    assert "| **Footfall** | 2.00 |" in shown
    assert "| CPU per event | 1.1 (1.1 to 1.1) | at most 1.2 | met |" in shown


def test_the_rate_of_training_is_beside_the_fastest_peer_that_is_good_enough(load: Load) -> None:
    speed = load("_recommend_speed")

    def each(mean: float, rate: float) -> dict[str, Any]:
        spread = {"min": rate, "median": rate, "max": rate}
        return {"metrics": {"NDCG@10": {"mean": mean}}, "interactions_per_cpu_s": spread}

    found = {"footfall": each(0.1, 1000), "slow": each(0.095, 100), "fast": each(0.0901, 250), "bad": each(0.05, 5000)}
    (judged,) = speed.rates(found, "NDCG@10")
    assert (judged["ratio"], judged["met"]) == (4.0, False)
    assert "over fast's" in judged["what"]
    (none,) = speed.rates({"footfall": each(0.1, 1000), "bad": each(0.05, 5000)}, "NDCG@10")
    assert none["met"] is None
    assert "the best of them reached 0.0500" in none["what"]
