"""UCI's online shoppers: which of 12,330 sessions end in an order, as articles ask it: ``... OUT OPTIONS``.

Ten folds, stratified by what happened, once for each seed. The 125 rows that are exact copies of others are kept, as
all articles keep them; what is said without them is told beside it. A threshold is chosen on predictions of the
training fold's own rows, made crosswise in three parts; nothing of a fold that judges is seen. Our families work
through their protocol on a table without histories; rivals have the columns with codes spread, and settings as their
libraries set them.
"""

from __future__ import annotations

import csv
import importlib.metadata
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from _predict_judge import METRICS, Said
from _recommend_data import home
from _records import judged
from _work import cpu_s, peak_mb, stay_on_one_core
from footfall.evaluation.probability import auroc
from footfall.features.table import FeatureTable
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.predictors._base import Examples, Float64
from footfall.predictors._registry import by_name

Crossed = tuple[Float64, dict[str, npt.NDArray[np.bool_]], float]
Answer = Callable[[Examples, Examples, int], Float64]
"""Learns from examples, and answers others, with a seed."""

CODES: Final = ("Month", "OperatingSystems", "Browser", "Region", "TrafficType", "VisitorType", "Weekend")
PAGES: Final = ("Administrative", "Informational", "ProductRelated")
LABEL: Final = "Revenue"
FOLDS: Final = 10
WITHIN: Final = 3
FAMILIES: Final = ("linear", "svm", "forest", "mlp", "boosting", "blend")
LEAST: Final[Mapping[str, float]] = {"Accuracy": 0.905, "AUROC": 0.935, "F1": 0.67}


def read(cut: int | None = None) -> Examples:
    """Return the sessions as examples without a history.

    Beside the published columns stand what follows from them: seconds a page, pages, seconds and value in all, and what
    exits are beyond bounces.

    Args:
        cut: Keep one row of so many.
    """
    path = home() / "online_shoppers_intention" / "online_shoppers_intention.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:: cut or 1]
    columns: dict[str, Float64] = {}
    codes: dict[str, int] = {}
    for name in rows[0]:
        if name in CODES:
            words = sorted({row[name] for row in rows})
            columns[name] = np.array([1 + words.index(row[name]) for row in rows], np.float64)
            codes[name] = len(words) + 1
        elif name != LABEL:
            columns[name] = np.array([float(row[name]) for row in rows])
    for page in PAGES:
        columns[f"{page}_seconds_a_page"] = columns[f"{page}_Duration"] / (columns[page] + 1)
    columns["pages"] = np.sum([columns[page] for page in PAGES], axis=0)
    columns["seconds"] = np.sum([columns[f"{page}_Duration"] for page in PAGES], axis=0)
    columns["value_in_all"] = columns["PageValues"] * columns["pages"]
    columns["exits_beyond_bounces"] = columns["ExitRates"] - columns["BounceRates"]
    values = np.stack(list(columns.values()), 1).astype(np.float32)
    nobody = np.arange(len(rows))
    table = FeatureTable(tuple(columns), values, nobody, codes)
    log = Sequences(
        np.zeros(len(rows) + 1, np.int64),
        np.zeros(0, np.int32),
        FIRST_CODE,
        event_type=np.zeros(0, np.int16),
        timestamp_us=np.zeros(0, np.int64),
    )
    bought = np.array([row[LABEL].upper() == "TRUE" for row in rows], np.float64)
    return Examples(table, log, nobody, np.zeros(len(rows), np.int64), 1, bought)


def copies(examples: Examples) -> npt.NDArray[np.bool_]:
    """Tell which rows are exact copies of an earlier one, bool [rows]."""
    both = np.column_stack([examples.table.values, examples.told])
    _, first = np.unique(both, axis=0, return_index=True)
    found = np.ones(len(both), np.bool_)
    found[first] = False
    return found


