"""Cases: what is known of someone at a moment, and what came next; what every recommender is asked and judged by."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.histories.sequences import Sequences


@dataclasses.dataclass(frozen=True)
class Cases:
    """Histories and what followed each.

    Attributes:
        histories: What is known; one sequence a case, every event before what is to be found.
        target_offsets: Where each case's targets begin, and the end; int64 [cases + 1]. A case has at least one.
        targets: Item codes, int32 [targets], no item twice in a case.
        exclude_seen: Whether items that were seen are left out of the ranking; a target among them stays in.
        seen: Which events of each history count as seeing an item; all of the history without it.
    """

    histories: Sequences
    target_offsets: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int32]
    exclude_seen: bool
    seen: Sequences | None = None

    def __post_init__(self) -> None:
        """Check that the parts fit each other."""
        if len(self.target_offsets) != len(self.histories) + 1 or self.target_offsets[-1] != len(self.targets):
            raise InputError(f"{len(self.histories)} histories, and targets for {len(self.target_offsets) - 1} cases")
        if self.seen is not None and len(self.seen) != len(self.histories):
            raise InputError(f"{len(self.histories)} histories, and what was seen for {len(self.seen)}")
        if np.diff(self.target_offsets).min(initial=1) < 1:
            raise InputError("a case without a target cannot be judged; leave it out")

    def __len__(self) -> int:
        return len(self.histories)

    def take(self, rows: npt.NDArray[np.int64]) -> Cases:
        """Return some cases, in the order given.

        Args:
            rows: Their numbers, int64 [some].
        """
        lengths = np.diff(self.target_offsets)[rows]
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
        kept = np.arange(offsets[-1]) + np.repeat(self.target_offsets[:-1][rows] - offsets[:-1], lengths)
        return dataclasses.replace(
            self,
            histories=self.histories.take(rows),
            target_offsets=offsets,
            targets=self.targets[kept],
            seen=None if self.seen is None else self.seen.take(rows),
        )
