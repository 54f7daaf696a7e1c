"""Ranks and metrics: by hand, against slow twins in plain Python, and against scikit-learn where definitions agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, ndcg_score

from footfall.errors import InputError
from footfall.evaluation.accuracy import ACCURACY
from footfall.evaluation.cases import Cases
from footfall.evaluation.ranking import RankingEvaluation, evaluate, rank_targets, top_k
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences

Rows = Sequence[Sequence[int]]
LEAST = -np.inf


def cases_of(histories: Rows, targets: Rows, n_codes: int, *, exclude_seen: bool = False) -> Cases:
    known = Sequences(
        np.cumsum([0, *map(len, histories)]), np.array([i for r in histories for i in r], np.int32), n_codes
    )
    flat = np.array([i for r in targets for i in r], np.int32)
    return Cases(known, np.cumsum([0, *map(len, targets)]), flat, exclude_seen)


def table(*rows: Sequence[float]) -> npt.NDArray[np.float32]:
    """Return scores, with a high score of the codes that are no items: it must not count."""
    return np.array([[99.0] * FIRST_CODE + list(row) for row in rows], np.float32)


def ask(scores: npt.NDArray[np.float32], cases: Cases, **settings_: Any) -> RankingEvaluation:
    """Evaluate scores that are given; a case is known by the place of its history."""
    given_out = 0

    def score(histories: Sequences) -> npt.NDArray[np.float32]:
        nonlocal given_out
        given_out += len(histories)
        return scores[given_out - len(histories) : given_out]

    return evaluate(score, cases, **settings_)


# ---- slow twins


def candidates(row: Sequence[float], history: Sequence[int], targets: Sequence[int], exclude_seen: bool) -> list[int]:
    return [
        code
        for code in range(FIRST_CODE, len(row))
        if row[code] > LEAST and (code in targets or not (exclude_seen and code in history))
    ]


def slow_rank(row: Sequence[float], history: Sequence[int], targets: Sequence[int], target: int, seen: bool) -> float:
    if row[target] == LEAST:
        return math.inf
    others = [row[code] for code in candidates(row, history, targets, seen) if code != target]
    return 1 + sum(x > row[target] for x in others) + sum(x == row[target] for x in others) / 2


def slow_places(row: Sequence[float], history: Sequence[int], targets: Sequence[int], seen: bool) -> list[float]:
    """Walk down the distinct scores; targets of one score share the places of all of that score evenly."""
    scored = [(row[code], code in targets) for code in candidates(row, history, targets, seen)]
    found, above = [], 0
    for level in sorted({score for score, _ in scored}, reverse=True):
        equals = [is_target for score, is_target in scored if score == level]
        m = sum(equals)
        found += [above + j * (len(equals) + 1) / (m + 1) for j in range(1, m + 1)]
        above += len(equals)
    return found + [math.inf] * (len(targets) - len(found))


def slow_metrics(at: Sequence[float], k: int) -> dict[str, float]:
    hits = [(j, p) for j, p in enumerate(at, 1) if p <= k]
    reachable = min(k, len(at))
    return {
        "HitRate": float(bool(hits)),
        "Recall": len(hits) / len(at),
        "Precision": len(hits) / k,
        "NDCG": sum(1 / math.log2(1 + p) for _, p in hits) / sum(1 / math.log2(1 + p) for p in range(1, reachable + 1)),
        "MRR": 1 / hits[0][1] if hits else 0.0,
        "MAP": sum(j / p for j, p in hits) / reachable,
    }


@st.composite
def questions(draw: st.DrawFn) -> tuple[npt.NDArray[np.float32], list[list[int]], list[list[int]], bool]:
    """Draw scores with many ties, some without a score, and histories that hold targets and codes of no item."""
    n_codes = draw(st.integers(FIRST_CODE + 1, FIRST_CODE + 12))
    n_cases = draw(st.integers(1, 5))
    scores = st.sampled_from([LEAST, -1.5, 0.0, 0.0, 0.25, 3.0])
    table_ = draw(st.lists(st.lists(scores, min_size=n_codes, max_size=n_codes), min_size=n_cases, max_size=n_cases))
    code = st.integers(FIRST_CODE, n_codes - 1)
    targets = [draw(st.lists(code, min_size=1, max_size=6, unique=True)) for _ in range(n_cases)]
    histories = [draw(st.lists(st.integers(0, n_codes - 1), max_size=8)) for _ in range(n_cases)]
    return np.array(table_, np.float32), histories, targets, draw(st.booleans())


# ---- ranks


def test_ranks_by_hand() -> None:
    scores = table([0.9, 0.5, 0.5, 0.1, LEAST])
    cases = cases_of([[]], [[3, 4, 6, 7]], 8)
    # code 3 is above all; 4 has one above and one equal: 1 + 1 + 1/2; 6 has three above; 7 has no score
    assert rank_targets(scores, cases).tolist() == [1, 2.5, 4, math.inf]


def test_seen_items_are_left_out_but_a_seen_target_is_not() -> None:
    scores = table([0.9, 0.8, 0.7, 0.6])
    histories, targets = [[3, 3, 0, 4]], [[4, 6]]
    assert rank_targets(scores, cases_of(histories, targets, 7)).tolist() == [2, 4]
    assert rank_targets(scores, cases_of(histories, targets, 7, exclude_seen=True)).tolist() == [1, 3]
    assert top_k(scores, cases_of(histories, targets, 7, exclude_seen=True), 4).tolist() == [[4, 5, 6, 0]]


def test_scores_that_are_all_the_same_put_every_target_in_the_middle() -> None:
    scores = table([0.0] * 101)
    assert rank_targets(scores, cases_of([[]], [[3]], 104)).tolist() == [51]
    evaluation = ask(scores, cases_of([[]], [[3]], 104), ks=(10,))
    assert [evaluation.mean(f"{name}@10") for name in ACCURACY] == [0] * 6


@settings(deadline=None, max_examples=300)
@given(questions(), st.integers(0, 6))
def test_ranks_and_lists_are_their_slow_twins(
    question: tuple[npt.NDArray[np.float32], list[list[int]], list[list[int]], bool], k: int
) -> None:
    scores, histories, targets, seen = question
    cases = cases_of(histories, targets, scores.shape[1], exclude_seen=seen)
    ranks, lists = [], []
    for row, history, wanted in zip(scores.tolist(), histories, targets, strict=True):
        ranks += [slow_rank(row, history, wanted, target, seen) for target in wanted]
        best = sorted(candidates(row, history, wanted, seen), key=lambda code: (-row[code], code))[:k]
        lists.append(best + [0] * (k - len(best)))
    assert rank_targets(scores, cases).tolist() == ranks
    assert top_k(scores, cases, k).tolist() == lists
    assert rank_targets(scores.astype(np.float64), cases).tolist() == ranks


# ---- metrics


@settings(deadline=None, max_examples=300)
@given(questions(), st.lists(st.integers(1, 8), min_size=1, max_size=3), st.integers(1, 4))
def test_metrics_are_their_slow_twins(
    question: tuple[npt.NDArray[np.float32], list[list[int]], list[list[int]], bool], ks: list[int], batch: int
) -> None:
    scores, histories, targets, seen = question
    cases = cases_of(histories, targets, scores.shape[1], exclude_seen=seen)
    evaluation = ask(scores, cases, ks=ks, batch=batch)
    assert evaluation.ks == tuple(sorted(set(ks)))
    asked = zip(scores.tolist(), histories, targets, strict=True)
    at = [slow_places(row, history, wanted, seen) for row, history, wanted in asked]
    np.testing.assert_allclose(evaluation.places, [p for one in at for p in one])
    for k in ks:
        for name in ACCURACY:
            expected = [slow_metrics(one, k)[name] for one in at]
            np.testing.assert_allclose(evaluation.values(f"{name}@{k}"), expected, err_msg=name)
            assert 0 <= evaluation.values(f"{name}@{k}").min() <= evaluation.values(f"{name}@{k}").max() <= 1 + 1e-12


def test_an_order_of_items_by_scores_matters_and_nothing_else_about_them() -> None:
    rng = np.random.default_rng(5)
    scores = rng.permuted(np.tile(np.arange(33, dtype=np.float32), (20, 1)), axis=1)
    cases = cases_of([[]] * 20, [[3, 9]] * 20, 33)
    one, other = ask(scores, cases), ask(np.exp(scores / 9).astype(np.float32), cases)
    np.testing.assert_array_equal(one.places, other.places)
    np.testing.assert_array_equal(one.top, other.top)


@pytest.mark.parametrize("k", [1, 5, 10, 40])
def test_ndcg_agrees_with_scikit_learn(k: int) -> None:
    rng = np.random.default_rng(k)
    n_items, n_cases = 40, 50
    scores = table(*rng.standard_normal((n_cases, n_items)))
    targets = [(FIRST_CODE + rng.choice(n_items, rng.integers(1, 15), replace=False)).tolist() for _ in range(n_cases)]
    evaluation = ask(scores, cases_of([[]] * n_cases, targets, n_items + FIRST_CODE), ks=(k,))
    truth = np.zeros((n_cases, n_items))
    for row, wanted in enumerate(targets):
        truth[row, np.array(wanted) - FIRST_CODE] = 1
    shown = scores[:, FIRST_CODE:]
    theirs = [ndcg_score(truth[[row]], shown[[row]], k=k) for row in range(n_cases)]
    np.testing.assert_allclose(evaluation.values(f"NDCG@{k}"), theirs)
    if k == n_items:  # not cut, their average precision is ours
        theirs = [average_precision_score(truth[row], shown[row]) for row in range(n_cases)]
        np.testing.assert_allclose(evaluation.values(f"MAP@{k}"), theirs)
        np.testing.assert_array_equal(evaluation.values(f"Recall@{k}"), 1)


def test_batches_do_not_matter_and_are_no_larger_than_asked() -> None:
    rng = np.random.default_rng(3)
    scores = table(*rng.integers(0, 9, (23, 30)))
    histories = [rng.integers(0, 33, 5).tolist() for _ in range(23)]
    targets = [rng.choice(np.arange(3, 33), 2, replace=False).tolist() for _ in range(23)]
    cases = cases_of(histories, targets, 33, exclude_seen=True)
    whole = ask(scores, cases, batch=1000)
    sizes: list[int] = []

    def score(asked: Sequences) -> npt.NDArray[np.float32]:
        sizes.append(len(asked))
        done = sum(sizes)
        assert [asked[n].tolist() for n in range(len(asked))] == histories[done - len(asked) : done]
        return scores[done - len(asked) : done]

    parts = evaluate(score, cases, batch=7)
    assert sizes == [7, 7, 7, 2]
    np.testing.assert_array_equal(parts.top, whole.top)
    for name in whole.metrics:
        np.testing.assert_array_equal(parts.values(name), whole.values(name))


def test_an_oracle_is_perfect_and_chance_is_chance() -> None:
    rng = np.random.default_rng(1)
    n_items, n_cases = 100, 4000
    targets = rng.integers(FIRST_CODE, n_items + FIRST_CODE, n_cases)
    cases = cases_of([[]] * n_cases, targets[:, None].tolist(), n_items + FIRST_CODE)
    known = np.zeros((n_cases, n_items + FIRST_CODE), np.float32)
    known[np.arange(n_cases), targets] = 1
    perfect = ask(known, cases, ks=(1,))
    assert [perfect.mean(f"{name}@1") for name in ACCURACY] == [1] * 6
    chance = ask(rng.random(known.shape, np.float32), cases, ks=(10,))
    assert chance.mean("HitRate@10") == pytest.approx(0.1, abs=4 * math.sqrt(0.09 / n_cases))
    assert chance.mean("MRR@10") == pytest.approx(sum(1 / p for p in range(1, 11)) / 100, abs=0.02)


def test_take_keeps_some_cases() -> None:
    scores = table([3, 2, 1, 0], [3, 2, 1, 0], [0, 1, 2, 3])
    evaluation = ask(scores, cases_of([[], [], []], [[3, 5], [4], [3]], 7), ks=(1, 2))
    some = evaluation.take(np.array([2, 0]))
    assert (len(some), some.places.tolist(), some.top.tolist()) == (2, [4, 1, 3], [[6, 5], [3, 4]])
    assert some.values("HitRate@1").tolist() == [0, 1]
    assert some.mean("Recall@2") == 0.25


def test_summary_has_everything_by_name() -> None:
    scores = table([3, 2, 1, 0], [0, 1, 2, 3])
    cases = cases_of([[], []], [[3], [3]], 7)
    evaluation = ask(scores, cases, ks=(2,), counts=np.array([0, 0, 0, 4, 2, 1, 1]), vectors=np.eye(7))
    summary = evaluation.summary()
    assert set(summary) == {f"{n}@2" for n in (*ACCURACY, "Novelty", "PopularityPercentile", "Diversity")} | {
        "Coverage@2",
        "Gini@2",
    }
    assert summary["Novelty@2"] == pytest.approx((1 + 2 + 3 + 3) / 4)  # -log2 of 4/8, 2/8 and 1/8 twice
    assert (summary["Diversity@2"], summary["Coverage@2"], summary["Gini@2"]) == (1, 1, 0)


def test_a_case_without_any_candidate_counts_as_a_miss() -> None:
    evaluation = ask(table([LEAST, LEAST]), cases_of([[]], [[3]], 5), ks=(2,), counts=np.ones(5, np.int64))
    assert evaluation.top.tolist() == [[0, 0]]
    assert evaluation.mean("NDCG@2") == 0
    assert math.isnan(evaluation.mean("Novelty@2"))
    assert evaluation.coverage(2) == 0
    assert math.isnan(evaluation.gini(2))


@pytest.mark.parametrize(
    ("scores", "settings_", "message"),
    [
        (table([1, math.nan, 1]), {}, "case 0 of the batch has a score that is nan"),
        (table([1, math.inf, 1]), {}, r"nan or \+inf"),
        (table([1, 1]), {}, r"scores are float32 \[1, 5\]; .* here \[1, 6\]"),
        (table([1, 1, 1]).astype(np.int32), {}, "scores are int32"),
        (table([1, 1, 1]), {"ks": ()}, "at least one case, and numbers of 1 or more"),
        (table([1, 1, 1]), {"ks": (0, 10)}, "numbers of 1 or more"),
        (table([1, 1, 1]), {"batch": 0}, "batch=0"),
        (table([1, 1, 1]), {"counts": np.ones(5, np.int64)}, "counts for 5 codes, and the vocabulary has 6"),
        (table([1, 1, 1]), {"vectors": np.ones((7, 2))}, "vectors for 7 codes"),
        (table([1, 1, 1]), {"counts": np.zeros(6, np.int64)}, "not all 0"),
    ],
)
def test_refusals_say_what_to_do(scores: Any, settings_: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask(scores, cases_of([[]], [[3]], 6), **settings_)


def test_names_and_lengths_that_are_not_there() -> None:
    evaluation = ask(table([1, 2, 3]), cases_of([[]], [[3]], 6), ks=(2,))
    with pytest.raises(InputError, match="unknown metric 'NDCG@3'; did you mean 'NDCG@2'"):
        evaluation.mean("NDCG@3")
    with pytest.raises(InputError, match="k=3; these lists have 2 places"):
        evaluation.coverage(3)
    with pytest.raises(InputError, match="a target is no item"):
        rank_targets(table([1, 2, 3]), cases_of([[]], [[1]], 6))
    with pytest.raises(InputError, match="0 cases"):
        evaluate(lambda _: table(), cases_of([], [], 6))
