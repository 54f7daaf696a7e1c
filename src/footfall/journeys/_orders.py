"""Orders: the rows of one sale, put together; and money for people.

The rows of a user with the same order id are one order. Rows without an order id are one order per user and moment.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from footfall.config import MINOR_DIGITS
from footfall.histories.partition import Partition
from footfall.journeys._activity import Bool, Int64, changes


@dataclasses.dataclass(frozen=True)
class Orders:
    """Orders by user, then first moment; all int64 [orders].

    Attributes:
        user: Local users.
        first_us: Moment of the first row, UTC microseconds.
        last_us: Moment of the last row.
        value_minor: Sum over the rows, in minor units of the shop's currency.
    """

    user: Int64
    first_us: Int64
    last_us: Int64
    value_minor: Int64

    def select(self, keep: Bool) -> Orders:
        """Return some of the orders; ``keep`` is bool [orders]."""
        return Orders(self.user[keep], self.first_us[keep], self.last_us[keep], self.value_minor[keep])


def orders_of(part: Partition, rows: Bool) -> Orders:
    """Put rows together to orders.

    Args:
        part: Where they stand.
        rows: bool [events], which events are rows of an order.
    """
    at = np.flatnonzero(rows)
    if not len(at):
        return Orders(*(np.empty(0, np.int64) for _ in range(4)))
    user, time = part.user_of_event()[at], np.asarray(part.timestamp_us)[at]
    order = np.asarray(part.column("order"))[at].astype(np.int64)
    kind, key = (order > 0).astype(np.int64), np.where(order > 0, order, time)
    begins = np.flatnonzero(changes(user, kind, key))  # rows of an order mostly stand together: sort runs, not rows
    ends = np.append(begins[1:], len(at)) - 1
    value = np.add.reduceat(np.asarray(part.column("value_minor"))[at], begins)
    first, last = time[begins], time[ends]
    user, kind, key = user[begins], kind[begins], key[begins]
    sort = np.lexsort((first, key, kind, user))
    user, kind, key, first, last, value = (column[sort] for column in (user, kind, key, first, last, value))
    begins = np.flatnonzero(changes(user, kind, key))
    ends = np.append(begins[1:], len(user)) - 1
    user, first, last, value = user[begins], first[begins], last[ends], np.add.reduceat(value, begins)
    sort = np.lexsort((value, last, first, user))
    return Orders(user[sort], first[sort], last[sort], value[sort])


def major(amount_minor: int, currency: str) -> float:
    """Return an amount in major units.

    Args:
        amount_minor: In minor units.
        currency: ISO 4217 code.

    >>> major(1999, "EUR"), major(1999, "JPY")
    (19.99, 1999.0)
    """
    return float(amount_minor / 10 ** MINOR_DIGITS.get(currency, 2))
