"""From a log to lists: train, recommend, runs; each mistake is one line; and logs that say too little."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import footfall
from footfall.cli.main import main
from footfall.errors import InputError
from footfall.recommenders.behaviour import Behaviour
from footfall.serving.bundles import open_bundle
from footfall.tasks.recommend import TrainResult

Run = Callable[..., subprocess.CompletedProcess[str]]
Event = dict[str, Any]
PutRows = Callable[..., None]

ROOT = Path(__file__).parents[2]
N_ITEMS, N_USERS = 16, 45
HOUR = 3_600_000_000
START = 1_700_000_000_000_000
CSV_LOG = "user_id,event_type,item_id,timestamp\n"


def following(item: str) -> str:
    return f"i{(int(item[1:]) + 1) % N_ITEMS:02d}"


def walks() -> list[tuple[str, str, str, int]]:
    rng = np.random.default_rng(0)
    rows = []
    for user in range(N_USERS):
        first, begin = int(rng.integers(N_ITEMS)), 1_700_000_000 + user * 60
        for step in range(int(rng.integers(4, 9))):
            item = f"i{(first + step) % N_ITEMS:02d}"
            rows.append((f"u{user:02d}", "view_item", item, begin + step * 7200))
    return rows


LASTS = {user: item for user, _, item, _ in walks()}
HAD = {user: {item for other, _, item, _ in walks() if other == user} for user in LASTS}


@pytest.fixture(scope="module")
def run() -> Run:
    def call(*args: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
        out, err, code = io.StringIO(), io.StringIO(), 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["footfall", *map(str, args)])
            patch.chdir(cwd)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                try:
                    main()
                except SystemExit as stop:
                    code = int(stop.code or 0)
        return subprocess.CompletedProcess(list(map(str, args)), code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Path:
    """A workspace with a log and a catalogue, and nothing trained."""
    home = tmp_path_factory.mktemp("empty")
    (home / "log.csv").write_text(CSV_LOG + "".join(",".join(map(str, row)) + "\n" for row in walks()))
    items = ["item_id,name,category,brand,price,available"]
    for number in range(N_ITEMS):
        kind = "even" if number % 2 == 0 else "odd"
        items.append(f"i{number:02d},Thing {number},all > {kind},b{number % 3},{number + 1}.50,true")
    (home / "items.csv").write_text("\n".join(items) + "\n")
    assert run("init", home / "shop").returncode == 0
    assert run("-w", home / "shop", "ingest", home / "log.csv", "-q").returncode == 0
    done = run("-w", home / "shop", "items", home / "items.csv", "-q")
    assert done.returncode == 0, done.stderr
    return home / "shop"


@pytest.fixture(scope="module")
def trained(empty: Path, run: Run) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The same workspace, trained; and what the command answered."""
    done = run("-w", empty, "train", "recommend", "--epochs", "2", "--family", "markov", "--format", "json")
    assert done.returncode == 0, done.stderr
    return empty, json.loads(done.stdout)  # type: ignore[return-value]


@pytest.fixture(scope="module")
def shop(trained: tuple[Path, dict[str, Any]]) -> Path:
    return trained[0]


def answer(run: Run, shop: Path, *args: str | Path) -> dict[str, Any]:
    done = run("-w", shop, *args, "--format", "json")
    assert done.returncode == 0, done.stderr
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


def test_before_anything_is_trained_the_command_is_said(run: Run, empty: Path) -> None:
    models = empty / "models" / "recommend"
    aside = models.rename(empty / "aside") if models.exists() else None
    try:
        done = run("-w", empty, "recommend")
        runs = run("-w", empty, "runs", "--task", "nothing")
    finally:
        if aside is not None:
            aside.rename(models)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr == "footfall: nothing is trained for recommend in this workspace; run: footfall train recommend\n"
    )
    assert runs.returncode == 0
    assert "no training runs yet" in runs.stdout


