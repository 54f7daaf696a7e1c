"""The oracle of the simulated shop: the true probability of what a known person looks at next.

It knows the truth tables (taste, interest, budget, sensitivity, rhythm; vectors, quality, popularity, prices, launches,
seasons) and the rules of ``footfall.simulator``, and marginalises what no log can tell. No ranking by anything that is
known at the cutoff has a higher NDCG in expectation. The first event about an item in a visit is a view, so this is
the probability of the first view of the next visit:

1. **When.** Day d of the week after the cutoff has the probability that the first visit falls on it: visits are Poisson
   with the user's rate by day (busy days, weekday of the rhythm), and clicks on advertisements come on top.
2. **Which category** (``visits.choose_leaf``). Where an advertisement was clicked, its own. Else, one after the other:
   each category that is due to be bought again (0.6 each; a purchase of quantity q lasts ``cycle * q ** 0.7`` days by
   a lognormal factor, and q - 1 is Poisson); the category of the visit before (``stay_leaf``); after a purchase that
   was not followed up, what goes with it (``complement``); and by interest and season.
3. **Which item** (``choice.weigh_items``). A softmax in the category of log popularity + taste x vector + quality -
   sensitivity x dearness at that week's price; items not yet launched weigh nothing.
4. **Or an item seen before** (``visits.look``): with ``revisit``, a random one of eight places, each of which holds the
   item viewed k views ago with probability 1/8 (7/8)^k.

Where the last visit ended is not told by a view that was such a return, so it is inferred (``_last_leaf``).

Left out, since they hardly matter: a visit that goes on over the cutoff, sleep of the dormant (which moves the day),
and events of devices that were never logged in. Ranked lists are not simulated here (``_recommend_logs.SIMULATED``).
"""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow.parquet
import scipy.special

from _recommend_data import Data
from _recommend_logs import SIMULATED_HORIZON_US
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.schema import US_PER_DAY
from footfall.simulator.rows import RECENT
from footfall.simulator.seasons import RHYTHMS, busyness, rhythms
from footfall.simulator.taxonomy import DEPARTMENTS, LEAVES

Float = npt.NDArray[np.float64]

DUE: Final = 0.6
"""``visits.choose_leaf``: a category that is due is where the visit goes."""
LASTING: Final = 0.15
"""``orders.buy``: standard deviation of the logarithm of how long something lasts."""
MORE: Final = 0.5
"""``orders.consider``: mean of the quantity beyond 1 of what is used up."""
APART_US: Final = 30 * 60 * 1_000_000
REMEMBERED: Final = 24
"""Views after which it hardly matters in which category a person was before them."""
BATCH: Final = 256


