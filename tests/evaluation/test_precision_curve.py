"""The precision curve: the lowest threshold there is by trying all; small, and the same after being kept."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.evaluation.precision_curve import LEAST_CHOSEN, PrecisionCurve

cases = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=60)


@given(cases, st.integers(1, 10))
def test_it_is_the_lowest_threshold_that_reaches_it(users: list[tuple[int, bool]], wanted: int) -> None:
    p, y = np.array([n / 12 for n, _ in users]), np.array([float(hit) for _, hit in users])
    fit = [
        t for t in sorted(set(p.tolist()))
        if (p >= t).sum() >= LEAST_CHOSEN and y[p >= t].sum() * 10 >= wanted * (p >= t).sum()
    ]  # fmt: skip
    curve = PrecisionCurve.of(p, y)
    assert curve.rate == pytest.approx(y.mean())
    if not fit:
        with pytest.raises(InputError, match="was not reached where probabilities were calibrated"):
            curve.reaching(wanted / 10)
        return
    found = curve.reaching(wanted / 10)
    assert found.threshold == fit[0]
    assert found.selected == (p >= fit[0]).sum()
    assert found.hits == y[p >= fit[0]].sum()
    assert found.precision.low <= found.precision.mean == pytest.approx(found.hits / found.selected)


def test_a_long_one_is_cut_into_steps_and_loses_little() -> None:
    rng = np.random.default_rng(0)
    p = np.round(rng.beta(1, 4, 50_000), 5)
    y = (rng.random(50_000) < p).astype(float)
    whole, short = PrecisionCurve.of(p, y, steps=10**6), PrecisionCurve.of(p, y)
    assert len(short.lowest) <= 1000 < len(whole.lowest)
    assert (sum(short.users), sum(short.hits)) == (50_000, y.sum())
    assert list(short.lowest) == sorted(set(short.lowest))
    for step, lowest in enumerate(short.lowest):  # a step's users are those from its lowest to the next step's
        if step % 100 == 0:
            assert sum(short.users[step:]) == (p >= lowest).sum()
    assert short.reaching(0.4).threshold == pytest.approx(whole.reaching(0.4).threshold, abs=0.01)
    kept = json.dumps(short.to_dict())
    assert PrecisionCurve.from_dict(json.loads(kept)) == short


@pytest.mark.parametrize("wanted", [0, 1.1, float("nan")])
def test_a_precision_is_a_share(wanted: float) -> None:
    with pytest.raises(InputError, match="give a share above 0"):
        PrecisionCurve.of([0.5] * 20, [1.0] * 20).reaching(wanted)


def test_too_few_users_are_told() -> None:
    with pytest.raises(InputError, match="told by too few users"):
        PrecisionCurve.of([0.5], [1.0]).reaching(0.5)
    with pytest.raises(InputError, match="steps = 0"):
        PrecisionCurve.of([0.5], [1.0], steps=0)
