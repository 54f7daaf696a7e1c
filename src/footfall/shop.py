"""One shop from Python: the words of the command line as methods; results are typed, print as tables, become Arrow."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from footfall._shop_models import Moment, ShopModels
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

R = TypeVar("R")


class Shop(ShopModels):
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
