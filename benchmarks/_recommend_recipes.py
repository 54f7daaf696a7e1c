"""What Footfall's own model is set to, per data set. Nothing else in the benchmark knows its settings."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np

from _recommend_data import Data
from footfall.evaluation.cases import Cases
from footfall.model.config import Size
from footfall.recommenders._base import Recommender
from footfall.recommenders.behaviour import Behaviour
from footfall.recommenders.blend import Blend, Metric
from footfall.recommenders.markov import Markov
from footfall.recommenders.popularity import PopularityUser
from footfall.recommenders.session_neighbours import SessionNeighbours
from footfall.recommenders.tifu_knn import TifuKnn
from footfall.training.loop import TrainingSettings

TRAINING: Final = TrainingSettings(negatives=2048, epochs=24, every=2, patience=4)

BASKETS: Final = TrainingSettings(
    negatives=2048, epochs=3, every=1, patience=2, next_weight=0.0, goal_weight=1.0, type_weight=0.0, gap_weight=0.0
)
"""The next order and nothing else: its lines are foretold from every event before it."""
MOST_TUNED: Final = 4000
"""Validation cases that epochs and weights of a blend are chosen on."""
NO_TUNING: Final = TrainingSettings(epochs=0)

_AMAZON: Final = dataclasses.replace(TRAINING, gap_weight=0.0, type_weight=0.0)
_NARROW: Final = Behaviour(Size(64, 1, 1, 50, 3e-3, 0.4), _AMAZON)
_WIDE: Final = Behaviour(Size(128, 1, 2, 50, 3e-3, 0.5), _AMAZON)
_SESSIONS: Final = dataclasses.replace(TRAINING, epochs=8, mirrored=True)

RECIPES: Final[dict[str, Recommender]] = {
    "beauty": Blend((_NARROW, _WIDE, Markov()), floors=(None, None, 0.002)),
    "toys": Blend((_NARROW, _WIDE, Markov()), floors=(None, None, 0.002)),
    "diginetica": Blend(
        (
            Behaviour(Size(128, 1, 4, 20, 3e-3, 0.4), dataclasses.replace(_SESSIONS, recency=1.0)),
            SessionNeighbours(),
            Markov(),
        ),
        floors=(None, 0.01, 0.01),
    ),
    "yoochoose": Blend(
        (
            Behaviour(Size(100, 1, 2, 20, 3e-3, 0.3), dataclasses.replace(_SESSIONS, recency=0.4)),
            SessionNeighbours(history_decay=1, log_decay=1, place_decay=2.5, length_power=0, before=0.5, itself=0.3),
            Markov(),
        ),
        floors=(None, 0.01, 0.01),
    ),
    "dunnhumby": Blend(
        (
            Behaviour(training=BASKETS, tuning=NO_TUNING, goal="order", repeats=True, context=512, held_out=0),
            TifuKnn(group_size=7, group_decay=0.9, nearest=300, alpha=0.7),
            PopularityUser(),
        ),
        floors=(None, 0.001, 0.1),
    ),
    "online_retail": Behaviour(training=BASKETS, tuning=NO_TUNING, goal="order", repeats=True, context=128),
    "simulated": Behaviour(training=dataclasses.replace(TRAINING, epochs=10), repeats=True, goal="event"),
}
"""What was chosen on validation cases, and never on the test's; how, is told in ``LOG.md``."""


def footfall_recipe(data: Data, *, epochs: int | None = None) -> Recommender:
    """Return our recommender for a data set, not yet fitted.

    Args:
        data: Which one.
        epochs: Other epochs than the recipe's, to try things out.
    """
    recipe = RECIPES[data.name]
    if isinstance(recipe, Behaviour) and recipe.goal == "event":
        recipe = dataclasses.replace(recipe, goal_types=(data.type_names["view_item"],))
    if isinstance(recipe, Blend):
        return dataclasses.replace(recipe, members=tuple(_fresh(member, epochs) for member in recipe.members))
    return _fresh(recipe, epochs)


def _blended(blend: Blend, data: Data, seed: int, metric: Metric, *, choosing_epochs: bool = True) -> Blend:
    """Fit the members, and choose weights on the validation cases."""
    for number, member in enumerate(blend.members):
        if choosing_epochs:
            fit_recipe(member, data, seed + number, metric)
        else:
            member.fit(data.train, seed=seed + number)
    fitted = Blend.of(blend.members, (), data.train.n_codes)
    fitted.floors = blend.floors
    return fitted.tuned(_few(data.validation), metric, steps=20)


def _few(cases: Cases) -> Cases:
    """Return some of the validation cases, always the same ones."""
    rows = np.random.default_rng(0).permutation(len(cases))[:MOST_TUNED]
    return cases.take(np.sort(rows))


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
    if isinstance(recommender, Blend):
        if data.early is None:
            return _blended(recommender, data, seed, metric)
        past = dataclasses.replace(data, train=dataclasses.replace(data.early, content=data.train.content), early=None)
        first = dataclasses.replace(recommender, members=tuple(_fresh(member, None) for member in recommender.members))
        weights = _blended(first, past, seed, metric, choosing_epochs=False).weights
        return dataclasses.replace(recommender, weights=weights).fit(data.train, seed=seed)
    if isinstance(recommender, Behaviour) and data.early is None:
        return recommender.fit(data.train, seed=seed, validation=_few(data.validation))
    return recommender.fit(data.train, seed=seed)
