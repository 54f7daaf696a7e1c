"""The tables of ``predict.py``, rendered from its records; ``table.py`` puts them on the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import _records

Record = Mapping[str, Any]
Grid = Callable[[Sequence[str], Sequence[Sequence[str]]], str]

SET_NAMES: Final = {
    "online_retail": "UCI Online Retail",
    "dunnhumby": "dunnhumby, The Complete Journey",
    "cdnow": "CDNOW, all customers",
    "simulated": "Simulated shop",
    "shoppers": "UCI online shoppers: which sessions end in an order",
    "clv": "CDNOW, the sample: purchases in weeks 40 to 78",
}
TOOL_NAMES: Final = {
    "lightgbm": "LightGBM, as others use it",
    "lightgbm_all": "LightGBM, learning from the calibrating horizon too",
    "bg_nbd": "BG/NBD (with Gamma-Gamma), as fitted",
    "boosting": "boosting (LightGBM, calibrated)",
}
VERDICTS: Final = {True: "met", False: "**missed**", None: "not judged"}


def predict(folder: Path, grid: Grid) -> str:
    """Render ``predict``: for each log or table, the newest whole record that has it.

    Args:
        folder: Where the records lie.
        grid: Draws a table.
    """
    text = [_set(made, found, grid) for made, found in _newest(folder).values()]
    return "\n\n".join(text) or "No record yet."


def summary(folder: Path, grid: Grid) -> str:
    """Render ``predict_summary``, the table of the project's own page: a row a question, and whether it was reached.

    Args:
        folder: Where the records lie.
        grid: Draws a table.
    """
    rows = []
    for name, (made, found) in _newest(folder).items():
        asked: dict[str, list[Record]] = {}
        for aim in found["targets"]:
            question, _, _ = aim["what"].rpartition(": ")
            asked.setdefault(question, []).append(aim)
        for question, aims in asked.items():
            said = "; ".join(_short(aim) for aim in aims)
            missed = any(aim["met"] is False for aim in aims)
            rows.append([SET_NAMES[name], question or "-", said, VERDICTS[not missed], str(len(made["seeds"]))])
    return grid(("", "question", "found (aimed at)", "", "seeds"), rows) if rows else "No record yet."


def _short(aim: Record) -> str:
    """Write what a target found in a few words."""
    what = aim["what"].rpartition(": ")[2]
    aimed = f"({aim['target']})" + ("" if aim["met"] is not False else " missed")
    counted = what.partition(" comparisons")[0].rpartition(" ")[2]
    if "better beyond" in what:
        return f"better than rivals in {aim['ratio']:.0%} of {counted} comparisons {aimed}"
    if "worse beyond" in what:
        return f"worse in {aim['ratio']:.0f} of {counted} {aimed}"
    return f"{what} {aim['ratio']:.3g} {aimed}"


def _newest(folder: Path) -> dict[str, tuple[Record, Record]]:
    """Return the newest whole record of each log or table, and what it found, in the order of the page."""
    newest: dict[str, tuple[Record, Record]] = {}
    for made in _records.read("predict", folder):
        if any(made["tried"].values()):
            continue
        for found in made["sets"]:
            newest.setdefault(found["data"], (made, found))
    return {name: newest[name] for name in SET_NAMES if name in newest}


def _set(made: Record, found: Record, grid: Grid) -> str:
    commit = (made["commit"] or "")[:10] + (" with changes" if made["dirty"] else "")
    seeds = ", ".join(str(seed) for seed in made["seeds"])
    facts = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in found["facts"].items())
    machine = f"{made['machine']['cpu']}, one of {made['machine']['cores']} cores"
    parts = [
        f"### {SET_NAMES[found['data']]}",
        f"`{made['command']}`, {made['when'][:10]}, {commit}; {machine}; seeds {seeds}.",
        f"{facts}; {_cost(found)}.",
    ]
    if "questions" in found:
        parts += [_question(each, grid) for each in found["questions"]]
    else:
        parts.append(_published(found["tools"], grid))
    aims = [
        [aim["what"], _around(aim["ratio"], aim["low"], aim["high"]), aim["target"] or "-", VERDICTS[aim["met"]]]
        for aim in found["targets"]
    ]
    return "\n\n".join([*parts, grid(["target", "found", "wanted", ""], aims)])


def _cost(found: Record) -> str:
    costs = found.get("costs", [found])
    return f"{sum(each['cpu_s'] for each in costs):,.0f} CPU s, {max(each['peak_mb'] for each in costs):,.0f} MiB"


def _question(question: Record, grid: Grid) -> str:
    back = f"{question['back']} horizons before the end" if question["back"] else "the last horizon"
    if "why_not" in question:
        return f"**{question['task']}**, {back}: {question['why_not']}"
    cutoff = dt.datetime.fromtimestamp(question["rates"][-1]["cutoff_us"] / 1e6, dt.UTC).date().isoformat()
    metrics = list(question["tools"][0]["metrics"])
    rows = []
    for tool in question["tools"]:
        name = TOOL_NAMES.get(tool["tool"], tool["tool"])
        values = [_metric(tool["metrics"][metric]) for metric in metrics]
        rows.append([f"**{name}**" if tool["champion"] else name, *values, f"{tool['fit_cpu_s']['median']:,.1f}"])
    said = f"**{question['task']}**, {back} ({cutoff}): {question['users']:,} users, {question['rate']:.4g} on average"
    if "ece_by_chance" in question:
        said += f"; true chances would have an ECE of {question['ece_by_chance']['mean']:.4f} here"
    text = [f"{said}.", grid(["", *metrics, "CPU s of fitting"], rows)]
    if "truth" in question:
        names = {"log": "the truth, sleep and leaving inferred", "state": "the truth, all of it"}
        truths = [[names[name], *_beside(each)] for name, each in question["truth"].items()]
        text.append(grid(["", "AUROC of the truth", "AUROC of the champion", "short of it", "users"], truths))
    return "\n\n".join(text)


def _beside(truth: Record) -> list[str]:
    short = truth["short_of_AUROC"]
    both = [_metric(truth[who]["AUROC"]) for who in ("oracle", "champion")]
    return [*both, _around(short["mean"], short["low"], short["high"]), f"{truth['users']:,}"]


def _published(tools: Sequence[Record], grid: Grid) -> str:
    if "MAE" in tools[0]:
        rows = [
            [
                f"**{tool['tool']}**" if tool["champion"] else tool["tool"],
                _metric(tool["MAE"]),
                f"{tool['RMSE']:.4f}",
                f"{tool['sum']:,.0f}",
                f"{tool['validated_MAE']:.4f}",
            ]
            for tool in tools
        ]
        return grid(["", "MAE", "RMSE", "purchases in all", "MAE where it was chosen"], rows)
    metrics = list(tools[0]["metrics"])
    rows = [
        [
            tool["tool"] if tool["rival"] else f"**{tool['tool']}**",
            *(_metric(tool["metrics"][metric]) for metric in metrics),
            f"{tool['AUROC_without_copies']:.4f}",
            f"{tool['cpu_s']:,.0f}",
        ]
        for tool in tools
    ]
    return grid(["", *metrics, "AUROC without copies", "CPU s"], rows)


def _metric(found: Record) -> str:
    if found["mean"] is None:
        return "-"
    return _around(found["mean"], found["low"], found["high"])


def _around(mean: float, low: float | None, high: float | None) -> str:
    if low is None or high is None or low == high:
        return f"{mean:.4g}"
    return f"{mean:.4f} ({low:.4f} to {high:.4f})"
