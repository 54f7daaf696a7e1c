"""What Footfall's own model is set to, per data set. Nothing else in the benchmark knows its settings."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np
import numpy.typing as npt

from _recommend_data import Data
from footfall.evaluation.cases import Cases
from footfall.evaluation.splits import every_prefix
from footfall.model.config import Size
from footfall.recommenders._base import Recommender
from footfall.recommenders.behaviour import Behaviour
from footfall.recommenders.blend import Blend, Metric
from footfall.recommenders.markov import Markov
from footfall.recommenders.popularity import PopularityUser
from footfall.recommenders.ranked import Ranked
from footfall.recommenders.session_neighbours import SessionNeighbours
from footfall.recommenders.tifu_knn import TifuKnn
from footfall.training.loop import TrainingSettings

TRAINING: Final = TrainingSettings(negatives=2048, epochs=24, every=2, patience=4)

BASKETS: Final = TrainingSettings(
    negatives=2048, epochs=3, every=1, patience=2, next_weight=0.0, goal_weight=1.0, type_weight=0.0, gap_weight=0.0
)
"""The next order and nothing else: its lines are foretold from every event before it."""
NEWEST: Final = 8000
"""Sessions at the end of a log of sessions whose every prefix teaches the order of candidates."""
SESSIONS: Final = ("diginetica", "yoochoose")
MOST_LEARNT: Final = 12_000
"""Validation cases that teach it."""
MOST_TUNED: Final = 4000
"""Validation cases that epochs and weights of a blend are chosen on."""
NO_TUNING: Final = TrainingSettings(epochs=0)

_AMAZON: Final = dataclasses.replace(TRAINING, gap_weight=0.0, type_weight=0.0)
_NARROW: Final = Behaviour(Size(64, 1, 1, 50, 3e-3, 0.4), _AMAZON)
_SESSIONS: Final = dataclasses.replace(TRAINING, epochs=12, mirrored=True)
_SIMULATED: Final = TrainingSettings(negatives=512, epochs=6, every=1, patience=2, next_weight=0.3, goal_weight=1.0)
_SIMULATED_MODEL: Final = Behaviour(
    Size(64, 2, 2, 128, 3e-3, 0.2), _SIMULATED, tuning=NO_TUNING, goal="event", repeats=True, held_out=0
)

RECIPES: Final[dict[str, Recommender]] = {
    "beauty": Ranked(Blend((_NARROW, Markov()), floors=(None, 0.002))),
    "toys": Ranked(Blend((_NARROW, Markov()), floors=(None, 0.002))),
    "diginetica": Ranked(
        Blend(
            (
                Behaviour(Size(128, 1, 4, 20, 3e-3, 0.4), dataclasses.replace(_SESSIONS, recency=1.0), held_out=0),
                SessionNeighbours(),
                Markov(),
            ),
            floors=(None, 0.01, 0.01),
        )
    ),
    "yoochoose": Ranked(
        Blend(
            (
                Behaviour(Size(128, 2, 4, 20, 3e-3, 0.4), dataclasses.replace(_SESSIONS, recency=0.4), held_out=0),
                SessionNeighbours(
                    history_decay=1, log_decay=1, place_decay=2.5, length_power=0, before=0.5, itself=0.3
                ),
                Markov(),
            ),
            floors=(None, 0.01, 0.01),
        )
    ),
    "dunnhumby": Ranked(
        Blend(
            (
                Behaviour(training=BASKETS, tuning=NO_TUNING, goal="order", repeats=True, context=512, held_out=0),
                TifuKnn(group_size=7, group_decay=0.9, nearest=300, alpha=0.7),
                PopularityUser(),
            ),
            floors=(None, 0.001, 0.1),
        ),
        candidates=150,
        rate=0.03,
        least=400,
    ),
    "online_retail": Behaviour(training=BASKETS, tuning=NO_TUNING, goal="order", repeats=True, context=128),
    "simulated": Blend(
        (
            _SIMULATED_MODEL,
            SessionNeighbours(),
            Markov(),
            PopularityUser(),
        ),
        floors=(None, 0.01, 0.01, 0.1),
    ),
}
"""What was chosen on validation cases, and never on the test's; how, is told in ``LOG.md``."""


def footfall_recipe(data: Data, *, epochs: int | None = None) -> Recommender:
    """Return our recommender for a data set, not yet fitted.

    Args:
        data: Which one.
        epochs: Other epochs than the recipe's, to try things out.
    """
    recipe = RECIPES[data.name]
    if isinstance(recipe, Blend):
        views = tuple(data.type_names[name] for name in ("view_item",) if name in data.type_names)
        members = (_of_views(member, views) for member in recipe.members)
        recipe = dataclasses.replace(recipe, members=tuple(members))
    return _anew(recipe, epochs)


def _of_views(member: Recommender, views: tuple[int, ...]) -> Recommender:
    """Let a model whose goal is an event of some types foretell views."""
    if isinstance(member, Behaviour) and member.goal == "event":
        return dataclasses.replace(member, goal_types=views)
    return member


