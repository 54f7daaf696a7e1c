"""Does the cost of an event stay the same? ``python benchmarks/scale.py [--events 1e6 5e6 20e6 100e6] [--memory 2GB]``.

For each size: write the log straight into a lake piece by piece, compile it, ask every question of it, remove it. The
largest size needs about 15 GB of disk, and takes its time; ``--ingest-most 5e6`` measures ingest of the smaller sizes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import _records
from _measure import HERE, Run, measure, output
from _questions import QUESTIONS

MOST_GROWTH: Final = 1.2
MOST_COMPILE_MB: Final = 4096

Runs = dict[str, list[Run]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when a target is missed."""
    given = _arguments(arguments)
    found: dict[int, Runs] = {}
    facts: dict[int, Any] = {}
    for events in sorted(given.events):
        folder = given.work / f"scale-{events}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            facts[events], found[events] = one_size(folder, events, given)
        finally:
            if not given.keep:
                shutil.rmtree(folder, ignore_errors=True)
    ratios = [*_growth(found), *_memory(found)]
    made = _records.record(
        "scale",
        given.repeat,
        given.seed,
        memory=given.memory,
        sizes=[
            {**facts[events], "measures": [_summary(r, events) for r in runs.values()]}
            for events, runs in found.items()
        ],
        ratios=ratios,
    )
    path = _records.write(made, given.records)
    missed = [ratio for ratio in ratios if ratio["met"] is False]
    print(f"wrote {path}; {len(missed)} targets missed" + "".join(f"\n  {r['what']}: {r['ratio']}" for r in missed))
    return bool(missed)


def one_size(folder: Path, events: int, given: argparse.Namespace) -> tuple[dict[str, Any], Runs]:
    """Measure one size.

    Args:
        folder: An empty folder.
        events: Number of events.
        given: The command line.

    Returns:
        Facts about the log, and the runs of each thing measured.
    """
    maker = [sys.executable, str(HERE / "_data.py")]
    rest = [str(folder), str(events), str(given.seed)]
    runs: Runs = {}

    def note(run: Run) -> None:
        cost = f"{run.cpu_s / events * 1e9:.1f} CPU ns an event, {run.peak_mb:,.0f} MiB"
        print(f"{events:,} events, {run.question}: {cost}", file=sys.stderr, flush=True)
        runs.setdefault(run.question, []).append(run)

    if events <= given.ingest_most:
        output([*maker, "rees46", *rest])
        output([*maker, "shop", *rest])
        note(measure("footfall", "ingest events.csv", folder, environ={"FOOTFALL_MEMORY": given.memory}))
        shutil.rmtree(folder / "shop")
        (folder / "events.csv").unlink()
    made = json.loads(output([*maker, "lake", *rest], timeout_s=4 * 3600))
    for _ in range(given.repeat if events <= given.compile_once_above else 1):
        environ = {"FOOTFALL_MEMORY": given.memory, "FOOTFALL_THREADS": "1"}
        note(measure("footfall", "compile", folder, environ=environ, timeout_s=4 * 3600))
    for number in range(given.repeat + 1):  # the first round fills caches and is not counted
        for question in given.questions:
            run = measure("footfall", question, folder)
            if number:
                note(run)
    compiled = runs["compile"][0].answer
    size = sum(path.stat().st_size for path in (folder / "shop" / "histories").rglob("*") if path.is_file())
    return {**made, "users": compiled["users"], "partitions": compiled["partitions"], "histories_bytes": size}, runs


def _summary(runs: Sequence[Run], events: int) -> dict[str, Any]:
    return _records.summary(runs) | {"cpu_ns_per_event": _records.spread(run.cpu_s / events * 1e9 for run in runs)}


def _growth(found: dict[int, Runs]) -> list[dict[str, Any]]:
    """Compare the cost per event of each size with the smallest size's."""
    smallest = min(found)
    ratios = []
    for events, runs in found.items():
        for what, ours in runs.items():
            base = found[smallest].get(what, [])
            if events == smallest or not base:
                continue
            rounds = min(len(ours), len(base))
            compared = _records.ratio(ours[:rounds], base[:rounds])
            compared = {name: float(f"{value * smallest / events:.4g}") for name, value in compared.items()}
            sentence = f"CPU per event of {what} at {events:,} events over that at {smallest:,}"
            ratios.append({"question": what, "events": events, **_records.judged(sentence, compared, most=MOST_GROWTH)})
    return ratios


def _memory(found: dict[int, Runs]) -> list[dict[str, Any]]:
    """Judge the peak memory of the largest compile, in MiB."""
    largest = max(found)
    peaks = _records.spread(run.peak_mb for run in found[largest]["compile"])
    compared = {"ratio": peaks["median"], "low": peaks["min"], "high": peaks["max"]}
    sentence = f"peak memory of compile at {largest:,} events, MiB"
    return [{"question": "compile", "events": largest, **_records.judged(sentence, compared, most=MOST_COMPILE_MB)}]


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])

    def number(text: str) -> int:
        return int(float(text))

    parser.add_argument("--events", type=number, nargs="+", default=[1_000_000, 5_000_000, 20_000_000, 100_000_000])
    parser.add_argument("--questions", nargs="+", choices=QUESTIONS, default=list(QUESTIONS))
    parser.add_argument("--memory", default="2GB", help="the workspace's setting, for compile and ingest")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--compile-once-above", type=number, default=20_000_000, help="larger logs are compiled once")
    parser.add_argument("--ingest-most", type=number, default=0, help="largest log that is also ingested from a CSV")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "footfall-benchmarks")
    parser.add_argument("--keep", action="store_true", help="leave the data where they are")
    parser.add_argument("--records", type=Path, default=_records.RECORDS, help="where the record goes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
