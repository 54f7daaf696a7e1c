"""The protocol of every recommender: fit on sequences, score histories, be kept on disk."""

from __future__ import annotations

import abc
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from footfall.histories.sequences import Sequences

Scores = npt.NDArray[np.float32]


class Recommender(abc.ABC):
    """Ranks items for histories. A family is one file, and is found by being there."""

    name: ClassVar[str]
    """How it is called on the command line, e.g. ``markov``."""
    title: ClassVar[str]
    """What it is, in a few words."""
    floor: ClassVar[float | None] = None
    """For a family that counts evidence and scores most items 0: what a blend adds before it takes the logarithm.

    None for families whose scores are logarithms already, or nothing of the kind; see ``Blend``."""

    @abc.abstractmethod
    def fit(self, train: Sequences, *, seed: int = 0) -> Self:
        """Learn from sequences.

        Args:
            train: Everything that may be known; events without an item may be among them.
            seed: Makes what is random repeatable.
        """

    @abc.abstractmethod
    def scores(self, histories: Sequences) -> Scores:
        """Return the score of every item for every history, float32 [histories, n_codes]; higher is better.

        Any real number; -inf for what must never be shown (codes below ``FIRST_CODE`` among them). Items of the history
        are scored like all others: whether they are left out is for the caller to say.

        Args:
            histories: What is known of each; a history may be empty, or of a user who was not trained on.
        """

    def grow(self, newer: Sequences) -> bool:
        """Make room for the vocabulary of a newer log, in place, so that items it added are scored too.

        Args:
            newer: Histories of that log; codes that were known before mean the same there.

        Returns:
            Whether the family can; where it cannot, new items are for the caller to leave out.
        """
        del newer
        return False

    def vectors(self) -> npt.NDArray[np.float32] | None:
        """Return a vector for each item, of which similar items have similar ones, float32 [n_codes, width].

        None where the family has none.
        """
        return None

    @abc.abstractmethod
    def save(self, folder: Path) -> None:
        """Write what was learnt, without pickle.

        Args:
            folder: An existing, empty folder.
        """

    @classmethod
    @abc.abstractmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Args:
            folder: Where ``save`` wrote it.
        """
