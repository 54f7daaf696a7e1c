"""What files there are and what is in them, by a look at the first bytes and not by the name."""

from __future__ import annotations

import dataclasses
import difflib
import glob
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from footfall.config import FILE
from footfall.errors import InputError, SourceError
from footfall.events import sniff
from footfall.events.archives import Compression, DamagedArchiveError, TornArchiveError, compression_of, pieces
from footfall.events.records import LINE_END

Format = Literal["csv", "jsonl", "parquet"]

SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".json", ".jsonl", ".ndjson", ".parquet", ".pq")
PACKED = (".gz", ".zst")
OWN_FOLDERS = ("lake", "histories", "models")
"""What a workspace holds of its own: nobody means these when a folder with a workspace in it is read."""
LOOK_BYTES = 1 << 18
_LONG_LOOK_BYTES = 1 << 22
"""How far is looked into a file whose first line is longer than ``LOOK_BYTES``."""

_BOM = b"\xef\xbb\xbf"


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """One file and how to read it.

    Attributes:
        path: Where it is.
        format: ``csv`` (any delimited text), ``jsonl`` or ``parquet``.
        compression: ``none``, ``gzip`` or ``zstd``, by its first bytes.
        columns: Column names in order, no two the same (for JSONL the keys seen in the first lines).
        delimiter: One character; a space stands for any run of white space. Empty unless ``csv``.
        header_lines: Lines up to and with the one that names the columns; 0 where none does.
        encoding: The text's encoding.
        odd: Whether only the patient reader can take it: its first lines or its encoding are unusual.
        kinds: The columns' types (Parquet only).
    """

    path: Path
    format: Format
    compression: Compression
    columns: tuple[str, ...]
    delimiter: str = ""
    header_lines: int = 0
    encoding: str = "utf-8"
    odd: bool = False
    kinds: tuple[pa.DataType, ...] = ()

    @property
    def shape(self) -> tuple[object, ...]:
        """What files must share to be read by one query."""
        kinds = tuple(map(str, self.kinds))
        return (self.format, self.compression, self.columns, self.delimiter, self.header_lines, self.encoding, kinds)


def resolve(paths: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Find the files that the user means.

    Args:
        paths: Files, folders (searched to the bottom, but for workspaces and what is hidden) and glob patterns.

    Returns:
        Files in a stable order, each once, however often and under whatever path it was named; and a sentence for each
        file that was passed over.

    Raises:
        InputError: A path does not exist, or nothing to read is in it.
    """
    found: dict[Path, Path] = {}
    passed: list[str] = []
    for given in paths:
        path = Path(given)
        if not given.strip():
            raise InputError("a path is empty; accepted: files, folders and glob patterns")
        if path.is_dir():
            good, others = _inside(path)
            passed += others
        elif path.is_file():
            good = [path]
        elif path.exists():
            raise InputError(f"{given} is no file (a pipe or a device); write what comes out of it to a file first")
        elif any(c in given for c in "*?["):
            good = sorted(Path(p) for p in glob.glob(given, recursive=True) if Path(p).is_file())  # noqa: PTH207 - takes absolute patterns
            if not good:
                raise InputError(f"no file matches {given!r}; give files, folders or other patterns")
        else:
            raise InputError(_missing(path))
        for file in good:
            found.setdefault(file.resolve(), file)
    return list(found.values()), passed


def _inside(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the files of a folder that can be read, and a sentence for each that is passed over."""
    homes = sorted(path.parent for path in folder.rglob(FILE))
    own = {home / name for home in homes for name in OWN_FOLDERS}
    files, hidden = [], 0
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and own.isdisjoint(p.parents)):
        if any(part.startswith((".", "_")) for part in path.relative_to(folder).parts):
            hidden += 1
        else:
            files.append(path)
    passed = [f"passed over {', '.join(OWN_FOLDERS)} in {home}: it is a workspace" for home in homes]
    if hidden:
        passed.append(f"passed over {hidden:,} hidden files in {folder}: names that begin with . or _")
    passed += [f"passed over {p}: {_suffix(p) or 'no'} suffix" for p in files if _suffix(p) not in SUFFIXES]
    good = [p for p in files if _suffix(p) in SUFFIXES]
    if not good:
        raise InputError(
            f"the folder {folder} holds no file to read; accepted: files ending in {', '.join(SUFFIXES)}, "
            "also with .gz or .zst after it"
        )
    return good, passed


