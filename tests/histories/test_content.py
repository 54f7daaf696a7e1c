"""Content of items and features of events: what is read from a catalogue and a log, and what codes it gets."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from footfall.errors import InputError
from footfall.histories.columns import FIRST_CODE
from footfall.histories.content import Content, Field, content_of, levels_of, price_band, words_of
from footfall.histories.event_features import (
    described,
    hour_of_week,
    price_bands,
    quantity_bands,
    ratings,
)
from footfall.histories.memory import from_events
from footfall.histories.sequences import Sequences
from footfall.histories.store import Histories
from footfall.histories.vocabulary import Vocabulary


def shop(items: list[dict[str, Any]], queries: tuple[str, ...] = ()) -> Histories:
    """A log in which every item was viewed once, and every search made, beside a catalogue."""
    start = dt.datetime(2024, 5, 6, tzinfo=dt.UTC)  # a Monday
    events: list[dict[str, Any]] = [
        {"user_id": "u", "timestamp": start + dt.timedelta(hours=i), "event_type": "view_item", "item_id": item["id"]}
        for i, item in enumerate(items)
    ]
    events += [
        {"user_id": "u", "timestamp": start + dt.timedelta(days=1), "event_type": "search", "query": query}
        for query in queries
    ]
    histories = from_events(events)
    columns = {name: [item.get(name) for item in items] for name in ("id", "name", "category", "brand", "price")}
    table = pa.table({**columns, "count": [1] * len(items)})
    return dataclasses.replace(histories, vocabularies={**histories.vocabularies, "item": Vocabulary("item", table)})


def said(content: Content, field: str, row: int) -> list[str]:
    """What a field says of the item at a place of the catalogue, in words."""
    found = content.fields[field]
    return [found.names[code - 1] for code in found.codes[FIRST_CODE + row] if code]


CATALOGUE: list[dict[str, Any]] = [
    {"id": "a", "name": "Red running shoes", "category": "shoes > men > running", "brand": "Alto", "price": 80.0},
    {"id": "b", "name": "Blue shoes", "category": "shoes > women", "brand": "Alto", "price": 60.0},
    {"id": "c", "name": "红色 跑鞋", "category": "shoes", "brand": None, "price": None},
    {"id": "d"},
]


def test_every_level_brand_price_and_word_has_a_code() -> None:
    content = content_of(shop(CATALOGUE))
    assert content is not None
    assert said(content, "category", 0) == ["shoes", "shoes > men", "shoes > men > running"]
    assert said(content, "category", 1) == ["shoes", "shoes > women"]
    assert said(content, "brand", 0) == said(content, "brand", 1) == ["Alto"]
    assert said(content, "words", 0) == ["shoes"]  # words of one item alone tell it from no other
    assert [said(content, field, 3) for field in content.fields] == [[]] * 4
    assert not any(field.codes[:FIRST_CODE].any() for field in content.fields.values())


def test_searches_share_the_words_of_names() -> None:
    histories = shop(CATALOGUE, ("red shoes", "shoes for a run", "boots"))
    content = content_of(histories)
    assert content is not None
    assert content.queries is not None
    words = content.fields["words"].names
    row = content.queries[histories.vocabularies["query"].code("red shoes")]
    assert {words[code - 1] for code in row if code} == {"red", "shoes"}
    assert not content.queries[histories.vocabularies["query"].code("boots")].any()


def test_names_that_are_known_keep_their_codes_and_new_ones_come_after() -> None:
    before = content_of(shop(CATALOGUE[:2]))
    assert before is not None
    more = [{"id": "z", "name": "Red shoes", "category": "boots", "brand": "Zeta", "price": 9.0}] * 3
    after = content_of(shop([*more, *CATALOGUE]), before.names)
    assert after is not None
    for name, field in before.fields.items():
        assert after.fields[name].names[: len(field.names)] == field.names
    assert "Zeta" in after.fields["brand"].names
    assert said(after, "category", 3) == said(before, "category", 0)


def test_a_catalogue_that_says_nothing_is_no_content() -> None:
    assert content_of(shop([{"id": "a"}, {"id": "b"}])) is None


def test_content_of_another_vocabulary_is_refused() -> None:
    content = Content({"brand": Field(("a",), np.zeros((7, 1), np.int32))})
    with pytest.raises(InputError, match="the vocabulary has 9 codes, and content describes"):
        Sequences(np.array([0, 1]), np.array([3], np.int32), 9, content=content)


@pytest.mark.parametrize(
    ("path", "levels"),
    [
        ("a/b", ["a", "a > b"]),
        ("electronics.phone", ["electronics", "electronics > phone"]),
        (" a > b ", ["a", "a > b"]),
        ("Dr. Best", ["Dr. Best"]),
        ("", []),
        ("a|b|c|d|e", ["a", "a > b", "a > b > c", "a > b > c > d"]),
    ],
)
def test_levels(path: str, levels: list[str]) -> None:
    assert levels_of(path) == levels


def test_words_without_spaces_are_pairs_and_no_word_comes_twice() -> None:
    assert words_of("手机 手机") == ["手机"]
    assert words_of("鞋") == ["鞋"]
    assert words_of("A4 paper, 500 sheets A4") == ["a4", "paper", "sheets"]


def test_bands() -> None:
    prices = np.array([np.nan, 0, -1, 0.01, 1, 1.9, 20, 1e9], np.float32)
    assert price_bands(prices).tolist() == [price_band(float(p)) for p in prices]
    assert price_bands(prices).tolist() == [0, 1, 1, 2, 12, 14, 21, 59]
    assert quantity_bands(np.array([np.nan, 0.5, 1, 2, 3, 4, 5, 1e9])).tolist() == [0, 1, 1, 2, 3, 3, 4, 11]
    assert ratings(np.array([np.nan, 0, 4.6, 9])).tolist() == [0, 1, 5, 5]


def test_hours_are_the_shops() -> None:
    monday = int(dt.datetime(2024, 5, 6, tzinfo=dt.UTC).timestamp()) * 1_000_000
    hour = 3_600_000_000
    times = np.array([monday, monday + hour, monday - 1])
    assert hour_of_week(times, "UTC").tolist() == [1, 2, 168]
    assert hour_of_week(times, "Europe/Berlin").tolist() == [3, 4, 2]


def test_an_event_is_read_the_same_whatever_others_say() -> None:
    histories = shop(CATALOGUE, ("red shoes",))
    sequences = described(histories)
    columns = {"price", "quantity", "rating", "channel", "device", "query", "hour"}
    assert set(sequences.extra) == set(sequences.sizes) == columns
    assert not any(sequences.extra[name].any() for name in columns - {"hour", "query"})
    assert sequences.content is not None
    assert sequences.take(np.array([0])).content is sequences.content
