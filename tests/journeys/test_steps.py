"""Steps: how their texts are read, and which events they match."""

from __future__ import annotations

import datetime as dt

import pytest

from footfall.errors import ConditionError, InputError
from footfall.histories.conditions import Condition
from footfall.histories.memory import from_events
from footfall.journeys.steps import Step


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("view_item", Step("view_item", "view_item", "view_item")),
        (" search? ", Step("search", "search", "search", None, optional=True)),
        ("cart: add_to_cart", Step("add_to_cart", "cart", "add_to_cart")),
        ("cart:add", Step("cart:add", "cart:add", "cart:add")),
        ("big cart : add_to_cart ?", Step("add_to_cart", "big cart", "add_to_cart", None, optional=True)),
        ("'Order placed'", Step("'Order placed'", "Order placed", "Order placed")),
        ("'it''s (odd)'", Step("'it''s (odd)'", "it's (odd)", "it's (odd)")),
        (
            "purchase WHERE value > 9",
            Step("purchase WHERE value > 9", "purchase WHERE value > 9", "purchase", Condition("value > 9")),
        ),
        ("x: 'a b' where price>1", Step("'a b' where price>1", "x", "a b", Condition("price>1"))),
        ("price > 1", Step("price > 1", "price > 1", None, Condition("price > 1"))),
        (
            "(query = 'is it: where?')",
            Step(
                "(query = 'is it: where?')", "(query = 'is it: where?')", None, Condition("(query = 'is it: where?')")
            ),
        ),
        (
            "'2024-01-01'::date = date",
            Step(
                "'2024-01-01'::date = date", "'2024-01-01'::date = date", None, Condition("'2024-01-01'::date = date")
            ),
        ),
        ("看: view_item", Step("view_item", "看", "view_item")),
    ],
)
def test_steps_are_read(text: str, step: Step) -> None:
    assert Step.parse(text) == step


def test_optional_may_be_said_either_way() -> None:
    assert Step.parse("search", optional=True) == Step.parse("search?")


def test_a_step_shows_its_label() -> None:
    assert str(Step.parse("cart: add_to_cart")) == "cart"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the step '' is empty; give an event type such as view_item"),
        ("?", "the step '?' is empty"),
        ("purchase where", "the condition is empty"),
        ("purchase where prise > 3", "unknown column 'prise'"),
        ("view item", "'item' behind it is one word too many"),
        ("Order placed", "an event type with blanks in its name stands in single quotes"),
        ("purchase or", "cannot be read"),
    ],
)
def test_what_is_no_step_is_explained(text: str, message: str) -> None:
    with pytest.raises(ConditionError) as error:
        Step.parse(text)
    assert message in str(error.value)


def test_a_step_matches_its_type_and_its_condition() -> None:
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    rows = [("view_item", 1.0), ("purchase", 1.0), ("purchase", 30.0), ("view_item", None)]
    histories = from_events(
        [{"user_id": "u", "timestamp": start, "event_type": kind, "price": price} for kind, price in rows]
    )
    part = histories.partitions[0]
    assert Step.parse("purchase").mask(histories, part).tolist() == [False, True, True, False]
    assert Step.parse("purchase where price > 20").mask(histories, part).tolist() == [False, False, True, False]
    assert Step.parse("price < 20").mask(histories, part).tolist() == [True, True, False, False]


def test_an_event_type_that_the_log_lacks_names_its_nearest() -> None:
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    histories = from_events([{"user_id": "u", "timestamp": start, "event_type": "purchase"}])
    with pytest.raises(InputError, match="unknown event type in this log 'purchsae'; did you mean 'purchase'"):
        Step.parse("purchsae").mask(histories, histories.partitions[0])
    assert Step.parse("price > 3").code(histories) is None
