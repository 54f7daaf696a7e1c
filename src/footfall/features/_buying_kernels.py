"""The compiled loops over what users bought.

``offsets`` (int64 [rows + 1]) says where the lines, or the orders, of each row begin.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel
from footfall.features._cuts import Array, Int64
from footfall.features._past import Float64, window_of
from footfall.histories.columns import FIRST_CODE
from footfall.schema import US_PER_DAY

Int32 = npt.NDArray[np.int32]

DISCOUNT: Final = 0.05
"""A price this far below the item's usual one is a discount."""

_SPANS: Final = ("7d", "30d", "90d", "all")


@kernel
def numbered(offsets: Int64, time_us: Int64, code: Int32, seen_by: Int32, seen_as: Int64) -> tuple[Int64, int]:
    """Return the order of each purchase row, int64 [lines], and the number of orders.

    Args:
        offsets: Where rows begin.
        time_us: [lines].
        code: Order codes, [lines].
        seen_by: A zero for each code: who used it last, counted from 1.
        seen_as: For each code, the order that it was then.
    """
    number = np.empty(len(code), np.int64)
    n_orders = 0
    for row in range(len(offsets) - 1):
        free, free_us = -1, np.int64(0)
        for i in range(offsets[row], offsets[row + 1]):
            if code[i] > 0:
                if seen_by[code[i]] != row + 1:
                    seen_by[code[i]], seen_as[code[i]] = row + 1, n_orders
                    n_orders += 1
                number[i] = seen_as[code[i]]
                continue
            if free < 0 or time_us[i] != free_us:
                free, free_us = n_orders, time_us[i]
                n_orders += 1
            number[i] = free
    return number, n_orders


ORDERS: Final = (
    *(f"orders_{span}" for span in _SPANS),
    *(f"spend_{span}" for span in _SPANS),
    "quantity",
    "lines",
    "first_us",
    "last_us",
    "gap_mean_days",
    "gap_squares",
    "max_value",
    "last_value",
)


@kernel
def ordered(
    offsets: Int64, first_us: Int64, value: Float64, quantity: Float64, lines: Float64, cutoff_us: Int64
) -> Float64:
    """Return ``ORDERS``, [fields, rows]; ``offsets`` cuts the orders into rows."""
    n_rows = len(offsets) - 1
    found = np.zeros((16, n_rows), np.float64)
    for row in range(n_rows):
        begin, end = offsets[row], offsets[row + 1]
        mean, squares = 0.0, 0.0
        found[10:, row] = np.nan
        for i in range(begin, end):
            for span in range(max(window_of(cutoff_us[row] - first_us[i]), 1), 5):
                found[span - 1, row] += 1
                found[span + 3, row] += value[i]
            found[8, row] += quantity[i]
            found[9, row] += lines[i]
            if i > begin:
                gap = (first_us[i] - first_us[i - 1]) / US_PER_DAY
                step = gap - mean
                mean += step / (i - begin)
                squares += step * (gap - mean)
        if end > begin:
            found[10, row], found[11, row] = first_us[begin], first_us[end - 1]
            found[14, row], found[15, row] = value[begin:end].max(), value[end - 1]
        if end - begin > 1:
            found[12, row] = mean
        if end - begin > 2:
            found[13, row] = squares
    return found


BOUGHT: Final = ("distinct", "repeated", "with_item", "discounted", "comparable", "max_price", "usual_price")
"""Distinct items; rows whose item was in an earlier order; rows with an item; rows below the usual price; rows whose
price and usual price are known; the highest price; the mean usual price."""


@kernel
def bought(
    offsets: Int64, item: Int32, number: Int64, price: Array, usual: Array, seen_by: Int32, seen_in: Int64
) -> Float64:
    """Return ``BOUGHT``, [fields, rows].

    Args:
        offsets: Where rows begin.
        item: [lines].
        number: The order of each line, [lines].
        price: Per piece, NaN where it is not said, [lines].
        usual: The usual price of each item, float32 [codes known].
        seen_by: A zero for each item code: who bought it last, counted from 1.
        seen_in: For each item code, the order it was last bought in.
    """
    n_rows = len(offsets) - 1
    found = np.zeros((7, n_rows), np.float64)
    for row in range(n_rows):
        highest, total, n_usual = np.nan, 0.0, 0
        for i in range(offsets[row], offsets[row + 1]):
            code = item[i]
            known = code >= FIRST_CODE
            if known:
                found[2, row] += 1
                if seen_by[code] != row + 1:
                    found[0, row] += 1
                elif seen_in[code] != number[i]:
                    found[1, row] += 1
                seen_by[code], seen_in[code] = row + 1, number[i]
            if not price[i] <= highest and not np.isnan(price[i]):
                highest = price[i]
            if known and code < len(usual) and not np.isnan(usual[code]):
                total += usual[code]
                n_usual += 1
                if not np.isnan(price[i]):
                    found[4, row] += 1
                    # A hair more than the bound, for prices are held with seven digits.
                    found[3, row] += price[i] <= np.float64(usual[code]) * (1 - DISCOUNT) * (1 + 1e-6)
        found[5, row] = highest
        found[6, row] = total / n_usual if n_usual else np.nan
    return found
