"""Every task there is, found and not listed: the modules of this package whose names have no leading underscore."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import footfall.tasks as package
from footfall.errors import InputError, unknown_name
from footfall.tasks._base import Task


@functools.cache
def tasks() -> Mapping[str, type[Task]]:
    """Return every task by its name, in the order of the names."""
    found: dict[str, type[Task]] = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.name.startswith("_"):
            continue
        full = f"{package.__name__}.{module.name}"
        for value in vars(importlib.import_module(full)).values():
            if isinstance(value, type) and issubclass(value, Task) and not inspect.isabstract(value):
                found[value.name] = value
    return MappingProxyType(dict(sorted(found.items())))


def made(name: str, asked: Mapping[str, Any]) -> Task:
    """Return a task with its settings.

    Args:
        name: Of the task.
        asked: Its settings, e.g. ``{"lookback": "60d"}``.

    Raises:
        InputError: There is no such task, or it has no such setting.
    """
    task: Any = by_name(name)
    settings = [field.name for field in dataclasses.fields(task)]
    for setting in asked:
        if setting not in settings:
            raise InputError(unknown_name(f"setting of task {name}", setting, settings))
    found: Task = task(**asked)
    return found


def by_name(name: str) -> type[Task]:
    """Return a task by its name.

    Raises:
        InputError: There is none of this name.
    """
    known = tasks()
    if name not in known:
        raise InputError(unknown_name("task", name, known))
    return known[name]
