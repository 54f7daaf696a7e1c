"""The training loop: batches in a seeded order, one step each, a look at the metric now and then, the best kept."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it

from footfall.errors import TrainingError
from footfall.histories.columns import FIRST_CODE
from footfall.model.behaviour import BehaviourModel
from footfall.training import objectives
from footfall.training.packing import Tokens, recency_shares, shuffled, windows
from footfall.training.state import load_state, optimiser_tensors, restore_optimiser, save_state
from footfall.training.targets import Targets, following

FULL_SOFTMAX_ITEMS = 20_000
"""Up to so many items the softmax is over all of them; beyond, over some that are drawn."""

DRAWN = 4096
"""Items that are drawn per step, where nobody says how many."""


WIDE = 128
"""From this width on, products are worth more than one thread."""

HALF_WIDTH = 256
"""From this width on, the backbone's products are in bfloat16 too; below, turning numbers around costs more."""


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained.

    Attributes:
        epochs: Most passes over the log.
        tokens: Events per step, about.
        learning_rate: Peak rate; that of the model's size without it.
        warmup_steps: Steps over which the rate rises.
        final_rate: Share of the peak rate at the last epoch; it falls along a cosine.
        weight_decay: Of AdamW.
        negatives: Items drawn per step; 0 for the softmax over all items; None lets the size of the catalogue decide.
        smoothing: Label smoothing, where items are drawn.
        averaging: Decay per step of the moving average of the weights, which is what is judged and kept; 0 for none.
        mirrored: Whether every history is read backwards as well in every epoch; where what is looked at together
            matters more than in which order, as within sessions, that is twice the evidence.
        recency: How fast old windows are left out, as a share of the log: in each epoch, a window this far from the
            log's end is trained on with probability 1/e, one twice as far with 1/e^2; 0 trains on all. By time, or else
            by place in the log.
        type_weight: Weight of the next type's loss; 0 leaves it out.
        gap_weight: Weight of the next gap's loss; 0 leaves it out.
        every: Epochs between two looks at the metric.
        patience: Looks without a better metric until the run stops.
        save_s: Seconds between two states kept on disk.
        seed: Of everything that is random.
        half: Whether products are in bfloat16, those over all items and those of wide models; weights and softmax
            are not. None asks the processor.
        next_weight: Weight of the next item's loss.
        goal_weight: Weight of the loss of the goal that a run was given besides.
        frozen: Whether only the heads are trained, and what they stand on is left as it is.
    """

    epochs: int = 60
    tokens: int = 1024
    learning_rate: float | None = None
    warmup_steps: int = 100
    final_rate: float = 0.05
    weight_decay: float = 0.0
    negatives: int | None = None
    smoothing: float = 0.0
    averaging: float = 0.0
    mirrored: bool = False
    recency: float = 0.0
    type_weight: float = 0.1
    gap_weight: float = 0.05
    every: int = 2
    patience: int = 8
    save_s: float = 60.0
    seed: int = 0
    half: bool | None = None
    next_weight: float = 1.0
    goal_weight: float = 0.0
    frozen: bool = False

    def drawn(self, n_items: int) -> int:
        """Return how many items are drawn per step for a catalogue of this size; 0 for the softmax over all."""
        if self.negatives is None:
            return 0 if n_items <= FULL_SOFTMAX_ITEMS else DRAWN
        return min(self.negatives, n_items)


@dataclasses.dataclass(frozen=True)
class Look:
    """What a run had reached when it looked.

    Attributes:
        epoch: Epochs done.
        loss: Mean loss over the epoch.
        metric: What the metric said; NaN without one.
        cpu_s: Processor time so far, without the looks, seconds.
        events: Events trained on so far.
    """

    epoch: int
    loss: float
    metric: float
    cpu_s: float
    events: int


Metric = Callable[[BehaviourModel], float]


@dataclasses.dataclass(frozen=True)
class Step:
    """Where a run stands after a step.

    Attributes:
        epoch: Epochs done.
        epochs: The most there will be.
        events: Events of this epoch that are done.
        epoch_events: Events of an epoch.
        loss: Mean loss of this epoch so far.
        best: Best metric so far; -inf without one.
    """

    epoch: int
    epochs: int
    events: int
    epoch_events: int
    loss: float
    best: float


Watch = Callable[[Step], None]
"""Told of every step."""


def has_half(device: torch.device) -> bool:
    """Tell whether products in bfloat16 are quicker than in float32.

    Args:
        device: Where they are taken.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    flags = Path("/proc/cpuinfo")
    return flags.exists() and any(name in flags.read_text() for name in ("amx_bf16", "avx512_bf16"))


