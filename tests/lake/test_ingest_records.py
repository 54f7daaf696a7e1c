"""Two readers of text, fast and patient: they agree with each other and with a slow plain twin on any bytes at all."""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from footfall.events.files import SourceFile
from footfall.events.recovery import recover
from footfall.lake.engine import Engine, engine
from footfall.lake.raw import RawFiles
from footfall.lake.workspace import Workspace

COLUMNS = ("a", "b", "c")
HEADER = b"a,b,c\n"

TOKENS = st.sampled_from(
    [
        *(b",", b",", b",", b'"', b'"', b'""', b'","', b" ", b'" ', b' "', b"\n", b"\n", b"\r\n", b"\r"),
        *(b"a", b"12", b"\t", b"\0", "é".encode(), b"\xff", b"\xef\xbb\xbf", "\u2028".encode(), b"?"),
    ]
)
VALUES = st.sampled_from([b"a", b'"a"', b"", b'""', b'"x\ny"', b'"a""b"', b" ", b'"a,b"', b' "q"', b'"q"  '])
GOOD_LINES = st.tuples(VALUES, VALUES, VALUES).map(b",".join)
SOUP = st.lists(TOKENS, max_size=30).map(b"".join)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Good lines with soup between them."""
    lines = draw(st.lists(GOOD_LINES | GOOD_LINES | SOUP, min_size=1, max_size=6))
    return draw(st.sampled_from([b"\n", b"\n", b"\r\n"])).join(lines) + draw(st.sampled_from([b"", b"\n"]))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    workspace = Workspace.init(tmp_path_factory.mktemp("records") / "shop")
    with engine(workspace.tables, workspace.settings, views={}) as opened:
        opened.run("SET threads = 1")
        yield opened


def staged(run: Engine, file: SourceFile, *, patient: bool) -> list[dict[str, Any]]:
    raw = RawFiles(run, [dataclasses.replace(file, odd=patient)], COLUMNS)
    raw.stage("SELECT * EXCLUDE (_file) FROM ({relation})")
    raw.drop_copies()
    rows: list[dict[str, Any]] = run.arrow("SELECT * FROM staged ORDER BY ALL").to_pylist()
    return rows


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies())
@example(body=b'1,"x" "y",3\n')
@example(body=b'1,"never closed,3\n4,5,6\n7,8,9')
@example(body=b'  "two blanks make no quote",2,3\n')
@example(body=b'"a\n\xff\nb",2,3\n4,5,6\n')
@example(body=b"\xef\xbb\xbf1,2,3\n")
def test_the_patient_reader_agrees_with_the_twin(
    body: bytes, tmp_path: Path, twin_count: Callable[..., tuple[int, int]]
) -> None:
    path, clean = tmp_path / "log.csv", tmp_path / "clean.csv"
    path.write_bytes(HEADER + body)
    bad = recover(SourceFile(path, "csv", "none", COLUMNS, ",", 1), clean)
    whole, broken = twin_count(body, len(COLUMNS))
    assert len(bad) == broken
    assert [line.line for line in bad] == sorted(line.line for line in bad)
    header, _, copied = clean.read_bytes().partition(b"\n")
    assert header == b"x,x,x"
    assert twin_count(copied, len(COLUMNS)) == (whole, 0)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies())
@example(body=b"1,2,3,\n4,5,6,,\n7,8,9,x\n")
@example(body=b'1,"x\r\ny",3\n4,"a\rb",6\n')
@example(body=b"1,2,3\r\n4,5\r\n6\r\n\r\n")
@example(body=b"1,2,3,\xff\n")
@example(body=b"4,5\n1,\xff\n")
@example(body=b',,,,","')
@example(body=b"\r,")
@example(body=b"\n\n\n\n,")
def test_both_readers_give_the_same_rows(
    body: bytes, tmp_path: Path, run: Engine, twin_count: Callable[..., tuple[int, int]]
) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(HEADER + body)
    file = SourceFile(path, "csv", "none", COLUMNS, ",", 1)
    rows = staged(run, file, patient=False)
    assert rows == staged(run, file, patient=True)
    whole, broken = twin_count(body, len(COLUMNS))
    assert (sum(row["_bad"] is None for row in rows), len(rows)) == (whole, whole + broken)


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path, run: Engine) -> None:
    # The reader counts records and, at the edge of a block, line ends twice; we say where the line stands in the file.
    body = b'1,"x\n\ny",3\n'
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + HEADER + body * 1000 + b"torn\n" + body + b"1,2,3,4\n"))
    file = SourceFile(path, "csv", "gzip", COLUMNS, ",", 1)
    bad = [(row["_line"], row["_bad"]) for row in staged(run, file, patient=False) if row["_bad"]]
    assert sorted(bad) == [(1 + 3 * 1000 + 1, "missing_columns"), (1 + 3 * 1000 + 1 + 3 + 1, "too_many_columns")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_are_counted_with_every_line_end(end: bytes, tmp_path: Path, run: Engine) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(HEADER.replace(b"\n", end) + (b"1,2,3" + end) * 500_000 + b"torn" + end + b"1,2,3" + end)
    rows = staged(run, SourceFile(path, "csv", "none", COLUMNS, ",", 1), patient=False)
    assert len(rows) == 500_002
    assert [(row["_line"], row["_text"], row["_detail"]) for row in rows if row["_bad"]] == [
        (500_002, "torn", "1 of 3 columns")
    ]


@pytest.mark.parametrize("patient", [False, True])
def test_the_longest_line_is_the_same_for_both(patient: bool, tmp_path: Path, run: Engine) -> None:
    limit = 1 << 20
    path = tmp_path / "log.csv"
    path.write_bytes(HEADER + b"1,2," + b"x" * (limit - 4) + b"\n" + b"1,2," + b"y" * (limit - 3) + b"\n1,2,3\n")
    rows = staged(run, SourceFile(path, "csv", "none", COLUMNS, ",", 1), patient=patient)
    assert sorted((len(row["c"] or ""), row["_bad"] or "") for row in rows) == [
        (0, "line_too_long"),
        (1, ""),
        (limit - 4, ""),
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(
        st.sampled_from(
            [b'{"a": 1, "b": "x", "c": null}', b'{"a": 1', b"[1]", b"7", b"", b" \t", b"\x01", b'{"a": "\xff"}']
        )
        | st.lists(st.sampled_from([b"{", b"}", b'"', b"a", b":", b"1", b"\\", b" "]), max_size=9).map(b"".join),
        max_size=6,
    ),
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
)
def test_both_readers_give_the_same_json_lines(lines: list[bytes], end: bytes, tmp_path: Path, run: Engine) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(end.join([b'{"a": 0}', *lines]))
    file = SourceFile(path, "jsonl", "none", COLUMNS)
    fast, patient = (staged(run, file, patient=how) for how in (False, True))
    assert fast == patient
    assert len(fast) == 1 + sum(1 for line in lines if line.strip(b" \t"))