def folds(told: Float64, parts: int, seed: int) -> npt.NDArray[np.int64]:
    """Return the fold of each row: of each class as many in each.

    Args:
        told: What happened, float64 [rows].
        parts: How many folds.
        seed: Which rows.
    """
    rng = np.random.default_rng((seed, 17))
    found = np.zeros(len(told), np.int64)
    for label in (0, 1):
        rows = np.flatnonzero(told == label)
        found[rng.permutation(rows)] = np.arange(len(rows)) % parts
    return found


def ours(name: str) -> Answer:
    """Return a family of ours by its name.

    Args:
        name: Of the family.
    """

    def answer(learn: Examples, asked: Examples, seed: int) -> Float64:
        family: Any = by_name(name)
        found: Float64 = family("binary").fit(learn, seed=seed).predict(asked)
        return found

    return answer


def bagged(learn: Examples, asked: Examples, seed: int) -> Float64:
    """Answer by the mean log-odds of our trees with five seeds.

    Args:
        learn: From which.
        asked: Of whom.
        seed: The first.
    """
    said = [ours("boosting")(learn, asked, 10 * seed + more) for more in range(5)]
    odds = np.mean([np.log(p) - np.log1p(-p) for p in np.clip(said, 1e-6, 1 - 1e-6)], axis=0)
    found: Float64 = 1 / (1 + np.exp(-odds))
    return found


