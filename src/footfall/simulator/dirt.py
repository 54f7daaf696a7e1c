"""What a real log has wrong: rows sent twice, ids lost, prices below zero, clocks ahead; counted in the truth."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from footfall.schema import US_PER_DAY
from footfall.simulator.columns import PRICE, TIME, decimals

KINDS: Final = ("duplicate", "missing_ids", "negative_price", "future_timestamp", "missing_event_type")
"""What may be wrong with a row; none has two things wrong. A ``duplicate`` is the second copy of a row that is fine."""
SHARES: Final = {
    "duplicate": 0.004,
    "missing_ids": 0.001,
    "negative_price": 0.0008,
    "future_timestamp": 0.0006,
    "missing_event_type": 0.0004,
}
"""Share of the rows that each befalls. Negative prices befall only rows that have a price."""
FUTURE_DAYS: Final = 3650
"""How far ahead a broken clock goes."""


def soil(table: pa.Table, rng: np.random.Generator) -> tuple[pa.Table, pa.Table]:
    """Break some rows of a log.

    Args:
        table: Canonical columns.
        rng: Where chance comes from; not the one that made the log, so that the sound rows stay what they were.

    Returns:
        The log with dirt, and a table ``event_id, kind`` of what was done.
    """
    count = len(table)
    chance = rng.random(count)
    edges = np.cumsum([SHARES[kind] for kind in KINDS])
    kind = np.searchsorted(edges, chance, side="right")  # len(KINDS) for the sound ones
    priced = np.asarray(pc.is_valid(table["price"]).combine_chunks())
    kind[(kind == KINDS.index("negative_price")) & ~priced] = len(KINDS)
    where = {name: kind == place for place, name in enumerate(KINDS)}
    table = _blank(table, where["missing_ids"], ("user_id", "anonymous_id"))
    table = _blank(table, where["missing_event_type"], ("event_type",))
    table = _negated(table, where["negative_price"])
    table = _ahead(table, where["future_timestamp"])
    marked = np.flatnonzero(kind < len(KINDS))
    done = pa.table(
        {"event_id": table["event_id"].take(marked), "kind": pa.array([KINDS[k] for k in kind[marked]], pa.string())}
    )
    return table.take(np.repeat(np.arange(count), 1 + where["duplicate"])), done


def _blank(table: pa.Table, where: npt.NDArray[np.bool_], names: tuple[str, ...]) -> pa.Table:
    for name in names:
        column = table[name].combine_chunks()
        indices = pc.if_else(pa.array(where), pa.scalar(None, column.indices.type), column.indices)
        blanked = pa.DictionaryArray.from_arrays(indices, column.dictionary)
        table = table.set_column(table.schema.get_field_index(name), name, blanked)
    return table


def _negated(table: pa.Table, where: npt.NDArray[np.bool_]) -> pa.Table:
    column = table["price"].combine_chunks()
    unscaled = np.frombuffer(column.buffers()[1], np.int64)[: 2 * len(column) : 2].copy()
    unscaled[where] *= -1
    fixed = decimals(unscaled, np.asarray(column.is_valid()), PRICE)
    return table.set_column(table.schema.get_field_index("price"), "price", fixed)


def _ahead(table: pa.Table, where: npt.NDArray[np.bool_]) -> pa.Table:
    moments = np.asarray(table["timestamp"].cast(pa.int64())).copy()
    moments[where] += FUTURE_DAYS * US_PER_DAY
    return table.set_column(table.schema.get_field_index("timestamp"), "timestamp", pa.array(moments, TIME))
