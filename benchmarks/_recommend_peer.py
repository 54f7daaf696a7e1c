"""What tools in other environments share: reading a prepared data set, choosing an epoch within a budget, answering.

Needs NumPy and PyTorch only. A peer answers with vectors of test cases and of items, whose products are its scores; the
parent process ranks them, in the same way as everybody's.
"""

from __future__ import annotations

import copy
import importlib.metadata
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from _work import cpu_s, peak_mb, stay_on_one_core

FIRST_CODE: Final = 3
"""Codes below are no items; as ``footfall.histories.columns`` has it."""

Array = npt.NDArray[Any]
Vectors = tuple[Array, Array]
"""Of cases, float32 [cases, width], and of items, float32 [n_codes, width]; rows of items that the tool does not know
are nan."""


class Part:
    """A prepared part: sequences, and targets where there are such."""

    def __init__(self, path: Path) -> None:
        """Read it.

        Args:
            path: ``peer_train.npz`` and the like.
        """
        found = dict(np.load(path))
        shown = found["item"] >= FIRST_CODE
        counted = np.concatenate(([0], np.cumsum(shown)))
        self.offsets: Array = counted[found["offsets"]]
        self.item: Array = found["item"][shown]
        self.rows: Array = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))
        self.n_codes = int(found["n_codes"])
        self.targets: Array = found.get("targets", np.zeros(0, np.int32))
        self.target_offsets: Array = found.get("target_offsets", np.zeros(1, np.int64))
        self.exclude_seen = bool(found.get("exclude_seen", False))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def newest(self, length: int, place: Array) -> Array:
        """Return the last items of every sequence, right-aligned, int64 [sequences, length], 0 before them.

        Args:
            length: Columns.
            place: The tool's own number of each code, 0 for none; int64 [n_codes].
        """
        number = place[self.item]
        kept = number > 0
        counted = np.concatenate(([0], np.cumsum(kept)))
        offsets, number, rows = counted[self.offsets], number[kept], self.rows[kept]
        back = offsets[1:][rows] - 1 - np.arange(len(number))
        found = np.zeros((len(self), length), np.int64)
        near = back < length
        found[rows[near], length - 1 - back[near]] = number[near]
        return found


class Chooser:
    """Looks at validation cases after an epoch, keeps the best weights, and says when it is over.

    Its own processor time counts for nothing.
    """

    def __init__(self, folder: Path, options: Mapping[str, Any]) -> None:
        """Make ready; training begins now.

        Args:
            folder: The prepared data set.
            options: ``budget_s``, ``epochs`` (most), ``every`` and ``patience``.
        """
        self.cases = Part(folder / "peer_validation.npz")
        self.options = options
        self.looks: list[dict[str, float]] = []
        self.best: tuple[float, int, dict[str, Any]] = (-1.0, 0, {})
        self.epoch = self.stale = self.batches = 0
        self.done = 0.0
        self.spent_s = 0.0
        self.stopped_by = "epochs"
        self.began = cpu_s()

    @property
    def train_cpu_s(self) -> float:
        """Processor time of training so far, in seconds."""
        return cpu_s() - self.began - self.spent_s

    def over_budget(self) -> bool:
        """Tell whether the processor time is used up; asked after every batch."""
        budget = self.options.get("budget_s")
        return budget is not None and self.train_cpu_s > budget

    def look(self, module: torch.nn.Module, vectors: Callable[[Part], Vectors], share: float = 1.0) -> bool:
        """Look after an epoch (or a part of one, where the budget ends); return whether it is over.

        Args:
            module: Whose weights are kept if they are the best so far.
            vectors: Of cases and items, under the weights of now.
            share: Of the epoch, what was done: less than 1 where the budget ended within it.
        """
        used, before_s = self.train_cpu_s, cpu_s()
        self.epoch, self.batches, self.done = self.epoch + 1, 0, self.done + share
        over = self.over_budget()
        last = over or self.epoch >= self.options.get("epochs", 1000)
        if last or self.epoch % self.options.get("every", 1) == 0:
            mode = module.training
            module.eval()
            metric = ndcg_10(self.cases, *vectors(self.cases))
            module.train(mode)
            self.looks.append({"epoch": self.epoch, "cpu_s": round(used, 2), "metric": round(metric, 5)})
            print(self.looks[-1], file=sys.stderr, flush=True)
            if metric > self.best[0]:
                self.best, self.stale = (metric, self.epoch, copy.deepcopy(module.state_dict())), 0
            else:
                self.stale += 1
        if over:
            self.stopped_by = "budget"
        elif self.stale >= self.options.get("patience", 10):
            last, self.stopped_by = True, "patience"
        self.spent_s += cpu_s() - before_s
        return last


