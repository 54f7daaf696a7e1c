"""One partition put together: its new rows sorted, merged with what was compiled before, and written as columns."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from footfall.histories import robots
from footfall.histories._shuffle import Spill
from footfall.histories._sort import dense_codes, merge_runs, order_rows
from footfall.histories.columns import DTYPES, LOCAL, NOTHING, USER_BOT_AGENT, USER_BOT_BEHAVIOUR
from footfall.histories.partition import Partition

Array = npt.NDArray[Any]
Int64 = npt.NDArray[np.int64]

SPILLED: Final[dict[str, np.dtype[Any]]] = {
    "user": np.dtype(np.int32),
    "ingested_us": np.dtype(np.int64),
    "sequence": np.dtype(np.int64),
    **DTYPES,
    **{name: np.dtype(np.uint64) for name in LOCAL},
}
"""Types of the columns of a spill; those of local columns are hashes, ``value_minor`` counts ten-thousandths."""


@dataclasses.dataclass(frozen=True)
class Before:
    """What was compiled of this partition before.

    Attributes:
        part: Its columns.
        keys: Keys of its users, strings.
        dropped: Which users' events are out of date (all of theirs that hold are among the new rows), bool [users].
    """

    part: Partition
    keys: pa.Array
    dropped: npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class Written:
    """What ``assemble`` wrote: numbers of users and events, and the columns."""

    users: int
    events: int
    columns: Sequence[str]


@dataclasses.dataclass(frozen=True)
class _Merge:
    """How old and new events become one: their users, their order, and where each user's events begin."""

    keys: pa.Array
    order: Int64
    gather: Int64 | None
    offsets: Int64


def assemble(
    folder: Path, spill: Spill, keys: pa.Array, before: Before | None, kinds: npt.NDArray[np.uint8], minor: int
) -> Written:
    """Write one partition.

    Args:
        folder: Where to; is made.
        spill: Its new rows.
        keys: Keys of their users, strings; the spill's local user numbers count them.
        before: What was compiled of it before.
        kinds: ``robots.kinds_of`` all event types.
        minor: Ten-thousandths of a major unit in one minor unit.
    """
    folder.mkdir()
    plan = _plan(spill, keys, before)
    events, offsets = int(plan.offsets[-1]), plan.offsets
    columns = []
    kept: dict[str, Array] = {}
    names = [n for n in DTYPES if n in spill.columns or (before is not None and before.part.has(n))]
    for name in names:
        values = _column(name, spill, plan, before, minor)
        if name in LOCAL:
            values, hashes = dense_codes(values)
            if len(hashes):
                save(folder / f"{name}_keys.npy", hashes)
        if name in {"timestamp_us", "event_type", "bot"}:
            kept[name] = values
        if name == "timestamp_us" or not _says_nothing(name, values):
            columns.append(name)
            save(folder / f"{name}.npy", values)
    save(folder / "offsets.npy", offsets)
    event_type = kept.get("event_type", np.zeros(events, DTYPES["event_type"]))
    robot = robots.behaves_like_robot(offsets, offsets[1:], kept["timestamp_us"], event_type, kinds)
    flags = np.where(robot, USER_BOT_BEHAVIOUR, 0)
    if "bot" in columns:
        flags |= np.where(np.maximum.reduceat(kept["bot"], offsets[:-1]) > 0, USER_BOT_AGENT, 0)
    save(folder / "user_bot.npy", flags.astype(np.uint8))
    write_users(folder / "users.arrow", plan.keys)
    return Written(len(plan.keys), events, columns)


