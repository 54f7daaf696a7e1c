"""Leaderboards: recommenders side by side over the same cases, with intervals and what they cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError, unknown_name
from footfall.evaluation.accuracy import ACCURACY
from footfall.evaluation.intervals import Difference, Interval, bootstrap, mean_by, paired_difference
from footfall.evaluation.ranking import RankingEvaluation
from footfall.results import Result, format_cell, render_table

Float64 = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Entry:
    """One recommender that has been asked.

    Attributes:
        recommender: Its name.
        evaluations: One a seed, over the same cases in the same order.
        seeds: The seeds it was fitted with.
        fit_cpu_s: Processor time of fitting, mean over seeds, seconds; None where unknown.
        memory_mb: Most memory held, MB; None where unknown.
    """

    recommender: str
    evaluations: Sequence[RankingEvaluation]
    seeds: Sequence[int] = (0,)
    fit_cpu_s: float | None = None
    memory_mb: float | None = None


@dataclasses.dataclass(frozen=True)
class LeaderboardRow:
    """One recommender.

    Attributes:
        recommender: Its name.
        metrics: ``NDCG@10`` and the like to mean and interval; means over seeds, intervals over cases.
        seed_sd: Standard deviation over seeds of the mean of the chosen metric; None with one seed.
        fit_cpu_s: Processor time of fitting, mean over seeds, seconds.
        score_cpu_s: Processor time of scoring all cases, mean over seeds, seconds.
        memory_mb: Most memory held, MB.
        seeds: The seeds it was fitted with.
    """

    recommender: str
    metrics: Mapping[str, Interval]
    seed_sd: float | None
    fit_cpu_s: float | None
    score_cpu_s: float
    memory_mb: float | None
    seeds: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Leaderboard(Result):
    """Recommenders side by side, best first.

    Attributes:
        metric: The metric that decides, e.g. ``NDCG@10``.
        cases: Number of cases that all were asked.
        users: Number of users whose cases they are, where means and intervals are over users; None: over cases.
        level: Of the intervals.
        winner: The recommender with the highest mean.
        next: The one after it; None with one recommender.
        lead: The winner against the next, over the same cases.
        decided: Whether the whole interval of the lead is above 0; None with one recommender.
        rows: Best first.
    """

    metric: str
    cases: int
    users: int | None
    level: float
    winner: str
    next: str | None
    lead: Difference | None
    decided: bool | None
    rows: tuple[LeaderboardRow, ...]

    def headline(self) -> str:
        """Say who wins by what, and whether it is more than chance."""
        if self.lead is None:
            return f"{self.cases:,} cases, by {self.metric}: {self.winner} alone"
        verdict = "decided" if self.decided else "not decided: the interval of the lead reaches 0"
        share = "" if self.lead.lift is None else f", {self.lead.lift.mean:+.1%}"
        lead = f"{self.winner} leads {self.next} by {self.lead.difference}{share}"
        return f"{self.cases:,} cases, by {self.metric}: {lead} ({verdict})"

    def notes(self) -> Sequence[str]:
        """Say what the intervals are."""
        over = "cases" if self.users is None else f"{self.users:,} users"
        return (
            f"In brackets: {self.level:.0%} percentile bootstrap over {over}, of the mean over seeds.",
            "Ranked over all items; a tie counts as its expected rank.",
        )

    def table_rows(self) -> list[dict[str, Any]]:
        """Return one flat row a recommender: ``NDCG@10``, ``NDCG@10_low``, ``NDCG@10_high`` and so on; costs."""
        rows = []
        for row in self.rows:
            flat: dict[str, Any] = {"recommender": row.recommender}
            for name, interval in row.metrics.items():
                flat |= {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}
            rows.append(flat | _costs(row))
        return rows

    def __str__(self) -> str:
        rows = []
        for row in self.rows:
            cells = {n: str(v) if n == self.metric else format_cell(v.mean) for n, v in row.metrics.items()}
            rows.append({"recommender": row.recommender, **cells, **_costs(row)})
        return "\n".join((self.headline(), render_table(rows), *self.notes()))


def leaderboard(
    entries: Sequence[Entry],
    *,
    metric: str = "NDCG@10",
    metrics: Sequence[str] | None = None,
    users: npt.NDArray[np.int64] | None = None,
    seed: int = 0,
    repeats: int = 1000,
    level: float = 0.95,
) -> Leaderboard:
    """Put recommenders side by side.

    Values of a case are means over seeds; means and intervals are over cases. Recommenders with equal means stand in
    the order of their names.

    Args:
        entries: Evaluations over the same cases in the same order.
        metric: Decides who wins; higher is better.
        metrics: What to show beside it; the metrics of accuracy at the same k without it.
        users: Whose each case is, int64 [cases], where some have several: a value is then the mean over a user's cases,
            and means and intervals are over users. Each case is its own without it.
        seed: Of the bootstrap.
        repeats: Resamples.
        level: Of the intervals.

    Raises:
        InputError: No entries; a name twice; different cases; an entry that has not one evaluation a seed; a metric
            that is not there, or that some case has no value of.
    """
    _check(entries, metric)
    shown = list(dict.fromkeys([metric, *(metrics or (f"{name}@{metric.partition('@')[2]}" for name in ACCURACY))]))
    rows = []
    for entry in entries:
        intervals = {n: bootstrap(_over_seeds(entry, n, users), seed=seed, repeats=repeats, level=level) for n in shown}
        means = [
            _over_seeds(dataclasses.replace(entry, evaluations=[e]), metric, users).mean() for e in entry.evaluations
        ]
        rows.append(
            LeaderboardRow(
                recommender=entry.recommender,
                metrics=intervals,
                seed_sd=float(np.std(means, ddof=1)) if len(means) > 1 else None,
                fit_cpu_s=entry.fit_cpu_s,
                score_cpu_s=float(np.mean([evaluation.score_cpu_s for evaluation in entry.evaluations])),
                memory_mb=entry.memory_mb,
                seeds=tuple(entry.seeds),
            )
        )
    rows.sort(key=lambda row: (-row.metrics[metric].mean, row.recommender))
    by_name = {entry.recommender: _over_seeds(entry, metric, users) for entry in entries}
    names = [row.recommender for row in rows]
    lead = None
    if len(names) > 1:
        lead = paired_difference(by_name[names[0]], by_name[names[1]], seed=seed, repeats=repeats, level=level)
    return Leaderboard(
        metric=metric,
        cases=len(entries[0].evaluations[0]),
        users=None if users is None else len(np.unique(users)),
        level=level,
        winner=names[0],
        next=names[1] if lead else None,
        lead=lead,
        decided=lead.above_zero if lead else None,
        rows=tuple(rows),
    )


def _check(entries: Sequence[Entry], metric: str) -> None:
    names = [entry.recommender for entry in entries]
    if not names or len(set(names)) < len(names):
        raise InputError(f"recommenders {', '.join(names) or '(none)'}; give at least one, and each name once")
    for entry in entries:
        if not entry.evaluations or len(entry.evaluations) != len(entry.seeds):
            raise InputError(f"{entry.recommender}: {len(entry.evaluations)} evaluations of {len(entry.seeds)} seeds")
    first = entries[0].evaluations[0]
    if metric not in first.metrics:
        raise InputError(unknown_name("metric", metric, first.metrics))
    for entry in entries:
        for evaluation in entry.evaluations:
            if not np.array_equal(evaluation.target_offsets, first.target_offsets):
                raise InputError(f"{entry.recommender} was asked other cases than {names[0]}; ask all the same")


def _over_seeds(entry: Entry, name: str, users: npt.NDArray[np.int64] | None) -> Float64:
    """Return the mean over seeds of a metric of every case, or of every user; float64 [cases or users]."""
    values: Float64 = np.mean([evaluation.values(name) for evaluation in entry.evaluations], axis=0)
    return values if users is None else mean_by(values, users)


def _costs(row: LeaderboardRow) -> dict[str, Any]:
    return {
        "seed_sd": row.seed_sd,
        "fit_cpu_s": row.fit_cpu_s,
        "score_cpu_s": row.score_cpu_s,
        "memory_mb": row.memory_mb,
        "seeds": list(row.seeds),
    }
