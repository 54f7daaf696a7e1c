"""Run a simulation: draw the shop, live through its users' lives chunk by chunk, write log and truth."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from footfall.errors import InputError
from footfall.schema import US_PER_DAY
from footfall.simulator import catalogue, truth, world
from footfall.simulator import dirt as mud
from footfall.simulator.columns import Columns
from footfall.simulator.ids import Ids
from footfall.simulator.lives import live
from footfall.simulator.params import Tuning
from footfall.simulator.people import People
from footfall.simulator.plan import DIRT_STREAM, LIFE_STREAM, SHOP_STREAM, Plan, expected_events, make
from footfall.simulator.result import Simulation
from footfall.simulator.rows import Buffers, buffers
from footfall.simulator.tally import NOTHING, Tally, count
from footfall.simulator.write import Format, Growing, write_log, write_table

START: Final = dt.date(2025, 1, 1)


def simulate(
    out: Path | str,
    *,
    users: int | None = None,
    events: int | None = None,
    items: int | None = None,
    days: int = 90,
    seed: int = 0,
    format: Format = "parquet",  # noqa: A002 - the word that a caller expects
    dirt: bool = False,
    start: dt.date = START,
    languages: Mapping[str, float] | None = None,
    impressions_per_view: float = 0.45,
    tuning: Tuning | None = None,
    currency: str = "USD",
    threads: int = 1,
) -> Simulation:
    """Simulate a shop and write its log, its catalogue and, apart from them, the truth.

    The same arguments give the same bytes, whatever ``threads`` is. In ``out`` lie ``events-NNNNN.parquet`` (or
    ``.jsonl``; one file for each chunk of at most 8,192 users, in the order of time), ``items.parquet`` and ``truth/``;
    what stands in the truth is told in ``footfall.simulator.truth``.

    Args:
        out: A folder that is new, or holds no simulation yet.
        users: How many people and robots come; 2,000 if neither this nor ``events`` is given.
        events: About how many events are wanted. Without ``users`` it tells how many users there are, with ``users``
            how busy they are.
        items: Size of the catalogue; by default it grows with the square root of the users.
        days: How many days.
        seed: Which shop: a whole number >= 0.
        format: ``parquet`` or ``jsonl``.
        dirt: Break some rows as real logs do, and count them in the truth.
        start: First day (UTC).
        languages: Share of the languages ``en`` and ``zh`` among users and item names; 70 % and 30 % by default.
        impressions_per_view: Rows of ranked lists per item viewed, 0 to 6; real shops log between none and many.
        tuning: Other numbers of behaviour than the usual ones.
        currency: What prices are said to be in (ISO 4217).
        threads: Chunks of users simulated side by side.

    Raises:
        InputError: An argument cannot be used, or ``out`` already holds a simulation.
    """
    if threads < 1:
        raise InputError(f"threads={threads} cannot be used; give a whole number of at least 1")
    plan = make(
        Path(out),
        users=users,
        events=events,
        items=items,
        days=days,
        seed=seed,
        form=format,
        dirt=dirt,
        start=start,
        languages=languages,
        impressions_per_view=impressions_per_view,
        tuning=Tuning() if tuning is None else tuning,
        currency=currency,
    )
    return run(plan, threads)


def run(plan: Plan, threads: int) -> Simulation:
    """Carry out a plan.

    Args:
        plan: What to simulate.
        threads: Chunks simulated side by side.
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
    folder = plan.out / "truth"
    folder.mkdir(parents=True)
    write_table(catalogue.table(shop, plan.currency), plan.out / "items.parquet")
    counted, broken = NOTHING, dict.fromkeys(mud.KINDS, 0)
    with Growing(folder) as tables:
        for name, table in _shop_truth(shop).items():
            tables.add(name, table)
        for piece in _in_order(plan, shop, ids, threads):
            counted += piece.tally
            for kind, number in piece.broken.items():
                broken[kind] += number
            for name, table in piece.truth.items():
                tables.add(name, table)
    done = Simulation.of(plan, counted, broken)
    (folder / "parameters.json").write_text(_parameters(plan, done), "utf-8")
    return done


