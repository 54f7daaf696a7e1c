"""Content: what is known of items besides their events, in codes; so that an item without history can be placed."""

from __future__ import annotations

import collections
import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from footfall.histories.columns import FIRST_CODE
from footfall.histories.store import Histories

Int32 = npt.NDArray[np.int32]

MOST_LEVELS: Final = 4
MOST_WORDS: Final = 12
MOST_NAMES: Final = 30_000
"""Most distinct names of one field; the most frequent ones are kept."""

WORDS: Final = "words"
"""The field of an item's name, and of a search's text."""

_RUN = re.compile(r"[^\W_]+")
_LEVEL = re.compile(r"\s*[>|/]\s*|\.(?=\S)")
_WITHOUT_SPACES = re.compile(r"[぀-ヿ㐀-鿿가-힯]+")


@dataclasses.dataclass(frozen=True)
class Field:
    """One thing that items are described by.

    Attributes:
        names: What code ``i + 1`` stands for.
        codes: int32 [n_codes, most per item]; 0 for none.
    """

    names: tuple[str, ...]
    codes: Int32


@dataclasses.dataclass(frozen=True)
class Content:
    """What the catalogue says of every item of a vocabulary.

    Attributes:
        fields: ``category`` (every level of the path), ``brand``, ``price`` (half octaves), ``words`` (of the name);
            those that some item has.
        queries: Codes of the field ``words`` for each code of the vocabulary of searches, int32 [n_queries, most];
            None where nobody searches.
    """

    fields: Mapping[str, Field]
    queries: Int32 | None = None

    @property
    def sizes(self) -> dict[str, int]:
        """Number of codes of each field, the 0 included."""
        return {name: len(field.names) + 1 for name, field in self.fields.items()}

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Names of each field, in the order of their codes; what ``content_of`` takes as ``known``."""
        return {name: field.names for name, field in self.fields.items()}


def content_of(histories: Histories, known: Mapping[str, Sequence[str]] | None = None) -> Content | None:
    """Return what the catalogue says of the items of histories; None where it says nothing.

    Args:
        histories: Whose vocabularies are read.
        known: Names that have codes already, by field: they keep them, and new names come after. Fields that are not
            in it are left out then, for a model that knows none of them could do nothing with them.
    """
    table = histories.vocabularies["item"].table
    searches = [words_of(query) for query in histories.vocabularies["query"].ids]
    fields = {}
    for name, (column, split, often) in _SAID.items():
        if known is not None and name not in known:
            continue
        values = table[column].to_pylist() if column in table.column_names else [None] * table.num_rows
        lists = [split(value) if value is not None else [] for value in values]
        code_of = _codes([*lists, *searches] if name == WORDS else lists, known[name] if known else (), often)
        if code_of:
            fields[name] = Field(tuple(code_of), _matrix(lists, code_of))
    if not fields:
        return None
    queries = None
    if searches and WORDS in fields:
        queries = _matrix(searches, {word: i + 1 for i, word in enumerate(fields[WORDS].names)})
    return Content(fields, queries)


def levels_of(path: str, most: int = MOST_LEVELS) -> list[str]:
    """Return every level of a category path, each with those above it: the path of a level is its name.

    Args:
        path: Levels with ``>``, ``/``, ``|`` or ``.`` between.
        most: Levels below are left out.

    >>> levels_of("shoes > men > boots")
    ['shoes', 'shoes > men', 'shoes > men > boots']
    """
    parts = [part for part in _LEVEL.split(path.strip()) if part]
    return [" > ".join(parts[: i + 1]) for i in range(min(len(parts), most))]


def words_of(text: str) -> list[str]:
    """Return the words of a text, each once; pairs of characters where a script has no spaces. Numbers say nothing.

    >>> words_of("Red running-shoes 42"), words_of("智能手机 Pro")
    (['red', 'running', 'shoes'], ['智能', '能手', '手机', 'pro'])
    """
    return list(dict.fromkeys(_words(text.casefold())))[:MOST_WORDS]


def _words(text: str) -> Iterator[str]:
    for run in _RUN.findall(text):
        if _WITHOUT_SPACES.fullmatch(run):
            yield from (run[i : i + 2] for i in range(max(1, len(run) - 1)))
        elif len(run) > 1 and not run.isdigit():
            yield run


def price_band(price: float) -> int:
    """Return the half octave of a price: 0 for none, then 1 for what costs nothing, and two bands per doubling.

    >>> price_band(math.nan), price_band(0), price_band(1), price_band(2), price_band(19.99)
    (0, 1, 12, 14, 21)
    """
    if not math.isfinite(price):
        return 0
    return 1 if price <= 0 else min(max(2, 12 + round(2 * math.log2(price))), N_PRICE_BANDS - 1)


N_PRICE_BANDS: Final = 60


def _price_name(price: float) -> list[str]:
    band = price_band(price)
    return [str(band)] if band else []


_SAID: Final[Mapping[str, tuple[str, Callable[[Any], list[str]], int]]] = {
    "category": ("category", levels_of, 1),
    "brand": ("brand", lambda brand: [brand], 1),
    "price": ("price", _price_name, 1),
    WORDS: ("name", words_of, 2),
}
"""Field to the column it is read from, what is read from a value, and how often a name is met to be worth a code."""


def _codes(lists: Sequence[Sequence[str]], known: Sequence[str], often: int) -> dict[str, int]:
    """Return a code for each name, those that have one already first, then the most frequent."""
    code_of = {name: i + 1 for i, name in enumerate(known)}
    for name, count in collections.Counter(name for names in lists for name in names).most_common():
        if count < often or len(code_of) >= max(MOST_NAMES, len(known)):
            break
        code_of.setdefault(name, len(code_of) + 1)
    return code_of


def _matrix(lists: Sequence[Sequence[str]], code_of: Mapping[str, int]) -> Int32:
    """Return the codes of each list of names, int32 [FIRST_CODE + lists, most]; the reserved codes say nothing."""
    coded = [[code_of[name] for name in names if name in code_of] for names in lists]
    found = np.zeros((FIRST_CODE + len(coded), max(map(len, coded), default=0) or 1), np.int32)
    for row, codes in enumerate(coded, FIRST_CODE):
        found[row, : len(codes)] = codes
    return found
