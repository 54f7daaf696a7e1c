"""Predictions beside their rivals: ``python benchmarks/predict.py [--data ...] [--seeds 0 1 2] [--cutoffs 3]``.

Who will buy, who will leave, how much will be spent: on each log at several cutoffs, which are the last horizon and the
horizons before it (the log is cut there: nothing later exists). The families that ``footfall train`` tries, LightGBM as
others use it and BG/NBD are asked about the same users; the champion is what Footfall would serve, chosen before the
horizon that judges. ``shoppers`` and ``clv`` are the two published tables of the field. Each log and cutoff runs in a
process of its own on one core; a run that is there already is read and not repeated.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

import _records
from _measure import HERE, BenchmarkError, output
from _predict_data import SPECS, TASKS
from _predict_judge import judged, targets
from _recommend_runs import ENVIRONMENT, LONGEST_S, SOURCES, digest
from footfall.predictors._registry import predictors

PUBLISHED: Final[Mapping[str, str]] = {"shoppers": "_predict_shoppers", "clv": "_predict_clv"}
"""Tables of the field, and the program that works on each."""
PARTS: Final = ("predictors", "tasks", "features", "evaluation", "recommenders", "training", "model", "histories")
PROGRAMS: Final = ("_predict_data", "_predict_work", "_predict_rivals")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; 1 when a target is missed, 2 when it cannot be run."""
    given = _arguments(arguments)
    tried = {"cut": given.cut, "epochs": given.epochs, "families": given.families, "tasks": given.tasks}
    found = []
    try:
        for name in given.data:
            made = published(name, given) if name in PUBLISHED else on_log(name, given)
            if any(tried.values()):  # a try says nothing about a target
                made["targets"] = [{**aim, "met": None} for aim in made["targets"]]
            found.append({"data": name, **made})
    except BenchmarkError as error:
        say(str(error))
        return 2
    about = {"seeds": given.seeds, "cutoffs": given.cutoffs, "tried": tried}
    path = _records.write(
        _records.record("predict", len(given.seeds), given.seeds[0], **about, sets=found), given.records
    )
    missed = [
        f"\n  {each['data']}: {aim['what']}: {aim['ratio']}"
        for each in found
        for aim in each["targets"]
        if aim["met"] is False
    ]
    print(f"wrote {path.name}; {len(missed)} targets missed" + "".join(missed))
    return bool(missed)


def on_log(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Ask every question of one log at every cutoff.

    Args:
        name: Of the log.
        given: The command line.

    Raises:
        BenchmarkError: A process failed.
    """
    folder = prepared(name, given.work, given.cut)
    options = {
        "seeds": given.seeds,
        "families": given.families,
        "tasks": given.tasks,
        "epochs": given.epochs,
    }
    questions: list[dict[str, Any]] = []
    costs = []
    for back in range(given.cutoffs):
        out = done("_predict_work", [str(folder), str(back)], options, given, PROGRAMS)
        told = json.loads((out / "told.json").read_text("utf-8"))
        truth = {}
        if name == "simulated":
            truth = true_chances(folder, told, out, given)
        with np.load(out / "said.npz") as said:
            for task in told["tasks"]:
                if "why_not" in task:
                    questions.append({"back": back, **task})
                    continue
                made = judged(task, said, truth.get(task["task"]))
                questions.append({"back": back, **made})
                say(f"{name} {task['task']} {back} horizons back: {made['champion']}, {told['cpu_s']:.0f} CPU s in all")
        costs.append({"back": back, **{key: told[key] for key in ("cpu_s", "peak_mb", "commit", "dirty", "versions")}})
    facts = json.loads((folder / "done").read_text("utf-8"))["facts"]
    asked = [each for each in questions if "why_not" not in each]
    return {"facts": facts, "questions": questions, "costs": costs, "targets": targets(asked)}


def true_chances(
    folder: Path, told: Mapping[str, Any], out: Path, given: argparse.Namespace
) -> dict[str, dict[str, npt.NDArray[np.float64]]]:
    """Return the true chances, ``log`` and ``state``, of everybody who was asked who will buy; by question.

    Args:
        folder: The simulated shop.
        told: What the run at this cutoff told.
        out: What was said there.
        given: The command line.
    """
    task = next((each for each in told["tasks"] if each["task"] == "purchase" and "why_not" not in each), None)
    if task is None:
        return {}
    options = {"cut": given.cut, "repeats": given.lives, **{key: task[key] for key in ("judged_at_us", "horizon_us")}}
    words = [str(folder), str(told["back"])]
    lived = done("_predict_oracle", words, options, given, ("_predict_oracle", "_predict_data"), ("simulator",))
    with np.load(lived / "chances.npz") as chances, np.load(out / "said.npz") as said:
        rows = said["purchase/rows"]
        return {"purchase": {name: chances[name][rows] for name in ("log", "state")}}


def published(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Work on a published table.

    Args:
        name: Which.
        given: The command line.

    Raises:
        BenchmarkError: The process failed.
    """
    program = PUBLISHED[name]
    out = done(program, [], {"seeds": given.seeds, "cut": given.cut}, given, (program,))
    told: dict[str, Any] = json.loads((out / "told.json").read_text("utf-8"))
    return told


def prepared(name: str, work: Path, cut: int | None) -> Path:
    """Return the folder of a prepared shop; makes it if need be.

    Args:
        name: Of the log.
        work: Where everything is kept.
        cut: As the makers take it.

    Raises:
        BenchmarkError: It cannot be made.
    """
    programs = [HERE / "_predict_data.py", *_sources("simulator", "histories", "events", "lake")]
    folder = work / f"shop-{name}{f'-{cut}' if cut else ''}-{digest(programs)}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        output(
            [sys.executable, str(HERE / "_predict_data.py"), name, str(folder), str(cut or 0)], ENVIRONMENT, LONGEST_S
        )
    return folder


