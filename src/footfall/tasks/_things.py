"""Things that a question asks about besides users: items, categories, brands, price bands, types of event."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.features.pairs import pair_features
from footfall.features.table import FeatureTable
from footfall.features.things import Kind, ThingFacts, things_of, things_of_items
from footfall.predictors._base import Int64
from footfall.tasks._moments import Log
from footfall.tasks._words import KIND, THING

Int32 = npt.NDArray[np.int32]

MOST_CODES: Final = 1000
"""Things that are told apart by a column of codes; of more, each is known by what is counted of it."""


@dataclasses.dataclass(frozen=True)
class Things:
    """The things of a log, in one row of codes; 0 is none.

    Attributes:
        kinds: Names of their kinds, e.g. ``category`` and ``brand``.
        names: What code ``i + 1`` stands for.
        first: The code before the first of each kind, and the number of all, int64 [kinds + 1].
        of_event: The thing of each event, per kind, int32 [kinds, events].
        of_item: The thing of each item, per kind, int32 [kinds, n_codes]; None where things are no items' own.
    """

    kinds: tuple[str, ...]
    names: tuple[str, ...]
    first: Int64
    of_event: Int32
    of_item: Int32 | None

    @classmethod
    def of(cls, log: Log, kinds: Sequence[Kind], as_of_us: int, more: Sequence[str] = ()) -> Things:
        """Code the things of a log.

        Args:
            log: Whose.
            kinds: ``item``, ``category``, ``brand``, ``price_band``, ``event_type``.
            as_of_us: What prices are cut into bands by is of before this moment.
            more: Names of things that no event is about; they come last.
        """
        asked = ("things", tuple(kinds), as_of_us, tuple(more))
        if asked not in log.memo:
            log.memo[asked] = cls._made(log, kinds, as_of_us, more)
        found: Things = log.memo[asked]
        return found

    @classmethod
    def _made(cls, log: Log, kinds: Sequence[Kind], as_of_us: int, more: Sequence[str]) -> Things:
        facts = log.item_facts(as_of_us)
        names: list[str] = []
        first, events, items = [0], [], []
        for kind in kinds:
            if kind == "event_type":
                of_event, named = things_of(log.raw, kind, types=log.types)
            else:
                of_item, named = things_of_items(log.raw, kind, facts=facts)
                known = np.append(of_item, np.zeros(max(log.raw.n_codes - len(of_item), 0), np.int32))
                of_event = known[log.raw.item]
                items.append(np.where(of_item > 0, of_item + first[-1], 0))
            events.append(np.where(of_event > 0, of_event + first[-1], 0))
            names += named[1:]
            first.append(len(names))
        first[-1] += len(more)
        return cls(
            tuple(kinds),
            (*names, *more),
            np.array(first),
            np.array(events, np.int32).reshape(len(kinds), -1),
            np.array(items, np.int32) if len(items) == len(kinds) else None,
        )

    def __len__(self) -> int:
        """Number of codes, the 0 included."""
        return len(self.names) + 1

    def kind_of(self, codes: Int64) -> Int64:
        """Return the place of each thing's kind, int64 [things].

        Args:
            codes: int64 [things], from 1.
        """
        places: Int64 = np.searchsorted(self.first, codes, side="left").astype(np.int64) - 1
        return places

    def _facts(self, log: Log, place: int, own: Int32, as_of_us: int) -> ThingFacts:
        """Return what everybody does with the things of one kind; not worked out anew for the next users."""
        asked = ("thing facts", self.kinds[place], self.first[-1], as_of_us)
        if asked not in log.memo:
            n_things = int(self.first[place + 1] - self.first[place]) + 1
            log.memo[asked] = ThingFacts.of(log.raw, as_of_us, log.types, own, n_things)
        found: ThingFacts = log.memo[asked]
        return found

    def features(self, log: Log, rows: Int64, codes: Int64, moments: Int64, known_us: int) -> FeatureTable:
        """Return what was known of users and things, a row a pair.

        Args:
            log: Whose things these are.
            rows: Histories, int64 [pairs].
            codes: Things, int64 [pairs].
            moments: UTC microseconds, int64 [pairs]; nothing at or after one counts.
            known_us: What everybody does with things is of before this moment, and of before the first of ``moments``.
        """
        kind = self.kind_of(codes)
        table: FeatureTable | None = None
        values = np.zeros((0, 0), np.float32)
        for place in range(len(self.kinds)):
            some = np.flatnonzero(kind == place)
            before, last = int(self.first[place]), int(self.first[place + 1])
            own = np.maximum(self.of_event[place] - before, 0)
            found = pair_features(
                log.raw,
                rows[some],
                codes[some] - before,
                moments[some],
                own,
                log.types,
                n_things=last - before + 1,
                facts=self._facts(log, place, own, int(moments[some].min(initial=known_us))),
                timezone=log.timezone,
                currency=log.currency,
            )
            if table is None:
                table, values = found, np.full((len(codes), len(found.names)), np.nan, np.float32)
            values[some] = found.values
        assert table is not None  # noqa: S101 - a question has a kind of things at least
        whole = FeatureTable(table.names, values, rows, table.categories)
        whole = whole.only([name for name in whole.names if name != THING])
        names, columns, categories = [KIND], [kind + 1.0], {KIND: len(self.kinds) + 1}
        if len(self) <= MOST_CODES:
            names, columns, categories = (
                [*names, THING],
                [*columns, codes.astype(float)],
                {**categories, THING: len(self)},
            )
        return FeatureTable(tuple(names), np.column_stack(columns).astype(np.float32), rows, categories).joined(whole)
