"""From an event to a token: the sum of what its columns say. An item is its id and its content together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - what everybody calls it
from torch import nn

from footfall.histories.columns import FIRST_CODE
from footfall.histories.content import WORDS, Content
from footfall.histories.event_features import QUERY
from footfall.model.batch import Batch
from footfall.model.config import ModelConfig


class ItemTable(nn.Module):
    """One vector per item: its own, and for each thing that describes it, the mean of the vectors of what is said.

    An item nobody has met yet has a zero vector of its own, so it stands where its content puts it. While training,
    the own vector is left out now and then, so that the content learns to stand alone.
    """

    def __init__(self, config: ModelConfig, *, sparse: bool = False, id_dropout: float = 0.1) -> None:
        """Make a table.

        Args:
            config: Its size.
            sparse: Whether gradients name the rows they touch only; for optimisers that can take them.
            id_dropout: Share of items whose own vector is left out while training; only where there is content.
        """
        super().__init__()
        width = config.size.width
        self.query_words: torch.Tensor | None
        self.own = nn.Embedding(config.n_codes, width, sparse=sparse)
        nn.init.normal_(self.own.weight, std=0.02)
        self.id_dropout = id_dropout
        self.described = nn.ModuleDict({name: _bag(n, width) for name, n in sorted(config.content.items())})
        for name in self.described:
            self.register_buffer(f"said_{name}", torch.zeros(config.n_codes, 1, dtype=torch.int32))
        self.register_buffer("query_words", torch.zeros(1, 1, dtype=torch.int32) if config.searches else None)
        with torch.no_grad():
            self.own.weight[:FIRST_CODE] = 0

    def describe(self, content: Content) -> None:
        """Say what describes each item, and which words each search has.

        Args:
            content: Of the vocabulary that this table is for; fields that the model was not built for are passed over.
        """
        for name in self.described:
            if name in content.fields:
                said = torch.from_numpy(content.fields[name].codes).to(self.own.weight.device)
                setattr(self, f"said_{name}", said)
        if self.query_words is not None and content.queries is not None:
            self.query_words = torch.from_numpy(content.queries).to(self.own.weight.device)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Return the vectors of some items, float [*codes, width]."""
        own: torch.Tensor = self.own(codes)
        if not self.described:
            return own
        if self.training and self.id_dropout:
            own = own * (torch.rand(codes.shape, device=own.device) >= self.id_dropout).unsqueeze(-1)
        flat = codes.reshape(-1)
        for name, table in self.described.items():
            own = own + table(getattr(self, f"said_{name}")[flat]).view(own.shape)
        return own

    def search(self, queries: torch.Tensor) -> torch.Tensor:
        """Return the vectors of searches, float [queries, width]: the mean of those of their words.

        Args:
            queries: Codes of searches, int64 [queries]; those that are not known have a vector of zeros.
        """
        assert self.query_words is not None  # noqa: S101 - the model was built to read searches
        known = torch.where(queries < len(self.query_words), queries, 0)
        found: torch.Tensor = self.described[WORDS](self.query_words[known])
        return found

    def all(self) -> torch.Tensor:
        """Return the vectors of all items, float [n_codes, width]."""
        if not self.described:
            return self.own.weight
        own: torch.Tensor = self(torch.arange(self.own.num_embeddings, device=self.own.weight.device))
        return own

    def grow(self, n_codes: int, content: Mapping[str, int]) -> None:
        """Add rows for new items and new names; the old ones stay as they are.

        New items stand where their content puts them, and new names at zero until something is learnt of them.

        Args:
            n_codes: The new size of the vocabulary of items.
            content: The new number of codes of each field.
        """
        self.own = _grown(self.own, n_codes)
        for name in self.described:
            said = getattr(self, f"said_{name}")
            setattr(self, f"said_{name}", F.pad(said, (0, 0, 0, n_codes - len(said))))
            self.described[name] = _grown(self.described[name], content.get(name, 0))


def _bag(n_codes: int, width: int) -> nn.EmbeddingBag:
    bag = nn.EmbeddingBag(n_codes, width, mode="mean", padding_idx=0)
    nn.init.normal_(bag.weight, std=0.02)
    with torch.no_grad():
        bag.weight[0] = 0
    return bag


def _grown(table: Any, n_codes: int) -> Any:
    """Return a table with rows of zeros for new codes; itself where there are none."""
    old = table.weight.data
    if n_codes <= len(old):
        return table
    wider = torch.zeros(n_codes, old.shape[1], dtype=old.dtype, device=old.device)
    wider[: len(old)] = old
    more = {"mode": table.mode, "padding_idx": table.padding_idx} if isinstance(table, nn.EmbeddingBag) else {}
    return type(table)(n_codes, old.shape[1], sparse=table.sparse, _weight=wider, **more)


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
        self.searches = config.searches
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
        if self.searches:
            whole = whole + self.items.search(batch.features[QUERY])
        dropped: torch.Tensor = self.drop(whole)
        return dropped

    def grow(self, n_types: int, features: Mapping[str, int]) -> None:
        """Add rows for new types and new codes of features; the old ones stay as they are.

        Args:
            n_types: The new size of the vocabulary of types.
            features: The new number of codes of each feature.
        """
        if self.types is not None:
            self.types = _grown(self.types, n_types)
        for name in self.features:
            self.features[name] = _grown(self.features[name], features.get(name, 0))
