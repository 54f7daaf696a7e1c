"""Random logs with random damage, byte by byte: the sum always comes out, and a second reading adds nothing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.lake.ingest import IngestOptions, IngestReport, ingest
from footfall.lake.rejects import rejects
from footfall.lake.workspace import Workspace

HEAD = b"user_id,event_type,product_id,price,timestamp,query\n"
WIDTH = HEAD.count(b",") + 1

CELLS = st.tuples(
    st.sampled_from(["u1", "u2", "", "null", "Jörg", '"u,3"']),
    st.sampled_from(["view", "purchase", "cart", "", "odd"]),
    st.sampled_from(["p1", "p2", "手机", ""]),
    st.sampled_from(["9.99", "", "-1", "free", "1e30"]),
    st.sampled_from(["2024-03-01 10:00:00", "2024-03-01", "1709287200", "never", "", "2099-01-01"]),
    st.sampled_from(["", "red shoes", '"5"" disk"', '"two\nlines"', "x" * 200]),
)


class Damage(NamedTuple):
    """What is done to the bytes at a place (a share of the length, in thousandths)."""

    kind: str
    place: int
    byte: int


DAMAGES = st.lists(
    st.builds(
        Damage,
        st.sampled_from(["put", "put", "change", "drop", "drop ten", "cut", "repeat"]),
        st.integers(0, 999),
        st.sampled_from(b'",\n\r\0\xff\xe4 a1{') | st.integers(0, 255),
    ),
    max_size=4,
)


def damaged(data: bytes, damages: list[Damage]) -> bytes:
    for kind, place, byte in damages:
        at = len(data) * place // 1000
        before, after, one = data[:at], data[at:], bytes([byte])
        data = {
            "put": before + one + after,
            "change": before + one + after[1:],
            "drop": before + after[1:],
            "drop ten": before + after[10:],
            "cut": before,
            "repeat": before + data[max(0, at - 50) : at] + after,
        }[kind]
    return data


few = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
LOGS = st.lists(st.tuples(st.lists(CELLS, min_size=4, max_size=20), DAMAGES), min_size=4, max_size=7)


def check(report: IngestReport, workspace: Workspace, paths: list[str], options: IngestOptions | None = None) -> None:
    assert report.accepted + report.duplicates + report.rejected == report.read
    assert rejects(workspace).total == report.rejected
    again = ingest(workspace, paths, options)
    assert (again.read, again.accepted, again.items) == (report.read, 0, 0)
    assert again.reasons == report.reasons
    assert rejects(workspace).total == report.rejected


@few
@given(logs=LOGS, keep=st.booleans())
def test_damaged_tables(
    logs: list[tuple[list[tuple[str, ...]], list[Damage]]],
    keep: bool,
    tmp_path_factory: pytest.TempPathFactory,
    twin_count: Callable[..., tuple[int, int]],
) -> None:
    home = tmp_path_factory.mktemp("damaged")
    paths, whole, broken = [], 0, 0
    for n, (rows, damages) in enumerate(logs):
        body = damaged("".join(",".join(row) + "\n" for row in rows).encode(), damages)
        (home / f"{n}.csv").write_bytes(HEAD + body)
        paths.append(str(home / f"{n}.csv"))
        good, bad = twin_count(body, WIDTH)
        whole, broken = whole + good, broken + bad
    workspace = Workspace.init(home / "shop")
    options = IngestOptions(keep_identical=keep)
    report = ingest(workspace, paths, options)
    in_lines = ("missing_columns", "too_many_columns", "unterminated_quote", "bad_quotes", "bad_encoding")
    event(f"broken lines: {min(broken, 9)}")
    assert report.read == whole + broken
    assert sum(report.reasons.get(reason, 0) for reason in in_lines) == broken
    check(report, workspace, paths, options)


@few
@given(
    logs=st.lists(st.tuples(st.lists(CELLS, min_size=3, max_size=12), DAMAGES), min_size=4, max_size=7),
    end=st.sampled_from([b"\n", b"\r\n"]),
)
def test_damaged_json_lines(
    logs: list[tuple[list[tuple[str, ...]], list[Damage]]],
    end: bytes,
    tmp_path_factory: pytest.TempPathFactory,
    twin_lines: Callable[[bytes], list[tuple[bytes, bytes]]],
) -> None:
    home = tmp_path_factory.mktemp("damaged")
    names = HEAD.decode().strip().split(",")
    first = json.dumps(dict.fromkeys(names, "x") | {"timestamp": "2024-03-01"}).encode() + end
    paths, lines = [], 0
    for n, (rows, damages) in enumerate(logs):
        body = damaged(end.join(json.dumps(dict(zip(names, row, strict=True))).encode() for row in rows), damages)
        (home / f"{n}.jsonl").write_bytes(first + body)
        paths.append(str(home / f"{n}.jsonl"))
        lines += 1 + sum(1 for line, _ in twin_lines(body) if line.strip(b" \t\v\f"))
    workspace = Workspace.init(home / "shop")
    report = ingest(workspace, paths)
    assert report.read == lines
    check(report, workspace, paths)


def as_utf16(data: bytes) -> bytes:
    return data.decode().encode("utf-16")


def pack_zstd(data: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return bytes(sink.getvalue().to_pybytes())


DRESSES: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": pack_zstd,
    "plain": bytes,  # and the header may be hit
    "UTF-16": as_utf16,
}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(CELLS, min_size=4, max_size=40), damages=DAMAGES, dress=st.sampled_from(sorted(DRESSES)))
def test_damage_that_may_make_a_file_unreadable(
    rows: list[tuple[str, ...]], damages: list[Damage], dress: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("damaged")
    data = HEAD + "".join(",".join(row) + "\n" for row in rows).encode()
    path = home / "log.csv"
    path.write_bytes(damaged(DRESSES[dress](data), damages))
    workspace = Workspace.init(home / "shop")
    try:
        report = ingest(workspace, [str(path)])
    except InputError as error:
        said = str(error)
    else:
        said = ""
    if said:
        # One clear line, and nothing was read.
        event("refused")
        assert str(path) in said
        assert len(said.splitlines()) == 1
        with workspace.engine() as run:
            assert run.row("SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM rejects)") == (0,)
        return
    event("read")
    if not damages:
        assert report.read == len(rows)
    check(report, workspace, [str(path)])


def test_damage_is_done_where_it_says() -> None:
    assert damaged(b"abcdef", [Damage("put", 500, ord("-"))]) == b"abc-def"
    assert damaged(b"abcdef", [Damage("cut", 500, 0), Damage("repeat", 999, 0)]) == b"ababc"
