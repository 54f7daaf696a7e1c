"""From an event to a token: the sum of what its columns say. An item is its id and its content together."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it
from torch import nn

from footfall.histories.columns import FIRST_CODE
from footfall.model.batch import Batch
from footfall.model.config import ModelConfig


class ItemTable(nn.Module):
    """One vector per item: its own, and the mean of the vectors of what describes it.

    An item nobody has bought yet has a zero vector of its own, so it stands where its content puts it. While training,
    the own vector is left out now and then, so that the content learns to stand alone.
    """

    content: torch.Tensor

    def __init__(self, config: ModelConfig, *, sparse: bool = False, id_dropout: float = 0.1) -> None:
        """Make a table.

        Args:
            config: Its size.
            sparse: Whether gradients name the rows they touch only; for optimisers that can take them.
            id_dropout: Share of items whose own vector is left out while training; only where there is content.
        """
        super().__init__()
        width = config.size.width
        self.own = nn.Embedding(config.n_codes, width, sparse=sparse)
        nn.init.normal_(self.own.weight, std=0.02)
        self.id_dropout = id_dropout
        self.described = nn.Embedding(config.n_content, width, padding_idx=0) if config.n_content else None
        if self.described is not None:
            nn.init.normal_(self.described.weight, std=0.02)
            with torch.no_grad():
                self.described.weight[0] = 0
        self.register_buffer("content", torch.zeros(config.n_codes, 1, dtype=torch.int32))
        with torch.no_grad():
            self.own.weight[:FIRST_CODE] = 0

    def describe(self, content: torch.Tensor) -> None:
        """Say what describes each item.

        Args:
            content: Content codes, int32 [n_codes, most per item]; 0 for none.
        """
        self.content = content.to(self.own.weight.device)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the vectors of some items, float [*codes, width]."""
        own: torch.Tensor = self.own(codes)
        if self.described is None:
            return own
        if self.training and self.id_dropout:
            own = own * (torch.rand(codes.shape, device=own.device) >= self.id_dropout).unsqueeze(-1)
        return own + self._content_of(codes)

    def _content_of(self, codes: torch.Tensor) -> torch.Tensor:
        assert self.described is not None  # noqa: S101 - the caller has looked
        content = self.content[codes].long()
        count = (content > 0).sum(-1, keepdim=True).clamp_min(1)
        mean: torch.Tensor = self.described(content).sum(-2) / count
        return mean

    def all(self) -> torch.Tensor:
        """Return the vectors of all items, float [n_codes, width]."""
        if self.described is None:
            return self.own.weight
        own: torch.Tensor = self(torch.arange(self.own.num_embeddings, device=self.own.weight.device))
        return own

    def grow(self, n_codes: int) -> None:
        """Add rows for new items; the old ones stay as they are, and the new ones stand where their content puts them.

        Args:
            n_codes: The new size of the vocabulary.
        """
        old = self.own.weight.data
        wider = torch.zeros(n_codes, old.shape[1], dtype=old.dtype, device=old.device)
        wider[: len(old)] = old
        self.own = nn.Embedding(n_codes, old.shape[1], sparse=self.own.sparse, _weight=wider)
        self.content = F.pad(self.content, (0, 0, 0, n_codes - len(self.content)))


class EventEmbedding(nn.Module):
    """The sum of the vectors of an event's item, type, features and place; what a log lacks is not there at all."""

    def __init__(self, config: ModelConfig, items: ItemTable) -> None:
        """Make the tables.

        Args:
            config: What the log has to offer.
            items: The table of items, shared with the scores.
        """
        super().__init__()
        width = config.size.width
        self.items = items
        self.types = nn.Embedding(config.n_types, width) if config.n_types else None
        self.features = nn.ModuleDict({name: nn.Embedding(n, width) for name, n in sorted(config.features.items())})
        self.place = nn.Embedding(config.size.context, width)
        self.drop = nn.Dropout(config.size.dropout)
        for table in [self.place, *self.features.values(), *([self.types] if self.types is not None else [])]:
            assert isinstance(table, nn.Embedding)  # noqa: S101 - tells the type checker
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Return one vector per event, float [tokens, width]."""
        whole = self.items(batch.item) + self.place(batch.places)
        if self.types is not None and batch.event_type is not None:
            whole = whole + self.types(batch.event_type)
        for name, table in self.features.items():
            whole = whole + table(batch.features[name])
        dropped: torch.Tensor = self.drop(whole)
        return dropped
