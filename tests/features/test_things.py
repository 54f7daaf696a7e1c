"""Things that events are about: items, categories, brands, price bands, types; and what is known of them by hand."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.features.items import ItemFacts
from footfall.features.things import N_BANDS, ThingFacts, things_of
from footfall.histories.columns import FIRST_CODE
from footfall.histories.content import Content, Field
from footfall.histories.sequences import Sequences
from footfall.schema import US_PER_DAY

TYPES = {"view_item": 3, "purchase": 4, "message_sent": 5}
DAY = US_PER_DAY
UNKNOWN: Any = "brnad"


def log_of(rows: list[list[tuple[float, str, int]]], prices: dict[int, float] | None = None) -> Sequences:
    """Return a log of (day, type, item) of each user."""
    events = [event for row in rows for event in row]
    item = np.array([event[2] for event in events], np.int32)
    return Sequences(
        offsets=np.cumsum([0, *map(len, rows)]),
        item=item,
        n_codes=14,
        event_type=np.array([TYPES[event[1]] for event in events], np.int16),
        timestamp_us=np.array([round(event[0] * DAY) for event in events]),
        extra={"price": np.array([(prices or {}).get(int(code), np.nan) for code in item], np.float32)},
        content=Content(
            {
                "category": Field(
                    ("a", "a > b", "c"), np.array([[0, 0]] * 3 + [[1, 2], [3, 0]] * 5 + [[0, 0]], np.int32)
                ),
                "brand": Field(("x", "y"), np.array([[0]] * 4 + [[2], [1]] * 5, np.int32)),
            }
        ),
    )


VIEWS = log_of([[(day, "view_item", item) for day, item in enumerate((3, 4, 0, 1, 13))]])


@pytest.mark.parametrize(
    ("kind", "codes", "names"),
    [
        ("item", [3, 4, 0, 0, 13], ("", *map(str, range(1, 14)))),
        ("category", [1, 3, 0, 0, 0], ("", "a", "a > b", "c")),
        ("brand", [0, 2, 0, 0, 1], ("", "x", "y")),
        ("event_type", [3, 3, 3, 3, 3], ("", "1", "2", "view_item", "purchase", "message_sent")),
    ],
)
def test_each_event_is_about_its_thing(kind: Any, codes: list[int], names: tuple[str, ...]) -> None:
    found, said = things_of(VIEWS, kind, types=TYPES)
    assert (found.tolist(), said) == (codes, names)
    assert found.dtype == np.int32


def test_nothing_is_known_of_items_without_content() -> None:
    bare = dataclasses.replace(VIEWS, content=None)
    kinds: tuple[Any, ...] = ("category", "brand")
    for kind in kinds:
        found, names = things_of(bare, kind)
        assert (found.tolist(), names) == ([0] * 5, ("",))
    assert things_of(bare, "event_type").names[3] == "3"


def test_price_bands_hold_a_fifth_of_the_known_items_each_and_know_nothing_later() -> None:
    prices = {code: 2.0**code for code in range(FIRST_CODE, 13)}  # ten items; one without a price
    log = log_of([[(code, "view_item", code) for code in range(14)]], prices)
    facts = ItemFacts.of(log, 20 * DAY, TYPES)
    found, names = things_of(log, "price_band", facts=facts)
    assert found.tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 0]
    assert len(names) == N_BANDS + 1
    early = ItemFacts.of(log, 8 * DAY, TYPES)  # items 3 to 7 are known by then
    assert things_of(log, "price_band", facts=early).of_event.tolist() == [0, 0, 0, 1, 2, 3, 4, 5, *[0] * 6]
    live = log.where(log.item == 6)
    assert things_of(live, "price_band", facts=facts).of_event.tolist() == [2]
    grown = dataclasses.replace(live, n_codes=30, item=np.array([29], np.int32), content=None)
    assert things_of(grown, "price_band", facts=facts).of_event.tolist() == [0]
    unpriced = ItemFacts.of(log, 0, TYPES)
    assert things_of(log, "price_band", facts=unpriced).of_event.tolist() == [0] * 14
    same_price = ItemFacts.of(log_of([[(1, "view_item", 3), (2, "view_item", 4)]], {3: 5.0, 4: 5.0}), 20 * DAY, TYPES)
    assert set(things_of(VIEWS, "price_band", facts=same_price).of_event.tolist()) == {0, N_BANDS}


def test_facts_by_hand() -> None:
    log = log_of(
        [
            [(0, "purchase", 3), (10, "purchase", 3), (30, "purchase", 3), (60, "view_item", 3)],
            [(1, "purchase", 3), (80, "purchase", 4), (90, "view_item", 4), (95, "message_sent", 4)],
            [(50, "purchase", 4), (99, "purchase", 4), (100, "purchase", 3)],  # the last is at the cutoff
        ]
    )
    facts = ThingFacts.of(log, 100 * DAY, TYPES, log.item, 6)
    assert facts.buyers.tolist() == [0, 0, 0, 2, 2, 0]
    assert facts.repeat_rate[3:5].tolist() == [0.5, 0.5]
    assert math.isnan(facts.repeat_rate[5])
    # Gaps of item 3: 10 and 20 days; of item 4: 49. The median of all is 20, and is worth twenty gaps.
    assert facts.gap_days[3:] == pytest.approx([(2 * 15 + 20 * 20) / 22, (49 + 20 * 20) / 21, 20])
    assert facts.event_share.tolist() == [0, 0, 0, 0, 1, 0]  # three events in 28 days: days 80, 90, 99
    assert facts.purchase_share[4] == 1
    assert facts.event_trend[3:5] == pytest.approx([math.log(1 / 2), math.log(4 / 2)])
    assert facts.purchase_trend[3:5] == pytest.approx([0, math.log(3 / 2)])
    assert np.isnan(ThingFacts.of(log, 5 * DAY, TYPES, log.item, 6).gap_days).all()


def test_an_order_that_goes_on_later_is_no_second_order() -> None:
    log = log_of([[(0, "purchase", 3), (1, "purchase", 3), (2, "purchase", 3), (3, "purchase", 4)]])
    log = dataclasses.replace(log, order=np.array([1, 2, 1, 1], np.int32))
    facts = ThingFacts.of(log, 10 * DAY, TYPES, log.item, 5)
    assert facts.gap_days[3] == pytest.approx(1)  # from order 1 to order 2, and none from there to order 1
    assert facts.repeat_rate[3:].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda log: things_of(log, UNKNOWN), "unknown kind of things .* did you mean 'brand'"),
        (lambda log: things_of(log, "price_band"), "price bands are cut as of a moment; give facts="),
        (lambda log: things_of(dataclasses.replace(log, event_type=None), "event_type"), "has no event_type"),
        (lambda log: ThingFacts.of(log, 5, TYPES, log.item.astype(float), 14), "float64; give a code, an integer"),
    ],
)
def test_refusals_say_what_to_do(ask: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ask(VIEWS)
