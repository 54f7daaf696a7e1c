"""Users by their ids: where in the histories each of them is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from footfall.histories.store import Histories


def rows_of(histories: Histories, ids: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the ``user_idx`` of users by their ids, int64 [ids]; -1 for ids that the log does not know.

    Args:
        histories: Where they are looked up.
        ids: As the shop gave them, or a device's.
    """
    found = np.full(len(ids), -1, np.int64)
    wanted = pa.array(ids, pa.string())
    base = 0
    for users in histories.users:
        place = pc.index_in(wanted, users["user_id"].combine_chunks())
        here = np.asarray(place.is_valid())
        found[here] = np.asarray(place.fill_null(0))[here] + base
        base += users.num_rows
    return found


def ids_of(histories: Histories) -> list[str]:
    """Return the shop's id of every user, in the order of ``user_idx``.

    Args:
        histories: Whose.
    """
    return [id_ for users in histories.users for id_ in users["user_id"].to_pylist()]
