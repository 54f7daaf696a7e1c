"""Rows that were refused, as they are kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from footfall.errors import InputError, unknown_name
from footfall.events.cleaning import REASONS
from footfall.lake.workspace import Workspace
from footfall.results import Result


@dataclasses.dataclass(frozen=True)
class Reject:
    """One refused row.

    Attributes:
        file: Where it was read.
        line: Its line, where known.
        reason: Why it was refused.
        detail: What exactly was wrong, where known.
        raw: The row as read.
    """

    file: str
    line: int | None
    reason: str
    detail: str | None
    raw: str | None


@dataclasses.dataclass(frozen=True)
class RejectsReport(Result):
    """Refused rows, newest first.

    Attributes:
        total: All rows refused so far.
        reasons: Reason to number of rows.
        rows: Some of them.
    """

    total: int
    reasons: Mapping[str, int]
    rows: tuple[Reject, ...]

    def headline(self) -> str:
        """Say how many there are."""
        return f"{self.total:,} rows refused; {len(self.rows):,} shown"

    def notes(self) -> Sequence[str]:
        """Explain every reason."""
        return [f"{n:,} {reason}: {REASONS.get(reason, '')}" for reason, n in self.reasons.items()]


def rejects(workspace: Workspace, *, reason: str | None = None, limit: int = 20) -> RejectsReport:
    """Read refused rows.

    Args:
        workspace: The shop's workspace.
        reason: A key of ``cleaning.REASONS``; all without it.
        limit: How many at most.

    Raises:
        InputError: There is no such reason.
    """
    if reason is not None and reason not in REASONS:
        raise InputError(unknown_name("reason", reason, REASONS))
    with workspace.engine() as run:
        counts = run.arrow("SELECT reason, count(*) AS n FROM rejects GROUP BY 1 ORDER BY 2 DESC, 1").to_pylist()
        rows = run.arrow(
            "SELECT file, line, reason, detail, raw FROM rejects WHERE ? IS NULL OR reason = ? "
            "ORDER BY ingested_at DESC, file, line, reject_id LIMIT ?",
            [reason, reason, limit],
        ).to_pylist()
    reasons = {row["reason"]: int(row["n"]) for row in counts}
    return RejectsReport(sum(reasons.values()), reasons, tuple(Reject(**row) for row in rows))
