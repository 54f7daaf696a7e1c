"""Shops of ``predict.py``: logs that take the whole road, and where each is cut by time.

``python _predict_data.py NAME FOLDER CUT`` makes one in a process of its own: a workspace in ``FOLDER/shop``, with its
histories compiled, and ``FOLDER/done``.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow.compute
import pyarrow.parquet

import footfall
from _recommend_data import home
from _recommend_logs import DUNNHUMBY
from footfall.histories.slices import as_of
from footfall.histories.store import Histories
from footfall.schema import US_PER_DAY
from footfall.shop import Shop

TASKS: Final = ("purchase", "churn", "value")
CDNOW: Final = {
    "user_id": "customer_id",
    "timestamp": "date",
    "quantity": "number_of_cds",
    "value": "dollar_value",
}
SIMULATED: Final[Mapping[str, Any]] = {"events": 1_000_000, "users": 10_000, "days": 126, "seed": 11}
"""What is simulated. Ranked lists are not written (``impressions_per_view`` is 0): no answer depends on them."""


@dataclasses.dataclass(frozen=True)
class Spec:
    """One log, and what is asked of it.

    Attributes:
        make: Makes the shop in a folder, of a part of the users where a cut is said.
        horizon_days: How far ahead is asked; cutoffs lie as far apart.
        tasks: Which questions.
    """

    make: Callable[[Path, int | None], Shop]
    horizon_days: int = 28
    tasks: tuple[str, ...] = TASKS


def online_retail(folder: Path, cut: int | None) -> Shop:
    """Read UCI Online Retail.

    Args:
        folder: For the workspace.
        cut: Keep customers whose number divided by it leaves 0, so that the whole year is there.
    """
    shop = footfall.init(folder / "shop", currency="GBP", timezone="Europe/London")
    source = home() / "uci_online_retail" / "by-day"
    shop.ingest(source if cut is None else _thinned(source, folder / "thin", cut))
    return shop


def _thinned(source: Path, into: Path, cut: int) -> Path:
    into.mkdir()
    for path in sorted(source.glob("*.csv")):
        head, *lines = path.read_text("utf-8").splitlines()
        place = head.split(",").index("CustomerID") if "CustomerID" in head else -2
        # Customers stand next to last: commas inside of descriptions do not reach them when counted from the end.
        back = place - len(head.split(","))
        customers = (line.split(",")[back].split(".")[0] for line in lines)
        kept = [line for line, name in zip(lines, customers, strict=True) if name.isdigit() and int(name) % cut == 0]
        if kept:
            (into / path.name).write_text("\n".join([head, *kept]) + "\n", "utf-8")
    return into


def dunnhumby(folder: Path, cut: int | None) -> Shop:
    """Read the Complete Journey.

    Args:
        folder: For the workspace.
        cut: Keep households whose number divided by it leaves 0.
    """
    source = home() / "dunnhumby" / "transactions.parquet"
    if cut is not None:
        table = pyarrow.parquet.read_table(source)
        number = table["household_id"].cast("int64").to_numpy()
        source = folder / "transactions.parquet"
        pyarrow.parquet.write_table(table.filter(number % cut == 0), source)
    shop = footfall.init(folder / "shop")
    shop.ingest(source, mapping=DUNNHUMBY, constants={"event_type": "purchase"})
    return shop


def cdnow(folder: Path, cut: int | None) -> Shop:
    """Read all customers of CDNOW: 18 months, one line for each day on which one bought.

    Args:
        folder: For the workspace.
        cut: Keep customers whose number divided by it leaves 0.
    """
    lines = (home() / "cdnow" / "CDNOW_master.txt").read_text("utf-8").splitlines()
    rows = (line.split() for line in lines)
    kept = [",".join(row) for row in rows if cut is None or int(row[0]) % cut == 0]
    path = folder / "cdnow.csv"
    path.write_text("\n".join(["customer_id,date,number_of_cds,dollar_value", *kept]) + "\n")
    shop = footfall.init(folder / "shop")
    # Who bought for the same sum twice on a day has two equal rows.
    shop.ingest(path, mapping=CDNOW, constants={"event_type": "purchase"}, keep_identical=True)
    return shop


def simulated(folder: Path, cut: int | None) -> Shop:
    """Simulate a shop; the truth stays in ``folder / "simulation" / "truth"``.

    Args:
        folder: For the simulation and the workspace.
        cut: Simulate so many users only, each as busy.
    """
    from footfall.simulator import simulate

    simulate(folder / "simulation", **wanted(cut))
    shop = footfall.init(folder / "shop")
    shop.ingest(sorted((folder / "simulation").glob("events-*.parquet")))
    shop.ingest_items(folder / "simulation" / "items.parquet")
    return shop


def wanted(cut: int | None) -> dict[str, Any]:
    """Return what is simulated, as ``simulate`` takes it.

    Args:
        cut: So many users only, each as busy.
    """
    settings = {**SIMULATED, "impressions_per_view": 0.0}
    if cut is not None:
        settings |= {"users": cut, "events": SIMULATED["events"] * cut // SIMULATED["users"]}
    return settings


SPECS: Final[Mapping[str, Spec]] = {
    "online_retail": Spec(online_retail),
    "dunnhumby": Spec(dunnhumby),
    "cdnow": Spec(cdnow),
    "simulated": Spec(simulated, horizon_days=14),
}


def cut_back(histories: Histories, horizons: int, horizon_days: int) -> Histories:
    """Return a log as it was some horizons before its end: nothing later is there.

    Args:
        histories: The whole log.
        horizons: How many before its end; 0 for the whole.
        horizon_days: Of each.
    """
    if not horizons:
        return histories
    last = max(int(part.timestamp_us.max()) for part in histories.partitions if part.n_events)
    return as_of(histories, last + 1 - horizons * horizon_days * US_PER_DAY)


def make(name: str, folder: Path, cut: int | None) -> None:
    """Make a shop with its histories compiled.

    Args:
        name: Of the log.
        folder: An existing, empty folder.
        cut: As the makers take it.
    """
    histories = SPECS[name].make(folder, cut).histories()
    for left in itertools.chain(folder.glob("thin"), folder.glob("*.csv"), folder.glob("*.parquet")):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    facts = {"users": histories.n_users, "events": histories.n_events}
    (folder / "done").write_text(json.dumps({"name": name, "cut": cut, "facts": facts}) + "\n", "utf-8")


if __name__ == "__main__":
    make(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]) or None)
