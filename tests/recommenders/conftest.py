"""Small sequences for the tests of recommenders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from footfall.histories.sequences import Sequences

Make = Callable[..., Sequences]


@pytest.fixture(scope="session")
def make() -> Make:
    """Make sequences of lists of item codes; of timestamps, orders and users as well, where they are given."""

    def of(
        items: Sequence[Sequence[int]],
        n_codes: int,
        *,
        times: Sequence[Sequence[int]] | None = None,
        orders: Sequence[Sequence[int]] | None = None,
        users: Sequence[int] | None = None,
    ) -> Sequences:
        def flat(rows: Sequence[Sequence[int]] | None, dtype: Any) -> Any:
            return None if rows is None else np.array([value for row in rows for value in row], dtype)

        return Sequences(
            offsets=np.cumsum([0, *map(len, items)]).astype(np.int64),
            item=flat(items, np.int32),
            n_codes=n_codes,
            timestamp_us=flat(times, np.int64),
            order=flat(orders, np.int32),
            user_idx=None if users is None else np.array(users, np.int64),
        )

    return of
