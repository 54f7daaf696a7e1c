"""The lives of a chunk's users, day by day: visits, sleep, messages, advertisements; and the crawls of robots."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from footfall.compiled import kernel, part
from footfall.schema import US_PER_DAY, US_PER_S
from footfall.simulator.choice import exponential, match, poisson, sigmoid
from footfall.simulator.fraud import CRAWL_VIEWS, CRAWLER
from footfall.simulator.orders import wait
from footfall.simulator.params import Tuning
from footfall.simulator.rows import (
    AD_CLICK,
    AD_IMPRESSION,
    AD_LIST,
    DIRECT,
    DISPLAY,
    MESSAGE_CLICK,
    MESSAGE_OPEN,
    MESSAGE_SENT,
    VIEW_ITEM,
    Array,
    Buffers,
    emit,
)
from footfall.simulator.visits import visit
from footfall.simulator.world import EFFECT_DAYS, Shop

APART_US: Final = 2400 * US_PER_S
"""Visits of one user lie at least this far apart: the half-hour rule finds what the shop's own sessions say."""


def _made_of() -> str:
    """Return a digest of the sources that are compiled into ``live``: the compiler's cache looks at this file only."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _door(made_of: str) -> Callable[[Any, Shop, Any, Buffers, Array, Array], None]:
    """Make the one kernel that Python calls; ``made_of`` is part of the key that its machine code is kept under."""

    @kernel
    def live(rng: Any, shop: Shop, tune: Any, buf: Buffers, state: Array, users: Array) -> None:
        me = state[0]
        numbers = tune[0]
        me.made_of = len(made_of)
        for u in range(len(users)):
            user = users[u]
            begin(shop, me, user, u)
            first_day = max(math.floor(user.arrive_day), 0)
            for day in range(first_day, shop.days):
                me.day = day
                if user.role >= CRAWLER:
                    crawl(rng, shop, buf, me, user)
                else:
                    pass_day(rng, shop, numbers, buf, me, user, day == first_day and user.arrive_day >= 0)

    return live


@part
def begin(shop: Shop, me: Any, user: Any, u: int) -> None:
    """Set everything to where a user starts from."""
    me.user = u
    me.sequence, me.session, me.order, me.decision = 0, 0, 0, 0
    me.time_us, me.cart, me.cart_day, me.dormant, me.lift = 0, 0, 0, 0, 0.0
    me.device, me.cookie, me.channel, me.campaign = 0, 0, 0, 0
    me.leaf, me.bought_leaf = -1, -1
    me.account = user.account
    me.known = user.account
    me.logged[:] = user.account
    me.cookies[:] = 0
    me.recent[:] = -1
    me.sent[:] = 0.0
    for leaf in range(len(me.interest)):
        liking = user.interest[shop.leaves[leaf].department] + match(user.taste, shop.leaves[leaf].vector)
        me.interest[leaf] = shop.leaves[leaf].log_weight + liking
        me.due_day[leaf] = np.inf


@part
def pass_day(
    rng: Any,
    shop: Shop,
    tune: Tuning,
    buf: Buffers,
    me: Any,
    user: Any,
    arrives: bool,
) -> None:
    """Live through one day of a person; those who have left are still written to, since the shop does not know."""
    alive = me.day < user.end_day
    invited = 0
    for c in range(len(shop.campaigns)):
        if int(shop.campaigns[c].day) == me.day and me.account:
            invited = offer(rng, shop, tune, buf, me, user, c, alive)
    if not alive:
        return
    visits = visits_today(rng, shop, tune, me, user, arrives)
    for turn in range(invited + visits + poisson(rng, tune.ads_per_day)):
        if turn >= invited + visits:
            if not advertise(rng, shop, tune, buf, me):
                continue
        elif turn >= invited:
            start = moment(rng, shop, me, user)
            if me.time_us > 0:
                start = max(start, me.time_us + APART_US + int(rng.random() * APART_US))
            me.time_us, me.aim, me.channel, me.campaign = start, -1, 0, 0
        visit(rng, shop, tune, buf, me, user)


@part
def visits_today(rng: Any, shop: Shop, tune: Tuning, me: Any, user: Any, arrives: bool) -> int:
    """Draw how often a living user comes today of their own accord; whoever arrives comes at least once."""
    if user.passerby:
        return int(arrives)
    if rng.random() < (tune.wake_up if me.dormant else tune.fall_asleep):
        me.dormant = 1 - me.dormant
    visits = poisson(rng, visit_rate(shop, tune, me, user))
    if arrives:
        me.dormant = 0
        return max(visits, 1)
    return visits


@part
def visit_rate(shop: Shop, tune: Tuning, me: Any, user: Any) -> float:
    """Return the expected visits of today, and set ``me.lift`` to what campaigns add to the log-odds of adding."""
    rate: float = user.visits_per_day * shop.day_factor[me.day] * shop.weekday[user.rhythm, weekday(shop, me.day)]
    me.lift = 0.0
    for c in range(len(shop.campaigns)):
        since = me.day - int(shop.campaigns[c].day)
        if me.sent[c] != 0.0 and 0 <= since < EFFECT_DAYS:
            rate *= math.exp(me.sent[c])
            me.lift += shop.campaigns[c].logit_add
    for leaf in range(len(me.due_day)):
        if me.due_day[leaf] <= me.day:
            rate *= tune.due_factor
            break
    return rate * (tune.dormant_factor if me.dormant else 1.0)


@part
def weekday(shop: Shop, day: int) -> int:
    """Return the day of the week, Monday being 0; 1970-01-01 was a Thursday."""
    return (shop.start_us // US_PER_DAY + day + 3) % 7


@part
def moment(rng: Any, shop: Shop, me: Any, user: Any) -> int:
    """Draw a moment of today by the user's hours of local time; return it in microseconds since 1970 UTC."""
    today = weekday(shop, me.day)
    hours = shop.rhythm[user.rhythm, today]
    at = rng.random() * 24.0 * shop.weekday[user.rhythm, today]
    hour = 0
    while hour < 23 and at >= hours[hour]:
        at -= hours[hour]
        hour += 1
    within: float = hour * 3600.0 + rng.random() * 3600.0 - user.utc_offset_s
    start_us: int = shop.start_us + me.day * US_PER_DAY + int(within * US_PER_S)
    return start_us


