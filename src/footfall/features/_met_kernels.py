"""The compiled loops over what users met, and over what they meet next."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel
from footfall.features._cuts import Array, Int64

Int32 = npt.NDArray[np.int32]
Bool = npt.NDArray[np.bool_]


@kernel
def first_met(
    offsets: Int64, ends: Int64, rows: Int64, thing: Int32, kind: Array, wanted: Bool, seen: Int64
) -> tuple[Int64, Int32]:
    """Return the distinct things of some histories, each in the order of first meeting: places into rows, and things.

    Args:
        offsets: Where histories begin.
        ends: Where the past of each row ends, [rows].
        rows: Which history each row is, [rows].
        thing: [events], 0 for none.
        kind: Types of events, [events].
        wanted: Whether a type counts, [types].
        seen: A zero for each thing; who met it last afterwards.
    """
    total = 0
    for fill in range(2):
        places, things = np.empty(total * fill, np.int64), np.empty(total * fill, np.int32)
        at = 0
        for place in range(len(rows)):
            mark = 1 + place + fill * len(rows)
            for i in range(offsets[rows[place]], ends[place]):
                if thing[i] > 0 and seen[thing[i]] != mark and wanted[kind[i]]:
                    seen[thing[i]] = mark
                    if fill:
                        places[at], things[at] = place, thing[i]
                    at += 1
        total = at
    return places, things


@kernel
def first_after(
    offsets: Int64,
    time_us: Int64,
    thing: Int32,
    kind: Array,
    wanted: Bool,
    rows: Int64,
    pair_offsets: Int64,
    pair_thing: Int64,
    pair_us: Int64,
    pair_at: Int64,
    seen: Int64,
    next_us: Int64,
) -> Int64:
    """Return the first moment at or after each pair's at which there is an event of the thing, int64 [pairs], or -1.

    Args:
        offsets: Where histories begin.
        time_us: [events].
        thing: [events], 0 for none.
        kind: Types of events, [events].
        wanted: Whether a type counts, [types].
        rows: Histories that are asked about.
        pair_offsets: Where the pairs of each of ``rows`` begin; they are in the order of their moments.
        pair_thing: [pairs].
        pair_us: [pairs].
        pair_at: Where in the answer each pair stands, [pairs].
        seen: A zero for each thing: whose event it is, counted from 1.
        next_us: Room for a moment of each thing.
    """
    first = np.full(len(pair_us), -1, np.int64)
    for place in range(len(rows)):
        i = offsets[rows[place] + 1] - 1
        for pair in range(pair_offsets[place + 1] - 1, pair_offsets[place] - 1, -1):
            while i >= offsets[rows[place]] and time_us[i] >= pair_us[pair]:
                if wanted[kind[i]]:
                    seen[thing[i]], next_us[thing[i]] = place + 1, time_us[i]
                i -= 1
            code = pair_thing[pair]
            if code > 0 and seen[code] == place + 1:
                first[pair_at[pair]] = next_us[code]
    return first
