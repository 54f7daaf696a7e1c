"""Records of runs: what was run, on what, with what, and what came out; one JSON file per run, never changed."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from _measure import HERE, Run

RECORDS: Final = HERE / "records"
LIBRARIES: Final = ("footfall", "numpy", "numba", "pyarrow", "duckdb", "deltalake")


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return minimum, median and maximum, to six significant digits."""
    found = sorted(values)
    return {
        name: float(f"{value:.6g}")
        for name, value in (("min", found[0]), ("median", statistics.median(found)), ("max", found[-1]))
    }


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    """Sum up repeated measurements of one thing, in the order in which they were made."""
    return {
        "tool": runs[0].tool,
        "question": runs[0].question,
        "repeats": len(runs),
        **{
            name: spread(getattr(run, name) for run in runs)
            for name in ("cpu_s", "wall_s", "peak_mb", "start_cpu_s", "start_mb")
        },
        "cpu_s_each": [float(f"{run.cpu_s:.6g}") for run in runs],
    }


def ratio(above: Sequence[Run], below: Sequence[Run], of: str = "cpu_s") -> dict[str, float]:
    """Compare two things that were measured in turns.

    Args:
        above: Runs of the one, a round each.
        below: Runs of the other, in the same rounds.
        of: Which measure.

    Returns:
        ``ratio`` of the medians, and ``low`` and ``high``: the smallest and largest ratio within one round.
    """
    each = [getattr(a, of) / getattr(b, of) for a, b in zip(above, below, strict=True)]
    medians = [statistics.median(getattr(run, of) for run in runs) for runs in (above, below)]
    return {
        name: float(f"{v:.4g}")
        for name, v in (("ratio", medians[0] / medians[1]), ("low", min(each)), ("high", max(each)))
    }


def judged(
    what: str, found: Mapping[str, float], *, most: float | None = None, least: float | None = None
) -> dict[str, Any]:
    """Put a ratio beside its target: at most ``most``, or at least ``least``; ``met`` is None without one."""
    target = f"at most {most:.4g}" if most is not None else f"at least {least:.4g}" if least is not None else None
    met = (most is None or found["ratio"] <= most) and (least is None or found["ratio"] >= least)
    return {"what": what, **found, "target": target, "met": met if target else None}


def record(benchmark: str, repeats: int, seed: int, **content: Any) -> dict[str, Any]:
    """Build a record: the circumstances, then what came out."""
    return {
        "benchmark": benchmark,
        "when": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "command": _command(sys.argv),
        **_repository(),
        "machine": machine(),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in LIBRARIES},
        "seed": seed,
        "repeats": repeats,
        **content,
    }


def _command(arguments: Sequence[str]) -> str:
    """Return the command line, without the folders that mean something on one machine only."""
    kept, rest = [], iter(arguments[1:])
    for word in rest:
        if word in {"--work", "--records"}:
            next(rest, None)
        elif not word.startswith(("--work=", "--records=")):
            kept.append(word)
    return shlex.join(["python", f"benchmarks/{Path(arguments[0]).name}", *kept])


def write(made: Mapping[str, Any], folder: Path = RECORDS) -> Path:
    """Write a record under a name of its own, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    moment = made["when"].replace(":", "").replace("-", "").replace("+0000", "Z")
    path = folder / f"{made['benchmark']}-{moment}.json"
    path.write_text(json.dumps(made, indent=1) + "\n", "utf-8")
    return path


def read(benchmark: str, folder: Path = RECORDS) -> list[dict[str, Any]]:
    """Return all records of a benchmark, the newest first."""
    found = [json.loads(path.read_text("utf-8")) for path in folder.glob(f"{benchmark}-*.json")]
    return sorted(found, key=lambda made: str(made["when"]), reverse=True)


def machine() -> dict[str, Any]:
    """Return what this machine is: processor, cores, memory, system; not whose."""
    model = platform.machine()
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": model, "cores": os.cpu_count(), "memory_gb": round(memory / 2**30, 1), "system": platform.system()}


def _repository() -> dict[str, Any]:
    """Return the commit, and whether files that are part of the repository differ from it."""
    try:
        commit, changed = (
            subprocess.run(["git", *args], cwd=HERE, capture_output=True, text=True, check=True).stdout.strip()
            for args in (["rev-parse", "HEAD"], ["status", "--porcelain", "--", "../src", "*.py"])
        )
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(changed)}
