"""Calibration: from scores to probabilities that mean what they say, learnt after training and before the test.

Four families behind one protocol (``fit``, ``apply``, ``to_dict``, ``from_dict``); none ever turns two scores round,
at most it makes them equal:

* ``Identity``: the scores are probabilities already.
* ``Platt``: p = sigmoid(slope * x + intercept), x the score or its log-odds (Platt 1999; Newton's method by Lin, Lin
  and Weng, Machine Learning 2007).
* ``Beta``: ln(p / (1 - p)) = c + a ln(s) - b ln(1 - s) with a, b >= 0, of scores in [0, 1] (Kull, Silva Filho and
  Flach, AISTATS 2017).
* ``Isotonic``: the best non-decreasing steps, by pooling adjacent violators (Ayer et al. 1955; Zadrozny and Elkan, KDD
  2002), read as straight lines between the centres of the steps, so that few scores become equal.

Platt and Beta are fitted to Platt's targets, (hits + 1) / (hits + 2) for a positive and 1 / (misses + 2) for a negative
instead of 1 and 0: so a score that separates the classes in a small sample does not become certainty.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError, unknown_name
from footfall.evaluation._given import Float64, both_classes, column, labels_of, weights_of
from footfall.evaluation._logistic import logistic, sigmoid

_EDGE: Final = 1e-12
"""Nearest to 0 and 1 that a score may come before its logarithm is taken."""


class Calibrator(abc.ABC):
    """Turns scores into probabilities; made by ``fit``."""

    kind: ClassVar[str]
    """Its name in ``to_dict``."""
    of_probabilities: ClassVar[bool] = False
    """Whether scores must lie in [0, 1]."""

    @classmethod
    @abc.abstractmethod
    def fit(cls, scores: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Self:
        """Learn from rows that were not trained on.

        Args:
            scores: Any real numbers, or numbers in [0, 1] where ``of_probabilities``; [rows].
            labels: 0 or 1, [rows].
            weights: How many rows each stands for, [rows].

        Raises:
            InputError: A column cannot be used; all labels are of one class (``Identity`` needs no labels).
        """

    @abc.abstractmethod
    def apply(self, scores: npt.ArrayLike) -> Float64:
        """Return a probability for each score, float64 [rows]; none for none.

        Args:
            scores: As in ``fit``; [rows].

        Raises:
            InputError: A score cannot be used.
        """

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values, to be read by ``from_dict``."""
        return {"kind": self.kind, **{name: _plain(value) for name, value in vars(self).items()}}

    @classmethod
    def from_dict(cls, parts: Mapping[str, Any]) -> Self:
        """Read what ``to_dict`` gave; the class itself takes any kind, a family only its own.

        Args:
            parts: From ``to_dict``.

        Raises:
            InputError: The kind is unknown, or a part is missing or wrong.
        """
        kinds = {kind.kind: kind for kind in KINDS if issubclass(kind, cls)}
        kind = str(parts.get("kind"))
        if kind not in kinds:
            raise InputError(unknown_name("calibration", kind, kinds))
        try:
            made: Self = kinds[kind]._read({name: value for name, value in parts.items() if name != "kind"})  # noqa: SLF001 - its own classes
        except (TypeError, ValueError) as error:
            raise InputError(f"calibration {kind!r} cannot be read ({error}); give what to_dict gave") from None
        return made

    @classmethod
    def _read(cls, parts: Mapping[str, Any]) -> Any:
        return cls(**{name: float(value) for name, value in parts.items()})


