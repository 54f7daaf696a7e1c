"""Paths: every anchor by hand, columns and links that add up, and the whole against a plain twin."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.histories.memory import from_events
from footfall.histories.store import Histories
from footfall.journeys._columns import DistinctPaths
from footfall.journeys._run import Breakdown, Scope
from footfall.journeys.paths import PathsResult, PathsSpec, paths, users_at
from footfall.journeys.sessions import SessionRule

US = 1_000_000
Twin = Callable[..., list[dict[str, Any]]]
Path = tuple[str, ...]

START, DROP, END, MORE = "(start)", "(drop-off)", "(end)", "(more)"


def log_of(**users: str) -> list[dict[str, Any]]:
    """One session per user, one letter per event."""
    return [
        {"user_id": user, "timestamp": k * US, "event_type": kind}
        for user, kinds in users.items()
        for k, kind in enumerate(kinds)
    ]


def result_of(histories: Histories, **given_: Any) -> PathsResult:
    result = paths(histories, **given_)
    assert isinstance(result, PathsResult)
    return result


def whole(kinds: str, **given_: Any) -> list[tuple[str, ...]]:
    """The paths of one session, as they are listed."""
    result = result_of(from_events(log_of(u=kinds)), **given_)
    return [path.steps for path in result.top_paths for _ in range(path.paths)]


def test_without_anchors() -> None:
    assert whole("VVBV", max_steps=3) == [("V", "V", "B")]
    assert whole("VVBV", max_steps=5) == [("V", "V", "B", "V", DROP)]
    assert whole("VVBV", max_steps=5, collapse=True) == [("V", "B", "V", DROP)]


def test_from_an_event() -> None:
    assert whole("SVVB", start="V", max_steps=3) == [("V", "V", "B")]
    assert whole("SVVB", start="V", max_steps=3, collapse=True) == [("V", "B", DROP)]
    assert whole("SS", start="purchase", max_steps=3) == []
    assert whole("VBV", start="V", max_steps=2, occurrences="all") == [("V", DROP), ("V", "B")]


def test_to_an_event() -> None:
    assert whole("SVVBV", end="B", max_steps=3) == [("V", "V", "B")]
    assert whole("SVVBV", end="B", max_steps=3, collapse=True) == [("S", "V", "B")]
    assert whole("VB", end="B", max_steps=4) == [(START, "V", "B")]
    assert whole("VBSB", end="B", max_steps=3, occurrences="all") == [(START, "V", "B"), ("B", "S", "B")]
    assert whole("VBB", end="B", max_steps=3, occurrences="all", collapse=True) == [(START, "V", "B")]


def test_from_one_event_to_another() -> None:
    assert whole("SVSBVB", start="V", end="B", max_steps=4) == [("V", "S", "B", END)]
    assert whole("SVSBVB", start="V", end="B", max_steps=3, occurrences="all") == [("V", "B", END), ("V", "S", "B")]
    assert whole("VSSSSB", start="V", end="B", max_steps=4) == [("V", "S", MORE, "B")]
    assert whole("VSSSSB", start="V", end="B", max_steps=4, collapse=True) == [("V", "S", "B", END)]
    assert whole("BVS", start="V", end="B") == []  # the end has to follow
    assert whole("BSBB", start="B", end="B", occurrences="all") == [("B", "B", END), ("B", "S", "B", END)]


def test_within_a_history() -> None:
    log = [
        {"user_id": "u", "timestamp": day * 86_400 * US, "event_type": kind}
        for day, kind in enumerate(("view_item", "view_item", "purchase"))
    ]
    histories = from_events(log)
    in_sessions = result_of(histories, end="purchase", max_steps=3)
    in_histories = result_of(histories, end="purchase", max_steps=3, within="history")
    assert (in_sessions.units, in_histories.units) == (3, 1)
    assert in_sessions.top_paths[0].steps == (START, "purchase")
    assert in_histories.top_paths[0].steps == ("view_item", "view_item", "purchase")


def test_columns_links_and_other_by_hand() -> None:
    result = result_of(from_events(log_of(a="VB", b="VB", c="VS", d="VR", e="S")), max_steps=2, rows_per_step=1)
    assert [(s.step, s.event_type, s.paths, s.share) for s in result.steps] == [
        (1, "V", 4, 4 / 5),
        (1, "(other)", 1, 1 / 5),  # S
        (2, "B", 2, 2 / 5),
        (2, "(other)", 2, 2 / 5),  # S and R
        (2, DROP, 1, 1 / 5),
    ]
    assert [(x.step, x.source, x.target, x.paths) for x in result.links] == [
        (1, "V", "(other)", 2),
        (1, "V", "B", 2),
        (1, "(other)", DROP, 1),
    ]
    assert [(p.steps, p.paths) for p in result.top_paths] == [
        (("V", "B"), 2),
        (("S", DROP), 1),
        (("V", "R"), 1),
        (("V", "S"), 1),
    ]
    assert (result.paths, result.units, result.users) == (5, 5, 5)


def test_users_behind_a_cell() -> None:
    histories = from_events(log_of(a="VB", b="VB", c="VS", d="VR", e="S"), partitions=3)
    spec = PathsSpec(max_steps=2, rows_per_step=1)

    def users(step: int, event_type: str) -> list[str]:
        table = users_at(histories, step, event_type, spec=spec)
        return [str(user) for user in table["user_id"].to_pylist()]

    assert users(2, "B") == ["a", "b"]
    assert users(2, "(other)") == ["c", "d"]
    assert users(2, "R") == ["d"]  # though the column shows it as (other)
    assert users(2, DROP) == ["e"]
    assert users(1, "purchase") == []  # a type of ours that this log does not have
    with pytest.raises(InputError, match="step = 3 cannot be used; these paths have the steps 1 to 2"):
        users(3, "B")
    with pytest.raises(InputError, match="unknown event type 'Q'"):
        users(1, "Q")


def test_many_event_types() -> None:
    # 300 types, of which a byte cannot tell all apart: anchors keep their own, the rarest others share (other).
    log = [{"user_id": "u", "timestamp": k * US, "event_type": f"t{k:03}"} for k in range(300)]
    log += [{"user_id": "v", "timestamp": k * US, "event_type": f"t{k:03}"} for k in range(200)]
    result = result_of(from_events(log), end="t299", max_steps=2)
    assert result.top_paths[0].steps == ("(other)", "t299")
    assert result.left_out == (
        "the 54 rarest event types are counted as (other)",
    )  # 300 less 250 - 3 reserved - (other)
    assert users_at(from_events(log), 1, "(other)", spec=PathsSpec(end="t299", max_steps=2)).num_rows == 1


def test_no_events() -> None:
    result = result_of(from_events([]), end="purchase")
    assert (result.paths, result.steps, result.links, result.top_paths) == (0, (), (), ())
    assert str(result).startswith("0 paths to purchase in 0 sessions, 0 users")


def test_result_becomes_tables_and_json() -> None:
    result = result_of(from_events(log_of(a="VB", b="V")), max_steps=2)
    as_json = json.loads(result.to_json())
    assert as_json["steps"][0] == {"step": 1, "event_type": "V", "paths": 2, "share": 1.0}
    assert as_json["links"][0] == {"step": 1, "source": "V", "target": DROP, "paths": 1}
    assert as_json["top_paths"][0] == {"steps": ["V", "(drop-off)"], "paths": 1, "share": 0.5}
    assert result.to_arrow()["paths"].to_pylist() == [2, 1, 1]
    text = str(result).splitlines()
    assert text[0] == "2 paths in 2 sessions, 2 users"
    assert any(line.split() == ["V", ">", "B", "1", "50.00%"] for line in text)
    assert any(line.split() == ["V", "2", "(100.0%)", "B", "1", "(50.0%)"] for line in text)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"within": "visit"}, "unknown within value 'visit'; did you mean 'history'? Accepted: history, session"),
        ({"occurrences": "al"}, "unknown occurrences value 'al'; did you mean 'all'?"),
        ({"occurrences": "all"}, "occurrences = 'all' needs an event to anchor paths at"),
        ({"max_steps": 31}, "max_steps = 31 cannot be used; give a number from 2 to 30"),
        ({"start": "V", "end": "B", "max_steps": 2}, "max_steps = 2 cannot be used; give a number from 3 to 30"),
        ({"rows_per_step": 0}, "rows_per_step = 0 cannot be used; give a number from 1 to 250"),
        ({"end": "purchse"}, "unknown event type 'purchse'; did you mean 'purchase'?"),
    ],
)
def test_settings_that_cannot_be_used(given_: Mapping[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        paths(from_events(log_of(u="VB")), **given_)
    assert message in str(caught.value)


def twin_paths(kinds: Sequence[str], spec: PathsSpec) -> list[Path]:
    """All paths of one unit, every cell of them."""
    steps = [kind for kind, _ in itertools.groupby(kinds)] if spec.collapse else list(kinds)
    k = spec.max_steps
    found: list[Path] = []
    if spec.start is None and spec.end is None:
        found = [(*steps[:k], *[DROP] * (k - len(steps)))] if steps else []
    elif spec.end is None:
        tails = [steps[i:] for i, step in enumerate(steps) if step == spec.start]
        found = [(*tail[:k], *[DROP] * (k - len(tail))) for tail in tails]
    elif spec.start is None:
        heads = [steps[: i + 1] for i, step in enumerate(steps) if step == spec.end]
        found = [(*[START] * (k - len(head)), *head[-k:]) for head in heads]
    else:
        place = 0
        while spec.start in steps[place:]:
            i = steps.index(spec.start, place)
            if spec.end not in steps[i + 1 :]:
                break
            place = steps.index(spec.end, i + 1)
            path = steps[i : place + 1]
            path = path if len(path) <= k else [*path[: k - 2], MORE, path[-1]]
            found.append((*path, *[END] * (k - len(path))))
    return found if spec.occurrences == "all" else found[:1]


anchors = st.sampled_from((None, "view_item", "purchase", "search"))


@settings(max_examples=150, deadline=None)
@given(
    data=st.data(),
    start=anchors,
    end=anchors,
    within=st.sampled_from(("session", "history")),
    every=st.booleans(),
    collapse=st.booleans(),
    source=st.booleans(),
    max_steps=st.integers(3, 7),
    rows_per_step=st.integers(1, 4),
    partitions=st.sampled_from((1, 3, 16)),
    threads=st.sampled_from((1, 4)),
)
def test_twin(
    data: st.DataObject,
    logs: st.SearchStrategy[list[Mapping[str, Any]]],
    twin_sessions: Twin,
    start: str | None,
    end: str | None,
    within: Any,
    every: bool,
    collapse: bool,
    source: bool,
    max_steps: int,
    rows_per_step: int,
    partitions: int,
    threads: int,
) -> None:
    log = data.draw(logs)
    occurrences: Any = "all" if every and (start or end) else "first"
    rule = SessionRule(source=source)
    spec = PathsSpec(start, end, within, occurrences, collapse, max_steps, rows_per_step, 1000, rule)
    given_ = dataclasses.asdict(spec)
    del given_["rule"]
    histories = from_events(log, partitions=partitions)
    result = result_of(histories, **given_, source=source, scope=Scope(threads=threads))

    ages = 10**9  # no time cuts a whole history
    found = twin_sessions(log, source=source) if within == "session" else twin_sessions(log, gap_s=ages, max_s=ages)
    units = [((s["user"], s["anonymous"]), [str(e["event_type"]) for e in s["events"]]) for s in found]
    expected = [(user, path) for user, kinds in units for path in twin_paths(kinds, spec)]

    assert result.units == len(units)
    assert result.paths == len(expected)
    assert result.users == len({user for user, _ in expected})
    listed = Counter({p.steps: p.paths for p in result.top_paths})
    assert listed == Counter(squeeze(path) for _, path in expected)
    check_columns(result, [path for _, path in expected], rows_per_step)
    if result.steps:
        cell = data.draw(st.sampled_from(result.steps))
        shown = {s.event_type for s in result.steps if s.step == cell.step} - {"(other)"}
        behind = {
            user
            for user, path in expected
            if (path[cell.step - 1] if path[cell.step - 1] in shown else "(other)") == cell.event_type
        }
        table = users_at(histories, cell.step, cell.event_type, spec=spec)
        assert [(t["user_id"], t["anonymous"]) for t in table.to_pylist()] == sorted(behind)


def squeeze(path: Path) -> Path:
    filled = {START, DROP, END, MORE}
    return tuple(c for k, c in enumerate(path) if c not in filled or k == 0 or path[k - 1] != c)


def check_columns(result: PathsResult, expected: list[Path], rows_per_step: int) -> None:
    """Every column holds its most frequent types, the rest in (other), and agrees with the links beside it."""
    for step in range(1, result.max_steps + 1):
        exact = Counter(path[step - 1] for path in expected)
        types = sorted((kind for kind in exact if kind[0] != "("), key=lambda kind: (-exact[kind], kind))
        hidden = set(types[rows_per_step:])
        column = Counter("(other)" if kind in hidden else kind for kind in exact.elements())
        assert Counter({s.event_type: s.paths for s in result.steps if s.step == step}) == column
        assert column.total() == result.paths
        for place, side in ((step, "source"), (step - 1, "target")):
            joined: Counter[str] = Counter()
            for link in result.links:
                if link.step == place:
                    joined[getattr(link, side)] += link.paths
            assert joined in (column, Counter())


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(*[st.integers(4, 6)] * 3), max_size=40),
    limit=st.integers(0, 12),
    order=st.permutations(("x", "y", "z")),
)
def test_the_most_frequent_paths_whatever_the_codes(
    rows: list[tuple[int, ...]], limit: int, order: Sequence[str]
) -> None:
    names = ("a", "b", "c", "d", *order, "(other)")
    found = DistinctPaths.of(np.array(rows, np.uint8).reshape(-1, 3)).top(limit, names)
    counted = Counter(tuple(names[c] for c in row) for row in rows)
    expected = sorted(counted.items(), key=lambda x: (-x[1], x[0]))[:limit]
    assert [(tuple(names[c] for c in row), n) for row, n in found] == expected


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_breakdown_adds_up(data: st.DataObject, logs: st.SearchStrategy[list[Mapping[str, Any]]]) -> None:
    log = data.draw(logs)
    parts = paths(from_events(log, partitions=3), by="device")
    assert isinstance(parts, Breakdown)
    assert sum(result.paths for _, result in parts.groups) == result_of(from_events(log)).paths
