"""One visit: where it starts, what is looked at, and in which order."""

from __future__ import annotations

from typing import Any, Final

from footfall.compiled import part
from footfall.simulator.choice import geometric, pick, price_minor, weigh_items, weigh_leaves
from footfall.simulator.fraud import SHOPPER
from footfall.simulator.lists import show_list
from footfall.simulator.orders import consider, finish, identify, wait
from footfall.simulator.params import LIST_SIZE, Tuning
from footfall.simulator.rows import (
    CATEGORY_LIST,
    DIRECT,
    HOME_LIST,
    ORGANIC,
    REFERRAL,
    SEARCH,
    SEARCH_LIST,
    SELECT_ITEM,
    SIMILAR_LIST,
    SOCIAL,
    VIEW_ITEM,
    Buffers,
    emit,
)
from footfall.simulator.text import QUERY_BRAND, QUERY_BRAND_NOUN, QUERY_MISSPELT, QUERY_NOUN, QUERY_STYLE_NOUN
from footfall.simulator.world import Shop

CART_DAYS: Final = 7
"""How long a cart is kept after the last thing was put into it."""
BOUNCE, BROWSE, DEEP = range(3)


@part
def visit(rng: Any, shop: Shop, tune: Tuning, buf: Buffers, me: Any, user: Any) -> None:
    """Live through one visit that begins at ``me.time_us``.

    What brought the user here stands in ``me``: ``campaign``, ``channel`` (0 to draw one), ``aim`` (a category, or -1).
    """
    enter(rng, tune, me, user)
    mood, views = plan(rng, tune, user)
    me.bias = tune.bounce_logit if mood == BOUNCE else 0.0
    choose_leaf(rng, shop, tune, me)
    weigh_items(buf, shop, tune, user, me.leaf, me.day)
    kind = HOME_LIST
    if rng.random() < tune.search:
        search(rng, shop, buf, me)
        kind = SEARCH_LIST
    identify(rng, buf, me, tune.log_in, 0.0)
    seen = 0
    while seen < views:
        seen += look(rng, shop, tune, buf, me, user, kind)
        kind = SIMILAR_LIST
        if seen < views and rng.random() < tune.switch_leaf:
            move(rng, shop, tune, me)
            weigh_items(buf, shop, tune, user, me.leaf, me.day)
            kind = CATEGORY_LIST
            if rng.random() < tune.search:
                search(rng, shop, buf, me)
                kind = SEARCH_LIST
    identify(rng, buf, me, 0.0, tune.sign_up)
    if me.cart > 0:
        finish(rng, shop, tune, buf, me, user, tune.checkout_deep if mood == DEEP else tune.checkout_browse)


@part
def enter(rng: Any, tune: Tuning, me: Any, user: Any) -> None:
    """Begin a visit: which device, whether it is still logged in, through which channel."""
    me.session += 1
    if me.day - me.cart_day > CART_DAYS:
        me.cart = 0
    me.device = 0
    if user.shared_slot >= 0 and rng.random() < 0.3:
        me.device = user.shared_slot
    elif user.devices > 1 and rng.random() < 0.35:
        me.device = 1 + int(rng.random() * (user.devices - 1))
    if me.device != user.shared_slot and me.cookies[me.device] < 100 and rng.random() < tune.lose_cookie:
        me.cookies[me.device] += 1
        me.logged[me.device] = 0
    if me.device == user.shared_slot:
        me.logged[me.device] = 0  # whoever came before has logged out
    me.cookie = me.cookies[me.device]
    me.known = me.logged[me.device]
    if me.channel == 0:
        chance = rng.random()
        me.channel = DIRECT if chance < 0.45 else ORGANIC if chance < 0.8 else SOCIAL if chance < 0.92 else REFERRAL


@part
def plan(rng: Any, tune: Tuning, user: Any) -> tuple[int, int]:
    """Draw the mood of the visit and how many items will be looked at."""
    chance = rng.random()
    if user.role != SHOPPER:
        return BROWSE, 1 + geometric(rng, 1.5)
    if chance < tune.bounce:
        return BOUNCE, 1 + int(rng.random() < 0.2)
    if chance < tune.bounce + tune.deep:
        return DEEP, 8 + geometric(rng, tune.deep_views)
    return BROWSE, 1 + geometric(rng, tune.browse_views)


