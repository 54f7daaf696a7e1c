"""What ingests brought, for the quality report: batches, late rows, rows said twice, moments shared by many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from footfall.lake._quality_sql import Row, fetch
from footfall.lake.engine import Engine
from footfall.lake.tables import Tables
from footfall.schema import GIVEN_EVENT_COLUMNS

SHARED_ROWS: Final = 100
SHARED_PART: Final = 1000
SHARED_USERS: Final = 10
"""A moment is reported from 100 rows, a thousandth of all rows, and 10 users on: less is an order, or a busy second."""


def batches(run: Engine) -> list[Row]:
    """Return the batches, oldest first: ``at`` (microseconds), ``source``, ``n``, ``first_us``, ``last_us``, ``late``.

    A row is late when it is earlier than the latest event of all earlier ingests.
    """
    run.run(
        "CREATE OR REPLACE TEMP TABLE batches AS SELECT epoch_us(ingested_at) AS at, source, count(*) AS n, "
        'epoch_us(min("timestamp")) AS first_us, epoch_us(max("timestamp")) AS last_us FROM events GROUP BY ALL'
    )
    # All batches of one moment are one ingest; the frame ends before it.
    run.run(
        "CREATE OR REPLACE TEMP TABLE newest AS SELECT at, max(max(last_us)) OVER (ORDER BY at ROWS BETWEEN UNBOUNDED "
        "PRECEDING AND 1 PRECEDING) AS before_us, min(first_us) AS first_us FROM batches GROUP BY at"
    )
    overlap = run.row("SELECT count(*) FROM newest WHERE first_us < before_us") != (0,)
    late = (
        "SELECT epoch_us(ingested_at) AS at, source, count(*) AS late FROM events JOIN newest "
        'ON epoch_us(ingested_at) = newest.at WHERE epoch_us("timestamp") < newest.before_us GROUP BY ALL'
        if overlap
        else "SELECT NULL::BIGINT AS at, NULL::VARCHAR AS source, 0::BIGINT AS late WHERE false"
    )
    return fetch(
        run,
        f"SELECT b.*, coalesce(late, 0) AS late FROM batches b LEFT JOIN ({late}) l ON b.at = l.at "
        "AND b.source IS NOT DISTINCT FROM l.source ORDER BY b.at, b.source",
    )


def count_same_ids(run: Engine) -> int:
    """Return how many rows have an event id that another row has already (by a 64-bit hash of it)."""
    return int(str(run.row("SELECT count(event_id) - count(DISTINCT hash(event_id)) FROM events")[0]))


def copies(run: Engine, present: Sequence[str]) -> dict[int, int]:
    """Count the rows that equal an earlier one in everything the source gave but the event id (by a 64-bit hash).

    Leaves ``said`` (t, h, n): rows by their moment and the hash of everything else.

    Args:
        run: Holds ``events``.
        present: Columns that have any value.

    Returns:
        Ingest (microseconds) to its number of such rows.
    """
    given = [c for c in GIVEN_EVENT_COLUMNS if c in present and c not in {"event_id", "timestamp"}]
    key = ", ".join(f'"{c}"' for c in given) or "NULL"
    keyed = (
        f'SELECT epoch_us("timestamp") AS t, hash({key}) AS h, epoch_us(ingested_at) AS at, "sequence" AS s FROM events'
    )
    run.run(f"CREATE OR REPLACE TEMP TABLE said AS SELECT t, h, count(*) AS n FROM ({keyed}) GROUP BY ALL")
    run.run("CREATE OR REPLACE TEMP TABLE twice AS SELECT t, h FROM said WHERE n > 1")
    if run.row("SELECT count(*) FROM twice") == (0,):
        return {}
    place = "row_number() OVER (PARTITION BY t, h ORDER BY at, s)"
    numbered = f"SELECT at, {place} AS k FROM ({keyed}) SEMI JOIN twice USING (t, h)"
    rows = fetch(run, f"SELECT at, count(*) AS n FROM ({numbered}) WHERE k > 1 GROUP BY at ORDER BY at")
    return {row["at"]: row["n"] for row in rows}


def shared_moments(run: Engine, rows: int) -> list[Row]:
    """Return the moments that many rows of many users share, the largest first, five at most: ``t, n, users``.

    Args:
        run: ``copies`` ran in it.
        rows: Number of events.
    """
    least = max(SHARED_ROWS, rows // SHARED_PART)
    run.run(
        "CREATE OR REPLACE TEMP TABLE crowded AS SELECT t, CAST(sum(n) AS BIGINT) AS n FROM said GROUP BY t "
        f"HAVING sum(n) >= {least} ORDER BY sum(n) DESC, t LIMIT 100"
    )
    if run.row("SELECT count(*) FROM crowded") == (0,):
        return []
    who = "coalesce('u:' || user_id, 'a:' || anonymous_id)"
    return fetch(
        run,
        f"SELECT t, any_value(n) AS n, count(DISTINCT {who}) AS users FROM events "
        'JOIN crowded ON epoch_us("timestamp") = t '
        f"GROUP BY t HAVING count(DISTINCT {who}) >= {SHARED_USERS} ORDER BY n DESC, t LIMIT 5",
    )


def noted(tables: Tables) -> list[dict[str, int | str | None]]:
    """Return what the lake's log says of ingests: ``ingest``, ``at``, ``duplicates``, ``rejected``; newest first.

    Args:
        tables: The workspace's tables.
    """
    return [
        {name: entry.get(name) for name in ("ingested_us", "source", "duplicates", "rejected")}
        for entry in tables.open("events").history()
        if "duplicates" in entry
    ]
