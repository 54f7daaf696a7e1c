"""The values of one column, for the quality report: medians, deciles, the most frequent texts, by halves of the log.

Medians and deciles are exact: values are grouped with their counts first, and there are far fewer of those than rows.
"""

from __future__ import annotations

import itertools
from typing import Final

from footfall.events.readers._base import lit
from footfall.lake._quality_sql import Halves, Row, fetch
from footfall.lake.engine import Engine

CATEGORIES: Final = (
    "event_type", "item_id", "currency", "query", "list_id", "channel", "campaign", "device", "country", "region",
    "bot", "source",
)  # fmt: skip
"""Texts whose drift is taken."""

NUMBERS: Final = ("quantity", "price", "value", "rating", "position", "logging_prob")
OUTLYING: Final = ("quantity", "price", "value", "rating")
"""Numbers whose outliers are counted."""

MONEY: Final = ("price", "value")
TOP: Final = 20
OTHER: Final = "(other)"

Bin = tuple[str, int, int]
"""What a bin holds, and its rows in the first and in the second half."""


def group_texts(run: Engine, column: str, halves: Halves) -> tuple[int, list[Bin]]:
    """Group a text column by value and half.

    Args:
        run: Holds ``events``.
        column: A text column.
        halves: The halves.

    Returns:
        The number of distinct values, and the 20 most frequent ones of both halves, and ``(other)``.
    """
    run.run(
        f'CREATE OR REPLACE TEMP TABLE texts AS SELECT {halves.sql} AS half, "{column}" AS v, count(*) AS n '
        f'FROM events WHERE "{column}" IS NOT NULL GROUP BY ALL'
    )
    n = [f"CAST(coalesce(sum(n) FILTER (half = {i}), 0) AS BIGINT)" for i in (0, 1)]
    run.run(f"CREATE OR REPLACE TEMP TABLE ranked AS SELECT v, {n[0]} AS n0, {n[1]} AS n1 FROM texts GROUP BY v")
    top = fetch(run, f"SELECT v, n0, n1 FROM ranked WHERE n0 + n1 > 0 ORDER BY n0 + n1 DESC, v LIMIT {TOP}")
    sums = ", ".join(f"coalesce(CAST(sum({n}) AS BIGINT), 0) AS {n}" for n in ("n0", "n1"))
    whole = fetch(run, f"SELECT count(*) AS n, {sums} FROM ranked")[0]
    bins: list[Bin] = [(row["v"], row["n0"], row["n1"]) for row in top]
    rest = (OTHER, whole["n0"] - sum(b[1] for b in bins), whole["n1"] - sum(b[2] for b in bins))
    return whole["n"], [*bins, rest] if any(rest[1:]) else bins


def group_numbers(run: Engine, column: str, halves: Halves) -> int:
    """Make ``numbers`` (half, money, v, n) of a column, and return how many different values it has.

    Args:
        run: Holds ``events``.
        column: A column of numbers.
        halves: The halves.
    """
    money = "currency" if column in MONEY else "NULL::VARCHAR"
    run.run(
        f'CREATE OR REPLACE TEMP TABLE numbers AS SELECT {halves.sql} AS half, {money} AS money, CAST("{column}" AS '
        f'DOUBLE) AS v, count(*) AS n FROM events WHERE "{column}" IS NOT NULL GROUP BY ALL'
    )
    return int(str(run.row("SELECT count(DISTINCT v) FROM numbers")[0]))