def _plan(spill: Spill, keys: pa.Array, before: Before | None) -> _Merge:
    """Find the order of the events; users left without events are dropped."""
    user, time = spill.column("user"), spill.column("timestamp_us")
    ingested, sequence = spill.column("ingested_us"), spill.column("sequence")
    if before is None:
        order, offsets = order_rows(user, time, ingested, sequence, len(keys))
        return _without_empty(_Merge(keys, order, None, offsets))
    place = pc.index_in(keys, value_set=before.keys).to_numpy(zero_copy_only=False)
    is_new = np.isnan(place) if place.dtype.kind == "f" else np.zeros(len(place), np.bool_)
    n_old = len(before.keys)
    number = np.where(is_new, n_old + np.cumsum(is_new) - 1, place).astype(np.int32)
    everyone = pa.concat_arrays([before.keys, keys.filter(pa.array(is_new))])
    order, new_offsets = order_rows(number[user], time, ingested, sequence, len(everyone))
    old_user = np.full(len(everyone), -1, np.int64)
    old_user[:n_old] = np.where(before.dropped, -1, np.arange(n_old))
    gather, offsets = merge_runs(old_user, before.part.offsets, before.part.timestamp_us, new_offsets, time[order])
    return _without_empty(_Merge(everyone, order, gather, offsets))


def _without_empty(plan: _Merge) -> _Merge:
    alive = np.diff(plan.offsets) > 0
    if alive.all():
        return plan
    offsets = np.concatenate((plan.offsets[:1], plan.offsets[1:][alive]))
    return dataclasses.replace(plan, keys=plan.keys.filter(pa.array(alive)), offsets=offsets)


def _column(name: str, spill: Spill, plan: _Merge, before: Before | None, minor: int) -> Array:
    """Return one column in its final order; local ones as hashes."""
    dtype = SPILLED[name]
    if name in spill.columns:
        new: Array = spill.column(name)[plan.order]
    else:
        new = np.full(spill.rows, NOTHING.get(name, 0), dtype)
    if name == "value_minor":
        new = round_half_even(new, minor)
    if before is None or plan.gather is None:
        return new
    old: Array = before.part.column(name)
    if name in LOCAL and before.part.has(name) and before.part.folder is not None:
        hashes = np.load(before.part.folder / f"{name}_keys.npy")
        old = np.concatenate((np.zeros(1, np.uint64), hashes))[old]
    return np.concatenate((old.astype(dtype, copy=False), new))[plan.gather]


def round_half_even(value: npt.NDArray[np.int64], minor: int) -> npt.NDArray[np.int64]:
    """Divide whole numbers exactly, a half going to the even neighbour (as banks and ``decimal`` round).

    Args:
        value: Any shape.
        minor: The divisor, above zero.

    >>> round_half_even(np.array([250, 350, -250, 251]), 100).tolist()
    [2, 4, -2, 3]
    """
    floor, rest = np.divmod(value, minor)
    up = (2 * rest > minor) | ((2 * rest == minor) & (floor % 2 == 1))
    rounded: npt.NDArray[np.int64] = floor + up
    return rounded


def _says_nothing(name: str, values: Array) -> bool:
    nothing = NOTHING.get(name, 0)
    return bool(np.isnan(values).all() if np.isnan(nothing) else (values == nothing).all())


def save(path: Path, values: Array) -> None:
    """Write one array as ``.npy`` and flush it to disk."""
    with path.open("wb") as file:
        np.save(file, values)
        flush(file)


def write_users(path: Path, keys: pa.Array) -> None:
    """Write the users of a partition: ``user_id`` string, ``anonymous`` bool.

    Args:
        path: The file.
        keys: ``u:`` or ``a:`` and the id.
    """
    table = pa.table(
        {"user_id": pc.utf8_slice_codeunits(keys, 2), "anonymous": pc.starts_with(keys, "a:").cast(pa.bool_())}
    )
    with path.open("wb") as file:
        with pa.ipc.new_file(file, table.schema) as out:
            out.write_table(table)
        flush(file)


def keys_of(users: pa.Table) -> pa.Array:
    """Return the keys of a partition's users, strings."""
    prefix = pc.if_else(users["anonymous"], "a:", "u:")
    return pc.binary_join_element_wise(prefix, users["user_id"], "").combine_chunks()


def flush(file: BinaryIO) -> None:
    """Make sure a file's content outlives the machine."""
    file.flush()
    os.fsync(file.fileno())
