"""Does a refused row name someone? Whole values only: the id 12 is not in 3120, nor in "item 12"."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from typing import Any, Final

_CELLS: Final = re.compile(r"[,;\t|\r\n]")
_WORDS: Final = re.compile(r"[\s,;|\"'{}\[\]():=&?<>]+")
_QUOTED: Final = re.compile(r'"([^"]*)"')


def values_in(raw: str) -> set[str]:
    """Return the values that a row as read holds.

    Of JSON these are all strings and numbers, those of JSON inside of strings included; of any other text its cells by
    any usual delimiter, what stands in quotes, and its single words.

    Args:
        raw: JSON, or a line of a file.

    >>> sorted(values_in('{"user": "u 1", "more": [12, {"x": null}]}'))
    ['12', 'u 1']
    >>> "u1" in values_in('2024-01-01,view,"u1'), "u1" in values_in("2024-01-01,view,u12")
    (True, False)
    """
    try:
        document = json.loads(raw, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, (dict, list)):
        return set(_leaves(document))
    cells = {cell.strip().strip("\"'").strip() for cell in _CELLS.split(raw)}
    return {value for value in (*cells, *_QUOTED.findall(raw), *_WORDS.split(raw)) if value}


def _leaves(document: Any) -> Iterator[str]:
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            yield value.strip()
            if value.lstrip().startswith(("{", "[")):
                yield from values_in(value)


def is_bare_number(id_: str) -> bool:
    """Tell whether an id is nothing but a number: in another person's row it may as well be a price or an item.

    >>> is_bare_number("17850"), is_bare_number("u17850")
    (True, False)
    """
    try:
        float(id_)
    except ValueError:
        return False
    return True


def names_one_of(raw: str, ids: Collection[str], *, nobody: bool) -> bool:
    """Tell whether a refused row names one of these ids.

    Args:
        raw: The row as read.
        ids: The ids.
        nobody: Whether the row's user is unknown; in the row of somebody else, bare numbers are not taken for ids.
    """
    wanted = set(ids) if nobody else {i for i in ids if not is_bare_number(i)}
    return bool(wanted) and not wanted.isdisjoint(values_in(raw))
