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

import _predict_table
import _recommend_table
import _records
import _roads_table
from _measure import HERE

README: Final = HERE / "README.md"
PAGES: Final = (README, HERE.parent / "README.md", HERE.parent / "README.zh-CN.md")
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
}
SCAN_NAMES: Final = {
    "scan": "user, time, type handed over",
    "scan_with_item": "user, time, type, item handed over",
    "sum": "user, time, type added up",
    "sum_with_item": "user, time, type, item added up",
}
MARKS: Final = {True: "", False: " **missed**", None: ""}

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
            raise ValueError(
                f"the table {name.split()[0]!r} has no end, or no such name; accepted: {', '.join(TABLES)}"
            )
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
    scans = [[name, _cost(measured["duckdb", q])] for q, name in SCAN_NAMES.items() if ("duckdb", q) in measured]
    costs = [[QUESTION_NAMES[q], *(_cost(measured.get((tool, q))) for tool in tools)] for q in questions]
    versions = ", ".join(f"{TOOL_NAMES[t]} {size['versions'][t]}" for t in tools if t != "duckdb_unordered")
    sessions = f", {size['answers']['sessions']['sessions']:,.0f} sessions" if "sessions" in size["answers"] else ""
    parts = [
        f"### {size['events']:,} events, {size['users']:,} users{sessions}",
        _circumstances(made, versions),
        "CPU seconds of the work (median of the rounds), and peak memory of the process in MiB:",
        grid(["", *(TOOL_NAMES[tool] for tool in tools)], costs),
        "The targets, as ratio of the medians (smallest to largest of the rounds):",
        _targets(size["ratios"], questions),
        "How many times Footfall's CPU the others take:",
        _times(size["ratios"], questions, tools),
        "What DuckDB needs for the columns themselves:",
        grid(["", "CPU s, MiB"], scans),
        _beside_the_work(size, measured, tools),
    ]
    return "\n\n".join(parts)


def _targets(ratios: Sequence[Record], questions: Sequence[str]) -> str:
    kinds = (("duckdb", "scan"), ("duckdb", "cpu"), ("retentioneering", "memory"))
    by = {(r["question"], r["rival"], r["kind"]): r for r in ratios}
    head = ["", "CPU over DuckDB's scan", "DuckDB SQL's CPU over ours", "peak memory over retentioneering's"]
    aims = [next((r["target"] for r in ratios if (r["rival"], r["kind"]) == kind), "-") for kind in kinds]
    rows = [[QUESTION_NAMES[q], *(_ratio(by.get((q, *kind))) for kind in kinds)] for q in questions]
    return grid(head, [["*target*", *(f"*{aim}*" for aim in aims)], *rows])


def _times(ratios: Sequence[Record], questions: Sequence[str], tools: Sequence[str]) -> str:
    by = {(r["question"], r["rival"]): r for r in ratios if r["kind"] == "cpu"}
    rivals = [tool for tool in tools if tool != "footfall"]
    rows = [[QUESTION_NAMES[q], *(_ratio(by.get((q, rival)), marked=False) for rival in rivals)] for q in questions]
    return grid(["", *(TOOL_NAMES[rival] for rival in rivals)], rows)


def _beside_the_work(size: Record, measured: Mapping[tuple[str, str], Record], tools: Sequence[str]) -> str:
    starts = {t: [m["start_cpu_s"]["median"] for (tool, _), m in measured.items() if tool == t] for t in tools}
    shown = ", ".join(f"{TOOL_NAMES[t]} {max(found):.1f}" for t, found in starts.items() if t != "duckdb_unordered")
    cold = size["cold_start_cpu_s"].values()
    compiled = size["compile"]
    return (
        f"Before the work, in every process (interpreter, libraries, compiled code), in CPU s: {shown}; in Footfall's "
        f"very first on a machine, which compiles the kernels, {min(cold):.1f} to {max(cold):.1f}. Once per log, "
        f"Footfall compiles it into histories: {compiled['cpu_s']['median']:.1f} CPU s, "
        f"{compiled['peak_mb']['median']:,.0f} MiB."
    )


def _ratio(found: Record | None, *, marked: bool = True) -> str:
    if found is None:
        return "-"
    return f"{found['ratio']:.3g} ({found['low']:.3g} to {found['high']:.3g}){MARKS[found['met']] if marked else ''}"


def _cost(measure: Record | None) -> str:
    if measure is None:
        return "-"
    cpu_s, peak_mb = measure["cpu_s"]["median"], measure["peak_mb"]["median"]
    return f"{cpu_s:.1f} s, {peak_mb:,.0f}" if cpu_s >= 10 else f"{cpu_s:.3f} s, {peak_mb:,.0f}"


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
    sizes = "; ".join(
        f"{name}: {facts['rows']:,} rows, {facts['bytes'] / 1e6:,.0f} MB" for name, facts in made["files"].items()
    )
    parts = [
        f"### {made['rows']:,} events ({sizes})",
        _circumstances(made, f"DuckDB {made['versions']['duckdb']}"),
        grid(["", "CPU s", "wall s", "rows a second", "MiB"], cells),
        _verdicts(made["ratios"]),
    ]
    return "\n\n".join(parts)


