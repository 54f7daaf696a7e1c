"""Step matrix: by hand, against a plain twin, and against the paths it must agree with."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.histories.memory import from_events
from footfall.histories.store import Histories
from footfall.journeys._run import Breakdown, Scope
from footfall.journeys.paths import PathsResult, paths
from footfall.journeys.step_matrix import StepMatrixResult, step_matrix

US = 1_000_000


def result_of(histories: Histories, **given_: Any) -> StepMatrixResult:
    result = step_matrix(histories, **given_)
    assert isinstance(result, StepMatrixResult)
    return result


LOG = [
    {"user_id": user, "timestamp": k * US, "event_type": kind}
    for user, kinds in (("a", ("view", "view", "buy")), ("b", ("view",)), ("c", ("search", "buy", "view", "view")))
    for k, kind in enumerate(kinds)
]


def test_by_hand() -> None:
    result = result_of(from_events(LOG), max_steps=4)
    assert [row.sessions for row in result.steps] == [
        {"view": 2, "buy": 0, "search": 1, "(ended)": 0},
        {"view": 1, "buy": 1, "search": 0, "(ended)": 1},
        {"view": 1, "buy": 1, "search": 0, "(ended)": 1},
        {"view": 1, "buy": 0, "search": 0, "(ended)": 2},
    ]
    assert result.steps[1].shares == {"view": 1 / 3, "buy": 1 / 3, "search": 0, "(ended)": 1 / 3}
    assert result.table_rows()[1] == {"step": 2, **result.steps[1].shares}
    assert str(result).startswith("share of 3 sessions at each step")


def test_runs_collapsed_by_hand() -> None:
    # view buy | view | search buy view
    result = result_of(from_events(LOG), max_steps=3, collapse=True)
    assert [row.sessions["buy"] for row in result.steps] == [0, 2, 0]
    assert [row.sessions["(ended)"] for row in result.steps] == [0, 1, 2]


def test_groups_have_the_same_columns() -> None:
    log = [{**event, "device": event["user_id"]} for event in LOG]
    result = step_matrix(from_events(log), by="device", max_steps=1)
    assert isinstance(result, Breakdown)
    assert {tuple(row) for row in result.table_rows()} == {("device", "step", "view", "buy", "search", "(ended)")}


def test_no_events() -> None:
    result = result_of(from_events([]), max_steps=1)
    assert result.steps[0].sessions == {"(ended)": 0}
    assert result.steps[0].shares == {"(ended)": 0.0}


@pytest.mark.parametrize("max_steps", [0, 1001])
def test_steps_out_of_range(max_steps: int) -> None:
    with pytest.raises(InputError, match=f"max_steps = {max_steps} cannot be used; give a whole number from 1 to 1000"):
        step_matrix(from_events(LOG), max_steps=max_steps)


@settings(max_examples=100, deadline=None)
@given(
    data=st.data(),
    collapse=st.booleans(),
    source=st.booleans(),
    max_steps=st.integers(2, 8),
    partitions=st.sampled_from((1, 3, 16)),
    threads=st.sampled_from((1, 4)),
)
def test_twin(
    data: st.DataObject,
    logs: st.SearchStrategy[list[Mapping[str, Any]]],
    twin_sessions: Callable[..., list[dict[str, Any]]],
    collapse: bool,
    source: bool,
    max_steps: int,
    partitions: int,
    threads: int,
) -> None:
    log = data.draw(logs)
    histories = from_events(log, partitions=partitions)
    settings_: dict[str, Any] = {"max_steps": max_steps, "collapse": collapse, "source": source}
    result = result_of(histories, scope=Scope(threads=threads), **settings_)
    found = twin_sessions(log, source=source)
    for k, row in enumerate(result.steps):
        expected: Counter[str] = Counter()
        for session in found:
            kinds = [str(e["event_type"]) for e in session["events"]]
            kinds = [kind for kind, _ in itertools.groupby(kinds)] if collapse else kinds
            expected[kinds[k] if k < len(kinds) else "(ended)"] += 1
        assert Counter(row.sessions) == expected
        assert sum(row.shares.values()) == pytest.approx(1)

    # Numbers agree across views: unanchored paths have the same columns.
    same = paths(histories, rows_per_step=250, **settings_)
    assert isinstance(same, PathsResult)
    for row in result.steps:
        column = {s.event_type.replace("drop-off", "ended"): s.paths for s in same.steps if s.step == row.step}
        assert column == {name: n for name, n in row.sessions.items() if n}
