"""What is known of the simulated shop but stands in no log: tables beside it, for tests and honest evaluation only.

| table | one row for |
|---|---|
| ``users`` | a user: role, ring, segment, taste, interest, budget, sensitivity, rhythm, hazard, arrival and end |
| ``devices`` | an ``anonymous_id`` and a user behind it (several users where a device is shared) |
| ``items`` | an item: vector, quality, log of popularity, launch, weekly discounts |
| ``categories`` | a leaf category: vector, log of weight, cycle, season by day |
| ``campaigns``, ``ads`` | a campaign or advertisement and its true effect |
| ``assignments`` | a user eligible for a campaign: treated or not, effect on the log of the visit rate |
| ``decisions`` | a ranked list: candidates, their weights in the policy, clicks expected once looked at |
| ``letters`` | a ``support_message``: its intent |
| ``dirt`` | a row that was broken on purpose, and how |

``parameters.json`` holds the numbers that the simulation was run with. A user's ``arrives_on`` is the local date of the
first visit (null: a customer since before the first day), ``leaves_on`` the first date on which no visit begins any
more (null: not within a century); returns, reviews and letters may still follow, and the shop goes on writing to them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from footfall.schema import US_PER_DAY
from footfall.simulator.columns import TIME, Columns, coded
from footfall.simulator.fraud import CRAWLER, REFUND_ABUSE, ROLES, STOLEN_CARDS
from footfall.simulator.ids import Ids
from footfall.simulator.orders import N_INTENTS
from footfall.simulator.params import LIST_CANDIDATES
from footfall.simulator.people import People
from footfall.simulator.rows import CHANNELS, LISTS, SUPPORT_MESSAGE, Array, Buffers
from footfall.simulator.seasons import RHYTHMS
from footfall.simulator.taxonomy import COUNTRIES, LANGUAGES, LEAVES, SEGMENTS
from footfall.simulator.text import INTENTS
from footfall.simulator.world import World


def matrix(values: npt.NDArray[Any]) -> pa.Array:
    """Make a column of lists of equal length from the rows of a matrix."""
    offsets = np.arange(len(values) + 1, dtype=np.int32) * np.int32(values.shape[1])
    return pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(values).reshape(-1)))


def users(people: People, world: World, ids: Ids, chunk: int) -> pa.Table:
    """Return the truth about the users of one chunk."""
    u = people.users
    numbers = people.first + np.arange(len(u), dtype=np.int64)
    ring = [None if r < 0 else f"ring-{chunk}-{r}" for r in u["ring"].tolist()]
    return pa.table(
        {
            "user_id": ids.users(numbers),
            "role": coded(u["role"] + 1, ROLES).cast(pa.string()),
            "fraud": pa.array(np.isin(u["role"], (REFUND_ABUSE, STOLEN_CARDS))),
            "robot": pa.array(u["role"] >= CRAWLER),
            "ring": pa.array(ring, pa.string()),
            "segment": coded(u["segment"] + 1, [s.name for s in SEGMENTS]).cast(pa.string()),
            "language": coded(u["language"] + 1, LANGUAGES).cast(pa.string()),
            "country": coded(u["country"] + 1, [c.code for c in COUNTRIES]).cast(pa.string()),
            "rhythm": coded(u["rhythm"] + 1, RHYTHMS).cast(pa.string()),
            "utc_offset_s": pa.array(u["utc_offset_s"]),
            "passerby": pa.array(u["passerby"] == 1),
            "customer_before": pa.array(u["account"] == 1),
            "arrives_on": _dates(world, np.floor(u["arrive_day"]), u["arrive_day"] >= 0),
            "leaves_on": _dates(world, np.ceil(u["end_day"]), u["end_day"] < 36_500),
            "hazard_per_day": pa.array(u["hazard"]),
            "visits_per_day": pa.array(u["visits_per_day"]),
            "price_sensitivity": pa.array(u["sensitivity"]),
            "budget_log": pa.array(u["budget"]),
            "returning_logit": pa.array(u["returning"]),
            "taste": matrix(u["taste"]),
            "interest": matrix(u["interest"]),
        }
    )


def _dates(world: World, days: npt.NDArray[np.float64], known: npt.NDArray[np.bool_]) -> pa.Array:
    """Turn days since the start into dates; null where not ``known``."""
    whole = world.shop.start_us // US_PER_DAY + np.where(known, days, 0).astype(np.int32)
    return pa.array(whole.astype(np.int32), pa.int32(), mask=~known).cast(pa.date32())


def _moments(world: World, days: npt.NDArray[np.float64]) -> pa.Array:
    """Turn days since the start into times."""
    return pa.array((world.shop.start_us + days * US_PER_DAY).astype(np.int64), TIME)


def items(world: World) -> pa.Table:
    """Return the truth about the items."""
    shop = world.shop
    return pa.table(
        {
            "item_id": pa.array(world.item_ids),
            "category": pa.array([LEAVES[leaf].path for leaf in shop.items["leaf"].tolist()]),
            "quality": pa.array(shop.items["quality"]),
            "log_popularity": pa.array(shop.items["log_weight"]),
            "launched_at": _moments(world, shop.items["launch_day"]),
            "vector": matrix(shop.items["vector"]),
            "discount_by_week": matrix(shop.discount),
        }
    )


def categories(world: World) -> pa.Table:
    """Return the truth about the leaf categories."""
    shop = world.shop
    return pa.table(
        {
            "category": pa.array([leaf.path for leaf in LEAVES]),
            "log_weight": pa.array(shop.leaves["log_weight"]),
            "cycle_days": pa.array(shop.leaves["cycle_days"]),
            "goes_with": pa.array([leaf.goes_with or None for leaf in LEAVES], pa.string()),
            "vector": matrix(shop.leaves["vector"]),
            "log_season_by_day": matrix(shop.season),
        }
    )


def campaigns(world: World) -> pa.Table:
    """Return the true effect of each campaign."""
    sent = world.shop.campaigns
    return pa.table(
        {
            "campaign": pa.array(world.campaign_ids, pa.string()),
            "kind": pa.array(world.campaign_kinds, pa.string()),
            "channel": pa.array([CHANNELS[c - 1] for c in sent["channel"].tolist()], pa.string()),
            "sent_at": _moments(world, sent["day"]),
            "log_visits": pa.array(sent["log_visits"]),
            "logit_add": pa.array(sent["logit_add"]),
            "log_visits_per_sensitivity": pa.array(sent["log_visits_per_sensitivity"]),
            "wakes": pa.array(sent["wakes"]),
        }
    )


def ads(world: World) -> pa.Table:
    """Return what each advertisement promotes and how appealing it is."""
    ads_shown = world.shop.ads
    return pa.table(
        {
            "campaign": pa.array(world.ad_ids),
            "category": pa.array([LEAVES[leaf].path for leaf in ads_shown["leaf"].tolist()]),
            "appeal_logit": pa.array(ads_shown["appeal"]),
        }
    )


def assignments(offers: Array, people: People, world: World, ids: Ids) -> pa.Table:
    """Return who was eligible for which campaign, and who was sent it.

    Args:
        offers: ``OFFER`` records.
        people: The users of the chunk.
        world: The shop.
        ids: The ids of the simulation.
    """
    return pa.table(
        {
            "user_id": ids.users(people.first + offers["user"].astype(np.int64)),
            "campaign": coded(offers["campaign"] + 1, world.campaign_ids).cast(pa.string()),
            "treated": pa.array(offers["treated"] == 1),
            "effect_log_visits": pa.array(offers["effect"]),
        }
    )


def decisions(buf: Buffers, keep: npt.NDArray[np.int64], people: People, world: World, ids: Ids) -> pa.Table:
    """Return what each ranked list was chosen from.

    Args:
        buf: What the kernels wrote, rows in the order of writing.
        keep: Places of the decisions whose rows are in the log.
        people: The users of the chunk.
        world: The shop.
        ids: The ids of the simulation.
    """
    made = buf.decisions[keep]
    first = buf.rows[made["row"]]
    counts = made["count"]
    used = np.arange(LIST_CANDIDATES) < counts[:, None]
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    items_shown = coded(made["candidates"][used] + 1, world.item_ids).cast(pa.string())
    numbers = people.first + first["user"].astype(np.int64)
    return pa.table(
        {
            "decision_id": ids.of_user("decision", numbers, first["decision"].astype(np.int64)),
            "user_id": ids.users(numbers),
            "list_id": coded(first["list"], LISTS).cast(pa.string()),
            "candidates": pa.ListArray.from_arrays(offsets, items_shown),
            "weights": pa.ListArray.from_arrays(offsets, pa.array(made["weights"][used])),
            "attractions": pa.ListArray.from_arrays(offsets, pa.array(made["attractions"][used])),
        }
    )


def letters(columns: Columns) -> pa.Table:
    """Return the intent of each letter to support."""
    place = np.flatnonzero(columns.rows["type"] == SUPPORT_MESSAGE)
    row = columns.rows[place]
    return pa.table(
        {
            "event_id": columns.ids.events(columns.numbers[place], row["sequence"].astype(np.int64)),
            "intent": coded(row["detail"] % N_INTENTS + 1, INTENTS).cast(pa.string()),
        }
    )


def devices(columns: Columns) -> pa.Table:
    """Return the users behind each anonymous id of the log."""
    given = columns.rows["cookie"] > 0
    pairs = np.unique(np.stack([columns.cookies[given], columns.numbers[given]], axis=1), axis=0)
    return pa.table({"anonymous_id": columns.ids.devices(pairs[:, 0]), "user_id": columns.ids.users(pairs[:, 1])})
