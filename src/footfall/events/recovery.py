"""The slow, patient reader for text files that the fast one cannot read whole: line by line, every line accounted for.

It writes a clean copy that the fast reader can take, and lists the lines that cannot be part of it. Used only for files
with broken quotes, mixed encodings or line ends, monstrous lines, torn archives, or an encoding other than UTF-8.
"""

from __future__ import annotations

import codecs
import csv
import dataclasses
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pyarrow as pa

from footfall.events.files import SourceFile

MAX_RECORD_LINES = 100
MAX_LINE_BYTES = 1 << 20
_READ_BYTES = 1 << 20


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


class _OpenQuoteError(Exception):
    """A quoted value goes on for too long to be one."""


def recover(file: SourceFile, clean: Path) -> list[BadLine]:
    r"""Write the readable records of a file to a clean copy.

    Args:
        file: A delimited text or JSONL file.
        clean: Where the copy goes: UTF-8, ``\n``, no compression, the same columns.

    Returns:
        The lines left out, in order. Records in the copy plus these are all records of the file.
    """
    bad: list[BadLine] = []
    lines = _Lines(file, bad)
    with clean.open("w", encoding="utf-8", newline="") as out:
        if file.format == "jsonl" or file.delimiter == " ":
            for text in lines:
                if text.strip():
                    out.write(text + "\n")
        else:
            _records(file, lines, out, bad)
    return sorted(bad, key=lambda b: b.line)


class _Lines:
    """Physical lines of a file, decoded, with one that can be put back; bad ones go to ``bad``."""

    def __init__(self, file: SourceFile, bad: list[BadLine]) -> None:
        self.number = 0
        self._bad = bad
        self._encoding = file.encoding
        self._source = _physical(file, bad)
        self._waiting: list[tuple[int, str]] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._waiting:
            self.number, text = self._waiting.pop(0)
            return text
        while True:
            self.number, raw = next(self._source)
            if len(raw) > MAX_LINE_BYTES:
                self._bad.append(BadLine(self.number, "line_too_long", _printable(raw), f"{len(raw):,} bytes"))
                continue
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                self._bad.append(BadLine(self.number, "bad_encoding", _printable(raw), f"byte {error.start + 1}"))
                continue
            return text.lstrip("\ufeff") if self.number == 1 else text

    def put_back(self, lines: list[tuple[int, str]]) -> None:
        """Give lines back, to be read again first."""
        self._waiting = lines + self._waiting


def _records(file: SourceFile, lines: _Lines, out: IO[str], bad: list[BadLine]) -> None:
    writer = csv.writer(out, delimiter=file.delimiter, lineterminator="\n")
    while True:
        taken: list[tuple[int, str]] = []
        reader = csv.reader(_feed(lines, taken), delimiter=file.delimiter, strict=True)
        try:
            row = next(reader)
        except StopIteration:
            return
        except (_OpenQuoteError, csv.Error) as error:
            number, text = taken[0]
            open_quote = isinstance(error, _OpenQuoteError) or "unexpected end of data" in str(error)
            reason = "unterminated_quote" if open_quote else "bad_quotes"
            bad.append(BadLine(number, reason, text[:10_000], str(error)))
            lines.put_back(taken[1:])
            continue
        if not row:
            continue
        if len(row) == len(file.columns):
            writer.writerow(row)
        else:
            reason = "missing_columns" if len(row) < len(file.columns) else "too_many_columns"
            raw = "\n".join(text for _, text in taken)
            bad.append(BadLine(taken[0][0], reason, raw[:10_000], f"{len(row)} of {len(file.columns)} columns"))


def _feed(lines: _Lines, taken: list[tuple[int, str]]) -> Iterator[str]:
    size = 0
    for text in lines:
        taken.append((lines.number, text))
        size += len(text)
        if len(taken) > MAX_RECORD_LINES or size > MAX_LINE_BYTES:
            raise _OpenQuoteError(f"still open after {len(taken)} lines")
        yield text + "\n"


def _physical(file: SourceFile, bad: list[BadLine]) -> Iterator[tuple[int, bytes]]:
    r"""Yield numbered lines as UTF-8 bytes; ``\n``, ``\r\n`` and lone ``\r`` end a line."""
    number, rest = 0, b""
    decoder = None if file.encoding == "utf-8" else codecs.getincrementaldecoder(file.encoding)("backslashreplace")
    for piece in _bytes(file, bad):
        data = piece if decoder is None else decoder.decode(piece).encode()
        buffer = rest + data
        hold = b"\r" if buffer.endswith(b"\r") else b""  # its \n may be in the next piece
        parts = buffer[: len(buffer) - len(hold)].replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        rest = parts.pop() + hold
        for part in parts:
            number += 1
            yield number, part
    tail = rest.rstrip(b"\r")
    if tail:
        yield number + 1, tail
    for i, line in enumerate(bad):
        if line.reason == "truncated_file":
            bad[i] = dataclasses.replace(line, line=number + 2)


def _bytes(file: SourceFile, bad: list[BadLine]) -> Iterator[bytes]:
    with file.path.open("rb") as raw:
        stream: IO[bytes] | gzip.GzipFile | pa.NativeFile = raw
        if file.compression == "gzip":
            stream = gzip.GzipFile(fileobj=raw)
        elif file.compression == "zstd":
            stream = pa.CompressedInputStream(pa.PythonFile(raw), "zstd")
        try:
            while piece := stream.read(_READ_BYTES if file.compression == "none" else 1 << 14):
                yield piece
        except (EOFError, OSError, zlib.error) as error:
            bad.append(BadLine(0, "truncated_file", "", str(error)))


def _printable(raw: bytes) -> str:
    return raw[:10_000].decode("utf-8", errors="backslashreplace")
