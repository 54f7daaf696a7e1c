"""Records of training runs: what was trained on what, how it went, and what came of it; one JSON file a run."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import filelock

from footfall._version import __version__
from footfall.errors import InputError, TrainingError, unknown_name
from footfall.results import Result

_FILE: Final = "run.json"


@dataclasses.dataclass
class RunRecord:
    """One run's record, written anew whenever something is known.

    Attributes:
        folder: Its folder; the state of training lies in ``state`` below it until the run is done.
        facts: JSON-ready: id, task, status, settings, lake and code version, times, curves, outcome.
    """

    folder: Path
    facts: dict[str, Any]
    _lock: filelock.BaseFileLock = dataclasses.field(init=False, repr=False)

    @classmethod
    def begin(cls, runs: Path, task: str, settings: Mapping[str, Any], lake_version: str) -> RunRecord:
        """Begin a run, or go on with one of the same settings on the same log that was stopped.

        Args:
            runs: Folder of all runs.
            task: Name of the task.
            settings: JSON-ready; everything that decides what comes out.
            lake_version: Of the log.
        """
        key = _key({"task": task, "settings": settings, "lake_version": lake_version, "code_version": __version__})
        for path in sorted(runs.glob(f"*/{_FILE}")):
            facts = json.loads(path.read_text(encoding="utf-8"))
            if facts["key"] == key and facts["status"] != "done":
                found = cls(path.parent, facts | {"status": "running", "resumed": facts.get("resumed", 0) + 1})
                found.lock()
                found.write()
                return found
        now = dt.datetime.now(dt.UTC)
        name = first = f"{now:%Y%m%dT%H%M%SZ}-{key[:4]}"
        number = 1
        while (runs / name).exists():
            number += 1
            name = f"{first}-{number}"
        facts = {
            "id": name,
            "key": key,
            "task": task,
            "status": "running",
            "started_at": now.isoformat(timespec="seconds"),
            "ended_at": None,
            "settings": dict(settings),
            "lake_version": lake_version,
            "code_version": __version__,
            "resumed": 0,
            "wall_s": 0.0,
            "curves": {},
            "outcome": {},
        }
        (runs / name).mkdir(parents=True, exist_ok=True)
        found = cls(runs / name, facts)
        found.lock()
        found.write()
        return found

    def lock(self) -> None:
        """Keep other processes from going on with this run; a process that dies gives it free.

        Raises:
            TrainingError: Another process is at it.
        """
        self._lock = filelock.FileLock(self.folder / ".lock", timeout=0)
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise TrainingError(
                f"another process is training this very run ({self.facts['id']}); wait for it, or stop it"
            ) from None

    @property
    def state(self) -> Path:
        """Where training keeps its state."""
        return self.folder / "state"

    def end(self, began: float, curves: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
        """Say that the run is done.

        Args:
            began: ``time.monotonic()`` when it began or went on.
            curves: The looks of each training, JSON-ready.
            outcome: What came of it, JSON-ready.
        """
        self._stop("done", began, "")
        self.facts |= {"curves": dict(curves), "outcome": dict(outcome)}
        self.write()
        shutil.rmtree(self.state, ignore_errors=True)
        self._lock.release()

    def fail(self, began: float, why: str) -> None:
        """Say that the run was stopped, and by what; its state stays, to go on from.

        Args:
            began: ``time.monotonic()`` when it began or went on.
            why: In a sentence.
        """
        self._stop("stopped", began, why)
        self._lock.release()

    def forget(self) -> None:
        """Leave no trace of a run that could not begin."""
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _stop(self, status: str, began: float, why: str) -> None:
        self.facts |= {
            "status": status,
            "ended_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "wall_s": round(self.facts["wall_s"] + time.monotonic() - began, 1),
            "why": why,
        }
        self.write()

    def write(self) -> None:
        """Write what is known by now."""
        fresh = self.folder / f".{_FILE}.new"
        fresh.write_text(json.dumps(self.facts, indent=1) + "\n", encoding="utf-8")
        fresh.replace(self.folder / _FILE)


@dataclasses.dataclass(frozen=True)
class RunsRow:
    """One run.

    Attributes:
        id: Its name.
        task: What was trained.
        status: ``running``, ``done``, ``stopped``; a run that was killed still says running.
        started_at: When, UTC.
        wall_s: How long it ran, seconds.
        size: Of the behaviour model.
        lake_version: Of the log.
        code_version: Of Footfall.
        served: What it came to.
        epochs: Epochs of its longest curve.
        best: Best metric of its curves.
    """

    id: str
    task: str
    status: str
    started_at: str
    wall_s: float
    size: str | None
    lake_version: str
    code_version: str
    served: str | None
    epochs: int
    best: float | None


@dataclasses.dataclass(frozen=True)
class RunsResult(Result):
    """Training runs, the newest first.

    Attributes:
        rows: One a run.
    """

    rows: tuple[RunsRow, ...]

    def headline(self) -> str:
        """Say how many there are."""
        return f"{len(self.rows)} training runs, the newest first" if self.rows else "no training runs yet"


@dataclasses.dataclass(frozen=True)
class ComparedRow:
    """One thing in which runs differ, or that came of them.

    Attributes:
        what: Its name.
        values: By run.
    """

    what: str
    values: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class ComparedRuns(Result):
    """Runs side by side: settings that differ, curves, outcomes.

    Attributes:
        runs: Their names.
        rows: What is compared.
    """

    runs: tuple[str, ...]
    rows: tuple[ComparedRow, ...]

    def table_rows(self) -> list[dict[str, Any]]:
        """Return one row a thing, one column a run."""
        return [{"what": row.what, **{run: row.values.get(run) for run in self.runs}} for row in self.rows]


def runs_of(runs: Path, task: str | None = None) -> RunsResult:
    """List runs.

    Args:
        runs: Folder of all runs.
        task: Those of this task only.
    """
    rows = []
    for facts in sorted(_all(runs), key=lambda facts: facts["started_at"], reverse=True):
        if task is None or facts["task"] == task:
            looks = [look for curve in facts["curves"].values() for look in curve]
            metrics = [look["metric"] for look in looks if look.get("metric") is not None]
            rows.append(
                RunsRow(
                    **{name: facts[name] for name in ("id", "task", "status", "started_at", "wall_s")},
                    size=facts["settings"].get("size"),
                    lake_version=facts["lake_version"],
                    code_version=facts["code_version"],
                    served=facts["outcome"].get("served"),
                    epochs=max((look["epoch"] for look in looks), default=0),
                    best=max(metrics, default=None),
                )
            )
    return RunsResult(tuple(rows))


def compare(runs: Path, ids: Sequence[str]) -> ComparedRuns:
    """Put runs side by side.

    Args:
        runs: Folder of all runs.
        ids: Names of runs, or what they begin with.

    Raises:
        InputError: A run is unknown, or a beginning means several.
    """
    known = {facts["id"]: facts for facts in _all(runs)}
    chosen = []
    for given in ids:
        fits = [name for name in known if name == given] or [name for name in known if name.startswith(given)]
        if len(fits) != 1:
            raise InputError(unknown_name("run", given, known) if not fits else f"{given!r} means {', '.join(fits)}")
        chosen.append(known[fits[0]])
    names = tuple(facts["id"] for facts in chosen)
    flat = {facts["id"]: _flat(facts) for facts in chosen}
    keys = list(dict.fromkeys(key for facts in flat.values() for key in facts))
    rows = [ComparedRow(key, {name: flat[name].get(key) for name in names}) for key in keys]
    differing = [
        row
        for row in rows
        if not row.what.startswith("settings.") or len({str(value) for value in row.values.values()}) > 1
    ]
    return ComparedRuns(names, tuple(differing if len(names) > 1 else rows))


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: facts[name] for name in ("task", "status", "lake_version", "code_version", "wall_s")}
    found |= {f"settings.{name}": value for name, value in facts["settings"].items()}
    for trained, curve in facts["curves"].items():
        for number, look in enumerate(curve, 1):
            found[f"{trained} {look.get('phase', '')} {number}: loss"] = look["loss"]
            if look.get("metric") is not None:
                found[f"{trained} {look.get('phase', '')} {number}: metric"] = look["metric"]
    return found | {f"outcome.{name}": value for name, value in facts["outcome"].items()}


def _all(runs: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(runs.glob(f"*/{_FILE}"))]


def _key(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
