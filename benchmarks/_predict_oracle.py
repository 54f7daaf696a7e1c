"""True chances of a purchase in the simulated shop: ``python _predict_oracle.py SHOP BACK OUT OPTIONS``.

The simulation is run again as it was, and at the cutoff every person's life is lived on many times with other random
numbers: the share of these lives with a purchase in the horizon is the chance. What was not decided yet at the
cutoff is drawn anew in each life: the day of leaving (exponential, by the person's true hazard), sleep, campaigns,
visits, views. Everything else is known: taste, budget, sensitivity, rates, prices, the cart, what is used up and
when, and who came once and will never come again. A log tells these only by and by, so people with short histories
keep any learner below.

Two chances come of it:

* ``log``: whether a person sleeps or has left is hidden from a shop, so it is inferred from the days with and without
  visits by the forward recursion of the hidden Markov chain (Rabiner 1989), whose every number is the true one:
  leaving by the person's own hazard, falling asleep, waking up, and visits of the day, Poisson at the true rate of
  that day. This is what a target is set by; nobody who reads the log alone can do better.
* ``state``: as if the shop could also see who sleeps and who has left. Nobody can reach it from a log.

What it leaves out: a day is the person's local day, so up to half a day at either end of the horizon counts for the
neighbour; a guest's purchase counts if the person has an account, whether or not the log links that device; a
message that wakes a sleeper is no part of the recursion; and visits on devices that nobody ever links are seen by
it. Chances are given of people who have an id of their own at the cutoff, not of devices that nobody has logged in
on, nor of robots. The share of ``repeats`` lives has a deviation of at most ``.5 / sqrt(repeats)`` for each state.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import footfall
from _predict_data import wanted
from _work import cpu_s, peak_mb, stay_on_one_core
from footfall.compiled import kernel, part
from footfall.schema import US_PER_DAY
from footfall.simulator import lives, world
from footfall.simulator.choice import exponential
from footfall.simulator.fraud import CRAWLER
from footfall.simulator.ids import Ids
from footfall.simulator.lives import begin, crawl, pass_day, visit_rate
from footfall.simulator.params import Tuning
from footfall.simulator.plan import LIFE_STREAM, SHOP_STREAM, Plan, expected_events
from footfall.simulator.plan import make as plan_of
from footfall.simulator.rows import AD_CLICK, MESSAGE_CLICK, PURCHASE, STATE, Array, Buffers, buffers
from footfall.simulator.run import START
from footfall.simulator.world import Shop

Float = npt.NDArray[np.float64]

REPEATS: Final = 300
"""Lives of each person, awake and asleep."""
ROOM: Final = 20_000
"""Events of one life within a horizon; nobody has as many."""
STREAM: Final = 77
"""Of the numbers that lives are lived on with; no stream of the simulator's."""
KEPT: Final[int] = STATE.fields["slate"][1]  # type: ignore[index]  # it has fields
"""Bytes of a ``STATE`` that outlast a visit; what comes after them is room to reckon."""
AWAKE, ASLEEP, GONE = range(3)


@part
def lived_on(
    rng: Any, shop: Shop, tune: Any, buf: Buffers, me: Any, user: Any, raw: Array, kept: Array, until: int, lives: int
) -> float:
    """Return the share of lives with a purchase on one of the days up to ``until``; of one who is still there.

    Args:
        rng: Where chance comes from.
        shop: The shop.
        tune: The numbers of behaviour.
        buf: Room for events that nobody reads.
        me: Where the person stands; is left anywhere.
        user: The person.
        raw: The bytes of ``me``.
        kept: Those to begin each life from.
        until: Day after the last.
        lives: How many.
    """
    bought = 0
    dormant = me.dormant
    first, end = me.day, user.end_day
    for _ in range(lives):
        raw[: len(kept)] = kept
        me.dormant = dormant
        me.rows, me.decisions, me.offers = 0, 0, 0
        user.end_day = first + exponential(rng) / max(user.hazard, 1e-9)
        for day in range(first, until):
            me.day = day
            pass_day(rng, shop, tune, buf, me, user, False)
        for r in range(min(me.rows, len(buf.rows))):
            if buf.rows[r].type == PURCHASE and (buf.rows[r].known or me.account):
                bought += 1
                break
    user.end_day = end
    return bought / lives


