"""What an erasure touches beside the tables: its journal, the audit, compiled histories, bundles."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import filelock

from footfall.errors import LakeError
from footfall.lake.secrecy import keyed_hash
from footfall.lake.workspace import ERASURES, Workspace

JOURNAL: Final = ".erasing.json"
"""In ``lake/`` while an erasure is under way: the ids, so that it can be finished after a crash; then it is removed."""

_VERSION: Final = re.compile(r"\d+\.\d+\.\d+")


@dataclasses.dataclass(frozen=True)
class Journal:
    """What an erasure does; written before it begins.

    Attributes:
        erasure: Its own id.
        at: Its moment, ISO 8601; rows before it stay out for good.
        given: The id that was asked for.
        user_ids: The person's user ids.
        anonymous_ids: The person's devices.
        event_ids: The person's events that name neither.
        shared_devices: As in ``_person.SharedDevice``.
        removed: Table to the rows that are removed.
        cleared: Rows of others that lose the id of a device.
        mentions: Rows of others that name the person in their properties, and stay.
        lake_version_before: The lake's version before it.
    """

    erasure: str
    at: str
    given: str
    user_ids: Sequence[str]
    anonymous_ids: Sequence[str]
    event_ids: Sequence[str]
    shared_devices: Sequence[Mapping[str, Any]]
    removed: Mapping[str, int]
    cleared: int
    mentions: int
    lake_version_before: str

    @property
    def ids(self) -> list[str]:
        """All ids, each once."""
        return list(dict.fromkeys([*self.user_ids, *self.anonymous_ids]))

    def write(self, workspace: Workspace) -> None:
        """Put it on disk, whole or not at all."""
        _replace(workspace.tables.root / JOURNAL, json.dumps(dataclasses.asdict(self)) + "\n")

    @classmethod
    def read(cls, workspace: Workspace) -> Journal | None:
        """Return the journal of an erasure that was cut short, or None."""
        path = workspace.tables.root / JOURNAL
        return cls(**json.loads(path.read_text("utf-8"))) if path.exists() else None

    @staticmethod
    def remove(workspace: Workspace) -> None:
        """Say that the erasure is done."""
        (workspace.tables.root / JOURNAL).unlink(missing_ok=True)
        _flush(workspace.tables.root)


def append_audit(workspace: Workspace, journal: Journal, lake_version: str) -> None:
    """Add one line per id to the audit, and one for events that name none, once per erasure; ids are keyed hashes.

    The file is replaced as a whole: a line that a crash has torn would keep every later ingest from reading it.

    Args:
        workspace: Whose.
        journal: The erasure.
        lake_version: The lake's version after it.
    """
    path = workspace.tables.root / ERASURES
    before = path.read_text("utf-8") if path.exists() else ""
    lines = [json.loads(line) for line in before.splitlines() if line.strip()]
    if any(line.get("erasure") == journal.erasure for line in lines):
        return
    about = {
        "at": journal.at,
        "erasure": journal.erasure,
        "removed": dict(journal.removed),
        "cleared": journal.cleared,
        "lake_version_before": journal.lake_version_before,
        "lake_version": lake_version,
    }
    new = [json.dumps({"who": keyed_hash(id_, workspace.secret)} | about) for id_ in journal.ids]
    if journal.event_ids:
        events = [keyed_hash(event, workspace.secret) for event in journal.event_ids]
        new.append(json.dumps({"at": journal.at, "erasure": journal.erasure, "events": events}))
    _replace(path, before + "".join(f"{line}\n" for line in new))


def erased_at(workspace: Workspace, id_: str) -> str | None:
    """Return when an id was last erased, ISO 8601, or None.

    Args:
        workspace: Whose.
        id_: A user id or an anonymous id.
    """
    who = keyed_hash(id_, workspace.secret)
    moments = [erased.at for erased in workspace.erased() if erased.who == who]
    return max(moments).isoformat(timespec="seconds") if moments else None


@contextlib.contextmanager
def histories_lock(workspace: Workspace, timeout_s: float = 3600) -> Iterator[None]:
    """Hold the lock under which histories are compiled: a compilation under way still reads what is being erased.

    Args:
        workspace: Whose.
        timeout_s: How long to wait for a compilation to end, in seconds.

    Raises:
        LakeError: It took longer.
    """
    root = workspace.histories_root
    root.mkdir(exist_ok=True)
    lock = filelock.FileLock(root / ".lock", timeout=timeout_s)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise LakeError(f"another process has been compiling in {root} for {timeout_s:.0f} s; try again") from None
    try:
        yield
    finally:
        lock.release()


def remove_histories(workspace: Workspace) -> list[str]:
    """Remove all compiled histories, half-made ones too; ``histories_lock`` must be held. Returns their versions."""
    removed = []
    for folder in sorted(workspace.histories_root.iterdir()):
        if _VERSION.fullmatch(folder.name) or folder.name.startswith(".tmp-"):
            shutil.rmtree(folder)
            removed.append(folder.name)
    return [name for name in removed if not name.startswith(".")]


def bundles_before(workspace: Workspace, lake_version: str) -> list[str]:
    """Return the bundles that were trained on this version of the lake or an older one, as paths in the workspace.

    A bundle is a folder ``models/<task>/<version>``; one of its JSON files names its ``lake_version``. One that names
    none is returned too: nobody can tell that it has not seen the person.

    Args:
        workspace: Whose.
        lake_version: ``<events>.<items>.<links>``.
    """
    limit = int(lake_version.partition(".")[0])
    found = []
    for bundle in sorted(path for path in (workspace.path / "models").glob("*/*") if path.is_dir()):
        versions = [v for file in sorted(bundle.glob("*.json")) if (v := _lake_version(file)) is not None]
        if not versions or min(versions) <= limit:
            found.append(bundle.relative_to(workspace.path).as_posix())
    return found


def _lake_version(file: Path) -> int | None:
    """Return the version of ``events`` that a bundle's file names, or None."""
    try:
        document = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    version = document.get("lake_version") if isinstance(document, dict) else None
    return int(version.partition(".")[0]) if isinstance(version, str) and _VERSION.fullmatch(version) else None


def _replace(path: Path, text: str) -> None:
    """Write a file, readable by its owner only, so that after a crash it is either the old one or the new one."""
    temporary = path.with_name(f"{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _flush(path.parent)


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
