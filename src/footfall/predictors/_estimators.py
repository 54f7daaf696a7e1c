"""Families that are one of scikit-learn's estimators on prepared columns; kept by skops, never pickled."""

from __future__ import annotations

import abc
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np

from footfall.errors import InputError
from footfall.predictors._base import Examples, Float64, Kind, Predictor
from footfall.predictors._columns import Columns

TRUSTED: Final = (
    "numpy.dtype",
    "sklearn.tree._tree.Tree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
)
"""Types that a file of ours may name besides those that skops trusts by itself: data, and no code."""
MOST_ROWS: Final = 200_000
"""Examples that are learnt from; more are sampled."""


class Estimator(Predictor, abc.ABC):
    """A predictor that wraps an estimator; subclasses say which."""

    most_rows: ClassVar[int] = MOST_ROWS

    def __init__(self, kind: Kind = "binary") -> None:
        """Make one that has learnt nothing.

        Args:
            kind: What is foretold.
        """
        self.kind = kind
        self.columns = Columns()
        self.estimator: Any = None

    @abc.abstractmethod
    def _new(self, seed: int, rows: int) -> Any:
        """Return a fresh estimator with ``fit`` and ``predict_proba``, ``decision_function`` or ``predict``.

        Args:
            seed: Makes it repeatable.
            rows: How many examples it will learn from.
        """

    def fit(self, examples: Examples, *, seed: int = 0) -> Self:
        """Learn from examples; the arguments are those of the protocol. Amounts are learnt as log(1 + amount).

        Raises:
            InputError: There are no labels, or of a binary question all are the same.
        """
        examples = sampled(examples, self.most_rows, seed)
        told = examples.told
        if self.kind == "binary" and len(np.unique(told)) < 2:
            raise one_label(told)
        wanted = told.astype(np.int64) if self.kind == "binary" else np.log1p(np.maximum(told, 0))
        values = self.columns.fit(examples.table).apply(examples.table)
        self.estimator = self._new(seed, len(examples)).fit(values, wanted)
        return self

    def predict(self, examples: Examples) -> Float64:
        """Return a score for each, as the protocol says.

        Raises:
            InputError: Nothing was learnt yet, or a column is missing.
        """
        if self.estimator is None:
            raise InputError(f"predictor {self.name!r} has learnt nothing yet; call fit() or load() first")
        values = self.columns.apply(examples.table)
        if self.kind == "amount":
            return np.expm1(np.clip(np.asarray(self.estimator.predict(values), np.float64), 0, 50))
        if hasattr(self.estimator, "predict_proba"):
            return np.asarray(self.estimator.predict_proba(values)[:, 1], np.float64)
        margin = np.asarray(self.estimator.decision_function(values), np.float64)
        chance: Float64 = 1 / (1 + np.exp(-np.clip(margin, -50, 50)))
        return chance

    def importances(self) -> Mapping[str, float]:
        """Return the share of each feature, where the estimator tells coefficients or importances."""
        found = getattr(self.estimator, "feature_importances_", None)
        if found is None:
            found = getattr(self.estimator, "coef_", None)
        return {} if found is None else self.columns.shares(np.abs(np.ravel(found)))

    def save(self, folder: Path) -> None:
        """Write columns as JSON and the estimator as skops does.

        Args:
            folder: An existing, empty folder.

        Raises:
            InputError: Nothing was learnt yet.
        """
        import skops.io

        if self.estimator is None:
            raise InputError(f"predictor {self.name!r} has learnt nothing yet; call fit() or load() first")
        about = {"predictor": self.name, "format": 1, "kind": self.kind, "columns": self.columns.state}
        (folder / "settings.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")
        skops.io.dump(self.estimator, folder / "estimator.skops")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote; types other than ``TRUSTED`` are refused.

        Args:
            folder: Where ``save`` wrote it.

        Raises:
            InputError: There is nothing, another family's, or a file that names other types.
        """
        import skops.io

        about = read_about(folder, cls.name)
        found = cls(about["kind"])
        found.columns = Columns(about["columns"])
        file = folder / "estimator.skops"
        strange = sorted(set(skops.io.get_untrusted_types(file=file)) - set(TRUSTED))
        if strange:
            raise InputError(f"{file} names the type {strange[0]}, which no model of ours does; train again")
        found.estimator = skops.io.load(file, trusted=list(TRUSTED))
        return found


def one_label(told: Float64) -> InputError:
    """Say that nothing can be learnt from examples that are all alike.

    Args:
        told: Their labels.
    """
    label = f"{told[0]:g}" if len(told) else "-"
    return InputError(f"all {len(told):,} examples have the label {label}; give a longer log or another horizon")


def read_about(folder: Path, name: str) -> dict[str, Any]:
    """Return what ``settings.json`` says.

    Args:
        folder: Where it was written.
        name: The family that is asked for.

    Raises:
        InputError: There is nothing, or another family's, or a later Footfall's.
    """
    path = folder / "settings.json"
    if not path.is_file():
        raise InputError(
            f"no predictor is kept in {folder} (settings.json is missing); give a folder that save() wrote"
        )
    about: dict[str, Any] = json.loads(path.read_text("utf-8"))
    if about.get("format") != 1:
        raise InputError(f"{path} has format {about.get('format')!r}; accepted: 1; use the Footfall that wrote it")
    if about["predictor"] != name:
        raise InputError(f"{folder} keeps the predictor {about['predictor']!r}, not {name!r}")
    return about


def sampled(examples: Examples, most: int, seed: int) -> Examples:
    """Return at most so many examples, drawn evenly: the share of each label stays what it is.

    Args:
        examples: From which.
        most: How many.
        seed: Which ones.
    """
    if len(examples) <= most:
        return examples
    return examples.take(np.sort(np.random.default_rng(seed).permutation(len(examples))[:most]))
