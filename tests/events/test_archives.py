"""Files that the user means, and the content of archives: whole, in several parts, torn, damaged."""

from __future__ import annotations

import gzip
import os
import random
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import InputError, SourceError
from footfall.events.archives import (
    Compression,
    DamagedArchiveError,
    TornArchiveError,
    compression_of,
    is_torn,
    pieces,
)
from footfall.events.files import inspect, resolve

LOG = "user_id,event_type,timestamp\n" + "".join(f"u{n},view,2024-03-01\n" for n in range(9))


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, "zstd", asbytes=True))


PACK = {"gzip": gzip.compress, "zstd": zstd}
every_packing = pytest.mark.parametrize("kind", list(PACK))


def unpacked(path: Path, compression: Compression) -> tuple[bytes, str]:
    """Return all that can be had, and the name of what ended it."""
    got = b""
    try:
        for piece in pieces(path, compression):
            assert piece
            got += piece
    except (TornArchiveError, DamagedArchiveError) as error:
        return got, type(error).__name__
    return got, ""


def noise(size: int) -> bytes:
    return random.Random(7).randbytes(size)


@every_packing
def test_what_was_packed_comes_out(kind: Compression, tmp_path: Path) -> None:
    # More than one piece, and content that hardly shrinks beside one that shrinks a thousandfold.
    for data in (b"", b"a", LOG.encode(), noise(3 << 20), bytes(5 << 20)):
        path = tmp_path / "file"
        path.write_bytes(PACK[kind](data))
        assert compression_of(path.read_bytes()[:4]) == kind
        assert unpacked(path, kind) == (data, "")
        assert not is_torn(path, kind)


