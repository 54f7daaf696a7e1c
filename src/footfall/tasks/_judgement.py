"""Judgement: everything that the card of a prediction tells of what was judged, worked out once, JSON-ready.

All of it is about the champion as it stood in the contest, which saw nothing of the judged horizon. What is served was
learnt anew with that horizon, and cannot be judged by it.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from footfall.evaluation.amounts import AmountEvaluation
from footfall.evaluation.curves import gains, reliability
from footfall.evaluation.probability import ProbabilityEvaluation
from footfall.predictors._base import Float64
from footfall.results import plain
from footfall.schema import US_PER_DAY
from footfall.tasks._deletion import reasons_check
from footfall.tasks._drift import drifted, iso
from footfall.tasks._fairness import fairness_of_card
from footfall.tasks._prediction_result import METRICS, PredictionBoard
from footfall.tasks._robustness import robustness

if TYPE_CHECKING:
    from footfall.tasks._prediction import Bench, Entrant, Prediction

BINS: Final = 10
"""Of the calibration plot: few enough to be read, each of a tenth of the users."""


def judgement(task: Prediction, bench: Bench, found: Sequence[Entrant], shown: PredictionBoard) -> dict[str, Any]:
    """Return what a card tells besides who won: data, moments, metrics, calibration, robustness, drift.

    Args:
        task: What was asked.
        bench: What was worked on.
        found: The families of the contest.
        shown: How they were judged.
    """
    model = next(entrant.model for entrant in found if entrant.name == shown.champion)
    assert model is not None  # noqa: S101 - what is on the board could take part
    log, moments, seed = bench.log, bench.moments, bench.given.seed
    bench.given.say("how steady the answers are: edited logs, and what has drifted")
    answered = task.answered(model.predict(bench.test), bench.test)
    assert answered.told is not None  # noqa: S101 - the test is told
    said = answered.said
    test = dataclasses.replace(bench.test.take(answered.places), labels=answered.told)
    alike = task.of_users  # what is edited is a log up to one moment
    slices = (bench.learn.known(), bench.later.known(), test)
    facts: dict[str, Any] = plain(
        {
            "asks": inspect.cleandoc(type(task).__doc__ or task.title).splitlines()[0],
            "champion_by": "asked for" if task.family else "calibration",
            "seed": seed,
            "currency": log.currency,
            "data": {
                "users": int((log.raw.lengths > 0).sum()),
                "events": log.raw.n_events,
                "begins": iso(log.begins_us),
                "ends": iso(log.ends_us),
                "days": (log.ends_us - log.begins_us) / US_PER_DAY,
            },
            "moments": {
                "learnt": [iso(moment) for moment in moments.learn_us],
                "calibrated": iso(moments.calibrate_us),
                "judged": iso(moments.judge_us),
                "horizon_days": moments.horizon_us / US_PER_DAY,
                "learnt_examples": len(bench.learn),
                "calibrated_users": len(np.unique(bench.later.rows)),
                "judged_users": len(np.unique(test.rows)),
                "judged_cases": len(test),
            },
            "left_out": dict(shown.left_out),
            "metrics": {row.predictor: _metrics(task, row.metrics) for row in shown.rows},
            "judged": _judged(task, answered.told, said, seed),
            "reasons_check": reasons_check(model, bench.test, log if alike else None, seed=seed),
            "robustness": robustness(model, log, test, seed=seed) if alike else {},
            "drift": drifted(
                model,
                log,
                moments,
                *slices,
                said,
                before=task.answered(model.predict(bench.later), bench.later).said,
                seed=seed,
            ),
            "fairness": fairness_of_card(bench, model) if alike else [],
        }
    )
    return facts


def _metrics(task: Prediction, metrics: Mapping[str, Any]) -> dict[str, list[float]]:
    return {name: [metrics[name].mean, metrics[name].low, metrics[name].high] for name in METRICS[task.kind]}


def _judged(task: Prediction, told: Float64, said: Float64, seed: int) -> dict[str, Any]:
    """Return what was said against what came, in bins, and what is reached by acting on the highest tenths."""
    if task.kind == "amount":
        amounts = AmountEvaluation.of(told, said, seed=seed)
        return {"mean_actual": told.mean(), "mean_predicted": said.mean(), "deciles": amounts.deciles}
    by_chance = ProbabilityEvaluation.of(told, said, seed=seed).interval("ECEIfCalibrated")
    return {
        "positives": int(told.sum()),
        "rate": told.mean(),
        "mean_probability": said.mean(),
        "ece_by_chance": [by_chance.mean, by_chance.low, by_chance.high],
        "reliability": reliability(told, said, bins=BINS),
        "gains": gains(told, said) if 0 < told.sum() < len(told) else (),
    }
