from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from footfall.errors import StaleHistoriesError
from footfall.histories.columns import DTYPES
from footfall.histories.partition import Partition


def part(folder: Path | None = None) -> Partition:
    """Three users with 2, 0 and 1 events."""
    arrays = {"timestamp_us": np.array([1, 2, 5]), "item": np.array([3, 0, 4], np.int32)}
    return Partition(1, 10, np.array([0, 2, 2, 3]), np.array([0, 0, 1], np.uint8), arrays, folder)


def test_sizes() -> None:
    assert (part().n_users, part().n_events) == (3, 3)
    assert part().user_of_event().tolist() == [0, 0, 2]


def test_a_column_the_log_lacks_reads_as_missing() -> None:
    assert part().column("item").tolist() == [3, 0, 4]
    assert part().column("device").tolist() == [0, 0, 0]
    assert part().column("position").tolist() == [-1, -1, -1]
    assert np.isnan(part().column("price")).all()
    assert {name: part().column(name).dtype for name in DTYPES} == DTYPES
    assert [part().has(name) for name in ("item", "device")] == [True, False]


def test_an_unknown_column_is_an_error() -> None:
    with pytest.raises(KeyError):
        part().column("colour")


def test_columns_of_a_folder_are_mapped(tmp_path: Path) -> None:
    np.save(tmp_path / "quantity.npy", np.array([1, 2, 3], np.float32))
    there = part(tmp_path)
    assert there.has("quantity")
    assert isinstance(there.column("quantity"), np.memmap)
    assert there.column("quantity").tolist() == [1, 2, 3]
    assert there.column("device").tolist() == [0, 0, 0]


def test_a_folder_that_is_gone_is_an_error_not_missing_values(tmp_path: Path) -> None:
    gone = part(tmp_path / "gone")
    assert gone.column("item").tolist() == [3, 0, 4]
    with pytest.raises(StaleHistoriesError, match="open them again"):
        gone.column("device")


def test_selecting_events_keeps_every_users_place() -> None:
    kept = part().select(np.array([False, True, False]))
    assert kept.offsets.tolist() == [0, 1, 1, 1]
    assert kept.timestamp_us.tolist() == [2]
    assert kept.column("item").tolist() == [0]
    assert (kept.index, kept.user_base, kept.n_users) == (1, 10, 3)
    assert kept.user_bot.tolist() == [0, 0, 1]
    assert not kept.has("device")


def test_no_events_at_all(tmp_path: Path) -> None:
    np.save(tmp_path / "item.npy", np.empty(0, np.int32))
    empty = Partition(0, 0, np.zeros(1, np.int64), np.empty(0, np.uint8), {}, tmp_path)
    assert (empty.n_users, empty.n_events) == (0, 0)
    assert empty.column("item").dtype == np.int32
    assert empty.select(np.empty(0, np.bool_)).n_events == 0
