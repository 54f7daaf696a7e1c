"""The road by the command line: on small files in the publishers' formats, and its table."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

Load = Callable[[str], ModuleType]


@pytest.fixture
def amazon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two hundred users who walk round a ring of twenty items, a day from one to the next."""
    home = tmp_path / "data"
    (home / "amazon").mkdir(parents=True)
    rng = np.random.default_rng(0)
    lines = []
    for user in range(200):
        first, steps = int(rng.integers(20)), int(rng.integers(6, 30))
        items = " ".join(str((first + step) % 20 + 1) for step in range(steps))
        lines.append(f"{user} {items}\t{' '.join(['0', *['86400'] * (steps - 1)])}")
    (home / "amazon" / "Beauty_items_and_gaps.txt").write_text("\n".join(lines) + "\n")
    attributes = {str(item): [item % 3, 10 + item % 2] for item in range(1, 21)}
    (home / "amazon" / "Beauty_item2attributes.json").write_text(json.dumps(attributes))
    monkeypatch.setenv("FOOTFALL_DATA", str(home))
    return home


@pytest.mark.slow
@pytest.mark.usefixtures("amazon")
def test_the_road_stands(load: Load, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--data", "beauty", "--epochs", "1", "--work", str(tmp_path / "w"), "--records", str(tmp_path / "r")]
    assert load("roads").main(given) == 0
    assert "0 roads broken" in capsys.readouterr().out
    (made,) = load("_records").read("roads", tmp_path / "r")
    (road,) = made["roads"]
    assert road["lists"] == {"columns": ["user_id", "item_id", "rank", "score"], "rows": 2000, "users": 200}
    assert [step["command"].split()[1] for step in road["steps"]] == [
        "init", "ingest", "items", "train", "evaluate", "recommend",
    ]  # fmt: skip
    assert str(tmp_path) not in json.dumps(made)
    table = load("_roads_table").roads(tmp_path / "r", load("table").grid)
    assert "beauty" in table
    assert "| 200 |" in table


def test_a_broken_road_is_told(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "amazon").mkdir()
    (tmp_path / "amazon" / "Beauty_items_and_gaps.txt").write_text("1 5\t0\n")
    (tmp_path / "amazon" / "Beauty_item2attributes.json").write_text("{}")
    monkeypatch.setenv("FOOTFALL_DATA", str(tmp_path))
    given = ["--data", "beauty", "--work", str(tmp_path / "w"), "--records", str(tmp_path / "r")]
    assert load("roads").main(given) == 2
    assert "footfall items DIR/items.csv" in capsys.readouterr().err
    assert "broken" in load("_roads_table").roads(tmp_path / "r", load("table").grid)
