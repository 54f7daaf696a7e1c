"""Footfall, asked: histories opened anew from disk, then one call."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from _questions import FUNNEL, GAP_S, MATRIX_STEPS, OPEN_FUNNEL, PATH_STEPS, TOP_PATHS
from footfall.histories.compile import compile as bring_up_to_date
from footfall.histories.store import Histories
from footfall.journeys.funnel import funnel
from footfall.journeys.paths import paths
from footfall.journeys.sessions import sessions
from footfall.journeys.step_matrix import ENDED, step_matrix
from footfall.journeys.transitions import transitions
from footfall.lake.workspace import Workspace
from footfall.shop import Shop

VERSION_OF: Final = "footfall"
CALLS: Final[dict[str, Callable[[Histories], Any]]] = {
    "funnel": lambda histories: funnel(histories, FUNNEL, within="24h"),
    OPEN_FUNNEL: lambda histories: funnel(histories, FUNNEL, within=None),
    "sessions": lambda histories: sessions(histories, gap_s=GAP_S),
    "transitions": lambda histories: transitions(histories, gap_s=GAP_S),
    "step_matrix": lambda histories: step_matrix(histories, max_steps=MATRIX_STEPS, gap_s=GAP_S),
    "paths": lambda histories: paths(histories, max_steps=PATH_STEPS, gap_s=GAP_S, top=TOP_PATHS, rows_per_step=250),
}
"""Question to call."""


_A_ROW: Final = "event_time,event_type,product_id,user_id\n2019-10-01 00:00:00 UTC,view,1,2\n"


def prepare(question: str, folder: Path) -> None:
    """Load libraries and the kernels' machine code by doing the same on a tiny log; a process pays that once.

    Args:
        question: What will be asked.
        folder: Holds ``tiny``, a workspace with compiled histories, beside the log.
    """
    if question.startswith("ingest "):
        with tempfile.TemporaryDirectory() as home:
            (Path(home) / "one.csv").write_text(_A_ROW, "utf-8")
            Shop(Workspace.init(Path(home) / "shop")).ingest(Path(home) / "one.csv")
    elif question == "compile":
        bring_up_to_date(Workspace(folder / "tiny"), force=True)
    else:
        CALLS[question](_open(folder / "tiny"))


def ask(question: str, folder: Path) -> Any:
    """Do the work.

    Args:
        question: One of ``CALLS``; ``compile``; or ``ingest FILE``.
        folder: Holds ``shop``, the workspace.
    """
    if question == "compile":
        return bring_up_to_date(Workspace(folder / "shop"), force=True)
    if question.startswith("ingest "):
        return Shop(Workspace(folder / "shop")).ingest(folder / question.removeprefix("ingest "))
    return CALLS[question](_open(folder / "shop"))


def _open(workspace: Path) -> Histories:
    """Open the newest compiled histories, as every analysis does, without asking the lake for its version."""
    (newest,) = (path for path in (workspace / "histories").iterdir() if (path / "manifest.json").exists())
    return Histories.open(newest)


def answer(question: str, result: Any, folder: Path) -> Any:
    """Say a result in the words of ``_questions``."""
    del folder
    if question == "compile":
        return {"events": result.n_events, "users": result.n_users, "partitions": len(result.partitions)}
    if question.startswith("ingest "):
        return {name: getattr(result, name) for name in ("read", "accepted", "duplicates", "rejected")}
    return _ANSWERS[question](result)


def _sessions(result: Any) -> dict[str, Any]:
    names = (
        "sessions", "users", "events", "mean_events", "median_events", "mean_duration_s", "median_duration_s",
        "engaged_share", "single_event_share", "purchase_share",
    )  # fmt: skip
    return {name: getattr(result, name) for name in names} | {
        "cut_by_length": sum(row.sessions for row in result.rows if row.group == "length")
    }


def _paths(result: Any) -> dict[str, Any]:
    return {
        "cells": {f"{s.step}:{s.event_type}": s.paths for s in result.steps},
        "links": {f"{link.step}:{link.source}>{link.target}": link.paths for link in result.links},
        "top": [[list(path.steps), path.paths] for path in result.top_paths],
    }


_ANSWERS: Final[dict[str, Callable[[Any], Any]]] = {
    "funnel": lambda r: [step.users for step in r.steps],
    OPEN_FUNNEL: lambda r: [step.users for step in r.steps],
    "sessions": _sessions,
    "transitions": lambda r: {f"{t.source}>{t.target}": [t.count, t.users, t.median_s] for t in r.rows},
    "step_matrix": lambda r: {
        f"{row.step}:{name}": n for row in r.steps for name, n in row.sessions.items() if n and name != ENDED
    },
    "paths": _paths,
}