def test_training_answers_with_keys_that_are_stable(trained: tuple[Path, dict[str, Any]]) -> None:
    shop, said = trained
    names = ["question", "served", "how", "judged_cases", "parameters", "left_out", "bundle", "rows"]
    assert list(said) == names
    assert said["served"] == "markov"
    assert said["judged_cases"] == N_USERS
    assert list(said["rows"][0]) == [
        "recommender",
        "ndcg_10",
        "hit_rate_10",
        "coverage_10",
        "fit_cpu_s",
        "served",
    ]
    assert Path(said["bundle"]).parent == shop / "models" / "recommend"
    assert (Path(said["bundle"]) / "card.md").is_file()


def test_lists_hold_what_comes_next(run: Run, shop: Path) -> None:
    said = answer(run, shop, "recommend", *(f"--user=u{i:02d}" for i in range(N_USERS)), "-k", "1", "--seen")
    assert list(said) == ["question", "model", "version", "users", "cold", "recall", "rows"]
    assert (said["users"], said["cold"], said["model"]) == (N_USERS, 0, "markov")
    right = [row["item_id"] == following(LASTS[row["user_id"]]) for row in said["rows"]]
    assert np.mean(right) > 0.9
    row = said["rows"][0]
    assert list(row) == ["user_id", "rank", "item_id", "name", "score", "because"]
    assert row["name"] == f"Thing {int(row['item_id'][1:])}"
    assert row["because"].startswith("view_item Thing ")
    plain = answer(run, shop, "recommend", "--user", "u03", "--no-reasons")
    assert "because" not in plain["rows"][0]


def test_without_users_the_first_are_shown_and_said(run: Run, shop: Path) -> None:
    done = run("-w", shop, "recommend", "-k", "2", "--format", "csv")
    assert done.stderr == f"{N_USERS} users; here are the first 5 (--user, --users, --out)\n"
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 10
    assert [row["rank"] for row in rows] == ["1", "2"] * 5


def test_somebody_unknown_has_what_is_popular(run: Run, shop: Path) -> None:
    done = run("-w", shop, "recommend", "--user", "nobody", "-k", "3")
    assert done.returncode == 0
    assert "Nothing is known of 1 user of them" in done.stdout
    assert "popular with everybody" in done.stdout


def test_every_suffix_holds_the_same_lists(run: Run, shop: Path, tmp_path: Path) -> None:
    expected = answer(run, shop, "recommend", *(f"--user=u{i:02d}" for i in range(N_USERS)), "-k", "3")["rows"]
    keys = [(row["user_id"], row["rank"], row["item_id"]) for row in expected]
    for suffix in ("parquet", "csv", "jsonl"):
        out = tmp_path / f"lists.{suffix}"
        users = tmp_path / "users.txt"
        users.write_text("".join(f"u{i:02d}\n" for i in range(N_USERS)))
        done = run("-w", shop, "recommend", "--users", users, "-k", "3", "--out", out)
        assert (done.returncode, done.stdout) == (0, "")
        assert f"wrote {3 * N_USERS:,} rows for {N_USERS} users to {out}" in done.stderr
        if suffix == "parquet":
            table = pq.read_table(out)
            assert table.column_names == ["user_id", "item_id", "rank", "score"]
            rows = table.to_pylist()
        elif suffix == "csv":
            rows = [row | {"rank": int(row["rank"])} for row in csv.DictReader(io.StringIO(out.read_text()))]
            assert list(rows[0]) == ["user_id", "item_id", "rank", "score"]
        else:
            rows = [json.loads(line) for line in out.read_text().splitlines()]
        assert [(row["user_id"], row["rank"], row["item_id"]) for row in rows] == keys
        assert [float(row["score"]) for row in rows] == pytest.approx([r["score"] for r in expected], abs=1e-4)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "lists.csv",
        "lists.jsonl",
        "lists.parquet",
        "users.txt",
    ]