def done(
    program: str,
    words: Sequence[str],
    options: Mapping[str, Any],
    given: argparse.Namespace,
    programs: Sequence[str],
    parts: Sequence[str] = PARTS,
) -> Path:
    """Run a program, or find what it did before; return the folder with its ``told.json``.

    Args:
        program: Its module.
        words: Its first arguments; its folder and its options follow.
        options: JSON-ready.
        given: The command line.
        programs: Modules of the benchmark on which the result depends.
        parts: Of Footfall, on which it depends too.

    Raises:
        BenchmarkError: It failed.
    """
    mark = digest([*(HERE / f"{each}.py" for each in programs), *_sources(*parts)])
    name = "-".join([program.removeprefix("_predict_"), *(Path(word).name for word in words)])
    asked = json.dumps([options, mark]).encode()
    out: Path = given.work / "runs" / f"{name}-{_records_name(asked)}"
    if given.fresh or not (out / "told.json").exists():
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        command = [sys.executable, str(HERE / f"{program}.py"), *words, str(out), json.dumps(options)]
        line = output(command, ENVIRONMENT, LONGEST_S).splitlines()[-1]
        here = _records._repository()  # noqa: SLF001 - a run may be older than the record that it goes into
        (out / "told.json").write_text(json.dumps({**json.loads(line), **here}) + "\n", "utf-8")
    return out


def _records_name(asked: bytes) -> str:
    import hashlib

    return hashlib.sha256(asked).hexdigest()[:12]


def _sources(*parts: str) -> list[Path]:
    return sorted(path for part in parts for path in SOURCES.joinpath(part).rglob("*.py"))


def say(text: str) -> None:
    """Tell how far it is."""
    print(text, file=sys.stderr, flush=True)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    known = [*SPECS, *PUBLISHED]
    parser.add_argument("--data", nargs="+", choices=known, default=known)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, help="which questions, to try things out")
    parser.add_argument(
        "--families", nargs="+", choices=["all", *sorted(predictors())], help="who is asked, to try things out"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--cutoffs", type=int, default=3, help="the last horizon, and how many before it (default: 3)")
    parser.add_argument("--cut", type=int, help="a part of the log, to try things out; judges no target")
    parser.add_argument("--epochs", type=int, help="so many epochs of the behaviour model, to try things out")
    parser.add_argument("--lives", type=int, default=300, help="lives of each simulated person, for true chances")
    parser.add_argument("--fresh", action="store_true", help="forget what was run before")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "footfall-benchmarks" / "predict")
    parser.add_argument("--records", type=Path, default=_records.RECORDS, help="where the record goes")
    given = parser.parse_args(arguments)
    given.work = given.work.resolve()  # processes run in a folder of their own
    return given


if __name__ == "__main__":
    sys.exit(main())
