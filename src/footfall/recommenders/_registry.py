"""Every family of recommenders there is, found and not listed: the modules of this package, and entry points of others.

A module whose name has no leading underscore holds one or more concrete ``Recommender`` classes; an entry point in the
group ``footfall.recommenders`` loads to one.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

import footfall.recommenders as package
from footfall.errors import InputError, unknown_name
from footfall.recommenders._base import Recommender

GROUP: Final = "footfall.recommenders"


@functools.cache
def families() -> Mapping[str, type[Recommender]]:
    """Return every family by its name, in the order of the names.

    Raises:
        InputError: An entry point cannot be loaded or gives no recommender, or two families have one name.
    """
    found: dict[str, tuple[type[Recommender], str]] = {}
    for family, origin in (*_own(), *_foreign()):
        if family.name in found:
            raise InputError(
                f"two recommenders are named {family.name!r}: {found[family.name][1]} and {origin}; "
                "rename one, or uninstall the package it came with"
            )
        found[family.name] = family, origin
    return MappingProxyType({name: found[name][0] for name in sorted(found)})


def by_name(name: str) -> type[Recommender]:
    """Return a family by its name.

    Raises:
        InputError: There is none of this name.
    """
    known = families()
    if name not in known:
        raise InputError(unknown_name("recommender", name, known))
    return known[name]


def _own() -> Iterator[tuple[type[Recommender], str]]:
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("_"):
            continue
        full = f"{package.__name__}.{module.name}"
        for value in vars(importlib.import_module(full)).values():
            if _is_family(value) and value.__module__ == full:
                yield value, full


def _foreign() -> Iterator[tuple[type[Recommender], str]]:
    for point in importlib.metadata.entry_points(group=GROUP):
        origin = f"entry point {point.name} = {point.value}"
        try:
            loaded = point.load()
        except Exception as error:  # whatever another package's import raises
            raise InputError(
                f"the recommender of {origin} cannot be loaded ({type(error).__name__}: {error}); "
                "mend or uninstall its package"
            ) from error
        if not _is_family(loaded):
            raise InputError(
                f"{origin} gives {loaded!r}; accepted: a class that implements Recommender; "
                "mend or uninstall its package"
            )
        yield loaded, origin


def _is_family(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Recommender) and not inspect.isabstract(value)
