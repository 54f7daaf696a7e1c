"""Session neighbours: what stood near the same items in the sessions that are most like this one."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from footfall.compiled import kernel, part
from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Scores
from footfall.recommenders._learnt import Arrays, Learnt, require


@dataclasses.dataclass
class SessionNeighbours(Learnt):
    """Nearest sessions that know order and age (after STAN, Garg et al. 2019; VS-KNN, Ludewig and Jannach 2018).

    A sequence of training is as like a history as the sum over the items they share of ``e^(-age / history_decay) *
    events[item] ** -rarity``, the age of the history's last event being 0; divided by ``length ** length_power`` of the
    sequence, and times ``e^(-age of the sequence / log_decay)``, the whole log being of age 1. Each of the nearest
    gives its likeness, times ``e^(-(places - 1) / place_decay)``, to its items by their distance in places from that
    shared item which is the newest in the history, at its last place in the sequence. Items before it are given
    ``before`` times as much as those after it, and that item itself is given ``itself`` times as much as the one after:
    in sessions, the next item often is one that was seen before.

    Sequences are aged by the time of their last event, and by their order where there are no times.

    Attributes:
        nearest: How many sequences are asked.
        newest: How many of the newest sequences with an item are looked at.
        history_decay: Events back in the history over which an item's say falls to 1/e.
        log_decay: Share of the log over which a sequence's say falls to 1/e.
        place_decay: Places from the shared item over which an item's share falls to 1/e.
        before: Weight of what stood before the shared item, against what stood after it.
        itself: Weight of the shared item itself.
        length_power: How much long sequences are held back.
        rarity: How much more a rare shared item says.
    """

    name: ClassVar[str] = "session_neighbours"
    title: ClassVar[str] = "what the most similar sessions went on to"
    floor: ClassVar[float | None] = 0.01

    nearest: int = 200
    newest: int = 2000
    history_decay: float = 2.5
    log_decay: float = 1.0
    place_decay: float = 4.0
    before: float = 1.0
    itself: float = 1.0
    length_power: float = 0.25
    rarity: float = 0.5

    def __post_init__(self) -> None:
        """Check the settings."""
        for name in ("nearest", "newest"):
            require(self, name, "a whole number from 1", holds=getattr(self, name) >= 1)
        for name in ("history_decay", "log_decay", "place_decay"):
            require(self, name, "a number above 0", holds=getattr(self, name) > 0)
        for name in ("before", "itself", "length_power", "rarity"):
            require(self, name, "a number from 0", holds=getattr(self, name) >= 0)

    def _learn(self, train: Sequences, seed: int) -> Arrays:  # noqa: ARG002 - nothing is random
        known = np.flatnonzero(train.lengths > 0)
        if train.timestamp_us is not None:
            known = known[np.argsort(train.timestamp_us[train.offsets[1:][known] - 1], kind="stable")]
        sequences = train.take(known)
        rows = sequences.rows
        places = np.arange(sequences.n_events) - sequences.offsets[:-1][rows]
        order = np.lexsort((places, rows, sequences.item))
        item, row, place = sequences.item[order], rows[order], places[order]
        last = np.ones(len(order), np.bool_)  # of an item's places in one sequence
        last[:-1] = (item[1:] != item[:-1]) | (row[1:] != row[:-1])
        found = np.bincount(item[last], minlength=train.n_codes)
        return {
            "offsets": sequences.offsets,
            "item": sequences.item,
            "indptr": np.concatenate((np.zeros(1, np.int64), np.cumsum(found))),
            "row": row[last].astype(np.int32),
            "place": place[last].astype(np.int32),
            "say": (np.maximum(found, 1) ** -self.rarity).astype(np.float32),
        }

    def _rank(self, histories: Sequences, arrays: Arrays) -> Scores:
        scores = np.zeros((len(histories), histories.n_codes), np.float32)
        lengths = np.diff(arrays["offsets"])
        ages = np.arange(len(lengths) - 1, -1, -1) / max(len(lengths), 1)
        worth = np.exp(-ages / self.log_decay) / np.maximum(lengths, 1) ** self.length_power
        if len(lengths):
            _vote(
                scores, histories.offsets, np.ascontiguousarray(histories.item), arrays["offsets"], arrays["item"],
                arrays["indptr"], arrays["row"], arrays["place"], arrays["say"], worth.astype(np.float32),
                self.nearest, self.newest, self.history_decay, self.place_decay, self.before, self.itself,
            )  # fmt: skip
        return scores


@kernel
def _vote(
    scores: Scores,
    asked_offsets: npt.NDArray[np.int64],
    asked_item: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.int64],
    item: npt.NDArray[np.int32],
    indptr: npt.NDArray[np.int64],
    row_of: npt.NDArray[np.int32],
    place_of: npt.NDArray[np.int32],
    say: npt.NDArray[np.float32],
    worth: npt.NDArray[np.float32],
    nearest: int,
    newest: int,
    history_decay: float,
    place_decay: float,
    before: float,
    itself: float,
) -> None:
    likeness = np.zeros(len(worth), np.float32)
    place = np.zeros(len(worth), np.int32)
    met_by = np.full(len(worth), -1, np.int64)
    touched = np.zeros(len(worth), np.int32)
    for asked in range(len(asked_offsets) - 1):
        begin, end = asked_offsets[asked], asked_offsets[asked + 1]
        n_touched = 0
        for event in range(end - 1, begin - 1, -1):
            shared = asked_item[event]
            if _stands(asked_item, event + 1, end, shared):
                continue
            weight = np.exp(-(end - 1 - event) / history_decay) * say[shared]
            for found in range(max(indptr[shared], indptr[shared + 1] - newest), indptr[shared + 1]):
                row = row_of[found]
                if met_by[row] != asked:
                    met_by[row] = asked
                    likeness[row] = 0
                    place[row] = place_of[found]  # of the newest shared item, as the history is read backwards
                    touched[n_touched] = row
                    n_touched += 1
                likeness[row] += weight
        near = touched[:n_touched]
        told = likeness[near] * worth[near]
        for i in np.argsort(-told, kind="mergesort")[:nearest]:
            row = near[i]
            for event in range(offsets[row], offsets[row + 1]):
                apart = event - offsets[row] - place[row]
                share = itself if apart == 0 else np.exp(-(abs(apart) - 1) / place_decay)
                scores[asked, item[event]] += told[i] * (before * share if apart < 0 else share)


@part
def _stands(items: npt.NDArray[np.int32], begin: int, end: int, wanted: int) -> bool:
    """Tell whether an item stands somewhere from ``begin`` up to before ``end``."""
    for at in range(begin, end):  # noqa: SIM110 - compiled code knows no generators
        if items[at] == wanted:
            return True
    return False
