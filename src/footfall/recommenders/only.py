"""Only: another recommender that is shown events of some types, e.g. purchases."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Recommender, Scores
from footfall.recommenders._learnt import read_settings, write_settings
from footfall.recommenders.popularity import Popularity


@dataclasses.dataclass
class Only(Recommender):
    """Shows another recommender the events of some types and nothing else, when it learns and when it is asked.

    Attributes:
        member: The other.
        types: Codes of the types; all of them without it.
    """

    name: ClassVar[str] = "only"
    title: ClassVar[str] = "another recommender, shown events of some types only"

    member: Recommender = dataclasses.field(default_factory=Popularity)
    types: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Count evidence where the member does."""
        self.floor = self.member.floor  # type: ignore[misc]  # that of the member, not of the family

    def fit(self, train: Sequences, *, seed: int = 0) -> Self:
        """Fit the member on the events it may see; the arguments are those of the protocol."""
        self.member.fit(self._shown(train), seed=seed)
        return self

    def scores(self, histories: Sequences) -> Scores:
        """Return the member's scores, as the protocol says.

        Raises:
            InputError: It has learnt nothing yet, or the histories are coded by another vocabulary.
        """
        return self.member.scores(self._shown(histories))

    def grow(self, newer: Sequences) -> bool:
        """Let the member make room for a newer log.

        Args:
            newer: Histories of that log.
        """
        return self.member.grow(newer)

    def _shown(self, sequences: Sequences) -> Sequences:
        if not self.types or sequences.event_type is None:
            return sequences
        return sequences.where(np.isin(sequences.event_type, np.array(self.types, np.int64)))

    def save(self, folder: Path) -> None:
        """Write the member into a folder of its own.

        Args:
            folder: An existing, empty folder.

        Raises:
            InputError: Nothing was learnt yet.
        """
        home = folder / "member"
        home.mkdir()
        self.member.save(home)
        write_settings(folder, self.name, {"member": self.member.name, "types": list(self.types)})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Args:
            folder: Where ``save`` wrote it.

        Raises:
            InputError: There is nothing, or another family's, or the member's family is not installed.
        """
        from footfall.recommenders._registry import by_name  # it imports every family, so this one as well

        kept = read_settings(folder, cls.name)
        return cls(by_name(kept["member"]).load(folder / "member"), tuple(kept["types"]))
