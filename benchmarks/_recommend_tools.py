"""The tools of ``recommend.py`` that this interpreter has: Footfall's own, its plain families, and ``implicit``."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from _recommend_data import Data, with_content
from _recommend_implicit import SETTINGS as IMPLICIT
from _recommend_implicit import Implicit
from _recommend_recipes import fit_recipe, footfall_recipe
from footfall.evaluation.cases import Cases
from footfall.evaluation.ranking import RankingEvaluation, Score, evaluate
from footfall.histories.sequences import Sequences
from footfall.recommenders import behaviour
from footfall.recommenders._base import Recommender
from footfall.recommenders._registry import by_name
from footfall.recommenders.blend import Blend, Metric
from footfall.recommenders.ranked import Ranked

TUNED: Final[Mapping[str, Mapping[str, Sequence[Any]]]] = {
    "tifu_knn": {"group_size": (3, 7, 15), "group_decay": (0.7, 0.9), "nearest": (100, 300), "alpha": (0.3, 0.7, 0.9)},
    "popularity_recent": {"window_days": (7,)},
}
"""Settings that are chosen on the validation cases, by the data set's first metric, as everybody would."""

MODEL: Final = "footfall_model"


@dataclasses.dataclass
class Fitted:
    """A tool that has learnt.

    Attributes:
        score: Scores histories.
        settings: What it was set to.
        epochs: Passes over the interactions; 1 where there are no passes.
        best_epoch: The one that was kept.
        looks: What it had reached when: epoch, CPU seconds of training, metric on the validation cases.
        stopped_by: ``epochs`` or ``patience``.
        choosing_cpu_s: Of ``fit``, what went into asking the validation cases; it is no training.
        parameters: How many numbers it learnt, where that is known.
    """

    score: Score
    settings: Mapping[str, Any]
    epochs: int = 1
    best_epoch: int = 1
    looks: Sequence[Mapping[str, float]] = ()
    stopped_by: str = "epochs"
    choosing_cpu_s: float = 0.0
    parameters: int | None = None


def fit(tool: str, data: Data, seed: int, *, metric: str, epochs: int | None, folder: Path) -> Fitted:
    """Let a tool learn.

    Args:
        tool: ``footfall``, ``footfall_model`` (the network of its recipe alone), ``footfall_views``, ``oracle``, one of
            ``implicit``'s, or any registered family.
        data: What from.
        seed: For what is random.
        metric: What settings are chosen by.
        epochs: Other epochs than the recipe's, to try things out.
        folder: Where the data set was prepared.
    """
    if tool == "oracle":
        from _recommend_oracle import Oracle

        oracle = Oracle(folder, data)
        return Fitted(oracle.scores, {"truth": True})
    if tool in ("footfall", MODEL):
        return _own(data, seed, epochs, metric, alone=tool == MODEL)
    if tool in IMPLICIT:
        implicit = Implicit(tool)
        implicit.fit(data.train, seed=seed)
        return Fitted(implicit.scores, implicit.settings)
    family, choosing_cpu_s, tried = by_name(tool), 0.0, 0
    chosen: dict[str, Any] = {}
    grid = (
        [dict(zip(TUNED[tool], v, strict=True)) for v in itertools.product(*TUNED[tool].values())]
        if tool in TUNED
        else []
    )
    if len(grid) > 1:
        began, tried = time.process_time(), len(grid)
        chosen = _chosen(family, grid, data, metric)
        choosing_cpu_s = time.process_time() - began
    else:
        chosen = dict(*grid)
    found = family(**chosen)
    found.fit(data.train, seed=seed)
    return Fitted(found.scores, _settings(found) | {"settings_tried": tried}, choosing_cpu_s=choosing_cpu_s)


def views_only(data: Data) -> Data:
    """Return a data set as somebody sees it who keeps the item ids of views and nothing else.

    Args:
        data: With event types.
    """
    view = data.type_names["view_item"]

    def kept(sequences: Sequences) -> Sequences:
        assert sequences.event_type is not None  # the caller's data have types
        return dataclasses.replace(sequences.where(sequences.event_type == view), event_type=None, order=None)

    def asked(cases: Cases) -> Cases:
        return dataclasses.replace(cases, histories=kept(cases.histories))

    early = None if data.early is None else kept(data.early)
    return dataclasses.replace(
        data, train=kept(data.train), early=early, validation=asked(data.validation), test=asked(data.test)
    )