def _missing(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no file {path}: there is no folder {path.parent}; give files, folders or glob patterns"
    near = difflib.get_close_matches(path.name, [p.name for p in path.parent.iterdir()], n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(repr(n) for n in near)}?" if near else "give files, folders or glob patterns"
    return f"there is no file {path}; {hint}"


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
        InputError: The names or the encoding cannot be used.
        SourceError: It is no table that we can read; the message says why.
    """
    compression, head, whole = _head(path)
    if not head:
        return None
    if head.startswith(b"PAR1"):
        if compression != "none":
            raise SourceError(f"{path} is a Parquet file packed once more with {compression}; unpack it first")
        return _parquet(path)
    encoding = _encoding(head, sniff.check_encoding(encoding) if encoding else None)
    text = head.removeprefix(_BOM).decode(encoding, errors="replace").removeprefix("\ufeff")
    sniff.refuse_non_text(path, head, text)
    lines = LINE_END.split(text)
    if not whole and len(lines) > 1:
        lines.pop()  # it may be cut by the look's end
    begin = next((i for i, line in enumerate(lines) if line.strip()), None)
    if begin is None:
        return None
    lines, odd = lines[begin:], encoding != "utf-8" or begin > 0
    if sniff.is_json_lines(lines):
        return SourceFile(path, "jsonl", compression, sniff.json_keys(path, lines), encoding=encoding, odd=odd)
    if lines[0].lstrip().startswith("["):
        raise SourceError(f"{path} is one JSON array; give one object per line, e.g. through: jq -c '.[]' {path}")
    delimiter = delimiter or sniff.guess_delimiter(path, lines[0])
    if names:
        columns, header_lines = _given(path, names, lines, delimiter), 0
    else:
        cells, taken, clean = sniff.split_header(lines, delimiter)
        columns, header_lines = sniff.name_columns(path, cells, lines[0]), begin + taken
        odd = odd or header_lines > 1 or not clean
    return SourceFile(path, "csv", compression, columns, delimiter, header_lines, encoding, odd)


def _head(path: Path) -> tuple[Compression, bytes, bool]:
    """Return how a file is packed, its first bytes unpacked, and whether they are all."""
    head = b""
    compression: Compression = "none"
    try:
        with path.open("rb") as file:
            compression = compression_of(file.read(4))
        for piece in pieces(path, compression):
            head += piece
            for enough in (LOOK_BYTES, _LONG_LOOK_BYTES):
                if len(head) > enough and (enough == _LONG_LOOK_BYTES or b"\n" in head[:enough]):
                    return compression, head[:enough], False
    except TornArchiveError as error:
        if not head:
            raise SourceError(f"{path} cannot be unpacked: {error}, and nothing before it can be had") from None
        return compression, head, False
    except DamagedArchiveError as error:
        raise SourceError(f"{path} is damaged: {error}; fetch or pack it anew") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from None
    return compression, head, True


def _encoding(head: bytes, given: str | None) -> str:
    """Return the encoding that was given, or that a byte order mark tells; UTF-16 without a mark is Windows's."""
    wide = head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff"))
    marked = wide or head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if given is not None:
        return f"{given}-le" if given in {"utf-16", "utf-32"} and not marked else given
    if not marked:
        return "utf-8"
    return "utf-32" if wide else "utf-16"


def _given(path: Path, names: Sequence[str], lines: Sequence[str], delimiter: str) -> tuple[str, ...]:
    """Check the names that the user gave for the columns."""
    names = [name.strip() for name in names]
    twice = [name for name, n in Counter(name.lower() for name in names).items() if n > 1]
    if twice or not all(names):
        wrong = f"{twice[0]!r} stands there twice" if twice else "one of them is empty"
        raise InputError(f"--names {','.join(names)}: {wrong}; accepted: one name per column, each its own")
    width = sniff.usual_width(lines[:1000], delimiter)
    if width != len(names):
        raise SourceError(
            f"--names has {len(names)} names, but the lines of {path} have {width} columns ({lines[0][:60]!r})"
        )
    return sniff.unique_names(names)


def _parquet(path: Path) -> SourceFile:
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{path} is a broken Parquet file: {str(error).splitlines()[0]}") from None
    columns = sniff.unique_names([name or f"column{place + 1}" for place, name in enumerate(schema.names)])
    return SourceFile(path, "parquet", "none", columns, kinds=tuple(schema.types))
