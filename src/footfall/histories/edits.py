"""Edits of histories that really happen: events lost, late, told twice, somebody else's, a day not there yet.

An edit says of every event of the edited log which event it is a copy of, whose it is and when it is; so logs that hold
the same events in other columns (``tasks._moments.Log``) can all be edited alike. Every edit counts what it took and
what it added.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.histories.event_features import hour_of_week
from footfall.histories.sequences import Int64, Sequences
from footfall.schema import US_PER_DAY, US_PER_S

Bool = npt.NDArray[np.bool_]

SHARE: Final = 0.1
"""Of the events that an edit touches."""
DELAY_HOURS: Final = (1, 24)
"""How late a late event is: from, to; every moment between is as likely."""
ECHO_US: Final = US_PER_S
"""How long after the first an event that is told twice is told again."""

_US_PER_HOUR: Final = 3600 * US_PER_S


@dataclasses.dataclass(frozen=True)
class Edit:
    """What became of a log.

    Attributes:
        name: Of the edit, e.g. ``dropped``.
        text: What was done, in words.
        offsets: Where each history begins afterwards, and the end, int64 [histories + 1].
        source: Position in the log of the event that each event is a copy of, int64 [events].
        time_us: When it is now, UTC microseconds, ascending within a history, int64 [events].
        foreign: Whether it is somebody else's, so that its order is not one of this history's, bool [events].
        lost: Events that are not there any more.
        added: Events that were not there.
    """

    name: str
    text: str
    offsets: Int64
    source: Int64
    time_us: Int64
    foreign: Bool
    lost: int
    added: int

    def of(self, log: Sequences, timezone: str) -> Sequences:
        """Return a log with this edit; every column of an event goes with it.

        The hour of the week (``extra["hour"]``), where it is there, is that of the new moment. An order that came with
        foreign events is a new one in each history that it came to.

        Args:
            log: The log that the edit was made for, or one with the same events in other columns.
            timezone: The shop's zone.

        Raises:
            InputError: The log has another number of events or of histories, or no times.
        """
        if log.timestamp_us is None or len(log) + 1 != len(self.offsets) or log.n_events != self._events_before:
            raise InputError(
                f"an edit of {len(self.offsets) - 1} histories with {self._events_before} events, and a log of "
                f"{len(log)} with {log.n_events}; give the log that the edit was made for, with times"
            )
        extra: dict[str, npt.NDArray[Any]] = {name: column[self.source] for name, column in log.extra.items()}
        if "hour" in extra:
            extra["hour"] = hour_of_week(self.time_us, timezone).astype(extra["hour"].dtype)
        return dataclasses.replace(
            log,
            offsets=self.offsets,
            item=log.item[self.source],
            event_type=None if log.event_type is None else log.event_type[self.source],
            timestamp_us=self.time_us,
            order=None if log.order is None else self._orders(log.order),
            extra=extra,
        )

    @property
    def _events_before(self) -> int:
        return len(self.source) + self.lost - self.added

    def _orders(self, order: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        held = order[self.source]
        new = self.foreign & (held > 0)
        if new.any():
            rows = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))[new]
            pairs = np.stack((rows, held[new].astype(np.int64)), 1)
            numbers = np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
            held[new] = int(order.max()) + 1 + numbers
        return held


def dropped(log: Sequences, which: Bool, name: str = "dropped", text: str = "events are lost") -> Edit:
    """Return a log without some events.

    Args:
        log: With times.
        which: Those that are lost, bool [events].
        name: Of the edit.
        text: What was done.
    """
    kept = np.flatnonzero(~which)
    return _ordered(log, name, text, kept, log.rows[kept], _times(log)[kept])


def delayed(log: Sequences, by_us: Int64, cutoff_us: int) -> Edit:
    """Return a log in which events arrived late, and bear the time of their arrival.

    Those that arrive at or after the cutoff are not seen; the others stand where their new time puts them.

    Args:
        log: With times, all before the cutoff.
        by_us: How late each event is, 0 for one in time, microseconds, int64 [events].
        cutoff_us: The moment of asking, UTC microseconds.
    """
    late = _times(log) + by_us
    seen = np.flatnonzero(late < cutoff_us)
    text = "events arrive hours late, bear the time of their arrival, and are not seen where that is too late"
    return _ordered(log, "delayed", text, seen, log.rows[seen], late[seen])


def doubled(log: Sequences, which: Bool, cutoff_us: int) -> Edit:
    """Return a log in which some events are told twice, the second time a second later.

    An event of the last second before the cutoff would be told again after it; that is not seen.

    Args:
        log: With times, all before the cutoff.
        which: Those told twice, bool [events].
        cutoff_us: The moment of asking, UTC microseconds.
    """
    again = np.flatnonzero(which & (_times(log) + ECHO_US < cutoff_us))
    source = np.concatenate((np.arange(log.n_events), again))
    times = np.concatenate((_times(log), _times(log)[again] + ECHO_US))
    text = "events are told twice, a second apart"
    return _ordered(log, "doubled", text, source, log.rows[source], times)


def injected(log: Sequences, rows: Int64, donors: Int64, times_us: Int64) -> Edit:
    """Return a log in which histories hold events of others.

    Args:
        log: With times.
        rows: The history that each foreign event comes to, int64 [added].
        donors: Position of the event that it is a copy of, int64 [added].
        times_us: When it comes, UTC microseconds, int64 [added].
    """
    source = np.concatenate((np.arange(log.n_events), donors))
    whose = np.concatenate((log.rows, rows))
    times = np.concatenate((_times(log), times_us))
    text = "events of others come between, drawn from all events, at random moments between a user's first and last"
    return _ordered(log, "injected", text, source, whose, times, log.n_events)


def realistic(log: Sequences, cutoff_us: int, *, seed: int = 0, share: float = SHARE) -> tuple[Edit, ...]:
    """Return the edits that a log may meet: dropped, delayed, doubled, injected, and its last day missing.

    Args:
        log: With times, all before the cutoff.
        cutoff_us: The moment of asking, UTC microseconds.
        seed: Draws the events that are touched.
        share: Chance of each event to be touched, from 0 to 1.

    Raises:
        InputError: The share is not from 0 to 1; there is an event at or after the cutoff.
    """
    if not 0 <= share <= 1:
        raise InputError(f"share = {share} cannot be used; accepted: from 0 to 1, e.g. {SHARE}")
    times = _times(log)
    if log.n_events and int(times.max()) >= cutoff_us:
        raise InputError("the log has events at or after the cutoff; cut it first (evaluation.splits.before)")
    drops, lates, twins, foreign = (np.random.default_rng((seed, 11, number)) for number in range(4))
    touched = [rng.random(log.n_events) < share for rng in (drops, lates, twins, foreign)]
    low, high = (hours * _US_PER_HOUR for hours in DELAY_HOURS)
    late = np.where(touched[1], lates.integers(low, high + 1, log.n_events), 0)
    rows = log.rows[touched[3]]
    # Between the first and the last event of a history there may be no time at all: then that is the moment.
    first, last = times[log.offsets[:-1][rows]], times[log.offsets[1:][rows] - 1]
    donors = foreign.integers(0, max(log.n_events, 1), len(rows))
    return (
        dropped(log, touched[0]),
        delayed(log, late, cutoff_us),
        doubled(log, touched[2], cutoff_us),
        injected(log, rows, donors, foreign.integers(first, last + 1)),
        dropped(log, times >= cutoff_us - US_PER_DAY, "last day missing", "the events of the last day are not there"),
    )


def _ordered(
    log: Sequences, name: str, text: str, source: Int64, rows: Int64, times: Int64, own: int | None = None
) -> Edit:
    """Put events in order of history and time; of equal times, in the order given. From place ``own`` on, foreign."""
    place = np.lexsort((times, rows))
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(np.bincount(rows, minlength=len(log)))))
    foreign = place >= (len(source) if own is None else own)
    lost, added = max(log.n_events - len(source), 0), max(len(source) - log.n_events, 0)
    return Edit(name, text, offsets, source[place], times[place], foreign, lost, added)


def _times(log: Sequences) -> Int64:
    if log.timestamp_us is None:
        raise InputError("the log has no times; read events with times")
    return log.timestamp_us
