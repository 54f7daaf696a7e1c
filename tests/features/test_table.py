"""FeatureTable: rows, columns, tables side by side and one after another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.features.table import FeatureTable


def made(names: str, rows: list[int], **categories: int) -> FeatureTable:
    """Return a table whose values tell row and column: 10 * row + column."""
    values = np.add.outer(10.0 * np.array(rows), np.arange(len(names.split())))
    return FeatureTable(tuple(names.split()), values.astype(np.float32), np.array(rows, np.int64), categories)


def test_rows_and_columns() -> None:
    table = made("a b c", [4, 7, 9], c=5)
    assert len(table) == 3
    assert table.column("b").tolist() == [41, 71, 91]
    taken = table.take([2, 0, 2])
    assert (taken.rows.tolist(), taken.column("a").tolist()) == ([9, 4, 9], [90, 40, 90])
    assert table.take(np.array([False, True, False])).rows.tolist() == [7]
    assert len(table.take([])) == 0
    only = table.only(["c", "a"])
    assert (only.names, only.categories, only.values[0].tolist()) == (("c", "a"), {"c": 5}, [42, 40])


def test_side_by_side() -> None:
    both = made("a b", [1, 2], b=3).joined(made("a c", [1, 2], a=9), "h.")
    assert both.names == ("a", "b", "h.a", "h.c")
    assert both.categories == {"b": 3, "h.a": 9}
    assert both.values.tolist() == [[10, 11, 10, 11], [20, 21, 20, 21]]


def test_one_after_another() -> None:
    stacked = FeatureTable.stack([made("a b", [1], b=3), made("a b", [1, 2], b=4)])
    assert stacked.rows.tolist() == [1, 1, 2]
    assert stacked.categories == {"b": 4}
    assert stacked.column("a").tolist() == [10, 10, 20]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: made("a b", [1]).column("bb"), "unknown feature 'bb'; did you mean 'b'"),
        (lambda: made("spend", [1]).only(["spent"]), "did you mean 'spend'"),
        (lambda: made("a a", [1]), "there twice: a"),
        (lambda: made("a", [1], b=3), "unknown feature 'b'"),
        (
            lambda: FeatureTable(("a",), np.zeros((2, 1), np.float32), np.zeros(3, np.int64)),
            r"shape \[2, 1\]; give \[3",
        ),
        (lambda: made("a", [1]).joined(made("b", [2])), "not the same histories"),
        (lambda: made("a", [1]).joined(made("a", [1])), "there twice: a"),
        (lambda: FeatureTable.stack([]), "no tables"),
        (lambda: FeatureTable.stack([made("a b", [1]), made("a c", [1])]), "differ in: b, c"),
        (lambda: FeatureTable.stack([made("a b", [1]), made("b a", [1])]), "their order"),
    ],
)
def test_refusals_say_what_to_do(ask: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask()
