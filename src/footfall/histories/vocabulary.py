"""A vocabulary: the ids of one kind, their codes and their counts. It grows; a code, once given, never changes."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.feather

from footfall.histories.columns import FIRST_CODE, MISSING, RARE, UNSEEN

RESERVED_NAMES = ("(missing)", "(rare)", "(unseen)")


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Ids in the order of their codes.

    Attributes:
        name: Which column it codes, e.g. ``item``.
        table: Arrow table, one row per real id in code order: ``id`` string, ``count`` int64, then attributes (for
            items: ``name``, ``category``, ``brand``, ``price``, ``available``). Row ``i`` has code ``i + 3``.
    """

    name: str
    table: pa.Table

    @classmethod
    def of(cls, name: str, ids: Sequence[str], counts: Sequence[int] | None = None) -> Vocabulary:
        """Make a vocabulary from ids in code order; counts default to zero."""
        counts = [0] * len(ids) if counts is None else counts
        return cls(name, pa.table({"id": pa.array(ids, pa.string()), "count": pa.array(counts, pa.int64())}))

    @classmethod
    def read(cls, name: str, folder: Path) -> Vocabulary:
        """Open ``<folder>/<name>.arrow``, memory-mapped."""
        return cls(name, pyarrow.feather.read_table(folder / f"{name}.arrow", memory_map=True))

    def write(self, folder: Path) -> None:
        """Write ``<folder>/<name>.arrow``."""
        pyarrow.feather.write_feather(self.table, str(folder / f"{self.name}.arrow"), compression="uncompressed")

    def __len__(self) -> int:
        """Number of codes, the three reserved ones included."""
        return int(self.table.num_rows) + FIRST_CODE

    @functools.cached_property
    def ids(self) -> list[str]:
        """All real ids, in code order."""
        return list(self.table["id"].to_pylist())

    @functools.cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """Number of events of every code, int64 [len(self)]; 0 for the reserved ones."""
        counts = self.table["count"].to_numpy()
        return np.concatenate((np.zeros(FIRST_CODE, np.int64), counts.astype(np.int64)))

    @functools.cached_property
    def _code_of(self) -> dict[str, int]:
        return {id_: i + FIRST_CODE for i, id_ in enumerate(self.ids)}

    @functools.cached_property
    def memo(self) -> dict[Hashable, Any]:
        """Answers worked out once for all ids and kept with them; who adds to it keeps it small."""
        return {}

    def code(self, id_: str | None) -> int:
        """Return the code of one id: 0 for None, 2 for an id that is not in the vocabulary."""
        return MISSING if id_ is None else self._code_of.get(id_, UNSEEN)

    def encode(self, ids: Iterable[str | None], *, min_count: int = 1) -> npt.NDArray[np.int32]:
        """Return the codes of ids, int32.

        Args:
            ids: Ids as the shop gave them.
            min_count: Ids with fewer events than this become the rare code (1).
        """
        codes = np.fromiter((self.code(i) for i in ids), np.int32)
        return self.fold_rare(codes, min_count)

    def fold_rare(self, codes: npt.NDArray[np.int32], min_count: int) -> npt.NDArray[np.int32]:
        """Return the codes with ids of fewer than ``min_count`` events replaced by the rare code."""
        if min_count <= 1:
            return codes
        rare = (self.counts[codes] < min_count) & (codes >= FIRST_CODE)
        return np.where(rare, np.int32(RARE), codes)

    def decode(self, code: int) -> str | None:
        """Return the id of a code; None for missing, ``(rare)`` and ``(unseen)`` for their codes."""
        if code >= FIRST_CODE:
            return self.ids[code - FIRST_CODE]
        return None if code == MISSING else RESERVED_NAMES[code]

    def grown(self, ids: Sequence[str], counts: Sequence[int]) -> Vocabulary:
        """Return the vocabulary with new ids appended and counts of known ones raised. Attributes are not carried.

        Args:
            ids: Distinct ids, known or new.
            counts: Events to add for each.
        """
        old = dict(zip(self.ids, self.counts[FIRST_CODE:].tolist(), strict=True))
        for id_, count in zip(ids, counts, strict=True):
            old[id_] = old.get(id_, 0) + count
        return Vocabulary.of(self.name, list(old), list(old.values()))