def _rival(name: str) -> Answer:
    def answer(learn: Examples, asked: Examples, seed: int) -> Float64:
        from lightgbm import LGBMClassifier
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        made: Any = {
            "random forest": RandomForestClassifier(n_jobs=1, random_state=seed),
            "LightGBM": LGBMClassifier(n_jobs=1, verbosity=-1, random_state=seed),
            "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        }[name]
        model = made.fit(_spread(learn), learn.told)
        return np.asarray(model.predict_proba(_spread(asked))[:, 1], np.float64)

    return answer


RIVALS: Final = ("random forest", "LightGBM", "logistic regression")


def _spread(examples: Examples) -> npt.NDArray[np.float32]:
    """Return the published columns, codes spread over columns of 0 and 1."""
    table = examples.table
    parts = []
    for name in table.names[: table.names.index(f"{PAGES[0]}_seconds_a_page")]:
        column = table.column(name)[:, None]
        n_codes = table.categories.get(name)
        parts.append(column if n_codes is None else (column == np.arange(1, n_codes)).astype(np.float32))
    return np.concatenate(parts, axis=1)


def crossed(answer: Answer, examples: Examples, seed: int) -> Crossed:
    """Return what was said of every row by a model that did not learn from it, and what was decided of it.

    Args:
        answer: Learns and answers.
        examples: All rows.
        seed: Of the folds and of what is random.

    Returns:
        float64 [rows]; of ``Accuracy`` and of ``F1`` bool [rows], by thresholds chosen in the training folds; the mean
        AUROC within the training folds, by which the champion is chosen.
    """
    told = examples.told
    fold = folds(told, FOLDS, seed)
    said = np.zeros(len(told))
    decided = {name: np.zeros(len(told), np.bool_) for name in ("Accuracy", "F1")}
    inside = []
    for held in range(FOLDS):
        out, rest = np.flatnonzero(fold == held), np.flatnonzero(fold != held)
        learn, asked = examples.take(rest), examples.take(out)
        said[out] = answer(learn, asked, seed)
        within, own = folds(learn.told, WITHIN, seed + 1000), np.zeros(len(rest))
        for part in range(WITHIN):
            there, here = np.flatnonzero(within != part), np.flatnonzero(within == part)
            own[here] = answer(learn.take(there), learn.take(here), seed)
        inside.append(auroc(learn.told, own))
        for name, found in decided.items():
            found[out] = said[out] >= threshold(name, learn.told, own)
    return said, decided, float(np.mean(inside))


def threshold(metric: str, told: Float64, said: Float64) -> float:
    """Return the threshold that makes a metric highest, the middle of the range where it nearly is.

    Args:
        metric: ``Accuracy`` or ``F1``.
        told: What happened, float64 [rows].
        said: float64 [rows].
    """
    grid = np.linspace(0.05, 0.95, 181)
    worth = np.array([decisions(told, said >= at)[metric] for at in grid])
    near = grid[worth >= worth.max() - 0.001]
    return float(np.median(near))


def decisions(told: Float64, decided: npt.NDArray[np.bool_]) -> dict[str, float]:
    """Return accuracy and F1 of decisions.

    Args:
        told: What happened, float64 [rows].
        decided: bool [rows].
    """
    hit = float((decided & (told > 0)).sum())
    return {
        "Accuracy": float((decided == (told > 0)).mean()),
        "F1": 2 * hit / max(float(decided.sum() + told.sum()), 1.0),
    }


def main(out: Path, options: str) -> None:
    """Do one run and print it.

    Args:
        out: Where what was said goes.
        options: JSON: ``seeds``, ``cut``.
    """
    if os.environ.get("BENCHMARK_CORES") != "all":
        stay_on_one_core()
    given = json.loads(options)
    examples = read(given["cut"])
    twice = copies(examples)
    tools = []
    answers: dict[str, Answer] = {name: ours(name) for name in FAMILIES}
    answers |= {"boosting, five seeds": bagged} | {name: _rival(name) for name in RIVALS}
    for name, answer in answers.items():
        before_s = cpu_s()
        found = [crossed(answer, examples, seed) for seed in given["seeds"]]
        np.savez(out / f"{name.replace(' ', '_')}.npz", *[said for said, *_ in found])
        tools.append({"tool": name, "rival": name in RIVALS, "cpu_s": cpu_s() - before_s, **_metrics(examples, found)})
        alone = [auroc(examples.told[~twice], said[~twice]) for said, *_ in found]
        tools[-1]["AUROC_within"] = float(np.mean([inside for *_, inside in found]))
        tools[-1]["AUROC_without_copies"] = float(np.mean(alone))
        print(f"{name}: {tools[-1]}", file=sys.stderr, flush=True)
    tools.sort(key=lambda tool: -tool["metrics"]["AUROC"]["mean"])
    best = max((tool for tool in tools if not tool["rival"]), key=lambda tool: float(tool["AUROC_within"]))
    aims = [
        judged(f"{name} of {best['tool']}, {FOLDS} folds", _ratio(best["metrics"][name]), least=least)
        for name, least in LEAST.items()
    ]
    facts = {"rows": len(examples), "bought": int(examples.told.sum()), "copies": int(twice.sum())}
    versions = {name: importlib.metadata.version(name) for name in ("lightgbm", "scikit-learn")}
    told = {"facts": facts, "tools": tools, "targets": aims, "versions": versions}
    print(json.dumps({**told, "cpu_s": cpu_s(), "peak_mb": peak_mb()}))


def _metrics(examples: Examples, found: list[Crossed]) -> dict[str, Any]:
    told = examples.told
    whole = Said.of("binary", told, [said for said, *_ in found])
    metrics = {}
    for name in METRICS["binary"]:
        around = whole.interval(name)
        metrics[name] = {"mean": around.mean, "low": around.low, "high": around.high}
    for name in ("Accuracy", "F1"):
        each = [decisions(told, decided[name])[name] for _, decided, _ in found]
        drawn = _resampled(name, told, [decided[name] for _, decided, _ in found])
        low, high = np.quantile(drawn, [0.025, 0.975])
        metrics[name] = {"mean": float(np.mean(each)), "low": float(low), "high": float(high)}
    return {"metrics": {name: {key: round(v, 5) for key, v in each.items()} for name, each in metrics.items()}}


def _resampled(name: str, told: Float64, decided: list[npt.NDArray[np.bool_]]) -> Float64:
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(300):
        rows = rng.integers(0, len(told), len(told))
        drawn.append(np.mean([decisions(told[rows], each[rows])[name] for each in decided]))
    return np.array(drawn)


def _ratio(found: Mapping[str, float]) -> dict[str, float]:
    return {"ratio": found["mean"], "low": found["low"], "high": found["high"]}


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
