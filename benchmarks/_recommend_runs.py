"""Prepares data sets and runs tools, each in a process of its own; what is there already is not done again.

A prepared data set is known by the programs that make it, a run by the data set, the tool's programs, its seed and its
settings: whoever changes any of them runs it anew, and nothing else does. A rival that stopped because its time was up
is run anew when more is given.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import _records
from _measure import HERE, BenchmarkError, output
from _recommend_data import Data, load
from footfall.evaluation.ranking import evaluate
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences

ENVIRONMENT: Final = {
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # Large temporary arrays stay with the process, for every tool: without it some spend half their time on the system.
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 34),
    "MALLOC_TOP_PAD_": str(1 << 28),
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONWARNINGS": "ignore",
}
PEERS: Final = {
    "rectools_sasrec": "rectools",
    "rectools_esasrec": "rectools",
    "rectools_esasrec_light": "rectools",
    "recbole": "recbole",
}
"""Tools of other environments, and whose."""
TIMES_OURS: Final = 3
"""A rival gets at least so many times our CPU seconds of training."""
LONGEST_S: Final = 12 * 3600

SOURCES: Final = HERE.parent / "src" / "footfall"
OWN: Final = ("_recommend_tools", "_recommend_recipes", "_recommend_implicit", "_recommend_work", "_recommend_oracle")
MAKERS: Final = ("_recommend_data", "_recommend_logs")


@dataclasses.dataclass(frozen=True)
class Done:
    """One run of one tool.

    Attributes:
        tool: Its name.
        seed: Its seed.
        told: What the process told: costs, epochs, settings, versions, and ``commit``.
        places: Places of the targets, ascending in each case, inf if never found; float64 [targets].
        target_offsets: Where each case's places begin, and the end, int64 [cases + 1].
    """

    tool: str
    seed: int
    told: Mapping[str, Any]
    places: npt.NDArray[np.float64] = dataclasses.field(repr=False)
    target_offsets: npt.NDArray[np.int64] = dataclasses.field(repr=False)


def prepared(name: str, work: Path, cut: int | None = None) -> Path:
    """Return the folder of a prepared data set; makes it if need be.

    Args:
        name: Of the data set.
        work: Where everything is kept.
        cut: Keep the first so many users (or sessions), to try things out.

    Raises:
        BenchmarkError: It cannot be made.
    """
    programs = [HERE / f"{maker}.py" for maker in MAKERS]
    if name not in {"beauty", "toys", "diginetica", "yoochoose"}:
        programs += sorted(
            path
            for part in ("simulator", "histories", "events", "lake")
            for path in SOURCES.joinpath(part).rglob("*.py")
        )
    folder = work / f"data-{name}{f'-{cut}' if cut else ''}-{digest(programs)}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        output([sys.executable, str(HERE / "_recommend_data.py"), name, str(folder), str(cut or 0)], ENVIRONMENT)
    return folder


def run(
    tool: str,
    seed: int,
    folder: Path,
    work: Path,
    *,
    ks: Sequence[int],
    metric: str,
    epochs: int | None = None,
    budget_s: float | None = None,
    fresh: bool = False,
) -> Done:
    """Run a tool once, or read what it did before.

    Args:
        tool: Its name.
        seed: For what is random.
        folder: The prepared data set.
        work: Where everything is kept.
        ks: Lengths of list.
        metric: What settings are chosen by.
        epochs: Other epochs than usual, to try things out.
        budget_s: CPU seconds of training that a peer is given.
        fresh: Forget what it did before.

    Raises:
        BenchmarkError: It failed.
    """
    programs = (
        [HERE / f"_recommend_{PEERS[tool]}.py", HERE / "_recommend_peer.py"] if tool in PEERS else _own_programs()
    )
    asked = {"data": folder.name, "tool": tool, "seed": seed, "epochs": epochs, "programs": digest(programs)}
    out = work / "runs" / f"{folder.name}-{tool}-{seed}-{_hash(json.dumps(asked).encode())}"
    if fresh:
        shutil.rmtree(out, ignore_errors=True)
    if not _still_good(out, budget_s):
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        _do(tool, seed, folder, out, {"ks": list(ks), "metric": metric, "epochs": epochs, "budget_s": budget_s})
    with np.load(out / "places.npz") as found:
        told = json.loads((out / "told.json").read_text("utf-8"))
        return Done(tool, seed, told, found["places"], found["target_offsets"])


def _do(tool: str, seed: int, folder: Path, out: Path, given: Mapping[str, Any]) -> None:
    options = {name: value for name, value in given.items() if value is not None}
    data = load(folder)
    options["data"] = data.name
    script = f"_recommend_{PEERS.get(tool, 'work')}.py"
    command = [python_for(tool), str(HERE / script), tool, str(seed), str(folder), str(out), json.dumps(options)]
    line = output(command, ENVIRONMENT, LONGEST_S).splitlines()[-1]
    if tool in PEERS:
        place(data, out, given["ks"])
    here = _records._repository()  # noqa: SLF001 - a run may be older than the record that it goes into
    (out / "told.json").write_text(json.dumps({**json.loads(line), **here}) + "\n", "utf-8")


def place(data: Data, out: Path, ks: Sequence[int]) -> None:
    """Rank a peer's vectors as everybody's scores are ranked.

    Args:
        data: The data set.
        out: Where the vectors are, and where the places go.
        ks: Lengths of list.
    """
    with np.load(out / "vectors.npz") as found:
        # A history without any item that the peer knows may have no vector: it scores all items alike then.
        users, items = np.nan_to_num(found["users"]), found["items"]
    unknown = np.isnan(items[:, 0])
    table = np.nan_to_num(items).T.copy()
    at = 0

    def score(histories: Sequences) -> npt.NDArray[np.float32]:
        nonlocal at
        found = users[at : at + len(histories)] @ table
        at += len(histories)
        found[:, unknown] = -np.inf
        found[:, :FIRST_CODE] = -np.inf
        scores: npt.NDArray[np.float32] = found.astype(np.float32)
        return scores

    ranked = evaluate(score, data.test, ks)
    np.savez(out / "places.npz", places=ranked.places, target_offsets=ranked.target_offsets)
    (out / "vectors.npz").unlink()


def _still_good(out: Path, budget_s: float | None) -> bool:
    told = out / "told.json"
    if not told.exists():
        return False
    found = json.loads(told.read_text("utf-8"))
    return found.get("stopped_by") != "budget" or budget_s is None or found["budget_s"] >= budget_s


def budget_for(ours: Sequence[Done], minutes: float | None) -> float | None:
    """Return the CPU seconds of training that a peer is given: what was said, or three times ours.

    Args:
        ours: Our own runs on the data set.
        minutes: What was said.

    Raises:
        BenchmarkError: Nothing was said, and there is no run of ours to go by.
    """
    if minutes is not None:
        return minutes * 60
    if not ours:
        raise BenchmarkError("a rival's time follows from ours; run footfall too, or give --minutes-rival")
    return float(np.ceil(TIMES_OURS * max(run.told["train_cpu_s"] for run in ours) / 60) * 60)


def python_for(tool: str) -> str:
    """Return the interpreter that has a tool; makes its environment if need be, which takes minutes.

    Args:
        tool: Its name.
    """
    if tool not in PEERS:
        return sys.executable
    wanted = HERE / f"requirements-{PEERS[tool]}.txt"
    home = HERE / "work" / f".venv-{PEERS[tool]}"
    made, needs = home / ".made", _hash(wanted.read_bytes())
    if not made.exists() or made.read_text() != needs:
        print(f"making the environment of {PEERS[tool]} in {home.relative_to(HERE.parent)}", file=sys.stderr)
        output([sys.executable, "-m", "venv", "--clear", str(home)])
        output([str(home / "bin" / "python"), "-m", "pip", "--quiet", "install", "-r", str(wanted)])
        made.write_text(needs)
    return str(home / "bin" / "python")


def digest(programs: Sequence[Path]) -> str:
    """Return a short name of what some files say.

    Args:
        programs: The files.
    """
    return _hash(b"".join(_hash(path.read_bytes()).encode() for path in programs if path.exists()))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


@functools.cache
def _own_programs() -> tuple[Path, ...]:
    parts = ("recommenders", "training", "model", "evaluation", "histories")
    ours = sorted(path for part in parts for path in SOURCES.joinpath(part).rglob("*.py"))
    return (*ours, *(HERE / f"{name}.py" for name in OWN))
