"""One partition of histories: the events of some users, sorted by user and time, as columns.

``offsets`` cuts the columns into users: events of local user ``i`` stand at ``offsets[i]:offsets[i + 1]``. The global
``user_idx`` of that user is ``user_base + i``. Columns are memory-mapped and opened on first use; a column that the log
lacks takes no space.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from footfall.errors import StaleHistoriesError
from footfall.histories.columns import DTYPES, NOTHING

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True)
class Partition:
    """The histories of some users.

    Attributes:
        index: Which partition this is.
        user_base: Global ``user_idx`` of its first user.
        offsets: int64 [users + 1], where each user's events begin; starts at 0, ends at the number of events.
        user_bot: uint8 [users], bits that say why a user is taken for a robot; 0 for nobody's robot.
        arrays: Columns held in memory, by name.
        folder: Where the other columns lie as ``<name>.npy``; None when all are in ``arrays``.
    """

    index: int
    user_base: int
    offsets: npt.NDArray[np.int64]
    user_bot: npt.NDArray[np.uint8]
    arrays: Mapping[str, Array]
    folder: Path | None = None

    @property
    def n_users(self) -> int:
        """Number of users, those without events included."""
        return len(self.offsets) - 1

    @property
    def n_events(self) -> int:
        """Number of events."""
        return int(self.offsets[-1])

    def column(self, name: str) -> Array:
        """Return one column, [events], of the type that ``columns.DTYPES`` gives.

        Args:
            name: A key of ``columns.DTYPES``.

        Raises:
            KeyError: There is no such column in the format.
            StaleHistoriesError: The folder was removed meanwhile: newer histories have taken its place.
        """
        if name in self.arrays:
            return self.arrays[name]
        dtype = DTYPES[name]
        path = None if self.folder is None else self.folder / f"{name}.npy"
        if path is not None and path.exists():
            return np.load(path, mmap_mode="r") if self.n_events else np.empty(0, dtype)
        if self.folder is not None and not self.folder.exists():  # else a column would silently read as missing
            raise StaleHistoriesError(f"{self.folder} is gone: newer histories took its place; open them again")
        return np.full(self.n_events, NOTHING.get(name, 0), dtype)

    def has(self, name: str) -> bool:
        """Tell whether the log has this column at all."""
        return name in self.arrays or (self.folder is not None and (self.folder / f"{name}.npy").exists())

    @property
    def timestamp_us(self) -> npt.NDArray[np.int64]:
        """Event times, int64 [events], microseconds since 1970 UTC."""
        return self.column("timestamp_us")

    @property
    def event_type(self) -> npt.NDArray[np.int16]:
        """Event type codes, int16 [events]."""
        return self.column("event_type")

    def user_of_event(self) -> npt.NDArray[np.int64]:
        """Return the local user of each event, int64 [events]."""
        return np.repeat(np.arange(self.n_users, dtype=np.int64), np.diff(self.offsets))

    def select(self, keep: npt.NDArray[np.bool_]) -> Partition:
        """Return the partition with only some of its events; users keep their places, even those left without events.

        Args:
            keep: bool [events].
        """
        before = np.concatenate(([0], np.cumsum(keep, dtype=np.int64)))
        names = [name for name in DTYPES if self.has(name)]
        arrays = {name: self.column(name)[keep] for name in names}
        return Partition(self.index, self.user_base, before[self.offsets], self.user_bot, arrays)
