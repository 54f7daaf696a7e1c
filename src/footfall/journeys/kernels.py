"""The compiled loops of sessions, transitions and step matrices: single passes over columns sorted by user and time.

Event columns, one value per event, are ``timestamp_us`` (int64), ``event_type`` (int16), ``campaign`` and ``source``
(int32), ``bot`` (uint8), all as ``read_only`` gives them: numba compiles a loop anew for every mix of writable and
read-only arrays. ``offsets`` (int64 [users + 1]) cuts them into users, ``starts`` (int64 [sessions + 1]) into sessions,
and ``user_sessions`` (int64 [users + 1]) cuts the sessions into users; no session is empty.
Knows nothing of event types, of the calendar or of vocabularies: all of that arrives as small tables of numbers.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel

Array = npt.NDArray[Any]
Int64 = npt.NDArray[np.int64]
UInt8 = npt.NDArray[np.uint8]

FIRST: Final = 0
GAP: Final = 1
LENGTH: Final = 2
SOURCE: Final = 3
"""Why a session begins: the user's first; the silence before it; the length of the one before; the source's own cut."""

KEY: Final = 1
VIEW: Final = 2
PURCHASE: Final = 4
"""Bits of an event type's role."""

ENGAGED: Final = 1
PURCHASED: Final = 2
CAMPAIGN_CHANGE: Final = 4
BOT: Final = 8
MIDNIGHT: Final = 16
NEW_USER: Final = 32
"""Bits of a session's flags; midnights are set outside of the kernels."""


def read_only(column: Array) -> Array:
    """Return a plain read-only view of a column, mapped from disk or not."""
    view = np.asarray(column).view()
    view.flags.writeable = False
    return view


@kernel
def cut_by_time(timestamp_us: Array, offsets: Array, gap_us: int, max_us: int) -> tuple[Int64, UInt8, Int64]:
    """Cut sessions where the silence is longer than ``gap_us``, or an event lies more than ``max_us`` after the start.

    Returns:
        ``starts``, ``reasons`` and ``user_sessions``.
    """
    n_users = len(offsets) - 1
    starts = np.empty(len(timestamp_us) + 1, np.int64)
    reasons = np.empty(len(timestamp_us), np.uint8)
    user_sessions = np.empty(n_users + 1, np.int64)
    n = 0
    for u in range(n_users):
        user_sessions[u] = n
        start = previous = np.int64(0)
        for i in range(offsets[u], offsets[u + 1]):
            now = timestamp_us[i]
            if i == offsets[u]:
                reason = FIRST
            elif now - previous > gap_us:
                reason = GAP
            elif now - start > max_us:
                reason = LENGTH
            else:
                previous = now
                continue
            starts[n], reasons[n] = i, reason
            start = previous = now
            n += 1
    starts[n] = len(timestamp_us)
    user_sessions[n_users] = n
    return starts[: n + 1], reasons[:n], user_sessions


@kernel
def cut_by_source(
    timestamp_us: Array,
    offsets: Array,
    source: Array,
    n_codes: int,
    gap_us: int,
    max_us: int,
) -> tuple[Int64, UInt8, Int64, Int64, Int64]:
    """Take the source's sessions; an event without one continues its user's previous event's under the time rule.

    Args:
        timestamp_us: Event times.
        offsets: Where users begin.
        source: Codes of the source's session ids below ``n_codes``; 0 where there is none.
        n_codes: One more than the largest code.
        gap_us: As in ``cut_by_time``, for events without an id.
        max_us: As in ``cut_by_time``, for events without an id.

    Returns:
        ``starts``, ``reasons``, ``user_sessions``, the session number of each event (int64 [events]), and ``order``:
        the events in the order of their sessions (int64 [events]), empty where that is the order they stand in.
    """
    n_users, n_events = len(offsets) - 1, len(timestamp_us)
    seen_by = np.full(n_codes, -1, np.int64)
    session_of = np.empty(n_codes, np.int64)
    first_event = np.empty(n_events + 1, np.int64)
    reasons = np.empty(n_events, np.uint8)
    numbers = np.empty(n_events, np.int64)
    user_sessions = np.empty(n_users + 1, np.int64)
    n, interleaved = 0, False
    for u in range(n_users):
        user_sessions[u] = n
        current = -1
        for i in range(offsets[u], offsets[u + 1]):
            code, now = source[i], timestamp_us[i]
            session, reason = current, FIRST
            if code > 0:
                if seen_by[code] == u:
                    session = session_of[code]
                else:
                    seen_by[code], session_of[code] = u, n
                    session, reason = n, FIRST if current < 0 else SOURCE
            elif current < 0:
                session = n
            elif now - timestamp_us[i - 1] > gap_us:
                session, reason = n, GAP
            elif now - timestamp_us[first_event[current]] > max_us:
                session, reason = n, LENGTH
            if session == n:
                first_event[n], reasons[n] = i, reason
                n += 1
            interleaved |= session < current
            numbers[i] = current = session
    user_sessions[n_users] = n
    first_event[n] = n_events
    if not interleaved:
        return first_event[: n + 1], reasons[:n], user_sessions, numbers, np.empty(0, np.int64)
    starts, order = _order_by_session(numbers, n)
    return starts, reasons[:n], user_sessions, numbers, order


@kernel
def _order_by_session(numbers: Int64, n_sessions: int) -> tuple[Int64, Int64]:
    """Sort events by session, keeping their order within one (a counting sort): ``starts`` and ``order``."""
    starts = np.zeros(n_sessions + 1, np.int64)
    for number in numbers:
        starts[number + 1] += 1
    for s in range(n_sessions):
        starts[s + 1] += starts[s]
    place = starts.copy()
    order = np.empty(len(numbers), np.int64)
    for i in range(len(numbers)):
        order[place[numbers[i]]] = i
        place[numbers[i]] += 1
    return starts, order


