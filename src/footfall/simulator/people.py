"""Who comes to the shop: shoppers, members of fraud rings and robots, a chunk of users at a time."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.simulator.agents import AGENTS, BROWSERS
from footfall.simulator.fraud import assign_roles, plan_rings, plan_robots
from footfall.simulator.params import DEVICE_SLOTS, TASTE_DIMS, Tuning
from footfall.simulator.rows import Array
from footfall.simulator.seasons import RHYTHM_SHARES
from footfall.simulator.taxonomy import COUNTRIES, DEPARTMENTS, LANGUAGES, SEGMENTS

USER: Final = np.dtype(
    [
        ("arrive_day", np.float64),
        ("end_day", np.float64),
        ("hazard", np.float64),
        ("visits_per_day", np.float64),
        ("sensitivity", np.float64),
        ("budget", np.float64),
        ("returning", np.float64),
        ("utc_offset_s", np.int64),
        ("segment", np.int32),
        ("language", np.int32),
        ("country", np.int32),
        ("region", np.int32),
        ("rhythm", np.int32),
        ("devices", np.int32),
        ("shared_slot", np.int32),
        ("account", np.int32),
        ("passerby", np.int32),
        ("role", np.int32),
        ("ring", np.int32),
        ("taste", np.float64, (TASTE_DIMS,)),
        ("interest", np.float64, (len(DEPARTMENTS),)),
    ],
    align=True,
)
"""Truth about a user. Days count from the first one (-1: before it); ``hazard`` is the daily probability of leaving
for good; ``budget`` is in log-units around a category's median price, ``returning`` the log-odds of sending a bought
line back beyond the average; ``account`` says that one existed on arrival; ``shared_slot`` is the slot of a device
shared with others (-1: none), ``ring`` the fraud ring within the chunk (-1: none); ``taste`` meets item vectors,
``interest`` is the log-weight of each department."""


SHARED_KEY: Final = 1 << 40
"""Keys of what several users share start here; keys of one user's own things lie below."""


@dataclasses.dataclass(frozen=True)
class People:
    """The users of one chunk.

    Attributes:
        first: Number of its first user in the whole shop.
        users: ``USER`` [users].
        device_keys: int64 [users, DEVICE_SLOTS]; users of one device have the same key.
        agents: int32 [users, DEVICE_SLOTS], place in ``AGENTS``.
        home_keys: int64 [users], the place whose internet address they share.
        card_keys: int64 [users], the payment card.
        expected_visits: float [users], for planning.
    """

    first: int
    users: Array
    device_keys: npt.NDArray[np.int64]
    agents: npt.NDArray[np.int32]
    home_keys: npt.NDArray[np.int64]
    card_keys: npt.NDArray[np.int64]
    expected_visits: npt.NDArray[np.float64]


def draw(
    rng: np.random.Generator,
    *,
    first: int,
    size: int,
    days: int,
    languages: npt.NDArray[np.float64],
    tuning: Tuning,
    segment_taste: npt.NDArray[np.float64],
    activity: float,
) -> People:
    """Draw the users of one chunk.

    Args:
        rng: Where chance comes from.
        first: Number of the first user.
        size: Users to draw.
        days: Days that are simulated.
        languages: float [LANGUAGES], share of each language.
        tuning: The numbers of behaviour.
        segment_taste: float [segments, TASTE_DIMS], the mean taste of each segment.
        activity: Factor on everybody's visits.
    """
    users = np.zeros(size, USER)
    segment = rng.choice(len(SEGMENTS), size, p=[s.share for s in SEGMENTS])
    users["segment"] = segment
    _where(rng, users, languages)
    _when(rng, users, days, tuning)
    users["sensitivity"] = np.array([s.sensitivity for s in SEGMENTS])[segment] * np.exp(rng.normal(-0.06, 0.35, size))
    users["budget"] = np.array([s.budget for s in SEGMENTS])[segment] + rng.normal(0, 0.3, size)
    users["interest"] = np.array([s.interest for s in SEGMENTS])[segment] + rng.normal(0, 0.5, (size, len(DEPARTMENTS)))
    users["taste"] = segment_taste[segment] + rng.normal(0, 0.32, (size, TASTE_DIMS))
    users["returning"] = rng.normal(0, 0.8, size)
    assign_roles(rng, users, tuning, first=first == 0)
    number = first + np.arange(size, dtype=np.int64)
    device_keys = number[:, None] * DEVICE_SLOTS + np.arange(DEVICE_SLOTS)
    home_keys, card_keys = number.copy(), number.copy()
    users["devices"] = 1 + (rng.random(size) < 0.45) + (rng.random(size) < 0.12)
    agents = _agents(rng, size)
    unused = SHARED_KEY + (first << 16)
    _share(rng, users, device_keys, home_keys, shared_key=unused)
    plan_rings(rng, users, device_keys, home_keys, card_keys, shared_key=unused + (1 << 14), days=days)
    plan_robots(rng, users, agents, days)
    users["visits_per_day"] *= activity
    alive = np.clip(np.minimum(users["end_day"], days) - np.maximum(users["arrive_day"], 0), 0, None)
    expected = np.where(users["passerby"] == 1, 1.0, users["visits_per_day"] * alive)
    return People(first, users, device_keys, agents, home_keys, card_keys, expected)


