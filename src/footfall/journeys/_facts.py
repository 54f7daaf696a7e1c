"""What is known of each session of a partition: its time, its size, whether it is engaged, its flags."""

from __future__ import annotations

import dataclasses
from typing import Final

import numpy as np

from footfall.errors import InputError, unknown_name
from footfall.histories.calendar import Calendar, Unit
from footfall.histories.columns import DTYPES
from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.journeys import kernels
from footfall.journeys._cut import SessionCut, SessionRule, cut
from footfall.journeys._states import check_event_types
from footfall.journeys.kernels import Int64, UInt8, read_only
from footfall.schema import KEY_EVENT_TYPES, US_PER_S

VIEW_EVENT_TYPES: Final = ("view_item",)
_UNITS: Final = ("day", "week", "month")


@dataclasses.dataclass(frozen=True)
class SessionsSpec:
    """What is asked about sessions.

    Attributes:
        rule: Where sessions are cut.
        key_event_types: Events that make a session engaged by themselves.
        view_event_types: Events that count as views; two of them make a session engaged.
        engaged_s: A session strictly longer than this is engaged, in seconds.
        per: ``day``, ``week`` or ``month``: one row per local period in which sessions begin; one per cut without it.
    """

    rule: SessionRule = dataclasses.field(default_factory=SessionRule)
    key_event_types: tuple[str, ...] = KEY_EVENT_TYPES
    view_event_types: tuple[str, ...] = VIEW_EVENT_TYPES
    engaged_s: int = 10
    per: Unit | None = None

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            InputError: ``per`` is no period, or ``engaged_s`` is negative.
        """
        if self.per is not None and self.per not in _UNITS:
            raise InputError(unknown_name("period", str(self.per), _UNITS))
        if self.engaged_s < 0:
            raise InputError(f"engaged_s = {self.engaged_s} cannot be used; give a number of seconds from 0 on")

    def roles(self, histories: Histories) -> Int64:
        """Return the role bits of each event type code, int64 [codes].

        Raises:
            InputError: An event type is neither in the log nor one of ours.
        """
        check_event_types(histories, (*self.key_event_types, *self.view_event_types))
        vocabulary = histories.vocabularies["event_type"]
        roles = np.zeros(len(vocabulary), np.int64)
        named = ((kernels.KEY, self.key_event_types), (kernels.VIEW, self.view_event_types))
        for bit, names in (*named, (kernels.PURCHASE, ("purchase",))):
            known = {vocabulary.code(name) for name in names if name in vocabulary.ids}
            roles[list(known)] |= bit
        return roles


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of each session of one partition.

    Attributes:
        cut: Where sessions begin, and why.
        first_us: int64 [sessions], first event, UTC microseconds.
        last_us: int64 [sessions], last event.
        flags: uint8 [sessions], bits of ``kernels``.
    """

    cut: SessionCut
    first_us: Int64
    last_us: Int64
    flags: UInt8

    @classmethod
    def of(cls, part: Partition, spec: SessionsSpec, roles: Int64, calendar: Calendar) -> Facts:
        """Cut one partition into sessions and look at each of them."""
        sessions = cut(part, spec.rule)
        campaign, bot = (
            sessions.column(part, name) if part.has(name) else read_only(np.empty(0, DTYPES[name]))
            for name in ("campaign", "bot")
        )
        first_us, last_us, flags = kernels.describe_sessions(
            sessions.starts,
            sessions.column(part, "timestamp_us"),
            sessions.column(part, "event_type"),
            campaign,
            bot,
            roles,
            spec.engaged_s * US_PER_S,
        )
        longer = np.flatnonzero(last_us > first_us)
        crossing = longer[calendar.day(first_us[longer]) != calendar.day(last_us[longer])]
        flags[crossing] |= kernels.MIDNIGHT
        if part.user_bot.any():
            flags[part.user_bot[sessions.user_of_session()] != 0] |= kernels.BOT
        return cls(sessions, first_us, last_us, flags)
