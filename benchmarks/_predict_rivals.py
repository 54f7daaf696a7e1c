"""What others would do with the same features: LightGBM with its own early stopping, uncalibrated; BG/NBD by itself.

They are given what our families are given, and more: the horizon that calibrates ours decides the number of their
trees, and ``lightgbm_all`` then learns from it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from footfall.predictors._base import Examples, Float64, Kind
from footfall.predictors.lifetime import Lifetime
from footfall.tasks._prediction import Bench

RIVALS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "binary": ("lightgbm", "lightgbm_all", "bg_nbd"),
    "amount": ("lightgbm", "lightgbm_all", "bg_nbd"),
}
"""By what is foretold; ``bg_nbd`` of an amount is BG/NBD with Gamma-Gamma."""
MOST_TREES: Final = 2000
PATIENCE: Final = 50
SETTINGS: Final[Mapping[str, Any]] = {"learning_rate": 0.05, "n_jobs": 1, "verbosity": -1, "n_estimators": MOST_TREES}
"""What tutorials set: the rest are LightGBM's own defaults."""


def said_by(rival: str, kind: Kind, bench: Bench, seed: int) -> tuple[Float64, dict[str, Any]]:
    """Let a rival learn and answer; return what it said of the test users, float64 [users], and facts.

    Args:
        rival: Its name.
        kind: What is foretold.
        bench: Examples to learn from, to stop by, and to be judged by.
        seed: For what is random.
    """
    if rival == "bg_nbd":
        return Lifetime(kind).fit(bench.learn, seed=seed).predict(bench.test), {}
    return _trees(kind, bench, seed, everything=rival == "lightgbm_all")


def _trees(kind: Kind, bench: Bench, seed: int, *, everything: bool) -> tuple[Float64, dict[str, Any]]:
    import lightgbm

    made = lightgbm.LGBMClassifier if kind == "binary" else lightgbm.LGBMRegressor
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    codes = [bench.learn.table.names.index(name) for name in bench.learn.table.categories]
    model = made(**{**SETTINGS, "random_state": seed})
    values, told = _columns(bench.later)
    more: dict[str, Any] = {"eval_X": (values,), "eval_y": (told,), "callbacks": [stop]}
    model.fit(*_columns(bench.learn), categorical_feature=codes or "auto", **more)
    trees = max(int(model.best_iteration_), 1)
    if everything:
        model = made(**{**SETTINGS, "random_state": seed, "n_estimators": trees})
        model.fit(*_columns(Examples.stack([bench.learn, bench.later])), categorical_feature=codes or "auto")
    values = bench.test.table.values
    if kind == "binary":
        return np.asarray(model.predict_proba(values), np.float64)[:, 1], {"trees": trees}
    return np.maximum(np.asarray(model.predict(values), np.float64), 0), {"trees": trees}


def _columns(examples: Examples) -> tuple[Any, Float64]:
    return examples.table.values, examples.told
