"""Records of runs: begun, gone on with, done; one process at a time; listed and put side by side."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from footfall.errors import InputError, TrainingError
from footfall.training.records import ComparedRuns, RunRecord, compare, runs_of

SETTINGS: dict[str, Any] = {"size": "tiny", "epochs": 3, "seed": 0}


def begin(runs: Path, settings: Mapping[str, Any] = SETTINGS, lake: str = "7-2", task: str = "recommend") -> RunRecord:
    return RunRecord.begin(runs, task, settings, lake)


def written(record: RunRecord) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((record.folder / "run.json").read_text())
    return facts


def look(epoch: int, loss: float, metric: float | None, phase: str = "chosen") -> dict[str, Any]:
    return {"phase": phase, "epoch": epoch, "loss": loss, "metric": metric, "cpu_s": 1.0, "events": 10}


def test_a_run_is_written_when_it_begins(tmp_path: Path) -> None:
    record = begin(tmp_path)
    facts = written(record)
    assert facts["id"] == record.folder.name
    assert (facts["task"], facts["status"], facts["lake_version"]) == ("recommend", "running", "7-2")
    assert facts["settings"] == SETTINGS
    assert (facts["resumed"], facts["wall_s"], facts["ended_at"]) == (0, 0.0, None)
    record.fail(time.monotonic(), "x")


def test_a_run_that_is_done_says_what_came_of_it_and_keeps_no_state(tmp_path: Path) -> None:
    record = begin(tmp_path)
    record.state.mkdir()
    (record.state / "weights").write_text("much")
    record.end(time.monotonic() - 90, {"behaviour": [look(1, 2.0, 0.5)]}, {"served": "markov"})
    facts = written(record)
    assert facts["status"] == "done"
    assert facts["wall_s"] == pytest.approx(90, abs=2)
    assert facts["started_at"] <= facts["ended_at"]
    assert facts["curves"] == {"behaviour": [look(1, 2.0, 0.5)]}
    assert facts["outcome"] == {"served": "markov"}
    assert not record.state.exists()


def test_a_run_that_was_stopped_is_gone_on_with_by_the_same_settings(tmp_path: Path) -> None:
    record = begin(tmp_path)
    record.state.mkdir()
    record.fail(time.monotonic() - 60, "KeyboardInterrupt: ")
    facts = written(record)
    assert (facts["status"], facts["why"]) == ("stopped", "KeyboardInterrupt: ")
    again = begin(tmp_path)
    assert again.folder == record.folder
    assert again.state.is_dir()
    assert (written(again)["status"], written(again)["resumed"]) == ("running", 1)
    again.fail(time.monotonic(), "once more")
    third = begin(tmp_path)
    assert written(third)["resumed"] == 2
    third.end(time.monotonic() - 30, {}, {})
    assert written(third)["wall_s"] == pytest.approx(90, abs=3)  # of all three
    assert len(list(tmp_path.glob("*/run.json"))) == 1


def test_settings_in_another_order_are_the_same(tmp_path: Path) -> None:
    record = begin(tmp_path)
    record.fail(time.monotonic(), "x")
    again = begin(tmp_path, dict(reversed(list(SETTINGS.items()))))
    assert again.folder == record.folder
    again.fail(time.monotonic(), "x")


@pytest.mark.parametrize(
    "other",
    [
        {"settings": SETTINGS | {"epochs": 4}},
        {"settings": SETTINGS | {"goal": "purchase"}},
        {"lake": "8-2"},
        {"task": "another"},
    ],
)
def test_anything_else_is_another_run(other: dict[str, Any], tmp_path: Path) -> None:
    record = begin(tmp_path)
    record.fail(time.monotonic(), "x")
    another = begin(tmp_path, **other)
    assert another.folder != record.folder
    assert written(another)["resumed"] == 0
    assert written(record)["status"] == "stopped"
    another.fail(time.monotonic(), "x")


def test_what_is_done_is_not_gone_on_with(tmp_path: Path) -> None:
    record = begin(tmp_path)
    record.end(time.monotonic(), {}, {"served": "markov"})
    older = record.folder.rename(tmp_path / "20200101T000000Z-abcd")
    again = begin(tmp_path)
    assert again.folder != older
    assert written(again)["resumed"] == 0
    again.fail(time.monotonic(), "x")


def test_two_runs_of_the_same_settings_in_one_second_are_two(tmp_path: Path) -> None:
    for served in ("first", "second", "third"):
        begin(tmp_path).end(time.monotonic(), {}, {"served": served})
    assert {row.served for row in runs_of(tmp_path).rows} == {"first", "second", "third"}


def test_two_in_one_process_at_once_are_refused(tmp_path: Path) -> None:
    record = begin(tmp_path)
    with pytest.raises(TrainingError, match=f"another process is training this very run .{record.folder.name}.; wait"):
        begin(tmp_path)
    assert written(record)["resumed"] == 0
    record.fail(time.monotonic(), "x")
    begin(tmp_path).fail(time.monotonic(), "x")  # and then it may


HOLDS = """
import sys, pathlib
from footfall.training.records import RunRecord
record = RunRecord.begin(pathlib.Path(sys.argv[1]), "recommend", {"size": "tiny", "epochs": 3, "seed": 0}, "7-2")
print(record.folder.name, flush=True)
sys.stdin.read()
"""


def test_two_processes_at_once_are_refused_and_one_that_died_is_gone_on_with(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        name = other.stdout.readline().strip()
        with pytest.raises(TrainingError, match=f"another process is training this very run .{name}.; wait") as raised:
            begin(tmp_path)
        assert "\n" not in str(raised.value)
        different = begin(tmp_path, SETTINGS | {"epochs": 9})  # another run is nobody's business
        different.fail(time.monotonic(), "x")
        other.kill()
        other.wait()
    assert json.loads((tmp_path / name / "run.json").read_text())["status"] == "running"  # it could not say so
    again = begin(tmp_path)
    assert again.folder.name == name
    assert written(again)["resumed"] == 1
    again.fail(time.monotonic(), "x")


@pytest.fixture
def three(tmp_path: Path) -> Path:
    first = begin(tmp_path)
    curve = [look(2, 2.5, 0.3), look(4, 2.0, 0.4), look(4, 1.9, None, "final")]
    first.end(time.monotonic() - 10, {"behaviour": curve}, {"served": "behaviour", "judged_cases": 40})
    second = begin(tmp_path, SETTINGS | {"epochs": 9})
    second.end(time.monotonic() - 20, {"behaviour": [look(2, 2.4, 0.35)]}, {"served": "markov", "judged_cases": 40})
    third = begin(tmp_path, SETTINGS, task="other")
    third.fail(time.monotonic(), "it was late")
    for number, record in enumerate((first, second, third)):
        facts = written(record) | {"id": f"run-{number}", "started_at": f"2026-01-0{number + 1}T00:00:00+00:00"}
        (record.folder / "run.json").write_text(json.dumps(facts))
    return tmp_path


def test_runs_are_listed_the_newest_first(three: Path) -> None:
    found = runs_of(three)
    assert [row.id for row in found.rows] == ["run-2", "run-1", "run-0"]
    oldest = found.rows[-1]
    assert (oldest.task, oldest.status, oldest.size, oldest.served) == ("recommend", "done", "tiny", "behaviour")
    assert (oldest.epochs, oldest.best) == (4, 0.4)
    assert (found.rows[0].status, found.rows[0].served, found.rows[0].epochs, found.rows[0].best) == (
        "stopped",
        None,
        0,
        None,
    )
    assert found.headline() == "3 training runs, the newest first"
    assert [row.id for row in runs_of(three, "recommend").rows] == ["run-1", "run-0"]
    assert list(found.table_rows()[0]) == [
        "id",
        "task",
        "status",
        "started_at",
        "wall_s",
        "size",
        "lake_version",
        "code_version",
        "served",
        "epochs",
        "best",
    ]


def test_where_nothing_was_trained_there_are_no_runs(tmp_path: Path) -> None:
    found = runs_of(tmp_path / "runs")
    assert found.rows == ()
    assert str(found).startswith("no training runs yet")


def of(found: ComparedRuns) -> dict[str, dict[str, Any]]:
    return {row["what"]: {k: v for k, v in row.items() if k != "what"} for row in found.table_rows()}


def test_one_run_is_shown_whole(three: Path) -> None:
    found = compare(three, ["run-0"])
    assert found.runs == ("run-0",)
    shown = {what: values["run-0"] for what, values in of(found).items()}
    assert shown["settings.size"] == "tiny"
    assert shown["settings.epochs"] == 3
    assert shown["status"] == "done"
    assert shown["behaviour chosen 1: loss"] == 2.5
    assert shown["behaviour chosen 2: metric"] == 0.4
    assert shown["behaviour final 3: loss"] == 1.9
    assert "behaviour final 3: metric" not in shown
    assert shown["outcome.served"] == "behaviour"


def test_runs_side_by_side_show_the_settings_that_differ(three: Path) -> None:
    shown = of(compare(three, ["run-0", "run-1"]))
    assert shown["settings.epochs"] == {"run-0": 3, "run-1": 9}
    assert "settings.size" not in shown
    assert shown["outcome.served"] == {"run-0": "behaviour", "run-1": "markov"}
    assert shown["behaviour chosen 2: loss"] == {"run-0": 2.0, "run-1": None}
    assert "run-0" in str(compare(three, ["run-0", "run-1"]))


def test_a_run_is_found_by_what_its_name_begins_with(three: Path) -> None:
    with pytest.raises(InputError, match=r"'run' means run-\d, run-\d, run-\d"):
        compare(three, ["run"])
    with pytest.raises(InputError, match="unknown run 'rum-1'; did you mean 'run-1'"):
        compare(three, ["rum-1"])
    folder = next(iter(three.glob("*/run.json")))
    facts = json.loads(folder.read_text())
    folder.write_text(json.dumps(facts | {"id": facts["id"] + "-more"}))
    name = facts["id"]
    assert compare(three, [name]).runs == (f"{name}-more",)
