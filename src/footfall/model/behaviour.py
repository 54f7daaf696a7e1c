"""The behaviour model: tokens, backbone, and what is read off the states."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it
from torch import nn

from footfall.histories.columns import FIRST_CODE
from footfall.histories.content import Content
from footfall.model.backbone import Encoder, Transformer
from footfall.model.batch import Batch
from footfall.model.config import ModelConfig
from footfall.model.embedding import EventEmbedding, ItemTable
from footfall.model.repeats import Repeats

NEXT = "next"
"""The question which item comes next, which needs no head of its own."""


class Head(nn.Module):
    """Turns a state towards another question than the next item; at first it leaves the state as it is."""

    def __init__(self, width: int) -> None:
        """Make it.

        Args:
            width: Numbers of a state.
        """
        super().__init__()
        self.turn = nn.Linear(width, width)
        nn.init.zeros_(self.turn.weight)
        nn.init.zeros_(self.turn.bias)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Return the states as this question sees them, float [states, width]."""
        turned: torch.Tensor = states + self.turn(states)
        return turned


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
        self.heads = nn.ModuleDict({name: Head(config.size.width) for name in config.heads})
        self.repeats = nn.ModuleDict({name: Repeats(config) for name in (NEXT, *config.heads) if config.repeats})
        self.to_gap = nn.Linear(config.size.width, config.n_gaps) if config.n_gaps else None

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return the state after every event, float [tokens, width]."""
        states: torch.Tensor = self.backbone(self.embedding(batch), batch)
        return states

    def queries(self, states: torch.Tensor, head: str | None = None) -> torch.Tensor:
        """Return what is multiplied with ``keys`` to score items, float [states, width].

        Args:
            states: What ``forward`` returned, or some of it.
            head: The question; which item comes next without it.
        """
        if head is not None:
            states = self.heads[head](states)
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
    def score(self, batch: Batch, head: str | None = None, keys: torch.Tensor | None = None) -> torch.Tensor:
        """Return the score of every item after the last event of every row, float [rows, n_codes].

        Codes that stand for no item have -inf.

        Args:
            batch: What is known.
            head: The question; which item comes next without it.
            keys: ``keys()``, where they are there already.
        """
        states = self(batch)
        scores = self.queries(states[batch.ends], head) @ (self.keys() if keys is None else keys).T
        if self.repeats:
            self._raise(scores, states, batch, head)
        scores[:, :FIRST_CODE] = float("-inf")
        return scores

    def _raise(self, scores: torch.Tensor, states: torch.Tensor, batch: Batch, head: str | None) -> None:
        """Raise the scores of items that were met before, in place."""
        base = 0
        for past in self.repeats[head or NEXT](states, batch, last_only=True):
            rows = scores[base : base + len(past.item)]
            base += len(past.item)
            # Every event about an item writes the same number: its score, raised by all of them.
            rows.scatter_(1, past.item, rows.gather(1, past.item) + past.rise[:, 0])

    def grow(self, config: ModelConfig, content: Content | None) -> None:
        """Make room for a newer log, in place: old rows stay, new ones are added.

        What has a head of its own for each type (the next type's) gets a row of zeros for a new one.

        Args:
            config: This model's shape, with vocabularies that are at least as large.
            content: What is known of the items of the new vocabulary.
        """
        self.items.grow(config.n_codes, config.content)
        self.embedding.grow(config.n_types, config.features)
        if self.to_type is not None and config.n_types > self.config.n_types:
            old = self.to_type
            self.to_type = nn.Linear(config.size.width, config.n_types).to(old.weight.device)
            with torch.no_grad():
                self.to_type.weight.zero_()[: len(old.weight)] = old.weight
                self.to_type.bias.fill_(float(old.bias.min()))[: len(old.bias)] = old.bias
        self.config = config
        if content is not None:
            self.items.describe(content)

    def add_heads(self, names: Iterable[str]) -> None:
        """Add heads for further questions; those that are there stay as they are.

        Args:
            names: Of the questions.
        """
        new = [name for name in names if name not in self.heads]
        for name in new:
            self.heads[name] = Head(self.config.size.width)
            if self.config.repeats:
                self.repeats[name] = copy.deepcopy(self.repeats[NEXT])
        self.config = dataclasses.replace(self.config, heads=(*self.config.heads, *new))

    def count_parameters(self) -> dict[str, int]:
        """Return how many numbers are learnt, by part."""
        parts = {"items": self.items, "embedding": self.embedding, "backbone": self.backbone}
        counts = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items()}
        counts["embedding"] -= counts["items"]
        counts["heads"] = sum(p.numel() for p in self.parameters()) - sum(counts.values())
        return counts
