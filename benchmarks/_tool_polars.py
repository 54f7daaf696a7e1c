"""polars, asked lazily with its streaming engine, on the Parquet file; frames keep their order, so sorted rows help.

The row above is the user's event before, as long as the user is the same: no window is needed but in the funnel.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("POLARS_MAX_THREADS", "1")  # read once, when it is imported

import polars as pl

from _questions import (
    CODED_FILE,
    DROP_OFF,
    END,
    ENGAGED_S,
    FUNNEL,
    FUNNEL_WITHIN_S,
    GAP_S,
    KEY_TYPES,
    MATRIX_STEPS,
    PATH_STEPS,
    START,
    VIEW_TYPES,
    event_names,
    path_answer,
)

VERSION_OF: Final = "polars"

user, us, kind = pl.col("user"), pl.col("us"), pl.col("type")
gap_us = us - us.shift()
begins = ((user != user.shift()) | (gap_us > GAP_S * 1_000_000)).fill_null(value=True)

Codes = Mapping[str, int]


def prepare(question: str, folder: Path) -> None:
    """Run a query once: the engine starts its threads."""
    del question, folder
    pl.LazyFrame({"a": [1]}).select(pl.col("a").sum()).collect(engine="streaming")


def ask(question: str, folder: Path) -> Any:
    """Do the work.

    Args:
        question: One of ``_questions``.
        folder: Holds the Parquet file.
    """
    codes = {name: code for code, name in event_names(folder).items()}
    events = pl.scan_parquet(folder / CODED_FILE).select("user", "us", "type")
    return [frame.rows() for frame in pl.collect_all(PLANS[question](events, codes), engine="streaming")]


def answer(question: str, frames: Any, folder: Path) -> Any:
    """Say rows in the words of ``_questions``."""
    return _ANSWERS[question](frames, event_names(folder))


def _is(codes: Codes, names: tuple[str, ...]) -> pl.Expr:
    return kind.is_in([codes[name] for name in names if name in codes])


def _funnel(events: pl.LazyFrame, codes: Codes) -> list[pl.LazyFrame]:
    """Carry the start of the last attempt along each user's events; what cannot go on is left out step by step."""
    window_us = FUNNEL_WITHIN_S * 1_000_000
    first, *later = (codes[name] for name in FUNNEL)
    start = pl.when(kind == first).then(us).forward_fill().over("user")
    going = events.filter(_is(codes, FUNNEL)).with_columns(start=start)
    counts = [events.filter(kind == first).select(user.n_unique())]
    done = first
    for code in later:
        going = going.filter((kind != done) & (us <= pl.col("start") + window_us))
        counts.append(going.filter(kind == code).select(user.n_unique()))
        going = going.with_columns(start=pl.when(kind == code).then("start").forward_fill().over("user"))
        done = code
    return counts


def _sessions(events: pl.LazyFrame, codes: Codes) -> list[pl.LazyFrame]:
    each = (
        events.with_columns(session=begins.cum_sum())
        .group_by("session")
        .agg(
            n=pl.len(),
            length=us.last() - us.first(),
            keyed=_is(codes, KEY_TYPES).any(),
            views=_is(codes, VIEW_TYPES).sum(),
            bought=_is(codes, ("purchase",)).any(),
        )
    )
    n, length = pl.col("n"), pl.col("length")
    engaged = (length > ENGAGED_S * 1_000_000) | pl.col("keyed") | (pl.col("views") >= 2)
    return [
        each.select(
            sessions=pl.len(),
            events=n.sum(),
            median_events=n.median(),
            mean_duration_s=length.mean() / 1e6,
            median_duration_s=length.median() / 1e6,
            engaged_share=engaged.mean(),
            single_event_share=(n == 1).mean(),
            purchase_share=pl.col("bought").mean(),
        )
    ]


def _transitions(events: pl.LazyFrame, codes: Codes) -> list[pl.LazyFrame]:
    del codes
    inside = pl.when(~pl.col("begins"))
    moved = events.with_columns(begins=begins, before=kind.shift(), gap=gap_us).with_columns(
        source=inside.then("before"), gap=inside.then("gap"), ends=pl.col("begins").shift(-1, fill_value=True)
    )
    measured = {"n": pl.len(), "users": user.n_unique()}
    return [
        moved.group_by("source", "type").agg(**measured, median_s=pl.col("gap").median() / 1e6),
        moved.filter("ends").group_by("type").agg(**measured),
    ]


def _step_matrix(events: pl.LazyFrame, codes: Codes) -> list[pl.LazyFrame]:
    del codes
    first = pl.when(begins).then(pl.col("row")).forward_fill()
    placed = events.with_row_index("row").with_columns(step=pl.col("row") - first)
    return [placed.filter(pl.col("step") < MATRIX_STEPS).group_by("step", "type").agg(pl.len())]


def _paths(events: pl.LazyFrame, codes: Codes) -> list[pl.LazyFrame]:
    del codes
    marked, cells = events.with_columns(begins=begins), [kind.alias("t0")]
    going = pl.lit(value=True)
    for k in range(1, PATH_STEPS):
        going = going & ~pl.col("begins").shift(-k, fill_value=True)
        cells.append(pl.when(going).then(kind.shift(-k)).alias(f"t{k}"))
    names = [f"t{k}" for k in range(PATH_STEPS)]
    return [marked.select("begins", *cells).filter("begins").group_by(names).agg(pl.len())]


PLANS: Final = {
    "funnel": _funnel,
    "sessions": _sessions,
    "transitions": _transitions,
    "step_matrix": _step_matrix,
    "paths": _paths,
}
MEASURES: Final = (
    "sessions", "events", "median_events", "mean_duration_s", "median_duration_s", "engaged_share",
    "single_event_share", "purchase_share",
)  # fmt: skip


def _transitions_answer(frames: Any, names: Mapping[int, str]) -> dict[str, list[Any]]:
    inside, ends = frames
    found = {f"{names.get(a, START)}>{names[b]}": [n, users, median_s] for a, b, n, users, median_s in inside}
    return found | {f"{names[a]}>{END}": [n, users, None] for a, n, users in ends}


_ANSWERS: Final[dict[str, Callable[[Any, Mapping[int, str]], Any]]] = {
    "funnel": lambda frames, _names: [frame[0][0] for frame in frames],
    "sessions": lambda frames, _names: dict(zip(MEASURES, frames[0][0], strict=True)),
    "transitions": _transitions_answer,
    "step_matrix": lambda frames, names: {f"{step + 1}:{names[kind]}": n for step, kind, n in frames[0]},
    "paths": lambda frames, names: path_answer(
        ([names.get(kind, DROP_OFF) for kind in row[:-1]], row[-1]) for row in frames[0]
    ),
}
