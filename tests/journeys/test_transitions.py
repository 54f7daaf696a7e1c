"""Transitions: counts, probabilities and times by hand and against a plain twin; the users behind a row."""

from __future__ import annotations

import itertools
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.histories.memory import from_events
from footfall.histories.store import Histories
from footfall.journeys import transitions as module
from footfall.journeys._run import Breakdown, Scope
from footfall.journeys._states import States
from footfall.journeys.sessions import SessionRule, SessionsResult, sessions
from footfall.journeys.transitions import TransitionsResult, TransitionsSpec, transitions, users_at

US = 1_000_000
Twin = Callable[..., list[dict[str, Any]]]


def log_of(user: str, *events: tuple[float, str]) -> list[dict[str, Any]]:
    return [{"user_id": user, "timestamp": round(s * US), "event_type": kind} for s, kind in events]


def result_of(histories: Histories, **given_: Any) -> TransitionsResult:
    result = transitions(histories, **given_)
    assert isinstance(result, TransitionsResult)
    return result


def flat(result: TransitionsResult) -> list[tuple[Any, ...]]:
    return [(r.source, r.target, r.count, r.users, r.probability, r.share, r.median_s) for r in result.rows]


LOG = [
    *log_of("a", (0, "view"), (10, "view"), (40, "buy"), (9_000, "view")),  # two sessions
    *log_of("b", (0, "view"), (20, "view")),
]


def test_by_hand() -> None:
    # Sessions: view view buy | view | view view. Steps: 3 from (start), 3 to (end), 2 view > view, 1 view > buy.
    result = result_of(from_events(LOG))
    assert flat(result) == [
        ("(start)", "view", 3, 2, 3 / 3, 3 / 9, None),
        ("view", "(end)", 2, 2, 2 / 5, 2 / 9, None),
        ("view", "view", 2, 2, 2 / 5, 2 / 9, 15.0),  # 10 s and 20 s
        ("buy", "(end)", 1, 1, 1 / 1, 1 / 9, None),
        ("view", "buy", 1, 1, 1 / 5, 1 / 9, 30.0),
    ]
    assert (result.sessions, result.users, result.events, result.steps) == (3, 2, 6, 9)
    assert str(result).startswith("9 steps in 3 sessions of 2 users")


def test_runs_collapsed_by_hand() -> None:
    # view (view) buy | view | view (view): the step to buy takes 30 s, from the last view.
    result = result_of(from_events(LOG), collapse=True)
    assert flat(result) == [
        ("(start)", "view", 3, 2, 1.0, 3 / 7, None),
        ("view", "(end)", 2, 2, 2 / 3, 2 / 7, None),
        ("buy", "(end)", 1, 1, 1.0, 1 / 7, None),
        ("view", "buy", 1, 1, 1 / 3, 1 / 7, 30.0),
    ]
    assert "a run of one event type is one step" in str(result)


def test_users_behind_a_row() -> None:
    histories = from_events(LOG)
    assert users_at(histories, "view", "view").to_pylist() == [
        {"user_id": "a", "anonymous": False},
        {"user_id": "b", "anonymous": False},
    ]
    assert users_at(histories, "view", "buy")["user_id"].to_pylist() == ["a"]
    assert users_at(histories, "buy", "(end)")["user_id"].to_pylist() == ["a"]
    assert users_at(histories, "view", "purchase").num_rows == 0  # a type of ours that this log does not have
    with pytest.raises(InputError, match="unknown event type 'veiw'; did you mean 'view'"):
        users_at(histories, "veiw", "buy")


def test_rare_types_share_other() -> None:
    histories = from_events(log_of("a", (0, "t1"), (1, "t1"), (2, "t2"), (3, "t2"), (4, "t3"), (5, "t4")))
    states = States.of(histories, keep=["t4"], limit=6)  # three reserved codes, two types, and the rest
    assert states.names == ("(missing)", "(rare)", "(unseen)", "t1", "t4", "(other)")
    spec = TransitionsSpec()
    result = module.merge([module.partial(histories.partitions[0], spec, states)], spec, states)
    assert {(r.source, r.target): r.count for r in result.rows} == {
        ("(start)", "t1"): 1,
        ("t1", "t1"): 1,
        ("t1", "(other)"): 1,
        ("(other)", "(other)"): 2,  # t2 > t2 > t3
        ("(other)", "t4"): 1,
        ("t4", "(end)"): 1,
    }
    assert "the 2 rarest event types are counted as (other)" in result.notes()


