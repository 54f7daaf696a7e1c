"""RFM: how recently, how often and for how much each customer bought; scores of 1 to 5, and eleven named groups.

As of a moment, for every user with a purchase before it:

* recency: days since the last purchase;
* frequency: number of orders (rows with the same order id are one; rows without one are one per moment);
* monetary: the sum of ``value`` of purchases, less that of refunds (whatever their sign in the source).

Scores are quintiles by rank, 5 is best: ``1 + floor(5 * worse / customers)``, with ``worse`` the number of customers
who are strictly worse. Equal values get equal scores; with no ties each score has a fifth of the customers, and a large
tie (all who bought once) stays in the lowest of the quintiles it spans.

Groups follow from R and FM = (F + M) / 2 by one table (after Putler's names, made total and free of overlaps):

======  ==============  ==================  =========  =================
R       FM < 2          2 <= FM < 3         3 <= FM < 4  FM >= 4
======  ==============  ==================  =========  =================
5       New Customers   Potential Loyalists Loyal      Champions
4       Promising       Potential Loyalists Loyal      Champions
3       About To Sleep  Need Attention      Loyal      Loyal
2       Hibernating     At Risk             At Risk    At Risk
1       Lost            Hibernating         At Risk    Cannot Lose Them
======  ==============  ==================  =========  =================
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from footfall.histories.partition import Partition
from footfall.histories.store import Histories
from footfall.journeys._activity import Int64, check_choice
from footfall.journeys._orders import major, orders_of
from footfall.journeys._run import Breakdown, Scope, run, run_by
from footfall.journeys._span import Span
from footfall.results import Result
from footfall.schema import US_PER_DAY

GROUPS: Final = (
    "Champions",
    "Loyal",
    "Potential Loyalists",
    "New Customers",
    "Promising",
    "Need Attention",
    "About To Sleep",
    "At Risk",
    "Cannot Lose Them",
    "Hibernating",
    "Lost",
)
"""Names of the groups, best first."""

GROUPS_ZH: Final = {
    "Champions": "冠军客户",
    "Loyal": "忠诚客户",
    "Potential Loyalists": "潜在忠诚客户",
    "New Customers": "新客户",
    "Promising": "有潜力客户",
    "Need Attention": "需要关注客户",
    "About To Sleep": "即将沉睡客户",
    "At Risk": "有流失风险客户",
    "Cannot Lose Them": "不能失去的客户",
    "Hibernating": "沉睡客户",
    "Lost": "已流失客户",
}
"""The same names in Chinese."""

_TABLE: Final = np.array(
    [
        [GROUPS.index(name) for name in row]
        for row in (
            ("Lost", "Hibernating", "At Risk", "Cannot Lose Them"),
            ("Hibernating", "At Risk", "At Risk", "At Risk"),
            ("About To Sleep", "Need Attention", "Loyal", "Loyal"),
            ("Promising", "Potential Loyalists", "Loyal", "Champions"),
            ("New Customers", "Potential Loyalists", "Loyal", "Champions"),
        )
    ],
    np.int64,
)
"""Group by R (rows, 1 to 5) and FM (columns: below 2, below 3, below 4, the rest)."""


@dataclasses.dataclass(frozen=True)
class RfmSpec:
    """What to ask.

    Attributes:
        as_of_us: The moment of the question, UTC microseconds; only events before it count. The end of the log (one
            microsecond after its last event), or of the scope if that is earlier, without it.
    """

    as_of_us: int | None = None


@dataclasses.dataclass(frozen=True)
class RfmRow:
    """One group.

    Attributes:
        group: One of ``GROUPS``.
        users: Its customers.
        share: Their share of all customers; None of nobody.
        recency_days_median: Median days since the last purchase.
        frequency_mean: Mean number of orders.
        revenue: Purchases less refunds, major units of the shop's currency.
    """

    group: str
    users: int
    share: float | None
    recency_days_median: float | None
    frequency_mean: float | None
    revenue: float


@dataclasses.dataclass(frozen=True)
class RfmResult(Result):
    """Customers by group.

    Attributes:
        as_of: The moment of the question.
        currency: The shop's currency.
        customers: Users with a purchase.
        orders: Their orders.
        revenue: Purchases less refunds of customers, major units.
        rows: One per group, best first, those without users included.
    """

    as_of: dt.datetime
    currency: str
    customers: int
    orders: int
    revenue: float
    rows: tuple[RfmRow, ...]

    def headline(self) -> str:
        """Say how many customers, as of when."""
        return (
            f"RFM as of {self.as_of:%Y-%m-%d %H:%M} UTC: {self.customers:,} customers, {self.orders:,} orders, "
            f"{self.revenue:,.2f} {self.currency}"
        )

    def notes(self) -> Sequence[str]:
        """Give the definitions."""
        return (
            (
                "Recency: days since the last purchase; frequency: orders; revenue: purchases less refunds. "
                "Scores: quintiles by rank, equal values equal scores; groups by R and (F + M) / 2."
            ),
        )


@dataclasses.dataclass(frozen=True)
class Customers:
    """Customers of one partition or of several; int64 [customers] each.

    Attributes:
        user: Local users.
        last_us: Last purchase, UTC microseconds.
        orders: Number of orders.
        money_minor: Purchases less refunds, minor units.
    """

    user: Int64
    last_us: Int64
    orders: Int64
    money_minor: Int64

    @classmethod
    def together(cls, partials: Sequence[Customers]) -> Customers:
        """Return the customers of several partitions."""
        fields = [f.name for f in dataclasses.fields(cls)]
        return cls(*(np.concatenate([getattr(p, name) for p in partials]) for name in fields))


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores of 1 to 5 and groups, int64 [customers] each; ``group`` is an index into ``GROUPS``."""

    recency: Int64
    frequency: Int64
    monetary: Int64
    group: Int64

    @classmethod
    def of(cls, customers: Customers) -> Scores:
        """Score customers against each other."""
        r, f, m = (quintiles(v) for v in (customers.last_us, customers.orders, customers.money_minor))
        band = np.minimum((f + m) // 2, 4) - 1  # FM below 2, 3, 4, or more
        return cls(r, f, m, _TABLE[r - 1, band])


def quintiles(values: Int64) -> Int64:
    """Return scores of 1 to 5, int64, same shape: one more than the fifths of all values that are strictly smaller.

    >>> quintiles(np.array([10, 20, 30, 40, 50])), quintiles(np.array([1, 1, 1, 2, 9]))
    (array([1, 2, 3, 4, 5]), array([1, 1, 1, 4, 5]))
    """
    worse = np.searchsorted(np.sort(values), values, side="left")
    scores: Int64 = 1 + 5 * worse // max(len(values), 1)
    return scores


@dataclasses.dataclass(frozen=True)
class RfmPlan:
    """A question put to one log.

    Attributes:
        as_of_us: The moment of the question.
        purchase: Code of the event type.
        refund: Code of the event type.
        currency: The shop's currency.
    """

    as_of_us: int
    purchase: int
    refund: int
    currency: str

    @classmethod
    def of(cls, spec: RfmSpec, histories: Histories, scope: Scope) -> RfmPlan:
        """Resolve names and the moment against a log."""
        as_of = Span.of(histories, scope).end_us if spec.as_of_us is None else spec.as_of_us
        return cls(as_of, histories.event_code("purchase"), histories.event_code("refund"), histories.currency)

    def partial(self, part: Partition) -> Customers:
        """Measure the customers of one partition."""
        past = part.timestamp_us < self.as_of_us
        orders = orders_of(part, (part.event_type == self.purchase) & past)
        users = np.unique(orders.user)
        last = np.full(part.n_users, np.iinfo(np.int64).min)
        np.maximum.at(last, orders.user, orders.last_us)
        money = np.zeros(part.n_users, np.int64)
        np.add.at(money, orders.user, orders.value_minor)
        refunds = np.flatnonzero((part.event_type == self.refund) & past)
        np.subtract.at(money, part.user_of_event()[refunds], np.abs(np.asarray(part.column("value_minor"))[refunds]))
        count = np.bincount(orders.user, minlength=part.n_users)
        return Customers(users, last[users], count[users], money[users])

    def partials(self, histories: Histories, scope: Scope) -> list[Customers]:
        """Measure the customers of every partition, in their order."""
        return [self.partial(scope.narrow(histories, part)) for part in histories.partitions]

    def merge(self, partials: Sequence[Customers]) -> RfmResult:
        """Score all customers together and sum up the groups."""
        customers = Customers.together(partials)
        group = Scores.of(customers).group
        total = len(customers.user)
        rows = []
        for index, name in enumerate(GROUPS):
            mine = group == index
            users = int(mine.sum())
            recency = self.recency_days(customers.last_us[mine])
            rows.append(
                RfmRow(
                    group=name,
                    users=users,
                    share=users / total if total else None,
                    recency_days_median=float(np.median(recency)) if users else None,
                    frequency_mean=int(customers.orders[mine].sum()) / users if users else None,
                    revenue=major(int(customers.money_minor[mine].sum()), self.currency),
                )
            )
        return RfmResult(
            as_of=dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=self.as_of_us),
            currency=self.currency,
            customers=total,
            orders=int(customers.orders.sum()),
            revenue=major(int(customers.money_minor.sum()), self.currency),
            rows=tuple(rows),
        )

    def recency_days(self, last_us: Int64) -> npt.NDArray[np.float64]:
        """Return days since the last purchase, float64, same shape."""
        days: npt.NDArray[np.float64] = (self.as_of_us - last_us) / US_PER_DAY
        return days


