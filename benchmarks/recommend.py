"""Recommendations beside their rivals: ``python benchmarks/recommend.py [--data ...] [--tools ...] [--seeds 0 1 2]``.

Every tool answers the same cases of each data set, in a process of its own on one core, once for each seed; one and the
same program ranks and judges all of them. A run that is there already is read and not repeated, so what was interrupted
goes on where it was. ``--speed`` asks for speed instead, one part at a time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _records
from _measure import BenchmarkError
from _recommend_data import load
from _recommend_judge import IMPLICIT, OURS, SPECS, differences, summed_up, targets
from _recommend_runs import PEERS, Done, budget_for, prepared, run
from _recommend_speed import PARTS
from footfall.recommenders._registry import families


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when a target is missed, 2 when it cannot be run."""
    given = _arguments(arguments)
    try:
        made = speed(given) if given.speed else quality(given)
    except BenchmarkError as error:
        say(str(error))
        return 2
    path = _records.write(made, given.records)
    judged = [(where, each) for where, part in _parts(made) for each in part["targets"]]
    missed = [f"\n  {where}: {each['what']}: {each['ratio']}" for where, each in judged if each["met"] is False]
    print(f"wrote {path.name}; {len(missed)} targets missed" + "".join(missed))
    return bool(missed)


def quality(given: argparse.Namespace) -> dict[str, Any]:
    """Run every tool on every data set, and return the record.

    Args:
        given: The command line.

    Raises:
        BenchmarkError: A tool of ours failed; a rival that did is told of in the record.
    """
    found = []
    for name in given.data:
        spec = SPECS[name]
        folder = prepared(name, given.work, given.cut)
        data = load(folder)
        say(f"{name}: {data.facts}")
        runs, failed = _runs(name, folder, given)
        tools = [summed_up(each, data, spec) for each in runs.values()]
        compared = differences(runs, data, spec)
        aims = targets(tools, compared, spec)
        if given.cut or given.epochs:  # a try says nothing about a target
            aims = [{**aim, "met": None} for aim in aims]
        about = {"data": name, "facts": data.facts, "cases": len(data.test) + data.missed, "missed": data.missed}
        found.append({**about, "tools": tools, "failed": failed, "differences": compared, "targets": aims})
    tried = {"cut": given.cut, "epochs": given.epochs}
    return _records.record("recommend", len(given.seeds), given.seeds[0], seeds=given.seeds, tried=tried, sets=found)


def _runs(name: str, folder: Path, given: argparse.Namespace) -> tuple[dict[str, list[Done]], list[dict[str, str]]]:
    spec = SPECS[name]
    wanted = given.tools or spec.tools
    known = (OURS, "footfall_model", "footfall_views", "oracle", *PEERS, *IMPLICIT, *families())
    if unknown := [tool for tool in wanted if tool not in known]:
        raise BenchmarkError(f"no tool is named {unknown[0]!r}; accepted: {', '.join(known)}")
    runs: dict[str, list[Done]] = {}
    failed = []
    for tool in sorted(wanted, key=lambda tool: tool != OURS):  # a rival's time follows from ours
        for seed in given.rival_seeds if tool in PEERS and given.rival_seeds else given.seeds:
            more: dict[str, Any] = {"epochs": given.epochs}
            if tool in PEERS:
                more["budget_s"] = budget_for(runs.get(OURS, []), given.minutes_rival)
            try:
                done = run(
                    tool, seed, folder, given.work, ks=spec.ks, metric=spec.metrics[0], fresh=given.fresh, **more
                )
            except BenchmarkError as error:
                if tool not in PEERS:
                    raise
                failed.append({"tool": tool, "seed": str(seed), "error": str(error).splitlines()[-1]})
                say(f"{name} {tool} seed {seed} failed: {failed[-1]['error']}")
                break
            runs.setdefault(tool, []).append(done)
            told = done.told
            cost = f"{told['train_cpu_s']:.1f} CPU s, {told['epochs']:.4g} epochs, {told['peak_mb']:,.0f} MiB"
            say(f"{name} {tool} seed {seed}: {cost}")
    return runs, failed


def speed(given: argparse.Namespace) -> dict[str, Any]:
    """Run the parts about speed, and return the record.

    Args:
        given: The command line.
    """
    parts = [{"part": name, **PARTS[name](given)} for name in given.speed]
    if given.cut or given.epochs:
        parts = [{**part, "targets": [{**aim, "met": None} for aim in part["targets"]]} for part in parts]
    tried = {"cut": given.cut, "epochs": given.epochs}
    return _records.record("recommend_speed", 1, given.seeds[0], tried=tried, parts=parts)


def _parts(made: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(each.get("data", each.get("part")), each) for each in made.get("sets", made.get("parts", []))]


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=SPECS, default=list(SPECS))
    parser.add_argument("--tools", nargs="+", help="who is asked; by default those of the data set")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--rival-seeds", type=int, nargs="+", help="seeds of RecTools and RecBole, which take hours; all without it"
    )
    parser.add_argument(
        "--minutes-rival", type=float, help="CPU minutes of training for each rival; by default three times ours"
    )
    parser.add_argument("--speed", nargs="+", choices=PARTS, help="ask for speed instead")
    parser.add_argument("--events", type=float, nargs="+", default=[1e6, 5e6, 20e6], help="sizes of --speed linear")
    parser.add_argument("--cut", type=int, help="keep the first so many users, to try things out; judges no target")
    parser.add_argument("--epochs", type=int, help="so many epochs, to try things out; judges no target")
    parser.add_argument("--fresh", action="store_true", help="forget what was run before")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "footfall-benchmarks" / "recommend")
    parser.add_argument("--records", type=Path, default=_records.RECORDS, help="where the record goes")
    given = parser.parse_args(arguments)
    given.work = given.work.resolve()  # tools run in a folder of their own
    return given


if __name__ == "__main__":
    sys.exit(main())