class Run:
    """One training run, which can be stopped anywhere and gone on with."""

    def __init__(
        self,
        model: BehaviourModel,
        tokens: Tokens,
        settings: TrainingSettings,
        folder: Path | None = None,
        goal: tuple[str, Targets] | None = None,
    ) -> None:
        """Make ready; a state in the folder is gone on with.

        Args:
            model: What is trained, in place, on the device it is on; its item table is sparse where items are drawn.
            tokens: The log.
            settings: How.
            folder: Where states are kept; nowhere without it.
            goal: A head of the model, and what it foretells, besides the next item.
        """
        tokens = tokens.with_mirrored() if settings.mirrored else tokens
        self.model, self.tokens, self.settings, self.folder = model, tokens, settings, folder
        self.device = model.items.own.weight.device
        self.negatives = settings.drawn(model.config.n_codes - FIRST_CODE)
        self._most_drawn = min(DRAWN, model.config.n_codes - FIRST_CODE)
        self.half = has_half(self.device) if settings.half is None else settings.half
        self.half_states = self.half and model.config.size.width >= HALF_WIDTH
        self.goals: list[tuple[str | None, Targets, float]] = []
        if settings.next_weight:
            self.goals.append((None, following(tokens.sequences), settings.next_weight))
        if goal is not None and settings.goal_weight:
            self.goals.append((goal[0], goal[1].until(tokens.sequences.n_events), settings.goal_weight))
        self.starts, self.lengths = windows(tokens.sequences.offsets, model.config.size.context)
        if not len(self.starts):
            raise TrainingError(
                "there is nothing to learn from: no history has two events; read a longer log (footfall ingest)"
            )
        images = 2 if settings.mirrored else 1
        ends = self.starts + self.lengths
        self.kept_shares = recency_shares(tokens.sequences, ends, settings.recency, images=images)
        self.expected = int(self.lengths.sum())
        self.epoch = self.step = self.steps = self.events = self.stale = 0
        self.loss_sum = self.loss_n = self.cpu_s = 0.0
        self.looks: list[Look] = []
        self.best = -math.inf
        self.best_weights: dict[str, torch.Tensor] = {}
        self.average = {n: p.detach().clone() for n, p in model.named_parameters()} if settings.averaging else {}
        torch.manual_seed(settings.seed)
        self._make_optimisers()
        self._restore()

    def _make_optimisers(self) -> None:
        rate, decay = self.rate, self.settings.weight_decay
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(not self.settings.frozen or name.startswith(("heads.", "repeats.")))
        sparse = [self.model.items.own.weight] if self.model.items.own.sparse else []
        dense = [p for p in self.model.parameters() if p.requires_grad and all(p is not s for s in sparse)]
        self.optimisers: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(dense, lr=rate, weight_decay=decay, betas=(0.9, 0.98))
        ]
        if sparse and sparse[0].requires_grad:
            self.optimisers.append(torch.optim.SparseAdam(sparse, lr=rate, betas=(0.9, 0.98)))

    @property
    def rate(self) -> float:
        """The peak learning rate."""
        return self.settings.learning_rate or self.model.config.size.learning_rate

    def go(self, metric: Metric | None = None, watch: Watch | None = None) -> list[Look]:
        """Train until the epochs are over or the metric has stopped rising; the best weights are left in the model.

        Args:
            metric: Larger is better; worked out with the averaged weights where there are such.
            watch: Told of every step.

        Returns:
            What was seen on the way.

        Raises:
            TrainingError: The loss is no number any more.
        """
        with _threads(self.device, self.model.config.size.width):
            self._go(metric, watch)
        return self.looks

    def _go(self, metric: Metric | None, watch: Watch | None) -> None:
        saved = time.monotonic()
        while self.epoch < self.settings.epochs and self.stale < self.settings.patience:
            for number, groups in enumerate(self._batches()):
                if number < self.step:
                    continue  # done before the run was stopped
                self._step(groups)
                if watch is not None:
                    watch(self._stand())
                if self.folder is not None and time.monotonic() - saved >= self.settings.save_s:
                    self._save()
                    saved = time.monotonic()
            self._end_epoch(metric)
            if self.folder is not None:
                self._save()
        if self.best_weights:
            self.model.load_state_dict(self.best_weights)
        elif self.average:
            self._load(self.average)
        self.model.eval()

    def _batches(self) -> Iterator[list[Any]]:
        rng = np.random.default_rng((self.settings.seed, self.epoch))
        starts, lengths = self.starts, self.lengths
        if self.settings.recency:
            kept = rng.random(len(starts)) < self.kept_shares
            starts, lengths = starts[kept], lengths[kept]
        self.expected = max(int(lengths.sum()), 1)
        return shuffled(starts, lengths, self.settings.tokens, rng)

    def _step(self, groups: list[Any]) -> None:
        began = time.process_time()
        self.model.train()
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self.rate * self._share()
        loss, n = self._loss(groups)
        if not torch.isfinite(loss.detach()):
            kept = f" in {self.folder}" if self.folder else ""
            raise TrainingError(
                f"the loss is {float(loss.detach())} in step {self.step} of epoch {self.epoch} "
                f"(seed {self.settings.seed}); the "
                f"last good state is kept{kept}; train with a lower learning rate"
            )
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimiser in self.optimisers:
            optimiser.step()
        if self.average:
            decay = min(self.settings.averaging, (1 + self.steps) / (10 + self.steps))
            with torch.no_grad():
                for name, value in self.model.named_parameters():
                    self.average[name].lerp_(value, 1 - decay)
        self.step, self.steps, self.events = self.step + 1, self.steps + 1, self.events + n
        self.loss_sum, self.loss_n = self.loss_sum + float(loss.detach()) * n, self.loss_n + n
        self.cpu_s += time.process_time() - began

    def _stand(self) -> Step:
        loss = self.loss_sum / max(self.loss_n, 1)
        return Step(self.epoch, self.settings.epochs, int(self.loss_n), self.expected, loss, self.best)

    def _share(self) -> float:
        done = min(1.0, (self.epoch + self.loss_n / self.expected) / self.settings.epochs)
        low = self.settings.final_rate
        return min(1.0, (self.steps + 1) / self.settings.warmup_steps) * (
            low + (1 - low) * (1 + math.cos(math.pi * done)) / 2
        )

    def _loss(self, groups: list[Any]) -> tuple[torch.Tensor, int]:
        batch, at = self.tokens.batch(groups)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half_states):
            on_device = batch.to(self.device)
            states = self.model(on_device)
        states = states.float()
        total = states.sum() * 0.0
        for number, (head, targets, weight) in enumerate(self.goals):
            real, events = targets.draw(at, np.random.default_rng((self.settings.seed, self.epoch, self.step, number)))
            if len(real) and self.model.config.repeats:
                codes = torch.zeros(len(at), dtype=torch.int64, device=self.device)
                codes[torch.from_numpy(real).to(self.device)] = self._codes("item", events)
                total = total + weight * objectives.with_repeats(
                    self.model, states, on_device, codes, head=head,
                    negatives=self.negatives or self._most_drawn, smoothing=self.settings.smoothing,
                )  # fmt: skip
            elif len(real):
                total = total + weight * objectives.next_item(
                    self.model, states[torch.from_numpy(real).to(self.device)], self._codes("item", events), head=head,
                    negatives=self.negatives, half=self.half, smoothing=self.settings.smoothing,
                )  # fmt: skip
        settings, following = self.settings, at + 1
        if self.model.to_type is not None and settings.type_weight and self.tokens.sequences.event_type is not None:
            kinds = self._codes("event_type", following)
            total = total + settings.type_weight * F.cross_entropy(self.model.to_type(states), kinds)
        if self.model.to_gap is not None and settings.gap_weight and self.tokens.gaps is not None:
            gaps = torch.from_numpy(self.tokens.gaps[following].astype(np.int64)).to(self.device)
            total = total + settings.gap_weight * F.cross_entropy(self.model.to_gap(states), gaps)
        return total, len(at)

    def _codes(self, column: str, events: npt.NDArray[np.int64]) -> torch.Tensor:
        codes = getattr(self.tokens.sequences, column)[events].astype(np.int64)
        return torch.from_numpy(codes).to(self.device)

    def _end_epoch(self, metric: Metric | None) -> None:
        self.epoch, self.step = self.epoch + 1, 0
        loss = self.loss_sum / max(self.loss_n, 1)
        self.loss_sum = self.loss_n = 0.0
        found = math.nan
        if metric is not None and (self.epoch % self.settings.every == 0 or self.epoch == self.settings.epochs):
            with self._averaged():
                self.model.eval()
                found = metric(self.model)
                if found > self.best:
                    self.best, self.stale = found, 0
                    self.best_weights = {n: v.detach().clone() for n, v in self.model.state_dict().items()}
                else:
                    self.stale += 1
        self.looks.append(Look(self.epoch, loss, found, self.cpu_s, self.events))

    @contextlib.contextmanager
    def _averaged(self) -> Iterator[None]:
        if not self.average:
            yield
            return
        own = {name: value.detach().clone() for name, value in self.model.named_parameters()}
        self._load(self.average)
        try:
            yield
        finally:
            self._load(own)

    def _load(self, weights: dict[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, value in self.model.named_parameters():
                value.copy_(weights[name])

    def _save(self) -> None:
        assert self.folder is not None  # noqa: S101 - the caller has looked
        if not all(torch.isfinite(p).all() for p in self.model.parameters()):
            return  # the next step will say so; the state before it is the last good one
        tensors = {f"model.{n}": v for n, v in self.model.state_dict().items()}
        tensors |= {f"average.{n}": v for n, v in self.average.items()}
        tensors |= {f"best.{n}": v for n, v in self.best_weights.items()}
        for i, optimiser in enumerate(self.optimisers):
            tensors |= optimiser_tensors(optimiser, f"optimiser.{i}.")
        tensors["random"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["random_cuda"] = torch.cuda.get_rng_state(self.device)
        about = {name: getattr(self, name) for name in _COUNTERS} | {
            "looks": [dataclasses.asdict(look) for look in self.looks],
            "settings": dataclasses.asdict(self.settings),
            "config": self.model.config.to_dict(),
        }
        save_state(self.folder, tensors, about)

    def _restore(self) -> None:
        kept = None if self.folder is None else load_state(self.folder)
        if kept is None:
            return
        tensors, about = kept
        if about["settings"] != dataclasses.asdict(self.settings) or about["config"] != self.model.config.to_dict():
            raise TrainingError(
                f"{self.folder} holds a run with other settings; go on with those, or train into another folder"
            )
        self.model.load_state_dict(_under(tensors, "model."))
        self.average, self.best_weights = _under(tensors, "average."), _under(tensors, "best.")
        for i, optimiser in enumerate(self.optimisers):
            restore_optimiser(optimiser, tensors, f"optimiser.{i}.")
        for name in _COUNTERS:
            setattr(self, name, about[name])
        self.looks = [Look(**look) for look in about["looks"]]
        torch.set_rng_state(tensors["random"].cpu())
        if "random_cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random_cuda"].cpu(), self.device)


@contextlib.contextmanager
def _threads(device: torch.device, width: int) -> Iterator[None]:
    """Let narrow models run on one thread: handing their small products around costs more than it saves."""
    before = torch.get_num_threads()
    if device.type == "cpu" and width < WIDE:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_COUNTERS = ("epoch", "step", "steps", "events", "stale", "loss_sum", "loss_n", "cpu_s", "best")


def _under(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
