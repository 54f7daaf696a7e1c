"""The backbone: from tokens to states. Every encoder takes the same tokens, and could stand in the same place."""

from __future__ import annotations

import abc

import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it
from torch import nn

from footfall.model.batch import Batch
from footfall.model.config import ModelConfig

N_RAMPS = 4
"""Numbers that a time difference is seen as; see ``_ramps``."""


class Encoder(nn.Module, abc.ABC):
    """Reads the tokens of a batch; a token's state may depend on it and on those before it in its row."""

    @abc.abstractmethod
    def forward(self, tokens: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the state after every event, float [tokens, width]."""


class Transformer(Encoder):
    """A pre-norm causal Transformer with gated blocks; attention may see the time between events."""

    def __init__(self, config: ModelConfig) -> None:
        """Make the blocks."""
        super().__init__()
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.size.blocks))
        self.norm = nn.LayerNorm(config.size.width)
        self.time_aware = config.time_aware

    def forward(self, tokens: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the state after every event, float [tokens, width]."""
        ramps = time_ramps(batch) if self.time_aware else None
        for block in self.blocks:
            tokens = block(tokens, batch.groups, ramps)
        states: torch.Tensor = self.norm(tokens)
        return states


class Block(nn.Module):
    """Attention and a SwiGLU layer, each behind a norm, and each let through by a gate that reads what stands there.

    The gates are those of LiGR (Borisyuk et al. 2025, arXiv:2502.03417), the layer is that of Shazeer (2020,
    arXiv:2002.05202).
    """

    def __init__(self, config: ModelConfig) -> None:
        """Make the layers."""
        super().__init__()
        width, self.heads = config.size.width, config.size.heads
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.wide = nn.Linear(width, 4 * width, bias=False)
        self.narrow = nn.Linear(2 * width, width, bias=False)
        self.gate_1, self.gate_2 = nn.Linear(width, width), nn.Linear(width, width)
        self.drop = nn.Dropout(config.size.dropout)
        self.by_time = nn.Parameter(torch.zeros(N_RAMPS, self.heads)) if config.time_aware else None

    def forward(
        self, tokens: torch.Tensor, groups: tuple[tuple[int, int], ...], ramps: list[torch.Tensor] | None
    ) -> torch.Tensor:
        """Return the tokens after the block, float [tokens, width]."""
        seen = self._attend(self.qkv(self.norm_1(tokens)), groups, ramps)
        tokens = tokens + self.drop(self.out(seen)) * torch.sigmoid(self.gate_1(tokens))
        left, right = self.wide(self.norm_2(tokens)).chunk(2, -1)
        added = self.drop(self.narrow(F.silu(right) * left))
        result: torch.Tensor = tokens + added * torch.sigmoid(self.gate_2(tokens))
        return result

    def _attend(
        self, qkv: torch.Tensor, groups: tuple[tuple[int, int], ...], ramps: list[torch.Tensor] | None
    ) -> torch.Tensor:
        width = qkv.shape[-1] // 3
        seen, base = [], 0
        for i, (rows, length) in enumerate(groups):
            part = qkv[base : base + rows * length].view(rows, length, 3, self.heads, width // self.heads)
            base += rows * length
            if length == 1:  # a lone event sees itself only
                seen.append(part[:, :, 2].reshape(rows, width))
                continue
            query, key, value = part.permute(2, 0, 3, 1, 4)
            if ramps is None or self.by_time is None:
                found = F.scaled_dot_product_attention(query, key, value, is_causal=True)
            else:
                # Later events are shut off by the first ramp, which is minus infinity there and zero elsewhere.
                mask = (ramps[i][..., 1:] @ self.by_time + ramps[i][..., :1]).permute(0, 3, 1, 2)
                found = F.scaled_dot_product_attention(query, key, value, attn_mask=mask.to(query.dtype))
            seen.append(found.transpose(1, 2).reshape(rows * length, width))
        return torch.cat(seen)


def time_ramps(batch: Batch) -> list[torch.Tensor]:
    """Return what attention is told of the time between two events, per group: float [rows, length, length, 1 + ramps].

    The first number is minus infinity where the key comes later than the query. The others rise with the logarithm of
    the time between them: its scale from seconds to years in one line, and three that begin at an hour, a day, a month.
    """
    assert batch.time_s is not None  # noqa: S101 - a time-aware model is given times
    found, base = [], 0
    for rows, length in batch.groups:
        time = batch.time_s[base : base + rows * length].view(rows, length)
        base += rows * length
        apart = torch.log1p((time.unsqueeze(2) - time.unsqueeze(1)).clamp_min(0)) / 4
        later = torch.full((length, length), float("-inf"), device=time.device).triu(1)
        starts = (0.0, 8.19 / 4, 11.37 / 4, 14.77 / 4)  # log of an hour, a day, a month in seconds
        ramps = [later.expand(rows, length, length), *((apart - start).clamp_min(0) for start in starts)]
        found.append(torch.stack(ramps, -1))
    return found
