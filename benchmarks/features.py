"""What do features cost? ``python benchmarks/features.py [--events 10e6] [--users 200e3] [--repeat 3]``.

Make a log and compile it; then, each time in a fresh process on one core: all features of every user at one moment, all
features of one live user at a time, and the features of a million pairs of a user and an item. Write a record.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import _records
from _measure import HERE, Run, measure, output

QUESTIONS: Final = ("users", "live", "pairs")
MOST_USERS_CPU_S: Final = 60
MOST_USERS_MB: Final = 4096
MOST_LIVE_P50_MS: Final = 5
MOST_PAIRS_CPU_S: Final = 20

Runs = dict[str, list[Run]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when a target is missed."""
    given = _arguments(arguments)
    folder = given.work / f"features-{given.events}-{given.users}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        facts, runs = measured(folder, given)
    finally:
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)
    targets = judged(runs)
    made = _records.record(
        "features",
        given.repeat,
        given.seed,
        **facts,
        measures=[_records.summary(r) | {"answers": [run.answer for run in r]} for r in runs.values()],
        targets=targets,
    )
    path = _records.write(made, given.records)
    missed = [target for target in targets if target["met"] is False]
    print(f"wrote {path}; {len(missed)} targets missed")
    for target in targets:
        print(f"  {target['what']}: {target['ratio']} ({target['target']})")
    return bool(missed)


def measured(folder: Path, given: argparse.Namespace) -> tuple[dict[str, Any], Runs]:
    """Make the log, and measure each question as often as asked.

    Args:
        folder: An empty folder.
        given: The command line.

    Returns:
        Facts about the log, and the runs of each question.
    """
    maker = [sys.executable, str(HERE / "_data.py")]
    output([*maker, "lake", str(folder), str(given.events), str(given.seed), str(given.users)], timeout_s=4 * 3600)
    compiled = measure("footfall", "compile", folder, timeout_s=4 * 3600)
    runs: Runs = {}
    for number in range(given.repeat + 1):  # the first round fills caches and is not counted
        for question in given.questions:
            run = measure("features", question, folder)
            if number:
                print(f"{question}: {run.cpu_s:.2f} CPU s, {run.peak_mb:,.0f} MiB; {run.answer}", file=sys.stderr)
                runs.setdefault(question, []).append(run)
    return {"events": compiled.answer["events"], "users": compiled.answer["users"]}, runs


def judged(runs: Runs) -> list[dict[str, Any]]:
    """Put what was measured beside its targets."""
    found = []
    if held := runs.get("users"):
        found += [
            _target("CPU seconds of all features of all users", [run.cpu_s for run in held], MOST_USERS_CPU_S),
            _target("peak memory of all features of all users, MiB", [run.peak_mb for run in held], MOST_USERS_MB),
        ]
    if held := runs.get("live"):
        found += [
            _target("one live user, p50 in ms", [run.answer["p50_ms"] for run in held], MOST_LIVE_P50_MS),
            _target("one live user, p99 in ms", [run.answer["p99_ms"] for run in held], None),
        ]
    if held := runs.get("pairs"):
        cpu_s = [run.answer["features_cpu_s"] for run in held]
        found.append(_target("CPU seconds of the features of pairs", cpu_s, MOST_PAIRS_CPU_S))
    return found


def _target(what: str, values: Sequence[float], most: float | None) -> dict[str, Any]:
    spread = _records.spread(values)
    return _records.judged(what, {"ratio": spread["median"], "low": spread["min"], "high": spread["max"]}, most=most)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])

    def number(text: str) -> int:
        return int(float(text))

    parser.add_argument("--events", type=number, default=10_000_000)
    parser.add_argument("--users", type=number, default=200_000, help="users who may occur")
    parser.add_argument("--questions", nargs="+", choices=QUESTIONS, default=list(QUESTIONS))
    parser.add_argument("--repeat", type=int, default=3, help="rounds that are counted")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "footfall-benchmarks")
    parser.add_argument("--keep", action="store_true", help="leave the data where they are")
    parser.add_argument("--records", type=Path, default=_records.RECORDS, help="where the record goes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
