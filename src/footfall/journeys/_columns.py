"""Paths added up: equal ones counted once, columns cut to their most frequent event types, links between columns.

A path is a row of cells (uint8); ``names[cell]`` says what a cell shows, and the last name is ``(other)``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from footfall.journeys import _path_kernels
from footfall.journeys._path_kernels import FIRST_STATE
from footfall.journeys.kernels import Int64, UInt8

Intp = npt.NDArray[np.intp]


@dataclasses.dataclass(frozen=True)
class DistinctPaths:
    """Paths, equal ones once.

    Attributes:
        rows: uint8 [distinct, cells].
        counts: int64 [distinct], how often each occurs.
    """

    rows: UInt8
    counts: Int64

    @classmethod
    def of(cls, rows: UInt8, counts: Int64 | None = None) -> DistinctPaths:
        """Count equal rows.

        Args:
            rows: uint8 [rows, cells].
            counts: How often each row counts, int64 [rows]; once without it.
        """
        slots = np.full(1 << (2 * len(rows)).bit_length(), -1, np.int64)
        weights = np.empty(0, np.int64) if counts is None else counts
        firsts, summed = _path_kernels.count_distinct(rows, weights, slots)
        return cls(rows[firsts], summed)

    @classmethod
    def union(cls, several: Sequence[DistinctPaths]) -> DistinctPaths:
        """Add the paths of several partitions up."""
        return cls.of(np.concatenate([d.rows for d in several]), np.concatenate([d.counts for d in several]))

    def top(self, limit: int, names: Sequence[str]) -> list[tuple[UInt8, int]]:
        """Return the most frequent paths with their counts; equally frequent ones in the order of their names."""
        limit = min(limit, len(self.rows))
        if not limit:
            return []
        rank = np.argsort(np.argsort(np.array(names), kind="stable"), kind="stable")
        least = np.partition(self.counts, -limit)[-limit]
        chosen = np.flatnonzero(self.counts > least)
        tied = np.flatnonzero(self.counts == least)
        chosen = np.concatenate((chosen, _first_rows(rank[self.rows[tied]], tied, limit - len(chosen))))
        ordered = sorted(chosen, key=lambda r: (-self.counts[r], rank[self.rows[r]].tolist()))
        return [(self.rows[r], int(self.counts[r])) for r in ordered]


def _first_rows(keys: npt.NDArray[np.int64], places: Intp, limit: int) -> Intp:
    """Return the places of the ``limit`` smallest rows of keys, column by column (all rows differ): linear, no sort."""
    found = []
    for k in range(keys.shape[1]):
        if len(places) == limit:
            break
        bound = np.partition(keys[:, k], limit - 1)[limit - 1]
        below, equal = keys[:, k] < bound, keys[:, k] == bound
        found.append(places[below])
        limit -= int(np.count_nonzero(below))
        keys, places = keys[equal], places[equal]
    return np.concatenate((*found, places))


@dataclasses.dataclass(frozen=True)
class Columns:
    """What stands in each column, and what follows what.

    Attributes:
        shown: int64 [columns, cells], what each cell is shown as: itself or ``(other)``.
        counts: int64 [columns, cells], paths by shown cell.
        links: int64 [columns - 1, cells, cells], paths by shown cell and shown next cell.
    """

    shown: Int64
    counts: Int64
    links: Int64

    @classmethod
    def of(cls, paths: DistinctPaths, names: Sequence[str], limit: int) -> Columns:
        """Add columns and links up.

        Args:
            paths: All paths.
            names: What each cell shows.
            limit: Event types per column that are shown; the others become ``(other)``, the last name.
        """
        n, width = len(names), paths.rows.shape[1]
        counts, links = _path_kernels.tally(paths.rows, paths.counts, n)
        shown = np.tile(np.arange(n), (width, 1))
        for k in range(width):
            ranked = sorted(range(FIRST_STATE, n - 1), key=lambda c, k=k: (-counts[k, c], names[c]))  # type: ignore[misc]
            shown[k, ranked[limit:]] = n - 1
        grouped = np.zeros_like(counts)
        joined = np.zeros_like(links)
        for k in range(width):
            np.add.at(grouped[k], shown[k], counts[k])
            if k:
                before, after = np.nonzero(links[k - 1])
                np.add.at(joined[k - 1], (shown[k - 1, before], shown[k, after]), links[k - 1, before, after])
        return cls(shown, grouped, joined)

    def cells(self, names: Sequence[str]) -> list[tuple[int, int, int]]:
        """Return column, cell and paths of all cells that occur: in a column by falling number, the unnamed last."""
        found = [(int(k), int(c), int(self.counts[k, c])) for k, c in np.argwhere(self.counts)]
        last = len(names) - 1
        return sorted(found, key=lambda f: (f[0], f[1] < FIRST_STATE, f[1] == last, -f[2], names[f[1]]))

    def joints(self, names: Sequence[str]) -> list[tuple[int, int, int, int]]:
        """Return column, cell, next cell and paths of all links that occur: by column, then by falling number."""
        found = [(int(k), int(a), int(b), int(self.links[k, a, b])) for k, a, b in np.argwhere(self.links)]
        return sorted(found, key=lambda f: (f[0], -f[3], names[f[1]], names[f[2]]))
