"""Decisions: whom to act on, by what is foretold and one rule: a capacity, a precision, or what acting costs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np

from footfall.errors import InputError, unknown_name
from footfall.evaluation._given import Bool
from footfall.evaluation.fair_places import KINDS, fair_places
from footfall.evaluation.fairness import Names, pooled
from footfall.evaluation.intervals import Interval
from footfall.evaluation.thresholds import Costs, from_capacity, highest
from footfall.predictors._base import Float64, Kind
from footfall.tasks._groups import COLUMNS, UNKNOWN, read_groups
from footfall.tasks._probable import Calibrated

ONE: Final = "give one of --capacity, --precision, --cost with --gain"


@dataclasses.dataclass(frozen=True)
class Choice:
    """Who is acted on.

    Attributes:
        chosen: bool [users].
        threshold: All above it are chosen; those at it too, but by a cost, and by lot where a capacity ends among them.
        reached: Of a wanted precision, what the threshold had where probabilities were calibrated.
    """

    chosen: Bool
    threshold: float | None = None
    reached: Interval | None = None


@dataclasses.dataclass(frozen=True)
class Rule:
    """Who is acted on; one of the three.

    Attributes:
        capacity: The highest, so many.
        precision: As many as keep this share of hits where probabilities were calibrated.
        cost: Of acting on one user, in the unit of ``gain`` or of the amount: all for whom more is expected.
        gain: Of one hit.
    """

    capacity: int | None = None
    precision: float | None = None
    cost: float | None = None
    gain: float | None = None

    @classmethod
    def of(
        cls,
        capacity: int | None = None,
        precision: float | None = None,
        cost: float | None = None,
        gain: float | None = None,
    ) -> Self | None:
        """Return the rule that is asked for, None where none is.

        Raises:
            InputError: More than one is, or a number is not what it can be.
        """
        asked = [
            name
            for name, told in (("--capacity", capacity), ("--precision", precision), ("--cost", cost))
            if told is not None
        ]
        if len(asked) > 1:
            raise InputError(f"{' and '.join(asked)} are rules of their own; {ONE}")
        if not asked:
            if gain is not None:
                raise InputError(
                    f"--gain {gain:g} alone decides nothing; give --cost, what acting on one user costs, too"
                )
            return None
        if gain is not None and cost is None:
            raise InputError(f"--gain goes with --cost, not with {asked[0]}; {ONE}")
        if capacity is not None and capacity < 1:
            raise InputError(f"--capacity {capacity}; give how many users can be treated, 1 or more")
        if precision is not None and not 0 < precision <= 1:
            raise InputError(f"--precision {precision:g}; give a share above 0 and at most 1, e.g. 0.3")
        for name, told in (("--cost", cost), ("--gain", gain)):
            if told is not None and not (math.isfinite(told) and told > 0):
                raise InputError(f"{name} {told:g}; give a number above 0")
        return cls(capacity, precision, cost, gain)

    def check(self, kind: Kind, task: str) -> None:
        """Refuse what does not fit what is foretold.

        Args:
            kind: Whether a chance or an amount is.
            task: What the message calls it.

        Raises:
            InputError: A precision or a gain of an amount; a cost without a gain of a chance.
        """
        if kind == "amount" and self.precision is not None:
            raise InputError(f"{task} foretells an amount, which has no precision; give --capacity, or --cost")
        if kind == "amount" and self.gain is not None:
            raise InputError(f"{task} foretells an amount, which is itself what is gained; give --cost without --gain")
        if kind == "binary" and self.cost is not None and self.gain is None:
            raise InputError(f"--cost {self.cost:g} needs --gain, what a hit brings: {task} foretells a probability")

    def choose(self, model: Calibrated, said: Float64, seed: int = 0) -> Choice:
        """Choose.

        Args:
            model: What said it.
            said: Probabilities or amounts, float64 [users].
            seed: Of the lot among equals, where a capacity ends among them.

        Raises:
            InputError: A precision that was not reached, or of a model that was kept without its curve.
        """
        if not len(said):
            return Choice(np.zeros(0, np.bool_))
        if self.capacity is not None:
            if model.kind == "amount":
                chosen = highest(said, self.capacity, seed=seed)
                return Choice(chosen, float(said[chosen].min()))
            decision = from_capacity(said, self.capacity)
            return Choice(decision.select(said, seed=seed), decision.threshold)
        if self.precision is not None:
            if model.curve is None:
                raise InputError(
                    "--precision: this model was kept without what came of its probabilities; train again, or give "
                    "--capacity, or --cost with --gain"
                )
            reached = model.curve.reaching(self.precision)
            return Choice(said >= reached.threshold, reached.threshold, reached.precision)
        assert self.cost is not None  # noqa: S101 - one of the three is told
        gain = 1.0 if self.gain is None else self.gain
        return Choice(said * gain > self.cost, self.cost / gain)

    def gained(self, selected: int, brought: float) -> float | None:
        """Return what acting brings less what it costs; None where nobody told what it costs.

        Args:
            selected: Users acted on.
            brought: Hits among them, or the sum of their amounts.
        """
        if self.cost is None:
            return None
        return Costs(1.0 if self.gain is None else self.gain, self.cost).profit(selected, brought, 0)

    def __str__(self) -> str:
        if self.capacity is not None:
            return f"capacity {self.capacity:,}"
        if self.precision is not None:
            return f"precision {self.precision:g}"
        return f"cost {self.cost:g}" + ("" if self.gain is None else f", gain {self.gain:g}")


@dataclasses.dataclass(frozen=True)
class GroupThreshold:
    """One group of a fair decision: who is at ``threshold`` or above is chosen; None where nobody is."""

    group: str
    users: int
    chosen: int
    threshold: float | None


@dataclasses.dataclass(frozen=True)
class Decided:
    """What a rule came to.

    Attributes:
        rule: In words.
        of: ``probability`` or ``amount``.
        threshold: See ``Choice``; None where each group has its own.
        by_lot: Users exactly at the threshold who are left out, because a capacity ends among them.
        users: To choose from.
        chosen: Acted on.
        expected_hits: Sum of the probabilities of those chosen; of amounts, of their amounts.
        expected_precision: Hits by chosen; None of amounts, and where nobody is chosen.
        expected_gain: Less what acting costs; None where nobody told it.
        reached_precision: What the threshold of a wanted precision had where probabilities were calibrated: share, low,
            high.
        fair: ``parity`` or ``opportunity`` where places were given out by group; empty where not.
        by: What the groups are.
        groups: Their thresholds.
        unfair_hits: What would be expected of as many by one threshold for all; None without groups.
        what: What is chosen from: ``users``, or ``cases`` where each user is asked about several things.
    """

    rule: str
    of: str
    threshold: float | None
    by_lot: int
    users: int
    chosen: int
    expected_hits: float
    expected_precision: float | None
    expected_gain: float | None
    reached_precision: tuple[float, float, float] | None
    fair: str = ""
    by: str = ""
    groups: tuple[GroupThreshold, ...] = ()
    unfair_hits: float | None = None
    what: str = "users"

    def headline(self) -> str:
        """Say how many are chosen, and from where on."""
        how = f"Decision by {self.rule}: {self.chosen:,} of {self.users:,} {self.what} are chosen"
        if self.fair:
            return f"{how}, by {self.by} with thresholds of their own ({self.fair})"
        if self.threshold is None:
            return how
        end = f"above {self.threshold:.4g}" if self.rule.startswith("cost") else f"of {self.threshold:.4g} or more"
        return f"{how}, those with {'an' if self.of == 'amount' else 'a'} {self.of} {end}"

    def notes(self) -> Sequence[str]:
        """Say what is expected of them, what was reached before, and what fairness changes."""
        if not self.chosen:
            return (f"Nobody is chosen: the rule is met by none of these {self.what}.",)
        hits = f"{self.expected_hits:,.1f}"
        told = f"{hits} hits (precision {self.expected_precision:.3g})" if self.expected_precision is not None else hits
        gained = "" if self.expected_gain is None else f", a gain of {self.expected_gain:,.2f} after costs"
        found = [f"Expected of those chosen: {told}{gained}."]
        if self.by_lot:
            found.append(f"{self.by_lot:,} more are exactly at the threshold, and are left out by lot.")
        if self.reached_precision is not None:
            share, low, high = self.reached_precision
            around = f"{share:.3g} [{low:.3g}, {high:.3g}]"
            found.append(f"Where probabilities were calibrated this threshold had a precision of {around}.")
        if self.fair and self.unfair_hits is not None:
            what = "share of users" if self.fair == "parity" else "share of expected hits"
            each = "; ".join(
                f"{group.group} {group.chosen:,} of {group.users:,}"
                + ("" if group.threshold is None else f" from {group.threshold:.3g} on")
                for group in self.groups
            )
            found.append(f"The same {what} is chosen of each {self.by}: {each}.")
            found.append(f"Its price: one threshold for all would be expected to bring {self.unfair_hits:,.1f}.")
        return found


@dataclasses.dataclass(frozen=True)
class Deciding:
    """A rule, and whether its places are given out by group.

    Attributes:
        rule: Who is acted on.
        by: A column of the log, or groups by ``user_id``; None for one threshold for all.
        fair: ``parity`` or ``opportunity``.
    """

    rule: Rule
    by: str | Mapping[str, str] | None = None
    fair: str = "parity"

    @classmethod
    def of(
        cls,
        *,
        capacity: int | None = None,
        precision: float | None = None,
        cost: float | None = None,
        gain: float | None = None,
        fair_by: str | None = None,
        groups: Mapping[str, str] | str | Path | None = None,
        fair: str | None = None,
    ) -> Self | None:
        """Return what is asked for, None where no decision is.

        Args:
            capacity: See ``Rule``.
            precision: See ``Rule``.
            cost: See ``Rule``.
            gain: See ``Rule``.
            fair_by: Column of the log whose groups have equal shares, e.g. ``country``.
            groups: The same by ``user_id``, or a CSV file of it.
            fair: Of what they have equal shares; ``parity`` without it.

        Raises:
            InputError: The parts do not go together.
        """
        rule = Rule.of(capacity, precision, cost, gain)
        by = one_of(fair_by, groups, "--fair-by")
        if fair is not None and fair not in KINDS:
            raise InputError(unknown_name("kind of fairness", fair, KINDS))
        if fair is not None and by is None:
            raise InputError(f"--fair {fair} needs groups; give --fair-by COLUMN, or --groups FILE.csv")
        if rule is None and by is not None:
            raise InputError(f"fairness is of a decision; {ONE}")
        return None if rule is None else cls(rule, by, fair or "parity")

    def check(self, model: Calibrated, task: str) -> None:
        """Refuse what does not fit a model, before anything is worked out.

        Args:
            model: What will say it.
            task: What messages call it.

        Raises:
            InputError: The rule, or the fairness, does not fit what is foretold.
        """
        self.rule.check(model.kind, task)
        if self.by is not None and self.fair == "opportunity" and model.kind == "amount":
            raise InputError(f"{task} foretells an amount, of which there are no hits; give --fair parity")

    def decide(self, model: Calibrated, said: Float64, task: str, groups: Names | None = None) -> tuple[Bool, Decided]:
        """Decide, bool [users], and say what that is.

        Args:
            model: What said it.
            said: Probabilities or amounts, float64 [users].
            task: What messages call it.
            groups: Of the users, where ``by`` is told; str [users].

        Raises:
            InputError: The rule does not fit what is foretold, or cannot be met.
        """
        self.check(model, task)
        choice = self.rule.choose(model, said)
        chosen, threshold, reached = choice.chosen, choice.threshold, choice.reached
        unfair = None
        rows: tuple[GroupThreshold, ...] = ()
        if groups is not None and len(said):
            names = pooled(groups, keep=(UNKNOWN,))
            unfair = float(said[chosen].sum())
            chosen = fair_places(said, names, int(chosen.sum()), self.fair)
            rows = _thresholds(said, chosen, names)
        count, brought = int(chosen.sum()), float(said[chosen].sum())
        fair = unfair is not None
        return chosen, Decided(
            rule=str(self.rule),
            of="probability" if model.kind == "binary" else "amount",
            threshold=None if fair else threshold,
            by_lot=0 if fair or self.rule.capacity is None else int((said[~chosen] == threshold).sum()),
            users=len(said),
            chosen=count,
            expected_hits=brought,
            expected_precision=brought / count if count and model.kind == "binary" else None,
            expected_gain=self.rule.gained(count, brought),
            reached_precision=None if reached is None else (reached.mean, reached.low, reached.high),
            fair=self.fair if fair else "",
            by=(self.by if isinstance(self.by, str) else "group") if fair else "",
            groups=rows,
            unfair_hits=unfair,
        )


def one_of(
    column: str | None, groups: Mapping[str, str] | str | Path | None, option: str
) -> str | Mapping[str, str] | None:
    """Return the one way in which users are told apart: a column, or groups by ``user_id``.

    Args:
        column: Of the log.
        groups: By ``user_id``, or a CSV file of it.
        option: What the message calls the column.

    Raises:
        InputError: Both are given, the column says nothing of users, or the file cannot be used.
    """
    if column is not None and column not in COLUMNS:
        raise InputError(unknown_name("column to tell users apart by", column, COLUMNS))
    if groups is None:
        return column
    if column is not None:
        raise InputError(f"{option} {column} and --groups are two ways to tell users apart; give one")
    return groups if isinstance(groups, Mapping) else read_groups(groups)


def _thresholds(said: Float64, chosen: Bool, names: Names) -> tuple[GroupThreshold, ...]:
    values, count = np.unique(names, return_counts=True)
    found = []
    for name in values[np.argsort(-count, kind="stable")].tolist():
        inside = names == name
        taken = said[inside & chosen]
        found.append(GroupThreshold(name, int(inside.sum()), len(taken), float(taken.min()) if len(taken) else None))
    return tuple(found)
