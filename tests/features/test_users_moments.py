"""Features of users at moments of their own: one call for all is one call for each, and no row sees a later event."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.features import users
from footfall.features.items import ItemFacts
from footfall.features.table import FeatureTable
from footfall.features.users import RAW, user_features
from footfall.histories.columns import FIRST_CODE
from footfall.histories.content import Content, Field
from footfall.histories.sequences import Sequences
from footfall.schema import EVENT_TYPES, US_PER_DAY

TYPES = {name: FIRST_CODE + place for place, name in enumerate((*EVENT_TYPES, "odd"))}
N_ITEMS = 12
SPAN_US = 120 * US_PER_DAY
MOMENTS_US = tuple(int(day * US_PER_DAY) for day in (0, 20, 50, 89, 90, 97, 110, 119.5, 120))


def log_of(seed: int, n_users: int = 12, most: int = 40) -> Sequences:
    """Return a random log in which many events lie at the very moments that are asked about."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, most, n_users)
    n = int(lengths.sum())
    times = np.where(rng.random(n) < 0.3, rng.choice(MOMENTS_US, n), rng.integers(0, SPAN_US, n))
    times = times[np.lexsort((times, np.repeat(np.arange(n_users), lengths)))]
    kinds = rng.choice([TYPES[name] for name in ("view_item", "add_to_cart", "purchase", "search", *TYPES)], n)
    extra: dict[str, Any] = {name: rng.integers(0, 6, n).astype(np.int32) for name in RAW}
    numbers = rng.choice([np.nan, 1.0, 2.5, 5.0], (3, n)).astype(np.float32)
    extra |= dict(zip(("price", "quantity", "rating"), numbers, strict=True))
    extra["value_minor"] = np.where(kinds == TYPES["purchase"], rng.integers(0, 9000, n), 0)
    category = rng.integers(0, 4, (N_ITEMS, 1)).astype(np.int32)
    return Sequences(
        offsets=np.concatenate(([0], np.cumsum(lengths))),
        item=rng.integers(0, N_ITEMS, n).astype(np.int32),
        n_codes=N_ITEMS,
        event_type=kinds.astype(np.int16),
        timestamp_us=times,
        order=rng.integers(0, 4, n).astype(np.int32),
        extra=extra,
        sizes=dict.fromkeys(("channel", "device", "campaign", "country", "region", "query"), 6),
        content=Content({"category": Field(("a", "b", "c"), category)}),
    )


def asked(seed: int, n: int, n_users: int = 12) -> tuple[Any, Any]:
    rng = np.random.default_rng([seed, 1])
    return rng.integers(0, n_users, n), rng.choice([*MOMENTS_US[1:], 64 * US_PER_DAY + 5], n)


def same(one: FeatureTable, other: FeatureTable) -> None:
    assert one.names == other.names
    assert one.categories == other.categories
    np.testing.assert_array_equal(one.rows, other.rows)
    np.testing.assert_array_equal(one.values.view(np.int32), other.values.view(np.int32))


@pytest.mark.parametrize("seed", range(6))
def test_many_moments_at_once_are_one_call_each(seed: int) -> None:
    log, (rows, moments) = log_of(seed), asked(seed, 60)
    facts = ItemFacts.of(log, int(moments.min()), TYPES)
    batch = user_features(log, moments, TYPES, facts=facts, rows=rows, timezone="Europe/Berlin")
    assert len(batch) == len(rows)
    assert (batch.column("events_all") > 0).any()
    for place, (row, moment) in enumerate(zip(rows, moments, strict=True)):
        one = user_features(
            log, int(moment), TYPES, facts=facts, rows=np.array([row]), timezone="Europe/Berlin"
        )  # this one knows nothing of the other moments
        same(one, batch.take([place]))


def test_one_moment_said_for_each_row_is_one_moment() -> None:
    log, rows = log_of(9), np.array([3, 1, 1, 0])
    same(
        user_features(log, np.full(4, MOMENTS_US[4]), TYPES, rows=rows),
        user_features(log, MOMENTS_US[4], TYPES, rows=rows),
    )


