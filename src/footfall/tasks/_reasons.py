"""Reasons: which features and past events moved an answer, in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from footfall.predictors._base import Examples, Float64, Int64, Predictor
from footfall.predictors.behaviour_vector import BehaviourVector
from footfall.predictors.boosting import Boosting
from footfall.tasks._event_reasons import Names, events_that_moved, names_events, said_of
from footfall.tasks._probable import Calibrated, usual_of
from footfall.tasks._words import coded, in_words

MOST: Final = 3
"""Reasons that are given for an answer."""
MOST_FEATURES: Final = 30
"""Features that are taken away one by one, where the family cannot tell by itself: the most important ones."""
HISTORY: Final = "history"
CYCLES: Final[Mapping[str, tuple[str, str, str, tuple[str, ...]]]] = {
    "order_cycle": (
        "buys every {} days, now day {}",
        "order_gap_mean_days",
        "days_since_last_order",
        ("order_overdue", "days_since_purchase"),
    ),
    "session_cycle": (
        "visits every {} days, now day {}",
        "session_gap_mean_days",
        "days_since_last_event",
        ("session_overdue",),
    ),
}
"""What several features say together: in words, the usual gap, the time since the last, and what else is of the two."""


@dataclasses.dataclass(frozen=True)
class Reason:
    """One feature, or equal past events, and what they did.

    Attributes:
        feature: Its name; ``history`` for past events, or the state that the behaviour model has of all of them;
            ``order_cycle`` and ``session_cycle`` for what several features say of a rhythm.
        text: In words, with its value.
        moved: By how much it moved the score: log-odds of a chance, logarithms of an amount, or the difference that
            taking it away makes to the answer.
    """

    feature: str
    text: str
    moved: float


def reasons_of(model: Calibrated, examples: Examples, names: Names | None = None) -> list[tuple[Reason, ...]]:
    """Return what moved each answer most, largest first.

    Trees tell by TreeSHAP. Of other families, the most important features are each set to what is usual, and the
    difference is what they did. Families over the behaviour model name the past events besides
    (``_event_reasons.events_that_moved``).

    Args:
        model: What answered.
        examples: Who was asked.
        names: What codes of items and types are called; their numbers without it.
    """
    if not len(examples):
        return []
    names = names or Names()
    features, moved = feature_moves(model, examples)
    features, moved = _joined(features, moved, examples)
    found = [
        [
            (float(moved[row, at]), features[at], _text(features[at], examples, row, names))
            for at in np.argsort(-np.abs(moved[row]), kind="stable")[: MOST + 1].tolist()
            if moved[row, at] != 0
        ]
        for row in range(len(examples))
    ]
    if names_events(model.predictor):
        groups, by_events = events_that_moved(model.predictor, examples)
        told = groups.foremost(by_events, MOST)
        for row in np.unique(groups.row[told]).tolist():
            # The events stand for the state that they make.
            found[row] = [each for each in found[row] if each[1] != HISTORY]
        for group in told.tolist():
            row = int(groups.row[group])
            text = said_of(groups, group, int(examples.cutoff_us[row]), names)
            found[row].append((float(by_events[group]), HISTORY, text))
    return [tuple(_reason(*each) for each in sorted(row, key=lambda each: -abs(each[0]))[:MOST]) for row in found]


def _reason(moved: float, feature: str, text: str) -> Reason:
    return Reason(feature, f"{text} ({'raises' if moved > 0 else 'lowers'} it)", moved)


def feature_moves(model: Calibrated, examples: Examples) -> tuple[list[str], Float64]:
    """Return names of features, and by how much each moved each answer, float64 [examples, features].

    ``history`` stands for the state that the behaviour model has of all past events.

    Args:
        model: What answered.
        examples: Who was asked.
    """
    predictor = model.predictor
    if isinstance(predictor, BehaviourVector) and isinstance(predictor.head, Boosting):
        return _added(predictor.head, predictor.seen(examples))
    if isinstance(predictor, Boosting):
        return _added(predictor, examples)
    return _taken_away(model, examples)


def _added(trees: Boosting, examples: Examples) -> tuple[list[str], Float64]:
    """Return TreeSHAP's parts, those of the behaviour model's state added up."""
    parts = trees.contributions(examples.table)[:, :-1]
    state = [name.startswith("h") and name[1:].isdigit() for name in trees.names]
    names = [name for name, of_state in zip(trees.names, state, strict=True) if not of_state]
    moved = parts[:, ~np.array(state, np.bool_)]
    if any(state):
        return [*names, HISTORY], np.column_stack([moved, parts[:, state].sum(axis=1)])
    return names, moved


def _taken_away(model: Calibrated, examples: Examples) -> tuple[list[str], Float64]:
    names = settable(model.predictor, examples)[:MOST_FEATURES]
    if not names:
        return [HISTORY], np.zeros((len(examples), 1))
    said = model.predict(examples)
    everybody = np.arange(len(examples))
    moved = np.zeros((len(examples), len(names)))
    for at, (name, value) in enumerate(zip(names, usual(model, examples, names), strict=True)):
        moved[:, at] = said - model.predict(with_value(examples, name, value, everybody))
    return names, moved


def settable(predictor: Predictor, examples: Examples) -> list[str]:
    """Return the features of the table that a family reads, the most important first.

    Args:
        predictor: Fitted.
        examples: With the columns that it was fitted on.
    """
    shares = predictor.importances()
    return sorted((name for name in examples.table.names if shares.get(name, 0) > 0), key=lambda name: -shares[name])


def usual(model: Calibrated, examples: Examples, names: Sequence[str]) -> list[float]:
    """Return what is usual of features, whoever is asked: what it was where the model was calibrated.

    Of a model that an older Footfall kept, what it is among the examples given.

    Args:
        model: What answers.
        examples: Who is asked.
        names: Of features.
    """
    known = model.usual or usual_of(examples.table)
    return [known[name] for name in names]


def with_value(examples: Examples, name: str, value: float, rows: Int64) -> Examples:
    """Return the examples with one feature set, for some of them.

    Args:
        examples: As they were given.
        name: Of the feature.
        value: What it is set to.
        rows: Of which examples, int64 [some].
    """
    values = examples.table.values.copy()
    values[rows, examples.table.names.index(name)] = value
    made = dataclasses.replace(examples, table=dataclasses.replace(examples.table, values=values))
    if "histories" in examples.__dict__:
        made.__dict__["histories"] = examples.histories  # what was cut already need not be cut again
    return made


def _joined(names: list[str], moved: Float64, examples: Examples) -> tuple[list[str], Float64]:
    """Put the features of one cycle together where a user's cycle is known: they say one thing between them."""
    moved = moved.copy()
    for cycle, (_, gap, since, besides) in CYCLES.items():
        known = [gap, since]
        if any(name not in examples.table.names for name in known):
            continue
        rows = np.isfinite(np.stack([examples.table.column(name) for name in known])).all(axis=0)
        places = [names.index(name) for name in (*known, *besides) if name in names]
        together = np.where(rows, moved[:, places].sum(axis=1), 0)
        moved[np.ix_(np.flatnonzero(rows), np.array(places, np.int64))] = 0
        names, moved = [*names, cycle], np.column_stack([moved, together])
    return names, moved


def _text(name: str, examples: Examples, row: int, names: Names) -> str:
    table = examples.table
    if name in CYCLES:
        said, gap, since, _ = CYCLES[name]
        return said.format(*(_days(float(table.column(each)[row])) for each in (gap, since)))
    if name not in table.names:
        return "what the behaviour model sees in the history"
    value = float(table.column(name)[row])
    if name in table.categories:
        return coded(name, int(value), examples, names)
    return in_words(name, value)


def _days(days: float) -> str:
    return f"{days:,.0f}" if days >= 2 else f"{days:.2g}"
