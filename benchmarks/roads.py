"""The whole road by the command line, on every data set: ``python benchmarks/roads.py [--data ...] [--epochs 3]``.

From raw files to a workspace, to a trained recommender, to a leaderboard, to lists in a file: what a newcomer types.
Two of the publishers' formats say no time or are no table (Amazon's text of items and gaps, the sessions of the
literature); they are written as CSV first, in a few lines each, and everything after that is a command of Footfall's.
How good the answers are is asked by ``recommend.py``, with rivals; here it is asked whether the road stands, and what
it costs.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet

import _records
from _measure import BenchmarkError
from _recommend_data import AMAZON, home

Step = list[str]
START_S: Final = 1_300_000_000
"""When logs begin that tell places alone, seconds after 1970."""
END_S: Final = 1_400_000_000
"""When histories end that tell gaps alone: all at one moment, so that the last horizon has everybody's last item."""
DUNNHUMBY: Final = {
    "user_id": "household_id",
    "timestamp": "transaction_timestamp",
    "item_id": "product_id",
    "order_id": "basket_id",
    "value": "sales_value",
}
PRODUCTS: Final = {"item_id": "product_id", "category": "product_category", "name": "product_type", "brand": "brand"}


def amazon(name: str, folder: Path) -> list[Step]:
    """Return the steps for Beauty or Toys: one purchase a line, words of an item being its published attributes.

    Args:
        name: ``beauty`` or ``toys``.
        folder: For the files.
    """
    source = home() / "amazon" / f"{AMAZON[name]}_items_and_gaps.txt"

    def rows() -> Iterator[tuple[str, int, str]]:
        for line in source.read_text("utf-8").splitlines():
            left, right = line.split("\t")
            user, *items = left.split()
            gaps = [int(gap) for gap in right.split()]
            at = END_S - sum(gaps)
            for item, gap in zip(items, gaps, strict=True):
                at += gap
                yield user, at, item

    _write(folder / "events.csv", ("user_id", "timestamp", "item_id"), rows())
    attributes = json.loads((source.parent / f"{AMAZON[name]}_item2attributes.json").read_text("utf-8"))
    said = ((item, " ".join(f"attribute{code}" for code in codes)) for item, codes in attributes.items())
    _write(folder / "items.csv", ("item_id", "name"), said)
    # Who buys the same item twice within a second has two equal rows.
    read = ["ingest", str(folder / "events.csv"), "--set", "event_type=purchase", "--keep-identical"]
    return [read, ["items", str(folder / "items.csv")]]


def sessions(name: str, folder: Path) -> list[Step]:
    """Return the steps for the sessions of the literature: order is all they tell, so their clocks count places.

    Args:
        name: ``diginetica`` or ``yoochoose``.
        folder: For the files.
    """
    table = pyarrow.parquet.read_table(home() / "sessions" / name / "train.parquet")
    pairs = zip(table["session_id"].to_pylist(), table["item_id"].to_pylist(), strict=True)
    rows = ((session, START_S + 10 * place, item) for place, (session, item) in enumerate(pairs))
    _write(folder / "events.csv", ("user_id", "timestamp", "item_id"), rows)
    return [["ingest", str(folder / "events.csv"), "--set", "event_type=view_item"]]


def dunnhumby(_: str, __: Path) -> list[Step]:
    """Return the steps for the Complete Journey, whose Parquet files are read as they are."""
    source = home() / "dunnhumby"
    read = ["ingest", str(source / "transactions.parquet"), "--set", "event_type=purchase", *_mapped(DUNNHUMBY)]
    return [read, ["items", str(source / "products.parquet"), *_mapped(PRODUCTS)]]


def online_retail(_: str, __: Path) -> list[Step]:
    """Return the steps for UCI Online Retail, whose daily CSV files are read as they are."""
    return [["ingest", str(home() / "uci_online_retail" / "by-day")]]


