"""Features of what users bought: the group ``buying``.

Rows of a user's purchases with the same order code are one order; those without one are one order per microsecond. An
order is dated by its first row, and is worth all of its rows before the cutoff.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from footfall.features import _buying_kernels as kernels
from footfall.features._counts import type_columns
from footfall.features._cuts import Int64, frozen
from footfall.features._past import Columns, Float64, Past, days_since, once, ratio

TYPES: Final = ("purchase", "refund")
"""Event types that this group counts."""

_MOST_ORDER_CODE: Final = 1 << 26


@dataclasses.dataclass(frozen=True)
class Lines:
    """The purchase rows of a past, in its order.

    Attributes:
        offsets: Where each row's lines begin, and the end, int64 [rows + 1].
        at: Positions of the events, int64 [lines].
        number: Which order each belongs to, int64 [lines]; orders are numbered by row, then by their first line.
        n_orders: Number of orders.
    """

    offsets: Int64
    at: Int64
    number: Int64
    n_orders: int


def buying(past: Past) -> Columns:
    """Return the columns of the group ``buying``; none where the log has no purchases."""
    if "purchase" not in past.types:
        return {}
    orders, bought = orders_of(past), bought_of(past)
    found: Columns = {f"orders_{span}": orders[f"orders_{span}"] for span in ("30d", "90d", "all")}
    n_orders = orders["orders_all"]
    since_last = days_since(past, orders["last_us"])
    found |= {
        "items_per_order": ratio(orders["quantity"], n_orders),
        "lines_per_order": ratio(orders["lines"], n_orders),
        "days_since_first_order": days_since(past, orders["first_us"]),
        "days_since_last_order": since_last,
        "order_gap_mean_days": orders["gap_mean_days"],
        "order_gap_std_days": np.sqrt(ratio(orders["gap_squares"], n_orders - 1)),
        "order_overdue": ratio(since_last, orders["gap_mean_days"]),
        "items_bought_distinct": bought["distinct"],
        "repeat_share": ratio(bought["repeated"], bought["with_item"]),
    }
    if has_money(past):
        found |= {f"spend_{span}": orders[f"spend_{span}"] for span in ("30d", "90d", "all")}
        found["order_mean_value"] = ratio(orders["spend_all"], n_orders)
        found["order_max_value"] = orders["max_value"]
        found["last_order_value"] = orders["last_value"]
        if "refund" in past.types:
            refunded = _refunded(past)
            found |= {"refunded": refunded, "refund_share": ratio(refunded, orders["spend_all"])}
    if "price" in past.extra:
        found["max_price"] = bought["max_price"]
        if past.facts is not None:
            found["discount_share"] = ratio(bought["discounted"], bought["comparable"])
    return found | dict(type_columns(past, TYPES))


def has_money(past: Past) -> bool:
    """Tell whether the log says what purchases are worth."""
    return "value_minor" in past.extra or "price" in past.extra


@once
def lines_of(past: Past) -> Lines:
    """Put purchase rows together to orders."""
    at = np.flatnonzero(past.place == past.place_of("purchase"))
    offsets = np.searchsorted(at, past.offsets)
    codes = past.order[at]
    if int(codes.max(initial=0)) > _MOST_ORDER_CODE:  # too large to number by; equal ones must only stay equal
        codes = np.where(codes > 0, np.unique(codes, return_inverse=True)[1] + 1, 0)
    number, n_orders = kernels.numbered(
        frozen(offsets, np.int64),
        frozen(past.time_us[at]),
        frozen(codes, np.int32),
        np.zeros(int(codes.max(initial=0)) + 1, np.int32),
        np.empty(int(codes.max(initial=0)) + 1, np.int64),
    )
    return Lines(frozen(offsets, np.int64), frozen(at, np.int64), frozen(number), n_orders)


@once
def orders_of(past: Past) -> dict[str, Float64]:
    """Return ``kernels.ORDERS``, each float64 [rows]; moments are NaN where there is none."""
    lines = lines_of(past)
    quantity = np.nan_to_num(past.column("quantity")[lines.at].astype(np.float64), nan=1.0)
    row = np.repeat(np.arange(len(past)), np.diff(lines.offsets))
    first_line = np.full(lines.n_orders, len(row), np.int64)
    np.minimum.at(first_line, lines.number, np.arange(len(row)))
    found = kernels.ordered(
        frozen(np.searchsorted(row[first_line], np.arange(len(past) + 1)), np.int64),
        frozen(past.time_us[lines.at][first_line]),
        _sums(lines, money_at(past, lines.at)),
        _sums(lines, quantity),
        _sums(lines, np.ones(len(row))),
        past.cutoff_us,
    )
    return dict(zip(kernels.ORDERS, found, strict=True))


@once
def bought_of(past: Past) -> dict[str, Float64]:
    """Return ``kernels.BOUGHT``, each float64 [rows]."""
    lines = lines_of(past)
    usual = np.zeros(0, np.float32) if past.facts is None else past.facts.price
    found = kernels.bought(
        lines.offsets,
        frozen(past.item[lines.at]),
        lines.number,
        frozen(past.column("price")[lines.at]),
        frozen(usual, np.float32),
        past.scratch(),
        np.empty(past.n_codes, np.int64),
    )
    return dict(zip(kernels.BOUGHT, found, strict=True))


def money_at(past: Past, at: Int64) -> Float64:
    """Return what events are worth in major units, float64: their value, else price times quantity (one if not said).

    Args:
        past: Where they stand.
        at: Positions of the events, int64.
    """
    value = past.column("value_minor")[at] / past.minor
    quantity = np.nan_to_num(past.column("quantity")[at].astype(np.float64), nan=1.0)
    priced = np.nan_to_num(past.column("price")[at].astype(np.float64) * quantity, nan=0.0)
    worth: Float64 = np.where(value != 0, value, priced)
    return worth


def _refunded(past: Past) -> Float64:
    at = np.flatnonzero(past.place == past.place_of("refund"))
    row = np.searchsorted(past.offsets, at, side="right") - 1
    return np.bincount(row, np.abs(money_at(past, at)), len(past)).astype(np.float64)


def _sums(lines: Lines, each: npt.NDArray[Any]) -> Float64:
    return frozen(np.bincount(lines.number, each, lines.n_orders), np.float64)
