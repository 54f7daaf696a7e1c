"""Delta tables: commits in one step, versions, files, spans, two writers at once, and what a crash leaves."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from footfall.errors import LakeError, WorkspaceError
from footfall.lake.sweep import sweep
from footfall.lake.tables import TABLES, Tables, WrittenFile, arrow_schema
from footfall.lake.workspace import Workspace

START_US = 1_709_287_320_000_001  # 2024-03-01 10:02:00.000001 UTC


@pytest.fixture
def tables(workspace: Workspace) -> Tables:
    return workspace.tables


def write(tables: Tables, *moments_us: int, span: bool = True) -> WrittenFile:
    """Write a file of events, one per moment, and do not commit it."""
    path = tables.root / "events" / f"part-{uuid.uuid4().hex}.parquet"
    zero = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    rows = [{"event_id": f"{us}", "timestamp": zero + dt.timedelta(microseconds=us)} for us in moments_us]
    pq.write_table(pa.Table.from_pylist(rows, arrow_schema("events")), path)
    return WrittenFile(path, len(rows), (min(moments_us), max(moments_us)) if span else None, "timestamp")


def test_new_tables_are_empty_at_version_zero_and_made_once(tables: Tables) -> None:
    tables.commit("events", [write(tables, START_US)])
    tables.create()
    assert tables.version() == "1.0.0"
    assert {name: len(tables.files(name)) for name in TABLES} == {"events": 1, "items": 0, "rejects": 0, "links": 0}
    for name, columns in TABLES.items():
        assert [field.name for field in tables.open(name).schema().fields] == list(columns)


def test_a_commit_takes_all_its_files_or_none(tables: Tables) -> None:
    first, second = write(tables, START_US), write(tables, START_US + 1)
    assert tables.files("events") == []  # written, not committed
    gone = WrittenFile(tables.root / "events" / "part-gone.parquet", 1)
    with pytest.raises(LakeError) as caught:
        tables.commit("events", [first, gone])
    assert "What was committed before is safe" in str(caught.value)
    assert (tables.version(), tables.files("events")) == ("0.0.0", [])
    assert tables.commit("events", [first, second], {"ingest": "abc"}) == 1
    assert tables.files("events") == sorted([str(first.path), str(second.path)])
    assert tables.open("events").history(1)[0]["ingest"] == "abc"


def test_a_commit_of_nothing_makes_no_version(tables: Tables) -> None:
    assert tables.commit("events", []) == 0
    assert tables.version() == "0.0.0"


def test_files_go_and_come_in_one_version_and_the_old_one_stays_readable(tables: Tables) -> None:
    old, new = write(tables, START_US), write(tables, START_US + 5)
    tables.commit("events", [old])
    assert tables.commit("events", [new], removed=[str(old.path)]) == 2
    assert tables.files("events") == [str(new.path)]
    assert tables.files("events", 1) == [str(old.path)]
    assert tables.added_since("events", 1) is None  # one was removed: who has version 1 must begin anew


def test_what_was_added_since_a_version(tables: Tables) -> None:
    one, two = write(tables, START_US), write(tables, START_US + 1)
    tables.commit("events", [one])
    tables.commit("events", [two])
    assert tables.added_since("events", 1) == [str(two.path)]
    assert tables.added_since("events", 2) == []
    assert tables.added_since("events", 99) is None


def test_a_version_that_does_not_exist_is_an_error_of_the_lake(tables: Tables) -> None:
    with pytest.raises(LakeError, match=r"the table .*events cannot be read: "):
        tables.open("events", 99)


def test_spans_are_exact_to_the_microsecond(tables: Tables) -> None:
    moments = [START_US, -1, START_US + 86_400_000_000]  # the second lies before 1970
    known, unknown = write(tables, *moments), write(tables, START_US, span=False)
    tables.commit("events", [known])
    tables.commit("events", [unknown])
    assert tables.spans() == {str(known.path): (min(moments), max(moments)), str(unknown.path): None}


def test_a_table_without_files_has_no_spans(tables: Tables) -> None:
    assert tables.spans() == {}


def test_statistics_hold_times_and_no_ids(tables: Tables) -> None:
    tables.commit("events", [write(tables, START_US)])
    log = "".join(path.read_text() for path in (tables.root / "events" / "_delta_log").glob("*.json"))
    assert '\\"minValues\\":{\\"timestamp\\"' in log.replace(" ", "")
    assert str(START_US) not in log  # the event's id
    (stats,) = pa.table(tables.open("events").get_add_actions(flatten=True)).to_pylist()
    assert {name for name in stats if name.startswith(("min.", "max."))} <= {"min.timestamp", "max.timestamp"}


@pytest.mark.parametrize("name", ["a shop", "löwe & söhne", "50% off", "it's", "a#b", "[x]*"])
def test_a_folder_of_any_name_has_the_same_files(name: str, tmp_path: Path) -> None:
    workspace = Workspace.init(tmp_path / name)
    file = write(workspace.tables, START_US)
    workspace.tables.commit("events", [file])
    assert workspace.tables.files("events") == [str(file.path)]
    assert list(workspace.tables.spans()) == [str(file.path)]
    with workspace.engine() as run:
        assert run.row("SELECT event_id FROM events") == (str(START_US),)


def test_two_writers_who_both_hold_version_zero_both_land(tables: Tables) -> None:
    one, two = write(tables, START_US), write(tables, START_US + 1)
    held = tables.open("events")
    tables.commit("events", [one])
    held.create_write_transaction([two.action(tables.root / "events")], "append", held.schema())
    assert tables.files("events") == sorted([str(one.path), str(two.path)])
    assert tables.version() == "2.0.0"


def test_whoever_comes_second_waits_for_the_lock_and_is_told(tables: Tables) -> None:
    busy = r"another process has been writing to .* for 0 s; try again"
    with tables.lock(), pytest.raises(LakeError, match=busy), Tables(tables.root).lock(timeout_s=0):
        pytest.fail("two hold the lock")
    with tables.lock(timeout_s=0):
        pass  # free again


def test_an_error_inside_frees_the_lock(tables: Tables) -> None:
    with pytest.raises(ZeroDivisionError), tables.lock():
        raise ZeroDivisionError
    with Tables(tables.root).lock(timeout_s=0):
        pass


# Takes the lock, writes a file, and waits to be killed before it commits.
CRASHING = """
import sys, time
from pathlib import Path
from footfall.lake.workspace import Workspace
workspace = Workspace(Path(sys.argv[1]))
with workspace.engine() as run, workspace.tables.lock():
    path = workspace.tables.root / "events" / "part-torn.parquet"
    run.run(f"COPY (SELECT 'x' AS event_id) TO '{path}' (FORMAT parquet)")
    print(run.scratch, flush=True)
    time.sleep(600)
