"""Splits: by hand, against slow twins, and nothing at or after the cutoff moves what is known."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.evaluation.cases import Cases
from footfall.evaluation.splits import (
    before,
    by_time,
    every_prefix,
    leave_one_out,
    leave_one_out_train,
    newcomers,
    next_basket,
    prefixes,
)
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences

VIEW, BUY = 3, 4
N_CODES = 9

Event = tuple[int, int, int, int]
"""Time, item, type, order."""


def sequences(*rows: list[Event]) -> Sequences:
    events = [event for row in rows for event in row]
    columns = np.array(events, np.int64).reshape(len(events), 4)
    return Sequences(
        offsets=np.cumsum([0, *map(len, rows)]),
        item=columns[:, 1].astype(np.int32),
        n_codes=N_CODES,
        event_type=columns[:, 2].astype(np.int16),
        timestamp_us=columns[:, 0],
        order=columns[:, 3].astype(np.int32),
        user_idx=np.arange(len(rows)) + 100,
    )


def items(*rows: list[int]) -> Sequences:
    return Sequences(np.cumsum([0, *map(len, rows)]), np.array([i for r in rows for i in r], np.int32), N_CODES)


def told(cases: Cases) -> list[tuple[list[int], list[int]]]:
    """Return (history, targets) of each case."""
    o = cases.target_offsets
    return [(cases.histories[n].tolist(), cases.targets[o[n] : o[n + 1]].tolist()) for n in range(len(cases))]


def same(one: Sequences, other: Sequences) -> None:
    for field in dataclasses.fields(Sequences):
        np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), field.name)


histories_of_many = st.lists(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(0, N_CODES - 1), st.sampled_from([VIEW, BUY]), st.integers(0, 3)),
        max_size=9,
    ).map(sorted),
    max_size=6,
)


def test_leave_one_out_by_hand() -> None:
    whole = items([3, 4, 5, 6], [7, 8], [5, 5, 5], [])
    assert told(leave_one_out(whole)) == [([3, 4, 5], [6]), ([5, 5], [5])]
    assert told(leave_one_out(whole, back=2)) == [([3, 4], [5]), ([5], [5])]
    train = leave_one_out_train(whole)
    assert [train[n].tolist() for n in range(4)] == [[3, 4], [7, 8], [5], []]


def test_leave_one_out_passes_over_events_without_an_item() -> None:
    whole = items([0, 3, 1, 4, 0, 5, 2], [3, 0, 0, 4])
    assert told(leave_one_out(whole)) == [([0, 3, 1, 4, 0], [5])]  # the second has two items only
    assert told(leave_one_out(whole, back=2)) == [([0, 3, 1], [4])]
    train = leave_one_out_train(whole)
    assert [train[n].tolist() for n in range(2)] == [[0, 3, 1], [3, 0, 0, 4]]


def test_leave_one_out_keeps_users_and_settings() -> None:
    whole = sequences([(1, 3, VIEW, 0)], [(1, 3, VIEW, 0), (2, 4, VIEW, 0), (3, 5, BUY, 1)])
    cases = leave_one_out(whole, exclude_seen=False)
    assert cases.histories.user_idx is not None
    assert cases.histories.user_idx.tolist() == [101]
    assert not cases.exclude_seen
    assert leave_one_out_train(whole).user_idx is whole.user_idx


def test_leave_one_out_of_sequences_without_any_item() -> None:
    whole = items([0, 1, 2, 0], [])
    assert not len(leave_one_out(whole))
    same(leave_one_out_train(whole), whole)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, N_CODES - 1), max_size=8), max_size=6), st.integers(3, 5))
def test_leave_one_out_is_its_slow_twin(rows: list[list[int]], min_length: int) -> None:
    whole = items(*rows)
    train = leave_one_out_train(whole, min_length=min_length)
    for back in (1, 2):
        expected, left = [], []
        for row in rows:
            shown = [place for place, item in enumerate(row) if item >= FIRST_CODE]
            if len(shown) >= min_length:
                expected.append((row[: shown[-back]], [row[shown[-back]]]))
                left.append(row[: shown[-2]])
            else:
                left.append(row)
        assert told(leave_one_out(whole, back=back, min_length=min_length)) == expected
        assert [train[n].tolist() for n in range(len(rows))] == left


def test_by_time_by_hand() -> None:
    whole = sequences(
        [(1, 3, VIEW, 0), (9, 4, VIEW, 0), (10, 5, VIEW, 0), (11, 3, BUY, 1), (12, 5, BUY, 1), (20, 8, BUY, 2)],
        [(10, 6, BUY, 1)],  # new
        [(2, 6, VIEW, 0)],  # does nothing later
        [(3, 7, VIEW, 0), (15, 0, BUY, 1), (19, 7, BUY, 1)],
    )
    cases = by_time(whole, 10, 10, exclude_seen=False)
    assert told(cases) == [([3, 4], [5, 3]), ([7], [7])]
    assert cases.histories.user_idx is not None
    assert cases.histories.user_idx.tolist() == [100, 103]
    assert told(by_time(whole, 10, 10, exclude_seen=True, target_types=[BUY])) == [([3, 4], [3, 5]), ([7], [7])]
    assert told(by_time(whole, 10, 10, exclude_seen=True, first_only=True)) == [([3, 4], [5]), ([7], [7])]
    assert told(by_time(whole, 10, 10, exclude_seen=True, cold=True)) == [([3, 4], [5, 3]), ([], [6]), ([7], [7])]
    assert told(by_time(whole, 10, 11, exclude_seen=True))[0] == ([3, 4], [5, 3, 8])
    assert [before(whole, 10)[n].tolist() for n in range(4)] == [[3, 4], [], [6], [7]]


@settings(deadline=None)
@given(histories_of_many, st.integers(0, 13), st.integers(1, 8), st.booleans(), st.booleans(), st.booleans())
def test_by_time_is_its_slow_twin(
    rows: list[list[Event]], cutoff: int, horizon: int, only_buys: bool, first_only: bool, cold: bool
) -> None:
    expected = []
    for row in rows:
        history = [item for time, item, _, _ in row if time < cutoff]
        targets: list[int] = []
        for time, item, kind, _ in row:
            wanted = item >= FIRST_CODE and (kind == BUY or not only_buys) and item not in targets
            if cutoff <= time < cutoff + horizon and wanted:
                targets.append(item)
        if targets and (history or cold):
            expected.append((history, targets[:1] if first_only else targets))
    types = [BUY] if only_buys else None
    cases = by_time(
        sequences(*rows), cutoff, horizon, exclude_seen=True, target_types=types, first_only=first_only, cold=cold
    )
    assert told(cases) == expected


def test_next_basket_by_hand() -> None:
    whole = sequences(
        [(1, 3, BUY, 1), (9, 4, VIEW, 0), (11, 8, VIEW, 0), (12, 3, BUY, 2), (12, 4, BUY, 3), (13, 5, BUY, 2)],
        [(1, 3, VIEW, 0), (12, 6, BUY, 0), (12, 7, BUY, 0), (12, 6, BUY, 0), (13, 8, BUY, 0)],  # without numbers
        [(9, 3, BUY, 5), (10, 4, BUY, 5), (11, 6, BUY, 6)],  # order 5 had begun
        [(9, 3, VIEW, 0), (10, 0, BUY, 7), (11, 6, BUY, 8)],  # order 7 has no item that could be shown
        [(9, 3, VIEW, 0), (30, 4, BUY, 9)],
        [(12, 4, BUY, 2)],  # new
    )
    cases = next_basket(whole, 10, 10, basket_types=[BUY])
    assert told(cases) == [([3, 4], [3, 5]), ([3], [6, 7]), ([3], [6]), ([3], [6])]
    assert not cases.exclude_seen
    assert told(next_basket(whole, 10, 10, basket_types=[BUY], cold=True))[-1] == ([], [4])
    assert told(next_basket(whole, 10, 10, basket_types=[VIEW]))[0] == ([3, 4], [8])


def test_an_order_with_a_number_is_not_that_of_lines_without_one() -> None:
    whole = sequences([(1, 3, BUY, 1), (12, 4, BUY, 0), (12, 5, BUY, 2), (12, 6, BUY, 0)])
    assert told(next_basket(whole, 10, 10, basket_types=[BUY])) == [([3], [4, 6])]


def test_next_basket_without_order_numbers_goes_by_time() -> None:
    whole = sequences([(1, 3, BUY, 1), (12, 4, BUY, 2), (12, 5, BUY, 3), (13, 6, BUY, 2)])
    cases = next_basket(dataclasses.replace(whole, order=None), 10, 10, basket_types=[BUY])
    assert told(cases) == [([3], [4, 5])]


@settings(deadline=None)
@given(histories_of_many, st.integers(0, 13), st.integers(1, 8), st.booleans())
def test_next_basket_is_its_slow_twin(rows: list[list[Event]], cutoff: int, horizon: int, cold: bool) -> None:
    expected = []
    for row in rows:
        history = [item for time, item, _, _ in row if time < cutoff]
        begun = {order for time, _, kind, order in row if time < cutoff and kind == BUY and order}
        lines = [
            (time, item, order)
            for time, item, kind, order in row
            if cutoff <= time < cutoff + horizon and kind == BUY and item >= FIRST_CODE and order not in begun
        ]
        if not lines or not (history or cold):
            continue
        first_time, _, first_order = lines[0]
        targets: list[int] = []
        for time, item, order in lines:
            together = order == first_order if first_order else order == 0 and time == first_time
            if together and item not in targets:
                targets.append(item)
        expected.append((history, targets))
    assert told(next_basket(sequences(*rows), cutoff, horizon, basket_types=[BUY], cold=cold)) == expected


@settings(deadline=None)
@given(histories_of_many, st.integers(0, 13), st.integers(1, 8), st.booleans())
def test_newcomers_is_its_slow_twin(rows: list[list[Event]], cutoff: int, horizon: int, only_buys: bool) -> None:
    expected = []
    for row in rows:
        wanted = [
            place
            for place, (time, item, kind, _) in enumerate(row)
            if cutoff <= time < cutoff + horizon and item >= FIRST_CODE and (kind == BUY or not only_buys)
        ]
        if row and row[0][0] >= cutoff and wanted and wanted[-1] > 0:
            expected.append(([event[1] for event in row[: wanted[-1]]], [row[wanted[-1]][1]]))
    found = newcomers(sequences(*rows), cutoff, horizon, target_types=[BUY] if only_buys else None)
    assert told(found) == expected
    assert not found.exclude_seen


def test_newcomers_of_nobody() -> None:
    assert len(newcomers(sequences(), 5, 5)) == 0
    assert len(newcomers(sequences([]), 5, 5)) == 0
    with pytest.raises(InputError, match="no times"):
        newcomers(items([3, 4]), 5, 5)


@settings(deadline=None, max_examples=200)
@given(histories_of_many, st.integers(0, 13), st.data())
def test_nothing_at_or_after_the_cutoff_moves_train_or_a_history(
    rows: list[list[Event]], cutoff: int, data: st.DataObject
) -> None:
    """Events at and after the cutoff are changed, moved later, removed and added; what is known stays as it was."""
    late = st.tuples(
        st.integers(cutoff, cutoff + 20), st.integers(0, N_CODES - 1), st.sampled_from([VIEW, BUY]), st.integers(0, 3)
    )
    changed = [
        [event for event in row if event[0] < cutoff] + sorted(data.draw(st.lists(late, max_size=5))) for row in rows
    ]
    one, other = sequences(*rows), sequences(*changed)
    same(before(one, cutoff), before(other, cutoff))
    settings_: dict[str, Any] = {"exclude_seen": True, "cold": True}
    asked = (
        [by_time(s, cutoff, 8, **settings_) for s in (one, other)],
        [next_basket(s, cutoff, 8, basket_types=[BUY], cold=True) for s in (one, other)],
    )
    for first, second in asked:
        known = [{int(user): row for row, user in enumerate(users(c))} for c in (first, second)]
        both = sorted(known[0].keys() & known[1].keys())  # who is asked may change; what is known of them may not
        same(
            first.histories.take(np.array([known[0][u] for u in both], np.int64)),
            second.histories.take(np.array([known[1][u] for u in both], np.int64)),
        )
        for cases in (first, second):
            assert cases.histories.timestamp_us is not None
            assert (cases.histories.timestamp_us < cutoff).all()


def users(cases: Cases) -> Any:
    assert cases.histories.user_idx is not None
    return cases.histories.user_idx


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(FIRST_CODE, N_CODES - 1), min_size=3, max_size=8), min_size=1, max_size=5))
def test_the_last_two_items_move_nothing_that_leave_one_out_learns_from(rows: list[list[int]]) -> None:
    changed = [[*row[:-2], 3, 4] for row in rows]
    same(leave_one_out_train(items(*rows)), leave_one_out_train(items(*changed)))
    same(leave_one_out(items(*rows), back=2).histories, leave_one_out(items(*changed), back=2).histories)
    last = [[*row[:-1], 3] for row in rows]
    same(leave_one_out(items(*rows)).histories, leave_one_out(items(*last)).histories)


def test_prefixes_are_taken_as_they_are() -> None:
    cases = prefixes(items([3, 4], [5]), np.array([5, 3], np.int32))
    assert told(cases) == [([3, 4], [5]), ([5], [3])]
    assert not cases.exclude_seen
    several = prefixes(items([3, 4], []), np.array([5, 3, 3], np.int32), np.array([0, 2, 3]), exclude_seen=True)
    assert told(several) == [([3, 4], [5, 3]), ([], [3])]
    assert several.exclude_seen


def test_every_prefix_by_hand() -> None:
    sessions = items([3, 4, 0, 3], [5], [], [0, 6])
    assert told(every_prefix(sessions)) == [([3], [4]), ([3, 4, 0], [3]), ([0], [6])]
    assert told(every_prefix(sessions, most=1)) == [([3], [4]), ([0], [3]), ([0], [6])]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda s: leave_one_out(s, back=3), "back=3; give 1 .* or 2"),
        (lambda s: leave_one_out(s, min_length=2), "min_length=2; give 3 or more"),
        (lambda s: leave_one_out_train(s, min_length=0), "min_length=0; give 3 or more"),
        (lambda s: by_time(s, 1, 0, exclude_seen=True), "horizon of 0"),
        (lambda s: by_time(dataclasses.replace(s, timestamp_us=None), 1, 1, exclude_seen=True), "no times"),
        (lambda s: before(dataclasses.replace(s, timestamp_us=None), 1), "no times"),
        (lambda s: next_basket(dataclasses.replace(s, event_type=None), 1, 1, basket_types=[4]), "one type of event"),
        (lambda s: prefixes(s, np.array([2], np.int32)), "1 of 1 targets .* code 2 .* from 3 to 8"),
        (lambda s: prefixes(s, np.array([9], np.int32)), "code 9"),
        (lambda s: prefixes(s, np.array([3, 3], np.int32), np.array([0, 2])), "same target twice"),
        (lambda s: prefixes(s, np.array([3, 4], np.int32)), "1 histories"),
    ],
)
def test_refusals_say_what_to_do(ask: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask(sequences([(1, 3, VIEW, 0), (2, 4, VIEW, 0), (3, 5, VIEW, 0)]))
