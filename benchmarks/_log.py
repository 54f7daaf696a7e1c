"""A synthetic shop log of any size, by seed: piece by piece, so that no size has to fit memory or disk twice.

A piece is a slice of time, so a user's events lie scattered over all pieces, as they do in a shop's own log. Rates per
user do not depend on the size: a log twice as large has twice the users, the same catalogue and the same months.
Users and items are skewed, visits have heavy-tailed lengths and gaps, days have a rhythm, and event types follow a
small Markov chain. Nothing here is tuned to any tool; times are whole milliseconds, as in a web log.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

EVENT_TYPES: Final = (
    "view_item",
    "search",
    "add_to_wishlist",
    "add_to_cart",
    "remove_from_cart",
    "begin_checkout",
    "purchase",
)
FIRST_US: Final = int(dt.datetime(2019, 10, 1, tzinfo=dt.UTC).timestamp()) * 1_000_000
SPAN_US: Final = 150 * 86_400 * 1_000_000
EVENTS_PER_USER: Final = 20
MOST_ITEMS: Final = 100_000
LONGEST_VISIT: Final = 200

_START: Final = (0.86, 0.14, 0, 0, 0, 0, 0)
_NEXT: Final = (
    (0.795, 0.06, 0.02, 0.11, 0.005, 0.007, 0.003),  # after view_item
    (0.75, 0.20, 0.01, 0.03, 0.00, 0.007, 0.003),  # after search
    (0.80, 0.07, 0.03, 0.08, 0.01, 0.007, 0.003),  # after add_to_wishlist
    (0.42, 0.05, 0.01, 0.16, 0.09, 0.240, 0.030),  # after add_to_cart
    (0.62, 0.08, 0.03, 0.12, 0.10, 0.040, 0.010),  # after remove_from_cart
    (0.20, 0.02, 0.01, 0.04, 0.08, 0.100, 0.550),  # after begin_checkout
    (0.58, 0.12, 0.02, 0.08, 0.00, 0.050, 0.150),  # after purchase
)


@dataclasses.dataclass(frozen=True)
class Piece:
    """Some events, in time order.

    Attributes:
        number: Which piece of the log.
        user: int64 [events], from 0.
        timestamp_us: int64 [events], UTC microseconds, whole milliseconds.
        event_type: int8 [events], an index into ``EVENT_TYPES``.
        item: int64 [events], from 0; searches have one too, for formats that want it.
        visit: int64 [events], the visit that the source itself would number.
    """

    number: int
    user: Array
    timestamp_us: Array
    event_type: Array
    item: Array
    visit: Array

    def __len__(self) -> int:
        """Number of events."""
        return len(self.user)


@dataclasses.dataclass(frozen=True)
class ShopLog:
    """The whole log.

    Attributes:
        events: How many.
        seed: The same seed gives the same log.
        piece_events: Events of one piece, at most.
        users: Users who may occur; without it one for every ``EVENTS_PER_USER`` events.
    """

    events: int
    seed: int = 7
    piece_events: int = 1_000_000
    users: int = 0

    @property
    def n_users(self) -> int:
        """Users who may occur."""
        return self.users or max(10, self.events // EVENTS_PER_USER)

    @property
    def n_items(self) -> int:
        """Items who may occur."""
        return min(MOST_ITEMS, max(20, self.events // 10))

    @property
    def n_pieces(self) -> int:
        """Number of pieces."""
        return -(-self.events // self.piece_events)

    def prices_minor(self) -> Array:
        """Return the price of each item, int64 [items], hundredths of the major unit."""
        rng = np.random.default_rng([self.seed, 1, self.n_items])
        return np.maximum(99, np.exp(rng.normal(8.0, 1.1, self.n_items))).astype(np.int64)

    def pieces(self) -> Iterator[Piece]:
        """Make the pieces one after the other, in time order."""
        rng = np.random.default_rng([self.seed, 2, self.events])
        weights = np.cumsum(np.exp(rng.normal(0.0, 1.25, self.n_users)))
        for number in range(self.n_pieces):
            events = min(self.piece_events, self.events - number * self.piece_events)
            yield self._piece(number, events, weights / weights[-1])

    def _piece(self, number: int, events: int, share: Array) -> Piece:
        rng = np.random.default_rng([self.seed, 3, self.events, number])
        lengths = _visit_lengths(rng, events)
        visits = len(lengths)
        begins = np.cumsum(lengths) - lengths
        visit = np.repeat(np.arange(visits), lengths)
        gap_ms = np.maximum(1, np.exp(rng.normal(np.log(30_000.0), 1.4, events))).astype(np.int64)
        since_ms = np.cumsum(gap_ms) - np.cumsum(gap_ms)[begins][visit]
        slice_us = SPAN_US // self.n_pieces
        start_ms = _with_rhythm(FIRST_US + slice_us * (number + rng.random(visits))) // 1000
        item = (self.n_items * rng.random(events) ** 2.5).astype(np.int64)
        kinds = _event_types(rng, lengths, begins)
        looked_at = np.maximum.accumulate(
            np.where((kinds < 2) | (np.arange(events) == begins[visit]), np.arange(events), 0)
        )
        order = np.argsort(start_ms[visit] + since_ms, kind="stable")
        return Piece(
            number,
            np.searchsorted(share, rng.random(visits), side="right")[visit][order],
            ((start_ms[visit] + since_ms) * 1000)[order],
            kinds[order],
            item[looked_at][order],
            (visit + number * self.piece_events)[order],
        )


def user_names(user: Array) -> Array:
    """Return the ids of users as numbers with nine digits, in no order of theirs."""
    return 500_000_000 + (user * 48_271 + 11) % 99_999_989


def item_names(item: Array) -> Array:
    """Return the ids of items as numbers with seven digits or eight."""
    return 1_000_000 + (item * 7_919 + 3) % 9_999_991


def _visit_lengths(rng: np.random.Generator, events: int) -> Array:
    """Return Pareto-like numbers of events of visits that sum to ``events``."""
    lengths = np.minimum(LONGEST_VISIT, 1.5 * rng.random(events) ** (-1 / 1.5)).astype(np.int64)
    ends = np.cumsum(lengths)
    last = int(np.searchsorted(ends, events))
    lengths = lengths[: last + 1]
    lengths[-1] -= int(ends[last]) - events
    return lengths


def _with_rhythm(moments_us: Array) -> Array:
    """Shift moments so that evenings are busy and nights are quiet."""
    day_us = 86_400e6
    shifted: Array = (moments_us + 0.8 * day_us / (2 * np.pi) * np.sin(2 * np.pi * moments_us / day_us)).astype(
        np.int64
    )
    return shifted


def _event_types(rng: np.random.Generator, lengths: Array, begins: Array) -> Array:
    """Walk the Markov chain through all visits at once, the long ones first so that those still going are a prefix."""
    order = np.argsort(-lengths, kind="stable")
    firsts, going = begins[order], lengths[order]
    chance = rng.random(int(lengths.sum()))
    kinds = np.empty(len(chance), np.int8)
    start, following = np.cumsum(_START), np.cumsum(_NEXT, axis=1)
    start[-1] = following[:, -1] = 1.0
    kinds[firsts] = np.searchsorted(start, chance[firsts], side="right")
    for step in range(1, int(going[0])):
        now = firsts[: np.searchsorted(-going, -step)] + step
        kinds[now] = (chance[now, None] >= following[kinds[now - 1]]).sum(axis=1)
    return kinds
