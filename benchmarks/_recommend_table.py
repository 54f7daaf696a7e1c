"""The tables of ``recommend.py``, rendered from its records; ``table.py`` puts them on the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import _records

Record = Mapping[str, Any]
Grid = Callable[[Sequence[str], Sequence[Sequence[str]]], str]

SET_NAMES: Final = {
    "beauty": "Amazon Beauty: the next item, items seen before left out",
    "toys": "Amazon Toys and Games: the next item, items seen before left out",
    "diginetica": "Diginetica: the next item of a session",
    "yoochoose": "YooChoose 1/64: the next item of a session",
    "dunnhumby": "dunnhumby, The Complete Journey: the next basket",
    "online_retail": "UCI Online Retail: the next order",
    "simulated": "Simulated shop: what a known person looks at next",
}
TOOL_NAMES: Final = {
    "footfall": "**Footfall**",
    "footfall_model": "Footfall's network alone",
    "footfall_views": "Footfall, item ids of views alone",
    "oracle": "the oracle: true probabilities",
    "rectools_sasrec": "RecTools SASRec",
    "rectools_esasrec": "RecTools eSASRec",
    "rectools_esasrec_light": "RecTools eSASRec, light",
    "recbole": "RecBole SASRec",
    "implicit_als": "implicit ALS",
    "implicit_bpr": "implicit BPR",
    "implicit_bm25": "implicit BM25",
    "popularity": "most popular",
    "popularity_recent": "most popular of 7 days",
    "popularity_user": "the user's most frequent",
    "tifu_knn": "TIFU-KNN, tuned",
    "markov": "Markov",
    "neighbours": "neighbours (BM25)",
    "session_neighbours": "session neighbours",
    "ease": "EASE",
    "als": "ALS",
    "bpr": "BPR",
    "blend": "blend",
}
PERCENT: Final = ("diginetica", "yoochoose")
"""Sets whose metrics are published in per cent."""
PART_NAMES: Final = {
    "train": "Training",
    "top10": "Lists for everybody",
    "one": "One user",
    "linear": "Growth with the log",
}
VERDICTS: Final = {True: "met", False: "**missed**", None: "not judged"}
NOTHING: Final = "No record yet."


def recommend(folder: Path, grid: Grid) -> str:
    """Render ``recommend``: for each data set the newest whole record, then the parts about speed.

    Args:
        folder: Where the records lie.
        grid: Draws a table.
    """
    sets: dict[str, tuple[Record, Record]] = {}
    for made in _whole("recommend", folder):
        for found in made["sets"]:
            sets.setdefault(found["data"], (made, found))
    parts: dict[str, tuple[Record, Record]] = {}
    for made in _whole("recommend_speed", folder):
        for found in made["parts"]:
            parts.setdefault(found["part"], (made, found))
    text = [_set(*sets[name], grid) for name in SET_NAMES if name in sets]
    text += [_part(*parts[name], grid) for name in PART_NAMES if name in parts]
    return "\n\n".join(text) or NOTHING


def summary(folder: Path, grid: Grid) -> str:
    """Render ``recommend_summary``: for each data set ours, the best other tool of the same record, and the targets.

    Args:
        folder: Where the records lie.
        grid: Draws a table.
    """
    rows, seen = [], set()
    for made in _whole("recommend", folder):
        for found in made["sets"]:
            tools = {tool["tool"]: tool for tool in found["tools"]}
            if found["data"] in seen or "footfall" not in tools:
                continue
            seen.add(found["data"])
            metric = next(iter(tools["footfall"]["metrics"]))
            rivals = [
                tool
                for name, tool in tools.items()
                if name not in ("footfall", "footfall_model", "footfall_views", "oracle")
            ]
            best = max(rivals, key=lambda tool: float(tool["metrics"][metric]["mean"]), default=None)
            verdicts = [VERDICTS[each["met"]] for each in found["targets"]]
            rows.append(
                [
                    SET_NAMES[found["data"]].partition(":")[0],
                    f"{metric} {_metric(tools['footfall']['metrics'][metric], found['data'])}",
                    f"{tools['footfall']['train_cpu_s']['median']:,.0f} s",
                    "-" if best is None else f"{_name(best['tool'])} {_metric(best['metrics'][metric], found['data'])}",
                    ", ".join(dict.fromkeys(verdicts)),
                    str(len(made["seeds"])),
                ]
            )
    order = [name.partition(":")[0] for name in SET_NAMES.values()]
    rows.sort(key=lambda row: order.index(row[0]))
    return (
        grid(["", "Footfall", "training, CPU", "best other of the record", "targets", "seeds"], rows)
        if rows
        else NOTHING
    )


def _whole(benchmark: str, folder: Path) -> list[Record]:
    """Return records that were no mere try, the newest first."""
    found = [made for made in _records.read(benchmark, folder) if made["benchmark"] == benchmark]
    return [made for made in found if not any(made.get("tried", {}).values())]


def _set(made: Record, found: Record, grid: Grid) -> str:
    name = found["data"]
    metrics = list(found["tools"][0]["metrics"])
    head = ["", *metrics, "CPU s of training", "epochs", "CPU s of scoring", "MiB"]
    ordered = sorted(found["tools"], key=lambda tool: -float(tool["metrics"][metrics[0]]["mean"]))
    rows = [
        [_name(tool["tool"]), *(_metric(tool["metrics"][m], name) for m in metrics), *_costs(tool)] for tool in ordered
    ]
    facts = ", ".join(
        f"{key.replace('_', ' ')} {value:,}" for key, value in found["facts"].items() if isinstance(value, int)
    )
    missed = (
        f", of which {found['missed']:,} ask for an item that training lacks: misses for everybody"
        if found["missed"]
        else ""
    )
    text = [
        f"### {SET_NAMES[name]}",
        f"{_circumstances(made)}; seeds {', '.join(map(str, made['seeds']))}.",
        f"{facts}; {found['cases']:,} cases{missed}.",
        "Mean over seeds, and the 95 % interval over users:",
        grid(head, rows),
    ]
    compared = [each for each in found["differences"] if each["metric"] == metrics[0]]
    if compared:
        text += [
            f"Footfall's {metrics[0]} over the others', user by user:",
            grid(["", "more, in per cent"], [_lift(each) for each in compared]),
        ]
    text += [f"{_name(each['tool'])} failed (seed {each['seed']}): `{each['error']}`" for each in found["failed"]]
    if found["targets"]:
        text.append(_targets(found["targets"], grid))
    return "\n\n".join(text)


def _part(made: Record, found: Record, grid: Grid) -> str:
    shown = {"train": _rates, "top10": _lists, "one": _latencies, "linear": _growth}[found["part"]]
    head, rows = shown(found["measures"])
    return "\n\n".join(
        [
            f"### {PART_NAMES[found['part']]}",
            f"{_circumstances(made)}.",
            grid(head, rows),
            _targets(found["targets"], grid),
        ]
    )


def _rates(measures: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    known = [m for m in measures if "metrics" in m]
    metric = next(iter(known[0]["metrics"]))
    rows = [
        [
            _name(m["tool"]),
            f"{m['interactions_per_cpu_s']['median']:,.0f}",
            f"{m['metrics'][metric]['mean']:.4f}",
            *_costs(m)[:2],
        ]
        for m in known
    ]
    return ["", "interactions a CPU second", metric, "CPU s of training", "epochs"], rows


def _lists(measures: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    return ["", "CPU s of the first ten of every user"], [
        [_name(m["tool"]), f"{m['cpu_s']['median']:.2f}"] for m in measures
    ]


def _latencies(measures: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    rows = [
        [f"{m['items']:,} items", f"{m['p50_ms']:.2f}", f"{m['p99_ms']:.2f}", f"{m['peak_mb']:,.0f}"] for m in measures
    ]
    return ["", "p50 ms", "p99 ms", "MiB"], rows


def _growth(measures: Sequence[Record]) -> tuple[list[str], list[list[str]]]:
    rows = [
        [
            f"{m['events']:,} events",
            f"{m['train_cpu_s']:,.1f}",
            f"{m['cpu_ns_per_event'] / 1000:,.1f}",
            f"{m['peak_mb']:,.0f}",
        ]
        for m in measures
    ]
    return ["", "CPU s of an epoch", "CPU microseconds an event", "MiB"], rows


def _targets(targets: Sequence[Record], grid: Grid) -> str:
    rows = [
        [
            each["what"],
            f"{each['ratio']:.4g} ({each['low']:.4g} to {each['high']:.4g})",
            each["target"] or "-",
            VERDICTS[each["met"]],
        ]
        for each in targets
    ]
    return grid(["target", "found", "aimed at", ""], rows)


def _name(tool: str) -> str:
    return TOOL_NAMES.get(tool, tool)


def _metric(found: Record, name: str) -> str:
    scale, digits = (100, 2) if name in PERCENT else (1, 4)
    low, mean, high = (f"{scale * found[key]:.{digits}f}" for key in ("low", "mean", "high"))
    return f"{mean} ({low} to {high})"


def _costs(tool: Record) -> list[str]:
    epochs = sum(tool["epochs"]) / len(tool["epochs"])
    stopped = "" if "budget" not in tool["stopped_by"] else ", time was up"
    return [
        f"{tool['train_cpu_s']['median']:,.1f}",
        f"{epochs:.3g}{stopped}",
        f"{tool['score_cpu_s']['median']:,.1f}",
        f"{tool['peak_mb']['median']:,.0f}",
    ]


def _lift(each: Record) -> list[str]:
    if each["lift"] is None:
        return [_name(each["tool"]), "the other's is not above 0"]
    low, mean, high = (f"{100 * each['lift'][key]:.1f}" for key in ("low", "mean", "high"))
    return [_name(each["tool"]), f"{mean} ({low} to {high})"]


def _circumstances(made: Record) -> str:
    machine = made["machine"]
    commit = (made["commit"] or "no commit")[:10] + (" with changes" if made["dirty"] else "")
    where = f"{machine['cpu']}, one of {machine['cores']} cores, {machine['memory_gb']:.0f} GiB"
    return f"`{made['command']}`, {made['when'][:10]}, {commit}; {where}"
