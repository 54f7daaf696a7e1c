"""How histories are cut into sessions: the rule, and the sessions of one partition.

**The time rule.** A user's first event begins a session. A later event begins a new one when it comes strictly more
than ``gap_s`` after the user's event before it (reason ``gap``), or else strictly more than ``max_s`` after the first
event of the session it would join (reason ``length``).

**The source's sessions.** All events of a user with the same session id of the source are one session, however far
apart and whatever lies between them (reason ``source``): a visit in two tabs gives two sessions that overlap in time,
and an id used by two users is one session of each. An event without an id continues the session of the user's event
before it, or begins one, by the time rule.

A user's first session has the reason ``first`` either way. Sessions are numbered by their first event.
"""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np

from footfall.errors import InputError
from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.journeys import kernels
from footfall.journeys.kernels import Array, Int64, UInt8, read_only
from footfall.schema import US_PER_S

CUTS: Final = ("first", "gap", "length", "source")
"""Names of the reasons for which a session begins, by their codes in ``kernels``."""

_MOST_S: Final = 100 * 366 * 86_400


@dataclasses.dataclass(frozen=True)
class SessionRule:
    """Where one session ends and the next begins.

    Attributes:
        gap_s: A silence strictly longer than this ends a session, in seconds.
        max_s: An event strictly later than this after a session's first one begins a new session, in seconds.
        source: Use the source's own sessions where it gives them.
    """

    gap_s: int = 1800
    max_s: int = 86_400
    source: bool = False

    def __post_init__(self) -> None:
        """Check the spans.

        Raises:
            InputError: One of them is not a whole number of seconds between 1 and a century.
        """
        for name in ("gap_s", "max_s"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_S:
                raise InputError(
                    f"{name} = {value!r} cannot be used; give a whole number of seconds from 1 to {_MOST_S}"
                )

    def check(self, histories: Histories) -> None:
        """Check that the rule can be applied to a log.

        Raises:
            InputError: The source's sessions are asked for, and the log has none.
        """
        if self.source and histories.n_events and not any(p.has("source_session") for p in histories.partitions):
            raise InputError(
                "the source's own sessions were asked for, but no event of this log has a session_id; "
                "leave that out to cut sessions by time"
            )

    def describe(self) -> str:
        """Say in one sentence what a session is."""
        by_time = (
            f"after a silence of more than {self.gap_s:,} s, or at an event more than {self.max_s:,} s after its start"
        )
        if self.source:
            return f"a session is the source's own; events without one are cut {by_time}"
        return f"a session is cut {by_time}"


@dataclasses.dataclass(frozen=True)
class SessionCut:
    """The sessions of one partition.

    Attributes:
        starts: int64 [sessions + 1], where each session's events begin, in the order of the sessions.
        reasons: uint8 [sessions], why each begins: an index into ``CUTS``.
        user_sessions: int64 [users + 1], where each local user's sessions begin.
        order: int64 [events], the events in the order of the sessions; None where that is the order they stand in.
    """

    starts: Int64
    reasons: UInt8
    user_sessions: Int64
    order: Int64 | None = None

    def __len__(self) -> int:
        """Number of sessions."""
        return len(self.reasons)

    def column(self, part: Partition, name: str) -> Array:
        """Return a column in the order of the sessions, read-only, [events]."""
        column = read_only(part.column(name))
        return column if self.order is None else read_only(column[self.order])

    def user_of_session(self) -> Int64:
        """Return the local user of each session, int64 [sessions]."""
        return np.repeat(np.arange(len(self.user_sessions) - 1), np.diff(self.user_sessions))


def cut(part: Partition, rule: SessionRule) -> SessionCut:
    """Cut the histories of one partition into sessions."""
    if not (rule.source and part.has("source_session")):
        times, offsets = read_only(part.timestamp_us), read_only(part.offsets)
        starts, reasons, user_sessions = kernels.cut_by_time(
            times, offsets, rule.gap_s * US_PER_S, rule.max_s * US_PER_S
        )
        return SessionCut(read_only(starts), reasons, user_sessions)
    starts, reasons, user_sessions, _, order = _by_source(part, rule)
    return SessionCut(read_only(starts), reasons, user_sessions, order if len(order) else None)


def session_numbers(part: Partition, rule: SessionRule) -> Int64:
    """Return the session of each event, int64 [events]: from 0 within the partition, by user and first event."""
    if rule.source and part.has("source_session"):
        return _by_source(part, rule)[3]
    return np.repeat(np.arange(len(sessions := cut(part, rule))), np.diff(sessions.starts))


def _by_source(part: Partition, rule: SessionRule) -> tuple[Int64, UInt8, Int64, Int64, Int64]:
    source = read_only(part.column("source_session"))
    largest = int(source.max()) if len(source) else 0
    return kernels.cut_by_source(
        read_only(part.timestamp_us),
        read_only(part.offsets),
        source,
        largest + 1,
        rule.gap_s * US_PER_S,
        rule.max_s * US_PER_S,
    )
