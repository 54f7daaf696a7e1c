"""Likelihoods of positive parameters, climbed from several starts; for the models of lifetimes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import optimize

Float64 = npt.NDArray[np.float64]
Likelihood = Callable[[Float64], tuple[float, Float64]]
"""Parameters, float64 [parameters], to the log-likelihood of all cases and its gradient by the parameters."""

_FARTHEST: Final = 10.0
"""Logarithm beyond which a parameter says no more than that it is as good as 0, or has no end."""


@dataclasses.dataclass(frozen=True)
class Top:
    """The best point that was found.

    Attributes:
        parameters: float64 [parameters].
        log_likelihood: Of all cases there, without the penalty.
        at_edge: Which parameters ran to the edge of what is looked at, bool [parameters].
        settled: Whether the climb ended at a top.
    """

    parameters: Float64
    log_likelihood: float
    at_edge: npt.NDArray[np.bool_]
    settled: bool

    def notes_on(self, names: Sequence[str]) -> tuple[str, ...]:
        """Say what a person should know about the fit.

        Args:
            names: Of the parameters.
        """
        notes = [
            f"{name} ran to the edge: these customers do not tell it; give more of them, or a penalty"
            for name, edge in zip(names, self.at_edge.tolist(), strict=True)
            if edge
        ]
        if not self.settled:
            notes.append("the fit still moved when it was stopped; give more customers, or a penalty")
        return tuple(notes)


def maximise(likelihood: Likelihood, starts: Sequence[Sequence[float]], *, penalty: float, cases: int) -> Top:
    """Climb from every start, and return the highest top.

    The climb is over logarithms, so that parameters stay above 0, and by L-BFGS-B (Byrd, Lu, Nocedal and Zhu 1995).

    Args:
        likelihood: Of parameters above 0.
        starts: Parameters, [parameters] each.
        penalty: By case, on the sum of squared logarithms.
        cases: How many.
    """

    def cost(logs: Float64) -> tuple[float, Float64]:
        parameters = np.exp(logs)
        value, gradient = likelihood(parameters)
        return penalty * float(logs @ logs) - value / cases, 2 * penalty * logs - gradient * parameters / cases

    bounds = [(-_FARTHEST, _FARTHEST)] * len(starts[0])
    tops = [
        optimize.minimize(
            cost,
            np.log(start),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": 1000, "ftol": 1e-15, "gtol": 1e-8},
        )
        for start in starts
    ]
    best = min(tops, key=lambda top: float(top.fun))
    logs = np.asarray(best.x, np.float64)
    slope = cost(logs)[1]
    edge = np.abs(logs) > _FARTHEST - 1e-3
    # The last digits of a sum over many cases may keep L-BFGS-B from saying that it is done; the slope tells.
    settled = bool(best.success) or bool(np.abs(slope[~edge]).max(initial=0.0) < 1e-5)
    parameters = np.exp(logs)
    return Top(parameters, likelihood(parameters)[0], edge, settled)
