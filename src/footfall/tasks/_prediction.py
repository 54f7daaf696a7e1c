"""Predictions: a task that asks one number of each user, learnt at rolling cutoffs, calibrated and judged later.

What is learnt from, what calibrates and what judges are different horizons, one after another: nothing of a later one
is seen by an earlier one. A task says who is asked, and what came of it; everything else is here.
"""

from __future__ import annotations

import abc
import dataclasses
import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np

from footfall.durations import parse_duration_s
from footfall.errors import FootfallError, InputError, unknown_name
from footfall.evaluation.precision_curve import PrecisionCurve
from footfall.evaluation.probability import auroc
from footfall.evaluation.splits import before
from footfall.predictors._base import Examples, Float64, Int64, Kind
from footfall.predictors._registry import by_name, predictors
from footfall.recommenders.behaviour import Behaviour
from footfall.schema import US_PER_DAY, US_PER_S
from footfall.tasks._answered import Answered
from footfall.tasks._base import Given, Task, Trained
from footfall.tasks._contest import epochs_for
from footfall.tasks._judgement import judgement
from footfall.tasks._moments import Log, Moments
from footfall.tasks._prediction_result import LEAK, PredictionBoard, board, judged
from footfall.tasks._probable import Calibrated
from footfall.training.loop import TrainingSettings

GATES: Final = ("constant", "linear", "boosting", "blend", "behaviour", "behaviour_boosting")
"""What `train` tries; `evaluate --against all` tries every family."""
MOST_BLENDED: Final = 20_000
"""Examples up to which a blend of families is tried by `train`: of more, trees alone know enough, and it costs most."""
SIBLINGS: Final = ("purchase", "churn", "value")
"""Tasks whose answers are learnt beside one's own, by families that learn several together."""
LEAST_EXAMPLES: Final = 50
LEAST_OF_A_LABEL: Final = 10
MOST_EPOCHS: Final = 8
"""Of the behaviour model, where nobody says how many."""


@dataclasses.dataclass(frozen=True)
class Bench:
    """What one contest works on.

    Attributes:
        log: All events that may be known.
        moments: When is learnt, calibrated and judged.
        given: Size, seed, who is told.
        learn: Examples to learn from.
        later: Those that make probabilities of scores.
        test: Those that judge.
    """

    log: Log
    moments: Moments
    given: Given
    learn: Examples
    later: Examples
    test: Examples

    def seeded(self, seed: int) -> Bench:
        """Return the same bench for another seed.

        Args:
            seed: Which.
        """
        return dataclasses.replace(self, given=dataclasses.replace(self.given, seed=seed))

    @functools.cached_property
    def backbone(self) -> Behaviour:
        """A behaviour model that has seen nothing from the first cutoff on; trained once for all families."""
        past = before(self.log.coded, self.moments.learn_us[0])
        if not past.n_events:
            raise InputError("there is no event before the first cutoff for a behaviour model to learn from")
        epochs = self.given.epochs or min(epochs_for(past.n_events), MOST_EPOCHS)
        model = Behaviour(size=self.given.size, training=TrainingSettings(epochs=epochs, patience=3))
        return model.fit(past, seed=self.given.seed, watch=lambda step: self.given.watch("behaviour model", step))


@dataclasses.dataclass
class Entrant:
    """One family in a contest.

    Attributes:
        name: Of the family.
        model: Fitted and calibrated; None where it could not take part.
        fit_cpu_s: Processor time of fitting and calibrating, seconds.
        why_not: Why it could not take part; empty where it could.
    """

    name: str
    model: Calibrated | None = None
    fit_cpu_s: float = 0.0
    why_not: str = ""


