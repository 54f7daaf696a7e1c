"""What is to be simulated: the caller's wishes, checked, and made into numbers of users and items."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError, unknown_name
from footfall.simulator import world
from footfall.simulator.fraud import CRAWL_VIEWS, CRAWLER
from footfall.simulator.params import CHUNK_EVENTS, CHUNK_USERS, LIST_SIZE, TASTE_DIMS, Tuning
from footfall.simulator.people import People, draw
from footfall.simulator.rows import MOST_DAYS
from footfall.simulator.taxonomy import LANGUAGES, LEAVES, SEGMENTS
from footfall.simulator.write import FORMATS, Format

DEFAULT_USERS: Final = 2000
MOST_USERS: Final = 1 << 28
MIX: Final = {"en": 0.7, "zh": 0.3}
SHOP_STREAM, PEOPLE_STREAM, LIFE_STREAM, DIRT_STREAM = range(4)
"""Chance comes in streams that do not touch one another: one for the shop, three for each chunk of users."""

EVENTS_PER_VISIT: Final = 4.5
"""Measured: events that one visit leads to, lists aside; for planning only."""
VIEWS_PER_VISIT: Final = 3.4
EVENTS_PER_OFFER: Final = 0.65
"""Measured: messages sent, opened and clicked per eligible user and campaign."""

NO_TASTE: Final = np.zeros((len(SEGMENTS), TASTE_DIMS))
"""Tastes where only numbers of events are asked for."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """A simulation to be run.

    Attributes:
        out: Folder to write to.
        users: Users of the shop, robots and passers-by included.
        items: Items of the catalogue.
        days: Days.
        start: First day (UTC).
        seed: Where all chance comes from.
        languages: float [LANGUAGES], share of each language.
        activity: Factor on everybody's visits.
        list_rate: Ranked lists logged per item viewed.
        form: Form of the event files.
        dirt: Whether to break some rows.
        tuning: The numbers of behaviour.
        currency: What prices are in (ISO 4217).
        chunk_users: Users simulated at once; part of what the seed means.
    """

    out: Path
    users: int
    items: int
    days: int
    start: dt.date
    seed: int
    languages: npt.NDArray[np.float64]
    activity: float
    list_rate: float
    form: Format
    dirt: bool
    tuning: Tuning
    currency: str
    chunk_users: int = CHUNK_USERS

    @property
    def chunks(self) -> int:
        """How many chunks the users are simulated in."""
        return math.ceil(self.users / self.chunk_users)

    def rng(self, stream: int, chunk: int = 0) -> np.random.Generator:
        """Return the generator of one stream and chunk; it does not depend on what else has been drawn."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, stream, chunk])))

    def people(self, chunk: int, segment_taste: npt.NDArray[np.float64]) -> People:
        """Draw the users of one chunk.

        Args:
            chunk: Which one.
            segment_taste: float [segments, TASTE_DIMS], from the world.
        """
        return draw(
            self.rng(PEOPLE_STREAM, chunk),
            first=chunk * self.chunk_users,
            size=min(self.chunk_users, self.users - chunk * self.chunk_users),
            days=self.days,
            languages=self.languages,
            tuning=self.tuning,
            segment_taste=segment_taste,
            activity=self.activity,
        )


