"""The users behind a number, as a table that can be written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.journeys import _run
from footfall.journeys._run import Scope


def users_table(histories: Histories, find: Callable[[Partition], npt.NDArray[np.int64]], scope: Scope) -> pa.Table:
    """Return the users that an analysis finds, whatever the number of partitions in the same order.

    Args:
        histories: What to analyse.
        find: Gives the distinct local users of one partition, int64.
        scope: Which events count.

    Returns:
        Columns ``user_id`` and ``anonymous`` (whether that id is an anonymous one), sorted by both.
    """

    def one(part: Partition) -> pa.Table:
        return histories.users[part.index].select(["user_id", "anonymous"]).take(pa.array(find(part), pa.int64()))

    return _run.run(histories, one, pa.concat_tables, scope).sort_by(
        [("user_id", "ascending"), ("anonymous", "ascending")]
    )
