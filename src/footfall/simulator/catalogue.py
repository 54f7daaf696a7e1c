"""The catalogue that the shop publishes: names, descriptions, categories, brands, prices."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from footfall.schema import GIVEN_ITEM_COLUMNS
from footfall.simulator import text
from footfall.simulator.columns import PRICE, decimals
from footfall.simulator.taxonomy import BRANDS, LANGUAGES, LEAVES
from footfall.simulator.world import World


def table(world: World, currency: str) -> pa.Table:
    """Return the catalogue: every column of the schema that a source can give.

    An item's name and description are in one language; a bilingual item has the other one's name in ``properties``,
    under ``name_en`` or ``name_zh``.

    Args:
        world: The shop.
        currency: What its prices are in.
    """
    shop = world.shop
    names, descriptions, properties = [], [], []
    for item in range(world.n_items):
        leaf, brand, vector = LEAVES[shop.items["leaf"][item]], BRANDS[world.brands[item]], shop.items["vector"][item]
        language = LANGUAGES[world.item_language[item]]
        other = LANGUAGES[1 - world.item_language[item]]
        names.append(text.title(leaf, brand, vector, world.series[item], language))
        descriptions.append(text.description(leaf, brand, vector, float(shop.items["quality"][item]), language))
        more = {f"name_{other}": text.title(leaf, brand, vector, world.series[item], other)}
        properties.append(json.dumps(more, ensure_ascii=False) if world.bilingual[item] else None)
    everywhere = np.ones(world.n_items, np.bool_)
    columns = {
        "item_id": pa.array(world.item_ids, pa.string()),
        "name": pa.array(names, pa.string()),
        "category": pa.array([LEAVES[leaf].path for leaf in shop.items["leaf"].tolist()], pa.string()),
        "brand": pa.array([BRANDS[b] for b in world.brands.tolist()], pa.string()),
        "price": decimals(shop.items["minor"] * 100, everywhere, PRICE),
        "currency": pa.array([currency] * world.n_items, pa.string()),
        "image": pa.nulls(world.n_items, pa.string()),
        "description": pa.array(descriptions, pa.string()),
        "available": pa.array(everywhere),
        "properties": pa.array(properties, pa.string()),
    }
    return pa.table({name: columns[name] for name in GIVEN_ITEM_COLUMNS})