@dataclasses.dataclass(frozen=True)
class Identity(Calibrator):
    """The scores are probabilities already."""

    kind: ClassVar[str] = "identity"
    of_probabilities: ClassVar[bool] = True

    @classmethod
    def fit(cls, scores: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Self:
        """Learn nothing, but refuse what is no probability; see ``Calibrator.fit``."""
        s = _unit(scores)
        labels_of(labels, len(s))
        weights_of(weights, len(s))
        return cls()

    def apply(self, scores: npt.ArrayLike) -> Float64:
        """Return the scores; see ``Calibrator.apply``."""
        return _unit(scores)


@dataclasses.dataclass(frozen=True)
class Platt(Calibrator):
    """A logistic curve.

    Attributes:
        slope: From 0, by score (or by log-odds).
        intercept: Log-odds where the score (or its log-odds) is 0.
        of_log_odds: 1 where scores are in [0, 1] and their log-odds are taken, 0 where they are any real numbers.
    """

    slope: float
    intercept: float
    of_log_odds: float = 0.0
    kind: ClassVar[str] = "platt"

    @classmethod
    def fit(
        cls,
        scores: npt.ArrayLike,
        labels: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        *,
        of_log_odds: bool = False,
    ) -> Self:
        """Fit the curve; see ``Calibrator.fit``.

        Args:
            scores: [rows].
            labels: 0 or 1, [rows].
            weights: [rows].
            of_log_odds: Take the log-odds of scores that lie in [0, 1].

        Raises:
            InputError: As ``Calibrator.fit``.
        """
        s, y, w = _given(scores, labels, weights, unit=of_log_odds)
        features = (_log_odds(s) if of_log_odds else s)[:, None]
        intercept, (slope,) = logistic(features, _targets(y, w), w)
        return cls(float(slope), intercept, float(of_log_odds))

    def apply(self, scores: npt.ArrayLike) -> Float64:
        """Return points of the curve; see ``Calibrator.apply``."""
        x = _log_odds(_unit(scores)) if self.of_log_odds else _real(scores)
        return sigmoid(self.intercept + self.slope * x)


@dataclasses.dataclass(frozen=True)
class Beta(Calibrator):
    """Beta calibration; with a = b it is ``Platt`` on log-odds, with a = b = 1 and c = 0 the identity.

    Attributes:
        a: Of ln(s), from 0.
        b: Of -ln(1 - s), from 0.
        c: The rest.
    """

    a: float
    b: float
    c: float
    kind: ClassVar[str] = "beta"
    of_probabilities: ClassVar[bool] = True

    @classmethod
    def fit(cls, scores: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Self:
        """Fit the three numbers; see ``Calibrator.fit``."""
        s, y, w = _given(scores, labels, weights, unit=True)
        c, (a, b) = logistic(np.stack(_logs(s), 1), _targets(y, w), w)
        return cls(float(a), float(b), c)

    def apply(self, scores: npt.ArrayLike) -> Float64:
        """Return points of the curve; see ``Calibrator.apply``."""
        low, high = _logs(_unit(scores))
        return sigmoid(self.c + self.a * low + self.b * high)


@dataclasses.dataclass(frozen=True, eq=False)
class Isotonic(Calibrator):
    """Non-decreasing steps, read as lines between their centres; level before the first and after the last.

    Attributes:
        centres: Mean score of each step, ascending, float64 [steps].
        probabilities: Of each step, ascending, float64 [steps]; nowhere nearer to 0 or 1 than half a hit in one row
            more than there were: of n rows without a hit, nobody knows that there never is one.
    """

    centres: Float64
    probabilities: Float64
    kind: ClassVar[str] = "isotonic"

    @classmethod
    def fit(cls, scores: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> Self:
        """Pool adjacent violators; see ``Calibrator.fit``."""
        s, y, w = _given(scores, labels, weights, unit=False)
        s, y, w = s[w > 0], y[w > 0], w[w > 0]
        distinct, place = np.unique(s, return_inverse=True)
        mass = np.bincount(place, w)
        starts, rates = _pool((np.bincount(place, w * y) / mass).tolist(), mass.tolist())
        ends = np.append(starts[1:], len(distinct)) - 1
        means = np.add.reduceat(distinct * (mass / mass.max()), starts) / np.add.reduceat(mass / mass.max(), starts)
        centres = np.clip(means, distinct[starts], distinct[ends])  # rounding must not bring two steps together
        edge = 0.5 / (1 + w.sum())
        return cls(centres, np.clip(rates, edge, 1 - edge))

    def apply(self, scores: npt.ArrayLike) -> Float64:
        """Return points of the lines; see ``Calibrator.apply``."""
        s = np.clip(_real(scores), self.centres[0], self.centres[-1])
        if len(self.centres) == 1:
            return np.full(len(s), self.probabilities[0])
        right = np.clip(np.searchsorted(self.centres, s, side="right"), 1, len(self.centres) - 1)
        x0, x1 = self.centres[right - 1], self.centres[right]
        y0, y1 = self.probabilities[right - 1], self.probabilities[right]
        # Not np.interp: a line may pass its own end by a rounding, and a higher score would then get less.
        part = np.clip((s - x0) / (x1 - x0), 0, 1)
        points: Float64 = np.minimum(y0 + part * (y1 - y0), y1)
        return points

    @classmethod
    def _read(cls, parts: Mapping[str, Any]) -> Any:
        made = cls(**{name: np.array(value, np.float64) for name, value in parts.items()})
        x, p = made.centres, made.probabilities
        if x.ndim != 1 or x.shape != p.shape or not len(x) or (np.diff(x) <= 0).any() or (np.diff(p) < 0).any():
            raise ValueError("centres must ascend, and probabilities must not descend")
        return made


KINDS: Final[tuple[type[Calibrator], ...]] = (Identity, Platt, Beta, Isotonic)
"""From the simplest on."""


def _given(
    scores: npt.ArrayLike, labels: npt.ArrayLike, weights: npt.ArrayLike | None, *, unit: bool
) -> tuple[Float64, Float64, Float64]:
    s = column("scores", scores)
    if unit:
        _unit(s)
    y, w = labels_of(labels, len(s)), weights_of(weights, len(s))
    both_classes(y, w, "calibration")
    return s, y, w


def _real(scores: npt.ArrayLike) -> Float64:
    """Return scores; none are welcome, for there may be nobody to ask about."""
    return column("scores", scores) if np.size(scores) else np.zeros(0)


def _unit(scores: npt.ArrayLike) -> Float64:
    s = _real(scores)
    if len(s) and (s.min() < 0 or s.max() > 1):
        raise InputError(
            f"scores from {s.min():g} to {s.max():g}; this calibration takes numbers in [0, 1]; "
            "for any real scores use Platt or Isotonic"
        )
    return s


def _logs(s: Float64) -> tuple[Float64, Float64]:
    inside = np.clip(s, _EDGE, 1 - _EDGE)
    return np.log(inside), -np.log1p(-inside)


def _log_odds(s: Float64) -> Float64:
    low, high = _logs(s)
    odds: Float64 = low + high
    return odds


def _targets(y: Float64, w: Float64) -> Float64:
    hits, misses = float((w * y).sum()), float((w * (1 - y)).sum())
    return np.where(y > 0, (hits + 1) / (hits + 2), 1 / (misses + 2))


def _pool(rates: list[float], mass: list[float]) -> tuple[npt.NDArray[np.int64], Float64]:
    """Return where each step begins and its rate; of rates and masses of distinct scores, ascending."""
    starts: list[int] = []
    levels: list[float] = []
    masses: list[float] = []
    for place, (rate, weight) in enumerate(zip(rates, mass, strict=True)):
        start, level, total = place, rate, weight
        while levels and levels[-1] >= level:
            before = masses.pop()
            level = (levels.pop() * before + level * total) / (before + total)
            total += before
            start = starts.pop()
        starts.append(start)
        levels.append(level)
        masses.append(total)
    return np.array(starts), np.array(levels)


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value
