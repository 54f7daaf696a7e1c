from __future__ import annotations

from pathlib import Path

import numpy as np

from footfall.histories.columns import FIRST_CODE, MISSING, RARE, UNSEEN
from footfall.histories.vocabulary import Vocabulary

WORDS = Vocabulary.of("item", ["a", "b", "c"], [5, 1, 2])


def test_codes_start_after_the_reserved_ones() -> None:
    assert (MISSING, RARE, UNSEEN, FIRST_CODE) == (0, 1, 2, 3)
    assert len(WORDS) == 6
    assert [WORDS.code(i) for i in ("a", "b", "c")] == [3, 4, 5]


def test_missing_and_unseen_ids_have_a_place() -> None:
    assert WORDS.code(None) == MISSING
    assert WORDS.code("z") == UNSEEN
    assert [WORDS.decode(code) for code in range(6)] == [None, "(rare)", "(unseen)", "a", "b", "c"]


def test_encoding_folds_rare_ids() -> None:
    ids = ["a", "b", "c", None, "z"]
    assert WORDS.encode(ids).tolist() == [3, 4, 5, 0, 2]
    # counts are 5, 1, 2: at min_count 2 only b is rare; missing and unseen ids are never called rare
    assert WORDS.encode(ids, min_count=2).tolist() == [3, 1, 5, 0, 2]
    assert WORDS.encode(ids, min_count=6).tolist() == [1, 1, 1, 0, 2]
    assert WORDS.encode(ids).dtype == np.int32
    assert WORDS.encode([]).tolist() == []


def test_counts_stand_at_their_codes() -> None:
    assert WORDS.counts.tolist() == [0, 0, 0, 5, 1, 2]


def test_growing_keeps_codes_and_adds_counts() -> None:
    grown = WORDS.grown(["d", "b"], [7, 2])
    assert grown.ids == ["a", "b", "c", "d"]
    assert grown.counts[FIRST_CODE:].tolist() == [5, 3, 2, 7]
    assert WORDS.ids == ["a", "b", "c"]


def test_writing_and_reading(tmp_path: Path) -> None:
    WORDS.write(tmp_path)
    read = Vocabulary.read("item", tmp_path)
    assert read.table.equals(WORDS.table)
    assert read.code("c") == 5


def test_an_empty_vocabulary(tmp_path: Path) -> None:
    Vocabulary.of("query", []).write(tmp_path)
    read = Vocabulary.read("query", tmp_path)
    assert (len(read), read.ids, read.counts.tolist()) == (3, [], [0, 0, 0])
    assert read.code("shoes") == UNSEEN
