"""What holds for every family of predictors: the same questions to all that are registered."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.evaluation.probability import auroc
from footfall.features.table import FeatureTable
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.predictors._base import Examples, Kind, Predictor
from footfall.predictors._registry import by_name, predictors
from footfall.predictors.lifetime import FIRST, LAST, MEAN, ORDERS
from footfall.recommenders.behaviour import Behaviour
from footfall.training.loop import TrainingSettings

N = 600
every = pytest.mark.parametrize("name", sorted(predictors()))
kinds: list[Kind] = ["binary", "amount"]


def examples(seed: int, n: int = N, kind: Kind = "binary") -> Examples:
    """Users of whom two columns and one code tell something, one column nothing, and one is missing for most."""
    rng = np.random.default_rng(seed)
    log = walks(n, rng)
    values = np.column_stack(
        [rng.poisson(3, n), rng.exponential(20, n), rng.normal(size=n), rng.normal(size=n), rng.integers(0, 5, n)]
    ).astype(np.float32)
    values[rng.random(n) < 0.7, 3] = np.nan
    orders = np.maximum(values[:, 0] - 1, 0)
    first = np.where(orders > 0, rng.uniform(40, 80, n), np.nan)
    last = np.where(orders > 1, first * rng.random(n), first)
    values = np.column_stack([values, orders, first, last, np.where(orders > 0, values[:, 1], np.nan)])
    values = values.astype(np.float32)
    names = ("count", "amount", "noise", "gappy", "code", ORDERS, FIRST, LAST, MEAN)
    table = FeatureTable(names, values, np.arange(n), {"code": 5})
    odds = 0.8 * (values[:, 0] - 3) - 0.05 * (values[:, 1] - 20) + 1.5 * (values[:, 4] == 2)
    came = rng.random(n) < 1 / (1 + np.exp(-odds))
    labels = came.astype(np.float64)
    if kind == "amount":
        labels = np.where(came, np.round(rng.gamma(2, 10 + 5 * values[:, 0]), 2), 0.0)
    assert log.timestamp_us is not None
    return Examples(table, log, np.arange(n), np.full(n, int(log.timestamp_us.max()) + 1), 7 * 86_400_000_000, labels)


def walks(n: int, rng: np.random.Generator) -> Sequences:
    """Histories of six events each."""
    return Sequences(
        np.arange(n + 1) * 6,
        rng.integers(FIRST_CODE, FIRST_CODE + 9, 6 * n).astype(np.int32),
        FIRST_CODE + 9,
        event_type=np.full(6 * n, 3, np.int16),
        timestamp_us=np.tile(np.arange(6) * 3_600_000_000, n),
        user_idx=np.arange(n),
    )


@pytest.fixture(scope="module")
def backbone() -> Behaviour:
    return Behaviour(training=TrainingSettings(epochs=1), dropout=0.1).fit(walks(200, np.random.default_rng(9)))


def new(name: str, kind: Kind, backbone: Behaviour) -> Predictor:
    made: Any = by_name(name)(kind)  # type: ignore[call-arg]
    if made.wants_backbone:
        made.backbone = backbone
    assert isinstance(made, Predictor)
    return made


def fits(name: str, kind: Kind) -> None:
    if kind not in by_name(name).kinds:
        pytest.skip(f"{name} foretells no {kind}")


def test_found_by_being_there() -> None:
    assert set(predictors()) >= {"constant", "linear", "svm", "forest", "mlp", "boosting", "behaviour"}
    assert all(family.name == name and family.title for name, family in predictors().items())
    with pytest.raises(InputError, match="unknown predictor 'boostin'; did you mean 'boosting'"):
        by_name("boostin")


@every
@pytest.mark.parametrize("kind", kinds)
def test_what_is_planted_is_found(name: str, kind: Kind, backbone: Behaviour) -> None:
    fits(name, kind)
    model = new(name, kind, backbone).fit(examples(0, kind=kind), seed=1)
    asked = examples(1, kind=kind)
    said = model.predict(asked)
    assert said.shape == (len(asked),)
    assert said.dtype == np.float64
    assert np.isfinite(said).all()
    if kind == "amount":
        assert said.min() >= 0
    if name not in ("constant", "behaviour", "lifetime"):  # which do not look at the features
        assert auroc((asked.told > 0).astype(float), said) > 0.75
        shares = model.importances()
        if shares:
            assert sum(shares.values()) == pytest.approx(1)
            assert shares["noise"] < max(shares["count"], shares["code"])


@every
@pytest.mark.parametrize("kind", kinds)
def test_kept_on_disk_and_read_again(name: str, kind: Kind, backbone: Behaviour, tmp_path: Path) -> None:
    fits(name, kind)
    model = new(name, kind, backbone).fit(examples(0, 200, kind=kind))
    model.save(tmp_path)
    again = by_name(name).load(tmp_path)
    asked = examples(3, 50, kind=kind)
    np.testing.assert_allclose(again.predict(asked), model.predict(asked), rtol=1e-6)
    assert all(p.suffix in {".json", ".skops", ".safetensors", ".npz"} for p in tmp_path.rglob("*") if p.is_file())


@every
def test_same_seed_same_answers_and_the_input_is_left_as_it_was(name: str, backbone: Behaviour) -> None:
    fits(name, "binary")
    given, before = examples(0, 200), examples(0, 200)
    asked = examples(2, 40)
    first = new(name, "binary", backbone).fit(given, seed=5).predict(asked)
    np.testing.assert_array_equal(first, new(name, "binary", backbone).fit(given, seed=5).predict(asked))
    np.testing.assert_array_equal(given.table.values, before.table.values)
    np.testing.assert_array_equal(given.told, before.told)


@every
def test_other_rows_do_not_matter(name: str, backbone: Behaviour) -> None:
    fits(name, "binary")
    model = new(name, "binary", backbone).fit(examples(0, 200))
    asked = examples(2, 30)
    together = model.predict(asked)
    for row in (0, 7, 29):
        np.testing.assert_allclose(model.predict(asked.take(np.array([row])))[0], together[row], rtol=1e-4)


@every
def test_nothing_learnt_and_nothing_to_learn_are_said(name: str, backbone: Behaviour, tmp_path: Path) -> None:
    fits(name, "binary")
    with pytest.raises(InputError, match="has learnt nothing yet"):
        new(name, "binary", backbone).predict(examples(0, 20))
    with pytest.raises(InputError, match="missing"):
        by_name(name).load(tmp_path)
    if name != "constant":  # which has nothing to tell apart
        one_class = dataclasses.replace(examples(0, 40), labels=np.ones(40))
        with pytest.raises(InputError, match="have the label 1"):
            new(name, "binary", backbone).fit(one_class)


@pytest.mark.parametrize("name", ["linear", "boosting"])
def test_a_missing_column_is_named(name: str, backbone: Behaviour) -> None:
    model = new(name, "binary", backbone).fit(examples(0, 200))
    asked = examples(1, 20)
    kept = [column for column in asked.table.names if column != "gappy"]
    lacking = dataclasses.replace(asked, table=asked.table.only(kept))
    with pytest.raises(InputError, match="lack 'gappy'"):
        model.predict(lacking)


def test_parts_of_different_lengths_are_refused() -> None:
    whole = examples(0, 20)
    with pytest.raises(InputError, match="all must have the same"):
        dataclasses.replace(whole, labels=np.ones(19))


def test_histories_end_strictly_before_their_cutoffs() -> None:
    whole = examples(0, 20)
    cutoffs = np.repeat([0, 1, 3_600_000_000, 3_600_000_001], 5)
    histories = dataclasses.replace(whole, cutoff_us=cutoffs).histories
    assert histories.lengths.tolist() == [0] * 5 + [1] * 5 + [1] * 5 + [2] * 5


def test_a_file_that_names_a_strange_type_is_not_read(tmp_path: Path, backbone: Behaviour) -> None:
    import skops.io

    new("linear", "binary", backbone).fit(examples(0, 100)).save(tmp_path)
    skops.io.dump(Strange(), tmp_path / "estimator.skops")
    with pytest.raises(InputError, match=r"names the type .*Strange"):
        by_name("linear").load(tmp_path)
    about = json.loads((tmp_path / "settings.json").read_text())
    (tmp_path / "settings.json").write_text(json.dumps(about | {"predictor": "svm"}))
    with pytest.raises(InputError, match="keeps the predictor 'svm', not 'linear'"):
        by_name("linear").load(tmp_path)


class Strange:
    """No type of ours or scikit-learn's."""

    def __init__(self) -> None:
        self.value = 1
