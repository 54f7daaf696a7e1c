"""Drift: PSI beside its slow twin, silent where nothing moved, loud where much did, missing values and codes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.evaluation.drift import MOST_CODES, Drift, drift

NAN = float("nan")


def twin(expected: list[float], actual: list[float], *, codes: bool, bins: int = 10) -> tuple[float, int]:
    """Return PSI and the number of bins, one row at a time."""
    known = sorted(x for x in expected if not math.isnan(x))
    ends = sorted({float(np.quantile(known, k / bins)) for k in range(1, bins)}) if known else []
    both = [str(x) for x in expected + actual]
    first = sorted(set(both), key=lambda x: (-both.count(x), math.inf if x == "nan" else float(x)))[:MOST_CODES]

    def place(x: float) -> str:
        if codes:
            return str(x) if str(x) in first else "others"
        return "missing" if math.isnan(x) else str(sum(x > end for end in ends))

    counts: dict[str, list[int]] = {}
    for side, rows in enumerate((expected, actual)):
        for x in rows:
            counts.setdefault(place(x), [0, 0])[side] += 1
    psi = 0.0
    for e, a in counts.values():
        share_e = (e + 0.5) / (len(expected) + 0.5 * len(counts))
        share_a = (a + 0.5) / (len(actual) + 0.5 * len(counts))
        psi += (share_a - share_e) * math.log(share_a / share_e)
    return psi, len(counts)


def columns() -> dict[str, tuple[Any, Any, bool]]:
    rng = np.random.default_rng(0)
    zeros = np.where(rng.random(300) < 0.7, 0, rng.exponential(5, 300))
    holed = np.where(rng.random(200) < 0.2, NAN, rng.normal(size=200))
    return {
        "normal": (rng.normal(size=500), rng.normal(0.3, 1.2, 400), False),
        "many zeros": (zeros, rng.exponential(3, 200), False),
        "holes": (rng.normal(size=150), holed, False),
        "all missing before": (np.full(30, NAN), rng.normal(size=20), False),
        "all missing now": (rng.normal(size=20), np.full(30, NAN), False),
        "one value": (np.ones(10), np.ones(7), False),
        "one row": (np.array([1.0]), np.array([2.0]), False),
        "codes": (rng.integers(0, 5, 300), rng.integers(1, 8, 200), True),
        "many codes": (rng.zipf(1.5, 400) % 90, rng.zipf(1.7, 300) % 90, True),
        "codes with gaps": (np.array([1, 1, NAN, 3]), np.array([NAN, NAN, 3.0]), True),
    }


@pytest.mark.parametrize("name", columns())
def test_psi_is_its_twin(name: str) -> None:
    expected, actual, codes = columns()[name]
    expected, actual = np.asarray(expected, float), np.asarray(actual, float)
    found = drift(expected, actual, codes=codes)
    psi, bins = twin(expected.tolist(), actual.tolist(), codes=codes)
    assert found.psi == pytest.approx(psi, abs=1e-12)
    assert found.bins == bins
    assert found.psi >= 0


def test_by_hand() -> None:
    # Shares (half a row added to each of two bins): 3.5 / 11 and 7.5 / 11 against 7.5 / 11 and 3.5 / 11.
    found = drift([0] * 3 + [1] * 7, [0] * 7 + [1] * 3, codes=True)
    assert found.psi == pytest.approx(2 * (4 / 11) * math.log(7.5 / 3.5))
    # One degree: 3.84 of chi-squared times (1/10 + 1/10), by an approximation within 3 %.
    assert found.by_chance == pytest.approx(3.841 * 0.2, rel=0.03)


def test_equal_columns_have_not_moved_and_order_does_not_matter() -> None:
    data = np.random.default_rng(1).exponential(size=400)
    found = drift(data, data[::-1])
    assert (found.psi, found.size) == (0, "none")
    assert drift([1.0] * 5, [1.0] * 5).by_chance == 0


def test_chance_alone_passes_its_bound_about_once_in_twenty() -> None:
    rng = np.random.default_rng(2)
    found = [drift(rng.normal(size=600), rng.normal(size=300)) for _ in range(400)]
    assert 0.01 < np.mean([each.size != "none" for each in found]) < 0.1


@pytest.mark.parametrize(("shift", "size"), [(0.0, "none"), (0.2, "little"), (0.4, "some"), (1.0, "much")])
def test_sizes_in_words(shift: float, size: str) -> None:
    rng = np.random.default_rng(3)
    assert drift(rng.normal(size=4000), rng.normal(shift, 1, 4000)).size == size


def test_a_large_index_of_few_rows_is_no_drift() -> None:
    assert Drift(0.4, 0.5, 10).size == "none"
    assert Drift(0.4, 0.3, 10).size == "much"


@pytest.mark.parametrize(
    ("expected", "actual", "bins", "said"),
    [
        ([], [1.0], 10, "at least one row"),
        ([1.0], [], 10, "at least one row"),
        ([1.0, math.inf], [1.0], 10, "give one number or NaN a row"),
        ([[1.0]], [1.0], 10, r"shape \[1, 1\]"),
        ([1.0], [1.0], 1, "bins = 1 cannot be used; accepted: 2 or more"),
    ],
)
def test_what_cannot_be_used_says_why(expected: Any, actual: Any, bins: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        drift(expected, actual, bins=bins)
