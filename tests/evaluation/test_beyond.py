"""Beyond accuracy: by hand and against slow twins; and cohorts."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cosine

from footfall.errors import InputError
from footfall.evaluation.beyond import coverage, diversity, gini, novelty, popularity_percentile
from footfall.evaluation.cases import Cases
from footfall.evaluation.cohorts import by_cohort, history_cohorts, item_cohorts
from footfall.evaluation.ranking import evaluate
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences

N_CODES = 10
lists = st.lists(
    st.lists(st.integers(FIRST_CODE, N_CODES - 1), unique=True, max_size=4).map(lambda row: row + [0] * (4 - len(row))),
    min_size=1,
    max_size=6,
)
counts_ = st.lists(st.integers(0, 5), min_size=N_CODES, max_size=N_CODES).filter(lambda c: sum(c[FIRST_CODE:]) > 0)


def shown(row: list[int]) -> list[int]:
    return [code for code in row if code]


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


@settings(deadline=None)
@given(lists, counts_)
def test_novelty_is_its_slow_twin(top: list[list[int]], counts: list[int]) -> None:
    total = sum(counts[FIRST_CODE:])
    expected = [mean([-math.log2(max(counts[c], 1) / total) for c in shown(row)]) for row in top]
    np.testing.assert_allclose(novelty(np.array(top, np.int32), np.array(counts)), expected, atol=1e-12)


@settings(deadline=None)
@given(lists, counts_)
def test_popularity_percentile_is_its_slow_twin(top: list[list[int]], counts: list[int]) -> None:
    items = counts[FIRST_CODE:]
    expected = [
        mean([(sum(x < counts[c] for x in items) + sum(x == counts[c] for x in items) / 2) / len(items) for c in some])
        for some in map(shown, top)
    ]
    np.testing.assert_allclose(popularity_percentile(np.array(top, np.int32), np.array(counts)), expected)


def test_percentiles_of_all_items_have_the_mean_one_half() -> None:
    counts = np.array([9, 9, 9, 0, 0, 5, 7, 7, 7, 100])
    top = np.arange(FIRST_CODE, N_CODES, dtype=np.int32)[None]
    assert popularity_percentile(top, counts).tolist() == [0.5]


@settings(deadline=None)
@given(lists, st.integers(0, 2**31))
def test_diversity_is_its_slow_twin(top: list[list[int]], seed: int) -> None:
    vectors = np.random.default_rng(seed).standard_normal((N_CODES, 3)).astype(np.float32)
    vectors[4] = 0  # nothing known of it
    expected = []
    for row in top:
        pairs = itertools.combinations([code for code in shown(row) if code != 4], 2)
        expected.append(mean([cosine(vectors[a].astype(float), vectors[b].astype(float)) for a, b in pairs]))
    np.testing.assert_allclose(diversity(np.array(top, np.int32), vectors), expected, atol=1e-5)


def test_diversity_by_hand() -> None:
    vectors = np.zeros((8, 2))
    vectors[3:] = [[1, 0], [2, 0], [0, 5], [-1, 0], [0, 0]]
    top = np.array([[3, 4], [3, 5], [3, 6], [3, 7], [3, 0]], np.int32)
    np.testing.assert_allclose(diversity(top, vectors), [0, 1, 2, math.nan, math.nan], atol=1e-12)
    np.testing.assert_allclose(diversity(np.array([[3, 4, 5]], np.int32), vectors), [2 / 3])  # 0, 1 and 1


def test_diversity_of_more_lists_than_one_batch() -> None:
    rng = np.random.default_rng(2)
    vectors, top = rng.standard_normal((N_CODES, 3)), rng.integers(FIRST_CODE, N_CODES, (2500, 4)).astype(np.int32)
    np.testing.assert_allclose(diversity(top, vectors)[1000:1100], diversity(top[1000:1100], vectors))


@settings(deadline=None)
@given(lists)
def test_coverage_and_gini_are_their_slow_twins(top: list[list[int]]) -> None:
    exposure = [sum(row.count(code) for row in top) for code in range(FIRST_CODE, N_CODES)]
    array = np.array(top, np.int32)
    assert coverage(array, N_CODES) == pytest.approx(sum(x > 0 for x in exposure) / len(exposure))
    if not sum(exposure):
        assert math.isnan(gini(array, N_CODES))
        return
    # half the mean absolute difference of all pairs, by the mean
    differences = sum(abs(x - y) for x in exposure for y in exposure)
    assert gini(array, N_CODES) == pytest.approx(differences / (2 * len(exposure) * sum(exposure)), abs=1e-12)


def test_gini_by_hand() -> None:
    assert gini(np.array([[3, 4], [5, 6]], np.int32), 7) == 0
    assert gini(np.array([[3], [3]], np.int32), 7) == 3 / 4  # one of four items has all


@pytest.mark.parametrize("counts", [np.zeros(5, np.int64), np.array([9, 9, 9, 0, 0]), np.array([0, 0, 0, -1, 3])])
def test_counts_that_say_nothing_are_refused(counts: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    with pytest.raises(InputError, match="none negative and not all 0"):
        novelty(np.array([[3]], np.int32), counts)


# ---- cohorts


def cases() -> Cases:
    histories = Sequences(np.array([0, 0, 1, 3, 8]), np.full(8, 3, np.int32), 6)
    return Cases(histories, np.array([0, 1, 2, 4, 5]), np.array([3, 4, 4, 5, 5], np.int32), exclude_seen=False)


def test_cohorts_of_histories() -> None:
    assert history_cohorts(cases()).tolist() == ["new", "light", "light", "heavy"]  # lengths 0 1 2 5, median 2
    assert history_cohorts(cases(), light_at_most=1).tolist() == ["new", "light", "heavy", "heavy"]
    nobody = Cases(Sequences(np.zeros(2, np.int64), np.zeros(0, np.int32), 6), np.array([0, 1]), np.array([3]), True)
    assert history_cohorts(nobody).tolist() == ["new"]


def test_cohorts_of_items() -> None:
    counts = np.array([0, 0, 0, 0, 4, 5])
    assert item_cohorts(cases(), counts).tolist() == ["cold", "cold", "warm", "warm"]
    assert item_cohorts(cases(), counts, cold_below=1).tolist() == ["cold", "warm", "warm", "warm"]
    assert item_cohorts(cases().take(np.zeros(0, np.int64)), counts).tolist() == []
    with pytest.raises(InputError, match="counts for 5 codes, and the vocabulary has 6"):
        item_cohorts(cases(), counts[:5])


def test_cohorts_share_out_the_cases() -> None:
    rng = np.random.default_rng(0)
    evaluation = evaluate(lambda asked: rng.random((len(asked), 6), np.float32), cases(), ks=(2,))
    labels = history_cohorts(cases())
    parts = by_cohort(evaluation, labels)
    assert list(parts) == ["heavy", "light", "new"]
    assert [len(part) for part in parts.values()] == [1, 2, 1]
    for name in evaluation.metrics:
        together = sum(part.mean(name) * len(part) for part in parts.values()) / 4
        assert together == pytest.approx(evaluation.mean(name))
    assert parts["light"].top.tolist() == evaluation.top[1:3].tolist()
    with pytest.raises(InputError, match="give one a case"):
        by_cohort(evaluation, labels[:3])
