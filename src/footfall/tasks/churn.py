"""Churn: who, having been active, will not come back within the horizon."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Final

import numpy as np

from footfall.errors import InputError, unknown_name
from footfall.predictors._base import Float64, Int64, Kind
from footfall.tasks._moments import Log
from footfall.tasks._prediction import Prediction

ACTS: Final = ("purchase", "visit")


@dataclasses.dataclass(frozen=True)
class Churn(Prediction):
    """Whether a user who bought (or visited) lately does not do so within the horizon.

    Attributes:
        act: ``purchase`` or ``visit``; without it, purchases where a fifth of the active have one, else visits.
    """

    name: ClassVar[str] = "churn"
    title: ClassVar[str] = "who will not come back within the horizon"
    kind: ClassVar[Kind] = "binary"

    act: str | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.act is not None and self.act not in ACTS:
            raise InputError(unknown_name("act of churn", self.act, ACTS))

    def _acts(self, log: Log) -> tuple[str, ...]:
        if self.act is not None:
            return ("purchase",) if self.act == "purchase" else ()
        buyers = len(np.unique(log.raw.rows[log.events_of("purchase")]))
        return ("purchase",) if buyers >= 0.2 * int((log.raw.lengths > 0).sum()) else ()

    def needs(self, log: Log) -> None:
        """Refuse a log without what is asked for."""
        if self.act == "purchase" and not log.events_of("purchase").any():
            raise InputError("this log has no event of type purchase; ask for visits, or read orders too")

    def asked(self, log: Log, cutoff_us: int) -> Int64:
        """Return everyone with such an event in the lookback."""
        return log.active(cutoff_us - self.lookback_us, cutoff_us, *self._acts(log))

    def outcome(self, log: Log, rows: Int64, cutoff_us: int, horizon_us: int) -> Float64:
        """Return 1 for who has no such event in [cutoff, cutoff + horizon)."""
        back = log.active(cutoff_us, cutoff_us + horizon_us, *self._acts(log))
        return (~np.isin(rows, back)).astype(np.float64)
