"""An index of item vectors: the likely best of very many items without scoring all of them (HNSW)."""

from __future__ import annotations

import dataclasses
import json
import shutil
import uuid
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from footfall.errors import MissingDependencyError
from footfall.histories.columns import FIRST_CODE

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]

FROM_ITEMS: Final = 100_000
"""Up to so many items, the dot product with all of them is quicker than any index."""
_CONNECTIVITY: Final = 32
_EXPANSION: Final = 256
_ASKED: Final = 200
"""Queries that recall is measured with."""


@dataclasses.dataclass(frozen=True)
class ItemIndex:
    """Finds the items with the largest dot product, nearly all of them.

    Source: Malkov and Yashunin, Efficient and robust approximate nearest neighbor search using Hierarchical Navigable
    Small World graphs, 2018; built by usearch.

    Attributes:
        graph: usearch's index; its keys are item codes.
        recall: Share of the true first ``measured_at`` that it finds, mean over queries it was measured with.
        measured_at: Length of the lists that it was measured with.
    """

    graph: Any
    recall: float
    measured_at: int

    @classmethod
    def build(cls, vectors: Float32, queries: Float32, *, measured_at: int = 100) -> ItemIndex:
        """Build an index, and measure it against all dot products.

        Args:
            vectors: Of all item codes, float32 [n_codes, width]; codes below ``FIRST_CODE`` are left out.
            queries: Some that are likely to be asked, float32 [queries, width]; the first 200 are measured with.
            measured_at: Length of the lists compared.

        Raises:
            MissingDependencyError: usearch is not installed.
        """
        try:
            from usearch.index import Index
        except ImportError:
            raise MissingDependencyError("usearch", "index", "an index of items") from None
        graph = Index(
            ndim=vectors.shape[1],
            metric="ip",
            dtype="f32",
            connectivity=_CONNECTIVITY,
            expansion_add=_EXPANSION,
            expansion_search=_EXPANSION,
        )
        codes = np.arange(FIRST_CODE, len(vectors))
        graph.add(codes, np.ascontiguousarray(vectors[FIRST_CODE:]))
        made = cls(graph, 0.0, measured_at)
        asked = queries[:_ASKED]
        found = made.nearest(asked, measured_at)
        exact = np.argsort(-(asked @ vectors[FIRST_CODE:].T), axis=1)[:, :measured_at] + FIRST_CODE
        shares = [len(np.intersect1d(a, b)) / len(b) for a, b in zip(found, exact, strict=True)]
        return dataclasses.replace(made, recall=float(np.mean(shares)) if shares else 1.0)

    def save(self, folder: Path) -> None:
        """Write it, whole or not at all.

        Args:
            folder: One that does not exist.
        """
        fresh = folder.with_name(f"{folder.name}.{uuid.uuid4().hex}")
        fresh.mkdir(parents=True)
        self.graph.save(str(fresh / "graph"))
        about = {"recall": self.recall, "measured_at": self.measured_at}
        (fresh / "about.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
        try:
            fresh.rename(folder)
        except OSError:  # another process was first
            shutil.rmtree(fresh)

    @classmethod
    def load(cls, folder: Path) -> ItemIndex | None:
        """Read what ``save`` wrote; None where there is nothing.

        Args:
            folder: Where it was written.

        Raises:
            MissingDependencyError: usearch is not installed.
        """
        if not (folder / "about.json").is_file():
            return None
        try:
            from usearch.index import Index
        except ImportError:
            raise MissingDependencyError("usearch", "index", "an index of items") from None
        return cls(Index.restore(str(folder / "graph")), **json.loads((folder / "about.json").read_text("utf-8")))

    def nearest(self, queries: Float32, k: int) -> Int64:
        """Return the codes of about the k items with the largest dot products, int64 [queries, k].

        Args:
            queries: float32 [queries, width].
            k: How many.
        """
        if not len(queries):
            return np.zeros((0, k), np.int64)
        found = self.graph.search(np.ascontiguousarray(queries), k).keys
        return np.asarray(found).astype(np.int64).reshape(len(queries), -1)
