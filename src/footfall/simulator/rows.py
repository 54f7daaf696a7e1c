"""The rows that kernels write: one record per event, in codes. ``columns.py`` turns them into words.

In every field 0 stands for "none", so that a buffer of zeros is a buffer of empty events; ``item`` and ``about`` hold
the item's index plus 1, ``device`` the slot plus 1, and ``session``, ``order``, ``decision`` count from 1 within a
user.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from footfall.compiled import part
from footfall.schema import EVENT_TYPES
from footfall.simulator.params import DEVICE_SLOTS, LIST_CANDIDATES, LIST_SIZE
from footfall.simulator.taxonomy import LEAVES

Array = npt.NDArray[Any]

CART_SIZE: Final = 8
"""Different items that a cart holds; nobody of this shop fills more."""
RECENT: Final = 8
"""Items that a user remembers having viewed."""
MOST_DAYS: Final = 3660
"""Longest simulation."""
MOST_CAMPAIGNS: Final = 264
"""As many as ``MOST_DAYS`` have room for."""

ROW: Final = np.dtype(
    [
        ("time_us", np.int64),
        ("logging_prob", np.float64),
        ("user", np.int32),
        ("sequence", np.int32),
        ("item", np.int32),
        ("about", np.int32),
        ("price_minor", np.int32),
        ("value_minor", np.int32),
        ("session", np.int32),
        ("order", np.int32),
        ("decision", np.int32),
        ("detail", np.int32),
        ("quantity", np.int16),
        ("campaign", np.int16),
        ("type", np.int8),
        ("known", np.int8),
        ("device", np.int8),
        ("cookie", np.int8),
        ("channel", np.int8),
        ("list", np.int8),
        ("position", np.int8),
        ("rating", np.int8),
        ("query", np.int8),
    ],
    align=True,
)
"""``user`` counts within the chunk; ``sequence`` is the how-many-th row of that user; ``known`` says that ``user_id``
is given; ``cookie`` is how often the device came back with a new anonymous id, plus 1 (0: no anonymous id). ``about``
is the item that search words are about. ``detail`` is a number whose meaning the type tells: the wording of a review,
the intent and wording of a letter, the card of a payment."""

STATE: Final = np.dtype(
    [
        ("time_us", np.int64),
        ("made_of", np.int64),
        ("rows", np.int64),
        ("decisions", np.int64),
        ("offers", np.int64),
        ("user", np.int64),
        ("sequence", np.int64),
        ("session", np.int64),
        ("order", np.int64),
        ("decision", np.int64),
        ("day", np.int64),
        ("known", np.int64),
        ("account", np.int64),
        ("device", np.int64),
        ("cookie", np.int64),
        ("channel", np.int64),
        ("campaign", np.int64),
        ("aim", np.int64),
        ("leaf", np.int64),
        ("bought_leaf", np.int64),
        ("cart", np.int64),
        ("cart_day", np.int64),
        ("dormant", np.int64),
        ("lift", np.float64),
        ("bias", np.float64),
        ("list_rate", np.float64),
        ("cart_item", np.int64, (CART_SIZE,)),
        ("cart_quantity", np.int64, (CART_SIZE,)),
        ("recent", np.int64, (RECENT,)),
        ("logged", np.int64, (DEVICE_SLOTS,)),
        ("cookies", np.int64, (DEVICE_SLOTS,)),
        ("interest", np.float64, (len(LEAVES),)),
        ("due_day", np.float64, (len(LEAVES),)),
        ("leaf_cumulative", np.float64, (len(LEAVES),)),
        ("sent", np.float64, (MOST_CAMPAIGNS,)),
        ("slate", np.int64, (LIST_SIZE,)),
        ("slate_prob", np.float64, (LIST_SIZE,)),
        ("subset", np.float64, (1 << LIST_CANDIDATES,)),
        ("subset_weight", np.float64, (1 << LIST_CANDIDATES,)),
        ("subset_size", np.int64, (1 << LIST_CANDIDATES,)),
    ],
    align=True,
)
"""Where a kernel stands. ``rows``, ``decisions`` and ``offers`` count what has been written (``made_of`` says
nothing); up to ``campaign`` follows what the next event of the user will look like. ``aim`` is the category that the
next visit is for (-1: any), ``leaf`` the one that the user is in, ``bought_leaf`` that of a purchase not yet followed
up. ``lift`` and ``bias`` are what campaigns and the kind of visit add to the log-odds of adding; ``list_rate`` is the
number of ranked lists logged per view. Then the cart, what was viewed lately, which devices are logged in and how
often they lost their cookies, the log-weight of each leaf, when the user must buy again, the effect of each campaign
(0 where not sent), and room to reckon."""

OFFER: Final = np.dtype(
    [("user", np.int32), ("campaign", np.int16), ("treated", np.int8), ("effect", np.float64)], align=True
)
"""One user who was eligible for a campaign: whether it was sent, and the true effect on the log of the visit rate."""

DECISION: Final = np.dtype(
    [
        ("row", np.int64),
        ("count", np.int64),
        ("candidates", np.int64, (LIST_CANDIDATES,)),
        ("weights", np.float64, (LIST_CANDIDATES,)),
        ("attractions", np.float64, (LIST_CANDIDATES,)),
    ],
    align=True,
)
"""A ranked list: its first row, how many candidates there were, their items, their weights in the policy, and the
probability of a click on each once it is looked at."""

VIEW_ITEM_LIST: Final = EVENT_TYPES.index("view_item_list")
SELECT_ITEM: Final = EVENT_TYPES.index("select_item")
SEARCH: Final = EVENT_TYPES.index("search")
VIEW_ITEM: Final = EVENT_TYPES.index("view_item")
ADD_TO_CART: Final = EVENT_TYPES.index("add_to_cart")
REMOVE_FROM_CART: Final = EVENT_TYPES.index("remove_from_cart")
VIEW_CART: Final = EVENT_TYPES.index("view_cart")
BEGIN_CHECKOUT: Final = EVENT_TYPES.index("begin_checkout")
ADD_PAYMENT_INFO: Final = EVENT_TYPES.index("add_payment_info")
PURCHASE: Final = EVENT_TYPES.index("purchase")
REFUND: Final = EVENT_TYPES.index("refund")
REVIEW: Final = EVENT_TYPES.index("review")
LOGIN: Final = EVENT_TYPES.index("login")
SIGN_UP: Final = EVENT_TYPES.index("sign_up")
AD_IMPRESSION: Final = EVENT_TYPES.index("ad_impression")
AD_CLICK: Final = EVENT_TYPES.index("ad_click")
MESSAGE_SENT: Final = EVENT_TYPES.index("message_sent")
MESSAGE_OPEN: Final = EVENT_TYPES.index("message_open")
MESSAGE_CLICK: Final = EVENT_TYPES.index("message_click")
SUPPORT_MESSAGE: Final = EVENT_TYPES.index("support_message")

CHANNELS: Final = ("direct", "organic", "social", "referral", "display", "email", "push", "sms")
DIRECT, ORGANIC, SOCIAL, REFERRAL, DISPLAY = range(1, 6)
"""Codes of the channels that a kernel names; those of campaigns come with the campaign."""

LISTS: Final = ("home", "category", "search_results", "similar_items", "display_ads")
HOME_LIST, CATEGORY_LIST, SEARCH_LIST, SIMILAR_LIST, AD_LIST = range(1, 6)


class Buffers(NamedTuple):
    """What a kernel writes into.

    Attributes:
        rows: ``ROW`` [capacity]; once full, the last one is overwritten and ``state.rows`` goes on counting.
        decisions: ``DECISION`` [capacity]; the same with ``state.decisions``.
        offers: ``OFFER`` [users * campaigns].
        item_cumulative: float64 [most items of a leaf], room to reckon.
    """

    rows: Array
    decisions: Array
    offers: Array
    item_cumulative: npt.NDArray[np.float64]


def buffers(capacity: int, decisions: int, offers: int, widest_leaf: int) -> tuple[Buffers, Array]:
    """Make empty buffers, and a ``STATE`` [1] to begin with.

    Args:
        capacity: Rows to have room for.
        decisions: Ranked lists to have room for.
        offers: Users times campaigns.
        widest_leaf: Most items in one of the leaves.
    """
    state = np.zeros(1, STATE)
    state["subset_size"] = np.bitwise_count(np.arange(1 << LIST_CANDIDATES))
    rows, lists = np.zeros(capacity, ROW), np.zeros(decisions, DECISION)
    return Buffers(rows, lists, np.zeros(max(offers, 1), OFFER), np.zeros(widest_leaf)), state


@part
def emit(buf: Buffers, me: Any, kind: int, item: int) -> Any:
    """Write one event of the user at the moment where ``me`` stands, and return its record for what else is to be said.

    Args:
        buf: Where to write.
        me: The ``STATE`` record; its count of rows goes up by one.
        kind: Code of the event type.
        item: Index of the item, or -1.
    """
    row = buf.rows[min(me.rows, len(buf.rows) - 1)]
    row.time_us = me.time_us
    row.user = me.user
    row.sequence = me.sequence
    row.type = kind
    row.item = item + 1
    row.known = me.known
    row.device = me.device + 1
    row.cookie = me.cookie + 1
    row.session = me.session
    row.channel = me.channel
    row.campaign = me.campaign
    me.rows += 1
    me.sequence += 1
    return row