@part
def offer(rng: Any, shop: Shop, tune: Tuning, buf: Buffers, me: Any, user: Any, c: int, alive: bool) -> int:
    """Draw whether a campaign is sent to a user who has an account, and write what comes of it.

    The effect on the log of the visit rate is the campaign's lift, more for the price-sensitive; it does not need the
    message to be opened (who was told may also just come).

    Returns:
        1 if the message was clicked, so that a visit begins now; else 0.
    """
    treated = rng.random() < tune.treated
    effect = shop.campaigns[c].log_visits + shop.campaigns[c].log_visits_per_sensitivity * (user.sensitivity - 1.0)
    row = buf.offers[me.offers]
    row.user, row.campaign, row.treated, row.effect = me.user, c, treated, effect
    me.offers += 1
    if not treated:
        return 0
    now, session, known = me.time_us, me.session, me.known
    me.sent[c] = effect
    sent = shop.start_us + int(shop.campaigns[c].day * US_PER_DAY) + int(rng.random() * 3600.0 * US_PER_S)
    me.time_us, me.session, me.known, me.campaign = sent, 0, 1, c + 1
    me.device, me.cookie, me.channel = -1, -1, shop.campaigns[c].channel
    me.decision += 1
    row = emit(buf, me, MESSAGE_SENT, -1)
    row.decision = me.decision
    row.logging_prob = tune.treated
    if alive and me.dormant and rng.random() < shop.campaigns[c].wakes:
        me.dormant = 0
    if rng.random() < (tune.open_message if alive else 0.02):
        me.time_us += int(exponential(rng) * 3.0 * 3600.0 * US_PER_S)
        emit(buf, me, MESSAGE_OPEN, -1)
        if alive and rng.random() < tune.click_message:
            wait(rng, me, 10.0)
            emit(buf, me, MESSAGE_CLICK, -1)
            me.session = session
            me.time_us = max(me.time_us, now + APART_US)
            me.aim = -1
            return 1
    me.time_us, me.session, me.known = now, session, known
    return 0


