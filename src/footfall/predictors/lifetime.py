"""Lifetime: BG/NBD foretells how often a customer orders, Gamma-Gamma how much an order is worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np

from footfall.errors import InputError
from footfall.predictors._base import Examples, Float64, Kind, Predictor
from footfall.predictors._estimators import one_label, read_about
from footfall.predictors.bg_nbd import BgNbd
from footfall.predictors.gamma_gamma import GammaGamma
from footfall.schema import US_PER_DAY

ORDERS, FIRST, LAST, MEAN = "orders_all", "days_since_first_order", "days_since_last_order", "order_mean_value"
_DAYS_PER_WEEK: Final = 7.0
_PENALTY: Final = 1e-3
"""Keeps parameters finite on logs in which nobody repeats, or nobody leaves."""
LEAST_CUSTOMERS: Final = 30


class Lifetime(Predictor):
    """The probability model of buying till leaving, on nothing but orders: how many, the first and the last.

    It learns from the latest cutoff alone: a customer is one draw, and not one at every cutoff. Who has not ordered yet
    gets the least of all.
    """

    name: ClassVar[str] = "lifetime"
    title: ClassVar[str] = "BG/NBD and Gamma-Gamma"

    def __init__(self, kind: Kind = "binary") -> None:
        """Make one that has learnt nothing.

        Args:
            kind: What is foretold.
        """
        self.kind = kind
        self.buying: BgNbd | None = None
        self.spending: GammaGamma | None = None
        self.of_staying = True
        self.mean_value = 0.0

    def fit(self, examples: Examples, *, seed: int = 0) -> Self:  # noqa: ARG002 - nothing is random
        """Learn from examples; the arguments are those of the protocol.

        Raises:
            InputError: The log has no orders, too few customers, or the labels are all the same.
        """
        told = examples.told
        if len(np.unique(told)) < 2:
            raise one_label(told)
        self.learn(examples)
        if self.kind == "binary":
            any_order = self._any(examples)
            # Whether the question is about buying or about staying away, the labels say.
            self.of_staying = bool(any_order[told > 0].mean() >= any_order[told <= 0].mean())
        return self

    def learn(self, examples: Examples) -> Self:
        """Learn from what customers did up to the latest cutoff; what came after it, labels say, is not looked at.

        Args:
            examples: With the columns of orders.

        Raises:
            InputError: The log has no orders, too few customers, or nobody bought again.
        """
        newest = np.flatnonzero(examples.cutoff_us == examples.cutoff_us.max())
        repeats, recency, age, value = _customers(examples.take(newest))
        known = np.isfinite(age)
        if known.sum() < LEAST_CUSTOMERS:
            raise InputError(f"only {int(known.sum())} customers with an order; at least {LEAST_CUSTOMERS} are needed")
        self.buying = BgNbd.fit(repeats[known], recency[known], age[known], penalty=_PENALTY)
        paid = known & (repeats > 0) & (value > 0)
        self.mean_value = float(value[known & (value > 0)].mean()) if (known & (value > 0)).any() else 0.0
        self.spending = GammaGamma.fit(repeats[paid], value[paid]) if paid.sum() >= LEAST_CUSTOMERS else None
        return self

    def predict(self, examples: Examples) -> Float64:
        """Return a score for each, as the protocol says.

        Raises:
            InputError: Nothing was learnt yet.
        """
        if self.kind == "binary":
            any_order = self._any(examples)
            return any_order if self.of_staying else 1 - any_order
        repeats, recency, age, value = _customers(examples)
        known = np.isfinite(age)
        found = np.zeros(len(examples))
        orders = self._asked().expected_purchases_of(repeats[known], recency[known], age[known], _weeks(examples))
        worth = np.where(value > 0, value, self.mean_value)[known]
        if self.spending is not None:
            worth = self.spending.expected_mean_value(repeats[known], worth)
        found[known] = orders * worth
        return found

    def _any(self, examples: Examples) -> Float64:
        repeats, recency, age, _ = _customers(examples)
        known = np.isfinite(age)
        found = np.zeros(len(examples))
        found[known] = self._asked().probability_of_any(repeats[known], recency[known], age[known], _weeks(examples))
        return found

    def _asked(self) -> BgNbd:
        if self.buying is None:
            raise InputError(f"predictor {self.name!r} has learnt nothing yet; call fit() or load() first")
        return self.buying

    def save(self, folder: Path) -> None:
        """Write the parameters as JSON.

        Args:
            folder: An existing, empty folder.
        """
        about: dict[str, Any] = {
            "predictor": self.name,
            "format": 1,
            "kind": self.kind,
            "buying": self._asked().to_dict(),
            "spending": None if self.spending is None else self.spending.to_dict(),
            "of_staying": self.of_staying,
            "mean_value": self.mean_value,
        }
        (folder / "settings.json").write_text(json.dumps(about) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Args:
            folder: Where ``save`` wrote it.
        """
        about = read_about(folder, cls.name)
        found = cls(about["kind"])
        found.buying = BgNbd.from_dict(about["buying"])
        found.spending = None if about["spending"] is None else GammaGamma.from_dict(about["spending"])
        found.of_staying, found.mean_value = about["of_staying"], about["mean_value"]
        return found


def _customers(examples: Examples) -> tuple[Float64, Float64, Float64, Float64]:
    """Return repeat orders, weeks from first to last, weeks since the first, mean value; NaN ages without an order."""
    table = examples.table
    if ORDERS not in table.names:
        raise InputError("the lifetime model reads orders, and this log has none (no event of type purchase)")
    orders, first, last = (table.column(name).astype(np.float64) for name in (ORDERS, FIRST, LAST))
    age = np.where(orders > 0, first, np.nan) / _DAYS_PER_WEEK
    recency = np.maximum(np.where(orders > 1, first - last, 0) / _DAYS_PER_WEEK, 0)
    repeats = np.where(recency > 0, np.maximum(orders - 1, 0), 0)  # orders of one moment are one
    value = table.column(MEAN).astype(np.float64) if MEAN in table.names else np.zeros(len(table))
    return repeats, recency, age, np.nan_to_num(value)


def _weeks(examples: Examples) -> float:
    return examples.horizon_us / US_PER_DAY / _DAYS_PER_WEEK
