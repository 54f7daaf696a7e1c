"""Places of equal targets by all their orders, and metrics by hand."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.evaluation.accuracy import accuracy, places


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(0, 6))
def test_places_of_equal_targets_are_those_expected_in_a_random_order(targets: int, others: int) -> None:
    """The exact mean over all ways to put m targets among N equals, as a fraction."""
    n = targets + others
    ways = list(itertools.combinations(range(1, n + 1), targets))
    expected = [float(Fraction(sum(way[j] for way in ways), len(ways))) for j in range(targets)]
    placed = places(np.full(targets, 7), np.full(targets, n - 1), np.array([0, targets]))
    np.testing.assert_allclose(placed, 7 + np.array(expected))


def test_metrics_by_hand() -> None:
    # targets at places 1, 3 and 6 of a case, at 2 of another, never of a third
    placed, offsets = np.array([1.0, 3, 6, 2, math.inf]), np.array([0, 3, 4, 5])
    at = accuracy(placed, offsets, (3, 10))
    ideal = 1 + 1 / math.log2(3) + 1 / 2  # 1 / log2(4)
    expected: dict[str, list[float]] = {
        "HitRate@3": [1, 1, 0],
        "Recall@3": [2 / 3, 1, 0],
        "Precision@3": [2 / 3, 1 / 3, 0],
        "NDCG@3": [(1 + 1 / 2) / ideal, 1 / math.log2(3), 0],
        "MRR@3": [1, 1 / 2, 0],
        "MAP@3": [(1 + 2 / 3) / 3, 1 / 2, 0],
        "HitRate@10": [1, 1, 0],
        "Recall@10": [1, 1, 0],
        "Precision@10": [3 / 10, 1 / 10, 0],
        "NDCG@10": [(1 + 1 / 2 + 1 / math.log2(7)) / ideal, 1 / math.log2(3), 0],
        "MRR@10": [1, 1 / 2, 0],
        "MAP@10": [(1 + 2 / 3 + 3 / 6) / 3, 1 / 2, 0],
    }
    assert at.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(at[name], values, err_msg=name)


def test_more_targets_than_places_can_still_be_perfect() -> None:
    at = accuracy(np.arange(1.0, 6), np.array([0, 5]), (2,))
    assert (at["NDCG@2"][0], at["MAP@2"][0], at["Precision@2"][0], at["Recall@2"][0]) == (1, 1, 1, 2 / 5)
