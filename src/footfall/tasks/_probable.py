"""Calibrated: a predictor, and what makes probabilities (or amounts that add up) of its scores."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from footfall.errors import InputError
from footfall.evaluation.calibration import chosen
from footfall.evaluation.calibrators import Calibrator
from footfall.evaluation.precision_curve import PrecisionCurve
from footfall.evaluation.probability import log_loss
from footfall.evaluation.quantiles import Quantiles
from footfall.features.table import FeatureTable
from footfall.predictors._base import Examples, Float64, Kind, Predictor
from footfall.predictors._registry import by_name
from footfall.predictors.lifetime import Lifetime

_FILE: Final = "calibrated.json"
_POWER: Final = 1.5
"""Of Tweedie's deviance: between counts (1) and a gamma's long tail (2)."""


@dataclasses.dataclass
class Calibrated:
    """A fitted predictor whose answers were set right on a horizon after those that it learnt from.

    Attributes:
        predictor: What gives scores.
        kind: Whether a chance or an amount is foretold.
        calibration: JSON-ready: of a chance a calibrator's state, of an amount ``{"scale": factor}``.
        worth: How good it was there, crosswise (one half sets right, the other judges): less the log loss of a chance,
            less Tweedie's deviance of an amount. Higher is better.
        bands: Quantiles of an amount given what is foretold of it, learnt there too; None of a chance, and of what an
            older Footfall kept.
        curve: What came of a chance there, by probability; None of an amount, and where an older Footfall kept none.
        lifetime: The model of buying till leaving that tells of a far horizon, where one was learnt.
        usual: What each feature usually was there: the median of a number, the commonest code; NaN where it was never
            known. Nothing where an older Footfall kept nothing.
    """

    predictor: Predictor
    kind: Kind
    calibration: Mapping[str, Any]
    worth: float = float("nan")
    bands: Quantiles | None = None
    curve: PrecisionCurve | None = None
    lifetime: Lifetime | None = None
    usual: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, predictor: Predictor, later: Examples, *, seed: int = 0) -> Self:
        """Calibrate a predictor.

        Args:
            predictor: Fitted.
            later: Examples of a horizon after those that it learnt from.
            seed: Makes it repeatable.
        """
        scores, told = predictor.predict(later), later.told
        kind = predictor.kind
        half = np.random.default_rng((seed, 3)).permutation(len(told)) % 2 == 0
        crossed = np.empty(len(told))
        for one in (half, ~half):
            crossed[~one] = _apply(kind, _learnt(kind, scores[one], told[one], seed), scores[~one])
        learnt = _learnt(kind, scores, told, seed)
        bands = Quantiles.fit(_apply(kind, learnt, scores), told) if kind == "amount" else None
        curve = PrecisionCurve.of(_apply(kind, learnt, scores), told) if kind == "binary" else None
        return cls(predictor, kind, learnt, _worth(kind, told, crossed), bands, curve, usual=usual_of(later.table))

    def predict(self, examples: Examples) -> Float64:
        """Return a probability, or an expected amount, for each example, float64 [examples].

        Args:
            examples: With the columns that the predictor was fitted on.
        """
        if not len(examples):  # some libraries refuse to answer nothing
            return np.zeros(0)
        return _apply(self.kind, self.calibration, self.predictor.predict(examples))

    def quantiles(self, examples: Examples) -> Float64 | None:
        """Return how low and how high each amount may turn out, float64 [examples, 3]; None where nothing tells.

        The columns are the quantiles .1, .5 and .9: one amount of ten is to lie below the first, one above the last.

        Args:
            examples: With the columns that the predictor was fitted on.
        """
        return None if self.bands is None else self.bands.apply(self.predict(examples))

    def save(self, folder: Path) -> None:
        """Write the predictor into a folder of its own, and the calibration as JSON.

        Args:
            folder: An existing, empty folder.
        """
        (folder / "predictor").mkdir()
        self.predictor.save(folder / "predictor")
        if self.lifetime is not None:
            (folder / "lifetime").mkdir()
            self.lifetime.save(folder / "lifetime")
        about = {"predictor": self.predictor.name, "kind": self.kind, "calibration": self.calibration}
        if self.bands is not None:
            about["quantiles"] = self.bands.to_dict()
        about |= {} if self.curve is None else {"curve": self.curve.to_dict()}
        about["usual"] = {name: None if np.isnan(value) else value for name, value in self.usual.items()}
        (folder / _FILE).write_text(json.dumps({"format": 1, **about, "worth": self.worth}) + "\n", "utf-8")

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Tell whether ``save`` wrote this folder."""
        return (folder / _FILE).is_file()

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Args:
            folder: Where ``save`` wrote it.

        Raises:
            InputError: There is nothing, or a later Footfall's.
        """
        if not cls.is_in(folder):
            raise InputError(f"no predictor is kept in {folder} ({_FILE} is missing); train again")
        about = json.loads((folder / _FILE).read_text("utf-8"))
        if about["format"] != 1:
            given = about["format"]
            raise InputError(f"{folder / _FILE} has format {given!r}; accepted: 1; use the Footfall that wrote it")
        predictor = by_name(about["predictor"]).load(folder / "predictor")
        bands = Quantiles.from_dict(about["quantiles"]) if "quantiles" in about else None
        curve = PrecisionCurve.from_dict(about["curve"]) if "curve" in about else None
        usual = {name: np.nan if value is None else value for name, value in about.get("usual", {}).items()}
        lifetime = Lifetime.load(folder / "lifetime") if (folder / "lifetime").is_dir() else None
        return cls(predictor, about["kind"], about["calibration"], about["worth"], bands, curve, lifetime, usual)


def usual_of(table: FeatureTable) -> dict[str, float]:
    """Return what each feature of a table usually is: the median of a number, the commonest code of codes.

    Args:
        table: Rows of a log; of none, everything is unknown.
    """
    found: dict[str, float] = {}
    for name in table.names:
        column = table.column(name)
        column = column[np.isfinite(column)]
        if not len(column):
            found[name] = float("nan")
        elif name in table.categories:
            found[name] = float(np.bincount(column.astype(np.int64)).argmax())
        else:
            found[name] = float(np.median(column))
    return found


def _learnt(kind: Kind, scores: Float64, told: Float64, seed: int) -> Mapping[str, Any]:
    if kind == "amount":
        mean = float(np.mean(scores))
        # Of so few or so small amounts that a ratio says nothing, none is taken.
        return {"scale": float(np.mean(told)) / mean if mean > 0 and np.mean(told) > 0 else 1.0}
    return chosen(scores, told, seed).calibrator.to_dict()


def _apply(kind: Kind, calibration: Mapping[str, Any], scores: Float64) -> Float64:
    if kind == "amount":
        scaled: Float64 = scores * calibration["scale"]
        return scaled
    calibrator: Any = Calibrator  # which stands for any of its kinds
    said: Float64 = calibrator.from_dict(calibration).apply(scores)
    return said


def _worth(kind: Kind, told: Float64, said: Float64) -> float:
    if kind == "binary":
        return -log_loss(told, said)
    mu = np.maximum(said, 1e-6)
    a, b = 1 - _POWER, 2 - _POWER
    return -float(np.mean(2 * (np.maximum(told, 0) ** b / (a * b) - told * mu**a / a + mu**b / b)))
