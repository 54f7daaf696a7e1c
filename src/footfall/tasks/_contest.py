"""A contest: every family learns from the same log, what wins on later cases is learnt anew from everything."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from footfall.errors import FootfallError, InputError, unknown_name
from footfall.evaluation.cases import Cases
from footfall.evaluation.ranking import RankingEvaluation, evaluate
from footfall.evaluation.splits import before
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Recommender
from footfall.recommenders._registry import by_name, families
from footfall.recommenders.behaviour import Behaviour
from footfall.recommenders.blend import Blend
from footfall.recommenders.only import Only
from footfall.recommenders.ranked import Ranked
from footfall.tasks._base import Given
from footfall.tasks._question import Question, halves, horizon_of, sample
from footfall.training.loop import TrainingSettings

METRIC: Final = "NDCG@10"
BEHAVIOUR, BLEND, ONLY, RANKED = Behaviour.name, Blend.name, Only.name, Ranked.name
TOGETHER: Final = (BLEND, RANKED)
"""Families that are made of the others, once these are fitted."""
GATES: Final = ("popularity_recent", "popularity_user", "markov", "neighbours", "session_neighbours")
"""What is always trained beside the behaviour model, and served where it wins."""
BASKET_GATES: Final = (*GATES, "tifu_knn")
"""The same where whole orders are foretold."""
UNJUDGED: Final = "popularity_recent"
"""What is served where nothing can be judged."""
_AFTER: Final = "; then fitted anew on everything"
MOST_CASES: Final = 10_000
LEAST_CASES: Final = 20
"""Fewer judge nothing."""
_BLENDED_CASES: Final = 2_000
_RANKED_CASES: Final = 1_000
"""Fewer choosing cases teach trees what is true of these alone (520 of them: less than the blend; 4,000: more)."""
_MEMBERS: Final = 3
_PLANNED_EVENTS: Final = 6_000_000
"""Events that training a tiny model passes over in all: a few minutes of one core."""


@dataclasses.dataclass
class Entrant:
    """One family in a contest.

    Attributes:
        name: What it is called: the family's name, with the events it is shown where these are not all.
        recommender: Fitted on everything before the cutoff.
        judged: On cases that chose nothing; None where there were none.
        fit_cpu_s: Processor time of fitting, choosing included, seconds.
        curve: What was seen while training, JSON-ready.
        why_not: Why it could not take part; empty where it could.
    """

    name: str
    recommender: Recommender
    judged: RankingEvaluation | None = None
    fit_cpu_s: float = 0.0
    curve: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    why_not: str = ""


@dataclasses.dataclass(frozen=True)
class Contest:
    """What a contest came to.

    Attributes:
        entrants: Those that could take part, the best on the judging cases first; in the given order without cases.
        left_out: Those that could not.
        judged_cases: Number of cases that they were judged on.
        how: How these were cut, in a sentence.
    """

    entrants: list[Entrant]
    left_out: list[Entrant]
    judged_cases: int
    how: str


def names_of(against: Sequence[str]) -> tuple[str, ...]:
    """Return names of families; ``all`` stands for all there are.

    Raises:
        InputError: A family is unknown.
    """
    known = [name for name in families() if name != ONLY]
    found: list[str] = []
    for name in against:
        if name != "all" and name not in known:
            raise InputError(unknown_name("recommender", name, ["all", *known]))
        found += known if name == "all" else [name]
    return tuple(dict.fromkeys(found))


def contest(
    log: Sequences, question: Question, given: Given, names: Sequence[str], *, refit_all: bool, first: str | None = None
) -> Contest:
    """Let families learn, choose, be judged, and learn anew from everything.

    Epochs and weights are chosen on one half of the cases of the last horizon, and judged on the other half.

    Args:
        log: Everything that may be known.
        question: What is asked.
        given: Size, seed, where states are kept, who is told.
        names: Of families; ``blend`` blends the best of the others, ``ranked`` puts that blend's candidates in order.
        first: The family that stands first, whoever is best.
        refit_all: Whether each is fitted on the whole log in the end, and not the first alone.
    """
    past, cases, how = _held_out(log, question, given)
    choosing, judging = (None, None) if cases is None else halves(cases, given.seed)
    found = [
        _entered(entrant, past, choosing, given)
        for name in names
        if name not in TOGETHER
        for entrant in entrants(name, question, given, past)
    ]
    fitted = [entrant for entrant in found if not entrant.why_not]
    if choosing is not None and len(fitted) > 1 and set(names) & set(TOGETHER):
        blend = _blended(fitted, choosing, given)
        fitted += [blend] if BLEND in names else []
        if RANKED in names:
            ranked = _ranked(blend, past, choosing, given)
            (found if ranked.why_not else fitted).append(ranked)
    if judging is not None:
        for entrant in fitted:
            entrant.judged = evaluate(entrant.recommender.scores, judging)
        fitted.sort(key=lambda e: -_worth(e))
    elif first is None:
        first = UNJUDGED
    fitted.sort(key=lambda e: not (first is not None and e.name.split(" ")[0] == first))
    if past is not log:
        again(fitted if refit_all else fitted[:1], log, given)
    left_out = [entrant for entrant in found if entrant.why_not]
    return Contest(fitted, left_out, 0 if judging is None else len(judging), how)


def entrants(name: str, question: Question, given: Given, log: Sequences) -> list[Entrant]:
    """Return what a family enters with: itself, and itself shown only the events that are asked for."""
    if name == BEHAVIOUR:
        goal = None if question.very_next or not question.types else "event" if question.goal == "view" else "order"
        training = TrainingSettings(epochs=given.epochs or epochs_for(log.n_events), patience=4)
        model = Behaviour(size=given.size, training=training, goal=goal, goal_types=question.codes)  # type: ignore[arg-type]
        model.repeats = not question.exclude_seen
        model.tuning = dataclasses.replace(model.tuning, epochs=min(model.tuning.epochs, training.epochs))
        return [Entrant(name, model)]
    whole = Entrant(name, by_name(name)())
    if question.very_next or not question.types:
        return [whole]
    return [whole, Entrant(f"{name} of {question.types[0]}", Only(by_name(name)(), question.codes))]


def epochs_for(n_events: int) -> int:
    """Return over how many epochs a model is trained: many over a small log, few over a large one."""
    return int(np.clip(round(_PLANNED_EVENTS / max(n_events, 1)), 2, 24))


def _held_out(log: Sequences, question: Question, given: Given) -> tuple[Sequences, Cases | None, str]:
    """Cut the last horizon off; where too little happens in it, everyone's last item; else nothing."""
    end, horizon = ends_us(log), horizon_of(log, given.horizon_us)
    cases, who = later_cases(log, question, end - horizon, horizon)
    if len(cases) >= LEAST_CASES:
        how = f"chosen and judged on {_people(cases)} {who} the last {span_text(horizon)}{_AFTER}"
        return before(log, end - horizon), sample(cases, MOST_CASES, given.seed), how
    cases = question.last_items(log, 1) if question.asked(log).n_events else cases
    if len(cases) >= LEAST_CASES:
        past = _without_lasts(log, question)
        how = f"chosen and judged on {_people(cases)} by their last items, for too little happens later{_AFTER}"
        return past, sample(cases, MOST_CASES, given.seed), how
    how = f"not judged: {_people(cases)} had a later item to be judged by, and at least {LEAST_CASES} are needed"
    return log, None, f"{how}; {UNJUDGED} is served"


