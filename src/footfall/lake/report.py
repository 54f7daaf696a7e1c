"""What an ingest answers."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from footfall.events.cleaning import REASONS
from footfall.results import Result, format_cell

DUPLICATES = {
    "identical": "equal to an earlier row of this read in every column, or by id",
    "known": "in the lake already",
    "resent": "the same order sent once more",
}


@dataclasses.dataclass(frozen=True)
class Totals:
    """Sums over rows.

    Attributes:
        rows: Number of rows.
        users: Distinct user ids.
        anonymous: Distinct anonymous ids of rows without a user.
        items: Distinct item ids.
        orders: Distinct order ids.
        without_user: Rows without a user id.
        refunds: Rows that are refunds (in the source: negative quantities, returns).
        value: Purchases less refunds, adjustments with their sign; major units, exact.
        first: First moment, ISO 8601.
        last: Last moment.
        event_types: Rows per event type.
    """

    rows: int = 0
    users: int = 0
    anonymous: int = 0
    items: int = 0
    orders: int = 0
    without_user: int = 0
    refunds: int = 0
    value: float = 0.0
    first: str | None = None
    last: str | None = None
    event_types: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class IngestReport(Result):
    """What was read and what became of it: ``accepted + duplicates + rejected = read``.

    Attributes:
        source: The reader, or readers, by name.
        guessed: Whether the source was guessed from the columns.
        files: Number of files.
        read: Rows read; a row that holds several events counts once per event.
        accepted: Rows that are in the lake now and were not before.
        duplicates: Rows that add nothing.
        rejected: Rows refused; they are kept in ``rejects``.
        reasons: Reason to the number of rows refused for it.
        duplicate_reasons: Why rows add nothing, and how many.
        as_read: Sums over all rows read.
        as_accepted: Sums over the rows accepted.
        items: Catalogue rows added.
        bots: Accepted rows whose agent is a known robot.
        lake_version: The lake's version after it.
        remarks: What else should be said, e.g. files passed over.
    """

    rows_field = "table"
    source: str
    guessed: bool
    files: int
    read: int
    accepted: int
    duplicates: int
    rejected: int
    reasons: Mapping[str, int]
    duplicate_reasons: Mapping[str, int]
    as_read: Totals
    as_accepted: Totals
    items: int = 0
    bots: int = 0
    lake_version: str = ""
    remarks: Sequence[str] = ()

    def headline(self) -> str:
        """Say the sum that must come out."""
        how = f"{self.source} (guessed from the columns)" if self.guessed else self.source
        return (
            f"source {how}: {self.files:,} file{'s' * (self.files != 1)}\n"
            f"read {self.read:,} = accepted {self.accepted:,} + duplicates {self.duplicates:,} "
            f"+ rejected {self.rejected:,}"
        )

    def table_rows(self) -> list[dict[str, Any]]:
        """Return the sums as read and as accepted, side by side."""
        shown = [f.name for f in dataclasses.fields(Totals) if f.name != "event_types"]
        rows = [
            {"total": n, "as_read": _cell(getattr(self.as_read, n)), "as_accepted": _cell(getattr(self.as_accepted, n))}
            for n in shown
        ]
        for kind in sorted(self.as_read.event_types, key=lambda k: -self.as_read.event_types[k]):
            accepted = self.as_accepted.event_types.get(kind, 0)
            rows.append(
                {"total": kind, "as_read": _cell(self.as_read.event_types[kind]), "as_accepted": _cell(accepted)}
            )
        return rows

    def notes(self) -> Sequence[str]:
        """Explain every reason, and what else happened."""
        lines = [f"rejected {n:,}: {reason} ({REASONS.get(reason, '')})" for reason, n in self.reasons.items()]
        lines += [f"duplicate {n:,}: {why} ({DUPLICATES[why]})" for why, n in self.duplicate_reasons.items()]
        if self.items:
            lines.append(f"catalogue: {self.items:,} item rows added")
        if self.bots:
            lines.append(f"{self.bots:,} accepted rows come from known robots; they are flagged, not dropped")
        return [*lines, *self.remarks]

    @classmethod
    def combined(cls, reports: Sequence[IngestReport], *, notes: Sequence[str], guessed: bool) -> IngestReport:
        """Add up the reports of several batches.

        Args:
            reports: At least one; the totals of each cover those before it.
            notes: Sentences about files passed over.
            guessed: Whether the sources were guessed.
        """
        last = reports[-1]
        names = list(dict.fromkeys(r.source for r in reports))
        return cls(
            source=", ".join(names),
            guessed=guessed,
            files=sum(r.files for r in reports),
            read=sum(r.read for r in reports),
            accepted=sum(r.accepted for r in reports),
            duplicates=sum(r.duplicates for r in reports),
            rejected=sum(r.rejected for r in reports),
            reasons=_added([r.reasons for r in reports]),
            duplicate_reasons=_added([r.duplicate_reasons for r in reports]),
            as_read=last.as_read,
            as_accepted=last.as_accepted,
            items=sum(r.items for r in reports),
            bots=sum(r.bots for r in reports),
            lake_version=last.lake_version,
            remarks=tuple(dict.fromkeys([*notes, *(note for r in reports for note in r.remarks)])),
        )


def _added(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:
        total.update(count)
    return dict(total.most_common())


def _cell(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else format_cell(value)
