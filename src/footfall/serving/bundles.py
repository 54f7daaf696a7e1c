"""Bundles: what is served, on disk. Written whole or not at all, checked when opened, never pickle.

models/<task>/<version>/
  bundle.json        format, task, version, lake version, code version, what was asked, settings, metrics, checksums
  card.md            the same for a reader (``cards``)
  reliability.svg    of a prediction: what was said against what came; of amounts deciles.svg
  vocabularies.json  the ids that codes stand for
  model/             what the family itself wrote
models/<task>/champion   the version that is served
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from footfall._version import __version__
from footfall.errors import InputError
from footfall.recommenders._learnt import read_settings
from footfall.recommenders._registry import by_name
from footfall.results import plain
from footfall.serving._card_plot import write_plot
from footfall.serving.cards import card
from footfall.serving.vocabularies import Vocabularies
from footfall.tasks._probable import Calibrated

FORMAT: Final = 1
CHAMPION: Final = "champion"
CARD_ONLY: Final = frozenset(
    {"data", "moments", "metrics", "judged", "robustness", "drift", "fairness", "reasons_check"}
)
"""Facts that are tables, for a card; the record of a run, which says its bundle, goes without them."""
SOFTWARE: Final = ("numpy", "scikit-learn", "lightgbm", "torch")
"""Packages whose versions a bundle tells."""
_ABOUT: Final = "bundle.json"
_CARD: Final = "card.md"


@dataclasses.dataclass(frozen=True)
class Bundle:
    """What is served of one task.

    Attributes:
        path: Its folder.
        about: What ``bundle.json`` says.
        vocabularies: The ids that codes stand for.
        model: The fitted model: a recommender, or a calibrated predictor.
    """

    path: Path
    about: Mapping[str, Any]
    vocabularies: Vocabularies
    model: Any

    @property
    def version(self) -> str:
        """Its version."""
        return self.path.name


def write_bundle(models: Path, task: str, model: Any, vocabularies: Vocabularies, about: Mapping[str, Any]) -> Path:
    """Write a bundle and make it the one that is served.

    Args:
        models: The workspace's folder of models.
        task: Name of the task.
        model: Fitted; it has ``save(folder)``.
        vocabularies: Of the log it was fitted on.
        about: JSON-ready facts: lake version, question, settings, metrics.

    Returns:
        Its folder.
    """
    home = models / task
    home.mkdir(parents=True, exist_ok=True)
    version = _new_version(home)
    fresh = home / f".new-{version}"
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "model").mkdir(parents=True)
    model.save(fresh / "model")
    vocabularies.save(fresh)
    facts = {
        "format": FORMAT,
        "task": task,
        "version": version,
        "made_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "code_version": __version__,
        "software": _software(),
        **about,
    }
    if "judged" in facts:
        write_plot(facts, fresh)
    facts["checksums"] = {str(file.relative_to(fresh)): _checksum(file) for file in _files(fresh)}
    (fresh / _ABOUT).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (fresh / _CARD).write_text(card(facts), encoding="utf-8")
    for file in _files(fresh):
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    fresh.rename(home / version)
    point(models, task, version)
    return home / version


def point(models: Path, task: str, version: str, alias: str = CHAMPION) -> None:
    """Let an alias stand for a version.

    Args:
        models: The workspace's folder of models.
        task: Name of the task.
        version: One that is there.
        alias: E.g. ``champion``.

    Raises:
        InputError: There is no such version.
    """
    home = models / task
    if not (home / version / _ABOUT).is_file():
        have = ", ".join(versions(models, task)) or "none"
        raise InputError(f"there is no version {version!r} of {task}; have: {have}")
    fresh = home / f".{alias}.new"
    fresh.write_text(version + "\n", encoding="utf-8")
    fresh.replace(home / alias)


def versions(models: Path, task: str) -> list[str]:
    """Return the versions of a task's bundles, the oldest first.

    Args:
        models: The workspace's folder of models.
        task: Name of the task.
    """
    home = models / task
    return sorted(p.parent.name for p in home.glob(f"*/{_ABOUT}") if not p.parent.name.startswith("."))


def open_bundle(models: Path, task: str, version: str | None = None) -> Bundle:
    """Open a bundle; every file's checksum is compared.

    Args:
        models: The workspace's folder of models.
        task: Name of the task.
        version: A version; the one that is served without it.

    Raises:
        InputError: There is none, it was written by a later Footfall, or a file is not as it was written.
    """
    folder, about = read_about(models, task, version)
    for name, expected in about["checksums"].items():
        if not (folder / name).is_file() or _checksum(folder / name) != expected:
            raise InputError(f"{folder / name} is not as it was written; train again (footfall train {task})")
    return Bundle(folder, about, Vocabularies.load(folder), _read_model(folder / "model"))


def read_about(models: Path, task: str, version: str | None = None) -> tuple[Path, dict[str, Any]]:
    """Return a bundle's folder and what its ``bundle.json`` says, without opening the model.

    Args:
        models: The workspace's folder of models.
        task: Name of the task.
        version: A version; the one that is served without it.

    Raises:
        InputError: There is none, it was written by a later Footfall, or its facts cannot be read.
    """
    home = models / task
    if version is None:
        if not (home / CHAMPION).is_file():
            raise InputError(f"nothing is trained for {task} in this workspace; run: footfall train {task}")
        version = (home / CHAMPION).read_text(encoding="utf-8").strip()
    folder = home / version
    if not (folder / _ABOUT).is_file():
        have = ", ".join(versions(models, task)) or "none"
        raise InputError(f"there is no version {version!r} of {task}; have: {have}")
    try:
        about: dict[str, Any] = json.loads((folder / _ABOUT).read_text(encoding="utf-8"))
    except ValueError:
        raise InputError(f"{folder / _ABOUT} is not as it was written; train again (footfall train {task})") from None
    if about.get("format") != FORMAT:
        given = about.get("format")
        raise InputError(f"{folder} has format {given!r}; accepted: {FORMAT}; use the Footfall that wrote it")
    return folder, about


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """The card of a bundle.

    Attributes:
        path: The bundle's folder; a plot that the card shows lies in it.
        text: The card, Markdown.
        about: Every fact that it is made of.
    """

    path: Path
    text: str
    about: Mapping[str, Any]

    def to_json(self) -> str:
        """Return the facts as one JSON document."""
        return json.dumps(plain(self.about), ensure_ascii=False, allow_nan=False)

    def __str__(self) -> str:
        return self.text


def read_card(models: Path, task: str, version: str | None = None) -> ModelCard:
    """Return a bundle's card as it was written; the model is not opened.

    Args:
        models: The workspace's folder of models.
        task: Name of the task.
        version: A version; the one that is served without it.

    Raises:
        InputError: As ``read_about``.
    """
    folder, about = read_about(models, task, version)
    file = folder / _CARD
    return ModelCard(folder, file.read_text(encoding="utf-8") if file.is_file() else card(about), about)


def _read_model(folder: Path) -> Any:
    if Calibrated.is_in(folder):
        return Calibrated.load(folder)
    return by_name(read_settings(folder)["recommender"]).load(folder)


def _new_version(home: Path) -> str:
    now = dt.datetime.now(dt.UTC)
    while (home / f"{now:%Y%m%dT%H%M%SZ}").exists():
        now += dt.timedelta(seconds=1)
    return f"{now:%Y%m%dT%H%M%SZ}"


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _software() -> dict[str, str]:
    """Return the versions of what a model is learnt with."""
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in SOFTWARE}}
