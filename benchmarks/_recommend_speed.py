"""The parts of ``recommend.py --speed``: training, lists for everybody, one user, and growth with the log.

| part | asks | target |
|---|---|---|
| ``train`` | interactions a CPU second of training on Beauty, beside the fastest peer with 90 % of ours | 5 times |
| ``top10`` | CPU seconds of the first ten of every user of Beauty, beside RecTools' own ``recommend`` | 2 times |
| ``one`` | one user from the raw history to the first ten, of 100,000 items, on one core | p50 5 ms, p99 15 ms |
| ``linear`` | one epoch over 1M, 5M and 20M events: CPU per event | at most 1.2 times that at the smallest |
"""

from __future__ import annotations

import argparse
import itertools
import json
import shutil
import statistics
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import _records
from _measure import HERE, BenchmarkError, output
from _recommend_data import load
from _recommend_judge import IMPLICIT, OURS, PEERS, SPECS, summed_up
from _recommend_runs import ENVIRONMENT, Done, budget_for, prepared, run

ENOUGH: Final = 0.9
"""Share of our quality from which on a peer counts."""
LEAST_TRAIN: Final = 5
LEAST_TOP10: Final = 2
MOST_P50_MS: Final = 5
MOST_P99_MS: Final = 15
MOST_GROWTH: Final = 1.2
ITEMS: Final = 100_000
OWN: Final = {"footfall_model": "Footfall's network", OURS: "Footfall's two stages"}
TOP10_TOOLS: Final = ("rectools_sasrec", "rectools_esasrec_light")
TOP10_BUDGET_S: Final = 60.0
"""Training of a rival whose lists alone are timed."""

Part = dict[str, Any]


def train(given: argparse.Namespace) -> Part:
    """Compare the rate of training with peers' that are as good, or nearly so.

    Args:
        given: The command line; runs that are there already are read.
    """
    spec = SPECS["beauty"]
    folder = prepared("beauty", given.work, given.cut)
    data = load(folder)
    found: dict[str, dict[str, Any]] = {}
    ours: list[Done] = []
    for tool in (OURS, *(given.tools or (*PEERS, "recbole", *IMPLICIT))):
        more: dict[str, Any] = {"ks": spec.ks, "metric": spec.metrics[0], "epochs": given.epochs}
        if tool in (*PEERS, "recbole"):
            more["budget_s"] = budget_for(ours, given.minutes_rival)
        try:
            runs = [run(tool, seed, folder, given.work, **more) for seed in given.seeds]
        except BenchmarkError as error:
            if tool == OURS:
                raise
            found[tool] = {"tool": tool, "error": str(error).splitlines()[-1]}
            continue
        ours = ours or runs
        found[tool] = summed_up(runs, data, spec)
    return {"measures": list(found.values()), "targets": rates(found, spec.metrics[0])}


def rates(found: Mapping[str, Mapping[str, Any]], metric: str) -> list[dict[str, Any]]:
    """Judge our rate beside that of the fastest peer that is good enough.

    Args:
        found: Tool to what ``summed_up`` gave.
        metric: Of quality.
    """
    known = {tool: each for tool, each in found.items() if "metrics" in each}
    least = ENOUGH * known[OURS]["metrics"][metric]["mean"]
    good = [tool for tool, each in known.items() if tool != OURS and each["metrics"][metric]["mean"] >= least]
    if not good:
        reached = max((each["metrics"][metric]["mean"] for tool, each in known.items() if tool != OURS), default=0)
        what = f"no peer reached {ENOUGH:.0%} of our {metric} within its time; the best of them reached {reached:.4f}"
        return [{"what": what, "ratio": 0.0, "low": 0.0, "high": 0.0, "target": f"at least {LEAST_TRAIN}", "met": None}]
    fastest = max(good, key=lambda tool: float(known[tool]["interactions_per_cpu_s"]["median"]))
    a, b = (known[tool]["interactions_per_cpu_s"] for tool in (OURS, fastest))
    ratio = {"ratio": a["median"] / b["median"], "low": a["min"] / b["max"], "high": a["max"] / b["min"]}
    what = f"interactions a CPU second of training over {fastest}'s, the fastest with {ENOUGH:.0%} of our {metric}"
    return [_records.judged(what, {name: float(f"{value:.4g}") for name, value in ratio.items()}, least=LEAST_TRAIN)]


