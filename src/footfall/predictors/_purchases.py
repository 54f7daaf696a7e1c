"""Repeat purchases of a new customer of the BG/NBD model: how many are expected, and the chance of at least so many."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import special

Float64 = npt.NDArray[np.float64]
Parameter = float | Float64
"""One for all, or one a customer."""

_NEAR: Final = 1e-4
"""Around a = 1 and a + b = 1 the closed form is 0 by 0."""
_SLACK: Final = 1e-9
"""By which the closed form may pass a bound through rounding."""
_NODES: Final = 321
_AT_ONCE: Final = 4_000
_TAIL: Final = 45.0
"""Where a tail falls like exp(-x), what is left beyond is nothing to a double."""


def expected(r: Parameter, alpha: Parameter, a: Parameter, b: Parameter, t: Parameter) -> Float64:
    """Return the repeat purchases that a new customer makes within t, float64.

    Fader, Hardie and Lee 2005, equation 9, with 2F1 after Euler's transformation, (1 - z)^(C - A - B) 2F1(C - A, C - B;
    C; z), whose power joins the one before it: so thousands of purchases overflow nothing (compare Fader and Hardie,
    Overcoming the BG/NBD Model's #NUM! Error Problem, 2013). Far out, 2F1 fails; then the answer is no number, or
    beyond what it must lie between, and the integral over customers takes its place: at least the chance of one
    purchase, at most r t / alpha, which nobody who leaves can reach.

    Args:
        r: Shape of the purchase rates.
        alpha: Scale of the purchase rates, unit of time.
        a: Of the chance to leave.
        b: Of the chance to leave.
        t: From 0, unit of time.
    """
    parts = np.broadcast_arrays(*(np.asarray(part, np.float64) for part in (r, alpha, a, b, t)))
    rs, alphas, as_, bs, ts = (np.ravel(part) for part in parts)
    z, trials = ts / (alphas + ts), as_ + bs - 1
    with np.errstate(all="ignore"):  # what comes of it is looked at below
        rest = np.exp((1 - as_) * np.log1p(ts / alphas)) * special.hyp2f1(trials - rs, as_ - 1, trials, z)
        answer: Float64 = trials / (as_ - 1) * (1 - rest)
    least, most = -np.expm1(-rs * np.log1p(ts / alphas)), rs * ts / alphas
    good = (answer >= least * (1 - _SLACK)) & (answer <= most * (1 + _SLACK))
    good &= (np.abs(as_ - 1) > _NEAR) & (np.abs(trials) > _NEAR)
    others = np.flatnonzero(~good)
    for start in range(0, len(others), _AT_ONCE):
        some = others[start : start + _AT_ONCE]
        answer[some] = _integral(rs[some], alphas[some], as_[some], bs[some], ts[some])
    return answer.reshape(parts[0].shape)


def at_least(count: int, r: Parameter, alpha: Parameter, a: Parameter, b: Parameter, t: Parameter) -> Float64:
    """Return the chance that a new customer makes at least so many repeat purchases within t, float64.

    The rate allows them (negative binomial), and none of those before the last made the customer leave; rate and chance
    to leave are independent. The paper's equation 8, added up.

    Args:
        count: From 1.
        r: As ``expected``.
        alpha: As ``expected``.
        a: As ``expected``.
        b: As ``expected``.
        t: As ``expected``.
    """
    stays = np.exp(special.betaln(a, b + count - 1) - special.betaln(a, b))
    chance: Float64 = stays * special.betainc(count, r, t / (alpha + t))
    return chance


def _integral(r: Float64, alpha: Float64, a: Float64, b: Float64, t: Float64) -> Float64:
    """Return the same as the mean over the chance to leave p, of (1 - (1 + p t / alpha)^-r) / p.

    By the trapezoid over v, with the log-odds of p at the mode plus spread x sinh(v): both tails then fall doubly
    exponentially (Takahasi and Mori 1974), however thin or long they were.
    """
    r, alpha, a, b, t = (part[:, None] for part in (r, alpha, a, b, t))
    mode, spread = np.log(a / b), np.sqrt(1 / a + 1 / b)
    first, last = -np.arcsinh(_TAIL / (a * spread) + 8), np.arcsinh(_TAIL / (b * spread) + 8)
    v = first + (last - first) * np.linspace(0, 1, _NODES)
    log_odds = mode + spread * np.sinh(v)
    log_density = -a * np.logaddexp(0, -log_odds) - b * np.logaddexp(0, log_odds)
    weight = np.cosh(v) * np.exp(log_density - log_density.max(1, keepdims=True))
    p = special.expit(log_odds)
    tiny = p < 1e-300
    bought = np.where(tiny, r * t / alpha, -np.expm1(-r * np.log1p(p * t / alpha)) / np.where(tiny, 1, p))
    mean: Float64 = (weight * bought).sum(1) / weight.sum(1)
    return mean
