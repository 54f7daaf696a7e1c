"""Canonical names: columns of the tables, event types, units. No logic.

Times are UTC microseconds. ``price``, ``quantity`` and ``value`` are decimals in major units of ``currency``;
code that adds money up uses integer minor units (``value_minor``).
"""

from __future__ import annotations

from typing import Final

EVENT_COLUMNS: Final[dict[str, str]] = {
    "event_id": "VARCHAR",
    "user_id": "VARCHAR",
    "anonymous_id": "VARCHAR",
    "timestamp": "TIMESTAMPTZ",
    "ingested_at": "TIMESTAMPTZ",
    "event_type": "VARCHAR",
    "item_id": "VARCHAR",
    "quantity": "DECIMAL(18,3)",
    "price": "DECIMAL(18,4)",
    "currency": "VARCHAR",
    "order_id": "VARCHAR",
    "value": "DECIMAL(18,4)",
    "session_id": "VARCHAR",
    "query": "VARCHAR",
    "text": "VARCHAR",
    "rating": "DOUBLE",
    "list_id": "VARCHAR",
    "position": "INTEGER",
    "logging_prob": "DOUBLE",
    "decision_id": "VARCHAR",
    "channel": "VARCHAR",
    "campaign": "VARCHAR",
    "device": "VARCHAR",
    "country": "VARCHAR",
    "region": "VARCHAR",
    "ip": "VARCHAR",
    "user_agent": "VARCHAR",
    "properties": "VARCHAR",
    "bot": "VARCHAR",
    "source": "VARCHAR",
    "sequence": "BIGINT",
}
"""Column of ``lake/events`` to its SQL type. ``properties`` is JSON text. ``bot`` is why the agent was flagged.
``sequence`` is the row's place in its ingest: events of one user at the same time keep the order of the source."""

GIVEN_EVENT_COLUMNS: Final = tuple(c for c in EVENT_COLUMNS if c not in {"ingested_at", "bot", "source", "sequence"})
"""The event columns that a source can give; the others are ours."""

ITEM_COLUMNS: Final[dict[str, str]] = {
    "item_id": "VARCHAR",
    "name": "VARCHAR",
    "category": "VARCHAR",
    "brand": "VARCHAR",
    "price": "DECIMAL(18,4)",
    "currency": "VARCHAR",
    "image": "VARCHAR",
    "description": "VARCHAR",
    "available": "BOOLEAN",
    "properties": "VARCHAR",
    "seen_at": "TIMESTAMPTZ",
    "source": "VARCHAR",
}
"""Column of ``lake/items`` to its SQL type: one row per item and change; the newest value of each column holds.
``category`` is a path with ``.`` between its levels; ``seen_at`` is when the row began to hold."""

GIVEN_ITEM_COLUMNS: Final = tuple(c for c in ITEM_COLUMNS if c not in {"seen_at", "source"})

REJECT_COLUMNS: Final[dict[str, str]] = {
    "reject_id": "VARCHAR",
    "source": "VARCHAR",
    "file": "VARCHAR",
    "line": "BIGINT",
    "reason": "VARCHAR",
    "detail": "VARCHAR",
    "user_id": "VARCHAR",
    "raw": "VARCHAR",
    "ingested_at": "TIMESTAMPTZ",
}
"""``line`` is the physical line where it is known; ``raw`` is the row as read."""

LINK_COLUMNS: Final[dict[str, str]] = {
    "anonymous_id": "VARCHAR",
    "user_id": "VARCHAR",
    "linked_at": "TIMESTAMPTZ",
    "origin": "VARCHAR",
    "undone": "BOOLEAN",
    "ingested_at": "TIMESTAMPTZ",
}
"""``origin`` says who made the link (``events``, ``alias``, ``user``); the newest row of a pair holds."""

EVENT_TYPES: Final = (
    "view_item_list",
    "view_promotion",
    "select_item",
    "select_promotion",
    "search",
    "view_item",
    "add_to_wishlist",
    "add_to_cart",
    "remove_from_cart",
    "view_cart",
    "begin_checkout",
    "add_payment_info",
    "purchase",
    "refund",
    "review",
    "rate",
    "share",
    "like",
    "login",
    "sign_up",
    "ad_impression",
    "ad_click",
    "message_sent",
    "message_open",
    "message_click",
    "support_message",
)
"""The known event types (GA4's names where GA4 has one); any other name is kept as it is."""

PASSIVE_EVENT_TYPES: Final = ("view_item_list", "view_promotion", "ad_impression", "message_sent")
"""Events that happen to a user rather than by them: shown, sent."""

KEY_EVENT_TYPES: Final = ("add_to_cart", "begin_checkout", "purchase", "sign_up", "add_to_wishlist")
"""Events that make a session engaged by themselves."""

US_PER_S: Final = 1_000_000
US_PER_DAY: Final = 86_400 * US_PER_S
