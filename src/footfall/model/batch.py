"""A batch: tokens of many histories one after another. Nothing is padded: rows of equal length stand together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch


@dataclasses.dataclass(frozen=True)
class Batch:
    """Events as the model reads them.

    Attributes:
        groups: Rows and length of each group of equally long rows; tokens stand group after group, row after row.
        item: Item codes, int64 [tokens].
        event_type: Type codes, int64 [tokens], or None.
        features: Codes of further features by name, int64 [tokens] each.
        time_s: Seconds since some moment, float32 [tokens], or None; only differences within a row are looked at.
    """

    groups: tuple[tuple[int, int], ...]
    item: torch.Tensor
    event_type: torch.Tensor | None = None
    features: Mapping[str, torch.Tensor] = dataclasses.field(default_factory=dict)
    time_s: torch.Tensor | None = None

    @property
    def places(self) -> torch.Tensor:
        """How many events stand between each token and the last of its row, int64 [tokens]."""
        counted = [torch.arange(length - 1, -1, -1).repeat(rows) for rows, length in self.groups]
        return torch.cat(counted).to(self.item.device)

    @property
    def ends(self) -> torch.Tensor:
        """Position of the last token of every row, int64 [rows]."""
        found, base = [], 0
        for rows, length in self.groups:
            found.append(base + torch.arange(1, rows + 1) * length - 1)
            base += rows * length
        return torch.cat(found).to(self.item.device)

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        move = {name: value.to(device) for name, value in self.features.items()}
        kind = None if self.event_type is None else self.event_type.to(device)
        time = None if self.time_s is None else self.time_s.to(device)
        return Batch(self.groups, self.item.to(device), kind, move, time)
