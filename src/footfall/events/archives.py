"""The content of a file, unpacked: everything that can be had of a torn archive, and the news that it is torn.

The fast reader does not check sums and takes the end of a torn zstd file for the end of the data. So every archive is
read through once here before it is believed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, Literal

import pyarrow as pa

Compression = Literal["none", "gzip", "zstd"]

PIECE_BYTES: Final = 1 << 20
_ZSTD_BYTES: Final = 1 << 14
"""What is asked of the zstd library at once; of a torn archive, the last such piece is lost."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"


class TornArchiveError(Exception):
    """The archive ends in the middle; everything that came before is right."""


class DamagedArchiveError(Exception):
    """The archive's content is not what was packed: nothing in it can be trusted."""


def compression_of(start: bytes) -> Compression:
    """Tell from a file's first four bytes how it is packed."""
    if start.startswith(_GZIP_MAGIC):
        return "gzip"
    return "zstd" if start.startswith(_ZSTD_MAGIC) else "none"


def pieces(path: Path, compression: Compression) -> Iterator[bytes]:
    """Yield a file's content, unpacked, in pieces that are not empty.

    Args:
        path: The file.
        compression: How it is packed.

    Raises:
        TornArchiveError: It ended in the middle; what could be had has been yielded before.
        DamagedArchiveError: A sum does not match, or the packed data make no sense.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        if compression == "gzip":
            yield from _gzip(file)
        elif compression == "zstd":
            yield from _zstd(file)
        else:
            while piece := file.read(PIECE_BYTES):
                yield piece


def _gzip(file: IO[bytes]) -> Iterator[bytes]:
    """Unpack any number of members, one after the other; zero bytes between and after them are padding."""
    packed, first = b"", True
    while True:
        packed = packed.lstrip(b"\0") or file.read(PIECE_BYTES)
        if not packed:
            return
        if not packed.strip(b"\0"):
            continue
        packed = packed.lstrip(b"\0")
        packed += file.read(1) if len(packed) == 1 else b""
        if not first and not packed.startswith(_GZIP_MAGIC):
            raise TornArchiveError("the archive is over, but other bytes follow it")
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            try:
                piece = member.decompress(packed, PIECE_BYTES)
            except zlib.error as error:
                raise DamagedArchiveError(str(error)) from None
            if piece:
                yield piece
            packed = member.unconsumed_tail or (b"" if member.eof else file.read(PIECE_BYTES))
            if not packed and not member.eof and not piece:
                raise TornArchiveError("the archive ends in the middle")
        packed, first = member.unused_data, False


def _zstd(file: IO[bytes]) -> Iterator[bytes]:
    stream = pa.CompressedInputStream(pa.PythonFile(file), "zstd")
    while True:
        try:
            piece = stream.read(_ZSTD_BYTES)
        except OSError as error:
            if "runcated" in str(error):
                raise TornArchiveError("the archive ends in the middle") from None
            raise DamagedArchiveError(str(error)) from None
        if not piece:
            return
        yield piece


def is_torn(path: Path, compression: Compression) -> bool:
    """Read an archive through and tell whether it ends in the middle.

    Args:
        path: The file.
        compression: How it is packed.

    Raises:
        DamagedArchiveError: A sum does not match, or the packed data make no sense.
        OSError: The file cannot be read.
    """
    try:
        for _ in pieces(path, compression):
            pass
    except TornArchiveError:
        return True
    return False
