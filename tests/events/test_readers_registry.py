from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from footfall.errors import SourceError
from footfall.events.readers import _registry
from footfall.events.readers._base import Projection, Reader

REES46 = ["event_time", "event_type", "product_id", "category_id", "brand", "price", "user_id", "user_session"]
RETAILROCKET = ["timestamp", "visitorid", "event", "itemid", "transactionid"]


@pytest.fixture
def entry_points(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Entry points of other packages, as a list to be filled; the registry looks again."""
    points: list[Any] = []
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: points if group == "footfall.readers" else [])
    _registry.readers.cache_clear()
    yield points
    _registry.readers.cache_clear()


def point(name: str, load: Any) -> Any:
    return SimpleNamespace(name=name, value=f"{name}_package:READER", load=load)


def shop_reader(name: str = "myshop") -> Reader:
    return Reader(name, "My shop", frozenset({"kunde", "artikel"}), lambda _: Projection({"user_id": '"kunde"'}))


def test_every_module_is_found() -> None:
    assert list(_registry.readers()) == [
        "footfall",
        "footfall_items",
        "ga4",
        "online_retail",
        "plain",
        "rees46",
        "retailrocket",
        "retailrocket_items",
        "segment",
    ]


def test_a_reader_by_name() -> None:
    assert _registry.by_name("ga4").title == "Google Analytics 4 export"
    with pytest.raises(SourceError) as error:
        _registry.by_name("rees64")
    assert str(error.value).startswith("unknown source 'rees64'; did you mean 'rees46'")
    assert "retailrocket_items" in str(error.value)


def test_another_package_brings_a_reader(entry_points: list[Any]) -> None:
    entry_points += [point("a", shop_reader), point("b", lambda: SimpleNamespace(READER=shop_reader("other")))]
    assert {"myshop", "other", "rees46"} <= set(_registry.readers())
    assert _registry.by_name("myshop").title == "My shop"


def test_two_readers_of_one_name_are_refused(entry_points: list[Any]) -> None:
    entry_points.append(point("mine", lambda: shop_reader("ga4")))
    with pytest.raises(SourceError) as error:
        _registry.readers()
    assert str(error.value) == (
        "two readers are named 'ga4': footfall.events.readers.ga4 and entry point mine = mine_package:READER; "
        "rename one, or uninstall the package it came with"
    )


def test_a_broken_package_is_named(entry_points: list[Any]) -> None:
    def broken() -> Reader:
        raise ImportError("no module named 'left_pad'")

    entry_points.append(point("mine", broken))
    with pytest.raises(SourceError, match=r"mine_package:READER cannot be loaded \(ImportError: no module named"):
        _registry.readers()
    entry_points[:] = [point("mine", lambda: 7)]
    with pytest.raises(SourceError, match=r"mine = mine_package:READER gives int; accepted: a Reader"):
        _registry.readers()


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        (REES46, "rees46"),
        (RETAILROCKET, "retailrocket"),
        (["timestamp", "itemid", "property", "value"], "retailrocket_items"),
        (["user_id", "event_type", "product_id", "category_id", "timestamp"], "plain"),
        (["user_id", "event_type", "item_id", "timestamp"], "plain"),  # both fit wholly; plain requires more
        (["user_id", "event_type", "item_id", "timestamp", "channel"], "footfall"),  # plain does not know a channel
        (["event_id", "anonymous_id", "timestamp", "event_type"], "footfall"),
        (["item_id", "name", "price"], "footfall_items"),
        (["event_timestamp", "event_name", "user_pseudo_id", "items"], "ga4"),
        (["type", "anonymousId", "originalTimestamp", "context"], "segment"),
        (["Invoice", "StockCode", "Quantity", "InvoiceDate", "Price"], "online_retail"),
    ],
)
def test_guess(columns: list[str], name: str) -> None:
    assert _registry.guess(columns).name == name
    assert _registry.guess(columns[::-1]).name == name


def test_nothing_to_guess_says_what_the_nearest_miss_and_what_to_do() -> None:
    with pytest.raises(SourceError) as error:
        _registry.guess(["visitorid", "event", "itemid", "when"])
    message = str(error.value)
    assert message.startswith(
        "no source is known with the columns visitorid, event, itemid, when. Nearest: retailrocket"
    )
    assert "retailrocket needs timestamp;" in message
    assert "--source (accepted: footfall, footfall_items, ga4," in message
    assert message.endswith("--map user_id=COLUMN --map event_type=COLUMN --map timestamp=COLUMN")


def test_a_category_tree_is_nobodys_table() -> None:
    with pytest.raises(SourceError, match="no source is known with the columns categoryid, parentid"):
        _registry.guess(["categoryid", "parentid"])


def test_a_table_that_merely_has_an_item_and_its_name_is_no_catalogue() -> None:
    with pytest.raises(SourceError, match="footfall_items knows only 2 of 5 columns"):
        _registry.guess(["item_id", "name", "client", "moment", "deed"], target="items")


def test_equal_fits_are_not_guessed(entry_points: list[Any]) -> None:
    entry_points += [point("a", lambda: shop_reader("a")), point("b", lambda: shop_reader("b"))]
    with pytest.raises(SourceError) as error:
        _registry.guess(["kunde", "artikel"])
    assert str(error.value) == "the columns kunde, artikel fit a and b equally well; choose with --source a"
    assert _registry.choose(["kunde", "artikel"], "b").name == "b"


def test_the_source_that_the_user_names_must_suit_the_table() -> None:
    assert _registry.choose(REES46, "rees46").name == "rees46"
    with pytest.raises(SourceError) as error:
        _registry.choose(RETAILROCKET, "rees46")
    assert str(error.value).startswith(
        "--source rees46 needs event_time, event_type, product_id, user_id; given: columns"
    )


def test_events_and_items_are_not_mixed_up() -> None:
    assert _registry.choose(["item_id", "name"], target="items").name == "footfall_items"
    with pytest.raises(SourceError) as error:
        _registry.choose(["item_id", "name"], target="events")
    assert str(error.value).endswith("reads items, not events; read this file with: footfall items PATH")
    with pytest.raises(SourceError, match="reads events, not items; read this file with: footfall ingest PATH"):
        _registry.choose(REES46, "rees46", target="items")


def test_what_a_file_lacks() -> None:
    reader = dataclasses.replace(shop_reader(), one_of=(frozenset({"wann", "datum"}),))
    assert reader.missing(["kunde"]) == ["artikel", "datum or wann"]
    assert reader.missing(["kunde", "artikel", "wann"]) == []
    assert reader.needs == 3
    assert reader.fit(["kunde", "artikel", "wann", "x"]) == 3 / 4
    assert dataclasses.replace(reader, least_fit=0.8).fit(["kunde", "artikel", "wann", "x"]) == 0.0
    assert reader.known == {"kunde", "artikel", "wann", "datum"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": {"price_minor": "1"}},
        {"event": {"properties": "1"}},
        {"event": {}, "items": {"colour": "1"}},
        {"event": {}, "prepare": {"fields": "1"}},
        {"event": {}, "prepare_element": {"_x_item": "1"}},
    ],
)
def test_a_wrong_projection_is_our_own_mistake(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        Projection(**wrong)
