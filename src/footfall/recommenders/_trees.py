"""The one door to LightGBM: learns to order candidates, and orders them, the same way every time."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from footfall.errors import DependencyBrokenError

Features = npt.NDArray[np.float32]


def _lightgbm() -> Any:
    try:
        return importlib.import_module("lightgbm")
    except OSError as error:  # its wheel leaves OpenMP to the system
        raise DependencyBrokenError("lightgbm", str(error), "apt install libgomp1") from error


def learn_order(
    features: Features,
    wanted: npt.NDArray[np.bool_],
    groups: npt.NDArray[np.int64],
    *,
    trees: int,
    leaves: int,
    rate: float,
    least: int,
    seed: int,
) -> str:
    """Learn to put what is wanted first, and return the trees as LightGBM's text.

    LambdaMART: gradients of NDCG at 20 (Burges, From RankNet to LambdaRank to LambdaMART, MSR-TR-2010-82). One thread
    and whole histograms, so that the same rows give the same trees.

    Args:
        features: Of candidates, float32 [candidates, features].
        wanted: Which of them are targets, bool [candidates].
        groups: Number of candidates of each case, int64 [cases].
        trees: Number of trees.
        leaves: Most leaves of each.
        rate: Learning rate.
        least: Least candidates in a leaf.
        seed: Makes it repeatable.

    Raises:
        DependencyBrokenError: LightGBM is installed and cannot be loaded.
    """
    lightgbm = _lightgbm()
    settings = {
        "objective": "lambdarank",
        "lambdarank_truncation_level": 20,
        "num_leaves": leaves,
        "learning_rate": rate,
        "min_data_in_leaf": least,
        "feature_fraction": 0.6,
        "lambda_l2": 5.0,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "seed": seed,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(features, wanted.astype(np.int32), group=groups, params={"verbosity": -1})
    text: str = lightgbm.train(settings, data, trees).model_to_string()
    return text


class Trees:
    """Trees that were learnt, ready to be asked."""

    def __init__(self, text: str) -> None:
        """Read them.

        Args:
            text: As ``learn_order`` returned it.
        """
        self.text = text
        self._booster = _lightgbm().Booster(model_str=text)

    def __call__(self, features: Features) -> npt.NDArray[np.float64]:
        """Return a score for each candidate, float64 [candidates].

        Args:
            features: float32 [candidates, features].
        """
        found: npt.NDArray[np.float64] = self._booster.predict(features, num_threads=1)
        return found
