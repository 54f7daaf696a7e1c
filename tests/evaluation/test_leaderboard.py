"""Leaderboards: who wins, by how much, and when it is not decided; what they print and become."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.evaluation.accuracy import ACCURACY, accuracy
from footfall.evaluation.leaderboard import Entry, leaderboard
from footfall.evaluation.ranking import RankingEvaluation

CASES = 400


def evaluation(places: list[float], score_cpu_s: float = 1.0) -> RankingEvaluation:
    """Return an evaluation of one-target cases that found their targets at these places."""
    placed, offsets = np.array(places, np.float64), np.arange(len(places) + 1)
    top = np.full((len(places), 10), 3, np.int32)
    return RankingEvaluation((10,), 9, accuracy(placed, offsets, (10,)), offsets, placed, top, score_cpu_s)


GOOD = Entry("good", [evaluation([1.0, 2.0] * 200, 3.0)], (0,), 12.5, 100.0)
FAIR = Entry("fair", [evaluation([2.0, 3.0] * 200)])
POOR = Entry("poor", [evaluation([math.inf] * CASES)])


def test_the_best_is_first_and_decided() -> None:
    board = leaderboard([POOR, GOOD, FAIR])
    assert [row.recommender for row in board.rows] == ["good", "fair", "poor"]
    assert (board.winner, board.next, board.decided, board.cases) == ("good", "fair", True, CASES)
    assert board.lead is not None
    ndcg = [(1 + 1 / math.log2(3)) / 2, (1 / math.log2(3) + 1 / 2) / 2]
    assert board.lead.difference.mean == pytest.approx(ndcg[0] - ndcg[1])
    assert board.lead.lift is not None
    assert board.lead.lift.mean == pytest.approx(ndcg[0] / ndcg[1] - 1)
    assert board.rows[0].metrics["NDCG@10"].mean == pytest.approx(ndcg[0])
    assert board.rows[0].metrics["NDCG@10"].low < ndcg[0] < board.rows[0].metrics["NDCG@10"].high
    assert board.rows[2].metrics["NDCG@10"].high == 0
    assert set(board.rows[0].metrics) == {f"{name}@10" for name in ACCURACY}
    assert (board.rows[0].fit_cpu_s, board.rows[0].score_cpu_s, board.rows[0].memory_mb) == (12.5, 3.0, 100.0)


def test_a_lead_by_chance_is_not_decided() -> None:
    rng = np.random.default_rng(2)
    one = Entry("one", [evaluation(rng.integers(1, 30, CASES).tolist())])
    other = Entry("other", [evaluation(rng.integers(1, 30, CASES).tolist())])
    board = leaderboard([one, other])
    assert board.decided is False
    assert "not decided: the interval of the lead reaches 0" in str(board)


def test_equal_means_stand_by_name_and_are_not_decided() -> None:
    board = leaderboard([dataclasses.replace(GOOD, recommender="b"), dataclasses.replace(GOOD, recommender="a")])
    assert (board.winner, board.next, board.decided) == ("a", "b", False)


def test_the_chosen_metric_decides() -> None:
    often = Entry("often", [evaluation([9.0] * CASES)])
    high = Entry("high", [evaluation([1.0, math.inf] * 200)])
    assert leaderboard([often, high], metric="HitRate@10").winner == "often"
    assert leaderboard([often, high], metric="MRR@10").winner == "high"


def test_seeds_are_averaged_case_by_case() -> None:
    seeds = Entry("several", [evaluation([1.0] * 4, 1.0), evaluation([math.inf] * 4, 2.0)], (0, 1))
    (row,) = leaderboard([seeds], metric="HitRate@10").rows
    assert (row.metrics["HitRate@10"].mean, row.metrics["HitRate@10"].low, row.metrics["HitRate@10"].high) == (
        0.5,
        0.5,
        0.5,
    )
    assert (row.seeds, row.score_cpu_s) == ((0, 1), 1.5)
    assert row.seed_sd == pytest.approx(math.sqrt(0.5))  # of 1 and 0


def test_a_user_with_many_cases_counts_once() -> None:
    one = Entry("one", [evaluation([1.0] * 8 + [math.inf, math.inf])])
    other = Entry("other", [evaluation([math.inf] * 8 + [1.0, 1.0])])
    users = np.array([5] * 8 + [6, 7])
    assert leaderboard([one, other], metric="HitRate@10").rows[0].metrics["HitRate@10"].mean == 0.8
    board = leaderboard([one, other], metric="HitRate@10", users=users)
    assert (board.winner, board.users, board.cases) == ("other", 3, 10)
    assert board.rows[0].metrics["HitRate@10"].mean == pytest.approx(2 / 3)
    assert "bootstrap over 3 users" in str(board)
    assert board.decided is False
    with pytest.raises(InputError, match="give one a case"):
        leaderboard([one], users=users[:3])


def test_one_recommender_leads_nobody() -> None:
    board = leaderboard([GOOD])
    assert (board.winner, board.next, board.lead, board.decided) == ("good", None, None, None)
    assert board.headline() == "400 cases, by NDCG@10: good alone"


def test_it_prints_as_a_table() -> None:
    text = str(leaderboard([GOOD, FAIR, POOR], metrics=["HitRate@10"]))
    assert text.splitlines()[0].startswith("400 cases, by NDCG@10: good leads fair by 0.2")
    assert "(decided)" in text
    assert text.splitlines()[1].split()[:3] == ["recommender", "NDCG@10", "HitRate@10"]
    assert "0.8155 [0." in text
    assert "95% percentile bootstrap over cases" in text
    assert [line.split()[0] for line in text.splitlines()[3:6]] == ["good", "fair", "poor"]


def test_it_becomes_rows_and_json() -> None:
    board = leaderboard([GOOD, POOR], metrics=["MAP@10"])
    table = board.to_arrow()
    assert table.column_names == [
        "recommender",
        "NDCG@10",
        "NDCG@10_low",
        "NDCG@10_high",
        "MAP@10",
        "MAP@10_low",
        "MAP@10_high",
        "seed_sd",
        "fit_cpu_s",
        "score_cpu_s",
        "memory_mb",
        "seeds",
    ]
    assert table["MAP@10"].to_pylist() == [0.75, 0]
    told = json.loads(board.to_json())
    assert told["rows"][0]["metrics"]["MAP@10"]["mean"] == 0.75
    assert (told["winner"], told["decided"], told["lead"]["lift"]) == ("good", True, None)


@pytest.mark.parametrize(
    ("entries", "metric", "message"),
    [
        ([], "NDCG@10", "at least one"),
        ([GOOD, GOOD], "NDCG@10", "each name once"),
        ([GOOD], "NDCG@1", "unknown metric 'NDCG@1'; did you mean 'NDCG@10'"),
        ([dataclasses.replace(GOOD, seeds=(1, 2))], "NDCG@10", "good: 1 evaluations of 2 seeds"),
        ([GOOD, Entry("few", [evaluation([1.0])])], "NDCG@10", "few was asked other cases than good"),
    ],
)
def test_refusals_say_what_to_do(entries: list[Entry], metric: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        leaderboard(entries, metric=metric)
