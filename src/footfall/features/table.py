"""FeatureTable: named columns of numbers and codes, one row per history, that predictors learn from."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError, unknown_name

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class FeatureTable:
    """What is known of some histories, in numbers.

    Attributes:
        names: Names of the columns, all different.
        values: float32 [rows, columns], NaN where missing.
        rows: Which history of the log each row is, int64 [rows].
        categories: Names of the columns that hold codes, to the number of codes; the other columns are numbers.
            0 is "no code"; codes are whole numbers, exact in float32 up to 2^24.
    """

    names: tuple[str, ...]
    values: Float32
    rows: Int64
    categories: Mapping[str, int] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit each other.

        Raises:
            InputError: They do not, or two columns bear one name.
        """
        if self.values.shape != (len(self.rows), len(self.names)):
            raise InputError(
                f"values of shape {list(self.values.shape)}; give [{len(self.rows)}, {len(self.names)}], a row for "
                "each of rows and a column for each of names"
            )
        if len(set(self.names)) != len(self.names):
            twice = sorted({name for name in self.names if self.names.count(name) > 1})
            raise InputError(f"these columns are there twice: {', '.join(twice)}; give each a name of its own")
        for name in self.categories:
            self._place(name)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def take(self, rows: npt.ArrayLike) -> FeatureTable:
        """Return some rows of the table, in the order given.

        Args:
            rows: Their places in the table, integers [some], or bool [len(self)].
        """
        places = np.asarray(rows)
        places = places if places.dtype == np.bool_ else places.astype(np.int64)
        return dataclasses.replace(self, values=self.values[places], rows=self.rows[places])

    def column(self, name: str) -> Float32:
        """Return one column, float32 [rows].

        Raises:
            InputError: There is none of this name.
        """
        return self.values[:, self._place(name)]

    def only(self, names: Collection[str]) -> FeatureTable:
        """Return some columns, in the order given.

        Raises:
            InputError: One of them is not there.
        """
        places = [self._place(name) for name in names]
        held = {name: self.categories[name] for name in names if name in self.categories}
        return FeatureTable(tuple(names), self.values[:, places], self.rows, held)

    def joined(self, other: FeatureTable, prefix: str = "") -> FeatureTable:
        """Return the columns of both, of the same rows.

        Args:
            other: More columns of the same histories.
            prefix: Put before the names of the other's columns.

        Raises:
            InputError: The rows are not the same, or two columns would bear one name.
        """
        if not np.array_equal(self.rows, other.rows):
            raise InputError(
                f"{len(self)} and {len(other)} rows that are not the same histories in the same order; "
                "join tables made of the same rows"
            )
        return FeatureTable(
            (*self.names, *(prefix + name for name in other.names)),
            np.concatenate((self.values, other.values), axis=1),
            self.rows,
            {**self.categories, **{prefix + name: n_codes for name, n_codes in other.categories.items()}},
        )

    @staticmethod
    def stack(tables: Sequence[FeatureTable]) -> FeatureTable:
        """Return the rows of all, one table after another: the same histories at several cutoffs, for instance.

        Raises:
            InputError: There is no table, or they have different columns.
        """
        if not tables:
            raise InputError("no tables to stack; give one at least")
        first = tables[0]
        for table in tables[1:]:
            if table.names != first.names or table.categories.keys() != first.categories.keys():
                apart = sorted(set(table.names) ^ set(first.names)) or ["their order, or which of them hold codes"]
                raise InputError(f"tables with different columns cannot be stacked; they differ in: {', '.join(apart)}")
        return FeatureTable(
            first.names,
            np.concatenate([table.values for table in tables]),
            np.concatenate([table.rows for table in tables]),
            {name: max(table.categories[name] for table in tables) for name in first.categories},
        )

    def _place(self, name: str) -> int:
        try:
            return self.names.index(name)
        except ValueError:
            raise InputError(unknown_name("feature", name, self.names)) from None
