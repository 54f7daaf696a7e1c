"""Sums of the quality report, from the small tables that its queries give. Pure Python."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from footfall.lake._quality_parts import MoneySum
from footfall.lake._quality_sql import Row
from footfall.lake.report import Totals

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def money_sums(types: Sequence[Row]) -> list[MoneySum]:
    """Add money up per currency, exactly; the largest sum first.

    Args:
        types: What ``_quality_sql.event_types`` gives.
    """
    sums: dict[str | None, dict[str, Decimal]] = {}
    for row in types:
        if row["value"] is not None and row["event_type"] in {"purchase", "refund", "adjustment"}:
            sums.setdefault(row["money"], {})[row["event_type"]] = Decimal(row["value"])
    found = []
    for currency, by_type in sums.items():
        bought, back, more = (by_type.get(t, Decimal(0)) for t in ("purchase", "refund", "adjustment"))
        found.append(MoneySum(currency, bought, back, more, bought - back + more))
    return sorted(found, key=lambda m: (-m.net, m.currency or ""))


def sum_up(
    types: Sequence[Row],
    ids: Row,
    distinct: Mapping[str, int],
    money: Sequence[MoneySum],
    span_us: tuple[int | None, int | None],
) -> Totals:
    """Put the sums over all events together.

    Args:
        types: What ``_quality_sql.event_types`` gives.
        ids: What ``_quality_sql.distinct_ids`` gives.
        distinct: Distinct values per column.
        money: Sums per currency.
        span_us: First and last moment; microseconds.
    """
    by_type: Counter[str] = Counter()
    for row in types:
        by_type[row["event_type"] or "(none)"] += row["n"]
    return Totals(
        rows=by_type.total(),
        users=ids["user_id"],
        anonymous=ids["lonely"],
        items=distinct.get("item_id", 0),
        orders=ids["order_id"],
        without_user=sum(row["without_user"] for row in types),
        refunds=by_type["refund"],
        value=float(sum((m.net for m in money), Decimal(0))),
        first=iso(span_us[0]),
        last=iso(span_us[1]),
        event_types=dict(sorted(by_type.items(), key=lambda kv: (-kv[1], kv[0]))),
    )


def count_holes(types: Sequence[Row]) -> dict[str, int]:
    """Return, per column, the missing values in events of types at least half of which have one.

    Args:
        types: What ``_quality_sql.event_types`` gives.
    """
    rows: Counter[str | None] = Counter()
    known: dict[str | None, Counter[str]] = {}
    for row in types:
        rows[row["event_type"]] += row["n"]
        mine = known.setdefault(row["event_type"], Counter())
        mine.update({name[2:]: n for name, n in row.items() if name.startswith("c:")})
    holes: Counter[str] = Counter()
    for kind, n in rows.items():
        for column, have in known[kind].items():
            if 2 * have >= n and column not in {"user_id", "anonymous_id"}:  # one of these is enough
                holes[column] += n - have
    return holes


def share(part: int, whole: int) -> float:
    """Return a share, 0 to 1; 0 of nothing."""
    return part / whole if whole else 0.0


def iso(moment_us: int | None) -> str | None:
    """Write a moment (microseconds since 1970 UTC) as ISO 8601; None for None and beyond the year 9999."""
    if moment_us is None:
        return None
    try:
        return (_EPOCH + dt.timedelta(microseconds=moment_us)).isoformat()
    except OverflowError:
        return None


def date(day: int) -> str:
    """Write a day (since 1970-01-01) as ISO 8601."""
    return (_EPOCH + dt.timedelta(days=day)).date().isoformat()