@part
def advertise(rng: Any, shop: Shop, tune: Tuning, buf: Buffers, me: Any) -> bool:
    """Show one advertisement outside the shop: a softmax over what the shop believes, its probability logged.

    Returns:
        Whether it was clicked, so that a visit to what it promotes begins now.
    """
    now, session = me.time_us, me.session
    n_ads = len(shop.ads)
    total = 0.0
    for a in range(n_ads):
        total += math.exp(0.5 * me.interest[shop.ads[a].leaf])
    at = rng.random() * total
    ad = 0
    weight = math.exp(0.5 * me.interest[shop.ads[0].leaf])
    while ad < n_ads - 1 and at >= weight:
        at -= weight
        ad += 1
        weight = math.exp(0.5 * me.interest[shop.ads[ad].leaf])
    me.time_us = shop.start_us + me.day * US_PER_DAY + int(rng.random() * US_PER_DAY)
    me.device, me.cookie, me.known, me.session = 0, me.cookies[0], 0, 0
    me.channel, me.campaign = DISPLAY, len(shop.campaigns) + ad + 1
    me.decision += 1
    row = emit(buf, me, AD_IMPRESSION, -1)
    row.decision = me.decision
    row.list = AD_LIST
    row.position = 1
    row.logging_prob = weight / total
    clicked: bool = rng.random() < sigmoid(tune.ad_logit + shop.ads[ad].appeal + 0.6 * me.interest[shop.ads[ad].leaf])
    if clicked:
        wait(rng, me, 6.0)
        row = emit(buf, me, AD_CLICK, -1)
        row.decision = me.decision
        me.aim = shop.ads[ad].leaf
        now = max(me.time_us, now + APART_US)
    me.time_us, me.session = now, session
    return clicked


@part
def crawl(rng: Any, shop: Shop, buf: Buffers, me: Any, user: Any) -> None:
    """Let a robot come today or not: hundreds of items one after the other, at even intervals, day or night."""
    if me.day >= user.end_day or rng.random() >= user.visits_per_day:
        return
    me.session += 1
    me.known, me.channel = 0, DIRECT
    if user.role == CRAWLER and rng.random() < 0.5 and me.cookie < 100:
        me.cookie += 1  # keeps no cookies
    me.time_us = shop.start_us + me.day * US_PER_DAY + int(rng.random() * 0.8 * US_PER_DAY)
    pause_us = int((1.5 + 6.0 * rng.random()) * US_PER_S)
    jitter_us = 0.02 * pause_us if user.role == CRAWLER else 0.1 * pause_us
    item = int(rng.random() * len(shop.items))
    step = 1 if rng.random() < 0.7 else 7
    for _ in range(int(CRAWL_VIEWS * (0.4 + 1.2 * rng.random()))):
        item = (item + step) % len(shop.items)
        if shop.items[item].launch_day <= me.day:
            row = emit(buf, me, VIEW_ITEM, item)
            row.price_minor = int(shop.items[item].minor * (1.0 - shop.discount[item, me.day // 7]) + 0.5)
        me.time_us += pause_us + int(jitter_us * rng.random())


live = _door(_made_of())
"""Live through all days of all users of a chunk.

Args: the generator; the shop; the numbers of behaviour as a record [1]; the buffers to fill; a ``STATE`` [1], whose
``list_rate`` is set and which holds the counts of rows, decisions and offers at the end; ``USER`` [users].
"""
