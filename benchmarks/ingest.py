"""Ingest beside DuckDB's own conversion: ``python benchmarks/ingest.py [--rows 5000000] [--repeat 3]``.

A CSV of the REES46 kind with rows that stand in it twice and rows that cannot be used goes through ``footfall ingest``
(typed, checked, told apart by 128-bit keys, duplicates and rejects found, catalogue kept, committed to the lake), and
through ``COPY (SELECT * FROM read_csv(...)) TO parquet`` of DuckDB, which does none of that. Both take all cores. The
same events as Segment's JSON lines are measured for information.
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

FILES: Final = {"events.csv": "rees46", "events.jsonl": "segment"}
LEAST_RATE: Final = 1 / 3
ALL_CORES: Final = {"BENCHMARK_CORES": "all"}

Runs = dict[tuple[str, str], list[Run]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when a target is missed."""
    given = _arguments(arguments)
    folder = given.work / f"ingest-{given.rows}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        files = {name: json.loads(make(what, folder, given)) for name, what in FILES.items() if name in given.files}
        runs = _rounds(folder, files, given)
    finally:
        if not given.keep:
            shutil.rmtree(folder, ignore_errors=True)
    for name, facts in files.items():
        _check(name, facts, runs["footfall", f"ingest {name}"])
    ratios = [ratio for name in files for ratio in _ratios(name, runs)]
    measures = [
        _records.summary(found)
        | {"rows_per_s": round(files[question.split()[1]]["rows"] / _records.spread(r.wall_s for r in found)["median"])}
        for (_, question), found in runs.items()
    ]
    answers = {question: found[0].answer for (_, question), found in runs.items()}
    made = _records.record(
        "ingest",
        given.repeat,
        given.seed,
        rows=given.rows,
        files=files,
        measures=measures,
        ratios=ratios,
        answers=answers,
    )
    path = _records.write(made, given.records)
    missed = [ratio for ratio in ratios if ratio["met"] is False]
    print(f"wrote {path}; {len(missed)} targets missed" + "".join(f"\n  {r['what']}: {r['ratio']}" for r in missed))
    return bool(missed)


def make(what: str, folder: Path, given: argparse.Namespace) -> str:
    """Make a file or a workspace in a process of its own; returns what it printed."""
    return output([sys.executable, str(HERE / "_data.py"), what, str(folder), str(given.rows), str(given.seed)])


def _rounds(folder: Path, files: dict[str, Any], given: argparse.Namespace) -> Runs:
    runs: Runs = {}
    for number in range(1, given.repeat + 1):
        for name in files:
            make("shop", folder, given)
            for tool, question in (("footfall", f"ingest {name}"), ("duckdb", f"copy {name}")):
                run = measure(tool, question, folder, environ=ALL_CORES)
                shown = f"{run.cpu_s:.2f} CPU s, {run.wall_s:.2f} s, {run.peak_mb:,.0f} MiB"
                print(f"{number}/{given.repeat} {tool} {question}: {shown}", file=sys.stderr, flush=True)
                runs.setdefault((tool, question), []).append(run)
    return runs


def _check(name: str, facts: dict[str, Any], runs: Sequence[Run]) -> None:
    """See that nothing was lost.

    Raises:
        BenchmarkError: Rows are missing, or the spoilt ones are not what was refused.
    """
    for run in runs:
        found = run.answer
        whole = found["accepted"] + found["duplicates"] + found["rejected"] == found["read"] == facts["rows"]
        if not whole or found["rejected"] != facts.get("dirty", 0) or found["duplicates"] < facts.get("twice", 0):
            raise BenchmarkError(f"{name} holds {facts}, and ingest found {found}")


def _ratios(name: str, runs: Runs) -> list[dict[str, Any]]:
    ours, theirs = runs["footfall", f"ingest {name}"], runs["duckdb", f"copy {name}"]
    least = LEAST_RATE if name == "events.csv" else None
    return [
        {"file": name, "kind": kind}
        | _records.judged(f"DuckDB's {kind} over ingest's for {name}", _records.ratio(theirs, ours, kind), least=least)
        for kind in ("cpu_s", "wall_s")
    ]


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=lambda text: int(float(text)), default=5_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--files", nargs="+", choices=FILES, default=list(FILES))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "footfall-benchmarks")
    parser.add_argument("--keep", action="store_true", help="leave the data where they are")
    parser.add_argument("--records", type=Path, default=_records.RECORDS, help="where the record goes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
