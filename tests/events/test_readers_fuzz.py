"""Readers on rows that nobody would write by hand: nothing stops them, and nothing is lost in them."""

from __future__ import annotations

import doctest
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from footfall.events.readers import _base, _names, _registry, _sql
from footfall.events.readers.segment import EVENT_NAMES

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
SCALAR = st.none() | st.booleans() | st.integers(-5, 10**6) | st.sampled_from([0.5, 19.99, -2.25]) | TEXT
KEYS = st.sampled_from(
    ["product_id", "sku", "price", "products", "ip", "context", "item", "name", "key", "value", "a b"]
)
JSON = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
PRODUCT = st.dictionaries(
    st.sampled_from(["product_id", "sku", "id", "price", "quantity", "position", "x"]), JSON, max_size=4
)
PARAM = st.fixed_dictionaries(
    {
        "key": TEXT | st.none(),
        "value": st.dictionaries(st.sampled_from(["string_value", "int_value"]), SCALAR, max_size=1),
    }
)

few = settings(max_examples=30, deadline=None)  # of up to ten rows each


def lines(rows: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n"


def without(value: Any, *keys: str) -> Any:
    """Take keys out of an object, as the reader takes addresses out."""
    return {k: v for k, v in value.items() if k not in keys} if isinstance(value, dict) else value


@few
@given(
    st.lists(
        st.fixed_dictionaries(
            {"type": st.sampled_from(["track", "page", "alias", "odd"]), "timestamp": st.just("2024-03-01")},
            optional={
                "event": st.sampled_from(["Product Viewed", "Order Completed", "Done"]),
                "userId": st.just("u1"),
                "anonymousId": st.just("a1"),
                "previousId": st.just("a0"),
                "properties": JSON | st.fixed_dictionaries({"products": st.lists(PRODUCT | JSON, max_size=3)}),
                "context": JSON,
                "name": TEXT,
                "traits": JSON,
            },
        ),
        min_size=1,
        max_size=10,
    )
)
def test_segment_loses_nothing(
    read_text: Callable[..., Any], leaves: Callable[..., set[str]], rows: list[dict[str, Any]]
) -> None:
    reader = _registry.by_name("segment")
    read = read_text(reader, lines(rows), "jsonl", more=sorted(reader.known))
    private = ("ip", "userAgent", "user_agent")
    public = [
        {key: without(value, *private) if key in {"properties", "context"} else value for key, value in row.items()}
        for row in rows
    ]
    renamed = {"track", "page", "Product Viewed", "Order Completed"}
    assert leaves(public) - leaves([read.events, read.items], True) <= renamed
    assert len(read.events) >= len(rows)


@few
@given(
    st.lists(
        st.fixed_dictionaries(
            {"event_timestamp": st.integers(1, 9), "event_name": st.sampled_from(["purchase", "page_view", "x"])},
            optional={
                "user_id": st.just("u1"),
                "user_pseudo_id": st.just("1.2"),
                "event_params": JSON | st.lists(PARAM, max_size=3),
                "items": JSON | st.lists(JSON, max_size=3),
                "ecommerce": JSON,
                "geo": JSON,
                "new_column": JSON,
            },
        ),
        min_size=1,
        max_size=10,
    )
)
@example([{"event_timestamp": 1, "event_name": "x", "event_params": [{"key": "", "value": {"int_value": 0.5}}]}])
def test_ga4_loses_nothing(
    read_text: Callable[..., Any], leaves: Callable[..., set[str]], rows: list[dict[str, Any]]
) -> None:
    reader = _registry.by_name("ga4")
    read = read_text(reader, lines(rows), "jsonl", more=sorted(reader.known))
    assert leaves(rows) - leaves([read.events, read.items], True) == set()


@few
@given(
    st.lists(
        st.tuples(st.sampled_from(["", "C", "c", "A"]), st.integers(-9, 9), st.decimals(-50, 50, places=2)), min_size=1
    )
)
def test_online_retail_money_can_be_added_up_again(
    read_text: Callable[..., Any], rows: list[tuple[str, int, Decimal]]
) -> None:
    body = "".join(f"{kind}{i},S,{quantity},2010-12-01,{price},1\n" for i, (kind, quantity, price) in enumerate(rows))
    text = "Invoice,StockCode,Quantity,InvoiceDate,Price,Customer ID\n" + body
    for event, (kind, quantity, price) in zip(
        read_text(_registry.by_name("online_retail"), text).events, rows, strict=True
    ):
        amount = Decimal(event["quantity"]) * Decimal(event["price"])
        assert Decimal(event["price"]) >= 0
        assert event["event_type"] == "adjustment" or Decimal(event["quantity"]) >= 0
        if "properties" in event and "Quantity" in event["properties"]:
            assert (event["event_type"], kind.upper()) == ("refund", "C")
            amount = -amount  # a return that forgot its sign, and says so
        assert (-amount if event["event_type"] == "refund" else amount) == quantity * price


def test_every_event_of_the_ecommerce_spec_is_known() -> None:
    spec = """Products Searched, Product List Viewed, Product List Filtered, Promotion Viewed, Promotion Clicked,
    Product Clicked, Product Viewed, Product Added, Product Removed, Cart Viewed, Checkout Started,
    Checkout Step Viewed, Checkout Step Completed, Payment Info Entered, Order Completed, Order Updated,
    Order Refunded, Order Cancelled, Coupon Entered, Coupon Applied, Coupon Denied, Coupon Removed,
    Product Added to Wishlist, Product Removed from Wishlist, Wishlist Product Added to Cart, Product Shared,
    Cart Shared, Product Reviewed"""
    assert {name.strip().lower() for name in spec.split(",")} <= set(EVENT_NAMES)


@pytest.mark.parametrize("module", [_base, _names, _sql], ids=lambda m: m.__name__)
def test_examples(module: Any) -> None:
    assert doctest.testmod(module).failed == 0
