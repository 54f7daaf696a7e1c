"""The parts of a condition, and how each finds the events for which it is true.

SQL has three truth values: a comparison with a missing value is neither true nor false. Because the parser carries
every ``not`` down to the comparisons (``not price > 3`` becomes ``price <= 3``), a part only has to say where it is
*true*; a missing value makes a comparison and its opposite both not true.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from footfall.config import MINOR_DIGITS
from footfall.histories.calendar import Calendar
from footfall.histories.columns import DTYPES, FIRST_CODE
from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.histories.vocabulary import RESERVED_NAMES, Vocabulary
from footfall.schema import US_PER_S

Bool = npt.NDArray[np.bool_]
Kind = Literal["text", "number", "moment", "day", "presence"]
Op = Literal[
    "=", "!=", "<", "<=", ">", ">=", "in", "not in", "like", "not like", "ilike", "not ilike", "null", "not null"
]
Value = str | Decimal | dt.datetime | dt.date

OPPOSITE: Final[dict[Op, Op]] = {
    "=": "!=",
    "<": ">=",
    ">": "<=",
    "in": "not in",
    "like": "not like",
    "ilike": "not ilike",
    "null": "not null",
}
OPPOSITE.update({there: back for back, there in OPPOSITE.items()})
"""Operator to the one that is true where it is false (and the value is known)."""

_KEPT_ANSWERS: Final = 32
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclasses.dataclass(frozen=True)
class Column:
    """What a name in a condition stands for.

    Attributes:
        kind: What it is compared with; a ``presence`` column can only be tested for null.
        source: The column of histories it is read from; ``users`` for the users' table.
        attribute: Column of the vocabulary's table, for what is known of an item.
    """

    kind: Kind
    source: str
    attribute: str | None = None


COLUMNS: Final[dict[str, Column]] = {
    "event_type": Column("text", "event_type"),
    "item_id": Column("text", "item"),
    "category": Column("text", "item", "category"),
    "brand": Column("text", "item", "brand"),
    "name": Column("text", "item", "name"),
    "item_price": Column("number", "item", "price"),
    "price": Column("number", "price"),
    "quantity": Column("number", "quantity"),
    "value": Column("number", "value_minor"),
    "rating": Column("number", "rating"),
    "position": Column("number", "position"),
    "channel": Column("text", "channel"),
    "campaign": Column("text", "campaign"),
    "device": Column("text", "device"),
    "country": Column("text", "country"),
    "region": Column("text", "region"),
    "list_id": Column("text", "list"),
    "query": Column("text", "query"),
    "currency": Column("text", "currency"),
    "user_id": Column("text", "users", "user_id"),
    "order_id": Column("presence", "order"),
    "session_id": Column("presence", "source_session"),
    "timestamp": Column("moment", "timestamp_us"),
    "date": Column("day", "timestamp_us"),
    "hour": Column("number", "timestamp_us"),
    "weekday": Column("number", "timestamp_us"),
}
"""Every name a condition may use. ``price`` is the event's, ``item_price`` the catalogue's; ``value`` is in major
units, and an amount of 0 counts as missing, because histories do not tell the two apart; ``hour`` (0 to 23),
``weekday`` (0 is Monday) and ``date`` are the shop's local ones; ``user_id`` is the id the history bears, anonymous or
not."""


@dataclasses.dataclass(frozen=True)
class Constant:
    """True or never true for every event."""

    true: bool

    def mask(self, _histories: Histories, part: Partition) -> Bool:
        """Return the same answer for every event, bool [events]."""
        return np.full(part.n_events, self.true)


@dataclasses.dataclass(frozen=True)
class Every:
    """True where all parts are."""

    parts: tuple[Node, ...]

    def mask(self, histories: Histories, part: Partition) -> Bool:
        """Return where all parts are true, bool [events]."""
        found = self.parts[0].mask(histories, part)
        for node in self.parts[1:]:
            found = found & node.mask(histories, part)
        return found


@dataclasses.dataclass(frozen=True)
class Some:
    """True where at least one part is."""

    parts: tuple[Node, ...]

    def mask(self, histories: Histories, part: Partition) -> Bool:
        """Return where any part is true, bool [events]."""
        found = self.parts[0].mask(histories, part)
        for node in self.parts[1:]:
            found = found | node.mask(histories, part)
        return found


@dataclasses.dataclass(frozen=True)
class Comparison:
    """One column compared with literals.

    Attributes:
        column: A key of ``COLUMNS``.
        op: The comparison.
        values: What it is compared with, already of the column's kind; one value but for ``in`` and the null tests.
    """

    column: str
    op: Op
    values: tuple[Value, ...] = ()

    def mask(self, histories: Histories, part: Partition) -> Bool:
        """Return where the comparison is true, bool [events]."""
        column = COLUMNS[self.column]
        if column.source == "users":
            ids = histories.users[part.index][column.attribute]
            return np.repeat(_texts_match(ids, self.op, self.values), np.diff(part.offsets))
        if column.kind == "text" or column.attribute:
            answers = _answers(histories.vocabularies[column.source], column, self)
            found: Bool = answers[part.column(column.source)]
            return found
        if column.kind == "presence":
            has: Bool = part.column(column.source) != 0
            return has if self.op == "not null" else ~has
        values, known = _numbers(self.column, histories, part)
        return _numbers_match(values, known, self.op, [_number(v, self.column, histories) for v in self.values])


Node = Constant | Every | Some | Comparison


def _answers(vocabulary: Vocabulary, column: Column, comparison: Comparison) -> Bool:
    """Return the answer for every code of a vocabulary, bool [codes], worked out once per vocabulary.

    What lies behind the rare and the unseen code is not null, but it equals nothing; its attributes are not known.
    """
    if comparison in vocabulary.memo:
        kept: Bool = vocabulary.memo[comparison]
        return kept
    reserved = [None] * FIRST_CODE if column.attribute else [None, *RESERVED_NAMES[1:]]
    name = column.attribute or "id"
    known = name in vocabulary.table.column_names
    values = vocabulary.table[name] if known else pa.nulls(vocabulary.table.num_rows)
    if column.kind == "text":
        head = _texts_match(pa.array(reserved, pa.string()), comparison.op, comparison.values)
        answers = np.concatenate((head, _texts_match(values, comparison.op, comparison.values)))
    else:
        numbers = np.concatenate((np.full(FIRST_CODE, np.nan), _floats(values)))
        literals = [float(v) for v in comparison.values if isinstance(v, Decimal)]
        answers = _numbers_match(numbers, ~np.isnan(numbers), comparison.op, literals)
    for oldest in list(vocabulary.memo)[: 1 - _KEPT_ANSWERS]:
        vocabulary.memo.pop(oldest, None)  # another thread may have been faster
    vocabulary.memo[comparison] = answers
    return answers


def _floats(values: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    floats: npt.NDArray[np.float64] = np.asarray(pc.fill_null(pc.cast(values, pa.float64()), np.nan), np.float64)
    return floats


_TEXT_TESTS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


def _texts_match(texts: pa.ChunkedArray, op: Op, values: tuple[Value, ...]) -> Bool:
    """Return where texts pass, bool [texts]; texts are ordered by their UTF-8 bytes."""
    texts = pc.cast(texts, pa.string())
    if op in _TEXT_TESTS:
        found = _TEXT_TESTS[op](texts, pa.scalar(values[0], pa.string()))
    elif op in {"null", "not null"}:
        found = pc.is_null(texts) if op == "null" else pc.is_valid(texts)
    elif op in {"in", "not in"}:
        found = pc.is_in(texts, value_set=pa.array(values, pa.string()))
        found = found if op == "in" else pc.and_(pc.invert(found), pc.is_valid(texts))
    else:
        found = pc.match_like(texts, str(values[0]), ignore_case=op.endswith("ilike"))
        found = pc.invert(found) if op.startswith("not") else found
    return np.asarray(pc.fill_null(found, False), np.bool_)


def _numbers(name: str, histories: Histories, part: Partition) -> tuple[npt.NDArray[Any], Bool]:
    """Return a number column as stored, and where it is known."""
    column = COLUMNS[name]
    stored = part.column(column.source)
    if column.source == "timestamp_us":
        return _calendar(name, histories, stored), np.ones(len(stored), np.bool_)
    if stored.dtype.kind == "f":
        return stored, ~np.isnan(stored)
    return stored, stored != (-1 if column.source == "position" else 0)


def _calendar(name: str, histories: Histories, timestamp_us: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    calendar = Calendar(histories.timezone)
    if name == "date":
        return calendar.day(timestamp_us)
    if name == "weekday":
        return (calendar.day(timestamp_us) + 3) % 7  # 1970-01-01 was a Thursday
    if name == "hour":
        return calendar.local_us(timestamp_us) // (3600 * US_PER_S) % 24
    return timestamp_us


def _number(value: Value, name: str, histories: Histories) -> float:
    """Return a literal in the unit and with the precision in which its column is stored.

    ``price = 19.99`` has to find the 32-bit number that lies nearest to 19.99, and ``value`` is stored in minor units.
    """
    if isinstance(value, dt.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=zoneinfo.ZoneInfo(histories.timezone))
        return (aware - _EPOCH) // dt.timedelta(microseconds=1)
    if isinstance(value, dt.date):
        return (value - _EPOCH.date()).days
    number = Decimal(value)
    if name == "value":
        return float(number.scaleb(MINOR_DIGITS.get(histories.currency, 2)))
    if DTYPES.get(COLUMNS[name].source) == np.float32:
        with np.errstate(over="ignore"):
            return float(np.float32(float(number)))
    return float(number)


def _numbers_match(values: npt.NDArray[Any], known: Bool, op: Op, literals: list[float]) -> Bool:
    if op in {"null", "not null"}:
        return known if op == "not null" else ~known
    found: Bool
    if op in {"in", "not in"}:
        found = np.isin(values, literals, invert=op == "not in")
    else:
        found = _NUMBER_TESTS[op](values, literals[0])
    return found & known


_NUMBER_TESTS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
