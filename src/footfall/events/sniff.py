"""What a text is, told from its first lines: no text at all, JSON lines, or a table with this delimiter and header."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from footfall.errors import InputError, SourceError
from footfall.events.records import BadQuoteError, Grammar, OpenQuoteError

DELIMITERS: Final = (",", ";", "\t", "|")
BAD_BYTES: Final = "footfall-bad-bytes"
"""Name of the error handler that marks bytes that are no text: byte N becomes the lone surrogate U+DC00 + N."""

_OURS: Final = frozenset({"_file", "_text", "_bad", "_line", "_detail", "_key", "_list", "_values", "_n", "element"})
"""Names that the relation of raw rows has besides the file's columns."""

_KINDS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; save the sheet as CSV"),
    (b"BZh", "packed with bzip2; unpack it, or pack it with gzip or zstd"),
    (b"\xfd7zXZ\0", "packed with xz; unpack it, or pack it with gzip or zstd"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3\0", "an SQLite database; export the table as CSV"),
    (b"ARROW1", "an Arrow file; write it as Parquet"),
    (b"ORC", "an ORC file; write it as Parquet"),
    (b"Obj\x01", "an Avro file; write it as Parquet or as JSON lines"),
    (b"<!DOCTYPE", "a web page; download the file itself"),
    (b"<!doctype", "a web page; download the file itself"),
    (b"<html", "a web page; download the file itself"),
    (b"<?xml", "XML; convert it to CSV or to JSON lines"),
)
_CONTROLS: Final = frozenset(map(chr, range(32))) - set("\t\n\r\f\v\x1c\x1d\x1e\x1f")
_MOST_CONTROLS: Final = 0.02
"""Share of control characters beyond which it is no text: a tenth of random bytes are such, of a torn log very few (16
are allowed in any case)."""


def _mark_bad_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(BAD_BYTES, _mark_bad_bytes)


def check_encoding(name: str) -> str:
    """Return an encoding's own name, e.g. ``utf-8`` for ``UTF8``.

    Raises:
        InputError: There is no such encoding of text.
    """
    try:
        found = codecs.lookup(name).name
        codecs.getincrementaldecoder(name)(BAD_BYTES).decode(b"", final=True)
        str(b"", name)
    except (LookupError, UnicodeError, TypeError, ValueError, AssertionError):
        raise InputError(f"unknown encoding {name!r}; accepted: Python's names, e.g. utf-8, latin-1, gbk") from None
    return "utf-8" if found == "utf-8-sig" else found


def refuse_non_text(path: Path, head: bytes, text: str) -> None:
    """Say what a file is that is no text.

    Args:
        path: The file.
        head: Its first bytes, unpacked.
        text: The same, decoded.

    Raises:
        SourceError: It is no text.
    """
    accepted = "accepted: CSV and other delimited text, JSONL, Parquet, also packed as gz or zst"
    for magic, what in _KINDS:
        if head.startswith(magic):
            raise SourceError(f"{path} is {what}; {accepted}")
    start = text[:4096].rstrip("\0")  # a power cut may have left a tail of them
    if not start or start.count("\0") * 4 > len(start):
        raise SourceError(
            f"{path} is full of zero bytes: it is no text, or text in another encoding (try --encoding utf-16-le); "
            f"{accepted}"
        )
    if sum(c in _CONTROLS for c in start) > max(16, _MOST_CONTROLS * len(start)):
        raise SourceError(f"{path} is no text: it holds control characters; {accepted}")


def is_json_lines(lines: Sequence[str]) -> bool:
    """Tell whether the first line, or most lines, look like JSON objects: the first one may be torn."""
    filled = [line.lstrip() for line in lines if line.strip()]
    if filled[0].startswith("{"):
        return True
    like = [line for line in filled if line.startswith("{")]
    return len(like) * 2 > len(filled) and any(isinstance(_parsed(line), dict) for line in like)


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def json_keys(path: Path, lines: Sequence[str]) -> tuple[str, ...]:
    """Return the keys of the objects in the first lines.

    Keys that differ from an earlier one by case only, or that bear a name of ours, are left to the rest of the line.

    Raises:
        SourceError: Not one of the lines is an object.
    """
    keys: dict[str, str] = {}
    objects = 0
    for line in lines:
        value = _parsed(line)
        if isinstance(value, dict):
            objects += 1
            for key in value:
                keys.setdefault(key.lower(), key)
    if not objects:
        raise SourceError(
            f"no line of {path} is a JSON object by itself; accepted: one object per line, e.g. through: jq -c . {path}"
        )
    ours = {low for low in keys if not low or low in _OURS or low.startswith("_x_") or "\0" in low}
    return tuple(key for low, key in keys.items() if low not in ours)


def guess_delimiter(path: Path, first: str) -> str:
    """Return the delimiter of a table: the one that cuts its first line into the most values.

    Args:
        path: The file, for the message.
        first: Its first line that is not empty.

    Raises:
        SourceError: The line has one value only.
    """
    bare = re.sub(r'"(?:[^"]|"")*+"', "", first)
    best = max(DELIMITERS, key=bare.count)
    if best in bare:
        return best
    if len(first.split()) > 1:
        return " "
    raise SourceError(
        f"{path} has one column only ({first[:60]!r}); accepted: columns divided by comma, semicolon, tab, | "
        "or blanks; if it has another delimiter or encoding, say so with --delimiter or --encoding"
    )


def split_header(lines: Sequence[str], delimiter: str) -> tuple[list[str], int, bool]:
    """Return the values of the first record, the number of lines it takes, and whether it is a record by the grammar.

    Args:
        lines: The first lines, beginning with one that is not empty.
        delimiter: As given or guessed.
    """
    if delimiter == " ":
        return lines[0].split(), 1, True
    grammar = Grammar(delimiter)
    for n in range(1, min(len(lines), 10) + 1):
        try:
            return grammar.values("\n".join(lines[:n])), n, True
        except OpenQuoteError:
            continue
        except BadQuoteError:
            break
    return lines[0].split(delimiter), 1, False


def usual_width(lines: Sequence[str], delimiter: str) -> int:
    """Return the number of values that most lines have."""
    widths = Counter(len(split_header([line], delimiter)[0]) for line in lines if line.strip())
    return widths.most_common(1)[0][0]


def name_columns(path: Path, cells: Sequence[str], first: str) -> tuple[str, ...]:
    """Make column names, each of its own, from the cells of a header line.

    Args:
        path: The file, for the message.
        cells: What the header line says.
        first: The line itself.

    Raises:
        SourceError: It is no header line.
    """
    cells = [" ".join(cell.replace("\0", "").split()) for cell in cells]
    if any(_is_number(cell) for cell in cells) or not any(cells):
        raise SourceError(
            f"the first line of {path} looks like data, not like column names ({first[:60]!r}); "
            "name the columns with --names a,b,c"
        )
    return unique_names([cell or f"column{place + 1}" for place, cell in enumerate(cells)])


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Number names that differ by case only, or that are ours: the second ``price`` becomes ``price_1``."""
    taken: set[str] = set()
    unique = []
    for name in names:
        free, number = name, 0
        while free.lower() in taken or free.lower() in _OURS or free.lower().startswith("_x_"):
            number += 1
            free = f"{name.lstrip('_') if name.lower().startswith('_x_') else name}_{number}"
        taken.add(free.lower())
        unique.append(free)
    return tuple(unique)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
