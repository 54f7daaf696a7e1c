"""The rarer kinds of funnel: strict order, optional steps, any order. Legend and arguments as in ``_funnel_kernels``.

One pass too, but the kept attempts are told apart by more than their last step: by the number of their steps, because
with optional steps the attempt with more steps may be the one that starts earlier; in any order, by the set of their
steps. Of several attempts of one kind the one with the latest anchor is kept, then the one whose steps lie latest.
"""

from __future__ import annotations

import numpy as np

from footfall.compiled import kernel
from footfall.journeys._funnel_kernels import EXCLUDED, NEVER, REMOVED, STEPS, Int16, collect, fill, place
from footfall.journeys.kernels import Int64


@kernel
def ones(bits: int) -> int:
    """Count the bits that are set."""
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count


@kernel
def length(bits: int) -> int:
    """Return the place of the highest bit that is set, counted from 1; 0 where none is."""
    highest = 0
    while bits >> highest:
        highest += 1
    return highest


@kernel
def matchable(steps: int, kept: Int64, n_kept: int, n_steps: int) -> bool:
    """Tell whether all steps of a set can each have one of the kept events of their own."""
    holder = np.full(n_kept, -1, np.int64)
    served = np.full(n_steps, -1, np.int64)
    for step in range(n_steps):  # noqa: SIM110 - numba compiles no generator
        if steps >> step & 1 and not place(step, kept, n_kept, holder, served):
            return False
    return True


@kernel
def better(since: int, trial: Int64, anchor: int, chains: Int64, row: int) -> bool:
    """Tell whether an attempt has the later anchor, or with the same anchor later steps, from the last to the first.

    Args:
        since: Its anchor.
        trial: Its chain.
        anchor: The other attempt's anchor.
        chains: Chains, [rows, steps].
        row: The row of the other attempt's chain.
    """
    if since != anchor:
        return since > anchor
    for step in range(len(trial) - 1, -1, -1):
        if trial[step] != chains[row, step]:
            return bool(trial[step] > chains[row, step])
    return False


@kernel
def offer(
    state: int,
    since: int,
    trial: Int64,
    anchor: Int64,
    chain: Int64,
    rank: int,
    now: int,
    won: Int64,
    times: Int64,
    user: int,
) -> None:
    """Keep an attempt if it is the best of its state, and make it the winner if it is the best of all.

    Args:
        state: What kind of attempt it is; negative for one that cannot go on and is not kept.
        since: Its anchor.
        trial: Its chain.
        anchor: Anchors of the kept attempts, [states]; updated.
        chain: Their chains, [states, steps]; updated.
        rank: How far it got; more wins, then the first to get there.
        now: The time of its last step.
        won: Rank, time and anchor of the winner; updated.
        times: Chains of the winners, [users, steps]; updated.
        user: Whose attempt it is.
    """
    if state >= 0 and better(since, trial, anchor[state], chain, state):
        anchor[state] = since
        for step in range(len(trial)):
            chain[state, step] = trial[step]
    if rank > won[0] or (rank == won[0] and now == won[1] and better(since, trial, won[2], times, user)):
        won[0], won[1], won[2] = rank, now, since
        for step in range(len(trial)):
            times[user, step] = trial[step]


