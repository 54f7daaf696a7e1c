"""Durations as people write them: ``7d``, ``24h``, ``1d12h``, ``30 min``."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from footfall.errors import InputError

UNITS_S: Final[dict[str, int]] = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
"""Seconds of each unit, largest first."""

_NAMES: Final[dict[str, str]] = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("w", "week", "weeks"), "w"),
}
_PIECE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.ASCII)
_ACCEPTED: Final = "a number and a unit (s, m, h, d, w), such as 90s, 30m, 24h, 7d, 2w or 1d12h"


def parse_duration_s(text: str, *, name: str = "duration") -> int:
    """Return the whole seconds of a written duration; always more than 0.

    Args:
        text: Numbers with units, e.g. ``7d`` or ``1d 12h``; a day is 24 hours. Units are ``s``, ``m``, ``h``, ``d``,
            ``w`` or their names; months and years have no fixed length and are refused.
        name: What the duration is for; it begins the message.

    Raises:
        InputError: It cannot be read, is 0 or negative, or is no whole number of seconds.

    >>> parse_duration_s("7d"), parse_duration_s("1.5h"), parse_duration_s("1 day 12 hours")
    (604800, 5400, 129600)
    """
    given = text.strip().lower()
    if given.startswith("-"):
        raise InputError(f"{name} {text!r} is negative; give {_ACCEPTED}")
    pieces = _PIECE.findall(given)
    if not pieces or "".join(f"{number}{unit}" for number, unit in pieces) != re.sub(r"\s+", "", given):
        raise InputError(f"{name} {text!r} cannot be read; give {_ACCEPTED}")
    total = Fraction(0)
    for number, unit in pieces:
        if unit not in _NAMES:
            what = f"has no unit after {number}" if not unit else f"has an unknown unit {unit!r}"
            raise InputError(f"{name} {text!r} {what}; give {_ACCEPTED}")
        total += Fraction(number) * UNITS_S[_NAMES[unit]]
    if total == 0:
        raise InputError(f"{name} {text!r} is no time at all; give {_ACCEPTED}")
    if total.denominator != 1:
        raise InputError(f"{name} {text!r} is not a whole number of seconds; give {_ACCEPTED}")
    return int(total)


def format_duration(seconds: float) -> str:
    """Write a duration exactly, in days, hours, minutes and seconds.

    Args:
        seconds: At least 0.

    >>> format_duration(604800), format_duration(129600), format_duration(90), format_duration(0.5)
    ('7d', '1d12h', '1m30s', '0.5s')
    """
    whole, parts = int(seconds), []
    for unit in ("d", "h", "m"):
        count, whole = divmod(whole, UNITS_S[unit])
        if count:
            parts.append(f"{count}{unit}")
    rest = whole + seconds % 1
    if rest or not parts:
        parts.append(f"{rest:g}s")
    return "".join(parts)
