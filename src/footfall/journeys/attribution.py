"""Attribution: which channels the revenue of orders is owed to, by seven models.

* A *conversion* is an order: its rows are one, with their values summed, at the moment of the first; purchases without
  an order id are one per user and moment.
* A *visit* is a run of a user's events without a silence longer than ``session_gap_s``. A *touch* begins with an event
  of a visit whose channel is known and differs from the one before it in that visit, so consecutive events of one
  channel are one touch, at the moment of the first.
* The touches of a conversion are its user's touches strictly before it (the same microsecond is not before), at most
  ``lookback_days`` before it (inclusive). A touch can count for several conversions.
* The names ``direct``, ``(direct)`` and ``(none)``, in any case, are the channel ``(direct)``. An event without a
  channel says nothing (``missing="skip"``), or, with ``missing="direct"``, a visit none of whose events has a channel
  is a direct touch at its first event.
* A conversion without touches goes to ``(unattributed)`` in every model.

Models: ``first`` and ``last`` touch; ``last_non_direct``, the last that is not direct, or the last if all are;
``linear``, equal parts; ``position``, 40 % first, 40 % last, 20 % over those between (two touches: half each);
``time_decay``, weights halved by every ``half_life_days`` before the conversion; ``markov``, removal effects (see
``_markov``) over converting and other journeys. Other journeys are made of the touches that count for no conversion,
cut where two are further apart than the lookback; one that may yet convert after the log counts as not converting.

Every model sums to the total revenue, to the minor unit.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from footfall.errors import InputError
from footfall.histories.columns import RARE
from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.journeys._activity import Activity, Int64, check_choice
from footfall.journeys._credit import WEIGHTS, Journeys, add_up, apportion, settle, unused
from footfall.journeys._markov import removal_effects
from footfall.journeys._orders import Orders, major, orders_of
from footfall.journeys._run import Breakdown, Scope, run, run_by
from footfall.journeys._touches import NO_TOUCH, spread, touches_of, windows_before
from footfall.journeys._users import users_table
from footfall.results import Result, render_table
from footfall.schema import US_PER_DAY, US_PER_S

Column = Literal["channel", "campaign"]
Missing = Literal["skip", "direct"]
Model = Literal["first", "last", "last_non_direct", "linear", "position", "time_decay", "markov"]
MODELS: Final[tuple[Model, ...]] = get_args(Model)

DIRECT_NAME: Final = "(direct)"
DIRECT_NAMES: Final = frozenset({"direct", "(direct)", "(none)"})
UNATTRIBUTED: Final = "(unattributed)"

MONEY_SCALE: Final = 10_000
"""Parts of a minor unit in which one order is divided, so that rounding favours no place in the journey."""
CREDIT_SCALE: Final = 1_000_000_000
"""Parts in which one conversion is divided; whole numbers add up to the same in any order."""


@dataclasses.dataclass(frozen=True)
class AttributionSpec:
    """What to ask.

    Attributes:
        column: What tells where a visit came from: ``channel`` or ``campaign``.
        conversion: Event type that brings the revenue.
        models: Names of ``MODELS``.
        lookback_days: Longest time from a touch to its conversion, inclusive.
        half_life_days: Of ``time_decay``.
        session_gap_s: Longest silence within a visit.
        missing: ``skip`` or ``direct``: what a visit without any channel is.
    """

    column: Column = "channel"
    conversion: str = "purchase"
    models: tuple[Model, ...] = MODELS
    lookback_days: float = 30.0
    half_life_days: float = 7.0
    session_gap_s: int = 1800
    missing: Missing = "skip"

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            InputError: One is not among its accepted values.
        """
        check_choice("column", self.column, ("channel", "campaign"))
        check_choice("missing", self.missing, ("skip", "direct"))
        for model in self.models:
            check_choice("model", model, MODELS)
        if not self.models or len(set(self.models)) < len(self.models):
            raise InputError(f"models = {', '.join(self.models) or '(none)'} cannot be used; name each wanted one once")
        for name in ("lookback_days", "half_life_days", "session_gap_s"):
            if not 0 < getattr(self, name) < 100 * 365 * 86_400:
                raise InputError(f"{name} = {getattr(self, name)} cannot be used; accepted: a number above 0")

    @property
    def lookback_us(self) -> int:
        """``lookback_days`` in microseconds."""
        return round(self.lookback_days * US_PER_DAY)


