"""Events under our own column names: what the simulator and exports write. Nothing is renamed, event types neither.

The columns that an ingest adds (``ingested_at``, ``bot``, ``source``, ``sequence``) are made anew; the file's are kept
in ``properties``.
"""

from __future__ import annotations

from collections.abc import Sequence

from footfall.events.readers._base import Projection, Reader, q
from footfall.events.readers._sql import own_object
from footfall.schema import GIVEN_EVENT_COLUMNS


def _project(columns: Sequence[str]) -> Projection:
    rest = tuple(c for c in columns if c not in GIVEN_EVENT_COLUMNS)
    return Projection(
        {c: q(c) for c in GIVEN_EVENT_COLUMNS if c in columns and c != "properties"},
        rest=rest,
        properties=own_object("properties", rest) if "properties" in columns else None,
    )


READER = Reader(
    name="footfall",
    title="Footfall events",
    required=frozenset({"timestamp", "event_type"}),
    one_of=(frozenset({"user_id", "anonymous_id"}),),
    known=frozenset({*GIVEN_EVENT_COLUMNS, "ingested_at", "bot", "source", "sequence"}),
    project=_project,
)
