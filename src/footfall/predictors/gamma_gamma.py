"""What a customer's purchases are worth on average: the gamma-gamma model.

Fader and Hardie, The Gamma-Gamma Model of Monetary Value, 2013 (www.brucehardie.com/notes/025); Colombo and Jiang, A
stochastic RFM model, Journal of Interactive Marketing 1999. Values of a customer's purchases are Gamma(p, nu), and nu
differs from customer to customer by Gamma(q, gamma). The mean does not hang together with how often they buy: where it
does, ``notes`` say so. Values are in one currency, major units.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy import special

from footfall.errors import InputError
from footfall.evaluation._given import column
from footfall.evaluation.amounts import spearman
from footfall.predictors._customers import Float64, as_parts, from_parts, penalty_of, positive
from footfall.predictors._likelihood import maximise

_STARTS: Final = ((1.0, 2.0, 1.0), (6.0, 4.0, 0.5), (0.5, 1.5, 5.0))
"""Of p, q and gamma by mean value."""
_TOGETHER: Final = 0.3
"""Correlation of values with frequency from which it is said; 0.06 in the CDNOW data of the note."""


@dataclasses.dataclass(frozen=True)
class GammaGamma:
    """How the values of a shop's purchases differ; made by ``fit``.

    Attributes:
        p: Shape of the values of one customer.
        q: Shape of how customers differ; a mean over customers needs q above 1.
        gamma: Scale of how customers differ, unit of value.
        log_likelihood: Of the customers it was fitted to, without the penalty; nan where it was not fitted.
        customers: How many these were.
        notes: What a person should know about the fit.
    """

    p: float
    q: float
    gamma: float
    log_likelihood: float = float("nan")
    customers: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the parameters.

        Raises:
            InputError: One is not above 0, or not finite.
        """
        positive({"p": self.p, "q": self.q, "gamma": self.gamma})

    @classmethod
    def fit(cls, frequency: npt.ArrayLike, mean_value: npt.ArrayLike, penalty: float = 0.0) -> Self:
        """Find the parameters that make these mean values likeliest, from several starts.

        Args:
            frequency: Purchases that each mean is over, [customers]; customers with 0 are left out.
            mean_value: Mean value of these purchases, above 0, [customers]; anything where there were none.
            penalty: By customer, on the sum of squared logarithms of p, q and gamma / mean value: draws them to 1 where
                there are few customers.

        Raises:
            InputError: A column cannot be used; nobody bought; a value that is not above 0; a penalty below 0.
        """
        x, m = _given(frequency, mean_value)
        x, m = x[x > 0], m[x > 0]
        if not len(x):
            raise InputError("no customer has a purchase with a value; give customers with a frequency of 1 or more")
        if m.min() <= 0:
            raise InputError(
                f"mean values from {m.min():g}; this model takes values above 0; leave free purchases out of the means"
            )
        unit = float(m.mean())  # so that no start depends on the currency
        found = maximise(
            lambda parameters: _likelihood(parameters, x, m / unit),
            _STARTS,
            penalty=penalty_of(penalty),
            cases=len(x),
        )
        p, q, gamma = (float(value) for value in found.parameters)
        log_likelihood = found.log_likelihood - len(x) * float(np.log(unit))
        notes = found.notes_on(("p", "q", "gamma"))
        together = spearman(x, m) if x.min() < x.max() and m.min() < m.max() else 0.0
        if abs(together) > _TOGETHER:
            notes += (f"values and frequency go together (Spearman {together:+.2f}), and the model takes them apart",)
        if q <= 1:
            notes += (f"q = {q:.3g}: values differ so much that there is no mean over customers",)
        return cls(p, q, gamma * unit, log_likelihood, len(x), notes)

    def expected_mean_value(self, frequency: npt.ArrayLike, mean_value: npt.ArrayLike) -> Float64:
        """Return the mean value that each customer's purchases are expected to have, float64 [customers].

        It lies between the customer's own mean and that of all, nearer to the first the more purchases there were:
        p (gamma + x m) / (p x + q - 1).

        Args:
            frequency: Purchases so far, from 0, [customers].
            mean_value: Their mean value, [customers]; anything where there were none.

        Raises:
            InputError: A column cannot be used; somebody has no purchases and q is at most 1, so that there is no mean
                over customers, or too few for it.
        """
        if not np.size(frequency) and not np.size(mean_value):
            return np.zeros(0)
        x, m = _given(frequency, mean_value)
        weight = self.p * x + self.q - 1
        if (weight <= 0).any():
            raise InputError(
                f"q = {self.q:.3g} with p = {self.p:.3g}: there is no mean for customers with a frequency of "
                f"{x[weight <= 0].max():g} or less; leave them out, or fit with a penalty"
            )
        expected: Float64 = self.p * (self.gamma + x * m) / weight
        return expected

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values, to be read by ``from_dict``."""
        return as_parts(self)

    @classmethod
    def from_dict(cls, parts: Mapping[str, Any]) -> Self:
        """Read what ``to_dict`` gave.

        Args:
            parts: From ``to_dict``.

        Raises:
            InputError: A part is missing or wrong.
        """
        return from_parts(cls, parts)


def _given(frequency: npt.ArrayLike, mean_value: npt.ArrayLike) -> tuple[Float64, Float64]:
    """Return both columns, float64 [customers]; the value of no purchase is 0."""
    x = column("frequency", frequency)
    if x.min() < 0:
        raise InputError(f"frequency from {x.min():g}; give numbers of purchases, from 0")
    try:
        m = np.asarray(mean_value, np.float64)
    except (TypeError, ValueError):
        raise InputError("mean values are not numbers; give one a customer") from None
    if m.shape != x.shape:
        raise InputError(f"mean values of shape {list(m.shape)} for {len(x)} customers; give one a customer")
    return x, column("mean values", np.where(x > 0, m, 0.0), len(x))


def _likelihood(parameters: Float64, x: Float64, m: Float64) -> tuple[float, Float64]:
    """Return the log-likelihood and its gradient by p, q, gamma: the note's equation 1a."""
    p, q, gamma = parameters
    px, whole = p * x, gamma + x * m
    values = (
        special.gammaln(px + q)
        - special.gammaln(px)
        - special.gammaln(q)
        + q * np.log(gamma)
        + (px - 1) * np.log(m)
        + px * np.log(x)
        - (px + q) * np.log(whole)
    )
    by_p = x * (special.digamma(px + q) - special.digamma(px) + np.log(m) + np.log(x) - np.log(whole))
    by_q = special.digamma(px + q) - special.digamma(q) + np.log(gamma) - np.log(whole)
    by_gamma = q / gamma - (px + q) / whole
    return float(values.sum()), np.array([by_p.sum(), by_q.sum(), by_gamma.sum()])
