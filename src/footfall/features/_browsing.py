"""Features of what users look at and keep in the cart: groups ``browsing`` and ``items``.

"Seen" is a ``view_item`` event about a known item. The cart now is what was added less what was removed since the last
purchase.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from footfall.features import _browsing_kernels as kernels
from footfall.features._buying import bought_of
from footfall.features._counts import counts_of, type_columns
from footfall.features._cuts import Array, frozen
from footfall.features._past import Columns, Float64, Past, days_since, once, ratio
from footfall.features._visits import visits_of

TYPES: Final = (
    "view_item_list",
    "view_promotion",
    "select_item",
    "select_promotion",
    "search",
    "view_item",
    "add_to_cart",
    "remove_from_cart",
    "view_cart",
    "begin_checkout",
    "add_payment_info",
)
"""Event types that this group counts."""


def browsing(past: Past) -> Columns:
    """Return the columns of the group ``browsing``."""
    visits = visits_of(past)
    sessions = visits["sessions_all"]
    found: Columns = {
        "last_session_depth": np.where(sessions > 0, visits["last_depth"], np.nan),
        "depth_30d": visits["depth_30d"],
    }
    if "view_item" in past.types:
        seen = _seen_of(past)
        found |= {f"items_seen_{span}": seen[f"items_{span}"] for span in ("7d", "30d", "all")}
        if past.n_categories:
            found |= {"categories_seen": seen["categories"], "category_entropy": seen["entropy"]}
    if "search" in past.types:
        found["searches_per_session"] = ratio(counts_of(past).of("search", "all"), sessions)
        found["search_first_share"] = ratio(visits["by_search"], sessions)
        if "query" in past.extra:
            codes = past.extra["query"]
            found["queries_distinct"] = kernels.distinct(
                past.offsets, codes, np.zeros(int(codes.max(initial=0)) + 1, np.int32)
            )
    if "add_to_cart" in past.types:
        cart = _cart_of(past)
        found |= {"cart_items": cart["items"], "cart_quantity": cart["quantity"]}
        found["cart_age_days"] = days_since(past, cart["added_us"])
        if "price" in past.extra or past.facts is not None:
            found["cart_value"] = cart["value"]
    return found | dict(type_columns(past, TYPES))


def items(past: Past) -> Columns:
    """Return the columns of the group ``items``; none where nothing is known of items."""
    if past.facts is None:
        return {}
    found: Columns = {}
    if "view_item" in past.types:
        worth = _worth_of(past)
        names = (f"seen_{what}_{span}" for what in ("popularity", "conversion", "price") for span in kernels.SPANS)
        found |= {name: worth[name] for name in names}
        if "purchase" in past.types:
            viewed, bought = worth["seen_price_all"], bought_of(past)["usual_price"]
            found["seen_to_bought_price"] = ratio(viewed, bought)
    if "add_to_cart" in past.types:
        found["cart_conversion"] = _cart_of(past)["conversion"]
    if "purchase" in past.types:
        found["bought_price"] = bought_of(past)["usual_price"]
    return found


@once
def _seen_of(past: Past) -> dict[str, Float64]:
    """Return ``kernels.SEEN``, each float64 [rows]."""
    found = kernels.seen(
        past.offsets,
        past.time_us,
        past.place,
        past.item,
        past.category,
        past.place_of("view_item"),
        past.cutoff_us,
        past.scratch(),
        np.zeros(max(past.n_categories, 1), np.int32),
    )
    return dict(zip(kernels.SEEN, found, strict=True))


@once
def _cart_of(past: Past) -> dict[str, Float64]:
    """Return ``kernels.CART``, each float64 [rows]."""
    usual, conversion = (frozen(_facts(past, name), np.float32) for name in ("price", "conversion"))
    places = past.place_of("add_to_cart"), past.place_of("remove_from_cart"), past.place_of("purchase")
    found = kernels.cart(
        past.offsets,
        past.time_us,
        past.place,
        past.item,
        past.column("quantity"),
        past.column("price"),
        places,
        usual,
        conversion,
        past.scratch(),
        past.scratch(),
    )
    return dict(zip(kernels.CART, found, strict=True))


@once
def _worth_of(past: Past) -> dict[str, Float64]:
    """Return ``kernels.WORTH``, each float64 [rows]."""
    held = (frozen(_facts(past, name), np.float32) for name in ("log_popularity", "conversion", "price"))
    found = kernels.worth(
        past.offsets, past.time_us, past.place, past.item, past.place_of("view_item"), past.cutoff_us, *held
    )
    return dict(zip(kernels.WORTH, found, strict=True))


def _facts(past: Past, name: str) -> Array:
    if past.facts is None:
        return np.zeros(0, np.float32)
    facts: Array = getattr(past.facts, name)
    return facts