@kernel
def extend(
    taken: int,
    now: int,
    oldest: int,
    crowd: int,
    required: int,
    strict: bool,
    from_previous: bool,
    anchor_before: Int64,
    chain_before: Int64,
    anchor: Int64,
    chain: Int64,
    won: Int64,
    times: Int64,
    user: int,
) -> None:
    """Let the events of one moment serve a set of steps, in a new attempt and in every attempt they can continue.

    The state of an attempt is ``last step * (n_steps + 1) + number of steps``; its rank is the depth (the last required
    step, counted from 1) times ``n_steps + 1``, plus the number of steps.

    Args:
        taken: The steps, as bits.
        now: The moment.
        oldest: The earliest anchor whose window has not passed.
        crowd: Number of events of the moment, those that match nothing included.
        required: Steps that are not optional, as bits.
        strict: Whether steps must directly follow each other.
        from_previous: Whether the window starts anew at each step.
        anchor_before: Kept anchors before the moment, [states].
        chain_before: Kept chains before the moment, [states, steps].
        anchor: Kept anchors, updated.
        chain: Kept chains, updated.
        won: As in ``offer``.
        times: As in ``offer``.
        user: As in ``offer``.
    """
    n_steps = times.shape[1]
    trial = np.empty(n_steps, np.int64)
    size, low, high = ones(taken), ones((taken & -taken) - 1), length(taken) - 1
    depth = length(required & ((2 << high) - 1))
    for origin in range(-1, low):  # the last step that was matched before this moment; -1 for none
        if required & ((1 << low) - (1 << (origin + 1))):
            continue  # a step between may not be skipped
        for count in range(min(origin, 0) + 1, origin + 2):
            before = origin * (n_steps + 1) + count
            if origin >= 0 and anchor_before[before] < oldest:
                continue
            for step in range(n_steps):
                trial[step] = chain_before[before, step] if step <= origin else NEVER
                if taken >> step & 1:
                    trial[step] = now
            since = now if from_previous or origin < 0 else anchor_before[before]
            # In a strict funnel other events may come before a start, but not between the steps of one attempt.
            lives = not strict or origin < 0 or size == crowd
            state = high * (n_steps + 1) + count + size
            rank = depth * (n_steps + 1) + count + size
            offer(state if lives else -1, since, trial, anchor, chain, rank, now, won, times, user)


@kernel
def remember(anchor: Int64, chain: Int64, anchor_before: Int64, chain_before: Int64) -> None:
    """Copy the kept attempts."""
    for state in range(len(anchor)):
        anchor_before[state] = anchor[state]
        for step in range(chain.shape[1]):
            chain_before[state, step] = chain[state, step]


@kernel
def stepwise(  # noqa: C901 - one pass is one loop
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
    required: int,
    strict: bool,
) -> None:
    """Find the winning attempts of an ordered or strict funnel; steps may be optional.

    Args:
        offsets: As in ``ordered``, like all up to ``open_from``.
        timestamp_us: As there.
        codes: As there.
        bits_of: As there.
        n_steps: As there.
        window: As there.
        from_previous: As there.
        passed: As there.
        times: As there; ``NEVER`` for a step that is skipped.
        open_from: As there; in a strict funnel, of the attempts that the last event has not broken.
        required: Bits of the steps that are not optional; the first step is always among them.
        strict: Whether steps must directly follow each other among the user's events.
    """
    n_states = n_steps * (n_steps + 1)
    anchor, chain = np.empty(n_states, np.int64), np.empty((n_states, n_steps), np.int64)
    anchor_before, chain_before = np.empty(n_states, np.int64), np.empty((n_states, n_steps), np.int64)
    kept, won = np.empty(n_steps * n_steps, np.int64), np.empty(3, np.int64)
    complete = length(required) * (n_steps + 1)
    for user in range(len(offsets) - 1):
        fill(anchor, NEVER)
        won[0], latest = 0, NEVER
        event, end = offsets[user], offsets[user + 1]
        while event < end and won[0] < complete + n_steps:
            first, now = event, timestamp_us[event]
            bits = 0
            while event < end and timestamp_us[event] == now:
                bits |= bits_of[codes[event]]
                event += 1
            if bits == 0 and not (strict and latest > NEVER):
                continue
            excluded = bits & EXCLUDED != 0 and latest >= now - window and won[0] < complete
            steps = bits & STEPS
            remember(anchor, chain, anchor_before, chain_before)
            if strict:
                fill(anchor, NEVER)
            n_kept = collect(first, event, codes, bits_of, n_steps, kept) if steps else 0
            taken = steps
            while taken:
                inside = (1 << length(taken)) - (taken & -taken)
                whole = required & inside & ~taken == 0 and ones(taken) <= n_kept
                if whole and (n_kept == 1 or matchable(taken, kept, n_kept, n_steps)):
                    extend(
                        taken,
                        now,
                        now - window,
                        event - first,
                        required,
                        strict,
                        from_previous,
                        anchor_before,
                        chain_before,
                        anchor,
                        chain,
                        won,
                        times,
                        user,
                    )
                taken = (taken - 1) & steps
            latest = NEVER
            for state in range(n_states):
                latest = max(latest, anchor[state])
            if excluded and won[0] < complete:
                won[0] = REMOVED
                break
        passed[user] = REMOVED if won[0] == REMOVED else 0
        open_from[user] = latest
        for step in range(n_steps):
            if won[0] > 0 and times[user, step] != NEVER:
                passed[user] |= 1 << step


