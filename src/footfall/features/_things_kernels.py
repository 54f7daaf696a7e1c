"""The compiled loop over what everybody bought again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel, part
from footfall.features._cuts import Int64
from footfall.features._past import Float64

Int32 = npt.NDArray[np.int32]


@part
def is_fresh(thing: Int32, number: Int64, begin: int, line: int, newest: int) -> bool:
    """Tell whether a line is the first about its thing in its order.

    Args:
        thing: [lines].
        number: The order of each line, [lines]; orders of a user are numbered by their first lines.
        begin: The user's first line.
        line: Which line.
        newest: The largest number of the user's orders with the thing before this line; -1 where there is none.
    """
    if number[line] > newest:
        return True
    if number[line] == newest:
        return False
    # An order goes on after a later one with the same thing had begun: rare, so looking back costs nothing.
    for before in range(line - 1, begin - 1, -1):
        if number[before] == number[line] and thing[before] == thing[line]:
            return False
    return True


@kernel
def rebought(
    offsets: Int64, thing: Int32, number: Int64, time_us: Int64, seen: Int64, bought: Int64
) -> tuple[Float64, Float64, Int64, Int64]:
    """Return the buyers of each thing and those who bought it in two orders or more; things and gaps of rebuying.

    An order with a thing is dated by its first line about it. Gaps are in microseconds, in no order.

    Args:
        offsets: Where the lines of each row begin.
        thing: [lines], 0 for none.
        number: The order of each line, [lines].
        time_us: [lines].
        seen: Zeros, [things, 2]: for each thing who bought it last, counted from 1, and the largest order number.
        bought: Zeros, [things, 2]: in how many orders, and when last.
    """
    buyers, repeaters = np.zeros(len(seen), np.float64), np.zeros(len(seen), np.float64)
    of_thing, gap_us = np.empty(len(thing), np.int64), np.empty(len(thing), np.int64)
    n_gaps = 0
    for row in range(len(offsets) - 1):
        for line in range(offsets[row], offsets[row + 1]):
            code = thing[line]
            if code <= 0:
                continue
            if seen[code, 0] != row + 1:
                seen[code, 0], seen[code, 1], bought[code, 0] = row + 1, -1, 0
                buyers[code] += 1
            if not is_fresh(thing, number, offsets[row], line, seen[code, 1]):
                continue
            if bought[code, 0] > 0:
                repeaters[code] += bought[code, 0] == 1
                of_thing[n_gaps], gap_us[n_gaps] = code, time_us[line] - bought[code, 1]
                n_gaps += 1
            seen[code, 1] = max(seen[code, 1], number[line])
            bought[code, 0] += 1
            bought[code, 1] = time_us[line]
    return buyers, repeaters, of_thing[:n_gaps], gap_us[:n_gaps]
