"""Blend: its scale by hand, and weights that find the member that knows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from footfall.errors import InputError
from footfall.evaluation.cases import Cases
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Scores
from footfall.recommenders.blend import Blend, standardised
from footfall.recommenders.bpr import Bpr
from footfall.recommenders.markov import Markov
from footfall.recommenders.popularity import Popularity, PopularityUser

Make = Callable[..., Sequences]
NOT = -np.inf


def first_is_target(scores: Scores, cases: Cases) -> npt.NDArray[np.float64]:
    """Return 1 where the target, the only one of each case, has the highest score."""
    found: npt.NDArray[np.bool_] = scores.argmax(1) == cases.targets
    return found.astype(np.float64)


def chain(n_codes: int) -> list[list[int]]:
    return [[code, code + 1] for code in range(FIRST_CODE, n_codes - 1)] + [[n_codes - 1]] * 9


def cases_of(histories: Sequences, targets: list[int]) -> Cases:
    return Cases(histories, np.arange(len(targets) + 1), np.array(targets, np.int32), exclude_seen=False)


def test_standardised_by_hand() -> None:
    scores = np.array([[NOT] * 3 + [1, 2, 3], [NOT] * 3 + [7, 7, 7], [NOT] * 3 + [4, NOT, 8], [NOT] * 6], np.float32)
    root = np.sqrt(1.5)  # 1 over the deviation of 1, 2, 3
    expected = [[NOT] * 3 + [-root, 0, root], [NOT] * 3 + [0, 0, 0], [NOT] * 3 + [-1, NOT, 1], [NOT] * 6]
    np.testing.assert_allclose(standardised(scores), expected, rtol=1e-6)


def test_scores_are_the_weighted_sum(make: Make) -> None:
    train, asked = make(chain(9), 9), make([[4], []], 9)
    blend = Blend((Markov(), Popularity()), (0.25, 0.5)).fit(train)
    parts = [standardised(member.fit(train).scores(asked)) for member in (Markov(), Popularity())]
    np.testing.assert_allclose(blend.scores(asked), 0.25 * parts[0] + 0.5 * parts[1], rtol=1e-5)


def test_member_without_weight_is_not_asked(make: Make) -> None:
    train = make(chain(9), 9)
    blend = Blend((Markov(), Popularity()), (1.0, 0.0)).fit(train)
    np.testing.assert_allclose(blend.scores(train), standardised(Markov().fit(train).scores(train)))


def test_weights_find_the_member_that_knows(make: Make) -> None:
    n_codes = 20
    asked = make([[code] for code in range(3, 19)], n_codes)
    follows, popular = cases_of(asked, list(range(4, 20))), cases_of(asked, [19] * 16)
    blend = Blend((Popularity(), Markov())).fit(make(chain(n_codes), n_codes))
    knows = blend.tuned(follows, first_is_target)
    assert first_is_target(knows.scores(asked), follows).mean() == 1
    assert knows.weights[1] > 0
    assert blend.tuned(popular, first_is_target).weights == (1.0, 0.0)  # of equals, more on the earlier member
    assert blend.weights == (0.5, 0.5)  # the blend that was asked is as it was


@pytest.mark.parametrize("batch", [1, 3, 512])
def test_search_is_the_best_of_the_grid(make: Make, batch: int) -> None:
    rng = np.random.default_rng(0)
    n_codes = 12
    train = make([list(rng.integers(3, n_codes, 6)) for _ in range(40)], n_codes)
    cases = cases_of(make([list(rng.integers(3, n_codes, 4)) for _ in range(30)], n_codes), [5] * 15 + [8] * 15)
    members = (Markov(), Popularity(), PopularityUser())
    found = Blend(members).fit(train).tuned(cases, first_is_target, steps=4, batch=batch)
    grid = [(a / 4, b / 4, (4 - a - b) / 4) for a in range(4, -1, -1) for b in range(4 - a, -1, -1)]

    def worth(weights: tuple[float, ...]) -> float:
        scores = Blend(members, weights).fit(train).scores(cases.histories)
        return float(first_is_target(scores, cases).sum())

    assert found.weights == max(grid, key=worth)  # the first of the best
    assert len({worth(weights) for weights in grid}) > 1


def test_nothing_to_choose_by(make: Make) -> None:
    blend = Blend().fit(make(chain(9), 9))
    with pytest.raises(InputError, match="cannot be chosen without cases"):
        blend.tuned(cases_of(make([], 9), []), first_is_target)
    with pytest.raises(InputError, match="has learnt nothing yet"):
        Blend().tuned(cases_of(make([[3]], 9), [4]), first_is_target)


def test_members_and_their_settings_are_kept(make: Make, tmp_path: Path) -> None:
    train = make(chain(9), 9)
    blend = Blend((Blend((Markov(last=2), Popularity())), PopularityUser()), (0.3, 0.7)).fit(train)
    blend.save(tmp_path)
    again = Blend.load(tmp_path)
    assert again == blend
    inner: Any = again.members[0]
    assert dataclasses.asdict(inner.members[0])["last"] == 2
    np.testing.assert_array_equal(again.scores(train), blend.scores(train))


def test_a_floor_takes_the_logarithm(make: Make) -> None:
    train, asked = make(chain(9), 9), make([[4], []], 9)
    blend = Blend((Popularity(), Markov()), (0.5, 0.25), (None, 0.01)).fit(train)
    popular, moves = (member.fit(train).scores(asked) for member in (Popularity(), Markov()))
    expected = 0.5 * standardised(popular) + 0.25 * np.log(np.maximum(moves, 0) + 0.01)
    np.testing.assert_allclose(blend.scores(asked), expected, rtol=1e-5)
    assert np.isneginf(blend.scores(asked)[:, :FIRST_CODE]).all()


def test_floors_are_kept(make: Make, tmp_path: Path) -> None:
    train = make(chain(9), 9)
    blend = Blend((Popularity(), Markov()), (0.5, 0.5), (None, 0.01)).fit(train)
    blend.save(tmp_path)
    found = Blend.load(tmp_path)
    assert found.floors == (None, 0.01)
    np.testing.assert_array_equal(found.scores(train), blend.scores(train))


@pytest.mark.parametrize("floors", [(0.0, None), (0.1,)])
def test_floors_that_cannot_be_meant(floors: tuple[float | None, ...]) -> None:
    with pytest.raises(InputError, match="floors of recommender 'blend'"):
        Blend((Markov(), Popularity()), floors=floors)


def test_members_of_one_kind_get_seeds_of_their_own(make: Make) -> None:
    train = make([[3 + (i * 7 + j * j) % 17 for j in range(6)] for i in range(40)], 20)
    first, second = Blend((Bpr(), Bpr())).fit(train, seed=5).members
    np.testing.assert_array_equal(first.scores(train), Bpr().fit(train, seed=5).scores(train))
    assert not np.array_equal(first.scores(train), second.scores(train))
