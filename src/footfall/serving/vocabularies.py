"""One log's codes read by a model of another: an older version of it, or one that was compiled anew."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from footfall.histories.columns import FIRST_CODE, UNSEEN
from footfall.histories.content import Content, Field, content_of
from footfall.histories.event_features import CODED
from footfall.histories.sequences import Sequences
from footfall.histories.store import Histories

Codes = npt.NDArray[np.int64]

_FILE: Final = "vocabularies.json"
_PLACES: Final = ("country", "region", "campaign")
_COLUMNS: Final = (*CODED, *_PLACES)
"""Columns of codes besides items and types that some model reads."""


@dataclasses.dataclass(frozen=True)
class Vocabularies:
    """The ids that a model was trained on, in the order of their codes.

    Attributes:
        ids: By column of histories: ``item``, ``event_type``, ``channel``, ``device``, ``country``, ``region``,
            ``campaign``; older ones lack the last three.
        content: Names of what items are described by, by field, in the order of their codes.
    """

    ids: Mapping[str, Sequence[str]]
    content: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, histories: Histories, content: Content | None) -> Self:
        """Take those of a log.

        Args:
            histories: The log.
            content: What is known of its items.
        """
        ids = {name: histories.vocabularies[name].ids for name in ("item", "event_type", *_COLUMNS)}
        return cls(ids, {} if content is None else content.names)

    def save(self, folder: Path) -> None:
        """Write ``vocabularies.json``.

        Args:
            folder: An existing folder.
        """
        text = json.dumps({"ids": self.ids, "content": self.content}, ensure_ascii=False)
        (folder / _FILE).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what ``save`` wrote.

        Args:
            folder: Where ``save`` wrote it.
        """
        return cls(**json.loads((folder / _FILE).read_text(encoding="utf-8")))

    def read(self, histories: Histories, log: Sequences) -> tuple[Sequences, Codes]:
        """Return a log in the codes of these vocabularies, new items after those that are known.

        Args:
            histories: The log; of this shop, of any version.
            log: ``described(histories)``, or some of it.

        Returns:
            The log; and for each of its item codes the code in ``histories``, int64 [n_codes], ``UNSEEN`` for items
            that the log does not know any more.
        """
        theirs = histories.vocabularies["item"].ids
        own = self.ids["item"]
        same = list(own) == theirs[: len(own)]
        to_own = np.arange(FIRST_CODE + len(theirs)) if same else _mapping(theirs, own)
        n_codes = max(FIRST_CODE + len(own), int(to_own.max(initial=0)) + 1)
        back = np.full(n_codes, UNSEEN, np.int64)
        back[:FIRST_CODE] = np.arange(FIRST_CODE)
        back[to_own] = np.arange(len(to_own))
        changed: dict[str, Any] = {"item": to_own[log.item].astype(np.int32), "n_codes": n_codes}
        if log.event_type is not None:
            kinds = _mapping(histories.vocabularies["event_type"].ids, self.ids["event_type"])
            changed["event_type"] = kinds[log.event_type].astype(np.int16)
        extra = dict(log.extra)
        sizes = dict(log.sizes)
        for name in _COLUMNS:
            if name in extra and name in self.ids:
                codes = _mapping(histories.vocabularies[name].ids, self.ids[name])
                extra[name] = codes[extra[name]]
                sizes[name] = int(codes.max(initial=0)) + 1
        content = content_of(histories, self.content) if self.content else None
        content = None if content is None else _moved(content, to_own, n_codes)
        return dataclasses.replace(log, **changed, extra=extra, sizes=sizes, content=content), back


def _mapping(theirs: Sequence[str], own: Sequence[str]) -> Codes:
    """Return for each of their codes our code, int64 [their codes]; ids that are new to us come after ours."""
    code_of = {id_: i + FIRST_CODE for i, id_ in enumerate(own)}
    found = np.arange(FIRST_CODE + len(theirs))
    for i, id_ in enumerate(theirs):
        found[i + FIRST_CODE] = code_of.setdefault(id_, FIRST_CODE + len(code_of))
    return found


def _moved(content: Content, to_own: Codes, n_codes: int) -> Content:
    """Return content with the rows of items where our codes are."""
    fields = {}
    for name, field in content.fields.items():
        codes = np.zeros((n_codes, field.codes.shape[1]), np.int32)
        codes[to_own] = field.codes
        fields[name] = Field(field.names, codes)
    return Content(fields, content.queries)
