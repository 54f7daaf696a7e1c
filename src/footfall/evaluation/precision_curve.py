"""Precision by probability, of users whose outcomes are known: thresholds for wanted precisions, kept with a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.evaluation._given import labels_of, probabilities_of
from footfall.evaluation.curves import wilson
from footfall.evaluation.intervals import Interval

LEAST_CHOSEN: Final = 10
"""A precision that fewer users show is none."""
MOST_STEPS: Final = 1000
"""Steps of a curve that is kept."""


@dataclasses.dataclass(frozen=True)
class Reached:
    """What a threshold reached on the users that a curve is made of.

    Attributes:
        threshold: All at it and above it are selected.
        selected: Users.
        hits: Those among them for whom it happened.
        precision: Hits by selected, with its Wilson interval.
    """

    threshold: float
    selected: int
    hits: int
    precision: Interval


@dataclasses.dataclass(frozen=True)
class PrecisionCurve:
    """What came of users by their probability: small enough to be kept beside a model.

    Attributes:
        lowest: Lowest probability of each step, ascending.
        users: Users of each step.
        hits: Those among them for whom it happened.
    """

    lowest: tuple[float, ...]
    users: tuple[int, ...]
    hits: tuple[int, ...]

    @classmethod
    def of(cls, probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, steps: int = MOST_STEPS) -> Self:
        """Count users and hits; a step for each distinct probability, or steps of nearly equal numbers of users.

        Args:
            probabilities: [users].
            labels: 0 or 1, [users].
            steps: At most so many.

        Raises:
            InputError: A column cannot be used; steps below 1.
        """
        p = probabilities_of(probabilities)
        y = labels_of(labels, len(p))
        if steps < 1:
            raise InputError(f"steps = {steps}; give 1 or more")
        values, place, count = np.unique(p, return_inverse=True, return_counts=True)
        hits = np.bincount(place, y, len(values))
        if len(values) > steps:  # equal probabilities stay together, in the step where the middle of their mass is
            step = ((np.cumsum(count) - count / 2) / len(p) * steps).astype(np.int64)
            starts = np.flatnonzero(np.diff(step, prepend=-1))
            values, count, hits = values[starts], np.add.reduceat(count, starts), np.add.reduceat(hits, starts)
        return cls(tuple(values.tolist()), tuple(count.tolist()), tuple(hits.astype(np.int64).tolist()))

    @property
    def rate(self) -> float:
        """Share of users for whom it happened."""
        return sum(self.hits) / sum(self.users)

    def reaching(self, precision: float) -> Reached:
        """Return the lowest threshold whose users had at least this precision.

        It is chosen by the same outcomes that it is judged by, so what it reaches later is rather less than more.

        Args:
            precision: Share of hits among those selected, above 0 and at most 1.

        Raises:
            InputError: A precision outside (0, 1]; one that no threshold with ``LEAST_CHOSEN`` users above it reached.
        """
        if not 0 < precision <= 1:
            raise InputError(f"precision = {precision}; give a share above 0 and at most 1, e.g. 0.3")
        selected, hits = (np.cumsum(np.array(each)[::-1])[::-1] for each in (self.users, self.hits))
        told = np.where(selected >= LEAST_CHOSEN, hits / selected, -1.0)
        enough = np.flatnonzero(told >= precision * (1 - 1e-12))
        if not len(enough):
            best = int(np.argmax(told))
            reached = f"{told[best]:.4g}, by {selected[best]:,} users" if told[best] >= 0 else "told by too few users"
            raise InputError(
                f"precision = {precision:.4g} was not reached where probabilities were calibrated: the highest was "
                f"{reached}; ask for less, or for a capacity"
            )
        at = int(enough[0])
        there = wilson(float(hits[at]), float(selected[at]))
        return Reached(self.lowest[at], int(selected[at]), int(hits[at]), there)

    def to_dict(self) -> dict[str, Any]:
        """Return the curve as JSON-ready values; ``from_dict`` reads them."""
        return {field.name: list(getattr(self, field.name)) for field in dataclasses.fields(self)}

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        """Read what ``to_dict`` returned.

        Args:
            kept: JSON-ready.
        """
        return cls(**{field.name: tuple(kept[field.name]) for field in dataclasses.fields(cls)})
