"""Segment and RudderStack: one JSON line per call, in the form their warehouses, S3 buckets and webhooks receive.

``track`` lines bear the names of the Ecommerce spec (v2, and v1's where they differ); other names stay as they are. One
row per element of ``properties.products``, or one row where there are none: then the properties may be the product.
``page`` becomes ``page_view``, ``screen`` ``screen_view``; ``identify`` and ``alias`` are kept as events, so that the
link of both ids is seen, an alias with its ``previousId`` as the ``anonymous_id``.

- ``value`` is taken for purchases, refunds and begun checkouts without products: ``revenue``, else ``subtotal``, else
  ``value``, else ``total`` less tax and shipping. With products it is price x quantity.
- ``channel`` is the campaign's medium, else its source, else the kind of referrer; RudderStack's own ``channel`` (web,
  mobile, server) is not one, and stays in ``properties``.
- ``Order Updated`` and ``Order Cancelled`` move no money: a shop that pays money back sends ``Order Refunded``.
- ``ip`` and ``userAgent`` leave ``context`` and ``properties``, for the columns where they are kept as hashes only.

In ``properties`` the event's properties stand at the top, ``context`` and the call's other keys beside them, and
``item`` is the product as it came.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from footfall.events.readers._base import Projection, Reader, lit, q
from footfall.events.readers._sql import (
    JsonFields,
    as_json,
    category_path,
    given,
    joined,
    json_pairs,
    json_path,
    others,
    without_nulls,
)

EVENT_NAMES: Final[Mapping[str, str]] = {
    "product viewed": "view_item",
    "product list viewed": "view_item_list",
    "product list filtered": "view_item_list",
    "product clicked": "select_item",
    "products searched": "search",
    "product added": "add_to_cart",
    "product removed": "remove_from_cart",
    "cart viewed": "view_cart",
    "checkout started": "begin_checkout",
    "checkout step viewed": "checkout_step_viewed",
    "checkout step completed": "checkout_step_completed",
    "payment info entered": "add_payment_info",
    "order completed": "purchase",
    "order updated": "order_updated",
    "order refunded": "refund",
    "order cancelled": "order_cancelled",
    "promotion viewed": "view_promotion",
    "promotion clicked": "select_promotion",
    "coupon entered": "coupon_entered",
    "coupon applied": "coupon_applied",
    "coupon denied": "coupon_denied",
    "coupon removed": "coupon_removed",
    "product added to wishlist": "add_to_wishlist",
    "product removed from wishlist": "remove_from_wishlist",
    "wishlist product added to cart": "add_to_cart",
    "product shared": "share",
    "cart shared": "share_cart",
    "product reviewed": "review",
    "signed up": "sign_up",
    "signed in": "login",
    "viewed product": "view_item",
    "viewed product category": "view_item_list",
    "clicked product": "select_item",
    "searched products": "search",
    "added product": "add_to_cart",
    "removed product": "remove_from_cart",
    "viewed cart": "view_cart",
    "started checkout": "begin_checkout",
    "viewed checkout step": "checkout_step_viewed",
    "completed checkout step": "checkout_step_completed",
    "completed order": "purchase",
    "updated order": "order_updated",
    "refunded order": "refund",
    "cancelled order": "order_cancelled",
    "viewed promotion": "view_promotion",
    "clicked promotion": "select_promotion",
}
"""The spec's event name, in lower case and with blanks, to ours."""

_VALUED: Final = ("purchase", "refund", "begin_checkout")

_PRODUCT: Final = {
    "product_id": "$.product_id",
    "sku": "$.sku",
    "name": "$.name",
    "brand": "$.brand",
    "category": "$.category",
    "price": "$.price",
    "quantity": "$.quantity",
    "position": "$.position",
    "image": "$.image_url",
    "currency": "$.currency",
    "id": "$.id",
}
_ITEM: Final = JsonFields("_x_item", _PRODUCT)
_PROPS: Final = JsonFields(
    "_x_props",
    {
        **_PRODUCT,
        "products": "$.products",
        "order_id": "$.order_id",
        "revenue": "$.revenue",
        "subtotal": "$.subtotal",
        "value": "$.value",
        "total": "$.total",
        "tax": "$.tax",
        "shipping": "$.shipping",
        "query": "$.query",
        "list_id": "$.list_id",
        "rating": "$.rating",
        "review": "$.review_body",
        "ip": "$.ip",
        "agent": "$.userAgent",
        "agent2": "$.user_agent",
    },
)
_CONTEXT: Final = JsonFields(
    "_x_context",
    {
        "ip": "$.ip",
        "agent": "$.userAgent",
        "campaign": "$.campaign.name",
        "medium": "$.campaign.medium",
        "source": "$.campaign.source",
        "referrer": "$.referrer.type",
        "device": "$.device.type",
        "country": "$.location.country",
        "region": "$.location.region",
        "session_id": "$.sessionId",
    },
)
_ITEM_ID: Final = f"coalesce(nullif({_ITEM['product_id']}, ''), nullif({_ITEM['sku']}, ''), {_ITEM['id']})"
_CURRENCY: Final = f"coalesce({_ITEM['currency']}, {_PROPS['currency']})"
_PRIVATE: Final = '"ip":null,"userAgent":null,"user_agent":null'
_PATCHED: Final = "'ip', 'userAgent', 'user_agent', 'products'"
_NO_PRODUCTS: Final = '"products":null'
_TIMES: Final = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
_IPS: Final = ("request_ip", "requestIP")


