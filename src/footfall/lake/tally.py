"""Sums over the rows of an ingest, as read and as accepted; distinct ids are counted once over all its batches."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from footfall.lake.engine import Engine
from footfall.lake.report import Totals

_IDS = {
    "users": "user_id",
    "anonymous": "CASE WHEN user_id IS NULL THEN anonymous_id END",
    "items": "item_id",
    "orders": "order_id",
}

_SIGNED = (
    "CASE event_type WHEN 'purchase' THEN \"value\" WHEN 'refund' THEN -\"value\" WHEN 'adjustment' THEN \"value\" END"
)

_TELLABLE = "\"timestamp\" BETWEEN TIMESTAMPTZ '0001-01-02 00:00:00+00' AND TIMESTAMPTZ '9999-12-30 00:00:00+00'"
"""A source may say the year 20191, which no calendar of ours can write; such a row is rejected, but counted as read."""


@dataclasses.dataclass
class _Sums:
    rows: int = 0
    without_user: int = 0
    value: Decimal = Decimal(0)
    first_us: int | None = None
    last_us: int | None = None
    types: Counter[str] = dataclasses.field(default_factory=Counter)


class Tally:
    """Adds up staged batches."""

    def __init__(self, run: Engine, *, several: bool) -> None:
        """Start from nothing.

        Args:
            run: Where the batches are staged.
            several: Whether there will be more than one; then ids are remembered between them.
        """
        self._run, self._several = run, several
        self._read, self._accepted = _Sums(), _Sums()
        if several:
            for name in _IDS:
                run.run(f"CREATE OR REPLACE TEMP TABLE seen_{name} (id VARCHAR, kept BOOLEAN)")

    def add(self, *, all_kept: bool, catalogue: bool = False) -> tuple[Totals, Totals]:
        """Add what stands in ``staged`` (and ``dropped``), and return the totals so far.

        Args:
            all_kept: Whether every staged row is accepted; then one count serves for both.
            catalogue: Whether the rows are items; of these, rows and items are counted.

        Returns:
            As read, and as accepted.
        """
        kept = "true" if all_kept else "_reason IS NULL AND rowid NOT IN (SELECT r FROM dropped)"
        rows = self._run.arrow(
            f"SELECT event_type, kept, count(*) AS n, count(*) - count(user_id) AS without_user, "
            f'CAST(sum({_SIGNED}) AS VARCHAR) AS "value", epoch_us(min("timestamp") FILTER ({_TELLABLE})) AS first_us, '
            f'epoch_us(max("timestamp") FILTER ({_TELLABLE})) AS last_us '
            f"FROM (SELECT *, {kept} AS kept FROM staged) GROUP BY ALL"
        ).to_pylist()
        for row in rows:
            for sums in [self._read, self._accepted] if row["kept"] else [self._read]:
                sums.rows += row["n"]
                if catalogue:
                    continue
                sums.without_user += row["without_user"]
                sums.value += Decimal(row["value"] or 0)
                sums.types[row["event_type"] or "(none)"] += row["n"]
                moments = [m for m in (sums.first_us, row["first_us"]) if m is not None]
                sums.first_us = min(moments, default=None)
                moments = [m for m in (sums.last_us, row["last_us"]) if m is not None]
                sums.last_us = max(moments, default=None)
        ids = _IDS | ({"items": "nullif(trim(i_item_id), '')"} if catalogue else {})
        distinct_read, distinct_kept = self._distinct(ids, kept)
        return _totals(self._read, distinct_read), _totals(self._accepted, distinct_kept)

    def _distinct(self, ids: Mapping[str, str], kept: str) -> tuple[dict[str, int], dict[str, int]]:
        read, accepted = {}, {}
        for name, expression in ids.items():
            rows = f"SELECT {expression} AS id, {kept} AS kept FROM staged"
            if self._several:
                seen = f"FROM (FROM seen_{name} UNION ALL {rows}) WHERE id IS NOT NULL GROUP BY id"
                self._run.run(f"CREATE OR REPLACE TEMP TABLE seen_{name} AS SELECT id, bool_or(kept) AS kept {seen}")
                counted = f"seen_{name}"
            else:
                counted = f"(SELECT bool_or(kept) AS kept FROM ({rows}) WHERE id IS NOT NULL GROUP BY id)"
            counts = self._run.row(f"SELECT count(*), count(*) FILTER (kept) FROM {counted}")
            read[name], accepted[name] = (int(str(n)) for n in counts)
        return read, accepted


def _totals(sums: _Sums, distinct: dict[str, int]) -> Totals:
    return Totals(
        rows=sums.rows,
        without_user=sums.without_user,
        refunds=sums.types["refund"],
        value=float(sums.value),
        first=_iso(sums.first_us),
        last=_iso(sums.last_us),
        event_types=dict(sums.types.most_common()),
        **distinct,
    )


def _iso(moment_us: int | None) -> str | None:
    if moment_us is None:
        return None
    return (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=moment_us)).isoformat()
