"""The protocol of every predictor: fit on examples with labels, score examples, be kept on disk."""

from __future__ import annotations

import abc
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.features.table import FeatureTable
from footfall.histories.sequences import Sequences

Kind = Literal["binary", "amount"]
"""What is foretold: whether something happens (0 or 1), or how much of it (a number from 0)."""
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class About:
    """What examples ask about besides users: a thing each, e.g. a category, an item, a type of event.

    Attributes:
        codes: The thing of each example, from 1, int64 [examples].
        names: What code ``i + 1`` stands for.
        kinds: Names of the kinds of things.
        first: The code before the first of each kind, and the number of all, int64 [kinds + 1].
        of_item: The thing of each item of the vocabulary, per kind, int32 [kinds, n_codes], 0 for none; None where
            things are not what items are, or are put into.
    """

    codes: Int64
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    first: Int64
    of_item: npt.NDArray[np.int32] | None = None

    def kind_of(self, code: int) -> int:
        """Return the place of a thing's kind.

        Args:
            code: From 1.
        """
        return int(np.searchsorted(self.first, code, side="left")) - 1

    def take(self, places: Int64) -> About:
        """Return the things of some of the examples.

        Args:
            places: Which, int64.
        """
        return dataclasses.replace(self, codes=self.codes[places])


@dataclasses.dataclass(frozen=True)
class Examples:
    """Users at moments: what was known of each strictly before, and what came of it where that is told.

    Attributes:
        table: Their features, a row an example.
        log: Where their histories are from; events at and after a row's cutoff are never handed out.
        rows: Which history of the log each is, int64 [examples].
        cutoff_us: Its moment, UTC microseconds, int64 [examples].
        horizon_us: How far ahead is asked, microseconds.
        labels: What came of it, float64 [examples], NaN of what could not come; None where nobody tells.
        about: Which thing each asks about; None where a question is about users alone.
        also: What came of sibling questions about the same rows, by their names, float64 [examples] each; NaN where
            such a question is not asked of a user. To be learnt from beside the labels, and never to be read otherwise.
    """

    table: FeatureTable
    log: Sequences = dataclasses.field(repr=False)
    rows: Int64
    cutoff_us: Int64
    horizon_us: int
    labels: Float64 | None = None
    about: About | None = None
    also: Mapping[str, Float64] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that the parts fit each other."""
        codes = None if self.about is None else self.about.codes
        parts = (self.table, self.rows, self.cutoff_us, self.labels, codes, *self.also.values())
        lengths = {len(part) for part in parts if part is not None}
        if len(lengths) > 1:
            raise InputError(f"examples have parts of {sorted(lengths)} rows; all must have the same")

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.rows)

    @property
    def told(self) -> Float64:
        """The labels.

        Raises:
            InputError: Nobody tells.
        """
        if self.labels is None:
            raise InputError("these examples have no labels; nothing can be learnt from them or judged by them")
        return self.labels

    @functools.cached_property
    def histories(self) -> Sequences:
        """The history of each example, strictly before its cutoff."""
        times = self.log.timestamp_us
        if times is None:
            raise InputError("the log has no times; read events with times")
        starts, stops = self.log.offsets[:-1][self.rows], self.log.offsets[1:][self.rows]
        each = zip(starts.tolist(), stops.tolist(), self.cutoff_us.tolist(), strict=True)
        ends = np.array([a + np.searchsorted(times[a:b], cutoff) for a, b, cutoff in each], np.int64)
        return self.log.between(starts, ends, self.rows)

    def distinct_histories(self) -> tuple[Sequences, Int64]:
        """Return the histories, and which of them each example has, int64 [examples].

        One that stands in many examples, once for each thing that is asked about, is there once.
        """
        if self.about is None or "histories" in self.__dict__:  # histories that were put in by hand may all differ
            return self.histories, np.arange(len(self))
        keys = np.stack([self.rows, self.cutoff_us])
        _, first, place = np.unique(keys, axis=1, return_index=True, return_inverse=True)
        return self.take(first).histories, place.astype(np.int64)

    def take(self, places: Int64) -> Examples:
        """Return some of the examples.

        Args:
            places: Which, int64.
        """
        return dataclasses.replace(
            self,
            table=self.table.take(places),
            rows=self.rows[places],
            cutoff_us=self.cutoff_us[places],
            labels=None if self.labels is None else self.labels[places],
            about=None if self.about is None else self.about.take(places),
            also={name: told[places] for name, told in self.also.items()},
        )

    def known(self) -> Examples:
        """Return the examples of which it is told what came: those that can be learnt from."""
        some = np.isfinite(self.told)
        return self if some.all() else self.take(np.flatnonzero(some))

    @staticmethod
    def stack(parts: Sequence[Examples]) -> Examples:
        """Return the examples of several moments of one log, one after another.

        Args:
            parts: With the same columns, log and horizon; of sibling questions, those that all of them tell are kept.
        """
        first = parts[0]
        both = [name for name in first.also if all(name in part.also for part in parts)]
        told = [part.labels for part in parts if part.labels is not None]
        about = [part.about for part in parts if part.about is not None]
        return dataclasses.replace(
            first,
            table=FeatureTable.stack([part.table for part in parts]),
            rows=np.concatenate([part.rows for part in parts]),
            cutoff_us=np.concatenate([part.cutoff_us for part in parts]),
            labels=np.concatenate(told) if len(told) == len(parts) else None,
            about=dataclasses.replace(about[-1], codes=np.concatenate([a.codes for a in about])) if about else None,
            also={name: np.concatenate([part.also[name] for part in parts]) for name in both},
        )


class Predictor(abc.ABC):
    """Foretells one number of each example. A family is one file, and is found by being there.

    Of a binary question it gives a score that rises with the chance; what makes a probability of it is calibration, on
    a later time. Of an amount it gives what is to be expected.
    """

    name: ClassVar[str]
    """How it is called on the command line, e.g. ``boosting``."""
    title: ClassVar[str]
    """What it is, in a few words."""
    kinds: ClassVar[frozenset[Kind]] = frozenset({"binary", "amount"})
    """What it can foretell."""
    wants_backbone: ClassVar[bool] = False
    """Whether it asks a behaviour model, which is handed to it as ``backbone`` before it learns."""

    kind: Kind

    @abc.abstractmethod
    def fit(self, examples: Examples, *, seed: int = 0) -> Self:
        """Learn from examples.

        Args:
            examples: With labels; of a binary question there are both 0 and 1 among them.
            seed: Makes what is random repeatable.
        """

    @abc.abstractmethod
    def predict(self, examples: Examples) -> Float64:
        """Return a score for each, float64 [examples].

        Args:
            examples: With the columns it was fitted on.
        """

    def importances(self) -> Mapping[str, float]:
        """Return the share that each column has in what it says, summing to 1; empty where the family cannot tell."""
        return {}

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
