"""What families share: learnt arrays, checked when asked, kept as ``arrays.npz`` beside ``settings.json``."""

from __future__ import annotations

import abc
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError
from footfall.histories.columns import FIRST_CODE, UNSEEN
from footfall.histories.sequences import Sequences
from footfall.recommenders._base import Recommender, Scores

Arrays = Mapping[str, npt.NDArray[Any]]

_SETTINGS: Final = "settings.json"
_ARRAYS: Final = "arrays.npz"


@dataclasses.dataclass
class Learnt(Recommender, abc.ABC):
    """A recommender whose settings are its dataclass fields and whose knowledge is named arrays."""

    _arrays: Arrays | None = dataclasses.field(default=None, init=False, repr=False, compare=False)
    _n_codes: int = dataclasses.field(default=0, init=False, repr=False, compare=False)
    _grown: int = dataclasses.field(default=0, init=False, repr=False, compare=False)

    @abc.abstractmethod
    def _learn(self, train: Sequences, seed: int) -> Arrays:
        """Return what is learnt.

        Args:
            train: Events about items only.
            seed: Makes what is random repeatable.
        """

    @abc.abstractmethod
    def _rank(self, histories: Sequences, arrays: Arrays) -> Scores:
        """Return scores, float32 [histories, n_codes]; what stands below ``FIRST_CODE`` is of no account.

        Args:
            histories: Events about items only.
            arrays: What ``_learn`` returned.
        """

    def fit(self, train: Sequences, *, seed: int = 0) -> Self:
        """Learn from sequences; the arguments are those of the protocol.

        Raises:
            InputError: The sequences lack what the family needs.
        """
        self._arrays = self._learn(train.with_items(), seed)
        self._n_codes, self._grown = train.n_codes, 0
        return self

    def scores(self, histories: Sequences) -> Scores:
        """Return the score of every item for every history, as the protocol says.

        Raises:
            InputError: Nothing was learnt yet, or the histories are coded by another vocabulary.
        """
        n_codes = max(self._n_codes, self._grown)
        check_codes(self, n_codes if self._arrays is not None else None, histories)
        assert self._arrays is not None  # noqa: S101 - for the type checker
        result = self._rank(_known(histories, self._n_codes).with_items(), self._arrays)
        result[:, :FIRST_CODE] = -np.inf
        if n_codes > self._n_codes:  # a new item has the score of one that nobody has met
            return np.pad(result, ((0, 0), (0, n_codes - self._n_codes)))
        return result

    def grow(self, newer: Sequences) -> bool:
        """Make room for a newer log: new items have the score of one that nobody has met, which is 0.

        Args:
            newer: Histories of that log.
        """
        self._grown = newer.n_codes
        return True

    def save(self, folder: Path) -> None:
        """Write the settings as JSON and the arrays as npz.

        Args:
            folder: An existing, empty folder.

        Raises:
            InputError: Nothing was learnt yet.
        """
        if self._arrays is None:
            raise InputError(_unfitted(self))
        write_settings(folder, self.name, {"n_codes": self._n_codes, "settings": settings_of(self)})
        arrays: dict[str, Any] = dict(self._arrays)
        np.savez(folder / _ARRAYS, **arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Args:
            folder: Where ``save`` wrote it.

        Raises:
            InputError: There is nothing, or another family's.
        """
        kept = read_settings(folder, cls.name)
        found = cls(**{key: tuple(v) if isinstance(v, list) else v for key, v in kept["settings"].items()})
        with np.load(folder / _ARRAYS, allow_pickle=False) as arrays:
            found._arrays = dict(arrays)
        found._n_codes = kept["n_codes"]
        return found


def _known(histories: Sequences, n_codes: int) -> Sequences:
    """Return histories in which items beyond a vocabulary are unseen ones."""
    if histories.n_codes <= n_codes:
        return histories
    item = np.where(histories.item < n_codes, histories.item, UNSEEN).astype(np.int32)
    return dataclasses.replace(histories, item=item, n_codes=n_codes, content=None)


def settings_of(recommender: Any) -> dict[str, Any]:
    """Return a dataclass's settings: the fields its constructor takes."""
    return {f.name: getattr(recommender, f.name) for f in dataclasses.fields(recommender) if f.init}


def check_codes(recommender: Recommender, n_codes: int | None, histories: Sequences) -> None:
    """Refuse histories that cannot be scored.

    Args:
        recommender: Who was asked.
        n_codes: Size of the vocabulary it was fitted on; None where it was not fitted.
        histories: What was given.

    Raises:
        InputError: Nothing was learnt yet, or the histories are coded by another vocabulary.
    """
    if n_codes is None:
        raise InputError(_unfitted(recommender))
    if histories.n_codes != n_codes:
        raise InputError(
            f"recommender {recommender.name!r} was fitted on a vocabulary of {n_codes} item codes, and the histories "
            f"have {histories.n_codes}; compile both with one vocabulary, or fit it again"
        )


def write_settings(folder: Path, name: str, content: Mapping[str, Any]) -> None:
    """Write ``settings.json``.

    Args:
        folder: An existing folder.
        name: The family's name.
        content: Whatever JSON can hold.
    """
    text = json.dumps({"recommender": name, "format": 1, **content}, indent=2)
    (folder / _SETTINGS).write_text(text + "\n", encoding="utf-8")


def read_settings(folder: Path, name: str | None = None) -> dict[str, Any]:
    """Return what ``write_settings`` wrote.

    Args:
        folder: Where it was written.
        name: The family's name that is asked for; any without it.

    Raises:
        InputError: There is nothing, or another family's, or a later Footfall's.
    """
    path = folder / _SETTINGS
    if not path.is_file():
        raise InputError(
            f"no recommender is kept in {folder} ({_SETTINGS} is missing); give a folder that save() wrote"
        )
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if content.get("format") != 1:
        raise InputError(f"{path} has format {content.get('format')!r}; accepted: 1; use the Footfall that wrote it")
    if name is not None and content["recommender"] != name:
        raise InputError(f"{folder} keeps the recommender {content['recommender']!r}, not {name!r}")
    return content


def require(recommender: Recommender, setting: str, accepted: str, *, holds: bool) -> None:
    """Refuse a setting that is out of its range.

    Args:
        recommender: Whose setting it is.
        setting: The field's name.
        accepted: What is accepted, in words.
        holds: Whether the setting is accepted.

    Raises:
        InputError: It is not.
    """
    if not holds:
        given = getattr(recommender, setting)
        raise InputError(f"{setting} of recommender {recommender.name!r} is {given!r}; accepted: {accepted}")


def _unfitted(recommender: Recommender) -> str:
    return f"recommender {recommender.name!r} has learnt nothing yet; call fit() or load() first"
