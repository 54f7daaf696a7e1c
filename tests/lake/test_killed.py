"""A process killed at any moment of an ingest loses nothing that it reported and leaves a readable workspace."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from footfall.histories.compile import open_histories
from footfall.lake.ingest import ingest
from footfall.lake.workspace import Workspace

FILES, ROWS = 6, 4000

# Every file is a batch of its own; each commit is reported on stdout at once.
SCRIPT = """
import sys
from pathlib import Path
import footfall.lake.ingest as module
from footfall.lake.workspace import Workspace
module.BATCH_BYTES = 1
print("started", flush=True)
module.ingest(Workspace(Path(sys.argv[1])), sys.argv[2:], progress=lambda text, done, total: print(text, flush=True))
print("finished", flush=True)
"""


def write_log(folder: Path) -> list[str]:
    rng = random.Random(5)
    paths = []
    for number in range(FILES):
        lines = ["user_id,event_type,product_id,category_id,timestamp"]
        for row in range(ROWS):
            kind = rng.choice(["view", "view", "view", "add_to_cart", "purchase"])
            minute, second = divmod(row, 60)
            time_ = f"2024-01-{number + 1:02d} {minute // 60:02d}:{minute % 60:02d}:{second:02d}"
            lines.append(f"u{rng.randrange(300)},{kind},i{rng.randrange(80)},c1,{time_}")
        lines.append("torn,view")
        path = folder / f"day-{number}.csv"
        path.write_text("\n".join(lines) + "\n")
        paths.append(str(path))
    return paths


def event_ids(workspace: Workspace) -> list[str]:
    with workspace.engine() as run:
        return [str(i) for i in run.arrow("SELECT event_id FROM events ORDER BY 1")["event_id"].to_pylist()]


def rows_of_day(workspace: Workspace, number: int) -> object:
    with workspace.engine() as run:
        return run.row(
            'SELECT count(*) FROM events WHERE "timestamp" >= make_timestamptz(2024, 1, ?, 0, 0, 0) '
            'AND "timestamp" < make_timestamptz(2024, 1, ?, 0, 0, 0)',
            [number + 1, number + 2],
        )[0]


@pytest.mark.slow
def test_twenty_kills_lose_nothing_that_was_reported(tmp_path: Path) -> None:
    paths = write_log(tmp_path)
    clean = Workspace.init(tmp_path / "clean")
    report = ingest(clean, paths)
    assert (report.rejected, report.read) == (FILES, FILES * (ROWS + 1))
    want = event_ids(clean)
    per_day = [rows_of_day(clean, n) for n in range(FILES)]

    home = tmp_path / "killed"
    Workspace.init(home)
    rng = random.Random(11)
    kills = 0
    while kills < 20:
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(home), *paths], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        # The first kills hit early moments, the later ones any moment up to the end.
        time.sleep(rng.uniform(0, 0.15 + 0.08 * kills))
        process.send_signal(signal.SIGKILL)
        out, err = process.communicate()
        assert "Traceback" not in err
        kills += 1
        workspace = Workspace(home)
        have = event_ids(workspace)
        assert len(have) == len(set(have))
        assert set(have) <= set(want)
        for number in range(FILES):
            if f"committed day-{number}.csv" in out:
                assert rows_of_day(workspace, number) == per_day[number]
        if have:
            assert open_histories(workspace).n_events == len(have)
        if "finished" in out:
            home = tmp_path / f"killed-{kills}"  # it was faster than the signal: go on with a new workspace
            Workspace.init(home)
    finally_ = ingest(Workspace(home), paths)
    assert finally_.read == FILES * (ROWS + 1)
    assert event_ids(Workspace(home)) == want
    with Workspace(home).engine() as run:
        assert run.row("SELECT count(*) FROM rejects") == (FILES,)


def test_two_ingests_at_once_both_land_and_double_nothing(tmp_path: Path) -> None:
    paths = write_log(tmp_path)
    clean = Workspace.init(tmp_path / "clean")
    ingest(clean, paths)
    home = tmp_path / "both"
    Workspace.init(home)
    commands = [[*paths[:4]], [*paths[2:]]]  # two files are read by both
    running = [subprocess.Popen([sys.executable, "-c", SCRIPT, str(home), *mine]) for mine in commands]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    assert event_ids(Workspace(home)) == event_ids(clean)
