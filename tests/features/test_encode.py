"""Encoders: by hand, unseen codes, no row is told its own label, and back from JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.features.encode import Encoder, EncodeSpec, fit, fit_apply
from footfall.features.table import FeatureTable

SPECS = [EncodeSpec("one_hot", most=2), EncodeSpec("target", smoothing=2), EncodeSpec("hashed", buckets=4)]


def made(codes: list[float], rows: list[int] | None = None) -> FeatureTable:
    """Return a table with a number, a column of codes, and another number."""
    n = len(codes)
    values = np.column_stack((np.arange(n), codes, np.arange(n) * 2.0)).astype(np.float32)
    numbers = np.arange(n) if rows is None else np.array(rows)
    return FeatureTable(("x", "channel", "y"), values, numbers.astype(np.int64), {"channel": 9})


def test_one_hot_by_hand() -> None:
    encoder = fit(made([5, 5, 3, 3, 7, math.nan]), EncodeSpec("one_hot", most=2))
    table = encoder.apply(made([3, 5, 7, 8, math.nan]))
    assert table.names == ("x", "y", "channel=3", "channel=5", "channel=other")
    assert table.categories == {}
    assert table.values[:, 2:].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 0, 1]]
    assert table.column("y").tolist() == [0, 2, 4, 6, 8]
    missing = fit(made([math.nan, 0, 4]), EncodeSpec("one_hot", most=1))
    assert missing.codes == {"channel": (0,)}  # missing and "no code" are one


def test_target_by_hand() -> None:
    encoder = fit(made([5, 5, 3, 0]), EncodeSpec("target", smoothing=2), [1, 1, 0, 0])
    # The mean of all is 1/2: (2 + 2/2) / (2 + 2), (0 + 2/2) / (1 + 2), and the mean for a code never met.
    found = encoder.apply(made([5, 3, math.nan, 8])).column("channel~mean")
    assert found.tolist() == pytest.approx([3 / 4, 1 / 3, 1 / 3, 1 / 2])


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 1)), min_size=2, max_size=30), st.data())
def test_no_training_row_is_told_its_own_label(examples: list[tuple[int, int, int]], data: st.DataObject) -> None:
    """All labels of one history are turned round: its rows get the same values, though other histories' may move."""
    codes, rows, labels = (list(column) for column in zip(*examples, strict=True))
    if len(set(rows)) < 2:
        rows[0] = 9
    table = made([float(code) for code in codes], rows)
    spec = EncodeSpec("target", smoothing=1, folds=3)
    whose = data.draw(st.sampled_from(rows))
    turned = [1 - label if row == whose else label for label, row in zip(labels, rows, strict=True)]
    one, other = (fit_apply(table, spec, each)[1].column("channel~mean") for each in (labels, turned))
    mine = table.rows == whose
    np.testing.assert_array_equal(one[mine], other[mine])
    assert not np.isnan(one).any()


def test_a_column_of_noise_foretells_nothing_on_training_rows() -> None:
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 2, 600).astype(float)
    table = made(list(range(600)))  # a code of its own for each row: the naive mean is the label itself
    naive = fit(table, EncodeSpec("target", smoothing=0.1), labels).apply(table).column("channel~mean")
    honest = fit_apply(table, EncodeSpec("target", smoothing=0.1), labels)[1].column("channel~mean")
    assert np.corrcoef(naive, labels)[0, 1] > 0.99
    assert np.corrcoef(honest, labels)[0, 1] < 0.1


def test_hashed_codes_are_told_apart_without_learning() -> None:
    spec = EncodeSpec("hashed", buckets=64)
    encoder = fit(made([1]), spec)
    table = encoder.apply(made([1, 2, 3, 1]))
    values = table.values[:, 2:]
    assert table.names[2:4] == ("channel#0", "channel#1")
    assert np.abs(values).sum(axis=1).tolist() == [1, 1, 1, 1]
    assert values[0].tolist() == values[3].tolist()
    assert len({tuple(row) for row in values.tolist()}) == 3
    moved = fit(made([1]), EncodeSpec("hashed", buckets=64, seed=1)).apply(made([1, 2, 3, 1])).values[:, 2:]
    assert (moved != values).any()


@pytest.mark.parametrize("spec", SPECS)
def test_there_and_back_by_json(spec: EncodeSpec) -> None:
    encoder = fit(made([5, 5, 3, 0]), spec, [1, 0, 0, 2.5])
    back = Encoder.of_state(json.loads(json.dumps(encoder.state())))
    assert back == encoder
    rows = made([5, 3, 8, math.nan])
    np.testing.assert_array_equal(back.apply(rows).values, encoder.apply(rows).values)
    alone = [encoder.apply(rows.take([place])).values[0] for place in range(4)]
    np.testing.assert_array_equal(encoder.apply(rows).values, alone)


@pytest.mark.parametrize("spec", SPECS)
def test_a_table_without_codes_or_rows_stays_as_it_is(spec: EncodeSpec) -> None:
    numbers = made([1, 2]).only(["x", "y"])
    _, table = fit_apply(numbers, spec, [0, 1])
    assert table.names == ("x", "y")
    np.testing.assert_array_equal(table.values, numbers.values)
    assert len(fit(made([1, 2]), spec, [0, 1]).apply(made([]))) == 0


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: EncodeSpec("onehot"), "unknown encoding 'onehot'; did you mean 'one_hot'"),  # type: ignore[arg-type]
        (lambda: EncodeSpec("target", folds=1), "folds = 1 .* from 2"),
        (lambda: EncodeSpec("target", smoothing=-1), "smoothing = -1"),
        (lambda: fit(made([1]), EncodeSpec("target")), "give labels="),
        (lambda: fit(made([1]), EncodeSpec("target"), [1, 2]), r"shape \[2\]; give 1"),
        (lambda: fit(made([1]), EncodeSpec("target"), [math.nan]), "finite"),
        (lambda: fit_apply(made([1, 2], [4, 4]), EncodeSpec("target"), [0, 1]), "rows of two or more"),
        (lambda: fit(made([1])).apply(made([1]).only(["x"])), "accepted: channel"),
        (lambda: Encoder.of_state({"format": 9}), "format 9"),
    ],
)
def test_refusals_say_what_to_do(ask: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask()
