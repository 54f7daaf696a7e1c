"""Names that shops commonly give to our event types; shared by the readers of tables whose names are free."""

from __future__ import annotations

from typing import Final

from footfall.events.readers._base import lit, rename

EVENT_NAMES: Final[dict[str, str]] = {
    "view": "view_item",
    "viewed": "view_item",
    "product_view": "view_item",
    "view_product": "view_item",
    "pv": "view_item",
    "cart": "add_to_cart",
    "addtocart": "add_to_cart",
    "add-to-cart": "add_to_cart",
    "add to cart": "add_to_cart",
    "add_cart": "add_to_cart",
    "removefromcart": "remove_from_cart",
    "remove-from-cart": "remove_from_cart",
    "remove from cart": "remove_from_cart",
    "remove_cart": "remove_from_cart",
    "transaction": "purchase",
    "buy": "purchase",
    "order": "purchase",
    "purchased": "purchase",
    "bought": "purchase",
    "fav": "add_to_wishlist",
    "favorite": "add_to_wishlist",
    "favourite": "add_to_wishlist",
    "wishlist": "add_to_wishlist",
    "addtowishlist": "add_to_wishlist",
    "return": "refund",
    "returned": "refund",
    "refunded": "refund",
    "rating": "rate",
    "register": "sign_up",
    "signup": "sign_up",
}
"""A shop's name, in lower case, to ours. Only names with one meaning: ``click`` may be a view, a choice in a list or an
advertisement, so it stays what it is."""


def event_name(name: str) -> str:
    """Return our name for a shop's event name, whatever its case; a name that is not in the table stays as it is.

    >>> event_name("AddToCart"), event_name("Newsletter Opened")
    ('add_to_cart', 'Newsletter Opened')
    """
    return EVENT_NAMES.get(name.lower(), name)


def event_name_sql(expression: str) -> str:
    """Build the SQL of ``event_name``.

    Names in lower case are looked up first: folding the case of every row would cost more than all the rest.

    Args:
        expression: SQL of the shop's event name.
    """
    whens = " ".join(f"WHEN {lit(theirs)} THEN {lit(ours)}" for theirs, ours in EVENT_NAMES.items())
    folded = rename(f"lower({expression})", EVENT_NAMES).replace(f"ELSE lower({expression})", f"ELSE {expression}")
    return f"CASE {expression} {whens} ELSE {folded} END"