def _shop_truth(shop: world.World) -> dict[str, pa.Table]:
    return {
        "items": truth.items(shop),
        "categories": truth.categories(shop),
        "campaigns": truth.campaigns(shop),
        "ads": truth.ads(shop),
    }


def _parameters(plan: Plan, done: Simulation) -> str:
    known = {
        "seed": plan.seed,
        "users": plan.users,
        "items": plan.items,
        "days": plan.days,
        "start": plan.start.isoformat(),
        "languages": plan.languages.tolist(),
        "activity": plan.activity,
        "chunk_users": plan.chunk_users,
        "list_rate": plan.list_rate,
        "dirt": done.dirt,
        "events": done.events,
        "examination": (np.arange(1, 7) ** -plan.tuning.list_exam).tolist(),
        "tuning": dataclasses.asdict(plan.tuning),
    }
    return json.dumps(known, indent=2) + "\n"


@dataclasses.dataclass(frozen=True)
class Piece:
    """What is left of one chunk once its events are written: counts, and its part of the truth."""

    tally: Tally
    broken: dict[str, int]
    truth: dict[str, pa.Table]


def _in_order(plan: Plan, shop: world.World, ids: Ids, threads: int) -> Iterator[Piece]:
    """Simulate the chunks, some ahead of the one that is handed out, so that memory stays bounded."""
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[Piece]] = deque()
        for chunk in range(plan.chunks):
            ahead.append(pool.submit(simulate_chunk, plan, shop, ids, chunk))
            if len(ahead) > threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def simulate_chunk(plan: Plan, shop: world.World, ids: Ids, chunk: int) -> Piece:
    """Live through the lives of one chunk of users and write their events.

    Args:
        plan: What is simulated.
        shop: The shop.
        ids: The ids of the simulation.
        chunk: Which users.
    """
    people = plan.people(chunk, shop.segment_taste)
    buf = _live(plan, shop, people, chunk)
    time_us = buf.rows["time_us"]
    inside = (time_us >= shop.shop.start_us) & (time_us < shop.shop.start_us + plan.days * US_PER_DAY)
    order = np.flatnonzero(inside)
    order = order[np.argsort(time_us[order], kind="stable")]
    columns = Columns(buf.rows[order], people, shop, ids, plan.currency)
    events = columns.table()
    part = {
        "users": truth.users(people, shop, ids, chunk),
        "devices": truth.devices(columns),
        "assignments": truth.assignments(buf.offers, people, shop, ids),
        "decisions": truth.decisions(buf, np.flatnonzero(inside[buf.decisions["row"]]), people, shop, ids),
        "letters": truth.letters(columns),
    }
    broken: dict[str, int] = {}
    if plan.dirt:
        events, part["dirt"] = mud.soil(events, plan.rng(DIRT_STREAM, chunk))
        kinds = part["dirt"]["kind"].to_pylist()
        broken = {kind: kinds.count(kind) for kind in mud.KINDS}
    write_log(events, plan.out / f"events-{chunk:05d}.{plan.form}", plan.form)
    return Piece(count(columns.rows, people), broken, part)


def _live(plan: Plan, shop: world.World, people: People, chunk: int) -> Buffers:
    """Run the kernels; once more with more room if the guess of the rows was too small."""
    capacity = 1000 + int(1.3 * sum(expected_events(plan, people)))
    lists = 100 + int(capacity * plan.list_rate)
    offers = len(people.users) * len(shop.campaign_ids)
    widest = int(shop.shop.leaves["count"].max())
    while True:
        buf, state = buffers(capacity, lists, offers, widest)
        state["list_rate"] = plan.list_rate
        live(plan.rng(LIFE_STREAM, chunk), shop.shop, plan.tuning.record(), buf, state, people.users)
        n_rows, n_decisions = int(state["rows"][0]), int(state["decisions"][0])
        if n_rows <= capacity and n_decisions <= lists:
            return Buffers(
                buf.rows[:n_rows], buf.decisions[:n_decisions], buf.offers[: state["offers"][0]], buf.item_cumulative
            )
        capacity, lists = max(capacity, n_rows), max(lists, n_decisions)
