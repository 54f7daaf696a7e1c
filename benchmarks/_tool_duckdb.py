"""DuckDB, asked in SQL, on a table of its own: sorted by user and time, integer-coded, one thread.

``duckdb`` is standard SQL: windows partition by user and order by time, and of several ways to say the same the
cheapest one found stands here (``LOG.md`` has the others). ``duckdb_unordered`` leaves partitions and order out and
trusts that rows come as they lie in the table. That makes windows cheap, but SQL does not promise it, and on a table
that is not sorted the answer is wrong without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import duckdb

from _questions import (
    CODED_TABLE,
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

VERSION_OF: Final = "duckdb"
Codes = Mapping[str, int]
BY_USER: Final = '(PARTITION BY "user" ORDER BY us)'
GAP_US: Final = GAP_S * 1_000_000

SCANS: Final = {
    "scan": ("numpy", '"user", us, type'),
    "scan_with_item": ("numpy", '"user", us, type, item'),
    "sum": ("row", 'sum("user"), sum(us), sum(type)'),
    "sum_with_item": ("row", 'sum("user"), sum(us), sum(type), sum(item)'),
}
"""The scans: all rows of some columns handed over as arrays; and the same read, but only added up inside the engine."""


def prepare(question: str, folder: Path) -> None:
    """Run a query, so that what is loaded on first use is loaded (NumPy, for the scans that hand arrays over)."""
    del folder
    one = duckdb.connect().execute("SELECT 1")
    _ = one.fetchnumpy() if question in SCANS else one.fetchall()


def ask(question: str, folder: Path, *, ordered: bool = True) -> Any:
    """Do the work.

    Args:
        question: One of ``_questions``, of ``SCANS``, or ``copy FILE``.
        folder: Holds the table.
        ordered: Whether windows partition and order.
    """
    if question.startswith("copy "):
        return _copy(question.removeprefix("copy "), folder)
    with duckdb.connect(str(folder / CODED_TABLE), read_only=True) as connection:
        connection.execute("SET threads = 1")
        if question in SCANS:
            kind, columns = SCANS[question]
            scanned = connection.execute(f"SELECT {columns} FROM events")
            return scanned.fetchnumpy() if kind == "numpy" else scanned.fetchall()
        codes = {name: code for code, name in event_names(folder).items()}
        return connection.execute((SQL if ordered else UNORDERED_SQL)[question](codes)).fetchall()


def _copy(what: str, folder: Path) -> int:
    """Run DuckDB's own CSV to Parquet, or JSON lines to Parquet; on all cores and with its own settings."""
    path, target = str(folder / what).replace("'", "''"), str(folder / "copied.parquet").replace("'", "''")
    # A row whose cells do not fit the types seen first would end the copy.
    rows = f"read_csv('{path}', ignore_errors = true)" if what.endswith(".csv") else f"read_json('{path}')"
    copied = duckdb.connect().execute(f"COPY (SELECT * FROM {rows}) TO '{target}' (FORMAT parquet)").fetchall()
    return int(copied[0][0])


def answer(question: str, rows: Any, folder: Path) -> Any:
    """Say rows in the words of ``_questions``."""
    if question in SCANS:
        return len(rows["user"]) if isinstance(rows, dict) else len(rows)
    if question.startswith("copy "):
        return rows
    names = event_names(folder)
    return _ANSWERS[question](rows, names)


def _in(codes: Codes, names: tuple[str, ...]) -> str:
    return "type IN (" + ", ".join(str(codes[name]) for name in names if name in codes) + ")"


def _funnel(codes: Codes) -> str:
    """Join each step with the last attempt before it: an attempt that starts later can go on at least as long."""
    first, *later = (codes[name] for name in FUNNEL)
    parts = [f's0 AS (SELECT "user", us, us AS start FROM events WHERE type = {first})']
    for k, code in enumerate(later):
        parts.append(
            f's{k + 1} AS MATERIALIZED (SELECT e."user", e.us, b.start FROM events e ASOF JOIN s{k} b '
            f'ON e."user" = b."user" AND e.us > b.us WHERE e.type = {code} '
            f"AND e.us <= b.start + {FUNNEL_WITHIN_S * 1_000_000})"
        )
    counts = ", ".join(f'(SELECT count(DISTINCT "user") FROM s{k})' for k in range(len(FUNNEL)))
    return f"WITH {', '.join(parts)} SELECT {counts}"


def _sessions(codes: Codes, *, ordered: bool = True) -> str:
    if ordered:
        cut = f"us - lag(us) OVER {BY_USER} <= {GAP_US}"
        numbered, key = f"sum(new) OVER {BY_USER}", '"user", session'
    else:
        cut = f'"user" = lag("user") OVER () AND us - lag(us) OVER () <= {GAP_US}'
        numbered, key = "sum(new) OVER (ROWS UNBOUNDED PRECEDING)", "session"
    each = (
        f"SELECT count(*) AS n, max(us) - min(us) AS length, bool_or({_in(codes, KEY_TYPES)}) AS keyed, "
        f"count(*) FILTER ({_in(codes, VIEW_TYPES)}) AS views, bool_or({_in(codes, ('purchase',))}) AS bought "
        f"FROM numbered GROUP BY {key}"
    )
    engaged = f"length > {ENGAGED_S * 1_000_000} OR keyed OR views >= 2"
    return (
        f'WITH marked AS (SELECT "user", us, type, CASE WHEN {cut} THEN 0 ELSE 1 END AS new FROM events), '
        f"numbered AS (SELECT *, {numbered} AS session FROM marked), each AS ({each}) "
        "SELECT count(*), sum(n), median(n), avg(length) / 1e6, median(length) / 1e6, "
        f"avg(CAST({engaged} AS INTEGER)), avg(CAST(n = 1 AS INTEGER)), avg(CAST(bought AS INTEGER)) FROM each"
    )