@dataclasses.dataclass(frozen=True)
class AttributionRow:
    """One channel in one model.

    Attributes:
        model: One of ``MODELS``.
        channel: Its name; ``(direct)``, or ``(unattributed)`` for conversions without a touch.
        conversions: Conversions owed to it, a fraction of each.
        revenue: Revenue owed to it, major units of the shop's currency.
        share: Its share of all revenue; None when there is none.
    """

    model: Model
    channel: str
    conversions: float
    revenue: float
    share: float | None


@dataclasses.dataclass(frozen=True)
class RemovalEffect:
    """The share of converting journeys that would be lost without a channel, in [0, 1]."""

    channel: str
    effect: float


@dataclasses.dataclass(frozen=True)
class AttributionResult(Result):
    """What each channel brought.

    Attributes:
        column: As asked.
        conversion: As asked.
        lookback_days: As asked.
        currency: The shop's currency.
        conversions: Number of conversions.
        unattributed: Those without a touch.
        revenue: Their value together, major units; refunds are not taken off.
        other_journeys: Journeys that did not convert.
        rows: One per model and channel: models as asked, channels by revenue in the first model.
        removal_effects: One per channel, when ``markov`` was asked for.
    """

    column: str
    conversion: str
    lookback_days: float
    currency: str
    conversions: int
    unattributed: int
    revenue: float
    other_journeys: int
    rows: tuple[AttributionRow, ...]
    removal_effects: tuple[RemovalEffect, ...]

    def headline(self) -> str:
        """Say how much there was to divide."""
        return (
            f"attribution by {self.column}: {self.conversions:,} conversions ({self.conversion}), "
            f"{self.revenue:,.2f} {self.currency}; {self.unattributed:,} without a touch"
        )

    def notes(self) -> Sequence[str]:
        """Give the definitions."""
        return (
            (
                f"Touches strictly before the conversion, at most {self.lookback_days:g} days; consecutive events of "
                f"one {self.column} in a visit are one touch. Every model sums to the total. Refunds are not taken off."
            ),
        )

    def __str__(self) -> str:
        """Draw a line per channel and a column per model: revenue, or conversions when there is no revenue."""
        lines: dict[str, dict[str, Any]] = {}
        for row in self.rows:
            line = lines.setdefault(row.channel, {self.column: row.channel})
            line[row.model] = row.revenue if self.revenue else row.conversions
        return "\n".join((self.headline(), render_table(list(lines.values())), *self.notes()))


@dataclasses.dataclass(frozen=True)
class Credits:
    """What a partial adds up; whole numbers, so that their order does not matter.

    Attributes:
        money: int64 [models, channels], minor units times ``MONEY_SCALE``. Of markov's there is no use.
        credit: int64 [models, channels], conversions times ``CREDIT_SCALE``.
        touched: int64 [channels], touches in journeys.
        attributed: Number and value (minor units) of the conversions with a touch.
        unattributed: Number and value of those without.
        steps: Steps of the journeys (as ``removal_effects`` has them), and how often each was taken.
        other_journeys: Number of journeys that did not convert.
    """

    money: Int64
    credit: Int64
    touched: Int64
    attributed: tuple[int, int]
    unattributed: tuple[int, int]
    steps: tuple[Int64, Int64]
    other_journeys: int

    @classmethod
    def together(cls, partials: Sequence[Credits]) -> Credits:
        """Add partials up."""
        return cls(
            money=np.sum([p.money for p in partials], axis=0),
            credit=np.sum([p.credit for p in partials], axis=0),
            touched=np.sum([p.touched for p in partials], axis=0),
            attributed=(sum(p.attributed[0] for p in partials), sum(p.attributed[1] for p in partials)),
            unattributed=(sum(p.unattributed[0] for p in partials), sum(p.unattributed[1] for p in partials)),
            steps=add_up(
                np.concatenate([p.steps[0] for p in partials]), np.concatenate([p.steps[1] for p in partials])
            ),
            other_journeys=sum(p.other_journeys for p in partials),
        )