def summary(folder: Path) -> str:
    """Render ``summary``, the table of the project's own page: journeys of the largest log with every rival, ingest."""
    every = [(made, size) for made in _records.read("journeys", folder) for size in made["sizes"]]
    whole = [(m, s) for m, s in every if any(x["tool"] == "retentioneering" for x in s["measures"])]
    if not whole:
        return NOTHING
    made, size = whole[0]
    measured = {(m["tool"], m["question"]): m for m in size["measures"]}
    tools = ("footfall", "duckdb", "polars", "retentioneering")
    questions = [q for q in QUESTION_NAMES if q != "funnel_open" and ("footfall", q) in measured]
    rows = [[QUESTION_NAMES[q], *(_cost(measured.get((tool, q))) for tool in tools)] for q in questions]
    parts = [
        f"`{made['command']}`: {size['events']:,} events, equal answers; CPU seconds with loading, and peak MiB",
        grid(["", *(TOOL_NAMES[tool] for tool in tools)], rows),
    ]
    parts += [_ingest_line(read) for read in _records.read("ingest", folder)[:1]]
    return "\n\n".join(parts)


def _ingest_line(made: Record) -> str:
    cpu = next(r for r in made["ratios"] if "cpu_s" in r["what"])
    verdict = "met" if cpu["met"] else "missed"
    return (
        f"`{made['command']}`: ingest of CSV, checks and search for duplicates included, runs at {cpu['ratio']:.3f} of "
        f"the rate of DuckDB's plain CSV to Parquet in CPU (target {cpu['target']}: **{verdict}**)."
    )


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
        grid(["", *(f"{size['events']:,} events" for size in sizes)], cells),
        _verdicts(made["ratios"]),
    ]
    return "\n\n".join(parts)


def features(folder: Path) -> str:
    """Render ``features``: the newest record."""
    records = _records.read("features", folder)
    if not records:
        return NOTHING
    made = max(records, key=lambda r: str(r["when"]))
    verdicts = {True: "met", False: "**missed**", None: "-"}
    cells = [
        [aim["what"], f"{aim['ratio']:,.2f} ({aim['low']:,.2f} to {aim['high']:,.2f})", aim["target"] or "-",
         verdicts[aim["met"]]]
        for aim in made["targets"]
    ]  # fmt: skip
    about = f"{made['events']:,} events, {made['users']:,} users"
    return "\n\n".join([_circumstances(made, about), grid(["", "found", "aimed at", ""], cells)])


def _per_event(measure: Record | None) -> str:
    if measure is None:
        return "-"
    return f"{measure['cpu_ns_per_event']['median']:,.1f} ns, {measure['peak_mb']['median']:,.0f}"


def _circumstances(made: Record, versions: str) -> str:
    machine = made["machine"]
    commit = (made["commit"] or "no commit")[:10] + (" with changes" if made["dirty"] else "")
    return (
        f"`{made['command']}`, {made['when'][:10]}, {commit}; {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['memory_gb']:.0f} GiB; Python {made['versions']['python']}, {versions}; rounds: {made['repeats']}, "
        f"seed {made['seed']}."
    )


def _verdicts(ratios: Sequence[Record]) -> str:
    rows = [[r["what"], _ratio(r), r["target"] or "-"] for r in ratios]
    return grid(["", "ratio", "target"], rows)


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table in Markdown, numbers to the right.

    Args:
        head: Names of the columns.
        rows: Its rows.
    """
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


TABLES: Final[dict[str, Callable[[Path], str]]] = {
    "journeys": journeys,
    "ingest": ingest,
    "summary": summary,
    "scale": scale,
    "predict_summary": lambda folder: _predict_table.summary(folder, grid),
    "recommend_summary": lambda folder: _recommend_table.summary(folder, grid),
    "recommend": lambda folder: _recommend_table.recommend(folder, grid),
    "features": features,
    "predict": lambda folder: _predict_table.predict(folder, grid),
    "roads": lambda folder: _roads_table.roads(folder, grid),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the tables, or check them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 when a table is out of date")
    given = parser.parse_args(arguments)
    stale = [page for page in PAGES if render(page.read_text("utf-8")) != page.read_text("utf-8")]
    if given.check:
        for page in stale:
            print(f"{page.name} is not what the records say; run: python benchmarks/table.py", file=sys.stderr)
        return int(bool(stale))
    for page in stale:
        page.write_text(render(page.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