"""


def test_a_killed_writer_leaves_no_lock_no_version_and_nothing_that_is_read(workspace: Workspace) -> None:
    tables = workspace.tables
    kept = write(tables, START_US)
    tables.commit("events", [kept])
    process = subprocess.Popen([sys.executable, "-c", CRASHING, str(workspace.path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    scratch = Path(process.stdout.readline().strip())
    torn = tables.root / "events" / "part-torn.parquet"
    # Another one is writing: its file is not committed yet, and is no rubbish.
    assert sweep(tables) == []
    assert torn.exists()
    assert scratch.is_dir()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (tables.version(), tables.files("events")) == ("1.0.0", [str(kept.path)])
    with workspace.engine() as run:
        assert run.row("SELECT count(*) FROM events") == (1,)
    assert sweep(tables) == [torn]
    assert not torn.exists()
    assert not scratch.exists()
    assert kept.path.exists()
    assert sweep(tables) == []


def test_forgetting_leaves_the_newest_version_alone(tables: Tables) -> None:
    old, new, never = write(tables, START_US), write(tables, START_US + 5), write(tables, START_US + 9)
    tables.commit("events", [old], {"ingest": "first"})
    tables.commit("events", [new], removed=[str(old.path)])
    tables.forget("events", {"why": "erased"})
    assert tables.files("events") == [str(new.path)]
    assert [path.exists() for path in (old.path, new.path, never.path)] == [False, True, False]
    assert tables.spans() == {str(new.path): (START_US + 5, START_US + 5)}
    log = tables.root / "events" / "_delta_log"
    assert not [path.name for path in log.iterdir() if b"first" in path.read_bytes()]
    with pytest.raises(LakeError):
        tables.files("events", 1)
    later = write(tables, START_US + 7)
    tables.commit("events", [later])
    assert tables.files("events") == sorted([str(new.path), str(later.path)])


def test_any_delta_reader_reads_the_table(tables: Tables) -> None:
    tables.commit("events", [write(tables, START_US, START_US + 1)])
    table = deltalake.DeltaTable(str(tables.root / "events"))
    assert sum(pa.table(table.get_add_actions(flatten=True))["num_records"].to_pylist()) == 2


def test_a_folder_that_delta_lake_would_take_for_another_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="Delta Lake takes the % for a code; rename it"):
        Workspace.init(tmp_path / "50%20 off")
    assert not (tmp_path / "50%20 off").exists()
