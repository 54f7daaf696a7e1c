from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from footfall.cli.main import COMMANDS, main
from footfall.cli.reference import commands_page, sources_page

ROOT = Path(__file__).parents[2]

Run = Callable[..., subprocess.CompletedProcess[str]]

LOG = """\
event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session
2019-10-01 00:00:00 UTC,view,1,10,shoes.kids,acme,10.00,u1,s1
2019-10-01 00:01:00 UTC,cart,1,10,shoes.kids,acme,10.00,u1,s1
2019-10-01 00:02:00 UTC,purchase,1,10,shoes.kids,acme,10.00,u1,s1
2019-10-01 00:00:00 UTC,view,2,11,,,5.50,u2,s2
2019-10-01 00:50:00 UTC,view,1,10,shoes.kids,acme,10.00,u2,s3
2019-10-01 00:50:01 UTC,cart,1,10,shoes.kids,acme,-1,u2,s3
2019-10-02 00:00:00 UTC,view,2,11
"""


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
def shop(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Path:
    home = tmp_path_factory.mktemp("cli")
    (home / "log.csv").write_text(LOG)
    assert run("init", home / "shop").returncode == 0
    done = run("-w", home / "shop", "ingest", home / "log.csv")
    assert done.returncode == 0, done.stderr
    return home / "shop"


def answer(run: Run, shop: Path, *args: str) -> dict[str, object]:
    done = run("-w", shop, *args, "--format", "json")
    assert done.returncode == 0, done.stderr
    parsed: dict[str, object] = json.loads(done.stdout)
    return parsed


def test_ingest_answers_the_sum_and_reads_nothing_twice(run: Run, shop: Path) -> None:
    again = answer(run, shop, "ingest", str(shop.parent / "log.csv"), "-q")
    assert {k: again[k] for k in ("read", "accepted", "duplicates", "rejected")} == {
        "read": 7,
        "accepted": 0,
        "duplicates": 5,
        "rejected": 2,
    }
    assert again["reasons"] == {"missing_columns": 1, "negative_price": 1}
    assert again["source"] == "rees46"
    assert again["guessed"] is True


def test_every_view_counts_the_same_users(run: Run, shop: Path) -> None:
    # u1: view, cart, purchase in one session; u2: a view, and 50 minutes later another (its cart was refused).
    sessions = answer(run, shop, "sessions")
    assert (sessions["sessions"], sessions["users"], sessions["events"]) == (3, 2, 5)
    funnel = answer(run, shop, "funnel", "view_item", "add_to_cart", "purchase", "--within", "1d")
    steps = funnel["steps"]
    assert isinstance(steps, list)
    assert [(s["event_type"], s["users"]) for s in steps] == [("view_item", 2), ("add_to_cart", 1), ("purchase", 1)]
    paths = answer(run, shop, "paths", "--to", "purchase")
    assert paths["paths"] == 1


def test_users_behind_a_step_are_written(run: Run, shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "users.csv"
    done = run("-w", shop, "transitions", "--users", out, "--at", "view_item>add_to_cart")
    assert done.returncode == 0, done.stderr
    assert out.read_text().splitlines()[1:] == ['"u1",false']


@pytest.mark.parametrize(
    "command",
    [
        ["check"],
        ["rejects"],
        ["compile"],
        ["step-matrix"],
        ["retention", "--by", "day"],
        ["lifecycle", "--unit", "day"],
        ["stickiness"],
        ["rfm"],
        ["attribution"],
        ["links"],
        ["sessions", "--by", "device"],
        ["sessions", "--where", "category like 'shoes.%'"],
        ["export", "u1", "--dry-run"],
        ["erase", "u1", "--dry-run"],
    ],
    ids=" ".join,
)
def test_every_command_prints_a_table(run: Run, shop: Path, command: Sequence[str]) -> None:
    done = run("-w", shop, *command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["sesions"], "unknown command 'sesions'; did you mean 'sessions'"),
        (["funnel", "view_itm", "purchase"], "did you mean 'view_item'"),
        (["funnel", "view_item", "purchase", "--within", "0d"], "0"),
        (["sessions", "--where", "colour = 'red'"], "colour"),
        (["sessions", "--by", "devise"], "did you mean 'device'"),
        (["sessions", "--from", "yesterday"], "--from 'yesterday' is no moment; accepted: 2019-10-01"),
        (["sessions", "--from", "2019-10-02", "--to", "2019-10-01"], "--from must lie before --to"),
        (["ingest", "nowhere.csv"], "there is no file nowhere.csv"),
        (["ingest", "log.csv", "--source", "rees64"], "did you mean 'rees46'"),
        (["ingest", "log.csv", "--map", "user_id"], "--map 'user_id' is no pair; accepted: --map ours=theirs"),
        (["transitions", "--users", "x.csv"], "--users needs --at SOURCE>TARGET"),
        (["sessions", "--out", "x.xlsx"], "accepted: .parquet, .csv, .jsonl"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_ends_in_one_clear_line(run: Run, shop: Path, command: Sequence[str], said: str) -> None:
    done = run("-w", shop, *command, cwd=shop.parent)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_no_workspace_says_how_to_make_one(run: Run, tmp_path: Path) -> None:
    done = run("sessions", cwd=tmp_path)
    assert done.returncode == 2
    assert "is no workspace: it has no footfall.toml; make one with: footfall init DIR" in done.stderr


def test_help_and_import_load_nothing_heavy() -> None:
    code = (
        "import sys; import footfall; from footfall.cli.main import cli; "
        "cli.main(['--help'], standalone_mode=False); "
        "print([m for m in ('numpy', 'numba', 'duckdb', 'deltalake', 'pyarrow', 'rich', 'sklearn', 'torch') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(name in done.stdout for name in COMMANDS)


def test_the_pages_made_from_the_code_are_up_to_date() -> None:
    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == commands_page(), "run: make docs"
    assert (ROOT / "docs" / "sources.md").read_text("utf-8") == sources_page(), "run: make docs"
