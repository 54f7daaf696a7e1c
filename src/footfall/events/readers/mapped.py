"""Any table at all, by what the user says of it: ``--map ours=theirs`` and ``--set ours=value``.

Ours are the columns of an event, and the item's as ``item.name``, ``item.category``, ``item.brand``, ...; when a
catalogue is read they are the columns of an item. A column of the file that bears one of our names is taken as that
without being told; ``--map ours=`` (nothing) leaves it alone. All other columns are kept in ``properties`` under their
own names.
Common names of event types become ours (see ``_names``): ``view``, ``addtocart``, ``buy``, ``order``, ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from footfall.errors import SourceError, unknown_name
from footfall.events.readers._base import Projection, Reader, Target, lit, q
from footfall.events.readers._names import event_name, event_name_sql
from footfall.events.readers._sql import own_object
from footfall.schema import GIVEN_EVENT_COLUMNS, GIVEN_ITEM_COLUMNS

READER: Final = None
"""There is no reader without a mapping; ``mapped_reader`` makes one."""

_ITEM_PREFIX: Final = "item."
_DESCRIBING: Final = tuple(_ITEM_PREFIX + c for c in GIVEN_ITEM_COLUMNS if c not in {"item_id", "properties"})

OURS: Final[Mapping[Target, tuple[str, ...]]] = {
    "events": (*GIVEN_EVENT_COLUMNS, *_DESCRIBING),
    "items": (*GIVEN_ITEM_COLUMNS, "seen_at"),
}
"""Target to the names that may stand on the left of ``--map`` and ``--set``."""

_NEEDED: Final[Mapping[Target, tuple[tuple[str, ...], ...]]] = {
    "events": (("timestamp",), ("event_type",), ("user_id", "anonymous_id")),
    "items": (("item_id",),),
}


def mapped_reader(
    mapping: Mapping[str, str], constants: Mapping[str, str], columns: Sequence[str], *, target: Target = "events"
) -> Reader:
    """Make the reader of a table from what the user says of it.

    Args:
        mapping: Our column to the file's; to an empty text where the file's column of our name is to be left alone.
        constants: Our column to a text that all rows have.
        columns: The file's column names.
        target: Whether the rows are events or items.

    Raises:
        SourceError: A name is unknown on either side, is said twice, or what every row needs is missing.
    """
    _check(mapping, constants, columns, target)
    # Items of an event have their own columns only when they are named: an event's price is not its item's.
    implied = {ours: ours for ours in OURS[target] if ours in columns and ours not in {*mapping, *constants}}
    chosen = {ours: theirs for ours, theirs in (implied | dict(mapping)).items() if theirs}
    for group in _NEEDED[target]:
        if not any(ours in chosen or ours in constants for ours in group):
            raise SourceError(
                f"nothing says what the {' or '.join(group)} is; given: columns {', '.join(columns)}; "
                f"add --map {group[0]}=COLUMN or --set {group[0]}=VALUE"
            )
    if any(ours.startswith(_ITEM_PREFIX) for ours in (*chosen, *constants)) and "item_id" not in {*chosen, *constants}:
        raise SourceError("item.* columns describe an item, but nothing says which; add --map item_id=COLUMN")
    return Reader(
        name="mapped",
        title="table mapped by hand",
        required=frozenset(chosen.values()),
        project=lambda have: _project(chosen, constants, have, target),
        target=target,
    )


def _check(mapping: Mapping[str, str], constants: Mapping[str, str], columns: Sequence[str], target: Target) -> None:
    for ours in (*mapping, *constants):
        if ours not in OURS[target]:
            raise SourceError(unknown_name("column of ours", ours, OURS[target]))
    for ours, theirs in mapping.items():
        if theirs and theirs not in columns:
            raise SourceError(f"--map {ours}={theirs}: {unknown_name('column of the file', theirs, columns)}")
    twice = sorted(set(mapping) & set(constants))
    if twice:
        raise SourceError(f"{', '.join(twice)}: given by both --map and --set; give one of them")
    empty = sorted(ours for ours, value in constants.items() if not value.strip())
    if empty:
        raise SourceError(f"--set {empty[0]}= has no value; give one, or leave it out")
    if "properties" in constants:
        raise SourceError("--set properties: accepted is a column only, by --map properties=COLUMN")


def _project(
    chosen: Mapping[str, str], constants: Mapping[str, str], columns: Sequence[str], target: Target
) -> Projection:
    values = {ours: q(theirs) for ours, theirs in chosen.items() if ours != "properties"}
    values |= {ours: lit(value) for ours, value in constants.items()}
    if target == "events" and "event_type" in chosen:
        values["event_type"] = event_name_sql(values["event_type"])
    elif target == "events" and "event_type" in constants:
        values["event_type"] = lit(event_name(constants["event_type"]))
    used = set(chosen.values())
    rest = tuple(column for column in columns if column not in used)
    extra = own_object(chosen["properties"], rest) if "properties" in chosen else None
    if target == "items":
        return Projection({}, values, rest=rest, properties=extra)
    items = {ours.removeprefix(_ITEM_PREFIX): sql for ours, sql in values.items() if ours.startswith(_ITEM_PREFIX)}
    if items:
        items["item_id"] = values["item_id"]
    event = {ours: sql for ours, sql in values.items() if not ours.startswith(_ITEM_PREFIX)}
    return Projection(event, items, rest=rest, properties=extra)
