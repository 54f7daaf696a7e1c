"""Drift of a prediction: what has moved between the time learnt from and the time judged, and what it did to it.

* Features: the earlier half of the cutoffs learnt from, against the judging moment.
* Answers: those to the users that calibrated, against those to the users judged. The model learnt from neither; of
  those that it learnt from, answers are surer than they will ever be again.
* Rates: what came at every moment.
* Halves: the deciding metrics over judged users seen lately, and over those not seen for longer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from footfall.evaluation.amounts import AmountEvaluation
from footfall.evaluation.drift import MUCH, SOME, drift
from footfall.evaluation.probability import ProbabilityEvaluation
from footfall.predictors._base import Examples, Float64, Int64, Kind
from footfall.results import plain
from footfall.schema import PASSIVE_EVENT_TYPES, US_PER_DAY
from footfall.tasks._moments import Log, Moments
from footfall.tasks._probable import Calibrated

if TYPE_CHECKING:
    from footfall.evaluation.intervals import Interval

SHOWN: Final = 10
"""Features that are told, the furthest moved first."""
MOST_ROWS: Final = 10_000
"""Examples of either time that are looked at."""
METRICS: Final[Mapping[Kind, tuple[str, ...]]] = {"binary": ("AUROC", "AP"), "amount": ("Gini", "Spearman")}


def drifted(
    model: Calibrated,
    log: Log,
    moments: Moments,
    learn: Examples,
    later: Examples,
    test: Examples,
    said: Float64,
    *,
    before: Float64 | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Return what has moved, JSON-ready.

    Args:
        model: Calibrated; it learnt from ``learn``, was calibrated on ``later``, and saw nothing of ``test``.
        log: All events.
        moments: When was learnt, calibrated and judged.
        learn: Examples learnt from.
        later: Those that calibrated.
        test: Those judged.
        said: What the model answered to those judged, float64 [users].
        before: What it answered to those that calibrated, where answers are not what the model says of each example.
        seed: Draws rows where there are very many.

    Returns:
        ``features`` (the furthest moved: ``feature``, ``psi``, ``by_chance``, ``size``), ``n_features``, ``n_some`` and
        ``n_much`` (features of which PSI is above 0.1, above 0.25, and above chance), ``scores``, ``rates`` (a row a
        moment: ``slice``, ``at``, ``users``, ``rate``), ``halves`` (``half``, ``users``, ``days_since``, metrics as
        [value, low, high]).
    """
    early = moments.learn_us[: max((len(moments.learn_us) + 1) // 2, 1)]
    then = _some(learn.take(np.flatnonzero(_slice_of(moments, learn) < len(early))), seed)
    now = _some(test, seed)
    rows: list[dict[str, Any]] = []
    for name in then.table.names:
        moved = drift(then.table.column(name), now.table.column(name), codes=name in then.table.categories)
        rows.append({"feature": name, "psi": moved.psi, "by_chance": moved.by_chance, "size": moved.size})
    rows.sort(key=lambda row: -row["psi"])
    answers = drift(model.predict(_some(later, seed)) if before is None else before, said)
    found: dict[str, Any] = plain(
        {
            "features": rows[:SHOWN],
            "n_features": len(rows),
            "n_some": sum(row["psi"] >= SOME and row["size"] != "none" for row in rows),
            "n_much": sum(row["psi"] >= MUCH and row["size"] != "none" for row in rows),
            "scores": {"psi": answers.psi, "by_chance": answers.by_chance, "size": answers.size},
            "rates": _rates(moments, learn, later, test),
            # Questions of the running visit are asked of whoever is there.
            "halves": _halves(model.kind, log, test, said, seed) if len(np.unique(test.cutoff_us)) == 1 else [],
        }
    )
    return found


def _some(examples: Examples, seed: int) -> Examples:
    if len(examples) <= MOST_ROWS:
        return examples
    return examples.take(np.sort(np.random.default_rng((seed, 8)).permutation(len(examples))[:MOST_ROWS]))


def _slice_of(moments: Moments, learn: Examples) -> Int64:
    """Return in which horizon that was learnt from each example is, int64 [examples]."""
    places: Int64 = np.searchsorted(np.array(moments.learn_us), learn.cutoff_us, side="right").astype(np.int64) - 1
    return places


def _rates(moments: Moments, learn: Examples, later: Examples, test: Examples) -> list[dict[str, Any]]:
    of = _slice_of(moments, learn)
    slices = [("learnt", at, learn.take(np.flatnonzero(of == place))) for place, at in enumerate(moments.learn_us)]
    slices += [("calibrated", moments.calibrate_us, later), ("judged", moments.judge_us, test)]
    rows: list[dict[str, Any]] = []
    for what, moment, some in slices:
        rate = float(some.told.mean()) if len(some) else None
        rows.append({"slice": what, "at": iso(moment), "users": len(np.unique(some.rows)), "rate": rate})
    return rows


def _halves(kind: Kind, log: Log, test: Examples, said: Float64, seed: int) -> list[dict[str, Any]]:
    """Judge users seen lately and users seen longer ago, each a half of those judged."""
    last = _last_seen(log, test)
    middle = float(np.median(last))
    rows = []
    for half, places in (
        ("seen lately", np.flatnonzero(last > middle)),
        ("longer ago", np.flatnonzero(last <= middle)),
    ):
        row: dict[str, Any] = {"half": half, "users": len(places)}
        if len(places):
            days = (test.cutoff_us[places] - last[places]) / US_PER_DAY
            row |= {"days_since": float(np.median(days)), "rate": float(test.told[places].mean())}
            row |= _judged(kind, test.told[places], said[places], seed)
        rows.append(row)
    return rows


def _last_seen(log: Log, test: Examples) -> Int64:
    """Return the last moment at which each judged user did something before being judged, int64 [users]."""
    mine = (log.times < test.cutoff_us[0]) & ~log.events_of(*PASSIVE_EVENT_TYPES)
    last = np.full(len(log.raw), log.begins_us)
    np.maximum.at(last, log.raw.rows[mine], log.times[mine])
    found: Int64 = last[test.rows]
    return found


def _judged(kind: Kind, told: Float64, said: Float64, seed: int) -> dict[str, list[float]]:
    judge: Any = ProbabilityEvaluation if kind == "binary" else AmountEvaluation
    found: Any = judge.of(told, said, seed=seed)
    return {name: _ends(found.interval(name)) for name in METRICS[kind]}


def _ends(around: Interval) -> list[float]:
    return [around.mean, around.low, around.high]


def iso(moment_us: int) -> str:
    """Return a moment as ISO 8601, UTC, to the second.

    Args:
        moment_us: UTC microseconds.
    """
    return dt.datetime.fromtimestamp(moment_us / 1e6, dt.UTC).isoformat(timespec="seconds")
