"""Thresholds of calibrated probabilities: from what things cost, from how many can be treated, from a precision.

Everything expected is expected by the probabilities themselves: hits are their sum over those selected. So it is worth
as much as the calibration is; ``Decision.outcome`` tells what came of it once labels are known.

Acting on a user costs ``action_cost``; a hit (it would happen, and we acted) brings ``hit_value``; a miss (it would
happen, and we did not act) costs ``miss_cost``. Acting pays where p * hit_value - action_cost > -p * miss_cost, that is
where p > action_cost / (hit_value + miss_cost) (Elkan, The foundations of cost-sensitive learning, IJCAI 2001). One
half is that threshold for one price list among all, and nowhere a default.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.evaluation._given import Bool, Float64, column, labels_of, probabilities_of


@dataclasses.dataclass(frozen=True)
class Costs:
    """What acting brings and costs, in one currency.

    Attributes:
        hit_value: What a hit brings, before the cost of acting.
        action_cost: What acting on one user costs, hit or not; above 0.
        miss_cost: What a user costs for whom it would have helped to act; 0 where that costs nothing more.
    """

    hit_value: float
    action_cost: float
    miss_cost: float = 0.0

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            InputError: One is below 0 or no finite number, or acting costs nothing, or brings nothing.
        """
        numbers = (self.hit_value, self.action_cost, self.miss_cost)
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise InputError(f"{self}; give finite numbers from 0")
        if self.action_cost == 0:
            raise InputError(f"{self}; acting that costs nothing pays for everybody and needs no threshold")
        if self.hit_value + self.miss_cost == 0:
            raise InputError(f"{self}; nothing is gained by a hit and nothing lost by a miss; give one of the two")

    @property
    def break_even(self) -> float:
        """Probability above which acting pays; may be above 1."""
        return self.action_cost / (self.hit_value + self.miss_cost)

    def profit(self, selected: float, hits: float, positives: float) -> float:
        """Return what acting brings in all.

        Args:
            selected: Users acted on.
            hits: Those among them for whom it is a hit.
            positives: Hits if all were acted on.
        """
        return hits * self.hit_value - selected * self.action_cost - (positives - hits) * self.miss_cost


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a decision; precision is nan where nobody was selected, profit None where costs were not told."""

    selected: int
    hits: int
    precision: float
    profit: float | None


@dataclasses.dataclass(frozen=True)
class Decision:
    """Who is acted on, and what is expected of it.

    Attributes:
        rule: ``cost``, ``capacity`` or ``precision``.
        threshold: All above it are selected.
        share_of_equals: Share of those exactly at it that are selected, by lot; 1 unless a capacity ends among equals.
        users: To choose from.
        selected: Expected number of those selected; whole by construction.
        expected_hits: Sum of their probabilities.
        expected_precision: Hits by selected.
        expected_recall: Hits by the sum of all probabilities.
        expected_profit: What it brings, less what misses cost; None without costs.
        profit_of_none: What acting on nobody brings (misses cost); None without costs.
        costs: As told.
    """

    rule: str
    threshold: float
    share_of_equals: float
    users: int
    selected: int
    expected_hits: float
    expected_precision: float
    expected_recall: float
    expected_profit: float | None
    profit_of_none: float | None
    costs: Costs | None

    def select(self, probabilities: npt.ArrayLike, *, seed: int = 0) -> Bool:
        """Return who is acted on, bool [users].

        Args:
            probabilities: [users]; those the decision was made from, or later ones.
            seed: Of the lot among equals.

        Raises:
            InputError: They are no probabilities.
        """
        p = probabilities_of(probabilities)
        taken: Bool = p > self.threshold
        equals = np.flatnonzero(p == self.threshold)
        lucky = round(self.share_of_equals * len(equals))
        taken[np.random.default_rng(seed).permutation(equals)[:lucky]] = True
        return taken

    def outcome(self, probabilities: npt.ArrayLike, labels: npt.ArrayLike, *, seed: int = 0) -> Outcome:
        """Return what came of it, to be put beside what was expected.

        Args:
            probabilities: [users].
            labels: 0 or 1, [users].
            seed: Of the lot among equals.

        Raises:
            InputError: A column cannot be used.
        """
        taken = self.select(probabilities, seed=seed)
        y = labels_of(labels, len(taken))
        selected, hits = int(taken.sum()), int(y[taken].sum())
        profit = None if self.costs is None else self.costs.profit(selected, hits, float(y.sum()))
        return Outcome(selected, hits, hits / selected if selected else math.nan, profit)


def from_cost(probabilities: npt.ArrayLike, costs: Costs) -> Decision:
    """Act on everybody on whom acting does not lose.

    Args:
        probabilities: Calibrated, [users].
        costs: What acting brings and costs.

    Raises:
        InputError: They are no probabilities; acting pays for nobody.
    """
    p = probabilities_of(probabilities)
    if p.max() < costs.break_even:
        raise InputError(
            f"acting pays from a probability of {costs.break_even:.4g} on, and the highest is {p.max():.4g}: it pays "
            f"for nobody; an action_cost of at most {p.max() * (costs.hit_value + costs.miss_cost):.4g} would"
        )
    return _decision("cost", p, costs.break_even, 1.0, costs)


def from_capacity(probabilities: npt.ArrayLike, capacity: int, costs: Costs | None = None) -> Decision:
    """Act on the users with the highest probabilities, as many as can be treated.

    Where the last places fall among equals, these draw lots. With costs, places stay free once acting loses.

    Args:
        probabilities: Calibrated, [users].
        capacity: How many can be treated, from 1; all are selected where there are fewer.
        costs: What acting brings and costs.

    Raises:
        InputError: They are no probabilities; a capacity below 1; costs at which acting pays for nobody.
    """
    p = probabilities_of(probabilities)
    if capacity < 1:
        raise InputError(f"capacity = {capacity}; give how many users can be treated, 1 or more")
    places = min(int(capacity), len(p))
    threshold = float(np.partition(p, len(p) - places)[len(p) - places])
    if costs is not None and threshold < costs.break_even:
        return dataclasses.replace(from_cost(p, costs), rule="capacity")
    above, equals = int((p > threshold).sum()), int((p == threshold).sum())
    return _decision("capacity", p, threshold, (places - above) / equals, costs)


def from_precision(probabilities: npt.ArrayLike, precision: float, costs: Costs | None = None) -> Decision:
    """Act on as many users as keep the expected precision at what is wanted, the highest probabilities first.

    Args:
        probabilities: Calibrated, [users].
        precision: Least share of hits among those selected, above 0 and at most 1.
        costs: What acting brings and costs; they tell the profit, and do not move the threshold.

    Raises:
        InputError: They are no probabilities; a precision outside (0, 1]; one that even the highest do not reach.
    """
    p = probabilities_of(probabilities)
    if not 0 < precision <= 1:
        raise InputError(f"precision = {precision}; give a share above 0 and at most 1, e.g. 0.3")
    values, count = np.unique(p, return_counts=True)
    values, count = values[::-1], count[::-1]
    reached = np.cumsum(values * count) / np.cumsum(count)
    enough = np.flatnonzero(reached >= precision * (1 - 1e-12))  # sums round: 3 x .3 is not asked to be above .9
    if not len(enough):
        raise InputError(
            f"precision = {precision:.4g} cannot be reached: the highest probability is {p.max():.4g}; ask for at most "
            "that, or for a capacity"
        )
    return _decision("precision", p, float(values[enough[-1]]), 1.0, costs)


def highest(values: npt.ArrayLike, places: int, *, seed: int = 0) -> Bool:
    """Return who has the highest values, bool [users]; where the last places fall among equals, these draw lots.

    Args:
        values: Probabilities, amounts, any numbers; [users].
        places: How many are chosen; all where there are fewer users.
        seed: Of the lot.

    Raises:
        InputError: They are no finite numbers.
    """
    v = column("values", values)
    lot = np.random.default_rng(seed).permutation(len(v))
    taken: Bool = np.zeros(len(v), np.bool_)
    taken[np.lexsort((lot, -v))[: max(places, 0)]] = True
    return taken


def _decision(rule: str, p: Float64, threshold: float, share: float, costs: Costs | None) -> Decision:
    above, equal = p > threshold, p == threshold
    lucky = round(share * int(equal.sum()))
    selected = int(above.sum()) + lucky
    hits, positives = float(p[above].sum()) + lucky * threshold, float(p.sum())
    return Decision(
        rule=rule,
        threshold=threshold,
        share_of_equals=share,
        users=len(p),
        selected=selected,
        expected_hits=hits,
        expected_precision=hits / selected,
        expected_recall=hits / positives if positives else math.nan,
        expected_profit=None if costs is None else costs.profit(selected, hits, positives),
        profit_of_none=None if costs is None else costs.profit(0, 0, positives),
        costs=costs,
    )
