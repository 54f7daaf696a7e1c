"""Makes data for the benchmarks in a process of its own, and prints facts.

``python _data.py WHAT FOLDER EVENTS SEED [USERS]``
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from _formats import write_coded, write_lake, write_rees46, write_segment
from _log import ShopLog
from footfall.histories.compile import compile as bring_up_to_date
from footfall.histories.compile import open_histories
from footfall.histories.store import Histories
from footfall.lake.workspace import Workspace

TINY_EVENTS = 3000


def make_lake(folder: Path, log: ShopLog) -> dict[str, Any]:
    """Make ``shop``, a workspace whose lake holds the log, and ``tiny``, a compiled one for warming up."""
    tiny = Workspace.init(folder / "tiny")
    write_lake(ShopLog(TINY_EVENTS, log.seed), tiny)
    bring_up_to_date(tiny)
    write_lake(log, Workspace.init(folder / "shop"))
    size = sum(path.stat().st_size for path in (folder / "shop" / "lake" / "events").glob("*.parquet"))
    return {"events": log.events, "lake_bytes": size}


def make_coded(folder: Path, log: ShopLog) -> dict[str, Any]:
    """Write the coded columns of ``shop``, compiled before, for the rivals."""
    histories = open_histories(Workspace(folder / "shop"), compile_if_needed=False)
    write_coded(histories, folder)
    sizes = [(path.name, path.stat().st_size) for path in folder.glob("coded.*")]
    return {"events": log.events, "users": histories.n_users, "ties": _ties(histories), "bytes": dict(sizes)}


def _ties(histories: Histories) -> int:
    """Count the events that have the same user and the same time as the one before."""
    ties = 0
    for part in histories.partitions:
        same = np.diff(part.timestamp_us) == 0
        firsts = part.offsets[1:-1]
        same[firsts[(firsts > 0) & (firsts < part.n_events)] - 1] = False
        ties += int(np.count_nonzero(same))
    return ties


def make_rees46(folder: Path, log: ShopLog) -> dict[str, Any]:
    """Write ``events.csv``."""
    counts = write_rees46(log, folder / "events.csv")
    return {**counts, "bytes": (folder / "events.csv").stat().st_size}


def make_segment(folder: Path, log: ShopLog) -> dict[str, Any]:
    """Write ``events.jsonl``."""
    write_segment(log, folder / "events.jsonl")
    return {"rows": log.events, "bytes": (folder / "events.jsonl").stat().st_size}


def make_shop(folder: Path, log: ShopLog) -> dict[str, Any]:
    """Make ``shop``, a workspace with nothing in it, in the place of what is there."""
    del log
    shutil.rmtree(folder / "shop", ignore_errors=True)
    Workspace.init(folder / "shop")
    return {}


MAKERS = {"shop": make_shop, "lake": make_lake, "coded": make_coded, "rees46": make_rees46, "segment": make_segment}

if __name__ == "__main__":
    what, folder, events, seed, *users = sys.argv[1:]
    log = ShopLog(int(events), int(seed), users=int(users[0]) if users else 0)
    print(json.dumps(MAKERS[what](Path(folder), log)))
