"""Where one record of a delimited text ends, and how many values it has: the fast reader's grammar, in plain Python.

A value is quoted when it begins with a quote, or with one blank and a quote; a doubled quote inside is one quote, and
after the closing quote only blanks may come (or one more quoted part). Any other quote is a letter like all others.
"""

from __future__ import annotations

import re
from typing import Final

LINE_END: Final = re.compile(r"\r\n|\n|\r")
_INSIDE: Final = r'(?:[^"]|""|" +")*+'


class OpenQuoteError(Exception):
    """A quoted value has not ended yet."""


class BadQuoteError(Exception):
    """Text follows a closing quote."""


class Grammar:
    """How records are cut at one delimiter."""

    def __init__(self, delimiter: str) -> None:
        """Prepare the patterns.

        Args:
            delimiter: One character.
        """
        self.delimiter = delimiter
        mark = re.escape(delimiter)
        self._quoted = re.compile(rf' ?"({_INSIDE})" *(?={mark}|\Z)')
        self._open = re.compile(rf' ?"{_INSIDE}\Z')
        self._begins = re.compile(r' ?"')

    def values(self, text: str) -> list[str]:
        """Return the values of a record.

        Args:
            text: The record; line ends stand in it only within quotes.

        Raises:
            OpenQuoteError: The record goes on after the text.
            BadQuoteError: It is no record.
        """
        if '"' not in text:
            return text.split(self.delimiter)
        values, place = [], 0
        while True:
            quoted = self._quoted.match(text, place)
            if quoted:
                values.append(quoted[1].replace('""', '"'))
                place = quoted.end()
            elif self._begins.match(text, place):
                if self._open.match(text, place):
                    raise OpenQuoteError
                raise BadQuoteError(f"text follows the closing quote of value {len(values) + 1}")
            else:
                end = text.find(self.delimiter, place)
                end = len(text) if end < 0 else end
                values.append(text[place:end])
                place = end
            if place == len(text):
                return values
            place += 1


def fits(values: list[str], width: int) -> bool:
    """Tell whether a record has the header's columns; values beyond them may be there if they are empty."""
    return len(values) >= width and not any(values[width:])
