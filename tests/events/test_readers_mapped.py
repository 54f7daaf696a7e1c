from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from footfall.errors import SourceError
from footfall.events.readers._names import EVENT_NAMES, event_name
from footfall.events.readers.mapped import mapped_reader
from footfall.schema import EVENT_TYPES

COLUMNS = ["wer", "was", "wann", "artikel", "titel", "gruppe", "preis", "ort"]
ROWS = """wer,was,wann,artikel,titel,gruppe,preis,ort
1,View,2024-03-01 10:00,A,"Läufer, rot",schuhe.läufer,9.50,Köln
1,Kauf,2024-03-01 10:01,A,,,9.50,
"""
WHO = {"user_id": "wer", "event_type": "was", "timestamp": "wann"}


def test_a_table_by_map_and_set(read_text: Callable[..., Any]) -> None:
    mapping = WHO | {"item_id": "artikel", "price": "preis", "item.name": "titel", "item.category": "gruppe"}
    reader = mapped_reader(mapping, {"currency": "EUR", "item.brand": "O'Neill"}, COLUMNS)
    read = read_text(reader, ROWS)
    who = {"user_id": "1", "item_id": "A", "price": "9.50", "currency": "EUR"}
    assert read.events == [
        {**who, "event_type": "view_item", "timestamp": "2024-03-01 10:00", "properties": {"ort": "Köln"}},
        {**who, "event_type": "Kauf", "timestamp": "2024-03-01 10:01"},
    ]
    brand = {"item_id": "A", "brand": "O'Neill"}
    assert read.items == [{**brand, "name": "Läufer, rot", "category": "schuhe.läufer"}, brand]
    assert (reader.name, reader.target, reader.missing(COLUMNS)) == ("mapped", "events", [])


def test_one_column_may_serve_twice_and_all_others_are_kept(read_text: Callable[..., Any]) -> None:
    reader = mapped_reader(WHO | {"session_id": "wer"}, {}, COLUMNS)
    event = read_text(reader, ROWS).events[0]
    assert (event["user_id"], event["session_id"]) == ("1", "1")
    kept = {"artikel": "A", "titel": "Läufer, rot", "gruppe": "schuhe.läufer", "preis": "9.50", "ort": "Köln"}
    assert event["properties"] == kept


def test_columns_with_our_names_are_taken_unless_told_otherwise(read_text: Callable[..., Any]) -> None:
    columns = ["user_id", "timestamp", "deed", "value", "item_id"]
    text = "user_id,timestamp,deed,value,item_id\n7,1709287320,addtocart,B,X\n"
    mapping = {"event_type": "deed"}
    taken = {"user_id": "7", "timestamp": "1709287320", "event_type": "add_to_cart", "item_id": "X"}
    assert read_text(mapped_reader(mapping, {}, columns), text).events == [{**taken, "value": "B"}]
    alone = mapped_reader(mapping | {"value": ""}, {}, columns)
    assert read_text(alone, text).events == [{**taken, "properties": {"value": "B"}}]
    replaced = mapped_reader(mapping, {"value": "1"}, columns)
    assert read_text(replaced, text).events == [{**taken, "value": "1", "properties": {"value": "B"}}]


def test_a_constant_event_type_and_a_column_of_properties(read_text: Callable[..., Any]) -> None:
    reader = mapped_reader(
        {"anonymous_id": "a", "timestamp": "t", "properties": "more"}, {"event_type": "Buy"}, ["a", "t", "more"]
    )
    text = 'a,t,more\nx,1709287320,"{""k"":1}"\nx,1709287321,none\n'
    assert read_text(reader, text).events == [
        {"anonymous_id": "x", "timestamp": "1709287320", "event_type": "purchase", "properties": {"k": 1}},
        {"anonymous_id": "x", "timestamp": "1709287321", "event_type": "purchase", "properties": {"more": "none"}},
    ]


def test_a_catalogue_by_map(read_text: Callable[..., Any]) -> None:
    reader = mapped_reader(
        {"item_id": "sku", "name": "titel"}, {"currency": "EUR"}, ["sku", "titel", "x"], target="items"
    )
    read = read_text(reader, "sku,titel,x\nA,Schuh,1\n")
    assert read.items == [{"item_id": "A", "name": "Schuh", "currency": "EUR", "properties": {"x": "1"}}]
    assert reader.target == "items"


def test_odd_column_names(read_text: Callable[..., Any]) -> None:
    columns = ['a "b"', "select", "it's", "größe"]
    reader = mapped_reader({"user_id": 'a "b"', "event_type": "select", "timestamp": "it's"}, {}, columns)
    text = '"a ""b""",select,it\'s,größe\nu,buy,2024-03-01,42\n'
    assert read_text(reader, text).events == [
        {"user_id": "u", "event_type": "purchase", "timestamp": "2024-03-01", "properties": {"größe": "42"}}
    ]


@pytest.mark.parametrize(
    ("mapping", "constants", "message"),
    [
        ({"user": "wer"}, {}, "unknown column of ours 'user'; did you mean 'user_id'"),
        ({"item.nam": "titel"}, {}, "unknown column of ours 'item.nam'; did you mean 'item.name'"),
        ({}, {"curency": "EUR"}, "unknown column of ours 'curency'; did you mean 'currency'"),
        ({"user_id": "were"}, {}, "--map user_id=were: unknown column of the file 'were'; did you mean 'wer'"),
        (WHO, {"user_id": "7"}, "user_id: given by both --map and --set; give one of them"),
        (WHO, {"currency": " "}, "--set currency= has no value; give one, or leave it out"),
        (WHO, {"properties": "{}"}, "--set properties: accepted is a column only"),
        ({"user_id": "wer"}, {}, "nothing says what the timestamp is; given: columns wer, was,"),
        ({"timestamp": "wann", "event_type": "was"}, {}, "nothing says what the user_id or anonymous_id is"),
        (WHO | {"item.name": "titel"}, {}, "item.* columns describe an item, but nothing says which"),
    ],
)
def test_what_cannot_be_used_is_refused(mapping: dict[str, str], constants: dict[str, str], message: str) -> None:
    with pytest.raises(SourceError) as error:
        mapped_reader(mapping, constants, COLUMNS)
    assert str(error.value).startswith(message)


def test_names_of_events() -> None:
    assert set(EVENT_NAMES.values()) <= set(EVENT_TYPES)
    assert all(name == name.lower() for name in EVENT_NAMES)
    assert not set(EVENT_NAMES) & set(EVENT_TYPES)
    assert [event_name(n) for n in ("PV", "buy", "Purchase", "view_item")] == [
        "view_item",
        "purchase",
        "Purchase",
        "view_item",
    ]
