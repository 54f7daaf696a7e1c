"""Conditions on events: SQL boolean expressions, evaluated on compiled columns.

A text is looked at once per distinct id of its vocabulary, then its answer is fetched by code, so that
``category like 'electronics.%'`` costs one look-up per event however long the texts are.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import numpy.typing as npt

from footfall.histories._condition_nodes import COLUMNS, Node
from footfall.histories._condition_sql import parse_sql
from footfall.histories.partition import Partition
from footfall.histories.store import Histories

CONDITION_COLUMNS = tuple(COLUMNS)
"""The names that a condition may use; ``_condition_nodes.COLUMNS`` says what each is."""


@dataclasses.dataclass(frozen=True)
class Condition:
    """A test of one event, written as an SQL boolean expression.

    Columns (``CONDITION_COLUMNS``) are compared with literals by ``= != <> < <= > >=``, ``in``, ``between``, ``like``,
    ``ilike`` and ``is null``, joined by ``and``, ``or``, ``not``. A comparison with a missing value is not true, and
    neither is its opposite. Times are the shop's: ``timestamp >= '2019-10-01'`` begins at its local midnight unless
    the literal carries an offset of its own. A value that the log does not have matches nothing.

    Attributes:
        text: The expression as given.

    Raises:
        ConditionError: The text cannot be read, or names an unknown column.

    >>> str(Condition("price > 20 and country = 'DE'"))
    "price > 20 and country = 'DE'"
    """

    text: str

    def __post_init__(self) -> None:
        """Read the text, so that a condition that exists can be evaluated."""
        _ = self._root

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read a condition.

        Args:
            text: The SQL expression, without ``WHERE``.

        Raises:
            ConditionError: It cannot be read; the message has the text, the place and what is accepted.
        """
        return cls(text.strip())

    @functools.cached_property
    def _root(self) -> Node:
        return parse_sql(self.text)

    def mask(self, histories: Histories, part: Partition) -> npt.NDArray[np.bool_]:
        """Return the events for which the condition is true, bool [events].

        Args:
            histories: Gives vocabularies, users, zone and currency.
            part: One of its partitions, or a part of one.
        """
        return self._root.mask(histories, part)

    def __str__(self) -> str:
        return self.text
