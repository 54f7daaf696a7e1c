"""The queries of the quality report. Each is one pass over the events (or over a small table made by one).

Nothing is read into Python but aggregates; what is sorted or grouped spills to disk beyond the engine's memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

from footfall.events.readers._base import lit
from footfall.lake.engine import Engine
from footfall.schema import EVENT_COLUMNS, GIVEN_EVENT_COLUMNS, ITEM_COLUMNS, US_PER_DAY, US_PER_S

TIME: Final = "TIMESTAMPTZ"
TEXT: Final = "VARCHAR"
QUARTER_US: Final = 900 * US_PER_S
"""Times are grouped by the quarter of an hour: every zone's offset is a multiple of it, so quarters add up to days."""

ESTIMATED: Final = (
    "decision_id", "text", "properties", "ip", "user_agent", "timestamp", "sequence",
)  # fmt: skip
"""Columns whose distinct values are estimated: counting long or nearly unique values costs more than it tells."""

COUNTED: Final = ("user_id", "anonymous_id", "order_id", "session_id")
"""Ids counted exactly."""

Row = Mapping[str, Any]


def fetch(run: Engine, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
    """Return the rows of a query whose result is small."""
    rows: list[Row] = run.arrow(sql, parameters).to_pylist()
    return rows


@dataclasses.dataclass(frozen=True)
class Halves:
    """The halves of the log's time; microseconds since 1970 UTC.

    Attributes:
        first_us: First moment of the bulk.
        middle_us: Last moment of the first half.
        last_us: Last moment of the bulk.
    """

    first_us: int
    middle_us: int
    last_us: int

    @property
    def sql(self) -> str:
        """SQL for an event's half: 0, 1, or null outside of the bulk."""
        t = 'epoch_us("timestamp")'
        return (
            f"CASE WHEN {t} BETWEEN {self.first_us} AND {self.middle_us} THEN 0 "
            f"WHEN {t} > {self.middle_us} AND {t} <= {self.last_us} THEN 1 END"
        )


def days(run: Engine, timezone: str) -> list[Row]:
    """Return the days of a zone that have events, in order.

    Args:
        run: Holds ``events``.
        timezone: An IANA zone.

    Returns:
        ``day`` (since 1970), ``n`` events, ``first_us``, ``last_us``, and of the events those exactly at ``midnight``,
        at ``utc_midnight``, and at a full ``hour`` other than midnight.
    """
    t = 'epoch_us("timestamp")'
    run.run(
        f"CREATE OR REPLACE TEMP TABLE quarters AS SELECT {t} - (({t} % {QUARTER_US}) + {QUARTER_US}) % {QUARTER_US} "
        f"AS quarter, count(*) AS n, count(*) FILTER ({t} % {QUARTER_US} = 0) AS exact, min({t}) AS first_us, "
        f'max({t}) AS last_us FROM events WHERE "timestamp" IS NOT NULL GROUP BY 1'
    )
    local = f"SELECT *, epoch_us(timezone({lit(timezone)}, make_timestamptz(quarter))) AS wall FROM quarters"
    # Wall clocks before 1970 are negative; the sum keeps the remainder positive.
    rest = f"((wall % {US_PER_DAY}) + {US_PER_DAY}) % {US_PER_DAY}"
    return fetch(
        run,
        f"SELECT (wall - {rest}) // {US_PER_DAY} AS day, CAST(sum(n) AS BIGINT) AS n, min(first_us) AS first_us, "
        f"max(last_us) AS last_us, CAST(coalesce(sum(exact) FILTER ({rest} = 0), 0) AS BIGINT) AS midnight, "
        f"CAST(coalesce(sum(exact) FILTER (quarter % {US_PER_DAY} = 0), 0) AS BIGINT) AS utc_midnight, "
        f"CAST(coalesce(sum(exact) FILTER ({rest} <> 0 AND {rest} % {3600 * US_PER_S} = 0), 0) AS BIGINT) AS hour "
        f"FROM ({local}) GROUP BY 1 ORDER BY 1",
    )


def known(run: Engine, halves: Halves | None) -> dict[int | None, Row]:
    """Count rows and known values in each half.

    Args:
        run: Holds ``events``.
        halves: The halves; None where there are no events.

    Returns:
        Half (0, 1, or None for rows outside of the bulk) to ``n`` rows and, per column, its known values.
    """
    half = "NULL::INTEGER" if halves is None else halves.sql
    counts = ", ".join(f'count("{c}") AS "{c}"' for c in EVENT_COLUMNS)
    rows = fetch(run, f"SELECT half, count(*) AS n, {counts} FROM (SELECT *, {half} AS half FROM events) GROUP BY half")
    return {row["half"]: row for row in rows}


def ranges(run: Engine, present: Sequence[str]) -> Row:
    """Measure columns.

    Args:
        run: Holds ``events``.
        present: The columns; those that have any value.

    Returns:
        Per column ``l:`` and ``h:``, lowest and highest (times in µs, texts by length), and ``d:`` distinct values
        where they are estimated; ``future``: rows later than their own ingest.
    """
    shown = ['count(*) FILTER ("timestamp" > ingested_at) AS future']
    for name in present:
        column, kind = f'"{name}"', EVENT_COLUMNS[name]
        measured = f"length({column})" if kind == TEXT else f"epoch_us({column})" if kind == TIME else column
        measured = f"CAST({measured} AS DOUBLE)" if kind not in {TEXT, TIME} else measured
        shown += [f'min({measured}) AS "l:{name}"', f'max({measured}) AS "h:{name}"']
        if name in ESTIMATED:
            # An estimate may lie above what is possible.
            shown.append(f'least(approx_count_distinct({column}), count({column})) AS "d:{name}"')
    return fetch(run, f"SELECT {', '.join(shown)} FROM events")[0]


def event_types(run: Engine) -> list[Row]:
    """Return, per event type and currency, ``n``, ``without_user``, the exact ``value`` (text), ``c:<column>``."""
    known = ", ".join(f'count("{c}") AS "c:{c}"' for c in GIVEN_EVENT_COLUMNS)
    return fetch(
        run,
        "SELECT event_type, currency AS money, count(*) AS n, count(*) - count(user_id) AS without_user, "
        f'CAST(sum("value") AS VARCHAR) AS "value", {known} FROM events GROUP BY event_type, currency',
    )


def distinct_ids(run: Engine, present: Sequence[str]) -> Row:
    """Return exact numbers: distinct ids per column of ``COUNTED``, ``lonely`` devices (in events without a user).

    Robots by their agent: ``bot_events``, and ``bot_users`` (users, and devices without one).

    Args:
        run: Holds ``events``.
        present: Columns that have any value; the others count 0.
    """
    shown = [f"{f'count(DISTINCT {c})' if c in present else '0::BIGINT'} AS {c}" for c in COUNTED]
    lonely = "count(DISTINCT CASE WHEN user_id IS NULL THEN anonymous_id END)"
    shown.append(f"{lonely if 'anonymous_id' in present else '0::BIGINT'} AS lonely")
    who = "coalesce('u:' || user_id, 'a:' || anonymous_id)"
    users = f"count(DISTINCT CASE WHEN bot IS NOT NULL THEN {who} END)"
    shown += ["count(bot) AS bot_events", f"{users if 'bot' in present else '0::BIGINT'} AS bot_users"]
    return fetch(run, f"SELECT {', '.join(shown)} FROM events")[0]


def items(run: Engine) -> tuple[Row, list[str]]:
    """Return the catalogue's ``rows``, ``items``, and per column ``m:`` missing, ``d:`` distinct; and its columns."""
    names = [c for c in ITEM_COLUMNS if c not in {"item_id", "seen_at", "source"}]
    newest = ", ".join(f"arg_max({c}, seen_at) AS {c}" for c in names)
    run.run(
        f"CREATE OR REPLACE TEMP TABLE catalogue AS SELECT item_id, count(*) AS changes, {newest} FROM items "
        "WHERE item_id IS NOT NULL GROUP BY item_id"
    )
    shown = ", ".join(f'count(*) - count({c}) AS "m:{c}", count(DISTINCT {c}) AS "d:{c}"' for c in names)
    row = fetch(
        run,
        f"SELECT CAST(coalesce(sum(changes), 0) AS BIGINT) AS rows, count(*) AS items, {shown} FROM catalogue",
    )[0]
    return row, names


def known_items(run: Engine) -> Row:
    """Return ``unknown_items``, ``unknown_events`` (items that the catalogue lacks) and ``unused`` (without any event).

    Args:
        run: ``items`` ran in it.
    """
    seen = "SELECT item_id, count(*) AS n FROM events WHERE item_id IS NOT NULL GROUP BY 1"
    return fetch(
        run,
        "SELECT count(*) FILTER (c.item_id IS NULL) AS unknown_items, "
        "CAST(coalesce(sum(n) FILTER (c.item_id IS NULL), 0) AS BIGINT) AS unknown_events, "
        "count(*) FILTER (s.item_id IS NULL) AS unused "
        f"FROM ({seen}) s FULL JOIN catalogue c ON s.item_id = c.item_id",
    )[0]


def rejects(run: Engine) -> list[Row]:
    """Return, per reason, ``n`` rows and the oldest of them as an example, the most frequent reason first."""
    return fetch(
        run,
        "SELECT reason, n, file, line, detail, left(raw, 200) AS raw FROM (SELECT *, "
        "count(*) OVER (PARTITION BY reason) AS n, "
        "row_number() OVER (PARTITION BY reason ORDER BY ingested_at, file, line NULLS LAST, reject_id) AS place "
        "FROM rejects) WHERE place = 1 ORDER BY n DESC, reason",
    )
