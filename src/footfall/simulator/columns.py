"""From coded rows to the canonical columns of a log."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from footfall.schema import EVENT_TYPES, GIVEN_EVENT_COLUMNS
from footfall.simulator import text
from footfall.simulator.agents import AGENTS
from footfall.simulator.ids import Ids
from footfall.simulator.orders import DECLINED, N_INTENTS
from footfall.simulator.people import People
from footfall.simulator.rows import (
    ADD_PAYMENT_INFO,
    CHANNELS,
    LISTS,
    PURCHASE,
    REVIEW,
    SUPPORT_MESSAGE,
    VIEW_ITEM_LIST,
    Array,
)
from footfall.simulator.taxonomy import BRANDS, COUNTRIES, LANGUAGES, LEAVES
from footfall.simulator.world import World

PRICE: Final = pa.decimal128(18, 4)
QUANTITY: Final = pa.decimal128(18, 3)
TIME: Final = pa.timestamp("us", tz="UTC")
CARRIER_ADDRESSES: Final = 4000
"""Addresses that the phones of all users share behind their carriers: an address alone proves nothing."""

Mask = npt.NDArray[np.bool_]


def coded(codes: npt.NDArray[Any], words: Sequence[str] | pa.Array) -> pa.DictionaryArray:
    """Make a column of words.

    Args:
        codes: Place of each row's word plus 1; 0 for null.
        words: The words.
    """
    indices = pa.array(codes.astype(np.int32) - 1, mask=codes == 0)
    return pa.DictionaryArray.from_arrays(
        indices, words if isinstance(words, pa.Array) else pa.array(words, pa.string())
    )


def spelled(
    keys: npt.NDArray[np.int64], given: Mask, spell: Callable[[npt.NDArray[np.int64]], Any]
) -> pa.DictionaryArray:
    """Make a column of words that are made from numbers, each different number once.

    Args:
        keys: A number per row.
        given: Which rows have a word.
        spell: Turns different numbers into their words.
    """
    unique, places = np.unique(keys[given], return_inverse=True)
    codes = np.zeros(len(keys), np.int64)
    codes[given] = places + 1
    return coded(codes, spell(unique))


def decimals(numbers: npt.NDArray[np.int64], given: Mask, kind: pa.DataType) -> pa.Array:
    """Make a decimal column from whole numbers of its smallest unit, without passing through text.

    Args:
        numbers: int64, the value times 10 ** scale.
        given: Which rows have a value.
        kind: A 128-bit decimal type.
    """
    wide = np.empty((len(numbers), 2), np.int64)
    wide[:, 0] = numbers
    wide[:, 1] = numbers >> 63  # the sign fills the upper half
    valid = pa.py_buffer(np.packbits(given, bitorder="little"))
    return pa.Array.from_buffers(kind, len(numbers), [valid, pa.py_buffer(wide)])


@dataclasses.dataclass(frozen=True)
class Columns:
    """The canonical columns of some rows.

    Attributes:
        rows: ``ROW`` records in the order in which they shall stand.
        people: The users of the chunk.
        world: The shop.
        ids: The ids of the simulation.
        currency: What prices are in.
    """

    rows: Array
    people: People
    world: World
    ids: Ids
    currency: str

    def table(self) -> pa.Table:
        """Return the log: every column that a source can give, in the order of the schema."""
        given = self.rows
        price, value = given["price_minor"].astype(np.int64), given["value_minor"].astype(np.int64)
        columns = {
            "event_id": self.ids.events(self.numbers, given["sequence"].astype(np.int64)),
            "user_id": spelled(self.numbers, given["known"] == 1, self.ids.users),
            "anonymous_id": spelled(self.cookies, given["cookie"] > 0, self.ids.devices),
            "timestamp": pa.array(given["time_us"], TIME),
            "event_type": coded(given["type"] + 1, EVENT_TYPES),
            "item_id": coded(given["item"], self.world.item_ids),
            "quantity": decimals(given["quantity"].astype(np.int64) * 1000, given["quantity"] > 0, QUANTITY),
            "price": decimals(price * 100, price > 0, PRICE),
            "currency": coded(((price > 0) | (value > 0)).astype(np.int64), [self.currency]),
            "order_id": self._of_user("order"),
            "value": decimals(value * 100, value > 0, PRICE),
            "session_id": self._of_user("session"),
            "query": self._queries(),
            "text": self._texts(),
            "rating": pa.array(given["rating"].astype(np.float64), mask=given["rating"] == 0),
            "list_id": coded(given["list"], LISTS),
            "position": pa.array(given["position"].astype(np.int32), mask=given["position"] == 0),
            "logging_prob": pa.array(given["logging_prob"], mask=given["logging_prob"] == 0),
            "decision_id": self._of_user("decision"),
            "channel": coded(given["channel"], CHANNELS),
            "campaign": coded(given["campaign"], [*self.world.campaign_ids, *self.world.ad_ids]),
            **self._surroundings(),
            "properties": self._properties(),
        }
        return pa.table({name: columns[name] for name in GIVEN_EVENT_COLUMNS})

    @functools.cached_property
    def numbers(self) -> npt.NDArray[np.int64]:
        """Number of each row's user in the whole shop, int64 [rows]."""
        return np.asarray(self.rows["user"].astype(np.int64) + self.people.first)

    @functools.cached_property
    def cookies(self) -> npt.NDArray[np.int64]:
        """Key of each row's device and cookie, int64 [rows]; meaningless where there is none."""
        return np.asarray(self._device_keys * 128 + self.rows["cookie"])

    @functools.cached_property
    def _slots(self) -> npt.NDArray[np.int64]:
        return np.maximum(self.rows["device"].astype(np.int64) - 1, 0)

    @functools.cached_property
    def _device_keys(self) -> npt.NDArray[np.int64]:
        return np.asarray(self.people.device_keys[self.rows["user"], self._slots])

    def _of_user(self, kind: str) -> pa.DictionaryArray:
        number = self.rows[kind].astype(np.int64)

        def spell(keys: npt.NDArray[np.int64]) -> pa.Array:
            return self.ids.of_user(kind, keys >> 24, keys & 0xFFFFFF)

        return spelled((self.numbers << 24) | number, number > 0, spell)

    def _surroundings(self) -> dict[str, pa.DictionaryArray]:
        """Device, country, region, address and user agent."""
        users, has_device = self.people.users, self.rows["device"] > 0
        agent = self.people.agents[self.rows["user"], self._slots]
        country = users["country"][self.rows["user"]]
        kinds = sorted({kind for kind, _ in AGENTS})
        kind = np.array([kinds.index(name) for name, _ in AGENTS])[agent]
        first_region = np.cumsum([0, *(len(c.regions) for c in COUNTRIES)])
        region = first_region[country] + users["region"][self.rows["user"]]
        on_the_move = (kind == kinds.index("mobile")) & ((self.rows["session"] * 7 + self.numbers) % 2 == 0)
        carrier = (self.numbers * 31 + self.rows["session"]) % CARRIER_ADDRESSES
        place = np.where(on_the_move, -1 - carrier, self.people.home_keys[self.rows["user"]])
        return {
            "device": coded((kind + 1) * has_device, kinds),
            "country": coded((country + 1) * has_device, [c.code for c in COUNTRIES]),
            "region": coded((region + 1) * has_device, [name for c in COUNTRIES for name in c.regions]),
            "ip": distinct(spelled(place, has_device, self.ids.addresses)),
            "user_agent": coded((agent + 1) * has_device, [agent for _, agent in AGENTS]),
        }

    def _queries(self) -> pa.DictionaryArray:
        row = self.rows
        language = self.people.users["language"][row["user"]].astype(np.int64)
        about = row["about"].astype(np.int64) - 1
        keys = (about * 8 + row["query"]) * len(LANGUAGES) + language
        shop = self.world.shop

        def spell(unique: npt.NDArray[np.int64]) -> list[str]:
            words = []
            for key in unique.tolist():
                rest, code = divmod(key, len(LANGUAGES))
                item, kind = divmod(rest, 8)
                leaf, brand = LEAVES[shop.items["leaf"][item]], BRANDS[self.world.brands[item]]
                words.append(text.query(kind, leaf, brand, shop.items["vector"][item], LANGUAGES[code]))
            return words

        return distinct(spelled(keys, row["query"] > 0, spell))

    def _texts(self) -> pa.Array:
        row, words = self.rows, np.full(len(self.rows), None, object)
        for place in np.flatnonzero((row["type"] == REVIEW) | (row["type"] == SUPPORT_MESSAGE)):
            one = row[place]
            item = int(one["item"]) - 1
            leaf = LEAVES[self.world.shop.items["leaf"][item]]
            language = LANGUAGES[self.people.users["language"][one["user"]]]
            detail = int(one["detail"])
            if one["type"] == REVIEW:
                words[place] = text.review(int(one["rating"]), leaf, BRANDS[self.world.brands[item]], language, detail)
            else:
                words[place] = text.letter(detail % N_INTENTS, leaf, language, detail // N_INTENTS)
        return pa.array(words, pa.string())

    def _properties(self) -> pa.DictionaryArray:
        """JSON text: the policy of a list, the card of a payment, the language of a review."""
        row = self.rows
        paid = (row["type"] == PURCHASE) | (row["type"] == ADD_PAYMENT_INFO)
        keys = np.where(paid, self._payments(), -1)
        keys = np.where(row["type"] == REVIEW, -2 - self.people.users["language"][row["user"]], keys)

        def spell(unique: npt.NDArray[np.int64]) -> list[str]:
            cards = self.ids.cards(np.maximum(unique, 0) // 2)
            return [_property(int(key), card) for key, card in zip(unique, cards, strict=True)]

        return spelled(keys, paid | (row["type"] == REVIEW) | (row["type"] == VIEW_ITEM_LIST), spell)

    def _payments(self) -> npt.NDArray[np.int64]:
        """Key of the card, twice, plus 1 where it was declined."""
        card, declined = self.rows["detail"].astype(np.int64) // 2, self.rows["detail"] % 2 == DECLINED
        own = self.people.card_keys[self.rows["user"]]
        stolen = (1 << 44) + (self.numbers << 10) + card
        return np.asarray(np.where(card > 1, stolen, own) * 2 + declined)


def _property(key: int, card: str) -> str:
    if key == -1:
        return '{"policy": "plackett-luce"}'
    if key < -1:
        return json.dumps({"language": LANGUAGES[-2 - key]})
    result = "declined" if key % 2 else "accepted"
    return json.dumps({"payment_type": "card", "card": card, "result": result})


def distinct(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """Return the same column with every word once in its dictionary."""
    return column.cast(pa.string()).dictionary_encode()