@dataclasses.dataclass(frozen=True)
class Prediction(Task):
    """One number about each user.

    Attributes:
        lookback: Who was active within this time before a cutoff is asked about, e.g. ``90d``.
        family: What is to be served; without it, what wins.
    """

    kind: ClassVar[Kind]
    """Whether a chance or an amount is foretold."""

    per_horizon: ClassVar[bool] = True
    """Whether the question is about a horizon; else it is about the running visit."""
    of_users: ClassVar[bool] = True
    """Whether it is about users alone, as of one cutoff; else about things, or moments of visits."""
    composes: ClassVar[bool] = False
    """Whether an answer is put together of several rows (``answered``), and is not what a family said of one."""
    at_once: ClassVar[int] = 20_000
    """Users whose features are held at once."""

    lookback: str = "90d"
    family: str | None = None

    @property
    def lookback_us(self) -> int:
        """How long before a cutoff an event makes a user be asked about, microseconds."""
        return parse_duration_s(self.lookback, name="--lookback") * US_PER_S

    @abc.abstractmethod
    def needs(self, log: Log) -> None:
        """Refuse a log that cannot answer the question.

        Raises:
            InputError: Says what is missing.
        """

    @abc.abstractmethod
    def asked(self, log: Log, cutoff_us: int) -> Int64:
        """Return whom the question is about at a cutoff, int64 [users], by what lies before it.

        Args:
            log: All events; those from the cutoff on are of no account.
            cutoff_us: UTC microseconds.
        """

    @abc.abstractmethod
    def outcome(self, log: Log, rows: Int64, cutoff_us: int, horizon_us: int) -> Float64:
        """Return what came of it within [cutoff, cutoff + horizon), float64 [users].

        Args:
            log: All events.
            rows: Who was asked.
            cutoff_us: UTC microseconds.
            horizon_us: How far ahead is asked.
        """

    def examples(self, log: Log, cutoff_us: int, horizon_us: int) -> Examples:
        """Return everyone who is asked at a cutoff, with what came of it.

        Args:
            log: All events.
            cutoff_us: UTC microseconds.
            horizon_us: How far ahead is asked.
        """
        rows = self.asked(log, cutoff_us)
        found = log.at(rows, cutoff_us, horizon_us, self.outcome(log, rows, cutoff_us, horizon_us))
        return dataclasses.replace(found, also=self._siblings(log, rows, cutoff_us, horizon_us))

    def _siblings(self, log: Log, rows: Int64, cutoff_us: int, horizon_us: int) -> dict[str, Float64]:
        """Return what came of sibling questions about the same users; NaN where they are not asked of one."""
        from footfall.tasks._registry import made  # which imports this module

        found: dict[str, Float64] = {}
        for name in SIBLINGS:
            sibling = made(name, {"lookback": self.lookback})
            assert isinstance(sibling, Prediction)  # noqa: S101 - tells the type checker
            try:
                sibling.needs(log)
            except InputError:
                continue  # the log cannot answer it
            if name == self.name:
                continue
            asked = np.isin(rows, sibling.asked(log, cutoff_us))
            told = np.full(len(rows), np.nan)
            told[asked] = sibling.outcome(log, rows[asked], cutoff_us, horizon_us)
            found[name] = told
        return found

    def now(self, log: Log, now_us: int, horizon_us: int, rows: Int64 | None = None) -> Examples:
        """Return who is asked now.

        Args:
            log: All events; those from now on are of no account.
            now_us: UTC microseconds.
            horizon_us: How far ahead is asked.
            rows: These users; everybody that the question is about without it.
        """
        return log.at(self.asked(log, now_us) if rows is None else rows, now_us, horizon_us)

    def answered(self, said: Float64, examples: Examples) -> Answered:
        """Return the answers that follow from what a family said; here the same, one an example.

        Args:
            said: Calibrated, float64 [examples].
            examples: Of what.
        """
        return Answered(said, examples.labels, np.arange(len(examples)))

    def besides(self, answered: Answered, examples: Examples) -> Mapping[str, tuple[Float64, Int64]]:  # noqa: ARG002
        """Return what else judges answers: name to a value of each case, and whose it is; here nothing.

        Args:
            answered: What was answered, with what came of it.
            examples: Of what.
        """
        return {}

    def train(self, given: Given) -> Trained:
        """Let families learn, calibrate each, and serve what is best on a later horizon, learnt anew up to it.

        Args:
            given: What is learnt from.

        Raises:
            InputError: The log lacks what is asked for, is too short, or no family could learn.
        """
        bench = self._bench(given)
        found = self._contest(bench, self._known(self._gates(bench)))
        shown = self._board([found], bench)
        given.say(f"fitting {shown.champion} up to the last horizon")
        model = self._fitted(shown.champion, bench, Examples.stack([bench.learn, bench.later]), bench.test)
        shares = sorted(model.predictor.importances().items(), key=lambda pair: -pair[1])
        about = {
            "question_text": shown.question,
            "served": shown.champion,
            "kind": self.kind,
            "horizon_us": bench.moments.horizon_us,
            "judged_users": shown.users,
            "settings": dataclasses.asdict(self),
            "calibration": model.calibration,
            "importances": dict(shares[:20]),
            "leaks": list(shown.leaks),
            "families": shown.table_rows(),
            **judgement(self, bench, found, shown),
        }
        return Trained(model, about, {}, shown, bench.log.coded.content)

    def evaluate(
        self, given: Given, *, against: tuple[str, ...] = ("all",), seeds: tuple[int, ...] = (0,)
    ) -> PredictionBoard:
        """Put families side by side on the last horizon of the log, which none of them saw.

        Args:
            given: What is learnt from and judged by.
            against: Names of families; ``all`` for every one there is.
            seeds: Each family is fitted once with each.

        Raises:
            InputError: The log lacks what is asked for, is too short, or a family is unknown.
        """
        names = self._known(against)
        bench = self._bench(given)
        rounds = [self._contest(bench.seeded(seed), names) for seed in seeds]
        return self._board(rounds, bench, seeds)

    def champion(self, given: Given) -> tuple[Bench, str, Calibrated]:
        """Return the bench, and the family that is best before the horizon that judges, with what it learnt there.

        Args:
            given: What is learnt from and judged by.

        Raises:
            InputError: The log lacks what is asked for, is too short, or no family could learn.
        """
        names = self._known(GATES if self.family is None else (self.family,))
        bench = self._bench(given)
        found = self._contest(bench, names)
        fitted = [(entrant.model.worth, entrant.name, entrant.model) for entrant in found if entrant.model is not None]
        if not fitted:
            raise InputError("no family could learn: " + "; ".join(f"{each.name}: {each.why_not}" for each in found))
        _, name, model = max(fitted, key=lambda each: each[0])
        return bench, name, model

    def _gates(self, bench: Bench) -> tuple[str, ...]:
        """Return the families that `train` tries."""
        if self.family is not None:
            return (self.family,)
        return tuple(name for name in GATES if name != "blend" or len(bench.learn) <= MOST_BLENDED)

    def _bench(self, given: Given) -> Bench:
        log = Log.of(given.histories)
        self.needs(log)
        horizon = given.horizon_us or max(1, min(28 * US_PER_DAY, (log.ends_us - log.begins_us) // 6))
        moments = Moments.of(log, horizon)
        given.say(f"{self.name}: features at {len(moments.learn_us) + 2} cutoffs")
        learn = Examples.stack([self.examples(log, cutoff, horizon) for cutoff in moments.learn_us])
        later, test = (self.examples(log, moment, horizon) for moment in (moments.calibrate_us, moments.judge_us))
        for what, some in (("learn from", learn), ("calibrate by", later), ("judge by", test)):
            self._enough(some, what)
        return Bench(log, moments, given, learn, later, test)

    def _board(
        self, rounds: Sequence[Sequence[Entrant]], bench: Bench, seeds: Sequence[int] | None = None
    ) -> PredictionBoard:
        rows = [
            judged(
                self,
                e.name,
                e.model.predict(bench.test),
                bench.test,
                seed,
                e.fit_cpu_s,
                e.model.worth,
                e.model.bands,
            )
            for seed, found in zip(seeds or (bench.given.seed,), rounds, strict=True)
            for e in found
            if e.model is not None
        ]
        if not rows:
            raise InputError("no family could learn: " + "; ".join(f"{e.name}: {e.why_not}" for e in rounds[-1]))
        leaks = likely_leaks(bench.learn.known()) if self.kind == "binary" else []
        return board(self, rows, rounds[-1], bench.moments, bench.test, leaks)

    def _known(self, against: Sequence[str]) -> tuple[str, ...]:
        fit = [name for name, family in predictors().items() if self.kind in family.kinds]
        found: list[str] = []
        for name in against:
            if name != "all" and name not in fit:
                raise InputError(unknown_name(f"family of {self.name}", name, ["all", *fit]))
            found += fit if name == "all" else [name]
        return tuple(dict.fromkeys(found))

    def _enough(self, examples: Examples, what: str) -> None:
        told = examples.known().told
        if len(told) < LEAST_EXAMPLES:
            raise InputError(
                f"only {len(told)} cases are there to {what}, and at least {LEAST_EXAMPLES} are needed; give a longer "
                "--lookback, another --horizon, or a longer log"
            )
        if self.kind == "binary" and min((told > 0).sum(), (told <= 0).sum()) < LEAST_OF_A_LABEL:
            raise InputError(
                f"of {len(told):,} cases to {what}, {int((told > 0).sum()):,} have the answer yes; at least "
                f"{LEAST_OF_A_LABEL} of yes and of no are needed; give another --horizon or --lookback"
            )

    def _contest(self, bench: Bench, names: Sequence[str]) -> list[Entrant]:
        found = []
        for name in names:
            bench.given.say(f"fitting {name}")
            entrant, began = Entrant(name), time.process_time()
            try:
                entrant.model = self._fitted(name, bench, bench.learn, bench.later)
            except FootfallError as error:
                entrant.why_not = str(error)
            entrant.fit_cpu_s = time.process_time() - began
            found.append(entrant)
        return found

    def _fitted(self, name: str, bench: Bench, learn: Examples, later: Examples) -> Calibrated:
        predictor: Any = by_name(name)(self.kind)  # type: ignore[call-arg]  # every family takes what it foretells
        if predictor.wants_backbone:
            predictor.backbone = bench.backbone
        predictor.fit(learn.known(), seed=bench.given.seed)
        fitted = Calibrated.of(predictor, later.known(), seed=bench.given.seed)
        if self.composes:  # a precision is one of answers, not of the rows that they are made of
            answered = self.answered(fitted.predict(later), later)
            assert answered.told is not None  # noqa: S101 - what calibrates is told
            fitted.curve = PrecisionCurve.of(answered.said, answered.told)
        return fitted


def likely_leaks(examples: Examples) -> list[str]:
    """Return features that alone tell the answer nearly without error, with their AUROC, in words.

    Args:
        examples: Of a binary question.
    """
    found = []
    for name in examples.table.names:
        column = examples.table.column(name).astype(np.float64)
        if name in examples.table.categories or not np.isfinite(column).any():
            continue
        # What is missing may be what tells: it stands below everything then, and above in the other direction.
        filled = np.where(np.isfinite(column), column, np.nanmin(column) - 1)
        reached = auroc(examples.told, filled)
        if max(reached, 1 - reached) > LEAK:
            found.append(f"{name} alone has an AUROC of {max(reached, 1 - reached):.4f}")
    return found
