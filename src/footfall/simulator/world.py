"""The shop itself: its items, prices, seasons, campaigns and advertisements, with their true properties."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from footfall.schema import US_PER_DAY
from footfall.simulator.params import LIST_SIZE, STYLE_DIMS, TASTE_DIMS, Tuning
from footfall.simulator.rows import CHANNELS, Array
from footfall.simulator.seasons import busyness, rhythms, seasons
from footfall.simulator.taxonomy import BRANDS, DEPARTMENTS, LANGUAGES, LEAVES, SEGMENTS

Float = npt.NDArray[np.float64]

CAMPAIGN_KINDS: Final = (
    # kind, lift of the log of visits, lift of the log-odds to add, more of it per unit of price sensitivity, wakes
    ("discount", 0.40, 0.35, 0.30, 0.0),
    ("placebo", 0.0, 0.0, 0.0, 0.0),
    ("news", 0.25, 0.0, 0.0, 0.0),
    ("fatigue", -0.30, 0.0, 0.0, 0.0),
    ("win-back", 0.30, 0.10, 0.0, 0.35),
)
EFFECT_DAYS: Final = 7
"""How long a campaign works."""
CAMPAIGN_EVERY_DAYS: Final = 14
N_ADS: Final = 8


ITEM: Final = np.dtype(
    [
        ("leaf", np.int64),
        ("minor", np.int64),
        ("log_weight", np.float64),
        ("quality", np.float64),
        ("launch_day", np.float64),
        ("vector", np.float64, (TASTE_DIMS,)),
    ],
    align=True,
)
"""An item: its leaf, list price in minor units, log of popularity, quality in standard deviations, the day on which it
appears (negative for before the first), and the vector that tastes meet."""

LEAF: Final = np.dtype(
    [
        ("first", np.int64),
        ("count", np.int64),
        ("department", np.int64),
        ("partner", np.int64),
        ("cycle_days", np.float64),
        ("log_weight", np.float64),
        ("log_price", np.float64),
        ("vector", np.float64, (TASTE_DIMS,)),
    ],
    align=True,
)
"""A leaf category: its first item and how many (items are ordered by leaf), its department, the leaf that goes with it
(-1: none), days until it must be bought again (0: never), log of how much it is looked at, log of its median price, and
the vector that tastes meet."""

CAMPAIGN: Final = np.dtype(
    [
        ("day", np.float64),
        ("channel", np.int64),
        ("log_visits", np.float64),
        ("logit_add", np.float64),
        ("log_visits_per_sensitivity", np.float64),
        ("wakes", np.float64),
    ],
    align=True,
)
"""A campaign: day and part of the day of sending, channel, and its effects for ``EFFECT_DAYS``: on the log of the
visit rate, on the log-odds of adding, more on visits per unit of price sensitivity above 1; and the probability that
it wakes a dormant user."""

AD: Final = np.dtype([("leaf", np.int64), ("appeal", np.float64)], align=True)
"""An advertisement: the leaf that it promotes, and log-odds of a click beyond the average one."""


class Shop(NamedTuple):
    """The shop as kernels read it.

    Attributes:
        start_us: First moment, microseconds since 1970 UTC.
        days: Days simulated.
        items: ``ITEM`` [items], ordered by leaf.
        leaves: ``LEAF`` [leaves].
        campaigns: ``CAMPAIGN`` [campaigns], in the order of time.
        ads: ``AD`` [ads].
        season: float [leaves, days], log of the season.
        discount: float [items, weeks], share off the list price.
        day_factor: float [days], visits of the whole shop by day.
        rhythm: float [rhythms, 7, 24], weight of an hour of the week (Monday first), mean 1 over the week.
        weekday: float [rhythms, 7], mean weight of the day's hours.
        examination: float [LIST_SIZE], probability that a position is looked at.
    """

    start_us: int
    days: int
    items: Array
    leaves: Array
    campaigns: Array
    ads: Array
    season: Float
    discount: Float
    day_factor: Float
    rhythm: Float
    weekday: Float
    examination: Float


@dataclasses.dataclass(frozen=True)
class World:
    """The shop, and what people call its parts.

    Attributes:
        shop: What kernels read.
        start: First day.
        segment_taste: float [segments, TASTE_DIMS], the mean taste of each segment.
        item_ids: Id of each item; says nothing about it.
        brands: Brand of each item, place in ``BRANDS``.
        item_language: Language of each item's name, place in ``LANGUAGES``.
        bilingual: Whether the other language's name stands in its properties.
        series: The last part of each item's name.
        campaign_ids: Id of each campaign.
        campaign_kinds: Kind of each campaign.
        ad_ids: Id of each advertisement; campaigns and advertisements share one numbering in rows, these come after.
    """

    shop: Shop
    start: dt.date
    segment_taste: Float
    item_ids: list[str]
    brands: npt.NDArray[np.int64]
    item_language: npt.NDArray[np.int64]
    bilingual: npt.NDArray[np.bool_]
    series: list[str]
    campaign_ids: list[str]
    campaign_kinds: list[str]
    ad_ids: list[str]

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.item_ids)


def build(
    rng: np.random.Generator,
    *,
    items: int,
    days: int,
    start: dt.date,
    languages: npt.NDArray[np.float64],
    tuning: Tuning,
) -> World:
    """Draw a shop.

    Args:
        rng: Where chance comes from.
        items: Number of items, at least one per leaf.
        days: Days to simulate.
        start: First day (UTC).
        languages: float [LANGUAGES], share of each language.
        tuning: The behaviour's numbers; only the examination curve is used here.
    """
    leaves = _leaves(rng, items)
    catalogue, brand = _items(rng, leaves, items, days)
    weeks = math.ceil(days / 7)
    shop = Shop(
        start_us=(start - dt.date(1970, 1, 1)).days * US_PER_DAY,
        days=days,
        items=catalogue,
        leaves=leaves,
        campaigns=_campaigns(rng, days),
        ads=_ads(rng),
        season=seasons(start, days),
        discount=np.where(rng.random((items, weeks)) < 0.12, rng.integers(1, 4, (items, weeks)) / 10.0, 0.0),
        day_factor=busyness(start, days),
        rhythm=rhythms(),
        weekday=rhythms().mean(axis=2),
        examination=np.arange(1.0, LIST_SIZE + 1) ** -tuning.list_exam,
    )
    n_campaigns = len(shop.campaigns)
    return World(
        shop=shop,
        start=start,
        segment_taste=rng.normal(0, 0.25, (len(SEGMENTS), TASTE_DIMS)),
        item_ids=[str(number) for number in 100_000 + rng.choice(max(900_000, 20 * items), items, replace=False)],
        brands=brand,
        item_language=rng.choice(len(LANGUAGES), items, p=languages),
        bilingual=rng.random(items) < 0.6 if languages.min() > 0 else np.zeros(items, np.bool_),
        series=[f"{chr(65 + code % 26)}{10 + code // 26}" for code in rng.integers(0, 26 * 990, items).tolist()],
        campaign_ids=[f"mail-{i + 1:02d}" for i in range(n_campaigns)],
        campaign_kinds=[CAMPAIGN_KINDS[i % len(CAMPAIGN_KINDS)][0] for i in range(n_campaigns)],
        ad_ids=[f"ad-{i + 1:02d}" for i in range(N_ADS)],
    )


def send_days(days: int) -> npt.NDArray[np.int64]:
    """Return the days on which campaigns are sent: one a fortnight, from the seventh day on."""
    return np.arange(7, max(days - 1, 7), CAMPAIGN_EVERY_DAYS)


def _leaves(rng: np.random.Generator, items: int) -> Array:
    leaves = np.zeros(len(LEAVES), LEAF)
    leaves["count"] = 1 + rng.multinomial(items - len(LEAVES), rng.dirichlet(np.full(len(LEAVES), 6.0)))
    leaves["first"] = np.cumsum(leaves["count"]) - leaves["count"]
    leaves["department"] = [DEPARTMENTS.index(leaf.path.split(".")[0]) for leaf in LEAVES]
    places = {leaf.path: place for place, leaf in enumerate(LEAVES)}
    leaves["partner"] = [places.get(leaf.goes_with, -1) for leaf in LEAVES]
    leaves["cycle_days"] = [leaf.cycle_days for leaf in LEAVES]
    leaves["log_weight"] = rng.normal(0, 0.4, len(LEAVES))
    leaves["log_price"] = np.log([leaf.price for leaf in LEAVES])
    leaves["vector"] = rng.normal(0, 0.35, (len(LEAVES), TASTE_DIMS))
    return leaves


def _items(rng: np.random.Generator, leaves: Array, count: int, days: int) -> tuple[Array, npt.NDArray[np.int64]]:
    """Draw the items and their brands: a brand has a place in the space of tastes and a price level."""
    items = np.zeros(count, ITEM)
    items["leaf"] = np.repeat(np.arange(len(leaves)), leaves["count"])
    items["quality"] = np.clip(rng.standard_normal(count), -2.5, 2.5)
    brand = _brands(rng, leaves["department"][items["leaf"]])
    vector = rng.standard_normal((count, TASTE_DIMS))
    place = rng.normal(0, 0.8, (len(BRANDS), TASTE_DIMS))
    vector[:, STYLE_DIMS:] = place[brand][:, STYLE_DIMS:] + 0.4 * vector[:, STYLE_DIMS:]
    items["vector"] = vector
    level = rng.normal(0, 0.2, len(BRANDS))
    log_price = leaves["log_price"][items["leaf"]] + level[brand] + 0.12 * items["quality"]
    items["minor"] = _rounded(np.exp(log_price + rng.normal(0, 0.25, count)))
    items["log_weight"] = _popularity(rng, leaves["count"], items["quality"])
    items["launch_day"] = np.where(rng.random(count) < 0.12, rng.uniform(0, days, count), -1.0)
    return items, brand


def _brands(rng: np.random.Generator, department: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Give each item one of the dozen brands of its department; a few brands are much larger than others."""
    order = rng.permutation(len(BRANDS))
    sizes = 1.0 / np.arange(1, 13)
    rank = rng.choice(12, len(department), p=sizes / sizes.sum())
    return np.asarray(order[(department * 8 + rank) % len(BRANDS)], np.int64)


