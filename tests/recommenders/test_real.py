"""Known figures on real data: leave-one-out over all items on Amazon Beauty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Recommender
from footfall.recommenders.als import Als
from footfall.recommenders.markov import Markov


@pytest.fixture(scope="module")
def beauty(shared_data: Path) -> Sequences:
    path = shared_data / "amazon" / "Beauty_items_and_gaps.txt"
    if not path.is_file():
        pytest.skip(f"{path} is missing")
    lines = path.read_text(encoding="utf-8").splitlines()  # user and items in time order, a tab, gaps
    users = [np.array(line.split("\t")[0].split()[1:], np.int32) - 1 + FIRST_CODE for line in lines]
    item = np.concatenate(users)
    return Sequences(np.cumsum([0, *map(len, users)]).astype(np.int64), item, int(item.max()) + 1)


def without_last(sequences: Sequences, n: int) -> Sequences:
    return sequences.between(sequences.offsets[:-1], sequences.offsets[1:] - n)


def ndcg_10(model: Recommender, whole: Sequences) -> float:
    """Rank the last item among all that the history lacks; an item's equals count for half a place."""
    known, targets, gains = without_last(whole, 1), whole.item[whole.offsets[1:] - 1], []
    for begin in range(0, len(whole), 512):
        some = np.arange(begin, min(begin + 512, len(whole)))
        histories, rows = known.take(some), np.arange(len(some))
        scores = model.scores(histories)
        wanted = scores[rows, targets[some]]
        scores[histories.rows, histories.item] = -np.inf
        scores[rows, targets[some]] = wanted
        rank = 1 + (scores > wanted[:, None]).sum(1) + ((scores == wanted[:, None]).sum(1) - 1) / 2
        gains.append(np.where(rank <= 10, 1 / np.log2(rank + 1), 0))
    return float(np.concatenate(gains).mean())


@pytest.mark.slow
def test_markov_on_beauty(beauty: Sequences) -> None:
    # Trained without the last two items, as networks that validate on the last but one are.
    assert ndcg_10(Markov().fit(without_last(beauty, 2)), beauty) == pytest.approx(0.0479, rel=0.1)


@pytest.mark.slow
def test_als_on_beauty(beauty: Sequences) -> None:
    # Trained on all but the last item, as it has no early stopping to validate for.
    pytest.importorskip("implicit")
    assert ndcg_10(Als().fit(without_last(beauty, 1)), beauty) == pytest.approx(0.0328, rel=0.1)