@dataclasses.dataclass(frozen=True)
class AttributionPlan:
    """A question put to one log.

    Attributes:
        spec: The question.
        names: Channels by index; ``(direct)`` is the first.
        channel_of_code: int64 [codes], the channel of each code of the column; -1 for no touch.
        conversion: Events that are rows of a conversion.
        from_us: Conversions before this moment do not count, though their touches may; None when all count.
        currency: The shop's currency.
    """

    spec: AttributionSpec
    names: tuple[str, ...]
    channel_of_code: Int64
    conversion: Activity
    from_us: int | None
    currency: str

    @classmethod
    def of(cls, spec: AttributionSpec, histories: Histories, scope: Scope) -> AttributionPlan:
        """Resolve names against a log."""
        vocabulary = histories.vocabularies[spec.column]
        names = [str(vocabulary.decode(code)) for code in range(RARE, len(vocabulary))]
        names = [DIRECT_NAME if name.casefold() in DIRECT_NAMES else name for name in names]
        index = {name: place for place, name in enumerate(dict.fromkeys([DIRECT_NAME, *names]))}
        channel_of_code = np.array([NO_TOUCH, *(index[name] for name in names)], np.int64)
        conversion = Activity.of(histories, (spec.conversion,))
        return cls(spec, tuple(index), channel_of_code, conversion, scope.from_us, histories.currency)

    def widened(self, scope: Scope) -> Scope:
        """Return the scope with the touches before it that its first conversions may be owed to."""
        if scope.from_us is None:
            return scope
        room = self.spec.lookback_us + US_PER_DAY  # a day more, so that visits are seen from their beginning
        return dataclasses.replace(scope, from_us=scope.from_us - room)

    def journeys(self, part: Partition) -> tuple[Journeys, Journeys, Orders, Orders]:
        """Return converting journeys, other journeys, and the conversions with and without a touch.

        The first and the third belong together, one by one.
        """
        spec = self.spec
        gap_us, direct = spec.session_gap_s * US_PER_S, spec.missing == "direct"
        touches = touches_of(part, spec.column, self.channel_of_code, gap_us, missing_is_direct=direct)
        orders = orders_of(part, self.conversion.mask(part))
        if self.from_us is not None:
            orders = orders.select(orders.first_us >= self.from_us)
        low, high = windows_before(orders.user, orders.first_us, touches, spec.lookback_us)
        others = unused(touches, low, high, spec.lookback_us, self.from_us)
        some = high > low
        owed = orders.select(some)
        return Journeys.of(owed.user, low[some], high[some], touches), others, owed, orders.select(~some)

    def weights(self, model: Model, journeys: Journeys) -> npt.NDArray[np.float64]:
        """Return the weight of each touch; markov, which weighs channels, counts every touch."""
        return WEIGHTS["linear" if model == "markov" else model](journeys, self.spec.half_life_days * US_PER_DAY)

    def partial(self, part: Partition) -> Credits:
        """Add up the credits of one partition."""
        journeys, others, owed, alone = self.journeys(part)
        channels = len(self.names)
        money, credit = np.zeros((2, len(self.spec.models), channels), np.int64)
        whole = np.full(len(journeys.count), CREDIT_SCALE, np.int64)
        for at, model in enumerate(self.spec.models):
            weight = self.weights(model, journeys)
            spread(journeys.count, journeys.channel, weight, owed.value_minor * MONEY_SCALE, money[at])
            spread(journeys.count, journeys.channel, weight, whole, credit[at])
        return Credits(
            money=money,
            credit=credit,
            touched=np.bincount(np.append(journeys.channel, others.channel), minlength=channels),
            attributed=(len(owed.user), int(owed.value_minor.sum())),
            unattributed=(len(alone.user), int(alone.value_minor.sum())),
            steps=add_up(np.append(journeys.steps(channels, channels + 1), others.steps(channels, channels + 2))),
            other_journeys=len(others.count),
        )

    def merge(self, partials: Sequence[Credits]) -> AttributionResult:
        """Add partials up and divide the revenue."""
        total = Credits.together(partials)
        effects = np.zeros(len(self.names))
        if "markov" in self.spec.models:
            effects = removal_effects(*total.steps, len(self.names))
        divided = {model: self._divide(total, at, effects) for at, model in enumerate(self.spec.models)}
        credit, minor = divided[self.spec.models[0]]
        shown = [int(c) for c in np.flatnonzero(total.touched)]
        shown.sort(key=lambda c: (-minor[c], -credit[c], self.names[c]))
        return AttributionResult(
            column=self.spec.column,
            conversion=self.spec.conversion,
            lookback_days=self.spec.lookback_days,
            currency=self.currency,
            conversions=total.attributed[0] + total.unattributed[0],
            unattributed=total.unattributed[0],
            revenue=major(total.attributed[1] + total.unattributed[1], self.currency),
            other_journeys=total.other_journeys,
            rows=tuple(row for model in self.spec.models for row in self._rows(model, shown, *divided[model], total)),
            removal_effects=tuple(
                RemovalEffect(self.names[c], float(effects[c])) for c in shown if "markov" in self.spec.models
            ),
        )

    def _divide(self, total: Credits, at: int, effects: npt.NDArray[np.float64]) -> tuple[list[float], list[int]]:
        """Return the conversions and the minor units owed to each channel in one model."""
        if self.spec.models[at] != "markov":
            return (total.credit[at] / CREDIT_SCALE).tolist(), settle(total.money[at], MONEY_SCALE)
        count, value = total.attributed
        if not count:
            return [0.0] * len(effects), [0] * len(effects)
        shares = effects / effects.sum()  # every converting journey has a channel without which it would be lost
        return (count * shares).tolist(), apportion(value, shares)

    def _rows(
        self, model: Model, shown: Sequence[int], credit: Sequence[float], minor: Sequence[int], total: Credits
    ) -> list[AttributionRow]:
        owed = [(self.names[c], credit[c], minor[c]) for c in shown]
        count, value = total.unattributed
        if count:
            owed.append((UNATTRIBUTED, float(count), value))
        revenue = total.attributed[1] + value
        return [
            AttributionRow(model, name, part, major(amount, self.currency), amount / revenue if revenue else None)
            for name, part, amount in owed
        ]


