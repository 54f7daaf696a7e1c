"""An autoencoder's code as what is known of a user, beside the features, in boosted trees."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from footfall.errors import InputError
from footfall.predictors._autoencoder import PREFIX, Autoencoder
from footfall.predictors._base import Examples, Float64, Kind, Predictor
from footfall.predictors._estimators import one_label, read_about
from footfall.predictors.boosting import Boosting

CODE = "code of all features"
"""What the code is called among importances."""


class AutoencoderBoosting(Predictor):
    """Trees over the features and the code that a denoising autoencoder makes of them, which learns without labels."""

    name: ClassVar[str] = "autoencoder"
    title: ClassVar[str] = "an autoencoder's code and the features, in boosted trees"

    def __init__(self, kind: Kind = "binary") -> None:
        """Make one that has learnt nothing.

        Args:
            kind: What is foretold.
        """
        self.kind = kind
        self.encoder: Autoencoder | None = None
        self.head: Predictor = Boosting(kind)

    def fit(self, examples: Examples, *, seed: int = 0) -> Self:
        """Learn the code, then the head on it; the arguments are those of the protocol.

        Raises:
            InputError: There are no labels, or of a binary question all are the same.
        """
        if len(np.unique(examples.told)) < 2:
            raise one_label(examples.told)
        self.encoder = Autoencoder().fit(examples.table, seed=seed)
        self.head = Boosting(self.kind).fit(self.seen(examples), seed=seed)
        return self

    def seen(self, examples: Examples) -> Examples:
        """Return the examples as the head sees them: with the code in the table.

        Args:
            examples: As they were given.

        Raises:
            InputError: Nothing was learnt yet, or a column is missing.
        """
        if self.encoder is None:
            raise InputError(f"predictor {self.name!r} has learnt nothing yet; call fit() or load() first")
        return dataclasses.replace(examples, table=examples.table.joined(self.encoder.transform(examples.table)))

    def predict(self, examples: Examples) -> Float64:
        """Return a score for each, as the protocol says.

        Raises:
            InputError: Nothing was learnt yet, or a column is missing.
        """
        return self.head.predict(self.seen(examples))

    def importances(self) -> Mapping[str, float]:
        """Return the share of each feature; the code counts as one."""
        found: dict[str, float] = {}
        for name, share in self.head.importances().items():
            of = CODE if name.startswith(PREFIX) else name
            found[of] = found.get(of, 0.0) + share
        return found

    def save(self, folder: Path) -> None:
        """Write encoder and head into folders of their own.

        Args:
            folder: An existing, empty folder.

        Raises:
            InputError: Nothing was learnt yet.
        """
        if self.encoder is None:
            raise InputError(f"predictor {self.name!r} has learnt nothing yet; call fit() or load() first")
        for name, part in (("encoder", self.encoder), ("head", self.head)):
            (folder / name).mkdir()
            part.save(folder / name)
        about = {"predictor": self.name, "format": 1, "kind": self.kind}
        (folder / "settings.json").write_text(json.dumps(about) + "\n", "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Args:
            folder: Where ``save`` wrote it.

        Raises:
            InputError: There is nothing, or another family's.
        """
        found = cls(read_about(folder, cls.name)["kind"])
        found.encoder = Autoencoder.load(folder / "encoder")
        found.head = Boosting.load(folder / "head")
        return found
