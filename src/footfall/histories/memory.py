"""Histories from a list of events, in plain Python: for small data, for examples, and as the compiler's twin."""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from footfall.histories import robots
from footfall.histories.columns import CODED, DTYPES, LOCAL, NOTHING, USER_BOT_AGENT, USER_BOT_BEHAVIOUR
from footfall.histories.partition import Array, Partition
from footfall.histories.store import FORMAT, Histories
from footfall.histories.vocabulary import Vocabulary

Event = Mapping[str, Any]


def user_key(event: Event) -> str:
    """Return whose history an event belongs to: ``u:`` and the user id, else ``a:`` and the anonymous id."""
    return f"u:{event['user_id']}" if event.get("user_id") is not None else f"a:{event['anonymous_id']}"


def partition_of(key: str, partitions: int) -> int:
    """Return the partition of a user key: the last eight bytes of its MD5, little-endian, modulo ``partitions``."""
    return int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest()[8:], "little") % partitions


def from_events(
    events: Sequence[Event], *, partitions: int = 1, timezone: str = "UTC", currency: str = "USD", minor_digits: int = 2
) -> Histories:
    """Compile events held in memory.

    Args:
        events: Dictionaries with the event columns of ``schema``; ``timestamp`` is an aware datetime or
            int microseconds. Events of one user at the same time keep their order here.
        partitions: Number of partitions.
        timezone: The shop's zone.
        currency: The shop's currency.
        minor_digits: Decimals of its minor unit.
    """
    vocabularies = {}
    for column, given in CODED.items():
        seen: dict[str, int] = {}
        for event in events:
            if event.get(given) is not None:
                seen[event[given]] = seen.get(event[given], 0) + 1
        vocabularies[column] = Vocabulary.of(column, list(seen), list(seen.values()))
    homes: list[dict[str, list[Event]]] = [{} for _ in range(partitions)]
    for event in events:
        key = user_key(event)
        homes[partition_of(key, partitions)].setdefault(key, []).append(event)
    parts, users, base = [], [], 0
    for index, home in enumerate(homes):
        parts.append(_partition(index, base, home, vocabularies, 10**minor_digits))
        users.append(
            pa.table(
                {
                    "user_id": pa.array([k[2:] for k in home], pa.string()),
                    "anonymous": pa.array([k.startswith("a:") for k in home], pa.bool_()),
                }
            )
        )
        base += len(home)
    manifest = {"format": FORMAT, "timezone": timezone, "currency": currency, "lake_version": "memory"}
    return Histories(tuple(parts), vocabularies, users, manifest, timezone, currency)


def _partition(
    index: int, base: int, home: Mapping[str, list[Event]], vocabularies: Mapping[str, Vocabulary], minor: int
) -> Partition:
    ordered = [event for mine in home.values() for event in sorted(mine, key=lambda e: time_us(e["timestamp"]))]
    arrays: dict[str, Array] = {"timestamp_us": np.array([time_us(e["timestamp"]) for e in ordered], np.int64)}
    for column, given in CODED.items():
        arrays[column] = vocabularies[column].encode(e.get(given) for e in ordered).astype(DTYPES[column])
    for column, given in LOCAL.items():
        codes: dict[str, int] = {}
        values = [0 if e.get(given) is None else codes.setdefault(e[given], len(codes) + 1) for e in ordered]
        arrays[column] = np.array(values, DTYPES[column])
    for column in ("price", "quantity", "rating", "position"):
        values_f = [NOTHING[column] if e.get(column) is None else float(e[column]) for e in ordered]
        arrays[column] = np.array(values_f).astype(DTYPES[column])
    arrays["value_minor"] = np.array([value_minor(e.get("value"), minor) for e in ordered], np.int64)
    arrays["bot"] = np.array([e.get("bot") is not None for e in ordered], np.uint8)
    lengths = [len(mine) for mine in home.values()]
    agents = [any(e.get("bot") is not None for e in mine) for mine in home.values()]
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    kinds = robots.kinds_of(vocabularies["event_type"].ids)
    behave = robots.behaves_like_robot(offsets, offsets[1:], arrays["timestamp_us"], arrays["event_type"], kinds)
    flags = np.array(agents, np.uint8) * USER_BOT_AGENT + behave * USER_BOT_BEHAVIOUR
    return Partition(index, base, offsets, flags.astype(np.uint8), arrays)


def value_minor(value: decimal.Decimal | float | str | None, minor: int) -> int:
    """Return money in minor units, a half going to the even neighbour; 0 for None.

    Args:
        value: Major units.
        minor: Minor units in a major one.

    >>> value_minor("0.125", 100), value_minor("0.135", 100), value_minor(0.29, 100)
    (12, 14, 29)
    """
    if value is None:
        return 0
    return int((decimal.Decimal(str(value)) * minor).to_integral_value(decimal.ROUND_HALF_EVEN))


def time_us(moment: dt.datetime | int) -> int:
    """Return microseconds since 1970 UTC, without a float's rounding."""
    if isinstance(moment, int):
        return moment
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
