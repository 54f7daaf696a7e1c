"""The parts of the quality report: what is measured of columns, numbers, days, clocks, ingests and items."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from footfall.lake._quality_stats import Drift, Method
from footfall.results import format_cell

Severity = Literal["error", "warning", "info"]
Kind = Literal["text", "number", "time"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something to know about the data.

    Attributes:
        severity: ``error`` (answers will be wrong), ``warning`` (look at it), ``info``.
        column: The column it is about, or None.
        what: What was found.
        rows: How many rows (of what it is about: days, items, users) it concerns.
        share: Their share of all of them, 0 to 1, where that means something.
        done: What was done about it, and what can be done.
    """

    severity: Severity
    column: str | None
    what: str
    rows: int
    share: float | None
    done: str


@dataclasses.dataclass(frozen=True)
class ColumnQuality:
    """One column of ``events``.

    Attributes:
        column: Its name.
        kind: ``text``, ``number`` or ``time``.
        missing: Rows without a value.
        missing_share: Their share of all rows.
        holes: Missing values in events of types that mostly (at least half of them) have one.
        distinct: Number of different values.
        distinct_exact: Whether that is exact; otherwise it is an estimate (HyperLogLog, about 2 % off).
        low: Smallest number.
        high: Largest number.
        first: First time, ISO 8601.
        last: Last time.
        shortest: Characters of the shortest text.
        longest: Characters of the longest text.
        missing_first: Share of missing values in the first half of the log's time.
        missing_second: The same of the second half.
        psi: Population stability index between the halves, of the values there are; None where it is not taken.
        drift: What that means, or None.
    """

    column: str
    kind: Kind
    missing: int
    missing_share: float
    holes: int
    distinct: int
    distinct_exact: bool
    low: float | None = None
    high: float | None = None
    first: str | None = None
    last: str | None = None
    shortest: int | None = None
    longest: int | None = None
    missing_first: float | None = None
    missing_second: float | None = None
    psi: float | None = None
    drift: Drift | None = None

    def range_text(self) -> str:
        """Return the range in words."""
        if self.kind == "text":
            return "-" if self.longest is None else f"{self.shortest} to {self.longest} characters"
        if self.kind == "time":
            return "-" if self.first is None else f"{self.first[:19]}Z to {(self.last or '')[:19]}Z"
        ends = [int(v) if v is not None and float(v).is_integer() else v for v in (self.low, self.high)]
        return "-" if self.low is None else f"{format_cell(ends[0])} to {format_cell(ends[1])}"


@dataclasses.dataclass(frozen=True)
class OutlierQuality:
    """Outliers of a number, by the robust z: ``|x - median| / scale > 3.5``.

    Attributes:
        column: Its name.
        currency: For money, one currency at a time.
        values: Values there are.
        median: Their median.
        scale: What the distance from the median is divided by.
        method: ``mad``: the median absolute deviation / 0.6745; ``mean_ad``: over half of the values are equal, so the
            mean absolute deviation x 1.253314 serves; ``none``: all values are equal.
        low_limit: Below it lie outliers.
        high_limit: Above it lie outliers.
        outliers: How many there are.
        share: Their share of the values.
        lowest: Smallest value.
        highest: Largest value.
        largest_z: The robust z of the value farthest from the median.
    """

    column: str
    currency: str | None
    values: int
    median: float
    scale: float
    method: Method
    low_limit: float
    high_limit: float
    outliers: int
    share: float
    lowest: float
    highest: float
    largest_z: float


@dataclasses.dataclass(frozen=True)
class DriftQuality:
    """How the values of a column differ between the halves of the log's time.

    Attributes:
        column: Its name.
        psi: Population stability index over the deciles of the first half (numbers), or its 20 most frequent values
            and ``(other)`` (texts); missing values left out.
        chance: The index that chance alone stays below, 99 times in 100.
        drift: ``none``, ``moderate`` (from 0.1) or ``large`` (from 0.25).
        moved: The value, or range of values, whose share moved most.
        share_first: Its share in the first half.
        share_second: Its share in the second half.
    """

    column: str
    psi: float
    chance: float
    drift: Drift
    moved: str
    share_first: float
    share_second: float


@dataclasses.dataclass(frozen=True)
class DaysQuality:
    """Days of the shop's zone.

    Attributes:
        timezone: That zone.
        first: First day of the bulk of the log.
        last: Its last day.
        middle: The moment that parts its halves, ISO 8601.
        days: Days from first to last.
        empty: Days without any event among them.
        examples: The first 20 of those.
    """

    timezone: str
    first: str | None = None
    last: str | None = None
    middle: str | None = None
    days: int = 0
    empty: int = 0
    examples: Sequence[str] = ()