def _popularity(rng: np.random.Generator, sizes: npt.NDArray[np.int64], quality: Float) -> Float:
    """Give log weights that fall with the rank in the leaf like Zipf's law; better items tend to stand higher."""
    parts = []
    first = 0
    for size in sizes:
        standing = rng.standard_normal(size) + 0.6 * quality[first : first + size]
        rank = np.empty(size)
        rank[np.argsort(-standing, kind="stable")] = np.arange(1, size + 1)
        parts.append(-0.9 * np.log(rank))
        first += size
    return np.concatenate(parts)


def _rounded(price: Float) -> npt.NDArray[np.int64]:
    """Round prices to what shops write: x.99, and x.49 below ten."""
    step = np.where(price < 10, 50, 100)
    return np.asarray(np.maximum(np.round(price * 100 / step), 1) * step - 1, np.int64)


def _campaigns(rng: np.random.Generator, days: int) -> Array:
    on = send_days(days)
    campaigns = np.zeros(len(on), CAMPAIGN)
    for place in range(len(on)):
        channel = CHANNELS.index(("email", "push", "sms")[place % 3]) + 1
        effects = CAMPAIGN_KINDS[place % len(CAMPAIGN_KINDS)][1:]
        campaigns[place] = (on[place] + rng.uniform(0.3, 0.7), channel, *effects)
    return campaigns


def _ads(rng: np.random.Generator) -> Array:
    ads = np.zeros(N_ADS, AD)
    ads["leaf"] = rng.choice(len(LEAVES), N_ADS, replace=False)
    ads["appeal"] = rng.normal(0, 0.5, N_ADS)
    return ads
