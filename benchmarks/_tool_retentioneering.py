"""retentioneering, asked as its documentation asks: a frame becomes a stream, sessions are split, a matrix is made.

It reads the same coded Parquet file, its event types as a categorical column. It cuts its sessions itself, as every
tool here does; it has no window for its funnel (``funnel_open``) and no paths. It runs in a virtual environment of its
own, with its reports to its makers switched off.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd
from retentioneering.eventstream.eventstream import Eventstream  # type: ignore[import-not-found]

from _questions import CODED_FILE, END, FUNNEL, GAP_S, MATRIX_STEPS, OPEN_FUNNEL, START, event_names

VERSION_OF: Final = "retentioneering"
QUESTIONS: Final = (OPEN_FUNNEL, "sessions", "transitions", "step_matrix")
SESSION: Final = "session_id"


def prepare(question: str, folder: Path) -> None:
    """Ask the same of four events, so that what it loads on first use is loaded."""
    del folder
    moments = pd.to_datetime([1, 2, 3, 4], unit="s")
    _ask(question, pd.DataFrame({"user": [1, 1, 1, 1], "us": moments, "type": pd.Categorical(FUNNEL)}))


def ask(question: str, folder: Path) -> Any:
    """Do the work.

    Args:
        question: One of ``QUESTIONS``.
        folder: Holds the Parquet file.
    """
    names = event_names(folder)
    frame = pd.read_parquet(folder / CODED_FILE, columns=["user", "us", "type"])
    frame["us"] = frame["us"].to_numpy().view("datetime64[us]")
    first = min(names)
    kinds = pd.Index([names[code] for code in sorted(names)])
    frame["type"] = pd.Categorical.from_codes((frame["type"] - first).to_numpy(), kinds)
    return _ask(question, frame)


def _ask(question: str, frame: pd.DataFrame) -> Any:
    stream = Eventstream(frame, {"path_cols": ["user"], "event_col": "type", "timestamp_col": "us"})
    if question == OPEN_FUNNEL:
        return stream.funnel_data(list(FUNNEL))
    stream = stream.split_sessions(timeout=f"{GAP_S}s", session_col=SESSION)
    if question == "sessions":
        return stream.df[SESSION].nunique()
    if question == "transitions":
        return stream.transition_graph_data(edge_weight="count", path_col=SESSION)
    return stream, stream.step_matrix_data(max_steps=MATRIX_STEPS, path_col=SESSION)


def answer(question: str, result: Any, folder: Path) -> Any:
    """Say a result in the words of ``_questions``."""
    del folder
    if question == OPEN_FUNNEL:
        return [step["unique_paths"] for step in result["steps"]]
    if question == "sessions":
        return {"sessions": int(result)}
    if question == "transitions":
        ends = {"path_start": START, "path_end": END}
        return {
            f"{ends.get(a, a)}>{ends.get(b, b)}": [int(n)] for a, row in result.iterrows() for b, n in row.items() if n
        }
    return _cells(*result)


def _cells(stream: Any, shares: Any) -> Mapping[str, int]:
    """Turn shares of sessions back into sessions."""
    sessions = int(stream.df[SESSION].nunique())
    matrix = shares[0] if isinstance(shares, tuple) else shares
    rows = matrix.drop(index=["path_start", "path_end"], errors="ignore").iterrows()
    counts = {f"{step}:{name}": round(share * sessions) for name, row in rows for step, share in row.items()}
    return {cell: n for cell, n in counts.items() if n}
