"""Journeys beside their rivals: ``python benchmarks/journeys.py [--events 5000000 20000000] [--repeat 3]``.

For each size: make a log, compile it, write the coded columns for the rivals, then ask every tool every question,
each time in a fresh process on one core, the tools taking turns; see that the answers are equal; write a record.
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
from _measure import HERE, BenchmarkError, Run, measure, output
from _questions import OPEN_FUNNEL, QUESTIONS, differences
from _rivals import python_for

TOOLS: Final[dict[str, tuple[str, ...]]] = {
    "footfall": (*QUESTIONS, OPEN_FUNNEL),
    "duckdb": ("scan", "scan_with_item", "sum", "sum_with_item", *QUESTIONS),
    "duckdb_unordered": ("sessions", "transitions", "step_matrix", "paths"),
    "polars": QUESTIONS,
    "retentioneering": (OPEN_FUNNEL, "sessions", "transitions", "step_matrix"),
}
"""What each tool is asked; the scans are DuckDB's, of user, time and type, and of the item too."""

MOST_SCANS: Final = 1.5
LEAST_TIMES_DUCKDB: Final = 5
MOST_MEMORY: Final = 1 / 3

Runs = dict[tuple[str, str], list[Run]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when a target is missed."""
    given = _arguments(arguments)
    sizes = []
    for events in given.events:
        folder = given.work / f"journeys-{events}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            sizes.append(one_size(folder, events, given))
        finally:
            if not given.keep:
                shutil.rmtree(folder, ignore_errors=True)
    made = _records.record("journeys", given.repeat, given.seed, sizes=sizes)
    path = _records.write(made, given.records)
    missed = [r for size in sizes for r in size["ratios"] if r.get("met") is False]
    print(f"wrote {path}; {len(missed)} targets missed" + "".join(f"\n  {r['what']}: {r['ratio']}" for r in missed))
    return bool(missed)


def one_size(folder: Path, events: int, given: argparse.Namespace) -> dict[str, Any]:
    """Measure everything on a log of one size.

    Args:
        folder: An empty folder for the data.
        events: Number of events.
        given: The command line.

    Raises:
        BenchmarkError: A measurement failed, or answers differ.
    """
    maker = [sys.executable, str(HERE / "_data.py")]
    say(f"{events:,} events: making the log")
    lake = json.loads(output([*maker, "lake", str(folder), str(events), str(given.seed)]))
    compiled = measure("footfall", "compile", folder)
    coded = json.loads(output([*maker, "coded", str(folder), str(events), str(given.seed)]))
    tools = [t for t in given.tools if t != "retentioneering" or events <= given.retentioneering_most]
    cold = _cold_start(folder, given)
    runs = _rounds(folder, tools, given)
    equal = _compare(runs, coded)
    return {
        "events": events,
        "users": coded["users"],
        "lake_bytes": lake["lake_bytes"],
        "compile": _records.summary([compiled]) | {"answer": compiled.answer},
        "cold_start_cpu_s": cold,
        "versions": {tool: r[0].version for (tool, _), r in runs.items()},
        "measures": [_records.summary(r) for r in runs.values()],
        "ratios": _ratios(runs),
        "equal": equal,
        "answers": {q: runs["footfall", q][0].answer for q in ("sessions", "funnel") if ("footfall", q) in runs},
    }


def _cold_start(folder: Path, given: argparse.Namespace) -> dict[str, float]:
    """Measure Footfall's start with no machine code on disk yet: what the first run on a machine pays."""
    cold = {}
    for question in given.questions:
        with tempfile.TemporaryDirectory() as cache:
            run = measure("footfall", question, folder, environ={"NUMBA_CACHE_DIR": cache})
            cold[question] = round(run.start_cpu_s, 3)
    return cold


def _rounds(folder: Path, tools: Sequence[str], given: argparse.Namespace) -> Runs:
    runs: Runs = {}
    for number in range(given.repeat + 1):  # the first round fills caches and is not counted
        for question in dict.fromkeys(q for tool in tools for q in TOOLS[tool]):
            for tool in tools:
                if question not in TOOLS[tool] or (
                    question in (*QUESTIONS, OPEN_FUNNEL) and question not in given.asked
                ):
                    continue
                if number == 0 and tool == "retentioneering":
                    continue  # half a minute each, and nothing of it is cached
                run = measure(tool, question, folder, python=python_for(tool))
                if number:
                    say(f"{number}/{given.repeat} {tool} {question}: {run.cpu_s:.3f} CPU s, {run.peak_mb:,.0f} MiB")
                    runs.setdefault((tool, question), []).append(run)
    return runs


def _compare(runs: Runs, coded: dict[str, Any]) -> list[dict[str, Any]]:
    """Say which tools gave equal answers.

    Raises:
        BenchmarkError: Some do not, or the log is one on which definitions differ.
    """
    if coded["ties"]:
        raise BenchmarkError(f"{coded['ties']} events share user and time with another; give another --seed")
    ours = {question: found[0].answer for (tool, question), found in runs.items() if tool == "footfall"}
    if ours.get("sessions", {}).get("cut_by_length"):
        raise BenchmarkError("a visit is longer than a day, where rivals have no such rule; give another --seed")
    equal: dict[str, list[str]] = {question: [] for question in ours}
    for (tool, question), found in runs.items():
        if question not in ours:
            continue
        for run in found:
            if unequal := differences(question, ours[question], run.answer):
                raise BenchmarkError(f"{tool} answers {question} differently:\n" + "\n".join(unequal[:20]))
        equal[question].append(tool)
    return [{"question": question, "tools": tools} for question, tools in equal.items()]


def _ratios(runs: Runs) -> list[dict[str, Any]]:
    """Compare Footfall with everybody, with the targets where there are any."""
    found = []
    for question in [question for tool, question in runs if tool == "footfall"]:
        ours = runs["footfall", question]
        for scan, most in (("scan", MOST_SCANS), ("sum", None)):
            if ("duckdb", scan) in runs and question != OPEN_FUNNEL:
                compared = _records.ratio(ours, runs["duckdb", scan])
                found.append(_ratio(question, "duckdb", scan, compared, most=most))
        for rival in TOOLS:
            if rival != "footfall" and (rival, question) in runs:
                compared = _records.ratio(runs[rival, question], ours)
                least = LEAST_TIMES_DUCKDB if rival == "duckdb" else None
                found.append(_ratio(question, rival, "cpu", compared, least=least))
        if theirs := runs.get(("retentioneering", question)):
            compared = _records.ratio(ours, theirs, "peak_mb")
            found.append(_ratio(question, "retentioneering", "memory", compared, most=MOST_MEMORY))
    return found


def _ratio(question: str, rival: str, kind: str, compared: dict[str, float], **target: float | None) -> dict[str, Any]:
    what = {
        "cpu": f"CPU of {rival} over Footfall's for {question}",
        "memory": f"peak memory of Footfall over {rival}'s for {question}",
    }.get(kind, f"CPU of Footfall's {question} over DuckDB's {kind}")
    return {"question": question, "rival": rival, "kind": kind, **_records.judged(what, compared, **target)}


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=lambda text: int(float(text)), nargs="+", default=[5_000_000, 20_000_000])
    parser.add_argument("--repeat", type=int, default=3, help="rounds that are counted")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--questions", nargs="+", choices=QUESTIONS, default=list(QUESTIONS))
    parser.add_argument(
        "--retentioneering-most",
        type=lambda text: int(float(text)),
        default=5_000_000,
        help="leave it out of larger logs: it takes about 700 bytes of memory an event",
    )
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "footfall-benchmarks")
    parser.add_argument("--keep", action="store_true", help="leave the data where they are")
    parser.add_argument("--records", type=Path, default=_records.RECORDS, help="where the record goes")
    given = parser.parse_args(arguments)
    given.asked = [*given.questions, *([OPEN_FUNNEL] if "funnel" in given.questions else [])]
    return given


if __name__ == "__main__":
    sys.exit(main())
