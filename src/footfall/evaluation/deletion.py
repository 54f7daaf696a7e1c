"""Deletion: whether what is named as the reason of a score matters more than something drawn at random.

What was named is taken away, and so is as much drawn at random; where the reasons are true, the score moves further
without what was named (Samek et al., Evaluating the Visualization of What a Deep Neural Network Has Learned, IEEE TNNLS
2017; the comparison with random removal is that of Hooker et al., NeurIPS 2019).
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.evaluation._given import Float64, column
from footfall.evaluation._resamples import check_resampling, interval, resample


@dataclasses.dataclass(frozen=True)
class Deletion:
    """How far scores moved.

    Attributes:
        named: Mean change without what was named, in the unit of the scores.
        random: Mean change without as much that was drawn.
        ratio: The first by the second; nan where nothing drawn changes anything.
        low: Of the ratio's bootstrap interval over users.
        high: Of it.
        users: Number of users.
    """

    named: float
    random: float
    ratio: float
    low: float
    high: float
    users: int

    @classmethod
    def of(
        cls, named: npt.ArrayLike, random: npt.ArrayLike, *, seed: int = 0, repeats: int = 1000, level: float = 0.95
    ) -> Self:
        """Compare changes.

        Args:
            named: How far each user's score moved without what was named, from 0, [users].
            random: How far it moved without what was drawn, from 0; the mean over several draws, [users].
            seed: Of the bootstrap.
            repeats: Resamples.
            level: Of the interval.

        Raises:
            InputError: A column or a setting cannot be used, or a change is below 0.
        """
        a = column("changes without what was named", named)
        b = column("changes without what was drawn", random, len(a))
        if min(a.min(), b.min()) < 0:
            raise InputError(f"changes from {min(a.min(), b.min()):g}; give absolute changes, from 0")
        check_resampling(repeats, level)

        def ratio(times: Float64) -> dict[str, Float64]:
            below = times @ b
            return {"ratio": np.divide(times @ a, below, out=np.full(len(times), np.nan), where=below > 0)}

        whole = float(ratio(np.ones((1, len(a))))["ratio"][0])
        drawn = resample(ratio, np.arange(len(a)), seed=seed, repeats=repeats)["ratio"]
        around = interval(whole, drawn, level)
        return cls(float(a.mean()), float(b.mean()), around.mean, around.low, around.high, len(a))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values; what cannot be told is None."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in dataclasses.asdict(self).items()
        }