class Oracle:
    """Scores histories by the truth."""

    def __init__(self, folder: Path, data: Data) -> None:
        """Read the truth.

        Args:
            folder: Where ``_recommend_logs.simulated`` left it.
            data: The data set; its test users are the ones who can be asked about.
        """
        truth = folder / "simulation" / "truth"
        said = json.loads((truth / "parameters.json").read_text("utf-8"))
        self.tune: dict[str, float] = said["tuning"]
        self.start = dt.date.fromisoformat(said["start"])
        self.start_us = (self.start - dt.date(1970, 1, 1)).days * US_PER_DAY
        self.days = int(said["days"])
        self.horizon = range(self.days - SIMULATED_HORIZON_US // US_PER_DAY, self.days)
        self._read_shop(truth, folder)
        self._read_users(truth, data)
        self.view, self.purchase = (data.type_names[name] for name in ("view_item", "purchase"))

    def _read_shop(self, truth: Path, folder: Path) -> None:
        items = pyarrow.parquet.read_table(truth / "items.parquet")
        categories = pyarrow.parquet.read_table(truth / "categories.parquet")
        paths = categories["category"].to_pylist()
        assert paths == [leaf.path for leaf in LEAVES]
        self.leaf = np.array([paths.index(path) for path in items["category"].to_pylist()])
        self.first = np.searchsorted(self.leaf, np.arange(len(paths)))
        self.vector = _matrix(items["vector"])
        self.quality = _column(items["quality"])
        self.popularity = _column(items["log_popularity"])
        launched = items["launched_at"].cast("int64").to_numpy()
        self.launch_day = (launched - self.start_us) / US_PER_DAY
        priced = pyarrow.parquet.read_table(folder / "simulation" / "items.parquet", columns=["item_id", "price"])
        price = dict(zip(priced["item_id"].to_pylist(), priced["price"].to_pylist(), strict=True))
        ids = items["item_id"].to_pylist()
        minor = np.array([round(float(price[name]) * 100) for name in ids])
        discount = _matrix(items["discount_by_week"])[:, self.horizon[0] // 7]
        usual = np.log([leaf.price for leaf in LEAVES])[self.leaf]
        self.dear = np.log(np.floor(minor * (1 - discount) + 0.5) / 100) - usual  # before what the user would pay
        self.leaf_weight = _column(categories["log_weight"])
        self.leaf_vector = _matrix(categories["vector"])
        self.season = _matrix(categories["log_season_by_day"])
        self.cycle = _column(categories["cycle_days"])
        self.partner = np.array([paths.index(p) if p else -1 for p in categories["goes_with"].to_pylist()])
        ads = pyarrow.parquet.read_table(truth / "ads.parquet")
        self.ad_leaf = np.array([paths.index(path) for path in ads["category"].to_pylist()])
        self.appeal = _column(ads["appeal_logit"])
        place = {name: number for number, name in enumerate(ids)}
        self.item = np.array([place[name] for name in np.load(folder / "items.npy").tolist()])
        self.leaf_of_code = np.concatenate((np.full(FIRST_CODE, -1), self.leaf[self.item]))

    def _read_users(self, truth: Path, data: Data) -> None:
        users = pyarrow.parquet.read_table(truth / "users.parquet")
        place = {name: row for row, name in enumerate(users["user_id"].to_pylist())}
        idx = data.test.histories.user_idx
        assert idx is not None
        self.row = {int(user): place[name] for user, name in zip(idx, data.users, strict=True)}
        self.taste, interest = _matrix(users["taste"]), _matrix(users["interest"])
        department = [DEPARTMENTS.index(leaf.path.split(".")[0]) for leaf in LEAVES]
        self.interest = self.leaf_weight + interest[:, department] + self.taste @ self.leaf_vector.T
        self.sensitivity, self.budget = _column(users["price_sensitivity"]), _column(users["budget_log"])
        busy = busyness(self.start, self.days)[self.horizon]
        first = self.start.weekday() + self.horizon[0]
        weekday = rhythms().mean(axis=2)[:, [(first + d) % 7 for d in range(len(self.horizon))]]
        rhythm = np.array([RHYTHMS.index(name) for name in users["rhythm"].to_pylist()])
        leaves_on = users["leaves_on"].cast("int32").fill_null(2**30).to_numpy() - self.start_us // US_PER_DAY
        alive = np.array(self.horizon) < leaves_on[:, None]
        self.rate = _column(users["visits_per_day"])[:, None] * busy * weekday[rhythm] * alive

    def scores(self, histories: Sequences) -> npt.NDArray[np.float32]:
        """Return the probability of each item, float32 [histories, n_codes].

        Args:
            histories: Of test users, up to the cutoff.
        """
        found = np.full((len(histories), histories.n_codes), -np.inf, np.float32)
        for begin in range(0, len(histories), BATCH):
            some = np.arange(begin, min(begin + BATCH, len(histories)))
            found[some, FIRST_CODE:] = self._probability(histories.take(some))[:, self.item]
        return found

    def _probability(self, histories: Sequences) -> Float:
        """Return the probability of each item of the shop, float64 [histories, items]."""
        assert histories.user_idx is not None
        users = np.array([self.row[int(user)] for user in histories.user_idx])
        when, by_ad = self._when(users)
        utility = self.popularity + self.taste[users] @ self.vector.T + self.tune["view_quality"] * self.quality
        dearness = self.dear - self.budget[users][:, None]
        utility -= self.tune["view_price"] * self.sensitivity[users][:, None] * dearness
        weight = np.exp(utility)
        own, again, seen = self._after_history(histories, users, weight)
        total = np.zeros_like(weight)
        for number, day in enumerate(self.horizon):
            there = np.where(self.launch_day <= day, weight, 1e-12)
            within = there / np.add.reduceat(there, self.first, axis=1)[:, self.leaf]
            leaves = self._leaves(users, own[:, number], again, day)
            leaves = (1 - by_ad[0][:, number, None]) * leaves + by_ad[0][:, number, None] * by_ad[1]
            total += when[:, number, None] * leaves[:, self.leaf] * within
        back = self.tune["revisit"] * seen.sum(1, keepdims=True)
        found: Float = (1 - back) * total + self.tune["revisit"] * seen
        return found

    def _when(self, users: Any) -> tuple[Float, tuple[Float, Float]]:
        """Return how probable it is that the next visit is on each day, and that an advertisement brings it, and where.

        Returns:
            float64 [users, days]; float64 [users, days]; float64 [users, leaves].
        """
        liking = self.interest[users][:, self.ad_leaf]
        shown = np.exp(0.5 * liking)
        shown /= shown.sum(1, keepdims=True)
        clicked = shown * scipy.special.expit(self.tune["ad_logit"] + self.appeal + 0.6 * liking)
        ads = self.tune["ads_per_day"] * clicked.sum(1, keepdims=True)
        both = self.rate[users] + ads
        before = np.cumsum(both, axis=1) - both
        when = np.exp(-before) * -np.expm1(-both)
        leaves = np.zeros((len(users), len(LEAVES)))
        leaves[:, self.ad_leaf] = clicked / clicked.sum(1, keepdims=True)  # no two of the same category
        return when / when.sum(1, keepdims=True), (ads / both, leaves)

    def _leaves(self, users: Any, due: Float, again: Float, day: int) -> Float:
        """Return how probable each category is to begin with, float64 [users, leaves].

        Args:
            users: Rows of the truth.
            due: How probable it is that each category is due, float64 [users, leaves].
            again: Of what follows when none is chosen: the category of the visit before (``stay_leaf`` where there was
                one), and the partner of what was bought; float64 [users, 2, leaves].
            day: Which day.
        """
        taken = DUE * due
        left = np.cumprod(1 - taken, axis=1)
        found = taken * np.concatenate((np.ones((len(due), 1)), left[:, :-1]), axis=1)
        rest = left[:, -1:]
        found += rest * again[:, 0]
        rest = rest * (1 - again[:, 0].sum(1, keepdims=True))
        found += rest * again[:, 1]
        rest = rest * (1 - again[:, 1].sum(1, keepdims=True))
        by_interest = np.exp(self.interest[users] + self.season[:, day])
        interested: Float = found + rest * by_interest / by_interest.sum(1, keepdims=True)
        return interested

    def _after_history(self, histories: Sequences, users: Any, weight: Float) -> tuple[Float, Float, Float]:
        """Return what follows from what people did: what is due, where they may go on, what they may see again.

        Args:
            histories: What they did.
            users: Rows of the truth.
            weight: Of each item in its category, float64 [histories, items].

        Returns:
            float64 [histories, days, leaves]; [histories, 2, leaves]; [histories, items].
        """
        due = np.zeros((len(histories), len(self.horizon), len(LEAVES)))
        again = np.zeros((len(histories), 2, len(LEAVES)))
        seen = np.zeros((len(histories), len(self.leaf)))
        assert histories.event_type is not None
        assert histories.timestamp_us is not None
        for row in range(len(histories)):
            inside = slice(histories.offsets[row], histories.offsets[row + 1])
            item, kind, time = histories.item[inside], histories.event_type[inside], histories.timestamp_us[inside]
            viewed = (kind == self.view) & (item >= FIRST_CODE)
            views, times = item[viewed], time[viewed]
            if len(views):
                back = np.arange(len(views))[::-1]
                np.add.at(seen[row], self.item[views - FIRST_CODE], (1 - 1 / RECENT) ** back / RECENT)
                newest = slice(max(0, len(views) - REMEMBERED), None)
                likely = self._last_leaf(self.item[views[newest] - FIRST_CODE], times[newest], users[row], weight[row])
                again[row, 0] = self.tune["stay_leaf"] * likely
            bought = np.flatnonzero((kind == self.purchase) & (item >= FIRST_CODE))
            for place in bought:
                leaf = self.leaf_of_code[item[place]]
                if self.cycle[leaf] > 0:
                    day = (time[place] - self.start_us) // US_PER_DAY
                    due[row, :, leaf] = self._is_due(np.array(self.horizon) - day, self.cycle[leaf])
            if len(bought):
                leaf, moment = self.leaf_of_code[item[bought[-1]]], time[bought[-1]]
                later = times[times > moment]
                visits = len(later) and int((np.diff(later) > APART_US).sum()) + 1
                if self.partner[leaf] >= 0:
                    left = self.tune["stay_leaf"] ** visits  # each visit that went on by neither used it up
                    again[row, 1, self.partner[leaf]] = self.tune["complement"] * left
        return due, again, seen

    def _last_leaf(self, items: Any, times: Any, user: int, weight: Float) -> Float:
        """Return how probable it is that each category is where the last visit ended, float64 [leaves].

        A view tells its category only if it was no return to an item seen before, so this is a filter: from view to
        view people stay or go by interest, and each view is weighed by how probable it is in either case.

        Args:
            items: Viewed lately, in order.
            times: When, microseconds.
            user: Row of the truth.
            weight: Of each item in its category, float64 [items].
        """
        by_interest = np.exp(self.interest[user] + self.season[:, self.horizon[0] - 1])
        by_interest /= by_interest.sum()
        of_leaf = np.add.reduceat(weight, self.first)
        found: Float = by_interest
        for number, item in enumerate(items.tolist()):
            leaf = self.leaf[item]
            new = number == 0 or times[number] - times[number - 1] > APART_US
            stay = self.tune["stay_leaf"] if new else 1 - self.tune["switch_leaf"]
            found = stay * found + (1 - stay) * by_interest
            back = np.flatnonzero(items[:number][::-1] == item)
            again = self.tune["revisit"] * ((1 - 1 / RECENT) ** back / RECENT).sum()
            chosen = found[leaf] * (1 - self.tune["revisit"]) * weight[item] / of_leaf[leaf]
            found = found * again
            found[leaf] += chosen
            found = found / found.sum()
        return found

    def _is_due(self, days: Any, cycle: float) -> Float:
        """Return the probability that something bought so many days ago is used up, whatever the quantity was."""
        found = np.zeros(len(days))
        for quantity in range(1, 6):
            share = math.exp(-MORE) * MORE ** (quantity - 1) / math.factorial(quantity - 1)
            found += share * scipy.special.ndtr(np.log(np.maximum(days, 1e-9) / (cycle * quantity**0.7)) / LASTING)
        return found


def _column(values: Any) -> Float:
    return np.asarray(values.to_numpy(), np.float64)


def _matrix(values: Any) -> Float:
    flat = np.asarray(values.combine_chunks().flatten().to_numpy(), np.float64)
    return flat.reshape(len(values), -1)
