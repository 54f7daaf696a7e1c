"""The behaviour model's state as what is known of a user: alone in a linear model, or beside the features in trees."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
import scipy.sparse
import scipy.special

from footfall.errors import InputError
from footfall.features.table import FeatureTable
from footfall.histories.sequences import Sequences
from footfall.predictors._base import About, Examples, Float64, Int64, Kind, Predictor
from footfall.predictors._estimators import read_about
from footfall.predictors.boosting import Boosting
from footfall.predictors.linear import Linear
from footfall.recommenders.behaviour import Behaviour

Float32 = npt.NDArray[np.float32]

PREFIX: Final = "h"
LIKING: Final = "liking"
"""The column of what the behaviour model says of the thing that is asked about."""
SCORED: Final = 256
"""Histories whose items are scored at once."""
LEAST: Final = 1e-9


class BehaviourVector(Predictor):
    """A linear model over h(user, cutoff), the state of a backbone that was trained on what came before all examples.

    A backbone that had seen what follows an example's cutoff would know its label; so it is trained on the log before
    the first cutoff, and frozen.
    """

    name: ClassVar[str] = "behaviour"
    title: ClassVar[str] = "the behaviour model's state, in a linear model"
    wants_backbone: ClassVar[bool] = True
    with_features: ClassVar[bool] = False

    def __init__(self, kind: Kind = "binary") -> None:
        """Make one that has learnt nothing.

        Args:
            kind: What is foretold.
        """
        self.kind = kind
        self.backbone: Behaviour | None = None
        self.head: Predictor = self._new_head()

    def _new_head(self) -> Predictor:
        return Linear(self.kind)

    def seen(self, examples: Examples) -> Examples:
        """Return the examples as the head sees them: with the state of each history in the table.

        Args:
            examples: As they were given.
        """
        if self.backbone is None:
            raise InputError(f"predictor {self.name!r} has no behaviour model to ask; set backbone before fit()")
        histories, place = examples.distinct_histories()
        states = self.backbone.states(histories)[place]
        table = FeatureTable(tuple(f"{PREFIX}{at}" for at in range(states.shape[1])), states, examples.table.rows, {})
        if examples.about is not None and examples.about.of_item is not None:
            liking = likings(self.backbone, histories, examples.about, place)
            table = FeatureTable((LIKING,), liking[:, None], examples.table.rows, {}).joined(table)
        if self.with_features:
            table = examples.table.joined(table, "")
        return _with_table(examples, table)

    def fit(self, examples: Examples, *, seed: int = 0) -> Self:
        """Learn the head; the backbone stays as it is. The arguments are those of the protocol."""
        self.head = self._new_head().fit(self.seen(examples), seed=seed)
        return self

    def predict(self, examples: Examples) -> Float64:
        """Return a score for each, as the protocol says."""
        return self.head.predict(self.seen(examples))

    def importances(self) -> Mapping[str, float]:
        """Return the share of each feature; the state counts as one, ``history``."""
        found: dict[str, float] = {}
        for name, share in self.head.importances().items():
            state = name.startswith(PREFIX) and name[len(PREFIX) :].isdigit()
            found["history" if state else name] = found.get("history" if state else name, 0.0) + share
        return found

    def save(self, folder: Path) -> None:
        """Write backbone and head into folders of their own.

        Args:
            folder: An existing, empty folder.
        """
        if self.backbone is None:
            raise InputError(f"predictor {self.name!r} has learnt nothing yet; call fit() or load() first")
        for name, part in (("backbone", self.backbone), ("head", self.head)):
            (folder / name).mkdir()
            part.save(folder / name)
        about = {"predictor": self.name, "format": 1, "kind": self.kind}
        (folder / "settings.json").write_text(json.dumps(about) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Args:
            folder: Where ``save`` wrote it.
        """
        found = cls(read_about(folder, cls.name)["kind"])
        found.backbone = Behaviour.load(folder / "backbone")
        found.head = type(found.head).load(folder / "head")
        return found


class BehaviourBoosting(BehaviourVector):
    """Gradient-boosted trees over the features and h(user, cutoff) together."""

    name: ClassVar[str] = "behaviour_boosting"
    title: ClassVar[str] = "the behaviour model's state and the features, in boosted trees"
    with_features: ClassVar[bool] = True

    def _new_head(self) -> Predictor:
        return Boosting(self.kind)


def likings(backbone: Behaviour, histories: Sequences, about: About, place: Int64) -> Float32:
    """Return the logarithm of the share that the model gives to each thing's items, float32 [examples].

    Args:
        backbone: Fitted.
        histories: Each once.
        about: Which thing each example asks about.
        place: Which history each example has.
    """
    assert about.of_item is not None  # noqa: S101 - the caller has looked
    found = np.empty(len(place), np.float32)
    order = np.argsort(place, kind="stable")
    begins = np.searchsorted(place[order], np.arange(len(histories) + 1))
    # No item stands under two things of one kind, so the kinds' parts can be added.
    n_items, n_things = about.of_item.shape[1], int(about.first[-1]) + 1
    codes = about.of_item.ravel()
    some = np.flatnonzero(codes)
    parts = (np.ones(len(some)), (some % n_items, codes[some]))
    of_things = scipy.sparse.coo_array(parts, shape=(n_items, n_things)).tocsr()
    for begin in range(0, len(histories), SCORED):
        end = min(begin + SCORED, len(histories))
        share = scipy.special.softmax(backbone.scores(histories.take(np.arange(begin, end))), axis=1)
        at = order[begins[begin] : begins[end]]
        found[at] = np.log((share @ of_things)[place[at] - begin, about.codes[at]] + LEAST)
    return found


def _with_table(examples: Examples, table: FeatureTable) -> Examples:
    made = dataclasses.replace(examples, table=table)
    # What was cut already need not be cut again.
    if "histories" in examples.__dict__:
        made.__dict__["histories"] = examples.histories
    return made
