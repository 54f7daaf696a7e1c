"""What to compile: the lake version aimed at, what of it is compiled already, and what has to be read."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from footfall.config import Settings
from footfall.errors import LakeError
from footfall.histories.store import FORMAT
from footfall.lake import keys
from footfall.lake.tables import Tables

MOST_EVENTS: Final = 2_000_000
"""Events of one partition, on average, beyond which the number of partitions doubles."""

FEWEST_EVENTS: Final = 50_000
"""A partition is not made smaller than this for want of memory."""

ROW_BYTES: Final = 160
"""What one row takes at most while its partition is sorted and written."""

_VERSION: Final = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@dataclasses.dataclass(frozen=True)
class Goal:
    """The lake version to compile, and how.

    Attributes:
        version: ``<events>.<items>.<links>``.
        lake: The identity of the lake: one that is made anew counts its versions anew.
        settings: Zone, currency, memory, threads, bound of users per device.
        partitions: Their number, if it was given.
        events: Files of that version.
        items: Files of that version.
        links: Files of that version.
    """

    version: str
    lake: str
    settings: Settings
    partitions: int | None
    events: Sequence[str]
    items: Sequence[str]
    links: Sequence[str]

    @classmethod
    def now(cls, tables: Tables, settings: Settings, partitions: int | None) -> Goal:
        """Return the newest version; its files are listed for exactly that version, whatever is committed meanwhile."""
        version = tables.version()
        numbers = [int(n) for n in version.split(".")]
        files = [tables.files(name, n) for name, n in zip(("events", "items", "links"), numbers, strict=True)]
        return cls(version, str(tables.open("events").metadata().id), settings, partitions, *files)

    def marks(self) -> dict[str, Any]:
        """Return what histories must agree in to be taken for this lake's under these settings."""
        return {
            "format": FORMAT,
            "lake": self.lake,
            "timezone": self.settings.timezone,
            "currency": self.settings.currency,
            "minor_digits": self.settings.minor_digits,
            "max_users_per_device": self.settings.max_users_per_device,
        }


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to read.

    Attributes:
        base: The compiled folder to build on; None to start anew.
        why: Why it starts anew, for the manifest; empty with a base.
        events: Files of events to read.
        keys: What the base knows of ids.
        partitions: Number of partitions; a power of two.
        removed: Whether the lake has lost files since the newest compiled version: someone may have been erased.
    """

    base: Path | None
    why: str
    events: Sequence[str]
    keys: keys.Base | None
    partitions: int
    removed: bool = False


def versions_of(root: Path) -> list[Path]:
    """Return the compiled folders, newest lake version first."""
    if not root.is_dir():
        return []
    found = [(m, path) for path in root.iterdir() if (m := _VERSION.fullmatch(path.name)) and path.is_dir()]
    return [path for _, path in sorted(found, key=lambda f: [int(n) for n in f[0].groups()], reverse=True)]


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return a folder's manifest, or None where there is none that can be read."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) else None


def is_fresh(folder: Path, goal: Goal) -> bool:
    """Tell whether a folder holds exactly what is aimed at."""
    manifest = read_manifest(folder)
    if manifest is None or manifest.get("lake_version") != goal.version or not _agrees(manifest, goal):
        return False
    return goal.partitions in {None, len(manifest["partitions"])}


def _agrees(manifest: dict[str, Any], goal: Goal) -> bool:
    return all(manifest.get(name) == value for name, value in goal.marks().items())


def make_plan(tables: Tables, root: Path, goal: Goal, count: int, engine_version: str, *, force: bool) -> Plan:
    """Decide what to read.

    Args:
        tables: The lake.
        root: Where compiled versions lie.
        goal: What to compile.
        count: Number of events in the lake.
        engine_version: Hashes of local ids kept in a base mean something to the same engine only.
        force: Start anew in any case.
    """
    wanted = goal.partitions or partitions_for(count, goal.settings.memory_bytes)
    anew = Plan(None, "nothing compiled yet", goal.events, None, wanted)
    for folder in versions_of(root):
        manifest = read_manifest(folder)
        if manifest is None or manifest.get("lake") != goal.lake:
            continue
        then = _files_then(tables, manifest["lake_version"])
        if then is None or not set(then[0]) <= set(goal.events) or not set(then[1]) <= set(goal.links):
            return dataclasses.replace(anew, why="files were removed from the lake", removed=True)
        if force:
            return dataclasses.replace(anew, why="asked for")
        if not _agrees(manifest, goal) or manifest.get("engine") != engine_version:
            return dataclasses.replace(anew, why="the settings or the program have changed")
        have = len(manifest["partitions"])
        if have != wanted if goal.partitions else have < wanted:
            return dataclasses.replace(anew, why=f"{wanted} partitions instead of {have}")
        base = keys.Base(then[0], then[1], folder / "identity", manifest["ingested_us"])
        new = sorted(set(goal.events) - set(then[0]))
        return Plan(folder, "", new, base, have)
    return anew


def partitions_for(events: int, memory_bytes: int) -> int:
    """Return the number of partitions: the smallest power of two with few enough events in each.

    Args:
        events: Number of events.
        memory_bytes: Most memory; little memory wants small partitions.

    >>> partitions_for(0, 2**31), partitions_for(2_000_000, 2**31), partitions_for(100_000_000, 2**31)
    (1, 1, 64)
    """
    most = max(FEWEST_EVENTS, min(MOST_EVENTS, memory_bytes // 4 // ROW_BYTES))
    partitions = 1
    while events > most * partitions:
        partitions *= 2
    return partitions


def _files_then(tables: Tables, version: str) -> tuple[list[str], list[str]] | None:
    """Return the files of events and links of an older version, or None when the lake no longer knows it."""
    events, _, links = (int(n) for n in version.split("."))
    try:
        return tables.files("events", events), tables.files("links", links)
    except LakeError:
        return None
