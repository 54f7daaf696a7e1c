"""Writes the tables of ``README.md`` from the newest records: ``python benchmarks/table.py [--check]``.

A table stands between ``<!-- table: name -->`` and ``<!-- end -->``; what is between them is replaced. ``--check``
writes nothing and ends with 1 when a table is not what the records say.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import _records
from _measure import HERE

README: Final = HERE / "README.md"
NOTHING: Final = "No record yet."

TOOL_NAMES: Final = {
    "footfall": "Footfall",
    "duckdb": "DuckDB SQL",
    "duckdb_unordered": "DuckDB, row order trusted",
    "polars": "polars",
    "retentioneering": "retentioneering",
}
QUESTION_NAMES: Final = {
    "funnel": "funnel, 4 steps in 24 h",
    "sessions": "sessions",
    "transitions": "transitions",
    "step_matrix": "step matrix",
    "paths": "paths",
    "funnel_open": "funnel without a window",
    "scan": "scan of user, time, type",
    "scan_with_item": "scan of user, time, type, item",
    "sum": "the first three, only summed",
    "sum_with_item": "all four, only summed",
}

Record = Mapping[str, Any]


def render(text: str, folder: Path = _records.RECORDS) -> str:
    """Return a page with its tables made anew.

    Args:
        text: The page.
        folder: Where the records lie.

    Raises:
        ValueError: A table is begun and not ended, or has no such name.
    """
    parts = text.split("<!-- table: ")
    for k, part in enumerate(parts[1:], 1):
        name, found, rest = part.partition(" -->\n")
        _, ended, after = rest.partition("<!-- end -->")
        if not found or not ended or name not in TABLES:
            raise ValueError(f"the table {name.split()[0]!r} has no end, or no such name; accepted: {', '.join(TABLES)}")
        parts[k] = f"{name} -->\n{TABLES[name](folder)}\n<!-- end -->{after}"
    return "<!-- table: ".join(parts)


def journeys(folder: Path) -> str:
    """Render ``journeys``: for each size, the newest record that has it."""
    newest: dict[int, tuple[Record, Record]] = {}
    for made in _records.read("journeys", folder):
        for size in made["sizes"]:
            newest.setdefault(size["events"], (made, size))
    return "\n\n".join(_journeys_of(*newest[events]) for events in sorted(newest)) or NOTHING


def _journeys_of(made: Record, size: Record) -> str:
    measured = {(m["tool"], m["question"]): m for m in size["measures"]}
    tools = [tool for tool in TOOL_NAMES if any(tool == t for t, _ in measured)]
    questions = [q for q in QUESTION_NAMES if ("footfall", q) in measured]
    cells = [[QUESTION_NAMES[q], *(_cost(measured.get((tool, q))) for tool in tools)] for q in questions]
    scans = [[QUESTION_NAMES[q], _cost(measured["duckdb", q])] for q in QUESTION_NAMES if "s" in q and ("duckdb", q) in measured and q not in questions]
    versions = ", ".join(f"{TOOL_NAMES[tool]} {size['versions'][tool]}" for tool in tools if tool != "duckdb_unordered")
    start = _named(measured, tools)
    parts = [
        f"### {size['events']:,} events, {size['users']:,} users, {size['answers']['sessions']['sessions']:,.0f} sessions",
        _circumstances(made, versions),
        "CPU seconds (median of the rounds), and peak memory of the process in MiB:",
        _grid(["", *(TOOL_NAMES[tool] for tool in tools)], cells),
        "What DuckDB needs to read the columns, handed over as arrays or only added up inside:",
        _grid(["", "CPU s, MiB"], scans),
        "Ratios, with the smallest and the largest of the rounds:",
        _verdicts(size["ratios"]),
        f"Before the work, once per process (interpreter, libraries, compiled code), in CPU s: {start}; Footfall's very "
        f"first run on a machine, kernels compiled: {min(size['cold_start_cpu_s'].values()):.1f} to "
        f"{max(size['cold_start_cpu_s'].values()):.1f}. Compiling the log into histories took "
        f"{size['compile']['cpu_s']['median']:.1f} CPU s and {size['compile']['peak_mb']['median']:,.0f} MiB.",
    ]
    return "\n\n".join(part for part in parts if part)


def _named(measured: Mapping[tuple[str, str], Record], tools: Sequence[str]) -> str:
    starts = {t: [m["start_cpu_s"]["median"] for (tool, _), m in measured.items() if tool == t] for t in tools}
    return ", ".join(f"{TOOL_NAMES[t]} {max(found):.1f}" for t, found in starts.items() if t != "duckdb_unordered")


def _cost(measure: Record | None) -> str:
    if measure is None:
        return "-"
    cpu_s = measure["cpu_s"]["median"]
    return f"{cpu_s:.3f} s, {measure['peak_mb']['median']:,.0f}" if cpu_s < 10 else (
        f"{cpu_s:.1f} s, {measure['peak_mb']['median']:,.0f}"
    )


def ingest(folder: Path) -> str:
    """Render ``ingest``: the newest record of each number of rows."""
    newest: dict[int, Record] = {}
    for made in _records.read("ingest", folder):
        newest.setdefault(made["rows"], made)
    return "\n\n".join(_ingest_of(newest[rows]) for rows in sorted(newest)) or NOTHING


def _ingest_of(made: Record) -> str:
    cells = [
        [
            f"{'Footfall' if m['tool'] == 'footfall' else 'DuckDB'}: {m['question']}",
            f"{m['cpu_s']['median']:.1f}",
            f"{m['wall_s']['median']:.1f}",
            f"{m['rows_per_s']:,}",
            f"{m['peak_mb']['median']:,.0f}",
        ]
        for m in made["measures"]
    ]
    sizes = "; ".join(f"{name}: {facts['rows']:,} rows, {facts['bytes'] / 1e6:,.0f} MB" for name, facts in made["files"].items())
    parts = [
        f"### {made['rows']:,} events ({sizes})",
        _circumstances(made, f"DuckDB {made['versions']['duckdb']}"),
        _grid(["", "CPU s", "wall s", "rows a second", "MiB"], cells),
        _verdicts(made["ratios"]),
    ]
    return "\n\n".join(parts)


def scale(folder: Path) -> str:
    """Render ``scale``: the newest record that goes farthest."""
    records = _records.read("scale", folder)
    if not records:
        return NOTHING
    made = max(records, key=lambda r: (max(size["events"] for size in r["sizes"]), str(r["when"])))
    sizes = made["sizes"]
    asked = list(dict.fromkeys(m["question"] for size in sizes for m in size["measures"]))
    by = {(size["events"], m["question"]): m for size in sizes for m in size["measures"]}
    cells = [[q, *(_per_event(by.get((size["events"], q))) for size in sizes)] for q in asked]
    parts = [
        _circumstances(made, f"memory = {made['memory']}"),
        "CPU nanoseconds an event (median), and peak memory of the process in MiB:",
        _grid(["", *(f"{size['events']:,} events" for size in sizes)], cells),
        _verdicts(made["ratios"]),
    ]
    return "\n\n".join(parts)


def _per_event(measure: Record | None) -> str:
    if measure is None:
        return "-"
    return f"{measure['cpu_ns_per_event']['median']:,.1f} ns, {measure['peak_mb']['median']:,.0f}"


def _circumstances(made: Record, versions: str) -> str:
    machine = made["machine"]
    commit = (made["commit"] or "no commit")[:10] + (" with changes" if made["dirty"] else "")
    return (
        f"`{made['command']}`, {made['when'][:10]}, {commit}; {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gb']:.0f} GiB; Python {made['versions']['python']}, {versions}; {made['repeats']} rounds, "
        f"seed {made['seed']}."
    )


def _verdicts(ratios: Sequence[Record]) -> str:
    marks = {True: "met", False: "**missed**", None: ""}
    cells = [
        [r["what"], f"{r['ratio']:.3g}", f"{r['low']:.3g} to {r['high']:.3g}", r["target"] or "", marks[r["met"]]]
        for r in ratios
    ]
    return _grid(["", "ratio", "rounds", "target", ""], cells)


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


TABLES: Final[dict[str, Callable[[Path], str]]] = {"journeys": journeys, "ingest": ingest, "scale": scale}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the tables, or check them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 when a table is out of date")
    given = parser.parse_args(arguments)
    text = README.read_text("utf-8")
    made = render(text)
    if given.check:
        if made != text:
            print("benchmarks/README.md is not what the records say; run: python benchmarks/table.py", file=sys.stderr)
        return int(made != text)
    README.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
