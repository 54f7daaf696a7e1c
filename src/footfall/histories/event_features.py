"""What an event says besides its item and type, in small codes: price, quantity, hour, channel, device, rating, search.

Every code is 0 where the event says nothing. Whether a column tells anything is for who learns from it to say: who asks
later reads every event the same, whatever the other events of the day say.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from footfall.histories.calendar import Calendar
from footfall.histories.content import N_PRICE_BANDS, content_of
from footfall.histories.sequences import Sequences, sequences_of
from footfall.histories.store import Histories
from footfall.schema import US_PER_DAY, US_PER_S

Codes = npt.NDArray[np.integer[Any]]

N_QUANTITY_BANDS: Final = 12
N_RATINGS: Final = 6
N_HOURS: Final = 1 + 7 * 24
CODED: Final = ("channel", "device")
"""Columns that are read as the vocabulary codes them."""
QUERY: Final = "query"
"""The code of what was searched for; its words are known to ``Content``."""

_US_PER_HOUR = 3600 * US_PER_S


def described(histories: Histories, sequences: Sequences | None = None) -> Sequences:
    """Return whole histories with everything that a behaviour model can read: features of events, content of items.

    Args:
        histories: All users; of a cutoff with ``slices.as_of``.
        sequences: ``sequences_of(histories, extra=RAW)``, where it is there already.

    Returns:
        The sequences; ``extra`` holds codes, ``sizes`` their number, ``content`` what is known of items.
    """
    whole = sequences_of(histories, extra=RAW) if sequences is None else sequences
    found: dict[str, tuple[Codes, int]] = {}
    for name, (band, size) in _BANDS.items():
        if name in whole.extra:
            found[name] = band(whole.extra[name]), size
    for name in (*CODED, QUERY):
        if name in whole.extra:
            found[name] = whole.extra[name], len(histories.vocabularies[name])
    if whole.timestamp_us is not None:
        found["hour"] = hour_of_week(whole.timestamp_us, histories.timezone), N_HOURS
    return dataclasses.replace(
        whole,
        extra={name: codes for name, (codes, _) in found.items()},
        sizes={name: size for name, (_, size) in found.items()},
        content=content_of(histories),
    )


def price_bands(price: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int16]:
    """Return the band of each price as ``content.price_band`` does, int16."""
    with np.errstate(divide="ignore", invalid="ignore"):
        bands = np.clip(12 + np.round(2 * np.log2(price.astype(np.float64))), 2, N_PRICE_BANDS - 1)
    return np.select([~np.isfinite(price), price <= 0], [0, 1], np.nan_to_num(bands)).astype(np.int16)


def quantity_bands(quantity: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int16]:
    """Return the octave of each quantity, int16: 0 for none, 1 for 1 and less, 2 for 2, 3 for 3 and 4, and so on."""
    with np.errstate(divide="ignore", invalid="ignore"):
        bands = 1 + np.ceil(np.log2(np.maximum(quantity.astype(np.float64), 1)))
    return np.where(np.isfinite(quantity), np.minimum(np.nan_to_num(bands), N_QUANTITY_BANDS - 1), 0).astype(np.int16)


def ratings(rating: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int16]:
    """Return each rating as a whole number from 1 to 5, int16; 0 for none."""
    return np.where(np.isfinite(rating), np.clip(np.nan_to_num(np.round(rating)), 1, 5), 0).astype(np.int16)


def hour_of_week(timestamp_us: npt.NDArray[np.int64], timezone: str) -> npt.NDArray[np.int16]:
    """Return the local hour of the week, int16: 1 for the first hour of a Monday, 168 for the last of a Sunday.

    Args:
        timestamp_us: UTC microseconds, int64.
        timezone: The shop's zone.
    """
    local = Calendar(timezone).local_us(timestamp_us)
    weekday = (local // US_PER_DAY + 3) % 7  # the first of January 1970 was a Thursday
    return (1 + weekday * 24 + local % US_PER_DAY // _US_PER_HOUR).astype(np.int16)


_BANDS: Final = {
    "price": (price_bands, N_PRICE_BANDS),
    "quantity": (quantity_bands, N_QUANTITY_BANDS),
    "rating": (ratings, N_RATINGS),
}
RAW: Final = (*_BANDS, *CODED, QUERY)
"""The columns of histories that are read."""
