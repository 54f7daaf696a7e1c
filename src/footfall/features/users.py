"""Features of users as of a cutoff, from the events strictly before it: the same for a whole log and for one live user.

Each row may have a cutoff of its own, so that one history is asked about at many moments: at each event of a visit, for
instance, for questions of the running session.

Groups, and what is in them (``names`` of the table tell all):

* ``activity``: events, sessions, active days, how long and how regular visits are.
* ``browsing``: items, categories and searches seen; how deep visits go; the cart now.
* ``buying``: orders, spend, cycle, repeats, refunds, discounts.
* ``interaction``: ratings, wishes, likes, answers to messages and ads.
* ``context``: hours, weekends, and the usual and last channel, device, country, region, campaign.
* ``trends``: the last week against the last month, the last month against the last quarter.
* ``items``: how popular, converting and dear the items seen, bought and in the cart are.

Which columns there are follows from the groups, from the event types and extra columns that the log has, and from
whether facts about items are given; never from what the rows hold. So a live user's log must have the same columns and
types as the log that was learnt from. A number that does not exist (days since an order that never was) is NaN, a count
of nothing is 0. Events, sessions and active days are what users did: what was shown or sent to them
(``schema.PASSIVE_EVENT_TYPES``) is counted by its own columns only.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

import numpy as np

from footfall.errors import InputError, unknown_name
from footfall.features._activity import activity, context, context_codes, trends
from footfall.features._browsing import browsing, items
from footfall.features._buying import buying
from footfall.features._cuts import Int64, ends_of, first_of
from footfall.features._interaction import interaction
from footfall.features._past import CODED, RAW, Columns, Past, past_of, sizes_of
from footfall.features.items import ItemFacts
from footfall.features.table import FeatureTable
from footfall.histories.columns import FIRST_CODE
from footfall.histories.content import content_of
from footfall.histories.sequences import Sequences, sequences_of
from footfall.histories.store import Histories

__all__ = ["GROUPS", "RAW", "event_types", "log_of", "user_features"]

_MAKERS: Final[Mapping[str, Callable[[Past], Columns]]] = {
    "activity": activity,
    "browsing": browsing,
    "buying": buying,
    "interaction": interaction,
    "context": context,
    "trends": trends,
    "items": items,
}
GROUPS: Final = tuple(_MAKERS)

_PART_EVENTS: Final = 1 << 21


def user_features(
    log: Sequences,
    cutoff_us: int | Int64,
    types: Mapping[str, int],
    *,
    groups: Collection[str] | None = None,
    facts: ItemFacts | None = None,
    rows: Int64 | None = None,
    timezone: str = "UTC",
    currency: str = "USD",
) -> FeatureTable:
    """Work out what was known of users at a moment, or of each at its own.

    Args:
        log: Whole histories, with ``RAW`` among the extra columns (``log_of`` reads them); one user's or everybody's.
        cutoff_us: The moment, UTC microseconds; events at or after it do not matter. Or one moment for each of
            ``rows``, int64 [rows]; then windows and whatever is "since" end at the row's own.
        types: Names of event types to their codes in ``log.event_type``, as ``event_types`` gives them.
        groups: Which of ``GROUPS``; without it all, ``items`` only if ``facts`` are given.
        facts: What was known of items, as of the (first) cutoff or earlier.
        rows: Numbers of histories, int64, the same one as often as wanted; those without an event before the cutoff get
            rows of nothing. Without it, all histories with an event before the cutoff.
        timezone: The shop's zone, for days and hours.
        currency: The shop's currency, for its minor unit.

    Returns:
        A table in the order of ``groups`` as listed in ``GROUPS``; columns of codes are in its ``categories``, with the
        number of codes that ``log.sizes`` says (what it does not say is taken from the events before the cutoff).

    Raises:
        InputError: An unknown group; ``items`` without facts; facts of a later moment than a cutoff; a log without
            times or types; moments that do not fit the rows.
    """
    chosen = GROUPS if groups is None else (groups,) if isinstance(groups, str) else tuple(groups)
    for group in chosen:
        if group not in GROUPS:
            raise InputError(unknown_name("group of features", str(group), GROUPS))
    if groups is not None and "items" in chosen and facts is None:
        raise InputError(
            "the group items needs facts about items; give facts=ItemFacts.of(log, cutoff_us, types), made of "
            "everybody's histories, or leave the group out"
        )
    numbers, moments, ends = ends_of(log, cutoff_us, rows)
    if facts is not None and facts.as_of_us > (first_us := first_of(cutoff_us)):
        raise InputError(
            f"facts about items as of {facts.as_of_us} know what came after the cutoff, {first_us}; give facts as of "
            "the cutoff or earlier"
        )
    sized = dataclasses.replace(log, sizes={**log.sizes, **sizes_of(log, cutoff_us)})
    tables = []
    for part in _parts(ends - np.asarray(log.offsets)[numbers]):
        past, _ = past_of(
            sized, moments[part], types, rows=numbers[part], facts=facts, timezone=timezone, currency=currency
        )
        tables.append(_table(past, numbers[part], chosen))
    return tables[0] if len(tables) == 1 else FeatureTable.stack(tables)


def _parts(lengths: Int64) -> Iterator[slice]:
    """Cut rows into parts of so many events, one part at least: what is worked out of a part takes bounded memory."""
    before = np.cumsum(lengths) - lengths
    bounds = np.flatnonzero(np.diff(before // _PART_EVENTS, prepend=0)).tolist()
    for begin, end in itertools.pairwise([0, *bounds, len(lengths)]):
        yield slice(begin, end)


def _table(past: Past, numbers: Int64, chosen: Collection[str]) -> FeatureTable:
    columns: Columns = {}
    for group in GROUPS:
        if group in chosen:
            columns |= _MAKERS[group](past)
    values = np.empty((len(columns), len(past)), np.float32)
    for place, column in enumerate(columns.values()):
        values[place] = column
    codes = {name: n_codes for name, n_codes in context_codes(past) if name in columns}
    return FeatureTable(tuple(columns), np.ascontiguousarray(values.T), numbers, codes)


def event_types(histories: Histories) -> dict[str, int]:
    """Return the names of the event types of a log and their codes: the ``types`` of ``user_features``."""
    return {name: FIRST_CODE + place for place, name in enumerate(histories.vocabularies["event_type"].ids)}


def log_of(histories: Histories) -> Sequences:
    """Return whole histories with all that features read, and the number of codes of each column of codes."""
    log = sequences_of(histories, extra=RAW)
    sizes = {name: len(histories.vocabularies[name]) for name in CODED if name in log.extra}
    return dataclasses.replace(log, sizes=sizes, content=content_of(histories))
