"""The plain five-column log of many articles: ``user_id,event_type,product_id,category_id,timestamp``.

Event types are ``view``, ``add_to_cart``, ``purchase`` and their like (see ``_names``). ``item_id`` may stand for
``product_id``, and a ``category`` for ``category_id``; a price, a quantity, an order and a session are taken if given.
"""

from __future__ import annotations

from collections.abc import Sequence

from footfall.events.readers._base import Projection, Reader, q
from footfall.events.readers._names import event_name_sql
from footfall.events.readers._sql import given, others, without_nulls

_ITEM = ("product_id", "item_id")
_CATEGORY = ("category", "category_id")
_OPTIONAL = ("price", "quantity", "order_id", "session_id")


def _project(columns: Sequence[str]) -> Projection:
    event = {
        "user_id": q("user_id"),
        "timestamp": q("timestamp"),
        "event_type": event_name_sql(q("event_type")),
        "item_id": given(columns, *_ITEM),
        **{name: given(columns, name) for name in _OPTIONAL},
    }
    items = {
        "item_id": given(columns, *_ITEM),
        "category": given(columns, *_CATEGORY),
        "price": given(columns, "price"),
    }
    # Where a file has both names of one thing, the second may differ: it is kept beside the first.
    first = [next((c for c in names if c in columns), "") for names in (_ITEM, _CATEGORY)]
    used = ("user_id", "timestamp", "event_type", *first, *_OPTIONAL)
    return Projection(without_nulls(event), without_nulls(items), rest=others(columns, *used))


READER = Reader(
    name="plain",
    title="plain event log",
    required=frozenset({"user_id", "event_type", "timestamp"}),
    one_of=(frozenset(_ITEM),),
    known=frozenset({*_CATEGORY, *_OPTIONAL}),
    project=_project,
)
