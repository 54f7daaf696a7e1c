"""Which calibration to use: the simplest that cross-validated log loss cannot tell from the best.

The families themselves are in ``calibrators``, and can be had from here.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from footfall.evaluation._given import Float64, Int64, column, labels_of, weights_of
from footfall.evaluation.calibrators import KINDS, Beta, Calibrator, Identity, Isotonic, Platt
from footfall.results import Result

__all__ = ["KINDS", "Beta", "CalibrationRow", "Calibrator", "Chosen", "Identity", "Isotonic", "Platt", "chosen"]

FOLDS: Final = 5
_MANY: Final = 5_000
"""Rows from which one cutting into folds is enough; fewer are cut several times."""
_CUTS: Final = 5
_EDGE: Final = 1e-15
Fit = Callable[[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike | None], Calibrator]


@dataclasses.dataclass(frozen=True)
class CalibrationRow:
    """One family.

    Attributes:
        kind: Its name.
        log_loss: Cross-validated, nats; nan where it could not be judged.
        behind: Log loss less that of the best.
        behind_se: Standard error of that over rows.
    """

    kind: str
    log_loss: float
    behind: float
    behind_se: float


@dataclasses.dataclass(frozen=True)
class Chosen(Result):
    """The calibration that was chosen, fitted on all rows.

    Attributes:
        kind: Its name.
        calibrator: Ready to apply.
        reason: Why this one.
        cases: Rows.
        positives: Rows labelled 1.
        folds: Of the cross-validation; 0 where there was none.
        rows: Every family that was tried, from the simplest on.
    """

    kind: str
    calibrator: Calibrator
    reason: str
    cases: int
    positives: int
    folds: int
    rows: tuple[CalibrationRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values; ``Calibrator.from_dict`` reads the calibrator's."""
        return super().to_dict() | {"calibrator": self.calibrator.to_dict()}

    def headline(self) -> str:
        """Say which and why."""
        return f"{self.kind}: {self.reason}"


def chosen(
    scores: npt.ArrayLike,
    labels: npt.ArrayLike,
    seed: int,
    weights: npt.ArrayLike | None = None,
    *,
    probabilities: bool | None = None,
) -> Chosen:
    """Choose a calibration by cross-validated log loss, and fit it on all rows.

    Of all families whose loss is within one standard error of the best (paired, over rows), the simplest is taken
    (Breiman et al., Classification and Regression Trees, 1984, section 3.4.3): identity, Platt, beta, isotonic. Folds
    hold both classes alike; with fewer rows of a class than folds there are fewer, and with only one or none
    nothing can be judged: then it is identity for probabilities, and Platt for other scores.

    Args:
        scores: Of rows that were not trained on, [rows].
        labels: 0 or 1, [rows].
        seed: Of the folds.
        weights: How many rows each stands for, [rows].
        probabilities: Whether scores are probabilities, if perhaps bad ones; without it they are where all lie in
            [0, 1]. Others are for Platt and isotonic only.

    Raises:
        InputError: A column cannot be used; scores that are to be probabilities lie outside [0, 1]; scores that are no
            probabilities, with labels of one class: nothing can make probabilities of them.
    """
    s = column("scores", scores)
    y, w = labels_of(labels, len(s)), weights_of(weights, len(s))
    unit = bool(s.min() >= 0 and s.max() <= 1) if probabilities is None else probabilities
    families: dict[str, Fit] = {Platt.kind: functools.partial(Platt.fit, of_log_odds=unit), Isotonic.kind: Isotonic.fit}
    if unit:
        Identity.fit(s, y, w)
        families = {
            Identity.kind: Identity.fit,
            Platt.kind: families[Platt.kind],
            Beta.kind: Beta.fit,
            Isotonic.kind: Isotonic.fit,
        }
    counted = y[w > 0]
    fewest = int(min(counted.sum(), len(counted) - counted.sum()))
    simplest = next(iter(families))
    if fewest < 2:
        reason = f"the rarer class has {fewest} of {len(s)} rows; judging families takes 2, and does well from 50 on"
        untold = tuple(CalibrationRow(kind, *[float("nan")] * 3) for kind in families)
        return Chosen(simplest, families[simplest](s, y, w), reason, len(s), int(y.sum()), 0, untold)
    folds = min(FOLDS, fewest)
    losses = _cross_validated(families, s, y, w, folds, seed)
    means = {kind: float(np.average(loss, weights=w)) for kind, loss in losses.items()}
    best = min(means, key=lambda kind: means[kind])
    rows = []
    for kind, loss in losses.items():
        behind = loss - losses[best]
        rows.append(CalibrationRow(kind, means[kind], means[kind] - means[best], _standard_error(behind, w)))
    taken = next(row for row in rows if row.behind <= row.behind_se)
    reason = "lowest cross-validated log loss"
    if taken.kind != best:
        reason = f"simpler than {best}, whose log loss is lower by {taken.behind:.2g}, within {taken.behind_se:.2g}"
    fitted = families[taken.kind](s, y, w)
    return Chosen(taken.kind, fitted, reason, len(s), int(y.sum()), folds, tuple(rows))


def _cross_validated(
    families: Mapping[str, Fit], s: Float64, y: Float64, w: Float64, folds: int, seed: int
) -> dict[str, Float64]:
    """Return the log loss of each row by families that had not seen it, float64 [rows] a family."""
    rng = np.random.default_rng(seed)
    cuts = 1 if len(s) >= _MANY else _CUTS
    losses = {kind: np.zeros(len(s)) for kind in families}
    for _ in range(cuts):
        fold = _folds(y, w, folds, rng)
        for held in range(folds):
            out, rest = fold == held, fold != held
            for kind, fit in families.items():
                p = np.clip(fit(s[rest], y[rest], w[rest]).apply(s[out]), _EDGE, 1 - _EDGE)
                losses[kind][out] -= np.where(y[out] > 0, np.log(p), np.log1p(-p)) / cuts
    return losses


def _folds(y: Float64, w: Float64, folds: int, rng: np.random.Generator) -> Int64:
    """Return the fold of each row, int64 [rows]: of each class, and of rows that count at all, as many in each."""
    fold = np.zeros(len(y), np.int64)
    for rows in (np.flatnonzero((y > 0) & (w > 0)), np.flatnonzero((y == 0) & (w > 0)), np.flatnonzero(w == 0)):
        fold[rng.permutation(rows)] = np.arange(len(rows)) % folds
    return fold


def _standard_error(behind: Float64, w: Float64) -> float:
    share = w / w.sum()
    mean = (share * behind).sum()
    return float(np.sqrt((share**2 * (behind - mean) ** 2).sum()))
