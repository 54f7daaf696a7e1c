"""One log at one cutoff, in a process of its own: ``python _predict_work.py DATA BACK OUT OPTIONS``.

``DATA`` is a prepared folder (``_predict_data``), ``BACK`` how many horizons before its end it is cut. What every
family and rival said of every test user goes to ``OUT/said.npz``; one line of JSON says what it took. Features are made
once for all seeds, a behaviour model once for all questions (its cost is told with the first family that asked it).
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import footfall
from _predict_data import SPECS, cut_back
from _predict_rivals import RIVALS, said_by
from _work import cpu_s, peak_mb, stay_on_one_core
from footfall.errors import InputError
from footfall.recommenders.behaviour import Behaviour
from footfall.schema import US_PER_DAY
from footfall.tasks._base import Given
from footfall.tasks._prediction import Bench, Prediction
from footfall.tasks._registry import made

VERSIONS: Final = ("lightgbm", "scikit-learn", "torch")


def main(folder: Path, back: int, out: Path, options: str) -> None:
    """Do one run and print it.

    Args:
        folder: The shop.
        back: How many horizons before its end it is cut.
        out: Where what was said goes.
        options: JSON: ``seeds``, ``families``, ``tasks``, ``epochs``, ``horizon_days``.
    """
    if os.environ.get("BENCHMARK_CORES") != "all":
        stay_on_one_core()
    import torch

    torch.set_num_threads(1)
    given = json.loads(options)
    spec = SPECS[json.loads((folder / "done").read_text("utf-8"))["name"]]
    histories = cut_back(footfall.open(folder / "shop").histories(), back, spec.horizon_days)
    asked = Given(histories, epochs=given["epochs"], horizon_us=spec.horizon_days * US_PER_DAY)
    said: dict[str, Any] = {}
    told: list[dict[str, Any]] = []
    backbones: dict[int, Behaviour] = {}
    for name in given["tasks"] or spec.tasks:
        task: Any = made(name, {})
        before_s = cpu_s()
        try:
            bench = task._bench(asked)  # noqa: SLF001 - its parts are what is measured
        except InputError as error:
            told.append({"task": name, "why_not": str(error)})
            continue
        about = {"task": name, "kind": task.kind, **facts(task, bench), "features_cpu_s": cpu_s() - before_s}
        entrants = [each for seed in given["seeds"] for each in _asked(task, bench, seed, given, said, backbones)]
        said |= {f"{name}/told": bench.test.told, f"{name}/rows": bench.test.rows}
        told.append({**about, "entrants": entrants})
    np.savez(out / "said.npz", **said)
    versions = {name: importlib.metadata.version(name) for name in VERSIONS}
    print(json.dumps({"back": back, "tasks": told, "peak_mb": peak_mb(), "cpu_s": cpu_s(), "versions": versions}))


def facts(task: Prediction, bench: Bench) -> dict[str, Any]:
    """Return how many were asked, when, and how many said yes (or how much), at each cutoff.

    Args:
        task: What is asked.
        bench: What is worked on.
    """
    moments = bench.moments
    rates = {int(at): bench.learn.told[bench.learn.cutoff_us == at] for at in moments.learn_us}
    rates |= {moments.calibrate_us: bench.later.told, moments.judge_us: bench.test.told}
    return {
        "lookback": task.lookback,
        "columns": len(bench.test.table.names),
        "learnt_from": len(bench.learn),
        "users": len(bench.test),
        "rate": float(bench.test.told.mean()),
        "judged_at_us": moments.judge_us,
        "horizon_us": moments.horizon_us,
        "rates": [{"cutoff_us": at, "users": len(each), "rate": float(each.mean())} for at, each in rates.items()],
    }


def _asked(
    task: Any,
    bench: Bench,
    seed: int,
    given: dict[str, Any],
    said: dict[str, npt.NDArray[Any]],
    backbones: dict[int, Behaviour],
) -> list[dict[str, Any]]:
    bench = bench.seeded(seed)
    if seed in backbones:  # its cutoffs follow from the log alone, so it knows as little of any question's labels
        bench.__dict__["backbone"] = backbones[seed]
    found = []
    for entrant in task._contest(bench, task._known(tuple(given["families"] or task._gates(bench)))):  # noqa: SLF001
        before_s = cpu_s()
        if entrant.model is not None:
            said[f"{task.name}/{seed}/{entrant.name}"] = entrant.model.predict(bench.test)
        model = entrant.model
        found.append(
            {
                "name": entrant.name,
                "seed": seed,
                "fit_cpu_s": entrant.fit_cpu_s,
                "predict_cpu_s": cpu_s() - before_s,
                "why_not": entrant.why_not,
                "worth": None if model is None else model.worth,
                "calibration": None if model is None else _short(model.calibration),
            }
        )
    if "backbone" in bench.__dict__:
        backbones[seed] = bench.__dict__["backbone"]
    return found + [_rival(rival, task, bench, seed, said) for rival in RIVALS[task.kind]]


def _rival(rival: str, task: Any, bench: Bench, seed: int, said: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    before_s = cpu_s()
    found: dict[str, Any] = {"name": rival, "rival": True, "seed": seed, "why_not": ""}
    try:
        said[f"{task.name}/{seed}/{rival}"], more = said_by(rival, task.kind, bench, seed)
    except InputError as error:
        return {**found, "fit_cpu_s": cpu_s() - before_s, "why_not": str(error)}
    return {**found, **more, "fit_cpu_s": cpu_s() - before_s}


def _short(calibration: Any) -> dict[str, Any]:
    return {name: value for name, value in calibration.items() if not isinstance(value, list)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