def test_no_events() -> None:
    assert result_of(from_events([])).rows == ()


def twin_transitions(found: list[dict[str, Any]], collapse: bool) -> list[tuple[Any, ...]]:
    gaps: dict[tuple[str, str], list[float | None]] = defaultdict(list)
    users: dict[tuple[str, str], set[tuple[str, bool]]] = defaultdict(set)
    for session in found:
        runs = [list(run) for _, run in itertools.groupby(session["events"], key=lambda e: str(e["event_type"]))]
        steps = runs if collapse else [[event] for event in session["events"]]
        names = ["(start)", *(step[0]["event_type"] for step in steps), "(end)"]
        times = [None, *((b[0]["timestamp"] - a[-1]["timestamp"]) / US for a, b in itertools.pairwise(steps)), None]
        for pair, time in zip(itertools.pairwise(names), times, strict=True):
            gaps[pair].append(time)
            users[pair].add((session["user"], session["anonymous"]))
    total = sum(map(len, gaps.values()))
    rows = []
    for (source, target), times in gaps.items():
        leaving = sum(len(other) for (first, _), other in gaps.items() if first == source)
        known = [time for time in times if time is not None]
        median = statistics.median(known) if known else None
        n = len(times)
        rows.append((source, target, n, len(users[source, target]), n / leaving, n / total, median))
    return sorted(rows, key=lambda r: (-r[2], r[0], r[1]))


@settings(max_examples=120, deadline=None)
@given(
    data=st.data(),
    collapse=st.booleans(),
    source=st.booleans(),
    partitions=st.sampled_from((1, 3, 16)),
    threads=st.sampled_from((1, 4)),
)
def test_twin(
    data: st.DataObject,
    logs: st.SearchStrategy[list[Mapping[str, Any]]],
    twin_sessions: Twin,
    collapse: bool,
    source: bool,
    partitions: int,
    threads: int,
) -> None:
    log = data.draw(logs)
    histories = from_events(log, partitions=partitions)
    result = result_of(histories, collapse=collapse, source=source, scope=Scope(threads=threads))
    expected = twin_transitions(twin_sessions(log, source=source), collapse)
    assert flat(result) == [(*row[:6], pytest.approx(row[6])) for row in expected]

    # Numbers agree across views: sessions begin and end once, and the same users stand behind a row.
    whole = sessions(histories, source=source)
    assert isinstance(whole, SessionsResult)
    assert (result.sessions, result.users, result.events) == (whole.sessions, whole.users, whole.events)
    assert sum(r.count for r in result.rows if r.source == "(start)") == whole.sessions
    assert sum(r.count for r in result.rows if r.target == "(end)") == whole.sessions
    spec = TransitionsSpec(SessionRule(source=source), collapse)
    row = data.draw(st.sampled_from(result.rows))
    assert users_at(histories, row.source, row.target, spec=spec).num_rows == row.users


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_breakdown_adds_up(data: st.DataObject, logs: st.SearchStrategy[list[Mapping[str, Any]]]) -> None:
    log = data.draw(logs)
    parts = transitions(from_events(log, partitions=3), by="device")
    assert isinstance(parts, Breakdown)
    assert sum(result.steps for _, result in parts.groups) == result_of(from_events(log)).steps


def test_states_hold_every_event_type_once() -> None:
    histories = from_events(log_of("a", *((float(k), f"t{k:03}") for k in range(300))))
    states = States.of(histories)
    assert len(states) == 250
    assert np.bincount(states.of_code).tolist() == [1] * 249 + [300 + 3 - 249]
