"""A training run on disk: all that is needed to go on as if it had never stopped. Tensors and JSON, never pickle."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

Tensors = Mapping[str, torch.Tensor]


def save_state(folder: Path, tensors: Tensors, about: Mapping[str, Any]) -> None:
    """Put a state in the place of the one before; a process killed in between leaves the one before.

    Args:
        folder: Where; its parent must exist.
        tensors: By name; those that share their numbers are written once each.
        about: JSON-ready facts.
    """
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    save_file({name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}, _tensors(fresh))
    (fresh / "about.json").write_text(json.dumps(about, indent=1), "utf-8")
    for file in fresh.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    past = folder.with_name(folder.name + ".old")
    shutil.rmtree(past, ignore_errors=True)
    if folder.exists():
        folder.rename(past)
    fresh.rename(folder)
    shutil.rmtree(past, ignore_errors=True)


def load_state(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
    """Return the tensors and the facts of a state, or None where none was kept.

    Args:
        folder: Where ``save_state`` put it.
    """
    found = next((f for f in (folder, folder.with_name(folder.name + ".old")) if (f / "about.json").exists()), None)
    if found is None:
        return None
    return load_file(_tensors(found)), json.loads((found / "about.json").read_text("utf-8"))


def _tensors(folder: Path) -> Path:
    return folder / "tensors.safetensors"


def optimiser_tensors(optimiser: torch.optim.Optimizer, prefix: str) -> dict[str, torch.Tensor]:
    """Return what an optimiser has gathered, by name; numbers as tensors of their own."""
    found = {}
    for number, values in optimiser.state_dict()["state"].items():
        for name, value in values.items():
            kept = value if isinstance(value, torch.Tensor) else torch.tensor(float(value), dtype=torch.float64)
            found[f"{prefix}{number}.{name}"] = kept
    return found


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Tensors, prefix: str) -> None:
    """Give an optimiser of the same parameters back what it had gathered."""
    state: dict[int, dict[str, Any]] = {}
    for whole, value in tensors.items():
        if whole.startswith(prefix):
            number, name = whole.removeprefix(prefix).split(".", 1)
            number_like = value.dtype == torch.float64 and value.ndim == 0
            state.setdefault(int(number), {})[name] = int(value) if number_like else value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
