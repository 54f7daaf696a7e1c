"""The behaviour model tuned: its backbone goes on learning from what came of users, under a head of its own."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file

from footfall.errors import InputError
from footfall.model.heads import AnswerHead
from footfall.predictors._base import Examples, Float64, Kind, Predictor
from footfall.predictors._columns import Columns
from footfall.predictors._estimators import one_label, read_about, sampled
from footfall.recommenders.behaviour import Behaviour
from footfall.training.tuning import FARTHEST, Asked, Lessons, Tuning, TuningSettings, shares

HISTORY: Final = "history"
"""What the state of the behaviour model is called among importances."""
OWN: Final = "own"
"""The family's own question among those that are learnt."""
MOST_EXAMPLES: Final = 100_000
"""Examples that are learnt from; more are sampled."""
LEAST_EVENTS: Final = 300_000
"""Events that may be read in all, however little the backbone was trained on."""
COST: Final = 2
"""Times the events of the backbone's own training that may be read in all."""
SHOWN: Final = 2000
"""Examples by which importances are worked out."""


class BehaviourTuned(Predictor):
    """A copy of the backbone, tuned end to end on the question, under a gated head over h(user, cutoff) and features.

    The backbone that is handed over was trained on what lies before all examples, and is left as it is: other families
    share it. What tuning then learns, it learns from examples alone, as every family does.

    Attributes:
        passes: How many passes over the examples were best: of the head alone, and of head and backbone together. With
            none of the latter, tuning did not help, and the backbone is as it was.
    """

    name: ClassVar[str] = "behaviour_tuned"
    title: ClassVar[str] = "the behaviour model tuned on the question, with the features"
    wants_backbone: ClassVar[bool] = True
    siblings: ClassVar[bool] = False
    """Whether sibling questions are learnt beside."""

    def __init__(self, kind: Kind = "binary", *, tuning: TuningSettings | None = None) -> None:
        """Make one that has learnt nothing.

        Args:
            kind: What is foretold.
            tuning: How it is tuned; the number of events by what the backbone's training read, without it.
        """
        self.kind = kind
        self.tuning = tuning
        self.columns = Columns()
        self.asked = Asked(binary=kind == "binary", scale=1.0, start=0.0)
        self.passes = (0, 0)
        self._shares: dict[str, float] = {}
        self._given: Behaviour | None = None
        self._tuned: Behaviour | None = None
        self._head: AnswerHead | None = None

    @property
    def backbone(self) -> Behaviour | None:
        """Its own backbone once it has learnt; before, the one that was handed over."""
        return self._given if self._tuned is None else self._tuned

    @backbone.setter
    def backbone(self, given: Behaviour | None) -> None:
        self._given, self._tuned, self._head = given, None, None

    def fit(self, examples: Examples, *, seed: int = 0) -> Self:
        """Learn from examples; the arguments are those of the protocol.

        Raises:
            InputError: There is no backbone, there are no labels, or of a binary question all are the same.
            TrainingError: No example has a history, or the loss is no number any more.
        """
        if self._given is None or self._given.model is None:
            raise InputError(f"predictor {self.name!r} has no behaviour model to start from; set backbone before fit()")
        examples = sampled(examples, MOST_EXAMPLES, seed)
        if len(np.unique(examples.told)) < 2:
            raise one_label(examples.told)
        features = self.columns.fit(examples.table).apply(examples.table)
        told = {OWN: examples.told, **(_siblings(examples) if self.siblings else {})}
        lessons = Lessons(examples.histories, features, told, examples.rows, examples.cutoff_us)
        self._tuned = copy.deepcopy(self._given)
        assert self._tuned.model is not None  # noqa: S101 - looked at above
        run = Tuning(self._tuned.model, lessons, OWN, self._settings(seed))
        self._head, self.asked, self.passes = run.go(), run.asked[OWN], run.passes
        some = sampled(examples, SHOWN, seed)
        self._shares = self._found_shares(self._tuned.states(some.histories), self.columns.apply(some.table))
        return self

    def _settings(self, seed: int) -> TuningSettings:
        if self.tuning is not None:
            return dataclasses.replace(self.tuning, seed=seed)
        assert self._given is not None  # noqa: S101 - looked at by the caller
        read = self._given.looks[-1].events if self._given.looks else 0
        return TuningSettings(most_events=max(LEAST_EVENTS, COST * read), seed=seed)

    def _found_shares(self, states: npt.NDArray[np.float32], features: npt.NDArray[np.float32]) -> dict[str, float]:
        assert self._head is not None  # noqa: S101 - learnt by the caller
        moved = shares(self._head, states, features)
        width = states.shape[1]
        whole = float(moved.sum()) or 1.0
        of_state = float(moved[:width].sum()) / whole
        of_features = self.columns.shares(moved[width:])
        return {HISTORY: of_state, **{name: share * (1 - of_state) for name, share in of_features.items()}}

    def predict(self, examples: Examples) -> Float64:
        """Return a score for each, as the protocol says: log-odds of a chance, an amount.

        Raises:
            InputError: Nothing was learnt yet, or a column is missing.
        """
        if self._head is None or self._tuned is None:
            raise InputError(f"predictor {self.name!r} has learnt nothing yet; call fit() or load() first")
        device = self._head.plain.weight.device
        states = torch.from_numpy(self._tuned.states(examples.histories)).to(device)
        features = torch.from_numpy(self.columns.apply(examples.table)).to(device)
        with torch.inference_mode():
            answers: Float64 = self._head.eval()(states, features).double().cpu().numpy()
        if self.asked.binary:
            return answers
        return np.exp(np.clip(answers, -FARTHEST, FARTHEST)) * self.asked.scale

    def importances(self) -> Mapping[str, float]:
        """Return the share of each feature by gradient times input; the state counts as one, ``history``."""
        return self._shares

    def save(self, folder: Path) -> None:
        """Write the tuned backbone into a folder of its own, the head as safetensors, the rest as JSON.

        Args:
            folder: An existing, empty folder.

        Raises:
            InputError: Nothing was learnt yet.
        """
        if self._head is None or self._tuned is None:
            raise InputError(f"predictor {self.name!r} has learnt nothing yet; call fit() or load() first")
        (folder / "backbone").mkdir()
        self._tuned.save(folder / "backbone")
        save_file({name: value.cpu() for name, value in self._head.state_dict().items()}, folder / "head.safetensors")
        about = {"predictor": self.name, "format": 1, "kind": self.kind, "asked": dataclasses.asdict(self.asked)}
        about |= {"passes": self.passes, "shares": self._shares, "columns": self.columns.state}
        about["tuning"] = None if self.tuning is None else dataclasses.asdict(self.tuning)
        (folder / "settings.json").write_text(json.dumps(about) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Args:
            folder: Where ``save`` wrote it.

        Raises:
            InputError: There is nothing, another family's, or a later Footfall's.
        """
        about: dict[str, Any] = read_about(folder, cls.name)
        tuning = None if about["tuning"] is None else TuningSettings(**about["tuning"])
        found = cls(about["kind"], tuning=tuning)
        found.columns, found.asked = Columns(about["columns"]), Asked(**about["asked"])
        found._shares, found.passes = about["shares"], (about["passes"][0], about["passes"][1])
        found._given = found._tuned = Behaviour.load(folder / "backbone")
        model = found._tuned.model
        assert model is not None  # noqa: S101 - read above
        width = model.config.size.width
        weights = load_file(folder / "head.safetensors")
        found._head = AnswerHead(width, weights["plain.weight"].shape[1] - width)
        found._head.load_state_dict(weights)
        found._head.to(model.items.own.weight.device).eval()
        return found


def _siblings(examples: Examples) -> dict[str, Float64]:
    """Return the sibling questions that tell something: not all alike, nor the own answer or its contrary."""
    own, found = examples.told, {}
    for name, told in examples.also.items():
        known = np.isfinite(told)
        both = np.isin(own, (0, 1)).all() and np.isin(told[known], (0, 1)).all()
        same = both and (np.array_equal(told[known], own[known]) or np.array_equal(told[known], 1 - own[known]))
        if len(np.unique(told[known])) > 1 and not same:
            found[name] = told
    return found