def simulated(_: str, folder: Path) -> list[Step]:
    """Return the steps for a simulated shop.

    Args:
        _: Its name.
        folder: For the files.
    """
    from footfall.simulator import simulate

    simulate(folder / "simulation", events=200_000, users=4000, days=90, seed=5)
    events = sorted(str(path) for path in (folder / "simulation").glob("events-*.parquet"))
    return [["ingest", *events], ["items", str(folder / "simulation" / "items.parquet")]]


ROADS: Final[dict[str, Callable[[str, Path], list[Step]]]] = {
    **dict.fromkeys(AMAZON, amazon),
    **dict.fromkeys(("diginetica", "yoochoose"), sessions),
    "dunnhumby": dunnhumby,
    "online_retail": online_retail,
    "simulated": simulated,
}


def walk(name: str, folder: Path, epochs: int) -> dict[str, Any]:
    """Go the whole road on one data set, and return what each step said and cost.

    Args:
        name: Of the data set.
        folder: An existing, empty folder.
        epochs: Most passes of the model over the log.

    Raises:
        BenchmarkError: A step failed.
    """
    shop, lists = folder / "shop", folder / "recs.parquet"
    most = ["--epochs", str(epochs), "--quiet"]
    steps = [
        ["init", str(shop)],
        *ROADS[name](name, folder),
        ["train", "recommend", *most],
        ["evaluate", "recommend", "--against", "all", *most],
        ["recommend", "-k", "10", "--out", str(lists)],
    ]
    told = []
    for step in steps:
        told.append(_do(shop, step, folder))
        print(f"{name} {told[-1]['command']}: {told[-1]['cpu_s']:.1f} CPU s", file=sys.stderr, flush=True)
    table = pyarrow.parquet.read_table(lists)
    users = len(table["user_id"].unique())
    return {"data": name, "steps": told, "lists": {"columns": table.column_names, "rows": len(table), "users": users}}


def _do(shop: Path, step: Step, folder: Path) -> dict[str, Any]:
    where = [] if step[0] == "init" else ["-w", str(shop)]
    wanted = [] if "--out" in step or step[0] == "init" else ["--format", "json"]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "footfall", *where, *step, *wanted], capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    shown = " ".join(step).replace(str(folder), "DIR").replace(str(home()), "DATA")
    if done.returncode:
        raise BenchmarkError(f"footfall {shown}: exit {done.returncode}: {done.stderr[-2000:]}")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    text = done.stdout.replace(str(folder), "DIR").replace(str(home()), "DATA")
    said = _short(json.loads(text)) if wanted else text.splitlines()
    return {
        "command": f"footfall {shown}",
        "cpu_s": round(cpu_s, 2),
        "wall_s": round(time.perf_counter() - began, 2),
        "said": said,
    }


def _short(said: Any) -> Any:
    """Drop what is long and tells nothing here: paths of this machine, and samples of rows."""
    if isinstance(said, dict):
        return {key: _short(value) for key, value in said.items() if key not in {"files", "samples", "workspace"}}
    return [_short(each) for each in said[:40]] if isinstance(said, list) else said


def _mapped(names: dict[str, str]) -> list[str]:
    return [word for ours, theirs in names.items() for word in ("--map", f"{ours}={theirs}")]


def _write(path: Path, names: Sequence[str], rows: Iterator[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Walk every road; 2 when one does not stand."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=ROADS, default=list(ROADS))
    parser.add_argument("--epochs", type=int, default=3, help="most passes of the model over a log (default: 3)")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "footfall-benchmarks" / "roads")
    parser.add_argument("--records", type=Path, default=_records.RECORDS, help="where the record goes")
    given = parser.parse_args(arguments)
    walked, broken = [], 0
    for name in given.data:
        folder = given.work.resolve() / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            walked.append(walk(name, folder, given.epochs))
        except BenchmarkError as error:
            broken += 1
            walked.append({"data": name, "error": str(error)})
            print(f"{name}: {error}", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
    path = _records.write(_records.record("roads", 1, 0, epochs=given.epochs, roads=walked), given.records)
    print(f"wrote {path.name}; {broken} roads broken")
    return 2 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
