"""Value: how much a user will spend within the horizon."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from footfall.config import MINOR_DIGITS
from footfall.errors import InputError
from footfall.predictors._base import Float64, Int64, Kind
from footfall.tasks._base import Given, Trained
from footfall.tasks._lifetime import COLUMN, DISCOUNT, learnt
from footfall.tasks._moments import Log
from footfall.tasks._prediction import Prediction


@dataclasses.dataclass(frozen=True)
class Value(Prediction):
    """What a user who was active lately spends within the horizon: purchases less refunds, never below 0."""

    name: ClassVar[str] = "value"
    title: ClassVar[str] = "how much will be spent within the horizon"
    kind: ClassVar[Kind] = "amount"

    def needs(self, log: Log) -> None:
        """Refuse a log without paid purchases."""
        if not log.events_of("purchase").any():
            raise InputError("this log has no event of type purchase; read orders too (footfall ingest)")
        if "value_minor" not in log.raw.extra or not log.raw.extra["value_minor"][log.events_of("purchase")].any():
            raise InputError("no purchase of this log says what it cost; read orders with value or price")

    def train(self, given: Given) -> Trained:
        """Train as every prediction does; where people come back to buy, learn of the year ahead as well."""
        trained = super().train(given)
        given.say("fitting lifetime value")
        try:
            trained.model.lifetime = learnt(Log.of(given.histories))
            told: dict[str, Any] = {"column": COLUMN, "discount_a_year": DISCOUNT}
        except InputError as error:
            told = {"left_out": str(error)}
        return dataclasses.replace(trained, about={**trained.about, "lifetime": told})

    def asked(self, log: Log, cutoff_us: int) -> Int64:
        """Return everyone with any event in the lookback."""
        return log.active(cutoff_us - self.lookback_us, cutoff_us)

    def outcome(self, log: Log, rows: Int64, cutoff_us: int, horizon_us: int) -> Float64:
        """Return what each spends in [cutoff, cutoff + horizon), in major units of the shop's currency."""
        inside = (log.times >= cutoff_us) & (log.times < cutoff_us + horizon_us)
        sign = log.events_of("purchase").astype(np.float64) - log.events_of("refund")
        spent = np.where(inside, sign * log.raw.extra["value_minor"], 0) / 10 ** MINOR_DIGITS.get(log.currency, 2)
        total: Float64 = np.maximum(np.bincount(log.raw.rows, spent, len(log.raw)), 0)[rows]
        return total