@every_packing
def test_several_archives_one_after_the_other_are_one_content(kind: Compression, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(PACK[kind](b"one\n") + PACK[kind](b"") + PACK[kind](noise(2 << 20)) + PACK[kind](b"end\n"))
    assert unpacked(path, kind) == (b"one\n" + noise(2 << 20) + b"end\n", "")


def test_zero_bytes_around_gzip_members_are_padding(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(b"one\n") + bytes(2 << 20) + gzip.compress(b"two\n") + bytes(512))
    assert unpacked(path, "gzip") == (b"one\ntwo\n", "")


def test_other_bytes_after_a_gzip_archive_are_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for rest in (b"\n", b"\x1f", b"user_id\n"):
        path.write_bytes(gzip.compress(b"one\n") + rest)
        assert unpacked(path, "gzip") == (b"one\n", "TornArchiveError")


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True), kind=st.sampled_from(["gzip", "zstd"]))
def test_an_archive_cut_anywhere_is_torn_and_gives_its_beginning(
    share: float, kind: Compression, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = LOG.encode() * 50 + noise(50_000)
    packed = PACK[kind](data)
    cut = 4 + int(share * (len(packed) - 4))  # less than its mark is no archive at all
    path = tmp_path_factory.mktemp("torn") / "file"
    path.write_bytes(packed[:cut])
    got, ended = unpacked(path, kind)
    assert ended == "TornArchiveError"
    assert is_torn(path, kind)
    assert data.startswith(got)


def test_of_a_torn_gzip_archive_all_but_the_last_bytes_are_had(tmp_path: Path) -> None:
    data, path = noise(200_000), tmp_path / "file"
    path.write_bytes(gzip.compress(data)[:-8])  # only the sum at its end is missing
    assert unpacked(path, "gzip") == (data, "TornArchiveError")


def test_a_wrong_sum_is_damage_and_not_a_torn_end(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(LOG.encode()))
    packed[-8] ^= 1
    path = tmp_path / "file"
    path.write_bytes(packed)
    with pytest.raises(DamagedArchiveError, match="incorrect data check"):
        is_torn(path, "gzip")


def test_nonsense_behind_the_mark_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for kind, mark in (("gzip", b"\x1f\x8b\xff\xff"), ("zstd", b"\x28\xb5\x2f\xfd")):
        path.write_bytes(mark + b"\xff" * 100)
        assert unpacked(path, "gzip" if kind == "gzip" else "zstd") == (b"", "DamagedArchiveError")


def test_packing_is_seen_by_the_first_bytes_and_not_by_the_name(tmp_path: Path) -> None:
    for kind, data in (("gzip", gzip.compress(LOG.encode())), ("zstd", zstd(LOG.encode())), ("none", LOG.encode())):
        path = tmp_path / f"{kind}.csv"
        path.write_bytes(data)
        looked = inspect(path)
        assert looked is not None
        assert (looked.compression, looked.format) == (kind, "csv")
        assert looked.columns == ("user_id", "event_type", "timestamp")
    (tmp_path / "plain.csv.gz").write_text(LOG)
    looked = inspect(tmp_path / "plain.csv.gz")
    assert looked is not None
    assert looked.compression == "none"


@every_packing
def test_a_torn_archive_is_looked_into_as_far_as_it_goes(kind: Compression, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    data = LOG.encode() + b"".join(b"u%d,view,2024-03-01\n" % n for n in random.Random(3).sample(range(10**9), 90_000))
    path.write_bytes(PACK[kind](data)[:-9])
    looked = inspect(path)
    assert looked is not None
    assert looked.columns == ("user_id", "event_type", "timestamp")
    path.write_bytes(PACK[kind](b"u1")[:5])
    with pytest.raises(SourceError, match="ends in the middle, and nothing before it can be had"):
        inspect(path)


def tree(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(LOG)


def found(folder: Path, *given_: str) -> tuple[list[str], list[str]]:
    files, passed = resolve([str(folder / g) for g in given_])
    return [f.relative_to(folder).as_posix() for f in files], [p.replace(str(folder), "F") for p in passed]


def test_a_folder_is_searched_to_the_bottom_in_one_order(tmp_path: Path) -> None:
    tree(tmp_path, "b.csv", "a/2.JSONL.GZ", "a/1.parquet", "a/c/x.tsv.zst")
    tree(tmp_path, "readme.md", "noname", "picture.gz", ".hidden.csv", "_SUCCESS/x.csv")
    assert found(tmp_path, ".") == (
        ["a/1.parquet", "a/2.JSONL.GZ", "a/c/x.tsv.zst", "b.csv"],
        [
            "passed over 2 hidden files in F: names that begin with . or _",
            "passed over F/noname: no suffix",
            "passed over F/picture.gz: no suffix",
            "passed over F/readme.md: .md suffix",
        ],
    )


def test_a_file_named_by_itself_is_taken_whatever_its_name(tmp_path: Path) -> None:
    tree(tmp_path, "readme.md", ".hidden.csv")
    assert found(tmp_path, "readme.md", ".hidden.csv") == (["readme.md", ".hidden.csv"], [])


def test_a_file_is_read_once_under_all_its_names(tmp_path: Path) -> None:
    tree(tmp_path, "a/1.csv", "2.csv")
    (tmp_path / "link.csv").symlink_to(tmp_path / "2.csv")
    assert found(tmp_path, "link.csv", "a", "a/1.csv", "a/../a/1.csv", "*.csv")[0] == ["link.csv", "a/1.csv"]


def test_a_pattern_takes_files_and_a_true_name_goes_before_a_pattern(tmp_path: Path) -> None:
    tree(tmp_path, "day[1].csv", "day1.csv", "deep/er/x.csv", "folder.csv/y.csv")
    assert found(tmp_path, "day[1].csv")[0] == ["day[1].csv"]
    assert found(tmp_path, "*.csv")[0] == ["day1.csv", "day[1].csv"]
    assert found(tmp_path, "**/x.csv")[0] == ["deep/er/x.csv"]


def test_a_workspace_inside_a_folder_is_not_read(tmp_path: Path) -> None:
    tree(tmp_path, "log.csv", "shop/footfall.toml", "shop/lake/events/x.parquet", "shop/exports/y.csv")
    files, passed = found(tmp_path, ".")
    assert files == ["log.csv", "shop/exports/y.csv"]
    assert passed[0] == "passed over lake, histories, models in F/shop: it is a workspace"


@pytest.mark.parametrize(
    ("given_", "said"),
    [
        ("evnts.csv", "there is no file F/evnts.csv; did you mean 'events.csv'?"),
        ("zzz", "there is no file F/zzz; give files, folders or glob patterns"),
        ("no/x.csv", "there is no file F/no/x.csv: there is no folder F/no; give files, folders or glob patterns"),
        ("*.parquet", "no file matches 'F/*.parquet'; give files, folders or other patterns"),
        ("pipe", "F/pipe is no file (a pipe or a device); write what comes out of it to a file first"),
    ],
)
def test_a_path_with_nothing_behind_it_says_what_to_do(given_: str, said: str, tmp_path: Path) -> None:
    tree(tmp_path, "events.csv")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError) as caught:
        resolve([str(tmp_path / "events.csv"), str(tmp_path / given_)])
    assert str(caught.value).replace(str(tmp_path), "F") == said


def test_an_empty_path_and_a_folder_of_nothing_are_mistakes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a path is empty; accepted: files, folders and glob patterns"):
        resolve([" "])
    with pytest.raises(InputError, match=r"holds no file to read; accepted: files ending in \.csv.*with \.gz or \.zst"):
        resolve([str(tmp_path)])
