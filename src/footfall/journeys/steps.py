"""A step of a funnel: an event type, an event type with a condition, or any condition."""

from __future__ import annotations

import dataclasses
import re
from typing import Final

import numpy as np
import numpy.typing as npt

from footfall.errors import ConditionError, InputError, unknown_name
from footfall.histories.conditions import Condition
from footfall.histories.partition import Partition
from footfall.histories.store import Histories

_LABEL: Final = re.compile(r"(?P<label>[\w .&/+-]*\w)\s*:\s+(?P<rest>\S.*)", re.DOTALL)
_NAME: Final = r"(?P<name>[^\s()=<>!'\"]+|'(?:[^']|'')+')"
_TYPE: Final = re.compile(_NAME)
_TYPE_WHERE: Final = re.compile(_NAME + r"\s+where\b(?P<condition>.*)", re.DOTALL | re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        text: The step as given, without its label and its mark.
        label: What it is called in results; the text unless given.
        event_type: The event type it wants; None for a step that is a condition alone.
        condition: What else it wants; None for a bare event type.
        optional: Whether an attempt may leave it out.
    """

    text: str
    label: str
    event_type: str | None = None
    condition: Condition | None = None
    optional: bool = False

    @classmethod
    def parse(cls, text: str, *, optional: bool = False) -> Step:
        """Read a step.

        Args:
            text: ``view_item``, ``view_item where category like 'elec%'`` or a condition such as
                ``(price > 20 or country = 'DE')``. An event type with blanks or brackets in its name stands in single
                quotes. In front there may be a label and a colon (``cart: add_to_cart``), behind it a question mark that
                makes the step optional (``search?``).
            optional: The same as the question mark.

        Raises:
            ConditionError: It cannot be read.

        >>> Step.parse("big: purchase where value > 100 ?")
        Step(text='purchase where value > 100', label='big', event_type='purchase', condition=Condition(text='value > 100'), optional=True)
        """  # noqa: E501 - the output of a doctest is one line
        rest = text.strip()
        label = None
        if labelled := _LABEL.fullmatch(rest):
            label, rest = labelled["label"].strip(), labelled["rest"]
        if rest.endswith("?"):
            rest, optional = rest[:-1].rstrip(), True
        if not rest:
            raise ConditionError(
                f"the step {text!r} is empty; give an event type such as view_item, "
                "view_item where price > 20, or a condition"
            )
        if bare := _TYPE.fullmatch(rest):
            return cls(rest, label or _unquoted(bare["name"]), _unquoted(bare["name"]), None, optional)
        if where := _TYPE_WHERE.fullmatch(rest):
            condition = Condition.parse(where["condition"])
            return cls(rest, label or rest, _unquoted(where["name"]), condition, optional)
        try:
            return cls(rest, label or rest, None, Condition.parse(rest), optional)
        except ConditionError as error:
            raise ConditionError(f"{error} (an event type with blanks in its name stands in single quotes)") from None

    def code(self, histories: Histories) -> int | None:
        """Return the code of the step's event type in a log; None for a step that is a condition alone.

        Args:
            histories: The log.

        Raises:
            InputError: The log has no such event type.
        """
        if self.event_type is None:
            return None
        vocabulary = histories.vocabularies["event_type"]
        if self.event_type not in vocabulary.ids:
            raise InputError(unknown_name("event type in this log", self.event_type, vocabulary.ids))
        return vocabulary.code(self.event_type)

    def mask(self, histories: Histories, part: Partition) -> npt.NDArray[np.bool_]:
        """Return the events that match the step, bool [events].

        Args:
            histories: The log.
            part: One of its partitions, or a part of one.

        Raises:
            InputError: The log has no such event type.
        """
        code = self.code(histories)
        found: npt.NDArray[np.bool_] = np.ones(part.n_events, np.bool_) if code is None else part.event_type == code
        return found if self.condition is None else found & self.condition.mask(histories, part)

    def __str__(self) -> str:
        return self.label


def _unquoted(name: str) -> str:
    return name[1:-1].replace("''", "'") if name.startswith("'") else name
