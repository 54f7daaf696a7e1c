from __future__ import annotations

import datetime as dt
import hashlib
from decimal import Decimal

import numpy as np
import pytest

from footfall.histories.columns import USER_BOT_AGENT
from footfall.histories.memory import from_events, partition_of, time_us, user_key, value_minor


def test_the_key_is_the_user_else_the_device() -> None:
    assert user_key({"user_id": "x", "anonymous_id": "y"}) == "u:x"
    assert user_key({"user_id": None, "anonymous_id": "x"}) == "a:x"


def test_the_partition_is_a_hash_that_other_engines_know() -> None:
    digest = hashlib.md5(b"u:x").digest()
    low = sum(byte << (8 * i) for i, byte in enumerate(digest[8:]))
    assert [partition_of("u:x", n) for n in (1, 16, 64)] == [0, low % 16, low % 64]


def test_times_are_exact_microseconds() -> None:
    assert time_us(7) == 7
    moment = dt.datetime(2019, 10, 1, 0, 0, 0, 1, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    # 2019-10-01 00:00 UTC is second 1,569,888,000; two hours earlier, and one microsecond
    assert time_us(moment) == (1_569_888_000 - 7200) * 1_000_000 + 1


@pytest.mark.parametrize(
    ("value", "minor", "expected"),
    [
        (Decimal("0.125"), 100, 12),  # 12.5 -> 12
        (Decimal("0.135"), 100, 14),  # 13.5 -> 14
        ("-0.125", 100, -12),
        (0.29, 100, 29),  # 0.29 * 100 is 28.999999999999996 in floats
        (1.5, 1, 2),
        (None, 100, 0),
    ],
)
def test_money_is_rounded_half_to_even(value: Decimal | float | str | None, minor: int, expected: int) -> None:
    assert value_minor(value, minor) == expected


def test_events_are_sorted_and_coded() -> None:
    log = [
        {"user_id": "u", "timestamp": 5, "event_type": "purchase", "item_id": "b", "value": "9.99", "order_id": "o2"},
        {"user_id": "u", "timestamp": 1, "event_type": "view_item", "item_id": "a", "order_id": "o1"},
        {"anonymous_id": "d", "timestamp": 3, "event_type": "view_item", "price": 2.5, "bot": "agent: x"},
        {"user_id": "u", "timestamp": 5, "event_type": "view_item", "order_id": "o1"},
    ]
    histories = from_events(log)
    part = histories.partitions[0]
    assert histories.users[0].to_pylist() == [{"user_id": "u", "anonymous": False}, {"user_id": "d", "anonymous": True}]
    assert part.offsets.tolist() == [0, 3, 4]
    assert part.timestamp_us.tolist() == [1, 5, 5, 3]  # of equal times the order given stays
    assert part.event_type.tolist() == [4, 3, 4, 4]
    assert part.column("item").tolist() == [4, 3, 0, 0]
    assert part.column("value_minor").tolist() == [0, 999, 0, 0]
    assert part.column("order").tolist() == [1, 2, 1, 0]  # by first appearance in the sorted partition
    assert part.column("price")[3] == 2.5
    assert np.isnan(part.column("price")[:3]).all()
    assert part.column("position").tolist() == [-1] * 4
    assert part.user_bot.tolist() == [0, USER_BOT_AGENT]
    assert histories.vocabularies["event_type"].counts.tolist() == [0, 0, 0, 1, 3]


def test_partitions_hold_whole_users() -> None:
    log = [{"user_id": f"u{i % 20}", "timestamp": i, "event_type": "view_item"} for i in range(200)]
    histories = from_events(log, partitions=8)
    assert histories.n_users == 20
    for part, users in zip(histories.partitions, histories.users, strict=True):
        assert {partition_of(f"u:{u}", 8) for u in users["user_id"].to_pylist()} <= {part.index}
        assert np.diff(part.offsets).tolist() == [10] * part.n_users
    assert [p.user_base for p in histories.partitions] == [
        sum(p.n_users for p in histories.partitions[:i]) for i in range(8)
    ]


def test_no_events_at_all() -> None:
    histories = from_events([])
    assert (histories.n_users, histories.n_events) == (0, 0)
