"""What a simulation counted while it wrote, and the sentence it says about itself beside real shops."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from footfall.schema import EVENT_TYPES
from footfall.simulator import params
from footfall.simulator.fraud import CRAWLER
from footfall.simulator.people import People
from footfall.simulator.rows import ADD_TO_CART, PURCHASE, REFUND, VIEW_ITEM, Array


@dataclasses.dataclass(frozen=True)
class Tally:
    """Counts over events; those of people leave robots out.

    Attributes:
        by_type: int64 [EVENT_TYPES], all events by type.
        people_by_type: The same without robots.
        robots: Events of robots.
        orders: Orders of people.
        sessions: Visits of people.
        buying: Those with a purchase.
        long: Visits with at least ``LONG_SESSION_VIEWS`` item views.
        long_buying: Those with a purchase.
    """

    by_type: Array
    people_by_type: Array
    robots: int
    orders: int
    sessions: int
    buying: int
    long: int
    long_buying: int

    def __add__(self, other: Tally) -> Tally:
        parts = ((getattr(self, f.name), getattr(other, f.name)) for f in dataclasses.fields(self))
        return Tally(*(mine + theirs for mine, theirs in parts))


NOTHING = Tally(np.zeros(len(EVENT_TYPES), np.int64), np.zeros(len(EVENT_TYPES), np.int64), 0, 0, 0, 0, 0, 0)


def count(rows: Array, people: People) -> Tally:
    """Count the rows of one chunk, before any dirt.

    Args:
        rows: ``ROW`` records.
        people: The users of the chunk.
    """
    robot = people.users["role"][rows["user"]] >= CRAWLER
    kind = rows["type"].astype(np.int64)
    in_visit = (rows["session"] > 0) & ~robot
    session = rows["user"].astype(np.int64) << 24 | rows["session"]
    _, place = np.unique(session[in_visit], return_inverse=True)
    views = np.bincount(place, kind[in_visit] == VIEW_ITEM)
    bought = np.bincount(place, kind[in_visit] == PURCHASE) > 0
    ordered = kind == PURCHASE
    order = rows["user"].astype(np.int64) << 24 | rows["order"]
    return Tally(
        by_type=np.bincount(kind, minlength=len(EVENT_TYPES)),
        people_by_type=np.bincount(kind[~robot], minlength=len(EVENT_TYPES)),
        robots=int(robot.sum()),
        orders=len(np.unique(order[ordered])),
        sessions=len(views),
        buying=int(bought.sum()),
        long=int((views >= params.LONG_SESSION_VIEWS).sum()),
        long_buying=int((bought & (views >= params.LONG_SESSION_VIEWS)).sum()),
    )


@dataclasses.dataclass(frozen=True)
class Rate:
    """A rate of the simulated shop beside the same rate of real ones.

    Attributes:
        rate: What it is.
        simulated: Its value here, robots left out; None where nothing was seen to divide by.
        real: Its value in the shop that it is tuned to.
        shop: Which shop that is.
        others: The same rate in other shops, in words.
    """

    rate: str
    simulated: float | None
    real: float
    shop: str
    others: str


def rates(tally: Tally) -> Sequence[Rate]:
    """Set the counts beside what real shops published."""

    def per(count: Any, base: Any) -> float | None:
        return float(count) / float(base) if base else None

    kinds = tally.people_by_type
    views, purchases = kinds[VIEW_ITEM], kinds[PURCHASE]
    rees46 = params.REES46_VIEWS
    return (
        Rate(
            "adds per view",
            per(kinds[ADD_TO_CART], views),
            params.RETAILROCKET_ADDS / params.RETAILROCKET_VIEWS,
            "RetailRocket",
            f"REES46 sample {params.REES46_CARTS / rees46:.4f}",
        ),
        Rate(
            "purchased lines per view",
            per(purchases, views),
            params.RETAILROCKET_TRANSACTIONS / params.RETAILROCKET_VIEWS,
            "RetailRocket",
            f"REES46 sample {params.REES46_PURCHASES / rees46:.4f}",
        ),
        Rate(
            "lines per order",
            per(purchases, tally.orders),
            params.RETAILROCKET_TRANSACTIONS / params.RETAILROCKET_ORDERS,
            "RetailRocket",
            "",
        ),
        Rate(
            "views per session",
            per(views, tally.sessions),
            rees46 / params.REES46_SESSIONS,
            "REES46 sample",
            "UCI 31.7",
        ),
        Rate(
            f"buying share of sessions with {params.LONG_SESSION_VIEWS} views or more",
            per(tally.long_buying, tally.long),
            params.UCI_BUYING_SESSIONS / params.UCI_SESSIONS,
            "UCI shoppers",
            "",
        ),
        Rate(
            "buying sessions per product page",
            per(tally.buying, views),
            params.UCI_BUYING_SESSIONS / params.UCI_PRODUCT_PAGES,
            "UCI shoppers",
            f"RetailRocket {params.RETAILROCKET_ORDERS / params.RETAILROCKET_VIEWS:.4f} (orders)",
        ),
        Rate(
            "returned share of lines",
            per(kinds[REFUND], purchases),
            params.ONLINE_RETAIL_RETURNED / params.ONLINE_RETAIL_LINES,
            "Online Retail",
            "",
        ),
    )
