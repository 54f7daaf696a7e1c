"""The slow, patient reader for text files that the fast one cannot read whole: line by line, every line accounted for.

It writes a clean copy that the fast reader can take, and lists the lines that cannot be part of it. Used only for files
with broken quotes, mixed encodings or line ends, monstrous lines, torn archives, or an encoding other than UTF-8.
Records are copied as they are: the fast reader takes the same values out of the copy as out of the file itself.
"""

from __future__ import annotations

import codecs
import collections
import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from footfall.events.archives import TornArchiveError, pieces
from footfall.events.files import SourceFile
from footfall.events.records import BadQuoteError, Grammar, OpenQuoteError, fits
from footfall.events.sniff import BAD_BYTES

MAX_RECORD_LINES: Final = 1000
MAX_LINE_BYTES: Final = 1 << 20
"""Longest line, and longest record of several lines, that either reader takes."""
RAW_CHARACTERS: Final = 10_000
BLANKS: Final = " \t\v\f"
"""What a line may hold and still be empty, in files of lines (JSON, or columns divided by white space)."""

_BOM = b"\xef\xbb\xbf"
_ENDS = re.compile(rb"(\r\n|\n|\r)")


@dataclasses.dataclass(frozen=True)
class BadLine:
    r"""A line that cannot be read.

    Attributes:
        line: Its number in the file, from 1.
        reason: A key of ``cleaning.REASONS``.
        raw: The line, bytes that are no text written as ``\xNN``; the first 10,000 characters.
        detail: What exactly was wrong.
    """

    line: int
    reason: str
    raw: str
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class _Line:
    """A physical line: its number, its bytes (as UTF-8) and the bytes that end it."""

    number: int
    raw: bytes
    end: bytes


def recover(file: SourceFile, clean: Path) -> list[BadLine]:
    r"""Write the readable records of a file to a clean copy.

    Args:
        file: A delimited text or JSONL file.
        clean: Where the copy goes: UTF-8, ``\n``, no compression, the same columns. A table of delimited text begins
            with a header line; its names mean nothing.

    Returns:
        The lines left out, in order. Records in the copy plus these are all records of the file.

    Raises:
        DamagedArchiveError: The file is an archive whose content cannot be trusted.
        OSError: The file cannot be read, or the copy cannot be written.
    """
    bad: list[BadLine] = []
    lines = _Lines(file, bad)
    with clean.open("wb") as out:
        if file.format == "jsonl" or file.delimiter == " ":
            for line in lines:
                if line.raw.strip(BLANKS.encode()):
                    out.write(line.raw + b"\n")
        else:
            out.write(file.delimiter.join("x" * len(file.columns)).encode() + b"\n")
            _records(file, lines, out, bad)
    return sorted(bad, key=lambda b: b.line)


class _Lines:
    """Physical lines of a file after its header, some of them put back; those that are no text go to ``bad``."""

    def __init__(self, file: SourceFile, bad: list[BadLine]) -> None:
        self._bad = bad
        self._header_lines = file.header_lines
        self._source = _physical(file, bad)
        self._waiting: list[_Line] = []

    def __iter__(self) -> Iterator[_Line]:
        return self

    def __next__(self) -> _Line:
        while True:
            line = self._waiting.pop() if self._waiting else next(self._source)
            if line.number <= self._header_lines:
                continue
            if len(line.raw) > MAX_LINE_BYTES:
                self._bad.append(BadLine(line.number, "line_too_long", printable(line.raw), f"over {MAX_LINE_BYTES:,}"))
                continue
            try:
                line.raw.decode("utf-8")
            except UnicodeDecodeError as error:
                self._bad.append(BadLine(line.number, "bad_encoding", printable(line.raw), f"byte {error.start + 1}"))
                continue
            return line

    def put_back(self, lines: Sequence[_Line]) -> None:
        """Give lines back, to be read again first."""
        self._waiting += reversed(lines)


def _records(file: SourceFile, lines: _Lines, out: IO[bytes], bad: list[BadLine]) -> None:
    delimiter, width = file.delimiter.encode(), len(file.columns)
    grammar = Grammar(file.delimiter)
    for line in lines:
        if not line.raw:
            continue
        if b'"' not in line.raw and line.raw.count(delimiter) == width - 1:
            out.write(line.raw + b"\n")
            continue
        taken = [line]
        try:
            values = _values(grammar, lines, taken)
        except OpenQuoteError as error:
            reason, detail = "unterminated_quote", str(error)
        except BadQuoteError as error:
            reason, detail = "bad_quotes", str(error)
        else:
            if fits(values, width):
                out.write(b"".join(part.raw + part.end for part in taken[:-1]) + taken[-1].raw + b"\n")
                continue
            reason = "missing_columns" if len(values) < width else "too_many_columns"
            detail = columns_found(len(values), width)
            if len(taken) > 1:
                # Its quotes are wrong rather than its columns: what it swallowed may be whole lines.
                reason, detail = "unterminated_quote", f"{detail}, if it goes on to line {taken[-1].number}"
        bad.append(BadLine(line.number, reason, printable(line.raw), detail))
        lines.put_back(taken[1:])


