"""Candidates: what is said of them is what a slow reading of each history gives."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.histories.content import Content, Field
from footfall.histories.sequences import Sequences
from footfall.recommenders._candidates import BESIDE, MET, beside, kinds_of, met, shelves_of

CODES = (3, 5, 8, 12)
N_CODES = 16


class Event(NamedTuple):
    item: int
    type: int
    s: int
    order: int


rows_of_events = st.lists(
    st.lists(
        st.builds(Event, st.integers(0, 12), st.integers(3, 6), st.integers(0, 50), st.integers(0, 3)), max_size=9
    ),
    min_size=1,
    max_size=5,
)


def made(rows: list[list[Event]], *, timed: bool, ordered: bool) -> tuple[list[list[Event]], Sequences]:
    rows = [sorted(row, key=lambda event: event.s) for row in rows]
    flat = [event for row in rows for event in row]
    return rows, Sequences(
        np.cumsum([0, *map(len, rows)]),
        np.array([event.item for event in flat], np.int32),
        N_CODES,
        event_type=np.array([event.type for event in flat], np.int16),
        timestamp_us=np.array([event.s for event in flat], np.int64) * 1_000_000 if timed else None,
        order=np.array([event.order for event in flat], np.int32) if ordered else None,
    )


def blocks(row: list[Event]) -> list[int]:
    """Return the order of each run of lines that bear one number, in order of time, whatever lies between."""
    found: list[int] = []
    for event in row:
        if event.order and (not found or found[-1] != event.order):
            found.append(event.order)
    return found


def slow_met(row: list[Event], code: int, *, timed: bool, ordered: bool) -> list[float]:
    nan = float("nan")
    said = dict.fromkeys(MET, nan) | {"events": 0.0}
    mine = [place for place, event in enumerate(row) if event.item == code]
    if mine:
        last = row[mine[-1]]
        said |= {"events": len(mine), "events_since": len(row) - 1 - mine[-1], "last_type": last.type}
        if timed:
            said["log_s_since"] = np.log1p(row[-1].s - last.s)
    lines = [place for place in mine if row[place].order > 0]
    if ordered and lines:
        runs = blocks([row[place] for place in lines])
        newest = row[lines[-1]]
        said |= {"orders": len(runs), "orders_since": len(blocks(row[lines[-1] :])) - 1}
        if timed:
            said["log_s_since_order"] = np.log1p(row[-1].s - newest.s)
            # Of a run the newest line counts, as one that reads backwards meets it first.
            ends = [
                row[place].s
                for place, after in zip(lines, [*lines[1:], None], strict=True)
                if after is None or row[after].order != row[place].order
            ]
            if len(runs) > 1 and ends[-1] > ends[0]:
                gap = (ends[-1] - ends[0]) / (len(runs) - 1)
                said |= {"log_s_between_orders": np.log1p(gap), "overdue": (row[-1].s - newest.s) / gap}
    return [said[name] for name in MET]


def slow_beside(row: list[Event], shelf: int, shelves: np.ndarray, *, timed: bool, ordered: bool) -> list[float]:
    said = dict.fromkeys(BESIDE, float("nan"))
    if shelf:
        mine = [event for event in row if shelves[event.item] == shelf]
        lines = [event for event in mine if event.order]
        said["events"] = len(mine)
        if timed and mine:
            said["log_s_since"] = np.log1p(row[-1].s - mine[-1].s)
        if ordered:
            said["lines"] = len(lines)
            if timed and lines:
                said["log_s_since_line"] = np.log1p(row[-1].s - lines[-1].s)
                moments = sorted({event.s for event in lines})
                if len(moments) > 1:
                    gap = (moments[-1] - moments[0]) / (len(moments) - 1)
                    said |= {"log_s_between_lines": np.log1p(gap), "overdue": (row[-1].s - moments[-1]) / gap}
    return [said[name] for name in BESIDE]


@settings(deadline=None)
@given(rows_of_events, st.booleans(), st.booleans())
def test_what_was_met_is_its_slow_twin(rows: list[list[Event]], timed: bool, ordered: bool) -> None:
    rows, histories = made(rows, timed=timed, ordered=ordered)
    codes = np.tile(np.array(CODES), (len(rows), 1))
    found = met(histories, codes)
    for n, row in enumerate(rows):
        for at, code in enumerate(CODES):
            np.testing.assert_allclose(found[:, n, at], slow_met(row, code, timed=timed, ordered=ordered), rtol=1e-5)


@settings(deadline=None)
@given(rows_of_events, st.booleans(), st.booleans())
def test_what_stands_beside_is_its_slow_twin(rows: list[list[Event]], timed: bool, ordered: bool) -> None:
    rows, histories = made(rows, timed=timed, ordered=ordered)
    category = np.array([[0, 0]] * 3 + [[1 + code % 3, 4 + code % 2] for code in range(3, N_CODES)], np.int32)
    brand = np.array([[code % 4] for code in range(N_CODES)], np.int32)
    content = Content({"category": Field(tuple("abcdef"), category), "brand": Field(tuple("xyz"), brand)})
    kinds = kinds_of(content)
    assert kinds == (("category", 0), ("category", 1), ("brand", 0))
    shelves = shelves_of(content, kinds, N_CODES)
    codes = np.tile(np.array(CODES), (len(rows), 1))
    found = beside(histories, codes, shelves).reshape(3, len(BESIDE), len(rows), len(CODES))
    for kind in range(3):
        for n, row in enumerate(rows):
            for at, code in enumerate(CODES):
                expected = slow_beside(row, int(shelves[kind, code]), shelves[kind], timed=timed, ordered=ordered)
                if not histories.n_events:  # of nobody anything is known
                    expected = [float("nan")] * len(BESIDE)
                np.testing.assert_allclose(found[kind, :, n, at], expected, rtol=1e-5)


def test_a_log_without_content_has_no_shelves() -> None:
    assert kinds_of(None) == ()
    assert shelves_of(None, (), N_CODES).shape == (0, N_CODES)
    _, histories = made([[Event(3, 3, 0, 1)]], timed=True, ordered=True)
    assert beside(histories, np.array([[3, 5]]), shelves_of(None, (), N_CODES)).shape == (0, 1, 2)


def test_a_catalogue_that_lost_a_field_leaves_its_shelf_empty() -> None:
    content = Content({"brand": Field(("x",), np.ones((N_CODES, 1), np.int32))})
    assert shelves_of(content, (("category", 0), ("brand", 0)), N_CODES).sum(1).tolist() == [0, N_CODES]
