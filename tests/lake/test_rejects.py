"""Refused rows as they are kept, and the secrecy of addresses and agents: none stands anywhere at rest in clear."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.events.cleaning import REASONS
from footfall.lake.engine import engine
from footfall.lake.ingest import ingest
from footfall.lake.rejects import rejects
from footfall.lake.secrecy import keyed_hash, keyed_hash_sql
from footfall.lake.workspace import Workspace

HEADER = "user_id,event_type,item_id,timestamp,ip,user_agent\n"
ADDRESS, OTHER_ADDRESS = "203.0.113.77", "2001:db8::7a3f"
AGENT, ROBOT = "Mozilla/5.0 (X11; Linux) Gecko/20100101 Firefox/125.9", "curl/8.5.77"
LOG = HEADER + (
    f"u1,view_item,A,2024-03-01,{ADDRESS},{AGENT}\n"
    f"u2,view_item,A,2024-03-01,{OTHER_ADDRESS},{ROBOT}\n"
    f"u3,view_item,A,no day,{ADDRESS},{AGENT}\n"
    f",view_item,A,2024-03-01,{OTHER_ADDRESS},{ROBOT}\n"
)


def read(workspace: Workspace, folder: Path, text: str, name: str = "log.csv") -> None:
    (folder / name).write_text(text, "utf-8")
    ingest(workspace, [str(folder / name)])


def everything_at_rest(workspace: Workspace) -> str:
    """Return all bytes of a workspace as text, and the content of its Parquet files, which is packed."""
    said = []
    for path in (p for p in workspace.path.rglob("*") if p.is_file()):
        said.append(path.read_bytes().decode("latin-1"))
        if path.suffix == ".parquet":
            said.append(json.dumps(pq.read_table(path).to_pylist(), default=str, ensure_ascii=False))
    return "\n".join(said)


def test_a_workspace_without_refused_rows_says_so(workspace: Workspace) -> None:
    report = rejects(workspace)
    assert (report.total, report.reasons, report.rows) == (0, {}, ())
    assert str(report) == "0 rows refused; 0 shown\n(no rows)"


def test_a_refused_row_says_where_it_stood_why_and_what_it_said(workspace: Workspace, tmp_path: Path) -> None:
    read(workspace, tmp_path, "user_id,event_type,timestamp\nu1,view,2024-03-01\nu2,view,no day\n,view,2024-03-02\n")
    report = rejects(workspace)
    assert report.total == 2
    assert sum(report.reasons.values()) == 2
    kept = {row.reason: row for row in report.rows}
    assert set(kept) == set(report.reasons) <= set(REASONS)
    assert {row.file for row in report.rows} == {str(tmp_path / "log.csv")}
    said = [json.loads(str(row.raw)) for row in report.rows]
    assert {"user_id": "u2", "event_type": "view", "timestamp": "no day"} in said
    assert len(report.notes()) == 2
    for note, (reason, n) in zip(report.notes(), report.reasons.items(), strict=True):
        assert note == f"{n} {reason}: {REASONS[reason]}"


def test_a_torn_line_has_its_number(workspace: Workspace, tmp_path: Path) -> None:
    read(workspace, tmp_path, "user_id,event_type,timestamp\nu1,view,2024-03-01\nu2,view\nu3,view,2024-03-01\n")
    (row,) = rejects(workspace).rows
    assert (row.line, row.reason, row.raw) == (3, "missing_columns", "u2,view")


def test_one_reason_and_a_limit_show_less_but_count_all(workspace: Workspace, tmp_path: Path) -> None:
    lines = [f"u{n},view,no day {n}" for n in range(5)] + ["u9,view"]
    read(workspace, tmp_path, "\n".join(["user_id,event_type,timestamp", *lines]) + "\n")
    (torn,) = rejects(workspace, reason="missing_columns").rows
    assert torn.raw == "u9,view"
    few = rejects(workspace, limit=2)
    assert (len(few.rows), few.total, sorted(few.reasons.values())) == (2, 6, [1, 5])
    assert few.headline() == "6 rows refused; 2 shown"
    assert rejects(workspace, reason="erased_user").rows == ()


def test_the_newest_ingest_is_shown_first(workspace: Workspace, tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.csv"):
        read(workspace, tmp_path, f"user_id,event_type,timestamp\nu,view,2024-03-01\nu,view,{name}\n", name)
    assert [Path(row.file).name for row in rejects(workspace).rows] == ["c.csv", "a.csv", "b.csv"]


def test_an_unknown_reason_names_the_nearest(workspace: Workspace) -> None:
    with pytest.raises(InputError) as caught:
        rejects(workspace, reason="missing_colums")
    said = str(caught.value)
    assert said.startswith("unknown reason 'missing_colums'; did you mean 'missing_columns'")
    assert said.endswith(f"Accepted: {', '.join(sorted(REASONS))}")


def test_addresses_and_agents_are_nowhere_at_rest(workspace: Workspace, tmp_path: Path) -> None:
    read(workspace, tmp_path, LOG)
    assert rejects(workspace).total == 2
    at_rest = everything_at_rest(workspace)
    assert "no day" in at_rest  # the search does see what is kept of refused rows
    for secret in (ADDRESS, OTHER_ADDRESS, AGENT, ROBOT):
        assert secret not in at_rest


def test_refused_rows_keep_all_but_the_address_and_the_agent(workspace: Workspace, tmp_path: Path) -> None:
    read(workspace, tmp_path, LOG)
    (row,) = (json.loads(str(r.raw)) for r in rejects(workspace).rows if "no day" in str(r.raw))
    assert row == {
        "user_id": "u3",
        "event_type": "view_item",
        "item_id": "A",
        "timestamp": "no day",
        "ip": "(ip)",
        "user_agent": "(user agent)",
    }


SPELT = 'Mozilla/5.0 (X11; "Büro") Gecko/20100101 Firefox/125.9'
TRACES = ("203.0.113.77", "2001:db8::7a3f", "Mozilla", "Firefox", "Büro", "X11", "curl")


def in_json(**changes: str) -> str:
    row = {"user_id": "u", "event_type": "view", "timestamp": "no day", "ip": ADDRESS, "user_agent": SPELT}
    return json.dumps(row | changes)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("escaped.jsonl", in_json() + "\n"),
        ("slashes.jsonl", in_json().replace("/", "\\/") + "\n"),
        ("torn.jsonl", in_json(timestamp="2024-03-01") + "\n" + in_json(ip=OTHER_ADDRESS)[:-9] + "\n"),
        ("torn_early.jsonl", in_json(timestamp="2024-03-01") + "\n" + in_json()[3:-1] + "\n"),
        ("more.csv", HEADER + f"u,view,A,2024-03-01,{ADDRESS},Mozilla/5.0 (X11; KHTML, like Gecko) Firefox/9.1\n"),
        ("more_too.csv", HEADER + f"u,view,A,2024-03-01,{OTHER_ADDRESS},{ROBOT},and more\n"),
        ("quotes.csv", HEADER + f'u,view,A,no day,{ADDRESS},"Mozilla/5.0 (X11; ""Büro"") Firefox/125.9"\n'),
        ("torn.csv", HEADER + f"u,view,{ADDRESS},{AGENT}\n"),
        ("open.csv", HEADER + f'u,view,A,"no day,{ADDRESS},{AGENT}\n'),
    ],
)
def test_lines_of_every_dress_are_kept_without_address_and_agent(
    name: str, text: str, workspace: Workspace, tmp_path: Path
) -> None:
    read(workspace, tmp_path, text, name)
    (row,) = rejects(workspace).rows
    assert row.raw
    assert not [trace for trace in TRACES if trace in row.raw]
    assert "no day" in row.raw or "view" in row.raw


def test_parquet_rows_too(workspace: Workspace, tmp_path: Path) -> None:
    columns = {"user_id": "u", "event_type": "view", "timestamp": "no day", "ip": ADDRESS, "user_agent": SPELT}
    pq.write_table(pa.table({name: [value] for name, value in columns.items()}), tmp_path / "log.parquet")
    ingest(workspace, [str(tmp_path / "log.parquet")])
    (row,) = rejects(workspace).rows
    assert json.loads(str(row.raw)) == columns | {"ip": "(ip)", "user_agent": "(user agent)"}


def test_equal_addresses_have_equal_hashes_in_one_workspace_only(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        workspace = Workspace.init(tmp_path / name)
        read(workspace, tmp_path, LOG + f"u5,view_item,B,2024-03-02,{ADDRESS},{AGENT}\n", f"{name}.csv")
        with workspace.engine() as run:
            rows = run.arrow("SELECT ip, user_agent, bot FROM events ORDER BY user_id").to_pylist()
        first, robot, again = rows
        assert first == again
        assert (first["ip"], first["user_agent"]) == tuple(keyed_hash(t, workspace.secret) for t in (ADDRESS, AGENT))
        assert (first["bot"], robot["bot"]) == (None, "agent: curl")
        found.append(first)
    assert found[0]["ip"] != found[1]["ip"]
    assert found[0]["user_agent"] != found[1]["user_agent"]


def test_the_key_is_long_its_own_for_each_workspace_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    workspaces = [Workspace.init(tmp_path / name) for name in ("one", "two")]
    assert len({w.secret for w in workspaces}) == 2
    for workspace in workspaces:
        assert len(workspace.secret) == 32
        assert (workspace.path / ".secret").stat().st_mode & 0o077 == 0
        assert Workspace(workspace.path).secret == workspace.secret  # opened again, the same


def test_the_hash_is_two_rounds_of_sha256_with_the_key_before_each() -> None:
    inner = hashlib.sha256(b"00ff" + "büy".encode()).hexdigest()
    assert keyed_hash("büy", b"\x00\xff") == hashlib.sha256(f"00ff{inner}".encode()).hexdigest()


@pytest.fixture(scope="module")
def hashing(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace.init(tmp_path_factory.mktemp("hashing") / "shop")


@settings(max_examples=20, deadline=None)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=20), secret=st.binary(min_size=1))
def test_sql_and_python_hash_alike_and_null_stays_null(hashing: Workspace, texts: list[str], secret: bytes) -> None:
    with engine(hashing.tables, hashing.settings, views={}) as run:
        run.load("given", pa.table({"n": range(len(texts) + 1), "t": pa.array([*texts, None], pa.string())}))
        hashed = run.arrow(f"SELECT {keyed_hash_sql('t', secret.hex())} AS h FROM given ORDER BY n")["h"].to_pylist()
    assert hashed == [*(keyed_hash(text, secret) for text in texts), None]
