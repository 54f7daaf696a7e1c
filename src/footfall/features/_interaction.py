"""Features of what users say, like and answer: the group ``interaction``."""

from __future__ import annotations

from typing import Final

import numpy as np

from footfall.compiled import kernel
from footfall.features._counts import counts_of, type_columns
from footfall.features._cuts import Array, Int64
from footfall.features._past import Columns, Float64, Past, ratio

TYPES: Final = (
    "add_to_wishlist",
    "review",
    "rate",
    "share",
    "like",
    "ad_impression",
    "ad_click",
    "message_sent",
    "message_open",
    "message_click",
    "support_message",
)
"""Event types that this group counts."""

_ANSWERS: Final = {
    "message_open_share": ("message_open", "message_sent"),
    "message_click_share": ("message_click", "message_sent"),
    "ad_click_share": ("ad_click", "ad_impression"),
}


def interaction(past: Past) -> Columns:
    """Return the columns of the group ``interaction``."""
    counts = counts_of(past)
    found: Columns = {
        name: ratio(counts.of(answer, "all"), counts.of(asked, "all"))
        for name, (answer, asked) in _ANSWERS.items()
        if answer in past.types and asked in past.types
    }
    if "rating" in past.extra:
        given, mean, squares = _rated(past.offsets, past.extra["rating"])
        found |= {"ratings": given, "rating_mean": mean, "rating_std": np.sqrt(ratio(squares, given))}
    return found | dict(type_columns(past, TYPES))


@kernel
def _rated(offsets: Int64, rating: Array) -> Float64:
    """Return the number of ratings, their mean, and the sum of squares about it (NaN below two), [3, rows]."""
    n_rows = len(offsets) - 1
    found = np.zeros((3, n_rows), np.float64)
    for row in range(n_rows):
        n, mean, squares = 0, 0.0, 0.0
        for i in range(offsets[row], offsets[row + 1]):
            if not np.isnan(rating[i]):
                n += 1
                step = rating[i] - mean
                mean += step / n
                squares += step * (rating[i] - mean)
        found[0, row] = n
        found[1, row] = mean if n else np.nan
        found[2, row] = squares if n > 1 else np.nan
    return found
