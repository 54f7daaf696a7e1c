"""The benchmark of features on a tiny log: it measures all that it says, and writes a record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

Load = Callable[[str], ModuleType]


def test_the_answers_are_about_the_log_that_was_made(load: Load, tmp_path: Path) -> None:
    log = load("_log").ShopLog(4000, users=40)
    assert len(np.unique(np.concatenate([piece.user for piece in log.pieces()]))) <= 40
    load("_data").make_lake(tmp_path, log)
    load("_tool_footfall").ask("compile", tmp_path)
    tool = load("_tool_features")
    found: dict[str, Any] = {question: tool.ask(question, tmp_path) for question in ("users", "pairs")}
    found["live"] = tool.live(tmp_path / "shop", calls=50)
    assert 30 < found["users"]["rows"] <= 40
    assert found["users"]["columns"] > 90
    assert 0 < found["live"]["p50_ms"] <= found["live"]["p99_ms"]
    assert 20 < found["live"]["median_events"] < 120
    assert found["pairs"]["rows"] == found["pairs"]["met"] > 500
    assert found["pairs"]["columns"] > 40
    assert json.loads(json.dumps(found)) == found


@pytest.mark.slow
def test_the_script_writes_a_record(load: Load, tmp_path: Path) -> None:
    work, records = tmp_path / "work", tmp_path / "records"
    code = load("features").main(
        ["--events", "3e3", "--users", "30", "--repeat", "1", "--work", str(work), "--records", str(records)]
    )
    (path,) = records.iterdir()
    made = json.loads(path.read_text("utf-8"))
    assert (made["benchmark"], made["events"]) == ("features", 3000)
    assert [measure["question"] for measure in made["measures"]] == ["users", "live", "pairs"]
    assert code == any(target["met"] is False for target in made["targets"])
    assert len(made["targets"]) == 5
    assert not list(work.iterdir())