def ends_us(log: Sequences) -> int:
    """Return the moment after the last event, UTC microseconds."""
    assert log.timestamp_us is not None  # noqa: S101 - histories have times
    return int(log.timestamp_us.max(initial=0)) + 1


def later_cases(log: Sequences, question: Question, cutoff_us: int, horizon_us: int) -> tuple[Cases, str]:
    """Return cases from the cutoff on, and who they are: users known before or, in logs of passers-by, newcomers.

    Args:
        log: All events.
        question: What is asked.
        cutoff_us: Nothing from here on may be learnt from, UTC microseconds.
        horizon_us: How far is looked ahead, microseconds.
    """
    cases = question.cases(log, cutoff_us, horizon_us)
    enough = before(log, cutoff_us).n_events >= log.n_events / 2  # else there is little that they could be judged by
    if len(cases) < LEAST_CASES and question.goal != "basket" and enough:
        new = question.newcomers(log, cutoff_us, horizon_us)
        if len(new) >= LEAST_CASES:
            return new, "who came for the first time, by their last items of"
    return cases, "by their next items of"


def _people(cases: Cases) -> str:
    count = min(len(cases), MOST_CASES)
    return "1 user" if count == 1 else f"{count:,} users"


def _without_lasts(log: Sequences, question: Question) -> Sequences:
    """Return every history up to its last event that is asked for; whole where it has fewer than three of them."""
    about = np.isin(np.arange(log.n_events), _positions(log, question))
    ends = log.offsets[1:].copy()
    rows = log.rows[about]
    last = np.full(len(log), -1, np.int64)
    last[rows] = np.flatnonzero(about)
    lengths = np.bincount(rows, minlength=len(log))
    cut = lengths >= 3
    ends[cut] = last[cut]
    return log.between(log.offsets[:-1], ends)


