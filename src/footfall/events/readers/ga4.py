"""Google Analytics 4: rows of the BigQuery export (``events_YYYYMMDD``) as JSONL or Parquet.

One row per element of ``items``, or one row where there is none. ``(not set)`` counts as missing.

- ``user_pseudo_id`` is the ``anonymous_id``; the session is ``user_pseudo_id.ga_session_id``, since the number alone
  names one session per user only.
- ``channel`` and ``campaign`` come from the session (``session_traffic_source_last_click``), else from the event
  (``collected_traffic_source``, then the parameters ``medium`` and ``campaign``). ``traffic_source`` is how the user
  was won once, not how they came this time; it stays in ``properties``.
- ``value``: a row with an item leaves it to price x quantity (or takes ``item_revenue`` where there is no price); a
  purchase without items takes ``ecommerce.purchase_revenue``, a refund ``ecommerce.refund_value``.
- An item without an id is known by its name. Its category is the path of ``item_category`` to ``item_category5``.

In ``properties`` every column stands under its own name, ``event_params`` as one object of its keys, and ``item`` is
the element as it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from footfall.events.readers._base import Projection, Reader, lit, q, rename
from footfall.events.readers._sql import (
    JsonFields,
    as_json,
    category_path,
    given,
    joined,
    json_pairs,
    others,
    without_nulls,
)

_EVENT_NAMES: Final = {
    "view_search_results": "search",
    "in_app_purchase": "purchase",
    "ecommerce_purchase": "purchase",
    "purchase_refund": "refund",
}

_PARAM_SHAPE: Final = (
    '[{"key":"VARCHAR","value":{"string_value":"VARCHAR","int_value":"VARCHAR",'
    '"float_value":"VARCHAR","double_value":"VARCHAR"}}]'
)

_ITEM: Final = JsonFields(
    "_x_item",
    {
        "id": "$.item_id",
        "name": "$.item_name",
        "brand": "$.item_brand",
        "category": "$.item_category",
        "category2": "$.item_category2",
        "category3": "$.item_category3",
        "category4": "$.item_category4",
        "category5": "$.item_category5",
        "price": "$.price",
        "quantity": "$.quantity",
        "revenue": "$.item_revenue",
        "refund": "$.item_refund",
        "list_id": "$.item_list_id",
        "list_name": "$.item_list_name",
        "list_index": "$.item_list_index",
        "index": "$.index",
    },
)
_ORDER: Final = JsonFields(
    "_x_order", {"id": "$.transaction_id", "revenue": "$.purchase_revenue", "refund": "$.refund_value"}
)
_GEO: Final = JsonFields("_x_geo", {"country": "$.country", "region": "$.region"})
_DEVICE: Final = JsonFields("_x_device", {"category": "$.category"})
_SESSION: Final = JsonFields(
    "_x_session",
    {
        "channel": "$.cross_channel_campaign.default_channel_group",
        "medium": "$.manual_campaign.medium",
        "campaign": "$.cross_channel_campaign.campaign_name",
        "manual_campaign": "$.manual_campaign.campaign_name",
    },
)
_TOUCH: Final = JsonFields(
    "_x_touch", {"medium": "$.manual_medium", "campaign": "$.manual_campaign_name", "gclid": "$.gclid"}
)
_STRUCTS: Final = {
    "ecommerce": _ORDER,
    "geo": _GEO,
    "device": _DEVICE,
    "session_traffic_source_last_click": _SESSION,
    "collected_traffic_source": _TOUCH,
}

_PARAMS: Final = q("event_params")
_PARAM_VALUE: Final = (
    "coalesce({0}.value.string_value, {0}.value.int_value, {0}.value.float_value, {0}.value.double_value)"
)
_PARAM_JSON: Final = (
    # A cast of 0.5 to a whole number is 1: only what is one is made one; anything else keeps its text.
    "coalesce(to_json({0}.value.string_value), "
    "CASE WHEN regexp_full_match({0}.value.int_value, '-?[0-9]+') "
    "THEN to_json(TRY_CAST({0}.value.int_value AS BIGINT)) END, "
    "to_json(TRY_CAST(coalesce({0}.value.float_value, {0}.value.double_value) AS DOUBLE)), "
    "to_json(" + _PARAM_VALUE + "))"
)


def _param(key: str) -> str:
    return f"_x_values[list_position(_x_keys, {lit(key)})]"


def _set(value: str) -> str:
    return f"nullif({value}, '(not set)')"


def _first(*values: str) -> str:
    there = (_set(f"nullif({value}, '')") for value in values)
    return f"coalesce({', '.join(there)})"


def _amount(value: str) -> str:
    """Build the SQL of a parameter that is only sometimes money: what is no amount stays in ``properties`` alone."""
    return f"CASE WHEN TRY_CAST({value} AS DECIMAL(18,4)) >= 0 THEN {value} END"


def _prepare(columns: Sequence[str]) -> dict[str, str]:
    """Take every nested column apart once."""
    prepare = {fields.name: fields.of(given(columns, column)) for column, fields in _STRUCTS.items()}
    params = given(columns, "event_params")
    return prepare | {
        "_x_params": f"TRY(from_json({params}, {lit(_PARAM_SHAPE)}))",
        "_x_keys": "list_transform(_x_params, lambda p: p.key)",
        "_x_values": f"list_transform(_x_params, lambda p: {_PARAM_VALUE.format('p')})",
        "_x_items": f"TRY_CAST({given(columns, 'items')} AS JSON[])",
    }


def _value() -> str:
    item_money = f"CASE WHEN {_ITEM['price']} IS NULL THEN coalesce({_ITEM['revenue']}, {_ITEM['refund']}) END"
    name = q("event_name")
    bought = ", ".join(lit(theirs) for theirs in ("purchase", *(t for t, o in _EVENT_NAMES.items() if o == "purchase")))
    return (
        f"CASE WHEN element IS NOT NULL THEN {item_money} "
        f"WHEN {name} IN ({bought}) THEN coalesce({_ORDER['revenue']}, {_param('value')}) "
        f"WHEN {name} IN ('refund', 'purchase_refund') THEN coalesce({_ORDER['refund']}, {_param('value')}) "
        f"ELSE {_amount(_param('value'))} END"
    )


def _event(columns: Sequence[str]) -> dict[str, str]:
    anonymous = given(columns, "user_pseudo_id")
    cpc = f"CASE WHEN {_TOUCH['gclid']} IS NOT NULL THEN 'cpc' END"
    campaigns = (_SESSION["campaign"], _SESSION["manual_campaign"], _TOUCH["campaign"], _param("campaign"))
    return without_nulls(
        {
            "user_id": given(columns, "user_id"),
            "anonymous_id": anonymous,
            "timestamp": q("event_timestamp"),
            "event_type": rename(q("event_name"), _EVENT_NAMES),
            "item_id": _first(_ITEM["id"], _ITEM["name"]),
            "quantity": _ITEM["quantity"],
            "price": _ITEM["price"],
            "currency": _set(_param("currency")),
            "order_id": _first(_ORDER["id"], _param("transaction_id")),
            "value": _value(),
            "session_id": f"coalesce({anonymous} || '.', '') || {_param('ga_session_id')}",
            "query": _set(_param("search_term")),
            "list_id": _first(_ITEM["list_id"], _ITEM["list_name"], _param("item_list_id")),
            "position": f"CAST(TRY_CAST(coalesce({_ITEM['list_index']}, {_ITEM['index']}) AS INTEGER) AS VARCHAR)",
            "channel": _first(_SESSION["channel"], _SESSION["medium"], cpc, _TOUCH["medium"], _param("medium")),
            "campaign": _first(*campaigns),
            "device": _set(_DEVICE["category"]),
            "country": _set(_GEO["country"]),
            "region": _set(_GEO["region"]),
        }
    )


def _kept_params() -> str:
    """Build the SQL of the parameters as one object; as they came where two have one key or they cannot be read."""
    pairs = f"list_transform(_x_params, lambda p: to_json(p.key) || ':' || coalesce({_PARAM_JSON.format('p')}, 'null'))"
    whole = f"'{{' || array_to_string({pairs}, ',') || '}}'"
    return f"CASE WHEN len(list_distinct(_x_keys)) = len(_x_keys) THEN {whole} ELSE {as_json(_PARAMS)} END"


def _kept(columns: Sequence[str]) -> dict[str, str]:
    kept = {}
    if "event_params" in columns:
        kept["event_params"] = _kept_params()
    if "items" in columns:
        kept["items"] = f"CASE WHEN _x_items IS NULL THEN {as_json(q('items'))} END"
    return kept


def _project(columns: Sequence[str]) -> Projection:
    levels = [_set(_ITEM[f"category{n}"]) for n in ("", 2, 3, 4, 5)]
    items = {
        "item_id": _first(_ITEM["id"], _ITEM["name"]),
        "name": _set(_ITEM["name"]),
        "category": category_path(*levels),
        "brand": _set(_ITEM["brand"]),
        "price": _ITEM["price"],
        "currency": f"CASE WHEN {_ITEM['price']} IS NOT NULL THEN {_set(_param('currency'))} END",
    }
    used = ("user_id", "user_pseudo_id", "event_timestamp", "event_name", "event_params", "items")
    return Projection(
        _event(columns),
        items,
        prepare=_prepare(columns) | {"_x_kept": json_pairs(_kept(columns))},
        explode="_x_items",
        prepare_element={_ITEM.name: _ITEM.of("element")},
        rest=others(columns, *used),
        properties=joined("_x_kept", json_pairs({"item": "element"})),
        time_unit="us",
    )


READER = Reader(
    name="ga4",
    title="Google Analytics 4 export",
    required=frozenset({"event_timestamp", "event_name"}),
    one_of=(frozenset({"user_pseudo_id", "user_id"}),),
    known=frozenset(
        {
            "event_date",
            "event_params",
            "event_previous_timestamp",
            "event_value_in_usd",
            "event_bundle_sequence_id",
            "event_server_timestamp_offset",
            "event_dimensions",
            "batch_event_index",
            "batch_ordering_id",
            "batch_page_id",
            "privacy_info",
            "user_properties",
            "user_first_touch_timestamp",
            "user_ltv",
            "app_info",
            "stream_id",
            "platform",
            "traffic_source",
            "is_active_user",
            "publisher",
            "items",
            *_STRUCTS,
        }
    ),
    project=_project,
)
