from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from footfall.errors import StaleHistoriesError
from footfall.histories.columns import CODED
from footfall.histories.compile import compile as compile_histories
from footfall.histories.store import Histories
from footfall.lake.workspace import Workspace

PutRows = Callable[[Workspace, str, Sequence[Mapping[str, Any]]], None]


@pytest.fixture
def folder(tmp_path: Path, put_rows: PutRows) -> Path:
    """Compiled histories of three users in two partitions."""
    shop = Workspace.init(tmp_path / "shop", currency="EUR", timezone="Europe/Berlin")
    people: list[dict[str, str]] = [{"user_id": "u1"}, {"user_id": "u2"}, {"anonymous_id": "d"}]
    rows = [person | {"event_id": str(i), "event_type": "view_item"} for i, person in enumerate(people)]
    put_rows(shop, "events", [row | {"timestamp": 1, "ingested_at": 1, "sequence": 0} for row in rows])
    compile_histories(shop, partitions=2)
    return shop.histories_root / shop.tables.version()


def test_opening_what_was_compiled(folder: Path) -> None:
    histories = Histories.open(folder)
    assert (histories.n_users, histories.n_events) == (3, 3)
    assert (histories.currency, histories.timezone) == ("EUR", "Europe/Berlin")
    assert [part.index for part in histories.partitions] == [0, 1]
    assert histories.partitions[1].user_base == histories.partitions[0].n_users
    assert histories.event_code("view_item") == 3
    assert histories.event_code("purchase") == 2
    everyone = [user for table in histories.users for user in table.to_pylist()]
    assert sorted(everyone, key=str) == [
        {"user_id": "d", "anonymous": True},
        {"user_id": "u1", "anonymous": False},
        {"user_id": "u2", "anonymous": False},
    ]


def test_user_ids_come_in_the_order_asked(folder: Path) -> None:
    histories = Histories.open(folder)
    largest = max(histories.partitions, key=lambda part: part.n_users)
    ids = histories.users[largest.index]["user_id"].to_pylist()
    assert histories.user_ids(largest.index, [1, 0, 1]) == [ids[1], ids[0], ids[1]]
    assert histories.user_ids(largest.index, []) == []


def test_vocabularies_are_a_mapping_of_all_coded_columns(folder: Path) -> None:
    vocabularies = Histories.open(folder).vocabularies
    assert list(vocabularies) == list(CODED)
    assert len(vocabularies) == len(CODED)
    assert vocabularies["event_type"].ids == ["view_item"]
    assert vocabularies["query"].ids == []
    with pytest.raises(KeyError):
        vocabularies["order"]


def test_a_folder_without_histories_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StaleHistoriesError, match="holds no compiled histories; run: footfall compile"):
        Histories.open(tmp_path)


def test_another_format_says_what_to_do(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 0}))
    with pytest.raises(StaleHistoriesError, match="has format 0, this version reads 2; run: footfall compile"):
        Histories.open(folder)
