"""Quantiles of amounts: fresh rows are covered as is said, curves ascend and never cross, and a slow twin agrees."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest
from scipy.optimize import isotonic_regression

from footfall.errors import InputError
from footfall.evaluation.quantiles import LEAST_ROWS, LEVELS, Quantiles, _bins, block_quantiles, covered, losses

Float64 = npt.NDArray[np.float64]


def amounts(n: int, seed: int, zeros: float = 0.0) -> tuple[Float64, Float64]:
    """Draw what was foretold, and what came: wider the more was foretold, and nothing at all now and then."""
    rng = np.random.default_rng(seed)
    foretold = rng.gamma(2, 10, n)
    came = foretold * np.exp(rng.normal(0, 0.2 + 0.005 * foretold, n))
    return foretold, np.where(rng.random(n) < zeros, 0, came)


@pytest.mark.parametrize("zeros", [0.0, 0.07])
def test_as_many_fresh_amounts_lie_below_each_curve_as_are_said_to(zeros: float) -> None:
    curves = Quantiles.fit(*amounts(4000, 0, zeros))
    foretold, came = amounts(20_000, 1, zeros)
    found = curves.apply(foretold)
    below = (came[:, None] < found).mean(axis=0)
    np.testing.assert_allclose(below, LEVELS, atol=0.02)
    assert covered(came, found).mean() == pytest.approx(0.8, abs=0.03)
    # Not by being wide where few are: among those of whom little and of whom much is foretold it holds too.
    for part in (foretold < 10, foretold > 40):
        assert covered(came[part], found[part]).mean() == pytest.approx(0.8, abs=0.06)
    assert np.diff(found, axis=1)[foretold > 40].mean() > 4 * np.diff(found, axis=1)[foretold < 10].mean()


def test_where_most_amounts_are_zero_the_low_end_is_zero_and_more_is_covered() -> None:
    curves = Quantiles.fit(*amounts(4000, 0, 0.6))
    foretold, came = amounts(20_000, 1, 0.6)
    found = curves.apply(foretold)
    assert (found[:, :2] == 0).all()
    assert found[:, 2].min() > 0
    assert covered(came, found).mean() == pytest.approx(0.9, abs=0.02)  # nothing can lie below 0


def test_curves_beat_those_that_do_not_look_at_what_was_foretold() -> None:
    curves = Quantiles.fit(*amounts(2000, 0, 0.2))
    _, learnt = amounts(2000, 0, 0.2)
    foretold, came = amounts(5000, 1, 0.2)
    blind = np.tile(block_quantiles(learnt, LEVELS), (len(came), 1))
    assert losses(came, curves.apply(foretold)).mean() < 0.8 * losses(came, blind).mean()


def test_a_slow_twin_by_distributions() -> None:
    # Isotonic distributional regression as it is defined: for each threshold the share below it, which never rises.
    foretold, came = amounts(430, 3, 0.3)
    came = np.round(came / 4)  # ties
    levels = (0.25, 0.5, 0.75)
    fitted = Quantiles.fit(foretold, came, levels)
    order, starts = _bins(foretold)
    parts = np.split(came[order], starts[1:])
    assert len(parts) > 4
    thresholds = np.unique(came)
    shares = np.array([[(part <= z).mean() for part in parts] for z in thresholds])
    weights = np.array([len(part) for part in parts], float)
    below = np.array([isotonic_regression(row, weights=weights, increasing=False).x for row in shares])
    for place, level in enumerate(levels):
        found = [thresholds[np.searchsorted(column, level - 1e-9)] for column in below.T]
        # The rank of split conformal prediction may be one amount further out than the sample's own.
        assert np.abs(fitted.values[place] - found).max() <= 1
        assert np.mean(fitted.values[place] == found) > 0.6


@pytest.mark.parametrize("seed", range(5))
def test_curves_ascend_and_never_cross(seed: int) -> None:
    rng = np.random.default_rng(seed)
    foretold, came = np.round(rng.normal(0, 3, 700), 1), rng.normal(0, 5, 700)  # nothing to be learnt, ties
    curves = Quantiles.fit(foretold, came)
    found = curves.apply(np.sort(rng.normal(0, 9, 5000)))
    assert (np.diff(found, axis=0) >= 0).all()
    assert (np.diff(found, axis=1) >= 0).all()


def test_few_rows_equal_rows_and_one_row() -> None:
    few = Quantiles.fit([1, 2, 3], [5, 0, 10])
    np.testing.assert_array_equal(few.apply([-100.0, 1.0, 2.0, 6.0]), [[0, 0, 0], [0, 2.5, 5], [0, 5, 10], [0, 15, 30]])
    level = Quantiles.fit([1, 2, 3], [5, -1, 10])
    np.testing.assert_array_equal(level.apply([-100.0, 6.0]), [[-1, 5, 10], [-1, 5, 10]])
    one = Quantiles.fit([1], [4])
    np.testing.assert_array_equal(one.apply([0.0, 1.0]), [[0, 0, 0], [4, 4, 4]])
    same = Quantiles.fit(np.ones(500), np.arange(500))
    np.testing.assert_array_equal(same.apply([1.0]), [[49, 249, 450]])  # ranks 50, 250 and 451
    assert same.apply([]).shape == (0, 3)


def test_equal_amounts_are_never_parted_and_no_bin_is_small() -> None:
    foretold = np.repeat([0.0, 1.0, 2.0, 3.0], [400, 7, 90, 30])
    order, starts = _bins(foretold)
    assert {float(foretold[order][start]) for start in starts} == {0.0, 2.0}
    assert np.diff(np.append(starts, len(foretold))).min() >= LEAST_ROWS // 2


def test_what_is_kept_gives_the_same() -> None:
    curves = Quantiles.fit(*amounts(800, 0, 0.1))
    again = Quantiles.from_dict(json.loads(json.dumps(curves.to_dict())))
    asked = np.linspace(-5, 90, 300)
    np.testing.assert_array_equal(again.apply(asked), curves.apply(asked))


def test_what_cannot_be_used_is_said() -> None:
    with pytest.raises(InputError, match="predicted amounts of shape"):
        Quantiles.fit([], [])
    with pytest.raises(InputError, match="actual amounts: 1 of 2 are nan"):
        Quantiles.fit([1, 2], [1, np.nan])
    with pytest.raises(InputError, match="give ascending numbers between 0 and 1"):
        Quantiles.fit([1, 2], [1, 2], levels=(0.9, 0.1))
    with pytest.raises(InputError, match="give a column for each"):
        losses([1.0], np.zeros((1, 2)))
    kept = Quantiles.fit([1, 2], [1, 2]).to_dict()
    with pytest.raises(InputError, match="must ascend and never cross"):
        Quantiles.from_dict({**kept, "values": [[3], [2], [1]]})
    with pytest.raises(InputError, match="cannot be read"):
        Quantiles.from_dict({"levels": [0.5]})
