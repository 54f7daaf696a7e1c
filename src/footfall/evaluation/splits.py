"""Splits: from sequences to what may be learnt from (train) and what is asked (cases).

Every split has its train: ``leave_one_out`` that of ``leave_one_out_train``; ``by_time``, ``next_basket`` and
``newcomers`` that of ``before``. A target is always an item that can be shown (a code from ``FIRST_CODE`` on); a
history keeps its other events too.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.evaluation.cases import Cases
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Int32, Int64, Sequences

Bool = npt.NDArray[np.bool_]


def leave_one_out_train(sequences: Sequences, *, min_length: int = 3) -> Sequences:
    """Return what ``leave_one_out`` leaves to learn from: all before the last two items of every sequence.

    The same for the test and the validation cases, so that a setting chosen by the one can be judged by the other.
    Sequences with fewer than ``min_length`` items are whole. Sequences keep their places.

    Args:
        sequences: Whole sequences.
        min_length: As given to ``leave_one_out``.

    Raises:
        InputError: ``min_length`` is below 3.
    """
    position, count = _item_from_end(sequences, 2, min_length)
    ends = np.where(count >= min_length, position, sequences.offsets[1:])
    return sequences.between(sequences.offsets[:-1], ends)


def leave_one_out(sequences: Sequences, *, back: int = 1, exclude_seen: bool = True, min_length: int = 3) -> Cases:
    """Return one case a sequence: the target is its ``back``-th item from the end, the history is all before it.

    Source: Kang and McAuley, Self-Attentive Sequential Recommendation, ICDM 2018, section IV-A (the last for the test,
    the one before it for validation). Learn from ``leave_one_out_train``. As time is not cut, the history of one may
    lie after the target of another: compare with published numbers by this, decide by ``by_time``.

    Args:
        sequences: Whole sequences.
        back: 1: test; 2: validation.
        exclude_seen: Whether items of the history are left out of the ranking.
        min_length: Sequences with fewer items give no case; at least 3, so that something is left to learn from.

    Raises:
        InputError: ``back`` is neither 1 nor 2, or ``min_length`` is below 3.
    """
    if back not in (1, 2):
        raise InputError(f"back={back}; give 1 (the last item, test) or 2 (the one before it, validation)")
    position, count = _item_from_end(sequences, back, min_length)
    rows = np.flatnonzero(count >= min_length)
    ends = position[rows]
    histories = sequences.between(sequences.offsets[:-1][rows], ends, rows)
    return Cases(histories, np.arange(len(rows) + 1), sequences.item[ends], exclude_seen)


def before(sequences: Sequences, cutoff_us: int) -> Sequences:
    """Return the events strictly before a moment: what may be learnt from. Sequences keep their places, even empty.

    Args:
        sequences: Whole sequences, with times.
        cutoff_us: The moment, UTC microseconds.

    Raises:
        InputError: The sequences have no times.
    """
    return sequences.where(_times(sequences) < cutoff_us)


def by_time(
    sequences: Sequences,
    cutoff_us: int,
    horizon_us: int,
    *,
    exclude_seen: bool,
    target_types: Collection[int] | None = None,
    first_only: bool = False,
    cold: bool = False,
) -> Cases:
    """Return one case for everyone with an event about an item in [cutoff, cutoff + horizon).

    Histories are strictly before the cutoff. Learn from ``before(sequences, cutoff_us)``.

    Args:
        sequences: Whole sequences, with times.
        cutoff_us: The moment of prediction, UTC microseconds.
        horizon_us: How far it looks ahead, microseconds.
        exclude_seen: Whether items of the history are left out of the ranking.
        target_types: Codes of the event types whose items are targets; all types without it.
        first_only: Keep the first of the targets only: the next item.
        cold: Whether those without any event before the cutoff are cases too, with an empty history.

    Returns:
        Cases in the order of the sequences; the targets of each are distinct items in order of time.

    Raises:
        InputError: No times; no event types though some are asked for; a horizon that is not above 0.
    """
    known = before(sequences, cutoff_us)
    future = sequences.where(_in_horizon(sequences, cutoff_us, horizon_us, target_types))
    return _cases(known, future, exclude_seen=exclude_seen, first_only=first_only, cold=cold)


def next_basket(
    sequences: Sequences, cutoff_us: int, horizon_us: int, *, basket_types: Collection[int], cold: bool = False
) -> Cases:
    """Return one case for everyone with an order in [cutoff, cutoff + horizon): its items are the targets.

    The order is the first one in the horizon: events with its number or, where the first event has none, events at the
    same microsecond without one. An order of which a part lies before the cutoff had begun, and is passed over. What
    was bought may be bought again, so nothing seen is left out of the ranking. Learn from
    ``before(sequences, cutoff_us)``.

    Args:
        sequences: Whole sequences, with times.
        cutoff_us: The moment of prediction, UTC microseconds.
        horizon_us: How far it looks ahead, microseconds.
        basket_types: Codes of the event types that are lines of an order.
        cold: Whether those without any event before the cutoff are cases too, with an empty history.

    Raises:
        InputError: No times or no event types in the sequences; a horizon that is not above 0.
    """
    times = _times(sequences)
    lines = _in_horizon(sequences, cutoff_us, horizon_us, basket_types)
    order = np.zeros(sequences.n_events, np.int64) if sequences.order is None else sequences.order.astype(np.int64)
    numbered = sequences.rows * (order.max(initial=0) + 1) + order
    begun = (times < cutoff_us) & (order > 0) & _of_types(sequences, basket_types)
    lines &= (order == 0) | ~np.isin(numbered, numbered[begun])
    future = sequences.where(lines)
    order, times, rows = order[lines], times[lines], future.rows
    first = np.minimum(future.offsets[:-1], max(len(rows) - 1, 0))[rows]  # of an empty row any; no event asks for it
    same = np.where(order[first] > 0, order == order[first], (order == 0) & (times == times[first]))
    return _cases(before(sequences, cutoff_us), future.where(same), exclude_seen=False, first_only=False, cold=cold)


def newcomers(
    sequences: Sequences, cutoff_us: int, horizon_us: int, *, target_types: Collection[int] | None = None
) -> Cases:
    """Return one case for everyone who came after the cutoff: their last item in the horizon, by all before it.

    For logs in which nobody returns (anonymous sessions), where nobody who is active in the horizon has a history that
    is older. Histories lie in the horizon too: they are known when they are asked, and nothing was learnt from them.
    Learn from ``before(sequences, cutoff_us)``.

    Args:
        sequences: Whole sequences, with times.
        cutoff_us: Nothing from here on may be learnt from, UTC microseconds.
        horizon_us: How long after it newcomers are looked at, microseconds.
        target_types: Codes of the event types whose items are targets; all types without it.

    Returns:
        Cases in the order of the sequences; nothing seen is left out of the ranking.

    Raises:
        InputError: No times; no event types though some are asked for; a horizon that is not above 0.
    """
    about = _in_horizon(sequences, cutoff_us, horizon_us, target_types)
    last = np.full(len(sequences), -1, np.int64)
    last[sequences.rows[about]] = np.flatnonzero(about)
    first = np.minimum(sequences.offsets[:-1], max(sequences.n_events - 1, 0))
    came = _times(sequences)[first] >= cutoff_us if sequences.n_events else np.zeros(len(sequences), np.bool_)
    rows = np.flatnonzero((sequences.lengths > 0) & came & (last > first))
    histories = sequences.between(sequences.offsets[:-1][rows], last[rows], rows)
    return Cases(histories, np.arange(len(rows) + 1), sequences.item[last[rows]], exclude_seen=False)


def prefixes(
    histories: Sequences, targets: Int32, target_offsets: Int64 | None = None, *, exclude_seen: bool = False
) -> Cases:
    """Return cases from pairs that are given, as session data sets are published.

    Args:
        histories: The prefixes, one sequence a case.
        targets: Item codes, int32 [targets].
        target_offsets: Where each case's targets begin, and the end, int64 [cases + 1]; one target a case without it.
        exclude_seen: Whether items of the prefix are left out of the ranking; sessions come back to items.

    Raises:
        InputError: A target is no item that can be shown, or is twice in a case; the lengths do not fit.
    """
    targets = np.asarray(targets, np.int32)
    if target_offsets is None:
        target_offsets = np.arange(len(targets) + 1)
    wrong = targets[(targets < FIRST_CODE) | (targets >= histories.n_codes)]
    if len(wrong):
        raise InputError(
            f"{len(wrong):,} of {len(targets):,} targets are no item to be shown, code {int(wrong[0])} among them: "
            f"codes of items go from {FIRST_CODE} to {histories.n_codes - 1}: leave these pairs out and say how many"
        )
    cases = Cases(histories, np.asarray(target_offsets, np.int64), targets, exclude_seen)
    keys = np.repeat(np.arange(len(cases)), np.diff(cases.target_offsets)) * histories.n_codes + targets
    if len(np.unique(keys)) != len(keys):
        raise InputError("a case has the same target twice; give every target once")
    return cases


def every_prefix(sequences: Sequences, *, most: int | None = None, exclude_seen: bool = False) -> Cases:
    """Return a case for every item of every sequence but its first event: the history is all before it.

    Source: Hidasi et al., Session-based Recommendations with Recurrent Neural Networks, ICLR 2016, section 4.

    Args:
        sequences: Test sessions.
        most: Keep the last events of every prefix only, which bounds memory for long sequences.
        exclude_seen: Whether items of the prefix are left out of the ranking.
    """
    begins = np.repeat(sequences.offsets[:-1], sequences.lengths)
    ends = np.flatnonzero((np.arange(sequences.n_events) > begins) & (sequences.item >= FIRST_CODE))
    starts = begins[ends] if most is None else np.maximum(begins[ends], ends - most)
    histories = sequences.between(starts, ends, sequences.rows[ends])
    return Cases(histories, np.arange(len(ends) + 1), sequences.item[ends], exclude_seen)


def hold_out(train: Sequences, most: int, seed: int) -> tuple[Sequences, Cases | None]:
    """Take the last event of a fifth of the histories of three and more out, or of fewer, and make cases of them.

    What a recommender holds out of its own training part to choose by.

    Args:
        train: Whole sequences.
        most: Most histories to take one out of.
        seed: Which ones.

    Returns:
        What is left, and the cases; None where no history is long enough. Seen items are left out of the ranking where
        none of the first 200 cases comes back to one.
    """
    lasts = train.offsets[1:] - 1
    fits = (train.lengths >= 3) & (train.item[np.maximum(lasts, 0)] >= FIRST_CODE) if len(train.item) else lasts < 0
    rows = np.flatnonzero(fits)
    rows = np.sort(np.random.default_rng(seed).permutation(rows)[: min(most, len(rows) // 5)])
    if not len(rows):
        return train, None
    ends = train.offsets[1:].copy()
    ends[rows] -= 1
    histories = train.between(train.offsets[:-1][rows], ends[rows], rows)
    repeats = any(train.item[lasts[row]] in histories[i] for i, row in enumerate(rows[:200].tolist()))
    cases = Cases(histories, np.arange(len(rows) + 1), train.item[lasts[rows]], exclude_seen=not repeats)
    return train.between(train.offsets[:-1], ends), cases


def _item_from_end(sequences: Sequences, back: int, min_length: int) -> tuple[Int64, Int64]:
    """Return where each sequence's ``back``-th item from the end is, and how many items it has, int64 [sequences]."""
    if min_length < 3:
        raise InputError(
            f"min_length={min_length}; give 3 or more: one item to learn from, one to validate, one to test"
        )
    shown = np.flatnonzero(sequences.item >= FIRST_CODE)
    counted = np.searchsorted(shown, sequences.offsets)
    if not len(shown):
        return np.zeros(len(sequences), np.int64), np.diff(counted)
    return shown[np.maximum(counted[1:] - back, 0)], np.diff(counted)


