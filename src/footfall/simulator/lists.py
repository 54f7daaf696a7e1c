"""Ranked lists: a Plackett-Luce policy with exact logging probabilities, and clicks by examination.

The policy retrieves up to ``LIST_CANDIDATES`` items, gives each a weight w, and fills positions from the top: the next
one is drawn among those left with probability proportional to w (Plackett 1975). ``logging_prob`` of a row is the
marginal probability that *this item stands at this position*, given the candidates and whatever stands above it: what
inverse propensity estimators need. It is exact, summed over all sets of items that could stand above:

    m(S) = probability that the set S fills the first |S| positions
    P(i at k) = sum over S of size k - 1 without i of m(S) * w_i / (W - w(S))

A click needs a look: P(click at k) = examination_k * attraction_i (the position-based model), independently.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from footfall.compiled import part
from footfall.simulator.choice import dearness, match, pick, sigmoid
from footfall.simulator.params import LIST_CANDIDATES, LIST_SIZE, Tuning
from footfall.simulator.rows import VIEW_ITEM_LIST, Buffers, emit
from footfall.simulator.world import Shop


@part
def draw_slate(rng: Any, weight: npt.NDArray[np.float64], count: int, size: int, me: Any) -> None:
    """Draw a slate and the exact marginal probability of each of its rows.

    Args:
        rng: Where chance comes from.
        weight: float64 [LIST_CANDIDATES], the candidates' weights, positive.
        count: How many candidates there are.
        size: How many positions to fill, at most ``count``.
        me: ``slate`` receives the candidates by position, ``slate_prob`` their probabilities.
    """
    left = 0.0
    taken = 0
    for i in range(count):
        left += weight[i]
    for k in range(size):
        at = rng.random() * left
        chosen = -1
        for i in range(count):
            if (taken >> i) & 1 == 0:
                chosen = i
                at -= weight[i]
                if at < 0:
                    break
        me.slate[k] = chosen
        taken |= 1 << chosen
        left -= weight[chosen]
    marginals(weight, count, size, me)


@part
def marginals(weight: npt.NDArray[np.float64], count: int, size: int, me: Any) -> None:
    """Write the probability of each row of ``me.slate`` into ``me.slate_prob``, by the sum over subsets above."""
    n_subsets = 1 << count
    me.subset_weight[0] = 0.0
    for i in range(count):
        half = 1 << i
        for s in range(half):
            me.subset_weight[half + s] = me.subset_weight[s] + weight[i]
    me.subset[:n_subsets] = 0.0
    me.subset[0] = 1.0
    me.slate_prob[:] = 0.0
    for s in range(n_subsets):
        k = me.subset_size[s]
        if k >= size:
            continue
        rate = me.subset[s] / (me.subset_weight[n_subsets - 1] - me.subset_weight[s])
        wanted = me.slate[k]
        if (s >> wanted) & 1 == 0:
            me.slate_prob[k] += rate * weight[wanted]
        if k < size - 1:
            for i in range(count):
                if (s >> i) & 1 == 0:
                    me.subset[s | (1 << i)] += rate * weight[i]


@part
def retrieve(rng: Any, shop: Shop, buf: Buffers, leaf: int, out: npt.NDArray[np.int64]) -> int:
    """Draw different candidates of a leaf by the weights in ``buf.item_cumulative``; return how many were found."""
    first = shop.leaves[leaf].first
    in_leaf = shop.leaves[leaf].count
    count = 0
    for _ in range(6 * LIST_CANDIDATES):
        item = first + pick(rng, buf.item_cumulative, in_leaf)
        known = False
        for j in range(count):
            known = known or out[j] == item
        if not known:
            out[count] = item
            count += 1
        if count == min(in_leaf, LIST_CANDIDATES):
            break
    return count


@part
def show_list(rng: Any, shop: Shop, tune: Tuning, buf: Buffers, me: Any, user: Any, kind: int) -> int:
    """Show a ranked list of the leaf that ``me`` is in: one ``view_item_list`` row per position.

    The shop's weights know popularity and half of the taste, not what the user would pay. The candidates, their weights
    and their attractions go to the truth.

    Returns:
        Place of the decision in ``buf.decisions``; ``me.slate[:min(LIST_SIZE, candidates)]`` is what was shown.
    """
    place: int = min(me.decisions, len(buf.decisions) - 1)
    decision = buf.decisions[place]
    candidates, weights = decision.candidates, decision.weights
    count = retrieve(rng, shop, buf, me.leaf, candidates)
    for j in range(count):
        item = candidates[j]
        liking = match(user.taste, shop.items[item].vector)
        weights[j] = math.exp(0.4 * shop.items[item].log_weight + 0.5 * liking)
        logit = tune.click_logit + 0.7 * liking + 0.3 * shop.items[item].quality
        logit -= tune.view_price * user.sensitivity * dearness(shop, user, item, me.day)
        decision.attractions[j] = sigmoid(logit)
    shown = min(count, LIST_SIZE)
    draw_slate(rng, weights, count, shown, me)
    me.decision += 1
    decision.row = me.rows
    decision.count = count
    me.decisions += 1
    for k in range(shown):
        row = emit(buf, me, VIEW_ITEM_LIST, candidates[me.slate[k]])
        row.decision = me.decision
        row.list = kind
        row.position = k + 1
        row.logging_prob = me.slate_prob[k]
    return place