@part
def infer(shop: Shop, tune: Any, buf: Buffers, me: Any, user: Any, belief: Float, before: int, session: int) -> None:
    """Change what is believed of a person by what a day brought: moves of the hidden chain, then the day's visits.

    Args:
        shop: The shop.
        tune: The numbers of behaviour.
        buf: Events; those from ``before`` on are of the day.
        me: Where the person stands after the day.
        user: The person.
        belief: Awake, asleep, gone; float64 [3], is changed.
        before: Events before the day.
        session: Visits before the day.
    """
    brought = 0
    for r in range(before, min(me.rows, len(buf.rows))):
        if buf.rows[r].type == AD_CLICK or buf.rows[r].type == MESSAGE_CLICK:
            brought += 1
    visits = max(me.session - session - brought, 0)
    stay = np.exp(-user.hazard)
    awake, asleep = belief[AWAKE] * stay, belief[ASLEEP] * stay
    belief[GONE] += (belief[AWAKE] + belief[ASLEEP]) * (1 - stay)
    belief[AWAKE] = awake * (1 - tune.fall_asleep) + asleep * tune.wake_up
    belief[ASLEEP] = awake * tune.fall_asleep + asleep * (1 - tune.wake_up)
    dormant, lift = me.dormant, me.lift
    if not user.passerby:
        for state in range(2):
            me.dormant = state
            rate = visit_rate(shop, tune, me, user)
            belief[state] *= np.exp(-rate + visits * np.log(max(rate, 1e-300)))
    me.dormant, me.lift = dormant, lift
    if visits + brought:
        belief[GONE] = 0.0
    total = belief.sum()
    if total > 0:
        belief /= total
    else:  # a rate of 0 that brought a visit: nobody who sleeps or has left
        belief[:] = 0.0
        belief[AWAKE] = 1.0


def _door(made_of: str) -> Any:
    """Make the kernel; ``made_of`` is part of the key that its machine code is kept under, as in ``lives``."""

    @kernel
    def foresee(
        rng: Any,
        other: Any,
        shop: Shop,
        tune: Any,
        buf: Buffers,
        scratch: Buffers,
        state: Array,
        raw: Array,
        users: Array,
        asked: Array,
        cutoff: int,
        until: int,
        repeats: int,
        kept: Array,
        found: Float,
    ) -> None:
        me = state[0]
        numbers = tune[0]
        me.made_of = len(made_of)
        belief = np.zeros(3)
        for u in range(len(users)):
            user = users[u]
            begin(shop, me, user, u)
            first_day = max(int(np.floor(user.arrive_day)), 0)
            belief[:] = 0.0
            belief[AWAKE] = 1.0
            for day in range(first_day, shop.days):
                if day == cutoff and asked[u] and user.role < CRAWLER:
                    me.day = day
                    kept[:] = raw[: len(kept)]
                    dormant = me.dormant
                    for sleeps in range(2):
                        raw[: len(kept)] = kept
                        me.dormant = sleeps
                        found[u, sleeps] = lived_on(other, shop, numbers, scratch, me, user, raw, kept, until, repeats)
                    found[u, 2] = belief[AWAKE] * found[u, AWAKE] + belief[ASLEEP] * found[u, ASLEEP]
                    found[u, 3] = found[u, dormant] if day < user.end_day else 0.0
                    if user.passerby:
                        found[u, :] = 0.0
                    raw[: len(kept)] = kept
                me.day = day
                if user.role >= CRAWLER:
                    crawl(rng, shop, buf, me, user)
                    continue
                before, session = me.rows, me.session
                arrives = day == first_day and user.arrive_day >= 0
                pass_day(rng, shop, numbers, buf, me, user, arrives)
                if day < cutoff and asked[u]:
                    if arrives:
                        belief[:] = 0.0
                        belief[AWAKE] = 1.0
                    else:
                        infer(shop, numbers, buf, me, user, belief, before, session)

    return foresee


foresee = _door(hashlib.sha256(Path(__file__).read_bytes() + lives._made_of().encode()).hexdigest())  # noqa: SLF001


