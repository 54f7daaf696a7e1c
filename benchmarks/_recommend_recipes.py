"""What Footfall's own model is set to, per data set. Nothing else in the benchmark knows its settings."""

from __future__ import annotations

import dataclasses
from typing import Final

from _recommend_data import Data
from footfall.recommenders._base import Recommender
from footfall.recommenders.behaviour import Behaviour
from footfall.training.loop import TrainingSettings

TRAINING: Final = TrainingSettings(negatives=2048, epochs=24, every=2, patience=4)

BASKETS: Final = TrainingSettings(
    negatives=2048, epochs=4, every=1, patience=2, next_weight=0.0, goal_weight=1.0, type_weight=0.0, gap_weight=0.0
)
"""The next order and nothing else: its lines are foretold from every event before it."""
NO_TUNING: Final = TrainingSettings(epochs=0)

RECIPES: Final = {
    "beauty": Behaviour(size="tiny", training=TRAINING),
    "toys": Behaviour(size="tiny", training=TRAINING),
    "diginetica": Behaviour(size="tiny", training=TRAINING),
    "yoochoose": Behaviour(size="tiny", training=TRAINING),
    "dunnhumby": Behaviour(training=BASKETS, tuning=NO_TUNING, goal="order", repeats=True, context=256),
    "online_retail": Behaviour(training=BASKETS, tuning=NO_TUNING, goal="order", repeats=True, context=128),
    "simulated": Behaviour(size="tiny", training=TRAINING),
}


def footfall_recipe(data: Data, *, epochs: int | None = None) -> Recommender:
    """Return our recommender for a data set, not yet fitted.

    Args:
        data: Which one.
        epochs: Other epochs than the recipe's, to try things out.
    """
    recipe = RECIPES[data.name]
    training = recipe.training if epochs is None else dataclasses.replace(recipe.training, epochs=epochs)
    return dataclasses.replace(recipe, training=training)


def fit_recipe(recommender: Recommender, data: Data, seed: int) -> None:
    """Fit what ``footfall_recipe`` returned.

    Where the validation cases follow the training part, they choose the epoch. Where training goes on to the cutoff of
    the test, they lie inside of it, and the model holds events of its own out of training.

    Args:
        recommender: Fitted in place.
        data: To learn from; content is attached to it already.
        seed: For what is random.
    """
    if isinstance(recommender, Behaviour) and data.early is None:
        recommender.fit(data.train, seed=seed, validation=data.validation)
    else:
        recommender.fit(data.train, seed=seed)
