"""Places given out fairly: one threshold a group, so that every group has the same share of something chosen.

Probabilities stay as they are; who is chosen changes. Within a group the highest go first, so a group's choice is a
threshold, and of all choices that give the groups the same share it is the one with the most expected hits (Hardt,
Price and Srebro, Equality of opportunity in supervised learning, NeurIPS 2016; Corbett-Davies et al., Algorithmic
decision making and the cost of fairness, KDD 2017):

* ``parity`` (demographic parity): the same share of each group's users is chosen.
* ``opportunity`` (equality of opportunity): of each group's expected hits (the sum of its probabilities) the same share
  is chosen. A group's probabilities may all be too high by one factor without harm; their order has to be right.

Places are given one after another to the group that would then be furthest behind, counting half of the next user: for
``parity`` this is Webster's method of apportionment (Balinski and Young, Fair representation, 1982), and the shares
differ by less than a user. fairlearn's ThresholdOptimizer has the same thresholds for a share of its own choice; it
knows no number of places, and draws lots between two thresholds, which nobody could be told as a reason.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from footfall.errors import InputError, unknown_name
from footfall.evaluation._given import Bool, column

Fair = Literal["parity", "opportunity"]
KINDS: Final = ("parity", "opportunity")


def fair_places(
    values: npt.ArrayLike, groups: npt.ArrayLike, places: int, kind: str = "parity", *, seed: int = 0
) -> Bool:
    """Choose as many users as there are places, with equal shares of the groups, bool [users].

    Args:
        values: Calibrated probabilities; for ``parity`` amounts will do too; [users].
        groups: Name of each user's group, [users].
        places: How many are chosen; all where there are fewer users.
        kind: One of ``KINDS``.
        seed: Of the lot among equals of a group.

    Raises:
        InputError: The columns cannot be used, or the kind is unknown; for ``opportunity``, a value below 0.
    """
    v = column("values", values)
    names = np.asarray(groups)
    if kind not in KINDS:
        raise InputError(unknown_name("kind of fairness", kind, KINDS))
    if names.shape != v.shape:
        raise InputError(f"groups of shape {list(names.shape)} for {len(v)} users; give the group of each")
    if kind == "opportunity" and v.min() < 0:
        raise InputError(f"values from {v.min():g}; equality of opportunity needs probabilities")
    rng = np.random.default_rng(seed)
    level = np.empty(len(v))
    for name in np.unique(names):
        rows = np.flatnonzero(names == name)
        ordered = rows[np.lexsort((rng.permutation(len(rows)), -v[rows]))]
        mass = v[ordered] if kind == "opportunity" and v[ordered].sum() > 0 else np.ones(len(ordered))
        level[ordered] = (np.cumsum(mass) - mass / 2) / mass.sum()
        # A user of no probability adds nothing to a group's share: such come last, in every group.
        level[ordered[mass == 0]] = 1.0
    # Of users on one level the higher value goes first: it brings more.
    taken: Bool = np.zeros(len(v), np.bool_)
    taken[np.lexsort((rng.permutation(len(v)), -v, level))[: max(places, 0)]] = True
    return taken
