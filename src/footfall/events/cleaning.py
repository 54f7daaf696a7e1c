"""Cleaning: from a reader's texts to typed columns, each row with the reason why it is refused. Gives SQL only.

Three layers of one query: *texts* (the reader's expressions), *typed* (casts that give null instead of failing) and
*reason* (a text that was there but did not become a value, or a value that cannot be). The first reason that applies
is the one that is counted, in the order of ``REASONS``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

from footfall.events.readers._base import Projection, Target, lit
from footfall.schema import GIVEN_EVENT_COLUMNS, US_PER_S

REASONS: Final[dict[str, str]] = {
    "missing_columns": "the line has fewer columns than the header",
    "too_many_columns": "the line has more columns than the header",
    "unterminated_quote": "a quoted value never ends",
    "bad_quotes": "text follows a closing quote",
    "bad_encoding": "the line is not text in the file's encoding, UTF-8 if not given; give another with --encoding",
    "line_too_long": "the line is longer than 1 MB",
    "bad_json": "the line is not valid JSON",
    "not_an_object": "the line is JSON, but not an object",
    "truncated_file": "the packed file ends in the middle; what came before was read",
    "missing_timestamp": "there is no time",
    "bad_timestamp": "the time cannot be read; its format can be given with --time-format",
    "impossible_timestamp": "the time lies before 1990",
    "future_timestamp": "the time lies in the future, beyond clock_skew_s",
    "missing_user": "there is neither a user nor an anonymous id",
    "missing_event_type": "there is no event type",
    "missing_item": "an event about an item, or a row of the catalogue, names none",
    "bad_price": "the price is not a number, or too large",
    "negative_price": "the price is below zero",
    "bad_quantity": "the quantity is not a number, or too large",
    "negative_quantity": "the quantity is below zero and the event is no refund",
    "bad_value": "the value is not a number, or too large",
    "negative_value": "the value is below zero and the event is no adjustment",
    "bad_rating": "the rating is not a number from 1 to 5",
    "bad_position": "the position is not a whole number from 0",
    "bad_logging_prob": "logging_prob is not a number above 0 and at most 1",
    "bad_available": "whether the item is available is neither true nor false",
    "erased_user": "this person was erased; the row is counted, and not kept",
}
"""Every reason a row can be refused for, in the order in which they are tried, and what it means."""

NEEDS_ITEM: Final = ("view_item", "select_item", "add_to_cart", "remove_from_cart", "add_to_wishlist")
"""Events that mean nothing without their item."""

MONEY_TYPES: Final = ("purchase", "refund", "adjustment")
"""Events whose ``value`` is filled from price and quantity when the source gives none."""

FIRST_YEAR: Final = 1990

_IDS: Final = ("user_id", "anonymous_id", "item_id", "order_id", "event_type", "event_id")
_NO_ID: Final = (
    "", "null", "NULL", "Null", "none", "None", "NONE", "nan", "NaN", "NAN", "nil", "undefined", "(not set)", "n/a",
    "N/A", "na", "NA",
)  # fmt: skip
_NUMBERS: Final[dict[str, str]] = {
    "quantity": "DECIMAL(18,3)",
    "price": "DECIMAL(18,4)",
    "value": "DECIMAL(18,4)",
    "rating": "DOUBLE",
    "position": "INTEGER",
    "logging_prob": "DOUBLE",
}


@dataclasses.dataclass(frozen=True)
class Cleaning:
    """The SQL of the layers.

    Attributes:
        ids: Id column to the reader's expression, to be worked out first and named ``_given_<column>``.
        texts: Column to the expression of the first layer, over the raw columns.
        typed: Column to the expression of the second layer, over the texts (named ``t_<column>``).
        reason: Expression of the third layer, over both; null for a row that is accepted.
    """

    ids: Mapping[str, str]
    texts: Mapping[str, str]
    typed: Mapping[str, str]
    reason: str

    def given(self, column: str) -> bool:
        """Tell whether the source gives a column, or gives what it is made of."""
        made = {"value": {"price"}, "currency": {"price", "value"}}
        return column in self.texts or bool(made.get(column, set()) & set(self.texts))


def cleaning(
    projection: Projection,
    *,
    now_us: int,
    clock_skew_s: int,
    currency: str,
    time_format: str | None = None,
    target: Target = "events",
) -> Cleaning:
    """Build the SQL that turns a reader's texts into typed columns and reasons.

    Args:
        projection: What the reader gives.
        now_us: The moment of this ingest, UTC microseconds.
        clock_skew_s: How far in the future a time is still believed, in seconds.
        currency: The shop's currency, for money whose source names none.
        time_format: A strptime format that the user gave for times.
        target: Whether the rows are events or items.
    """
    # Worked out once, in a layer of their own: cleaning an id names its expression several times.
    ids = {column: sql for column, sql in projection.event.items() if column in _IDS}
    texts = {
        column: _text(column, f"_given_{column}" if column in ids else sql) for column, sql in projection.event.items()
    }
    typed: dict[str, str] = {}
    for column in GIVEN_EVENT_COLUMNS:
        if column == "event_id":
            continue
        if column not in texts:
            typed[column] = _absent(column)
        elif column == "timestamp":
            typed[column] = time_sql("t_timestamp", projection, time_format)
        elif column in _NUMBERS:
            typed[column] = f"try_cast(t_{column} AS {_NUMBERS[column]})"
        else:
            typed[column] = f"t_{column}"
    typed["value"] = _value(typed)
    money = [c for c in ("price", "value") if c in texts]
    if money:
        given = "t_currency" if "currency" in texts else "NULL"
        there = " OR ".join(f"t_{c} IS NOT NULL" for c in money)
        typed["currency"] = f"coalesce({given}, CASE WHEN {there} THEN {lit(currency)} END)"
    latest_us = now_us + clock_skew_s * US_PER_S
    if target == "items":
        return Cleaning(ids, texts, typed, _item_reason(projection, latest_us))
    return Cleaning(ids, texts, typed, _reason(set(texts), latest_us))


def _text(column: str, expression: str) -> str:
    if column not in _IDS:
        return f"nullif({expression}, '')"
    # An id that says "nothing" would melt all nameless users into one. Most ids need no trimming, and trimming is dear.
    nothing = ", ".join(lit(word) for word in _NO_ID)
    blank = f"({expression}) LIKE ' %' OR ({expression}) LIKE '% '"
    trimmed = f"nullif(trim({expression}), '')"
    return f"CASE WHEN ({expression}) IN ({nothing}) THEN NULL WHEN {blank} THEN {trimmed} ELSE {expression} END"


def _absent(column: str) -> str:
    kind = {"timestamp": "TIMESTAMPTZ", **_NUMBERS}.get(column, "VARCHAR")
    return f"CAST(NULL AS {kind})"


def time_sql(t: str, projection: Projection, time_format: str | None = None) -> str:
    """Build the SQL that reads a time; a text without a zone is in the shop's (the connection's TimeZone).

    Args:
        t: Name of the column that holds the text.
        projection: Says how the source writes times.
        time_format: A strptime format that the user gave.
    """
    if time_format is not None:
        return f"CAST(try_strptime({t}, {lit(time_format)}) AS TIMESTAMPTZ)"
    factor = {"s": 1_000_000, "ms": 1000, "us": 1}.get(projection.time_unit)
    if factor is not None:
        # TRY, for the largest and the smallest BIGINT are no times.
        return f"TRY(make_timestamptz(try_cast(round(try_cast({t} AS DECIMAL(28,6)) * {factor}) AS BIGINT)))"
    formats = projection.time_formats
    # A text that says it is UTC needs no time zone library, which is twice as fast; the plain cast ignores any zone.
    plain = f"make_timestamptz(epoch_us(try_cast({t} AS TIMESTAMP)))"
    tries = [
        f"CASE WHEN ends_with({t}, 'UTC') OR ends_with({t}, 'Z') THEN {plain} ELSE try_cast({t} AS TIMESTAMPTZ) END"
    ]
    if formats:
        tries.append(f"CAST(try_strptime({t}, [{', '.join(lit(f) for f in formats)}]) AS TIMESTAMPTZ)")
    if projection.time_unit == "auto":
        tries.append(_numeric_time(t))
    tries.append(f"try_cast(trim({t}) AS TIMESTAMPTZ)")
    return f"coalesce({', '.join(tries)})"


def _numeric_time(t: str) -> str:
    """Build the SQL for a bare number: YYYYMMDD, or s, ms, us, ns since 1970 told apart by size (1973 to 2100)."""
    number = f"try_cast({t} AS DECIMAL(28,6))"
    epoch = (
        f"CASE WHEN {number} BETWEEN 1e8 AND 1e10 THEN {number} * 1000000 WHEN {number} BETWEEN 1e11 AND 1e13 "
        f"THEN {number} * 1000 WHEN {number} BETWEEN 1e14 AND 1e16 THEN {number} "
        f"WHEN {number} BETWEEN 1e17 AND 1e19 THEN {number} / 1000 END"
    )
    return (
        f"CASE WHEN length({t}) = 8 THEN CAST(try_strptime({t}, '%Y%m%d') AS TIMESTAMPTZ) "
        f"ELSE make_timestamptz(try_cast(round({epoch}) AS BIGINT)) END"
    )


def _value(typed: Mapping[str, str]) -> str:
    types = ", ".join(lit(t) for t in MONEY_TYPES)
    # TRY, for the product itself may be too large for its type.
    product = f"TRY(CAST(({typed['price']}) * coalesce({typed['quantity']}, 1) AS DECIMAL(18,4)))"
    given = typed["value"]
    if "t_price" not in typed["price"]:
        return given
    return f"coalesce({given}, CASE WHEN {typed['event_type']} IN ({types}) THEN {product} END)"


def _item_reason(projection: Projection, latest_us: int) -> str:
    """Build the CASE that names the first reason why a row of the catalogue is refused."""
    tests = [("missing_item", "coalesce(trim(i_item_id), '') = ''")]
    if "seen_at" in projection.items:
        seen = time_sql("i_seen_at", projection)
        tests += [
            ("bad_timestamp", f"trim(i_seen_at) <> '' AND {seen} IS NULL"),
            ("impossible_timestamp", f"{seen} < {_first_moment()}"),
            ("future_timestamp", f"{seen} > make_timestamptz({latest_us})"),
        ]
    if "price" in projection.items:
        price = f"try_cast(i_price AS {_NUMBERS['price']})"
        tests += [("bad_price", f"trim(i_price) <> '' AND {price} IS NULL"), ("negative_price", f"{price} < 0")]
    if "available" in projection.items:
        tests.append(("bad_available", "trim(i_available) <> '' AND try_cast(i_available AS BOOLEAN) IS NULL"))
    return f"CASE {' '.join(f'WHEN {test} THEN {lit(reason)}' for reason, test in tests)} END"


def _first_moment() -> str:
    return f"TIMESTAMPTZ '{FIRST_YEAR}-01-01 00:00:00+00'"


def _reason(have: set[str], latest_us: int) -> str:
    """Build the CASE that names the first reason; checks of columns that the source lacks are left out."""
    types = ", ".join(lit(t) for t in NEEDS_ITEM)
    money = ", ".join(lit(t) for t in MONEY_TYPES)
    tests: list[tuple[str, str | None, str]] = [
        ("missing_timestamp", None, "coalesce(trim(t_timestamp), '') = ''" if "timestamp" in have else "true"),
        ("bad_timestamp", "timestamp", '"timestamp" IS NULL'),
        ("impossible_timestamp", "timestamp", f'"timestamp" < {_first_moment()}'),
        ("future_timestamp", "timestamp", f'"timestamp" > make_timestamptz({latest_us})'),
        ("missing_user", None, "user_id IS NULL AND anonymous_id IS NULL"),
        ("missing_event_type", None, "event_type IS NULL"),
        ("missing_item", None, f"item_id IS NULL AND event_type IN ({types})"),
        ("bad_price", "price", "price IS NULL AND trim(t_price) <> ''"),
        ("negative_price", "price", "price < 0"),
        ("bad_quantity", "quantity", "quantity IS NULL AND trim(t_quantity) <> ''"),
        ("negative_quantity", "quantity", "quantity < 0 AND event_type <> 'adjustment'"),
        ("bad_value", "value", "trim(t_value) <> '' AND \"value\" IS NULL"),
        ("bad_value", "price", f'price IS NOT NULL AND event_type IN ({money}) AND "value" IS NULL'),
        ("negative_value", None, "\"value\" < 0 AND event_type <> 'adjustment'"),
        ("bad_rating", "rating", "trim(t_rating) <> '' AND (rating IS NULL OR NOT rating BETWEEN 1 AND 5)"),
        ("bad_position", "position", 'trim(t_position) <> \'\' AND ("position" IS NULL OR "position" < 0)'),
        (
            "bad_logging_prob",
            "logging_prob",
            "trim(t_logging_prob) <> '' AND (logging_prob IS NULL OR NOT (logging_prob > 0 AND logging_prob <= 1))",
        ),
    ]
    whens = [f"WHEN {test} THEN {lit(reason)}" for reason, column, test in tests if column is None or column in have]
    return f"CASE {' '.join(whens)} END"
