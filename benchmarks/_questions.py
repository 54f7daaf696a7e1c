"""What every tool is asked, in numbers, and when two answers are equal. Only the standard library: rivals load it too.

The questions are Footfall's own, with its defaults. A log of ``_log`` holds no visit longer than a day and no two
events of one user at the same time, so the two rules in which tools may differ (the longest session, the order of ties)
never decide; ``journeys.py`` checks that.

An answer is JSON: ``sessions`` a dictionary of measures; ``funnel`` the users of each step; ``transitions`` pairs
``source>target`` to count, users and median seconds (or fewer of them); ``step_matrix`` cells ``step:event_type`` to
sessions; ``paths`` ``cells``, ``links`` and ``top``.
"""

from __future__ import annotations

import collections
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

GAP_S: Final = 1800
ENGAGED_S: Final = 10
FUNNEL: Final = ("view_item", "add_to_cart", "begin_checkout", "purchase")
FUNNEL_WITHIN_S: Final = 86_400
KEY_TYPES: Final = ("add_to_cart", "begin_checkout", "purchase", "sign_up", "add_to_wishlist")
VIEW_TYPES: Final = ("view_item",)
MATRIX_STEPS: Final = 10
PATH_STEPS: Final = 5
TOP_PATHS: Final = 100
START: Final = "(start)"
END: Final = "(end)"
DROP_OFF: Final = "(drop-off)"

QUESTIONS: Final = ("funnel", "sessions", "transitions", "step_matrix", "paths")
OPEN_FUNNEL: Final = "funnel_open"
"""The funnel without a window, for a rival that has none."""

CODED_FILE: Final = "coded.parquet"
CODED_TABLE: Final = "coded.duckdb"
NAMES_FILE: Final = "event_types.json"


def event_names(folder: Path) -> dict[int, str]:
    """Return the event type of each code, as written beside the coded columns."""
    return {int(code): name for code, name in json.loads((folder / NAMES_FILE).read_text("utf-8")).items()}


def path_answer(paths: Iterable[tuple[Sequence[str], int]]) -> dict[str, Any]:
    """Build the answer to ``paths`` from all distinct paths.

    Args:
        paths: ``PATH_STEPS`` names and how often they occur, once each; after the last event ``DROP_OFF``.
    """
    cells: collections.Counter[str] = collections.Counter()
    links: collections.Counter[str] = collections.Counter()
    everything = sorted(paths, key=lambda path: (-path[1], list(path[0])))
    for names, count in everything:
        for k, name in enumerate(names):
            cells[f"{k + 1}:{name}"] += count
            if k:
                links[f"{k}:{names[k - 1]}>{name}"] += count
    top = [[shortened(names), count] for names, count in everything[:TOP_PATHS]]
    return {"cells": dict(cells), "links": dict(links), "top": top}


def shortened(names: Sequence[str]) -> list[str]:
    """Return a path with its empty end written once."""
    kept = [name for name in names if name != DROP_OFF]
    return [*kept, DROP_OFF] if len(kept) < len(names) else kept


def differences(question: str, ours: Any, theirs: Any) -> list[str]:
    """Return where a rival's answer differs from ours, in words; nothing when they are equal.

    A rival may measure less of sessions and of transitions than we do; then what it does say is compared. Numbers are
    equal when they differ by less than one part in a thousand million.

    Args:
        question: What was asked.
        ours: Footfall's answer.
        theirs: The rival's.

    >>> differences("funnel", [9, 3], [9, 3]), differences("sessions", {"sessions": 2, "events": 5}, {"sessions": 3})
    ([], ['sessions.sessions: 2 and 3'])
    """
    if question == "sessions":
        ours = {name: ours[name] for name in theirs if name in ours}
    elif question == "transitions":
        said = min((len(values) for values in theirs.values()), default=0)
        ours = {pair: values[:said] for pair, values in ours.items()}
    return _differences(ours, theirs, question)


def _differences(ours: Any, theirs: Any, at: str) -> list[str]:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        lonely = [f"{at}.{key}: only one has it" for key in sorted(set(ours) ^ set(theirs))]
        return lonely + [
            d for key in ours if key in theirs for d in _differences(ours[key], theirs[key], f"{at}.{key}")
        ]
    if isinstance(ours, (list, tuple)) and isinstance(theirs, (list, tuple)):
        lengths = [] if len(ours) == len(theirs) else [f"{at}: {len(ours)} and {len(theirs)} of them"]
        pairs = enumerate(zip(ours, theirs, strict=False))
        return lengths + [d for k, (a, b) in pairs for d in _differences(a, b, f"{at}[{k}]")]
    if isinstance(ours, (int, float)) and isinstance(theirs, (int, float)):
        return [] if math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12) else [f"{at}: {ours} and {theirs}"]
    return [] if ours == theirs else [f"{at}: {ours!r} and {theirs!r}"]
