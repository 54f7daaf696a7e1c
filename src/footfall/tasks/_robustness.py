"""Robustness: what a model says of the judged users where their log is as logs really are: lossy, late, told twice.

The model is one that saw nothing of the judged horizon. Each edit (``histories.edits``) is made to what lies before the
judging moment, features and states are made anew, and the answers are put beside those of the log as it is. What is
known of items is that of the whole log as it is: an edit moves what is known of a user.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from footfall.evaluation._amounts import gini_of, spearman_of
from footfall.evaluation._resamples import Groups, interval, resample
from footfall.evaluation.intervals import Interval
from footfall.evaluation.probability import compare
from footfall.evaluation.splits import before
from footfall.features.items import ItemFacts
from footfall.histories.edits import Edit, realistic
from footfall.predictors._base import Examples, Float64, Int64, Kind
from footfall.results import plain
from footfall.tasks._moments import Log
from footfall.tasks._probable import Calibrated

MOST_USERS: Final = 2_000
MOST_EVENTS: Final = 300_000
"""Of the users that are drawn, before the judging moment: so many and no more are edited, and read again."""
REPEATS: Final = 200
TOP: Final = 0.1
"""The share of users that is acted on: the highest tenth."""


def robustness(model: Calibrated, log: Log, test: Examples, *, seed: int = 0) -> dict[str, Any]:
    """Return how answers move under realistic edits of the log, JSON-ready.

    Args:
        model: Calibrated; it saw nothing from the judging moment on.
        log: All events.
        test: Judged users, all at one moment, with what came of it.
        seed: Draws users and edits.

    Returns:
        ``stability``: the mean over the edits of the share of the highest tenth of users that stays in it, 1 for
        answers that no edit moves, about 0.1 for answers that mean nothing afterwards; ``weakest``: the edit that
        leaves the fewest; ``users``; ``edits``: of each what was done and counted, ``mean_change`` and ``p95_change``
        (of amounts by their mean), ``spearman``, ``overlap`` and ``metrics`` (before, after, change with interval).
    """
    places = drawn(log, test, seed)
    some, cutoff = test.take(places), int(test.cutoff_us[0])
    facts = ItemFacts.of(log.raw, cutoff, log.types)
    raw, coded = (before(part.take(some.rows), cutoff) for part in (log.raw, log.coded))
    past = dataclasses.replace(log, raw=raw, coded=coded)
    said = _answers(model, past, some, facts)
    edits = []
    for edit in realistic(past.raw, cutoff, seed=seed):
        raw, coded = (edit.of(part, log.timezone) for part in (past.raw, past.coded))
        edited = dataclasses.replace(past, raw=raw, coded=coded)
        edits.append(_row(edit, model.kind, some.told, said, _answers(model, edited, some, facts), seed))
    weakest = min(edits, key=lambda row: row["overlap"])
    found: dict[str, Any] = plain(
        {
            "stability": float(np.mean([row["overlap"] for row in edits])),
            "weakest": weakest["edit"],
            "users": len(some),
            "events": past.raw.n_events,
            "edits": edits,
        }
    )
    return found


def drawn(log: Log, test: Examples, seed: int) -> Int64:
    """Return whom the edits are tried on, places in ``test``, int64: as many as ``MOST_USERS``, ``MOST_EVENTS`` allow.

    Args:
        log: All events.
        test: Judged users.
        seed: Draws them.
    """
    order = np.random.default_rng((seed, 5)).permutation(len(test))[:MOST_USERS]
    reached = np.cumsum(log.raw.lengths[test.rows[order]])
    return np.sort(order[: max(int(np.searchsorted(reached, MOST_EVENTS, "right")), 1)])


def _answers(model: Calibrated, past: Log, some: Examples, facts: ItemFacts) -> Float64:
    rows, cutoff = np.arange(len(some)), int(some.cutoff_us[0])
    return model.predict(past.at(rows, cutoff, some.horizon_us, facts=facts))


def _row(edit: Edit, kind: Kind, told: Float64, said: Float64, after: Float64, seed: int) -> Mapping[str, Any]:
    moved = np.abs(after - said)
    unit = 1.0 if kind == "binary" else max(float(said.mean()), 1e-12)
    return {
        "edit": edit.name,
        "text": edit.text,
        "events_lost": edit.lost,
        "events_added": edit.added,
        "mean_change": float(moved.mean()) / unit,
        "p95_change": float(np.quantile(moved, 0.95)) / unit,
        "spearman": float(spearman_of(Groups.of(said), Groups.of(after))(np.ones((1, len(said))))[0]),
        "overlap": overlap(said, after, seed),
        "metrics": _metrics(kind, told, said, after, seed),
    }


def overlap(said: Float64, after: Float64, seed: int = 0) -> float:
    """Return the share of the highest tenth of the answers that is in the highest tenth afterwards.

    Of equal answers, the same come first in both, as they would where equals are served in one order.

    Args:
        said: Answers, float64 [users].
        after: Of the same users, float64 [users].
        seed: Puts equals in order.
    """
    mixed = np.random.default_rng((seed, 6)).permutation(len(said))
    most = max(round(TOP * len(said)), 1)
    tops = [set(mixed[np.argsort(-one[mixed], kind="stable")[:most]].tolist()) for one in (said, after)]
    return len(tops[0] & tops[1]) / most


def _metrics(kind: Kind, told: Float64, said: Float64, after: Float64, seed: int) -> dict[str, Any]:
    if kind == "binary":
        found = compare(told, after, said, seed=seed, repeats=REPEATS)
        rows = {name: found.row(name) for name in ("AUROC", "AP")}
        return {
            name: _change(row.second, row.first, Interval(row.difference, row.low, row.high))
            for name, row in rows.items()
        }
    by_told = Groups.of(told)
    ginis = [gini_of(told, by_told, Groups.of(one)) for one in (said, after)]
    was, now = (float(of(np.ones((1, len(told))))[0]) for of in ginis)

    def difference(times: Float64) -> Mapping[str, Float64]:
        return {"Gini": ginis[1](times) - ginis[0](times)}

    resampled = resample(difference, np.arange(len(told)), seed=seed, repeats=REPEATS)["Gini"]
    return {"Gini": _change(was, now, interval(now - was, resampled, 0.95))}


def _change(was: float, now: float, change: Interval) -> dict[str, float]:
    return {"before": was, "after": now, "change": change.mean, "low": change.low, "high": change.high}