@dataclasses.dataclass(frozen=True)
class Moment:
    """A moment that many events share.

    Attributes:
        timestamp: ISO 8601.
        rows: Events.
        users: Users, and devices without one.
    """

    timestamp: str
    rows: int
    users: int


@dataclasses.dataclass(frozen=True)
class ClockQuality:
    """Signs of clocks that are wrong, and of times that are only dates. Numbers of rows.

    Attributes:
        far_before: Before the bulk of the log, beyond a gap of more than 30 days and of three times its length.
        far_after: After it, likewise.
        future: Later than the moment at which they were ingested.
        late: Earlier than what an earlier ingest had brought already.
        midnight: Exactly at midnight, of the shop's zone or of UTC (whichever are more).
        whole_hour: Exactly at a full hour of the shop's zone other than midnight.
        moments: Moments shared by very many rows of many users.
    """

    far_before: int = 0
    far_after: int = 0
    future: int = 0
    late: int = 0
    midnight: int = 0
    whole_hour: int = 0
    moments: Sequence[Moment] = ()


@dataclasses.dataclass(frozen=True)
class RobotUsers:
    """Robots by their behaviour, as compiled histories flag them.

    Attributes:
        users: All users of the histories.
        agent: Users whose agent is a known robot.
        behaviour: Users who behave like one.
        either: Users with either flag.
        behaviour_events: Events of users who behave like one.
    """

    users: int
    agent: int
    behaviour: int
    either: int
    behaviour_events: int


@dataclasses.dataclass(frozen=True)
class BotQuality:
    """Robots by their agent.

    Attributes:
        events: Flagged events.
        share: Their share of all events.
        users: Users, and devices without one, with a flagged event.
        users_share: Their share.
        behaviour: Robots by behaviour; None where the histories of this lake version are not compiled.
    """

    events: int = 0
    share: float = 0.0
    users: int = 0
    users_share: float = 0.0
    behaviour: RobotUsers | None = None


@dataclasses.dataclass(frozen=True)
class RejectQuality:
    """Rows refused for one reason.

    Attributes:
        reason: A key of ``cleaning.REASONS``.
        meaning: What it means.
        rows: How many.
        file: Of an example: where it was read.
        line: Its line, where known.
        detail: What exactly was wrong, where known.
        raw: The row, its first 200 characters.
    """

    reason: str
    meaning: str
    rows: int
    file: str | None
    line: int | None
    detail: str | None
    raw: str | None


@dataclasses.dataclass(frozen=True)
class IngestQuality:
    """One batch of an ingest.

    Attributes:
        ingested_at: When, ISO 8601.
        source: The reader.
        rows: Events it brought that are still there.
        first: First time among them.
        last: Last time.
        late: Rows older than what earlier ingests had brought.
        copies: Rows that equal an earlier row in everything but the event id.
        duplicates: Rows it dropped because they added nothing; None where the lake's log no longer tells.
        rejected: Rows it refused; None likewise.
    """

    ingested_at: str
    source: str | None
    rows: int
    first: str | None
    last: str | None
    late: int = 0
    copies: int = 0
    duplicates: int | None = None
    rejected: int | None = None


@dataclasses.dataclass(frozen=True)
class DuplicateQuality:
    """Rows said twice.

    Attributes:
        dropped: Rows that ingests dropped, as far as the lake's log tells.
        same_id: Rows whose event id an earlier row has: none, unless another program wrote to the lake.
        copies: Rows that equal another in everything but the event id: kept by ``--keep-identical``, or by their ids.
    """

    dropped: int = 0
    same_id: int = 0
    copies: int = 0


@dataclasses.dataclass(frozen=True)
class MoneySum:
    """Money of one currency; major units, exact.

    Attributes:
        currency: ISO 4217, or None where it is missing.
        purchases: Sum over purchases.
        refunds: Sum over refunds.
        adjustments: Sum over adjustments, with their sign.
        net: Purchases less refunds, and adjustments.
    """

    currency: str | None
    purchases: Decimal
    refunds: Decimal
    adjustments: Decimal
    net: Decimal


@dataclasses.dataclass(frozen=True)
class ItemColumnQuality:
    """One column of the catalogue, over the newest state of every item.

    Attributes:
        column: Its name.
        missing: Items without a value.
        missing_share: Their share.
        distinct: Number of different values.
    """

    column: str
    missing: int
    missing_share: float
    distinct: int


@dataclasses.dataclass(frozen=True)
class ItemsQuality:
    """The catalogue.

    Attributes:
        rows: Rows of ``items``: one per item and change.
        items: Distinct items.
        columns: Its columns.
        unknown_items: Items of events that the catalogue lacks.
        unknown_events: Events about those.
        unused_items: Items without any event.
    """

    rows: int = 0
    items: int = 0
    columns: Sequence[ItemColumnQuality] = ()
    unknown_items: int = 0
    unknown_events: int = 0
    unused_items: int = 0
