"""What files there are and what is in them, by a look at the first bytes and not by the name."""

from __future__ import annotations

import csv
import dataclasses
import glob
import gzip
import io
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from footfall.errors import InputError, SourceError, unknown_name

Format = Literal["csv", "jsonl", "parquet"]

SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".json", ".jsonl", ".ndjson", ".parquet", ".pq")
PACKED = (".gz", ".zst")
DELIMITERS = (",", ";", "\t", "|")
LOOK_BYTES = 1 << 18


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """One file and how to read it.

    Attributes:
        path: Where it is.
        format: ``csv`` (any delimited text), ``jsonl`` or ``parquet``.
        compression: ``none``, ``gzip`` or ``zstd``, by its first bytes.
        columns: Column names in order (for JSONL the keys seen in the first lines).
        delimiter: One character; a space stands for any run of white space. Empty unless ``csv``.
        header: Whether the first line names the columns.
        encoding: The text's encoding.
        nested: Columns that hold lists or structs (Parquet only).
    """

    path: Path
    format: Format
    compression: Literal["none", "gzip", "zstd"]
    columns: tuple[str, ...]
    delimiter: str = ""
    header: bool = True
    encoding: str = "utf-8"
    nested: frozenset[str] = frozenset()

    @property
    def shape(self) -> tuple[object, ...]:
        """What files must share to be read by one query."""
        return (self.format, self.compression, self.columns, self.delimiter, self.header, self.encoding, self.nested)


def resolve(paths: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Find the files that the user means.

    Args:
        paths: Files, folders (searched to the bottom) and glob patterns.

    Returns:
        Files in a stable order, each once; and a sentence for each file that was passed over.

    Raises:
        InputError: A path does not exist, or nothing to read is in it.
    """
    found: dict[Path, None] = {}
    passed: list[str] = []
    for given in paths:
        path = Path(given)
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith((".", "_")))
            good = [p for p in inside if _suffix(p) in SUFFIXES]
            passed += [f"passed over {p}: {_suffix(p) or 'no'} suffix" for p in inside if _suffix(p) not in SUFFIXES]
            if not good:
                raise InputError(
                    f"the folder {given} holds no file to read; accepted: {', '.join(SUFFIXES)} (.gz, .zst)"
                )
            found |= dict.fromkeys(good)
        elif path.exists():
            found[path] = None
        elif any(c in given for c in "*?["):
            good = sorted(Path(p) for p in glob.glob(given, recursive=True) if Path(p).is_file())  # noqa: PTH207 - takes absolute patterns
            if not good:
                raise InputError(f"no file matches {given!r}")
            found |= dict.fromkeys(good)
        else:
            near = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
            raise InputError(f"there is no file {given}; " + unknown_name("name", path.name, near[:20]))
    return list(found), passed


def _suffix(path: Path) -> str:
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in PACKED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def inspect(
    path: Path, *, names: Sequence[str] = (), encoding: str | None = None, delimiter: str | None = None
) -> SourceFile | None:
    """Look at a file's first bytes and say how to read it; None when it is empty.

    Args:
        path: The file.
        names: Column names for a file without a header line.
        encoding: Its encoding, when it is not UTF-8.
        delimiter: Its delimiter, when the guess would be wrong; a space for any run of white space.

    Raises:
        SourceError: It is no table that we can read; the message says why.
    """
    compression, head = _head(path)
    if not head:
        return None
    if head.startswith(b"PAR1"):
        return _parquet(path)
    if encoding is None and head.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    encoding = encoding or "utf-8"
    text = _decode(path, head, encoding)
    lines = text.lstrip("\ufeff").splitlines()
    if len(head) == LOOK_BYTES and len(lines) > 1:
        lines.pop()  # the last one may be cut by the look's end
    first = next((line for line in lines if line.strip()), "")
    if not first:
        return None
    if first.lstrip().startswith("{"):
        return SourceFile(path, "jsonl", compression, _json_keys(lines), encoding=encoding)
    if first.lstrip().startswith("["):
        raise SourceError(f"{path} is one JSON array; give one object per line, e.g. through: jq -c '.[]' {path}")
    delimiter = delimiter or _delimiter(path, lines)
    columns = tuple(names) or _header(path, first, delimiter)
    return SourceFile(path, "csv", compression, columns, delimiter, header=not names, encoding=encoding)


def _head(path: Path) -> tuple[Literal["none", "gzip", "zstd"], bytes]:
    try:
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(0)
            if start.startswith(b"\x1f\x8b"):
                return "gzip", _some(gzip.GzipFile(fileobj=file))
            if start == b"\x28\xb5\x2f\xfd":
                return "zstd", _some(pa.CompressedInputStream(pa.PythonFile(file), "zstd"))
            return "none", file.read(LOOK_BYTES)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from None


def _some(stream: gzip.GzipFile | pa.NativeFile) -> bytes:
    """Read up to ``LOOK_BYTES``; what can be had of a torn archive."""
    pieces: list[bytes] = []
    try:
        while sum(map(len, pieces)) < LOOK_BYTES:
            piece = stream.read(1 << 14)
            if not piece:
                break
            pieces.append(piece)
    except (EOFError, OSError, zlib.error):
        pass  # the recovery reads the rest line by line and counts the tear
    return b"".join(pieces)[:LOOK_BYTES]


def _decode(path: Path, head: bytes, encoding: str) -> str:
    try:
        text = head.decode(encoding, errors="replace")
    except LookupError:
        raise SourceError(
            f"unknown encoding {encoding!r}; accepted: Python's names, e.g. utf-8, latin-1, gbk"
        ) from None
    if "\x00" in text[:4096]:
        raise SourceError(
            f"{path} is not a text table (it holds zero bytes); accepted: CSV, JSONL, Parquet, gz and zst"
        )
    return text


def _json_keys(lines: Sequence[str]) -> tuple[str, ...]:
    keys: dict[str, None] = {}
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            keys |= dict.fromkeys(value)
    return tuple(keys)


def _delimiter(path: Path, lines: Sequence[str]) -> str:
    sample = [line for line in lines[:50] if line.strip()]
    widths = {d: [len(row) for row in csv.reader(sample, delimiter=d)] for d in DELIMITERS}
    best = max(DELIMITERS, key=lambda d: widths[d][0])
    if widths[best][0] > 1:
        return best
    if len(sample[0].split()) > 1:
        return " "
    raise SourceError(
        f"{path} has one column only ({sample[0][:60]!r}); accepted: columns divided by comma, semicolon, tab, | "
        "or blanks, or give --delimiter"
    )


def _header(path: Path, first: str, delimiter: str) -> tuple[str, ...]:
    cells = first.split() if delimiter == " " else next(csv.reader(io.StringIO(first), delimiter=delimiter))
    cells = [cell.strip() for cell in cells]
    if any(_is_number(cell) for cell in cells) or not any(cells):
        raise SourceError(
            f"the first line of {path} looks like data, not like column names ({first[:60]!r}); "
            "name the columns with --names a,b,c"
        )
    seen: dict[str, int] = {}
    names = []
    for place, cell in enumerate(cells):
        name = cell or f"column{place + 1}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name] - 1}")
    return tuple(names)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _parquet(path: Path) -> SourceFile:
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{path} is a broken Parquet file: {str(error).splitlines()[0]}") from None
    nested = frozenset(f.name for f in schema if pa.types.is_nested(f.type))
    return SourceFile(path, "parquet", "none", tuple(schema.names), nested=nested)
