"""Repurchase: whether, and when, a user will buy an item again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from footfall.errors import InputError
from footfall.features.pairs import met_pairs
from footfall.features.table import FeatureTable
from footfall.predictors._base import Examples, Float64, Int64, Kind
from footfall.schema import US_PER_DAY
from footfall.tasks._answered import Answered
from footfall.tasks._moments import Log
from footfall.tasks._pairs import PairPrediction
from footfall.tasks._things import Things
from footfall.tasks.interest import came

STEPS: Final = 4
"""Parts of the horizon; of each, the chance that it is bought then if it was not before is learnt."""
STEP: Final = "part_of_horizon"


@dataclasses.dataclass(frozen=True)
class Repurchase(PairPrediction):
    """Whether an item that a user bought in the lookback is bought again within the horizon, and after how many days.

    The horizon is cut into four parts. What is learnt is the hazard: the chance that it is bought in a part if it was
    not in those before (discrete-time survival: Singer and Willett, It's about time, J. Educ. Stat. 1993). The chance
    of the whole horizon is 1 less the product of what is left of each part.
    """

    name: ClassVar[str] = "repurchase"
    title: ClassVar[str] = "which items each user will buy again, and when, within the horizon"
    kind: ClassVar[Kind] = "binary"
    composes: ClassVar[bool] = True
    most: ClassVar[int] = 60_000

    lookback: str = "180d"

    def needs(self, log: Log) -> None:
        """Refuse a log in which nobody bought an item twice."""
        bought = log.events_of("purchase")
        if not bought.any():
            raise InputError("this log has no event of type purchase; read orders too (footfall ingest)")
        keys = log.raw.rows[bought] * log.raw.n_codes + log.raw.item[bought]
        days = log.times[bought] // US_PER_DAY
        pairs = np.unique(np.stack([keys, days]), axis=1)[0]
        if len(np.unique(pairs)) == len(pairs):
            raise InputError("nobody in this log bought an item on two days; there is no buying again to learn from")

    def things(self, log: Log, as_of_us: int) -> Things:
        """Return the items."""
        return Things.of(log, ("item",), as_of_us)

    def asked(self, log: Log, cutoff_us: int) -> Int64:
        """Return everyone with a purchase in the lookback."""
        return log.active(cutoff_us - self.lookback_us, cutoff_us, "purchase")

    def pairs(self, log: Log, things: Things, rows: Int64, moments: Int64) -> tuple[Int64, Int64]:
        """Return the items that each bought in the lookback, ``STEPS`` times over: one for each part of the horizon."""
        cutoff = int(moments.max(initial=0))
        lately = np.where(log.times >= cutoff - self.lookback_us, things.of_event[0], 0).astype(np.int32)
        places, codes = met_pairs(log.raw, rows, moments, lately, log.types.get("purchase", -1))
        return np.repeat(places, STEPS), np.repeat(codes, STEPS)

    def extended(self, table: FeatureTable) -> FeatureTable:
        """Return the features with the part of the horizon that each row is about."""
        part = np.tile(np.arange(STEPS, dtype=np.float32), len(table) // STEPS)[:, None]
        return table.joined(FeatureTable((STEP,), part, table.rows, {}))

    def came(self, log: Log, things: Things, examples: Examples, horizon_us: int) -> Float64:
        """Return 1 where it is first bought in the row's part, 0 where later or never, NaN where before."""
        found, first = came(log, things, examples, horizon_us, "purchase")
        part = examples.table.column(STEP).astype(np.int64)
        then = (first - examples.cutoff_us) * STEPS // max(horizon_us, 1)
        told: Float64 = (found & (then == part)).astype(np.float64)
        told[found & (then < part)] = np.nan
        return told

    def answered(self, said: Float64, examples: Examples) -> Answered:
        """Return the chance of the whole horizon, and the days after which it is to be expected if it happens."""
        hazard = said.reshape(-1, STEPS)
        alive = np.asarray(np.cumprod(1 - hazard, axis=1), np.float64)
        each = np.column_stack([np.ones(len(hazard)), alive[:, :-1]]) * hazard
        chance = 1 - alive[:, -1]
        length = examples.horizon_us / US_PER_DAY / STEPS
        middle = (np.arange(STEPS) + 0.5) * length
        days = np.divide(each @ middle, chance, out=np.full(len(chance), np.nan), where=chance > 0)
        told = None
        if examples.labels is not None:
            told = (np.nan_to_num(examples.labels).reshape(-1, STEPS).max(axis=1) > 0).astype(np.float64)
        return Answered(chance, told, np.arange(0, len(examples), STEPS), {"days": days})

    def besides(self, answered: Answered, examples: Examples) -> Mapping[str, tuple[Float64, Int64]]:
        """Return by how many days it was off of what was bought again, to the middle of the part it was bought in."""
        assert answered.told is not None  # noqa: S101 - the caller judges
        bought = np.flatnonzero((answered.told > 0) & np.isfinite(answered.more["days"]))
        if not len(bought):
            return {}
        part = np.nan_to_num(examples.told).reshape(-1, STEPS)[bought].argmax(axis=1)
        day = (part + 0.5) * examples.horizon_us / US_PER_DAY / STEPS
        off = np.abs(answered.more["days"][bought] - day)
        return {"DaysOff": (off, examples.rows[answered.places[bought]])}
