"""What events are about: items, categories, brands, price bands or types of events; and what is known of each by all.

A kind of things gives every event of a log one code, int32 [events], 0 for none. So all kinds go the same way: whoever
has such an array of another kind (sizes, colours, shops) uses it as those of ``things_of``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError, unknown_name
from footfall.features import _things_kernels as kernels
from footfall.features._buying import lines_of
from footfall.features._cuts import Array, frozen
from footfall.features._past import Float64, Past, past_of, ratio
from footfall.features.items import RECENT_DAYS, ItemFacts, first_level
from footfall.histories.columns import FIRST_CODE
from footfall.histories.content import Content
from footfall.histories.sequences import Sequences
from footfall.schema import PASSIVE_EVENT_TYPES, US_PER_DAY

Int32 = npt.NDArray[np.int32]
Kind = Literal["item", "category", "brand", "price_band", "event_type"]
KINDS: Final[tuple[str, ...]] = get_args(Kind)

N_BANDS: Final = 5
"""Bands of prices, each with as many of the known items as the others, where prices are told apart."""
PRIOR_GAPS: Final = 20.0
"""Gaps between purchases that the overall median is worth beside those of the thing itself."""


class ThingCodes(NamedTuple):
    """The thing that each event is about.

    Attributes:
        of_event: int32 [events], 0 for none.
        names: What each code stands for; the first, of 0, is empty. Their number is the number of codes.
    """

    of_event: Int32
    names: tuple[str, ...]


def things_of(
    log: Sequences, kind: Kind, *, facts: ItemFacts | None = None, types: Mapping[str, int] | None = None
) -> ThingCodes:
    """Return the thing of one kind that each event of a log is about.

    Args:
        log: Histories; categories and brands are those of its content.
        kind: ``item``: the item's own code. ``category``: the first level of the item's category. ``brand``: its brand.
            ``price_band``: the fifth of the known items that its usual price is in, 1 for the cheapest. ``event_type``:
            the type's code.
        facts: What was known of items as of a moment; price bands are cut by it, so they need it, and categories are
            its own where it is given. A live user's log gets the batch's bands by the batch's facts.
        types: Names of event types to their codes; without it codes are named by their numbers, as items always are
            (a log holds no ids).

    Raises:
        InputError: An unknown kind; price bands without facts; types of events of a log without them.
    """
    if kind == "event_type":
        return _event_types(log, types)
    of_item, names = things_of_items(log, kind, facts=facts)
    known = log.item < len(of_item)
    return ThingCodes(np.where(known, of_item[np.where(known, log.item, 0)], 0).astype(np.int32), names)


def things_of_items(log: Sequences, kind: Kind, *, facts: ItemFacts | None = None) -> tuple[Int32, tuple[str, ...]]:
    """Return the thing of one kind that each item is, or is put into, int32 [codes], and the names of all codes.

    Args:
        log: Histories; categories and brands are those of its content.
        kind: Any but ``event_type``.
        facts: As in ``things_of``.

    Raises:
        InputError: An unknown kind; price bands without facts.
    """
    if kind not in _BY_ITEM:
        raise InputError(unknown_name("kind of things", str(kind), KINDS))
    return _BY_ITEM[kind](log, facts)


def _event_types(log: Sequences, types: Mapping[str, int] | None) -> ThingCodes:
    if log.event_type is None:
        raise InputError("the log has no event_type; things of this kind need it")
    named = {code: name for name, code in (types or {}).items()}
    n_codes = max([int(log.event_type.max(initial=0)), *named]) + 1
    codes = np.where(log.event_type >= FIRST_CODE, log.event_type, 0).astype(np.int32)
    return ThingCodes(codes, ("", *(named.get(code, str(code)) for code in range(1, n_codes))))


def _items(log: Sequences, facts: ItemFacts | None) -> tuple[Int32, tuple[str, ...]]:
    del facts
    codes = np.arange(log.n_codes, dtype=np.int32)
    return np.where(codes >= FIRST_CODE, codes, 0).astype(np.int32), ("", *map(str, range(1, log.n_codes)))


def _categories(log: Sequences, facts: ItemFacts | None) -> tuple[Int32, tuple[str, ...]]:
    of_item, n_codes = first_level(log.content, log.n_codes)
    names = _names(log.content, "category")
    if facts is not None:
        of_item, n_codes = facts.category, facts.n_categories
    return of_item, (*names[:n_codes], *map(str, range(len(names), n_codes))) or ("",)


def _brands(log: Sequences, facts: ItemFacts | None) -> tuple[Int32, tuple[str, ...]]:
    del facts
    field = None if log.content is None else log.content.fields.get("brand")
    of_item = np.zeros(log.n_codes, np.int32) if field is None else np.ascontiguousarray(field.codes[:, 0], np.int32)
    return of_item, _names(log.content, "brand")


def _names(content: Content | None, name: str) -> tuple[str, ...]:
    field = None if content is None else content.fields.get(name)
    return ("", *(field.names if field is not None else ()))


def _bands(log: Sequences, facts: ItemFacts | None) -> tuple[Int32, tuple[str, ...]]:
    del log
    if facts is None:
        raise InputError(
            "price bands are cut as of a moment; give facts=ItemFacts.of(log, cutoff_us, types), made of everybody's "
            "histories"
        )
    known = np.isfinite(facts.price)
    names = ("", *(f"price band {band}" for band in range(1, N_BANDS + 1)))
    if not known.any():
        return np.zeros(len(facts), np.int32), names
    bounds = np.quantile(facts.price[known].astype(np.float64), np.arange(1, N_BANDS) / N_BANDS)
    band = 1 + np.searchsorted(bounds, facts.price, side="right")
    return np.where(known, band, 0).astype(np.int32), names


_BY_ITEM: Final = {"item": _items, "category": _categories, "brand": _brands, "price_band": _bands}


@dataclasses.dataclass(frozen=True)
class ThingFacts:
    """What is known of every thing of a kind, from everybody's events before a moment.

    Events are what users did; what was shown or sent to them does not count.

    Attributes:
        as_of_us: The moment, UTC microseconds; no event at or after it was read.
        event_share: The thing's share of the events about things in the last 28 days, float64 [codes].
        purchase_share: Its share of their purchase rows, float64 [codes].
        event_trend: Logarithm of its events in the last 28 days over those in the 28 days before, each with one more,
            float64 [codes].
        purchase_trend: The same of purchase rows.
        buyers: Users who ever bought it, float64 [codes].
        repeat_rate: Share of them who bought it in two orders or more, float64 [codes], NaN where nobody did.
        gap_days: Typical days between a user's orders of it, one after the other: their median, shrunk towards that of
            all things, which counts for ``PRIOR_GAPS`` gaps; float64 [codes], NaN where nobody ever bought one twice.
    """

    as_of_us: int
    event_share: Float64
    purchase_share: Float64
    event_trend: Float64
    purchase_trend: Float64
    buyers: Float64
    repeat_rate: Float64
    gap_days: Float64

    def __len__(self) -> int:
        """Number of codes, the 0 included."""
        return len(self.buyers)

    @classmethod
    def of(
        cls, log: Sequences, cutoff_us: int, types: Mapping[str, int], thing_of_event: Int32, n_things: int
    ) -> ThingFacts:
        """Work out the facts from everybody's events strictly before a moment.

        Args:
            log: Everybody's histories.
            cutoff_us: The moment, UTC microseconds.
            types: Names of event types to their codes.
            thing_of_event: The thing of each event, int32 [events], 0 for none.
            n_things: Number of codes, the 0 included.

        Raises:
            InputError: The log has no times or types; codes that do not fit it.
        """
        past, _ = past_of(log_of_things(log, thing_of_event, n_things), int(cutoff_us), types)
        ages = cutoff_us - past.time_us
        done = (past.item > 0) & (past.among(PASSIVE_EVENT_TYPES)[past.place] == 0)
        bought = done & (past.place == past.place_of("purchase"))
        month = RECENT_DAYS * US_PER_DAY
        events, purchases = (
            [np.bincount(past.item[which & at], minlength=n_things) for at in (ages <= month, _between(ages, month))]
            for which in (done, bought)
        )
        lines = lines_of(past)
        buyers, repeaters, of_thing, gap_us = kernels.rebought(
            lines.offsets,
            frozen(past.item[lines.at]),
            lines.number,
            frozen(past.time_us[lines.at]),
            np.zeros((n_things, 2), np.int64),
            np.zeros((n_things, 2), np.int64),
        )
        return cls(
            as_of_us=int(cutoff_us),
            event_share=events[0] / max(int(events[0].sum()), 1),
            purchase_share=purchases[0] / max(int(purchases[0].sum()), 1),
            event_trend=np.log1p(events[0]) - np.log1p(events[1]),
            purchase_trend=np.log1p(purchases[0]) - np.log1p(purchases[1]),
            buyers=buyers,
            repeat_rate=ratio(repeaters, buyers),
            gap_days=_typical(of_thing, gap_us, n_things) / US_PER_DAY,
        )

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything as arrays by name, for a file of arrays (safetensors, npz)."""
        return {name: getattr(self, name) for name in FACTS} | {"as_of_us": np.array([self.as_of_us], np.int64)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> ThingFacts:
        """Return what ``to_arrays`` was called on.

        Raises:
            InputError: An array is missing.
        """
        missing = [name for name in (*FACTS, "as_of_us") if name not in arrays]
        if missing:
            raise InputError(f"these arrays of facts about things are missing: {', '.join(missing)}; make them again")
        held: dict[str, Any] = {name: np.asarray(arrays[name], np.float64) for name in FACTS}
        return cls(as_of_us=int(arrays["as_of_us"][0]), **held)


FACTS: Final = tuple(field.name for field in dataclasses.fields(ThingFacts))[1:]


def log_of_things(log: Sequences, thing_of_event: Int32, n_things: int) -> Sequences:
    """Return a log whose items are things, with the columns that purchases are worth something by.

    Raises:
        InputError: Codes that do not fit the log.
    """
    codes = np.asarray(thing_of_event)
    if codes.shape != log.item.shape or not np.issubdtype(codes.dtype, np.integer):
        raise InputError(
            f"thing_of_event of shape {list(codes.shape)}, {codes.dtype}; give a code, an integer, for each of the "
            f"log's {log.n_events} events"
        )
    if len(codes) and not 0 <= int(codes.min()) <= int(codes.max()) < n_things:
        raise InputError(
            f"codes of things from {int(codes.min())} to {int(codes.max())}; accepted: 0 to {n_things - 1}, for "
            f"n_things is {n_things}"
        )
    extra = {name: log.extra[name] for name in ("value_minor", "price", "quantity") if name in log.extra}
    return dataclasses.replace(
        log, item=codes.astype(np.int32, copy=False), n_codes=max(n_things, 1), extra=extra, sizes={}, content=None
    )


def act_of_place(past: Past) -> npt.NDArray[np.int8]:
    """Return what an event of each place is to a thing, int8 [places]: 0 done, 1 view, 2 cart, 3 purchase, 4 shown."""
    return past.among({"view_item": 1, "add_to_cart": 2, "purchase": 3} | dict.fromkeys(PASSIVE_EVENT_TYPES, 4))


def _between(ages: Array, month: int) -> Array:
    between: Array = (ages > month) & (ages <= 2 * month)
    return between


def _typical(of_thing: npt.NDArray[np.int64], gap_us: npt.NDArray[np.int64], n_things: int) -> Float64:
    """Return the shrunk median gap of each thing, in microseconds, float64 [codes]."""
    if not len(gap_us):
        return np.full(n_things, np.nan)
    ordered = np.lexsort((gap_us, of_thing))
    gaps, counts = gap_us[ordered].astype(np.float64), np.bincount(of_thing, minlength=n_things)
    starts, some = np.cumsum(counts) - counts, counts > 0
    low, high = starts[some] + (counts[some] - 1) // 2, starts[some] + counts[some] // 2
    median = np.zeros(n_things)
    median[some] = (gaps[low] + gaps[high]) / 2
    shrunk: Float64 = (counts * median + PRIOR_GAPS * float(np.median(gaps))) / (counts + PRIOR_GAPS)
    return shrunk