def _event_type(columns: Sequence[str]) -> str:
    kind, event = given(columns, "type"), given(columns, "event")
    spoken = f"replace(lower({event}), '_', ' ')"
    whens = " ".join(f"WHEN {lit(theirs)} THEN {lit(ours)}" for theirs, ours in EVENT_NAMES.items())
    return (
        f"CASE {kind} WHEN 'track' THEN CASE {spoken} {whens} ELSE {event} END "
        f"WHEN 'page' THEN 'page_view' WHEN 'screen' THEN 'screen_view' ELSE {kind} END"
    )


def _prepare(columns: Sequence[str], rest: Sequence[str]) -> dict[str, str]:
    return {
        "_x_type": _event_type(columns),
        _PROPS.name: _PROPS.of(given(columns, "properties")),
        _CONTEXT.name: _CONTEXT.of(given(columns, "context")),
        "_x_products": f"TRY_CAST({_PROPS['products']} AS JSON[])",
        "_x_keys": f"TRY(json_keys({given(columns, 'properties')}))",
        "_x_own": _own(columns, rest),
        "_x_beside": json_pairs({key: value for key, (value, _) in _beside(columns).items()}),
        "_x_kept": joined("_x_own", "_x_beside"),
    }


def _prepare_element() -> dict[str, str]:
    """Take the product apart; a call without a list of products may be about one itself."""
    own = f"coalesce({_PROPS['product_id']}, {_PROPS['sku']}) IS NOT NULL"
    # An `id` beside a call's properties can be anything's; in a list of products it is the product's.
    alone = f"list_concat({_PROPS.name}[1:{len(_PRODUCT) - 1}], [NULL])"
    return {
        _ITEM.name: f"CASE WHEN element IS NOT NULL THEN {_ITEM.of('element')} WHEN {own} THEN {alone} END",
    }


def _value() -> str:
    cost = " - ".join(f"coalesce(TRY_CAST({_PROPS[c]} AS DECIMAL(18,4)), 0)" for c in ("tax", "shipping"))
    net = f"CAST(TRY_CAST({_PROPS['total']} AS DECIMAL(18,4)) - {cost} AS VARCHAR)"
    total = f"coalesce({net}, {_PROPS['total']})"
    order = f"coalesce({_PROPS['revenue']}, {_PROPS['subtotal']}, {_PROPS['value']}, {total})"
    valued = ", ".join(lit(name) for name in _VALUED)
    return f"CASE WHEN element IS NULL AND _x_type IN ({valued}) THEN {order} END"


def _event(columns: Sequence[str]) -> dict[str, str]:
    previous = given(columns, "previousId")
    anonymous = given(columns, "anonymousId")
    alias = f"CASE WHEN {q('type')} = 'alias' THEN coalesce({previous}, {anonymous}) ELSE {anonymous} END"
    asked = given(columns, *_IPS)
    return without_nulls(
        {
            "event_id": given(columns, "messageId"),
            "user_id": given(columns, "userId"),
            "anonymous_id": anonymous if previous == "NULL" else alias,
            "timestamp": given(columns, *_TIMES),
            "event_type": "_x_type",
            "item_id": _ITEM_ID,
            "quantity": _ITEM["quantity"],
            "price": _ITEM["price"],
            "currency": _CURRENCY,
            "order_id": _PROPS["order_id"],
            "value": _value(),
            "session_id": _CONTEXT["session_id"],
            "query": _PROPS["query"],
            "text": f"CASE WHEN _x_type = 'review' THEN {_PROPS['review']} END",
            "rating": f"CASE WHEN _x_type = 'review' THEN {_PROPS['rating']} END",
            "list_id": _PROPS["list_id"],
            "position": f"CAST(TRY_CAST({_ITEM['position']} AS INTEGER) AS VARCHAR)",
            "channel": f"coalesce({_CONTEXT['medium']}, {_CONTEXT['source']}, {_CONTEXT['referrer']})",
            "campaign": _CONTEXT["campaign"],
            "device": _CONTEXT["device"],
            "country": _CONTEXT["country"],
            "region": _CONTEXT["region"],
            "ip": f"coalesce({_CONTEXT['ip']}, {_PROPS['ip']}, {asked})",
            "user_agent": f"coalesce({_CONTEXT['agent']}, {_PROPS['agent']}, {_PROPS['agent2']})",
        }
    )