def make(
    out: Path,
    *,
    users: int | None,
    events: int | None,
    items: int | None,
    days: int,
    seed: int,
    form: Format,
    dirt: bool,
    start: dt.date,
    languages: Mapping[str, float] | None,
    impressions_per_view: float,
    tuning: Tuning,
    currency: str,
) -> Plan:
    """Check what the caller wants and work out the sizes.

    Raises:
        InputError: A value is out of range, or the folder already holds a simulation.
    """
    _whole("days", days, 1, MOST_DAYS)
    _whole("seed", seed, 0, 2**63 - 1)
    for name, value, most in (("users", users, MOST_USERS), ("events", events, 10**11), ("items", items, 10**7)):
        if value is not None:
            _whole(name, value, len(LEAVES) if name == "items" else 1, most)
    if form not in FORMATS:
        raise InputError(unknown_name("format", form, FORMATS))
    if not 0 <= impressions_per_view <= LIST_SIZE:
        raise InputError(
            f"impressions_per_view={impressions_per_view} cannot be used; give a number from 0 to {LIST_SIZE}"
        )
    if not re.fullmatch("[A-Z]{3}", currency):
        raise InputError(f"currency={currency!r} cannot be used; give an ISO 4217 code such as EUR")
    if out.exists() and (not out.is_dir() or any(out.glob("events-*")) or (out / "truth").exists()):
        raise InputError(
            f"{out} already holds a simulation or is no folder; give a new folder, or remove what is there"
        )
    plan = Plan(
        out=out,
        users=DEFAULT_USERS if users is None else users,
        items=0,
        days=days,
        start=start,
        seed=seed,
        languages=_mix(MIX if languages is None else languages),
        activity=1.0,
        list_rate=impressions_per_view / LIST_SIZE,
        form=form,
        dirt=dirt,
        tuning=tuning,
        currency=currency,
    )
    if events is not None:
        plan = _for_users(plan, events) if users is None else _for_activity(plan, events)
    usual = max(400, round(25 * math.sqrt(plan.users)))
    plan = dataclasses.replace(plan, items=usual if items is None else items)
    each = sum(expected_events(plan, plan.people(0, NO_TASTE))) / min(plan.users, CHUNK_USERS)
    while plan.chunk_users > 64 and each * plan.chunk_users > CHUNK_EVENTS:
        plan = dataclasses.replace(plan, chunk_users=plan.chunk_users // 2)
    return plan


def _whole(name: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InputError(f"{name}={value!r} cannot be used; give a whole number from {low} to {high}")


def _mix(languages: Mapping[str, float]) -> npt.NDArray[np.float64]:
    for name in languages:
        if name not in LANGUAGES:
            raise InputError(unknown_name("language", name, LANGUAGES))
    share = np.array([languages.get(name, 0.0) for name in LANGUAGES], np.float64)
    if not np.isfinite(share).all() or share.min() < 0 or share.sum() <= 0:
        raise InputError(f"languages={dict(languages)} cannot be used; give shares of at least 0 that are not all 0")
    return np.asarray(share / share.sum())


def expected_events(plan: Plan, people: People) -> tuple[float, float]:
    """Return the events to be expected of some users: those that do not depend on activity, and those that do."""
    users, tuning = people.users, plan.tuning
    robot = users["role"] >= CRAWLER
    per_visit = EVENTS_PER_VISIT + VIEWS_PER_VISIT * plan.list_rate * LIST_SIZE
    alive = np.clip(np.minimum(users["end_day"], plan.days) - np.maximum(users["arrive_day"], 0), 0, None)
    offers = len(world.send_days(plan.days)) * (users["account"] + 0.1)
    fixed = tuning.ads_per_day * alive + EVENTS_PER_OFFER * offers + per_visit * (users["arrive_day"] >= 0)
    visits = np.where(users["passerby"] == 1, 0.0, people.expected_visits * dormancy(tuning))
    moving = np.where(robot, CRAWL_VIEWS * people.expected_visits, per_visit * visits)
    return float(fixed[~robot].sum()), float(moving.sum())


def dormancy(tuning: Tuning) -> float:
    """Return the mean of the visit rate over active and dormant days, as a share of the active rate."""
    asleep = tuning.fall_asleep / (tuning.fall_asleep + tuning.wake_up)
    return 1 - 0.6 * asleep * (1 - tuning.dormant_factor)  # nobody starts dormant


def _for_users(plan: Plan, events: int) -> Plan:
    """Take as many users as the events need."""
    plan = dataclasses.replace(plan, users=MOST_USERS)
    left, chunk = float(events), 0
    while True:
        whole = sum(expected_events(plan, plan.people(chunk, NO_TASTE)))
        if left <= whole:
            users = chunk * CHUNK_USERS + max(1, round(CHUNK_USERS * left / whole))
            return dataclasses.replace(plan, users=users)
        left, chunk = left - whole, chunk + 1


def _for_activity(plan: Plan, events: int) -> Plan:
    """Make the users as busy as the events need."""
    fixed = moving = 0.0
    for chunk in range(plan.chunks):
        more = expected_events(plan, plan.people(chunk, NO_TASTE))
        fixed, moving = fixed + more[0], moving + more[1]
    activity = (events - fixed) / moving
    if activity < 0.01:
        raise InputError(
            f"{events} events are too few for {plan.users} users, who make some {fixed:.0f} by arriving at all; "
            "give more events or fewer users"
        )
    return dataclasses.replace(plan, activity=activity)
