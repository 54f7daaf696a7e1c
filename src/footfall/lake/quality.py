"""The data-quality report: ``check`` measures every column of the lake, and says what is wrong and what was done.

Everything is computed by a few passes of the query engine, within the memory of the settings; see ``_quality_sql``.
The lake is never changed by it: bad rows were rejected when they were ingested, doubtful ones are kept and named here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from footfall.events.cleaning import REASONS
from footfall.lake import _quality_ingests as ingests
from footfall.lake import _quality_sql as sql
from footfall.lake import _quality_stats as stats
from footfall.lake import _quality_sums as sums
from footfall.lake import _quality_values as values
from footfall.lake._quality_parts import (
    BotQuality,
    ClockQuality,
    ColumnQuality,
    DaysQuality,
    DriftQuality,
    DuplicateQuality,
    Finding,
    IngestQuality,
    ItemColumnQuality,
    ItemsQuality,
    Kind,
    Moment,
    OutlierQuality,
    RejectQuality,
    RobotUsers,
)
from footfall.lake._quality_report import QualityReport
from footfall.lake._quality_rules import findings
from footfall.lake.engine import Engine
from footfall.lake.workspace import Workspace
from footfall.schema import EVENT_COLUMNS

__all__ = ["Finding", "QualityReport", "RobotUsers", "check"]

_MOST_INGESTS = 100
_MOST_EXAMPLES = 20


def check(workspace: Workspace, *, robots: RobotUsers | None = None) -> QualityReport:
    """Report on the quality of the data in the lake.

    Args:
        workspace: Whose.
        robots: Robots by behaviour, as compiled histories flag them; without it the report says how to get it.
    """
    version = workspace.tables.version()
    with workspace.engine() as run:
        return _Check(run, workspace, version, robots).report()


class _Check:
    """One run of the report; each step leaves what later ones need."""

    def __init__(self, run: Engine, workspace: Workspace, version: str, robots: RobotUsers | None) -> None:
        self.run, self.tables, self.settings, self.version, self.robots = (
            run, workspace.tables, workspace.settings, version, robots,
        )  # fmt: skip
        self.drift: dict[str, DriftQuality] = {}
        self.distinct: dict[str, int] = {}
        self.outliers: list[OutlierQuality] = []
        self.zeros: dict[str, int] = {}

    def report(self) -> QualityReport:
        days, clock, halves = self._days()
        known = sql.known(self.run, halves)
        rows = sum(part["n"] for part in known.values())
        present = [c for c in EVENT_COLUMNS if any(part[c] for part in known.values())]
        ranges = sql.ranges(self.run, present)
        types = sql.event_types(self.run)
        ids = sql.distinct_ids(self.run, present)
        self.distinct |= {c: ids[c] for c in sql.COUNTED}
        if halves is not None:
            self._values(present, halves)
        duplicates, batches = self._ingests(present)
        moments = [Moment(sums.iso(m["t"]) or "", m["n"], m["users"]) for m in ingests.shared_moments(self.run, rows)]
        late = sum(b.late for b in batches)
        clock = ClockQuality(
            clock.far_before, clock.far_after, ranges["future"], late, clock.midnight, clock.whole_hour, moments
        )
        money = sums.money_sums(types)
        rejects = [
            RejectQuality(
                r["reason"], REASONS.get(r["reason"], ""), r["n"], r["file"], r["line"], r["detail"], r["raw"]
            )
            for r in sql.rejects(self.run)
        ]
        totals = sums.sum_up(types, ids, self.distinct, money, (ranges.get("l:timestamp"), ranges.get("h:timestamp")))
        who = ids["user_id"] + ids["lonely"]
        bots = BotQuality(
            ids["bot_events"],
            sums.share(ids["bot_events"], rows),
            ids["bot_users"],
            sums.share(ids["bot_users"], who),
            self.robots,
        )
        report = QualityReport(
            lake_version=self.version,
            totals=totals,
            money=money,
            findings=(),
            columns=self._columns(known, ranges, sums.count_holes(types)),
            outliers=self.outliers,
            drift=sorted(self.drift.values(), key=lambda d: (-d.psi, d.column)),
            days=days,
            clock=clock,
            bots=bots,
            rejects=rejects,
            rejected=sum(r.rows for r in rejects),
            duplicates=duplicates,
            ingests=batches[:_MOST_INGESTS],
            items=self._items(),
        )
        return report.with_findings(findings(report, zeros=self.zeros, currency=self.settings.currency))

    def _days(self) -> tuple[DaysQuality, ClockQuality, sql.Halves | None]:
        """Find the bulk of the log, its empty days and its halves, and what the wall clock says of times."""
        zone = self.settings.timezone
        rows = sql.days(self.run, zone)
        if not rows:
            return DaysQuality(zone), ClockQuality(), None
        first, last = stats.bulk([r["day"] for r in rows], [r["n"] for r in rows])
        inside = rows[first : last + 1]
        have = {r["day"] for r in inside}
        low, high = inside[0]["day"], inside[-1]["day"]
        empty = (day for day in range(low, high + 1) if day not in have)
        examples = [sums.date(day) for day, _ in zip(empty, range(_MOST_EXAMPLES), strict=False)]
        start, end = inside[0]["first_us"], inside[-1]["last_us"]
        halves = sql.Halves(start, start + (end - start) // 2, end)
        days = DaysQuality(
            zone,
            sums.date(low),
            sums.date(high),
            sums.iso(halves.middle_us),
            high - low + 1,
            high - low + 1 - len(have),
            examples,
        )
        clock = ClockQuality(
            far_before=sum(r["n"] for r in rows[:first]),
            far_after=sum(r["n"] for r in rows[last + 1 :]),
            midnight=max(sum(r["midnight"] for r in rows), sum(r["utc_midnight"] for r in rows)),
            whole_hour=sum(r["hour"] for r in rows),
        )
        return days, clock, halves

    def _values(self, present: Sequence[str], halves: sql.Halves) -> None:
        """Take the drift of every category and number, and the outliers of numbers."""
        for column in values.CATEGORIES:
            if column in present:
                self.distinct[column], bins = values.group_texts(self.run, column, halves)
                self._drift(column, bins)
        for column in values.NUMBERS:
            if column in present:
                self.distinct[column] = values.group_numbers(self.run, column, halves)
                self._drift(column, values.deciles(self.run))
                if column in values.OUTLYING:
                    self._outliers(column)

    def _drift(self, column: str, bins: Sequence[values.Bin]) -> None:
        first, second = [b[1] for b in bins], [b[2] for b in bins]
        n_first, n_second = sum(first), sum(second)
        if not n_first or not n_second:
            return
        index, chance = stats.psi(first, second), stats.chance_psi(n_first, n_second, len(bins))
        shares = [(name, a / n_first, b / n_second) for name, a, b in bins]
        moved = max(shares, key=lambda s: abs(s[2] - s[1]))
        self.drift[column] = DriftQuality(column, index, chance, stats.drift_level(index, chance), *moved)

    def _outliers(self, column: str) -> None:
        for row in values.medians(self.run):
            scale, method = stats.robust_scale(row["mad"], row["mean_ad"])
            median, limit = row["median"], stats.ROBUST_Z
            n = values.count_beyond(self.run, row["money"], median, scale, limit) if scale else 0
            farthest = max(row["highest"] - median, median - row["lowest"])
            self.zeros[column] = self.zeros.get(column, 0) + row["zeros"]
            self.outliers.append(
                OutlierQuality(
                    column=column,
                    currency=row["money"],
                    values=row["n"],
                    median=median,
                    scale=scale,
                    method=method,
                    low_limit=median - limit * scale,
                    high_limit=median + limit * scale,
                    outliers=n,
                    share=n / row["n"],
                    lowest=row["lowest"],
                    highest=row["highest"],
                    largest_z=farthest / scale if scale else 0.0,
                )
            )

    def _ingests(self, present: Sequence[str]) -> tuple[DuplicateQuality, list[IngestQuality]]:
        """Return what was said twice, and the batches, newest first."""
        rows = ingests.batches(self.run)
        copies = ingests.copies(self.run, present)
        same_id = ingests.count_same_ids(self.run)
        self.distinct["event_id"] = sum(r["n"] for r in rows) - same_id
        self.distinct["ingested_at"] = len({r["came"] for r in rows})
        noted = ingests.noted(self.tables)
        batches = []
        for row in reversed(rows):
            note = noted.batches.get((row["came"], row["source"]))
            batches.append(
                IngestQuality(
                    ingested_at=sums.iso(row["came"]) or "",
                    source=row["source"],
                    rows=row["n"],
                    first=sums.iso(row["first_us"]),
                    last=sums.iso(row["last_us"]),
                    late=row["late"],
                    copies=copies.pop(row["came"], 0),
                    duplicates=note[0] if note else None,
                    rejected=note[1] if note else None,
                )
            )
        return DuplicateQuality(noted.duplicates, same_id, sum(b.copies for b in batches)), batches

    def _columns(
        self, known: Mapping[int | None, sql.Row], ranges: sql.Row, holes: Mapping[str, int]
    ) -> list[ColumnQuality]:
        n = sum(part["n"] for part in known.values())
        found = []
        for name, type_ in EVENT_COLUMNS.items():
            kind: Kind = "text" if type_ == sql.TEXT else "time" if type_ == sql.TIME else "number"
            low, high = ranges.get(f"l:{name}"), ranges.get(f"h:{name}")
            missing = n - sum(part[name] for part in known.values())
            halves = [1 - known[i][name] / known[i]["n"] if i in known else None for i in (0, 1)]
            drift = self.drift.get(name)
            found.append(
                ColumnQuality(
                    column=name,
                    kind=kind,
                    missing=missing,
                    missing_share=sums.share(missing, n),
                    holes=holes.get(name, 0),
                    distinct=self.distinct[name] if name in self.distinct else int(ranges.get(f"d:{name}", 0)),
                    distinct_exact=name not in sql.ESTIMATED,
                    low=low if kind == "number" else None,
                    high=high if kind == "number" else None,
                    first=sums.iso(low) if kind == "time" else None,
                    last=sums.iso(high) if kind == "time" else None,
                    shortest=low if kind == "text" else None,
                    longest=high if kind == "text" else None,
                    missing_first=halves[0],
                    missing_second=halves[1],
                    psi=drift.psi if drift else None,
                    drift=drift.drift if drift else None,
                )
            )
        return found

    def _items(self) -> ItemsQuality:
        row, names = sql.items(self.run)
        n = row["items"]
        if not n:
            return ItemsQuality()
        known = sql.known_items(self.run)
        columns = [ItemColumnQuality(c, row[f"m:{c}"], row[f"m:{c}"] / n, row[f"d:{c}"]) for c in names]
        return ItemsQuality(row["rows"], n, columns, known["unknown_items"], known["unknown_events"], known["unused"])
