"""What a shop's workspace learns and answers: the part of ``Shop`` that is about models."""

from __future__ import annotations

import abc
import dataclasses
import datetime as dt
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from footfall.errors import InputError

if TYPE_CHECKING:
    from footfall.histories.store import Histories
    from footfall.lake.workspace import Workspace
    from footfall.results import Result
    from footfall.serving.bundles import ModelCard
    from footfall.serving.predicting import Predictions
    from footfall.serving.recommending import Recommendations, Recommending
    from footfall.tasks._base import Given, Say, Watch
    from footfall.tasks._fairness import FairnessReport

Moment = str | dt.datetime | dt.date


class ShopModels(abc.ABC):
    """Training, judging and asking models; ``Shop`` has the rest."""

    workspace: Workspace

    @abc.abstractmethod
    def histories(self) -> Histories:
        """Return the histories of the newest lake version."""

    @abc.abstractmethod
    def moment_us(self, given: Moment | None, name: str) -> int | None:
        """Return a moment in UTC microseconds.

        Args:
            given: In the shop's zone.
            name: What it is called in messages.
        """

    def train(
        self,
        task: str = "recommend",
        *,
        cutoff: Moment | None = None,
        horizon: str | None = None,
        size: str = "tiny",
        epochs: int | None = None,
        seed: int = 0,
        say: Say | None = None,
        watch: Watch | None = None,
        **asked: Any,
    ) -> Result:
        """Train a task on everything before a cutoff, and serve what wins from now on.

        A training that was stopped is gone on with by the same call.

        Args:
            task: Its name.
            cutoff: Nothing at or after it is looked at; the end of the log without it.
            horizon: How far ahead is asked, e.g. ``7d``; the length of the log decides without it.
            size: Of the behaviour model: ``tiny``, ``small``, ``base``, ``large``.
            epochs: Most passes over the log; its length decides without it.
            seed: Makes what is random repeatable.
            say: Told what is being done.
            watch: Told of every training step.
            **asked: The task's own settings, e.g. ``goal="purchase"``.

        Raises:
            InputError: The task is unknown, or the log has nothing that it could learn from.
        """
        from footfall.serving.bundles import CARD_ONLY, write_bundle
        from footfall.serving.vocabularies import Vocabularies
        from footfall.tasks._registry import made
        from footfall.training.records import RunRecord

        histories = self._as_of(cutoff)
        chosen = made(task, asked)
        settings = {"cutoff": histories.manifest.get("cutoff_us"), "horizon": horizon, "size": size, "epochs": epochs}
        record = RunRecord.begin(
            self.runs_root, task, {**settings, "seed": seed, **asked}, str(histories.manifest["lake_version"])
        )
        began = time.monotonic()
        try:
            given = self._given(histories, horizon, size, epochs, seed, record.state, say, watch)
            trained = chosen.train(given)
            about = {"lake_version": record.facts["lake_version"], "run": record.facts["id"], "settings": settings}
            vocabularies = Vocabularies.of(histories, trained.content)
            path = write_bundle(self.models_root, task, trained.model, vocabularies, {**about, **trained.about})
        except InputError:
            record.forget()
            raise
        except BaseException as error:
            record.fail(began, f"{type(error).__name__}: {error}")
            raise
        brief = {name: value for name, value in trained.about.items() if name not in CARD_ONLY}
        record.end(began, trained.curves, {**brief, "bundle": path.name})
        return dataclasses.replace(trained.result, bundle=str(path))  # type: ignore[call-arg]  # every task's result has one

    def evaluate(
        self,
        task: str = "recommend",
        *,
        against: str | Sequence[str] = "all",
        cutoff: Moment | None = None,
        horizon: str | None = None,
        size: str = "tiny",
        epochs: int | None = None,
        seeds: Sequence[int] = (0,),
        say: Say | None = None,
        watch: Watch | None = None,
        **asked: Any,
    ) -> Result:
        """Put every family side by side on the last horizon before a cutoff, which none of them saw.

        Args:
            task: Its name.
            against: Names of families; ``all`` for every one there is.
            cutoff: Nothing at or after it is looked at; the end of the log without it.
            horizon: How far ahead is asked, e.g. ``7d``; the length of the log decides without it.
            size: Of the behaviour model.
            epochs: Most passes over the log; its length decides without it.
            seeds: Each family is fitted once with each.
            say: Told what is being done.
            watch: Told of every training step.
            **asked: The task's own settings, e.g. ``goal="purchase"``.

        Raises:
            InputError: The task or a family is unknown, or the log is too short.
        """
        from footfall.tasks._registry import made

        names = (against,) if isinstance(against, str) else tuple(against)
        given = self._given(self._as_of(cutoff), horizon, size, epochs, seeds[0], None, say, watch)
        return made(task, asked).evaluate(given, against=names, seeds=tuple(seeds))

    def recommend(
        self,
        users: Sequence[str] | None = None,
        *,
        as_of: Moment | None = None,
        version: str | None = None,
        **wanted: Any,
    ) -> Recommendations:
        """Recommend items to users.

        Args:
            users: Their ids; everybody without it. One of whom nothing is known has what is popular.
            as_of: Only what happened before this moment is known; all of the log without it.
            version: Of the model; the one that is served without it.
            **wanted: ``k``, ``exclude_seen``, ``in_stock``, ``category``, ``brand``, ``min_price``, ``max_price``,
                ``diversity``, ``reasons``; see ``serving.recommending.Wanted``.

        Raises:
            InputError: Nothing is trained, or no item may be shown.
        """
        from footfall.serving.recommending import wanted_of

        return self.recommending(as_of=as_of, version=version).recommend(users, wanted_of(**wanted))

    def recommending(self, *, as_of: Moment | None = None, version: str | None = None) -> Recommending:
        """Open what recommends, to ask it more than once.

        Args:
            as_of: Only what happened before this moment is known; all of the log without it.
            version: Of the model; the one that is served without it.

        Raises:
            InputError: Nothing is trained.
        """
        from footfall.serving.bundles import open_bundle
        from footfall.serving.recommending import Recommending

        bundle = open_bundle(self.models_root, "recommend", version)
        return Recommending(bundle, self._as_of(as_of, "as-of"))

    def predict(
        self,
        task: str,
        users: Sequence[str] | None = None,
        *,
        as_of: Moment | None = None,
        version: str | None = None,
        reasons: bool = False,
        most: int | None = None,
        **deciding: Any,
    ) -> Predictions:
        """Foretell one number of users: what a trained task says as of now; by a rule, choose some of them.

        Args:
            task: Its name, e.g. ``purchase``.
            users: Their ids; everybody that the question is about without it, the highest first.
            as_of: Only what happened before this moment is known; all of the log without it.
            version: Of the model; the one that is served without it.
            reasons: Whether each answer says what moved it.
            most: So many rows are returned; all of them without it.
            **deciding: One of ``capacity``, ``precision``, ``cost`` (of a chance with ``gain``); for equal shares of
                groups ``fair_by`` or ``groups``, and ``fair``; see ``tasks._decisions.Deciding.of``.

        Raises:
            InputError: The task is unknown, foretells no number of a user, or nothing is trained for it; the rule does
                not fit it.
        """
        from footfall.serving.bundles import open_bundle
        from footfall.serving.predicting import Predicting
        from footfall.tasks._decisions import Deciding
        from footfall.tasks._registry import by_name

        by_name(task)  # an unknown name is told before anything else
        rule = Deciding.of(**deciding)
        bundle = open_bundle(self.models_root, task, version)
        asked = Predicting(bundle, self._as_of(as_of, "as-of"), self.moment_us(as_of, "as-of"))
        return asked.predict(users, reasons=reasons, deciding=rule, most=most)

    def fairness(
        self,
        task: str = "purchase",
        *,
        by: str | None = None,
        groups: Mapping[str, str] | str | Path | None = None,
        cutoff: Moment | None = None,
        horizon: str | None = None,
        size: str = "tiny",
        epochs: int | None = None,
        seed: int = 0,
        say: Say | None = None,
        watch: Watch | None = None,
        **asked: Any,
    ) -> FairnessReport:
        """Judge what a task foretells and decides by group, on the last horizon before a cutoff.

        Args:
            task: Its name.
            by: A column of the log: ``country``, ``region``, ``device``, ``channel``.
            groups: Or groups by ``user_id``, or a CSV file of it.
            cutoff: Nothing at or after it is looked at; the end of the log without it.
            horizon: How far ahead is asked; the length of the log decides without it.
            size: Of the behaviour model.
            epochs: Most passes over the log; its length decides without it.
            seed: Makes what is random repeatable.
            say: Told what is being done.
            watch: Told of every training step.
            **asked: ``capacity``, ``precision``, ``cost``, ``gain``, ``bound``, ``mitigate``; and the task's own
                settings, e.g. ``family``; see ``tasks._fairness.asked_of``.

        Raises:
            InputError: The task is unknown or foretells no probability, a setting cannot be used, the log is too short.
        """
        from footfall.tasks._fairness import asked_of

        question = asked_of(task, by, groups, asked)
        return question(self._given(self._as_of(cutoff), horizon, size, epochs, seed, None, say, watch))

    def card(self, task: str = "recommend", *, version: str | None = None) -> ModelCard:
        """Return the card of what is trained for a task: what it is, how good it is, and its known limits.

        Args:
            task: Its name.
            version: Of the model; the one that is served without it.

        Raises:
            InputError: The task is unknown, nothing is trained for it, or there is no such version.
        """
        from footfall.serving.bundles import read_card
        from footfall.tasks._registry import by_name

        by_name(task)  # an unknown name is told before anything else
        return read_card(self.models_root, task, version)

    def runs(self, ids: Sequence[str] = (), *, task: str | None = None) -> Result:
        """List training runs, or put some side by side.

        Args:
            ids: Names of runs, or what they begin with; all are listed without it.
            task: Runs of this task only.

        Raises:
            InputError: A run is unknown.
        """
        from footfall.training.records import compare, runs_of

        return compare(self.runs_root, ids) if ids else runs_of(self.runs_root, task)

    @property
    def models_root(self) -> Path:
        """Where bundles lie, one folder per task."""
        return self.workspace.path / "models"

    @property
    def runs_root(self) -> Path:
        """Where records of training runs lie."""
        return self.workspace.path / "runs"

    def _as_of(self, cutoff: Moment | None, name: str = "cutoff") -> Histories:
        from footfall.histories.slices import as_of

        moment = self.moment_us(cutoff, name)
        return self.histories() if moment is None else as_of(self.histories(), moment)

    def _given(
        self,
        histories: Histories,
        horizon: str | None,
        size: str,
        epochs: int | None,
        seed: int,
        folder: Path | None,
        say: Say | None,
        watch: Watch | None,
    ) -> Given:
        from footfall.durations import parse_duration_s
        from footfall.schema import US_PER_S
        from footfall.tasks._base import Given

        return Given(
            histories,
            size=size,
            epochs=epochs,
            horizon_us=None if horizon is None else parse_duration_s(horizon, name="--horizon") * US_PER_S,
            seed=seed,
            folder=folder,
            say=say or (lambda _: None),
            watch=watch or (lambda *_: None),
        )