def ndcg_10(cases: Part, users: Array, items: Array) -> float:
    """Return the mean NDCG@10 of cases, equal scores counted as in ``footfall.evaluation``; first targets only.

    Args:
        cases: What was asked.
        users: float32 [cases, width].
        items: float32 [n_codes, width].
    """
    total = 0.0
    for first in range(0, len(cases), 512):
        last = min(first + 512, len(cases))
        scores = np.nan_to_num(users[first:last]) @ np.nan_to_num(items).T
        scores[:, np.isnan(items[:, 0])] = -np.inf
        scores[:, :FIRST_CODE] = -np.inf
        target = cases.targets[cases.target_offsets[first:last]]
        rows = np.arange(last - first)
        own = scores[rows, target].copy()
        if cases.exclude_seen:
            inside = slice(cases.offsets[first], cases.offsets[last])
            scores[cases.rows[inside] - first, cases.item[inside]] = -np.inf
            scores[rows, target] = own
        place = 1 + (scores > own[:, None]).sum(1) + ((scores == own[:, None]).sum(1) - 1) / 2
        total += float(np.where((place <= 10) & (own > -np.inf), 1 / np.log2(1 + place), 0).sum())
    return total / max(1, len(cases))


def answer(
    out: Path,
    chooser: Chooser,
    vectors: Vectors,
    *,
    score_cpu_s: float,
    train: Part,
    settings: Mapping[str, Any],
    packages: Sequence[str],
    parameters: int,
    start: tuple[float, float],
    more: Mapping[str, Any],
) -> None:
    """Write the vectors of the test cases, and print what it took.

    Args:
        out: Where the vectors go.
        chooser: What was chosen.
        vectors: Of test cases and items.
        score_cpu_s: Processor time of the tool's own first ten of every test case.
        train: What was learnt from.
        settings: What the tool was set to.
        packages: Whose versions are told.
        parameters: How many numbers were learnt.
        start: Processor time and memory before the work.
        more: What else there is to say.
    """
    peak = peak_mb()
    np.savez(out / "vectors.npz", users=vectors[0], items=vectors[1])
    told = {
        "train_cpu_s": chooser.looks[-1]["cpu_s"],
        "choosing_cpu_s": chooser.spent_s,
        "score_cpu_s": score_cpu_s,
        "start_cpu_s": start[0],
        "start_mb": start[1],
        "peak_mb": peak,
        "epochs": round(chooser.done, 4),
        "best_epoch": chooser.best[1],
        "stopped_by": chooser.stopped_by,
        "budget_s": chooser.options.get("budget_s"),
        "looks": chooser.looks,
        "parameters": parameters,
        "interactions": len(train.item),
        "settings": settings,
        "versions": {name: importlib.metadata.version(name) for name in packages},
    }
    print(json.dumps({**told, **more}))


def begin(arguments: Sequence[str]) -> tuple[str, int, Path, Path, dict[str, Any]]:
    """Read ``TOOL SEED DATA OUT OPTIONS``, keep to one core and one thread, and set the seed.

    Args:
        arguments: Of the command line.
    """
    stay_on_one_core()
    torch.set_num_threads(1)
    tool, seed, folder, out, options = arguments
    torch.manual_seed(int(seed))
    np.random.seed(int(seed))  # noqa: NPY002 - it is the one that these libraries draw from
    return tool, int(seed), Path(folder), Path(out), json.loads(options)


def now() -> tuple[float, float]:
    """Return processor time and most memory so far, in seconds and MiB."""
    return cpu_s(), peak_mb()


def spent(work: Callable[[], Any]) -> tuple[Any, float]:
    """Do something; return what came of it and the processor time it took, in seconds."""
    before = time.process_time()
    result = work()
    return result, time.process_time() - before
