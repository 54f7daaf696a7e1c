"""From the cart to the order and what comes after it: payment, returns, reviews, letters to support."""

from __future__ import annotations

import math
from typing import Any, Final

from footfall.compiled import part
from footfall.schema import US_PER_DAY, US_PER_S
from footfall.simulator.choice import add_logit, dearness, exponential, match, normal, poisson, price_minor, sigmoid
from footfall.simulator.fraud import REFUND_ABUSE, SHOPPER, STOLEN_CARDS
from footfall.simulator.params import Tuning
from footfall.simulator.rows import (
    ADD_PAYMENT_INFO,
    ADD_TO_CART,
    BEGIN_CHECKOUT,
    CART_SIZE,
    LOGIN,
    PURCHASE,
    REFUND,
    REMOVE_FROM_CART,
    REVIEW,
    SIGN_UP,
    SUPPORT_MESSAGE,
    VIEW_CART,
    Buffers,
    emit,
)
from footfall.simulator.world import Shop

DECLINED: Final = 1
"""``detail`` of an ``add_payment_info`` row that the bank refused; above it stands the number of the card used."""
N_INTENTS: Final = 7
CHOICES: Final = 1 << 20
"""Wordings are picked by a number below this."""


@part
def wait(rng: Any, me: Any, median_s: float) -> None:
    """Let time pass: lognormal, at most twenty minutes, so that a visit holds together under the half-hour rule."""
    seconds = min(median_s * math.exp(0.9 * normal(rng)), 1200.0)
    me.time_us += int(seconds * US_PER_S) + 1


@part
def identify(rng: Any, buf: Buffers, me: Any, login: float, sign_up: float) -> None:
    """Let a visitor who is not known log in, or make an account if there is none, with these probabilities."""
    if me.known:
        return
    if rng.random() >= (login if me.account else sign_up):
        return
    wait(rng, me, 15.0)
    kind = LOGIN if me.account else SIGN_UP
    me.known = 1
    me.account = 1
    me.logged[me.device] = 1
    emit(buf, me, kind, -1)


@part
def consider(rng: Any, shop: Shop, tune: Tuning, buf: Buffers, me: Any, user: Any, item: int) -> None:
    """Let the user add the item just viewed, or not."""
    if me.cart >= CART_SIZE:
        return
    logit = add_logit(shop, tune, me, user, item, me.day) + me.bias + me.lift
    if user.role != SHOPPER:  # whoever will not pay in the end does not mind a price
        logit += 2.5 + 2.0 * dearness(shop, user, item, me.day)
    if rng.random() >= sigmoid(logit):
        return
    quantity = 1
    if shop.leaves[shop.items[item].leaf].cycle_days > 0:
        quantity += poisson(rng, 0.5)
    elif rng.random() < 0.03:
        quantity += 1
    me.cart_item[me.cart] = item
    me.cart_quantity[me.cart] = quantity
    me.cart += 1
    me.cart_day = me.day
    if rng.random() < tune.direct_buy:
        return
    wait(rng, me, 8.0)
    row = emit(buf, me, ADD_TO_CART, item)
    row.quantity = quantity
    row.price_minor = price_minor(shop, item, me.day)


@part
def finish(rng: Any, shop: Shop, tune: Tuning, buf: Buffers, me: Any, user: Any, go: float) -> None:
    """Look after the cart at the end of a visit: take things out, and go to checkout with probability ``go``."""
    kept = 0
    for j in range(me.cart):
        item, quantity = me.cart_item[j], me.cart_quantity[j]
        if user.role == SHOPPER and rng.random() < tune.remove:
            wait(rng, me, 12.0)
            row = emit(buf, me, REMOVE_FROM_CART, item)
            row.quantity = quantity
            row.price_minor = price_minor(shop, item, me.day)
        else:
            me.cart_item[kept] = item
            me.cart_quantity[kept] = quantity
            kept += 1
    me.cart = kept
    if kept == 0:
        return
    if rng.random() < 0.5:
        wait(rng, me, 10.0)
        emit(buf, me, VIEW_CART, -1)
    if rng.random() < (go if user.role == SHOPPER else 0.9):
        checkout(rng, shop, tune, buf, me, user)


