from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.histories import memory
from footfall.histories.columns import DTYPES, USER_BOT_AGENT, USER_BOT_BEHAVIOUR
from footfall.histories.compile import compile as compile_histories
from footfall.histories.slices import as_of, before, counts_before, lookback, until
from footfall.histories.store import Histories
from footfall.lake.workspace import Workspace

Row = dict[str, Any]
PutRows = Callable[[Workspace, str, Sequence[Mapping[str, Any]]], None]
Decode = Callable[[Histories], dict[str, list[tuple[Any, ...]]]]

logs = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": st.sampled_from(["u1", "u2", "u3", "u4"]),
            "timestamp": st.integers(0, 10),
            "event_type": st.sampled_from(["view_item", "purchase"]),
            "item_id": st.sampled_from([None, "a", "b"]),
            "order_id": st.sampled_from([None, "o"]),
            "bot": st.sampled_from([None, None, None, "agent: x"]),
        }
    ),
    max_size=25,
)
cutoffs = st.integers(-1, 12)


@settings(max_examples=80, deadline=None)
@given(logs, cutoffs, st.integers(1, 6), st.sampled_from([1, 3]))
def test_positions_are_those_of_the_events_before_the_cutoff(
    log: list[Row], cutoff: int, lookback_us: int, partitions: int
) -> None:
    histories = memory.from_events(log, partitions=partitions)
    for part, users in zip(histories.partitions, histories.users, strict=True):
        ends, starts = before(part, cutoff), lookback(part, cutoff, lookback_us)
        for i, user in enumerate(users["user_id"].to_pylist()):
            times = sorted(e["timestamp"] for e in log if e["user_id"] == user)
            assert ends[i] - part.offsets[i] == sum(t < cutoff for t in times)
            assert starts[i] - part.offsets[i] == sum(t < cutoff - lookback_us for t in times)
            mine = part.timestamp_us[starts[i] : ends[i]].tolist()
            assert mine == [t for t in times if cutoff - lookback_us <= t < cutoff]
    total = counts_before(histories, cutoff)
    assert len(total) == histories.n_users
    assert total.sum() == sum(e["timestamp"] < cutoff for e in log)


@settings(max_examples=60, deadline=None)
@given(logs, cutoffs)
def test_as_of_equals_histories_made_from_the_earlier_events_alone(
    decode: Decode, counts: Callable[[Histories], dict[str, dict[str, int]]], log: list[Row], cutoff: int
) -> None:
    cut = as_of(memory.from_events(log, partitions=2), cutoff)
    earlier = memory.from_events([e for e in log if e["timestamp"] < cutoff], partitions=2)
    mine = {user: events for user, events in decode(cut).items() if len(events) > 1}
    assert mine == decode(earlier)
    for name, known in counts(earlier).items():
        assert {id_: n for id_, n in counts(cut)[name].items() if n} == known


@settings(max_examples=60, deadline=None)
@given(logs, logs, cutoffs)
def test_nothing_at_or_after_the_cutoff_shows(decode: Decode, log: list[Row], later: list[Row], cutoff: int) -> None:
    """Two futures, one past: whatever comes at or after the cutoff, the slice is the same."""
    past = [e for e in log if e["timestamp"] < cutoff]
    first = as_of(memory.from_events(past + [e for e in log if e["timestamp"] >= cutoff]), cutoff)
    second = as_of(memory.from_events(past + [e | {"timestamp": cutoff + e["timestamp"]} for e in later]), cutoff)

    def with_events(histories: Histories) -> dict[str, list[tuple[Any, ...]]]:
        return {user: events for user, events in decode(histories).items() if len(events) > 1}

    assert with_events(first) == with_events(second)
    for part in (*first.partitions, *second.partitions):
        assert (part.timestamp_us < cutoff).all()
        for name in DTYPES:
            assert len(part.column(name)) == part.n_events


def test_flags_of_robots_come_from_the_past_alone() -> None:
    second = 1_000_000
    clock: list[Row] = [{"user_id": "r", "timestamp": i * 60 * second, "event_type": "view_item"} for i in range(101)]
    named: list[Row] = [
        {"user_id": "n", "timestamp": t, "event_type": "view_item", "bot": b} for t, b in ((0, None), (9, "x"))
    ]
    histories = memory.from_events([*clock, *named])
    assert histories.partitions[0].user_bot.tolist() == [USER_BOT_BEHAVIOUR, USER_BOT_AGENT]
    assert as_of(histories, 9).partitions[0].user_bot.tolist() == [0, 0]
    assert as_of(histories, 10).partitions[0].user_bot.tolist() == [0, USER_BOT_AGENT]
    last = 100 * 60 * second
    assert as_of(histories, last).partitions[0].user_bot.tolist() == [0, USER_BOT_AGENT]
    assert as_of(histories, last + 1).partitions[0].user_bot.tolist() == [USER_BOT_BEHAVIOUR, USER_BOT_AGENT]


def test_each_user_may_have_a_cutoff_of_their_own() -> None:
    log = [{"user_id": u, "timestamp": t, "event_type": "view_item"} for u in ("a", "b", "c") for t in range(5)]
    histories = memory.from_events(log)
    part = histories.partitions[0]
    own = np.array([0, 3, 9])
    assert (before(part, own) - part.offsets[:-1]).tolist() == [0, 3, 5]
    cut = until(histories, part, own, lookback_us=2)
    assert cut.offsets.tolist() == [0, 0, 2, 2]  # a: none; b: 1 and 2; c: nothing in [7, 9)
    assert cut.timestamp_us.tolist() == [1, 2]


def test_users_keep_their_places_and_absent_columns_stay_absent() -> None:
    log = [{"user_id": u, "timestamp": t, "event_type": "view_item"} for u, t in (("a", 9), ("b", 1))]
    whole = memory.from_events(log, partitions=1)
    cut = as_of(whole, 5)
    assert (cut.n_users, cut.n_events) == (2, 1)
    assert cut.user_ids(0, [0, 1]) == ["a", "b"]
    assert (cut.manifest["cutoff_us"], cut.manifest["lookback_us"]) == (5, None)
    assert "nonsense" not in cut.partitions[0].arrays
    with pytest.raises(KeyError):
        cut.partitions[0].column("nonsense")


def test_a_lookback_of_zero_is_refused() -> None:
    histories = memory.from_events([])
    with pytest.raises(InputError, match="must be longer than zero, got 0"):
        as_of(histories, 5, lookback_us=0)


def test_compiled_histories_are_cut_alike(tmp_path: Path, put_rows: PutRows, decode: Decode) -> None:
    shop = Workspace.init(tmp_path / "shop")
    rng = np.random.default_rng(1)
    rows: list[Row] = [
        {"user_id": f"u{u}", "timestamp": int(t), "event_type": "view_item", "item_id": f"i{i}", "sequence": n}
        for n, (u, t, i) in enumerate(zip(*rng.integers(0, [[9], [99], [5]], (3, 300)), strict=True))
    ]
    put_rows(shop, "events", [row | {"event_id": str(row["sequence"]), "ingested_at": 1} for row in rows])
    cut = as_of(compile_histories(shop, partitions=4), 50, lookback_us=30)
    kept = [row for row in rows if 20 <= row["timestamp"] < 50]
    assert decode(cut) == decode(memory.from_events(kept))
    assert not cut.partitions[0].has("price")
