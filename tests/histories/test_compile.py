from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall.errors import ConfigError, InputError
from footfall.histories import _compile_sql, columns, memory
from footfall.histories._plan import partitions_for
from footfall.histories.columns import LOCAL, USER_BOT_AGENT
from footfall.histories.compile import compile as compile_histories
from footfall.histories.store import Histories
from footfall.lake import _ids
from footfall.lake.workspace import Workspace

Row = dict[str, Any]
PutRows = Callable[[Workspace, str, Sequence[Mapping[str, Any]]], None]
Decode = Callable[[Histories], dict[str, list[tuple[Any, ...]]]]
Counts = Callable[[Histories], dict[str, dict[str, int]]]

START_US = 1_600_000_000_000_000


def stamped(rows: Sequence[Row], ingested: int) -> list[Row]:
    return [
        {"event_id": f"{ingested}-{i}", **row, "ingested_at": ingested, "sequence": i} for i, row in enumerate(rows)
    ]


def view(user: str | None, at: int, item: str | None = None, **more: Any) -> Row:
    row = {
        "user_id": user,
        "anonymous_id": None,
        "timestamp": START_US + at,
        "event_type": "view_item",
        "item_id": item,
    }
    return row | more


def twin(rows: Sequence[Row], keys: Sequence[str]) -> Histories:
    """The compiler's twin in memory: events in order of arrival, each under the id its key says."""
    joined = []
    for key, row in zip(keys, rows, strict=True):
        ids = (
            {"user_id": key[2:], "anonymous_id": None} if key[0] == "u" else {"user_id": None, "anonymous_id": key[2:]}
        )
        joined.append(row | ids)
    return memory.from_events(sorted(joined, key=lambda r: (r["ingested_at"], r["sequence"])))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_compiling_equals_the_plain_twin_for_any_number_of_partitions(
    data: st.DataObject,
    event_rows: st.SearchStrategy[Row],
    put_rows: PutRows,
    decode: Decode,
    counts: Counts,
    twin_keys: Callable[..., list[str]],
) -> None:
    rows = stamped(data.draw(st.lists(event_rows, max_size=30)), START_US)
    with tempfile.TemporaryDirectory() as folder:
        shop = Workspace.init(Path(folder) / "shop")
        shuffled = data.draw(st.permutations(rows))
        for file in (shuffled[:10], shuffled[10:15], shuffled[15:]):
            if file:
                put_rows(shop, "events", file)
        expected = twin(rows, twin_keys(rows, [], shop.settings.max_users_per_device))
        for partitions, pair_bytes in ((1, 100), (4, 1 << 40)):  # the latter: no two files' ids fit into memory
            with mock.patch.object(_ids, "PAIR_BYTES", pair_bytes):
                compiled = compile_histories(shop, partitions=partitions)
            assert len(compiled.partitions) == partitions
            assert decode(compiled) == decode(expected)
            assert counts(compiled) == counts(expected)
            assert compiled.n_events == len(rows)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_adding_what_is_new_equals_compiling_everything(
    data: st.DataObject,
    event_rows: st.SearchStrategy[Row],
    put_rows: PutRows,
    decode: Decode,
    counts: Counts,
    twin_keys: Callable[..., list[str]],
) -> None:
    pairs = st.sampled_from([(d, u) for d in ("d1", "d2", "d3", "u2") for u in ("u1", "u2", "u3", "u4")])
    origins = st.sampled_from([("user", False), ("user", True), ("alias", False), ("alias", True)])
    rows: list[Row] = []
    links: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        shop = Workspace.init(Path(folder) / "shop")
        compiled = compile_histories(shop, partitions=2)
        for batch in range(data.draw(st.integers(1, 3))):
            # Two ingests that overlap may be committed in the other order: then what came in earlier is added later.
            ingested = START_US + 10 * batch - data.draw(st.sampled_from([0, 0, 15]))
            fresh = stamped(data.draw(st.lists(event_rows, max_size=12)), ingested)
            if fresh:
                put_rows(shop, "events", fresh)
            rows += fresh
            if data.draw(st.booleans()):
                device, user = data.draw(pairs)
                origin, undone = data.draw(origins)
                linked = START_US + data.draw(st.integers(0, 12))
                said = {"anonymous_id": device, "user_id": user, "origin": origin, "undone": undone}
                links.append(said | {"linked_at": linked, "ingested_at": START_US + 100 + batch})
                put_rows(shop, "links", links[-1:])
            if data.draw(st.booleans()):
                compiled = compile_histories(shop)
                assert compiled.manifest["compiled"]["anew_because"] in {"", "nothing compiled yet"}
        compiled = compile_histories(shop)
        added, added_counts = decode(compiled), counts(compiled)
        expected = twin(rows, twin_keys(rows, links, shop.settings.max_users_per_device))
        assert added == decode(expected)
        assert added_counts == counts(expected)
        anew = compile_histories(shop, partitions=2, force=True)
        assert decode(anew) == added
        assert counts(anew) == added_counts
        assert [p["events"] for p in anew.manifest["partitions"]] == [
            p["events"] for p in compiled.manifest["partitions"]
        ]