def chances(plan: Plan, asked: set[str], cutoff: int, until: int, repeats: int) -> dict[str, tuple[float, float]]:
    """Return two chances of a purchase, ``log`` and ``state``, by user id; robots are left out.

    Args:
        plan: What was simulated.
        asked: Ids of users.
        cutoff: First day of the horizon.
        until: Day after its last.
        repeats: Lives of each.
    """
    shop = world.build(
        plan.rng(SHOP_STREAM),
        items=plan.items,
        days=plan.days,
        start=plan.start,
        languages=plan.languages,
        tuning=plan.tuning,
    )
    ids = Ids(plan.seed)
    found: dict[str, tuple[float, float]] = {}
    for chunk in range(plan.chunks):
        people = plan.people(chunk, shop.segment_taste)
        names = ids.users(people.first + np.arange(len(people.users))).to_pylist()
        here = np.array([name in asked for name in names])
        said = _chunk(plan, shop, people, chunk, here, cutoff, until, repeats)
        robot = people.users["role"] >= CRAWLER
        found |= {names[u]: (float(said[u, 2]), float(said[u, 3])) for u in np.flatnonzero(here & ~robot)}
    return found


def _chunk(
    plan: Plan, shop: Any, people: Any, chunk: int, asked: Array, cutoff: int, until: int, repeats: int
) -> Float:
    # Room as the simulation had it: a life must not depend on where its events are written.
    capacity = 1000 + int(2 * sum(expected_events(plan, people)))
    offers = len(people.users) * len(shop.campaign_ids)
    widest = int(shop.shop.leaves["count"].max())
    buf, state = buffers(capacity, 100 + int(capacity * plan.list_rate), offers, widest)
    scratch, _ = buffers(ROOM, ROOM, max(len(shop.campaign_ids), 1), widest)
    state["list_rate"] = plan.list_rate
    found = np.full((len(people.users), 4), np.nan)
    other = np.random.Generator(np.random.PCG64(np.random.SeedSequence([plan.seed, STREAM, chunk])))
    raw, kept = state.view(np.uint8), np.zeros(KEPT, np.uint8)
    foresee(
        plan.rng(LIFE_STREAM, chunk),
        other,
        shop.shop,
        plan.tuning.record(),
        buf,
        scratch,
        state,
        raw,
        people.users,
        asked,
        cutoff,
        until,
        repeats,
        kept,
        found,
    )
    return found


def planned(folder: Path, cut: int | None) -> Plan:
    """Return the plan of the simulated shop.

    Args:
        folder: Of the shop; nothing is written there.
        cut: As ``_predict_data.simulated`` takes it.
    """
    settings = wanted(cut)
    return plan_of(
        folder / "again",
        users=settings["users"],
        events=settings["events"],
        items=None,
        days=settings["days"],
        seed=settings["seed"],
        form="parquet",
        dirt=False,
        start=START,
        languages=None,
        impressions_per_view=settings["impressions_per_view"],
        tuning=Tuning(),
        currency="USD",
    )


def main(folder: Path, back: int, out: Path, options: str) -> None:
    """Do one run and print it.

    Args:
        folder: The shop.
        back: How many horizons before its end it was cut; for the name of the run alone.
        out: Where chances go: of each history of the log, NaN where there is none.
        options: JSON: ``cut``, ``judged_at_us``, ``horizon_us``, ``repeats``.
    """
    if os.environ.get("BENCHMARK_CORES") != "all":
        stay_on_one_core()
    given = json.loads(options)
    plan = planned(folder, given["cut"])
    start_us = (plan.start.toordinal() - 719_163) * US_PER_DAY
    cutoff = round((given["judged_at_us"] - start_us) / US_PER_DAY)
    until = min(cutoff + round(given["horizon_us"] / US_PER_DAY), plan.days)
    histories = footfall.open(folder / "shop").histories()
    names: list[str | None] = []
    for table in histories.users:
        both = zip(table["user_id"].to_pylist(), table["anonymous"].to_pylist(), strict=True)
        names += [None if anonymous else name for name, anonymous in both]
    found = chances(plan, {name for name in names if name}, cutoff, until, given["repeats"])
    said = np.array([found.get(name or "", (np.nan, np.nan)) for name in names])
    np.savez(out / "chances.npz", log=said[:, 0], state=said[:, 1])
    told = {"back": back, "cutoff_day": cutoff, "until_day": until, "repeats": given["repeats"]}
    print(json.dumps({**told, "cpu_s": cpu_s(), "peak_mb": peak_mb()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
