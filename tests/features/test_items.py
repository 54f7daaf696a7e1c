"""Facts about items: by hand, nothing from after the moment, and back from arrays."""

from __future__ import annotations

import dataclasses
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.features.items import ItemFacts
from footfall.histories.content import Content, Field
from footfall.histories.sequences import Sequences
from footfall.schema import US_PER_DAY

TYPES = {"view_item": 3, "purchase": 4, "add_to_cart": 5}
N_CODES = 7

Event = tuple[int, int, int, float]
"""Day, type, item, price."""

events_st = st.lists(
    st.tuples(
        st.integers(0, 60),
        st.sampled_from([3, 4, 5]),
        st.integers(0, 6),
        st.sampled_from([np.nan, 0.0, -0.0, 1.5, 9.25]),
    ),
    max_size=25,
)


def made(events: list[Event]) -> Sequences:
    columns = np.array(sorted(events, key=lambda e: e[0]), np.float64).reshape(-1, 4)
    category = np.array([[0], [0], [0], [1], [2], [2], [0]], np.int32)
    return Sequences(
        offsets=np.array([0, len(events)]),
        item=columns[:, 2].astype(np.int32),
        n_codes=N_CODES,
        event_type=columns[:, 1].astype(np.int16),
        timestamp_us=(columns[:, 0] * US_PER_DAY).astype(np.int64),
        extra={"price": columns[:, 3].astype(np.float32)},
        content=Content({"category": Field(("tea", "cups"), category)}),
    )


def test_by_hand() -> None:
    events = [(1, 3, 3, 10.0), (40, 3, 3, np.nan), (41, 4, 3, 8.0), (42, 3, 4, 5.0), (42, 5, 3, 9.0), (42, 3, 1, 7.0)]
    facts = ItemFacts.of(made([*events, (50, 4, 4, 1.0)]), 50 * US_PER_DAY, TYPES)
    assert facts.views.tolist() == [0, 0, 0, 2, 1, 0, 0]  # code 1 is no item
    assert facts.purchases.tolist() == [0, 0, 0, 1, 0, 0, 0]
    # One purchase in three views: (1 + 20/3) / (2 + 20), 20/3 / (1 + 20), and 1/3 for an item without views.
    assert facts.conversion[3:6].tolist() == pytest.approx([23 / 66, 20 / 63, 1 / 3])
    assert facts.price[3:6].tolist() == pytest.approx([9.0, 5.0, np.nan], nan_ok=True)
    assert facts.recent_share[3:6].tolist() == pytest.approx([3 / 4, 1 / 4, 0])  # day 1 is longer ago than 28 days
    assert facts.log_popularity[3] == pytest.approx(np.log(0.75))
    assert (facts.category.tolist(), facts.n_categories) == ([0, 0, 0, 1, 2, 2, 0], 3)


@given(events_st, st.integers(0, 61))
def test_median_prices_and_counts_are_those_of_the_slow_twin(events: list[Event], day: int) -> None:
    facts = ItemFacts.of(made(events), day * US_PER_DAY, TYPES)
    for item in range(N_CODES):
        mine = [e for e in events if e[0] < day and e[2] == item and item >= 3]
        prices = [e[3] for e in mine if not np.isnan(e[3])]
        assert float(facts.price[item]) == pytest.approx(statistics.median(prices) if prices else np.nan, nan_ok=True)
        assert facts.views[item] == sum(e[1] == 3 for e in mine)


@given(events_st, events_st)
def test_nothing_at_or_after_the_moment_moves_a_fact(events: list[Event], other: list[Event]) -> None:
    late = [(day + 61, kind, item, price) for day, kind, item, price in other]
    one, two = (ItemFacts.of(made(each), 61 * US_PER_DAY, TYPES) for each in (events, [*events, *late]))
    for name, array in one.to_arrays().items():
        np.testing.assert_array_equal(array, two.to_arrays()[name])


def test_there_and_back() -> None:
    facts = ItemFacts.of(made([(1, 3, 3, 10.0), (2, 4, 3, 8.0)]), 9 * US_PER_DAY, TYPES)
    back = ItemFacts.from_arrays(facts.to_arrays())
    assert (back.as_of_us, back.n_categories, len(back)) == (9 * US_PER_DAY, 3, N_CODES)
    for name, array in facts.to_arrays().items():
        np.testing.assert_array_equal(array, back.to_arrays()[name])


def test_a_log_without_prices_views_or_categories() -> None:
    log = dataclasses.replace(made([(1, 4, 3, 10.0)]), extra={}, content=None)
    facts = ItemFacts.of(log, 9 * US_PER_DAY, {"purchase": 4, "view_item": 2})
    assert np.isnan(facts.price).all()
    assert facts.n_categories == 0
    assert facts.conversion.tolist() == pytest.approx([0, 0, 0, 1 / 20, 0, 0, 0])


def test_refusals_say_what_to_do() -> None:
    arrays = ItemFacts.of(made([]), 5, TYPES).to_arrays()
    with pytest.raises(InputError, match="missing: price; make them again"):
        ItemFacts.from_arrays({name: array for name, array in arrays.items() if name != "price"})
    with pytest.raises(InputError, match="different numbers of items"):
        ItemFacts.from_arrays(arrays | {"price": np.zeros(3, np.float32)})
