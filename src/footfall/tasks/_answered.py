"""What is answered of what a family said: of some questions the same, of others put together from several rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from footfall.predictors._base import Float64, Int64


@dataclasses.dataclass(frozen=True)
class Answered:
    """Answers, and the examples they are about.

    Attributes:
        said: A probability or an amount of each answer, float64 [answers].
        told: What came of it, float64 [answers]; None where nobody tells.
        places: The example that each answer is about (the first one of several), int64 [answers].
        more: Further columns, float64 [answers] each.
    """

    said: Float64
    told: Float64 | None
    places: Int64
    more: Mapping[str, Float64] = dataclasses.field(default_factory=dict)