def _values(grammar: Grammar, lines: _Lines, taken: list[_Line]) -> list[str]:
    """Read a record to its end; ``taken`` grows by the lines it needs."""
    text = taken[0].raw.decode()
    size, before = len(taken[0].raw), taken[0].end
    closes = True
    while True:
        try:
            if closes:
                return grammar.values(text)
        except OpenQuoteError:
            pass
        line = next(lines, None)
        if line is None:
            raise OpenQuoteError("still open at the end of the file")
        taken.append(line)
        if line.number != taken[-2].number + 1:
            raise OpenQuoteError("still open where a line cannot be read")
        size += len(before) + len(line.raw)
        if len(taken) > MAX_RECORD_LINES or size > MAX_LINE_BYTES:
            raise OpenQuoteError(f"still open after {len(taken)} lines")
        text += before.decode() + line.raw.decode()
        before, closes = line.end, b'"' in line.raw


def _physical(file: SourceFile, bad: list[BadLine]) -> Iterator[_Line]:
    r"""Yield all lines as UTF-8 bytes; ``\n``, ``\r\n`` and lone ``\r`` end a line."""
    number, rest = 0, b""
    try:
        for piece in _utf8(file):
            buffer = rest + piece
            hold = b"\r" if buffer.endswith(b"\r") else b""  # its \n may be in the next piece
            body = buffer[: len(buffer) - len(hold)]
            if b"\r" in body:
                *parts, rest = _ENDS.split(body)
                ended = zip(parts[::2], parts[1::2], strict=True)
            else:
                *parts, rest = body.split(b"\n")
                ended = zip(parts, [b"\n"] * len(parts), strict=True)
            for raw, end in ended:
                number += 1
                yield _Line(number, raw, end)
            # Of a line that never ends, no more is kept than shows that it is too long.
            rest = rest[: MAX_LINE_BYTES + 1] + hold
    except TornArchiveError as error:
        bad.append(BadLine(number + 1, "truncated_file", printable(rest), str(error)))
        return
    if rest:
        yield _Line(number + 1, rest.rstrip(b"\r"), b"\r" if rest.endswith(b"\r") else b"")


def _utf8(file: SourceFile) -> Iterator[bytes]:
    """Yield a file's content as UTF-8, without its byte order mark; bytes that are no text come out as no UTF-8."""
    first = True
    if file.encoding == "utf-8":
        for piece in pieces(file.path, file.compression):
            yield piece.removeprefix(_BOM) if first else piece
            first = False
        return
    decoder = codecs.getincrementaldecoder(file.encoding)(BAD_BYTES)
    for piece in pieces(file.path, file.compression):
        text = decoder.decode(piece)
        yield (text.removeprefix("\ufeff") if first else text).encode("utf-8", "surrogatepass")
        first = first and not text
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")


def columns_found(found: int, width: int) -> str:
    """Say how many columns a line has; the fast reader stops counting where there are too many."""
    return f"{found} of {width} columns" if found < width else f"more than {width} columns"


def printable(raw: bytes) -> str:
    r"""Return the beginning of a line as text; bytes that are none as ``\xNN``."""
    text = raw[: 4 * RAW_CHARACTERS].decode("utf-8", errors="backslashreplace")
    # A byte that another encoding could not read came here as a surrogate, in the three bytes UTF-8 would need for it.
    text = _MARKED.sub(lambda m: f"\\x{(int(m[1], 16) & 3) << 6 | int(m[2], 16) & 63:02x}", text)
    return text[:RAW_CHARACTERS]


_BEGIN = re.compile(rb"[^\r\n]")
_MARKED = re.compile(r"\\xed\\x(b[0-3])\\x([89ab][0-9a-f])")


def locate(file: SourceFile, starts: Sequence[int]) -> list[tuple[int, bytes]]:
    """Return the number and the bytes of the lines that begin at some places.

    Args:
        file: A text file.
        starts: Offsets into its content, unpacked, in order; each of the line's first byte, or of a line end before.

    Raises:
        OSError: The file cannot be read.
    """
    found: list[tuple[int, bytes]] = []
    waiting = collections.deque(starts)
    ends = base = 0
    buffer = b""
    for piece in itertools.chain(pieces(file.path, file.compression), [None]):
        buffer += piece or b""
        while waiting and waiting[0] - base <= len(buffer):
            begin = _BEGIN.search(buffer, waiting[0] - base)  # empty lines before it are none of it
            if begin is None and piece is not None:
                break
            place = begin.start() if begin else len(buffer)
            end = _ENDS.search(buffer, place)
            if end is None and piece is not None and len(buffer) - place <= MAX_LINE_BYTES:
                break
            found.append((ends + _count_ends(buffer, place) + 1, buffer[place : end.start() if end else len(buffer)]))
            waiting.popleft()
        gone = min(waiting[0] - base, len(buffer)) if waiting else len(buffer)
        gone -= buffer[gone - 1 : gone] == b"\r"  # its \n may follow
        ends += _count_ends(buffer, gone)
        base, buffer = base + gone, buffer[gone:]
    return found


def _count_ends(buffer: bytes, stop: int) -> int:
    return buffer.count(b"\n", 0, stop) + buffer.count(b"\r", 0, stop) - buffer.count(b"\r\n", 0, stop)
