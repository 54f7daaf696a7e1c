"""Touches, and which of them stand before a conversion: the per-event loops of attribution."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel
from footfall.histories.partition import Partition
from footfall.journeys._activity import Int64

DIRECT: Final = 0
"""The index of the direct channel."""

NO_TOUCH: Final = -1


@dataclasses.dataclass(frozen=True)
class Touches:
    """Touches of one partition, by user, then time.

    Attributes:
        offsets: int64 [users + 1], where each user's touches begin.
        time_us: int64 [touches], when each began, UTC microseconds.
        channel: int64 [touches], an index of the plan's channels.
    """

    offsets: Int64
    time_us: Int64
    channel: Int64


def touches_of(
    part: Partition, column: str, channel_of_code: Int64, gap_us: int, *, missing_is_direct: bool
) -> Touches:
    """Collapse events to touches.

    A visit is a run of a user's events without a silence longer than the gap. A touch begins with an event of a visit
    whose channel is known and differs from the one before it in the visit.

    Args:
        part: Where to look.
        column: The coded column that holds the channel.
        channel_of_code: int64 [codes], the channel of each code; -1 for codes that are no touch.
        gap_us: Longest silence within a visit, microseconds.
        missing_is_direct: Whether a visit without a known channel is a direct touch, at its first event.
    """
    time, channel = np.empty(part.n_events, np.int64), np.empty(part.n_events, np.int64)
    offsets = np.zeros(part.n_users + 1, np.int64)
    codes = part.column(column)
    _touches(part.offsets, part.timestamp_us, codes, channel_of_code, gap_us, missing_is_direct, offsets, time, channel)
    return Touches(offsets, time[: offsets[-1]].copy(), channel[: offsets[-1]].copy())


@kernel
def _touches(
    offsets: Int64,
    timestamp_us: Int64,
    codes: npt.NDArray[np.int32],
    channel_of_code: Int64,
    gap_us: int,
    missing_is_direct: bool,
    touch_offsets: Int64,
    time: Int64,
    channel: Int64,
) -> None:
    count = 0
    for user in range(len(offsets) - 1):
        begin, end = offsets[user], offsets[user + 1]
        current, visit_us = -1, 0
        for event in range(begin, end):
            if event == begin or timestamp_us[event] - timestamp_us[event - 1] > gap_us:
                if missing_is_direct and event > begin and current < 0:
                    time[count], channel[count] = visit_us, 0
                    count += 1
                current, visit_us = -1, timestamp_us[event]
            found = channel_of_code[codes[event]]
            if found >= 0 and found != current:
                time[count], channel[count] = timestamp_us[event], found
                count += 1
                current = found
        if missing_is_direct and end > begin and current < 0:
            time[count], channel[count] = visit_us, 0
            count += 1
        touch_offsets[user + 1] = count


def windows_before(user: Int64, time_us: Int64, touches: Touches, lookback_us: int) -> tuple[Int64, Int64]:
    """Return, for each conversion, where its touches begin and end: strictly before it, and at most a lookback before.

    Args:
        user: int64 [conversions], ascending.
        time_us: int64 [conversions], ascending within a user.
        touches: Touches of the same partition.
        lookback_us: Longest time from a touch to its conversion, inclusive, microseconds.
    """
    low, high = np.empty(len(user), np.int64), np.empty(len(user), np.int64)
    _windows(user, time_us, touches.offsets, touches.time_us, lookback_us, low, high)
    return low, high


@kernel
def _windows(
    user: Int64, time_us: Int64, offsets: Int64, touch_us: Int64, lookback_us: int, low: Int64, high: Int64
) -> None:
    begin, upto = 0, 0
    for conversion in range(len(user)):
        if conversion == 0 or user[conversion] != user[conversion - 1]:
            begin = upto = offsets[user[conversion]]
        end = offsets[user[conversion] + 1]
        while begin < end and touch_us[begin] < time_us[conversion] - lookback_us:
            begin += 1
        upto = max(upto, begin)
        while upto < end and touch_us[upto] < time_us[conversion]:
            upto += 1
        low[conversion], high[conversion] = begin, upto


@kernel
def spread(count: Int64, channel: Int64, weight: npt.NDArray[np.float64], amount: Int64, out: Int64) -> None:
    """Divide each conversion's amount among its touches by weight, in whole numbers that sum to the amount.

    Each touch gets the difference of the rounded running shares, so nothing is lost, and the sums do not depend on the
    order in which conversions are added up.

    Args:
        count: int64 [conversions], number of touches of each, at least 1.
        channel: int64 [touches of all conversions], conversion after conversion.
        weight: float64, like ``channel``; not negative, with a positive sum in each conversion.
        amount: int64 [conversions].
        out: int64 [channels], added to.
    """
    at = 0
    for conversion in range(len(count)):
        last = at + count[conversion] - 1
        total = 0.0
        for touch in range(at, last + 1):
            total += weight[touch]
        running, given = 0.0, 0
        for touch in range(at, last + 1):
            running += weight[touch]
            upto = amount[conversion]
            if touch < last:
                upto = np.int64(np.floor(amount[conversion] * (running / total) + 0.5))
            out[channel[touch]] += upto - given
            given = upto
        at = last + 1