def _cases(known: Sequences, future: Sequences, *, exclude_seen: bool, first_only: bool, cold: bool) -> Cases:
    """Pair what is known with the distinct items that follow; both have the same sequences at the same places."""
    rows = future.rows
    first = np.sort(np.unique(rows * future.n_codes + future.item, return_index=True)[1])
    rows, targets = rows[first], future.item[first]
    if first_only:
        _, first = np.unique(rows, return_index=True)
        rows, targets = rows[first], targets[first]
    count = np.bincount(rows, minlength=len(known))
    asked = (count > 0) & ((known.lengths > 0) | cold)
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(count[asked])))
    return Cases(known.take(np.flatnonzero(asked)), offsets, targets[asked[rows]], exclude_seen)


def _in_horizon(sequences: Sequences, cutoff_us: int, horizon_us: int, types: Collection[int] | None) -> Bool:
    """Tell which events about an item lie in [cutoff, cutoff + horizon), bool [events]."""
    if horizon_us <= 0:
        raise InputError(f"a horizon of {horizon_us} microseconds holds no event; give one above 0")
    times = _times(sequences)
    inside: Bool = (times >= cutoff_us) & (times < cutoff_us + horizon_us) & (sequences.item >= FIRST_CODE)
    return inside if types is None else inside & _of_types(sequences, types)


def _of_types(sequences: Sequences, types: Collection[int]) -> Bool:
    """Tell which events are of these types, bool [events]."""
    if sequences.event_type is None:
        raise InputError("these sequences know one type of event only; leave the types out")
    return np.isin(sequences.event_type, np.array(sorted(types), np.int64))


def _times(sequences: Sequences) -> Int64:
    """Return the times of the events, int64 [events]."""
    if sequences.timestamp_us is None:
        raise InputError("these sequences have no times; split them with leave_one_out or prefixes")
    return sequences.timestamp_us
