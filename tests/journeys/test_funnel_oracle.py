"""The funnel against its twin: plain Python that tries every attempt there is, written from the definitions."""

from __future__ import annotations

import dataclasses
import itertools
import statistics
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.histories.memory import from_events
from footfall.journeys._run import Scope
from footfall.journeys.funnel import FunnelBreakdown, FunnelResult, FunnelStep, funnel

SKIPPED = -1
FOREVER = 10**9


@dataclasses.dataclass(frozen=True)
class Event:
    """One event of one user; ``at`` in seconds."""

    at: int
    kind: str
    price: int | None
    device: str | None


STEPS: dict[str, Any] = {
    "a": lambda e: e.kind == "a",
    "b": lambda e: e.kind == "b",
    "c": lambda e: e.kind == "c",
    "d": lambda e: e.kind == "d",
    "a where price > 1": lambda e: e.kind == "a" and (e.price or 0) > 1,
    "price > 1": lambda e: (e.price or 0) > 1,
    "(event_type in ('a', 'b'))": lambda e: e.kind in "ab",
}


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked; ``within`` in seconds."""

    steps: tuple[str, ...]
    optional: tuple[bool, ...]
    within: int | None
    order: str
    window_from: str
    exclude: tuple[str, ...]

    @property
    def window(self) -> int:
        return FOREVER if self.within is None else self.within

    @property
    def required(self) -> list[int]:
        return [k for k, optional in enumerate(self.optional) if not optional]

    def before(self, k: int) -> int:
        return max((j for j in self.required if j < k), default=0)

    def matches(self, event: Event, k: int) -> bool:
        return bool(STEPS[self.steps[k]](event))


Attempt = tuple[tuple[int, int], ...]  # (step, index of the event), in the order of the steps (any: of the events)


def in_time(events: list[Event]) -> Iterator[list[int]]:
    """Give every order that the events may have had: those at one time in any order."""
    moments = [list(g) for _, g in itertools.groupby(range(len(events)), key=lambda i: events[i].at)]
    for chosen in itertools.product(*(itertools.permutations(m) for m in moments)):
        yield [i for moment in chosen for i in moment]


def in_window(times: list[int], q: Question) -> bool:
    if q.window_from == "first":
        return times[-1] - times[0] <= q.window
    return all(later - earlier <= q.window for earlier, later in itertools.pairwise(times))


def next_steps(q: Question, done: int) -> Iterator[int]:
    """Give the steps that may follow step ``done`` (-1 at the beginning)."""
    for k in range(done + 1, len(q.steps)):
        yield k
        if not q.optional[k]:
            return


def ordered_attempts(events: list[Event], q: Question) -> Iterator[Attempt]:
    def grow(attempt: Attempt) -> Iterator[Attempt]:
        if attempt:
            yield attempt
        used = {i for _, i in attempt}
        for k in next_steps(q, attempt[-1][0] if attempt else -1):
            for i, event in enumerate(events):
                after = not attempt or event.at >= events[attempt[-1][1]].at
                if i not in used and after and q.matches(event, k):
                    longer = (*attempt, (k, i))
                    if in_window([events[j].at for _, j in longer], q):
                        yield from grow(longer)

    return grow(())


def strict_attempts(events: list[Event], q: Question) -> Iterator[tuple[Attempt, int | None]]:
    """Give attempts, each with the event that directly follows it (None at the end), for every order of the events."""

    def grow(order: list[int], place: int, attempt: Attempt) -> Iterator[tuple[Attempt, int | None]]:
        if attempt:
            yield attempt, order[place] if place < len(order) else None
        if place == len(order):
            return
        for k in next_steps(q, attempt[-1][0] if attempt else -1):
            longer = (*attempt, (k, order[place]))
            if q.matches(events[order[place]], k) and in_window([events[j].at for _, j in longer], q):
                yield from grow(order, place + 1, longer)

    for order in in_time(events):
        for start in range(len(order)):
            yield from grow(order, start, ())


def any_attempts(events: list[Event], q: Question) -> Iterator[Attempt]:
    choices = [[None, *(k for k in range(len(q.steps)) if q.matches(e, k))] for e in events]
    for chosen in itertools.product(*choices):
        steps = [k for k in chosen if k is not None]
        if steps and len(set(steps)) == len(steps):
            attempt = tuple((k, i) for i, k in enumerate(chosen) if k is not None)
            if in_window([events[i].at for _, i in attempt], q):
                yield attempt


@dataclasses.dataclass(frozen=True)
class Fate:
    """What became of a user: times by step (any: by place), whether removed, whether an attempt is open at the end."""

    times: tuple[int, ...]
    removed: bool
    open: bool


def fate(events: list[Event], q: Question, log_end: int) -> Fate | None:
    """Try every attempt of one user; None for a user who never entered."""
    events = sorted(events, key=lambda e: e.at)
    if q.order == "strict":
        followed = list(strict_attempts(events, q))
    else:
        followed = [(a, None) for a in (any_attempts if q.order == "any" else ordered_attempts)(events, q)]
    if not followed:
        return None

    def times(attempt: Attempt) -> tuple[int, ...]:
        if q.order == "any":
            made = sorted(events[i].at for _, i in attempt)
            return (*made, *[SKIPPED] * (len(q.steps) - len(made)))
        at = {k: events[i].at for k, i in attempt}
        return tuple(at.get(k, SKIPPED) for k in range(len(q.steps)))

    def depth(attempt: Attempt) -> int:
        return len(attempt) if q.order == "any" else sum(k in q.required for k, _ in attempt)

    def first(attempt: Attempt) -> int:
        return min(events[i].at for _, i in attempt)

    def last(attempt: Attempt) -> int:
        return max(events[i].at for _, i in attempt)

    def anchor(attempt: Attempt) -> int:
        return first(attempt) if q.window_from == "first" else last(attempt)

    def rank(attempt: Attempt) -> tuple[Any, ...]:
        return depth(attempt), len(attempt), -last(attempt), anchor(attempt), times(attempt)[::-1]

    complete = len(q.steps) if q.order == "any" else len(q.required)
    conversion = min((last(a) for a, _ in followed if depth(a) == complete), default=FOREVER)
    removed = False
    for i, event in enumerate(events):
        if not any(STEPS[x](event) for x in q.exclude) or event.at >= conversion:
            continue
        for attempt, follower in followed:
            begun = (first(attempt) if q.window_from == "first" else last(attempt)) < event.at
            unbroken = q.order != "strict" or (follower == i and last(attempt) < event.at)
            removed |= begun and unbroken and event.at <= anchor(attempt) + q.window
    still_open = any(
        anchor(a) + q.window >= log_end and (q.order != "strict" or follower is None) for a, follower in followed
    )
    winner = max((a for a, _ in followed), key=rank)
    return Fate(times(winner), removed, still_open)


def share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def p90(values: list[int]) -> float:
    """Interpolate between the two values next to nine tenths of the way."""
    values = sorted(values)
    place = 0.9 * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def expected_steps(q: Question, fates: list[Fate]) -> list[dict[str, Any]]:
    """Count the users who are not removed."""
    kept = [f for f in fates if not f.removed]
    made = [{n for n, f in enumerate(kept) if f.times[k] != SKIPPED} for k in range(len(q.steps))]
    rows = []
    for k, text in enumerate(q.steps):
        previous = k - 1 if q.order == "any" and k else q.before(k)
        dropped = set() if q.optional[k] else made[previous] - made[k]
        waits = [kept[n].times[k] - kept[n].times[previous] for n in made[k]] if k else []
        from_first = [kept[n].times[k] - kept[n].times[0] for n in made[k]] if k else []
        is_type = len(text) == 1 or text.startswith("a where")
        rows.append(
            {
                "step": k + 1,
                "label": f"any {k + 1} of {len(q.steps)}" if q.order == "any" else text,
                "event_type": text[0] if is_type and q.order != "any" else None,
                "optional": q.optional[k],
                "users": len(made[k]),
                "share_of_first": share(len(made[k]), len(made[0])),
                "share_of_previous": share(len(made[k]), len(made[previous])),
                "dropped": len(dropped),
                "in_progress": None if q.within is None else sum(kept[n].open for n in dropped),
                "median_s": statistics.median(waits) if waits else None,
                "p90_s": p90(waits) if waits else None,
                "median_from_first_s": statistics.median(from_first) if from_first else None,
                "p90_from_first_s": p90(from_first) if from_first else None,
            }
        )
    return rows


def rows_of(steps: tuple[FunnelStep, ...]) -> list[dict[str, Any]]:
    return [dataclasses.asdict(step) for step in steps]


def approximately(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: pytest.approx(v) if isinstance(v, float) else v for k, v in row.items()} for row in rows]


MODES = ("ordered", "strict", "any", "ordered, optional steps", "strict, optional steps")


@st.composite
def questions(draw: st.DrawFn, modes: tuple[str, ...] = MODES) -> Question:
    order, _, may_skip = draw(st.sampled_from(modes)).partition(", ")
    steps = draw(st.lists(st.sampled_from(["a", "a", "b", "b", *sorted(STEPS)]), min_size=2, max_size=4))
    optional = [False] * len(steps)
    if may_skip:
        steps.insert(1, draw(st.sampled_from(sorted(STEPS))))
        another = draw(st.sampled_from(range(2, len(steps)))) if len(steps) > 3 else 0
        optional = [k in {1, another} and k > 0 for k in range(len(steps))]
    return Question(
        tuple(steps),
        tuple(optional),
        draw(st.sampled_from([1, 2, 3, None])),
        order,
        draw(st.sampled_from(["first", "previous"])),
        tuple(draw(st.lists(st.sampled_from(["c", "d", "price > 1"]), max_size=1))),
    )


logs = st.lists(
    st.lists(
        st.builds(
            Event,
            st.integers(0, 5),
            st.sampled_from("aabbcd"),
            st.sampled_from([None, 1, 2]),
            st.sampled_from([None, "phone", "desk"]),
        ),
        min_size=1,
        max_size=6,
    ),
    min_size=1,
    max_size=4,
)


def compiled(log: list[list[Event]], partitions: int = 1) -> Any:
    rows = [
        {
            "user_id": f"u{n}",
            "timestamp": e.at * 1_000_000,
            "event_type": e.kind,
            "price": e.price,
            "device": e.device,
        }
        for n, events in enumerate(log)
        for e in events
    ]
    # every event type occurs, so that every step can be asked for; this user neither enters nor ends the log
    rows += [{"user_id": "all", "timestamp": -1_000_000 * FOREVER, "event_type": kind} for kind in "abcd"]
    return from_events(rows, partitions=partitions)


def ask(log: list[list[Event]], q: Question, partitions: int = 1, **options: Any) -> Any:
    texts = [text + " ?" * optional for text, optional in zip(q.steps, q.optional, strict=True)]
    return funnel(
        compiled(log, partitions),
        texts,
        within=None if q.within is None else f"{q.within}s",
        order=q.order,  # type: ignore[arg-type]
        window_from=q.window_from,  # type: ignore[arg-type]
        exclude=q.exclude,
        scope=Scope(from_us=-1, threads=options.pop("threads", 1)),
        **options,
    )


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=100, deadline=None)
@given(log=logs, data=st.data())
def test_the_funnel_finds_what_trying_every_attempt_finds(
    mode: str, log: list[list[Event]], data: st.DataObject
) -> None:
    q = data.draw(questions((mode,)))
    log_end = max(e.at for events in log for e in events)
    fates = {f"u{n}": fate(events, q, log_end) for n, events in enumerate(log)}
    entered = {user: f for user, f in fates.items() if f is not None}
    found = ask(log, q, want_users=True)
    expected = expected_steps(q, list(entered.values()))
    assert rows_of(found.steps) == approximately(expected)
    assert found.excluded == sum(f.removed for f in entered.values())
    assert (found.entered, found.converted) == (expected[0]["users"], expected[q.required[-1]]["users"])
    for k in range(len(q.steps)):
        made = sorted(u for u, f in entered.items() if not f.removed and f.times[k] != SKIPPED)
        assert found.users(k + 1)["user_id"].to_pylist() == made
        assert found.users(k + 1, "dropped").num_rows == expected[k]["dropped"]


@settings(max_examples=40, deadline=None)
@given(log=logs, q=questions())
def test_partitions_and_threads_do_not_change_the_answer(log: list[list[Event]], q: Question) -> None:
    one = ask(log, q, want_users=True)
    for partitions, threads in ((16, 1), (16, 3)):
        other = ask(log, q, partitions, threads=threads, want_users=True)
        assert other == one
        assert all(other.users(k + 1).equals(one.users(k + 1)) for k in range(len(q.steps)))


def group_of(events: list[Event], f: Fate, q: Question, by_value: str) -> str:
    """Return the group of a user who entered."""
    events = sorted(events, key=lambda e: e.at)
    if by_value in {"first", "last"}:
        known = [e.device for e in events if e.device is not None]
        return known[0 if by_value == "first" else -1] if known else "(none)"
    k = int(by_value[-1]) - 1
    wanted = range(len(q.steps)) if q.order == "any" else [k]
    here = [e for e in events if f.times[k] == e.at and not f.removed and any(q.matches(e, j) for j in wanted)]
    return next((e.device for e in here if e.device is not None), "(none)")


@settings(max_examples=60, deadline=None)
@given(log=logs, q=questions(), by_value=st.sampled_from(["first", "last", "step:1", "step:2"]))
def test_a_breakdown_counts_each_user_in_one_group(log: list[list[Event]], q: Question, by_value: str) -> None:
    log_end = max(e.at for events in log for e in events)
    groups: dict[str, list[Fate]] = {}
    for events in log:
        if (f := fate(events, q, log_end)) is not None:
            groups.setdefault(group_of(events, f, q, by_value), []).append(f)
    found = ask(log, q, 4, by="device", by_value=by_value)
    assert isinstance(found, FunnelBreakdown)
    results: dict[str, FunnelResult] = dict(found.groups)
    assert set(results) == set(groups)
    for value, fates in groups.items():
        assert rows_of(results[value].steps) == approximately(expected_steps(q, fates))
        assert results[value].excluded == sum(f.removed for f in fates)