def rfm(
    histories: Histories,
    *,
    as_of_us: int | None = None,
    scope: Scope = Scope(),  # noqa: B008 - frozen
    by: str | None = None,
) -> RfmResult | Breakdown[RfmResult]:
    """Put customers into groups by recency, frequency and money.

    Args:
        histories: The log.
        as_of_us: The moment of the question, UTC microseconds; the end of the log without it.
        scope: Which events count.
        by: Column to break down by; scores are then relative to the group of the breakdown.

    Raises:
        InputError: There is no such column.
    """
    plan = RfmPlan.of(RfmSpec(as_of_us), histories, scope)
    if by is None:
        return run(histories, plan.partial, plan.merge, scope)
    return run_by(histories, plan.partial, plan.merge, scope, by)


def rfm_table(
    histories: Histories,
    *,
    as_of_us: int | None = None,
    scope: Scope = Scope(),  # noqa: B008 - frozen
) -> pa.Table:
    """Return one row per customer.

    Args:
        histories: The log.
        as_of_us: The moment of the question, UTC microseconds; the end of the log without it.
        scope: Which events count.

    Returns:
        Columns ``user_id, anonymous, recency_days, frequency, monetary`` (major units), ``r, f, m`` (scores) and
        ``group``, sorted by the first two.
    """
    plan = RfmPlan.of(RfmSpec(as_of_us), histories, scope)
    partials = plan.partials(histories, scope)
    customers = Customers.together(partials)
    scores = Scores.of(customers)
    who = [
        histories.users[place].select(["user_id", "anonymous"]).take(pa.array(partial.user))
        for place, partial in enumerate(partials)
    ]
    measures = {
        "recency_days": plan.recency_days(customers.last_us),
        "frequency": customers.orders,
        "monetary": pa.array([major(m, plan.currency) for m in customers.money_minor.tolist()], pa.float64()),
        "r": scores.recency,
        "f": scores.frequency,
        "m": scores.monetary,
        "group": pa.array([GROUPS[g] for g in scores.group.tolist()], pa.string()),
    }
    table = pa.concat_tables(who)
    for name, column in measures.items():
        table = table.append_column(name, pa.array(column))
    return table.sort_by([("user_id", "ascending"), ("anonymous", "ascending")])


def users_in(
    histories: Histories,
    spec: RfmSpec,
    *,
    group: str,
    scope: Scope = Scope(),  # noqa: B008 - frozen
) -> pa.Table:
    """Return the customers of one group.

    Args:
        histories: The log.
        spec: The question.
        group: One of ``GROUPS``.
        scope: Which events count.

    Returns:
        Columns ``user_id`` and ``anonymous``, sorted by both.

    Raises:
        InputError: There is no such group.
    """
    check_choice("group", group, GROUPS)
    table = rfm_table(histories, as_of_us=spec.as_of_us, scope=scope)
    mine = np.array([name == group for name in table["group"].to_pylist()], np.bool_)
    return table.select(["user_id", "anonymous"]).filter(pa.array(mine))
