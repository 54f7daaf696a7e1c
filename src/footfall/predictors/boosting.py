"""Boosting: LightGBM's gradient-boosted trees, which take gaps and codes as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.features.table import FeatureTable
from footfall.predictors._base import Examples, Float64, Kind, Predictor
from footfall.predictors._estimators import one_label, read_about

SETTINGS: Final[Mapping[str, Any]] = {
    "learning_rate": 0.03,
    "num_leaves": 31,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_cat_to_onehot": 8,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
MOST_TREES: Final = 600
PATIENCE: Final = 40
HELD_OUT: Final = 0.15
"""Share of users whose examples decide the number of trees."""


class Boosting(Predictor):
    """Gradient-boosted trees (Ke et al., LightGBM, 2017).

    Users held out decide the number of trees, which are then grown on everybody. Amounts are learnt with Tweedie's
    loss: many are 0, and the rest have a long tail.
    """

    name: ClassVar[str] = "boosting"
    title: ClassVar[str] = "gradient-boosted trees (LightGBM)"

    def __init__(self, kind: Kind = "binary") -> None:
        """Make one that has learnt nothing.

        Args:
            kind: What is foretold.
        """
        self.kind = kind
        self.booster: Any = None
        self.names: tuple[str, ...] = ()
        self.codes: tuple[str, ...] = ()

    def fit(self, examples: Examples, *, seed: int = 0) -> Self:
        """Learn from examples; the arguments are those of the protocol.

        Raises:
            InputError: There are no labels, or of a binary question all are the same.
        """
        told = examples.told
        if len(np.unique(told)) < 2:
            raise one_label(told)
        self.names, self.codes = examples.table.names, tuple(examples.table.categories)
        objective = {"objective": "binary"} if self.kind == "binary" else {"objective": "tweedie"}
        settings = {**SETTINGS, **objective, "seed": seed}
        trees = self._number_of_trees(examples, settings, seed)
        self.booster = _trained(settings, self._data(examples.table, told), trees)
        return self

    def _number_of_trees(self, examples: Examples, settings: Mapping[str, Any], seed: int) -> int:
        import lightgbm

        users = np.unique(examples.rows)
        away = np.random.default_rng((seed, 7)).permutation(users)[: int(len(users) * HELD_OUT)]
        out = np.isin(examples.rows, away)
        told = examples.told
        if len(np.unique(told[out])) < 2 or len(np.unique(told[~out])) < 2:
            return 50  # too few to choose by
        kept = self._data(examples.table.take(np.flatnonzero(~out)), told[~out])
        judged = self._data(examples.table.take(np.flatnonzero(out)), told[out], kept)
        stop = lightgbm.early_stopping(PATIENCE, verbose=False)
        found = lightgbm.train(dict(settings), kept, MOST_TREES, valid_sets=[judged], callbacks=[stop])
        return max(int(found.best_iteration), 10)

    def _data(self, table: FeatureTable, told: Float64, like: Any = None) -> Any:
        import lightgbm

        return lightgbm.Dataset(
            self._values(table),
            told,
            reference=like,
            feature_name=[f"f{place}" for place in range(len(self.names))],
            categorical_feature=[self.names.index(name) for name in self.codes],
            params={"verbosity": -1},
            free_raw_data=False,
        )

    def _values(self, table: FeatureTable) -> npt.NDArray[np.float32]:
        missing = [name for name in self.names if name not in table.names]
        if missing:
            raise InputError(
                f"these features lack {missing[0]!r}, which the model was fitted on; read the same columns"
            )
        return table.values if table.names == self.names else table.only(self.names).values

    def predict(self, examples: Examples) -> Float64:
        """Return a score for each, as the protocol says.

        Raises:
            InputError: Nothing was learnt yet, or a column is missing.
        """
        return np.asarray(self._asked().predict(self._values(examples.table), num_threads=1), np.float64)

    def _asked(self) -> Any:
        if self.booster is None:
            raise InputError(f"predictor {self.name!r} has learnt nothing yet; call fit() or load() first")
        return self.booster

    def contributions(self, table: FeatureTable) -> Float64:
        """Return what each feature adds to each row's score, and the base last, float64 [rows, features + 1].

        TreeSHAP (Lundberg et al. 2020), in LightGBM: log-odds of a chance, logarithms of an amount.

        Args:
            table: With the columns that it was fitted on.
        """
        return np.asarray(self._asked().predict(self._values(table), pred_contrib=True, num_threads=1), np.float64)

    def importances(self) -> Mapping[str, float]:
        """Return each feature's share of the gain of all splits."""
        if self.booster is None:
            return {}
        gain = self.booster.feature_importance("gain")
        return dict(zip(self.names, (gain / max(gain.sum(), 1e-12)).tolist(), strict=True))

    def save(self, folder: Path) -> None:
        """Write the trees as LightGBM's text, the rest as JSON.

        Args:
            folder: An existing, empty folder.
        """
        text = self._asked().model_to_string()
        (folder / "trees.json").write_text(json.dumps({"lightgbm": text}) + "\n", "utf-8")
        about = {"predictor": self.name, "format": 1, "kind": self.kind, "names": self.names, "codes": self.codes}
        (folder / "settings.json").write_text(json.dumps(about) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Args:
            folder: Where ``save`` wrote it.
        """
        import lightgbm

        about = read_about(folder, cls.name)
        found = cls(about["kind"])
        found.names, found.codes = tuple(about["names"]), tuple(about["codes"])
        found.booster = lightgbm.Booster(model_str=json.loads((folder / "trees.json").read_text("utf-8"))["lightgbm"])
        return found


def _trained(settings: Mapping[str, Any], data: Any, trees: int) -> Any:
    import lightgbm

    return lightgbm.train(dict(settings), data, trees)
