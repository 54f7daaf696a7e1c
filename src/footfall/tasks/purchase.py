"""Purchase: who will buy anything within the horizon."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from footfall.errors import InputError
from footfall.predictors._base import Float64, Int64, Kind
from footfall.tasks._moments import Log
from footfall.tasks._prediction import Prediction


@dataclasses.dataclass(frozen=True)
class Purchase(Prediction):
    """Whether a user who was active lately buys anything within the horizon."""

    name: ClassVar[str] = "purchase"
    title: ClassVar[str] = "who will buy within the horizon"
    kind: ClassVar[Kind] = "binary"

    def needs(self, log: Log) -> None:
        """Refuse a log without purchases."""
        if not log.events_of("purchase").any():
            raise InputError("this log has no event of type purchase; read orders too (footfall ingest)")

    def asked(self, log: Log, cutoff_us: int) -> Int64:
        """Return everyone with any event in the lookback."""
        return log.active(cutoff_us - self.lookback_us, cutoff_us)

    def outcome(self, log: Log, rows: Int64, cutoff_us: int, horizon_us: int) -> Float64:
        """Return 1 for who has a purchase in [cutoff, cutoff + horizon)."""
        return np.isin(rows, log.active(cutoff_us, cutoff_us + horizon_us, "purchase")).astype(np.float64)
