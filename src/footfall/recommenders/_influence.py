"""Influence: which past events a linear function of the state owes its value to, by integrated gradients.

The path leads from a history of as many events at the same moments, none of which says anything (no item, no type, no
feature but the time since the event before), to the history itself (Sundararajan, Taly and Yan, Axiomatic Attribution
for Deep Networks, ICML 2017). A path from zeros would not do: the layers are behind norms, which see the direction of a
vector and not its length, so that nearly everything would happen in the first step.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from footfall.histories.columns import MISSING
from footfall.histories.sequences import Sequences
from footfall.model.batch import Batch
from footfall.model.behaviour import BehaviourModel
from footfall.training.packing import GAP, Tokens, newest

STEPS: Final = 12
"""Points of the path (Gauss-Legendre); what is lost by 12 is a thousandth or so of what the events add."""
AT_ONCE: Final = 32_768
"""Events that are read at once, each point of the path counted."""


@dataclasses.dataclass(frozen=True)
class Influence:
    """What events did to a linear function of the state at the end of each history.

    Attributes:
        events: What each event added, float64 [events of the histories]; 0 of those too old to be read.
        base: The function's value where no event says anything, float64 [histories]; 0 of those without events. It and
            what a history's events added sum to the function's value, but for the rounding of the path.
    """

    events: npt.NDArray[np.float64]
    base: npt.NDArray[np.float64]


def integrated_gradients(
    model: BehaviourModel, histories: Sequences, directions: npt.NDArray[np.floating[Any]], steps: int = STEPS
) -> Influence:
    """Attribute ``directions @ state`` to the events of each history.

    Args:
        model: In evaluation mode.
        histories: What is known of each.
        directions: float [histories, width], or float [width] for all of them.
        steps: Points of the path.
    """
    from captum.attr import IntegratedGradients

    context = model.config.size.context
    tail = histories.tail(context + 1)  # one event more than is read, as ``Behaviour.states`` does
    tokens = Tokens.of(tail, model.config)
    device = model.items.own.weight.device
    wanted = np.broadcast_to(np.asarray(directions, np.float32), (len(histories), model.config.size.width))
    later = histories.offsets[1:] - tail.offsets[1:]  # from a place in the tail to that in the histories
    found = Influence(np.zeros(histories.n_events), np.zeros(len(histories)))
    for rows, groups in newest(tail, context, max(1, AT_ONCE // steps)):
        begin = 0
        for starts, length in groups:
            some = rows[begin : begin + len(starts)]
            begin += len(starts)
            batch, at = tokens.batch([(starts, length)])
            whole = _OfTokens(model, batch.to(device), torch.tensor(wanted[some], device=device))
            parts = IntegratedGradients(whole).attribute(
                whole.tokens(), whole.blank_tokens(), n_steps=steps, method="gausslegendre"
            )
            owner = np.repeat(some, length)
            found.events[at + later[owner]] = parts.sum(-1).reshape(-1).double().cpu().numpy()
            with torch.inference_mode():
                found.base[some] = whole(whole.blank_tokens()).double().cpu().numpy()
    return found


class _OfTokens:
    """A linear function of the last state of equally long histories, as a function of their events' vectors."""

    def __init__(self, model: BehaviourModel, batch: Batch, directions: torch.Tensor) -> None:
        self.model, self.batch, self.directions = model, batch, directions
        ((self.rows, self.length),) = batch.groups

    @torch.no_grad()
    def tokens(self) -> torch.Tensor:
        """Return the vectors of the events, float [rows, length, width]."""
        return self._rowed(self.model.embedding(self.batch))

    @torch.no_grad()
    def blank_tokens(self) -> torch.Tensor:
        """Return the vectors of events at the same moments that say nothing, float [rows, length, width]."""
        batch = self.batch
        blank = Batch(
            batch.groups,
            torch.full_like(batch.item, MISSING),
            None if batch.event_type is None else torch.full_like(batch.event_type, MISSING),
            {name: codes if name == GAP else torch.zeros_like(codes) for name, codes in batch.features.items()},
            batch.time_s,
        )
        return self._rowed(self.model.embedding(blank))

    def _rowed(self, tokens: torch.Tensor) -> torch.Tensor:
        return tokens.view(self.rows, self.length, -1)

    def __call__(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the function's values, float [points * rows]; of tokens, float [points * rows, length, width]."""
        points = len(tokens) // self.rows
        time = self.batch.time_s
        repeated = Batch(
            ((points * self.rows, self.length),),
            self.batch.item.repeat(points),
            time_s=None if time is None else time.repeat(points),
        )
        states = self.model.backbone(tokens.reshape(-1, tokens.shape[-1]), repeated)
        last = states.view(points, self.rows, self.length, -1)[:, :, -1]
        values: torch.Tensor = (last.float() * self.directions).sum(-1)
        return values.reshape(-1)
