"""Markov attribution: what share of conversions would be lost without a channel.

Anderl, Becker, von Wangenheim, Schumann (2016), "Mapping the customer journey". Journeys are walks over the states
start, channels, conversion, null; the chance of a step is its share of all steps seen from that state. Removing a
channel sends every walk that reaches it to null. With the fundamental matrix ``N = (I - Q)^-1`` of the absorbing chain,
a walk from start visits channel c with chance ``N[start, c] / N[c, c]``, and converts from there with chance ``b[c]``,
``b = N r``. So all removals together need one inverse:

    effect(c) = N[start, c] / N[c, c] * b[c] / b[start]
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.journeys._activity import Int64

MOST_CHANNELS = 3000
"""Above this many channels the matrix would take hundreds of megabytes."""


def removal_effects(keys: Int64, counts: Int64, channels: int) -> npt.NDArray[np.float64]:
    """Return each channel's removal effect, float64 [channels], each in [0, 1]; all 0 without conversions.

    Args:
        keys: int64, distinct steps, ``before * (channels + 3) + after``, with states in the order: channels, start,
            conversion, null.
        counts: int64, how often each step was seen.
        channels: Number of channels.

    Raises:
        InputError: There are more channels with steps than ``MOST_CHANNELS``.
    """
    start, conversion = channels, channels + 1
    before, after = np.divmod(keys, channels + 3)
    states = np.union1d(before, [start])  # states that are left: those that absorb never are
    effects = np.zeros(channels)
    if len(states) > MOST_CHANNELS:
        raise InputError(
            f"the markov model takes at most {MOST_CHANNELS} channels, this log has {len(states) - 1}; "
            "leave markov out of the models, or attribute by a coarser column"
        )
    if not np.any(after == conversion):
        return effects
    row = np.searchsorted(states, before)
    total = np.bincount(row, weights=counts, minlength=len(states))
    chance = counts / total[row]
    stays = after < channels
    between = np.zeros((len(states), len(states)))
    between[row[stays], np.searchsorted(states, after[stays])] = chance[stays]
    to_conversion = np.zeros(len(states))
    converts = after == conversion
    to_conversion[row[converts]] = chance[converts]
    fundamental = np.linalg.inv(np.eye(len(states)) - between)
    converting = fundamental @ to_conversion
    at = int(np.searchsorted(states, start))
    visits = fundamental[at] / np.diagonal(fundamental)
    real = states < channels
    effects[states[real]] = np.clip((visits * converting / converting[at])[real], 0.0, 1.0)
    return effects
