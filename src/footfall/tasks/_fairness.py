"""Fairness of a task: its probabilities and its decision by group, on the last horizon; and what equal shares cost."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from footfall.errors import InputError, unknown_name
from footfall.evaluation.fair_places import KINDS, fair_places
from footfall.evaluation.fair_price import PriceRow, price
from footfall.evaluation.fairness import (
    LEAST_OF_A_LABEL,
    LEAST_USERS,
    METRICS,
    MOST_GROUPS,
    SMALL,
    ByGroup,
    GroupRow,
    Unlike,
    by_group,
    pooled,
)
from footfall.evaluation.intervals import Interval
from footfall.results import Result, plain, render_table
from footfall.tasks import _groups
from footfall.tasks._decisions import Rule, one_of
from footfall.tasks._groups import UNKNOWN
from footfall.tasks._probable import Calibrated

if TYPE_CHECKING:
    from footfall.tasks._base import Given
    from footfall.tasks._prediction import Bench, Prediction

BOUND: Final = 0.1
ON_CARDS: Final = ("country", "device", "channel")
MOST_ON_CARDS: Final = 10_000
"""Users by whom a card is judged; of more, so many are drawn."""
_CARD_METRICS: Final = ("rate", "mean_probability", "AUROC", "ECE", "selection_rate")
_AT_ONCE: Final = 4
"""Groups side by side in one table."""


@dataclasses.dataclass(frozen=True)
class DisparityRow:
    """How far groups are apart: fairlearn's name of it, and its interval."""

    disparity: str
    value: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class FairnessReport(Result):
    """What is foretold and decided by group, on a horizon that the model did not see.

    Attributes:
        question: What is asked, in words.
        by: What the groups are.
        model: The family that is judged.
        cutoff: When users were asked, ISO 8601.
        users: Number of users asked.
        rule: By what they are chosen, in words.
        chosen: Users chosen.
        bound: How far a group may be from the rest.
        level: Of the intervals.
        rows: The groups.
        disparities: Between the groups that are large enough.
        unlike: Groups beyond the bound, by more than chance.
        pooled: Names of small groups that were put together.
        mitigation: ``parity`` or ``opportunity``; empty where nothing was made fairer.
        after: The same users by group under the fairer decision; empty without one.
        price: What it changes; empty without one.
    """

    rows_field: ClassVar[str] = "rows"
    question: str
    by: str
    model: str
    cutoff: str
    users: int
    rule: str
    chosen: int
    bound: float
    level: float
    rows: tuple[GroupRow, ...]
    disparities: tuple[DisparityRow, ...]
    unlike: tuple[Unlike, ...]
    pooled: tuple[str, ...]
    mitigation: str = ""
    after: tuple[GroupRow, ...] = ()
    price: tuple[PriceRow, ...] = ()

    def headline(self) -> str:
        """Say what was asked of whom, and who is chosen."""
        return (
            f"{self.question} by {self.by}: {self.users:,} users asked on {self.cutoff[:10]}, {self.model}\n"
            f"Decision by {self.rule}: {self.chosen:,} are chosen"
        )

    def warnings(self) -> tuple[str, ...]:
        """Return a sentence for each group that is beyond the bound."""
        return warnings_of(self.unlike, self.bound)

    def notes(self) -> Sequence[str]:
        """Warn of groups beyond the bound; say what was put together, and what the intervals are."""
        found = list(self.warnings())
        if not found:
            compared = [row for row in self.rows if row.against_rest]
            found += [f"No group is beyond {self.bound:g} of the rest by more than chance."] if compared else []
            found += [] if compared else ["There are no two groups that are large enough to be compared."]
        if self.pooled:
            found.append(_put_together(self.pooled))
        if self.mitigation:
            how = "share of users" if self.mitigation == "parity" else "share of expected hits"
            found.append(
                f"After: as many are chosen, the same {how} of each group (footfall predict --fair-by, --fair "
                f"{self.mitigation}); probabilities are as before."
            )
        return [*found, f"Intervals: {self.level:.0%}, bootstrap over users; what is warned of holds for all together."]

    def table_rows(self) -> list[dict[str, Any]]:
        """Return one flat row a group."""
        rows = []
        for row in self.rows:
            flat: dict[str, Any] = {"group": row.group, "users": row.users, "chosen": row.chosen}
            for name, around in row.metrics.items():
                flat |= {name: around.mean, f"{name}_low": around.low, f"{name}_high": around.high}
            rows.append(plain(flat))
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values, the warnings too."""
        return super().to_dict() | {"warnings": list(self.warnings())}

    def __str__(self) -> str:
        parts = [self.headline()]
        cuts = range(0, len(self.rows), _AT_ONCE)
        parts += [render_table(_turned(self.rows[begin : begin + _AT_ONCE])) for begin in cuts]
        if self.disparities:
            parts.append(render_table([plain(row) for row in self.disparities]))
        if self.price:
            parts += [
                render_table([_after(row) for row in self.after]),
                render_table([_flat(row) for row in self.price]),
            ]
        return "\n".join([*parts, *self.notes()])


def fairness(
    task: Prediction,
    given: Given,
    *,
    by: str | Mapping[str, str],
    rule: Rule | None = None,
    bound: float = BOUND,
    mitigate: str | None = None,
) -> FairnessReport:
    """Judge the champion of a task by group on the last horizon of the log, which it did not see.

    Args:
        task: Of a chance.
        given: What is learnt from and judged by.
        by: A column of the log, or groups by ``user_id``.
        rule: Who is chosen; without it as large a share as came true where probabilities were calibrated.
        bound: How far a group may be from the rest before it is warned of.
        mitigate: ``parity`` or ``opportunity``: also judge as many chosen by equal shares of groups.

    Raises:
        InputError: The task foretells an amount, a setting is not what it can be, or the log is too short.
    """
    _of_a_chance(task)
    if mitigate is not None and mitigate not in KINDS:
        raise InputError(unknown_name("kind of fairness", mitigate, KINDS))
    if not 0 <= bound < np.inf:
        raise InputError(f"--bound {bound}; give how far groups may be apart, from 0, e.g. 0.1")
    if rule is not None:
        rule.check(task.kind, task.name)
    bench, name, model = task.champion(given)
    test, said = bench.test, model.predict(bench.test)
    if isinstance(by, str):
        names = _groups.by_column(given.histories, test.table, by)
        if (names == UNKNOWN).all():
            raise InputError(f"no event says a {by} of any of the users asked; give another --by, or --groups FILE.csv")
    else:
        names = _groups.by_user(given.histories, by)[test.rows]
    rule, words = (rule, str(rule)) if rule is not None else _usual(model, len(test))
    chosen = rule.choose(model, said).chosen
    found = by_group(test.told, said, chosen, names, bound=bound, keep=(UNKNOWN,), seed=given.seed)
    told = by if isinstance(by, str) else "group"
    report = _report(task, bench, found, told, name, words, int(chosen.sum()), bound)
    if mitigate is None:
        return report
    # Places are given out by the same groups as are judged; who is small here is small together.
    within = pooled(names, test.told, keep=(UNKNOWN,))
    fair = fair_places(said, within, int(chosen.sum()), mitigate)
    after = by_group(test.told, said, fair, names, bound=bound, keep=(UNKNOWN,), seed=given.seed)
    cost = price(test.told, chosen, fair, within, cost=rule.cost, gain=rule.gain, seed=given.seed)
    return dataclasses.replace(report, mitigation=mitigate, after=after.groups, price=cost)


def asked_of(
    name: str, column: str | None, groups: Mapping[str, str] | str | Path | None, asked: Mapping[str, Any]
) -> Callable[[Given], FairnessReport]:
    """Return the question of fairness that is asked, checked before anything is read.

    Args:
        name: Of the task.
        column: Of the log, by which users are told apart.
        groups: Or their groups by ``user_id``, or a CSV file of it.
        asked: Settings of ``Rule``, of ``fairness``, and of the task.

    Raises:
        InputError: The task is unknown or foretells no number of a user; nothing tells users apart; a setting is
            unknown, or not what it can be.
    """
    from footfall.tasks._prediction import Prediction
    from footfall.tasks._registry import made

    by = one_of(column, groups, "--by")
    if by is None:
        raise InputError(f"tell users apart by --by {' | '.join(_groups.COLUMNS)}, or by --groups FILE.csv")
    rule = Rule.of(**{each.name: asked.get(each.name) for each in dataclasses.fields(Rule)})
    own = {key: asked[key] for key in ("bound", "mitigate") if key in asked}
    mine = {key for key in asked if key in own or key in {each.name for each in dataclasses.fields(Rule)}}
    task = made(name, {key: value for key, value in asked.items() if key not in mine})
    if not isinstance(task, Prediction):
        raise InputError(f"fairness is of a probability; {name} foretells no number of a user")
    _of_a_chance(task)
    return functools.partial(fairness, task, by=by, rule=rule, **own)


def fairness_of_card(bench: Bench, model: Calibrated, *, bound: float = BOUND) -> list[dict[str, Any]]:
    """Return how the champion did by country, device and channel on the judged horizon, JSON-ready, for a model card.

    Users are chosen as in ``fairness`` without a rule. Of more than 10,000 users so many are drawn.

    Args:
        bench: Of the contest.
        model: The champion, fitted and calibrated on the bench: it has not seen the horizon that judges.
        bound: How far a group may be from the rest before it is warned of.

    Returns:
        For each column that the log has with at least two groups: ``by``; ``groups``, each with ``group``, ``users``
        and of each metric ``[value, low, high]``, None where it cannot be told; and ``warnings``. Nothing of an amount.
    """
    if model.kind != "binary":
        return []
    columns = [name for name in ON_CARDS if f"{name}_modal" in bench.test.table.names]
    histories, seed = bench.given.histories, bench.given.seed
    every = {name: _groups.by_column(histories, bench.test.table, name) for name in columns}
    told = {name: names for name, names in every.items() if len(np.unique(names)) > 1}
    if not told:
        return []
    said = model.predict(bench.test)
    chosen = _usual(model, len(said))[0].choose(model, said).chosen
    drawn = np.random.default_rng((seed, 5)).permutation(len(said))[:MOST_ON_CARDS]
    cards = []
    for name, names in told.items():
        some = bench.test.told[drawn], said[drawn], chosen[drawn], names[drawn]
        found = by_group(*some, bound=bound, keep=(UNKNOWN,), seed=seed, repeats=100)
        if len(found.groups) > 1:
            cards.append({"by": name, "groups": [_on_card(row) for row in found.groups]})
            cards[-1]["warnings"] = list(warnings_of(found.unlike, bound))
    return cards


def _of_a_chance(task: Prediction) -> None:
    if task.kind != "binary":
        raise InputError(f"fairness is of a probability and what came of it; {task.name} foretells an amount")
    if not task.of_users:
        raise InputError(
            f"fairness is of questions about users as of a cutoff, e.g. purchase or churn; {task.name} asks about "
            "things or running visits"
        )


def warnings_of(unlike: Sequence[Unlike], bound: float) -> tuple[str, ...]:
    """Return a sentence for each group that is beyond the bound.

    Args:
        unlike: Which are.
        bound: How far a group may be from the rest.
    """
    found = []
    for one in unlike:
        gap, what = one.difference, one.metric.replace("_", " ")
        ends = f"{gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"
        of = " as a share of theirs" if one.metric == "calibration" else ""
        found.append(
            f"Warning: {one.group} has a {what} of {one.value:.3f}, which differs from the rest by {ends}{of}; the "
            f"bound is {bound:g}."
        )
    return tuple(found)


def _usual(model: Calibrated, users: int) -> tuple[Rule, str]:
    """Return the rule where none is told: as large a share as came true where probabilities were calibrated."""
    assert model.curve is not None  # noqa: S101 - it has just been calibrated, and is of a chance
    places = min(users, max(1, round(model.curve.rate * users)))
    return Rule(capacity=places), f"capacity {places:,} (the share that came true where probabilities were calibrated)"


def _report(
    task: Prediction, bench: Bench, found: ByGroup, by: str, model: str, rule: str, chosen: int, bound: float
) -> FairnessReport:
    return FairnessReport(
        question=task.title,
        by=by,
        model=model,
        cutoff=dt.datetime.fromtimestamp(bench.moments.judge_us / 1e6, dt.UTC).isoformat(timespec="seconds"),
        users=len(bench.test),
        rule=rule,
        chosen=chosen,
        bound=bound,
        level=0.95,
        rows=found.groups,
        disparities=tuple(DisparityRow(k, v.mean, v.low, v.high) for k, v in found.disparities.items()),
        unlike=found.unlike,
        pooled=found.pooled,
    )


def _put_together(names: Sequence[str]) -> str:
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return (
        f"{SMALL}: {shown}; of fewer than {LEAST_USERS} users or {LEAST_OF_A_LABEL} of an answer, or beyond the "
        f"{MOST_GROUPS} largest."
    )


def _on_card(row: GroupRow) -> dict[str, Any]:
    around = {name: row.metrics[name] for name in _CARD_METRICS}
    values = {name: plain([each.mean, each.low, each.high]) for name, each in around.items()}
    return {"group": row.group, "users": row.users, **values}


def _turned(rows: Sequence[GroupRow]) -> list[dict[str, Any]]:
    """Return a line a metric, a column a group: what is compared stands side by side."""
    lines: list[dict[str, Any]] = [
        {"metric": name, **{row.group: f"{getattr(row, name):,}" for row in rows}} for name in ("users", "chosen")
    ]
    lines += [{"metric": name, **{row.group: _said(row.metrics[name]) for row in rows}} for name in METRICS]
    return lines


def _said(around: Interval) -> str:
    if np.isnan(around.mean):
        return "-"
    return f"{around.mean:.3f} [{around.low:.3f}, {around.high:.3f}]"


def _after(row: GroupRow) -> dict[str, Any]:
    told = {name: _said(row.metrics[name]) for name in ("selection_rate", "true_positive_rate")}
    return {"after": row.group, "users": row.users, "chosen": row.chosen, **told}


def _flat(row: PriceRow) -> dict[str, Any]:
    return {
        "price": row.metric,
        "before": row.before,
        "after": row.after,
        "change": row.change.mean,
        "low": row.change.low,
        "high": row.change.high,
    }