def _where(rng: np.random.Generator, users: Array, languages: npt.NDArray[np.float64]) -> None:
    """Draw language, country, region and time zone."""
    country_share = np.array([languages[LANGUAGES.index(c.language)] * c.share for c in COUNTRIES])
    country = rng.choice(len(COUNTRIES), len(users), p=country_share / country_share.sum())
    users["country"] = country
    users["language"] = np.array([LANGUAGES.index(c.language) for c in COUNTRIES])[country]
    users["utc_offset_s"] = np.array([c.utc_offset_h * 3600 for c in COUNTRIES])[country]
    users["region"] = rng.integers(0, np.array([len(c.regions) for c in COUNTRIES])[country])


def _when(rng: np.random.Generator, users: Array, days: int, tuning: Tuning) -> None:
    """Draw rhythm, rate, arrival and the end: the hazard is Gamma distributed, the lifetime exponential given it."""
    size = len(users)
    users["rhythm"] = rng.choice(len(RHYTHM_SHARES), size, p=RHYTHM_SHARES)
    users["visits_per_day"] = tuning.visits_median * np.exp(tuning.visits_sigma * rng.standard_normal(size))
    users["hazard"] = rng.gamma(tuning.hazard_shape, tuning.hazard_mean / tuning.hazard_shape, size)
    kind = rng.random(size)
    users["passerby"] = kind < tuning.passerby
    existing = kind >= 1 - tuning.existing
    users["arrive_day"] = np.where(existing, -1.0, rng.uniform(0, days, size))
    lifetime = rng.exponential(1.0, size) / np.maximum(users["hazard"], 1e-9)
    users["end_day"] = np.where(
        users["passerby"] == 1, users["arrive_day"], np.maximum(users["arrive_day"], 0) + lifetime
    )
    users["account"] = existing & (rng.random(size) < 0.85)


def _agents(rng: np.random.Generator, size: int) -> npt.NDArray[np.int32]:
    """Draw a browser for each slot: phones and computers first, tablets last."""
    kinds = np.array([kind for kind, _ in AGENTS[: len(BROWSERS)]])
    shares = (
        {"mobile": 0.55, "desktop": 0.3, "app": 0.15},
        {"desktop": 0.7, "mobile": 0.3},
        {"tablet": 1.0},
        {"tablet": 1.0},
    )
    columns = []
    for share in shares:
        weight = np.array([share.get(kind, 0.0) / (kinds == kind).sum() for kind in kinds])
        columns.append(rng.choice(len(kinds), size, p=weight / weight.sum()))
    return np.stack(columns, axis=1).astype(np.int32)


def _share(
    rng: np.random.Generator,
    users: Array,
    device_keys: npt.NDArray[np.int64],
    home_keys: npt.NDArray[np.int64],
    *,
    shared_key: int,
) -> None:
    """Let some households share a tablet and an address, and a few strangers a public computer: no fraud in either."""
    size = len(users)
    users["shared_slot"] = -1
    order = rng.permutation(np.flatnonzero((users["role"] == 0) & (users["passerby"] == 0)))
    pairs = order[: 2 * (size // 60)]
    pairs = pairs[: len(pairs) // 2 * 2].reshape(-1, 2)
    device_keys[pairs, DEVICE_SLOTS - 1] = (shared_key + np.arange(len(pairs)))[:, None]
    home_keys[pairs[:, 1]] = home_keys[pairs[:, 0]]
    strangers = order[pairs.size : pairs.size + min(12, size // 80)]
    device_keys[strangers, DEVICE_SLOTS - 1] = shared_key + (1 << 13)
    users["shared_slot"][pairs] = DEVICE_SLOTS - 1
    users["shared_slot"][strangers] = DEVICE_SLOTS - 1
