"""The columns of compiled histories: names, types, what missing looks like. No logic.

Codes of vocabularies: 0 is missing, 1 a rare id (below the caller's ``min_count``), 2 an id not seen at compile time,
real ids start at 3.
"""

from __future__ import annotations

from typing import Final

import numpy as np

MISSING: Final = 0
RARE: Final = 1
UNSEEN: Final = 2
FIRST_CODE: Final = 3

CODED: Final[dict[str, str]] = {
    "event_type": "event_type",
    "item": "item_id",
    "channel": "channel",
    "campaign": "campaign",
    "device": "device",
    "country": "country",
    "region": "region",
    "list": "list_id",
    "query": "query",
    "currency": "currency",
}
"""Columns coded by a vocabulary shared by all partitions: ours to the event column they come from."""

LOCAL: Final[dict[str, str]] = {"order": "order_id", "source_session": "session_id"}
"""Columns coded within one partition only: equal codes mean equal ids of the same partition; 0 is missing, and ids are
numbered from 1 in the order in which they first appear. Ids are told apart by 64-bit hashes (two of a million ids fall
together with a chance of about 3 in a hundred million)."""

DTYPES: Final[dict[str, np.dtype[np.generic]]] = {
    "timestamp_us": np.dtype(np.int64),
    "event_type": np.dtype(np.int16),
    "item": np.dtype(np.int32),
    "value_minor": np.dtype(np.int64),
    "price": np.dtype(np.float32),
    "quantity": np.dtype(np.float32),
    "rating": np.dtype(np.float32),
    "position": np.dtype(np.int32),
    "order": np.dtype(np.int32),
    "source_session": np.dtype(np.int32),
    "channel": np.dtype(np.int32),
    "campaign": np.dtype(np.int32),
    "device": np.dtype(np.int32),
    "country": np.dtype(np.int32),
    "region": np.dtype(np.int32),
    "list": np.dtype(np.int32),
    "query": np.dtype(np.int32),
    "currency": np.dtype(np.int32),
    "bot": np.dtype(np.uint8),
}
"""Every column of a partition, one value per event. ``timestamp_us`` is microseconds since 1970 UTC; ``value_minor`` is
money in minor units of the shop's currency (0 where there is none), rounded half to even; a refund's is positive as it
is in the lake, so revenue is purchases less refunds."""

NOTHING: Final[dict[str, float]] = {"price": np.nan, "quantity": np.nan, "rating": np.nan, "position": -1}
"""What a missing value looks like where it is not 0."""

USER_BOT_AGENT: Final = 1
USER_BOT_BEHAVIOUR: Final = 2
"""Bits of ``user_bot``: why a user is taken for a robot (its agent says so; it behaves like one)."""
