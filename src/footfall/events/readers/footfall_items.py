"""The catalogue under our own column names: what the simulator and exports write.

``seen_at`` is when a row began to hold.
"""

from __future__ import annotations

from collections.abc import Sequence

from footfall.events.readers._base import Projection, Reader, q
from footfall.events.readers._sql import own_object
from footfall.schema import GIVEN_ITEM_COLUMNS

_TAKEN = (*(c for c in GIVEN_ITEM_COLUMNS if c != "properties"), "seen_at")


def _project(columns: Sequence[str]) -> Projection:
    rest = tuple(c for c in columns if c not in (*_TAKEN, "properties"))
    return Projection(
        {},
        {c: q(c) for c in _TAKEN if c in columns},
        rest=rest,
        properties=own_object("properties", rest) if "properties" in columns else None,
    )


READER = Reader(
    name="footfall_items",
    title="Footfall catalogue",
    required=frozenset({"item_id"}),
    one_of=(frozenset({"name", "category", "brand", "description"}),),
    known=frozenset({*GIVEN_ITEM_COLUMNS, "seen_at", "source"}),
    project=_project,
    target="items",
    least_fit=0.5,
)
