"""Features of pairs of a user and a thing, as of a moment: what was known of the two, strictly before it.

A thing is an item, a category, a brand, a price band or a type of events: whatever gives each event of a log one code
(``things.things_of`` makes such codes). The columns tell what the user did with the thing, when, how regularly, and
what part of all that the user did it is; then, with ``all_`` before their names, what everybody does with it.

Which columns there are follows from the types and columns of the log and from the number of things; never from what the
pairs hold. A number that does not exist is NaN, a count of nothing is 0. Events are what users did; what was shown or
sent to them (``schema.PASSIVE_EVENT_TYPES``) is counted by the columns ``shown`` only. An order with the thing is dated
by its first row about it. Windows of d days are [moment - d days, moment).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.features import _met_kernels as met
from footfall.features import _pairs_kernels as kernels
from footfall.features._buying import has_money, lines_of, money_at
from footfall.features._cuts import Array, Int64, checked_rows, ends_of, first_of, frozen, moments_of
from footfall.features._past import Past, past_of
from footfall.features.table import FeatureTable
from footfall.features.things import FACTS, ThingFacts, act_of_place, log_of_things
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.schema import PASSIVE_EVENT_TYPES

Float32 = npt.NDArray[np.float32]
Int32 = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]

MOST_CODES: Final = 1000
"""The thing itself is a column of codes where there are no more than so many."""

_N_TYPES: Final = 1 << 15


def pair_features(
    log: Sequences,
    rows: Int64,
    things: Int64,
    cutoff_us: int | Int64,
    thing_of_event: Int32,
    types: Mapping[str, int],
    *,
    n_things: int,
    facts: ThingFacts | None = None,
    timezone: str = "UTC",
    currency: str = "USD",
) -> FeatureTable:
    """Work out what was known of users and things at a moment, or of each pair at its own.

    Args:
        log: Whole histories, with ``features.users.RAW`` among the extra columns; one user's or everybody's.
        rows: The user of each pair, a number of a history, int64 [pairs]; in any order, as often as wanted.
        things: The thing of each pair, a code, int64 [pairs].
        cutoff_us: The moment, UTC microseconds, or one for each pair, int64 [pairs]; events at or after it do
            not matter.
        thing_of_event: The thing of each event of the log, int32 [events], 0 for none.
        types: Names of event types to their codes in ``log.event_type``.
        n_things: Number of codes of things, the 0 included; the length of the names that ``things_of`` gives.
        facts: What everybody does with things, as of the (first) moment or earlier. Without it, it is worked out of
            this log as of the first moment; a live user's log needs the batch's.
        timezone: The shop's zone, for days.
        currency: The shop's currency, for its minor unit.

    Returns:
        A table of the pairs in their order, whose ``rows`` are the users; ``thing`` is a column of codes where there
        are no more than ``MOST_CODES``.

    Raises:
        InputError: Arrays that do not fit each other or the log; facts of a later moment, or about other things; a log
            without times or types.
    """
    pairs = _Pairs.of(log, rows, things, cutoff_us, n_things)
    sliced = log_of_things(log, thing_of_event, n_things)
    if facts is None:
        facts = ThingFacts.of(log, first_of(cutoff_us), types, thing_of_event, n_things)
    _check(facts, first_of(cutoff_us), n_things)
    past, _ = past_of(sliced, pairs.latest_us, types, rows=pairs.users, timezone=timezone, currency=currency)
    found = _known(past, pairs, n_things)
    since = found[:, kernels.FIELDS.index("days_since_purchase")]
    columns = {f"all_{name}": getattr(facts, name)[pairs.thing] for name in FACTS}
    columns |= {"overdue_for_all": since / columns["all_gap_days"]} if "purchase" in past.types else {}
    codes = {"thing": n_things} if n_things <= MOST_CODES else {}
    columns |= dict.fromkeys(codes, pairs.thing)
    held = _held(past)
    if len(held) < found.shape[1]:
        found = found[:, list(held.values())]
    more = np.empty((len(found), len(columns)), np.float32)
    for place, column in enumerate(columns.values()):
        more[:, place] = column
    return FeatureTable((*held, *columns), np.concatenate((found, more), axis=1), pairs.row, codes)


def met_pairs(
    log: Sequences, rows: Int64, cutoff_us: int | Int64, thing_of_event: Int32, *types: int
) -> tuple[Int64, Int32]:
    """Find the things that users had met by a moment.

    Args:
        log: Whole histories.
        rows: Numbers of histories, int64 [rows]; the same one as often as wanted.
        cutoff_us: The moment, UTC microseconds, or one for each of ``rows``; events at or after it do not matter.
        thing_of_event: The thing of each event of the log, int32 [events], 0 for none.
        *types: Codes of the event types that count; all without any. Codes that stand for no type are no event's.

    Returns:
        Every pair of a row and a thing once: the places in ``rows``, int64 [pairs], ascending; and the things, int32
        [pairs], those of a row in the order in which it met them.

    Raises:
        InputError: Arrays that do not fit each other or the log; a log without times or types.
    """
    chosen, _, ends = ends_of(log, cutoff_us, rows)
    sliced = log_of_things(log, thing_of_event, _n_things(thing_of_event))
    return met.first_met(
        frozen(log.offsets, np.int64),
        frozen(ends, np.int64),
        frozen(chosen, np.int64),
        frozen(sliced.item, np.int32),
        frozen(_is(log.event_type), np.int16),
        _wanted(types),
        np.zeros(sliced.n_codes, np.int64),
    )


def pair_outcome(
    log: Sequences,
    rows: Int64,
    things: Int64,
    cutoff_us: int | Int64,
    horizon_us: int,
    thing_of_event: Int32,
    *types: int,
) -> tuple[Bool, Int64]:
    """Say which pairs came true: the user had an event of the thing in [moment, moment + horizon).

    Args:
        log: Whole histories.
        rows: The user of each pair, a number of a history, int64 [pairs].
        things: The thing of each pair, a code, int64 [pairs].
        cutoff_us: The moment, UTC microseconds, or one for each pair.
        horizon_us: How far ahead, in microseconds, above 0.
        thing_of_event: The thing of each event of the log, int32 [events], 0 for none.
        *types: Codes of the event types that count; all without any.

    Returns:
        Whether, bool [pairs]; and the first moment of such an event, UTC microseconds, int64 [pairs], -1 for none.

    Raises:
        InputError: A horizon of nothing; arrays that do not fit each other or the log; a log without times or types.
    """
    if horizon_us <= 0:
        raise InputError(f"a horizon of {horizon_us} microseconds; give one above 0")
    n_things = max(_n_things(thing_of_event), int(np.max(things, initial=0)) + 1)
    pairs = _Pairs.of(log, rows, things, cutoff_us, n_things)
    sliced = log_of_things(log, thing_of_event, n_things)
    first_us = met.first_after(
        frozen(log.offsets, np.int64),
        frozen(_is(log.timestamp_us), np.int64),
        frozen(sliced.item, np.int32),
        frozen(_is(log.event_type), np.int16),
        _wanted(types),
        *pairs.arrays[:5],
        np.zeros(n_things, np.int64),
        np.empty(n_things, np.int64),
    )
    happened = (first_us >= 0) & (first_us - pairs.moment_us < horizon_us)
    return happened, np.where(happened, first_us, -1)


@dataclasses.dataclass(frozen=True)
class _Pairs:
    """Pairs as they were given, and put in the order of their users and moments.

    Attributes:
        row: The user of each pair, int64 [pairs].
        thing: int64 [pairs].
        moment_us: int64 [pairs].
        users: The users, each once, ascending, int64 [users].
        latest_us: The last moment that each is asked about at, int64 [users].
        arrays: For kernels: the users; where the pairs of each begin, in order; things, moments, and places of the
            pairs, in order.
    """

    row: Int64
    thing: Int64
    moment_us: Int64
    users: Int64
    latest_us: Int64
    arrays: tuple[Int64, Int64, Int64, Int64, Int64]

    @classmethod
    def of(cls, log: Sequences, rows: Int64, things: Int64, cutoff_us: int | Int64, n_things: int) -> _Pairs:
        row, thing = checked_rows(rows, len(log)), np.asarray(things)
        if thing.shape != row.shape or (len(thing) and not np.issubdtype(thing.dtype, np.integer)):
            raise InputError(
                f"things of shape {list(thing.shape)}, {thing.dtype}; give a code, an integer, for each of the "
                f"{len(row)} rows"
            )
        if len(thing) and not 0 <= int(thing.min()) <= int(thing.max()) < n_things:
            raise InputError(
                f"things from {int(thing.min())} to {int(thing.max())}; accepted: 0 to {n_things - 1}, for n_things is "
                f"{n_things}"
            )
        if log.timestamp_us is None or log.event_type is None:
            raise InputError("features of pairs need timestamp_us and event_type; the log lacks one of them")
        thing = thing.astype(np.int64)
        moment_us = moments_of(cutoff_us, len(row), len(row))
        at = np.argsort(row, kind="stable") if np.ndim(cutoff_us) == 0 else np.lexsort((moment_us, row))
        sorted_rows = row[at]
        starts = np.flatnonzero(np.diff(sorted_rows, prepend=-1))
        users, offsets = sorted_rows[starts], np.append(starts, len(row))
        latest_us = moment_us[at][offsets[1:] - 1]
        arrays = users, offsets, thing[at], moment_us[at], at
        plain: Any = tuple(frozen(array, np.int64) for array in arrays)
        return cls(row, thing, moment_us, users, latest_us, plain)


def _known(past: Past, pairs: _Pairs, n_things: int) -> Float32:
    """Return ``kernels.FIELDS`` of every pair, float32 [pairs, fields]; ``past`` has the pairs' users as its rows."""
    lines = lines_of(past)
    pieces = np.nan_to_num(past.column("quantity")[lines.at].astype(np.float64), nan=1.0)
    money = money_at(past, lines.at) if has_money(past) else np.zeros(len(lines.at))
    found = np.empty((len(pairs.row), len(kernels.FIELDS)), np.float32)
    kernels.known(
        past.offsets,
        past.time_us,
        past.local_us,
        past.item,
        frozen(act_of_place(past)[past.place]),
        (lines.offsets, frozen(past.item[lines.at]), lines.number, frozen(pieces), frozen(money)),
        *pairs.arrays[1:],
        (np.zeros(n_things, np.int64), np.zeros(n_things, np.int64)),
        found,
    )
    return found


