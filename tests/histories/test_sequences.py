"""Sequences: cutting and taking, beside lists; and whole histories read out of a lake."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import footfall
from footfall.errors import InputError
from footfall.histories.compile import compile as bring_up_to_date
from footfall.histories.sequences import Sequences, sequences_of
from footfall.lake.workspace import Workspace

LISTS = st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=8)


def of(lists: list[list[int]]) -> Sequences:
    offsets = np.concatenate(([0], np.cumsum([len(x) for x in lists]))).astype(np.int64)
    n = int(offsets[-1])
    return Sequences(
        offsets,
        np.array([i for x in lists for i in x], np.int32),
        10,
        event_type=np.arange(n, dtype=np.int16) % 3,
        timestamp_us=np.arange(n),
        user_idx=np.arange(len(lists)) + 100,
        extra={"price": np.arange(n) / 2},
    )


def lists_of(sequences: Sequences) -> list[list[int]]:
    return [sequences[row].tolist() for row in range(len(sequences))]


@given(LISTS, st.data())
def test_taking_rows_takes_all_their_columns(lists: list[list[int]], data: st.DataObject) -> None:
    whole = of(lists)
    rows = data.draw(st.lists(st.integers(0, len(lists) - 1), max_size=9) if lists else st.just([]))
    taken = whole.take(np.array(rows, np.int64))
    assert lists_of(taken) == [lists[row] for row in rows]
    assert taken.user_idx is not None
    assert taken.timestamp_us is not None
    assert taken.user_idx.tolist() == [row + 100 for row in rows]
    places = [p for row in rows for p in range(whole.offsets[row], whole.offsets[row + 1])]
    assert taken.timestamp_us.tolist() == places
    assert taken.extra["price"].tolist() == [p / 2 for p in places]


@given(LISTS, st.integers(1, 7))
def test_a_tail_is_the_end_of_every_sequence(lists: list[list[int]], length: int) -> None:
    assert lists_of(of(lists).tail(length)) == [x[-length:] for x in lists]


@given(LISTS)
def test_events_are_left_out_and_sequences_stay(lists: list[list[int]]) -> None:
    whole = of(lists)
    assert lists_of(whole.with_items()) == [[i for i in x if i >= 3] for x in lists]
    none = whole.where(np.zeros(whole.n_events, bool))
    assert lists_of(none) == [[] for _ in lists]
    assert whole.rows.tolist() == [row for row, x in enumerate(lists) for _ in x]
    assert whole.lengths.tolist() == [len(x) for x in lists]


def test_parts_that_do_not_fit_are_refused() -> None:
    whole = of([[3, 4], [5]])
    with pytest.raises(InputError, match="offsets end at 3, and the columns have"):
        dataclasses.replace(whole, item=whole.item[:2])
    with pytest.raises(InputError, match="item codes go from 3 to 5; accepted: 0 to 4, the vocabulary's"):
        dataclasses.replace(whole, n_codes=5)
    with pytest.raises(InputError, match="2 sequences, and user_idx for 1"):
        dataclasses.replace(whole, user_idx=np.zeros(1, np.int64))


@pytest.fixture
def logged(shop: Workspace, tmp_path: Any) -> footfall.Shop:
    opened = footfall.open(shop.path)
    (tmp_path / "log.csv").write_text(
        "user_id,event_type,timestamp,item_id,order_id,price\n"
        "b,view_item,2024-03-01 10:00,i1,,1.5\nb,search,2024-03-01 10:01,,,\nb,purchase,2024-03-01 10:02,i2,o1,2\n"
        "b,purchase,2024-03-01 10:02,i3,o1,3\nb,purchase,2024-03-02 10:02,i3,o2,3\na,view_item,2024-03-01 09:00,i3,,1\n"
    )
    opened.ingest(tmp_path / "log.csv")
    bring_up_to_date(shop)
    return opened


def test_histories_become_sequences_in_the_order_of_users(logged: footfall.Shop) -> None:
    histories = logged.histories()
    whole = sequences_of(histories, extra=["price", "channel"])
    ids = [id_ for p in histories.partitions for id_ in histories.user_ids(p.index, range(p.n_users))]
    assert sorted(ids) == ["a", "b"]
    names = [histories.vocabularies["item"].decode(code) for code in whole[ids.index("b")].tolist()]
    assert names == ["i1", None, "i2", "i3", "i3"]
    b = whole.take(np.array([ids.index("b")]))
    assert b.order is not None
    orders = b.order.tolist()
    assert orders[:2] == [0, 0]
    assert orders[2] == orders[3] != orders[4]
    assert set(whole.extra) == {"price"}  # the log has no channels
    np.testing.assert_allclose(b.extra["price"], [1.5, np.nan, 2, 3, 3])
    bought = sequences_of(histories, ["purchase"])
    assert bought.lengths[ids.index("b")] == 3
    assert bought.lengths[ids.index("a")] == 0
    with pytest.raises(InputError, match="no event is of type refund; the log has"):
        sequences_of(histories, ["refund"])
