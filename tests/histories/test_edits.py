"""Edits: each beside its slow twin on plain lists, nothing lost uncounted, every column of an event goes with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.histories.edits import ECHO_US, Edit, delayed, doubled, dropped, injected, realistic
from footfall.histories.event_features import hour_of_week
from footfall.histories.sequences import Sequences
from footfall.schema import US_PER_DAY

HOUR = US_PER_DAY // 24
START = 1_700_000_000_000_000
CUTOFF = START + 10 * US_PER_DAY
Told = tuple[int, ...]
"""Time, item, type, order, number of the event."""


def log_of(lengths: list[int], seed: int = 0) -> Sequences:
    """Times with ties, some orders, and the number of each event in a column of its own."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    n = int(offsets[-1])
    times = [np.sort(START + rng.integers(0, 240, length) * HOUR) for length in lengths]
    time_us = np.concatenate([np.zeros(0, np.int64), *times])
    return Sequences(
        offsets=offsets,
        item=rng.integers(0, 9, n).astype(np.int32),
        n_codes=9,
        event_type=rng.integers(3, 6, n).astype(np.int16),
        timestamp_us=time_us,
        order=(rng.integers(0, 3, n) * np.arange(1, n + 1)).astype(np.int32),
        user_idx=np.arange(len(lengths)),
        extra={"number": np.arange(n), "hour": hour_of_week(time_us, "Asia/Tokyo")},
        sizes={"hour": 169},
    )


LOGS = [[5, 0, 3, 40, 1], [0, 0], [1], [30] * 20]
logs = pytest.mark.parametrize("lengths", LOGS, ids=str)


def lists(log: Sequences) -> list[list[Told]]:
    """Return every history as a list of what each event says."""
    assert log.timestamp_us is not None
    assert log.event_type is not None
    assert log.order is not None
    columns = (log.timestamp_us, log.item, log.event_type, log.order, log.extra["number"])
    rows: list[Told] = list(zip(*(column.tolist() for column in columns), strict=True))
    return [rows[a:b] for a, b in zip(log.offsets[:-1], log.offsets[1:], strict=True)]


def in_order(histories: list[list[Told]]) -> list[list[Told]]:
    return [sorted(history, key=lambda event: event[0]) for history in histories]


def edited(edit: Edit, log: Sequences) -> list[list[Told]]:
    return lists(edit.of(log, "Asia/Tokyo"))


@logs
def test_dropped_is_its_twin(lengths: list[int]) -> None:
    log = log_of(lengths)
    which = np.random.default_rng(1).random(log.n_events) < 0.3
    expected = [[event for event in history if not which[event[4]]] for history in lists(log)]
    edit = dropped(log, which)
    assert edited(edit, log) == expected
    assert (edit.lost, edit.added) == (int(which.sum()), 0)


@logs
def test_delayed_is_its_twin(lengths: list[int]) -> None:
    log = log_of(lengths)
    rng = np.random.default_rng(2)
    by = np.where(rng.random(log.n_events) < 0.4, rng.integers(1, 200, log.n_events) * HOUR, 0)
    late = [[(event[0] + int(by[event[4]]), *event[1:]) for event in history] for history in lists(log)]
    expected = in_order([[event for event in history if event[0] < CUTOFF] for history in late])
    edit = delayed(log, by, CUTOFF)
    assert edited(edit, log) == expected
    assert edit.lost == log.n_events - sum(map(len, expected))


@logs
def test_doubled_is_its_twin(lengths: list[int]) -> None:
    log = log_of(lengths)
    which = np.random.default_rng(3).random(log.n_events) < 0.4
    expected = []
    for history in lists(log):
        again = [(event[0] + ECHO_US, *event[1:]) for event in history if which[event[4]]]
        expected.append(history + [event for event in again if event[0] < CUTOFF])
    edit = doubled(log, which, CUTOFF)
    assert edited(edit, log) == in_order(expected)
    assert (edit.lost, edit.added) == (0, int(which.sum()))


def test_what_is_doubled_past_the_cutoff_is_not_seen() -> None:
    log = log_of([4])
    assert log.timestamp_us is not None
    last = int(log.timestamp_us[-1])
    edit = doubled(log, np.ones(4, np.bool_), last + ECHO_US)
    assert edit.added == int((log.timestamp_us < last).sum())
    assert doubled(log, np.ones(4, np.bool_), last + ECHO_US + 1).added == 4


