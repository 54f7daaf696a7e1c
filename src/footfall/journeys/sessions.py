"""Sessions: how many there are, how long, how engaged, and why each of them begins.

What a session is, ``_cut`` says. A session is **engaged** when it lasts strictly longer than ``engaged_s``, or has a
key event, or has at least two views (``view_event_types``: ``view_item`` unless told otherwise, because sources that
send ``page_view`` too would count one page twice); one that is not engaged is a bounce. These are GA4's definitions
(support.google.com/analytics/answer/12195621). Two flags cut nothing: **midnight** says that a session's first and
last event lie on different days of the shop's calendar, **campaign change** that a known campaign differs from the last
one known in the same session. Every event counts, passive ones (impressions, messages sent) too; ``Scope.where`` leaves
some out.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from footfall.histories.calendar import Calendar, Unit
from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.journeys import _run, kernels
from footfall.journeys._cut import CUTS, SessionCut, SessionRule, cut, session_numbers
from footfall.journeys._facts import VIEW_EVENT_TYPES, Facts, SessionsSpec
from footfall.journeys._run import Breakdown, Scope
from footfall.journeys.kernels import Int64, UInt8
from footfall.results import Result
from footfall.schema import KEY_EVENT_TYPES, US_PER_S

__all__ = [
    "CUTS",
    "SessionCut",
    "SessionRow",
    "SessionRule",
    "SessionsResult",
    "SessionsSpec",
    "cut",
    "merge",
    "partial",
    "session_numbers",
    "session_table",
    "sessions",
]


@dataclasses.dataclass(frozen=True)
class Measures:
    """What is measured of a set of sessions. Shares are of sessions, in [0, 1]; None where there is no session.

    Attributes:
        sessions: Number of sessions.
        users: Users with at least one of them.
        events: Events in them.
        mean_events: Mean number of events.
        median_events: Median number of events.
        mean_duration_s: Mean time from first to last event, in seconds.
        median_duration_s: Median time from first to last event, in seconds.
        engaged_share: Engaged sessions.
        bounce_share: Sessions that are not engaged.
        single_event_share: Sessions of one event.
        purchase_share: Sessions with a purchase.
        midnight_share: Sessions that cross local midnight.
        campaign_change_share: Sessions in which the campaign changes.
        bot_share: Sessions of users flagged as robots, or with an event of a flagged agent.
    """

    sessions: int
    users: int
    events: int
    mean_events: float | None
    median_events: float | None
    mean_duration_s: float | None
    median_duration_s: float | None
    engaged_share: float | None
    bounce_share: float | None
    single_event_share: float | None
    purchase_share: float | None
    midnight_share: float | None
    campaign_change_share: float | None
    bot_share: float | None


@dataclasses.dataclass(frozen=True)
class SessionRow(Measures):
    """The sessions of one group.

    Attributes:
        group: Why they begin (``first``, ``gap``, ``length``, ``source``), or the local period in which they begin.
        share: Their share of all sessions.
    """

    group: str
    share: float


@dataclasses.dataclass(frozen=True)
class SessionsResult(Measures, Result):
    """All sessions, and the same measures by group.

    Attributes:
        grouped_by: ``cut``, ``day``, ``week`` or ``month``.
        rows: One per group that has sessions, in order.
        without_source: Events that the source gave no session id; None when its sessions were not asked for.
        definition: What a session and an engaged session are, in words.
    """

    rows_field: ClassVar[str] = "rows"
    grouped_by: str
    rows: tuple[SessionRow, ...]
    without_source: int | None
    definition: str

    def headline(self) -> str:
        """Say the main numbers."""
        if not self.sessions:
            return "no sessions"
        return (
            f"{self.sessions:,} sessions of {self.users:,} users, {self.events:,} events; "
            f"{self.engaged_share:.1%} engaged, {self.purchase_share:.1%} with a purchase, "
            f"median {self.median_duration_s:,.0f} s and {self.median_events:g} events"
        )

    def table_rows(self) -> list[dict[str, Any]]:
        """Return the rows, the group first, under the name of what they are grouped by."""
        rows = super().table_rows()
        return [{self.grouped_by: row.pop("group"), "share": row.pop("share"), **row} for row in rows]

    def notes(self) -> Sequence[str]:
        """Return the definitions, and how many events the source gave no session."""
        if not self.without_source:
            return (self.definition,)
        return (self.definition, f"{self.without_source:,} of {self.events:,} events have no session id of the source")


@dataclasses.dataclass(frozen=True)
class Partial:
    """The sessions of one partition, each as a few numbers.

    Attributes:
        group: int64 [sessions], its cut or its local period.
        duration_us: int64 [sessions].
        events: int64 [sessions].
        flags: uint8 [sessions]; ``kernels.NEW_USER`` marks each user's first session in the group.
        users: Users with a session.
        without_source: Events without a session id of the source.
    """

    group: npt.NDArray[np.int32]
    duration_us: Int64
    events: npt.NDArray[np.int32]
    flags: UInt8
    users: int
    without_source: int


def partial(part: Partition, spec: SessionsSpec, roles: Int64, calendar: Calendar) -> Partial:
    """Measure the sessions of one partition.

    Args:
        part: The partition.
        spec: What is asked.
        roles: As ``SessionsSpec.roles`` gives them.
        calendar: The shop's.
    """
    facts = Facts.of(part, spec, roles, calendar)
    group = facts.cut.reasons.astype(np.int64) if spec.per is None else calendar.period(facts.first_us, spec.per)
    if len(group):
        shifted = group - group.min()
        kernels.mark_new_users(facts.cut.user_sessions, shifted, np.full(int(shifted.max()) + 1, -1), facts.flags)
    lacking = part.n_events - int(np.count_nonzero(part.column("source_session"))) if spec.rule.source else 0
    alive = int(np.count_nonzero(np.diff(facts.cut.user_sessions)))
    # Half the width where half is enough: of a large log, the sessions of all partitions stand side by side in the end.
    events = np.diff(facts.cut.starts).astype(np.int32)
    return Partial(group.astype(np.int32), facts.last_us - facts.first_us, events, facts.flags, alive, lacking)


def merge(partials: Sequence[Partial], spec: SessionsSpec, calendar: Calendar) -> SessionsResult:
    """Add the sessions of all partitions up.

    Args:
        partials: In any order.
        spec: What was asked.
        calendar: The shop's.
    """
    group, duration_us, events = (
        np.concatenate([getattr(p, name) for p in partials]) for name in ("group", "duration_us", "events")
    )
    flags = np.concatenate([p.flags for p in partials])
    bounds, order = _by_group(group)
    rows = []
    for low, high in itertools.pairwise(bounds):
        mine = order[low:high]
        new = int(np.count_nonzero(flags[mine] & kernels.NEW_USER))
        number = int(group[mine[0]])
        label = CUTS[number] if spec.per is None else calendar.label(number, spec.per)
        measures = _measures(duration_us[mine], events[mine], flags[mine], new)
        rows.append(SessionRow(**vars(measures), group=label, share=len(mine) / len(group)))
    total = _measures(duration_us, events, flags, sum(p.users for p in partials))
    engaged = (
        f"engaged: longer than {spec.engaged_s} s, or one of {', '.join(spec.key_event_types) or '(none)'}, "
        f"or two of {', '.join(spec.view_event_types) or '(none)'}; any other is a bounce"
    )
    return SessionsResult(
        **vars(total),
        grouped_by=spec.per or "cut",
        rows=tuple(rows),
        without_source=sum(p.without_source for p in partials) if spec.rule.source else None,
        definition=f"{spec.rule.describe()}; {engaged}",
    )


def _by_group(group: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return where each group begins in the order (and its end), and the order: by group, then as it stands."""
    if not len(group):
        return np.zeros(1, np.intp), np.empty(0, np.intp)
    shifted = group - group.min()
    width = np.min_scalar_type(int(shifted.max()))  # up to 16 bits: a radix sort
    order = np.argsort(shifted.astype(width), kind="stable")
    sizes = np.bincount(shifted)
    return np.concatenate(([0], np.cumsum(sizes[sizes > 0]))), order


