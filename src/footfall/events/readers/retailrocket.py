"""RetailRocket's recommender set, ``events.csv``: ``timestamp,visitorid,event,itemid,transactionid``.

Times are milliseconds. A visitor is the only person the set knows, so ``visitorid`` is the ``user_id``. The item
properties are read by ``retailrocket_items``.
"""

from __future__ import annotations

from collections.abc import Sequence

from footfall.events.readers._base import Projection, Reader, q
from footfall.events.readers._names import event_name_sql
from footfall.events.readers._sql import given, others, without_nulls


def _project(columns: Sequence[str]) -> Projection:
    event = {
        "user_id": q("visitorid"),
        "timestamp": q("timestamp"),
        "event_type": event_name_sql(q("event")),
        "item_id": q("itemid"),
        "order_id": given(columns, "transactionid"),
    }
    used = ("visitorid", "timestamp", "event", "itemid", "transactionid")
    return Projection(without_nulls(event), rest=others(columns, *used), time_unit="ms")


READER = Reader(
    name="retailrocket",
    title="RetailRocket events",
    required=frozenset({"timestamp", "visitorid", "event", "itemid"}),
    known=frozenset({"transactionid"}),
    project=_project,
)
