"""Lifetime value: what a customer is expected to spend within a year, in today's money.

Far beyond the horizon that a family was judged on only a model of buying till leaving tells anything: BG/NBD foretells
the orders of each month ahead, Gamma-Gamma what an order is worth (``predictors/lifetime.py``).
"""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np

from footfall.predictors._base import Examples, Float64
from footfall.predictors.lifetime import Lifetime
from footfall.schema import US_PER_DAY
from footfall.tasks._moments import Log

DAYS: Final = 365
COLUMN: Final = f"lifetime_{DAYS}d"
"""What the column is called."""
DISCOUNT: Final = 0.1
"""A year: what is spent in a year is worth 1 / 1.1 of what is spent today."""
STEPS: Final = 12


def learnt(log: Log) -> Lifetime:
    """Learn from everybody who ever bought, up to the end of the log.

    Args:
        log: All events.

    Raises:
        InputError: There are no orders, too few customers, or nobody bought again.
    """
    buyers = log.active(log.begins_us, log.ends_us, "purchase")
    return Lifetime("amount").learn(log.at(buyers, log.ends_us, DAYS * US_PER_DAY))


def spent_ahead(lifetime: Lifetime, examples: Examples, days: float = DAYS, discount: float = DISCOUNT) -> Float64:
    """Return what each is expected to spend in the days ahead, in today's money, float64 [examples].

    Spending of each twelfth is discounted by its middle; who never bought is expected to spend nothing.

    Args:
        lifetime: Learnt.
        examples: Who is asked.
        days: How far ahead.
        discount: A year, from 0.
    """
    total, before = np.zeros(len(examples)), np.zeros(len(examples))
    for step in range(1, STEPS + 1):
        horizon_us = round(days * step / STEPS * US_PER_DAY)
        by_then = lifetime.predict(dataclasses.replace(examples, horizon_us=horizon_us))
        years = days * (step - 0.5) / STEPS / 365
        total += (by_then - before) / (1 + discount) ** years
        before = by_then
    return total
