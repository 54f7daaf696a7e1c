"""Compiled histories: partitions, vocabularies, users, and the manifest that ties them to the lake.

histories/<lake version>/
  manifest.json             format, lake version, zone, currency, partitions with their users and events
  vocabularies/<name>.arrow ids, counts, attributes, in code order
  part-0000/                offsets.npy, user_bot.npy, users.arrow, one .npy per column that its events have;
                            <local column>_keys.npy, the hash of each local code, for the next compile
  identity/                 the distinct pairs of ids and the aliases of all events, for the next compile
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather

from footfall.errors import StaleHistoriesError
from footfall.histories.columns import CODED
from footfall.histories.partition import Partition
from footfall.histories.vocabulary import Vocabulary

FORMAT = 2


@dataclasses.dataclass(frozen=True)
class Histories:
    """All users' histories.

    Attributes:
        partitions: The partitions; users are spread over them by a hash of their id.
        vocabularies: One per key of ``columns.CODED``.
        users: One Arrow table per partition, in the order of its local users: ``user_id`` string, ``anonymous`` bool
            (the id is an anonymous one that no link joins to a user).
        manifest: What was compiled, from which lake version; JSON-ready.
        timezone: The shop's zone, for calendar days.
        currency: The shop's currency.
    """

    partitions: Sequence[Partition]
    vocabularies: Mapping[str, Vocabulary]
    users: Sequence[pa.Table]
    manifest: Mapping[str, Any]
    timezone: str = "UTC"
    currency: str = "USD"

    @classmethod
    def open(cls, folder: Path) -> Histories:
        """Open a compiled folder; columns are mapped on first use.

        Args:
            folder: ``histories/<lake version>``.

        Raises:
            StaleHistoriesError: The folder holds another format, or none.
        """
        path = folder / "manifest.json"
        if not path.exists():
            raise StaleHistoriesError(f"{folder} holds no compiled histories; run: footfall compile")
        manifest = json.loads(path.read_text("utf-8"))
        if manifest.get("format") != FORMAT:
            raise StaleHistoriesError(
                f"{folder} has format {manifest.get('format')}, this version reads {FORMAT}; run: footfall compile"
            )
        parts, users = [], []
        base = 0
        for index, _ in enumerate(manifest["partitions"]):
            home = folder / f"part-{index:04d}"
            offsets = np.load(home / "offsets.npy")
            parts.append(Partition(index, base, offsets, np.load(home / "user_bot.npy"), {}, home))
            users.append(LazyTable(home / "users.arrow"))
            base += len(offsets) - 1
        return cls(
            partitions=tuple(parts),
            vocabularies=LazyVocabularies(folder / "vocabularies"),
            users=LazyTables(users),
            manifest=manifest,
            timezone=manifest["timezone"],
            currency=manifest["currency"],
        )

    @property
    def n_users(self) -> int:
        """Number of users."""
        return sum(p.n_users for p in self.partitions)

    @property
    def n_events(self) -> int:
        """Number of events."""
        return sum(p.n_events for p in self.partitions)

    def event_code(self, event_type: str) -> int:
        """Return the code of an event type; 2 (unseen) when the log has no such event."""
        return self.vocabularies["event_type"].code(event_type)

    def user_ids(self, part: int, local: Sequence[int]) -> list[str]:
        """Return the shop's ids of some users of one partition.

        Args:
            part: Index of the partition.
            local: Local user numbers.
        """
        return list(self.users[part]["user_id"].take(pa.array(local, pa.int64())).to_pylist())


class LazyVocabularies(Mapping[str, Vocabulary]):
    """Vocabularies of a folder, each read when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read = functools.cache(lambda name: Vocabulary.read(name, folder))

    def __getitem__(self, name: str) -> Vocabulary:
        """Read one vocabulary."""
        if name not in CODED:
            raise KeyError(name)
        try:
            return self._read(name)
        except FileNotFoundError:
            raise _gone(self._folder) from None

    def __iter__(self) -> Any:
        return iter(CODED)

    def __len__(self) -> int:
        return len(CODED)


@dataclasses.dataclass(frozen=True)
class LazyTable:
    """An Arrow file that is mapped when first asked for."""

    path: Path

    @functools.cached_property
    def table(self) -> pa.Table:
        """The table."""
        try:
            return pyarrow.feather.read_table(self.path, memory_map=True)
        except FileNotFoundError:
            raise _gone(self.path.parent) from None


class LazyTables(Sequence[pa.Table]):
    """Arrow tables, each mapped when first asked for."""

    def __init__(self, tables: Sequence[LazyTable]) -> None:
        self._tables = tables

    def __getitem__(self, index: Any) -> Any:
        """Map one table."""
        return self._tables[index].table

    def __len__(self) -> int:
        return len(self._tables)


def _gone(folder: Path) -> StaleHistoriesError:
    return StaleHistoriesError(f"{folder} is gone: newer histories took its place; open them again")
