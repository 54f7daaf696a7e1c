"""Ingest under test: read twice and checked each time; and the slow plain twin that counts a damaged file's records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from footfall.lake.ingest import IngestOptions, IngestReport, ingest
from footfall.lake.workspace import Workspace

TABLES = ("events", "rejects", "items")


def sizes(workspace: Workspace) -> dict[str, int]:
    with workspace.engine() as run:
        counts = run.row("SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in TABLES))
    return {table: int(str(n)) for table, n in zip(TABLES, counts, strict=True)}


def read_twice(
    workspace: Workspace, paths: Sequence[Path | str], options: IngestOptions | None = None, *, fresh: bool = True
) -> IngestReport:
    """Ingest, check that the sums come out and that a second reading adds nothing; return the first report.

    ``fresh`` says that nothing of it was read before: then the lake grows by exactly what the report says.
    """
    given = [str(path) for path in paths]
    before = sizes(workspace)
    first = ingest(workspace, given, options)
    after = sizes(workspace)
    assert first.accepted + first.duplicates + first.rejected == first.read
    assert sum(first.reasons.values()) == first.rejected
    assert sum(first.duplicate_reasons.values()) == first.duplicates
    assert first.as_read.rows == first.read
    assert first.as_accepted.rows == first.accepted
    catalogue = options is not None and options.target == "items"
    assert after["events"] == before["events"] + (0 if catalogue else first.accepted)
    assert after["items"] == before["items"] + first.items
    if fresh:
        assert after["rejects"] == before["rejects"] + first.rejected
    again = ingest(workspace, given, options)
    assert (again.read, again.accepted, again.items) == (first.read, 0, 0)
    assert again.reasons == first.reasons
    assert sizes(workspace) == after
    return first


def split_lines(data: bytes) -> list[tuple[bytes, bytes]]:
    r"""Cut bytes into lines and their ends: ``\n``, ``\r\n`` or a lone ``\r``."""
    lines, here, place = [], b"", 0
    while place < len(data):
        end = data[place : place + 2] if data[place : place + 2] == b"\r\n" else data[place : place + 1]
        if end in {b"\n", b"\r", b"\r\n"}:
            lines.append((here, end))
            here = b""
        else:
            here += end
        place += len(end)
    return [*lines, (here, b"")] if here else lines


def count_records(data: bytes, width: int, delimiter: str = ",") -> tuple[int, int]:
    """Count the whole and the broken records of a delimited text without its header, letter by letter.

    A record begins at a line and goes on while a quoted value is open. A value is quoted if it begins with a quote, or
    with one blank and a quote. A doubled quote within is a quote; after the closing one come blanks, perhaps one more
    quoted part, and then the delimiter or the line's end. It is whole if it has all columns, and beyond them only empty
    ones. If it is not whole, its first line is one broken record and the next line is looked at for itself. A line that
    is no UTF-8 is a broken record, and closes none. An empty line is nothing.
    """
    lines = split_lines(data)
    whole = broken = place = 0
    while place < len(lines):
        if lines[place][0]:
            taken = _record(lines, place, width, delimiter)
            whole, broken = whole + (taken > 0), broken + (taken == 0)
            place += max(taken, 1)
        else:
            place += 1
    return whole, broken


def _record(lines: list[tuple[bytes, bytes]], first: int, width: int, delimiter: str) -> int:
    """Return how many lines the record takes that begins at a line, 0 if it is broken."""
    values, value, state = [], "", "start"
    for place in range(first, len(lines)):
        raw, end = lines[place]
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return 0
        for letter in text:
            if state == "quoted":
                if letter == '"':
                    state = "closed"
                else:
                    value += letter
            elif letter == delimiter:
                values.append(value)
                value, state = "", "start"
            elif state in {"start", "blank"} and letter == '"':
                value, state = "", "quoted"
            elif state in {"start", "blank", "plain"}:
                value, state = value + letter, "blank" if state == "start" and letter == " " else "plain"
            elif letter == '"':  # closed, perhaps with blanks since
                value, state = value + ('"' if state == "closed" else " "), "quoted"
            elif letter == " ":
                state = "closed, blank"
            else:
                return 0
        if state != "quoted":
            values.append(value)
            good = len(values) >= width and not any(values[width:])
            return place - first + 1 if good else 0
        value += end.decode()
    return 0


@pytest.fixture(scope="session")
def check_ingest() -> Callable[..., IngestReport]:
    """Read files twice, with all the checks; returns the first report."""
    return read_twice


@pytest.fixture(scope="session")
def table_sizes() -> Callable[[Workspace], dict[str, int]]:
    """Count the rows of the tables."""
    return sizes


@pytest.fixture(scope="session")
def twin_count() -> Callable[..., tuple[int, int]]:
    """Count whole and broken records of a delimited text without its header."""
    return count_records


@pytest.fixture(scope="session")
def twin_lines() -> Callable[[bytes], list[tuple[bytes, bytes]]]:
    """Cut bytes into lines and their ends."""
    return split_lines


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A new workspace."""
    return Workspace.init(tmp_path / "shop")
