"""Data sets of ``recommend.py`` that take the whole road: files are ingested, compiled, and cut by time.

What is learnt for the test lies before the cutoff; what validates lies in the weeks before it (``early`` is what was
known then).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow.parquet

import footfall
from _recommend_data import Data, home
from footfall.evaluation.cases import Cases
from footfall.evaluation.splits import before, by_time, next_basket
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences, sequences_of
from footfall.histories.store import Histories
from footfall.schema import US_PER_DAY
from footfall.shop import Shop

WEEKS_4_US: Final = 28 * US_PER_DAY
DUNNHUMBY: Final = {
    "user_id": "household_id",
    "timestamp": "transaction_timestamp",
    "item_id": "product_id",
    "order_id": "basket_id",
    "value": "sales_value",
}

SIMULATED: Final[dict[str, Any]] = {"events": 1_000_000, "users": 10_000, "days": 126, "seed": 11}
"""What is simulated. Ranked lists are not shown (``impressions_per_view`` is 0), so that the true probability of the
next view has a closed form: see ``_recommend_oracle``."""
SIMULATED_HORIZON_US: Final = 7 * US_PER_DAY
"""The last week; it begins with a week of prices, which change every seventh day."""

Asked = Callable[[Sequences, int], Cases]
"""Makes cases from whole sequences and a cutoff."""


def dunnhumby(cut: int | None, folder: Path) -> Data:
    """Load the Complete Journey: the first basket in the last four weeks of the year.

    Args:
        cut: Keep the first households only.
        folder: For the workspace.
    """
    shop = footfall.init(folder / "shop")
    shop.ingest(home() / "dunnhumby" / "transactions.parquet", mapping=DUNNHUMBY, constants={"event_type": "purchase"})
    data = _baskets("dunnhumby", shop, cut)
    products = pyarrow.parquet.read_table(home() / "dunnhumby" / "products.parquet").to_pylist()
    columns = ("department", "product_category", "product_type", "brand", "manufacturer_id")
    said = {str(row["product_id"]): [f"{name}: {row[name]}" for name in columns if row[name]] for row in products}
    return dataclasses.replace(data, attributes=described(shop.histories().vocabularies["item"].ids, said))


def online_retail(cut: int | None, folder: Path) -> Data:
    """Load UCI Online Retail: the first order in the last four weeks.

    Args:
        cut: Keep the first customers only.
        folder: For the workspace.
    """
    shop = footfall.init(folder / "shop", currency="GBP", timezone="Europe/London")
    shop.ingest(home() / "uci_online_retail" / "by-day")
    return _baskets("online_retail", shop, cut)


def _baskets(name: str, shop: Shop, cut: int | None) -> Data:
    histories = shop.histories()
    whole = _known_users(sequences_of(histories, ["purchase"]), histories).with_items()
    whole = _cut(whole, cut)
    types = {"purchase": histories.event_code("purchase")}
    cutoff = _midnight(int(_times(whole).max()) + US_PER_DAY) - WEEKS_4_US

    def ask(sequences: Sequences, moment: int) -> Cases:
        return next_basket(sequences, moment, WEEKS_4_US, basket_types=types.values())

    return _by_time(name, whole, cutoff, WEEKS_4_US, ask, types)


def simulated(cut: int | None, folder: Path) -> Data:
    """Simulate a shop: what a known person looks at or buys next, in the week after the cutoff.

    The truth stays in ``folder / "simulation" / "truth"``.

    Args:
        cut: Simulate so many users only, each as busy.
        folder: For the simulation and the workspace.
    """
    from footfall.simulator import simulate

    wanted = dict(SIMULATED)
    if cut is not None:
        wanted |= {"users": cut, "events": SIMULATED["events"] * cut // SIMULATED["users"]}
    simulate(folder / "simulation", impressions_per_view=0, **wanted)
    shop = footfall.init(folder / "shop")
    shop.ingest(sorted((folder / "simulation").glob("events-*.parquet")))
    histories = shop.histories()
    whole = sequences_of(histories)
    types = {name: histories.event_code(name) for name in histories.vocabularies["event_type"].ids}
    start = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
    cutoff = round(start.timestamp()) * 1_000_000 + wanted["days"] * US_PER_DAY - SIMULATED_HORIZON_US

    def ask(sequences: Sequences, moment: int) -> Cases:
        kinds = [types["view_item"], types["purchase"]]
        kept = by_time(sequences, moment, SIMULATED_HORIZON_US, exclude_seen=False, target_types=kinds, first_only=True)
        return kept.take(np.flatnonzero(_known(kept.histories, histories)))

    data = _by_time("simulated", whole, cutoff, SIMULATED_HORIZON_US, ask, types)
    shutil.rmtree(folder / "shop")
    ids = _ids(histories)
    assert data.test.histories.user_idx is not None
    items = histories.vocabularies["item"].ids
    np.save(folder / "items.npy", np.array(items))
    catalogue = pyarrow.parquet.read_table(folder / "simulation" / "items.parquet").to_pylist()
    said = {row["item_id"]: [*levels(row["category"]), f"brand: {row['brand']}"] for row in catalogue}
    users = tuple(ids[row][0] for row in data.test.histories.user_idx.tolist())
    return dataclasses.replace(data, users=users, attributes=described(items, said))


def levels(category: str) -> list[str]:
    """Return every level of a category path, each with those above it.

    Args:
        category: Levels separated by ``.``.
    """
    parts = category.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def described(ids: Sequence[str], said: Mapping[str, Sequence[str]]) -> npt.NDArray[np.int32]:
    """Code what items are described by, int32 [n_codes, most], 0 for none.

    Args:
        ids: Of the vocabulary, in the order of its codes.
        said: Item to what the catalogue says of it.
    """
    names: dict[str, int] = {}
    rows = [[names.setdefault(name, len(names) + 1) for name in said.get(item, ())] for item in ids]
    found = np.zeros((len(ids) + FIRST_CODE, max(map(len, rows), default=0)), np.int32)
    for code, row in enumerate(rows, FIRST_CODE):
        found[code, : len(row)] = row
    return found


def _by_time(name: str, whole: Sequences, cutoff: int, horizon_us: int, ask: Asked, types: dict[str, int]) -> Data:
    test = ask(whole, cutoff)
    early = before(whole, cutoff - horizon_us)
    known = before(whole, cutoff)
    facts = {
        "users": int((known.lengths > 0).sum()),
        "items": len(np.unique(known.with_items().item)),
        "interactions": known.with_items().n_events,
        "events": whole.n_events,
        "cutoff": dt.datetime.fromtimestamp(cutoff / 1e6, dt.UTC).isoformat(),
        "targets_never_met_before": int((~np.isin(test.targets, known.item)).sum()),
    }
    return Data(
        name,
        known,
        ask(known, cutoff - horizon_us),
        test,
        early=early,
        groups=np.arange(len(test)),
        type_names=types,
        facts=facts,
    )


def _midnight(moment_us: int) -> int:
    return moment_us - moment_us % US_PER_DAY


def _times(sequences: Sequences) -> Any:
    assert sequences.timestamp_us is not None  # histories have times
    return sequences.timestamp_us


def _cut(whole: Sequences, cut: int | None) -> Sequences:
    return whole if cut is None else whole.take(np.arange(min(cut, len(whole))))


def _ids(histories: Histories) -> list[tuple[str, bool]]:
    """Return the id of each user, and whether it is an anonymous one, by ``user_idx``."""
    found: list[tuple[str, bool]] = []
    for table in histories.users:
        found += zip(table["user_id"].to_pylist(), table["anonymous"].to_pylist(), strict=True)
    return found


def _known(sequences: Sequences, histories: Histories) -> Any:
    """Tell which sequences are of users with an id of their own who are no robots, bool [sequences]."""
    named = np.array([not anonymous for _, anonymous in _ids(histories)])
    person = np.concatenate([np.asarray(part.user_bot) == 0 for part in histories.partitions])
    assert sequences.user_idx is not None  # they come from histories
    return (named & person)[sequences.user_idx]


def _known_users(sequences: Sequences, histories: Histories) -> Sequences:
    return sequences.take(np.flatnonzero(_known(sequences, histories)))
