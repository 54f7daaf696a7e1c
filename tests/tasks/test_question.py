"""What is asked: read from the log, refused where the log cannot answer, and judged by what counts as seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.evaluation.cases import Cases
from footfall.evaluation.ranking import rank_targets, top_k
from footfall.evaluation.splits import prefixes
from footfall.histories.columns import FIRST_CODE
from footfall.histories.event_features import described
from footfall.histories.memory import from_events
from footfall.histories.sequences import Sequences
from footfall.histories.slices import as_of
from footfall.histories.store import Histories
from footfall.tasks._question import Question, halves, horizon_of, repeat_share, sample

HOUR = 3_600_000_000
DAY = 24 * HOUR
START = 1_700_000_000_000_000
Row = tuple[str, str, str | None]


def log_of(rows: Sequence[Row], step_us: int = HOUR) -> Histories:
    """Make a log of (user, type, item); one event after another."""
    return from_events(
        [
            {"user_id": user, "event_type": kind, "item_id": item, "timestamp": START + i * step_us}
            for i, (user, kind, item) in enumerate(rows)
        ]
    )


def ask(rows: Sequence[Row], goal: str | None = None, **more: Any) -> Question:
    histories = log_of(rows)
    return Question.of(histories, described(histories), goal, **more)


VIEW: Row = ("u", "view_item", "a")
BUY: Row = ("u", "purchase", "a")
CART: Row = ("u", "add_to_cart", "a")
SEARCH: Row = ("u", "search", None)


@pytest.mark.parametrize(
    ("rows", "goal", "types"),
    [
        ([VIEW, BUY, BUY, BUY, CART], "view", ("view_item",)),
        ([("u", "select_item", "a"), BUY], "view", ("select_item",)),
        ([("u", "select_item", "a"), VIEW], "view", ("view_item",)),
        ([CART, CART, BUY], "purchase", ("purchase",)),
        ([CART, SEARCH, ("u", "add_to_wishlist", "b")], "view", ()),
    ],
)
def test_the_goal_is_what_the_log_has(rows: Sequence[Row], goal: str, types: tuple[str, ...]) -> None:
    question = ask(rows)
    assert (question.goal, question.types) == (goal, types)
    vocabulary = log_of(rows).vocabularies["event_type"]
    assert [vocabulary.decode(code) for code in question.codes] == list(types)


def test_a_search_without_an_item_is_no_view_of_one() -> None:
    rows = [("u", "view_item", None), ("u", "view_item", None), BUY]
    assert ask(rows).goal == "purchase"


def test_a_goal_that_is_given_is_taken_over_what_the_log_has_more_of() -> None:
    assert ask([VIEW] * 9 + [BUY], "purchase").types == ("purchase",)
    assert ask([VIEW] * 9 + [BUY], "basket").goal == "basket"


def test_an_unknown_goal_names_the_nearest() -> None:
    with pytest.raises(InputError, match="unknown goal 'purchse'; did you mean 'purchase'"):
        ask([VIEW, BUY], "purchse")


@pytest.mark.parametrize(
    ("rows", "goal", "message"),
    [
        ([VIEW, CART], "purchase", "--for purchase needs events of type purchase; .*items in view_item, add_to_cart"),
        ([VIEW, CART], "basket", "--for basket needs events of type purchase; .*give --for view"),
        ([CART, BUY], "view", "--for view needs events of type view_item; .*give --for purchase"),
        ([CART, CART], "view", "items in add_to_cart; leave --for out to use them all"),
        ([SEARCH, SEARCH], None, "no event of this log is about an item; read events with an item_id"),
    ],
)
def test_a_goal_that_the_log_cannot_answer_says_what_there_is(
    rows: Sequence[Row], goal: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message) as raised:
        ask(rows, goal)
    assert "\n" not in str(raised.value)


def test_types_that_only_happen_later_are_not_there_yet() -> None:
    histories = as_of(log_of([VIEW, CART, BUY]), START + 2 * HOUR)
    with pytest.raises(InputError, match="this log has items in view_item, add_to_cart"):
        Question.of(histories, described(histories), "purchase")


def test_seen_items_are_left_out_unless_people_come_back_to_them() -> None:
    fresh = [("u", "view_item", f"i{i}") for i in range(100)]
    back = [("u", "view_item", "i0")]
    rare, often = ask([*fresh, *back * 5]), ask([*fresh, *back * 6])
    assert (rare.exclude_seen, often.exclude_seen) == (True, False)
    assert (rare.repeats, often.repeats) == pytest.approx((5 / 105, 6 / 106))
    assert ask([*fresh, *back * 6], exclude_seen=True).exclude_seen
    assert not ask(fresh, exclude_seen=False).exclude_seen


def test_only_repeats_of_the_events_that_are_asked_for_count() -> None:
    bought = [("u", "purchase", f"i{i}") for i in range(30)]
    rows = [("u", "view_item", "i0")] * 50 + bought
    assert ask(rows, "purchase").exclude_seen
    assert not ask(rows, "view").exclude_seen


def test_a_basket_may_hold_what_was_had_before_whatever_the_log_says() -> None:
    assert not ask([("u", "purchase", f"i{i}") for i in range(30)], "basket").exclude_seen


def test_another_user_with_the_same_item_is_no_repeat() -> None:
    rows = [("u", "view_item", "a"), ("v", "view_item", "a"), ("v", "view_item", "a"), ("w", "view_item", None)]
    log = described(log_of(rows))
    assert repeat_share(log) == pytest.approx(1 / 3)
    assert repeat_share(log.where(np.zeros(log.n_events, bool))) == 0


@pytest.mark.parametrize(("carts", "very_next"), [(5, True), (6, False)])
def test_the_very_next_item_is_asked_where_nearly_all_events_are_of_the_type(carts: int, very_next: bool) -> None:
    assert ask([VIEW] * 95 + [CART] * carts).very_next is very_next


def test_what_is_bought_next_is_never_the_very_next_event() -> None:
    assert not ask([BUY] * 40, "purchase").very_next
    assert ask([CART] * 40).very_next  # of any event


def test_the_question_is_said_in_words() -> None:
    assert str(ask([VIEW])) == (
        "the next item viewed (items had before are left out; 0% of such events are about an item had before)"
    )
    assert str(ask([BUY, BUY], "basket")).startswith("the whole next order (items had before may come again; 50% of")
    assert str(ask([CART])).startswith("the next item of any event")


@pytest.mark.parametrize(
    ("span_us", "given_us", "expected_us"),
    [
        (60 * DAY, None, 7 * DAY),
        (42 * DAY, None, 7 * DAY),
        (12 * DAY, None, 2 * DAY),
        (0, None, 1),
        (5, None, 1),
        (60 * DAY, 3 * DAY, 3 * DAY),
        (0, 3 * DAY, 3 * DAY),
    ],
)
def test_the_horizon_is_a_week_and_at_most_a_sixth_of_the_log(
    span_us: int, given_us: int | None, expected_us: int
) -> None:
    log = described(log_of([VIEW, BUY], span_us))
    assert horizon_of(log, given_us) == expected_us


def numbered(n: int) -> Cases:
    """Make cases whose target is their number."""
    histories = Sequences(np.arange(n + 1), np.full(n, FIRST_CODE, np.int32), FIRST_CODE + n)
    return prefixes(histories, np.arange(FIRST_CODE, FIRST_CODE + n, dtype=np.int32))


def test_halves_share_nothing_and_leave_nothing_out() -> None:
    cases = numbered(501)
    first, second = halves(cases, 3)
    assert (len(first), len(second)) == (250, 251)
    assert sorted([*first.targets, *second.targets]) == cases.targets.tolist()
    again = halves(cases, 3)
    assert first.targets.tolist() == again[0].targets.tolist()
    assert first.targets.tolist() != halves(cases, 4)[0].targets.tolist()
    assert first.targets.mean() == pytest.approx(second.targets.mean(), rel=0.15)  # drawn evenly, not cut in the middle


def test_too_few_cases_are_not_halved() -> None:
    for n, whole in ((199, True), (200, False)):
        first, second = halves(numbered(n), 0)
        assert (len(first) == len(second) == n) is whole


def test_a_sample_keeps_the_order_and_repeats_itself() -> None:
    cases = numbered(100)
    some = sample(cases, 30, 1)
    assert len(some) == 30
    assert some.targets.tolist() == sorted(set(some.targets.tolist()))
    assert some.targets.tolist() == sample(cases, 30, 1).targets.tolist() != sample(cases, 30, 2).targets.tolist()
    assert sample(cases, 100, 1) is cases


MIXED: list[Row] = [
    ("u", "view_item", "viewed"),
    ("u", "purchase", "bought"),
    ("u", "search", None),
    ("u", "view_item", "other"),
    ("u", "purchase", "target"),
]


def mixed_cases(goal: str, **more: Any) -> tuple[Histories, Cases]:
    histories = log_of(MIXED)
    log = described(histories)
    question = Question.of(histories, log, goal, **more)
    return histories, question.cases(log, START + 4 * HOUR, DAY)


def test_only_events_that_are_asked_for_count_as_seen() -> None:
    histories, cases = mixed_cases("purchase")
    items = histories.vocabularies["item"]
    assert cases.exclude_seen
    assert cases.seen is not None
    assert [items.decode(int(code)) for code in cases.seen.item] == ["bought"]
    assert [items.decode(int(code)) for code in cases.histories.with_items().item] == ["viewed", "bought", "other"]
    assert [items.decode(int(code)) for code in cases.targets] == ["target"]


def test_a_case_ends_before_the_cutoff_and_begins_at_it() -> None:
    log = log_of([("u", "view_item", item) for item in "abcd"])
    question = Question.of(log, described(log))
    cases = question.cases(described(log), START + 2 * HOUR, HOUR)
    assert cases.histories.timestamp_us is not None
    assert cases.histories.timestamp_us.max() < START + 2 * HOUR
    assert log.vocabularies["item"].decode(int(cases.targets[0])) == "c"
    assert len(question.cases(described(log), START + 4 * HOUR, HOUR)) == 0  # nobody comes after the end
    assert len(question.cases(described(log), START, HOUR)) == 0  # of nobody anything is known


def test_a_view_is_asked_for_once_and_an_order_whole() -> None:
    rows: list[Any] = [(0, "view_item", "a", None), (2, "view_item", "b", None), (2, "view_item", "c", None)]
    rows += [
        (0, "purchase", "a", "o1"),
        (3, "purchase", "b", "o2"),
        (3, "purchase", "d", "o2"),
        (4, "purchase", "e", "o3"),
    ]
    histories = from_events(
        [
            {"user_id": "u", "timestamp": START + h * HOUR, "event_type": kind, "item_id": item, "order_id": order}
            for h, kind, item, order in rows
        ]
    )
    log, items = described(histories), histories.vocabularies["item"]
    for goal, expected in (("view", ["b"]), ("purchase", ["b", "d"]), ("basket", ["b", "d"])):
        cases = Question.of(histories, log, goal).cases(log, START + HOUR, DAY)
        assert [items.decode(int(code)) for code in cases.targets] == expected


def test_last_items_are_of_the_events_that_are_asked_for() -> None:
    rows = [("u", "purchase", "a"), ("u", "purchase", "b"), ("u", "purchase", "c"), ("u", "view_item", "x")]
    histories = log_of(rows)
    cases = Question.of(histories, described(histories), "purchase").last_items(described(histories), 1)
    items = histories.vocabularies["item"]
    assert [items.decode(int(code)) for code in cases.targets] == ["c"]
    assert [items.decode(int(code)) for code in cases.histories.item] == ["a", "b"]


def twin_top(scores: Any, case: Cases, row: int, k: int) -> list[int]:
    """Rank one case by sorting: all items, less those seen that are no target."""
    seen = case.histories if case.seen is None else case.seen
    targets = case.targets[case.target_offsets[row] : case.target_offsets[row + 1]].tolist()
    out = set(seen[row].tolist()) - set(targets) if case.exclude_seen else set()
    codes = [code for code in range(FIRST_CODE, scores.shape[1]) if code not in out and np.isfinite(scores[row, code])]
    best = sorted(codes, key=lambda code: (-scores[row, code], code))[:k]
    return best + [0] * (k - len(best))


@pytest.mark.parametrize("exclude_seen", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_ranks_and_lists_leave_out_what_was_seen_and_nothing_else(seed: int, exclude_seen: bool) -> None:
    rng = np.random.default_rng(seed)
    n_codes, n = FIRST_CODE + 9, 20
    lengths = rng.integers(0, 8, n)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    histories = Sequences(offsets, rng.integers(0, n_codes, offsets[-1]).astype(np.int32), n_codes)
    targets = rng.integers(FIRST_CODE, n_codes, n).astype(np.int32)
    seen = histories.where(rng.random(histories.n_events) < 0.5)
    cases = Cases(histories, np.arange(n + 1), targets, exclude_seen, seen)
    scores = rng.integers(0, 5, (n, n_codes)).astype(np.float32)  # with ties
    found, ranks = top_k(scores, cases, n_codes), rank_targets(scores, cases)
    for row in range(n):
        order = twin_top(scores, cases, row, n_codes)
        assert found[row].tolist() == order
        others = [scores[row, code] for code in order if code and code != targets[row]]
        own = scores[row, targets[row]]
        assert ranks[row] == 1 + sum(s > own for s in others) + sum(s == own for s in others) / 2
    whole = rank_targets(scores, dataclasses.replace(cases, seen=None))
    assert (whole <= ranks).all()
    assert (whole < ranks).any() is np.bool_(exclude_seen)
    some = cases.take(np.array([5, 2]))
    assert rank_targets(scores[[5, 2]], some).tolist() == ranks[[5, 2]].tolist()


def test_what_was_seen_has_one_row_a_case() -> None:
    cases = numbered(4)
    with pytest.raises(InputError, match="4 histories, and what was seen for 2"):
        dataclasses.replace(cases, seen=cases.histories.take(np.arange(2)))