def top10(given: argparse.Namespace) -> Part:
    """Compare the time of lists for everybody; how long a model was trained does not matter to it.

    Args:
        given: The command line.
    """
    spec = SPECS["beauty"]
    folder = prepared("beauty", given.work, given.cut)
    cost: dict[str, list[float]] = {}
    for tool in (*OWN, *TOP10_TOOLS):
        for seed in given.seeds:
            budget_s = None if tool in OWN else TOP10_BUDGET_S
            asked: dict[str, Any] = {"ks": spec.ks, "metric": spec.metrics[0], "epochs": 1, "budget_s": budget_s}
            told = run(tool, seed, folder, given.work, **asked).told
            cost.setdefault(tool, []).append(told["score_cpu_s"])
    targets = []
    for own, tool in itertools.product(OWN, TOP10_TOOLS):
        each = [theirs / ours for theirs, ours in zip(cost[tool], cost[own], strict=True)]
        ratio = statistics.median(cost[tool]) / statistics.median(cost[own])
        found = {"ratio": float(f"{ratio:.4g}"), "low": float(f"{min(each):.4g}"), "high": float(f"{max(each):.4g}")}
        targets.append(_records.judged(f"CPU of {tool}'s recommend over that of {OWN[own]}", found, least=LEAST_TOP10))
    users = len(load(folder).test)
    return {
        "users": users,
        "measures": [{"tool": tool, "cpu_s": _records.spread(v)} for tool, v in cost.items()],
        "targets": targets,
    }


def one(given: argparse.Namespace) -> Part:
    """Time one user after the other, from ids and times to ids.

    Args:
        given: The command line.
    """
    items = min(ITEMS, given.cut) if given.cut else ITEMS
    told = _asked("one", str(items), str(given.seeds[0]))
    p50, p99 = ({"ratio": told[name], "low": told[name], "high": told[name]} for name in ("p50_ms", "p99_ms"))
    what = f"of one user's first ten of {items:,} items, ms"
    targets = [
        _records.judged(f"p50 {what}", p50, most=MOST_P50_MS),
        _records.judged(f"p99 {what}", p99, most=MOST_P99_MS),
    ]
    return {"measures": [told], "targets": targets}


def linear(given: argparse.Namespace) -> Part:
    """Train one epoch over logs of several sizes.

    Args:
        given: The command line; ``--events`` are the sizes.
    """
    measures = []
    for events in given.events:
        folder = Path(given.work) / f"linear-{int(events)}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            _asked("log", str(folder), str(int(events)), str(given.seeds[0]))
            measures.append({"events": int(events), **_asked("epoch", str(folder), str(given.seeds[0]))})
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    first = measures[0]
    targets = []
    for each in measures[1:]:
        ratio = float(f"{each['cpu_ns_per_event'] / first['cpu_ns_per_event']:.4g}")
        what = f"CPU per event of an epoch at {each['events']:,} events over that at {first['events']:,}"
        targets.append(_records.judged(what, {"ratio": ratio, "low": ratio, "high": ratio}, most=MOST_GROWTH))
    return {"measures": measures, "targets": targets}


def _asked(*arguments: str) -> dict[str, Any]:
    line = output([sys.executable, str(HERE / "_recommend_speed_work.py"), *arguments], ENVIRONMENT, 4 * 3600)
    told: dict[str, Any] = json.loads(line.splitlines()[-1])
    return told


PARTS: Final[dict[str, Callable[[argparse.Namespace], Part]]] = {
    "train": train,
    "top10": top10,
    "one": one,
    "linear": linear,
}
