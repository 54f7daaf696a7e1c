"""Reasons: which features moved an answer, in words."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np

from footfall.predictors._base import Examples, Float64
from footfall.predictors.behaviour_vector import BehaviourVector
from footfall.predictors.boosting import Boosting
from footfall.tasks._probable import Calibrated

MOST: Final = 3
"""Reasons that are given for an answer."""
MOST_FEATURES: Final = 30
"""Features that are taken away one by one, where the family cannot tell by itself: the most important ones."""
HISTORY: Final = "history"
SAID: Final = {
    "session_overdue": "away for {} times the usual gap between visits",
    "session_gap_mean_days": "visits every {} days",
    "order_overdue": "no order for {} times the usual gap",
    "order_gap_mean_days": "orders every {} days",
    "order_mean_value": "orders worth {} on average",
    "items_per_order": "{} items an order",
    "repeat_share": "share of items bought again {}",
}
"""Features that have words of their own."""


@dataclasses.dataclass(frozen=True)
class Reason:
    """One feature and what it did.

    Attributes:
        feature: Its name; ``history`` for the state that the behaviour model has of all past events.
        text: In words, with its value.
        moved: By how much it moved the score: log-odds of a chance, logarithms of an amount, or the difference that
            taking it away makes to the answer.
    """

    feature: str
    text: str
    moved: float


def reasons_of(model: Calibrated, examples: Examples) -> list[tuple[Reason, ...]]:
    """Return what moved each answer most, largest first.

    Trees tell by TreeSHAP. Of other families, the most important features are each set to their median among the
    examples given, and the difference is what they did.

    Args:
        model: What answered.
        examples: Who was asked.
    """
    predictor = model.predictor
    if isinstance(predictor, BehaviourVector) and isinstance(predictor.head, Boosting):
        seen = predictor.seen(examples)
        names, moved = _added(predictor.head, seen)
    elif isinstance(predictor, Boosting):
        names, moved = _added(predictor, examples)
    else:
        names, moved = _taken_away(model, examples)
    places = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :MOST]
    return [
        tuple(
            Reason(names[at], _text(names[at], examples, row, float(moved[row, at])), float(moved[row, at]))
            for at in places[row].tolist()
            if moved[row, at] != 0
        )
        for row in range(len(examples))
    ]


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
    shares = model.predictor.importances()
    known = [name for name in examples.table.names if shares.get(name, 0) > 0]
    names = sorted(known, key=lambda name: -shares[name])[:MOST_FEATURES]
    if not names:
        return [HISTORY], np.zeros((len(examples), 1))
    said = model.predict(examples)
    moved = np.zeros((len(examples), len(names)))
    for at, name in enumerate(names):
        place = examples.table.names.index(name)
        values = examples.table.values.copy()
        column = values[:, place]
        values[:, place] = np.nanmedian(column) if np.isfinite(column).any() else np.nan
        without = dataclasses.replace(examples, table=dataclasses.replace(examples.table, values=values))
        moved[:, at] = said - model.predict(without)
    return names, moved


def _text(name: str, examples: Examples, row: int, moved: float) -> str:
    way = "raises it" if moved > 0 else "lowers it"
    if name == HISTORY or name not in examples.table.names:
        return f"what the behaviour model sees in the history ({way})"
    return f"{in_words(name, float(examples.table.column(name)[row]))} ({way})"


def in_words(name: str, value: float) -> str:
    """Say a feature and its value as one would say it.

    Args:
        name: Of the feature.
        value: Its value; NaN for unknown.
    """
    said = "unknown" if np.isnan(value) else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if name in SAID and not np.isnan(value):
        return SAID[name].format(said)
    what, _, span = name.rpartition("_")
    if name.startswith("days_since_"):
        what = name.removeprefix("days_since_").replace("_", " ")
        return f"never a {what}" if np.isnan(value) else f"{what} {said} days ago"
    if what and (span == "all" or (span.endswith("d") and span[:-1].isdigit())):
        when = "in all" if span == "all" else f"in {span[:-1]} days"
        return f"{what.replace('_', ' ')} {said} {when}"
    return f"{name.replace('_', ' ')} {said}"
