"""Recommend: which item comes next, what is bought next, or what the next order holds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.evaluation.intervals import Interval, bootstrap
from footfall.evaluation.leaderboard import Entry, Leaderboard, leaderboard
from footfall.evaluation.ranking import evaluate
from footfall.evaluation.splits import before
from footfall.histories.event_features import described
from footfall.histories.sequences import Sequences
from footfall.recommenders.behaviour import Behaviour
from footfall.recommenders.blend import Blend
from footfall.recommenders.ranked import Ranked
from footfall.results import Result
from footfall.tasks._base import Given, Task, Trained
from footfall.tasks._contest import (
    BASKET_GATES,
    BEHAVIOUR,
    GATES,
    LEAST_CASES,
    METRIC,
    MOST_CASES,
    TOGETHER,
    Contest,
    Entrant,
    contest,
    ends_us,
    later_cases,
    names_of,
    span_text,
)
from footfall.tasks._question import Question, horizon_of, sample


@dataclasses.dataclass(frozen=True)
class TrainedRow:
    """One family that was trained.

    Attributes:
        recommender: What it is called.
        ndcg_10: Mean over the judging cases; None where there were too few.
        hit_rate_10: Share of cases whose item is among the first ten.
        coverage_10: Share of the catalogue among all lists of ten.
        fit_cpu_s: Processor time, seconds.
        served: Whether it is what is served.
    """

    recommender: str
    ndcg_10: Interval | None
    hit_rate_10: float | None
    coverage_10: float | None
    fit_cpu_s: float
    served: bool


@dataclasses.dataclass(frozen=True)
class TrainResult(Result):
    """What came of a training.

    Attributes:
        question: What was asked, in words.
        served: What is served from now on.
        how: How it was chosen.
        judged_cases: Number of cases that chose nothing and judged.
        parameters: Numbers that the behaviour model learnt, by part; empty where there is none.
        left_out: Families that could not take part, and why.
        bundle: Where it is kept; empty where it is not.
        rows: The families, best first.
    """

    question: str
    served: str
    how: str
    judged_cases: int
    parameters: Mapping[str, int]
    left_out: Mapping[str, str]
    bundle: str
    rows: tuple[TrainedRow, ...]

    def headline(self) -> str:
        """Say what is served."""
        return f"Recommend {self.question}.\nServed from now on: {self.served}"

    def notes(self) -> Sequence[str]:
        """Say how it was chosen, how large the model is, and what was left out."""
        found = [f"Ranked over all items; {self.how}."]
        if self.parameters:
            parts = ", ".join(f"{count:,} in {part}" for part, count in self.parameters.items())
            found.append(f"The behaviour model has {sum(self.parameters.values()):,} parameters: {parts}.")
        found += [f"Left out: {name}: {why}" for name, why in self.left_out.items()]
        return [*found, *([f"Kept in {self.bundle}."] if self.bundle else [])]

    def table_rows(self) -> list[dict[str, Any]]:
        """Return one flat row a family."""
        return [
            {
                "recommender": row.recommender,
                "NDCG@10": None if row.ndcg_10 is None else row.ndcg_10.mean,
                "NDCG@10_low": None if row.ndcg_10 is None else row.ndcg_10.low,
                "NDCG@10_high": None if row.ndcg_10 is None else row.ndcg_10.high,
                "HitRate@10": row.hit_rate_10,
                "Coverage@10": row.coverage_10,
                "fit_cpu_s": round(row.fit_cpu_s, 2),
                "served": row.served,
            }
            for row in self.rows
        ]


@dataclasses.dataclass(frozen=True)
class Recommend(Task):
    """Which items to show to whom.

    Attributes:
        goal: ``view``, ``purchase`` or ``basket``; without it, what the log has most to say about.
        exclude_seen: Whether items had before are left out; without it, unless people come back to items.
        family: What is to be served; without it, what wins.
    """

    name: ClassVar[str] = "recommend"
    title: ClassVar[str] = "which item is viewed or bought next"

    goal: str | None = None
    exclude_seen: bool | None = None
    family: str | None = None

    def train(self, given: Given) -> Trained:
        """Let the behaviour model and the simple rivals learn, and serve what wins on later cases.

        Args:
            given: What is learnt from.

        Raises:
            InputError: No event is about an item, the log has none of those asked for, or no family could learn.
        """
        log = described(given.histories)
        question = Question.of(given.histories, log, self.goal, exclude_seen=self.exclude_seen)
        given.say(f"recommend {question}")
        gates = BASKET_GATES if question.goal == "basket" else GATES
        names = (BEHAVIOUR, *gates, *TOGETHER) if self.family is None else names_of([self.family])
        if names[0] in TOGETHER:
            names = (BEHAVIOUR, *gates, *names)
        found = contest(log, question, given, names, refit_all=False, first=self.family)
        served = self._served(found)
        result = _train_result(question, served, found)
        about = {
            "question": dataclasses.asdict(question),
            "question_text": str(question),
            "served": served.name,
            "how": found.how,
            "judged_cases": found.judged_cases,
            "horizon_us": horizon_of(log, given.horizon_us),
            "families": result.table_rows(),
            "left_out": dict(result.left_out),
            "parameters": dict(result.parameters),
        }
        curves = {entrant.name: entrant.curve for entrant in found.entrants if entrant.curve}
        return Trained(served.recommender, about, curves, result, log.content)

    def _served(self, found: Contest) -> Entrant:
        if not found.entrants:
            why = "; ".join(f"{entrant.name}: {entrant.why_not}" for entrant in found.left_out)
            raise InputError(f"no recommender could learn from this log ({why})")
        first = found.entrants[0]
        if self.family is not None and first.name.split(" ")[0] != self.family:
            why = next((f"{e.name}: {e.why_not}" for e in found.left_out if e.name == self.family), found.how)
            raise InputError(f"{self.family} cannot be served here ({why}); leave --family out, or read a longer log")
        return first

    def evaluate(
        self, given: Given, *, against: tuple[str, ...] = ("all",), seeds: tuple[int, ...] = (0,)
    ) -> Leaderboard:
        """Put families side by side on the last horizon of the log, which none of them saw.

        What each chooses (epochs, weights of a blend), it chooses on the horizon before that.

        Args:
            given: What is learnt from and judged by.
            against: Names of families; ``all`` for every one there is.
            seeds: Each family is fitted once with each.

        Raises:
            InputError: Fewer than 20 users have an event in the last horizon; a family is unknown.
        """
        names = tuple(dict.fromkeys((BEHAVIOUR, *names_of(against))))
        if not set(names) - {BEHAVIOUR, *TOGETHER}:
            names = (BEHAVIOUR, *GATES, *names[1:])  # of one member there is nothing to blend
        log = described(given.histories)
        horizon = horizon_of(log, given.horizon_us)
        cutoff = ends_us(log) - horizon
        # Even what is asked is decided by the past alone.
        question = Question.of(given.histories, before(log, cutoff), self.goal, exclude_seen=self.exclude_seen)
        given.say(f"recommend {question}")
        cases, who = later_cases(log, question, cutoff, horizon)
        cases = sample(cases, MOST_CASES, given.seed)
        given.say(f"judging on {len(cases):,} users {who} the last {span_text(horizon)}")
        if len(cases) < LEAST_CASES:
            raise InputError(
                f"only {len(cases)} users have an event to be judged by in the last "
                f"{span_text(horizon)}, and at least {LEAST_CASES} are needed; give a longer --horizon, or read a "
                "longer log"
            )
        past = before(log, cutoff)
        counts = _counts(past)
        evaluations: dict[str, list[Any]] = {}
        costs: dict[str, list[float]] = {}
        for seed in seeds:
            inner = dataclasses.replace(given, seed=seed, folder=_under(given, seed))
            found = contest(past, question, inner, names, refit_all=True)
            for entrant in found.entrants:
                made = isinstance(entrant.recommender, Blend | Ranked)
                name = entrant.recommender.name if made else entrant.name
                given.say(f"asking {entrant.name}")
                judged = evaluate(entrant.recommender.scores, cases, counts=counts)
                evaluations.setdefault(name, []).append(judged)
                costs.setdefault(name, []).append(entrant.fit_cpu_s)
            for entrant in found.left_out:
                given.say(f"left out: {entrant.name}: {entrant.why_not}")
        whole = {name: each for name, each in evaluations.items() if len(each) == len(seeds)}
        if not whole:
            raise InputError("no recommender could learn from this log; see why above")
        entries = [
            Entry(name, each, seeds, fit_cpu_s=sum(costs[name]) / len(costs[name])) for name, each in whole.items()
        ]
        return leaderboard(entries, metric=METRIC)


def _under(given: Given, seed: int) -> Any:
    return None if given.folder is None else given.folder / f"seed-{seed}"


def _counts(log: Sequences) -> npt.NDArray[np.int64]:
    return np.bincount(log.item, minlength=log.n_codes).astype(np.int64)


def _train_result(question: Question, served: Entrant, found: Contest) -> TrainResult:
    rows = []
    for entrant in found.entrants:
        judged = entrant.judged
        rows.append(
            TrainedRow(
                entrant.name,
                None if judged is None else bootstrap(judged.metrics[METRIC], seed=0),
                None if judged is None else judged.mean("HitRate@10"),
                None if judged is None else judged.coverage(10),
                entrant.fit_cpu_s,
                entrant is served,
            )
        )
    models = [e.recommender for e in found.entrants if isinstance(e.recommender, Behaviour)]
    parameters = models[0].model.count_parameters() if models and models[0].model is not None else {}
    left_out = {entrant.name: entrant.why_not for entrant in found.left_out}
    return TrainResult(str(question), served.name, found.how, found.judged_cases, parameters, left_out, "", tuple(rows))
