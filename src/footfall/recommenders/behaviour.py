"""The behaviour model as a recommender: a causal Transformer over everything that a user did."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file

from footfall.errors import InputError
from footfall.evaluation.cases import Cases
from footfall.evaluation.ranking import evaluate
from footfall.evaluation.splits import hold_out
from footfall.histories.columns import FIRST_CODE
from footfall.histories.event_features import QUERY
from footfall.histories.sequences import Sequences
from footfall.model.batch import Batch
from footfall.model.behaviour import BehaviourModel
from footfall.model.config import ModelConfig, Size, size_of
from footfall.recommenders._base import Recommender, Scores
from footfall.recommenders._influence import Influence, integrated_gradients
from footfall.recommenders._learnt import check_codes, read_settings, settings_of, write_settings
from footfall.training.loop import Look, Run, TrainingSettings, Watch
from footfall.training.packing import GAP, N_GAPS, Tokens, newest
from footfall.training.targets import Targets, next_of
from footfall.training.warm_start import item_vectors

_WEIGHTS = "model.safetensors"
_AGAIN = "embedding.items."
_TUNING = TrainingSettings(epochs=4, learning_rate=1e-3, next_weight=0.0, goal_weight=1.0, every=1, patience=2)
SCORED_TOKENS = 8192
"""Events that are read at once when histories are scored."""

Goal = Literal["event", "order"]


@dataclasses.dataclass
class Behaviour(Recommender):
    """A causal Transformer over whole histories.

    The item table starts from the SVD of co-occurrence (``training.warm_start``); scores are cosines times a learnt
    scale; the epoch is chosen on cases held out of the training part, never on the test part. A goal beyond the very
    next event is learnt after that, by a head of its own on what was learnt before.

    Attributes:
        size: ``tiny``, ``small``, ``base`` or ``large``, or one's own; sets width, depth, heads, context and rate.
        training: How it is trained on the next event; with a ``goal_weight``, on the goal at the same time.
        dropout: Share of activations dropped while training; the size's without it.
        context: Most events of a history that are looked at; the size's without it.
        time_aware: Whether attention sees the time between events; None: where there are times.
        gaps: Whether an event's token says how long ago the one before was; None: where there are times.
        features: Whether tokens read what events say besides item and type (``Sequences.sizes``).
        content: Whether items are also what the catalogue says of them (``Sequences.content``).
        repeats: Whether an item's score rises with the times it was met before; for where people come back to items.
        warm_start: Whether the item table starts from the SVD.
        held_out: Most histories whose last item chooses the epoch, where no validation cases are given; a fifth of them
            at the most.
        goal: ``event``: the next event of ``goal_types``, however far ahead; ``order``: any line of the next order;
            None: the very next item.
        goal_types: Codes of the types of events that the goal is about; any without it.
        tuning: How the goal is learnt after that, not at all with 0 epochs; with ``frozen``, what was learnt of the
            next event is left as it is.
        device: ``cpu``, ``cuda``; ``auto``: a GPU where there is one.
    """

    name: ClassVar[str] = "behaviour"
    title: ClassVar[str] = "causal Transformer over whole histories, warm-started"

    size: str | Size = "tiny"
    training: TrainingSettings = dataclasses.field(default_factory=TrainingSettings)
    dropout: float | None = None
    context: int | None = None
    time_aware: bool | None = None
    gaps: bool | None = None
    features: bool = True
    content: bool = True
    repeats: bool = False
    warm_start: bool = True
    held_out: int = 4000
    goal: Goal | None = None
    goal_types: tuple[int, ...] = ()
    tuning: TrainingSettings = _TUNING
    device: str = "auto"

    model: BehaviourModel | None = dataclasses.field(default=None, init=False, repr=False, compare=False)
    looks: list[Look] = dataclasses.field(default_factory=list, init=False, repr=False, compare=False)
    _counts: npt.NDArray[np.int64] | None = dataclasses.field(default=None, init=False, repr=False, compare=False)
    _keys: torch.Tensor | None = dataclasses.field(default=None, init=False, repr=False, compare=False)

    def fit(
        self,
        train: Sequences,
        *,
        seed: int = 0,
        validation: Cases | None = None,
        folder: Path | None = None,
        watch: Watch | None = None,
        start: BehaviourModel | None = None,
    ) -> Self:
        """Learn from sequences.

        Args:
            train: Everything that may be known.
            seed: Makes what is random repeatable.
            validation: Cases that choose the epoch; without them, the last items of some histories of ``train`` are
                held out for it.
            folder: Where the state of the run is kept, to go on from if it is stopped; nowhere without it.
            watch: Told of every step.
            start: A model that was trained before, on this log or an older one; it is grown and goes on from there,
                without learning the next event anew where there is a goal.

        Raises:
            InputError: The size is unknown.
            TrainingError: No history has two events, or the loss is no number any more.
        """
        if validation is None:
            train, validation = hold_out(train, self.held_out, seed)
        torch.manual_seed(seed)
        self._counts = np.bincount(train.item, minlength=train.n_codes).astype(np.int64)
        self.model = self._built(train, seed) if start is None else self._grown(start, train)
        self.looks = []
        goal = None
        if self.goal is not None:
            goal = (self.goal, next_of(train, self.goal_types or None, orders=self.goal == "order"))
        if start is None or goal is None:
            settings = dataclasses.replace(self.training, seed=seed)
            self._run(train, settings, validation, None if folder is None else folder / "next", watch, goal)
        if goal is not None and self.tuning.epochs:
            settings = dataclasses.replace(self.tuning, seed=seed)
            self._run(train, settings, validation, None if folder is None else folder / goal[0], watch, goal)
        return self

    def _run(
        self,
        train: Sequences,
        settings: TrainingSettings,
        validation: Cases | None,
        folder: Path | None,
        watch: Watch | None,
        goal: tuple[str, Targets] | None,
    ) -> None:
        assert self.model is not None  # noqa: S101 - built by the caller
        if folder is not None:
            folder.parent.mkdir(parents=True, exist_ok=True)

        def metric(_: BehaviourModel) -> float:
            assert validation is not None  # noqa: S101 - not asked without
            self._keys = None
            return evaluate(self.scores, validation, ks=(10,)).mean("NDCG@10")

        run = Run(self.model, Tokens.of(train, self.model.config), settings, folder, goal)
        self.looks += run.go(None if validation is None else metric, watch)
        self._keys = None

    def _built(self, train: Sequences, seed: int) -> BehaviourModel:
        config = self._config(train)
        model = BehaviourModel(config, sparse=bool(self.training.drawn(config.n_codes - FIRST_CODE)))
        if self.warm_start:
            with torch.no_grad():
                vectors = item_vectors(train, config.size.width, seed=seed)
                model.items.own.weight.copy_(torch.from_numpy(vectors))
        if train.content is not None:
            model.items.describe(train.content)
        return model.to(_device(self.device))

    def _grown(self, start: BehaviourModel, train: Sequences) -> BehaviourModel:
        model = copy.deepcopy(start)
        model.grow(_newer(model.config, train), train.content)
        model.add_heads([] if self.goal is None else [self.goal])
        return model.to(_device(self.device))

    def _config(self, train: Sequences) -> ModelConfig:
        size = size_of(self.size) if isinstance(self.size, str) else self.size
        if self.dropout is not None:
            size = dataclasses.replace(size, dropout=self.dropout)
        if self.context is not None:
            size = dataclasses.replace(size, context=self.context)
        longest = int(train.lengths.max(initial=1))
        size = dataclasses.replace(size, context=max(1, min(size.context, longest)))
        timed = train.timestamp_us is not None
        types = 0 if train.event_type is None else int(train.event_type.max(initial=0)) + 1
        gaps = timed if self.gaps is None else self.gaps
        content = train.content if self.content else None
        # Of a column in which all events say the same there is nothing to tell.
        telling = {name for name in train.sizes if np.ptp(train.extra[name]) > 0} if train.n_events else set()
        features = {name: n for name, n in train.sizes.items() if self.features and name in telling - {QUERY}}
        return ModelConfig(
            size=size,
            n_codes=train.n_codes,
            n_types=types if types > FIRST_CODE + 1 else 0,  # of one type there is nothing to tell
            features={**features, **({GAP: N_GAPS} if gaps else {})},
            content={} if content is None else content.sizes,
            searches=content is not None and content.queries is not None and QUERY in telling,
            time_aware=timed if self.time_aware is None else self.time_aware,
            n_gaps=N_GAPS if timed else 0,
            repeats=self.repeats,
            heads=() if self.goal is None else (self.goal,),
        )

    def scores(self, histories: Sequences) -> Scores:
        """Return the score of every item for every history, as the protocol says.

        A history without events is given the logarithm of how often each item was met: popularity.

        Raises:
            InputError: Nothing was learnt yet, or the histories are coded by another vocabulary.
        """
        model = self._ready(histories)
        assert self._counts is not None  # noqa: S101 - for the type checker
        found = np.empty((len(histories), histories.n_codes), np.float32)
        if (histories.lengths == 0).any():
            found[histories.lengths == 0] = np.log1p(self._counts)
        if self._keys is None:
            with torch.inference_mode():
                self._keys = model.keys()
        for rows, batch in self._batches(histories, model):
            found[rows] = model.score(batch, self.goal, self._keys).cpu().numpy()
        found[:, :FIRST_CODE] = -np.inf
        return found

    @property
    def scores_are_products(self) -> bool:
        """Whether scores are the dot products of ``queries`` and ``vectors``, and nothing besides."""
        return self.model is not None and not self.model.config.repeats

    def queries(self, histories: Sequences) -> npt.NDArray[np.float32]:
        """Return what scores are the dot products of with ``vectors()``, float32 [histories, width].

        A history without events has a row of zeros.

        Args:
            histories: What is known of each.

        Raises:
            InputError: Nothing was learnt yet, or the histories are coded by another vocabulary.
        """
        model = self._ready(histories)
        found = np.zeros((len(histories), model.config.size.width), np.float32)
        for rows, batch in self._batches(histories, model):
            with torch.inference_mode():
                states = model(batch)[batch.ends]
                found[rows] = model.queries(states, self.goal).cpu().numpy()
        return found

    def states(self, histories: Sequences) -> npt.NDArray[np.float32]:
        """Return the state of each history at its end, h(user, cutoff), float32 [histories, width]; 0 without events.

        Args:
            histories: What is known of each, strictly before its cutoff.

        Raises:
            InputError: Nothing was learnt yet, or the histories are coded by another vocabulary.
        """
        model = self._ready(histories)
        found = np.zeros((len(histories), model.config.size.width), np.float32)
        for rows, batch in self._batches(histories, model):
            with torch.inference_mode():
                found[rows] = model(batch)[batch.ends].float().cpu().numpy()
        return found

    def event_influence(self, histories: Sequences, directions: npt.NDArray[np.floating[Any]]) -> Influence:
        """Return which events a linear function of each history's state owes its value to, by integrated gradients.

        Args:
            histories: What is known of each, strictly before its cutoff.
            directions: The function: what is multiplied with ``states``, float [width], or float [histories, width].

        Raises:
            InputError: Nothing was learnt yet, or the histories are coded by another vocabulary.
        """
        return integrated_gradients(self._ready(histories), histories, directions)

    def _ready(self, histories: Sequences) -> BehaviourModel:
        check_codes(self, None if self.model is None else self.model.config.n_codes, histories)
        assert self.model is not None  # noqa: S101 - for the type checker
        if self.model.config.time_aware and histories.timestamp_us is None:
            raise InputError("this model reads times, and these histories have none; give histories with times")
        return self.model.eval()

    @staticmethod
    def _batches(histories: Sequences, model: BehaviourModel) -> Iterator[tuple[npt.NDArray[np.int64], Batch]]:
        """Yield the end of every history that has events: their numbers, and a batch of them."""
        context = model.config.size.context
        # One event more than is read: the first one's token tells the time since the one before it.
        tokens = Tokens.of(histories.tail(context + 1), model.config)
        device = model.items.own.weight.device
        for rows, groups in newest(tokens.sequences, context, SCORED_TOKENS):
            yield rows, tokens.batch(groups)[0].to(device)

    def grow(self, newer: Sequences) -> bool:
        """Make room for the vocabulary of a newer log; new items stand where their content puts them.

        Args:
            newer: Histories of that log.
        """
        if self.model is None or self._counts is None:
            raise InputError(f"recommender {self.name!r} has learnt nothing yet; call fit() or load() first")
        self.model.grow(_newer(self.model.config, newer), newer.content)
        self._counts = np.pad(self._counts, (0, newer.n_codes - len(self._counts)))
        self._keys = None
        return True

    def vectors(self) -> npt.NDArray[np.float32] | None:
        """Return the items' keys, float32 [n_codes, width]; None before anything was learnt."""
        if self.model is None:
            return None
        with torch.inference_mode():
            return self.model.keys().cpu().numpy()

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors, the settings as JSON.

        Args:
            folder: An existing, empty folder.

        Raises:
            InputError: Nothing was learnt yet.
        """
        if self.model is None or self._counts is None:
            raise InputError(f"recommender {self.name!r} has learnt nothing yet; call fit() or load() first")
        settings = settings_of(self)
        settings |= {name: dataclasses.asdict(settings[name]) for name in _TRAININGS}
        if isinstance(self.size, Size):
            settings["size"] = dataclasses.asdict(self.size)
        looks = [
            {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in dataclasses.asdict(look).items()}
            for look in self.looks
        ]
        write_settings(folder, self.name, {"settings": settings, "config": self.model.config.to_dict(), "looks": looks})
        # The item table is in the state twice, under the embedding too; it is written once.
        once = {name: v.cpu() for name, v in self.model.state_dict().items() if not name.startswith(_AGAIN)}
        save_file({**once, "counts": torch.from_numpy(self._counts)}, folder / _WEIGHTS)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Args:
            folder: Where ``save`` wrote it.

        Raises:
            InputError: There is nothing, or another family's.
        """
        kept = read_settings(folder, cls.name)
        settings = kept["settings"] | {name: TrainingSettings(**kept["settings"][name]) for name in _TRAININGS}
        if isinstance(settings["size"], dict):
            settings["size"] = Size(**settings["size"])
        found = cls(**{**settings, "goal_types": tuple(settings["goal_types"])})
        tensors = load_file(folder / _WEIGHTS)
        found._counts = tensors.pop("counts").numpy()
        model = BehaviourModel(ModelConfig.from_dict(kept["config"]))
        for name, value in tensors.items():
            if name.startswith(("items.said_", "items.query_words")):
                setattr(model.items, name.removeprefix("items."), value)
        again = {name.replace("items.", _AGAIN, 1): value for name, value in tensors.items() if name[:6] == "items."}
        model.load_state_dict({**tensors, **again})
        found.model = model.to(_device(found.device)).eval()
        found.looks = [
            Look(**{**look, "metric": math.nan if look["metric"] is None else look["metric"]}) for look in kept["looks"]
        ]
        return found


_TRAININGS = ("training", "tuning")


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def _newer(config: ModelConfig, newer: Sequences) -> ModelConfig:
    """Return the configuration for a log whose vocabularies have grown."""
    if newer.n_codes < config.n_codes:
        raise InputError(
            f"the model knows {config.n_codes} item codes, and the log has {newer.n_codes}; codes only ever grow: this "
            "is another log, or it was compiled anew; train again (footfall train recommend)"
        )
    types = 0 if newer.event_type is None else int(newer.event_type.max(initial=0)) + 1
    said = {} if newer.content is None else newer.content.sizes
    return dataclasses.replace(
        config,
        n_codes=newer.n_codes,
        n_types=max(config.n_types, types) if config.n_types else 0,
        features={name: max(n, newer.sizes.get(name, 0)) for name, n in config.features.items()},
        content={name: max(n, said.get(name, 0)) for name, n in config.content.items()},
    )