def test_everybody_is_written_with_reasons_where_a_file_can_hold_them(run: Run, shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.parquet"
    done = run("-w", shop, "recommend", "--out", out, "--reasons", "-k", "2")
    assert done.returncode == 0, done.stderr
    table = pq.read_table(out)
    assert set(table["user_id"].to_pylist()) == set(LASTS)
    first = table["reasons"].to_pylist()[0]
    assert set(first[0]) == {"item_id", "event_type", "timestamp", "weight"}
    refused = run("-w", shop, "recommend", "--out", tmp_path / "all.csv", "--reasons")
    assert refused.returncode == 2
    assert "reasons are lists, which CSV cannot hold; write .parquet or .jsonl" in refused.stderr
    assert not (tmp_path / "all.csv").exists()


@pytest.mark.parametrize("suffix", ["txt", "csv", "parquet"])
def test_users_are_read_from_a_file(suffix: str, run: Run, shop: Path, tmp_path: Path) -> None:
    wanted = ["u07", "u03", "007"]
    path = tmp_path / f"users.{suffix}"
    if suffix == "txt":
        path.write_text("u07\n\n u03 \n007\n")
    elif suffix == "csv":
        path.write_text("other,user_id\n1,u07\n2,u03\n3,007\n")
    else:
        pq.write_table(pa.table({"user_id": wanted}), path)
    rows = answer(run, shop, "recommend", "--users", path, "-k", "1")["rows"]
    assert [row["user_id"] for row in rows] == wanted


def test_filters_and_seen_items(run: Run, shop: Path) -> None:
    def items(*args: str) -> set[str]:
        rows = answer(run, shop, "recommend", "--user", "u05", "-k", "50", *args)["rows"]
        return {row["item_id"] for row in rows}

    whole = {f"i{n:02d}" for n in range(N_ITEMS)}
    assert items("--seen") == whole
    assert items("--no-seen") == items() == whole - HAD["u05"]
    assert items("--seen", "--category", "all > even") == {f"i{n:02d}" for n in range(0, N_ITEMS, 2)}
    assert items("--seen", "--brand", "b1") == {f"i{n:02d}" for n in range(1, N_ITEMS, 3)}
    assert items("--seen", "--min-price", "3", "--max-price", "5.5") == {"i02", "i03", "i04"}


def test_as_of_a_moment_nothing_later_is_known(run: Run, shop: Path) -> None:
    done = run("-w", shop, "recommend", "--user", "u10", "-k", "50", "--as-of", "2023-11-14", "--format", "json")
    said = json.loads(done.stdout)
    assert said["cold"] == 1  # u10 had not been there yet
    assert len(said["rows"]) == N_ITEMS


def test_a_run_is_listed_and_shown(run: Run, trained: tuple[Path, dict[str, Any]]) -> None:
    shop, said = trained
    rows = answer(run, shop, "runs")["rows"]
    assert list(rows[0]) == [
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
    mine = [row for row in rows if row["served"] == "markov"]
    assert len(mine) == 1
    assert (mine[0]["task"], mine[0]["status"], mine[0]["size"]) == ("recommend", "done", "tiny")
    one = answer(run, shop, "runs", mine[0]["id"])
    assert list(one) == ["runs", "rows"]
    shown = {row["what"]: row["values"][mine[0]["id"]] for row in one["rows"]}
    assert shown["settings.family"] == "markov"
    assert shown["outcome.bundle"] == Path(said["bundle"]).name
    assert run("-w", shop, "runs", mine[0]["id"][:-1]).returncode == 0  # by what it begins with
    assert not (shop / "runs" / mine[0]["id"] / "state").exists()


def test_evaluate_puts_families_side_by_side(run: Run, shop: Path) -> None:
    said = answer(
        run, shop, "evaluate", "recommend", "--against", "markov,popularity", "--horizon", "8h", "--epochs", "1", "-q"
    )
    assert {row["recommender"] for row in said["rows"]} == {"behaviour", "markov", "popularity"}
    assert said["cases"] >= 20
    assert {"metric", "winner", "lead", "decided", "rows"} <= set(said)


MISTAKES: list[tuple[Sequence[str], str]] = [
    (["train", "recomend"], "unknown task 'recomend'; did you mean 'recommend'"),
    (
        ["train", "recommend", "--for", "purchase"],
        "--for purchase needs events of type purchase; this log has items in",
    ),
    (["train", "recommend", "--family", "markof"], "unknown recommender 'markof'; did you mean 'markov'"),
    (["train", "recommend", "--horizon", "soon"], "--horizon"),
    (["train", "recommend", "--cutoff", "soon"], "--cutoff 'soon' is no moment"),
    (["train", "recommend", "--cutoff", "1999-01-01"], "there are no events to learn from"),
    (["train", "recommend", "--size", "tinny"], "tinny"),
    (["train", "recommend", "--epochs", "0"], "0"),
    (["train"], "TASK"),
    (["evaluate", "recommend", "--against", "markof"], "unknown recommender 'markof'; did you mean 'markov'"),
    (["evaluate", "recommend", "--horizon", "1s"], "at least 20 are needed; give a longer --horizon"),
    (["recommend", "--version", "1"], "there is no version '1' of recommend; have: 20"),
    (["recommend", "--users", "nowhere.txt"], "--users nowhere.txt: there is no such file"),
    (["recommend", "--out", "lists.xls"], "has suffix '.xls'; accepted: .parquet, .csv, .jsonl"),
    (["recommend", "--brand", "nobody"], "no item of 16 may be shown under"),
    (["recommend", "-k", "0"], "0"),
    (["recommend", "--diversity", "2"], "2"),
    (["runs", "never"], "unknown run 'never'"),
]


@pytest.mark.parametrize(("args", "message"), MISTAKES, ids=[" ".join(args) for args, _ in MISTAKES])
def test_a_mistake_of_the_users_is_said_in_one_line(
    args: Sequence[str], message: str, run: Run, shop: Path, tmp_path: Path
) -> None:
    done = run("-w", shop, *args, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    last = done.stderr.strip().splitlines()[-1]
    assert message in last
    assert last.startswith(("footfall: ", "Error: "))
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_what_was_refused_leaves_what_is_served_as_it_was(run: Run, trained: tuple[Path, dict[str, Any]]) -> None:
    shop, said = trained
    run("-w", shop, "train", "recommend", "--for", "basket")
    assert answer(run, shop, "recommend", "--user", "u01")["version"] == Path(said["bundle"]).name


def test_a_moment_that_is_none_is_called_by_its_option(run: Run, shop: Path) -> None:
    assert "--as-of 'soon' is no moment" in run("-w", shop, "recommend", "--as-of", "soon").stderr


def test_a_file_without_users_is_not_everybody(run: Run, shop: Path, tmp_path: Path) -> None:
    (tmp_path / "users.txt").write_text("\n")
    out = tmp_path / "lists.jsonl"
    done = run("-w", shop, "recommend", "--users", tmp_path / "users.txt", "--out", out)
    assert done.returncode == 2 or out.read_text() == ""


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_a_file_that_could_not_be_written_leaves_nothing(suffix: str, run: Run, shop: Path, tmp_path: Path) -> None:
    done = run("-w", shop, "recommend", "--brand", "nobody", "--out", tmp_path / f"lists.{suffix}")
    assert done.returncode == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["out", "csv", "parquet", "latin"])
def test_files_that_cannot_be_read_or_written_are_the_users_mistake(
    what: str, run: Run, shop: Path, tmp_path: Path
) -> None:
    (tmp_path / "users.csv").write_text("")
    (tmp_path / "users.parquet").write_text("no parquet")
    (tmp_path / "users.txt").write_bytes("Jürgen\n".encode("latin-1"))
    args = {
        "out": ["--out", tmp_path / "nowhere" / "lists.jsonl"],
        "csv": ["--users", tmp_path / "users.csv"],
        "parquet": ["--users", tmp_path / "users.parquet"],
        "latin": ["--users", tmp_path / "users.txt"],
    }[what]
    done = run("-w", shop, "recommend", *args)
    assert "internal error" not in done.stderr
    assert done.returncode == 2


@pytest.mark.parametrize("name", ["users.json", "nameless.csv"])
def test_a_file_of_users_that_is_none_is_said(name: str, run: Run, shop: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_text("id\n1\n")
    done = run("-w", shop, "recommend", "--users", tmp_path / name)
    assert done.returncode == 2
    assert "has suffix '.json'" in done.stderr or "has the columns id, and no user_id" in done.stderr


@pytest.mark.parametrize("command", ["train", "evaluate", "recommend", "runs"])
def test_help_says_what_every_option_is_for(command: str, run: Run) -> None:
    done = run(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: footfall {command}")
    assert "--format" in done.stdout
    options = re.findall(r"^  (-[^\n]*(?:\n {6,}[^\n]*)*)", done.stdout, re.MULTILINE)
    assert len(options) > 2
    assert all(re.search(r"\s{2,}\S", option) for option in options)


def test_progress_goes_to_stderr_and_the_answer_to_stdout(run: Run, shop: Path) -> None:
    args = ("train", "recommend", "--family", "behaviour", "--epochs", "1", "--format", "json")
    done = run("-w", shop, *args)
    said = json.loads(done.stdout)
    assert said["served"] == "behaviour"
    assert sum(said["parameters"].values()) > 1000
    assert re.search(r"behaviour, choosing: epoch 1/1, [\d,]+ events/s, loss \d", done.stderr)
    assert "fitting behaviour on everything" in done.stderr
    quiet = run("-w", shop, *args, "-q", "--seed", "1")
    assert quiet.stderr == ""
    back = run("-w", shop, "train", "recommend", "--epochs", "2", "--family", "markov", "--seed", "7", "-q")
    assert back.returncode == 0  # the others of this file ask a model of that kind
    rows = answer(run, shop, "runs")["rows"]
    assert {row["served"] for row in rows if row["status"] == "done"} == {"behaviour", "markov"}
    ids = [row["id"] for row in rows if row["status"] == "done"]
    table = {row["what"]: row["values"] for row in answer(run, shop, "runs", *ids)["rows"]}
    assert set(table["settings.family"].values()) == {"behaviour", "markov"}
    assert "settings.size" not in table  # the same for all


# --- logs that say too little, through the shop --------------------------------------------------------------------


def made(folder: Path, put_rows: PutRows, events: Sequence[Event]) -> footfall.Shop:
    shop = footfall.init(folder)
    stamped = [{**e, "event_id": str(i), "ingested_at": START, "sequence": i} for i, e in enumerate(events)]
    put_rows(shop.workspace, "events", stamped)
    return shop


def row(user: str, item: str | None, at: int, kind: str = "view_item") -> Event:
    return {"user_id": user, "item_id": item, "timestamp": START + at, "event_type": kind}


TOO_LITTLE: dict[str, tuple[list[Event], str, str]] = {
    "one user": ([row("u", f"i{i % 5}", i * HOUR) for i in range(12)], "popularity_recent", "not judged: 1 user had"),
    "one item": ([row(f"u{i % 30}", "i0", i * HOUR) for i in range(90)], "", "judged on 30 users by their last items"),
    "one type": (
        [row(f"u{i % 30}", f"i{i % 7}", i * HOUR, "add_to_cart") for i in range(200)],
        "",
        "judged on 30 users by their next items of the last",
    ),
    "ten events": (
        [row(f"u{i % 5}", f"i{i % 3}", i * HOUR) for i in range(10)],
        "popularity_recent",
        "not judged: 0 users",
    ),
    "one moment": (
        [row(f"u{i % 30}", f"i{i * 3 % 8}", 0) for i in range(200)],
        "",
        "judged on 30 users by their last items",
    ),
    "one event each": ([row(f"u{i}", f"i{i % 3}", i) for i in range(50)], "popularity_recent", "not judged: 0 users"),
    "20,000 of one user": (
        [row("u", f"i{i * 7 % 50}", i * 10**6) for i in range(20_000)],
        "popularity_recent",
        "not judged: 1 user had",
    ),
}


@pytest.mark.parametrize("name", TOO_LITTLE)
def test_a_log_that_says_little_is_learnt_from_and_what_is_missing_is_said(
    name: str, tmp_path: Path, put_rows: PutRows
) -> None:
    events, served, how = TOO_LITTLE[name]
    shop = made(tmp_path / "shop", put_rows, events)
    result = shop.train(epochs=1)
    assert isinstance(result, TrainResult)
    assert how in result.how
    assert "at least 20 are needed" in result.how or result.judged_cases >= 20
    assert result.served == served if served else result.served
    if name == "one event each":
        assert "no history has two events; read a longer log" in result.left_out["behaviour"]
    found = shop.recommend(k=3, exclude_seen=False)
    items = {e["item_id"] for e in events}
    assert found.table.num_rows == min(3, len(items)) * found.users
    assert set(found.table["item_id"].to_pylist()) <= items
    assert found.users == len({e["user_id"] for e in events})
    assert np.isfinite(found.table["score"].to_numpy()).all()


def test_one_user_with_very_many_events_is_read_to_the_end(tmp_path: Path, put_rows: PutRows) -> None:
    events = TOO_LITTLE["20,000 of one user"][0]
    shop = made(tmp_path / "shop", put_rows, events)
    shop.train(epochs=1, family="markov")
    found = shop.recommend(["u"], k=1, exclude_seen=False, reasons=True).table.to_pylist()
    last = events[-1]["item_id"]
    assert found[0]["item_id"] == f"i{(int(last[1:]) + 7) % 50}"
    assert found[0]["reasons"][0]["item_id"] == last


@pytest.mark.parametrize(
    ("events", "asked", "message"),
    [
        (TOO_LITTLE["one user"][0], {"goal": "purchase"}, "--for purchase needs events of type purchase; .*view_item"),
        (TOO_LITTLE["one event each"][0], {"family": "behaviour"}, "no recommender could learn .*behaviour: there is"),
        (
            [row("u", None, i) for i in range(9)],
            {},
            "no event of this log is about an item; read events with an item_id",
        ),
    ],
)
def test_a_log_that_cannot_be_learnt_from_is_one_line(
    events: list[Event], asked: dict[str, Any], message: str, tmp_path: Path, put_rows: PutRows
) -> None:
    shop = made(tmp_path / "shop", put_rows, events)
    with pytest.raises(InputError, match=message) as raised:
        shop.train(epochs=1, **asked)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "shop" / "models" / "recommend").exists()
    assert not shop.runs().table_rows()
    with pytest.raises(InputError, match=r"at least 20 are needed|needs events of type|no event of this log"):
        shop.evaluate(against="markov", epochs=1, **{k: v for k, v in asked.items() if k == "goal"})


class StopError(Exception):
    """Stands for a power cut."""


def test_a_training_that_was_stopped_is_gone_on_with_and_comes_to_the_same(tmp_path: Path, put_rows: PutRows) -> None:
    events = [row(user, item, at * 10**6 - START) for user, _, item, at in walks()]
    whole = made(tmp_path / "whole", put_rows, events)
    broken = made(tmp_path / "broken", put_rows, events)
    whole.train(epochs=4, family="behaviour")
    steps: list[int] = []

    def watch(_: str, step: Any) -> None:
        steps.append(step.epoch)
        if step.epoch == 2:
            raise StopError

    with pytest.raises(StopError):
        broken.train(epochs=4, family="behaviour", watch=watch)
    assert not (broken.models_root / "recommend").exists()
    assert [row["status"] for row in broken.runs().table_rows()] == ["stopped"]
    again: list[int] = []
    broken.train(epochs=4, family="behaviour", watch=lambda _, step: again.append(step.epoch))
    assert again[0] == 2  # the epochs that were done are not done again
    (record,) = broken.runs().table_rows()
    assert record["status"] == "done"
    models = [open_bundle(shop.models_root, "recommend").model for shop in (whole, broken)]
    assert all(isinstance(model, Behaviour) for model in models)
    assert broken.recommend(k=5).table.equals(whole.recommend(k=5).table)