def _positions(log: Sequences, question: Question) -> Any:
    about = log.item >= FIRST_CODE
    if question.codes and log.event_type is not None:
        about &= np.isin(log.event_type, np.array(question.codes, np.int64))
    return np.flatnonzero(about)


def span_text(us: int) -> str:
    """Write a span in the largest unit of which it has two."""
    # A span below a second is that of a log whose clocks all say the same.
    seconds = us / 1e6
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} seconds"


def _entered(entrant: Entrant, past: Sequences, choosing: Cases | None, given: Given) -> Entrant:
    """Fit one family on the past; a family that cannot take part says why."""
    given.say(f"fitting {entrant.name}")
    began = time.process_time()
    try:
        _fit(entrant, past, choosing, given, "chosen")
    except FootfallError as error:
        entrant.why_not = str(error)
    entrant.fit_cpu_s = time.process_time() - began
    return entrant


def _fit(entrant: Entrant, log: Sequences, choosing: Cases | None, given: Given, phase: str) -> None:
    model = entrant.recommender
    if not isinstance(model, Behaviour):
        model.fit(log, seed=given.seed)
        return
    folder = None if given.folder is None else given.folder / phase
    title = f"{entrant.name}, {'choosing' if phase == 'chosen' else 'all events'}"
    model.fit(
        log,
        seed=given.seed,
        validation=choosing,
        folder=folder,
        watch=lambda step: given.watch(title, step),
    )
    for look in model.looks:
        facts = dataclasses.asdict(look)
        entrant.curve.append({"phase": phase, **facts, "metric": None if math.isnan(look.metric) else look.metric})


def _blended(fitted: Sequence[Entrant], choosing: Cases, given: Given) -> Entrant:
    """Blend the families that are best on the choosing cases, with weights chosen on them."""
    given.say("fitting blend")
    began = time.process_time()
    few = sample(choosing, _BLENDED_CASES, given.seed)
    worth = {entrant.name: evaluate(entrant.recommender.scores, few, ks=(10,)).mean(METRIC) for entrant in fitted}
    best = sorted(fitted, key=lambda entrant: -worth[entrant.name])[:_MEMBERS]
    n_codes = choosing.histories.n_codes
    blend = Blend.of([entrant.recommender for entrant in best], (), n_codes).tuned(
        few, lambda scores, cases: evaluate(lambda _: scores, cases, ks=(10,), batch=len(cases)).metrics[METRIC]
    )
    kept = [(entrant, weight) for entrant, weight in zip(best, blend.weights, strict=True) if weight > 0]
    name = " + ".join(f"{weight:.1f} {entrant.name}" for entrant, weight in kept)
    made = Blend.of([entrant.recommender for entrant, _ in kept], tuple(weight for _, weight in kept), n_codes)
    spent = time.process_time() - began + sum(entrant.fit_cpu_s for entrant, _ in kept)
    return Entrant(f"{BLEND} ({name})", made, fit_cpu_s=spent)