def medians(run: Engine) -> list[Row]:
    """Return, per currency of ``numbers``: ``money, n, median, mad, mean_ad, lowest, highest, zeros``."""
    run.run(
        "CREATE OR REPLACE TEMP TABLE spread AS SELECT money, v, CAST(sum(n) AS BIGINT) AS n FROM numbers GROUP BY ALL"
    )
    run.run(f"CREATE OR REPLACE TEMP TABLE centre AS {_median('spread')}")
    run.run(
        "CREATE OR REPLACE TEMP TABLE away AS SELECT s.money, abs(v - median) AS v, n FROM spread s JOIN centre c "
        "ON s.money IS NOT DISTINCT FROM c.money"
    )
    run.run("CREATE OR REPLACE TEMP TABLE away AS SELECT money, v, CAST(sum(n) AS BIGINT) AS n FROM away GROUP BY ALL")
    return fetch(
        run,
        "SELECT c.money, c.total AS n, c.median, m.median AS mad, mean_ad, lowest, highest, zeros FROM centre c "
        f"JOIN ({_median('away')}) m ON c.money IS NOT DISTINCT FROM m.money "
        "JOIN (SELECT money, sum(v * n) / sum(n) AS mean_ad FROM away GROUP BY ALL) a "
        "ON c.money IS NOT DISTINCT FROM a.money "
        "JOIN (SELECT money, min(v) AS lowest, max(v) AS highest, "
        "CAST(coalesce(sum(n) FILTER (v = 0), 0) AS BIGINT) AS zeros FROM spread GROUP BY ALL) r "
        "ON c.money IS NOT DISTINCT FROM r.money ORDER BY n DESC, c.money",
    )


def _median(table: str) -> str:
    """Build the SQL of the exact median, per currency, of distinct values ``v`` that come with their counts ``n``."""
    running = "CAST(sum(n) OVER (PARTITION BY money ORDER BY v) AS BIGINT) AS upto"
    total = "CAST(sum(n) OVER (PARTITION BY money) AS BIGINT) AS total"
    return (
        "SELECT money, any_value(total) AS total, (min(v) FILTER (upto >= (total + 1) // 2) "
        f"+ min(v) FILTER (upto >= total // 2 + 1)) / 2 AS median FROM (SELECT money, v, {running}, {total} "
        f"FROM {table}) GROUP BY money"
    )


def count_beyond(run: Engine, money: str | None, median: float, scale: float, limit: float) -> int:
    """Return how many rows of ``spread`` lie farther from the median than ``limit`` times the scale.

    Args:
        run: ``medians`` ran in it.
        money: Which currency.
        median: Its median.
        scale: Above 0.
        limit: The largest robust z that is no outlier.
    """
    n = run.row(
        "SELECT CAST(coalesce(sum(n), 0) AS BIGINT) FROM spread WHERE money IS NOT DISTINCT FROM ? "
        "AND abs(v - CAST(? AS DOUBLE)) / CAST(? AS DOUBLE) > CAST(? AS DOUBLE)",
        [money, median, scale, limit],
    )[0]
    return int(str(n))


def deciles(run: Engine) -> list[Bin]:
    """Return the bins between the deciles of the first half of ``numbers``; none where that half is empty.

    A decile is the smallest value that at least so many tenths of the rows do not exceed; equal ones are one.
    """
    tenths = ", ".join(f"min(v) FILTER (upto * 10 >= {j} * total)" for j in range(1, 10))
    running = "CAST(sum(n) OVER (ORDER BY v) AS BIGINT) AS upto, CAST(sum(n) OVER () AS BIGINT) AS total"
    edges = run.arrow(
        f"SELECT DISTINCT unnest([{tenths}]) AS edge FROM (SELECT v, {running} FROM (SELECT v, sum(n) AS n "
        "FROM numbers WHERE half = 0 GROUP BY v)) ORDER BY 1"
    )["edge"].to_pylist()
    if not edges or edges[0] is None:
        return []
    place = " + ".join(f"CAST(v > CAST({lit(repr(edge))} AS DOUBLE) AS INTEGER)" for edge in edges)
    n = [f"CAST(coalesce(sum(n) FILTER (half = {i}), 0) AS BIGINT) AS n{i}" for i in (0, 1)]
    rows = fetch(run, f"SELECT {place} AS place, {n[0]}, {n[1]} FROM numbers WHERE half IS NOT NULL GROUP BY 1")
    found = {row["place"]: (row["n0"], row["n1"]) for row in rows}
    names = [f"up to {edges[0]:g}"]
    names += [f"{low:g} to {high:g}" for low, high in itertools.pairwise(edges)]
    names.append(f"above {edges[-1]:g}")
    return [(name, *found.get(i, (0, 0))) for i, name in enumerate(names)]
