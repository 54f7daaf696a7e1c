"""The compiled loops over pairs of a user and a thing.

A user's events are walked over once, however many moments are asked about: what is known of each thing met so far is
kept up to date as events come in at the front, and as they leave the windows behind. So the cost is that of the events
and of the pairs, each times a logarithm.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel, part
from footfall.features._cuts import Array, Int64
from footfall.features._things_kernels import is_fresh
from footfall.schema import US_PER_DAY

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]
State = tuple[Int64, Int64, Float64]
"""What is known of each thing that a user has met: ``counts`` [slots, 24], in the order of the first 24 ``FIELDS``;
``whole`` [slots, 11]: moments of the first event, and of the last event, view, cart, purchase and showing; the largest
number of its orders; when the last of them was; the position of the last event; active days, and the last of them;
``real`` [slots, 8]: four decayed counts, mean and squares of gaps, pieces, money."""

ACTS: Final = ("events", "views", "carts", "purchases", "orders", "shown")
SPANS: Final = ("7d", "30d", "90d", "all")
FIELDS: Final = (
    *(f"{act}_{span}" for act in ACTS for span in SPANS),
    "events_decayed_7d",
    "events_decayed_30d",
    "orders_decayed_30d",
    "orders_decayed_90d",
    "days_since_first_event",
    "days_since_event",
    "days_since_view",
    "days_since_cart",
    "days_since_purchase",
    "days_since_shown",
    "active_days",
    "event_share_30d",
    "event_share",
    "purchase_share",
    "order_share",
    "spend",
    "spend_share",
    "quantity_mean",
    "order_gap_mean_days",
    "order_gap_std_days",
    "order_overdue",
    "orders_since",
    "recency_rank",
    "frequency_rank",
    "things_met",
    "is_last",
)
"""What the walk finds of each pair, in the order of its answer."""

N_FIELDS: Final = len(FIELDS)
NEVER: Final = np.iinfo(np.int64).min
_HALVINGS: Final = (7.0, 30.0, 30.0, 90.0)
_SHOWN: Final = 4
_EARLIER_THAN_ANY_DAY: Final = -(1 << 62)


@kernel
def known(
    offsets: Int64,
    time_us: Int64,
    local_us: Int64,
    thing: Int32,
    acts: Array,
    lines: tuple[Int64, Int32, Int64, Float64, Float64],
    pair_offsets: Int64,
    pair_thing: Int64,
    pair_us: Int64,
    pair_at: Int64,
    slots: tuple[Int64, Int64],
    found: Float32,
) -> None:
    """Write ``FIELDS`` of every pair into ``found``, float32 [pairs, fields].

    Args:
        offsets: Where the events of each row begin.
        time_us: [events].
        local_us: The same on the shop's clock, [events].
        thing: [events], 0 for none.
        acts: What each event is to a thing, [events]; see ``things.act_of_place``.
        lines: Of the rows' purchases: where those of each row begin; the thing of each; its order; pieces; money.
        pair_offsets: Where the pairs of each row begin; they are in the order of their moments.
        pair_thing: [pairs].
        pair_us: The moment of each pair, [pairs].
        pair_at: Where in ``found`` each pair stands, [pairs].
        slots: A zero for each thing: who met it last, counted from 1; and room for its place among that user's.
        found: Room for the answer.
    """
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    state = np.zeros((longest, 24), np.int64), np.zeros((longest, 11), np.int64), np.zeros((longest, 8), np.float64)
    later, at_least = np.zeros(longest + 1, np.int64), np.zeros(longest + 2, np.int64)
    user, money = np.zeros(9, np.int64), np.zeros(1, np.float64)
    tails = np.zeros(3, np.int64)
    fresh = np.zeros(longest, np.bool_)
    for row in range(len(offsets) - 1):
        begin, end = offsets[row], offsets[row + 1]
        for k in range(end - begin + 1):
            later[k], at_least[k + 1] = 0, 0
        for k in range(9):
            user[k] = 0
        for span in range(3):
            tails[span] = begin
        money[0] = 0.0
        reach, line = begin, lines[0][row]
        for pair in range(pair_offsets[row], pair_offsets[row + 1]):
            now = pair_us[pair]
            while reach < end and time_us[reach] < now:
                line = _enter(
                    row, begin, reach, line, time_us, local_us, thing, acts, lines, slots, state, later, at_least,
                    user, money, fresh,
                )  # fmt: skip
                reach += 1
            for span in range(3):
                most = (7 if span == 0 else 30 if span == 1 else 90) * US_PER_DAY
                while tails[span] < reach and now - time_us[tails[span]] > most:
                    _leave(tails[span], span, begin, thing, acts, slots, state[0], user, fresh)
                    tails[span] += 1
            code, place = pair_thing[pair], pair_at[pair]
            met = code > 0 and slots[0][code] == row + 1
            _answer(
                slots[1][code] if met else -1, now, reach - begin, state, later, at_least, user, money[0], found[place]
            )
            found[place, N_FIELDS - 1] = code > 0 and user[7] == code


@part
def _enter(
    row: int,
    begin: int,
    i: int,
    line: int,
    time_us: Int64,
    local_us: Int64,
    thing: Int32,
    acts: Array,
    lines: tuple[Int64, Int32, Int64, Float64, Float64],
    slots: tuple[Int64, Int64],
    state: State,
    later: Int64,
    at_least: Int64,
    user: Int64,
    money: Float64,
    fresh: Bool,
) -> int:
    """Take one more event in, and return the next purchase line.

    ``user`` is of all that the user did: events in the four spans, lines, orders, things met, the last event's thing,
    and the largest number of an order.
    """
    code, act, now = thing[i], acts[i], time_us[i]
    counts, whole, real = state
    fresh[i - begin] = False
    if act != _SHOWN:
        for span in range(4):
            user[span] += 1
        user[7] = code
    if act == 3:
        money[0] += lines[4][line]
        if user[4] == 0 or lines[2][line] > user[8]:
            user[5] += 1
            user[8] = lines[2][line]
        user[4] += 1
    if code > 0:
        slot = _slot(row, code, slots, state, user)
        if act == _SHOWN:
            _count(counts, slot, 20)
            whole[slot, 5] = now
        else:
            _done(slot, i - begin, now, local_us[i] // US_PER_DAY, state, later, at_least)
            if 1 <= act <= 3:
                _count(counts, slot, 4 * act)
                whole[slot, 1 + act] = now
            if act == 3:
                real[slot, 6] += lines[3][line]
                real[slot, 7] += lines[4][line]
                if is_fresh(lines[1], lines[2], lines[0][row], line, whole[slot, 6]):
                    fresh[i - begin] = True
                    _ordered(slot, now, lines[2][line], state)
    return line + 1 if act == 3 else line


@part
def _slot(row: int, code: int, slots: tuple[Int64, Int64], state: State, user: Int64) -> int:
    """Return where a thing stands among those that the user has met; a new place for a new one."""
    if slots[0][code] != row + 1:
        slot = user[6]
        slots[0][code], slots[1][code] = row + 1, slot
        user[6] += 1
        for k in range(24):
            state[0][slot, k] = 0
        for k in range(8):
            state[1][slot, k], state[2][slot, k] = NEVER, 0.0
        state[1][slot, 6], state[1][slot, 8], state[1][slot, 9] = -1, 0, 0
        state[1][slot, 10] = _EARLIER_THAN_ANY_DAY
    return int(slots[1][code])


@part
def _count(counts: Int64, slot: int, first: int) -> None:
    """Add one to what is counted in each span."""
    for span in range(4):
        counts[slot, first + span] += 1


@part
def _done(slot: int, position: int, now: int, day: int, state: State, later: Int64, at_least: Int64) -> None:
    """Count an event that the user did."""
    counts, whole, real = state
    if counts[slot, 3] == 0:
        whole[slot, 0] = now
    else:
        for k in range(2):
            real[slot, k] *= _faded(now - whole[slot, 1], _HALVINGS[k])
        _mark(later, whole[slot, 8] + 1, -1)
    real[slot, 0] += 1
    real[slot, 1] += 1
    _mark(later, position + 1, 1)
    whole[slot, 1], whole[slot, 8] = now, position
    _count(counts, slot, 0)
    at_least[counts[slot, 3]] += 1
    if day > whole[slot, 10]:  # a clock put back at midnight shows the day before once more
        whole[slot, 9] += 1
        whole[slot, 10] = day


@part
def _ordered(slot: int, now: int, number: int, state: State) -> None:
    """Count an order with the thing, dated by its first line about it."""
    counts, whole, real = state
    before = counts[slot, 19]
    if before > 0:
        gap = (now - whole[slot, 7]) / US_PER_DAY
        for k in range(2, 4):
            real[slot, k] *= _faded(now - whole[slot, 7], _HALVINGS[k])
        step = gap - real[slot, 4]
        real[slot, 4] += step / before
        real[slot, 5] += step * (gap - real[slot, 4])
    real[slot, 2] += 1
    real[slot, 3] += 1
    _count(counts, slot, 16)
    whole[slot, 6], whole[slot, 7] = max(whole[slot, 6], number), now


@part
def _leave(
    i: int,
    span: int,
    begin: int,
    thing: Int32,
    acts: Array,
    slots: tuple[Int64, Int64],
    counts: Int64,
    user: Int64,
    fresh: Bool,
) -> None:
    """Take an event out of a window that it is too old for."""
    act = acts[i]
    if act != _SHOWN:
        user[span] -= 1
    if thing[i] > 0:
        slot = slots[1][thing[i]]
        if act == _SHOWN:
            counts[slot, 20 + span] -= 1
        else:
            counts[slot, span] -= 1
            if act > 0:
                counts[slot, 4 * act + span] -= 1
            if fresh[i - begin]:
                counts[slot, 16 + span] -= 1


@part
def _answer(
    slot: int,
    now: int,
    n: int,
    state: State,
    later: Int64,
    at_least: Int64,
    user: Int64,
    money: float,
    found: Float32,
) -> None:
    """Write what is known of one thing, met (``slot`` from 0 on) or not, all but the last field."""
    counts, whole, real = state
    _nothing(found)
    found[48] = at_least[1]
    if slot >= 0:
        for k in range(24):
            found[k] = counts[slot, k]
        for k in range(6):
            if whole[slot, k] != NEVER:
                found[28 + k] = (now - whole[slot, k]) / US_PER_DAY
        found[34], found[39] = whole[slot, 9], real[slot, 7]
        if counts[slot, 3] > 0:
            for k in range(2):
                found[24 + k] = real[slot, k] * _faded(now - whole[slot, 1], _HALVINGS[k])
            found[46] = 1 + _marks(later, n) - _marks(later, whole[slot, 8] + 1)
            found[47] = 1 + at_least[counts[slot, 3] + 1]
        _bought(slot, now, state, user, found)
    for field, above, below in ((35, 1, 1), (36, 3, 3), (37, 15, 4), (38, 19, 5)):
        if user[below] > 0:
            found[field] = (counts[slot, above] if slot >= 0 else 0) / user[below]
    if money != 0:
        found[40] = (real[slot, 7] if slot >= 0 else 0.0) / money


@part
def _nothing(found: Float32) -> None:
    """Write what is known of a thing that was never met: no events, and no number else."""
    for field in range(N_FIELDS):
        found[field] = 0.0 if field < 28 or field in (34, 39) else np.nan


@part
def _bought(slot: int, now: int, state: State, user: Int64, found: Float32) -> None:
    """Write what is known of the orders with a thing."""
    counts, whole, real = state
    n_orders = counts[slot, 19]
    if n_orders == 0:
        return
    since = now - whole[slot, 7]
    for k in range(2, 4):
        found[24 + k] = real[slot, k] * _faded(since, _HALVINGS[k])
    found[41] = real[slot, 6] / counts[slot, 15]
    found[45] = user[8] - whole[slot, 6]
    if n_orders > 1:
        found[42] = real[slot, 4]
        if real[slot, 4] > 0:
            found[44] = since / US_PER_DAY / real[slot, 4]
    if n_orders > 2:
        found[43] = math.sqrt(real[slot, 5] / (n_orders - 1))


@part
def _faded(age_us: int, half_days: float) -> float:
    """Return what is left of one after a time in which it halves so many times."""
    return math.exp(-math.log(2.0) * age_us / (half_days * US_PER_DAY))


@part
def _mark(tree: Int64, position: int, number: int) -> None:
    """Add to a position, from 1 on, of a tree of partial sums (Fenwick, 1994)."""
    while position < len(tree):
        tree[position] += number
        position += position & -position


@part
def _marks(tree: Int64, position: int) -> int:
    """Return the sum up to a position."""
    total = 0
    while position > 0:
        total += int(tree[position])
        position -= position & -position
    return total
