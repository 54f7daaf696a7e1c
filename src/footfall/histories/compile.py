"""Compile the lake into histories: sorted, coded, partitioned columns; brought up to date by adding only what is new.

The steps: whose event is it (``lake.keys``), number the users, grow the vocabularies, code the rows in one stream,
spill them by partition, sort and write each partition. Memory is bounded by the setting ``memory``: the queries spill
to disk beyond their share, and only as many partitions as fit are held at once.

Only events that came since the newest compiled version are read, where that is possible; users whose older events
change hands (a link, an alias, an undone link) are read again as a whole. Everything is read anew when files left the
lake (someone was erased), when settings changed, when the partitions have grown too large, or when a large part of the
users changes.

A folder appears under its final name only when it is whole and on disk. One process compiles at a time; another waits
and then finds the work done.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import filelock

from footfall import config
from footfall.errors import InputError, LakeError, StaleHistoriesError
from footfall.histories._build import Build, Progress, engine_version, flush_path
from footfall.histories._compile_sql import count_rows
from footfall.histories._plan import Goal, Plan, is_fresh, make_plan, read_manifest, versions_of
from footfall.histories.store import Histories
from footfall.lake.engine import Engine, engine
from footfall.lake.workspace import Workspace

KEEP: Final = 2
"""Compiled versions that are kept: the newest, and the one that running readers may still have open."""


def compile(  # noqa: A001 - the word of the trade; nobody calls the built-in here
    workspace: Workspace,
    *,
    partitions: int | None = None,
    memory: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Histories:
    """Compile the lake's newest version, or open it if that is done already.

    Args:
        workspace: What to compile.
        partitions: A power of two; by the number of events without it.
        memory: Most memory, e.g. ``1GB``; the workspace's setting without it.
        force: Compile everything anew.
        progress: Told how far it is.

    Raises:
        InputError: ``partitions`` or ``memory`` cannot be used, or a column has too many different values.
        LakeError: Another process has been compiling for an hour.
    """
    if partitions is not None and (partitions < 1 or partitions & (partitions - 1)):
        raise InputError(f"partitions must be a power of two (1, 2, 4, 8, ...), got {partitions}")
    settings = workspace.settings
    if memory is not None:
        settings = dataclasses.replace(settings, memory=config.checked("memory", memory, "memory"))
    root = workspace.histories_root
    root.mkdir(exist_ok=True)
    with _lock(root):
        for leftover in root.glob(".tmp-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        goal = Goal.now(workspace.tables, settings, partitions)
        if force or not is_fresh(root / goal.version, goal):
            try:
                _compile(workspace, goal, force=force, progress=progress)
            except Exception:
                later = Goal.now(workspace.tables, settings, partitions)
                if later.version == goal.version:
                    raise
                goal = later  # files of the version begun with may have been removed meanwhile
                _compile(workspace, goal, force=force, progress=progress)
        return Histories.open(root / goal.version)


def open_histories(workspace: Workspace, *, compile_if_needed: bool = True) -> Histories:
    """Open the histories of the lake's newest version.

    Args:
        workspace: Whose.
        compile_if_needed: Compile them if there are none; otherwise that is an error.

    Raises:
        StaleHistoriesError: There are none, and they may not be compiled.
    """
    goal = Goal.now(workspace.tables, workspace.settings, None)
    folder = workspace.histories_root / goal.version
    if is_fresh(folder, goal):
        return Histories.open(folder)
    if not compile_if_needed:
        have = ", ".join(path.name for path in versions_of(workspace.histories_root)) or "none"
        raise StaleHistoriesError(
            f"there are no histories of lake version {goal.version} under the present settings (compiled: {have}); "
            "run: footfall compile"
        )
    return compile(workspace)


def discard(workspace: Workspace) -> None:
    """Remove all compiled histories, e.g. because someone in them was erased; the next compile starts anew."""
    root = workspace.histories_root
    if not root.exists():
        return
    with _lock(root):
        for folder in [*versions_of(root), *root.glob(".tmp-*")]:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _lock(root: Path, timeout_s: float = 3600) -> Iterator[None]:
    lock = filelock.FileLock(root / ".lock", timeout=timeout_s)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise LakeError(f"another process has been compiling in {root} for {timeout_s:.0f} s; try again") from None
    try:
        yield
    finally:
        lock.release()


def _compile(workspace: Workspace, goal: Goal, *, force: bool, progress: Progress | None) -> None:
    """Compile into a temporary folder, put it in place, and remove what nobody has to read any more."""
    root = workspace.histories_root
    temporary = root / f".tmp-{uuid.uuid4().hex}"
    try:
        with _engine(workspace, goal, goal.events) as run:
            count = count_rows(run, goal.events)
            plan = make_plan(workspace.tables, root, goal, count, engine_version(run), force=force)
        if not _build(workspace, goal, plan, temporary, progress):
            plan = dataclasses.replace(
                plan, base=None, keys=None, events=goal.events, why="links changed the events of too many users"
            )
            _build(workspace, goal, plan, temporary, progress)
        _publish(temporary, root / goal.version)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    _prune(root, goal, keep=1 if plan.removed else KEEP)


def _build(workspace: Workspace, goal: Goal, plan: Plan, folder: Path, progress: Progress | None) -> bool:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with _engine(workspace, goal, plan.events) as run:
        return Build(goal, plan, folder, progress or (lambda _what, _done, _total: None)).run(run)


def _engine(workspace: Workspace, goal: Goal, events: Sequence[str]) -> contextlib.AbstractContextManager[Engine]:
    return engine(workspace.tables, goal.settings, views={"events": events, "items": goal.items, "links": goal.links})


def _publish(temporary: Path, final: Path) -> None:
    """Rename into place. What stands there already (compiled under other settings) goes first: it can be rebuilt."""
    gone = temporary.with_name(f"{temporary.name}-gone")
    if final.exists():
        final.rename(gone)
    temporary.rename(final)
    flush_path(final.parent)
    shutil.rmtree(gone, ignore_errors=True)


def _prune(root: Path, goal: Goal, keep: int) -> None:
    """Remove all but the newest versions, and those of a lake that is no more."""
    ours = [f for f in versions_of(root) if (read_manifest(f) or {}).get("lake") == goal.lake]
    newest = [f for f in ours if f.name == goal.version] + [f for f in ours if f.name != goal.version]
    for folder in versions_of(root):
        if folder not in newest[:keep]:
            shutil.rmtree(folder, ignore_errors=True)