def _held(past: Past) -> dict[str, int]:
    """Return the names of the fields that the log can fill, and their places among ``kernels.FIELDS``."""
    bought = "purchase" in past.types
    there = {
        "view": "view_item" in past.types,
        "cart": "add_to_cart" in past.types,
        "shown": any(name in PASSIVE_EVENT_TYPES for name in past.types),
        "purchase": bought,
        "order": bought,
        "spend": bought and has_money(past),
        "quantity": bought and "quantity" in past.extra,
    }
    return {
        name: place
        for place, name in enumerate(kernels.FIELDS)
        if all(there.get(word.removesuffix("s"), True) for word in name.split("_"))
    }


def _check(facts: ThingFacts, first_us: int, n_things: int) -> None:
    if facts.as_of_us > first_us:
        raise InputError(
            f"facts about things as of {facts.as_of_us} know what came after the cutoff, {first_us}; give facts as of "
            "the cutoff or earlier"
        )
    if len(facts) != n_things:
        raise InputError(
            f"facts about {len(facts)} codes of things, and n_things is {n_things}; give facts about these"
        )


def _wanted(types: tuple[int, ...]) -> Bool:
    """Return whether each code of a type counts, bool [codes]."""
    wanted = np.full(_N_TYPES, not types)
    wanted[[code for code in types if code >= FIRST_CODE]] = True
    return wanted


def _n_things(thing_of_event: Int32) -> int:
    return int(np.max(thing_of_event, initial=0)) + 1


def _is(column: Array | None) -> Array:
    assert column is not None  # noqa: S101 - checked at the door
    return column
