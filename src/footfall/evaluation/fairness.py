"""Fairness: how probabilities and decisions do by group, how far groups are apart, and what equal shares cost.

Of each group (y is what came, p what was said, chosen is who is acted on):

* rate, mean_probability: means of y and of p; calibration is mean_probability by rate (1 is right, 2 says twice).
* AUROC, AP, ECE: as in ``probability``. AP rises with the rate, and ECE with fewness: groups are not compared by them.
* selection_rate: share chosen; true_positive_rate, false_positive_rate: share chosen of those with y = 1, y = 0.

Disparities are fairlearn's (Weerts et al., JMLR 2023): largest less smallest selection rate, and smallest by largest
(demographic parity); the larger of the same for the true and the false positive rate (equalised odds).

Intervals are percentiles of a bootstrap over the users of a group. (fairlearn's own resamples with pandas, which takes
hundreds of times as long.) A group stands against all others by differences (calibration: by the ratio, less 1) whose
intervals hold *together* for all groups and metrics: each is as wide as the 95% quantile of the largest standardised
deviation (Romano and Wolf, Econometrica 2005). So of shops that treat all alike, at most one in twenty is warned.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.evaluation._given import Bool, Float64, labels_of, probabilities_of, users_of
from footfall.evaluation._resamples import Groups, Statistic, check_resampling, estimate, interval, resample
from footfall.evaluation._sums import area_under_roc
from footfall.evaluation.intervals import Interval
from footfall.evaluation.probability import ProbabilityEvaluation

Names = npt.NDArray[np.str_]

SMALL: Final = "(small groups)"
LEAST_USERS: Final = 30
LEAST_OF_A_LABEL: Final = 10
MOST_GROUPS: Final = 20
METRICS: Final = (
    "rate",
    "mean_probability",
    "calibration",
    "AUROC",
    "AP",
    "ECE",
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
)
COMPARED: Final = ("selection_rate", "true_positive_rate", "false_positive_rate", "AUROC", "calibration")
"""Metrics by which a group stands against all others."""


@dataclasses.dataclass(frozen=True)
class GroupRow:
    """One group.

    Attributes:
        group: Its name.
        users: In it.
        chosen: Users acted on.
        metrics: ``METRICS``; nan where it cannot be told.
        against_rest: ``COMPARED``, less those of all other users (calibration: by theirs, less 1); empty where the
            group or the rest is too small, or all are one group.
    """

    group: str
    users: int
    chosen: int
    metrics: Mapping[str, Interval]
    against_rest: Mapping[str, Interval]


@dataclasses.dataclass(frozen=True)
class Unlike:
    """A group that is further from the rest than it may be, by more than chance.

    Attributes:
        group: Its name.
        metric: Of ``COMPARED``.
        value: Of the group.
        difference: To the rest, with its simultaneous interval.
    """

    group: str
    metric: str
    value: float
    difference: Interval


@dataclasses.dataclass(frozen=True)
class ByGroup:
    """What there is to say of groups.

    Attributes:
        groups: The largest first, small ones put together last.
        disparities: Between the groups that are large enough; empty where there are not two.
        unlike: Groups beyond the bound.
        pooled: Names of groups that were put together.
    """

    groups: tuple[GroupRow, ...]
    disparities: Mapping[str, Interval]
    unlike: tuple[Unlike, ...]
    pooled: tuple[str, ...]


def pooled(groups: npt.ArrayLike, labels: Float64 | None = None, *, keep: Sequence[str] = ()) -> Names:
    """Put small groups together: of fewer than 30 users, or 10 of a label, or beyond the 20 largest; str [users].

    Args:
        groups: Name of each user's group, [users].
        labels: 0 or 1, [users]; without it only users are counted.
        keep: Names that stay as they are.
    """
    names = np.asarray(groups).astype(np.str_)
    values, place, count = np.unique(names, return_inverse=True, return_counts=True)
    large = count >= LEAST_USERS
    if labels is not None:
        hits = np.bincount(place, labels, len(values))
        large &= np.minimum(hits, count - hits) >= LEAST_OF_A_LABEL
    ranked = np.argsort(np.where(large, -count, 0), kind="stable")
    large[ranked[MOST_GROUPS:]] = False
    small = ~large & ~np.isin(values, list(keep))
    return np.where(small[place], SMALL, names) if small.any() else names


def by_group(
    labels: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    chosen: npt.ArrayLike,
    groups: npt.ArrayLike,
    *,
    bound: float = 0.1,
    keep: Sequence[str] = (),
    seed: int = 0,
    repeats: int = 300,
    level: float = 0.95,
) -> ByGroup:
    """Judge probabilities and a decision by group.

    Args:
        labels: 0 or 1, [users].
        probabilities: [users].
        chosen: Who is acted on, bool [users].
        groups: Name of each user's group, [users].
        bound: How far a group may be from the rest.
        keep: Names of groups that are never put together with others.
        seed: Of the bootstrap.
        repeats: Resamples.
        level: Of the intervals.

    Raises:
        InputError: A column or a setting cannot be used.
    """
    y = labels_of(labels)
    p, taken, given = probabilities_of(probabilities, len(y)), np.asarray(chosen), np.asarray(groups)
    if taken.shape != y.shape or given.shape != y.shape or taken.dtype != np.bool_:
        raise InputError(f"chosen {taken.dtype}{list(taken.shape)}, groups {list(given.shape)}; give one a user, bools")
    check_resampling(repeats, level)
    if not bound >= 0:
        raise InputError(f"bound = {bound}; give how far groups may be apart, from 0, e.g. 0.1")
    names = pooled(given, y, keep=keep)
    order = sorted(np.unique(names).tolist(), key=lambda name: (name == SMALL, -int((names == name).sum())))
    inside = {name: names == name for name in order}
    drawn = {name: _drawn(y, p, taken, rows, seed, place, repeats) for place, (name, rows) in enumerate(inside.items())}
    values = {
        name: estimate(_statistic(y[rows], p[rows], taken[rows]), int(rows.sum())) for name, rows in inside.items()
    }
    against = _against(y, p, taken, inside, values, drawn, seed, repeats, level)
    rows = tuple(
        GroupRow(
            group=name,
            users=int(here.sum()),
            chosen=int(taken[here].sum()),
            metrics=_metrics(y[here], p[here], values[name], drawn[name], seed, repeats, level),
            against_rest=against.get(name, {}),
        )
        for name, here in inside.items()
    )
    large = [name for name, here in inside.items() if _is_enough(y[here])]
    within = np.isin(names, large)
    apart = _disparities(y[within], taken[within], names[within], [drawn[name] for name in large], level)
    put = tuple(sorted(np.unique(given.astype(np.str_)[names == SMALL]).tolist()))
    return ByGroup(rows, apart, tuple(_unlike(rows, bound)), put)


def _is_enough(y: Float64) -> bool:
    return len(y) >= LEAST_USERS and min(y.sum(), len(y) - y.sum()) >= LEAST_OF_A_LABEL


def _statistic(y: Float64, p: Float64, chosen: Bool) -> Statistic:
    """Return the function that gives what sums can tell, and AUROC, of resamples; nan where there is nothing."""
    order = Groups.of(p)
    taken = chosen.astype(np.float64)
    columns = np.stack((np.ones(len(y)), y, p, taken, y * taken))

    def metrics(times: Float64) -> Mapping[str, Float64]:
        users, hits, said, acted, caught = np.einsum("rn,cn->cr", times, columns)
        return {
            "rate": _by(hits, users),
            "mean_probability": _by(said, users),
            "calibration": _by(said, hits),
            "selection_rate": _by(acted, users),
            "true_positive_rate": _by(caught, hits),
            "false_positive_rate": _by(acted - caught, users - hits),
            "AUROC": area_under_roc(order.sums(times * y), order.sums(times * (1 - y))),
        }

    return metrics


def _by(part: Float64, whole: Float64) -> Float64:
    found: Float64 = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    return found


def _drawn(y: Float64, p: Float64, chosen: Bool, rows: Bool, seed: int, place: int, repeats: int) -> dict[str, Float64]:
    """Return resamples of some users; groups are drawn apart, each by a seed of its own."""
    own = int(np.random.SeedSequence((seed, place)).generate_state(1)[0])
    statistic = _statistic(y[rows], p[rows], chosen[rows])
    return resample(statistic, users_of(None, int(rows.sum())), seed=own, repeats=repeats)


def _metrics(
    y: Float64,
    p: Float64,
    values: Mapping[str, float],
    drawn: Mapping[str, Float64],
    seed: int,
    repeats: int,
    level: float,
) -> dict[str, Interval]:
    judged = ProbabilityEvaluation.of(y, p, seed=seed, repeats=repeats, level=level)
    own = {name: interval(values[name], drawn[name], level) for name in values if name != "AUROC"}
    return {name: own[name] if name in own else judged.interval(name) for name in METRICS}


def _against(
    y: Float64,
    p: Float64,
    chosen: Bool,
    inside: Mapping[str, Bool],
    values: Mapping[str, Mapping[str, float]],
    drawn: Mapping[str, Mapping[str, Float64]],
    seed: int,
    repeats: int,
    level: float,
) -> dict[str, dict[str, Interval]]:
    """Return each group against all others, with intervals that hold together."""
    found: dict[tuple[str, str], tuple[float, Float64]] = {}
    for place, (name, rows) in enumerate(inside.items()):
        if not (_is_enough(y[rows]) and _is_enough(y[~rows])):
            continue
        rest = estimate(_statistic(y[~rows], p[~rows], chosen[~rows]), int((~rows).sum()))
        others = _drawn(y, p, chosen, ~rows, seed, len(inside) + place, repeats)
        for metric in COMPARED:
            # A ratio is compared by its logarithm: its resamples lean to one side, and those of the logarithm do not.
            made: Any = np.log if metric == "calibration" else np.asarray
            with np.errstate(divide="ignore", invalid="ignore"):
                gap = float(made(values[name][metric]) - made(rest[metric]))
                gaps = made(drawn[name][metric]) - made(others[metric])
            if np.isfinite(gap) and np.isfinite(gaps).mean() > level:
                found[name, metric] = gap, gaps
    wide = _wide(list(found.values()), level)
    told: dict[str, dict[str, Interval]] = {}
    for ((name, metric), (gap, _)), half in zip(found.items(), wide, strict=True):
        ends = np.array((gap, gap - half, gap + half))
        told.setdefault(name, {})[metric] = Interval(*(np.expm1(ends) if metric == "calibration" else ends).tolist())
    return told


def _wide(found: Sequence[tuple[float, Float64]], level: float) -> list[float]:
    """Return half the width of each interval, so that all hold together."""
    if not found:
        return []
    gaps = np.array([gap for gap, _ in found])
    drawn = np.array([np.where(np.isfinite(each), each, np.nan) for _, each in found])
    spread = np.nanstd(drawn, axis=1)
    moved = np.abs(drawn - gaps[:, None])
    standard = np.divide(moved, spread[:, None], out=np.zeros_like(moved), where=(spread > 0)[:, None])
    largest = np.quantile(np.nanmax(np.nan_to_num(standard), axis=0), level)
    return [float(largest * one) for one in spread]


def _unlike(rows: Sequence[GroupRow], bound: float) -> list[Unlike]:
    compared = [row for row in rows if row.against_rest]
    if len(rows) == 2:  # each is the other's rest: said once
        compared = compared[:1]
    return [
        Unlike(row.group, metric, row.metrics[metric].mean, around)
        for row in compared
        for metric, around in row.against_rest.items()
        if abs(around.mean) > bound and (around.low > 0 or around.high < 0)
    ]


def _disparities(
    y: Float64, chosen: Bool, names: Names, drawn: Sequence[Mapping[str, Float64]], level: float
) -> dict[str, Interval]:
    if len(drawn) < 2:
        return {}
    from fairlearn import metrics  # which loads pandas

    rates = {name: np.array([each[name] for each in drawn]) for name in drawn[0]}
    differences = {name: values.max(0) - values.min(0) for name, values in rates.items()}
    ratios = {name: _by(values.min(0), values.max(0)) for name, values in rates.items()}
    odds = ("true_positive_rate", "false_positive_rate")
    resampled = {
        "demographic_parity_difference": differences["selection_rate"],
        "demographic_parity_ratio": ratios["selection_rate"],
        "equalized_odds_difference": np.maximum(*(differences[name] for name in odds)),
        "equalized_odds_ratio": np.minimum(*(ratios[name] for name in odds)),
    }
    found = {}
    for name, values in resampled.items():
        value = float(getattr(metrics, name)(y.astype(int), chosen.astype(int), sensitive_features=names))
        around = interval(value, values, level)
        # Of groups that are alike the largest is above the smallest by chance, and resampling adds chance: moved back.
        known = values[~np.isnan(values)]
        excess = float(known.mean()) - value if len(known) else 0.0
        low, high = (min(1.0, max(0.0, end - excess)) for end in (around.low, around.high))
        found[name] = Interval(value, low, high)
    return found
