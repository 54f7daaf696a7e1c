"""ItemFacts: what a shop's log says of its items as of a moment, in arrays that batch and live features look up."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.histories.columns import FIRST_CODE
from footfall.histories.content import Content
from footfall.histories.sequences import Sequences
from footfall.schema import US_PER_DAY

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

RECENT_DAYS: Final = 28
PRIOR_VIEWS: Final = 20.0
"""Views that the shop's mean conversion is worth beside an item's own."""
LEAST_SHARE: Final = 1e-8
"""Added to shares before their logarithm is taken, so that an item without events has one."""


@dataclasses.dataclass(frozen=True)
class ItemFacts:
    """What is known of every code of an item vocabulary, from the events before a moment.

    Codes that came to the vocabulary later are unknown to whoever looks them up: no views, no price, no category.

    Attributes:
        as_of_us: The moment, UTC microseconds; no event at or after it was read.
        views: Number of ``view_item`` events, int64 [codes].
        purchases: Number of ``purchase`` rows, int64 [codes].
        conversion: Purchases per view, smoothed towards the shop's mean, float32 [codes]; at most 1.
        price: Median price of the item's events, float32 [codes], NaN where no event bears one.
        category: First level of its category, int32 [codes], a code of the content's field; 0 for none.
        recent_share: Its share of the events about items in the last 28 days, float32 [codes].
        n_categories: Number of category codes, the 0 included; 0 where no categories are known.
    """

    as_of_us: int
    views: Int64
    purchases: Int64
    conversion: Float32
    price: Float32
    category: Int32
    recent_share: Float32
    n_categories: int

    def __post_init__(self) -> None:
        """Check that all arrays are about the same codes.

        Raises:
            InputError: They are not.
        """
        lengths = {name: len(getattr(self, name)) for name in _ARRAYS}
        if len(set(lengths.values())) > 1:
            raise InputError(f"facts about different numbers of items: {lengths}; give each array one value per code")

    def __len__(self) -> int:
        """Number of item codes that something is known of."""
        return len(self.views)

    @functools.cached_property
    def log_popularity(self) -> Float32:
        """Natural logarithm of ``recent_share``, float32 [codes]; -18.4 for an item without recent events."""
        return np.log(self.recent_share.astype(np.float64) + LEAST_SHARE).astype(np.float32)

    @classmethod
    def of(cls, log: Sequences, cutoff_us: int, types: Mapping[str, int]) -> ItemFacts:
        """Work out the facts from everybody's events strictly before a moment.

        Args:
            log: Everybody's histories; ``price`` among its extra columns where prices are wanted.
            cutoff_us: The moment, UTC microseconds.
            types: Names of event types to their codes.

        Raises:
            InputError: The log has no times or no event types.
        """
        if log.timestamp_us is None or log.event_type is None:
            raise InputError("facts about items need timestamp_us and event_type; the log lacks one of them")
        early = log.timestamp_us < cutoff_us
        known = early & (log.item >= FIRST_CODE)
        viewed, bought = (_counts(log, known, types.get(name, 0)) for name in ("view_item", "purchase"))
        recent = known & (log.timestamp_us >= cutoff_us - RECENT_DAYS * US_PER_DAY)
        counts = np.bincount(log.item[recent], minlength=log.n_codes)
        prior = bought.sum() / viewed.sum() if viewed.sum() else 0.0
        smoothed = (bought + PRIOR_VIEWS * prior) / (viewed + PRIOR_VIEWS)
        category, n_categories = first_level(log.content, log.n_codes)
        return cls(
            as_of_us=cutoff_us,
            views=viewed,
            purchases=bought,
            conversion=np.minimum(smoothed, 1).astype(np.float32),
            price=_median_prices(log, known),
            category=category,
            recent_share=(counts / max(int(counts.sum()), 1)).astype(np.float32),
            n_categories=n_categories,
        )

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return everything as arrays by name, for a file of arrays (safetensors, npz)."""
        numbers = {name: np.array([getattr(self, name)], np.int64) for name in _NUMBERS}
        return {name: getattr(self, name) for name in _ARRAYS} | numbers

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> ItemFacts:
        """Return what ``to_arrays`` was called on.

        Raises:
            InputError: An array is missing.
        """
        missing = [name for name in (*_ARRAYS, *_NUMBERS) if name not in arrays]
        if missing:
            raise InputError(f"these arrays of facts about items are missing: {', '.join(missing)}; make them again")
        held: dict[str, Any] = {name: np.asarray(arrays[name], dtype) for name, dtype in _ARRAYS.items()}
        held |= {name: int(arrays[name][0]) for name in _NUMBERS}
        return cls(**held)


_NUMBERS: Final = ("as_of_us", "n_categories")
_ARRAYS: Final[dict[str, type[np.generic]]] = {
    "views": np.int64,
    "purchases": np.int64,
    "conversion": np.float32,
    "price": np.float32,
    "category": np.int32,
    "recent_share": np.float32,
}


def first_level(content: Content | None, n_codes: int) -> tuple[Int32, int]:
    """Return the first level of every item's category, int32 [codes], and the number of category codes.

    Args:
        content: What is known of the items; without categories in it, all codes are 0 and their number is 0.
        n_codes: Size of the item vocabulary.
    """
    field = None if content is None else content.fields.get("category")
    if field is None:
        return np.zeros(n_codes, np.int32), 0
    return np.ascontiguousarray(field.codes[:, 0], np.int32), len(field.names) + 1


def _counts(log: Sequences, known: Bool, code: int) -> Int64:
    if code < FIRST_CODE:  # what a vocabulary says of a name that it does not know
        return np.zeros(log.n_codes, np.int64)
    return np.bincount(log.item[known & (log.event_type == code)], minlength=log.n_codes).astype(np.int64)


def _median_prices(log: Sequences, known: Bool) -> Float32:
    """Return the median price of each item's events, float32 [codes]; the mean of the middle two of an even number."""
    median = np.full(log.n_codes, np.nan, np.float32)
    if "price" not in log.extra:
        return median
    price = np.asarray(log.extra["price"], np.float32)
    at = np.flatnonzero(known & (price >= 0) & np.isfinite(price))
    # Floats from 0 on are in the order of their bits, so item and price sort as one integer, much faster than as two.
    bits = (price[at] + np.float32(0)).view(np.int32).astype(np.int64)
    pairs = np.sort((log.item[at].astype(np.int64) << 32) | bits)
    ends = np.searchsorted(pairs, np.arange(1, log.n_codes + 1) << 32)
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1]))
    some = ends > starts
    ordered = (pairs & 0xFFFFFFFF).astype(np.int32).view(np.float32).astype(np.float64)
    low, high = (starts + (ends - starts - 1) // 2)[some], (starts + (ends - starts) // 2)[some]
    median[some] = (ordered[low] + ordered[high]) / 2
    return median
