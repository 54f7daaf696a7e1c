"""The benchmarks themselves, at tiny size: equal answers of all tools, logs by seed, records, tables."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

HOME = Path(__file__).parents[1] / "benchmarks"
EVENTS = 6000


@pytest.fixture(scope="module", autouse=True)
def _beside_the_scripts() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HOME))
        yield


def load(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("benchmark")
    log = load("_log").ShopLog(EVENTS, piece_events=2500)  # three pieces
    load("_data").make_lake(folder, log)
    load("_tool_footfall").ask("compile", folder)
    facts = load("_data").make_coded(folder, log)
    assert facts["events"] == EVENTS
    assert facts["ties"] == 0
    return folder


def asked(tool: str, question: str, folder: Path) -> Any:
    module = load(f"_tool_{tool}")
    module.prepare(question, folder)
    return json.loads(json.dumps(module.answer(question, module.ask(question, folder), folder)))


QUESTIONS = ("funnel", "sessions", "transitions", "step_matrix", "paths")


@pytest.mark.parametrize(
    ("tool", "question"),
    [
        *(("duckdb", question) for question in QUESTIONS),
        *(("duckdb_unordered", question) for question in QUESTIONS[1:]),  # it has no funnel of its own
        *(("polars", question) for question in QUESTIONS),
    ],
)
def test_rivals_give_our_answers(tool: str, question: str, data: Path) -> None:
    ours = asked("footfall", question, data)
    theirs = asked(tool, question, data)
    assert len(theirs) >= 3  # it did answer
    assert load("_questions").differences(question, ours, theirs) == []


@pytest.mark.slow
@pytest.mark.parametrize("question", ["funnel_open", "sessions", "transitions", "step_matrix"])
def test_retentioneering_gives_our_answers(question: str, data: Path) -> None:
    python = load("_rivals").HOME / "bin" / "python"
    if not python.exists():
        pytest.skip("the rivals' environment is not made; benchmarks/journeys.py makes it")
    run = load("_measure").measure("retentioneering", question, data, python=str(python))
    assert load("_questions").differences(question, asked("footfall", question, data), run.answer) == []


def test_differences_are_found() -> None:
    differences = load("_questions").differences
    transitions = {"(start)>a": [2, 1, None], "a>(end)": [2, 1, None]}
    assert differences("transitions", transitions, {"(start)>a": [2], "a>(end)": [2]}) == []
    assert differences("transitions", transitions, {"(start)>a": [2]}) == ["transitions.a>(end): only one has it"]
    assert differences("funnel", [3, 2], [3]) == ["funnel: 2 and 1 of them"]
    assert differences("funnel", [3, 2], [3, 1]) == ["funnel[1]: 2 and 1"]
    assert differences("sessions", {"sessions": 1.0, "median_events": 2}, {"sessions": 1}) == []


def test_the_answer_to_paths_is_made_of_all_paths() -> None:
    off = "(drop-off)"
    made = load("_questions").path_answer([(("a", "b", off, off, off), 2), (("a", off, off, off, off), 3)])
    assert made["cells"] == {"1:a": 5, "2:b": 2, f"2:{off}": 3, f"3:{off}": 5, f"4:{off}": 5, f"5:{off}": 5}
    assert made["links"]["1:a>b"] == 2
    assert made["top"] == [[["a", off], 3], [["a", "b", off], 2]]


def test_a_log_is_made_by_seed_and_has_the_size_that_was_asked_for() -> None:
    log = load("_log").ShopLog
    once, again, other = ([*log(EVENTS, seed, 2500).pieces()] for seed in (1, 1, 2))
    assert [len(piece) for piece in once] == [2500, 2500, 1000]
    for name in ("user", "timestamp_us", "event_type", "item", "visit"):
        for a, b in zip(once, again, strict=True):
            assert np.array_equal(getattr(a, name), getattr(b, name))
    assert not np.array_equal(once[0].user, other[0].user)
    assert all((np.diff(piece.timestamp_us) >= 0).all() for piece in once)
    assert all((piece.timestamp_us % 1000 == 0).all() for piece in once)


def test_ingest_finds_what_was_put_into_the_file(tmp_path: Path) -> None:
    log = load("_log").ShopLog(EVENTS)
    facts = load("_data").make_rees46(tmp_path, log)
    assert facts["rows"] == EVENTS + EVENTS // 100
    assert facts["twice"] == EVENTS // 100
    assert facts["dirty"] == EVENTS // 1000
    load("_data").make_shop(tmp_path, log)
    found = asked("footfall", "ingest events.csv", tmp_path)
    assert found["read"] == facts["rows"]
    assert found["rejected"] == facts["dirty"]
    assert found["duplicates"] >= facts["twice"]  # an equal row of the same second may be another one
    assert asked("duckdb", "copy events.csv", tmp_path) == facts["rows"]
    load("_data").make_segment(tmp_path, log)
    load("_data").make_shop(tmp_path, log)
    assert asked("footfall", "ingest events.jsonl", tmp_path)["accepted"] == EVENTS


def test_ratios_are_of_medians_with_the_range_of_the_rounds() -> None:
    run, records = load("_measure").Run, load("_records")
    ours, theirs = (
        [run("t", "q", cpu_s, 0.0, 0.0, 0.0, 0.0, "1", None) for cpu_s in each]
        for each in ((1.0, 2.0, 4.0), (4.0, 4.0, 2.0))
    )
    compared = records.ratio(ours, theirs)
    assert compared == {"ratio": 2 / 4, "low": 1 / 4, "high": 4 / 2}
    assert records.judged("w", compared, most=0.5)["met"] is True
    assert records.judged("w", compared, least=0.6) == {"what": "w", **compared, "target": "at least 0.6", "met": False}
    assert records.judged("w", compared)["met"] is None


def test_a_record_names_no_folder_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys, "argv", ["/some/where/scale.py", "--work", "/data/x", "--repeat", "2", "--records=/data/y"]
    )
    made = load("_records").record("scale", 2, 7)
    assert made["command"] == "python benchmarks/scale.py --repeat 2"
    assert "/data" not in json.dumps(made)


@pytest.mark.slow
def test_the_scripts_write_records_that_become_tables(tmp_path: Path) -> None:
    records = tmp_path / "records"
    common = ["--repeat", "1", "--work", str(tmp_path / "work"), "--records", str(records)]
    load("journeys").main(["--events", "6e3", "--questions", "funnel", "--tools", "footfall", "duckdb", *common])
    load("ingest").main(["--rows", "6e3", "--files", "events.csv", *common])
    load("scale").main(["--events", "3e3", "6e3", "--questions", "funnel", *common])
    assert sorted(path.name.split("-")[0] for path in records.iterdir()) == ["ingest", "journeys", "scale"]
    assert list((tmp_path / "work").iterdir()) == []  # cleaned up
    table = load("table")
    text = "".join(f"<!-- table: {name} -->\nold\n<!-- end -->\n" for name in ("journeys", "ingest", "scale"))
    page = table.render(text, records)
    assert "old" not in page
    assert "| funnel, 4 steps in 24 h | " in page
    assert "| Footfall: ingest events.csv | " in page
    assert "| compile | " in page
    assert table.render(page, records) == page


def test_tables_without_records_or_without_an_end(tmp_path: Path) -> None:
    table = load("table")
    page = table.render("a\n<!-- table: scale -->\nx\n<!-- end -->\nb\n", tmp_path)
    assert page == "a\n<!-- table: scale -->\nNo record yet.\n<!-- end -->\nb\n"
    with pytest.raises(ValueError, match=r"the table 'speed' has no end, or no such name; accepted: journeys, ingest"):
        table.render("<!-- table: speed -->\n<!-- end -->\n", tmp_path)


def test_the_page_says_what_the_records_say() -> None:
    table = load("table")
    text = (HOME / "README.md").read_text("utf-8")
    assert table.render(text) == text, "run: python benchmarks/table.py"
