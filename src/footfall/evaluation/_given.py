"""What an evaluation is given: columns of numbers, labels, probabilities, weights and users, checked once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


def column(name: str, values: npt.ArrayLike, rows: int | None = None) -> Float64:
    """Return a column of finite numbers, float64 [rows].

    Args:
        name: What the message calls it.
        values: Any numbers, [rows].
        rows: How many there must be; any number from 1 without it.

    Raises:
        InputError: None, another number of them, another shape, or one that is no finite number.
    """
    try:
        data = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} are not numbers; give one finite number a row") from None
    if data.ndim != 1 or not len(data) or (rows is not None and len(data) != rows):
        wanted = "at least one row" if rows is None else f"{rows}"
        raise InputError(f"{name} of shape {list(data.shape)}; give one number a row, here {wanted}")
    wrong = int((~np.isfinite(data)).sum())
    if wrong:
        raise InputError(f"{name}: {wrong} of {len(data)} are nan or infinite; give one finite number a row")
    return data


def weights_of(weights: npt.ArrayLike | None, rows: int) -> Float64:
    """Return how much each row counts, float64 [rows]: 1 without weights.

    Args:
        weights: From 0, not all 0; [rows].
        rows: How many there must be.

    Raises:
        InputError: As ``column``; a weight is below 0, or all are 0.
    """
    if weights is None:
        return np.ones(rows)
    data = column("weights", weights, rows)
    if data.min() < 0 or data.max() == 0:
        raise InputError(f"weights from {data.min():g} to {data.max():g}; give 0 or more, and not 0 to every row")
    return data


def users_of(users: npt.ArrayLike | None, rows: int) -> Int64:
    """Return a dense number of the user of each row, int64 [rows]: each row its own without users.

    Args:
        users: Any ids, [rows].
        rows: How many there must be.

    Raises:
        InputError: There is not one a row.
    """
    if users is None:
        return np.arange(rows)
    given = np.asarray(users)
    if given.shape != (rows,):
        raise InputError(f"users of shape {list(given.shape)} for {rows} rows; give whose each row is")
    return np.unique(given, return_inverse=True)[1].astype(np.int64)


def labels_of(labels: npt.ArrayLike, rows: int | None = None) -> Float64:
    """Return labels as 0 and 1, float64 [rows].

    Args:
        labels: 0 and 1, or booleans; [rows].
        rows: How many there must be; any number from 1 without it.

    Raises:
        InputError: As ``column``; one is neither 0 nor 1.
    """
    data = column("labels", labels, rows)
    wrong = data[(data != 0) & (data != 1)]
    if len(wrong):
        raise InputError(f"labels hold {wrong[0]:g}; give 0 (it did not happen) or 1 (it did)")
    return data


def both_classes(labels: Float64, weights: Float64, what: str) -> None:
    """Refuse labels of one class where that leaves nothing to measure.

    Args:
        labels: 0 and 1, float64 [rows].
        weights: float64 [rows].
        what: Begins the message, e.g. ``AUROC``.

    Raises:
        InputError: All labels that count are 0, or all are 1.
    """
    kinds = np.unique(labels[weights > 0])
    if len(kinds) < 2:
        raise InputError(
            f"{what} needs rows of both classes; all {len(labels)} labels are {kinds[0]:g}; give more rows, or a "
            "cutoff and a horizon with both"
        )


def probabilities_of(probabilities: npt.ArrayLike, rows: int | None = None) -> Float64:
    """Return probabilities, float64 [rows].

    Args:
        probabilities: From 0 to 1; [rows].
        rows: How many there must be; any number from 1 without it.

    Raises:
        InputError: As ``column``; one lies outside [0, 1].
    """
    data = column("probabilities", probabilities, rows)
    if data.min() < 0 or data.max() > 1:
        raise InputError(
            f"probabilities from {data.min():g} to {data.max():g}; they lie in [0, 1]; calibrate scores first"
        )
    return data
