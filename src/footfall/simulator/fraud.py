"""Those who are not ordinary shoppers: rings that abuse refunds or stolen cards, and robots.

Nothing in a log's ids tells them apart: they are drawn at random places among the users, and what marks them (shared
devices, addresses and cards; bursts of new accounts; returns; even intervals) is also found, less of it, in innocent
households, public computers and serial returners.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.simulator.agents import BROWSERS, CRAWLERS
from footfall.simulator.params import Tuning
from footfall.simulator.rows import Array

ROLES: Final = ("shopper", "refund_abuse", "stolen_cards", "crawler", "stealth_bot")
"""What a user is; the code is the place. A crawler says so in its user agent, a stealth bot does not."""
SHOPPER, REFUND_ABUSE, STOLEN_CARDS, CRAWLER, STEALTH_BOT = range(5)

RING_SIZE: Final = 6
FEWEST_USERS: Final = 200
"""A shop of at least this many users has a ring and two robots, however the dice fall."""
CRAWL_DAYS: Final = 5.0
CRAWL_VIEWS: Final = 160.0
"""Days on which a robot comes in 90 days, and items it views on each, on average."""


def assign_roles(rng: np.random.Generator, users: Array, tuning: Tuning, *, first: bool) -> None:
    """Choose who is in a ring and who is a robot, and write it into ``users``.

    Args:
        rng: Where chance comes from.
        users: ``USER`` records; ``role``, ``ring`` and ``passerby`` are written.
        tuning: How many are in rings, how many are robots.
        first: These are the first users of the shop.
    """
    size = len(users)
    users["ring"] = -1
    some = first and size >= FEWEST_USERS
    n_rings = max(int(some), int(size * tuning.fraud / RING_SIZE + rng.random()))
    n_robots = max(2 * int(some), int(size * tuning.robots + rng.random()))
    if size < FEWEST_USERS and first:
        n_rings = n_robots = 0
    sizes = rng.integers(RING_SIZE - 2, RING_SIZE + 3, n_rings)
    chosen = rng.choice(size, min(int(sizes.sum()) + n_robots, size), replace=False)
    members, robots = chosen[: sizes.sum()], chosen[sizes.sum() :]
    users["ring"][members] = np.repeat(np.arange(n_rings), sizes)
    users["role"][members] = np.where(users["ring"][members] % 2 == 0, REFUND_ABUSE, STOLEN_CARDS)
    users["role"][robots] = np.where(np.arange(n_robots) % 2 == 0, CRAWLER, STEALTH_BOT)
    users["passerby"][chosen] = 0


def plan_rings(
    rng: np.random.Generator,
    users: Array,
    device_keys: npt.NDArray[np.int64],
    home_keys: npt.NDArray[np.int64],
    card_keys: npt.NDArray[np.int64],
    *,
    shared_key: int,
    days: int,
) -> None:
    """Give the members of each ring what they share, and when they strike.

    Args:
        rng: Where chance comes from.
        users: ``USER`` records with their roles.
        device_keys: int64 [users, DEVICE_SLOTS]; two of a member's own devices become the ring's.
        home_keys: int64 [users]; most members come from one address.
        card_keys: int64 [users]; members of a refund ring share two cards.
        shared_key: Unused keys from here on.
        days: Days that are simulated.
    """
    for ring in range(int(users["ring"].max(initial=-1)) + 1):
        members = np.flatnonzero(users["ring"] == ring)
        key = shared_key + 16 * ring
        begin = rng.uniform(0, max(days * 0.7, 1.0))
        users["arrive_day"][members] = begin + rng.exponential(2.0, len(members))
        users["end_day"][members] = users["arrive_day"][members] + rng.uniform(12, 30, len(members))
        users["hazard"][members] = 1 / 21
        users["visits_per_day"][members] = rng.uniform(0.06, 0.16, len(members))
        users["account"][members] = 0
        users["devices"][members] = 2
        device_keys[members, 0] = np.where(rng.random(len(members)) < 0.8, key, device_keys[members, 0])
        device_keys[members, 1] = np.where(rng.random(len(members)) < 0.6, key + 1, device_keys[members, 1])
        home_keys[members] = np.where(rng.random(len(members)) < 0.7, key + 2, home_keys[members])
        card_keys[members] = key + 3 + rng.integers(0, 2, len(members))


def plan_robots(rng: np.random.Generator, users: Array, agents: npt.NDArray[np.int32], days: int) -> None:
    """Give robots their days and user agents.

    Args:
        rng: Where chance comes from.
        users: ``USER`` records with their roles.
        agents: int32 [users, DEVICE_SLOTS], places in ``AGENTS``; a robot has one on all slots.
        days: Days that are simulated.
    """
    robots = np.flatnonzero(users["role"] >= CRAWLER)
    users["arrive_day"][robots] = rng.uniform(0, days * 0.3, len(robots))
    users["end_day"][robots] = days
    users["hazard"][robots] = 0
    users["visits_per_day"][robots] = CRAWL_DAYS / 90 * rng.uniform(0.5, 2.0, len(robots))
    users["devices"][robots] = 1
    users["account"][robots] = 0
    crawlers = users["role"][robots] == CRAWLER
    named = len(BROWSERS) + rng.integers(0, len(CRAWLERS), len(robots))
    disguised = rng.integers(4, 8, len(robots))  # desktop browsers
    agents[robots] = np.where(crawlers, named, disguised)[:, None]