def _anew(recipe: Recommender, epochs: int | None) -> Recommender:
    """Return a recommender of the same settings, its members as well, that has learnt nothing."""
    if isinstance(recipe, Ranked):
        return dataclasses.replace(recipe, first=_anew_blend(recipe.first, epochs))
    return _anew_blend(recipe, epochs) if isinstance(recipe, Blend) else _fresh(recipe, epochs)


def _anew_blend(recipe: Blend, epochs: int | None = None) -> Blend:
    return dataclasses.replace(recipe, members=tuple(_fresh(member, epochs) for member in recipe.members))


def _blended(blend: Blend, data: Data, seed: int, metric: Metric, *, choosing_epochs: bool = True) -> Blend:
    """Fit the members, and choose weights on the validation cases."""
    for number, member in enumerate(blend.members):
        if choosing_epochs:
            fit_recipe(member, data, seed + number, metric)
        else:
            member.fit(data.train, seed=seed + number)
    fitted = Blend.of(blend.members, (), data.train.n_codes)
    fitted.floors = blend.floors
    # Of four members there are 1,771 weights in steps of a twentieth, and 286 in steps of a tenth.
    return fitted.tuned(_few(data.validation), metric, steps=20 if len(blend.members) < 4 else 10)


def _ranked(ranked: Ranked, data: Data, seed: int, metric: Metric) -> Ranked:
    """Fit the members on the past, choose weights and learn the order on what followed, fit the members on all.

    Of one log with the last items left out, past and all are the same; the cases that chose epochs teach no order.
    """
    if data.early is None and data.name not in SESSIONS:
        first = _blended(_anew_blend(ranked.first), data, seed, metric)
        chosen, n = _few_rows(data.validation), len(data.validation)
        rest = np.random.default_rng(1).permutation(np.setdiff1d(np.arange(n), chosen))[:MOST_LEARNT]
        cases = data.validation.take(np.sort(rest))
        return dataclasses.replace(ranked, first=first).counted(data.train).learn(cases, seed=seed)
    past = without_newest(data) if data.early is None else _past(data)
    first = _blended(_anew_blend(ranked.first), past, seed, metric, choosing_epochs=False)
    learnt = dataclasses.replace(ranked, first=first).counted(past.train).learn(past.validation, seed=seed)
    return learnt.over(dataclasses.replace(ranked.first, weights=first.weights).fit(data.train, seed=seed), data.train)


def _past(data: Data) -> Data:
    """Return what the validation cases may be answered from, and them."""
    assert data.early is not None  # the caller has looked
    return dataclasses.replace(data, train=dataclasses.replace(data.early, content=data.train.content), early=None)


def without_newest(data: Data) -> Data:
    """Return a log of sessions without its newest, whose every prefix is a validation case then.

    Args:
        data: Whose sessions stand in the order of time.
    """
    train = data.train
    many = max(len(train) - NEWEST, len(train) // 2)
    past = train.take(np.arange(many))
    cases = every_prefix(train.take(np.arange(many, len(train))))
    known = np.bincount(past.item, minlength=past.n_codes) > 0
    rows = np.flatnonzero(known[cases.targets])
    rows = np.sort(np.random.default_rng(0).permutation(rows)[:MOST_LEARNT])
    return dataclasses.replace(data, train=past, validation=cases.take(rows))


def _few(cases: Cases) -> Cases:
    """Return some of the validation cases, always the same ones."""
    return cases.take(_few_rows(cases))


def _few_rows(cases: Cases) -> npt.NDArray[np.int64]:
    return np.sort(np.random.default_rng(0).permutation(len(cases))[:MOST_TUNED])


def _fresh(recipe: Recommender, epochs: int | None) -> Recommender:
    """Return a recommender of the same settings that has learnt nothing."""
    if isinstance(recipe, Behaviour) and epochs is not None:
        return dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, epochs=epochs))
    return dataclasses.replace(recipe)  # type: ignore[type-var]  # every family is a dataclass


def fit_recipe(recommender: Recommender, data: Data, seed: int, metric: Metric) -> Recommender:
    """Fit what ``footfall_recipe`` returned, and return it as it is to be asked.

    Where the validation cases follow the training part, they choose the epoch and the weights of a blend. Where
    training goes on to the cutoff of the test, they lie inside of it, and the model holds events of its own out.

    Args:
        recommender: Fitted in place.
        data: To learn from; content is attached to it already.
        seed: For what is random.
        metric: What weights are chosen by.
    """
    if isinstance(recommender, Ranked):
        return _ranked(recommender, data, seed, metric)
    if isinstance(recommender, Blend):
        if data.early is None:
            return _blended(recommender, data, seed, metric)
        past = _past(data)
        weights = _blended(_anew_blend(recommender), past, seed, metric, choosing_epochs=False).weights
        return dataclasses.replace(recommender, weights=weights).fit(data.train, seed=seed)
    if isinstance(recommender, Behaviour) and data.early is None:
        return recommender.fit(data.train, seed=seed, validation=_few(data.validation))
    return recommender.fit(data.train, seed=seed)