@part
def choose_leaf(rng: Any, shop: Shop, tune: Tuning, me: Any) -> None:
    """Choose where the visit begins: where it was sent, what is due, where the last one ended, or by interest."""
    leaf = me.aim
    if leaf < 0:
        for other in range(len(me.due_day)):
            if me.due_day[other] <= me.day and rng.random() < 0.6:
                leaf = other
                break
    if leaf < 0 and me.leaf >= 0 and rng.random() < tune.stay_leaf:
        leaf = me.leaf
    if leaf < 0 and me.bought_leaf >= 0:
        if rng.random() < tune.complement:
            leaf = shop.leaves[me.bought_leaf].partner
        me.bought_leaf = -1
    if leaf < 0:
        weigh_leaves(shop, me, me.day)
        leaf = pick(rng, me.leaf_cumulative, len(me.leaf_cumulative))
    me.leaf = leaf


@part
def move(rng: Any, shop: Shop, tune: Tuning, me: Any) -> None:
    """Go on to another category: what belongs with this one, or by interest."""
    partner = shop.leaves[me.leaf].partner
    if partner >= 0 and rng.random() < tune.complement:
        me.leaf = partner
        return
    weigh_leaves(shop, me, me.day)
    me.leaf = pick(rng, me.leaf_cumulative, len(me.leaf_cumulative))


@part
def search(rng: Any, shop: Shop, buf: Buffers, me: Any) -> None:
    """Search for an item that the user has in mind: a ``search`` row whose words are about it."""
    first = shop.leaves[me.leaf].first
    wanted = first + pick(rng, buf.item_cumulative, shop.leaves[me.leaf].count)
    wait(rng, me, 10.0)
    row = emit(buf, me, SEARCH, -1)
    row.about = wanted + 1
    chance = rng.random()
    row.query = QUERY_NOUN
    if chance < 0.2:
        row.query = QUERY_BRAND_NOUN
    elif chance < 0.4:
        row.query = QUERY_STYLE_NOUN
    elif chance < 0.5:
        row.query = QUERY_BRAND
    elif chance < 0.54:
        row.query = QUERY_MISSPELT


@part
def look(
    rng: Any,
    shop: Shop,
    tune: Tuning,
    buf: Buffers,
    me: Any,
    user: Any,
    kind: int,
) -> int:
    """Look at one more item, and at what is clicked in a list if one is shown; return how many items were viewed."""
    viewed = 0
    if rng.random() < me.list_rate:
        wait(rng, me, 6.0)
        place = show_list(rng, shop, tune, buf, me, user, kind)
        shown = buf.decisions[place]
        for k in range(min(LIST_SIZE, shown.count)):
            candidate = me.slate[k]
            if rng.random() < shop.examination[k] * shown.attractions[candidate]:
                wait(rng, me, 8.0)
                item = shown.candidates[candidate]
                row = emit(buf, me, SELECT_ITEM, item)
                row.list = kind
                row.position = k + 1
                row.decision = me.decision
                view(rng, shop, tune, buf, me, user, item)
                viewed += 1
    if viewed == 0:
        first = shop.leaves[me.leaf].first
        item = first + pick(rng, buf.item_cumulative, shop.leaves[me.leaf].count)
        recent = me.recent[int(rng.random() * len(me.recent))]
        if recent >= 0 and rng.random() < tune.revisit:
            item = recent
        view(rng, shop, tune, buf, me, user, item)
        viewed = 1
    return viewed


@part
def view(rng: Any, shop: Shop, tune: Tuning, buf: Buffers, me: Any, user: Any, item: int) -> None:
    """View one item, remember it, and think about adding it."""
    row = emit(buf, me, VIEW_ITEM, item)
    row.price_minor = price_minor(shop, item, me.day)
    me.recent[int(rng.random() * len(me.recent))] = item
    consider(rng, shop, tune, buf, me, user, item)
    wait(rng, me, 22.0)
