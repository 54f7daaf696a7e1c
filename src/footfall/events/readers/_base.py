"""What a reader is: how one source format is recognised, and how its columns become ours.

A reader holds no code that reads files. It names the columns it knows and gives SQL expressions; the lake runs them.
Every raw column arrives as text (``VARCHAR``), nested values as JSON text; a source whose rows hold a list of items
names that list in ``explode`` and refers to one element as the JSON value ``element``. An empty text is no value; ids
are trimmed, and words for nothing (``null``, ``(not set)``, ...) are taken out of them by the lake.

Nothing is lost: every raw column is carried in full by ``event`` or ``items``, or is in ``rest`` or ``properties``.

To add a format, drop ``<name>.py`` with a module-level ``READER`` beside this file (or register an entry point in the
group ``footfall.readers``), and ``<name>.cases.yaml`` with its cases. Nothing else has to be edited.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from footfall.schema import GIVEN_EVENT_COLUMNS, GIVEN_ITEM_COLUMNS

Target = Literal["events", "items"]
TimeUnit = Literal["auto", "text", "s", "ms", "us"]


@dataclasses.dataclass(frozen=True)
class Projection:
    """How the rows of one file become events (or catalogue rows).

    Attributes:
        event: Our column to an SQL expression over the raw columns (quoted with ``q``). Expressions give text; the
            lake parses times and numbers, and rejects what does not parse. Columns left out are null.
        items: Catalogue column to an SQL expression, for sources whose events describe their item, or that are a
            catalogue. Needs ``item_id``; rows without one describe nothing. ``seen_at`` is a text with its zone.
        prepare: Name to an SQL expression that is worked out once per raw row, in this order, before everything else;
            later ones and all other expressions may use the name as a column. For costly parts that several share.
            The names start with ``_x_``, so that they meet no column of a file.
        explode: SQL expression for a JSON array (a ``JSON[]``, null where the row has none); one row comes out per
            element, at least one per raw row. In ``event``, ``items``, ``properties`` and ``prepare_element`` the
            element is the JSON value ``element`` (null where the list is empty).
        prepare_element: As ``prepare``, once per element, after ``explode``.
        rest: Raw columns that no expression carries in full; they are kept in ``properties`` under their own names (the
            event's, or the item's where the reader's target is ``items``).
        properties: SQL expression for the text of a JSON object, or null, that is merged into ``rest``; no key is in
            both, unless with the same value.
        time_unit: Unit of a numeric timestamp; ``auto`` tells s, ms and us apart by size.
        time_formats: strptime formats of textual timestamps that are not ISO 8601, tried in this order.
    """

    event: Mapping[str, str]
    items: Mapping[str, str] = dataclasses.field(default_factory=dict)
    prepare: Mapping[str, str] = dataclasses.field(default_factory=dict)
    explode: str | None = None
    prepare_element: Mapping[str, str] = dataclasses.field(default_factory=dict)
    rest: Sequence[str] = ()
    properties: str | None = None
    time_unit: TimeUnit = "auto"
    time_formats: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            AssertionError: A column name is not in the schema, or a prepared name could meet a file's column, or an
                element is used without a list: the reader is wrong, not the data.
        """
        given = set(GIVEN_EVENT_COLUMNS) - {"properties"}
        given_items = {*GIVEN_ITEM_COLUMNS, "seen_at"} - {"properties"}
        unknown = (set(self.event) - given) | (set(self.items) - given_items)
        assert not unknown, f"projection names columns outside the schema: {sorted(unknown)}"  # noqa: S101 - our mistake
        loose = [name for name in (*self.prepare, *self.prepare_element) if not name.startswith("_x_")]
        assert not loose, f"prepared names must start with _x_: {loose}"  # noqa: S101 - our mistake
        assert self.explode or not self.prepare_element, "prepare_element without explode"  # noqa: S101 - our mistake


@dataclasses.dataclass(frozen=True)
class Reader:
    """One source format.

    Attributes:
        name: What ``--source`` takes.
        title: What a person calls it.
        required: Columns (or top-level JSON keys) that must all be there.
        project: Gives the projection for a file's columns (for JSONL also those of ``known`` that the file lacks).
        target: ``events``, or ``items`` for a file that only describes the catalogue.
        known: All columns the format defines (those of ``required`` and ``one_of`` need not be repeated); the more of a
            file's columns are known, the better the guess. For JSONL, whose lines differ, all are looked for in every
            line.
        one_of: Groups of columns of which at least one each must be there.
        least_fit: The smallest share of known columns for which the reader may be guessed; for formats whose required
            columns are so common that they prove little.
    """

    name: str
    title: str
    required: frozenset[str]
    project: Callable[[Sequence[str]], Projection]
    target: Target = "events"
    known: frozenset[str] = frozenset()
    one_of: Sequence[frozenset[str]] = ()
    least_fit: float = 0.0

    def __post_init__(self) -> None:
        """Make ``known`` complete."""
        object.__setattr__(self, "known", self.known.union(self.required, *self.one_of))

    @property
    def needs(self) -> int:
        """How many columns a file must have at the least."""
        return len(self.required) + len(self.one_of)

    def missing(self, columns: Sequence[str]) -> list[str]:
        """Return what a file lacks for this reader, e.g. ``["timestamp", "user_id or anonymous_id"]``.

        Args:
            columns: The file's column names.
        """
        have = set(columns)
        alternatives = [" or ".join(sorted(group)) for group in self.one_of if not group & have]
        return [*sorted(self.required - have), *alternatives]

    def fit(self, columns: Sequence[str]) -> float:
        """Return how well a file's columns match: 0 for no match, else the share of its columns that are known.

        Args:
            columns: The file's column names.
        """
        if not columns or self.missing(columns):
            return 0.0
        share = sum(c in self.known for c in columns) / len(columns)
        return share if share >= self.least_fit else 0.0


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