def attribution(
    histories: Histories,
    *,
    column: Column = "channel",
    conversion: str = "purchase",
    models: Sequence[Model] = MODELS,
    lookback_days: float = 30.0,
    half_life_days: float = 7.0,
    session_gap_s: int = 1800,
    missing: Missing = "skip",
    scope: Scope = Scope(),  # noqa: B008 - frozen
    by: str | None = None,
) -> AttributionResult | Breakdown[AttributionResult]:
    """Divide the revenue of orders among channels.

    Args:
        histories: The log.
        column: As in ``AttributionSpec``; so are ``conversion`` to ``missing``.
        conversion: Event type that brings the revenue.
        models: Names of ``MODELS``.
        lookback_days: Longest time from a touch to its conversion, inclusive.
        half_life_days: Of ``time_decay``.
        session_gap_s: Longest silence within a visit.
        missing: ``skip`` or ``direct``.
        scope: Which events count. Its span is that of the conversions; touches may lie a lookback before it.
        by: Column to break down by.

    Raises:
        InputError: A setting cannot be used.
    """
    spec = AttributionSpec(column, conversion, tuple(models), lookback_days, half_life_days, session_gap_s, missing)
    plan = AttributionPlan.of(spec, histories, scope)
    if by is None:
        return run(histories, plan.partial, plan.merge, plan.widened(scope))
    return run_by(histories, plan.partial, plan.merge, plan.widened(scope), by)


def users_in(
    histories: Histories,
    spec: AttributionSpec,
    *,
    channel: str,
    model: Model,
    scope: Scope = Scope(),  # noqa: B008 - frozen
) -> pa.Table:
    """Return the users with a conversion that a model owes to a channel, in part or whole.

    Args:
        histories: The log.
        spec: The question.
        channel: A name as in the rows, ``(direct)`` and ``(unattributed)`` included.
        model: One of ``MODELS``; ``markov`` has everybody who converted after a touch of the channel.
        scope: Which events count.

    Returns:
        Columns ``user_id`` and ``anonymous``, sorted by both.

    Raises:
        InputError: There is no such channel or model.
    """
    check_choice("model", model, MODELS)
    plan = AttributionPlan.of(spec, histories, scope)
    check_choice(spec.column, channel, (*plan.names, UNATTRIBUTED))

    def pick(part: Partition) -> Int64:
        journeys, _, _, alone = plan.journeys(part)
        if channel == UNATTRIBUTED:
            return np.unique(alone.user)
        mine = (journeys.channel == plan.names.index(channel)) & (plan.weights(model, journeys) > 0)
        return np.unique(np.repeat(journeys.user, journeys.count)[mine])

    return users_table(histories, pick, plan.widened(scope))