@logs
def test_injected_is_its_twin(lengths: list[int]) -> None:
    log = log_of(lengths)
    rng = np.random.default_rng(4)
    added = 25 if log.n_events else 0
    rows, donors = rng.integers(0, len(log), added), rng.integers(0, max(log.n_events, 1), added)
    times = START + rng.integers(0, 240, added) * HOUR + 1
    whole = [event for history in lists(log) for event in history]
    expected = [list(history) for history in lists(log)]
    for row, donor, time in zip(rows.tolist(), donors.tolist(), times.tolist(), strict=True):
        expected[row].append((time, *whole[donor][1:]))
    edit = injected(log, rows, donors, times)
    found = edited(edit, log)

    # All but the order, which must be new: the same for events of one order that came to one history, else different.
    def bare(histories: list[list[Told]]) -> list[list[Told]]:
        return [[event[:3] + event[4:] for event in history] for history in in_order(histories)]

    assert bare(found) == bare(expected)
    assert (edit.lost, edit.added) == (0, added)
    own = {order for history in lists(log) for *_, order, _ in history}
    came: dict[tuple[int, int], set[int]] = {}
    for row, (history, was) in enumerate(zip(found, in_order(expected), strict=True)):
        for now, before in zip(history, was, strict=True):
            if now[0] % HOUR == START % HOUR:  # one's own
                assert now[3] == before[3]
            elif before[3]:
                came.setdefault((row, before[3]), set()).add(now[3])
            else:
                assert now[3] == 0
    assert all(len(numbers) == 1 and not numbers & own for numbers in came.values())
    assert len({next(iter(numbers)) for numbers in came.values()}) == len(came)


@logs
@pytest.mark.parametrize("seed", [0, 1])
def test_nothing_is_lost_uncounted_and_times_stand_in_order(lengths: list[int], seed: int) -> None:
    log = log_of(lengths)
    edits = realistic(log, CUTOFF, seed=seed)
    assert [edit.name for edit in edits] == ["dropped", "delayed", "doubled", "injected", "last day missing"]
    for edit in edits:
        new = edit.of(log, "Asia/Tokyo")
        assert new.n_events == log.n_events - edit.lost + edit.added
        assert len(new) == len(log)
        assert new.timestamp_us is not None
        assert (np.diff(new.timestamp_us)[np.diff(new.rows) == 0] >= 0).all()
        assert new.n_events == 0 or int(new.timestamp_us.max()) < CUTOFF
        assert new.extra["hour"].tolist() == hour_of_week(new.timestamp_us, "Asia/Tokyo").tolist()
        assert (new.item == log.item[new.extra["number"]]).all()
        np.testing.assert_array_equal(new.user_idx, log.user_idx)
        assert new.timestamp_us.dtype == new.offsets.dtype == np.int64
        assert (new.item.dtype, new.extra["hour"].dtype) == (log.item.dtype, log.extra["hour"].dtype)


def test_about_a_tenth_is_touched_and_only_where_an_edit_says() -> None:
    log = log_of([300] * 10)
    by_name = {edit.name: edit for edit in realistic(log, CUTOFF)}
    assert 240 < by_name["dropped"].lost < 360
    assert 240 < by_name["injected"].added < 360
    assert 0 < by_name["doubled"].added < 360
    assert log.timestamp_us is not None
    assert by_name["last day missing"].lost == int((log.timestamp_us >= CUTOFF - US_PER_DAY).sum()) > 0
    late = by_name["delayed"]
    moved = late.time_us - log.timestamp_us[late.source]
    assert 200 < (moved > 0).sum() < 360
    assert moved[moved > 0].min() >= HOUR
    assert moved.max() <= 24 * HOUR
    # A foreign event comes between the first and the last of its history.
    new = by_name["injected"].of(log, "UTC")
    for row in range(len(log)):
        times = [part.timestamp_us[part.offsets[row] : part.offsets[row + 1]] for part in (log, new)]  # type: ignore[index]  # times are there
        assert (times[0][0], times[0][-1]) == (times[1][0], times[1][-1])


def test_the_same_seed_edits_alike_and_another_does_not() -> None:
    log = log_of([50] * 5)
    for one, same, other in zip(*(realistic(log, CUTOFF, seed=seed) for seed in (0, 0, 1)), strict=True):
        np.testing.assert_array_equal(one.source, same.source)
        np.testing.assert_array_equal(one.time_us, same.time_us)
        if one.name != "last day missing":
            assert one.source.tolist() != other.source.tolist() or one.time_us.tolist() != other.time_us.tolist()


def test_nothing_touched_is_the_log_itself() -> None:
    log = log_of([20, 0, 7])
    for edit in realistic(log, CUTOFF + 30 * US_PER_DAY, share=0.0):
        assert edited(edit, log) == lists(log)
        assert (edit.lost, edit.added) == (0, 0)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda log: realistic(log, CUTOFF, share=1.5), "share = 1.5 cannot be used; accepted: from 0 to 1"),
        (lambda log: realistic(log, START), "at or after the cutoff; cut it first"),
        (
            lambda log: dropped(log, np.zeros(12, np.bool_)).of(log_of([4]), "UTC"),
            "give the log that the edit was made",
        ),
    ],
)
def test_what_cannot_be_edited_says_why(call: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call(log_of([12]))
