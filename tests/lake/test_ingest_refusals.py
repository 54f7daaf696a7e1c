"""What cannot be read at all ends in one clear line that says what was given, what is accepted and what to do."""

from __future__ import annotations

import gzip
import io
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from footfall.cli.main import main
from footfall.errors import InputError, SourceError
from footfall.lake import ingest as module
from footfall.lake.ingest import IngestOptions, ingest
from footfall.lake.raw import RawFiles
from footfall.lake.workspace import Workspace

LOG = "user_id,event_type,product_id,timestamp\nu1,view,p1,2024-03-01\n"
ACCEPTED = "accepted: CSV and other delimited text, JSONL, Parquet, also packed as gz or zst"
BLANK = "or a blank for any white space"
MAPPED = {"user_id": "user_id", "event_type": "event_type", "timestamp": "timestamp"}


def packed_parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"user_id": ["a"] * 100}), sink)
    return sink.getvalue()


class Refusal(NamedTuple):
    """What is given, and the line it ends in; ``{path}`` stands for the file's path."""

    name: str
    data: bytes | str
    said: str
    options: Mapping[str, Any] = {}

    def __repr__(self) -> str:
        return self.name


REFUSALS = [
    Refusal("empty", "", "nothing to read: passed over {path}: it is empty"),
    Refusal("blank", " \n\n", "nothing to read: passed over {path}: it is empty"),
    Refusal("an empty archive", gzip.compress(b""), "nothing to read: passed over {path}: it is empty"),
    Refusal("PNG", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", f"{{path}} is a PNG image; {ACCEPTED}"),
    Refusal(
        "Excel",
        b"PK\x03\x04\x14\0\6\0",
        f"{{path}} is a ZIP archive or an Excel workbook; unpack it, or save the sheet as CSV; {ACCEPTED}",
    ),
    Refusal(
        "web page",
        "<!DOCTYPE html>\n<html><body>Sign in, please</body></html>\n",
        f"{{path}} is a web page; download the file itself; {ACCEPTED}",
    ),
    Refusal(
        "bzip2",
        b"BZh91AY&SY",
        f"{{path}} is packed with bzip2; unpack it, or pack it with gzip or zstd; {ACCEPTED}",
    ),
    Refusal(
        "any bytes", bytes(range(1, 256)) * 20, f"{{path}} is no text: it holds control characters; {ACCEPTED}"
    ),
    Refusal(
        "UTF-16 without its mark",
        LOG.encode("utf-16-le"),
        "{path} is full of zero bytes: it is no text, or text in another encoding (try --encoding utf-16-le); "
        + ACCEPTED,
    ),
    Refusal("an archive of nothing", b"\x1f\x8b\x08\0\0\0",
            "{path} cannot be unpacked: the archive ends in the middle, and nothing before it can be had"),
    Refusal("a damaged archive", gzip.compress(LOG.encode())[:-8] + bytes(8), "{path} is damaged: Error -3 while "
            "decompressing data: incorrect data check; fetch or pack it anew"),
    Refusal("a torn Parquet file", packed_parquet()[:-9], "{path} is a broken Parquet file: Parquet magic bytes not "
            "found in footer. Either the file is corrupted or this is not a parquet file."),
    Refusal("Parquet packed once more", gzip.compress(packed_parquet()),
            "{path} is a Parquet file packed once more with gzip; unpack it first"),
    Refusal("a JSON array", '[{"user_id": 1}]\n',
            "{path} is one JSON array; give one object per line, e.g. through: jq -c '.[]' {path}"),
    Refusal("JSON over several lines", '{\n "user_id": 1\n}\n',
            "no line of {path} is a JSON object by itself; accepted: one object per line, e.g. through: "
            "jq -c . {path}"),
    Refusal("one column", "user_id\nu1\nu2\n",
            "{path} has one column only ('user_id'); accepted: columns divided by comma, semicolon, tab, | or blanks; "
            "if it has another delimiter or encoding, say so with --delimiter or --encoding"),
    Refusal("no header", "u1,view,17,2024-03-01\n",
            "the first line of {path} looks like data, not like column names ('u1,view,17,2024-03-01'); name the "
            "columns with --names a,b,c"),
    Refusal("too few names", LOG,
            "--names has 2 names, but the lines of {path} have 4 columns ('user_id,event_type,product_id,timestamp')",
            {"names": ("a", "b")}),
    Refusal("a name twice", LOG, "--names a,b,A,c: 'a' stands there twice; accepted: one name per column, each its own",
            {"names": ("a", "b", "A", "c")}),
    Refusal("an empty name", LOG, "--names a,,b: one of them is empty; accepted: one name per column, each its own",
            {"names": ("a", "", "b")}),
    Refusal("an encoding nobody knows", LOG,
            "unknown encoding 'klingon'; accepted: Python's names, e.g. utf-8, latin-1, gbk", {"encoding": "klingon"}),
    Refusal("an encoding that is none", LOG,
            "unknown encoding 'base64'; accepted: Python's names, e.g. utf-8, latin-1, gbk", {"encoding": "base64"}),
    Refusal("a time format that is none", LOG,
            "--time-format '%Q' cannot be used: Failed to parse format specifier %Q: Unrecognized format for "
            "strftime/strptime: %Q; accepted: strptime's marks, e.g. %d/%m/%Y %H:%M", {"time_format": "%Q"}),
    Refusal("an unknown source", LOG,
            "{path}: unknown source 'rees64'; did you mean 'rees46'? Accepted: footfall, footfall_items, ga4, "
            "online_retail, plain, rees46, retailrocket, retailrocket_items, segment", {"source": "rees64"}),
    Refusal("another source's file", LOG,
            "{path}: --source ga4 needs event_name, event_timestamp; given: columns user_id, event_type, product_id, "
            "timestamp; leave --source out to have it guessed, or say what the columns are with --map ours=theirs",
            {"source": "ga4"}),
    Refusal("a column of the file that is not there", LOG,
            "{path}: --map price=pryce: unknown column of the file 'pryce'. Accepted: event_type, product_id, "
            "timestamp, user_id", {"mapping": MAPPED | {"price": "pryce"}}),
    Refusal("nothing said of the time", "a,b,c\n",
            "{path}: nothing says what the timestamp is; given: columns a, b, c; add --map timestamp=COLUMN or "
            "--set timestamp=VALUE", {"mapping": {"user_id": "a", "event_type": "b"}}),
]  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace.init(tmp_path_factory.mktemp("refusals") / "shop")


@pytest.mark.parametrize("refusal", REFUSALS, ids=repr)
def test_one_clear_line(refusal: Refusal, shop: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(refusal.data if isinstance(refusal.data, bytes) else refusal.data.encode())
    with pytest.raises(InputError) as raised:
        ingest(shop, [str(path)], IngestOptions(**refusal.options))
    assert str(raised.value) == refusal.said.format(path=path)
    assert "\n" not in str(raised.value)


def test_an_unknown_column_of_ours_names_the_nearest(shop: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    with pytest.raises(SourceError) as raised:
        ingest(shop, [str(path)], IngestOptions(mapping=MAPPED | {"curency": "product_id"}))
    assert str(raised.value).startswith(f"{path}: unknown column of ours 'curency'; did you mean 'currency'")


@pytest.mark.parametrize("delimiter", ["", ",,", "\n", '"', "é", "a", "1", ".", "-", "\0"])
def test_delimiters_that_are_none(delimiter: str) -> None:
    with pytest.raises(InputError) as raised:
        IngestOptions(delimiter=delimiter)
    said = f"--delimiter {delimiter!r} cannot be used; accepted: one character such as , ; | or a tab, {BLANK}"
    assert str(raised.value) == said


@pytest.mark.parametrize("by_hand", [{"mapping": MAPPED}, {"constants": {"event_type": "view"}}])
def test_mapping_and_source_together(by_hand: Mapping[str, Any]) -> None:
    with pytest.raises(
        InputError, match=r"^give either --source or --map, not both: a mapping is a source of its own$"
    ):
        IngestOptions(source="plain", **by_hand)


def test_paths(shop: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "log.csv").write_text(LOG)
    (tmp_path / "full" / "notes.doc").write_text("x")
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    suffixes = ".csv, .tsv, .txt, .dat, .json, .jsonl, .ndjson, .parquet, .pq, also with .gz or .zst after it"
    said = {
        "empty": f"the folder empty holds no file to read; accepted: files ending in {suffixes}",
        "*.nothing": "no file matches '*.nothing'; give files, folders or other patterns",
        "full/log.cvs": "there is no file full/log.cvs; did you mean 'log.csv'?",
        "full/other": "there is no file full/other; give files, folders or glob patterns",
        "none/log.csv": "there is no file none/log.csv: there is no folder none; give files, folders or glob patterns",
        "pipe": "pipe is no file (a pipe or a device); write what comes out of it to a file first",
        " ": "a path is empty; accepted: files, folders and glob patterns",
    }
    for path, expected in said.items():
        with pytest.raises(InputError) as raised:
            ingest(shop, [path])
        assert str(raised.value) == expected
    with pytest.raises(InputError, match=r"^nothing to read: no file given$"):
        ingest(shop, [])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_the_right_to_read_it(shop: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    path.chmod(0)
    with pytest.raises(SourceError, match=r"log\.csv cannot be read: Permission denied$"):
        ingest(shop, [str(path)])


def test_a_file_that_cannot_be_opened(shop: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    real = Path.open

    def refuse(self: Path, *args: Any, **kwargs: Any) -> Any:
        if self == path:
            raise PermissionError(13, "Permission denied")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SourceError) as raised:
        ingest(shop, [str(path)])
    assert str(raised.value) == f"{path} cannot be read: Permission denied"


Change = Callable[[Path], object]


def between_look_and_read(monkeypatch: pytest.MonkeyPatch, path: Path, change: Change) -> None:
    """Change a file after it has been looked at and before the engine reads it."""
    real = RawFiles.stage

    def stage(self: RawFiles, select: str) -> None:
        if path in [file.path for file in self.inputs]:
            change(path)
        real(self, select)

    monkeypatch.setattr(RawFiles, "stage", stage)


@pytest.mark.parametrize("name", ["2.csv", "2.csv.gz", "2.parquet", "2[x].csv"])
def test_a_file_that_vanishes_after_the_look(
    name: str, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, path = tmp_path / "1.csv", tmp_path / name
    first.write_text(LOG)
    if name.endswith("parquet"):
        pq.write_table(
            pa.table({"user_id": ["u"], "event_type": ["view"], "product_id": ["p"], "timestamp": ["2024"]}), path
        )
    else:
        path.write_bytes(gzip.compress(LOG.encode()) if name.endswith("gz") else LOG.replace("u1", "u2").encode())
    monkeypatch.setattr(module, "BATCH_BYTES", 1)
    between_look_and_read(monkeypatch, path, Path.unlink)
    with pytest.raises(SourceError) as raised:
        ingest(workspace, [str(first), str(path)])
    assert str(raised.value) == (
        f"{path} was there a moment ago and is gone; read the files again; "
        "before it, 1 of 2 files were read and are kept"
    )
    with workspace.engine() as run:
        assert run.row("SELECT count(*) FROM events") == (1,)


def test_a_file_that_grows_or_changes_after_the_look(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.csv"
    path.write_text(LOG)
    between_look_and_read(monkeypatch, path, lambda p: p.write_text(LOG + LOG.replace("u1", "u2") + "u3\n"))
    report = ingest(workspace, [str(path)])
    # The second header is no event: its time cannot be read.
    assert (report.read, report.accepted, report.reasons) == (4, 2, {"bad_timestamp": 1, "missing_columns": 1})


def test_a_parquet_file_that_is_replaced_after_the_look(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.parquet"
    pq.write_table(
        pa.table({"user_id": ["u"], "event_type": ["view"], "product_id": ["p"], "timestamp": ["2024"]}), path
    )
    between_look_and_read(monkeypatch, path, lambda p: pq.write_table(pa.table({"x": [1]}), p))
    with pytest.raises(SourceError, match=r"log\.parquet cannot be read: ") as raised:
        ingest(workspace, [str(path)])
    assert "\n" not in str(raised.value)


def test_parquet_that_is_broken_inside_names_the_file(workspace: Workspace, tmp_path: Path) -> None:
    data = packed_parquet()
    (tmp_path / "a.parquet").write_bytes(data)
    broken = tmp_path / "b.parquet"
    broken.write_bytes(data[:30] + b"\xff" * 20 + data[50:])
    options = IngestOptions(mapping={"user_id": "user_id"}, constants={"event_type": "view", "timestamp": "2024-01-01"})
    with pytest.raises(SourceError) as raised:
        ingest(workspace, [str(tmp_path / "a.parquet"), str(broken)], options)
    assert str(raised.value).startswith(f"{broken} cannot be read: ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.csv"], "there is no file nowhere.csv"),
        (["log.csv", "--source", "rees64"], "unknown source 'rees64'; did you mean 'rees46'?"),
        (["log.csv", "--map", "usr_id=a"], "unknown column of ours 'usr_id'; did you mean 'user_id'"),
        (["log.csv", "--map", "user_id"], "--map 'user_id' is no pair"),
        (["log.csv", "--source", "plain", "--map", "user_id=user_id"], "give either --source or --map"),
        (["log.csv", "--delimiter", "comma"], "--delimiter 'comma' cannot be used"),
        (["log.csv", "--encoding", "klingon"], "unknown encoding 'klingon'"),
        (["torn.parquet"], "torn.parquet is a broken Parquet file"),
    ],
)
def test_the_command_line_says_it_in_one_line_and_exits_with_2(
    arguments: list[str],
    said: str,
    shop: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("log.csv").write_text(LOG)
    Path("torn.parquet").write_bytes(packed_parquet()[:-9])
    monkeypatch.setattr(sys, "argv", ["footfall", "-w", str(shop.path), "ingest", "-q", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("footfall: ")
    assert said in err
    assert "Traceback" not in err
