"""How people choose: a category by interest and season, an item by taste, price, quality and popularity.

Categories and items are drawn from a softmax (a multinomial logit: the weight of an item is the exponential of its
utility), acts by a logistic curve. The same few lines serve shoppers, lists and advertisements: one truth stands behind
all of them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from footfall.compiled import part
from footfall.simulator.params import Tuning
from footfall.simulator.rows import Buffers
from footfall.simulator.world import Shop


@part
def sigmoid(logit: float) -> float:
    """Turn log-odds into a probability."""
    return 1.0 / (1.0 + math.exp(-logit))


@part
def poisson(rng: Any, mean: float) -> int:
    """Draw a small Poisson number by multiplying uniforms (Knuth 1969); cut at 1,000."""
    limit = math.exp(-mean)
    count = 0
    product = rng.random()
    while product > limit and count < 1000:
        count += 1
        product *= rng.random()
    return count


@part
def exponential(rng: Any) -> float:
    """Draw an exponential number of mean 1."""
    return -math.log(1.0 - rng.random())


@part
def normal(rng: Any) -> float:
    """Draw a standard normal number (Box and Muller 1958)."""
    return math.sqrt(2.0 * exponential(rng)) * math.cos(2.0 * math.pi * rng.random())


@part
def geometric(rng: Any, mean: float) -> int:
    """Draw how often something goes on, with this mean: 0, 1, 2, ..."""
    return int(math.log(1.0 - rng.random()) / math.log(mean / (1.0 + mean)))


@part
def pick(rng: Any, cumulative: npt.NDArray[np.float64], count: int) -> int:
    """Draw a place by its weight.

    Args:
        rng: Where chance comes from.
        cumulative: Running sum of the weights.
        count: How many places are in use.
    """
    at = rng.random() * cumulative[count - 1]
    low, high = 0, count - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] > at:
            high = middle
        else:
            low = middle + 1
    return low


@part
def price_minor(shop: Shop, item: int, day: int) -> int:
    """Return the price of an item on a day, in minor units, the week's discount taken off."""
    return int(shop.items[item].minor * (1.0 - shop.discount[item, day // 7]) + 0.5)


@part
def match(taste: npt.NDArray[np.float64], vector: npt.NDArray[np.float64]) -> float:
    """Return taste x vector. A plain loop: the same sum on every machine, whatever its linear algebra library."""
    total = 0.0
    for d in range(len(taste)):
        total += taste[d] * vector[d]
    return total


@part
def dearness(shop: Shop, user: Any, item: int, day: int) -> float:
    """Return how the price stands to what the user would pay in this category, in log-units."""
    usual: float = shop.leaves[shop.items[item].leaf].log_price + user.budget
    return math.log(price_minor(shop, item, day) / 100.0) - usual


@part
def weigh_leaves(shop: Shop, me: Any, day: int) -> None:
    """Fill ``me.leaf_cumulative`` for a user whose interests stand in ``me.interest``."""
    total = 0.0
    for leaf in range(len(shop.leaves)):
        total += math.exp(me.interest[leaf] + shop.season[leaf, day])
        me.leaf_cumulative[leaf] = total


@part
def weigh_items(buf: Buffers, shop: Shop, tune: Tuning, user: Any, leaf: int, day: int) -> None:
    """Fill ``buf.item_cumulative`` with how much the user wants to look at each item of a leaf.

    Utility = log popularity + taste x vector + view_quality * quality - view_price * sensitivity * dearness.
    Items not yet launched weigh nothing, unless the whole leaf is new.
    """
    total = 0.0
    first = shop.leaves[leaf].first
    for place in range(shop.leaves[leaf].count):
        item = first + place
        utility = shop.items[item].log_weight + match(user.taste, shop.items[item].vector)
        utility += tune.view_quality * shop.items[item].quality
        utility -= tune.view_price * user.sensitivity * dearness(shop, user, item, day)
        total += math.exp(utility) if shop.items[item].launch_day <= day else 1e-12
        buf.item_cumulative[place] = total


@part
def add_logit(shop: Shop, tune: Tuning, me: Any, user: Any, item: int, day: int) -> float:
    """Return the log-odds that looking at an item ends in adding it, all circumstances of the visit aside.

    add_logit + buy_taste * taste x vector + buy_quality * quality - buy_price * sensitivity * dearness, and more where
    something used up is due.
    """
    logit: float = tune.add_logit + tune.buy_taste * match(user.taste, shop.items[item].vector)
    logit += tune.buy_quality * shop.items[item].quality
    logit -= tune.buy_price * user.sensitivity * dearness(shop, user, item, day)
    if me.due_day[shop.items[item].leaf] <= day:
        logit += tune.due_logit
    return logit
