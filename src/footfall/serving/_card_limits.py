"""Known limits of a prediction, in words, each derived from a fact of its bundle."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from footfall.serving._card_tables import number, share

FEW_USERS: Final = 1_000
FEW_POSITIVES: Final = 100
ECE_SAID: Final = 0.02
WIDE: Final = 0.3
"""An interval of the deciding metric that is wider than this share of the metric."""
MOVED: Final = 0.1
"""A rate, or a mean, that moved by more than this share of itself."""
UNSTEADY: Final = 0.8
DECIDES: Final[Mapping[str, str]] = {"binary": "AP", "amount": "Gini"}


def limits(facts: Mapping[str, Any]) -> list[str]:
    """Return what somebody who uses the answers must know, in whole sentences, the gravest first.

    Args:
        facts: Of a bundle of a prediction (``bundle.json``).
    """
    parts = (_leaks, _calibration, _size, _interval, _rivals, _rate, _stability, _drift, _seasons, _rest)
    return [sentence for part in parts for sentence in part(facts)]


def _leaks(facts: Mapping[str, Any]) -> Iterator[str]:
    for each in facts.get("leaks", ()):
        yield f"Likely a leak: {each}; until it is explained, trust no metric of this card."


def _calibration(facts: Mapping[str, Any]) -> Iterator[str]:
    judged = facts["judged"]
    if facts["kind"] == "binary":
        ece = facts["metrics"][facts["served"]]["ECE"]
        if ece[0] is not None and ece[0] > ECE_SAID:
            chance = judged["ece_by_chance"]
            yield (
                f"ECE is {ece[0]:.3f}, above {ECE_SAID}: probabilities are off by {100 * ece[0]:.1f} points on average "
                f"(with perfect ones, these users would show {chance[0]:.3f} by chance, {chance[2]:.3f} at most 39 "
                "times of 40)."
            )
        return
    came, said = judged["mean_actual"], judged["mean_predicted"]
    if came > 0 and abs(said / came - 1) > MOVED:
        yield f"Amounts are off by {_percent(said / came - 1)} in all: {said:.4g} a user was foretold, {came:.4g} came."


def _size(facts: Mapping[str, Any]) -> Iterator[str]:
    users, positives = facts["judged_users"], facts["judged"].get("positives")
    if users < FEW_USERS:
        yield f"Judged on {users:,} users only."
    if positives is not None and min(positives, users - positives) < FEW_POSITIVES:
        yield f"Of the judged users only {min(positives, users - positives):,} had the rarer answer."
    learnt = facts["moments"]["learnt"]
    if len(learnt) < 3:
        yield f"Learnt at {len(learnt)} cutoff{'s' if len(learnt) > 1 else ''} only: the log is short for this horizon."


def _interval(facts: Mapping[str, Any]) -> Iterator[str]:
    metric = DECIDES[facts["kind"]]
    value, low, high = facts["metrics"][facts["served"]][metric]
    if value is None or low is None:
        yield f"{metric}, the metric that decides, cannot be told on the judged users."
    elif value > 0 and (high - low) / value > WIDE:
        yield f"{metric} is known roughly only: {value:.3f}, 95 % interval {low:.3f} to {high:.3f}."


def _rivals(facts: Mapping[str, Any]) -> Iterator[str]:
    metric = DECIDES[facts["kind"]]
    own = facts["metrics"][facts["served"]][metric]
    others = {name: row[metric] for name, row in facts["metrics"].items() if name != facts["served"]}
    better = [name for name, row in others.items() if None not in (row[0], own[0]) and row[0] > own[0]]
    if better:
        yield (
            f"On the judged horizon {_and(better)} had a higher {metric} than {facts['served']}, which was chosen "
            "before that horizon was looked at."
        )
    if len(facts["metrics"]) == 1:
        yield f"No other family was tried beside {facts['served']}."
    for name, why in facts.get("left_out", {}).items():
        yield f"The family {name} could not take part: {why}."


def _rate(facts: Mapping[str, Any]) -> Iterator[str]:
    rates = {row["slice"]: row for row in facts["drift"]["rates"]}
    then, now = rates["calibrated"], rates["judged"]
    if not then["rate"] or now["rate"] is None:
        return
    moved = now["rate"] / then["rate"] - 1
    if abs(moved) <= MOVED:
        return
    what, said = ("mean amount", number) if facts["kind"] == "amount" else ("rate of yes", share)
    words = f"from {said(then['rate'])} to {said(now['rate'])}"
    chance = "; so few may differ by chance" if facts["kind"] == "binary" and _by_chance(then, now) else ""
    yield f"From calibration to judging the {what} moved by {_percent(moved)} ({words}){chance}."


def _by_chance(then: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether two rates differ by less than two standard errors of their difference."""
    users = then["users"] + now["users"]
    rate = (then["rate"] * then["users"] + now["rate"] * now["users"]) / users
    error = math.sqrt(rate * (1 - rate) * (1 / then["users"] + 1 / now["users"]))
    return bool(abs(now["rate"] - then["rate"]) < 2 * error)


def _stability(facts: Mapping[str, Any]) -> Iterator[str]:
    found = facts["robustness"]
    if not found:
        yield "How steady answers are under edits of the log was not tried: this question is not about users alone."
    elif found["stability"] < UNSTEADY:
        yield (
            f"Answers are not steady: under realistic edits of the log {1 - found['stability']:.0%} of the highest "
            f"tenth of users are others (stability {found['stability']:.2f}; weakest: {found['weakest']})."
        )


def _drift(facts: Mapping[str, Any]) -> Iterator[str]:
    found = facts["drift"]
    if found["n_much"]:
        first = [row["feature"] for row in found["features"][: min(found["n_much"], 3)]]
        yield (
            f"{found['n_much']} of {found['n_features']} features are far from where they were at the first cutoffs "
            f"(PSI above 0.25): {', '.join(first)}{' and others' if found['n_much'] > 3 else ''}."
        )
    if found["scores"]["size"] in ("some", "much"):
        yield f"The answers themselves drifted from calibration to judging (PSI {found['scores']['psi']:.2f})."


def _seasons(facts: Mapping[str, Any]) -> Iterator[str]:
    days = facts["data"]["days"]
    if days < 365:
        yield f"The log spans {days:.0f} days, less than a year: what depends on the season was never seen."
    elif days < 2 * 365:
        yield f"The log spans {days:.0f} days: each season was seen once, so one year's chance may look like a season."


def _rest(facts: Mapping[str, Any]) -> Iterator[str]:
    for one in facts.get("fairness") or ():
        for warning in one.get("warnings", ()):
            yield f"Fairness by {one['by']}: {warning.rstrip('.')}."
    yield (
        "What is served was learnt anew with the calibration horizon too and calibrated on the judged one, so that it "
        "knows the latest; the metrics are of the same family without that."
    )
    yield "An answer foretells; it does not say what a message, a coupon or a price would change."


def _percent(share: float) -> str:
    return f"{100 * share:+.0f} %"


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