@kernel
def describe_sessions(
    starts: Array,
    timestamp_us: Array,
    event_type: Array,
    campaign: Array,
    bot: Array,
    role_of: Array,
    engaged_us: int,
) -> tuple[Int64, Int64, UInt8]:
    """Look at each session once.

    Args:
        starts: Where sessions begin.
        timestamp_us: Event times, in the order of the sessions, as all event columns here.
        event_type: Event type codes.
        campaign: Campaign codes, 0 for none; empty when the log has no campaigns.
        bot: Not 0 for a robot's event; empty when none is flagged.
        role_of: Event type code to its role bits, int64.
        engaged_us: A session longer than this is engaged.

    Returns:
        First and last moment (int64 [sessions], UTC microseconds) and flags (uint8 [sessions]).
    """
    n = len(starts) - 1
    first_us, last_us = np.empty(n, np.int64), np.empty(n, np.int64)
    flags = np.empty(n, np.uint8)
    for s in range(n):
        begin, end = starts[s], starts[s + 1]
        roles, views = 0, 0
        for i in range(begin, end):
            role = role_of[event_type[i]]
            roles |= role
            views += (role & VIEW) != 0
        first_us[s], last_us[s] = timestamp_us[begin], timestamp_us[end - 1]
        flag = 0
        if last_us[s] - first_us[s] > engaged_us or roles & KEY or views >= 2:
            flag |= ENGAGED
        if roles & PURCHASE:
            flag |= PURCHASED
        if len(campaign) and _campaign_changes(campaign, begin, end):
            flag |= CAMPAIGN_CHANGE
        if len(bot) and bot[begin:end].any():
            flag |= BOT
        flags[s] = flag
    return first_us, last_us, flags


@kernel
def _campaign_changes(campaign: Array, begin: int, end: int) -> bool:
    """Tell whether a known campaign differs from the last one known before it."""
    known = campaign[begin]
    for i in range(begin + 1, end):
        if campaign[i] and known and campaign[i] != known:
            return True
        known = campaign[i] or known
    return False


@kernel
def mark_new_users(user_sessions: Array, group: Int64, last_user: Int64, flags: UInt8) -> None:
    """Flag the first session of each user in each group.

    Args:
        user_sessions: Where each user's sessions begin.
        group: The group of each session, from 0.
        last_user: -1 for each group; used up.
        flags: The flags of the sessions; updated.
    """
    for u in range(len(user_sessions) - 1):
        for s in range(user_sessions[u], user_sessions[u + 1]):
            if last_user[group[s]] != u:
                last_user[group[s]] = u
                flags[s] |= NEW_USER


@kernel
def count_transitions(
    starts: Array,
    user_sessions: Array,
    event_type: Array,
    state_of: Array,
    n_states: int,
    collapse: bool,
) -> tuple[Int64, Int64]:
    """Count the steps from one event to the next within sessions, and the users who made them.

    Row and column ``n_states`` stand for the start and for the end of a session.

    Returns:
        Counts and distinct users, both int64 [n_states + 1, n_states + 1], source by target.
    """
    counts = np.zeros((n_states + 1, n_states + 1), np.int64)
    users = np.zeros((n_states + 1, n_states + 1), np.int64)
    last_user = np.full((n_states + 1, n_states + 1), -1, np.int64)
    for u in range(len(user_sessions) - 1):
        for s in range(user_sessions[u], user_sessions[u + 1]):
            source = n_states
            for i in range(starts[s], starts[s + 1] + 1):
                target = n_states
                if i < starts[s + 1]:
                    if collapse and i > starts[s] and event_type[i] == event_type[i - 1]:
                        continue
                    target = state_of[event_type[i]]
                counts[source, target] += 1
                if last_user[source, target] != u:
                    last_user[source, target] = u
                    users[source, target] += 1
                source = target
    return counts, users


@kernel
def gather_gaps(
    starts: Array,
    timestamp_us: Array,
    event_type: Array,
    state_of: Array,
    place: Int64,
    total: int,
    collapse: bool,
) -> Int64:
    """Return the microseconds between consecutive events, those of one pair of states side by side, int64 [total].

    Args:
        starts: Where sessions begin.
        timestamp_us: Event times, in the order of the sessions.
        event_type: Event type codes.
        state_of: Event type code to its state, int64.
        place: Where each pair's gaps begin, source by target; used up.
        total: Number of gaps.
        collapse: Leave out steps between equal event types.
    """
    gaps = np.empty(total, np.int64)
    for s in range(len(starts) - 1):
        for i in range(starts[s] + 1, starts[s + 1]):
            if collapse and event_type[i] == event_type[i - 1]:
                continue
            source, target = state_of[event_type[i - 1]], state_of[event_type[i]]
            gaps[place[source, target]] = timestamp_us[i] - timestamp_us[i - 1]
            place[source, target] += 1
    return gaps


@kernel
def count_steps(
    starts: Array,
    event_type: Array,
    state_of: Array,
    n_states: int,
    max_steps: int,
    collapse: bool,
) -> Int64:
    """Count sessions by the state at their first ``max_steps`` steps, int64 [max_steps, n_states]."""
    counts = np.zeros((max_steps, n_states), np.int64)
    for s in range(len(starts) - 1):
        step = 0
        for i in range(starts[s], starts[s + 1]):
            if collapse and i > starts[s] and event_type[i] == event_type[i - 1]:
                continue
            if step == max_steps:
                break
            counts[step, state_of[event_type[i]]] += 1
            step += 1
    return counts
