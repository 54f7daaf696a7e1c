"""Past events that moved an answer of a family over the behaviour model, grouped where they are alike, in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from footfall.errors import InputError
from footfall.histories.columns import FIRST_CODE
from footfall.histories.sequences import Sequences
from footfall.predictors._base import Examples, Float64, Int64, Predictor
from footfall.predictors._columns import FAR
from footfall.predictors.behaviour_vector import BehaviourVector
from footfall.predictors.linear import Linear
from footfall.schema import US_PER_DAY

MOST_GROUPS: Final = 12
"""Groups of a history that are taken away one by one."""
AT_ONCE: Final = 20_000
"""Histories with something taken away that are scored at once."""
NOUNS: Final[Mapping[str, tuple[str, str]]] = {
    "view_item": ("view of {}", "{} views of {}"),
    "view_item_list": ("list with {}", "{} lists with {}"),
    "select_item": ("click on {}", "{} clicks on {}"),
    "search": ("search for {}", "{} searches for {}"),
    "add_to_wishlist": ("{} put on the wishlist", "{} times on the wishlist: {}"),
    "add_to_cart": ("{} put into the cart", "{} times into the cart: {}"),
    "remove_from_cart": ("{} taken out of the cart", "{} times out of the cart: {}"),
    "begin_checkout": ("checkout of {}", "{} checkouts of {}"),
    "purchase": ("purchase of {}", "{} purchases of {}"),
    "refund": ("refund of {}", "{} refunds of {}"),
    "review": ("review of {}", "{} reviews of {}"),
    "rate": ("rating of {}", "{} ratings of {}"),
    "share": ("sharing of {}", "{} times shared: {}"),
    "like": ("like of {}", "{} likes of {}"),
}
"""How an event about an item is said, and several of them; of other types ``type of item`` and ``3 x type of item``."""


@dataclasses.dataclass(frozen=True)
class Names:
    """What codes are called.

    Attributes:
        item: Name of an item, or its id, by its code.
        event_type: Name of an event's type by its code.
        code: Name of a code of another feature: its name, and the code.
    """

    item: Callable[[int], str] = "item {}".format
    event_type: Callable[[int], str] = "event {}".format
    code: Callable[[str, int], str] = "{1}".format


@dataclasses.dataclass(frozen=True)
class EventGroups:
    """Equal events of a history together: of one type, about one item. Only events that the model reads take part.

    Attributes:
        row: Which history, int64 [groups], ascending.
        event_type: Code, int64 [groups]; 0 where the log knows one type only.
        item: Code, int64 [groups].
        count: Events, int64 [groups].
        last_us: When the newest was, UTC microseconds, int64 [groups].
        of_event: The group of each event of the histories, int64 [events]; -1 for those too old to be read.
    """

    row: Int64
    event_type: Int64
    item: Int64
    count: Int64
    last_us: Int64
    of_event: Int64

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def of(cls, histories: Sequences, context: int) -> EventGroups:
        """Put equal events together.

        Args:
            histories: What was known of each.
            context: Most events of a history that are read, its newest.
        """
        if histories.timestamp_us is None:
            raise InputError("these histories have no times; give histories with times")
        rows = histories.rows
        read = np.flatnonzero(histories.offsets[1:][rows] - np.arange(histories.n_events) <= context)
        kinds = np.zeros(len(read), np.int64) if histories.event_type is None else histories.event_type[read]
        key = np.stack((rows[read], kinds.astype(np.int64), histories.item[read].astype(np.int64)), axis=1)
        found, place = np.unique(key, axis=0, return_inverse=True)
        place = place.reshape(-1)
        last = np.zeros(len(found), np.int64)
        np.maximum.at(last, place, histories.timestamp_us[read])
        of_event = np.full(histories.n_events, -1)
        of_event[read] = place
        count = np.bincount(place, minlength=len(found))
        return cls(found[:, 0], found[:, 1], found[:, 2], count, last, of_event)

    def newest(self, most: int) -> Int64:
        """Return the newest groups of each history, int64 [some], at most so many of each.

        Args:
            most: Groups of a history.
        """
        return self._first(-self.last_us.astype(np.float64), most)

    def foremost(self, moved: Float64, most: int) -> Int64:
        """Return the groups of each history that moved most, int64 [some], those of a history largest first.

        Args:
            moved: What each did, float64 [groups]; groups that did nothing are left out.
            most: Groups of a history.
        """
        best = self._first(-np.abs(moved), most)
        return np.asarray(best[moved[best] != 0], np.int64)

    def _first(self, rank: Float64, most: int) -> Int64:
        order = np.lexsort((rank, self.row))
        starts = np.searchsorted(self.row[order], self.row[order])
        return np.asarray(order[np.arange(len(order)) - starts < most], np.int64)


def names_events(predictor: Predictor) -> bool:
    """Tell whether a family reads events, so that it can be asked which of them moved its answers.

    Args:
        predictor: Fitted.
    """
    return isinstance(predictor, BehaviourVector) and predictor.backbone is not None


def events_that_moved(predictor: Predictor, examples: Examples) -> tuple[EventGroups, Float64]:
    """Return the events of each history, equal ones together, and by how much each group moved the score.

    That is how the score differs where a group had never been, the features staying as they are. Not every group is
    tried: of a linear model over the state those with the largest integrated gradients
    (``recommenders/_influence.py``), of trees, which have no gradient, the newest. Gradients alone pass the check by
    deletion (``_deletion.py``) too, but less well: what equal events do together is not the sum of what each does. The
    unit: log-odds of a chance, logarithms of an amount.

    Args:
        predictor: A family over the behaviour model.
        examples: Who was asked.

    Returns:
        The groups, and what they did, float64 [groups]; 0 of those that were not tried.

    Raises:
        InputError: The family reads no events, or has learnt nothing.
    """
    if not isinstance(predictor, BehaviourVector) or predictor.backbone is None or predictor.backbone.model is None:
        raise InputError(f"predictor {predictor.name!r} reads no events; ask a fitted family over the behaviour model")
    backbone, histories = predictor.backbone, examples.histories
    groups = EventGroups.of(histories, predictor.backbone.model.config.size.context)
    if isinstance(predictor.head, Linear):
        influence = backbone.event_influence(histories, _slopes(predictor.head, backbone.states(histories)))
        read = groups.of_event >= 0
        by_gradient = np.bincount(groups.of_event[read], influence.events[read], len(groups)).astype(np.float64)
        tried = groups.foremost(by_gradient, MOST_GROUPS)
    else:
        tried = groups.newest(MOST_GROUPS)
    before = margin(predictor, examples)
    moved = np.zeros(len(groups))
    for begin in range(0, len(tried), AT_ONCE):
        some = tried[begin : begin + AT_ONCE]
        gone = [_events_of(groups, histories, group) for group in some.tolist()]
        owners = groups.row[some]
        moved[some] = before[owners] - margin(predictor, without(examples, owners, gone))
    return groups, moved


def margin(predictor: Predictor, examples: Examples) -> Float64:
    """Return scores on the scale that reasons are told on: log-odds of a chance, log(1 + amount) of an amount.

    Args:
        predictor: Fitted.
        examples: Who is asked.
    """
    scores = predictor.predict(examples)
    if predictor.kind == "amount":
        return np.log1p(np.maximum(scores, 0))
    chance = np.clip(scores, 1e-9, 1 - 1e-9)
    odds: Float64 = np.log(chance) - np.log1p(-chance)
    return odds


def without(examples: Examples, rows: Int64, gone: Sequence[Int64]) -> Examples:
    """Return examples whose histories lack some events; their features are what they were.

    Args:
        examples: Who was asked.
        rows: Which example each is made of, int64 [made].
        gone: Positions in ``examples.histories`` of the events that each lacks, int64.
    """
    histories = examples.histories
    made = examples.take(rows)
    # A history that was cut already is not cut again.
    made.__dict__["histories"] = histories.at(kept_of(histories, rows, gone))
    return made


def kept_of(histories: Sequences, rows: Int64, gone: Sequence[Int64]) -> list[Int64]:
    """Return the positions of the events that are left of histories, int64 each.

    Args:
        histories: Of which.
        rows: Which of them, int64 [made].
        gone: Positions of the events that each lacks, int64.
    """
    parts = []
    for row, lost in zip(rows.tolist(), gone, strict=True):
        begin, end = int(histories.offsets[row]), int(histories.offsets[row + 1])
        kept = np.ones(end - begin, np.bool_)
        kept[lost - begin] = False
        parts.append(begin + np.flatnonzero(kept))
    return parts


def said_of(groups: EventGroups, group: int, cutoff_us: int, names: Names) -> str:
    """Say a group of events as one would say it.

    Args:
        groups: Of which.
        group: Which.
        cutoff_us: The moment of asking, UTC microseconds.
        names: What codes are called.
    """
    kind, item, count = names.event_type(int(groups.event_type[group])), int(groups.item[group]), groups.count[group]
    when = _ago((cutoff_us - int(groups.last_us[group])) / US_PER_DAY)
    if item < FIRST_CODE:
        what = kind.replace("_", " ")
        return f"{what}, {when}" if count == 1 else f"{count} x {what}, the last {when}"
    one, several = NOUNS.get(kind, (kind.replace("_", " ") + " of {}", "{} x " + kind.replace("_", " ") + " of {}"))
    called = names.item(item)
    return f"{one.format(called)}, {when}" if count == 1 else f"{several.format(count, called)}, the last {when}"


def _ago(days: float) -> str:
    if days < 1 / 24:
        return "within the hour"
    if days < 1:
        hours = max(1, round(days * 24))
        return f"{hours} hour{'s' * (hours != 1)} ago"
    return f"{round(days):,} day{'s' * (round(days) != 1)} ago"


def _slopes(head: Linear, states: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> Float64:
    """Return how steeply the score rises with each number of each state, float64 [histories, width]."""
    state = head.columns.state
    sd, mean = np.array(state["sd"]), np.array(state["mean"])
    weights = np.ravel(head.estimator.coef_)[: len(sd)]
    bent = np.sign(states) * np.log1p(np.abs(states))  # as ``Columns`` bends, which also cuts off at ``FAR``
    inside = np.abs(bent - mean) <= FAR * sd
    slopes: Float64 = np.where(inside, weights / sd / (1 + np.abs(states)), 0)
    return slopes


def _events_of(groups: EventGroups, histories: Sequences, group: int) -> Int64:
    row = groups.row[group]
    begin, end = histories.offsets[row], histories.offsets[row + 1]
    return np.asarray(begin + np.flatnonzero(groups.of_event[begin:end] == group), np.int64)
