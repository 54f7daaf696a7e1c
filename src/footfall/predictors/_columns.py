"""Features as scikit-learn's families want them: numbers of one scale without gaps, codes as columns of 0 and 1."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.features.table import FeatureTable

Float32 = npt.NDArray[np.float32]

MOST_CODES: Final = 12
"""Codes of a column that get a column of their own: the most frequent ones."""
FAR: Final = 6.0
"""Deviations beyond which a value is cut off: one odd row must not move a linear model."""


@dataclasses.dataclass
class Columns:
    """Learns from the training rows how to scale, fill and spread columns, and does the same to any rows later.

    Numbers are bent by a signed logarithm (counts and amounts have long tails), gaps are filled by the median and told
    by a column of their own where training rows had any, and every column is centred and scaled.

    Attributes:
        state: What was learnt, JSON-ready; empty before.
    """

    state: dict[str, Any] = dataclasses.field(default_factory=dict)

    def fit(self, table: FeatureTable) -> Self:
        """Learn.

        Args:
            table: Training rows.
        """
        numbers = [name for name in table.names if name not in table.categories]
        values = _bent(_matrix(table, numbers))
        empty = np.isnan(values).all(axis=0)
        known = np.where(empty, 0, values)
        median = np.nanmedian(known, axis=0) if len(known) else np.zeros(len(numbers))
        filled = np.where(np.isnan(known), median, known)
        gaps = np.isnan(values)
        codes: dict[str, list[int]] = {}
        for name in table.categories:
            found = table.column(name)
            code, count = np.unique(found[np.isfinite(found)].astype(np.int64), return_counts=True)
            codes[name] = sorted(code[np.argsort(-count, kind="stable")[:MOST_CODES]].tolist())
        self.state = {
            "numbers": numbers,
            "median": median.tolist(),
            "mean": filled.mean(axis=0).tolist() if len(filled) else median.tolist(),
            "sd": np.maximum(filled.std(axis=0), 1e-6).tolist() if len(filled) else np.ones(len(numbers)).tolist(),
            "gappy": [bool(0 < share < 1) for share in gaps.mean(axis=0)] if len(gaps) else [False] * len(numbers),
            "codes": codes,
        }
        return self

    def apply(self, table: FeatureTable) -> Float32:
        """Return the columns, float32 [rows, columns]; their names are ``names``.

        Args:
            table: With the columns that were learnt from.

        Raises:
            InputError: A column is missing, or nothing was learnt yet.
        """
        if not self.state:
            raise InputError("these columns have learnt nothing yet; call fit() first")
        values = _bent(_matrix(table, self.state["numbers"]))
        gaps = np.isnan(values)
        filled = np.where(gaps, np.array(self.state["median"]), values)
        scaled = np.clip((filled - np.array(self.state["mean"])) / np.array(self.state["sd"]), -FAR, FAR)
        parts = [scaled, gaps[:, np.array(self.state["gappy"], np.bool_)]]
        for name, codes in self.state["codes"].items():
            parts.append(table.column(name)[:, None] == np.array(codes, np.float32)[None, :])
        return np.concatenate([np.asarray(part, np.float32) for part in parts], axis=1)

    @property
    def names(self) -> list[str]:
        """Names of the columns that ``apply`` returns, each after the feature it is made of."""
        numbers: list[str] = self.state["numbers"]
        gappy = [name for name, gap in zip(numbers, self.state["gappy"], strict=True) if gap]
        return [*numbers, *gappy, *(name for name, codes in self.state["codes"].items() for _ in codes)]

    def shares(self, weights: npt.NDArray[np.floating[Any]]) -> Mapping[str, float]:
        """Add up weights of columns by the feature that they are made of; they sum to 1.

        Args:
            weights: One for each column, from 0.
        """
        total = float(weights.sum()) or 1.0
        found: dict[str, float] = {}
        for name, weight in zip(self.names, weights.tolist(), strict=True):
            found[name] = found.get(name, 0.0) + weight / total
        return found


def _matrix(table: FeatureTable, names: list[str]) -> npt.NDArray[np.float64]:
    missing = [name for name in names if name not in table.names]
    if missing:
        raise InputError(f"these features lack {missing[0]!r}, which the model was fitted on; read the same columns")
    places = {name: place for place, name in enumerate(table.names)}
    return table.values[:, [places[name] for name in names]].astype(np.float64)


def _bent(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    bent: npt.NDArray[np.float64] = np.sign(values) * np.log1p(np.abs(values))
    return bent