@part
def checkout(rng: Any, shop: Shop, tune: Tuning, buf: Buffers, me: Any, user: Any) -> None:
    """Begin a checkout, say who one is, pay, and buy; some stop on the way and keep their cart."""
    total = 0
    for j in range(me.cart):
        total += me.cart_quantity[j] * price_minor(shop, me.cart_item[j], me.day)
    wait(rng, me, 15.0)
    row = emit(buf, me, BEGIN_CHECKOUT, -1)
    row.value_minor = total
    identify(rng, buf, me, 0.85, 0.65)
    card = 1
    refused = 0.03
    if user.role == STOLEN_CARDS:
        card = 2 + int(rng.random() * 1000)
        refused = 0.6
    while rng.random() < refused:
        wait(rng, me, 25.0)
        row = emit(buf, me, ADD_PAYMENT_INFO, -1)
        row.detail = 2 * card + DECLINED
        if user.role == STOLEN_CARDS:
            card = 2 + int(rng.random() * 1000)
    if user.role == SHOPPER and rng.random() >= tune.pay:
        return
    wait(rng, me, 25.0)
    row = emit(buf, me, ADD_PAYMENT_INFO, -1)
    row.detail = 2 * card
    wait(rng, me, 20.0)
    buy(rng, shop, tune, buf, me, user, card)


@part
def buy(rng: Any, shop: Shop, tune: Tuning, buf: Buffers, me: Any, user: Any, card: int) -> None:
    """Turn the cart into an order: one ``purchase`` row per item, and what follows each."""
    me.order += 1
    for j in range(me.cart):
        item = me.cart_item[j]
        row = emit(buf, me, PURCHASE, item)
        row.order = me.order
        row.quantity = me.cart_quantity[j]
        row.price_minor = price_minor(shop, item, me.day)
        row.value_minor = row.quantity * row.price_minor
        row.detail = 2 * card
        leaf = shop.items[item].leaf
        me.bought_leaf = leaf
        if shop.leaves[leaf].cycle_days > 0:
            lasts = shop.leaves[leaf].cycle_days * me.cart_quantity[j] ** 0.7
            me.due_day[leaf] = me.day + lasts * math.exp(0.15 * normal(rng))
    bought = me.cart
    me.cart = 0
    for j in range(bought):
        afterwards(rng, shop, tune, buf, me, user, me.cart_item[j], me.cart_quantity[j])


@part
def afterwards(
    rng: Any,
    shop: Shop,
    tune: Tuning,
    buf: Buffers,
    me: Any,
    user: Any,
    item: int,
    quantity: int,
) -> None:
    """Write what a bought line leads to, days later: a return, a review, a letter to support.

    These rows belong to no visit; the clock of the visit stands still meanwhile.
    """
    now, session, channel, campaign = me.time_us, me.session, me.channel, me.campaign
    price = price_minor(shop, item, me.day)
    me.session, me.channel, me.campaign = 0, 0, 0
    returned = sigmoid(tune.refund_logit + user.returning - 0.7 * shop.items[item].quality)
    if user.role == REFUND_ABUSE:
        returned = 0.4
    elif user.role == STOLEN_CARDS:
        returned = 0.25
    if rng.random() < returned:
        me.time_us = now + int((1.5 + exponential(rng) * 5.0) * US_PER_DAY)
        row = emit(buf, me, REFUND, item)
        row.device = 0  # the shop's own act
        if me.known:
            row.cookie = 0
        row.order = me.order
        row.quantity = quantity
        row.price_minor = price
        row.value_minor = quantity * price
    if user.role == SHOPPER and rng.random() < tune.review:
        me.time_us = now + int((3.0 + exponential(rng) * 6.0) * US_PER_DAY)
        felt = 3.6 + 0.8 * shop.items[item].quality + 0.3 * match(user.taste, shop.items[item].vector)
        felt += 0.7 * normal(rng) - 0.3 * dearness(shop, user, item, me.day)
        if rng.random() < 0.12:
            felt -= 2.5  # late, or broken on the way
        row = emit(buf, me, REVIEW, item)
        row.order = me.order
        row.rating = int(min(max(math.floor(felt + 0.5), 1.0), 5.0))
        row.detail = int(rng.random() * CHOICES)
    if rng.random() < tune.support:
        write_to_support(rng, shop, buf, me, item, now)
    me.time_us, me.session, me.channel, me.campaign = now, session, channel, campaign


@part
def write_to_support(rng: Any, shop: Shop, buf: Buffers, me: Any, item: int, bought_us: int) -> None:
    """Write a letter about an order; a bad item is rather said to be damaged, or its money wanted back."""
    me.time_us = bought_us + int((0.2 + exponential(rng) * 4.0) * US_PER_DAY)
    intent = int(rng.random() * N_INTENTS)
    if rng.random() < sigmoid(-1.0 - 1.2 * shop.items[item].quality):
        intent = 1 + int(rng.random() * 2)
    row = emit(buf, me, SUPPORT_MESSAGE, item)
    row.order = me.order
    row.detail = intent + N_INTENTS * int(rng.random() * CHOICES)