def _measures(duration_us: Int64, events: npt.NDArray[np.int32], flags: UInt8, users: int) -> Measures:
    n = len(flags)
    if not n:
        return Measures(0, users, 0, *[None] * 11)

    def share(bit: int) -> float:
        return int(np.count_nonzero(flags & bit)) / n

    return Measures(
        sessions=n,
        users=users,
        events=int(events.sum()),
        mean_events=int(events.sum()) / n,
        median_events=_median_of_small(events),
        mean_duration_s=int(duration_us.sum()) / n / US_PER_S,
        median_duration_s=float(np.median(duration_us)) / US_PER_S,
        engaged_share=share(kernels.ENGAGED),
        bounce_share=1 - share(kernels.ENGAGED),
        single_event_share=int(np.count_nonzero(events == 1)) / n,
        purchase_share=share(kernels.PURCHASED),
        midnight_share=share(kernels.MIDNIGHT),
        campaign_change_share=share(kernels.CAMPAIGN_CHANGE),
        bot_share=share(kernels.BOT),
    )


def _median_of_small(numbers: npt.NDArray[np.int32]) -> float:
    """Return the median of non-negative numbers, of which few are large: counted, which costs less than to sort."""
    below = np.cumsum(np.bincount(numbers))
    low, high = np.searchsorted(below, [(len(numbers) - 1) // 2, len(numbers) // 2], side="right")
    return float(low + high) / 2


def sessions(
    histories: Histories,
    *,
    gap_s: int = 1800,
    max_s: int = 86_400,
    source: bool = False,
    key_event_types: Sequence[str] = KEY_EVENT_TYPES,
    view_event_types: Sequence[str] = VIEW_EVENT_TYPES,
    engaged_s: int = 10,
    per: Unit | None = None,
    scope: Scope = Scope(),  # noqa: B008 - frozen
    by: str | None = None,
) -> SessionsResult | Breakdown[SessionsResult]:
    """Measure sessions.

    Args:
        histories: What to analyse.
        gap_s: A silence strictly longer than this ends a session, in seconds.
        max_s: An event strictly later than this after a session's first one begins a new session, in seconds.
        source: Use the source's own sessions where it gives them.
        key_event_types: Events that make a session engaged by themselves.
        view_event_types: Events that count as views.
        engaged_s: A session strictly longer than this is engaged, in seconds.
        per: ``day``, ``week`` or ``month`` for one row per local period in which sessions begin.
        scope: Which events count; sessions are cut out of what is left.
        by: A coded column to break users down by.

    Raises:
        InputError: A setting cannot be used.
    """
    rule = SessionRule(gap_s, max_s, source)
    spec = SessionsSpec(rule, tuple(key_event_types), tuple(view_event_types), engaged_s, per)
    rule.check(histories)
    calendar = Calendar(histories.timezone)
    one = functools.partial(partial, spec=spec, roles=spec.roles(histories), calendar=calendar)
    add = functools.partial(merge, spec=spec, calendar=calendar)
    return _run.run(histories, one, add, scope) if by is None else _run.run_by(histories, one, add, scope, by)


def session_table(
    histories: Histories,
    *,
    spec: SessionsSpec | None = None,
    scope: Scope = Scope(),  # noqa: B008 - frozen
) -> pa.Table:
    """Return one row per session, by user and number.

    Columns: ``user_id``, ``anonymous`` (whether that id is an anonymous one), ``session`` (the user's first is 1),
    ``first_event`` and ``last_event`` (UTC), ``duration_s``, ``events``, ``cut`` (why it begins), ``engaged``,
    ``purchase``, ``midnight``, ``campaign_change``, ``bot``.

    Args:
        histories: What to analyse.
        spec: Where sessions are cut, and what makes one engaged; the defaults without it. ``per`` does not matter.
        scope: Which events count.

    Raises:
        InputError: A setting cannot be used.
    """
    spec = SessionsSpec() if spec is None else spec
    spec.rule.check(histories)
    roles, calendar = spec.roles(histories), Calendar(histories.timezone)

    def one(part: Partition) -> pa.Table:
        return _table(Facts.of(part, spec, roles, calendar), histories.users[part.index])

    table = _run.run(histories, one, pa.concat_tables, scope)
    return table.sort_by([(name, "ascending") for name in ("user_id", "anonymous", "session")])


def _table(facts: Facts, users: pa.Table) -> pa.Table:
    user = facts.cut.user_of_session()
    columns = {name: users[name].take(pa.array(user)) for name in ("user_id", "anonymous")}
    moments = {
        name: pa.array(us, pa.timestamp("us", tz="UTC"))
        for name, us in (("first_event", facts.first_us), ("last_event", facts.last_us))
    }
    bits = {
        "engaged": kernels.ENGAGED,
        "purchase": kernels.PURCHASED,
        "midnight": kernels.MIDNIGHT,
        "campaign_change": kernels.CAMPAIGN_CHANGE,
        "bot": kernels.BOT,
    }
    return pa.table(
        {
            **columns,
            "session": np.arange(1, len(user) + 1) - facts.cut.user_sessions[user],
            **moments,
            "duration_s": (facts.last_us - facts.first_us) / US_PER_S,
            "events": np.diff(facts.cut.starts),
            "cut": pa.array(np.array(CUTS)[facts.cut.reasons], pa.string()),
            **{name: pa.array((facts.flags & bit) != 0) for name, bit in bits.items()},
        }
    )
