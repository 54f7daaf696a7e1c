"""Interest: in which categories, brands and price bands a user will buy within the horizon."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Final

import numpy as np

from footfall.errors import InputError
from footfall.features.pairs import met_pairs, pair_outcome
from footfall.predictors._base import Examples, Float64, Int64, Kind
from footfall.schema import US_PER_DAY
from footfall.tasks._moments import Log
from footfall.tasks._pairs import PairPrediction
from footfall.tasks._things import Things

KINDS: Final = ("category", "brand", "price_band")
POPULAR: Final = 20
"""Things of a kind that everybody is asked about: those bought most of late."""
LATELY_US: Final = 28 * US_PER_DAY


@dataclasses.dataclass(frozen=True)
class Interest(PairPrediction):
    """Whether a user who was active lately buys in a category, of a brand, in a price band.

    Asked about what the user met in the lookback, and what everybody buys. Which kinds there are follows from the log:
    categories and brands from the catalogue, price bands (fifths of the items) from prices.
    """

    name: ClassVar[str] = "interest"
    title: ClassVar[str] = "in which categories, brands and price bands each user will buy within the horizon"
    kind: ClassVar[Kind] = "binary"

    def needs(self, log: Log) -> None:
        """Refuse a log without purchases, or of whose items nothing is known."""
        if not log.events_of("purchase").any():
            raise InputError("this log has no event of type purchase; read orders too (footfall ingest)")
        if not len(self.things(log, log.ends_us).names):
            raise InputError(
                "nothing is known of this shop's items: no category, no brand, no price; read the catalogue "
                "(footfall items), or events with prices"
            )

    def things(self, log: Log, as_of_us: int) -> Things:
        """Return categories, brands and price bands."""
        return Things.of(log, KINDS, as_of_us)

    def asked(self, log: Log, cutoff_us: int) -> Int64:
        """Return everyone with any event in the lookback."""
        return log.active(cutoff_us - self.lookback_us, cutoff_us)

    def pairs(self, log: Log, things: Things, rows: Int64, moments: Int64) -> tuple[Int64, Int64]:
        """Return what each met in the lookback, and what is bought most of late."""
        cutoff = int(moments.max(initial=0))
        bought = log.events_of("purchase") & (log.times < cutoff) & (log.times >= cutoff - LATELY_US)
        keys: list[Int64] = []
        for kind in range(len(things.kinds)):
            lately = np.where(log.times >= cutoff - self.lookback_us, things.of_event[kind], 0).astype(np.int32)
            places, codes = met_pairs(log.raw, rows, moments, lately)
            count = np.bincount(things.of_event[kind][bought], minlength=len(things))
            count[0] = 0
            top = np.argsort(-count, kind="stable")[:POPULAR]
            top = top[count[top] > 0]
            keys.append(places * len(things) + codes)
            keys.append((np.arange(len(rows))[:, None] * len(things) + top).ravel())
        found = np.unique(np.concatenate(keys)).astype(np.int64)
        return found // len(things), found % len(things)

    def came(self, log: Log, things: Things, examples: Examples, horizon_us: int) -> Float64:
        """Return 1 where something of it is bought in [cutoff, cutoff + horizon)."""
        return came(log, things, examples, horizon_us, "purchase")[0].astype(np.float64)


def came(
    log: Log, things: Things, examples: Examples, horizon_us: int, *names: str
) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], Int64]:
    """Return which pairs have an event of some types within the horizon, and when the first is (us, -1 for none).

    Args:
        log: All events.
        things: What there is.
        examples: The pairs.
        horizon_us: How far ahead is looked.
        names: Of event types.
    """
    assert examples.about is not None  # noqa: S101 - they are pairs
    codes = examples.about.codes
    kind = things.kind_of(codes)
    first = np.full(len(codes), -1, np.int64)
    for place in range(len(things.kinds)):
        at = np.flatnonzero(kind == place)
        types = [log.types.get(name, -1) for name in names]
        pairs = (examples.rows[at], codes[at], examples.cutoff_us[at])
        first[at] = pair_outcome(log.raw, *pairs, horizon_us, things.of_event[place], *types)[1]
    return first >= 0, first
