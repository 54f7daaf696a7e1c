"""Constant: the mean of what was seen, for everybody; what every other family has to beat."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from footfall.errors import InputError
from footfall.predictors._base import Examples, Float64, Kind, Predictor
from footfall.predictors._estimators import read_about


class Constant(Predictor):
    """The share, or the mean amount, among the training examples."""

    name: ClassVar[str] = "constant"
    title: ClassVar[str] = "the mean, for everybody"

    def __init__(self, kind: Kind = "binary") -> None:
        """Make one that has learnt nothing.

        Args:
            kind: What is foretold.
        """
        self.kind = kind
        self.mean: float | None = None

    def fit(self, examples: Examples, *, seed: int = 0) -> Self:  # noqa: ARG002 - nothing is random
        """Learn from examples; the arguments are those of the protocol."""
        if not len(examples):
            raise InputError("there are no examples to learn from; give a longer log or another horizon")
        self.mean = float(examples.told.mean())
        return self

    def predict(self, examples: Examples) -> Float64:
        """Return the mean for each, as the protocol says."""
        if self.mean is None:
            raise InputError(f"predictor {self.name!r} has learnt nothing yet; call fit() or load() first")
        return np.full(len(examples), self.mean)

    def save(self, folder: Path) -> None:
        """Write it as JSON.

        Args:
            folder: An existing, empty folder.
        """
        if self.mean is None:
            raise InputError(f"predictor {self.name!r} has learnt nothing yet; call fit() or load() first")
        about = {"predictor": self.name, "format": 1, "kind": self.kind, "mean": self.mean}
        (folder / "settings.json").write_text(json.dumps(about) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Args:
            folder: Where ``save`` wrote it.
        """
        about = read_about(folder, cls.name)
        found = cls(about["kind"])
        found.mean = about["mean"]
        return found
