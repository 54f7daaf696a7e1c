"""Autoencoder: what features say together, in few numbers; fitted like a transformer of scikit-learn's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.features.table import FeatureTable
from footfall.predictors._columns import Columns
from footfall.predictors._estimators import TRUSTED

Float32 = npt.NDArray[np.float32]

MOST_ROWS: Final = 60_000
"""Rows that are learnt from; more are sampled."""
STEPS: Final = 50
"""Steps of a pass, at the least: few rows are learnt from in small steps."""
PREFIX: Final = "code_"
"""Names of the numbers of a code begin with it."""


class Autoencoder:
    """A denoising autoencoder over a table of features (Vincent et al. 2008, doi:10.1145/1390156.1390294).

    The columns are those of ``Columns``: of one scale, without gaps, codes as 0 and 1. A share of every row's values is
    exchanged for those of other rows, and a network (scikit-learn's ``MLPRegressor``) that is narrow in its middle
    learns to tell the row as it was. What stands in the middle is the code.
    """

    def __init__(
        self, *, width: int = 24, hidden: int = 96, noise: float = 0.15, copies: int = 2, passes: int = 20
    ) -> None:
        """Make one that has learnt nothing.

        Args:
            width: Numbers of a code.
            hidden: Numbers of the layers before and after it.
            noise: Share of values that are exchanged while learning.
            copies: How often each row is learnt from, each time with other values exchanged.
            passes: Passes over them.
        """
        self.width, self.hidden, self.noise, self.copies, self.passes = width, hidden, noise, copies, passes
        self.columns = Columns()
        self.network: Any = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the numbers of a code."""
        return tuple(f"{PREFIX}{place}" for place in range(self.width))

    def fit(self, table: FeatureTable, *, seed: int = 0) -> Self:
        """Learn from rows; of what came of them nothing is asked.

        Args:
            table: Training rows, two at the least.
            seed: Makes it repeatable.

        Raises:
            InputError: There are too few rows.
        """
        from sklearn.neural_network import MLPRegressor

        if len(table) < 2:
            raise InputError(f"{len(table)} rows to learn a code from; give two at the least")
        rng = np.random.default_rng((seed, 11))
        if len(table) > MOST_ROWS:
            table = table.take(np.sort(rng.permutation(len(table))[:MOST_ROWS]))
        clean = self.columns.fit(table).apply(table)
        wanted = np.tile(clean, (self.copies, 1))
        # Pass by pass, so that other values are exchanged in each; what the network would hold out to stop by would
        # have copies among what it learns from.
        self.network = MLPRegressor(
            hidden_layer_sizes=(self.hidden, self.width, self.hidden),
            activation="tanh",
            alpha=1e-5,
            batch_size=min(256, max(16, len(wanted) // STEPS), len(wanted)),
            learning_rate_init=2e-3,
            max_iter=1,
            random_state=seed % 2**32,
        )
        for _ in range(self.passes):
            self.network.partial_fit(self._noisy(wanted, rng), wanted)
        return self

    def _noisy(self, values: Float32, rng: np.random.Generator) -> Float32:
        """Exchange a share of values for those of the same column in other rows."""
        swapped = rng.random(values.shape, np.float32) < self.noise
        other = values[rng.permutation(len(values))]
        return np.where(swapped, other, values)

    def transform(self, table: FeatureTable) -> FeatureTable:
        """Return the code of each row, a table of ``width`` columns.

        Args:
            table: With the columns that were learnt from.

        Raises:
            InputError: Nothing was learnt yet, or a column is missing.
        """
        hidden = self._asked(table)
        for weights, bias in list(zip(self.network.coefs_, self.network.intercepts_, strict=True))[:2]:
            hidden = np.tanh(hidden @ weights + bias)
        return FeatureTable(self.names, hidden.astype(np.float32), table.rows, {})

    def fit_transform(self, table: FeatureTable, *, seed: int = 0) -> FeatureTable:
        """Learn from rows and return their codes; the arguments are those of ``fit``."""
        return self.fit(table, seed=seed).transform(table)

    def errors(self, table: FeatureTable) -> Float32:
        """Return how badly each row is told again: the mean squared error over its columns, float32 [rows].

        Args:
            table: With the columns that were learnt from.

        Raises:
            InputError: Nothing was learnt yet, or a column is missing.
        """
        values = self._asked(table)
        if not len(values):
            return np.zeros(0, np.float32)
        told = self.network.predict(values).reshape(values.shape)
        errors: Float32 = np.mean((told - values) ** 2, axis=1).astype(np.float32)
        return errors

    def _asked(self, table: FeatureTable) -> Float32:
        if self.network is None:
            raise InputError("this autoencoder has learnt nothing yet; call fit() or load() first")
        return self.columns.apply(table)

    def save(self, folder: Path) -> None:
        """Write columns and settings as JSON and the network as skops does.

        Args:
            folder: An existing, empty folder.

        Raises:
            InputError: Nothing was learnt yet.
        """
        import skops.io

        if self.network is None:
            raise InputError("this autoencoder has learnt nothing yet; call fit() or load() first")
        settings = {name: getattr(self, name) for name in ("width", "hidden", "noise", "copies", "passes")}
        about = {"format": 1, "settings": settings, "columns": self.columns.state}
        (folder / "autoencoder.json").write_text(json.dumps(about) + "\n", "utf-8")
        skops.io.dump(self.network, folder / "autoencoder.skops")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote; types other than ``TRUSTED`` are refused.

        Args:
            folder: Where ``save`` wrote it.

        Raises:
            InputError: There is nothing, or a file that names other types.
        """
        import skops.io

        path = folder / "autoencoder.json"
        if not path.is_file():
            raise InputError(f"no autoencoder is kept in {folder} ({path.name} is missing); train again")
        about = json.loads(path.read_text("utf-8"))
        found = cls(**about["settings"])
        found.columns = Columns(about["columns"])
        file = folder / "autoencoder.skops"
        strange = sorted(set(skops.io.get_untrusted_types(file=file)) - set(TRUSTED))
        if strange:
            raise InputError(f"{file} names the type {strange[0]}, which no model of ours does; train again")
        found.network = skops.io.load(file, trusted=list(TRUSTED))
        return found
