"""Selection: fewer columns that say as much.

Every function returns names for ``FeatureTable.only``, and learns from the training rows that it is handed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError, unknown_name
from footfall.features.table import FeatureTable

Float64 = npt.NDArray[np.float64]


def by_variation(table: FeatureTable) -> tuple[str, ...]:
    """Return the columns that tell rows apart: with two different values, or with known and missing ones.

    Args:
        table: Training rows.
    """
    kept = []
    for name, column in zip(table.names, table.values.T, strict=True):
        known = column[~np.isnan(column)]
        if len(known) and (len(known) < len(column) or known.min() < known.max()):
            kept.append(name)
    return tuple(kept)


def by_correlation(
    table: FeatureTable, *, most: float = 0.95, importances: Mapping[str, float] | None = None
) -> tuple[str, ...]:
    """Return the columns that are left when of each pair that says nearly the same one is dropped.

    Columns are gone through from the most important one on, and one is kept unless its correlation (Pearson's, missing
    values taken as the column's mean) with a kept one is above the bound. Columns of codes and columns that do not vary
    have no correlation, and are kept.

    Args:
        table: Training rows.
        most: The largest absolute correlation that two kept columns may have, from 0 to 1.
        importances: How much each column is worth; the earlier one is worth more without it, and among equals.

    Returns:
        Names in the order of the table.

    Raises:
        InputError: The bound is not from 0 to 1, or importances do not name every column with a number.
    """
    if not 0 <= most <= 1:
        raise InputError(f"most = {most} cannot be used; accepted: a correlation from 0 to 1")
    worth = dict.fromkeys(table.names, 0.0) if importances is None else _checked(importances)
    for name in table.names:
        if name not in worth:
            raise InputError(unknown_name("feature", name, worth) + ": importances must name every column")
    numbers = [name for name in table.names if name not in table.categories]
    numbers.sort(key=lambda name: -worth[name])
    standard = _standardised(table, numbers)
    correlation = standard.T @ standard
    kept: list[int] = []
    for place in range(len(numbers)):
        # A hair more than the bound, for what is the same number twice may come to a little more than 1.
        if not (np.abs(correlation[place, kept]) > most + 1e-9).any():
            kept.append(place)
    left = {numbers[place] for place in kept} | set(table.categories)
    return tuple(name for name in table.names if name in left)


def by_importance(
    importances: Mapping[str, float], *, share: float = 0.99, at_most: int | None = None
) -> tuple[str, ...]:
    """Return the fewest columns that hold a share of all importance, the most important first.

    Args:
        importances: How much each column is worth, from 0 (gains of trees, absolute coefficients, ...).
        share: The share that they hold together, above 0 and up to 1. Columns that are worth nothing are left out.
        at_most: The most columns that are wanted.

    Raises:
        InputError: A setting or an importance is out of its range.
    """
    if not 0 < share <= 1:
        raise InputError(f"share = {share} cannot be used; accepted: above 0, up to 1")
    if at_most is not None and at_most < 1:
        raise InputError(f"at_most = {at_most} cannot be used; accepted: a whole number from 1")
    worth = _checked(importances)
    ordered = [name for name in sorted(worth, key=lambda name: -worth[name]) if worth[name] > 0]
    held = np.cumsum([worth[name] for name in ordered])
    if not len(held):
        return ()
    # A hair less than the share: a sum of many numbers is not exact.
    needed = int(np.searchsorted(held, share * held[-1] * (1 - 1e-12))) + 1
    return tuple(ordered[: needed if at_most is None else min(needed, at_most)])


def _checked(importances: Mapping[str, float]) -> dict[str, float]:
    worth = {name: float(value) for name, value in importances.items()}
    wrong = [name for name, value in worth.items() if not 0 <= value < np.inf]
    if wrong:
        raise InputError(f"these importances are not numbers from 0: {', '.join(wrong)}")
    return worth


def _standardised(table: FeatureTable, names: Sequence[str]) -> Float64:
    """Return columns less their means, of length 1 (0 where they do not vary), missing values 0; [rows, names]."""
    values = table.only(names).values.astype(np.float64)
    missing = np.isnan(values)
    counts = np.maximum((~missing).sum(axis=0), 1)
    centred = np.where(missing, 0, values - np.where(missing, 0, values).sum(axis=0) / counts)
    spread = np.abs(centred).max(axis=0, initial=0)
    # What is left of a column of equal numbers after rounding is no variation.
    varies = spread > 1e-12 * np.abs(np.where(missing, 0, values)).max(axis=0, initial=0)
    length = np.sqrt(np.square(centred).sum(axis=0))
    standard: Float64 = np.where(varies, centred, 0) / np.where(varies & (length > 0), length, 1)
    return standard
