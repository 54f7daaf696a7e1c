"""RetailRocket's recommender set, ``item_properties_part*.csv``: ``timestamp,itemid,property,value``.

One row says one thing of one item from one moment on: ``categoryid`` is the category, ``available`` is 0 or 1, and 790
is known to be the price (a number is written ``n15360.000``). All other properties have hashed names and words; they go
to the item's ``properties`` under the name they have. The price has a unit of its own, so it is given no currency.

``category_tree.csv`` is not read: a row of it describes neither an event nor an item, and a path cannot be built from
one row. Categories stay the leaves that the items name.
"""

from __future__ import annotations

from collections.abc import Sequence

from footfall.events.readers._base import Projection, Reader, q
from footfall.events.readers._sql import others

_VALUE, _PROPERTY = q("value"), q("property")
_IS_PRICE = f"{_PROPERTY} = '790' AND prefix({_VALUE}, 'n') AND TRY_CAST(substr({_VALUE}, 2) AS DOUBLE) >= 0"
_IS_AVAILABLE = f"{_PROPERTY} = 'available' AND {_VALUE} IN ('0', '1')"
_IS_CATEGORY = f"{_PROPERTY} = 'categoryid'"


def _project(columns: Sequence[str]) -> Projection:
    items = {
        "item_id": q("itemid"),
        "seen_at": f"CAST(make_timestamp_ms(TRY_CAST({q('timestamp')} AS BIGINT)) AS VARCHAR) || '+00'",
        "category": f"CASE WHEN {_IS_CATEGORY} THEN {_VALUE} END",
        "available": f"CASE WHEN {_IS_AVAILABLE} THEN CASE {_VALUE} WHEN '1' THEN 'true' ELSE 'false' END END",
        "price": f"CASE WHEN {_IS_PRICE} THEN substr({_VALUE}, 2) END",
    }
    named = f"json_object(coalesce({_PROPERTY}, 'property'), {_VALUE})"
    return Projection(
        {},
        items,
        rest=others(columns, "timestamp", "itemid", "property", "value"),
        properties=f"CASE WHEN {_IS_CATEGORY} OR ({_IS_AVAILABLE}) OR ({_IS_PRICE}) THEN NULL ELSE {named} END",
    )


READER = Reader(
    name="retailrocket_items",
    title="RetailRocket item properties",
    required=frozenset({"timestamp", "itemid", "property", "value"}),
    project=_project,
    target="items",
)
