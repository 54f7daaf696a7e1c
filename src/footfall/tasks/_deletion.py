"""The check of reasons by deletion: without the events or features they name, scores move more than without others."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from footfall.evaluation.deletion import Deletion
from footfall.features.items import ItemFacts
from footfall.features.users import user_features
from footfall.histories.sequences import Sequences
from footfall.predictors._base import Examples, Float64, Int64, Predictor
from footfall.tasks._event_reasons import EventGroups, events_that_moved, kept_of, margin, names_events, without
from footfall.tasks._moments import Log
from footfall.tasks._probable import Calibrated
from footfall.tasks._reasons import MOST, feature_moves, settable, usual, with_value

USERS: Final = 300
"""Users that are looked at; more are sampled."""
DRAWS: Final = 5
"""Draws at random of each user, whose mean stands against what was named."""
LEAST_USERS: Final = 10


def reasons_check(
    model: Calibrated, examples: Examples, log: Log | None = None, *, users: int = USERS, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Check the reasons of a model, JSON-ready.

    Args:
        model: What answers; its scores before calibration are looked at, whose steps would hide small changes.
        examples: Who is asked.
        log: Given, features are worked out anew without the events that are taken away (the examples must be of one
            moment); without it they stay as they were, and only what the behaviour model reads changes.
        users: Most that are looked at.
        seed: Draws.

    Returns:
        ``events`` where the family reads events, ``features`` where it reads features, each what
        ``evaluation.deletion.Deletion`` says: ``named, random, ratio, low, high, users``. Neither where there are too
        few users with enough to name and to draw.
    """
    rng = np.random.default_rng((seed, 11))
    if len(examples) > users:
        examples = examples.take(np.sort(rng.permutation(len(examples))[:users]))
    found = {}
    if names_events(model.predictor):
        found["events"] = check_events(model.predictor, examples, log, rng)
    found["features"] = check_features(model, examples, rng)
    return {name: check.to_dict() for name, check in found.items() if check is not None}


def check_events(
    predictor: Predictor, examples: Examples, log: Log | None, rng: np.random.Generator
) -> Deletion | None:
    """Take away the events of the first groups that are named, and as many others of the same history.

    Users whose named events are more than half of what is read of their history take no part: little else is there to
    draw.

    Args:
        predictor: A family over the behaviour model.
        examples: Who is asked.
        log: As in ``reasons_check``.
        rng: Draws.
    """
    groups, moved = events_that_moved(predictor, examples)
    histories = examples.histories
    rows, named, drawn = [], [], []
    first = groups.foremost(moved, MOST)
    for row in np.unique(groups.row[first]).tolist():
        read, mine = _read(groups, histories, row), first[groups.row[first] == row]
        gone = read[np.isin(groups.of_event[read], mine)]
        if 2 * len(gone) <= len(read):
            rows.append(row)
            named.append(gone)
            drawn.append([np.sort(rng.choice(read, len(gone), replace=False)) for _ in range(DRAWS)])
    if len(rows) < LEAST_USERS:
        return None
    asked = np.array(rows, np.int64)
    # What is worked out anew is compared with what is worked out anew.
    before = margin(predictor, _lacking(examples, asked, [each[:0] for each in named], log))

    def change(gone: list[Int64]) -> Float64:
        return np.abs(margin(predictor, _lacking(examples, asked, gone, log)) - before)

    others = [change([each[draw] for each in drawn]) for draw in range(DRAWS)]
    return Deletion.of(change(named), np.mean(others, axis=0))


def check_features(model: Calibrated, examples: Examples, rng: np.random.Generator) -> Deletion | None:
    """Set the features that are named to what is usual, and as many others of those that the model reads.

    Args:
        model: What answers.
        examples: Who is asked.
        rng: Draws.
    """
    names, moved = feature_moves(model, examples)
    open_to = settable(model.predictor, examples)
    places = [at for at, name in enumerate(names) if name in open_to]
    if len(places) < 2 * MOST or len(examples) < LEAST_USERS:
        return None
    names, moved = [names[at] for at in places], moved[:, places]
    before = margin(model.predictor, examples)
    ordinary = usual(model, examples, names)

    def change(chosen: Int64) -> Float64:
        made = examples
        for at, name in enumerate(names):
            made = with_value(made, name, ordinary[at], np.flatnonzero((chosen == at).any(axis=1)))
        return np.abs(margin(model.predictor, made) - before)

    first = np.argsort(-np.abs(moved), axis=1, kind="stable")[:, :MOST]
    others = [change(np.argsort(rng.random(moved.shape), axis=1)[:, :MOST]) for _ in range(DRAWS)]
    return Deletion.of(change(first), np.mean(others, axis=0))


def _read(groups: EventGroups, histories: Sequences, row: int) -> Int64:
    """Return the positions of the events of a history that the model reads, int64."""
    begin, end = int(histories.offsets[row]), int(histories.offsets[row + 1])
    return begin + np.flatnonzero(groups.of_event[begin:end] >= 0)


def _lacking(examples: Examples, rows: Int64, gone: Sequence[Int64], log: Log | None) -> Examples:
    """Return examples without some events; with a log, their features are made without them too."""
    made = without(examples, rows, gone)
    if log is None:
        return made
    cutoff = int(examples.cutoff_us[0])
    shift = log.raw.offsets[:-1][examples.rows] - examples.histories.offsets[:-1]
    parts = kept_of(examples.histories, rows, gone)
    raw = log.raw.at([part + shift[row] for part, row in zip(parts, rows.tolist(), strict=True)])
    facts = ItemFacts.of(log.raw, cutoff, log.types)
    table = user_features(
        raw,
        cutoff,
        log.types,
        facts=facts,
        rows=np.arange(len(rows)),
        timezone=log.timezone,
        currency=log.currency,
    )
    again = dataclasses.replace(made, table=table.only(examples.table.names))
    again.__dict__["histories"] = made.histories
    return again
