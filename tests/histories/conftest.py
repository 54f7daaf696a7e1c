"""Logs made by hypothesis for the compiler, and histories decoded back into plain values."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from footfall.histories.columns import CODED, DTYPES, LOCAL
from footfall.histories.store import Histories
from footfall.lake.workspace import Workspace

Row = dict[str, Any]
Decoded = dict[str, list[tuple[Any, ...]]]

START_US = 1_600_000_000_000_000


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    return Workspace.init(tmp_path / "shop")


@pytest.fixture(scope="session")
def event_rows() -> st.SearchStrategy[Row]:
    """One row of the lake: few ids and moments, so that they meet; ``ingested_at`` and ``sequence`` are left out."""
    ids = st.sampled_from([("u1", None), ("u2", None), ("u1", "d1"), ("u2", "d1"), ("u3", "d1"), ("u3", "d2")])
    lonely = st.sampled_from([(None, "d1"), (None, "d2"), (None, "d3"), (None, "u1")])
    value = st.sampled_from([None, None, *(Decimal(v) for v in ("0.005", "0.015", "12.3456", "-0.0250", "0", "7"))])

    def row(draw: st.DrawFn) -> Row:
        user, device = draw(st.one_of(ids, lonely))
        kind = draw(st.sampled_from(["view_item", "view_item", "add_to_cart", "purchase", "alias"]))
        return {
            "user_id": user,
            "anonymous_id": device,
            "timestamp": START_US + draw(st.integers(0, 12)),
            "event_type": kind,
            "item_id": draw(st.sampled_from([None, "i1", "i2", "i3"])),
            "value": draw(value),
            "price": draw(st.sampled_from([None, Decimal("9.9900")])),
            "order_id": draw(st.sampled_from([None, None, "o1", "o2"])),
            "session_id": draw(st.sampled_from([None, "s1", "s2", "s3"])),
            "position": draw(st.sampled_from([None, 0, 3])),
            "query": draw(st.sampled_from([None, None, None, "shoes"])),
            "bot": draw(st.sampled_from([None] * 9 + ["agent: x"])),
        }

    return st.composite(row)()


@pytest.fixture(scope="session")
def decode() -> Callable[[Histories], Decoded]:
    """Histories as plain values: user key to that user's flags and events; ids instead of codes, in time order.

    Local codes are numbered anew within each user, for which number an id has depends on the partition.
    """

    def of(histories: Histories) -> Decoded:
        users: Decoded = {}
        for part, table in zip(histories.partitions, histories.users, strict=True):
            columns = {name: part.column(name).tolist() for name in DTYPES}
            for i, user in enumerate(table.to_pylist()):
                events = []
                numbers: dict[str, dict[int, int]] = {name: {0: 0} for name in LOCAL}
                for at in range(part.offsets[i], part.offsets[i + 1]):
                    event = []
                    for name, values in columns.items():
                        value = values[at]
                        if name in CODED:
                            value = histories.vocabularies[name].decode(value)
                        elif name in LOCAL:
                            value = numbers[name].setdefault(value, len(numbers[name]))
                        elif isinstance(value, float) and math.isnan(value):
                            value = None
                        event.append(value)
                    events.append(tuple(event))
                key = ("a:" if user["anonymous"] else "u:") + user["user_id"]
                assert key not in users, f"{key} has two histories"
                users[key] = [(int(part.user_bot[i]),), *events]
        return users

    return of


@pytest.fixture(scope="session")
def counts() -> Callable[[Histories], dict[str, dict[str, int]]]:
    """The vocabularies as plain values: name to id to count."""

    def of(histories: Histories) -> dict[str, dict[str, int]]:
        tables = {name: histories.vocabularies[name].table for name in CODED}
        return {n: dict(zip(t["id"].to_pylist(), t["count"].to_pylist(), strict=True)) for n, t in tables.items()}

    return of


@pytest.fixture(scope="session")
def twin_keys() -> Callable[..., list[str]]:
    """Whose event it is, in plain Python, from the words of ``events.identity``: one history key per row."""

    def undone_pairs(links: list[Row]) -> tuple[set[tuple[str, str]], dict[tuple[str, str], Row]]:
        newest: dict[tuple[str, str], Row] = {}
        for said in sorted(links, key=lambda s: s["ingested_at"]):
            newest[said["anonymous_id"], said["user_id"]] = said
        undone = {pair for pair, said in newest.items() if said["undone"]}
        return undone, {pair: said for pair, said in newest.items() if not said["undone"]}

    def canonical(rows: list[Row], undone: set[tuple[str, str]], stated: dict[tuple[str, str], Row]) -> dict[str, str]:
        said: list[tuple[tuple[int, int, int], tuple[str, str]]] = []
        for row in rows:
            pair = (row["anonymous_id"], row["user_id"])
            if row["event_type"] == "alias" and None not in pair and pair not in undone:
                moment = (row["timestamp"], row["ingested_at"], row["sequence"])
                said.append((moment, (str(pair[0]), str(pair[1]))))
        for pair, row in stated.items():
            if row["origin"] == "alias":
                said.append(((row["linked_at"], row["ingested_at"], 0), pair))
        newest: dict[str, tuple[Any, str]] = {}
        for moment, (previous, user) in sorted(said, key=lambda s: (s[0], s[1][1])):
            newest[previous] = (moment, user)
        after: dict[str, str] = {}
        for previous, (_, user) in sorted(newest.items(), key=lambda kv: (kv[1][0], kv[0])):
            end = user
            while end in after:
                end = after[end]
            if end != previous:
                after[previous] = user
        ends = {}
        for previous in after:
            end = previous
            while end in after:
                end = after[end]
            ends[previous] = end
        return ends

    def of(rows: list[Row], links: list[Row], limit: int) -> list[str]:
        undone, stated = undone_pairs(links)
        ends = canonical(rows, undone, stated)
        seen: dict[str, list[tuple[tuple[int, int, int], str]]] = {}
        for row in rows:
            device, user = row["anonymous_id"], row["user_id"]
            if device is not None and user is not None and (device, user) not in undone:
                moment = (row["timestamp"], row["ingested_at"], row["sequence"])
                seen.setdefault(device, []).append((moment, str(ends.get(user, user))))
        for (device, user), said in stated.items():
            moment = (said["linked_at"], said["ingested_at"], -1)
            seen.setdefault(device, []).append((moment, ends.get(user, user)))
        keys = []
        for row in rows:
            device, user = row["anonymous_id"], row["user_id"]
            if user is not None:
                keys.append(f"u:{ends.get(user, user)}")
                continue
            moments = sorted(seen.get(device, []))
            users = {user for _, user in moments}
            if not 1 <= len(users) <= limit:
                keys.append(f"a:{device}")
                continue
            later = [m for m in moments if m[0][0] >= row["timestamp"]]
            if later:
                keys.append(f"u:{later[0][1]}")
            else:  # of several at the last instant, the first to arrive
                last = max(m[0][0] for m in moments)
                keys.append(f"u:{next(user for m, user in moments if m[0] == last)}")
        return keys

    return of
