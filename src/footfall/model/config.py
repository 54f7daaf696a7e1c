"""What a behaviour model is made of: one size sets everything, the rest is what the log has to offer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from footfall.errors import InputError, unknown_name

Logits = Literal["cosine", "dot"]


@dataclasses.dataclass(frozen=True)
class Size:
    """What the one dial sets.

    Attributes:
        width: Numbers per token.
        blocks: Transformer blocks.
        heads: Attention heads per block.
        context: Most events of a history that are looked at.
        learning_rate: Peak learning rate.
        dropout: Share of activations dropped while training.
    """

    width: int
    blocks: int
    heads: int
    context: int
    learning_rate: float
    dropout: float


SIZES: Final[Mapping[str, Size]] = {
    "tiny": Size(64, 1, 2, 64, 3e-3, 0.3),
    "small": Size(128, 2, 4, 128, 3e-3, 0.3),
    "base": Size(512, 8, 8, 256, 1e-3, 0.1),
    "large": Size(2048, 24, 16, 1024, 3e-4, 0.1),
}
"""Size of a model by its name; ``large`` has more than a billion parameters before its item table."""


def size_of(name: str) -> Size:
    """Return a size by its name.

    Raises:
        InputError: There is no such size.
    """
    if name not in SIZES:
        raise InputError(unknown_name("size", name, SIZES))
    return SIZES[name]


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Everything needed to build a model of the same shape again.

    Attributes:
        size: Width, depth and the like.
        n_codes: Size of the item vocabulary.
        n_types: Size of the type vocabulary; 0 where the log knows no types.
        features: Further features of an event and their number of codes, e.g. ``{"gap": 32, "hour": 169}``.
        content: What items are described by and its number of codes, e.g. ``{"category": 210, "brand": 95}``.
        searches: Whether an event's token reads the words of a search, which are those of the items' names.
        repeats: Whether an item's score rises with the times it was met before.
        heads: Names of the questions about the next item that have a head of their own, e.g. ``("order",)``.
        logits: Whether an item's score is the cosine times a learnt scale, or the plain dot product.
        scale: The scale of cosine logits at the start.
        time_aware: Whether attention sees the time between events, besides their order.
        n_gaps: Number of bands of the time to the next event; 0 where there are no times.
    """

    size: Size
    n_codes: int
    n_types: int = 0
    features: Mapping[str, int] = dataclasses.field(default_factory=dict)
    content: Mapping[str, int] = dataclasses.field(default_factory=dict)
    searches: bool = False
    repeats: bool = False
    heads: tuple[str, ...] = ()
    logits: Logits = "cosine"
    scale: float = 16.0
    time_aware: bool = False
    n_gaps: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return what ``from_dict`` takes; JSON-ready."""
        return dataclasses.asdict(self) | {"heads": list(self.heads)}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Make a configuration from what ``to_dict`` returned."""
        return cls(**{**given, "size": Size(**given["size"]), "heads": tuple(given["heads"])})
