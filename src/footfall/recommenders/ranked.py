"""Ranked: candidates of a blend, put in order by boosted trees that see how each member judged them."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.evaluation.cases import Cases
from footfall.evaluation.splits import hold_out
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Recommender, Scores
from footfall.recommenders._candidates import Shelf, beside, kinds_of, met, shelves_of
from footfall.recommenders._learnt import check_codes, read_settings, require, write_settings
from footfall.recommenders._trees import Trees, learn_order
from footfall.recommenders.blend import Blend

RECENT: Final = (0.07, 0.015)
"""Shares of the log, from its end, over which what is popular of late is counted."""
BATCH: Final = 256
"""Histories whose candidates are looked at together."""

Codes = npt.NDArray[np.int64]
Features = npt.NDArray[np.float32]


@dataclasses.dataclass
class Ranked(Recommender):
    """Two stages (Covington et al., RecSys 2016): a blend finds candidates, and LambdaMART puts them in order.

    A blend gives each member one weight for every history and every item. Here trees see of each candidate what every
    member says of it (score, how far below that member's best, its rank among the candidates), how often, how long ago
    and by which type of event the user met it, its cycle of orders, the same of its category and brand, how popular it
    is and was of late, and how long the history is: so a member can count for more where it knows more.
    The trees learn from cases that no member has learnt from.

    Items that are no candidates stand below them in the blend's order. A history without events is the blend's alone.

    Attributes:
        first: What finds the candidates.
        candidates: How many are put in order.
        trees: Number of trees.
        leaves: Most leaves of each.
        rate: Their learning rate.
        least: Least candidates in a leaf.
        held_out: Most histories whose last item the trees learn from, where ``fit`` has to hold them out itself.
    """

    name: ClassVar[str] = "ranked"
    title: ClassVar[str] = "two stages: a blend's candidates, put in order by boosted trees"

    first: Blend = dataclasses.field(default_factory=Blend)
    candidates: int = 100
    trees: int = 200
    leaves: int = 15
    rate: float = 0.05
    least: int = 100
    held_out: int = 4000

    _kinds: tuple[Shelf, ...] = dataclasses.field(default=(), init=False, repr=False, compare=False)
    _shelves: npt.NDArray[np.int32] = dataclasses.field(
        default_factory=lambda: np.zeros((0, 0), np.int32), init=False, repr=False, compare=False
    )
    _counts: npt.NDArray[np.int64] | None = dataclasses.field(default=None, init=False, repr=False, compare=False)
    _order: Trees | None = dataclasses.field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the settings."""
        for name in ("candidates", "trees", "least", "held_out"):
            require(self, name, "a whole number from 1", holds=getattr(self, name) >= 1)
        require(self, "leaves", "a whole number from 2", holds=self.leaves >= 2)
        require(self, "rate", "a number above 0", holds=self.rate > 0)

    def fit(self, train: Sequences, *, seed: int = 0) -> Self:
        """Learn the order from last items that are held out, then fit the members anew on everything.

        The arguments are those of the protocol. Where trees were learnt from better cases (``learn``), ``over`` keeps
        them.

        Raises:
            DependencyBrokenError: LightGBM is installed and cannot be loaded.
        """
        past, cases = hold_out(train, self.held_out, seed)
        self._order = None
        if cases is not None:
            self.first.fit(past, seed=seed)
            self._order = self.counted(past).learn(cases, seed=seed)._order  # noqa: SLF001 - of this class
        self.first.fit(train, seed=seed)
        self.counted(train)
        return self

    def over(self, first: Blend, train: Sequences) -> Self:
        """Return the same trees over members that were fitted anew.

        Args:
            first: A blend of the same members, fitted.
            train: What they were fitted on.
        """
        found = copy.copy(self)
        found.first = first
        return found.counted(train)

    def counted(self, train: Sequences) -> Self:
        """Count what is popular in the log that the members were fitted on.

        Args:
            train: That log.
        """
        about = train.with_items()
        age = _ages(about)
        kept = [np.ones(len(age), np.bool_), *(age < share for share in RECENT)]
        once = np.unique(about.rows * train.n_codes + about.item) % train.n_codes
        counts = [np.bincount(about.item[part], minlength=train.n_codes) for part in kept]
        self._counts = np.stack([*counts, np.bincount(once, minlength=train.n_codes)])
        self._kinds = kinds_of(train.content)
        self._shelves = shelves_of(train.content, self._kinds, train.n_codes)
        return self

    def learn(self, cases: Cases, *, seed: int = 0) -> Self:
        """Return the same members under an order that is learnt from cases; the blend's where none has a candidate.

        Args:
            cases: That no member has learnt from, of a time after what they have.
            seed: Makes it repeatable.

        Raises:
            InputError: The members have learnt nothing yet, or ``counted`` was not called.
            DependencyBrokenError: LightGBM is installed and cannot be loaded.
        """
        features, wanted, groups = [], [], []
        for begin in range(0, len(cases), BATCH):
            some = cases.take(np.arange(begin, min(begin + BATCH, len(cases))))
            codes, said, _ = self._looked_at(some.histories)
            n = some.histories.n_codes
            targets = np.repeat(np.arange(len(some)), np.diff(some.target_offsets)) * n + some.targets
            hit = np.isin(np.arange(len(some))[:, None] * n + codes, targets)
            kept = hit.any(1) & (some.histories.lengths > 0)
            features.append(said[kept].reshape(-1, said.shape[2]))
            wanted.append(hit[kept].ravel())
            groups.append(np.full(int(kept.sum()), codes.shape[1]))
        found = copy.copy(self)
        found._order = None  # noqa: SLF001 - of this class
        if sum(map(len, groups)):
            rows = (np.concatenate(features), np.concatenate(wanted), np.concatenate(groups))
            shape = {"trees": self.trees, "leaves": self.leaves, "rate": self.rate, "least": self.least}
            found._order = Trees(learn_order(*rows, **shape, seed=seed))  # type: ignore[arg-type]  # noqa: SLF001
        return found

    def scores(self, histories: Sequences) -> Scores:
        """Return the score of every item for every history, as the protocol says.

        Raises:
            InputError: Nothing was learnt yet, or the histories are coded by another vocabulary.
        """
        check_codes(self, None if self._counts is None else self._counts.shape[1], histories)
        if self._order is None:
            return self.first.scores(histories)
        result: Scores = np.empty((len(histories), histories.n_codes), np.float32)
        for begin in range(0, len(histories), BATCH):
            rows = np.arange(begin, min(begin + BATCH, len(histories)))
            some = histories.take(rows)
            codes, said, base = self._looked_at(some)
            judged = self._order(said.reshape(-1, said.shape[2])).reshape(codes.shape)
            below = np.take_along_axis(base, codes, 1)
            placed = below.min(1, keepdims=True, where=np.isfinite(below), initial=np.inf) + 1
            placed = placed + judged - judged.min(1, keepdims=True)
            placed = np.where(np.isneginf(below) | (some.lengths == 0)[:, None], below, placed)
            np.put_along_axis(base, codes, placed.astype(np.float32), 1)
            result[rows] = base
        return result

    def _looked_at(self, histories: Sequences) -> tuple[Codes, Features, Scores]:
        """Return candidates [histories, candidates], what trees see of them [.., .., features], and the blend's scores.

        Candidates are the blend's best, in the order of their codes.
        """
        if self._counts is None:
            raise InputError(f"recommender {self.name!r} has learnt nothing yet; call fit() or load() first")
        parts = self.first.parts(histories)
        base = self.first.weighted(parts)
        n = min(self.candidates, histories.n_codes - FIRST_CODE)
        codes = np.sort(np.argpartition(base, -n, axis=1)[:, -n:], axis=1).astype(np.int64)
        columns: list[npt.NDArray[Any]] = [np.take_along_axis(base, codes, 1)]
        for part in parts:
            value = np.take_along_axis(part, codes, 1)
            best = part.max(1, keepdims=True)
            rank = np.argsort(np.argsort(-value, axis=1, kind="stable"), axis=1)
            columns += [value, np.where(np.isfinite(best), value - best, 0), rank]
        columns += [*met(histories, codes), *beside(histories, codes, self._shelves)]
        whole, *recent, holders = (np.log1p(counts[codes]) for counts in self._counts)
        columns += [whole, *recent, recent[1] - recent[0], whole - holders]
        n_items = np.array([len(np.unique(histories[row])) for row in range(len(histories))], np.float32)
        columns += [np.broadcast_to(x[:, None], codes.shape) for x in (histories.lengths, n_items)]
        said = np.stack(columns, axis=2).astype(np.float32)
        said[~np.isfinite(said)] = np.nan
        return codes, said, base

    def grow(self, newer: Sequences) -> bool:
        """Let every member make room for a newer log.

        Args:
            newer: Histories of that log.
        """
        if self._counts is not None:
            more = (0, newer.n_codes - self._counts.shape[1])
            self._counts = np.pad(self._counts, ((0, 0), more))
            if newer.content is None:
                self._shelves = np.pad(self._shelves, ((0, 0), more))
            else:
                self._shelves = shelves_of(newer.content, self._kinds, newer.n_codes)
        return self.first.grow(newer)

    def save(self, folder: Path) -> None:
        """Write the blend into a folder of its own, the trees as text in JSON, the counts as npz.

        Args:
            folder: An existing, empty folder.

        Raises:
            InputError: Nothing was learnt yet.
        """
        if self._counts is None:
            raise InputError(f"recommender {self.name!r} has learnt nothing yet; call fit() or load() first")
        (folder / "first").mkdir()
        self.first.save(folder / "first")
        np.savez(folder / "counts.npz", counts=self._counts, shelves=self._shelves)
        text = None if self._order is None else self._order.text
        (folder / "trees.json").write_text(json.dumps({"lightgbm": text}) + "\n", "utf-8")
        kept = {"settings": {name: getattr(self, name) for name in _SETTINGS}, "kinds": self._kinds}
        write_settings(folder, self.name, kept)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Args:
            folder: Where ``save`` wrote it.

        Raises:
            InputError: There is nothing, or another family's.
            DependencyBrokenError: LightGBM is installed and cannot be loaded.
        """
        kept = read_settings(folder, cls.name)
        found = cls(Blend.load(folder / "first"), **kept["settings"])
        with np.load(folder / "counts.npz", allow_pickle=False) as arrays:
            found._counts, found._shelves = arrays["counts"], arrays["shelves"]
        found._kinds = tuple((name, level) for name, level in kept["kinds"])
        text = json.loads((folder / "trees.json").read_text("utf-8"))["lightgbm"]
        found._order = None if text is None else Trees(text)
        return found


_SETTINGS: Final = ("candidates", "trees", "leaves", "rate", "least", "held_out")


def _ages(train: Sequences) -> npt.NDArray[np.float64]:
    """Return how old each event is as a share of the log, 0 being the newest; by time, or else by place in the log."""
    if not train.n_events:
        return np.zeros(0)
    if train.timestamp_us is None:
        return 1 - np.arange(train.n_events) / train.n_events
    span = max(int(np.ptp(train.timestamp_us)), 1)
    found: npt.NDArray[np.float64] = (train.timestamp_us.max() - train.timestamp_us) / span
    return found
