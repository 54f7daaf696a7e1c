"""Questions about a user and a thing: which category, which item again, which event next."""

from __future__ import annotations

import abc
import dataclasses
from typing import ClassVar, Final

import numpy as np

from footfall.features.table import FeatureTable
from footfall.predictors._base import About, Examples, Float64, Int64
from footfall.tasks._moments import Log
from footfall.tasks._prediction import Prediction
from footfall.tasks._things import Things
from footfall.tasks._words import ITS

GROUPS: Final = ("activity", "buying", "trends")
"""Features of the user beside those of the pair."""


@dataclasses.dataclass(frozen=True)
class PairPrediction(Prediction):
    """One number about each user and thing."""

    of_users: ClassVar[bool] = False
    at_once: ClassVar[int] = 2_000
    most: ClassVar[int] = 30_000
    """Pairs of one moment that are learnt from or judged by; of more, those of some users, drawn."""

    @abc.abstractmethod
    def things(self, log: Log, as_of_us: int) -> Things:
        """Return what is asked about.

        Args:
            log: All events.
            as_of_us: Nothing from this moment on may matter.
        """

    @abc.abstractmethod
    def pairs(self, log: Log, things: Things, rows: Int64, moments: Int64) -> tuple[Int64, Int64]:
        """Return about which things each user is asked: places in ``rows``, and codes; int64 [pairs], both.

        Args:
            log: All events; those from a user's moment on are of no account.
            things: What there is.
            rows: Who is asked.
            moments: When.
        """

    @abc.abstractmethod
    def came(self, log: Log, things: Things, examples: Examples, horizon_us: int) -> Float64:
        """Return what came of each pair within the horizon, float64 [pairs]; NaN where nothing could come of it.

        Args:
            log: All events.
            things: What there is.
            examples: Who was asked about what, and when.
            horizon_us: How far ahead is asked.
        """

    def extended(self, table: FeatureTable) -> FeatureTable:
        """Return the features of pairs with what else a task tells of them; here nothing.

        Args:
            table: A row a pair, as ``pairs`` gave them.
        """
        return table

    def outcome(self, log: Log, rows: Int64, cutoff_us: int, horizon_us: int) -> Float64:
        """Return for how many of a user's things it came true, float64 [users]; ``examples`` tells of each."""
        found = self.now(log, cutoff_us, horizon_us, rows)
        told = self.came(log, self.things(log, cutoff_us), found, horizon_us)
        return np.bincount(found.rows, np.nan_to_num(told), len(log.raw))[rows].astype(np.float64)

    def examples(self, log: Log, cutoff_us: int, horizon_us: int) -> Examples:
        """Return users and things as of a cutoff, with what came of them."""
        things = self.things(log, cutoff_us)
        found = self._made(log, things, self._few(log, things, cutoff_us, horizon_us), cutoff_us, horizon_us)
        return dataclasses.replace(found, labels=self.came(log, things, found, horizon_us))

    def now(self, log: Log, now_us: int, horizon_us: int, rows: Int64 | None = None) -> Examples:
        """Return everyone who is asked now, or those named, about everything that they are asked about."""
        things = self.things(log, now_us)
        rows = self.asked(log, now_us) if rows is None else rows
        return self._made(log, things, (rows, np.full(len(rows), now_us)), now_us, horizon_us)

    def whom(self, log: Log, cutoff_us: int, horizon_us: int) -> tuple[Int64, Int64]:  # noqa: ARG002 - others look ahead
        """Return who is asked at a cutoff, and when."""
        rows = self.asked(log, cutoff_us)
        return rows, np.full(len(rows), cutoff_us)

    def _few(self, log: Log, things: Things, cutoff_us: int, horizon_us: int) -> tuple[Int64, Int64]:
        rows, moments = self.whom(log, cutoff_us, horizon_us)
        places, _ = self.pairs(log, things, rows, moments)
        counts = np.bincount(places, minlength=len(rows))
        order = np.random.default_rng(7).permutation(len(rows))
        few = np.sort(order[np.cumsum(counts[order]) <= max(self.most, counts.max(initial=0))])
        return rows[few], moments[few]

    def _made(self, log: Log, things: Things, asked: tuple[Int64, Int64], known_us: int, horizon_us: int) -> Examples:
        rows, moments = asked
        places, codes = self.pairs(log, things, rows, moments)
        users = log.at(rows, moments, horizon_us, known_us=known_us, groups=GROUPS)
        known = things.features(log, rows[places], codes, moments[places], known_us)
        table = self.extended(users.table.take(places).joined(known, ITS))
        about = About(codes, things.names, things.kinds, things.first, things.of_item)
        return Examples(table, log.coded, rows[places], moments[places], horizon_us, about=about)
