"""Every error Footfall raises on purpose.

FootfallError
├── InputError (ValueError)        what the user gave cannot be used; exit 2
│   ├── SourceError                a file or table that no reader can take
│   ├── ConfigError                footfall.toml or the environment
│   ├── ConditionError             a --where or a funnel step that cannot be read
│   └── WorkspaceError             no workspace here, or one that is not ours
├── LakeError (RuntimeError)       the tables on disk cannot be read or written
├── TrainingError (RuntimeError)    a run cannot begin or go on; the last good state is kept
├── StaleHistoriesError (RuntimeError)   the compiled columns do not belong to this lake version
├── MissingDependencyError (ImportError) an optional package is absent; the message has the install line
└── DependencyBrokenError (ImportError)  a package is there and cannot be loaded; the message has what to try

A message says what was given, what is accepted, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class FootfallError(Exception):
    """The root of the tree."""


class InputError(FootfallError, ValueError):
    """What the user gave cannot be used."""


class SourceError(InputError):
    """A file or table that no reader can take."""


class ConfigError(InputError):
    """A setting in footfall.toml or in the environment is wrong."""


class ConditionError(InputError):
    """A condition (``--where``, a funnel step) cannot be read."""


class WorkspaceError(InputError):
    """There is no workspace here, or it is not one of ours."""


class LakeError(FootfallError, RuntimeError):
    """The tables on disk cannot be read or written."""


class TrainingError(FootfallError, RuntimeError):
    """A training run cannot begin or go on; the last good state is kept."""


class StaleHistoriesError(FootfallError, RuntimeError):
    """The compiled columns do not belong to the lake version asked for."""


class MissingDependencyError(FootfallError, ImportError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package {package!r}; install it with: pip install 'footfall[{extra}]'")


class DependencyBrokenError(FootfallError, ImportError):
    """A package is installed and cannot be loaded."""

    def __init__(self, package: str, why: str, remedy: str) -> None:
        super().__init__(f"the package {package!r} is installed and cannot be loaded ({why}); try: {remedy}")


def unknown_name(kind: str, given: str, accepted: Iterable[str]) -> str:
    """Build the message for an unknown name, with its nearest neighbours.

    Args:
        kind: What the name stands for, e.g. ``"source"``.
        given: What the user wrote.
        accepted: All names that would have been accepted.

    >>> unknown_name("source", "rees64", ["rees46", "ga4"])
    "unknown source 'rees64'; did you mean 'rees46'? Accepted: ga4, rees46"
    """
    names = sorted(accepted)
    near = difflib.get_close_matches(given, names, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(repr(n) for n in near)}?" if near else "."
    return f"unknown {kind} {given!r}{hint} Accepted: {', '.join(names) or '(none)'}"
