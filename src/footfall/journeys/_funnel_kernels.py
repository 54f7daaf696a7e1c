"""One pass over each user's events that finds their winning attempt at a funnel.

Legend: ``bits`` of an event has bit ``k`` set where the event matches step ``k`` (counted from 0 here), and the bit
``EXCLUDED`` where it matches an exclusion. They come as ``bits_of[codes[event]]``, so that a funnel of event types
needs no array of its own. A *chain* is the times of an attempt's steps, ``NEVER`` where a step is skipped. All times
are microseconds.

Why one pass is enough, although any event of step 1 may start an attempt: for each step keep only the attempt that
started last (``window_from`` first) or whose last event is latest (``previous``): its *anchor*. Whatever may continue
an attempt with an earlier anchor may continue this one too, because the same steps are still to come and its window
closes later. So the deepest attempt is never lost, and each event looks at each step once. The kept attempt is also the
one whose steps lie latest, because every attempt at step ``k`` that is still in its window is replaced as soon as a
later event can stand at step ``k``.

Events at the same microsecond have no order of their own: together they carry an attempt from step ``j`` to step ``k``
where the steps between can each have an event of their own (a matching of steps to events).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel
from footfall.journeys.kernels import Int64

Int16 = npt.NDArray[np.int16]

MAX_STEPS: Final = 14
EXCLUDED: Final = 1 << MAX_STEPS
STEPS: Final = EXCLUDED - 1
REMOVED: Final = -1
"""What ``passed`` says of a user whom an exclusion removed from the funnel."""

NEVER: Final = -(1 << 62)
NO_WINDOW: Final = 1 << 61
"""A window longer than any log. ``now - NO_WINDOW`` is still later than ``NEVER``."""


@kernel
def fill(array: Int64, value: int) -> None:
    """Set all elements of a vector. A loop of our own compiles in a fraction of the time of a slice assignment."""
    for place in range(len(array)):
        array[place] = value


@kernel
def collect(first: int, end: int, codes: Int16, bits_of: Int16, n_steps: int, kept: Int64) -> int:
    """Gather the events of one moment that a matching can need, and return how many they are.

    An event is kept if one of its steps has fewer than ``n_steps`` kept events. That loses no matching: a step with
    ``n_steps`` kept events finds a free one whatever the other steps take, and all events of the other steps are kept.
    """
    held = np.zeros(n_steps, np.int64)
    n_kept = 0
    for event in range(first, end):
        bits = bits_of[codes[event]]
        needed = False
        for step in range(n_steps):
            if bits >> step & 1 and held[step] < n_steps:
                held[step] += 1
                needed = True
        if needed:
            kept[n_kept] = bits
            n_kept += 1
    return n_kept


@kernel
def place(step: int, kept: Int64, n_kept: int, holder: Int64, served: Int64) -> bool:
    """Give one more step an event of its own, moving other steps to other events where need be (Kuhn, 1955).

    Args:
        step: The step without an event.
        kept: Bits of the events, int64 [n_kept or more].
        n_kept: Number of events.
        holder: Step that each event serves, -1 for none; updated.
        served: Event that each step has, -1 for none; updated.
    """
    reached_from = np.full(n_kept, -1, np.int64)
    queue = np.empty(n_kept + 1, np.int64)
    queue[0], head, tail = step, 0, 1
    while head < tail:
        asking = queue[head]
        head += 1
        for event in range(n_kept):
            if not kept[event] >> asking & 1 or reached_from[event] >= 0:
                continue
            reached_from[event] = asking
            if holder[event] >= 0:
                queue[tail] = holder[event]
                tail += 1
                continue
            while True:
                taker = reached_from[event]
                given_up = served[taker]
                holder[event], served[taker] = taker, event
                if taker == step:
                    return True
                event = given_up  # noqa: PLW2901 - walks the path back
    return False


@kernel
def reach(first: int, end: int, codes: Int16, bits_of: Int16, n_steps: int, kept: Int64, farthest: Int64) -> None:
    """Find how far the events of one moment carry an attempt from each step.

    Args:
        first: First event of the moment.
        end: One past its last event.
        codes: Index into ``bits_of`` of each event.
        bits_of: Bits per code.
        n_steps: Number of steps.
        kept: Room for ``n_steps ** 2`` events.
        farthest: Out, [n_steps]: steps ``j`` to ``farthest[j] - 1`` can each have an event of their own.
    """
    n_kept = collect(first, end, codes, bits_of, n_steps, kept)
    holder = np.empty(n_kept, np.int64)
    served = np.empty(n_steps, np.int64)
    for start in range(n_steps):
        fill(holder, -1)
        fill(served, -1)
        step = start
        while step < n_steps and place(step, kept, n_kept, holder, served):
            step += 1
        farthest[start] = step


@kernel
def carried_from(step: int, tied: bool, farthest: Int64, anchor: Int64, oldest: int) -> int:
    """Return after which step the attempt stood that the events of a moment carry to ``step``.

    Args:
        step: A step that an event of the moment matches.
        tied: Whether several events of the moment can serve several steps; else only one step is gone.
        farthest: As from ``reach``, if tied.
        anchor: Anchors before the moment, [steps].
        oldest: The earliest anchor whose window has not passed.

    Returns:
        A step before ``step``; -1 for an attempt that starts at this moment, -2 for no attempt. Of several the first,
        for all its later steps are taken at this moment, and the attempt that stood after fewer steps started last.
    """
    first = -1 if tied else step - 1
    for origin in range(first, step):
        carried = not tied or farthest[origin + 1] > step
        if carried and (origin < 0 or anchor[origin] >= oldest):
            return origin
    return -2


@kernel
def ordered(  # noqa: C901 - one pass is one loop
    offsets: Int64,
    timestamp_us: Int64,
    codes: Int16,
    bits_of: Int16,
    n_steps: int,
    window: int,
    from_previous: bool,
    passed: Int16,
    times: Int64,
    open_from: Int64,
) -> None:
    """Find the winning attempts of an ordered funnel without optional steps.

    Args:
        offsets: Where each user's events begin, [users + 1].
        timestamp_us: Times of events, sorted per user.
        codes: Index into ``bits_of`` of each event.
        bits_of: Bits per code.
        n_steps: Number of steps.
        window: Longest time from the first (or the previous) step, microseconds, inclusive.
        from_previous: Whether the window starts anew at each step.
        passed: Out, [users]: a bit for each step of the winning attempt, or ``REMOVED``.
        times: Out, [users, n_steps]: the chain of the winning attempt.
        open_from: Out, [users]: the latest anchor; no attempt can go on later than this plus ``window``.
    """
    anchor, farthest = np.empty(n_steps, np.int64), np.empty(n_steps, np.int64)
    chain = np.zeros((n_steps, n_steps), np.int64)
    kept = np.empty(n_steps * n_steps, np.int64)
    for user in range(len(offsets) - 1):
        fill(anchor, NEVER)
        depth, latest = 0, NEVER
        event, end = offsets[user], offsets[user + 1]
        while event < end and depth < n_steps:
            bits = bits_of[codes[event]]
            event += 1
            if bits == 0:
                continue
            first, now, matching = event - 1, timestamp_us[event - 1], 1
            while event < end and timestamp_us[event] == now:
                more = bits_of[codes[event]]
                bits, matching = bits | more, matching + (more & STEPS != 0)
                event += 1
            steps = bits & STEPS
            excluded = bits & EXCLUDED != 0 and latest >= now - window
            tied = matching > 1 and steps & (steps - 1) != 0
            if tied:
                reach(first, event, codes, bits_of, n_steps, kept, farthest)
            for step in range(n_steps - 1, -1, -1):  # downwards, so that no event carries an attempt twice
                if not steps >> step & 1:
                    continue
                origin = carried_from(step, tied, farthest, anchor, now - window)
                if origin < -1:
                    continue
                for before in range(step + 1):
                    chain[step, before] = chain[origin, before] if before <= origin else now
                anchor[step] = now if from_previous or origin < 0 else anchor[origin]
                latest = max(latest, anchor[step])
                if step >= depth:
                    depth = step + 1
                    for made in range(depth):
                        times[user, made] = chain[step, made]
            if excluded and depth < n_steps:
                depth = REMOVED
                break
        passed[user] = REMOVED if depth == REMOVED else (1 << depth) - 1
        open_from[user] = latest


@kernel
def value_at(
    offsets: Int64,
    timestamp_us: Int64,
    codes: Int16,
    bits_of: Int16,
    wanted: int,
    moments: Int64,
    values: npt.NDArray[Any],
) -> Int64:
    """Return, per user, the first known value among the events of one moment that match, int64 [users]; 0 for none.

    Args:
        offsets: As in ``ordered``, like all up to ``bits_of``.
        timestamp_us: As there.
        codes: As there.
        bits_of: As there.
        wanted: An event matches if it has one of these bits.
        moments: The moment of each user; ``NEVER`` for a user without one.
        values: A coded column, 0 for missing.
    """
    found = np.zeros(len(offsets) - 1, np.int64)
    for user in range(len(offsets) - 1):
        if moments[user] == NEVER:
            continue
        for event in range(offsets[user], offsets[user + 1]):
            here = timestamp_us[event] == moments[user] and bits_of[codes[event]] & wanted != 0
            if here and values[event] != 0:
                found[user] = values[event]
                break
    return found
