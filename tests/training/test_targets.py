"""What is foretold from each event: beside a twin that looks ahead event by event."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.training.targets import Targets, following, next_of

EVENT = st.tuples(st.integers(0, 8), st.integers(3, 5), st.integers(0, 3), st.integers(0, 2))
"""Item code, type, order, seconds since the event before."""


def made(histories: list[list[tuple[int, int, int, int]]]) -> Sequences:
    events = [event for history in histories for event in history]
    times = [np.cumsum([0, *(e[3] for e in h)])[1:] for h in histories]
    return Sequences(
        np.concatenate(([0], np.cumsum([len(h) for h in histories]))).astype(np.int64),
        np.array([e[0] for e in events], np.int32),
        9,
        event_type=np.array([e[1] for e in events], np.int16),
        order=np.array([e[2] for e in events], np.int32),
        timestamp_us=np.concatenate([*times, np.zeros(0)]).astype(np.int64),
    )


def answers(targets: Targets, n_events: int) -> list[list[int]]:
    return [targets.events[targets.first[i] : targets.end[i]].tolist() for i in range(n_events)]


@given(st.lists(st.lists(EVENT, max_size=8), max_size=4))
def test_the_next_event_is_foretold_if_it_is_about_an_item(histories: list[list[tuple[int, int, int, int]]]) -> None:
    log = made(histories)
    ends = {int(end) - 1 for end in log.offsets[1:]}
    expected = [[i + 1] if i not in ends and log.item[i + 1] >= FIRST_CODE else [] for i in range(log.n_events)]
    assert answers(following(log), log.n_events) == expected


def same_order(log: Sequences, a: int, b: int) -> bool:
    assert log.order is not None
    assert log.timestamp_us is not None
    if log.order[a] or log.order[b]:
        return bool(log.order[a] == log.order[b])
    return bool(log.timestamp_us[a] == log.timestamp_us[b])


@given(st.lists(st.lists(EVENT, max_size=10), max_size=4), st.booleans())
def test_the_next_order_or_event_of_a_type_is_foretold_however_far_ahead(
    histories: list[list[tuple[int, int, int, int]]], orders: bool
) -> None:
    log = made(histories)
    assert log.event_type is not None
    found = answers(next_of(log, [4], orders=orders), log.n_events)
    for row in range(len(log)):
        places = range(int(log.offsets[row]), int(log.offsets[row + 1]))
        lines = [i for i in places if log.event_type[i] == 4 and log.item[i] >= FIRST_CODE]
        groups: list[list[int]] = []
        for i in lines:
            if orders and groups and same_order(log, groups[-1][-1], i):
                groups[-1].append(i)
            else:
                groups.append([i])
        for i in places:
            later = [g for g in groups if g[-1] > i and i not in g]
            assert found[i] == ([j for j in later[0] if j > i] if later else [])


def test_draws_are_answers_and_repeat_themselves() -> None:
    log = made([[(3, 3, 0, 1), (4, 4, 1, 1), (5, 4, 1, 0), (6, 4, 2, 5), (7, 3, 0, 1)]])
    targets = next_of(log, [4], orders=True)
    drawn = set()
    for seed in range(30):
        real, events = targets.draw(np.arange(5), np.random.default_rng(seed))
        assert real.tolist() == [0, 1, 2]  # after the last order nothing is bought
        assert events[1:].tolist() == [3, 3]
        drawn.add(int(events[0]))
        again = targets.draw(np.arange(5), np.random.default_rng(seed))
        assert again[1].tolist() == events.tolist()
    assert drawn == {1, 2}