def _transitions(codes: Codes, *, ordered: bool = True) -> str:
    del codes
    if ordered:
        moves = "us - lag(us) OVER w AS gap, lag(type) OVER w AS source, lead(us) OVER w - us AS rest"
        window = f" WINDOW w AS {BY_USER}"
    else:
        moves = (
            'CASE WHEN "user" = lag("user") OVER () THEN us - lag(us) OVER () END AS gap, lag(type) OVER () AS source, '
            'CASE WHEN "user" = lead("user") OVER () THEN lead(us) OVER () - us END AS rest'
        )
        window = ""
    inside = f"CASE WHEN gap <= {GAP_US} THEN"
    return (
        f'WITH moved AS MATERIALIZED (SELECT "user", type, {moves} FROM events{window}) '
        f'SELECT {inside} source END AS source, type, count(*), count(DISTINCT "user"), '
        f"median({inside} gap END) / 1e6 FROM moved GROUP BY ALL UNION ALL "
        'SELECT type, NULL, count(*), count(DISTINCT "user"), NULL FROM moved '
        f"WHERE rest > {GAP_US} OR rest IS NULL GROUP BY type"
    )


def _step_matrix(codes: Codes, *, ordered: bool = True) -> str:
    """Ask how many of the last gaps were short, which needs one window; in table order, count from the last start."""
    del codes
    if ordered:
        lags = ", ".join(f"lag(us, {k}) OVER w AS u{k}" for k in range(1, MATRIX_STEPS + 1))
        cuts = " ".join(f"WHEN u{k + 1} IS NULL OR u{k} - u{k + 1} > {GAP_US} THEN {k}" for k in range(MATRIX_STEPS))
        return (
            f"WITH seen AS (SELECT type, us AS u0, {lags} FROM events WINDOW w AS {BY_USER}), "
            f"placed AS (SELECT type, CASE {cuts} END AS step FROM seen) "
            "SELECT step, type, count(*) FROM placed WHERE step IS NOT NULL GROUP BY ALL"
        )
    same = f'"user" = lag("user") OVER () AND us - lag(us) OVER () <= {GAP_US}'
    return (
        "WITH marked AS (SELECT type, row_number() OVER () AS n, "
        f"CASE WHEN {same} THEN NULL ELSE n END AS first FROM events), "
        "placed AS (SELECT type, n - max(first) OVER (ROWS UNBOUNDED PRECEDING) AS step FROM marked) "
        f"SELECT step, type, count(*) FROM placed WHERE step < {MATRIX_STEPS} GROUP BY ALL"
    )


def _paths(codes: Codes, *, ordered: bool = True) -> str:
    """Look ahead from the first event of each session, which needs one window and no number of the session."""
    del codes
    near = range(1, PATH_STEPS)
    if ordered:
        before = "lag(us) OVER w"
        ahead = ", ".join(f"lead(type, {k}) OVER w AS t{k}, lead(us, {k}) OVER w AS u{k}" for k in near)
        window = f" WINDOW w AS {BY_USER}"
    else:
        before = 'CASE WHEN "user" = lag("user") OVER () THEN lag(us) OVER () END'
        ahead = ", ".join(
            f"lead(type, {k}) OVER () AS t{k}, "
            f'CASE WHEN "user" = lead("user", {k}) OVER () THEN lead(us, {k}) OVER () END AS u{k}'
            for k in near
        )
        window = ""
    going = ", ".join(f"{f'c{k - 1} AND ' if k > 1 else ''}u{k} - u{k - 1} <= {GAP_US} AS c{k}, t{k}" for k in near)
    shown = ", ".join(f"CASE WHEN c{k} THEN t{k} END" for k in near)
    return (
        f"WITH seen AS (SELECT type AS t0, us AS u0, {before} AS before, {ahead} FROM events{window}), "
        f"starts AS (SELECT t0, {going} FROM seen WHERE before IS NULL OR u0 - before > {GAP_US}) "
        f"SELECT t0, {shown}, count(*) FROM starts GROUP BY ALL"
    )


SQL: Final[dict[str, Callable[[Codes], str]]] = {
    "funnel": _funnel,
    "sessions": _sessions,
    "transitions": _transitions,
    "step_matrix": _step_matrix,
    "paths": _paths,
}
UNORDERED_SQL: Final[dict[str, Callable[[Codes], str]]] = {
    "sessions": lambda codes: _sessions(codes, ordered=False),
    "transitions": lambda codes: _transitions(codes, ordered=False),
    "step_matrix": lambda codes: _step_matrix(codes, ordered=False),
    "paths": lambda codes: _paths(codes, ordered=False),
}
MEASURES: Final = (
    "sessions", "events", "median_events", "mean_duration_s", "median_duration_s", "engaged_share",
    "single_event_share", "purchase_share",
)  # fmt: skip

_ANSWERS: Final[dict[str, Callable[[Any, Mapping[int, str]], Any]]] = {
    "funnel": lambda rows, _names: list(rows[0]),
    "sessions": lambda rows, _names: {name: float(value) for name, value in zip(MEASURES, rows[0], strict=True)},
    "transitions": lambda rows, names: {
        f"{names.get(source, START)}>{names.get(target, END)}": [n, users, median_s]
        for source, target, n, users, median_s in rows
    },
    "step_matrix": lambda rows, names: {f"{step + 1}:{names[kind]}": n for step, kind, n in rows},
    "paths": lambda rows, names: path_answer(
        ([names.get(kind, DROP_OFF) for kind in row[:-1]], row[-1]) for row in rows
    ),
}
