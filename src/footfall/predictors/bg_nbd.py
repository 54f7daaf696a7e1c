"""Purchases to come and whether a customer is still there, from three numbers each: the BG/NBD model.

Fader, Hardie and Lee, "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD Model, Marketing
Science 24 (2005). A customer buys at a steady rate, which differs from one to the next by Gamma(r, alpha), and after
each repeat purchase leaves for good with a probability that differs by Beta(a, b). What is known of a customer:

* frequency x: repeat purchases, the first purchase not counted; several within one unit of time count once.
* recency t_x: time from the first purchase to the last; 0 where there was no repeat.
* age T: time from the first purchase to now.

Time is in any unit, the same everywhere; alpha is in it too. All is closed form, by one fact: given the past, a
customer who is still there is like a new one with r + x, alpha + T, a, b + x (the likelihood of x purchases and no
leaving is lambda^x exp(-lambda T) (1 - p)^x). So what is expected of a known customer is P(alive) times what is
expected of a new one with these parameters; and, since nobody leaves between purchases, the chance of any purchase in
a horizon t is P(alive) (1 - ((alpha + T) / (alpha + T + t))^(r + x)).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy import special

from footfall.errors import InputError
from footfall.predictors._customers import Customers, Float64, as_parts, from_parts, horizon_of, penalty_of, positive
from footfall.predictors._likelihood import maximise
from footfall.predictors._purchases import at_least, expected
from footfall.predictors.gamma_gamma import GammaGamma

__all__ = ["BgNbd", "GammaGamma"]

_STARTS: Final = ((1.0, 1.0, 1.0, 1.0), (0.25, 0.1, 0.8, 2.5), (3.0, 3.0, 0.1, 1.0), (0.5, 1.0, 0.01, 5.0))
"""Of r, alpha by mean age, a and b: even, CDNOW-like, steady buyers, hardly anybody leaves."""
_MOST_PURCHASES: Final = 100_000


@dataclasses.dataclass(frozen=True)
class BgNbd:
    """How a shop's customers buy and leave; made by ``fit``.

    Attributes:
        r: Shape of the purchase rates; the smaller, the more customers differ.
        alpha: Scale of the purchase rates, unit of time: the mean rate is r / alpha.
        a: Of the chance to leave after a purchase: its mean is a / (a + b).
        b: Of the chance to leave after a purchase.
        log_likelihood: Of the customers it was fitted to, without the penalty; nan where it was not fitted.
        customers: How many these were.
        notes: What a person should know about the fit.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float = float("nan")
    customers: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the parameters.

        Raises:
            InputError: One is not above 0, or not finite.
        """
        positive({"r": self.r, "alpha": self.alpha, "a": self.a, "b": self.b})

    @classmethod
    def fit(cls, frequency: npt.ArrayLike, recency: npt.ArrayLike, age: npt.ArrayLike, penalty: float = 0.0) -> Self:
        """Find the parameters that make what these customers did likeliest, from several starts.

        Args:
            frequency: Repeat purchases, whole numbers from 0, [customers].
            recency: Time from first purchase to last, from 0 to age, [customers].
            age: Time from first purchase to the cutoff, above 0, [customers].
            penalty: By customer, on the sum of squared logarithms of r, alpha / mean age, a and b: draws them to 1
                where there are few customers.

        Raises:
            InputError: A column cannot be used; nobody bought again; a penalty below 0.
        """
        given = Customers.of(frequency, recency, age)
        if not given.frequency.any():
            raise InputError(
                f"none of {len(given)} customers bought again: there is nothing to learn from; give a longer past"
            )
        unit = float(given.age.mean())  # so that no start depends on the unit of time
        rows, count = np.unique(
            np.stack((given.frequency, given.recency / unit, given.age / unit), 1), axis=0, return_counts=True
        )
        x, t_x, age_of = rows.T
        found = maximise(
            lambda parameters: _likelihood(parameters, x, t_x, age_of, count.astype(np.float64)),
            _STARTS,
            penalty=penalty_of(penalty),
            cases=len(given),
        )
        r, alpha, a, b = (float(value) for value in found.parameters)
        # A density of x purchase times: in another unit it is another number.
        log_likelihood = found.log_likelihood - float(given.frequency.sum()) * float(np.log(unit))
        notes = found.notes_on(("r", "alpha", "a", "b"))
        return cls(r, alpha * unit, a, b, log_likelihood, len(given), notes)

    def expected_purchases(self, horizon: npt.ArrayLike) -> Float64:
        """Return the repeat purchases that a new customer is expected to make, float64, shape of ``horizon``.

        Args:
            horizon: Time from the first purchase on, from 0.

        Raises:
            InputError: A horizon below 0 or not finite.
        """
        return expected(self.r, self.alpha, self.a, self.b, horizon_of(horizon))

    def expected_purchases_of(
        self, frequency: npt.ArrayLike, recency: npt.ArrayLike, age: npt.ArrayLike, horizon: npt.ArrayLike
    ) -> Float64:
        """Return the purchases each customer is expected to make in the horizon after now, float64 [customers].

        Args:
            frequency: [customers].
            recency: [customers].
            age: [customers].
            horizon: One for all, or [customers].

        Raises:
            InputError: A column cannot be used.
        """
        given = Customers.of(frequency, recency, age)
        t = horizon_of(horizon, len(given))
        x = given.frequency
        return self._alive(given) * expected(self.r + x, self.alpha + given.age, self.a, self.b + x, t)

    def probability_alive(self, frequency: npt.ArrayLike, recency: npt.ArrayLike, age: npt.ArrayLike) -> Float64:
        """Return the chance that each customer has not left, float64 [customers]; 1 without a repeat purchase.

        The model lets nobody leave before a repeat purchase: for those who never came again ask ``probability_of_any``.

        Args:
            frequency: [customers].
            recency: [customers].
            age: [customers].

        Raises:
            InputError: A column cannot be used.
        """
        return self._alive(Customers.of(frequency, recency, age))

    def probability_of_any(
        self, frequency: npt.ArrayLike, recency: npt.ArrayLike, age: npt.ArrayLike, horizon: npt.ArrayLike
    ) -> Float64:
        """Return the chance of at least one purchase in the horizon after now, float64 [customers].

        Args:
            frequency: [customers].
            recency: [customers].
            age: [customers].
            horizon: One for all, or [customers].

        Raises:
            InputError: A column cannot be used.
        """
        given = Customers.of(frequency, recency, age)
        t = horizon_of(horizon, len(given))
        wait = (self.r + given.frequency) * np.log1p(t / (self.alpha + given.age))
        chance: Float64 = self._alive(given) * -np.expm1(-wait)
        return chance

    def quantile_of(
        self,
        frequency: npt.ArrayLike,
        recency: npt.ArrayLike,
        age: npt.ArrayLike,
        horizon: npt.ArrayLike,
        quantile: float,
    ) -> npt.NDArray[np.int64]:
        """Return the least number of purchases in the horizon that is not exceeded with this chance, int64 [customers].

        Args:
            frequency: [customers].
            recency: [customers].
            age: [customers].
            horizon: One for all, or [customers].
            quantile: In (0, 1), e.g. 0.9.

        Raises:
            InputError: A column cannot be used; a quantile outside (0, 1), or one beyond 100,000 purchases.
        """
        if not 0 < quantile < 1:
            raise InputError(f"quantile = {quantile}; give a number between 0 and 1, e.g. 0.9")
        given = Customers.of(frequency, recency, age)
        t = horizon_of(horizon, len(given))
        alive = self._alive(given)
        answer = np.zeros(len(given), np.int64)
        low = 1 - alive  # those who have left buy nothing
        open_ = np.arange(len(given))
        for count in range(_MOST_PURCHASES):
            x, age_of = given.frequency[open_], given.age[open_]
            more = at_least(count + 1, self.r + x, self.alpha + age_of, self.a, self.b + x, t[open_])
            beyond = low[open_] + alive[open_] * (1 - more) < quantile
            open_ = open_[beyond]
            if not len(open_):
                return answer
            answer[open_] = count + 1
        raise InputError(f"quantile = {quantile} lies beyond {_MOST_PURCHASES:,} purchases; ask for a lower one")

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

    def _alive(self, given: Customers) -> Float64:
        """Return P(alive): 1 by 1 + a / (b + x - 1) ((alpha + T) / (alpha + t_x))^(r + x)."""
        x = given.frequency
        again = np.maximum(x, 1)
        silence = (given.age - given.recency) / (self.alpha + given.recency)
        odds_left = np.log(self.a) - np.log(self.b + again - 1) + (self.r + x) * np.log1p(silence)
        chance: Float64 = np.where(x > 0, special.expit(-odds_left), 1.0)
        return chance


def _likelihood(parameters: Float64, x: Float64, t_x: Float64, age: Float64, count: Float64) -> tuple[float, Float64]:
    """Return the log-likelihood and its gradient by r, alpha, a, b; of distinct customers and how many are alike.

    The paper's equation 6, of which the logarithm is L + ln(exp(stayed) + exp(left)).
    """
    r, alpha, a, b = parameters
    again = np.maximum(x, 1)
    stayed = -(r + x) * np.log(alpha + age)
    left = np.where(x > 0, np.log(a) - np.log(b + again - 1) - (r + x) * np.log(alpha + t_x), -np.inf)
    both = np.logaddexp(stayed, left)
    was_left = np.exp(left - both)
    rate = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha)
    chance = special.betaln(a, b + x) - special.betaln(a, b)
    time = (1 - was_left) * np.log(alpha + age) + was_left * np.log(alpha + t_x)
    by_time = (1 - was_left) / (alpha + age) + was_left / (alpha + t_x)
    all_trials = special.digamma(a + b) - special.digamma(a + b + x)
    gradient = np.stack(
        (
            special.digamma(r + x) - special.digamma(r) + np.log(alpha) - time,
            r / alpha - (r + x) * by_time,
            all_trials + was_left / a,
            all_trials + special.digamma(b + x) - special.digamma(b) - was_left / (b + again - 1),
        )
    )
    return float(count @ (rate + chance + both)), gradient @ count
