"""One shop from Python: the words of the command line as methods; results are typed, print as tables, become Arrow."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from footfall.config import Settings, find_workspace
from footfall.errors import InputError
from footfall.lake.workspace import Workspace

if TYPE_CHECKING:
    from footfall.histories.store import Histories
    from footfall.journeys._run import Breakdown, Scope
    from footfall.journeys.attribution import AttributionResult
    from footfall.journeys.funnel import FunnelResult
    from footfall.journeys.lifecycle import LifecycleResult
    from footfall.journeys.paths import PathsResult
    from footfall.journeys.retention import RetentionResult
    from footfall.journeys.rfm import RfmResult
    from footfall.journeys.sessions import SessionsResult
    from footfall.journeys.step_matrix import StepMatrixResult
    from footfall.journeys.stickiness import StickinessResult
    from footfall.journeys.transitions import TransitionsResult
    from footfall.lake.ingest import Progress
    from footfall.lake.quality import QualityReport
    from footfall.lake.rejects import RejectsReport
    from footfall.lake.report import IngestReport
    from footfall.results import Result
    from footfall.serving.bundles import ModelCard
    from footfall.serving.predicting import Predictions
    from footfall.serving.recommending import Recommendations, Recommending
    from footfall.tasks._base import Given, Say, Watch
    from footfall.tasks._fairness import FairnessReport

R = TypeVar("R")

Moment = str | dt.datetime | dt.date


class Shop:
    """A workspace, opened.

    Every analysis takes ``where`` (a condition on events), ``from_`` and ``to`` (moments in the shop's zone, the first
    inclusive and the second exclusive), ``exclude_bots`` and ``by`` (one result per value of a column), and passes its
    other keywords on to the function of the same name in ``footfall.journeys``.
    """

    def __init__(self, workspace: Workspace) -> None:
        """Wrap a workspace.

        Args:
            workspace: An opened workspace.
        """
        self.workspace = workspace
        self._histories: Histories | None = None

    @property
    def settings(self) -> Settings:
        """What the workspace is set to."""
        return self.workspace.settings

    def ingest(
        self,
        paths: str | Path | Sequence[str | Path],
        *,
        source: str | None = None,
        mapping: Mapping[str, str] | None = None,
        constants: Mapping[str, str] | None = None,
        keep_identical: bool = False,
        progress: Progress | None = None,
        **reading: Any,
    ) -> IngestReport:
        """Read files into the lake.

        Args:
            paths: Files, folders, globs.
            source: A reader's name; guessed from the columns without it.
            mapping: Our column to theirs, for a table that no reader knows.
            constants: Our column to a text that holds for every row.
            keep_identical: Number equal rows without ids instead of dropping them.
            progress: Called with a sentence, bytes done and bytes in all.
            **reading: ``names``, ``encoding``, ``delimiter``, ``time_format``, ``target``, see ``IngestOptions``.
        """
        from footfall.lake.ingest import IngestOptions, ingest

        given = [paths] if isinstance(paths, (str, Path)) else paths
        options = IngestOptions(
            source=source,
            mapping=mapping or {},
            constants=constants or {},
            keep_identical=keep_identical,
            **reading,
        )
        return ingest(self.workspace, [str(p) for p in given], options, progress)

    def ingest_items(self, paths: str | Path | Sequence[str | Path], **reading: Any) -> IngestReport:
        """Read the catalogue; takes what ``ingest`` takes, and only sources that describe items.

        Args:
            paths: Files, folders, globs.
            **reading: As in ``ingest``.
        """
        return self.ingest(paths, target="items", **reading)

    def rejects(self, *, reason: str | None = None, limit: int = 20) -> RejectsReport:
        """Return rows that were refused.

        Args:
            reason: Only those refused for this reason.
            limit: How many at most.
        """
        from footfall.lake.rejects import rejects

        return rejects(self.workspace, reason=reason, limit=limit)

    def check(self) -> QualityReport:
        """Report on the quality of the data: what is missing, odd, late, automatic, and what was done about it."""
        from footfall.histories.flagged import robot_users
        from footfall.lake.quality import check

        return check(self.workspace, robots=robot_users(self.workspace))

    def histories(self) -> Histories:
        """Return the compiled histories of the lake as it is now; compiles what is new."""
        from footfall.histories.compile import open_histories

        version = self.workspace.tables.version()
        if self._histories is None or self._histories.manifest.get("lake_version") != version:
            self._histories = open_histories(self.workspace)
        return self._histories

    def scope(
        self,
        where: str | None = None,
        from_: Moment | None = None,
        to: Moment | None = None,
        *,
        exclude_bots: bool = False,
    ) -> Scope:
        """Return which events an analysis sees.

        Args:
            where: A condition on events.
            from_: First moment, inclusive, in the shop's zone unless it names another.
            to: Last moment, exclusive.
            exclude_bots: Leave out what is flagged as a robot.
        """
        from footfall.journeys._run import Scope

        return Scope(
            where=where,
            from_us=self.moment_us(from_, "from"),
            to_us=self.moment_us(to, "to"),
            exclude_bots=exclude_bots,
            threads=self.settings.thread_count,
        )

    def moment_us(self, given: Moment | None, name: str) -> int | None:
        """Return a moment in UTC microseconds; one without a zone is in the shop's.

        Args:
            given: A moment, a day (its first moment), or a text in ISO 8601.
            name: What the user calls it, for the message.

        Raises:
            InputError: The text is no moment.
        """
        if given is None:
            return None
        if isinstance(given, str):
            try:
                given = dt.datetime.fromisoformat(given)
            except ValueError:
                raise InputError(
                    f"--{name} {given!r} is no moment; accepted: 2019-10-01, 2019-10-01T12:30, 2019-10-01T12:30+02:00"
                ) from None
        if not isinstance(given, dt.datetime):
            given = dt.datetime(given.year, given.month, given.day)  # noqa: DTZ001 - the zone is set below
        if given.tzinfo is None:
            given = given.replace(tzinfo=zoneinfo.ZoneInfo(self.settings.timezone))
        return (given - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)

    def _run(self, analysis: Callable[..., R], *args: Any, **options: Any) -> R:
        names = ("where", "from_", "to")
        scope = self.scope(*(options.pop(n, None) for n in names), exclude_bots=options.pop("exclude_bots", False))
        return analysis(self.histories(), *args, scope=scope, **options)

    def _session_rule(self, options: dict[str, Any]) -> dict[str, Any]:
        options.setdefault("gap_s", self.settings.session_gap_s)
        options.setdefault("max_s", self.settings.session_max_s)
        return options

    def sessions(self, **options: Any) -> SessionsResult | Breakdown[SessionsResult]:
        """Cut histories into sessions; see ``footfall.journeys.sessions``."""
        from footfall.journeys.sessions import sessions

        return self._run(sessions, **self._session_rule(options))

    def funnel(self, steps: Sequence[Any], **options: Any) -> FunnelResult | Breakdown[FunnelResult]:
        """Count users along steps; see ``footfall.journeys.funnel``.

        Args:
            steps: Event types or conditions, in order.
            **options: ``within``, ``order``, ``window_from``, ``exclude``, ``by``, ``by_value``, and the scope.
        """
        from footfall.journeys.funnel import funnel

        return self._run(funnel, steps, **options)

    def paths(self, **options: Any) -> PathsResult | Breakdown[PathsResult]:
        """Follow users step by step, to or from an event; see ``footfall.journeys.paths``."""
        from footfall.journeys.paths import paths

        return self._run(paths, **self._session_rule(options))

    def transitions(self, **options: Any) -> TransitionsResult | Breakdown[TransitionsResult]:
        """Count what follows what within sessions; see ``footfall.journeys.transitions``."""
        from footfall.journeys.transitions import transitions

        return self._run(transitions, **self._session_rule(options))

    def step_matrix(self, **options: Any) -> StepMatrixResult | Breakdown[StepMatrixResult]:
        """Share of sessions with each event type at each step; see ``footfall.journeys.step_matrix``."""
        from footfall.journeys.step_matrix import step_matrix

        return self._run(step_matrix, **self._session_rule(options))

    def retention(self, **options: Any) -> RetentionResult | Breakdown[RetentionResult]:
        """Who comes back, by cohort; see ``footfall.journeys.retention``."""
        from footfall.journeys.retention import retention

        return self._run(retention, **options)

    def lifecycle(self, **options: Any) -> LifecycleResult | Breakdown[LifecycleResult]:
        """New, returning, resurrecting and dormant users; see ``footfall.journeys.lifecycle``."""
        from footfall.journeys.lifecycle import lifecycle

        return self._run(lifecycle, **options)

    def stickiness(self, **options: Any) -> StickinessResult | Breakdown[StickinessResult]:
        """On how many days users are active; see ``footfall.journeys.stickiness``."""
        from footfall.journeys.stickiness import stickiness

        return self._run(stickiness, **options)

    def rfm(self, **options: Any) -> RfmResult | Breakdown[RfmResult]:
        """Recency, frequency, monetary value, and named groups; see ``footfall.journeys.rfm``."""
        from footfall.journeys.rfm import rfm

        return self._run(rfm, **options)

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

    def attribution(self, **options: Any) -> AttributionResult | Breakdown[AttributionResult]:
        """Revenue by the channels that led to it; see ``footfall.journeys.attribution``."""
        from footfall.journeys.attribution import attribution

        options.setdefault("session_gap_s", self.settings.session_gap_s)
        return self._run(attribution, **options)


def open(workspace: str | Path | None = None) -> Shop:  # noqa: A001 - footfall.open reads like what it does
    """Open a shop's workspace.

    Args:
        workspace: Its folder; ``FOOTFALL_WORKSPACE`` or the current folder without it.

    Raises:
        WorkspaceError: It is none.
    """
    return Shop(Workspace(find_workspace(None if workspace is None else str(workspace))))


def init(workspace: str | Path, *, currency: str = "USD", timezone: str = "UTC") -> Shop:
    """Make a workspace and open it.

    Args:
        workspace: A folder that does not exist, or is empty.
        currency: ISO 4217 code that money is added up in.
        timezone: IANA zone of the shop.

    Raises:
        WorkspaceError: The folder holds something already.
    """
    return Shop(Workspace.init(Path(workspace), currency=currency, timezone=timezone))
