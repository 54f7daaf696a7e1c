"""REES46 marketing platform: the open behaviour logs of multi-category, cosmetics and electronics stores.

``event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session``: times are UTC and say
so, ``category_code`` is a path such as ``electronics.smartphone``. ``category_id`` stays in ``properties``.
"""

from __future__ import annotations

from collections.abc import Sequence

from footfall.events.readers._base import Projection, Reader, q
from footfall.events.readers._names import event_name_sql
from footfall.events.readers._sql import given, others, without_nulls


def _project(columns: Sequence[str]) -> Projection:
    event = {
        "user_id": q("user_id"),
        "timestamp": q("event_time"),
        "event_type": event_name_sql(q("event_type")),
        "item_id": q("product_id"),
        "price": given(columns, "price"),
        "session_id": given(columns, "user_session"),
    }
    items = {
        "item_id": q("product_id"),
        "category": given(columns, "category_code"),
        "brand": given(columns, "brand"),
        "price": given(columns, "price"),
    }
    used = ("user_id", "event_time", "event_type", "product_id", "price", "user_session", "category_code", "brand")
    return Projection(without_nulls(event), without_nulls(items), rest=others(columns, *used))


READER = Reader(
    name="rees46",
    title="REES46 behaviour log",
    required=frozenset({"event_time", "event_type", "product_id", "user_id"}),
    known=frozenset({"category_id", "category_code", "brand", "price", "user_session"}),
    project=_project,
)