def test_events_of_one_user_are_in_order_of_time_then_arrival(
    shop: Workspace, put_rows: PutRows, decode: Decode
) -> None:
    first = [view("u", 5, "b"), view("u", 5, "a"), view("u", 1, "z")]
    second = [view("u", 5, "c"), view("u", 0, "late")]  # the second file also brings an event from before
    put_rows(shop, "events", stamped(second, START_US + 1))
    put_rows(shop, "events", stamped(first, START_US))
    items = [event[2] for event in decode(compile_histories(shop))["u:u"][1:]]
    assert items == ["late", "z", "b", "a", "c"]


def test_partitions_follow_the_documented_hash(shop: Workspace, put_rows: PutRows) -> None:
    put_rows(shop, "events", stamped([view(f"user {i}", i) for i in range(50)], START_US))
    histories = compile_histories(shop, partitions=16)
    for part, users in enumerate(histories.users):
        for user in users["user_id"].to_pylist():
            assert memory.partition_of(f"u:{user}", 16) == part
    assert [p.user_base for p in histories.partitions] == np.cumsum([0, *[p.n_users for p in histories.partitions]])[
        :-1
    ].tolist()


def test_one_thread_and_several_write_the_same_bytes(
    tmp_path: Path, put_rows: PutRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    rows = [
        view(f"u{u}", int(t), f"i{i}", session_id=f"s{u}")
        for u, t, i in zip(*rng.integers(0, [[40], [500], [30]], (3, 3000)), strict=True)
    ]
    files: list[dict[str, bytes]] = []
    for threads in ("1", "4"):
        monkeypatch.setenv("FOOTFALL_THREADS", threads)
        shop = Workspace.init(tmp_path / threads)
        for batch in range(3):
            put_rows(shop, "events", stamped(rows[batch * 1000 : (batch + 1) * 1000], START_US + batch))
        compile_histories(shop, partitions=4)
        home = shop.histories_root / shop.tables.version()
        kept = [p for p in home.rglob("*") if p.suffix in {".npy", ".arrow"}]
        files.append({str(p.relative_to(home)): p.read_bytes() for p in kept})
    assert files[0] == files[1]


def test_value_is_rounded_half_to_even_from_the_exact_decimal(shop: Workspace, put_rows: PutRows) -> None:
    # 0.005 -> 0.5 cents -> 0;  0.015 -> 1.5 -> 2;  0.0251 -> 2.51 -> 3;  -0.025 -> -2.5 -> -2;  1.005 -> 100.5 -> 100
    values = ["0.005", "0.015", "0.0251", "-0.025", "1.005", None, "99999999999999.9999"]
    rows = [view("u", i, value=None if v is None else Decimal(v)) for i, v in enumerate(values)]
    put_rows(shop, "events", stamped(rows, START_US))
    part = compile_histories(shop).partitions[0]
    assert part.column("value_minor").tolist() == [0, 2, 3, -2, 100, 0, 10_000_000_000_000_000]


def test_columns_that_say_nothing_take_no_space(shop: Workspace, put_rows: PutRows) -> None:
    put_rows(shop, "events", stamped([view("u", 1, "i"), view("v", 2)], START_US))
    histories = compile_histories(shop)
    assert histories.manifest["columns"] == ["timestamp_us", "event_type", "item"]
    part = histories.partitions[0]
    assert not part.has("price")
    assert np.isnan(part.column("price")).all()
    assert part.column("position").tolist() == [-1, -1]


def test_a_column_that_appears_later_is_missing_before(shop: Workspace, put_rows: PutRows) -> None:
    put_rows(shop, "events", stamped([view("u", 1), view("u", 2)], START_US))
    compile_histories(shop)
    put_rows(
        shop, "events", stamped([view("u", 3, rating=4.5, order_id="o"), view("u", 0, order_id="o")], START_US + 1)
    )
    part = compile_histories(shop).partitions[0]
    assert part.column("rating")[3] == 4.5
    assert np.isnan(part.column("rating")[:3]).all()
    assert part.column("order").tolist() == [1, 0, 0, 1]


def test_local_codes_tell_ids_apart_and_are_numbered_by_first_appearance(shop: Workspace, put_rows: PutRows) -> None:
    def orders(ids: Sequence[str | None], at: int) -> list[Row]:
        return [view("u", at + i, order_id=o, session_id=o) for i, o in enumerate(ids)]

    put_rows(shop, "events", stamped(orders(["b", None, "a", "b"], 10), START_US))
    assert compile_histories(shop).partitions[0].column("order").tolist() == [1, 0, 2, 1]
    put_rows(shop, "events", stamped(orders(["c", "a"], 0), START_US + 1))  # earlier in time, so they come first now
    part = compile_histories(shop).partitions[0]
    for name in LOCAL:
        assert part.column(name).tolist() == [1, 2, 3, 0, 2, 3]


def test_only_new_files_are_read_and_untouched_partitions_are_the_same_files(
    shop: Workspace, put_rows: PutRows
) -> None:
    put_rows(shop, "events", stamped([view(f"u{i}", i) for i in range(64)], START_US))
    before = compile_histories(shop, partitions=8)
    old_home = shop.histories_root / shop.tables.version()
    put_rows(shop, "events", stamped([view("u3", 100), view("somebody new", 101)], START_US + 1))
    after = compile_histories(shop)
    assert after.manifest["compiled"] | {"at": ""} == {
        "at": "",
        "built_on": old_home.name,
        "anew_because": "",
        "events_read": 2,
    }
    touched = {memory.partition_of("u:u3", 8), memory.partition_of("u:somebody new", 8)}
    home = shop.histories_root / shop.tables.version()
    for part in range(8):
        name = f"part-{part:04d}/timestamp_us.npy"
        same = (home / name).samefile(old_home / name)
        assert same == (part not in touched)
    assert (after.n_users, after.n_events) == (before.n_users + 1, before.n_events + 2)


def test_a_grown_vocabulary_keeps_its_codes(shop: Workspace, put_rows: PutRows, counts: Counts) -> None:
    put_rows(shop, "events", stamped([view("u", i, item) for i, item in enumerate("bbac")], START_US))
    old = compile_histories(shop).vocabularies["item"]
    assert old.ids == ["b", "a", "c"]  # 2, 1, 1: the most frequent first, then by id
    put_rows(shop, "events", stamped([view("v", i, item) for i, item in enumerate("ddca")], START_US + 1))
    new = compile_histories(shop)
    assert new.vocabularies["item"].ids == ["b", "a", "c", "d"]
    assert counts(new)["item"] == {"b": 2, "a": 2, "c": 2, "d": 2}


def test_items_carry_what_the_catalogue_last_said_and_new_ones_have_a_code(shop: Workspace, put_rows: PutRows) -> None:
    put_rows(shop, "events", stamped([view("u", 0, "a"), view("u", 1, "b")], START_US))
    said: list[Row] = [
        {"item_id": "a", "name": "Old", "category": "x.y", "price": Decimal("5.5000"), "seen_at": START_US},
        {"item_id": "a", "name": "New", "category": None, "brand": "Acme", "available": False, "seen_at": START_US + 2},
        {"item_id": "new", "name": "Unsold", "seen_at": START_US},
    ]
    put_rows(shop, "items", said)
    items = compile_histories(shop).vocabularies["item"]
    assert items.table.to_pylist() == [
        {"id": "a", "count": 1, "name": "New", "category": "x.y", "brand": "Acme", "price": 5.5, "available": False},
        {"id": "b", "count": 1, "name": None, "category": None, "brand": None, "price": None, "available": None},
        {"id": "new", "count": 0, "name": "Unsold", "category": None, "brand": None, "price": None, "available": None},
    ]
    put_rows(shop, "items", [{"item_id": "b", "name": "B", "seen_at": START_US + 9}])  # the catalogue alone changes
    put_rows(shop, "items", [{"item_id": "newer", "seen_at": START_US + 9}])
    later = compile_histories(shop)
    assert later.manifest["compiled"]["events_read"] == 0
    assert later.vocabularies["item"].ids == ["a", "b", "new", "newer"]
    assert later.vocabularies["item"].table["name"].to_pylist() == ["New", "B", "Unsold", None]


def test_users_with_a_robots_agent_are_flagged(shop: Workspace, put_rows: PutRows) -> None:
    put_rows(shop, "events", stamped([view("u", 0), view("u", 1, bot="agent: x"), view("v", 2)], START_US))
    histories = compile_histories(shop)
    flags = dict(zip(histories.users[0]["user_id"].to_pylist(), histories.partitions[0].user_bot.tolist(), strict=True))
    assert flags == {"u": USER_BOT_AGENT, "v": 0}
    assert sorted(histories.partitions[0].column("bot").tolist()) == [0, 0, 1]


def test_an_empty_lake_compiles(shop: Workspace) -> None:
    histories = compile_histories(shop)
    assert (histories.n_users, histories.n_events, len(histories.partitions)) == (0, 0, 1)
    assert histories.partitions[0].column("item").tolist() == []


@pytest.mark.parametrize("partitions", [0, 3, -4])
def test_the_number_of_partitions_is_a_power_of_two(shop: Workspace, partitions: int) -> None:
    with pytest.raises(InputError, match=f"power of two .* got {partitions}"):
        compile_histories(shop, partitions=partitions)


def test_memory_is_checked(shop: Workspace) -> None:
    with pytest.raises(ConfigError, match="'plenty' cannot be used; accepted: a size such as"):
        compile_histories(shop, memory="plenty")


def test_little_memory_makes_more_partitions() -> None:
    assert partitions_for(4_000_000, 2**31) == 2
    assert partitions_for(4_000_001, 2**31) == 4
    # A quarter of 64 MB at 160 bytes a row: 104,857 rows a partition, and 2^6 * 104,857 > 4,000,000
    assert partitions_for(4_000_000, 2**26) == 64


def test_two_users_whose_hashes_collide_stay_two(
    shop: Workspace, put_rows: PutRows, decode: Decode, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _compile_sql.user_hash
    monkeypatch.setattr(_compile_sql, "user_hash", lambda id_, salt: plain(id_, salt) if salt else "7::UBIGINT")
    put_rows(shop, "events", stamped([view("u", 0, "a"), view("v", 1, "b"), view("u", 2, "c")], START_US))
    users = decode(compile_histories(shop))
    assert {user: [event[2] for event in events[1:]] for user, events in users.items()} == {
        "u:u": ["a", "c"],
        "u:v": ["b"],
    }


def test_too_many_values_for_a_column_are_refused(
    shop: Workspace, put_rows: PutRows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(columns.DTYPES, "event_type", np.dtype(np.int8))  # codes up to 127, 124 of them for real ids
    put_rows(shop, "events", stamped([view("u", i, event_type=f"type {i}") for i in range(125)], START_US))
    with pytest.raises(InputError, match=r"125 different values of 'event_type'; at most 124 can be coded"):
        compile_histories(shop)
