"""The table of ``roads.py``: what each step of the road cost on each data set, and who led."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import _records

STEPS: Final = ("ingest", "items", "train", "evaluate", "recommend")

Grid = Callable[[Sequence[str], Sequence[Sequence[str]]], str]


def roads(folder: Path, grid: Grid) -> str:
    """Render ``roads``: for each data set, the newest record that has it.

    Args:
        folder: Where the records lie.
        grid: Writes a table.
    """
    newest: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
    for made in _records.read("roads", folder):
        for road in made["roads"]:
            newest.setdefault(road["data"], (made, road))
    if not newest:
        return "No record yet."
    rows = [_row(road, made) for made, road in newest.values()]
    head = ["", *(f"{step}, CPU s" for step in STEPS), "leads the leaderboard, NDCG@10", "lists of ten", "commit"]
    return grid(head, rows)


def _row(road: Mapping[str, Any], made: Mapping[str, Any]) -> list[str]:
    commit = (made["commit"] or "")[:10] + (" with changes" if made["dirty"] else "")
    if "error" in road:
        return [road["data"], *["-"] * len(STEPS), f"broken: {road['error'].splitlines()[0]}", "-", commit]
    cost = {each["command"].split()[1]: each["cpu_s"] for each in road["steps"]}
    board = next(each["said"] for each in road["steps"] if each["command"].startswith("footfall evaluate"))
    first = next(row for row in board["rows"] if row["recommender"] == board["winner"])
    leads = f"{board['winner']} {first['metrics'][board['metric']]['mean']:.4f} of {len(board['rows'])}"
    costs = [f"{cost[step]:.0f}" if step in cost else "-" for step in STEPS]
    return [road["data"], *costs, leads, f"{road['lists']['users']:,}", commit]
