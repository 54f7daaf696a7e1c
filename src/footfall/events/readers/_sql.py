"""SQL that several readers are made of: optional columns, nested JSON read in one pass, category paths.

A text that should be JSON and is not must never stop an ingest: everything here gives null for it, or keeps it as text.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from footfall.events.readers._base import lit, q


def given(columns: Sequence[str], *names: str) -> str:
    """Build the SQL of the first column that has a value, among those the file has; ``NULL`` where it has none.

    Args:
        columns: The file's column names.
        names: Columns in order of preference.

    >>> given(["a", "b"], "b"), given(["a", "b"], "x", "b", "a"), given(["a"], "x")
    ('"b"', 'coalesce("b", "a")', 'NULL')
    """
    have = [q(name) for name in names if name in columns]
    if not have:
        return "NULL"
    return have[0] if len(have) == 1 else f"coalesce({', '.join(have)})"


def without_nulls(event: Mapping[str, str]) -> dict[str, str]:
    """Drop the columns for which the file has nothing."""
    return {name: sql for name, sql in event.items() if sql != "NULL"}


def others(columns: Sequence[str], *used: str) -> tuple[str, ...]:
    """Return the columns that are not among those used, in their order."""
    return tuple(column for column in columns if column not in used)


@dataclasses.dataclass(frozen=True)
class JsonFields:
    """Several values of one JSON text, taken out as texts in one pass.

    Attributes:
        name: Name of the prepared column that holds the list of values.
        paths: What we call a value to its JSON path. Missing values and JSON's null are null.
    """

    name: str
    paths: Mapping[str, str]

    def of(self, source: str) -> str:
        """Build the SQL of the list; null where the source is null or no JSON."""
        return f"TRY(json_extract_string({source}, [{', '.join(lit(path) for path in self.paths.values())}]))"

    def __getitem__(self, field: str) -> str:
        return f"{self.name}[{list(self.paths).index(field) + 1}]"


def as_json(expression: str) -> str:
    """Build the SQL of a text as JSON: itself where it is JSON, else a JSON string of it."""
    return f"coalesce(TRY_CAST({expression} AS JSON), to_json({expression}))"


def json_pairs(pairs: Mapping[str, str]) -> str:
    """Build the SQL of a JSON object's text from keys and SQL of JSON values; null values are left out.

    ``json_object`` would keep the nulls: every row would carry the keys of all.
    """
    if not pairs:
        return "'{}'"
    shown = ", ".join(f"{lit(_quoted(key) + ':')} || CAST({value} AS VARCHAR)" for key, value in pairs.items())
    return f"'{{' || concat_ws(',', {shown}) || '}}'"


def json_path(key: str) -> str:
    """Return the JSON path of a top-level key.

    >>> print(json_path("a.b"))
    $."a.b"
    """
    return "$." + _quoted(key)


def _quoted(key: str) -> str:
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'


def joined(first: str, second: str) -> str:
    """Build the SQL that joins the texts of two JSON objects that have no key in common, as ``json_pairs`` writes them.

    ``json_merge_patch`` would take both apart and write them anew.
    """
    return (
        f"CASE WHEN {second} = '{{}}' THEN {first} WHEN {first} = '{{}}' THEN {second} "
        f"ELSE left({first}, -1) || ',' || substr({second}, 2) END"
    )


def own_object(column: str, beside: Sequence[str]) -> str:
    """Build the SQL of a JSON object that is to be merged with columns under their own names, so that none is lost.

    What is no JSON object, or has a key of a column beside it, goes under the column's own name.

    Args:
        column: The raw column that holds the object.
        beside: Keys that are taken.
    """
    name = q(column)
    free = f" AND NOT list_has_any(json_keys({name}), [{', '.join(lit(key) for key in beside)}])" if beside else ""
    nested = json_pairs({column: as_json(name)})
    return (
        f"CASE WHEN {name} IS NULL THEN NULL WHEN TRY(json_type({name}) = 'OBJECT'{free}) THEN {name} ELSE {nested} END"
    )


def category_path(*levels: str) -> str:
    """Build the SQL of a category path from its levels, the widest first; a ``.`` divides them, so none stands in one.

    Args:
        levels: SQL of each level; null where there is none.
    """
    shown = ", ".join(f"replace(nullif({level}, ''), '.', '_')" for level in levels)
    return f"nullif(concat_ws('.', {shown}), '')"
