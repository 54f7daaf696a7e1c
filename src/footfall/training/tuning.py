"""Tuning: a trained model goes on learning, from what came of users, with a head for each question."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it
from torch import nn

from footfall.errors import TrainingError
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.model.behaviour import BehaviourModel
from footfall.model.heads import AnswerHead, LossWeights
from footfall.training import objectives
from footfall.training.loop import HALF_WIDTH, TrainingSettings, has_half
from footfall.training.packing import Tokens, shuffled
from footfall.training.targets import following

Int64 = npt.NDArray[np.int64]
Float64 = npt.NDArray[np.float64]
Groups = list[tuple[Int64, int]]

TWEEDIE: Final = 1.5
"""Power of Tweedie's deviance: between counts (1) and a gamma's long tail (2); many amounts are 0."""
FARTHEST: Final = 12.0
"""Answers beyond it, as logarithms, are cut: e^12 times the mean is no amount."""
WARMUP: Final = 20
"""Steps over which the rates rise."""
ROWS: Final = 256
"""Examples of a step where only heads learn, at the most."""
STEPS: Final = 30
"""Steps of a pass, at the least: few examples are learnt from in small steps."""


@dataclasses.dataclass(frozen=True)
class TuningSettings:
    """How a model is tuned.

    The heads learn first, over states that are worked out once: a head that knows nothing would teach the backbone
    nothing good (Kumar et al. 2022, arXiv:2202.10054). Then both learn, the backbone more slowly.

    Attributes:
        head_epochs: Most passes of the heads alone.
        epochs: Most passes of heads and backbone together.
        frozen: Whether the backbone is left as it is.
        rate: Peak learning rate of the heads.
        backbone_rate: That of the backbone. The items' vectors stay as they are: what came of some thousand users says
            next to nothing of each of as many items.
        weight_decay: Of the heads.
        dropout: Share of the heads' inputs dropped while training.
        tokens: Events per step, about.
        context: Most events of a history that are read while training.
        most_events: Events that are read in all; passes are over a part of the examples where that is too few.
        patience: Passes without a better loss on what is held out until a stage ends.
        held_out: Share of users that is held out where there is one cutoff only; else it is the last cutoff.
        again: Whether what was chosen on what is held out is then learnt anew from everything, as long.
        next_weight: Weight of the next item's loss besides; 0 leaves it out.
        seed: Of everything that is random.
    """

    head_epochs: int = 20
    epochs: int = 8
    frozen: bool = False
    rate: float = 5e-4
    backbone_rate: float = 1e-4
    weight_decay: float = 0.01
    dropout: float = 0.3
    tokens: int = 4096
    context: int = 128
    most_events: int = 4_000_000
    patience: int = 3
    held_out: float = 0.2
    again: bool = True
    next_weight: float = 0.0
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Lessons:
    """What is learnt from.

    Attributes:
        histories: Of each example, strictly before its cutoff.
        features: Of one scale and without gaps, float32 [examples, features].
        told: What came of it, by question, float64 [examples] each; NaN where it is not known.
        rows: Whose example each is, int64 [examples].
        cutoff_us: Its moment, int64 [examples].
    """

    histories: Sequences
    features: npt.NDArray[np.float32]
    told: Mapping[str, Float64]
    rows: Int64
    cutoff_us: Int64


@dataclasses.dataclass(frozen=True)
class Asked:
    """One question, as its head answers it.

    Attributes:
        binary: Whether a chance is foretold, or else an amount.
        scale: The mean of the amounts, by which they are divided; 1 of a chance.
        start: The log-odds of the share; 0 of an amount.
    """

    binary: bool
    scale: float
    start: float

    @classmethod
    def of(cls, told: Float64) -> Asked:
        """Read a question off its labels: where all are 0 or 1, it is a chance.

        Args:
            told: Labels; NaN where unknown.
        """
        known = told[np.isfinite(told)]
        if np.isin(known, (0, 1)).all():
            share = float(np.clip(known.mean() if len(known) else 0.5, 1e-4, 1 - 1e-4))
            return cls(binary=True, scale=1.0, start=math.log(share / (1 - share)))
        return cls(binary=False, scale=max(float(known.mean()), 1e-9), start=0.0)

    def loss(self, answers: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
        """Return the mean cross-entropy, or Tweedie's deviance without what does not depend on the answers.

        Args:
            answers: What the head said, float [examples].
            told: Labels, float [examples]; none is NaN.
        """
        if self.binary:
            return F.binary_cross_entropy_with_logits(answers, told)
        # Jorgensen 1987: with p between 1 and 2, -y mu^(1-p) / (1-p) + mu^(2-p) / (2-p), mu = exp(answer).
        answers, amounts = answers.clamp(-FARTHEST, FARTHEST), told.clamp_min(0) / self.scale
        low, high = 1 - TWEEDIE, 2 - TWEEDIE
        return (-amounts * torch.exp(low * answers) / low + torch.exp(high * answers) / high).mean()


class Tuning:
    """One run: a model and its heads, tuned in place.

    Attributes:
        passes: How many of the heads alone, and of both together, were best on what is held out.
    """

    def __init__(self, model: BehaviourModel, lessons: Lessons, own: str, settings: TuningSettings) -> None:
        """Make ready.

        Args:
            model: What is tuned, in place, on the device it is on.
            lessons: What is learnt from.
            own: The question whose loss on what is held out says when to stop.
            settings: How.

        Raises:
            TrainingError: No example has a history.
        """
        self.model, self.lessons, self.own, self.settings = model, lessons, own, settings
        self.device = model.items.own.weight.device
        context = min(model.config.size.context, settings.context)
        # One event more than is read: the first one's token tells the time since the one before it.
        self.tokens = Tokens.of(lessons.histories.tail(context + 1), model.config)
        offsets = self.tokens.sequences.offsets
        self.lengths = np.minimum(np.diff(offsets), context)
        self.starts = offsets[1:] - self.lengths
        self.owner = self.tokens.sequences.rows
        if not self.lengths.any():
            raise TrainingError("no example has a history to learn from; read a longer log (footfall ingest)")
        self.asked = {name: Asked.of(told) for name, told in lessons.told.items()}
        self.half = has_half(self.device) and model.config.size.width >= HALF_WIDTH
        self.next = following(self.tokens.sequences)
        self.features = torch.from_numpy(lessons.features).to(self.device)
        self.labels = {
            name: torch.from_numpy(told.astype(np.float32)).to(self.device) for name, told in lessons.told.items()
        }
        self.passes = (0, 0)
        torch.manual_seed(settings.seed)
        self._make_heads()

    def _make_heads(self) -> None:
        width, n_features = self.model.config.size.width, self.features.shape[1]
        made = {name: AnswerHead(width, n_features, dropout=self.settings.dropout) for name in self.asked}
        for name, head in made.items():
            head.start(self.asked[name].start)
        self.heads = nn.ModuleDict(made).to(self.device)
        self.weights = LossWeights(self.asked).to(self.device)

    def go(self) -> AnswerHead:
        """Tune until what is held out says to stop, then again on everything; return the own question's head.

        Raises:
            TrainingError: The loss is no number any more.
        """
        before = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        held = self._held()
        learn, judge = np.flatnonzero(~held), np.flatnonzero(held)
        self.passes = self._both(
            learn, judge, (self.settings.head_epochs, 0 if self.settings.frozen else self.settings.epochs)
        )
        if self.settings.again:
            self.model.load_state_dict(before)
            torch.manual_seed(self.settings.seed)
            self._make_heads()
            self._both(np.arange(len(held)), None, self.passes)
        self.model.eval().requires_grad_(True)
        head = self.heads[self.own].eval()
        assert isinstance(head, AnswerHead)  # noqa: S101 - tells the type checker
        return head

    def _held(self) -> npt.NDArray[np.bool_]:
        """Tell which examples are held out: those of the last cutoff, or of some users."""
        cutoffs, rows = self.lessons.cutoff_us, self.lessons.rows
        told = self.lessons.told[self.own]
        last: npt.NDArray[np.bool_] = cutoffs == cutoffs.max()
        if all(len(np.unique(told[part])) > 1 for part in (last, ~last)):
            return last
        users = np.unique(rows)
        some = np.random.default_rng((self.settings.seed, 7)).permutation(users)
        return np.isin(rows, some[: max(1, int(len(users) * self.settings.held_out))])

    def _both(self, learn: Int64, judge: Int64 | None, epochs: tuple[int, int]) -> tuple[int, int]:
        """Let the heads learn, then the backbone with them; return how many epochs of each were best."""
        states = self._states(np.arange(len(self.lengths)))
        self.model.requires_grad_(False)
        optimiser = torch.optim.AdamW(self._head_groups(), betas=(0.9, 0.98))
        best = math.inf if judge is None else self._judged(judge, states)
        first, best = self._stage(optimiser, learn, judge, epochs[0], states, best)
        if not epochs[1]:
            return first, 0
        del states
        tuned = [value for name, value in self.model.named_parameters() if not name.startswith("items.")]
        for value in tuned:
            value.requires_grad_(True)
        slow = {"params": tuned, "lr": self.settings.backbone_rate, "weight_decay": 0.0}
        optimiser = torch.optim.AdamW([*self._head_groups(), slow], betas=(0.9, 0.98))
        second, _ = self._stage(optimiser, learn, judge, epochs[1], None, best)
        return first, second

    def _head_groups(self) -> list[dict[str, Any]]:
        settings = self.settings
        heads = {"params": list(self.heads.parameters()), "lr": settings.rate, "weight_decay": settings.weight_decay}
        return [heads, {"params": list(self.weights.parameters()), "lr": settings.rate, "weight_decay": 0.0}]

    def _stage(
        self,
        optimiser: torch.optim.Optimizer,
        learn: Int64,
        judge: Int64 | None,
        epochs: int,
        states: torch.Tensor | None,
        best: float,
    ) -> tuple[int, float]:
        """Pass over the examples; return how many passes were best, and the loss on what is held out after them."""
        planned = self.settings.epochs if states is None else self.settings.head_epochs
        peaks = [group["lr"] for group in optimiser.param_groups]
        kept, chosen, stale, steps = self._weights(states), 0, 0, 0
        for epoch in range(epochs):
            for rows, groups in self._passed(learn, epoch, states):
                steps += 1
                share = min(1.0, steps / WARMUP) * (0.1 + 0.9 * (1 + math.cos(math.pi * epoch / planned)) / 2)
                for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                    group["lr"] = peak * share
                self._step(optimiser, rows, groups, states, epoch)
            if judge is None:
                continue
            found = self._judged(judge, states)
            if found < best:
                best, chosen, stale, kept = found, epoch + 1, 0, self._weights(states)
            else:
                stale += 1
                if stale >= self.settings.patience:
                    break
        if judge is None:
            return epochs, best
        for part, values in kept:
            part.load_state_dict(values)
        return chosen, best

    def _weights(self, states: torch.Tensor | None) -> list[tuple[nn.Module, dict[str, torch.Tensor]]]:
        parts = [self.heads, self.weights, *([self.model] if states is None else [])]
        return [(part, {name: value.detach().clone() for name, value in part.state_dict().items()}) for part in parts]

    def _passed(self, rows: Int64, epoch: int, states: torch.Tensor | None) -> Iterator[tuple[Int64, Groups]]:
        """Yield examples of a pass, in a random order; with the events of their histories where they are to be read."""
        rng = np.random.default_rng((self.settings.seed, epoch, 0 if states is None else 1))
        mixed = rng.permutation(rows)
        if states is not None:
            size = min(ROWS, max(32, len(mixed) // STEPS))
            for begin in range(0, len(mixed), size):
                yield mixed[begin : begin + size], []
            return
        passes = self.settings.epochs * (2 if self.settings.again else 1)
        read = np.cumsum(self.lengths[mixed]) <= max(self.settings.most_events / passes, self.settings.tokens)
        yield from self._packed(mixed[read], rng)

    def _packed(self, rows: Int64, rng: np.random.Generator) -> Iterator[tuple[Int64, Groups]]:
        rows = rows[self.lengths[rows] > 0]
        tokens = min(self.settings.tokens, max(512, int(self.lengths[rows].sum()) // STEPS))
        for groups in shuffled(self.starts[rows], self.lengths[rows], tokens, rng):
            yield np.concatenate([self.owner[starts] for starts, _ in groups]), groups

    def _step(
        self,
        optimiser: torch.optim.Optimizer,
        rows: Int64,
        groups: Groups,
        states: torch.Tensor | None,
        epoch: int,
    ) -> None:
        self.heads.train()
        self.model.train(states is None)
        if states is None:
            found, beside = self._read(groups, epoch)
        else:
            found, beside = states[torch.from_numpy(rows).to(self.device)], None
        loss = self.weights(self._losses(rows, found))
        if beside is not None:
            loss = loss + self.settings.next_weight * beside
        if not torch.isfinite(loss.detach()):
            raise TrainingError(f"the loss is {float(loss.detach())} while tuning; tune with a lower rate")
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        every = [value for group in optimiser.param_groups for value in group["params"]]
        nn.utils.clip_grad_norm_(every, 1.0)  # one large amount must not undo what was learnt
        optimiser.step()

    def _losses(self, rows: Int64, states: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the loss of each question over those rows of which its answer is known."""
        at = torch.from_numpy(rows).to(self.device)
        features, found = self.features[at], {}
        for name, asked in self.asked.items():
            told = self.labels[name][at]
            known = torch.isfinite(told)
            if bool(known.any()):
                found[name] = asked.loss(self.heads[name](states[known], features[known]), told[known])
        return found

    def _read(self, groups: Groups, epoch: int) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the states at the ends of histories, and the next item's loss within them where it is wanted."""
        batch, at = self.tokens.batch(groups)
        on_device = batch.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            states = self.model(on_device)
        states, beside = states.float(), None
        if self.model.training and self.settings.next_weight:
            rng = np.random.default_rng((self.settings.seed, epoch, int(at[0])))
            real, events = self.next.draw(at, rng)
            codes = torch.from_numpy(self.tokens.sequences.item[events].astype(np.int64)).to(self.device)
            drawn = TrainingSettings().drawn(self.model.config.n_codes - FIRST_CODE)
            if len(real):
                places = torch.from_numpy(real).to(self.device)
                beside = objectives.next_item(
                    self.model, states[places], codes, negatives=drawn, half=self.half, smoothing=0.0
                )
        return states[on_device.ends], beside

    def _states(self, rows: Int64) -> torch.Tensor:
        """Return the states of all examples as the model is now, float [examples, width]; 0 without a history."""
        self.model.eval()
        found = torch.zeros(len(self.lengths), self.model.config.size.width, device=self.device)
        with torch.no_grad():
            for some, groups in self._packed(rows, np.random.default_rng(0)):
                found[torch.from_numpy(some).to(self.device)] = self._read(groups, 0)[0]
        return found

    def _judged(self, rows: Int64, states: torch.Tensor | None) -> float:
        """Return the own question's loss over examples that nothing was learnt from."""
        self.heads.eval()
        at = torch.from_numpy(rows).to(self.device)
        with torch.no_grad():
            found = (self._states(rows) if states is None else states)[at]
            told = self.labels[self.own][at]
            return float(self.asked[self.own].loss(self.heads[self.own](found, self.features[at]), told))


def shares(head: AnswerHead, states: npt.NDArray[np.float32], features: npt.NDArray[np.float32]) -> Float64:
    """Return how much each input moves the answers, float64 [width + features]: the mean size of gradient times input.

    Source: Shrikumar et al. 2016, arXiv:1605.01713.

    Args:
        head: What answers.
        states: float32 [examples, width].
        features: float32 [examples, features].
    """
    device = head.plain.weight.device
    inputs = [torch.from_numpy(part).to(device).requires_grad_(True) for part in (states, features)]
    with torch.enable_grad():
        slopes = torch.autograd.grad(head.eval()(*inputs).sum(), inputs)
    moved = [
        (part.detach() * slope).abs().mean(0).double().cpu().numpy() for part, slope in zip(inputs, slopes, strict=True)
    ]
    return np.concatenate(moved)
