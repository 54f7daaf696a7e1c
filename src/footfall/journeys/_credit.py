"""Credit: journeys touch by touch, the weights that each model gives, and sums that lose nothing to rounding."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.journeys._activity import Int64, changes
from footfall.journeys._touches import DIRECT, Touches

Float64 = npt.NDArray[np.float64]

ENDS_SHARE: Final = 0.4
"""What ``position`` gives to the first touch, and to the last."""


@dataclasses.dataclass(frozen=True)
class Journeys:
    """Journeys of one partition, touch by touch. A touch can be part of several.

    Attributes:
        user: int64 [journeys], local users.
        count: int64 [journeys], touches of each, at least 1.
        channel: int64 [touches of all journeys], one journey after the other.
        age_us: int64, like ``channel``: time from the touch to its journey's last one.
    """

    user: Int64
    count: Int64
    channel: Int64
    age_us: Int64

    @classmethod
    def of(cls, user: Int64, low: Int64, high: Int64, touches: Touches) -> Journeys:
        """Gather the touches ``low`` to ``high`` (exclusive) of each journey."""
        count = high - low
        ends = np.cumsum(count)
        at = np.arange(int(count.sum())) - np.repeat(ends - count, count) + np.repeat(low, count)
        last = touches.time_us[high - 1]
        return cls(user, count, touches.channel[at], np.repeat(last, count) - touches.time_us[at])

    @property
    def begins(self) -> Int64:
        """Where each journey begins in ``channel``, int64 [journeys]."""
        return np.cumsum(self.count) - self.count

    @property
    def rank(self) -> Int64:
        """Place of each touch in its journey, from 0; like ``channel``."""
        return np.arange(len(self.channel)) - np.repeat(self.begins, self.count)

    @property
    def length(self) -> Int64:
        """Number of touches of each touch's journey; like ``channel``."""
        return np.repeat(self.count, self.count)

    def steps(self, channels: int, end: int) -> Int64:
        """Return every step of the journeys as ``before * (channels + 3) + after``, int64.

        Args:
            channels: Number of channels; also the state from which journeys start.
            end: The state in which they end.
        """
        before = np.append(channels, self.channel)[:-1]
        before[self.begins] = channels
        finals = self.channel[self.begins + self.count - 1]
        width = channels + 3
        return np.concatenate((before * width + self.channel, finals * width + end))


def unused(touches: Touches, low: Int64, high: Int64, lookback_us: int, from_us: int | None) -> Journeys:
    """Return the journeys of touches that count for no conversion, cut where two are further apart than the lookback.

    Args:
        touches: All touches.
        low: int64 [conversions], where the touches of each conversion begin.
        high: int64 [conversions], where they end, exclusive.
        lookback_us: Longest time between two touches of a journey, microseconds.
        from_us: Touches before this moment are left out; None for none.
    """
    covered = np.zeros(len(touches.time_us) + 1, np.int64)
    np.add.at(covered, low, 1)
    np.subtract.at(covered, high, 1)
    free = np.cumsum(covered[:-1]) == 0
    if from_us is not None:
        free &= touches.time_us >= from_us
    at = np.flatnonzero(free)
    user = np.repeat(np.arange(len(touches.offsets) - 1), np.diff(touches.offsets))[at]
    cut = changes(user)
    cut[1:] |= (np.diff(at) > 1) | (np.diff(touches.time_us[at]) > lookback_us)
    first = np.flatnonzero(cut)
    count = np.diff(np.append(first, len(at)))
    return Journeys.of(user[first], at[first], at[first] + count, touches)


def _last_non_direct(j: Journeys) -> Float64:
    if not len(j.count):
        return np.empty(0)
    place = np.where(j.channel == DIRECT, 0, j.rank + 1)
    best = np.maximum.reduceat(place, j.begins)
    wanted = np.where(best > 0, best, j.count) - 1
    weights: Float64 = (j.rank == np.repeat(wanted, j.count)).astype(np.float64)
    return weights


def _position(j: Journeys) -> Float64:
    ends = (j.rank == 0) | (j.rank == j.length - 1)
    between = (1 - 2 * ENDS_SHARE) / np.maximum(j.length - 2, 1)
    return np.where(ends, ENDS_SHARE, between)  # of one touch or two, each has the same weight: all, or half


WEIGHTS: Final[dict[str, Callable[[Journeys, float], Float64]]] = {
    "first": lambda j, _: (j.rank == 0).astype(np.float64),
    "last": lambda j, _: (j.rank == j.length - 1).astype(np.float64),
    "last_non_direct": lambda j, _: _last_non_direct(j),
    "linear": lambda j, _: np.ones(len(j.channel)),
    "position": lambda j, _: _position(j),
    "time_decay": lambda j, half_life_us: np.exp2(-j.age_us / half_life_us),
}
"""Model to the weights of touches, given the half-life in microseconds. Only proportions within a journey matter, so
ages may count from the last touch instead of the conversion: that factor is the same for all touches of a journey."""


def add_up(keys: Int64, counts: Int64 | None = None) -> tuple[Int64, Int64]:
    """Return distinct keys, ascending, and the sum of their counts (each 1 without counts); int64 each."""
    distinct, place = np.unique(keys, return_inverse=True)
    sums = np.zeros(len(distinct), np.int64)
    np.add.at(sums, place, 1 if counts is None else counts)
    return distinct, sums


def settle(parts: Int64, scale: int) -> list[int]:
    """Round whole numbers of small parts to whole units; units sum to the sum of the parts, which must be whole units.

    By largest remainder; ties go to the first.

    >>> settle(np.array([15, 15, 30]), 10)
    [2, 1, 3]
    """
    units, rest = np.divmod(parts, scale)
    units[np.argsort(-rest, kind="stable")[: int(rest.sum()) // scale]] += 1
    return [int(unit) for unit in units]


def apportion(total: int, shares: Float64) -> list[int]:
    """Divide a whole number by shares that sum to 1 into whole numbers that sum to it.

    By largest remainder; ties go to the first.

    >>> apportion(10, np.array([1 / 3, 1 / 3, 1 / 3]))
    [4, 3, 3]
    """
    exact = total * shares
    units = np.floor(exact).astype(np.int64)
    short = total - int(units.sum())  # a share's rounding error can make it one more or less than the number of parts
    ranked = np.argsort(-(exact - units), kind="stable")
    np.add.at(units, ranked[np.arange(abs(short)) % len(ranked)], 1 if short > 0 else -1)
    return [int(unit) for unit in units]