def _own(data: Data, seed: int, epochs: int | None, metric: str, *, alone: bool) -> Fitted:
    described = dataclasses.replace(data, train=with_content(data.train, data.attributes))
    model = footfall_recipe(data, epochs=epochs)
    if alone:
        model = network_of(model)
    with watched() as spent:
        model = fit_recipe(model, described, seed, _per_case(metric))
    found = Fitted(model.scores, _settings(model), choosing_cpu_s=spent[0])
    if isinstance(model, behaviour.Behaviour):
        looked = [look for look in model.looks if not np.isnan(look.metric)]
        found.epochs = model.looks[-1].epoch
        found.best_epoch = max(looked, key=lambda look: look.metric).epoch if looked else found.epochs
        found.looks = [{"epoch": k.epoch, "cpu_s": round(k.cpu_s, 2), "metric": round(k.metric, 5)} for k in looked]
        found.stopped_by = "epochs" if found.epochs >= model.training.epochs else "patience"
        assert model.model is not None
        found.parameters = sum(p.numel() for p in model.model.parameters())
    blend = model.first if isinstance(model, Ranked) else model
    if isinstance(blend, Blend):
        networks = [each for each in blend.members if isinstance(each, behaviour.Behaviour)]
        found.epochs = found.best_epoch = sum(each.looks[-1].epoch for each in networks)
        found.parameters = sum(p.numel() for each in networks if each.model for p in each.model.parameters())
    return found


def network_of(model: Recommender) -> Recommender:
    """Return the first network of a recipe, without what stands beside it.

    Args:
        model: A recipe.
    """
    if isinstance(model, Ranked):
        return network_of(model.first)
    if isinstance(model, Blend):
        return next(each for each in model.members if isinstance(each, behaviour.Behaviour))
    return model


def _per_case(metric: str) -> Metric:
    k = int(metric.partition("@")[2])
    return lambda scores, cases: evaluate(lambda _: scores, cases, ks=(k,), batch=len(cases)).metrics[metric]


@contextlib.contextmanager
def watched() -> Iterator[list[float]]:
    """Add up what the model spends on asking validation cases while it learns, in the list's one number."""
    spent, asked = [0.0], evaluate

    def timed(*given: Any, **more: Any) -> RankingEvaluation:
        began = time.process_time()
        found = asked(*given, **more)
        spent[0] += time.process_time() - began
        return found

    behaviour.evaluate = timed  # type: ignore[attr-defined]
    try:
        yield spent
    finally:
        behaviour.evaluate = asked  # type: ignore[attr-defined]


def _chosen(
    family: Callable[..., Recommender], grid: Sequence[dict[str, Any]], data: Data, metric: str
) -> dict[str, Any]:
    k = int(metric.partition("@")[2])
    early = data.train if data.early is None else data.early

    def reached(settings: dict[str, Any]) -> float:
        return evaluate(family(**settings).fit(early).scores, data.validation, ks=(k,)).mean(metric)

    return max(grid, key=reached)


def _settings(found: Recommender) -> dict[str, Any]:
    """Return the settings of a recommender, JSON-ready."""
    if not dataclasses.is_dataclass(found):
        return {}
    fields = [field for field in dataclasses.fields(found) if field.init]
    values = {field.name: getattr(found, field.name) for field in fields}
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Recommender):
        return {"name": value.name, **_settings(value)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def warm_up(ks: Sequence[int]) -> None:
    """Load compiled code by ranking something tiny; a process pays that once.

    Args:
        ks: Lengths of list.
    """
    offsets = np.arange(3)
    tiny = Sequences(offsets, np.array([3, 4], np.int32), 6)
    cases = Cases(tiny, offsets, np.array([4, 3], np.int32), exclude_seen=False)

    def score(histories: Sequences) -> npt.NDArray[np.float32]:
        return np.ones((len(histories), histories.n_codes), np.float32)

    evaluate(score, cases, ks)
