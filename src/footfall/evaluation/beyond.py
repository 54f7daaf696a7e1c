"""Beyond accuracy: what first-k lists are like, whether or not they hit: known or new, alike or different, few or many.

A list is a row of ``top``, int32 [cases, k], best first, 0 where candidates ran out. Items are the codes from
``FIRST_CODE`` on. A list without any item (for diversity: any two) has no such number: nan.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.histories.columns import FIRST_CODE

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]

_BATCH = 1024
"""Lists whose vectors are held at once."""


def novelty(top: Int32, counts: Int64) -> Float64:
    """Return the mean self-information of each list in bits, float64 [cases]: ``-log2(count / all counts)``.

    An item that train has never seen counts as seen once. Source: Zhou et al., Solving the apparent diversity-accuracy
    dilemma of recommender systems, PNAS 2010 (surprisal), by events in place of users.

    Args:
        top: The lists.
        counts: Train events of each code, int64 [n_codes].

    Raises:
        InputError: The counts are negative, or all 0.
    """
    seen = _items(counts)
    bits = np.zeros(len(counts))
    bits[FIRST_CODE:] = np.log2(seen.sum()) - np.log2(np.maximum(seen, 1))
    return _mean_of(top, bits)


def popularity_percentile(top: Int32, counts: Int64) -> Float64:
    """Return the mean popularity percentile of each list, float64 [cases], 0 (rarest) to 1 (best known).

    An item's percentile is the share of items with a lower count, and half of those with an equal one (itself among
    them), so that items picked at random have 0.5. After Abdollahpouri et al., Managing Popularity Bias in Recommender
    Systems with Personalized Re-ranking, FLAIRS 2019 (average recommendation popularity), by percentile.

    Args:
        top: The lists.
        counts: Train events of each code, int64 [n_codes].

    Raises:
        InputError: The counts are negative, or all 0.
    """
    seen = _items(counts)
    ordered = np.sort(seen)
    lower, upper = np.searchsorted(ordered, seen, "left"), np.searchsorted(ordered, seen, "right")
    percentiles = np.zeros(len(counts))
    percentiles[FIRST_CODE:] = (lower + upper) / (2 * len(seen))
    return _mean_of(top, percentiles)


def diversity(top: Int32, vectors: npt.NDArray[np.floating]) -> Float64:
    """Return the mean cosine distance of the pairs of each list, float64 [cases], 0 (all alike) to 2.

    Items whose vector is 0 are left out. Source: Smyth and McClave, Similarity vs. Diversity, ICCBR 2001; Ziegler et
    al., Improving Recommendation Lists Through Topic Diversification, WWW 2005 (intra-list similarity).

    Args:
        top: The lists.
        vectors: One per code, float [n_codes, width]; rows below ``FIRST_CODE`` are not read.
    """
    lengths = np.linalg.norm(vectors, axis=1).astype(np.float64)
    lengths[:FIRST_CODE] = 0
    result = np.full(len(top), np.nan)
    for start in range(0, len(top), _BATCH):
        codes = top[start : start + _BATCH]
        norms = lengths[codes]
        known = norms > 0
        units = np.where(known[..., None], vectors[codes] / np.where(known, norms, 1)[..., None], 0)
        count = known.sum(1)
        # all ordered pairs of unit vectors: the squared length of their sum, less each with itself
        pairs = (units.sum(1) ** 2).sum(1) - count
        several = count > 1
        result[start : start + _BATCH][several] = 1 - pairs[several] / (count * (count - 1))[several]
    return result


def coverage(top: Int32, n_codes: int) -> float:
    """Return the share of all items that are in some list.

    Source: Ge et al., Beyond Accuracy: Evaluating Recommender Systems by Coverage and Serendipity, RecSys 2010
    (catalogue coverage).

    Args:
        top: The lists.
        n_codes: Size of the item vocabulary.
    """
    return float((_exposure(top, n_codes) > 0).mean())


def gini(top: Int32, n_codes: int) -> float:
    """Return the Gini coefficient of how often each item is in a list: 0 all equally, near 1 few take all.

    ``sum_i (2 i - n - 1) x_(i) / (n sum x)`` over items in ascending order of exposure; nan without lists. Source:
    Fleder and Hosanagar, Blockbuster Culture's Next Rise or Fall, Management Science 2009.

    Args:
        top: The lists.
        n_codes: Size of the item vocabulary.
    """
    exposure = np.sort(_exposure(top, n_codes)).astype(np.float64)
    n = len(exposure)
    if not exposure.sum():
        return float("nan")
    return float(((2 * np.arange(1, n + 1) - n - 1) * exposure).sum() / (n * exposure.sum()))


def _exposure(top: Int32, n_codes: int) -> Int64:
    return np.bincount(top.ravel(), minlength=n_codes)[FIRST_CODE:]


def _items(counts: Int64) -> Int64:
    seen = np.asarray(counts)[FIRST_CODE:]
    if seen.min(initial=0) < 0 or not seen.sum():
        raise InputError("counts must be the train events of each code, int64 [n_codes], none negative and not all 0")
    return seen


def _mean_of(top: Int32, values: Float64) -> Float64:
    """Return the mean of the values of the items of each list."""
    count = (top >= FIRST_CODE).sum(1)
    total = np.where(top >= FIRST_CODE, values[top], 0).sum(1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
