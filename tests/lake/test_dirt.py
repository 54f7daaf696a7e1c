"""Every kind of broken input ends in a counted reject or in one clear line."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from footfall.errors import InputError
from footfall.lake.ingest import IngestOptions, ingest
from footfall.lake.workspace import Workspace

HEAD = "user_id,event_type,product_id,category_id,timestamp\n"
GOOD = "u1,view,i1,c1,2024-01-01 10:00:00\n"
ALSO = "u2,view,i2,c1,2024-01-01 11:00:00\n"
OURS = "user_id,event_type,timestamp,item_id,price,quantity,value,rating,position,logging_prob\n"


def ours(event_type: str = "purchase", time: str = "2024-01-01 10:00:00", user: str = "u1", **given: str) -> str:
    cells = {"item_id": "i1", **given}
    rest = [cells.get(c, "") for c in ("item_id", "price", "quantity", "value", "rating", "position", "logging_prob")]
    return OURS + ",".join([user, event_type, time, *rest]) + "\n"


def zstd(text: str) -> bytes:
    return bytes(pa.compress(text.encode(), codec="zstd", asbytes=True))


class Case(NamedTuple):
    name: str
    data: str | bytes
    accepted: int
    reasons: Mapping[str, int] = {}
    file: str = "log.csv"
    options: Mapping[str, Any] = {}


CASES = [
    # the shape of the file
    Case("whole", HEAD + GOOD + ALSO, 2),
    Case("last line torn", HEAD + GOOD + "u2,view,i2,c1", 1, {"missing_columns": 1}),
    Case("last line torn within its time", HEAD + GOOD + "u2,view,i2,c1,2024-", 1, {"bad_timestamp": 1}),
    Case("too few columns", HEAD + "u1,view\n" + GOOD, 1, {"missing_columns": 1}),
    Case("too many columns", HEAD + GOOD.strip() + ",more\n" + ALSO, 1, {"too_many_columns": 1}),
    Case("quote never closed", HEAD + 'u1,"view,i1,c1,2024-01-01 10:00:00\n' + ALSO, 1, {"unterminated_quote": 1}),
    Case("text after a quote", HEAD + 'u1,"vi"ew,i1,c1,2024-01-01 10:00:00\n' + ALSO, 1, {"bad_quotes": 1}),
    Case("stray quote", HEAD + 'u1,view,5" disk,c1,2024-01-01 10:00:00\n' + ALSO, 2),
    Case("line end within quotes", HEAD + 'u1,view,"i\n1",c1,2024-01-01 10:00:00\n' + ALSO, 2),
    Case("blank lines", HEAD + "\n" + GOOD + "\n\n" + ALSO + "\n", 2),
    Case("Windows line ends", (HEAD + GOOD + ALSO).replace("\n", "\r\n"), 2),
    Case("old Mac line ends", (HEAD + GOOD + ALSO).replace("\n", "\r"), 2),
    Case("mixed line ends", HEAD.replace("\n", "\r\n") + GOOD + ALSO.replace("\n", "\r\n"), 2),
    Case("no line end at the end", HEAD + GOOD + ALSO.strip(), 2),
    Case("header only", HEAD, 0),
    Case("byte order mark", b"\xef\xbb\xbf" + (HEAD + GOOD).encode(), 1),
    Case("UTF-16", (HEAD + GOOD).encode("utf-16"), 1),
    Case("a line in Latin-1", HEAD.encode() + GOOD.encode() + b"u2,view,caf\xe9,c1,2024-01-01 11:00:00\n", 1,
         {"bad_encoding": 1}),
    Case("GBK, said", (HEAD + GOOD.replace("i1", "鞋")).encode("gbk"), 1, {}, "log.csv", {"encoding": "gbk"}),
    Case("a monstrous line", HEAD + "u1,view," + "x" * 3_000_000 + ",c1,2024-01-01 10:00:00\n" + ALSO, 1,
         {"line_too_long": 1}),
    Case("semicolons", (HEAD + GOOD).replace(",", ";"), 1),
    Case("tabs", (HEAD + GOOD).replace(",", "\t"), 1, {}, "log.tsv"),
    Case("bars", (HEAD + GOOD).replace(",", "|"), 1),
    Case("gzip", gzip.compress((HEAD + GOOD + ALSO).encode()), 2, {}, "log.csv.gz"),
    Case("gzip by another name", gzip.compress((HEAD + GOOD + ALSO).encode()), 2),
    Case("zstd", zstd(HEAD + GOOD + ALSO), 2, {}, "log.csv.zst"),
    Case("no header, names given", GOOD + ALSO, 2, {}, "log.csv",
         {"names": ("user_id", "event_type", "product_id", "category_id", "timestamp")}),
    Case("one column twice", HEAD.strip() + ",timestamp\n" + GOOD.strip() + ",x\n", 1),
    # JSON lines
    Case("JSON lines", '{"user_id":"u1","event_type":"view","product_id":1,"timestamp":1704103200}\n', 1, {},
         "l.jsonl"),
    Case("broken JSON", '{"user_id":"u1","event_type":"view","timestamp":1704103200}\n{"user_id":"u2",\n', 1,
         {"bad_json": 1}, "l.jsonl"),
    Case("JSON, but no object",
         '{"user_id":"u1","event_type":"view","product_id":"i","timestamp":1704103200}\n[1]\n5\n', 1,
         {"not_an_object": 2}, "l.jsonl"),
    # who, what
    Case("no user", HEAD + ",view,i1,c1,2024-01-01 10:00:00\n" + ALSO, 1, {"missing_user": 1}),
    Case("blank user", HEAD + "  ,view,i1,c1,2024-01-01 10:00:00\n" + ALSO, 1, {"missing_user": 1}),
    Case("a user called null", HEAD + "null,view,i1,c1,2024-01-01 10:00:00\n" + ALSO, 1, {"missing_user": 1}),
    Case("no event type", HEAD + "u1,,i1,c1,2024-01-01 10:00:00\n" + ALSO, 1, {"missing_event_type": 1}),
    Case("a view of nothing", HEAD + "u1,view,,c1,2024-01-01 10:00:00\n" + ALSO, 1, {"missing_item": 1}),
    Case("a type of the shop's own", HEAD + "u1,spin_wheel,,c1,2024-01-01 10:00:00\n" + ALSO, 2),
    # when
    Case("no time", HEAD + "u1,view,i1,c1,\n" + ALSO, 1, {"missing_timestamp": 1}),
    Case("a time that is none", HEAD + "u1,view,i1,c1,yesterday\n" + ALSO, 1, {"bad_timestamp": 1}),
    Case("13th month", HEAD + "u1,view,i1,c1,2024-13-01 10:00:00\n" + ALSO, 1, {"bad_timestamp": 1}),
    Case("1970", HEAD + "u1,view,i1,c1,1970-01-01 00:00:00\n" + ALSO, 1, {"impossible_timestamp": 1}),
    Case("2124", HEAD + "u1,view,i1,c1,2124-01-01 00:00:00\n" + ALSO, 1, {"future_timestamp": 1}),
    Case("infinity", HEAD + "u1,view,i1,c1,infinity\n" + ALSO, 1, {"future_timestamp": 1}),
    Case("seconds, ms, us, ns and days as numbers",
         HEAD + "".join(f"u1,view,i{n},c1,{t}\n" for n, t in enumerate(
             ("1704103200", "1704103200000", "1704103200000000", "1704103200000000000", "20240101"))), 5),
    Case("day first, said", HEAD + "u1,view,i1,c1,31/12/2023 10:00\n", 1, {}, "log.csv",
         {"time_format": "%d/%m/%Y %H:%M"}),
    # how much
    Case("a price that is none", ours(price="cheap"), 0, {"bad_price": 1}),
    Case("not a number", ours(price="nan"), 0, {"bad_price": 1}),
    Case("endless price", ours(price="inf"), 0, {"bad_price": 1}),
    Case("overflowing price", ours(price="1e30"), 0, {"bad_price": 1}),
    Case("negative price", ours(price="-1"), 0, {"negative_price": 1}),
    Case("a price of nothing", ours(price="0"), 1),
    Case("blank price", ours(price="  "), 1),
    Case("a quantity that is none", ours(quantity="two"), 0, {"bad_quantity": 1}),
    Case("negative quantity", ours(quantity="-2"), 0, {"negative_quantity": 1}),
    Case("money beyond measure", ours(price="99999999999999", quantity="999999"), 0, {"bad_value": 1}),
    Case("negative value", ours(value="-5"), 0, {"negative_value": 1}),
    Case("rating of six", ours("review", rating="6"), 0, {"bad_rating": 1}),
    Case("position below zero", ours("view_item_list", position="-1"), 0, {"bad_position": 1}),
    Case("a probability of zero", ours("view_item_list", logging_prob="0"), 0, {"bad_logging_prob": 1}),
    Case("a probability above one", ours("view_item_list", logging_prob="1.5"), 0, {"bad_logging_prob": 1}),
]  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "shop")


def sizes(workspace: Workspace) -> list[object]:
    with workspace.engine() as run:
        return [run.row(f"SELECT count(*) FROM {table}")[0] for table in ("events", "rejects", "items")]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_row_is_counted_and_kept(case: Case, workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / case.file
    path.write_bytes(case.data if isinstance(case.data, bytes) else case.data.encode())
    options = IngestOptions(**case.options)
    report = ingest(workspace, [str(path)], options)
    assert report.accepted + report.duplicates + report.rejected == report.read
    assert (report.accepted, dict(report.reasons)) == (case.accepted, dict(case.reasons))
    assert sizes(workspace)[:2] == [case.accepted, report.rejected]
    before = sizes(workspace)
    again = ingest(workspace, [str(path)], options)
    assert (again.read, again.accepted, again.rejected) == (report.read, 0, report.rejected)
    assert sizes(workspace) == before


def test_a_torn_archive_is_read_up_to_the_tear(workspace: Workspace, tmp_path: Path) -> None:
    rows = "".join(f"u{n},view,i{n * 7919 % 1009},c1,2024-01-01 10:00:00\n" for n in range(20_000))
    whole = gzip.compress((HEAD + rows).encode())
    path = tmp_path / "log.csv.gz"
    path.write_bytes(whole[: len(whole) // 2])
    report = ingest(workspace, [str(path)])
    assert report.accepted + report.duplicates + report.rejected == report.read
    assert report.accepted > 1000
    assert report.reasons["truncated_file"] == 1


UNREADABLE = [
    ("nothing.csv", b"", "nothing to read: passed over .*nothing.csv: it is empty"),
    ("picture.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00", "is a PNG image; accepted: CSV"),
    ("array.json", b'[{"user_id": 1}]', "is one JSON array; give one object per line"),
    ("torn.parquet", b"PAR1 and no more", "broken Parquet file"),
    ("data.csv", b"u1,view,1,2,2024-01-01\nu2,view,2,3,2024-01-02\n", "looks like data, not like column names"),
    ("word.csv", b"hello\nworld\n", "one column only"),
    ("other.csv", b"a,b,c\n1,2,3\n", "no source is known with the columns a, b, c"),
]


@pytest.mark.parametrize(("name", "data", "said"), UNREADABLE, ids=[case[0] for case in UNREADABLE])
def test_a_file_that_is_no_log_ends_in_one_clear_line(
    name: str, data: bytes, said: str, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=said) as raised:
        ingest(workspace, [str(path)])
    assert "\n" not in str(raised.value)
    assert name in str(raised.value)


def test_folders_and_patterns_without_a_file_are_said(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no file to read; accepted: files ending in \.csv"):
        ingest(workspace, [str(tmp_path / "empty")])
    with pytest.raises(InputError, match="no file matches"):
        ingest(workspace, [str(tmp_path / "*.nothing")])
    with pytest.raises(InputError, match="there is no file"):
        ingest(workspace, [str(tmp_path / "log.csv")])
