"""Past: the events strictly before cutoffs, in the plain arrays that the kernels of features walk over.

Each row has a cutoff of its own, so one history may stand in several rows, as of several moments. It is cut before
anything is worked out, so no feature can look ahead by mistake.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from footfall.compiled import part
from footfall.config import MINOR_DIGITS
from footfall.features._cuts import Array, Int64, ends_of, frozen
from footfall.features.items import ItemFacts, first_level
from footfall.histories.calendar import Calendar
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.schema import EVENT_TYPES, US_PER_DAY

Float64 = npt.NDArray[np.float64]
Columns = dict[str, Array]
"""Name of a feature to its values, [rows]."""

CODED: Final[tuple[str, ...]] = ("channel", "device", "campaign", "country", "region", "query")
RAW: Final[tuple[str, ...]] = ("value_minor", "price", "quantity", "rating", *CODED)
"""The extra columns of histories that features read."""
_DTYPES: Final[Mapping[str, type[np.generic]]] = {
    "value_minor": np.int64,
    **dict.fromkeys(("price", "quantity", "rating"), np.float32),
    **dict.fromkeys(CODED, np.int32),
}

WINDOWS: Final = ("1d", "7d", "30d", "90d", "all")
"""Spans before the cutoff, in the order in which kernels count them. A window of d days is
[cutoff - d days, cutoff)."""

_N_TYPE_CODES: Final = 1 << 15


@dataclasses.dataclass(frozen=True)
class Past:
    """What was known of some histories, each as of its own moment.

    All arrays are read-only and of one type each, because numba compiles a loop anew for every mix.

    Attributes:
        offsets: Where each row's events begin, and the end, int64 [rows + 1].
        time_us: UTC microseconds, int64 [events].
        local_us: The same on the shop's clock, int64 [events].
        item: Item codes, int32 [events].
        place: Place of each event's type in ``types``, int8 [events]; ``len(types)`` for all other types.
        order: Codes of orders, int32 [events], 0 for none.
        extra: Those of ``RAW`` that the log has.
        sizes: Number of codes of the extra columns that hold codes.
        types: The known event types that the log has, in the order of ``schema.EVENT_TYPES``.
        cutoff_us: The moment of each row, UTC microseconds, int64 [rows].
        facts: What is known of items; None where nobody said.
        category: Category of each item, int32 [codes].
        n_categories: Number of category codes; 0 where no categories are known.
        n_codes: Size of the item vocabulary.
        minor: Minor units in a major one.
        memo: Answers that several groups need, each worked out once.
    """

    offsets: Int64
    time_us: Int64
    local_us: Int64
    item: npt.NDArray[np.int32]
    place: npt.NDArray[np.int8]
    order: npt.NDArray[np.int32]
    extra: Mapping[str, Array]
    sizes: Mapping[str, int]
    types: tuple[str, ...]
    cutoff_us: Int64
    facts: ItemFacts | None
    category: npt.NDArray[np.int32]
    n_categories: int
    n_codes: int
    minor: int
    memo: dict[Callable[[Past], Any], Any] = dataclasses.field(default_factory=dict)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.offsets) - 1

    def place_of(self, event_type: str) -> int:
        """Return the place of a type, -1 where the log has no such events."""
        return self.types.index(event_type) if event_type in self.types else -1

    def among(self, names: Mapping[str, int] | tuple[str, ...]) -> npt.NDArray[np.int8]:
        """Return a number for every place, int8 [places]: the one given for its type (1 without a mapping), else 0."""
        numbers = names if isinstance(names, Mapping) else dict.fromkeys(names, 1)
        return frozen(np.array([numbers.get(name, 0) for name in (*self.types, "")], np.int8))

    def column(self, name: str) -> Array:
        """Return an extra column, NaN (for codes and money 0) throughout where the log lacks it."""
        if name in self.extra:
            return self.extra[name]
        dtype = np.dtype(_DTYPES[name])
        return frozen(np.full(len(self.time_us), np.nan if dtype.kind == "f" else 0, dtype))

    def scratch(self) -> npt.NDArray[np.int32]:
        """Return a zero for every item code, int32 [codes]; memory is taken up only where it is written to."""
        return np.zeros(self.n_codes, np.int32)


Answer = TypeVar("Answer")


def once(function: Callable[[Past], Answer]) -> Callable[[Past], Answer]:
    """Let a question about a past be worked out once, however many groups ask it."""

    def asked(past: Past) -> Answer:
        if function not in past.memo:
            past.memo[function] = function(past)
        answer: Answer = past.memo[function]
        return answer

    return asked


def past_of(
    log: Sequences,
    cutoff_us: int | Int64,
    types: Mapping[str, int],
    *,
    rows: Int64 | None = None,
    facts: ItemFacts | None = None,
    timezone: str = "UTC",
    currency: str = "USD",
) -> tuple[Past, Int64]:
    """Cut each history at its moment.

    Args:
        log: Whole histories.
        cutoff_us: UTC microseconds; events at it are left out. One moment, or one for each of ``rows``.
        types: Names of event types to their codes.
        rows: Which histories, the same one as often as wanted; without it, all with an event before the cutoff.
        facts: What is known of items.
        timezone: The shop's zone.
        currency: The shop's currency.

    Returns:
        The past, and the histories that its rows are.

    Raises:
        InputError: The log has no times or no types; a row that there is not; moments that do not fit the rows.
    """
    offsets = frozen(log.offsets, np.int64)
    chosen, moments, ends = ends_of(log, cutoff_us, rows)
    held = {name: log.extra[name] for name in RAW if name in log.extra}
    sizes = sizes_of(log, cutoff_us)
    cut = dataclasses.replace(log, extra=held)
    if not np.array_equal(ends, offsets[1:]) or not np.array_equal(chosen, np.arange(len(log))):
        cut = cut.between(offsets[chosen], ends, chosen)
    names = tuple(name for name in EVENT_TYPES if types.get(name, 0) >= FIRST_CODE)
    places = np.full(_N_TYPE_CODES, len(names), np.int8)
    places[[types[name] for name in names]] = np.arange(len(names))
    category, n_categories = _categories(facts, cut)
    local = Calendar(timezone).local_us(_is(cut.timestamp_us))
    return Past(
        offsets=frozen(cut.offsets, np.int64),
        time_us=frozen(_is(cut.timestamp_us), np.int64),
        local_us=frozen(local, np.int64),
        item=frozen(cut.item, np.int32),
        place=frozen(places[_is(cut.event_type)], np.int8),
        order=frozen(np.zeros(cut.n_events, np.int32) if cut.order is None else cut.order, np.int32),
        extra={name: frozen(cut.extra[name], _DTYPES[name]) for name in held},
        sizes=sizes,
        types=names,
        cutoff_us=moments,
        facts=facts,
        category=frozen(category, np.int32),
        n_categories=n_categories,
        n_codes=log.n_codes,
        minor=10 ** MINOR_DIGITS.get(currency, 2),
    ), chosen


def ratio(over: Array, under: Array) -> Float64:
    """Return one number divided by another, float64; NaN where there is nothing to divide by."""
    below = np.asarray(under, np.float64)
    divided: Float64 = np.divide(over, below, out=np.full(below.shape, np.nan), where=below != 0)
    return divided


def days_since(past: Past, time_us: Float64) -> Float64:
    """Return how long before the cutoff of its row each moment is, in days, float64 [rows]; NaN for NaN."""
    days: Float64 = (past.cutoff_us - time_us) / US_PER_DAY
    return days


@part
def window_of(age_us: int) -> int:
    """Return the place in ``WINDOWS`` of the shortest window that a moment so long before the cutoff lies in."""
    if age_us <= 7 * US_PER_DAY:
        return 0 if age_us <= US_PER_DAY else 1
    if age_us <= 30 * US_PER_DAY:
        return 2
    return 3 if age_us <= 90 * US_PER_DAY else 4


def sizes_of(log: Sequences, cutoff_us: int | Int64) -> dict[str, int]:
    """Return the number of codes of the columns of codes that the log has.

    It is what the log says, else one more than the largest before the cutoff, or before the latest of several.
    """
    sizes = {name: log.sizes[name] for name in CODED if name in log.extra and name in log.sizes}
    unsaid = [name for name in CODED if name in log.extra and name not in log.sizes]
    if unsaid:
        early = _is(log.timestamp_us) < np.max(cutoff_us, initial=np.iinfo(np.int64).min)
        sizes |= {name: int(np.max(log.extra[name], initial=0, where=early)) + 1 for name in unsaid}
    return sizes


def _categories(facts: ItemFacts | None, log: Sequences) -> tuple[npt.NDArray[np.int32], int]:
    if facts is not None:
        return facts.category, facts.n_categories
    return first_level(log.content, log.n_codes)


def _is(column: Array | None) -> Array:
    assert column is not None  # noqa: S101 - checked at the door
    return column
