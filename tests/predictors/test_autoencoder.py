"""The autoencoder: its code holds what columns say together, and rows that break with the others are told badly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.features.table import FeatureTable
from footfall.predictors._autoencoder import Autoencoder


def table(n: int, seed: int) -> FeatureTable:
    """Twelve columns that are made of two numbers, one that is a code of the first, and one with gaps."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(n, 2))
    mixed = hidden @ np.random.default_rng(99).normal(size=(2, 12)) + 0.1 * rng.normal(size=(n, 12))
    code = 1 + (hidden[:, :1] > 0)
    gappy = np.where(rng.random((n, 1)) < 0.3, np.nan, hidden[:, 1:])
    names = (*(f"c{place}" for place in range(12)), "code", "gappy")
    values = np.concatenate([mixed, code, gappy], axis=1).astype(np.float32)
    return FeatureTable(names, values, np.arange(n), {"code": 3})


@pytest.fixture(scope="module")
def fitted() -> Autoencoder:
    return Autoencoder(width=4, hidden=24).fit(table(800, 0), seed=3)


def test_the_code_holds_what_the_columns_are_made_of(fitted: Autoencoder) -> None:
    new = table(400, 1)
    code = fitted.transform(new)
    assert code.names == ("code_0", "code_1", "code_2", "code_3")
    assert code.values.dtype == np.float32
    assert np.abs(code.values).max() <= 1
    # The two numbers that all columns are made of, though no column is either, are read off the code.
    hidden = np.random.default_rng(1).normal(size=(400, 2))
    inputs = np.column_stack([code.values, np.ones(len(new))])
    left = hidden - inputs @ np.linalg.lstsq(inputs, hidden, rcond=None)[0]
    assert (1 - left.var(axis=0) / hidden.var(axis=0)).min() > 0.9
    assert fitted.errors(new).mean() < 0.5 * fitted.columns.apply(new).var(axis=0).mean()


def test_rows_that_break_with_the_others_are_told_badly(fitted: Autoencoder) -> None:
    new = table(400, 2)
    values = new.values.copy()
    rng = np.random.default_rng(5)
    for place in range(12):  # each column as before, but no longer of one user
        values[:40, place] = rng.permutation(values[:, place])[:40]
    errors = fitted.errors(FeatureTable(new.names, values, new.rows, new.categories))
    assert np.median(errors[:40]) > 3 * np.median(errors[40:])


def test_a_row_does_not_depend_on_the_others(fitted: Autoencoder) -> None:
    new = table(50, 4)
    whole = fitted.transform(new).values
    for row in (0, 49):
        np.testing.assert_allclose(fitted.transform(new.take(np.array([row]))).values[0], whole[row], rtol=1e-5)
    assert fitted.transform(new.take(np.zeros(0, np.int64))).values.shape == (0, 4)
    assert fitted.errors(new.take(np.zeros(0, np.int64))).shape == (0,)


def test_the_same_seed_gives_the_same_code_and_it_is_kept_on_disk(fitted: Autoencoder, tmp_path: Path) -> None:
    given, new = table(800, 0), table(30, 6)
    again = Autoencoder(width=4, hidden=24).fit_transform(given, seed=3)
    np.testing.assert_array_equal(again.values, fitted.transform(given).values)
    other = Autoencoder(width=4, hidden=24).fit_transform(given, seed=4)
    assert not np.array_equal(other.values, again.values)
    fitted.save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".skops"}
    read = Autoencoder.load(tmp_path)
    np.testing.assert_array_equal(read.transform(new).values, fitted.transform(new).values)
    np.testing.assert_array_equal(read.errors(new), fitted.errors(new))


def test_what_cannot_be_is_said(fitted: Autoencoder, tmp_path: Path) -> None:
    import skops.io

    with pytest.raises(InputError, match="has learnt nothing yet"):
        Autoencoder().transform(table(5, 0))
    with pytest.raises(InputError, match="1 rows to learn a code from; give two"):
        Autoencoder().fit(table(1, 0))
    with pytest.raises(InputError, match="lack 'c3'"):
        fitted.transform(table(5, 0).only(["c0", "c1", "c2"]))
    with pytest.raises(InputError, match="is missing"):
        Autoencoder.load(tmp_path)
    alike = table(20, 0).take(np.zeros(20, np.int64))
    assert np.isfinite(Autoencoder(width=2, hidden=4).fit_transform(alike).values).all()
    fitted.save(tmp_path)
    skops.io.dump(Strange(), tmp_path / "autoencoder.skops")
    with pytest.raises(InputError, match=r"names the type .*Strange"):
        Autoencoder.load(tmp_path)


class Strange:
    """No type of ours or scikit-learn's."""

    def __init__(self) -> None:
        self.value = 1
