"""Files that are broken, odd or in another dress: every record is accepted or counted as refused, twice alike."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from footfall.lake.ingest import IngestOptions, IngestReport
from footfall.lake.rejects import rejects
from footfall.lake.workspace import Workspace

NAMES = ("user_id", "event_type", "product_id", "price", "timestamp")
HEAD = ",".join(NAMES) + "\n"


def row(n: int, item: str = "p1") -> str:
    return f"u{n},view,{item},9.99,2024-03-01 10:{n:02d}:00\n"


A, B, C = row(1), row(2), row(3)


def line(**changes: Any) -> str:
    return json.dumps({"user_id": "u1", "event_type": "view", "product_id": "p", "timestamp": "2024-03-01"} | changes)


def zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue().to_pybytes())


def parquet(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


class Case(NamedTuple):
    """A file, and what must become of it.

    Attributes:
        name: What is wrong or odd.
        data: The file's content.
        accepted: Rows accepted.
        refused: The rows refused, in the file's order: line (None where it is not known) and reason.
        file: The file's name.
        options: Fields of ``IngestOptions``.
        twin: Whether the plain twin can count it: UTF-8, commas, one header line.
    """

    name: str
    data: bytes | str
    accepted: int
    refused: tuple[tuple[int | None, str], ...] = ()
    file: str = "log.csv"
    options: Mapping[str, Any] = {}
    twin: bool = True

    def __repr__(self) -> str:
        return self.name  # the data may be megabytes


LONG = "x" * 3_000_000
CUTTER = "\x01\x02\x03\x04"  # what the engine is told to cut lines at
PACKED = gzip.compress("".join([HEAD, *map(row, range(60))]).encode())
UTF16_TAIL = (HEAD + A + "u2,view").encode("utf-16")

CSV = [
    Case("whole", HEAD + A + B, 2),
    Case("last line torn", HEAD + A + "u2,view,p", 1, ((3, "missing_columns"),)),
    Case("last line torn in its time", HEAD + A + B[:-13], 1, ((None, "bad_timestamp"),)),
    Case("no line end at the end", HEAD + A + B.strip(), 2),
    Case("quote never closed", HEAD + A + 'u2,view,"p,1,2024-03-01\n' + C, 2, ((3, "unterminated_quote"),)),
    Case("quote never closed, last line", HEAD + A + 'u2,view,p,1,"2024-03-01', 1, ((3, "unterminated_quote"),)),
    Case("text after a quote", HEAD + 'u2,view,"p"x,1,2024-03-01\n' + A, 1, ((2, "bad_quotes"),)),
    Case("quote in the middle of a value", HEAD + 'u2,view,5" disk,1,2024-03-01\n' + A, 2),
    Case("quotes doubled", HEAD + 'u2,view,"a ""b"" c",1,2024-03-01\n' + A, 2),
    Case("line ends in quotes", HEAD + 'u2,view,"a\n\nb",1,2024-03-01\n' + A, 2),
    Case("stray quote meets another", HEAD + 'u2,view,"p,1,2024-03-01\n' + A + 'u3,view,p",1\n', 1,
         ((2, "unterminated_quote"), (4, "missing_columns"))),
    Case("too few columns", HEAD + A + "u2,view\n" + C, 2, ((3, "missing_columns"),)),
    Case("too many columns", HEAD + A + B.strip() + ",more\n" + C, 2, ((3, "too_many_columns"),)),
    Case("empty columns too many", HEAD + A + B.strip() + ",,\n" + C, 3),
    Case("line of nothing but blanks", HEAD + A + "   \n" + C, 2, ((3, "missing_columns"),)),
    Case("empty lines", HEAD + "\n" + A + "\n\n" + B + "\n\n", 2),
    Case("empty lines before the header", "\n  \n" + HEAD + A + B, 2, twin=False),
    Case("Windows's line ends", (HEAD + A + "u2,view\n" + C).replace("\n", "\r\n"), 2, ((3, "missing_columns"),)),
    Case("old Mac line ends", (HEAD + A + B).replace("\n", "\r"), 2, twin=False),
    Case("all line ends mixed", HEAD + A.replace("\n", "\r\n") + B.replace("\n", "\r") + C + "u4\n", 3,
         ((5, "missing_columns"),)),
    Case("byte order mark", b"\xef\xbb\xbf" + (HEAD + A).encode(), 1),
    Case("byte order mark, torn", b"\xef\xbb\xbf" + (HEAD + A).encode() + b"\xff\n", 1, ((3, "bad_encoding"),)),
    Case("byte order mark in the middle", HEAD + A + "\ufeff" + B, 2),
    Case("Latin-1 in one line", (HEAD + A).encode() + row(2, "Größe").encode("latin-1") + C.encode(), 2,
         ((3, "bad_encoding"),)),
    Case("Latin-1 in an open quote", (HEAD + A + 'u2,view,"a\n').encode() + b'\xe9\n",1,2024-03-01\n', 1,
         ((3, "unterminated_quote"), (4, "bad_encoding"), (5, "unterminated_quote"))),
    Case("cut within a letter", (HEAD + A).encode() + "u2,view,é".encode()[:-1], 1, ((3, "bad_encoding"),)),
    Case("a zero byte", HEAD + A + row(2, "a\0b"), 2),
    Case("a tail of zero bytes", (HEAD + A * 10 + B).encode() + bytes(5), 2, ((13, "missing_columns"),)),
    Case("3 MB in one line", HEAD + A + row(2, LONG) + C, 2, ((3, "line_too_long"),), twin=False),
    Case("3 MB in one line, and a bad quote", HEAD + row(2, LONG) + A + 'u,"x"y\n', 1,
         ((2, "line_too_long"), (4, "bad_quotes")), twin=False),
    Case("header only", HEAD, 0),
    Case("all refused", HEAD + "x\ny\n", 0, ((2, "missing_columns"), (3, "missing_columns"))),
    Case("a column named twice", HEAD.strip() + ",price\n" + A.strip() + ",3\n", 1),
    Case("columns that differ by case", HEAD.strip() + ",Price\n" + A.strip() + ",3\n", 1),
    Case("columns with names of ours", HEAD.strip() + ",_key,filename,_file,_x_a\n" + A.strip() + ",1,2,3,4\n"
         + A.strip() + ",2,2,3,4\n", 2),
    Case("a column without a name", HEAD.strip() + ",\n" + A.strip() + ",3\n", 1),
    Case("rows that begin like JSON", HEAD + A.replace("u1", "{}") + B.replace("u2", "{x"), 2),
    Case("a header in quotes", '"' + HEAD.strip().replace(",", '","') + '"\n' + A + B, 2),
    Case("a header of two lines", HEAD.strip() + ',"last\nname"\n' + A.strip() + ",x\n" + B.strip() + ",y\n", 2,
         twin=False),
    Case("a header with a broken quote", HEAD.strip() + ',"la"st\n' + A.strip() + ",x\n", 1),
    Case("a header that is no UTF-8", HEAD.strip().encode() + b",Gr\xf6\xdfe\n" + A.strip().encode() + b",x\nu2\n", 1,
         ((3, "missing_columns"),)),
]  # fmt: skip

DRESSED = [
    Case("semicolons", (HEAD + A + "u2\n").replace(",", ";"), 1, ((3, "missing_columns"),)),
    Case("tabs", (HEAD + A + B).replace(",", "\t"), 2, file="log.tsv"),
    Case("bars", (HEAD + A + B).replace(",", "|"), 2, file="log.txt"),
    Case("a delimiter of its own", (HEAD + A + "u2\n").replace(",", "^"), 1, ((3, "missing_columns"),),
         options={"delimiter": "^"}),
    Case("white space", (HEAD + A).replace(" 10:", "T10:").replace(",", "  ")
         + "\tu2 view\n\t \n u3\tview  p \t1 2024-03-01 more\n", 1,
         ((None, "missing_columns"), (None, "too_many_columns")), file="log.dat"),
    Case("no header", A + B + "u3\n", 2, ((3, "missing_columns"),), options={"names": NAMES}),
    Case("UTF-16", (HEAD + A + "u2\n").encode("utf-16"), 1, ((3, "missing_columns"),)),
    Case("UTF-16, cut within a letter", UTF16_TAIL[:-1], 1, ((3, "bad_encoding"),)),
    Case("UTF-16 without its mark", (HEAD + A).encode("utf-16-le"), 1, options={"encoding": "utf-16"}),
    Case("UTF-32", (HEAD + A).encode("utf-32"), 1),
    Case("Latin-1, said", (HEAD + row(1, "Größe")).encode("latin-1"), 1, options={"encoding": "latin-1"}),
    Case("GBK, said", (HEAD + row(1, "手机")).encode("gbk") + b"u2,view,\xff,1,2024-03-01\n", 1,
         ((3, "bad_encoding"),), options={"encoding": "gbk"}),
    Case("gzip", gzip.compress((HEAD + A + "u2\n").encode()), 1, ((3, "missing_columns"),), "log.csv.gz"),
    Case("gzip by another name", gzip.compress((HEAD + A + B).encode()), 2),
    Case("gzip of two members", gzip.compress((HEAD + A[:5]).encode()) + gzip.compress((A[5:] + B).encode()), 2),
    Case("gzip and zero bytes", gzip.compress((HEAD + A).encode()) + bytes(100), 1),
    Case("gzip and other bytes", gzip.compress((HEAD + A).encode()) + b"tail", 1, ((3, "truncated_file"),)),
    Case("zstd", zstd((HEAD + A + "u2\n").encode()), 1, ((3, "missing_columns"),), "log.csv.zst"),
    Case("zstd by another name", zstd((HEAD + A + B).encode()), 2),
    Case("no archive in spite of its name", HEAD + A, 1, file="log.csv.gz"),
    Case("a name like a pattern", HEAD + A + "u2\n", 1, ((3, "missing_columns"),), "a[1]*?.csv"),
    Case("a name with quotes", HEAD + A + "u2\n", 1, ((3, "missing_columns"),), "it's \"new\".csv"),
]  # fmt: skip

JSON_LINES = [
    Case("JSON lines", line() + "\n" + line(user_id="u2") + "\n", 2),
    Case("broken JSON", line() + "\n" + line()[:-9] + '\ngarbage\n{"user_id": "u2",\n', 1, ((None, "bad_json"),) * 3),
    Case("the first line torn", "r_id: 1}\n" + line() + "\n" + line(user_id="u2"), 2, ((None, "bad_json"),)),
    Case("JSON that is no object", line() + '\n[1, 2]\n42\n"x"\nnull\ntrue\n', 1, ((None, "not_an_object"),) * 5),
    Case("JSON and blank lines", "\n" + line() + "\n\n \t \n" + line(user_id="u2") + "\n\n", 2),
    Case("JSON with \\r\\n", line() + "\r\n" + line(user_id="u2") + "\r\n", 2),
    Case("JSON with a byte order mark", "\ufeff" + line() + "\n", 1),
    Case("JSON of 3 MB", line() + "\n" + line(text=LONG) + "\n", 1, ((2, "line_too_long"),)),
    Case("JSON with Latin-1", line().encode() + b'\n{"user_id": "\xe9"}\n', 1, ((2, "bad_encoding"),)),
    Case("JSON with control characters", line() + "\n" + line(user_id="U").replace("U", "u\x01") + "\n" + CUTTER
         + "x\n\x01\n", 1, ((None, "bad_json"), (None, "bad_json"), (3, "bad_json"))),
    Case("JSON nested too deep for Python", line() + "\n" + '{"a":' * 50_000 + "\n" + "[" * 99_999 + "\n", 1,
         ((None, "bad_json"),) * 2),
    Case("nested where a text should be", line(user_id=["a"], product_id={"b": 1}) + "\n" + line(price=[1]) + "\n"
         + line(timestamp={"$date": "2024-03-01"}) + "\n", 1, ((None, "bad_price"), (None, "bad_timestamp"))),
    Case("half a surrogate", line(user_id="\ud800") + "\n" + line() + "\n", 1, ((None, "bad_json"),)),
]  # fmt: skip

PARQUET = [
    Case("Parquet", parquet(user_id=["a", "b"], event_type=["view"] * 2, product_id=[1, 2],
                            timestamp=["2024-03-01", "never"]), 1, ((None, "bad_timestamp"),)),
    Case("Parquet without rows", parquet(user_id=pa.array([], pa.string()), event_type=pa.array([], pa.string()),
                                         product_id=pa.array([], pa.int64()), timestamp=pa.array([], pa.int64())), 0),
    Case("Parquet with odd names", parquet(**{"user_id": ["a"], "event_type": ["view"], "product_id": [1], "": [0],
                                              "timestamp": ["2024-03-01"], "_file": [2], "User_ID": [3]}), 1),
    Case("Parquet with odd types", parquet(user_id=[b"\xff", b"b", None], event_type=["view"] * 3,
                                           product_id=[1.0, float("nan"), 2.5], x=[[1], [], None],
                                           timestamp=pa.array([1_709_287_200, 2**62, -(2**62)], pa.timestamp("us"))),
         0, ((None, "impossible_timestamp"), (None, "future_timestamp"), (None, "impossible_timestamp"))),
]  # fmt: skip


def as_bytes(data: bytes | str) -> bytes:
    return data if isinstance(data, bytes) else data.encode()


CASES = [*CSV, *[c._replace(twin=False) for c in DRESSED]]
CASES += [c._replace(twin=False, file="log.jsonl") for c in JSON_LINES]
CASES += [c._replace(twin=False, file="log.parquet") for c in PARQUET]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_record_is_accepted_or_counted(
    case: Case,
    workspace: Workspace,
    tmp_path: Path,
    check_ingest: Callable[..., IngestReport],
    twin_count: Callable[..., tuple[int, int]],
) -> None:
    path = tmp_path / case.file
    path.write_bytes(as_bytes(case.data))
    report = check_ingest(workspace, [path], IngestOptions(**case.options))
    kept = rejects(workspace).rows
    assert sorted((r.line or 0, r.reason) for r in kept) == sorted((n or 0, reason) for n, reason in case.refused)
    assert {r.file for r in kept} <= {str(path)}
    again = 9 if case.name == "a tail of zero bytes" else 0  # nine of its ten equal lines
    assert (report.accepted, report.duplicates, report.rejected) == (case.accepted, again, len(case.refused))
    if case.twin:
        body = as_bytes(case.data).removeprefix(b"\xef\xbb\xbf").partition(b"\n")[2].lstrip(b"\n")
        whole, broken = twin_count(body, as_bytes(case.data).partition(b"\n")[0].count(b",") + 1)
        assert report.read == whole + broken
        assert broken == sum(1 for n, _ in case.refused if n is not None)


def test_the_cases_are_many() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 75


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_of_a_torn_archive_what_came_before_is_read(
    pack: Callable[[bytes], bytes], workspace: Workspace, tmp_path: Path, check_ingest: Callable[..., IngestReport]
) -> None:
    # Ids that pack badly, so that the archive has many blocks.
    lines = [f"{n * 2654435761 % 2**32:08x},view,{n * 40503 % 65536:04x}{n:06d},1,2024-03-01\n" for n in range(40_000)]
    packed = pack((HEAD + "".join(lines)).encode())
    path = tmp_path / "log.csv"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    report = check_ingest(workspace, [path])
    assert report.reasons == {"truncated_file": 1}
    assert 40_000 / 2 < report.accepted < 40_000
    torn = rejects(workspace).rows[0]
    # The line that the tear cut is the reject; all lines before it are in the lake, whole.
    assert torn.line == report.accepted + 2
    assert lines[report.accepted].startswith(torn.raw or "")
    assert torn.detail == "the archive ends in the middle"


def test_names_like_patterns_read_no_other_file(
    workspace: Workspace, tmp_path: Path, check_ingest: Callable[..., IngestReport]
) -> None:
    (tmp_path / "a1.csv").write_text(HEAD + A)
    (tmp_path / "a[1].csv").write_text(HEAD + B)
    (tmp_path / "a*.csv").write_text(HEAD + C)
    report = check_ingest(workspace, [tmp_path / "a[1].csv", tmp_path / "a*.csv"])
    assert (report.files, report.read) == (2, 2)
    with workspace.engine() as run:
        users = run.arrow("SELECT user_id FROM events ORDER BY 1")["user_id"].to_pylist()
    assert users == ["u2", "u3"]


def test_a_folder_like_a_partition_adds_no_column(
    workspace: Workspace, tmp_path: Path, check_ingest: Callable[..., IngestReport]
) -> None:
    path = tmp_path / "price=7" / "day=1" / "log.csv"
    path.parent.mkdir(parents=True)
    path.write_text(HEAD + A)
    check_ingest(workspace, [path])
    with workspace.engine() as run:
        assert run.row("SELECT CAST(price AS VARCHAR), properties FROM events") == ("9.9900", None)


def test_whole_and_broken_files_of_one_shape_are_read_together(
    workspace: Workspace, tmp_path: Path, check_ingest: Callable[..., IngestReport]
) -> None:
    (tmp_path / "1.csv").write_text(HEAD + A + "torn\n")
    (tmp_path / "2.csv").write_bytes((HEAD + B).encode() + b"\xff\n")
    (tmp_path / "3.csv").write_text(HEAD + C + 'u,"x"y,1,2,3\n')
    (tmp_path / "4.csv").write_text((HEAD + row(4)).replace("\n", "\r\n") + row(5).replace("\n", "\r"))
    report = check_ingest(workspace, [tmp_path])
    assert (report.files, report.accepted) == (4, 5)
    found = sorted((Path(r.file).name, r.line, r.reason) for r in rejects(workspace).rows)
    assert found == [("1.csv", 3, "missing_columns"), ("2.csv", 3, "bad_encoding"), ("3.csv", 3, "bad_quotes")]


def test_a_file_read_alone_and_among_broken_ones_is_the_same_file(
    workspace: Workspace, tmp_path: Path, check_ingest: Callable[..., IngestReport]
) -> None:
    # Alone, the fast reader takes it; beside one that makes the engine give up, the patient one does.
    whole = (
        HEAD + 'u1,view,"a\r\nb",1,2024-03-01\n' + 'u2,view, "c" ,,2024-03-01\n' + "u3,view,d,1\n" + "u4,view,e,?,x,y\n"
    )
    (tmp_path / "1.csv").write_bytes(whole.encode())
    first = check_ingest(workspace, [tmp_path / "1.csv"])
    assert (first.accepted, first.rejected) == (2, 2)
    (tmp_path / "2.csv").write_bytes((HEAD + row(7).replace("\n", "\r") + row(8)).encode())
    both = check_ingest(workspace, [tmp_path], fresh=False)
    assert (both.accepted, both.duplicates, both.rejected) == (2, 2, 2)
    assert rejects(workspace).total == 2


@pytest.mark.parametrize("place", [0, 5, 11])
def test_a_quote_open_at_the_end_of_one_of_many_files_is_not_lost(
    place: int, workspace: Workspace, tmp_path: Path, check_ingest: Callable[..., IngestReport]
) -> None:
    # The engine reads many files one task each, and then says nothing of such an end.
    for n in range(12):
        (tmp_path / f"{n:02d}.csv").write_text(HEAD + row(n, "a") + ('"' if n == place else "") + row(n, "b"))
    report = check_ingest(workspace, [tmp_path / f"{n:02d}.csv" for n in range(12)])
    assert (report.accepted, report.reasons) == (23, {"unterminated_quote": 1})
