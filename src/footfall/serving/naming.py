"""Naming: what a model's codes of items and types are called, for those who read its reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from footfall.histories.columns import FIRST_CODE
from footfall.histories.store import Histories
from footfall.serving.vocabularies import Vocabularies
from footfall.tasks._event_reasons import Names


def names_of(histories: Histories, vocabularies: Vocabularies, back: npt.NDArray[np.int64]) -> Names:
    """Return the names of a model's codes: an item's in the catalogue, or its id; a type's as the shop gave it.

    Args:
        histories: What the model is asked about.
        vocabularies: The ids that the model was trained on.
        back: For each of the model's item codes the code in ``histories``, as ``Vocabularies.read`` returns it.
    """
    items: Any = histories.vocabularies["item"].table
    named = items["name"] if "name" in items.column_names else None
    own, types = vocabularies.ids["item"], vocabularies.ids["event_type"]
    # Types that came after the training have the codes after those that the model knows, in the log's order.
    kinds = [*types, *(kind for kind in histories.vocabularies["event_type"].ids if kind not in set(types))]

    def item(code: int) -> str:
        theirs = int(back[code]) - FIRST_CODE if code < len(back) else -1
        if theirs < 0:  # the log does not know it any more
            return own[code - FIRST_CODE] if FIRST_CODE <= code < FIRST_CODE + len(own) else "an item"
        name = None if named is None else named[theirs].as_py()
        return str(name or items["id"][theirs].as_py())

    def event_type(code: int) -> str:
        return kinds[code - FIRST_CODE] if FIRST_CODE <= code < FIRST_CODE + len(kinds) else "event"

    def code(feature: str, code: int) -> str:
        known = vocabularies.ids.get(feature.rpartition("_")[0], ())
        return known[code - FIRST_CODE] if FIRST_CODE <= code < FIRST_CODE + len(known) else str(code)

    return Names(item, event_type, code)
