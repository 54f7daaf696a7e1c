"""Missing numbers in features: filled by mean, median, interpolation or a model; never in the lake.

What is learned is learned from the training rows handed to ``fit``, and from nothing else; ``fill`` applies it to any
rows later, and says which numbers it made up. Missing is NaN; an infinity is an error, not a missing number.

* ``mean``, ``median``: of the column's known training values.
* ``interpolate``: linear in time between the known values of the same user before and after; before the first and
  after the last one, that nearest value; for a user without any, the training median. It looks at later rows of the
  user, so ``fill`` wants the cutoff: a row before the cutoff learns from rows before the cutoff only, and a row at or
  after it from rows before itself (the last known value is carried on).
* ``iterative``: each column regressed on the others in turns (scikit-learn's ``IterativeImputer``; van Buuren and
  Groothuis-Oudshoorn 2011). ``knn``: mean of the nearest training rows by the columns known to both, each column
  divided by its training standard deviation first, so that units do not decide (``KNNImputer``; Troyanskaya 2001).
  A row without any known number gets the training medians.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError, unknown_name

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

Strategy = Literal["mean", "median", "interpolate", "iterative", "knn"]
STRATEGIES: Final[tuple[Strategy, ...]] = get_args(Strategy)

MOST_ROUNDS: Final = 25


@dataclasses.dataclass(frozen=True)
class ImputeSpec:
    """How to fill.

    Attributes:
        strategy: One of ``STRATEGIES``.
        neighbours: Of ``knn``.
        seed: Of ``iterative``.
    """

    strategy: Strategy = "median"
    neighbours: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            InputError: One is not among its accepted values.
        """
        if self.strategy not in STRATEGIES:
            raise InputError(unknown_name("strategy", str(self.strategy), STRATEGIES))
        if self.neighbours < 1:
            raise InputError(f"neighbours = {self.neighbours} cannot be used; accepted: a whole number from 1")


@dataclasses.dataclass(frozen=True)
class Filled:
    """Rows without missing numbers.

    Attributes:
        values: float64 [rows, columns]; known numbers are as they were.
        filled: bool [rows, columns], which numbers were made up.
    """

    values: Float64
    filled: Bool


@dataclasses.dataclass(frozen=True)
class Imputer:
    """What was learned from training rows; made by ``fit``.

    Attributes:
        spec: How to fill.
        columns: Names of the columns, in order.
        centre: float64 [columns], mean (for ``mean``) or median of the known training values.
        scale: float64 [columns], standard deviation of the known training values; 1 where they are all equal.
        model: scikit-learn's fitted imputer for ``iterative`` and ``knn``, on values centred and divided by ``scale``.
        notes: What a person should know about the fit, e.g. that the model had not settled.
    """

    spec: ImputeSpec
    columns: tuple[str, ...]
    centre: Float64
    scale: Float64
    model: Any = None
    notes: tuple[str, ...] = ()

    def fill(
        self,
        values: npt.ArrayLike,
        columns: Sequence[str],
        *,
        user: npt.ArrayLike | None = None,
        time_us: npt.ArrayLike | None = None,
        cutoff_us: int | None = None,
    ) -> Filled:
        """Fill the missing numbers of some rows.

        Args:
            values: [rows, columns], NaN where missing.
            columns: Their names: the ones of ``fit``, in the same order.
            user: ``interpolate`` only: [rows], whose row it is (any integers).
            time_us: ``interpolate`` only: [rows], UTC microseconds.
            cutoff_us: ``interpolate`` only: nothing at or after this moment moves a row before it.

        Raises:
            InputError: The shape, the columns or the values cannot be used, or what the strategy needs is missing.
        """
        known = _checked(values, columns)
        if tuple(columns) != self.columns:
            raise InputError(
                f"these columns are not those of the training rows; given: {', '.join(columns)}; "
                f"accepted, in this order: {', '.join(self.columns)}"
            )
        missing = np.isnan(known)
        if self.spec.strategy == "interpolate":
            made = _interpolated(known, *_moments(len(known), user, time_us, cutoff_us))
        else:
            made = known.copy()
            if self.model is not None and not missing.all():
                some = ~missing.all(axis=1)  # the others would be filled differently beside these than alone
                made[some] = self.model.transform((known[some] - self.centre) / self.scale) * self.scale + self.centre
        made = np.where(np.isnan(made), self.centre, made)
        return Filled(np.where(missing, made, known), missing)


