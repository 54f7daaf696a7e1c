"""What ingests brought, for the quality report: batches, late rows, rows said twice, moments shared by many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from footfall.lake._quality_sql import Row, fetch
from footfall.lake.engine import Engine
from footfall.lake.tables import Tables
from footfall.schema import GIVEN_EVENT_COLUMNS

SHARED_ROWS: Final = 100
SHARED_PART: Final = 1000
SHARED_USERS: Final = 10
"""A moment is reported from 100 rows, a thousandth of all rows, and 10 users on: less is an order, or a busy second."""

DUPLICATES_BEFORE: Final = "duplicates_before"
"""Key of the log's note that sums up older ones, left when an erasure takes the old log away."""


def batches(run: Engine) -> list[Row]:
    """Return the batches, oldest first: ``came``, ``first_us``, ``last_us`` (all in µs), ``source``, ``n``, ``late``.

    A row is late when it is earlier than the latest event of all earlier ingests.
    """
    run.run(
        "CREATE OR REPLACE TEMP TABLE batches AS SELECT epoch_us(ingested_at) AS came, source, count(*) AS n, "
        'epoch_us(min("timestamp")) AS first_us, epoch_us(max("timestamp")) AS last_us FROM events GROUP BY ALL'
    )
    # All batches of one moment are one ingest; the frame ends before it.
    run.run(
        "CREATE OR REPLACE TEMP TABLE newest AS SELECT came, min(first_us) AS first_us, max(max(last_us)) OVER "
        "(ORDER BY came ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_us FROM batches GROUP BY came"
    )
    overlap = run.row("SELECT count(*) FROM newest WHERE first_us < before_us") != (0,)
    late = (
        "SELECT epoch_us(ingested_at) AS came, source, count(*) AS late FROM events JOIN newest "
        'ON epoch_us(ingested_at) = newest.came WHERE epoch_us("timestamp") < newest.before_us GROUP BY ALL'
        if overlap
        else "SELECT NULL::BIGINT AS came, NULL::VARCHAR AS source, 0::BIGINT AS late WHERE false"
    )
    return fetch(
        run,
        f"SELECT b.*, coalesce(late, 0) AS late FROM batches b LEFT JOIN ({late}) l ON b.came = l.came "
        "AND b.source IS NOT DISTINCT FROM l.source ORDER BY b.came, b.source",
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
    shown = f'epoch_us("timestamp") AS t, hash({key}) AS h, epoch_us(ingested_at) AS came, "sequence" AS s'
    keyed = f"SELECT {shown} FROM events"
    run.run(f"CREATE OR REPLACE TEMP TABLE said AS SELECT t, h, count(*) AS n FROM ({keyed}) GROUP BY ALL")
    run.run("CREATE OR REPLACE TEMP TABLE twice AS SELECT t, h FROM said WHERE n > 1")
    if run.row("SELECT count(*) FROM twice") == (0,):
        return {}
    place = "row_number() OVER (PARTITION BY t, h ORDER BY came, s)"
    numbered = f"SELECT came, {place} AS k FROM ({keyed}) SEMI JOIN twice USING (t, h)"
    rows = fetch(run, f"SELECT came, count(*) AS n FROM ({numbered}) WHERE k > 1 GROUP BY came ORDER BY came")
    return {row["came"]: row["n"] for row in rows}


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


class Noted(NamedTuple):
    """What the lake's log says of ingests.

    Attributes:
        batches: Moment (microseconds) and source to the rows dropped as duplicates and the rows refused.
        duplicates: Rows dropped in all, those of batches included whose entries the log no longer has.
    """

    batches: dict[tuple[int, str], tuple[int, int]]
    duplicates: int


def noted(tables: Tables) -> Noted:
    """Read the log's notes on ingests, as far as it reaches.

    Args:
        tables: The workspace's tables.
    """
    batches: dict[tuple[int, str], tuple[int, int]] = {}
    total, whole = 0, False
    for entry in tables.open("events").history():  # newest first
        if "ingested_us" in entry:
            note = int(entry["duplicates"]), int(entry["rejected"])
            batches[int(entry["ingested_us"]), entry["source"]] = note
            total += 0 if whole else note[0]
        elif DUPLICATES_BEFORE in entry and not whole:
            total += int(entry[DUPLICATES_BEFORE])
            whole = True  # what is older is in it
    return Noted(batches, total)
