"""The compiled loops over what users look at and keep in the cart.

Each walks over the events of one row after another; ``offsets`` (int64 [rows + 1]) says where they begin. Scratch
arrays with a zero for each code come from outside, where they cost no time before they are written to.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel
from footfall.features._cuts import Array, Int64
from footfall.features._past import Float64, window_of
from footfall.features.items import LEAST_SHARE
from footfall.histories.columns import FIRST_CODE
from footfall.schema import US_PER_DAY

Int32 = npt.NDArray[np.int32]

SEEN: Final = ("items_7d", "items_30d", "items_all", "categories", "entropy")


@kernel
def seen(
    offsets: Int64,
    time_us: Int64,
    place: Array,
    item: Int32,
    category: Int32,
    view: int,
    cutoff_us: Int64,
    seen_by: Int32,
    tally: Int32,
) -> Float64:
    """Return ``SEEN``, [fields, rows].

    Args:
        offsets: Where rows begin.
        time_us: [events].
        place: [events].
        item: [events].
        category: Category of each item, [codes known], 0 for none.
        view: The place of views.
        cutoff_us: The moment of each row.
        seen_by: A zero for each item code: who saw it, counted from 1.
        tally: A zero for each category code; zeros again afterwards.
    """
    n_rows = len(offsets) - 1
    found = np.zeros((5, n_rows), np.float64)
    for row in range(n_rows):
        n, logs = 0, 0.0
        # From the end: an item is first met in the shortest window that it was seen in.
        for i in range(offsets[row + 1] - 1, offsets[row] - 1, -1):
            code = item[i]
            if place[i] != view or code < FIRST_CODE:
                continue
            if seen_by[code] != row + 1:
                seen_by[code] = row + 1
                found[2, row] += 1
                window = window_of(cutoff_us[row] - time_us[i])
                found[1, row] += window <= 2
                found[0, row] += window <= 1
            if code < len(category) and category[code] > 0:
                n += 1
                found[3, row] += tally[category[code]] == 0
                tally[category[code]] += 1
        for i in range(offsets[row], offsets[row + 1]):
            code = item[i]
            if place[i] == view and FIRST_CODE <= code < len(category) and tally[category[code]] > 0:
                logs += tally[category[code]] * math.log(tally[category[code]])
                tally[category[code]] = 0
        found[4, row] = max(math.log(n) - logs / n, 0.0) if n else np.nan
    return found


CART: Final = ("items", "quantity", "value", "added_us", "conversion")
"""Distinct items; pieces; their worth (NaN where no price is known); the last addition of an item that is still in the
cart; mean conversion of the items."""


@kernel
def cart(  # noqa: C901, PLR0912 - one pass is one loop
    offsets: Int64,
    time_us: Int64,
    place: Array,
    item: Int32,
    quantity: Array,
    price: Array,
    places: tuple[int, int, int],
    usual: Array,
    conversion: Array,
    held_by: Int32,
    slot_of: Int32,
) -> Float64:
    """Return ``CART``, [fields, rows].

    Args:
        offsets: Where rows begin.
        time_us: [events].
        place: [events].
        item: [events]; events without an item are about one and the same.
        quantity: [events], NaN for one piece.
        price: [events], NaN where it is not said; then the usual price holds.
        places: The places of adding, removing and buying.
        usual: The usual price of each item, [codes known].
        conversion: Of each item, [codes known].
        held_by: A zero for each item code: whose cart it is in, counted from 1.
        slot_of: For each item code, where in that cart.
    """
    n_rows = len(offsets) - 1
    found = np.zeros((5, n_rows), np.float64)
    add, remove, buy = places
    for row in range(n_rows):
        begin, end = offsets[row + 1], offsets[row + 1]
        n_adds = 0
        while begin > offsets[row] and place[begin - 1] != buy:
            begin -= 1
            n_adds += place[begin] == add
        pieces = np.zeros(n_adds, np.float64)
        last = np.empty(n_adds, np.int64)
        n = 0
        for i in range(begin, end):
            if place[i] != add and place[i] != remove:
                continue
            code = item[i]
            number = 1.0 if np.isnan(quantity[i]) else np.float64(quantity[i])
            mine = held_by[code] == row + 1
            if place[i] == add:
                if not mine:
                    held_by[code], slot_of[code] = row + 1, n
                    n += 1
                pieces[slot_of[code]] += number
                last[slot_of[code]] = i
            elif mine:
                pieces[slot_of[code]] = max(pieces[slot_of[code]] - number, 0.0)
        priced, converting, added = 0, 0, np.int64(-1)
        for k in range(n):
            if pieces[k] <= 0:
                continue
            code = item[last[k]]
            found[0, row] += 1
            found[1, row] += pieces[k]
            added = max(added, last[k])
            each = np.float64(price[last[k]])
            if np.isnan(each) and code < len(usual):
                each = np.float64(usual[code])
            if not np.isnan(each):
                priced += 1
                found[2, row] += each * pieces[k]
            if FIRST_CODE <= code < len(conversion):
                converting += 1
                found[4, row] += conversion[code]
        if added >= 0 and priced == 0:
            found[2, row] = np.nan
        found[3, row] = time_us[added] if added >= 0 else np.nan
        found[4, row] = found[4, row] / converting if converting else np.nan
    return found


SPANS: Final = ("30d", "all", "last")
WORTH: Final = tuple(f"seen_{what}_{span}" for span in SPANS for what in ("popularity", "conversion", "price"))


@kernel
def worth(
    offsets: Int64,
    time_us: Int64,
    place: Array,
    item: Int32,
    view: int,
    cutoff_us: Int64,
    popularity: Array,
    conversion: Array,
    price: Array,
) -> Float64:
    """Return ``WORTH``, [fields, rows]: means over views in 30 days and in all, and what holds of the last item seen.

    Args:
        offsets: Where rows begin.
        time_us: [events].
        place: [events].
        item: [events].
        view: The place of views.
        cutoff_us: The moment of each row.
        popularity: Logarithm of each item's share of events, [codes known].
        conversion: Of each item, [codes known].
        price: Usual price of each item, [codes known].
    """
    n_rows = len(offsets) - 1
    found = np.full((9, n_rows), np.nan)
    least = np.float64(np.log(LEAST_SHARE))
    sums, counts = np.zeros((2, 3)), np.zeros((2, 3))
    for row in range(n_rows):
        sums[:], counts[:] = 0.0, 0.0
        for i in range(offsets[row], offsets[row + 1]):
            code = item[i]
            if place[i] != view or code < FIRST_CODE:
                continue
            known = code < len(price)
            recent = cutoff_us[row] - time_us[i] <= 30 * US_PER_DAY
            found[6, row] = popularity[code] if known else least
            found[7, row] = conversion[code] if known else np.nan
            found[8, row] = price[code] if known else np.nan
            for k in range(3):
                value = found[6 + k, row]
                if not np.isnan(value):
                    sums[1, k] += value
                    counts[1, k] += 1
                    if recent:
                        sums[0, k] += value
                        counts[0, k] += 1
        for span in range(2):
            for k in range(3):
                if counts[span, k] > 0:
                    found[3 * span + k, row] = sums[span, k] / counts[span, k]
    return found


@kernel
def distinct(offsets: Int64, codes: Array, seen_by: Int32) -> Float64:
    """Return the number of distinct codes above 0, float64 [rows]; ``seen_by`` has a zero for each code."""
    found = np.zeros(len(offsets) - 1, np.float64)
    for row in range(len(found)):
        for i in range(offsets[row], offsets[row + 1]):
            if codes[i] > 0 and seen_by[codes[i]] != row + 1:
                seen_by[codes[i]] = row + 1
                found[row] += 1
    return found
