"""The behaviour model: tokens, backbone, and what is read off the states."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it
from torch import nn

from footfall.histories.columns import FIRST_CODE
from footfall.model.backbone import Encoder, Transformer
from footfall.model.batch import Batch
from footfall.model.config import ModelConfig
from footfall.model.embedding import EventEmbedding, ItemTable


class BehaviourModel(nn.Module):
    """Reads histories; tells the state of a user after each event, and from it scores of what may come next."""

    def __init__(self, config: ModelConfig, *, sparse: bool = False, backbone: Encoder | None = None) -> None:
        """Build a model.

        Args:
            config: Its shape.
            sparse: Whether the item table's gradients are sparse.
            backbone: Another encoder; the Transformer without it.
        """
        super().__init__()
        self.config = config
        self.items = ItemTable(config, sparse=sparse)
        self.embedding = EventEmbedding(config, self.items)
        self.backbone = backbone or Transformer(config)
        self.log_scale = nn.Parameter(torch.tensor(math.log(config.scale))) if config.logits == "cosine" else None
        self.to_type = nn.Linear(config.size.width, config.n_types) if config.n_types else None
        self.to_gap = nn.Linear(config.size.width, config.n_gaps) if config.n_gaps else None

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return the state after every event, float [tokens, width]."""
        states: torch.Tensor = self.backbone(self.embedding(batch), batch)
        return states

    def queries(self, states: torch.Tensor) -> torch.Tensor:
        """Return what is multiplied with ``keys`` to score items, float [states, width]."""
        if self.log_scale is None:
            return states
        return F.normalize(states, dim=-1) * self.log_scale.exp()

    def keys(self, codes: torch.Tensor | None = None) -> torch.Tensor:
        """Return what scores are the dot products with, float [codes, width].

        Args:
            codes: Item codes; all of them without it.
        """
        vectors = self.items.all() if codes is None else self.items(codes)
        return vectors if self.log_scale is None else F.normalize(vectors, dim=-1)

    @torch.inference_mode()
    def score(self, batch: Batch) -> torch.Tensor:
        """Return the score of every item after the last event of every row, float [rows, n_codes].

        Codes that stand for no item have -inf.
        """
        scores = self.queries(self(batch)[batch.ends]) @ self.keys().T
        scores[:, :FIRST_CODE] = float("-inf")
        return scores

    def count_parameters(self) -> dict[str, int]:
        """Return how many numbers are learnt, by part."""
        parts = {"items": self.items, "embedding": self.embedding, "backbone": self.backbone}
        counts = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
        counts["embedding"] -= counts["items"]
        counts["heads"] = sum(p.numel() for p in self.parameters()) - sum(counts.values())
        return counts