def fit(values: npt.ArrayLike, columns: Sequence[str], spec: ImputeSpec = ImputeSpec()) -> Imputer:
    """Learn from training rows how to fill.

    Args:
        values: [rows, columns], NaN where missing; training rows only.
        columns: Names of the columns.
        spec: How to fill.

    Raises:
        InputError: The shape or the values cannot be used, or a column has no known value (the message names it):
            leave it out, there is nothing to learn from.
    """
    known = _checked(values, columns)
    counts = np.sum(~np.isnan(known), axis=0)
    empty = [name for name, count in zip(columns, counts.tolist(), strict=True) if not count]
    if empty:
        raise InputError(
            f"no known value in the training rows of: {', '.join(empty)}; leave the column out, or give more rows"
        )
    middle = np.nanmean if spec.strategy == "mean" else np.nanmedian
    centre: Float64 = middle(known, axis=0)
    spread: Float64 = np.nanstd(known, axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    if spec.strategy in {"iterative", "knn"}:
        return Imputer(spec, tuple(columns), centre, scale, *_model(spec, (known - centre) / scale))
    return Imputer(spec, tuple(columns), centre, scale)


def _checked(values: npt.ArrayLike, columns: Sequence[str]) -> Float64:
    try:
        known = np.array(values, np.float64)
    except (TypeError, ValueError):
        raise InputError(
            "values that are not numbers; give an array [rows, columns] of floats, NaN if missing"
        ) from None
    if isinstance(columns, str) or len(set(columns)) != len(columns):
        raise InputError(f"columns = {columns!r} cannot be used; give each column a name of its own, in a list")
    if known.ndim != 2 or known.shape[1] != len(columns):
        raise InputError(
            f"values of shape {list(known.shape)} for {len(columns)} columns; give an array [rows, {len(columns)}]"
        )
    infinite = [columns[place] for place in np.flatnonzero(np.isinf(known).any(axis=0)).tolist()]
    if infinite:
        raise InputError(f"infinite values in: {', '.join(infinite)}; give finite numbers, NaN if missing")
    return known


def _moments(
    rows: int, user: npt.ArrayLike | None, time_us: npt.ArrayLike | None, cutoff_us: int | None
) -> tuple[Int64, Int64, int]:
    if user is None or time_us is None or cutoff_us is None:
        raise InputError("interpolate needs user, time_us and cutoff_us: whose row it is, when, and what may be known")
    users, times = np.asarray(user), np.asarray(time_us)
    for name, given in (("user", users), ("time_us", times)):
        if given.shape != (rows,) or not (np.issubdtype(given.dtype, np.integer) or not rows):
            raise InputError(f"{name} of shape {list(given.shape)}, {given.dtype}; give {rows} integers, one per row")
    return users.astype(np.int64), times.astype(np.int64), cutoff_us


def _interpolated(known: Float64, user: Int64, time_us: Int64, cutoff_us: int) -> Float64:
    """Return the values with every gap filled that a user's own known values can fill."""
    order = np.lexsort((np.arange(len(user)), time_us, user))
    user, time_us = user[order], time_us[order]
    made = known[order]
    late = time_us >= cutoff_us
    for column in range(made.shape[1]):
        made[:, column] = _interpolate_one(made[:, column], user, time_us, late)
    back = np.empty_like(made)
    back[order] = made
    return back


def _interpolate_one(values: Float64, user: Int64, time_us: Int64, late: Bool) -> Float64:
    """Fill one column of rows sorted by user and time; rows are late from the cutoff on."""
    rows = np.arange(len(values))
    known = ~np.isnan(values)
    # A row may learn from a known one before it; and, while neither is late, from the next known one.
    before = np.maximum.accumulate(np.where(known, rows, -1))
    usable = np.where(known & ~late, rows, len(rows))
    after = np.minimum.accumulate(usable[::-1])[::-1]
    has_before = (before >= 0) & (user[before] == user)
    nearest_after = np.minimum(after, len(rows) - 1)
    has_after = (after < len(rows)) & (user[nearest_after] == user) & ~late
    low, high = np.where(has_before, before, nearest_after), np.where(has_after, nearest_after, before)
    span = (time_us[high] - time_us[low]).astype(np.float64)
    part = np.divide(time_us - time_us[low], span, out=np.zeros(len(values)), where=span > 0)
    between = values[low] + part * (values[high] - values[low])
    return np.where(known, values, np.where(has_before | has_after, between, np.nan))


def _model(spec: ImputeSpec, standard: Float64) -> tuple[Any, tuple[str, ...]]:
    """Fit scikit-learn's imputer on centred and scaled training rows."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - scikit-learn wants it before the import
    from sklearn.impute import IterativeImputer, KNNImputer

    if spec.strategy == "knn":
        return KNNImputer(n_neighbors=spec.neighbours).fit(standard), ()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model = IterativeImputer(random_state=spec.seed, max_iter=MOST_ROUNDS).fit(standard)
    unsettled = any(issubclass(w.category, ConvergenceWarning) for w in caught)
    note = f"the iterative model still moved after {MOST_ROUNDS} rounds; compare with knn or median"
    return model, (note,) if unsettled else ()
