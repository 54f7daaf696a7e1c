"""Every family of predictors there is, found and not listed: the modules of this package without an underscore."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

import footfall.predictors as package
from footfall.errors import InputError, unknown_name
from footfall.predictors._base import Predictor


@functools.cache
def predictors() -> Mapping[str, type[Predictor]]:
    """Return every family by its name, in the order of the names."""
    found: dict[str, type[Predictor]] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("_"):
            continue
        full = f"{package.__name__}.{module.name}"
        for value in vars(importlib.import_module(full)).values():
            own = isinstance(value, type) and value.__module__ == full
            if own and issubclass(value, Predictor) and not inspect.isabstract(value):
                found[value.name] = value
    return MappingProxyType(dict(sorted(found.items())))


def by_name(name: str) -> type[Predictor]:
    """Return a family by its name.

    Raises:
        InputError: There is none of this name.
    """
    known = predictors()
    if name not in known:
        raise InputError(unknown_name("predictor", name, known))
    return known[name]
