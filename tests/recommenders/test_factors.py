"""ALS and BPR: planted groups are found, and a folded-in user is the one that ``implicit`` recalculates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse
import threadpoolctl  # type: ignore[import-untyped]

from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Recommender
from footfall.recommenders.als import Als
from footfall.recommenders.bpr import Bpr

pytest.importorskip("implicit")
Make = Callable[..., Sequences]
N_ITEMS = 30


def groups(seed: int, n_users: int = 150) -> list[list[int]]:
    """Users have items of one of three groups of ten only."""
    rng = np.random.default_rng(seed)
    return [list(3 + 10 * int(rng.integers(3)) + rng.permutation(10)[: rng.integers(3, 8)]) for _ in range(n_users)]


@pytest.mark.parametrize(
    "model", [Als(factors=3), Als(factors=3, alpha=1, regularization=0.1), Bpr(factors=8, learning_rate=0.1)]
)
def test_planted_groups_are_found_for_new_users(make: Make, model: Recommender) -> None:
    n_codes = FIRST_CODE + N_ITEMS
    asked = groups(9, 30)
    scores = model.fit(make(groups(1), n_codes)).scores(make(asked, n_codes))
    for row, user in zip(scores, asked, strict=True):
        group = (user[0] - 3) // 10
        inside = row[3:].reshape(3, 10)
        others = np.delete(inside, group, axis=0)
        assert inside[group].min() > others.max()


def test_folded_in_as_implicit_does(make: Make) -> None:
    from implicit.cpu.als import AlternatingLeastSquares

    n_codes = FIRST_CODE + N_ITEMS
    train, asked = make(groups(1), n_codes), make([*groups(2, 20), [3, 3, 3, 14]], n_codes)

    def confidences(sequences: Sequences) -> scipy.sparse.csr_matrix:
        n = np.zeros((len(sequences), N_ITEMS), np.float32)
        np.add.at(n, (sequences.rows, sequences.item - FIRST_CODE), 1)
        return scipy.sparse.csr_matrix(np.where(n > 0, 1 + 40 * n, 0))

    with threadpoolctl.threadpool_limits(1, "blas"):
        rival = AlternatingLeastSquares(factors=8, regularization=10.0, iterations=5, random_state=4, num_threads=1)
        rival.fit(confidences(train), show_progress=False)
        users = rival.recalculate_user(np.arange(len(asked)), confidences(asked))
    ours = Als(factors=8, regularization=10.0, alpha=40.0, iterations=5).fit(train, seed=4)
    np.testing.assert_allclose(ours.scores(asked)[:, FIRST_CODE:], users @ rival.item_factors.T, rtol=1e-3, atol=1e-4)


def test_nothing_known_is_worth_nothing_to_als_and_the_bias_to_bpr(make: Make) -> None:
    train = make([[3, 4], [3, 5], [3, 4, 6], [3]] * 20, 9)  # 3 most of all, 7 and 8 never
    empty = make([[]], 9)
    np.testing.assert_array_equal(Als(factors=4).fit(train).scores(empty)[0, 3:], 0)
    bias = Bpr(factors=4, learning_rate=0.1).fit(train).scores(empty)[0, 3:]
    assert bias.argmax() == 0
    assert set(bias[4:]) == {bias[:4].min()}


def test_another_seed_is_another_model(make: Make) -> None:
    train = make(groups(1), FIRST_CODE + N_ITEMS)
    for model in (Als(factors=3, iterations=1), Bpr(factors=3, iterations=1)):
        assert (model.fit(train, seed=1).scores(train) != model.fit(train, seed=2).scores(train)).any()
