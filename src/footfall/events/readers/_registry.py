"""Every reader there is, found and not listed: the modules of this package, and entry points of other packages.

A module whose name has no leading underscore holds a ``READER`` (``None`` where it only makes readers); an entry point
in the group ``footfall.readers`` loads to a ``Reader``, or to a module that has one.

Guessing: a reader fits a table that has all the columns it requires. Of those that fit, the one that knows the largest
share of the table's columns is taken; of equals, the one that requires more columns, for that proves more; where these
are equal too, nobody guesses and the user is asked.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import footfall.events.readers as package
from footfall.errors import SourceError, unknown_name
from footfall.events.readers._base import Reader, Target

GROUP: Final = "footfall.readers"
_NEAR: Final = 3


@functools.cache
def readers() -> Mapping[str, Reader]:
    """Return every reader by its name, in the order of the names.

    Raises:
        SourceError: An entry point cannot be loaded or gives no reader, or two readers have one name.
    """
    found: dict[str, tuple[Reader, str]] = {}
    for reader, origin in (*_own(), *_foreign()):
        if reader.name in found:
            raise SourceError(
                f"two readers are named {reader.name!r}: {found[reader.name][1]} and {origin}; "
                "rename one, or uninstall the package it came with"
            )
        found[reader.name] = reader, origin
    return MappingProxyType({name: found[name][0] for name in sorted(found)})


def _own() -> Iterator[tuple[Reader, str]]:
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("_"):
            continue
        full = f"{package.__name__}.{module.name}"
        reader = importlib.import_module(full).READER
        if reader is not None:
            assert isinstance(reader, Reader), f"{full}.READER is no Reader"  # noqa: S101 - our mistake
            yield reader, full


def _foreign() -> Iterator[tuple[Reader, str]]:
    for point in importlib.metadata.entry_points(group=GROUP):
        origin = f"entry point {point.name} = {point.value}"
        try:
            loaded = point.load()
        except Exception as error:  # whatever another package's import raises
            raise SourceError(
                f"the reader of {origin} cannot be loaded ({type(error).__name__}: {error}); "
                "mend or uninstall its package"
            ) from error
        reader = getattr(loaded, "READER", loaded)
        if not isinstance(reader, Reader):
            raise SourceError(
                f"{origin} gives {type(reader).__name__}; accepted: a Reader, or a module with READER; "
                "mend or uninstall its package"
            )
        yield reader, origin


def by_name(name: str) -> Reader:
    """Return a reader by its name.

    Raises:
        SourceError: There is none of this name.
    """
    known = readers()
    if name not in known:
        raise SourceError(unknown_name("source", name, known))
    return known[name]


def choose(columns: Sequence[str], source: str | None = None, *, target: Target | None = None) -> Reader:
    """Return the reader the user named, once it is sure that the table suits it; guess without a name.

    Args:
        columns: The table's column names.
        source: A reader's name, or None.
        target: ``events`` or ``items`` where only one of them is wanted.

    Raises:
        SourceError: The name is unknown, the table lacks columns the reader needs, or nothing can be guessed.
    """
    if source is None:
        return guess(columns, target=target)
    reader = by_name(source)
    lacking = reader.missing(columns)
    if lacking:
        raise SourceError(
            f"--source {source} needs {', '.join(lacking)}; given: columns {', '.join(columns)}; leave --source out "
            "to have it guessed, or say what the columns are with --map ours=theirs"
        )
    return _wanted(reader, target)


def guess(columns: Sequence[str], *, target: Target | None = None) -> Reader:
    """Return the reader that fits a table best.

    Args:
        columns: The table's column names.
        target: ``events`` or ``items`` where only one of them is wanted.

    Raises:
        SourceError: No reader fits, two fit equally well, or the best one reads the other kind of table.
    """
    fits = sorted(
        ((reader.fit(columns), reader.needs, reader) for reader in readers().values() if reader.fit(columns) > 0),
        key=lambda fit: (-fit[0], -fit[1], fit[2].name),
    )
    if not fits:
        raise SourceError(_nothing_fits(columns, target))
    best = [reader for share, needs, reader in fits if (share, needs) == fits[0][:2]]
    if len(best) > 1:
        names = " and ".join(reader.name for reader in best)
        raise SourceError(
            f"the columns {', '.join(columns)} fit {names} equally well; choose with --source {best[0].name}"
        )
    return _wanted(best[0], target)


def _wanted(reader: Reader, target: Target | None) -> Reader:
    if target is None or reader.target == target:
        return reader
    other = "footfall ingest" if reader.target == "events" else "footfall items"
    raise SourceError(
        f"{reader.name} ({reader.title}) reads {reader.target}, not {target}; read this file with: {other} PATH"
    )


def _nothing_fits(columns: Sequence[str], target: Target | None) -> str:
    """Build the message for a table that nobody knows: what it has, what the nearest readers miss, what to do."""
    near = [r for r in readers().values() if target in (None, r.target)]
    near.sort(key=lambda r: (len(r.missing(columns)) / r.needs, r.name))
    hints = []
    for reader in near[:_NEAR]:
        lacking = reader.missing(columns)
        known = len(reader.known & set(columns))
        lacks = f"needs {', '.join(lacking)}" if lacking else f"knows only {known} of {len(columns)} columns"
        hints.append(f"{reader.name} {lacks}")
    example = (
        "--map item_id=COLUMN --map name=COLUMN"
        if target == "items"
        else ("--map user_id=COLUMN --map event_type=COLUMN --map timestamp=COLUMN")
    )
    return (
        f"no source is known with the columns {', '.join(columns)}. Nearest: {'; '.join(hints)}. "
        f"Name the source with --source (accepted: {', '.join(sorted(r.name for r in near))}), "
        f"or say what the columns are, e.g. {example}"
    )
