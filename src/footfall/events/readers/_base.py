"""What a reader is: how one source format is recognised, and how its columns become ours.

A reader holds no code that reads files. It names the columns it knows and gives SQL expressions; the lake runs them.
Every raw column arrives as text (``VARCHAR``), nested values as JSON text; a source whose rows hold a list of items
names that list in ``explode`` and refers to one element as the JSON value ``element``.

To add a format, drop ``<name>.py`` with a module-level ``READER`` beside this file (or register an entry point in the
group ``footfall.readers``), and ``<name>.cases.yaml`` with its cases. Nothing else has to be edited.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from footfall.schema import GIVEN_EVENT_COLUMNS, GIVEN_ITEM_COLUMNS

TimeUnit = Literal["auto", "text", "s", "ms", "us"]


@dataclasses.dataclass(frozen=True)
class Projection:
    """How the rows of one file become events (or catalogue rows).

    Attributes:
        event: Our column to an SQL expression over the raw columns (quoted with ``q``). Expressions give text; the
            lake parses times and numbers, and rejects what does not parse. Columns left out are null.
        items: Catalogue column to an SQL expression, for sources whose events describe their item. Needs ``item_id``.
        explode: SQL expression for a JSON array; one row comes out per element, at least one per raw row. In all other
            expressions the element is the JSON value ``element`` (null where the list is empty).
        rest: Raw columns that no expression carries in full; they are kept in ``properties`` under their own names.
        properties: SQL expression for a JSON object that is merged under ``rest``; or None.
        time_unit: Unit of a numeric timestamp; ``auto`` tells s, ms and us apart by size.
    """

    event: Mapping[str, str]
    items: Mapping[str, str] = dataclasses.field(default_factory=dict)
    explode: str | None = None
    rest: Sequence[str] = ()
    properties: str | None = None
    time_unit: TimeUnit = "auto"

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            AssertionError: A column name is not in the schema: the reader is wrong, not the data.
        """
        unknown = set(self.event) - set(GIVEN_EVENT_COLUMNS) | set(self.items) - set(GIVEN_ITEM_COLUMNS) - {"seen_at"}
        assert not unknown, f"projection names columns outside the schema: {sorted(unknown)}"  # noqa: S101 - our mistake


@dataclasses.dataclass(frozen=True)
class Reader:
    """One source format.

    Attributes:
        name: What ``--source`` takes.
        title: What a person calls it.
        required: Columns (or top-level JSON keys) that must all be there.
        project: Gives the projection for the columns that a file has.
        target: ``events``, or ``items`` for a file that only describes the catalogue.
        known: All columns the format defines; the more of a file's columns are known, the better the guess.
    """

    name: str
    title: str
    required: frozenset[str]
    project: Callable[[Sequence[str]], Projection]
    target: Literal["events", "items"] = "events"
    known: frozenset[str] = frozenset()

    def fit(self, columns: Sequence[str]) -> float:
        """Return how well a file's columns match: 0 for no match, else the share of its columns that are known.

        Args:
            columns: The file's column names.
        """
        have = set(columns)
        if not self.required <= have:
            return 0.0
        return len(have & (self.known | self.required)) / len(have)


def q(column: str) -> str:
    """Quote a column name for SQL.

    >>> print(q('a "b'))
    "a ""b"
    """
    return '"' + column.replace('"', '""') + '"'


def lit(text: str) -> str:
    """Quote a text for SQL.

    >>> lit("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def rename(expression: str, names: Mapping[str, str]) -> str:
    """Build the SQL that maps a source's event names to ours; any other name is kept as it is.

    Args:
        expression: SQL for the source's event name.
        names: The source's name to ours.
    """
    whens = " ".join(f"WHEN {lit(theirs)} THEN {lit(ours)}" for theirs, ours in names.items())
    return f"CASE {expression} {whens} ELSE {expression} END"


def null_if_blank(expression: str) -> str:
    """Build the SQL that turns an empty or blank text into null."""
    return f"nullif(trim({expression}), '')"
