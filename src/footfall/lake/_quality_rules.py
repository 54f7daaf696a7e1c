"""From measurements to findings: what is worth saying, how bad it is, what was done about it. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from footfall.events.cleaning import MONEY_TYPES
from footfall.events.identity import ALIAS_EVENT
from footfall.lake._quality_parts import Finding, Severity
from footfall.lake._quality_report import QualityReport
from footfall.results import format_cell
from footfall.schema import EVENT_TYPES

ORDER: Final[tuple[Severity, ...]] = ("error", "warning", "info")

REJECTED_ERROR: Final = 0.1
"""From this share of rejected rows on, the source or the mapping is probably wrong."""
REJECTED_WARNING: Final = 0.01
HOLES_WARNING: Final = 0.05
MISSING_MOVED: Final = 0.1
"""A change of the share of missing values between the halves that is worth saying."""
ZERO_SHARE: Final = 0.001
EXTREME_Z: Final = 100.0
"""A value this many robust deviations out is rather a slip of the pen than a rare customer."""
MIDNIGHT_SHARE: Final = 0.01
MIDNIGHT_WARNING: Final = 0.25
"""By chance, one time in 1,440 is midnight where times are full minutes."""
HOUR_SHARE: Final = 0.05
"""By chance, one time in 60 is a full hour where times are full minutes."""
BOTS_WARNING: Final = 0.2
UNKNOWN_WARNING: Final = 0.05

_FEW: Final = 5
_FILL: Final = (
    "kept as missing; features.impute fills it in features (mean, median, interpolation, a model), never in the lake"
)
_HOLE: Final = "kept as missing; it has a code of its own in the histories"
_CATALOGUE: Final = "kept; read the catalogue with: footfall items FILES"


def findings(report: QualityReport, *, zeros: Mapping[str, int], currency: str) -> list[Finding]:
    """Return what is worth saying about the measurements, the worst first.

    Args:
        report: The measurements; its findings are not looked at.
        zeros: Column to its number of zeros, for price and value.
        currency: The shop's currency.
    """
    if not report.totals.rows and not report.rejected:
        return [Finding("error", None, "the lake holds no events", 0, None, "read some with: footfall ingest FILES")]
    found = [
        *_rejects(report),
        *_duplicates(report),
        *_missing(report),
        *_numbers(report, zeros),
        *_drift(report),
        *_days(report),
        *_clock(report),
        *_bots(report),
        *_kinds(report, currency),
        *_catalogue(report),
    ]
    return sorted(found, key=lambda f: (ORDER.index(f.severity), -f.rows, f.column or "", f.what))


def _level(share: float, warning: float, error: float = 2.0) -> Severity:
    return "error" if share >= error else "warning" if share >= warning else "info"


def _rejects(report: QualityReport) -> Iterator[Finding]:
    read = report.totals.rows + report.rejected
    for reject in report.rejects:
        share = reject.rows / read
        done = f"rejected and kept; see them with: footfall rejects --reason {reject.reason}"
        what = f"{reject.reason}: {reject.meaning or 'refused'}"
        yield Finding(_level(share, REJECTED_WARNING, REJECTED_ERROR), None, what, reject.rows, share, done)


def _duplicates(report: QualityReport) -> Iterator[Finding]:
    rows, said = report.totals.rows, report.duplicates
    if said.same_id:
        done = "kept; footfall never writes an id twice, so another program wrote to lake/events: remove its rows"
        yield Finding("error", "event_id", "event ids that occur twice", said.same_id, said.same_id / rows, done)
    if said.dropped:
        done = "dropped when they were read; --keep-identical keeps rows without ids that are equal in every column"
        yield Finding("info", None, "duplicates in what was read", said.dropped, None, done)
    if said.copies:
        share = said.copies / rows
        where = ", ".join(f"{b.copies:,} in {b.ingested_at}" for b in report.ingests if b.copies)
        done = "kept: each has an event id of its own, from the source or by --keep-identical"
        what = f"rows equal to another in all but their event id (ingests: {where})"
        yield Finding(_level(share, REJECTED_WARNING), None, what, said.copies, share, done)


def _missing(report: QualityReport) -> Iterator[Finding]:
    totals = report.totals
    if totals.without_user:
        share = totals.without_user / totals.rows
        what = f"events without a user, of {totals.anonymous:,} anonymous ids"
        done = "kept under their anonymous ids; links join those to users when histories are compiled"
        yield Finding("info", "user_id", what, totals.without_user, share, done)
    for column in report.columns:
        filled = report.totals.rows - column.missing
        if column.holes:
            share = column.holes / (filled + column.holes)
            done = _FILL if column.kind == "number" else _HOLE
            what = "missing in events of a kind that mostly has it"
            yield Finding(_level(share, HOLES_WARNING), column.column, what, column.holes, share, done)
        first, second = column.missing_first, column.missing_second
        if first is not None and second is not None and abs(second - first) >= MISSING_MOVED:
            what = f"missing share moved from {first:.1%} to {second:.1%} between the halves of the log"
            done = "kept; ask what changed in the shop's tracking before features rely on it"
            yield Finding("warning", column.column, what, column.missing, column.missing_share, done)


def _numbers(report: QualityReport, zeros: Mapping[str, int]) -> Iterator[Finding]:
    for o in report.outliers:
        if not o.outliers:
            continue
        of = f" {o.currency}" if o.currency else ""
        by = "" if o.method == "mad" else "; more than half of the values are equal, so the mean deviation is used"
        what = (
            f"outliers: robust z above 3.5, outside {format_cell(o.low_limit)} to {format_cell(o.high_limit)}{of} "
            f"(from {format_cell(o.lowest)} to {format_cell(o.highest)}{by})"
        )
        done = (
            "kept and counted; look at them with --where, and use medians, ranks or caps where they would rule a mean"
        )
        severity: Severity = "warning" if o.largest_z >= EXTREME_Z else "info"
        yield Finding(severity, o.column, what, o.outliers, o.share, done)
    for column in ("price", "value"):
        known = sum(o.values for o in report.outliers if o.column == column)
        n = zeros.get(column, 0)
        if n and n / known >= ZERO_SHARE:
            done = "kept as zero: gifts, samples, or a price that was not known; if so, send none instead"
            yield Finding("info", column, "exactly zero", n, n / known, done)


def _drift(report: QualityReport) -> Iterator[Finding]:
    rows = {c.column: report.totals.rows - c.missing for c in report.columns}
    for d in report.drift:
        if d.drift == "none":
            continue
        what = (
            f"{d.drift} drift between the halves of the log (PSI {d.psi:.2f}): {d.moved!r} went from "
            f"{d.share_first:.1%} to {d.share_second:.1%}"
        )
        done = "kept; judge models on a split by time, and train them on what is like today"
        yield Finding("warning" if d.drift == "large" else "info", d.column, what, rows[d.column], None, done)


def _days(report: QualityReport) -> Iterator[Finding]:
    days = report.days
    if days.empty:
        more = ", ..." if days.empty > _FEW else ""
        what = f"days without events ({days.timezone}): {', '.join(days.examples[:_FEW])}{more}"
        done = "nothing is filled in; if the shop was open on them, files are missing: ingest them"
        yield Finding("warning", "timestamp", what, days.empty, days.empty / days.days, done)


def _clock(report: QualityReport) -> Iterator[Finding]:
    clock, rows = report.clock, max(report.totals.rows, 1)
    found: Sequence[tuple[Severity, str, int, str]] = (
        ("warning", f"far before all others, which begin on {report.days.first}", clock.far_before,
         "kept; probably a clock's mistake: leave them out with --from, or mend the source and ingest it anew"),
        ("warning", f"far after all others, which end on {report.days.last}", clock.far_after,
         "kept; probably a clock's mistake: leave them out with --to, or mend the source and ingest it anew"),
        ("warning", "later than the moment they were ingested", clock.future,
         "kept, as clock_skew_s allows it; what lies further ahead was rejected as future_timestamp"),
        ("info", "older than what an earlier ingest had brought", clock.late,
         "kept; histories are sorted by time when they are compiled, so nothing is lost by it"),
    )  # fmt: skip
    for severity, what, n, done in found:
        if n:
            yield Finding(severity, "timestamp", what, n, n / rows, done)
    if clock.midnight / rows >= MIDNIGHT_SHARE:
        done = "kept; the order within such a day, its sessions and hours are not to be relied on"
        severity = _level(clock.midnight / rows, MIDNIGHT_WARNING)
        what = "exactly at midnight: dates without a time?"
        yield Finding(severity, "timestamp", what, clock.midnight, clock.midnight / rows, done)
    if clock.whole_hour / rows >= HOUR_SHARE:
        done = "kept; times cut to the hour make sessions and the order of events uncertain"
        what = "exactly at a full hour: times that were cut?"
        yield Finding("info", "timestamp", what, clock.whole_hour, clock.whole_hour / rows, done)
    for m in clock.moments:
        done = "kept; a default, a batch's time, or an import: their order within the moment is that of the source"
        what = f"one moment shared by {m.users:,} users: {m.timestamp}"
        yield Finding("warning", "timestamp", what, m.rows, m.rows / rows, done)


def _bots(report: QualityReport) -> Iterator[Finding]:
    bots = report.bots
    if bots.events:
        what = f"events of {bots.users:,} robots by their agent ({bots.users_share:.2%} of users)"
        done = "kept and flagged; leave them out with --exclude-bots"
        yield Finding(_level(bots.share, BOTS_WARNING), "bot", what, bots.events, bots.share, done)
    if bots.behaviour is None:
        what = "robots by behaviour are not counted: the histories of this lake version are not compiled"
        yield Finding("info", "bot", what, 0, None, "run: footfall compile, then footfall check")
    elif bots.behaviour.behaviour:
        b, rows = bots.behaviour, max(report.totals.rows, 1)
        what = f"events of {b.behaviour:,} users who behave like robots"
        share = b.behaviour_events / rows
        done = "kept and flagged; leave them out with --exclude-bots"
        yield Finding(_level(share, BOTS_WARNING), "bot", what, b.behaviour_events, share, done)


def _kinds(report: QualityReport, currency: str) -> Iterator[Finding]:
    """Say what is odd about event types and currencies."""
    types, rows = report.totals.event_types, max(report.totals.rows, 1)
    odd = {name: n for name, n in types.items() if name not in {*EVENT_TYPES, *MONEY_TYPES, ALIAS_EVENT}}
    if odd:
        n = sum(odd.values())
        done = "kept as they are; analyses know them by these names"
        yield Finding("info", "event_type", f"types outside the known ones: {_counts(odd)}", n, n / rows, done)
    holes = next((c.holes for c in report.columns if c.column == "value"), 0)
    sold = types.get("purchase", 0)
    known = sum(o.values for o in report.outliers if o.column == "value")
    if sold and not known and not holes:
        done = "kept; map the price or the value (--map price=...), else revenue and value are unknown"
        yield Finding("warning", "value", "no purchase has a value", sold, 1.0, done)
    foreign = [m for m in report.money if m.currency != currency]
    if foreign:
        n = sum(o.values for o in report.outliers if o.column == "value" and o.currency != currency)
        names = ", ".join(m.currency or "(none)" for m in foreign)
        what = f"money in other currencies than the shop's {currency}: {names}"
        done = "kept; money is added up per currency, never across: set the shop's own in footfall.toml"
        yield Finding("warning", "currency", what, n, None, done)


def _catalogue(report: QualityReport) -> Iterator[Finding]:
    items, rows = report.items, max(report.totals.rows, 1)
    if not items.items:
        if report.totals.items:
            what = "there is no catalogue: items have no names, categories or brands"
            yield Finding("info", "item_id", what, report.totals.items, None, _CATALOGUE)
        return
    if items.unknown_items:
        share = items.unknown_events / rows
        what = f"events about {items.unknown_items:,} items that the catalogue lacks"
        yield Finding(_level(share, UNKNOWN_WARNING), "item_id", what, items.unknown_events, share, _CATALOGUE)
    if items.unused_items:
        what = "items of the catalogue without any event"
        done = "kept; a model knows them by their content only"
        yield Finding("info", "item_id", what, items.unused_items, items.unused_items / items.items, done)


def _counts(rows: Mapping[str, int]) -> str:
    most = sorted(rows.items(), key=lambda kv: (-kv[1], kv[0]))
    more = f", and {len(most) - 10:,} more" if len(most) > 10 else ""
    return ", ".join(f"{name} ({n:,})" for name, n in most[:10]) + more
