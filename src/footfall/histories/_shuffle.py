"""The shuffle: coded rows arrive in no order and go to one file per partition, batch by batch, column by column."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from footfall.histories._sort import scatter

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True)
class Spill:
    """The rows of one partition, in chunks.

    Attributes:
        path: The file.
        columns: Names and types, in the order in which a chunk holds them.
        chunks: Rows of each chunk.
    """

    path: Path
    columns: Mapping[str, np.dtype[Any]]
    chunks: Sequence[int]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(self.chunks)

    def column(self, name: str) -> Array:
        """Read one column, [rows].

        Args:
            name: A key of ``columns``.
        """
        whole = np.empty(self.rows, self.columns[name])
        names = list(self.columns)
        before = sum(self.columns[n].itemsize for n in names[: names.index(name)])
        width = sum(dtype.itemsize for dtype in self.columns.values())
        start, filled = 0, 0
        with self.path.open("rb") as file:
            for rows in self.chunks:
                file.seek(start + before * rows)
                whole[filled : filled + rows] = np.fromfile(file, self.columns[name], rows)
                start += width * rows
                filled += rows
        return whole


def shuffle(
    batches: Iterable[Mapping[str, Array]],
    columns: Mapping[str, np.dtype[Any]],
    bases: npt.NDArray[np.int64],
    folder: Path,
) -> list[Spill]:
    """Spill rows by partition.

    Args:
        batches: Equally long arrays by name; ``user`` is the global number.
        columns: Names and types of what is spilled.
        bases: First user of each partition and the end, [partitions + 1].
        folder: Where to; must exist.

    Returns:
        One spill per partition; ``user`` is local in it.
    """
    paths = [folder / f"spill-{part:04d}.bin" for part in range(len(bases) - 1)]
    chunks: list[list[int]] = [[] for _ in paths]
    files = [path.open("wb", buffering=0) for path in paths]
    try:
        for batch in batches:
            order, starts = scatter(batch["user"], bases)
            sorted_ = {name: batch[name][order] for name in columns}
            for part in np.flatnonzero(np.diff(starts)).tolist():
                low, high = starts[part], starts[part + 1]
                sorted_["user"][low:high] -= bases[part]
                files[part].write(b"".join(sorted_[name][low:high].tobytes() for name in columns))
                chunks[part].append(int(high - low))
    finally:
        for file in files:
            file.close()
    return [Spill(path, columns, rows) for path, rows in zip(paths, chunks, strict=True)]
