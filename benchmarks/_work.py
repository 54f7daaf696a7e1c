"""One measurement in a process of its own: ``python _work.py TOOL QUESTION FOLDER`` prints one line of JSON.

What is measured is the work: the processor time (user and system, all threads) and the wall time of one call that opens
its data anew and answers. Starting the interpreter, importing libraries and loading compiled code come before it and
are told apart as ``start``. Peak memory is the whole process's, to the end of the work.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import resource
import sys
import time
from pathlib import Path


def cpu_s() -> float:
    """Return the processor time that this process has used so far, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak_mb() -> float:
    """Return the most memory that this process has held, in MiB.

    Linux lets a process inherit its parent's peak in ``ru_maxrss``, so ``/proc`` is asked where there is one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 1024)


def stay_on_one_core() -> None:
    """Keep to one core, so that no tool's threads get in each other's way; does nothing elsewhere than on Linux."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def main(tool_name: str, question: str, folder: Path) -> None:
    """Do one measurement and print it."""
    if os.environ.get("BENCHMARK_CORES") != "all":
        stay_on_one_core()
    tool = importlib.import_module(f"_tool_{tool_name}")
    tool.prepare(question, folder)
    start_cpu_s, start_mb = cpu_s(), peak_mb()
    before_s = time.perf_counter()
    result = tool.ask(question, folder)
    wall_s = time.perf_counter() - before_s
    measured = {
        "cpu_s": cpu_s() - start_cpu_s,
        "wall_s": wall_s,
        "peak_mb": peak_mb(),
        "start_cpu_s": start_cpu_s,
        "start_mb": start_mb,
        "version": importlib.metadata.version(tool.VERSION_OF),
    }
    print(json.dumps(measured | {"answer": tool.answer(question, result, folder)}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
