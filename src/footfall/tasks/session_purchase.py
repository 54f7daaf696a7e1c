"""Session purchase: at each event of a visit, whether it will still end in a purchase."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np

from footfall.errors import InputError
from footfall.predictors._base import Float64, Int64, Kind
from footfall.tasks._moments import Log
from footfall.tasks._running import RunningPrediction
from footfall.tasks._visits import Visits


@dataclasses.dataclass(frozen=True)
class SessionPurchase(RunningPrediction):
    """Whether something is bought after this event and before the visit ends (after half an hour's silence)."""

    name: ClassVar[str] = "session_purchase"
    title: ClassVar[str] = "who will buy before the running visit ends"
    kind: ClassVar[Kind] = "binary"
    per_horizon: ClassVar[bool] = False

    def needs(self, log: Log) -> None:
        """Refuse a log without purchases, or without anything before them."""
        bought = log.events_of("purchase")
        if not bought.any():
            raise InputError("this log has no event of type purchase; read orders too (footfall ingest)")
        if bought.all():
            raise InputError(
                "this log has purchases only; a running visit needs what comes before them: read views too"
            )

    def came(self, log: Log, visits: Visits, places: Int64) -> Float64:
        """Return 1 where a purchase follows in the visit."""
        return visits.later_in_visit(places, log.events_of("purchase")).astype(np.float64)
