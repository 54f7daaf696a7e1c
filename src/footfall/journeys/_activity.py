"""Which events count, and each user's distinct active periods: what retention, lifecycle and stickiness share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel
from footfall.errors import InputError, unknown_name
from footfall.histories.calendar import Calendar, Unit
from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.schema import EVENT_TYPES, PASSIVE_EVENT_TYPES

Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Names = str | Sequence[str] | None


def check_choice(what: str, given: str, accepted: Sequence[str]) -> None:
    """Check a setting that is one of a few words.

    Raises:
        InputError: It is another word; the message has the accepted ones.
    """
    if given not in accepted:
        raise InputError(unknown_name(what, str(given), accepted))


def as_names(names: Names) -> tuple[str, ...] | None:
    """Return event types as a tuple: one name is a tuple of one; None stays None.

    Raises:
        InputError: The sequence is empty.
    """
    if names is None:
        return None
    chosen = (names,) if isinstance(names, str) else tuple(names)
    if not chosen:
        raise InputError("no event types given; name at least one, or leave the setting out to count any event")
    return chosen


@dataclasses.dataclass(frozen=True)
class Activity:
    """Which events count.

    Attributes:
        keep: bool [codes], whether events of a type code count.
        description: The same for a person.
    """

    keep: Bool
    description: str

    @classmethod
    def of(cls, histories: Histories, names: Sequence[str] | None) -> Activity:
        """Choose events by type.

        Args:
            histories: The log.
            names: Event types; without them every event that a user does: all but ``schema.PASSIVE_EVENT_TYPES``,
                which are done to users (a message sent to a lapsed customer does not make them active).

        Raises:
            InputError: A name is neither a known event type nor one of the log's.
        """
        vocabulary = histories.vocabularies["event_type"]
        keep = np.zeros(len(vocabulary), np.bool_)
        if names is None:
            keep[:] = True
            passive = [name for name in PASSIVE_EVENT_TYPES if name in vocabulary.ids]
            keep[[vocabulary.code(name) for name in passive]] = False
            return cls(keep, "any event" + (f" except {', '.join(passive)}" if passive else ""))
        accepted = {*EVENT_TYPES, *vocabulary.ids}
        for name in names:
            if name not in accepted:
                raise InputError(unknown_name("event type", name, accepted))
        keep[[vocabulary.code(name) for name in names if name in vocabulary.ids]] = True
        return cls(keep, " or ".join(names))

    def mask(self, part: Partition) -> Bool:
        """Return which events of a partition count, bool [events]."""
        chosen: Bool = self.keep[part.event_type]
        return chosen


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Distinct pairs of user and period, sorted by user, then period.

    Attributes:
        user: int64 [pairs], local users.
        period: int64 [pairs].
    """

    user: Int64
    period: Int64

    @property
    def first(self) -> Bool:
        """Whether a pair is the first of its user, bool [pairs]."""
        return changes(self.user)

    @property
    def gap(self) -> Int64:
        """Periods since the user's previous active one, int64 [pairs]; 0 where there is none."""
        gap: Int64 = np.diff(self.period, prepend=self.period[:1])
        return np.where(self.first, 0, gap)


def changes(*columns: Int64) -> Bool:
    """Return where runs of equal rows begin, bool [rows]: the first row, and each that differs from the one before."""
    begins = np.ones(len(columns[0]), np.bool_)
    if len(begins) > 1:
        begins[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return begins


def first_in_each(user: Int64, period: Int64) -> Int64:
    """Return the row of each user's first event in each period, ascending, int64 [distinct pairs].

    Args:
        user: int64 [rows], ascending.
        period: int64 [rows], of rows in time order within a user.
    """
    rows = np.flatnonzero(changes(user, period))
    begun, whose = period[rows], user[rows]
    if np.any((np.diff(whose) == 0) & (np.diff(begun) < 0)):  # clocks set back over midnight: a period comes twice
        order = np.lexsort((rows, begun, whose))
        rows = np.sort(rows[order][changes(whose[order], begun[order])])
    return rows


def active_periods(part: Partition, activity: Activity, calendar: Calendar, unit: Unit) -> Pairs:
    """Return the distinct periods in which each user had an event that counts.

    Args:
        part: Where to look.
        activity: Which events count.
        calendar: The shop's calendar.
        unit: ``day``, ``week`` or ``month``.
    """
    period = calendar.period(part.timestamp_us, unit)
    user_out, period_out = np.empty(len(period), np.int64), np.empty(len(period), np.int64)
    count = _runs(part.offsets, part.event_type, activity.keep, period, user_out, period_out)
    user, period = user_out[:count].copy(), period_out[:count].copy()
    if np.any((np.diff(user) == 0) & (np.diff(period) <= 0)):  # clocks set back over midnight
        order = np.lexsort((period, user))
        user, period = user[order], period[order]
        distinct = changes(user, period)
        user, period = user[distinct], period[distinct]
    return Pairs(user, period)


@kernel
def _runs(
    offsets: Int64, event_type: npt.NDArray[np.int16], keep: Bool, period: Int64, user_out: Int64, period_out: Int64
) -> int:
    """Write user and period of each run of events that count in one period; return how many there are."""
    count = 0
    for user in range(len(offsets) - 1):
        alone = True
        for event in range(offsets[user], offsets[user + 1]):
            if keep[event_type[event]] and (alone or period[event] != period_out[count - 1]):
                user_out[count] = user
                period_out[count] = period[event]
                count += 1
                alone = False
    return count
