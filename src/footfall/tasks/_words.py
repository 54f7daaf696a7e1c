"""Words: a feature and its value, said as one would say them."""

from __future__ import annotations

from typing import Final

import numpy as np

from footfall.predictors._base import Examples
from footfall.predictors.behaviour_vector import LIKING
from footfall.tasks._event_reasons import Names

ITS: Final = "its_"
"""Before the names of what is known of a user and a thing."""
KIND: Final = "kind"
THING: Final = "thing"
SAID: Final = {
    "session_overdue": "away for {} times the usual gap between visits",
    "session_gap_mean_days": "visits every {} days",
    "order_overdue": "no order for {} times the usual gap",
    "order_gap_mean_days": "orders every {} days",
    "order_mean_value": "orders worth {} on average",
    "items_per_order": "{} items an order",
    "repeat_share": "share of items bought again {}",
    LIKING: "what the behaviour model expects of it, logarithm {}",
    "part_of_horizon": "part {} of the horizon",
}
"""Features that have words of their own."""
_DAY_S: Final = 86_400


def coded(name: str, code: int, examples: Examples, names: Names) -> str:
    """Say a feature that holds a code.

    Args:
        name: Of the feature.
        code: Its value.
        examples: What is explained; they know what their things are called.
        names: What other codes are called.
    """
    about = examples.about
    if about is not None and name == ITS + KIND:
        return f"it is of kind {about.kinds[code - 1].replace('_', ' ')}"
    if about is not None and name == ITS + THING:
        item = about.kinds[about.kind_of(code)] == "item"
        return f"it is {names.item(code) if item else about.names[code - 1]}"
    if not code:
        return f"{name.replace('_', ' ')} unknown"
    said = names.event_type(code) if name == "last_event_type" else names.code(name, code)
    return f"{name.replace('_', ' ')} {said}"


def in_words(name: str, value: float) -> str:
    """Say a feature and its value as one would say it.

    Args:
        name: Of the feature.
        value: Its value; NaN for unknown.
    """
    said = "unknown" if np.isnan(value) else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if name in SAID and not np.isnan(value):
        return SAID[name].format(said)
    if name.startswith(ITS):
        return f"of it: {in_words(name.removeprefix(ITS), value)}"
    what, _, span = name.rpartition("_")
    if name.startswith("days_since_"):
        what = name.removeprefix("days_since_").replace("_", " ")
        return f"no {what} yet" if np.isnan(value) else f"{what} {_ago(value, said)}"
    if what and (span == "all" or (span.endswith("d") and span[:-1].isdigit())):
        when = "in all" if span == "all" else f"in {span[:-1]} days"
        return f"{what.replace('_', ' ')} {said} {when}"
    return f"{name.replace('_', ' ')} {said}"


def _ago(days: float, said: str) -> str:
    seconds = days * _DAY_S
    if seconds < 1:
        return "just now"
    if days >= 2:
        return f"{said} days ago"
    for unit, length in (("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}s ago"
    return "a second ago"
