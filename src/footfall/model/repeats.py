"""Repeats: people come back to items, and by how much an item's score rises with each time it was met."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import nn

from footfall.histories.columns import FIRST_CODE
from footfall.model.backbone import N_RAMPS, time_ramps
from footfall.model.batch import Batch
from footfall.model.config import ModelConfig

_WIDTH = 32
_DISTANCES = 12
"""Bands of how many events ago something was, doubling."""
_MOST = 12.0
"""Logarithm of the most that one event may add: beyond it lies nothing but an overflow."""


@dataclasses.dataclass(frozen=True)
class Past:
    """Of one group of rows: what each event of the past adds to its item after each event.

    Attributes:
        item: Codes, int64 [rows, length].
        rise: For the state after event t, what is added to the score of the item of event j by all its times up to t,
            float [rows, length, length]; of no account where ``counts`` is false.
        counts: Whether j is the last time of its item up to t, and about an item, bool [rows, length, length].
    """

    item: torch.Tensor
    rise: torch.Tensor
    counts: torch.Tensor


class Repeats(nn.Module):
    """A copying head: the score of an item rises with every event about it in the past.

    After event t an item rises by ``log(1 + sum over its events j up to t of exp(g(t, j)))``, and ``g`` is learnt from
    both states, from how many events ago j was, and from the time between them. It joins what a user often returns to
    with what comes next, as the pointers of Vinyals et al. (2015) and the repeats of RepeatNet (Ren et al. 2019) do.
    """

    def __init__(self, config: ModelConfig) -> None:
        """Make it; at first every event adds the same.

        Args:
            config: The model's shape.
        """
        super().__init__()
        self.query = nn.Linear(config.size.width, _WIDTH, bias=False)
        self.key = nn.Linear(config.size.width, _WIDTH, bias=False)
        self.distance = nn.Parameter(torch.zeros(_DISTANCES))
        self.by_time = nn.Parameter(torch.zeros(N_RAMPS)) if config.time_aware else None
        nn.init.normal_(self.key.weight, std=0.01)

    def forward(self, states: torch.Tensor, batch: Batch, *, last_only: bool = False) -> list[Past]:
        """Return what the past adds, group by group.

        Args:
            states: After every event, float [tokens, width].
            batch: The events.
            last_only: Ask for the state after the last event of each row alone; t is then one place.
        """
        ramps = time_ramps(batch) if self.by_time is not None else None
        found, base = [], 0
        for number, (rows, length) in enumerate(batch.groups):
            here = slice(base, base + rows * length)
            base += rows * length
            state = states[here].view(rows, length, -1)
            item = batch.item[here].view(rows, length)
            asked = slice(length - 1, length) if last_only else slice(0, length)
            gain = self.query(state[:, asked]) @ self.key(state).transpose(1, 2) / math.sqrt(_WIDTH)
            gain = gain + self.distance[_bands(length, item.device)[asked]]
            if ramps is not None and self.by_time is not None:
                gain = gain + ramps[number][:, asked, :, 1:] @ self.by_time
            found.append(_past(gain, item, asked))
        return found


def _past(gain: torch.Tensor, item: torch.Tensor, asked: slice) -> Past:
    length = item.shape[1]
    earlier = torch.ones(length, length, dtype=torch.bool, device=item.device).tril()
    same = item[:, :, None] == item[:, None, :]
    weight = torch.exp(gain.clamp(max=_MOST)) * earlier[asked]
    rise = torch.log1p(weight @ same.to(weight.dtype))
    # The place of the next event about the same item: from there on, that one is the last.
    later = same & earlier.T.logical_and(~torch.eye(length, dtype=torch.bool, device=item.device))
    following = torch.where(later.any(2), later.to(torch.uint8).argmax(2), length)
    places = torch.arange(length, device=item.device)[asked]
    last = earlier[asked] & (following[:, None, :] > places[None, :, None])
    return Past(item, rise, last & (item >= FIRST_CODE)[:, None, :])


def _bands(length: int, device: torch.device) -> torch.Tensor:
    """Return the band of how many events lie between t and j, int64 [length, length]."""
    places = torch.arange(length, device=device)
    apart = (places[:, None] - places[None, :]).clamp_min(0) + 1
    return torch.log2(apart.float()).floor().long().clamp_max(_DISTANCES - 1)