def _ranked(blend: Entrant, past: Sequences, choosing: Cases, given: Given) -> Entrant:
    """Let trees put the candidates of a blend in order, which they learn from the choosing cases."""
    given.say("fitting ranked")
    began = time.process_time()
    assert isinstance(blend.recommender, Blend)  # noqa: S101 - for the type checker
    made = Entrant(blend.name.replace(BLEND, RANKED, 1), Ranked(blend.recommender))
    if len(choosing) < _RANKED_CASES:
        made.name = RANKED
        made.why_not = f"{len(choosing):,} cases to learn an order from; at least {_RANKED_CASES:,} are needed"
        return made
    try:
        made.recommender = Ranked(blend.recommender).counted(past).learn(choosing, seed=given.seed)
    except FootfallError as error:
        made.why_not = str(error)
    made.fit_cpu_s = blend.fit_cpu_s + time.process_time() - began
    return made


def again(fitted: Sequence[Entrant], log: Sequences, given: Given) -> None:
    """Fit each anew on the whole log, with what was chosen; the members of a blend as well.

    Args:
        fitted: Families that have learnt once.
        log: Everything that may be known.
        given: Seed, where states are kept, who is told.
    """
    done: dict[int, Recommender] = {}

    def anew(recommender: Recommender, name: str, entrant: Entrant) -> Recommender:
        if isinstance(recommender, Ranked):
            first = anew(recommender.first, name, entrant)
            return recommender.over(first, log)  # type: ignore[arg-type]  # a blend stays one
        if isinstance(recommender, Blend):
            members = [anew(member, _called(member), entrant) for member in recommender.members]
            return Blend.of(members, recommender.weights, log.n_codes)
        if id(recommender) not in done:
            given.say(f"fitting {name} on everything")
            fresh = Entrant(name, unfitted(recommender))
            _fit(fresh, log, None, given, "final")
            entrant.curve += fresh.curve
            done[id(recommender)] = fresh.recommender
        return done[id(recommender)]

    for entrant in fitted:
        began = time.process_time()
        entrant.recommender = anew(entrant.recommender, entrant.name, entrant)
        entrant.fit_cpu_s += time.process_time() - began


def _called(member: Recommender) -> str:
    return f"{member.member.name} of some events" if isinstance(member, Only) else member.name


def unfitted(recommender: Recommender) -> Recommender:
    """Return a recommender of the same settings that has learnt nothing; a behaviour model with the epochs it chose."""
    if isinstance(recommender, Behaviour):
        return settled(recommender)
    if isinstance(recommender, Only):
        return Only(unfitted(recommender.member), recommender.types)
    return dataclasses.replace(recommender)  # type: ignore[type-var]  # every family is a dataclass


def settled(model: Behaviour) -> Behaviour:
    """Return an unfitted model that trains for as many epochs as were found best, and holds nothing out."""
    assert model.model is not None  # noqa: S101 - the caller has fitted it
    runs: list[list[Any]] = []
    for look in model.looks:
        if look.epoch == 1:
            runs.append([])
        runs[-1].append(look)
    best = [max((look for look in run if look.metric == look.metric), key=lambda look: look.metric) for run in runs]
    training = dataclasses.replace(model.training, epochs=best[0].epoch)
    tuning = dataclasses.replace(model.tuning, epochs=best[1].epoch) if len(best) > 1 else model.tuning
    return dataclasses.replace(model, training=training, tuning=tuning, held_out=0)


def _worth(entrant: Entrant) -> float:
    return 0.0 if entrant.judged is None else entrant.judged.mean(METRIC)
