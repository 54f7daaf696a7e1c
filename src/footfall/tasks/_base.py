"""What every task is: a question about users, learnt from histories, judged on a later time, asked by name."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from footfall.histories.content import Content
from footfall.histories.store import Histories
from footfall.results import Result
from footfall.training.loop import Step

Say = Callable[[str], None]
"""Told in a sentence what is being done."""
Watch = Callable[[str, Step], None]
"""Told of every training step: what is trained, and where it stands."""


@dataclasses.dataclass(frozen=True)
class Given:
    """What a task learns from, and how.

    Attributes:
        histories: Everything that may be known, as of the cutoff.
        size: Of the behaviour model.
        epochs: Most passes over the log; None lets its length decide.
        horizon_us: How far ahead is asked, microseconds; None lets the length of the log decide.
        seed: Makes what is random repeatable.
        folder: Where the state of a run is kept, to go on from if it is stopped; nowhere without it.
        say: Told what is being done.
        watch: Told of every training step.
    """

    histories: Histories
    size: str = "tiny"
    epochs: int | None = None
    horizon_us: int | None = None
    seed: int = 0
    folder: Path | None = None
    say: Say = lambda _: None
    watch: Watch = lambda *_: None


@dataclasses.dataclass(frozen=True)
class Trained:
    """What training left.

    Attributes:
        model: What is served; it has ``save(folder)``.
        about: JSON-ready facts that the model card tells: family, settings, cases, metrics, parameters.
        curves: The looks of every training run, by the family that was trained, JSON-ready.
        result: What is shown to who asked for the training; it has a field ``bundle``.
        content: What was known of the items.
    """

    model: Any
    about: Mapping[str, Any]
    curves: Mapping[str, Sequence[Mapping[str, Any]]]
    result: Result
    content: Content | None = None


class Task(abc.ABC):
    """A question about users. A task is one file, and is found by being there."""

    name: ClassVar[str]
    """How it is called on the command line, e.g. ``recommend``."""
    title: ClassVar[str]
    """What it answers, in a few words."""

    @abc.abstractmethod
    def train(self, given: Given) -> Trained:
        """Learn from histories, choose among the families, and return what is served.

        Args:
            given: What is learnt from; nothing at or after its cutoff is in it.

        Raises:
            InputError: The log has nothing that the task could learn from; says what would be needed.
        """

    @abc.abstractmethod
    def evaluate(self, given: Given, *, against: tuple[str, ...], seeds: tuple[int, ...]) -> Result:
        """Put the families side by side on the last horizon of the log, which none of them sees.

        Args:
            given: What is learnt from and judged by.
            against: Names of families; ``all`` for every one there is.
            seeds: Each family is fitted once with each.

        Raises:
            InputError: The log is too short for it, or a family is unknown.
        """
