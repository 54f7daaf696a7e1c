"""One walk over each history: sessions, active days, hours, how deep visits go. Half an hour's silence ends a session.

Only what users do counts: what is shown or sent to them (``schema.PASSIVE_EVENT_TYPES``) begins no session.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from footfall.compiled import kernel
from footfall.features._cuts import Array, Int64
from footfall.features._past import Float64, Past, once, window_of
from footfall.schema import PASSIVE_EVENT_TYPES, US_PER_DAY, US_PER_S

STAGES: Final = {"view_item": 1, "add_to_cart": 2, "begin_checkout": 3, "add_payment_info": 3, "purchase": 4}
"""How far down the funnel a type of event is."""
N_WEEKS: Final = 8

FIELDS: Final = (
    "sessions_7d",
    "sessions_30d",
    "sessions_90d",
    "sessions_all",
    "events",
    "first_us",
    "last_us",
    "active_days_30d",
    "active_days_all",
    "sum_s",
    "sum_log_s",
    "gap_mean_days",
    "gap_squares",
    "last_start_us",
    "last_events",
    "last_depth",
    "depth_30d",
    "by_search",
    "slope",
    "sine",
    "cosine",
    "weekend",
    "night",
)
"""What the walk finds of each row, in the order of its answer; moments are NaN where there is none."""

_GAP_US: Final = 1800 * US_PER_S
_MINUTE_US: Final = 60 * US_PER_S
_ANGLES: Final = np.arange(1440) * (2 * math.pi / 1440)
_SINE, _COSINE = np.sin(_ANGLES), np.cos(_ANGLES)  # one entry per minute: exact in any order, and faster
for _table in (_SINE, _COSINE):
    _table.flags.writeable = False


@once
def visits_of(past: Past) -> dict[str, Float64]:
    """Walk over every history, and return ``FIELDS``, each float64 [rows]."""
    found = _walked(
        past.offsets,
        past.time_us,
        past.local_us,
        past.place,
        past.among(PASSIVE_EVENT_TYPES),
        past.among(STAGES),
        past.place_of("search"),
        past.cutoff_us,
        _SINE,
        _COSINE,
    )
    return dict(zip(FIELDS, found, strict=True))


@kernel
def _walked(  # noqa: C901, PLR0915 - one pass is one loop
    offsets: Int64,
    time_us: Int64,
    local_us: Int64,
    place: Array,
    passive: Array,
    stage: Array,
    search: int,
    cutoff_us: Int64,
    sines: Float64,
    cosines: Float64,
) -> Float64:
    """Walk; ``passive`` and ``stage`` are int8 [places], ``search`` the place of searches. Returns [fields, rows]."""
    n_rows = len(offsets) - 1
    found = np.empty((23, n_rows), np.float64)
    within = np.zeros(5, np.int64)
    for row in range(n_rows):
        within[:] = 0
        events, sessions, by_search, inside, depth, deepest = 0, 0, 0, 0, 0, 0
        first = start = last = np.int64(0)
        sum_s, sum_log_s, gap_mean, gap_squares = 0.0, 0.0, 0.0, 0.0
        day = day_30 = np.int64(-(1 << 62))
        days, days_30, weekend, night = 0, 0, 0, 0
        slope, sine, cosine = 0.0, 0.0, 0.0
        for i in range(offsets[row], offsets[row + 1]):
            kind, now = place[i], time_us[i]
            if passive[kind]:
                continue
            age = cutoff_us[row] - now
            recent = age <= 30 * US_PER_DAY
            if events == 0:
                first = now
            if events == 0 or now - last > _GAP_US:
                if sessions:
                    length_s = (last - start) / US_PER_S
                    sum_s += length_s
                    sum_log_s += math.log1p(length_s)
                    gap = (now - start) / US_PER_DAY
                    step = gap - gap_mean
                    gap_mean += step / sessions
                    gap_squares += step * (gap - gap_mean)
                sessions += 1
                within[window_of(age)] += 1
                by_search += kind == search
                start, inside, depth = now, 0, 0
            last = now
            events += 1
            inside += 1
            depth = max(depth, stage[kind])
            if recent:
                deepest = max(deepest, stage[kind])
            # A clock that is put back at midnight shows the day before once more: a day counts when it is a new one.
            today = local_us[i] // US_PER_DAY
            if today > day:
                day = today
                days += 1
            if recent and today > day_30:
                day_30 = today
                days_30 += 1
            week = (age - 1) // (7 * US_PER_DAY)
            if week < 8:
                slope += 3.5 - week
            minute = local_us[i] % US_PER_DAY // _MINUTE_US
            sine += sines[minute]
            cosine += cosines[minute]
            night += minute < 360
            weekend += (today + 3) % 7 >= 5  # the first of January 1970 was a Thursday
        if sessions:
            sum_s += (last - start) / US_PER_S
            sum_log_s += math.log1p((last - start) / US_PER_S)
        day_7, day_30d, day_90 = within[0] + within[1], within[0] + within[1] + within[2], sessions - within[4]
        answers = (
            float(day_7),
            float(day_30d),
            float(day_90),
            float(sessions),
            float(events),
            float(first) if events else np.nan,
            float(last) if events else np.nan,
            float(days_30),
            float(days),
            sum_s,
            sum_log_s,
            gap_mean if sessions > 1 else np.nan,
            gap_squares if sessions > 2 else np.nan,
            float(start) if events else np.nan,
            float(inside),
            float(depth),
            float(deepest),
            float(by_search),
            slope / 42,  # the squares of -3.5, -2.5, ... 3.5 add up to 42
            sine,
            cosine,
            float(weekend),
            float(night),
        )
        for k in range(23):
            found[k, row] = answers[k]
    return found
