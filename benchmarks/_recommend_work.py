"""One run of one tool in a process of its own: ``python _recommend_work.py TOOL SEED DATA OUT OPTIONS``.

``DATA`` is a prepared folder (``_recommend_data``). The place of every target goes to ``OUT/places.npz``; one line of
JSON says what it took. Processor time is user and system of the whole process; training is the fitting without the
asking of validation cases, scoring is the first k of every test case.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from _recommend_data import load
from _work import cpu_s, peak_mb, stay_on_one_core


def main(tool: str, seed: int, folder: Path, out: Path, options: str) -> None:
    """Do one run and print it.

    Args:
        tool: Its name.
        seed: For what is random.
        folder: The data set.
        out: Where places go.
        options: JSON: ``ks``, ``metric``, ``epochs``.
    """
    if os.environ.get("BENCHMARK_CORES") != "all":
        stay_on_one_core()
    import torch

    import _recommend_tools as tools
    from footfall.evaluation.ranking import evaluate

    torch.set_num_threads(1)
    given = json.loads(options)
    data = load(folder)
    if tool == "footfall_views":
        tool, data = "footfall", tools.views_only(data)
    tools.warm_up(given["ks"])
    start_cpu_s, start_mb, began = cpu_s(), peak_mb(), time.perf_counter()
    fitted = tools.fit(tool, data, seed, metric=given["metric"], epochs=given.get("epochs"), folder=folder)
    train_cpu_s = cpu_s() - start_cpu_s - fitted.choosing_cpu_s
    fit_wall_s, before_s = time.perf_counter() - began, cpu_s()
    found = evaluate(fitted.score, data.test, given["ks"])
    np.savez(out / "places.npz", places=found.places, target_offsets=found.target_offsets)
    print(
        json.dumps(
            {
                "train_cpu_s": train_cpu_s,
                "choosing_cpu_s": fitted.choosing_cpu_s,
                "score_cpu_s": cpu_s() - before_s,
                "fit_wall_s": fit_wall_s,
                "start_cpu_s": start_cpu_s,
                "start_mb": start_mb,
                "peak_mb": peak_mb(),
                "epochs": fitted.epochs,
                "best_epoch": fitted.best_epoch,
                "stopped_by": fitted.stopped_by,
                "looks": list(fitted.looks),
                "parameters": fitted.parameters,
                "interactions": data.train.with_items().n_events,
                "settings": fitted.settings,
                "versions": {"torch": torch.__version__},
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), sys.argv[5])
