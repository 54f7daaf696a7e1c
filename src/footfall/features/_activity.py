"""Features of how often and how long users are there: groups ``activity``, ``context`` and ``trends``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel
from footfall.features._buying import has_money, orders_of
from footfall.features._counts import counts_of, type_columns
from footfall.features._cuts import Array, Int64
from footfall.features._past import WINDOWS, Columns, Float64, Past, days_since, ratio
from footfall.features._visits import visits_of

TYPES: Final = ("login", "sign_up")
"""Event types that this group counts; every other one is counted by the group that is about it."""

_LEAST_DIRECTION: Final = 1e-9
"""Hours whose mean has no direction, as of one event at noon and one at midnight, have no mean hour."""


def activity(past: Past) -> Columns:
    """Return the columns of the group ``activity``."""
    counts, visits = counts_of(past), visits_of(past)
    found: Columns = {f"events_{window}": counts.done(window) for window in WINDOWS}
    sessions, last_start = visits["sessions_all"], visits["last_start_us"]
    since_last = days_since(past, visits["last_us"])
    found |= {
        "days_since_first_event": days_since(past, visits["first_us"]),
        "days_since_last_event": since_last,
        "active_days_30d": visits["active_days_30d"],
        "active_days_all": visits["active_days_all"],
        **{f"sessions_{window}": visits[f"sessions_{window}"] for window in ("7d", "30d", "90d", "all")},
        "session_mean_s": ratio(visits["sum_s"], sessions),
        "session_typical_s": np.expm1(ratio(visits["sum_log_s"], sessions)),
        "session_mean_events": ratio(visits["events"], sessions),
        "last_session_s": (visits["last_us"] - last_start) / 1e6,
        "last_session_events": np.where(sessions > 0, visits["last_events"], np.nan),
        "session_gap_mean_days": visits["gap_mean_days"],
        "session_gap_std_days": np.sqrt(ratio(visits["gap_squares"], sessions - 1)),
        "session_overdue": ratio(days_since(past, last_start), visits["gap_mean_days"]),
    }
    return found | dict(type_columns(past, TYPES))


def trends(past: Past) -> Columns:
    """Return the columns of the group ``trends``: logarithms of one span's rate over that of a longer one.

    With ``log1p``, so that nothing at all is 0 and small numbers do not shout.
    """
    counts, visits = counts_of(past), visits_of(past)
    spans = ("7d", "30d", "90d")
    measured: dict[str, list[Array]] = {
        "events": [counts.done(span) for span in spans],
        "sessions": [visits[f"sessions_{span}"] for span in spans],
    }
    for name, event_type in (("views", "view_item"), ("carts", "add_to_cart")):
        if event_type in past.types:
            measured[name] = [counts.of(event_type, span) for span in spans]
    if "purchase" in past.types:
        orders = orders_of(past)
        measured["orders"] = [orders[f"orders_{span}"] for span in spans]
        if has_money(past):
            # Returns booked as purchases can make a sum negative, of which there is no logarithm.
            measured["spend"] = [np.maximum(orders[f"spend_{span}"], 0) for span in spans]
    found: Columns = {}
    for name, (week, month, quarter) in measured.items():
        found[f"{name}_trend_7d_30d"] = np.log1p(week * (30 / 7)) - np.log1p(month)
        found[f"{name}_trend_30d_90d"] = np.log1p(month * 3.0) - np.log1p(quarter)
    return found | {"events_weekly_slope": visits["slope"]}


def context(past: Past) -> Columns:
    """Return the columns of the group ``context``; those of ``context_codes`` hold codes."""
    visits = visits_of(past)
    events = visits["events"]
    length = np.hypot(visits["sine"], visits["cosine"])
    directed = np.where(length > _LEAST_DIRECTION * events, length, 0)
    found: Columns = {
        "hour_sin": ratio(visits["sine"], directed),
        "hour_cos": ratio(visits["cosine"], directed),
        "hour_concentration": ratio(length, events),
        "weekend_share": ratio(visits["weekend"], events),
        "night_share": ratio(visits["night"], events),
    }
    for name, modal, last in _CODES:
        if name in past.extra:
            codes = past.extra[name]
            tallied = _tallied(past.offsets, codes, np.zeros(int(codes.max(initial=0)) + 1, np.int32))
            found |= {f"{name}_modal": tallied[0]} if modal else {}
            found |= {f"{name}_last": tallied[1]} if last else {}
            found |= {f"{name}s_distinct": tallied[2]} if modal and last else {}
    return found


def context_codes(past: Past) -> Iterator[tuple[str, int]]:
    """Return the names of the columns of ``context`` that hold codes, and their number of codes."""
    for name, modal, last in _CODES:
        if name in past.extra:
            yield from [(f"{name}_modal", past.sizes[name])] if modal else []
            yield from [(f"{name}_last", past.sizes[name])] if last else []


_CODES: Final = (
    ("channel", True, True),
    ("device", True, True),
    ("country", True, False),
    ("region", True, False),
    ("campaign", False, True),
)
"""Columns of codes; whether the most frequent code is wanted, and whether the last one is."""


@kernel
def _tallied(offsets: Int64, codes: Array, tally: npt.NDArray[np.int32]) -> Float64:
    """Return the most frequent code (of equals, the one used last), the last one, and the number of codes, [3, rows].

    Args:
        offsets: Where rows begin.
        codes: [events], 0 for none, which is not counted.
        tally: A zero for each code; zeros again afterwards.
    """
    n_rows = len(offsets) - 1
    found = np.zeros((3, n_rows), np.float64)
    for row in range(n_rows):
        for i in range(offsets[row], offsets[row + 1]):
            code = codes[i]
            if code > 0:
                found[2, row] += tally[code] == 0
                tally[code] += 1
                found[1, row] = code
        most = 0
        for i in range(offsets[row + 1] - 1, offsets[row] - 1, -1):
            code = codes[i]
            if code > 0 and tally[code] > most:
                most = tally[code]
                found[0, row] = code
        for i in range(offsets[row], offsets[row + 1]):
            tally[codes[i]] = 0
    return found
