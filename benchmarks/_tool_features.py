"""Footfall's features, asked: histories opened anew from disk, then everybody's, a live user's, or those of pairs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from _log import FIRST_US, SPAN_US
from _work import cpu_s
from footfall.features.items import ItemFacts
from footfall.features.pairs import met_pairs, pair_features
from footfall.features.things import ThingFacts, things_of
from footfall.features.users import event_types, log_of, user_features
from footfall.histories.compile import open_histories
from footfall.histories.sequences import Sequences
from footfall.lake.workspace import Workspace

VERSION_OF: Final = "footfall"
CUTOFF_US: Final = FIRST_US + SPAN_US * 9 // 10
LIVE_EVENTS: Final = 100
LIVE_USERS: Final = 200
LIVE_CALLS: Final = 2000
PAIRS: Final = 1_000_000

Answer = dict[str, float]


def prepare(question: str, folder: Path) -> None:
    """Load libraries and the kernels' machine code by doing the same on a tiny log; a process pays that once.

    Args:
        question: What will be asked.
        folder: Holds ``tiny``, a workspace with compiled histories, beside ``shop``.
    """
    if question == "live":
        live(folder / "tiny", calls=10)
    else:
        CALLS[question](folder / "tiny")


def ask(question: str, folder: Path) -> Answer:
    """Do the work on ``shop``.

    Args:
        question: One of ``CALLS``.
        folder: Holds it.
    """
    return CALLS[question](folder / "shop")


def answer(question: str, result: Answer, folder: Path) -> Answer:
    """Return what was found, which is numbers already."""
    del question, folder
    return result


def users(workspace: Path) -> Answer:
    """Work out all features of everybody at one moment."""
    log, types = _log(workspace)
    facts = ItemFacts.of(log, CUTOFF_US, types)
    before_s = cpu_s()
    table = user_features(log, CUTOFF_US, types, facts=facts)
    return {"rows": len(table), "columns": len(table.names), "features_cpu_s": cpu_s() - before_s}


def live(workspace: Path, calls: int = LIVE_CALLS) -> Answer:
    """Work out all features of one user at a time, whose log is there, and say how long each took.

    The users are those whose histories before the cutoff are nearest to ``LIVE_EVENTS`` events.
    """
    log, types = _log(workspace)
    facts = ItemFacts.of(log, CUTOFF_US, types)
    assert log.timestamp_us is not None
    early = log.where(log.timestamp_us < CUTOFF_US)
    nearest = np.argsort(np.abs(early.lengths - LIVE_EVENTS), kind="stable")[:LIVE_USERS]
    alone = [early.take(np.array([row])) for row in nearest]
    took_s = []
    for call in range(calls):
        one = alone[call % len(alone)]
        before_s = time.perf_counter()
        user_features(one, CUTOFF_US, types, facts=facts)
        took_s.append(time.perf_counter() - before_s)
    p50, p99 = np.quantile(took_s, (0.5, 0.99)) * 1000
    events = float(np.median(early.lengths[nearest]))
    return {"calls": calls, "median_events": events, "p50_ms": float(p50), "p99_ms": float(p99)}


def pairs(workspace: Path) -> Answer:
    """Work out the features of a million pairs of a user and an item it has met, taken by chance."""
    log, types = _log(workspace)
    log = dataclasses.replace(log, content=None)
    things, names = things_of(log, "item")
    before_s = cpu_s()
    rows, met = met_pairs(log, np.arange(len(log)), CUTOFF_US, things)
    met_s = cpu_s() - before_s
    taken = np.random.default_rng(7).choice(len(rows), min(PAIRS, len(rows)), replace=False)
    before_s = cpu_s()
    facts = ThingFacts.of(log, CUTOFF_US, types, things, len(names))
    table = pair_features(
        log, rows[taken], met[taken].astype(np.int64), CUTOFF_US, things, types, n_things=len(names), facts=facts
    )
    return {
        "met": len(rows),
        "rows": len(table),
        "columns": len(table.names),
        "met_cpu_s": met_s,
        "features_cpu_s": cpu_s() - before_s,
    }


CALLS: Final[dict[str, Callable[[Path], Answer]]] = {"users": users, "live": live, "pairs": pairs}


def _log(workspace: Path) -> tuple[Sequences, dict[str, int]]:
    histories = open_histories(Workspace(workspace), compile_if_needed=False)
    return log_of(histories), event_types(histories)
