"""Starts measurements: each in a process of its own, one after the other, with the tools taking turns."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
ENVIRONMENT: Final = {
    "OMP_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "RETENTIONEERING_NO_TRACK": "1",  # it would report to its makers
    "PYTHONWARNINGS": "ignore",  # of rivals' dependencies
}


class BenchmarkError(RuntimeError):
    """A measurement failed, or answers differ that should be equal."""


@dataclasses.dataclass(frozen=True)
class Run:
    """One measurement.

    Attributes:
        tool: Whose.
        question: What was asked.
        cpu_s: Processor time of the work, user and system, in seconds.
        wall_s: Wall time of the work, in seconds.
        peak_mb: Most memory of the whole process, in MiB.
        start_cpu_s: Processor time before the work (interpreter, imports, compiled code), in seconds.
        start_mb: Most memory before the work, in MiB.
        version: The tool's version.
        answer: What it found.
    """

    tool: str
    question: str
    cpu_s: float
    wall_s: float
    peak_mb: float
    start_cpu_s: float
    start_mb: float
    version: str
    answer: Any = dataclasses.field(repr=False)


def measure(
    tool: str,
    question: str,
    folder: Path,
    *,
    python: str = sys.executable,
    environ: Mapping[str, str] | None = None,
    timeout_s: float = 3600,
) -> Run:
    """Measure one call in a fresh process.

    Args:
        tool: Which ``_tool_<name>`` module.
        question: What to ask it.
        folder: Its data.
        python: The interpreter that has the tool.
        environ: More environment variables.
        timeout_s: Longest it may take, in seconds.

    Raises:
        BenchmarkError: It failed; the message ends with what it wrote.
    """
    lines = output([python, str(HERE / "_work.py"), tool, question, str(folder)], environ, timeout_s)
    return Run(tool, question, **json.loads(lines.splitlines()[-1]))


def output(command: Sequence[str], environ: Mapping[str, str] | None = None, timeout_s: float = 3600) -> str:
    """Run a command and return what it printed.

    Raises:
        BenchmarkError: It failed.
    """
    environment = {**os.environ, **ENVIRONMENT, **(environ or {})}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False, cwd=HERE
    )
    if done.returncode:
        shown = " ".join(Path(part).name for part in command)
        raise BenchmarkError(f"{shown} failed ({done.returncode}):\n{done.stderr[-3000:]}")
    return done.stdout
