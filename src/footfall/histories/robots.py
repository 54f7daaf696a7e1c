"""Robots by their behaviour, judged over a whole history; robots by their agent are flagged at ingest.

An *act* is a moment at which the user did something: events that share a microsecond are one act, and what merely
happened to the user (``schema.PASSIVE_EVENT_TYPES``: shown, sent) is none. A user behaves like a robot who

- keeps a pace no person keeps: at least 900 acts within 3 hours (300 an hour, sustained), or
- ticks like a clock: 100 gaps in a row, each under an hour, whose coefficient of variation (standard deviation over
  mean) is below 0.05, or
- reads and never buys, without sleep: over 5,000 acts within 24 hours with no cart, checkout or purchase among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel, part
from footfall.histories.columns import FIRST_CODE
from footfall.schema import PASSIVE_EVENT_TYPES, US_PER_DAY, US_PER_S

PACE_ACTS: Final = 900
PACE_SPAN_US: Final = 3 * 3600 * US_PER_S
CLOCK_GAPS: Final = 100
CLOCK_LONGEST_GAP_US: Final = 3600 * US_PER_S
CLOCK_SQUARED_PART: Final = 400  # 1 / 0.05 squared, to compare squares of whole numbers
READER_ACTS: Final = 5000
READER_SPAN_US: Final = US_PER_DAY

BUYING_EVENT_TYPES: Final = ("add_to_cart", "begin_checkout", "add_payment_info", "purchase")

_PASSIVE: Final = 1
_BUYING: Final = 2


def kinds_of(event_types: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Return what matters here about each event type, uint8 by code: 1 passive, 2 buying, else 0.

    Args:
        event_types: Names in the order of their codes, without the reserved ones.
    """
    kinds = [_PASSIVE if t in PASSIVE_EVENT_TYPES else _BUYING if t in BUYING_EVENT_TYPES else 0 for t in event_types]
    return np.array([0] * FIRST_CODE + kinds, np.uint8)


@kernel
def behaves_like_robot(
    offsets: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    time: npt.NDArray[np.int64],
    event_type: npt.NDArray[np.int16],
    kinds: npt.NDArray[np.uint8],
) -> npt.NDArray[np.bool_]:
    """Judge every user by the rules of this module.

    Args:
        offsets: Where each user's events begin, [users] or longer.
        ends: Where the events to look at end, [users].
        time: Event times in microseconds, ascending within a user, [events].
        event_type: Event type codes, [events].
        kinds: What ``kinds_of`` gave.

    Returns:
        bool [users].
    """
    flags = np.zeros(len(ends), np.bool_)
    longest = 0
    for u in range(len(ends)):
        longest = max(longest, ends[u] - offsets[u])
    acts = np.empty(longest, np.int64)  # times of acts
    bought = np.empty(longest + 1, np.int64)  # buying acts before each
    for u in range(len(ends)):
        if ends[u] - offsets[u] <= CLOCK_GAPS:
            continue
        n = 0
        bought[0] = 0
        for i in range(offsets[u], ends[u]):
            kind = kinds[event_type[i]]
            if kind == _PASSIVE:
                continue
            if n == 0 or acts[n - 1] != time[i]:
                acts[n] = time[i]
                n += 1
                bought[n] = bought[n - 1]
            if kind == _BUYING:
                bought[n] += 1
        flags[u] = _keeps_pace(acts[:n]) or _ticks(acts[:n]) or _only_reads(acts[:n], bought[: n + 1])
    return flags


@part
def _keeps_pace(acts: npt.NDArray[np.int64]) -> bool:
    for last in range(PACE_ACTS - 1, len(acts)):  # noqa: SIM110 - the compiler takes loops
        if acts[last] - acts[last - PACE_ACTS + 1] <= PACE_SPAN_US:
            return True
    return False


@part
def _ticks(acts: npt.NDArray[np.int64]) -> bool:
    """Look for a clock. Gaps are whole milliseconds: running sums of integers are exact, and stay below 2^63."""
    count = total = squares = 0
    for i in range(1, len(acts)):
        if acts[i] - acts[i - 1] > CLOCK_LONGEST_GAP_US:
            count = total = squares = 0
            continue
        gap = (acts[i] - acts[i - 1]) // 1000
        count, total, squares = count + 1, total + gap, squares + gap * gap
        if count > CLOCK_GAPS:
            gone = (acts[i - CLOCK_GAPS] - acts[i - CLOCK_GAPS - 1]) // 1000
            count, total, squares = count - 1, total - gone, squares - gone * gone
        if count == CLOCK_GAPS:
            variance_nn = count * squares - total * total  # variance times count squared; the mean times count is total
            if total > 0 and variance_nn <= (total * total - 1) // CLOCK_SQUARED_PART:
                return True
    return False


@part
def _only_reads(acts: npt.NDArray[np.int64], bought: npt.NDArray[np.int64]) -> bool:
    for last in range(READER_ACTS, len(acts)):
        first = last - READER_ACTS
        if acts[last] - acts[first] < READER_SPAN_US and bought[last + 1] == bought[first]:
            return True
    return False