def _items() -> dict[str, str]:
    category = _ITEM["category"]
    return {
        "item_id": _ITEM_ID,
        "name": _ITEM["name"],
        # The spec's category is one text; shops write a path in it with slashes.
        "category": f"replace({category_path(category)}, '/', '.')",
        "brand": _ITEM["brand"],
        "price": _ITEM["price"],
        "currency": f"CASE WHEN {_ITEM['price']} IS NOT NULL THEN {_CURRENCY} END",
        "image": _ITEM["image"],
    }


def _beside(columns: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return what is kept beside the call's properties: key to the SQL of its value and of whether there is one."""
    beside = {}
    kind = q("type")
    if "context" in columns:
        context = q("context")
        is_object = f"coalesce(TRY(json_type({context})) = 'OBJECT', false)"
        public = f"json_merge_patch({context}, '{{{_PRIVATE}}}')"
        value = f"CASE WHEN {is_object} THEN {public} ELSE {as_json(context)} END"
        beside["context"] = value, f"{context} IS NOT NULL"
    elsewhere = {
        "event": f"{kind} <> 'track'",
        "previousId": f"{kind} <> 'alias'",
        "anonymousId": f"{kind} = 'alias' AND {given(columns, 'previousId')} IS NOT NULL",
    }
    for column, unused in elsewhere.items():
        if column in columns:
            here = f"{unused} AND {q(column)} <> ''"
            beside[column] = f"CASE WHEN {here} THEN to_json({q(column)}) END", here
    return beside


def _own(columns: Sequence[str], rest: Sequence[str]) -> str:
    """Build the SQL of a call's properties as they are kept: without addresses, agents and products.

    They stand at the top, but under their own name in a row where one of them would hide another key.
    """
    if "properties" not in columns:
        return "'{}'"
    name = q("properties")
    odd = f"_x_products IS NULL AND {_PROPS['products']} IS NOT NULL"
    patch = f"CASE WHEN {odd} THEN '{{{_PRIVATE}}}' ELSE '{{{_PRIVATE},{_NO_PRODUCTS}}}' END"
    as_it_is = f"prefix({name}, '{{') AND suffix({name}, '}}') AND NOT list_has_any(_x_keys, [{_PATCHED}])"
    flat = f"CASE WHEN {as_it_is} THEN {name} ELSE CAST(json_merge_patch({name}, {patch}) AS VARCHAR) END"
    nested = json_pairs({"properties": flat})
    taken = {"item": "len(_x_products) > 0", **{key: there for key, (_, there) in _beside(columns).items()}}
    met = " OR ".join(f"(list_contains(_x_keys, {lit(key)}) AND {there})" for key, there in taken.items())
    own = (
        f"CASE WHEN {name} IS NULL THEN '{{}}' WHEN NOT coalesce(TRY(json_type({name})) = 'OBJECT', false) "
        f"THEN {json_pairs({'properties': as_json(name)})} WHEN {met} THEN {nested} "
    )
    if rest:
        differs = " OR ".join(f"json_extract_string({name}, {lit(json_path(c))}) <> {q(c)}" for c in rest)
        shared = f"list_has_any(_x_keys, [{', '.join(lit(c) for c in rest)}])"
        own += f"WHEN NOT {shared} THEN {flat} WHEN {differs} THEN {nested} "
    return f"{own} ELSE {flat} END"


def _project(columns: Sequence[str]) -> Projection:
    # The other times are kept even where they stand in for a missing timestamp: they say when a call was sent.
    used = ("type", "event", "messageId", "userId", "anonymousId", "previousId", "timestamp", *_IPS)
    rest = others(columns, *used, "properties", "context")
    return Projection(
        _event(columns),
        _items(),
        prepare=_prepare(columns, rest),
        explode="_x_products",
        prepare_element=_prepare_element(),
        rest=rest,
        properties=joined("_x_kept", json_pairs({"item": "element"})),
    )


READER = Reader(
    name="segment",
    title="Segment or RudderStack calls",
    required=frozenset({"type"}),
    one_of=(frozenset({"userId", "anonymousId"}), frozenset(_TIMES)),
    known=frozenset(
        {
            "event",
            "messageId",
            "properties",
            "context",
            "traits",
            "integrations",
            "previousId",
            "groupId",
            "name",
            "category",
            "version",
            "channel",
            "rudderId",
            "projectId",
            "writeKey",
            "_metadata",
            *_IPS,
        }
    ),
    project=_project,
)
