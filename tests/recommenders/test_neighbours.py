"""Neighbours: those that ``implicit`` finds, and planted ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse
import threadpoolctl  # type: ignore[import-untyped]

from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Scores
from footfall.recommenders.neighbours import Neighbours

Make = Callable[..., Sequences]
N_ITEMS = 40


def shop(seed: int, n_users: int = 120) -> Sequences:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 12, n_users)
    items = FIRST_CODE + np.minimum(rng.geometric(0.1, lengths.sum()) - 1, N_ITEMS - 1)
    return Sequences(np.concatenate(([0], np.cumsum(lengths))), items.astype(np.int32), FIRST_CODE + N_ITEMS)


def matrix(sequences: Sequences) -> scipy.sparse.csr_matrix:
    n = np.zeros((len(sequences), N_ITEMS))
    np.add.at(n, (sequences.rows, sequences.item - FIRST_CODE), 1)
    return scipy.sparse.csr_matrix(n)


@pytest.mark.filterwarnings("ignore:Method expects CSR input")  # implicit about what implicit made
@pytest.mark.parametrize(("k1", "b"), [(1.2, 0.75), (100, 0.8), (1.2, 0.0), (0.0, 0.5)])
def test_the_same_as_implicit(k1: float, b: float) -> None:
    nearest = pytest.importorskip("implicit.nearest_neighbours")
    train, asked = shop(1), shop(2, 20)
    users = matrix(train)
    one_item = dataclasses.replace(  # a history of one item gets the row of that item's neighbours
        asked, offsets=np.arange(N_ITEMS + 1), item=np.arange(FIRST_CODE, FIRST_CODE + N_ITEMS, dtype=np.int32)
    )

    def both(k: int, histories: Sequences) -> tuple[npt.NDArray[np.float64], Scores]:
        with threadpoolctl.threadpool_limits(1, "blas"):
            rival = nearest.BM25Recommender(K=k, K1=k1, B=b, num_threads=1)
            rival.fit(users, show_progress=False)
        ours = Neighbours(neighbours=k, k1=k1, b=b).fit(train)
        return (matrix(histories) @ rival.similarity).toarray(), ours.scores(histories)[:, FIRST_CODE:]

    expected, whole = both(50, one_item)
    np.testing.assert_allclose(whole, expected, rtol=1e-5)
    expected, got = both(50, asked)
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    expected, got = both(7, one_item)
    np.testing.assert_allclose(np.sort(got), np.sort(expected), rtol=1e-5)  # equals at the edge are anybody's choice
    np.testing.assert_array_equal(got[got > 0], whole[got > 0])


def test_planted_pairs_are_found(make: Make) -> None:
    # Users have one of ten pairs and one item of anything else; everybody also has item 3.
    rng = np.random.default_rng(0)
    n_codes = 4 + 20 + 30
    users = []
    for _ in range(300):
        pair = 4 + 2 * int(rng.integers(10))
        users.append([3, pair, pair + 1, int(rng.integers(24, n_codes))])
    scores = Neighbours().fit(make(users, n_codes)).scores(make([[code] for code in range(4, 24)], n_codes))
    scores[np.arange(20), np.arange(4, 24)] = 0  # leave out the item itself
    np.testing.assert_array_equal(scores.argmax(1), [code + 1 if code % 2 == 0 else code - 1 for code in range(4, 24)])


def test_of_equals_the_lower_code(make: Make) -> None:
    # Items 4, 5 and 6 are as near to 3 as can be told; two neighbours are kept, and 3 is its own nearest.
    train = make([[3, 6], [3, 5], [3, 4], [7], [8]], 9)
    scores = Neighbours(neighbours=2, b=0.0).fit(train).scores(make([[3]], 9))[0]
    assert list(np.flatnonzero(scores > 0)) == [3, 4]