def test_rows_worked_out_in_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    log, (rows, moments) = log_of(3), asked(3, 50)
    unsized = dataclasses.replace(log, sizes={})
    whole = [user_features(log, moments, TYPES, rows=rows), user_features(unsized, MOMENTS_US[6], TYPES)]
    monkeypatch.setattr(users, "_PART_EVENTS", 17)
    parts = [user_features(log, moments, TYPES, rows=rows), user_features(unsized, MOMENTS_US[6], TYPES)]
    for one, other in zip(whole, parts, strict=True):
        same(one, other)


@pytest.mark.parametrize("seed", range(6))
def test_what_comes_at_or_after_a_row_s_moment_moves_nothing(seed: int) -> None:
    """Each history is asked about once; what is in it from its moment on is made anew, and so is its length."""
    log, other = log_of(seed), log_of(seed + 100, most=60)
    rng = np.random.default_rng(seed)
    rows, moments = np.arange(len(log)), rng.choice(MOMENTS_US[1:], len(log))
    known = ItemFacts.of(log, 0, TYPES)
    pieces = []
    for source, late in ((log, False), (other, True)):
        assert source.timestamp_us is not None
        pieces.append((source.timestamp_us >= moments[source.rows]) == late)
    kept, changed = log.where(pieces[0]), other.where(pieces[1])
    mixed = _alternating(kept, changed)
    assert mixed.n_events > kept.n_events
    tables = [user_features(each, moments, TYPES, facts=known, rows=rows) for each in (log, kept, mixed)]
    same(tables[0], tables[1])
    same(tables[0], tables[2])


def _alternating(one: Sequences, other: Sequences) -> Sequences:
    """Return sequences that begin as those of the one and go on as those of the other."""
    places = [
        np.concatenate(
            (np.arange(*one.offsets[row : row + 2]), one.n_events + np.arange(*other.offsets[row : row + 2]))
        )
        for row in range(len(one))
    ]
    joined = Sequences(
        offsets=np.concatenate((one.offsets, one.n_events + other.offsets[1:])),
        n_codes=one.n_codes,
        extra={name: np.concatenate((one.extra[name], other.extra[name])) for name in one.extra},
        sizes=one.sizes,
        content=one.content,
        **{
            name: np.concatenate((getattr(one, name), getattr(other, name)))
            for name in ("item", "event_type", "timestamp_us", "order")
        },
    )
    return joined.at(places)


@pytest.mark.parametrize(
    ("cutoff", "rows", "message"),
    [
        (np.array([5, 6]), None, "2 moments in cutoff_us for rows that nobody named; give one moment, or rows"),
        (np.array([5, 6]), np.array([1]), "2 moments in cutoff_us for 1 rows"),
        (np.array([5.0]), np.array([1]), "cutoff_us of shape \\[1\\], float64; give UTC microseconds"),
        (np.array([[5]]), np.array([1]), "cutoff_us of shape \\[1, 1\\]"),
    ],
)
def test_moments_that_do_not_fit_are_refused(cutoff: Any, rows: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        user_features(log_of(1), cutoff, TYPES, rows=rows)


def test_facts_may_not_be_later_than_the_first_moment() -> None:
    log, moments = log_of(1), np.array([MOMENTS_US[4], MOMENTS_US[2]])
    rows = np.array([0, 1])
    user_features(log, moments, TYPES, rows=rows, facts=ItemFacts.of(log, MOMENTS_US[2], TYPES))
    with pytest.raises(InputError, match=f"know what came after the cutoff, {MOMENTS_US[2]};"):
        user_features(log, moments, TYPES, rows=rows, facts=ItemFacts.of(log, MOMENTS_US[2] + 1, TYPES))


def test_no_rows_have_columns_all_the_same() -> None:
    log, nothing = log_of(1), np.zeros(0, np.int64)
    table = user_features(log, nothing, TYPES, rows=nothing, facts=ItemFacts.of(log, 5, TYPES))
    assert table.values.shape == (0, len(table.names))
    assert table.names == user_features(log, 9, TYPES, facts=ItemFacts.of(log, 5, TYPES)).names
