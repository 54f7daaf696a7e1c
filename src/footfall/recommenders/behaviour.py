"""The behaviour model as a recommender: a causal Transformer over everything that a user did."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file

from footfall.errors import InputError
from footfall.evaluation.cases import Cases
from footfall.evaluation.ranking import evaluate
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.model.behaviour import BehaviourModel
from footfall.model.config import ModelConfig, size_of
from footfall.recommenders._base import Recommender, Scores
from footfall.recommenders._learnt import check_codes, read_settings, settings_of, write_settings
from footfall.training.loop import Look, Run, TrainingSettings, Watch
from footfall.training.packing import N_GAPS, Tokens, newest
from footfall.training.warm_start import item_vectors

_WEIGHTS = "model.safetensors"
_AGAIN = "embedding.items."
SCORED_TOKENS = 8192
"""Events that are read at once when histories are scored."""


@dataclasses.dataclass
class Behaviour(Recommender):
    """A causal Transformer over whole histories.

    The item table starts from the SVD of co-occurrence (``training.warm_start``); scores are cosines times a learnt
    scale; the epoch is chosen on cases held out of the training part, never on the test part.

    Attributes:
        size: ``tiny``, ``small``, ``base`` or ``large``; sets width, depth, heads, context and rate.
        training: How it is trained.
        dropout: Share of activations dropped while training; the size's without it.
        time_aware: Whether attention sees the time between events; None: where there are times.
        gaps: Whether an event's token says how long ago the one before was; None: where there are times.
        warm_start: Whether the item table starts from the SVD.
        held_out: Most histories whose last item chooses the epoch, where no validation cases are given; a fifth of them
            at the most.
    """

    name: ClassVar[str] = "behaviour"
    title: ClassVar[str] = "causal Transformer over whole histories, warm-started"

    size: str = "tiny"
    training: TrainingSettings = dataclasses.field(default_factory=TrainingSettings)
    dropout: float | None = None
    time_aware: bool | None = None
    gaps: bool | None = None
    warm_start: bool = True
    held_out: int = 4000

    model: BehaviourModel | None = dataclasses.field(default=None, init=False, repr=False, compare=False)
    looks: list[Look] = dataclasses.field(default_factory=list, init=False, repr=False, compare=False)
    _counts: npt.NDArray[np.int64] | None = dataclasses.field(default=None, init=False, repr=False, compare=False)

    def fit(
        self,
        train: Sequences,
        *,
        seed: int = 0,
        validation: Cases | None = None,
        folder: Path | None = None,
        watch: Watch | None = None,
    ) -> Self:
        """Learn from sequences.

        Args:
            train: Everything that may be known.
            seed: Makes what is random repeatable.
            validation: Cases that choose the epoch; without them, the last items of some histories of ``train`` are
                held out for it.
            folder: Where the state of the run is kept, to go on from if it is stopped; nowhere without it.
            watch: Told of every step.

        Raises:
            InputError: The size is unknown.
            TrainingError: No history has two events, or the loss is no number any more.
        """
        if validation is None:
            train, validation = _hold_out(train, self.held_out, seed)
        settings = dataclasses.replace(self.training, seed=seed)
        torch.manual_seed(seed)
        config = self._config(train)
        n_items = config.n_codes - FIRST_CODE
        model = BehaviourModel(config, sparse=bool(settings.drawn(n_items)))
        self._counts = np.bincount(train.item, minlength=train.n_codes).astype(np.int64)
        if self.warm_start:
            with torch.no_grad():
                vectors = item_vectors(train, config.size.width, seed=seed)
                model.items.own.weight.copy_(torch.from_numpy(vectors))
        run = Run(model, Tokens.of(train, config), settings, folder)
        self.model = model
        judged = validation
        metric = None if judged is None else lambda _: evaluate(self.scores, judged, ks=(10,)).mean("NDCG@10")
        self.looks = run.go(metric, watch)
        return self

    def _config(self, train: Sequences) -> ModelConfig:
        size = size_of(self.size)
        if self.dropout is not None:
            size = dataclasses.replace(size, dropout=self.dropout)
        longest = int(train.lengths.max(initial=1))
        size = dataclasses.replace(size, context=max(1, min(size.context, longest)))
        timed = train.timestamp_us is not None
        types = 0 if train.event_type is None else int(train.event_type.max(initial=0)) + 1
        gaps = timed if self.gaps is None else self.gaps
        return ModelConfig(
            size=size,
            n_codes=train.n_codes,
            n_types=types if types > FIRST_CODE + 1 else 0,  # of one type there is nothing to tell
            features={"gap": N_GAPS} if gaps else {},
            time_aware=timed if self.time_aware is None else self.time_aware,
            n_gaps=N_GAPS if timed else 0,
        )

    def scores(self, histories: Sequences) -> Scores:
        """Return the score of every item for every history, as the protocol says.

        A history without events is given the logarithm of how often each item was met: popularity.

        Raises:
            InputError: Nothing was learnt yet, or the histories are coded by another vocabulary.
        """
        check_codes(self, None if self.model is None else self.model.config.n_codes, histories)
        assert self.model is not None  # noqa: S101 - for the type checker
        assert self._counts is not None  # noqa: S101 - for the type checker
        self.model.eval()
        found = np.empty((len(histories), histories.n_codes), np.float32)
        found[:] = np.log1p(self._counts)
        if self.model.config.time_aware and histories.timestamp_us is None:
            raise InputError("this model reads times, and these histories have none; give histories with times")
        tokens = Tokens.of(histories, self.model.config)
        for rows, groups in newest(histories, self.model.config.size.context, SCORED_TOKENS):
            found[rows] = self.model.score(tokens.batch(groups)[0]).numpy()
        found[:, :FIRST_CODE] = -np.inf
        return found

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors, the settings as JSON.

        Args:
            folder: An existing, empty folder.

        Raises:
            InputError: Nothing was learnt yet.
        """
        if self.model is None or self._counts is None:
            raise InputError(f"recommender {self.name!r} has learnt nothing yet; call fit() or load() first")
        settings = settings_of(self) | {"training": dataclasses.asdict(self.training)}
        looks = [
            {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in dataclasses.asdict(look).items()}
            for look in self.looks
        ]
        write_settings(folder, self.name, {"settings": settings, "config": self.model.config.to_dict(), "looks": looks})
        # The item table is in the state twice, under the embedding too; it is written once.
        once = {name: value for name, value in self.model.state_dict().items() if not name.startswith(_AGAIN)}
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
        found = cls(**{**kept["settings"], "training": TrainingSettings(**kept["settings"]["training"])})
        tensors = load_file(folder / _WEIGHTS)
        found._counts = tensors.pop("counts").numpy()
        model = BehaviourModel(ModelConfig.from_dict(kept["config"]))
        model.items.content = tensors["items.content"]
        again = {name.replace("items.", _AGAIN, 1): value for name, value in tensors.items() if name[:6] == "items."}
        model.load_state_dict({**tensors, **again})
        found.model = model.eval()
        found.looks = [
            Look(**{**look, "metric": math.nan if look["metric"] is None else look["metric"]}) for look in kept["looks"]
        ]
        return found


def _hold_out(train: Sequences, most: int, seed: int) -> tuple[Sequences, Cases | None]:
    """Take the last event of a fifth of the histories of three and more out, or of fewer, and make cases of them."""
    lasts = train.offsets[1:] - 1
    fits = (train.lengths >= 3) & (train.item[np.maximum(lasts, 0)] >= FIRST_CODE) if len(train.item) else lasts < 0
    rows = np.flatnonzero(fits)
    rows = np.sort(np.random.default_rng(seed).permutation(rows)[: min(most, len(rows) // 5)])
    if not len(rows):
        return train, None
    ends = train.offsets[1:].copy()
    ends[rows] -= 1
    histories = train.between(train.offsets[:-1][rows], ends[rows], rows)
    repeats = any(train.item[lasts[row]] in histories[i] for i, row in enumerate(rows[:200].tolist()))
    cases = Cases(histories, np.arange(len(rows) + 1), train.item[lasts[rows]], exclude_seen=not repeats)
    return train.between(train.offsets[:-1], ends), cases
