"""What ``check`` answers: measurements, and findings that say what is wrong and what was done about it."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Sequence
from typing import Any

from footfall.lake._quality_parts import (
    BotQuality,
    ClockQuality,
    ColumnQuality,
    DaysQuality,
    DriftQuality,
    DuplicateQuality,
    Finding,
    IngestQuality,
    ItemsQuality,
    MoneySum,
    OutlierQuality,
    RejectQuality,
)
from footfall.lake.report import Totals
from footfall.results import Result, format_cell, render_table


@dataclasses.dataclass(frozen=True)
class QualityReport(Result):
    """The state of the data.

    Attributes:
        lake_version: The lake's version.
        totals: Sums over the events, as ``ingest`` gives them.
        money: Value per currency, exact.
        findings: What is wrong, the worst first.
        columns: Every column of ``events``; the rows of the result.
        outliers: Per number (and currency).
        drift: Per column, the largest first.
        days: Days without events.
        clock: Signs of wrong clocks.
        bots: Robots.
        rejects: Refused rows by reason.
        rejected: Refused rows in all.
        duplicates: Rows said twice.
        ingests: The newest 100 batches.
        items: The catalogue.
    """

    rows_field = "columns"
    lake_version: str
    totals: Totals
    money: Sequence[MoneySum]
    findings: Sequence[Finding]
    columns: Sequence[ColumnQuality]
    outliers: Sequence[OutlierQuality]
    drift: Sequence[DriftQuality]
    days: DaysQuality
    clock: ClockQuality
    bots: BotQuality
    rejects: Sequence[RejectQuality]
    rejected: int
    duplicates: DuplicateQuality
    ingests: Sequence[IngestQuality]
    items: ItemsQuality

    def headline(self) -> str:
        """Say how much there is, and how many findings."""
        worst = {s: sum(f.severity == s for f in self.findings) for s in ("error", "warning", "info")}
        counted = ", ".join(f"{n} {name}{'s' * (n != 1 and name != 'info')}" for name, n in worst.items() if n)
        return (
            f"lake version {self.lake_version}: {self.totals.rows:,} events of {self.totals.users:,} users, "
            f"{self.rejected:,} rows rejected; findings: {counted or 'none'}"
        )

    def with_findings(self, found: Sequence[Finding]) -> QualityReport:
        """Return the report with findings."""
        return dataclasses.replace(self, findings=tuple(found))

    def __str__(self) -> str:
        """Draw the report: totals, columns, outliers, rejects, the catalogue, findings."""
        parts = [self.headline(), render_table(self._total_rows())]
        shown = [c for c in self.columns if c.distinct]
        if shown:
            empty = [c.column for c in self.columns if not c.distinct]
            parts += [render_table([_column_row(c) for c in shown]), _listed("without any value", empty)]
        if self.outliers:
            parts.append(render_table([_outlier_row(o) for o in self.outliers]))
        if self.rejects:
            parts.append(render_table([_reject_row(r) for r in self.rejects]))
        if self.items.items:
            lacking = [f"{c.column} {c.missing_share:.1%}" for c in self.items.columns if c.missing]
            parts.append(_listed(f"catalogue: {self.items.items:,} items; missing", lacking))
        parts.append("\n".join(_finding_lines(f) for f in self.findings) or "no findings")
        return "\n\n".join(parts)

    def _total_rows(self) -> list[dict[str, Any]]:
        shown = ("rows", "users", "anonymous", "items", "orders", "without_user", "refunds", "first", "last")
        rows = [{"total": name, "value": format_cell(getattr(self.totals, name))} for name in shown]
        rows += [{"total": name, "value": format_cell(n)} for name, n in self.totals.event_types.items()]
        return rows + [
            {"total": f"value {m.currency or '(no currency)'}", "value": f"{m.net:,.2f}"} for m in self.money
        ]


def _listed(title: str, names: Sequence[str]) -> str:
    return textwrap.fill(f"{title}: {', '.join(names) or 'nothing'}", 110, subsequent_indent="  ")


def _column_row(column: ColumnQuality) -> dict[str, Any]:
    return {
        "column": column.column,
        "missing": column.missing,
        "share": f"{column.missing_share:.1%}",
        "holes": column.holes,
        "distinct": f"{'' if column.distinct_exact else '~'}{column.distinct:,}",
        "range": column.range_text(),
        "psi": "-" if column.psi is None else f"{column.psi:.3f}",
        "drift": column.drift,
    }


def _outlier_row(outlier: OutlierQuality) -> dict[str, Any]:
    return {
        "outliers of": outlier.column + (f" ({outlier.currency})" if outlier.currency else ""),
        "rows": outlier.outliers,
        "share": f"{outlier.share:.2%}",
        "median": outlier.median,
        "limits": f"{format_cell(outlier.low_limit)} to {format_cell(outlier.high_limit)}",
        "range": f"{format_cell(outlier.lowest)} to {format_cell(outlier.highest)}",
        "by": outlier.method,
    }


def _reject_row(reject: RejectQuality) -> dict[str, Any]:
    line = "" if reject.line is None else f":{reject.line}"
    text = (reject.raw or "").replace("\n", " ")
    return {
        "rejected for": reject.reason,
        "rows": reject.rows,
        "such as": f"{reject.file}{line}",
        "saying": text if len(text) <= 80 else f"{text[:79]}…",
    }


def _finding_lines(finding: Finding) -> str:
    about = f"{finding.column}: " if finding.column else ""
    share = "" if finding.share is None else f" ({finding.share:.2%})"
    count = f" - {finding.rows:,}{share}" if finding.rows else ""
    return f"{finding.severity:<8} {about}{finding.what}{count}\n         {finding.done}"