@kernel
def take(
    steps: int,
    now: int,
    oldest: int,
    from_previous: bool,
    anchor: Int64,
    chain: Int64,
    won: Int64,
    times: Int64,
    user: int,
) -> None:
    """Let one event serve any one of its steps, in a new attempt and in every attempt it can continue.

    The state of an attempt is the set of its steps, as bits; its chain is in the order of time.

    Args:
        steps: The steps the event matches, as bits.
        now: Its time.
        oldest: The earliest anchor whose window has not passed.
        from_previous: Whether the window starts anew at each step.
        anchor: Kept anchors, [states]; updated.
        chain: Kept chains, [states, steps]; updated.
        won: As in ``offer``.
        times: As in ``offer``.
        user: As in ``offer``.
    """
    n_steps = times.shape[1]
    trial = np.empty(n_steps, np.int64)
    for taken in range(len(anchor) - 2, -1, -1):  # downwards, so that the event is not taken twice
        free = steps & ~taken
        if not free or (taken and anchor[taken] < oldest):
            continue
        count = ones(taken)
        for step in range(n_steps):
            trial[step] = chain[taken, step] if step < count else NEVER
        trial[count] = now
        since = now if from_previous or not taken else anchor[taken]
        for step in range(n_steps):
            if free >> step & 1:
                offer(taken | 1 << step, since, trial, anchor, chain, count + 1, now, won, times, user)


@kernel
def any_order(
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
    """Find the winning attempts of a funnel whose steps may come in any order.

    Args:
        offsets: As in ``ordered``, like all others.
        timestamp_us: As there.
        codes: As there.
        bits_of: As there.
        n_steps: As there.
        window: As there.
        from_previous: As there.
        passed: Bit ``k`` says that at least ``k + 1`` steps are matched.
        times: Times of the matched steps, in the order of time.
        open_from: As there.
    """
    anchor = np.empty(1 << n_steps, np.int64)
    chain = np.empty((1 << n_steps, n_steps), np.int64)
    won = np.empty(3, np.int64)
    for user in range(len(offsets) - 1):
        won[0], latest = 0, NEVER
        event, end = offsets[user], offsets[user + 1]
        while event < end and won[0] < n_steps:
            first, now = event, timestamp_us[event]
            bits = 0
            while event < end and timestamp_us[event] == now:
                bits |= bits_of[codes[event]]
                event += 1
            excluded = bits & EXCLUDED != 0 and latest >= now - window
            if bits & STEPS:
                if latest == NEVER:
                    fill(anchor, NEVER)
                latest = now
                for each in range(first, event):
                    steps = bits_of[codes[each]] & STEPS
                    if steps:
                        take(steps, now, now - window, from_previous, anchor, chain, won, times, user)
            if excluded and won[0] < n_steps:
                won[0] = REMOVED
                break
        passed[user] = REMOVED if won[0] == REMOVED else (1 << won[0]) - 1
        open_from[user] = latest
