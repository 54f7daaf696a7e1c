"""RFM: by hand, against a slow twin; ties, refunds, orders, and a table of groups that is total."""

from __future__ import annotations

import datetime as dt
import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import InputError
from footfall.histories.memory import from_events
from footfall.histories.store import Histories
from footfall.journeys._run import Breakdown, Scope
from footfall.journeys.rfm import (
    GROUPS,
    GROUPS_ZH,
    Customers,
    RfmResult,
    RfmSpec,
    Scores,
    quintiles,
    rfm,
    rfm_table,
    users_in,
)

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
DAY_US = 86_400_000_000


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def us(text: str) -> int:
    return int((at(text) - EPOCH) / dt.timedelta(microseconds=1))


def ask(histories: Histories, **settings_: Any) -> RfmResult:
    result = rfm(histories, **settings_)
    assert isinstance(result, RfmResult)
    return result


def buy(user: str, day: int, value: float, order: str | None = None, kind: str = "purchase") -> dict[str, Any]:
    return {
        "user_id": user,
        "timestamp": at(f"2024-01-{day:02d} 12:00"),
        "event_type": kind,
        "value": value,
        "order_id": order,
        "country": "DE" if user < "c" else "FR",
    }


def small_log(partitions: int = 1) -> Histories:
    """Five customers and one user who only looked; the log ends on the 31st at noon."""
    return from_events(
        [
            # a: one order of two rows at different moments, another order, and rows without an order id: two at one
            # moment, so one order. Three orders, last on the 30th; 10 + 5 + 20 + 1 + 2, less a refund of 8, is 30.
            buy("a", 1, 10, "o1"),
            buy("a", 2, 5, "o1"),
            buy("a", 3, 20, "o2"),
            buy("a", 30, 1),
            buy("a", 30, 2),
            buy("a", 30, 8, "o2", "refund"),
            buy("b", 20, 40, "o1"),  # the same order id as a's, yet another order
            buy("b", 21, 10),
            buy("c", 10, 20),
            buy("d", 5, 10),
            buy("e", 2, 5),
            buy("f", 31, 0, kind="view_item"),
            buy("f", 30, 7, kind="refund"),  # bought before the log began: no customer
        ],
        partitions=partitions,
    )


def test_customers_by_hand() -> None:
    table = rfm_table(small_log()).to_pydict()
    assert table["user_id"] == ["a", "b", "c", "d", "e"]
    # From noon of the day, to a microsecond after noon of the 31st.
    assert table["recency_days"] == pytest.approx([1, 10, 21, 26, 29], abs=1e-9)
    assert table["frequency"] == [3, 2, 1, 1, 1]
    assert table["monetary"] == [30.0, 50.0, 20.0, 10.0, 5.0]
    assert table["r"] == [5, 4, 3, 2, 1]
    # c, d and e are tied: nobody is worse, so 1; 3 of 5 are worse than b: 1 + 5 * 3 / 5 = 4; 4 of 5 than a: 5.
    assert table["f"] == [5, 4, 1, 1, 1]
    assert table["m"] == [4, 5, 3, 2, 1]
    # FM: 4.5, 4.5, 2, 1.5, 1
    assert table["group"] == ["Champions", "Champions", "Need Attention", "Hibernating", "Lost"]


def test_groups_by_hand() -> None:
    result = ask(small_log())
    assert (result.customers, result.orders, result.revenue, result.currency) == (5, 8, 115.0, "USD")
    assert result.as_of == at("2024-01-31 12:00") + dt.timedelta(microseconds=1)
    assert [row.group for row in result.rows] == list(GROUPS)
    champions = result.rows[0]
    assert (champions.users, champions.share, champions.frequency_mean, champions.revenue) == (2, 0.4, 2.5, 80.0)
    assert champions.recency_days_median == pytest.approx(5.5)
    loyal = result.rows[1]
    assert (loyal.users, loyal.share, loyal.recency_days_median, loyal.frequency_mean) == (0, 0.0, None, None)
    assert result.headline() == "RFM as of 2024-01-31 12:00 UTC: 5 customers, 8 orders, 115.00 USD"


def test_nothing_at_or_after_the_moment_counts() -> None:
    early = rfm_table(small_log(), as_of_us=us("2024-01-20 12:00")).to_pydict()
    assert early["user_id"] == ["a", "c", "d", "e"]
    assert early["recency_days"] == [17.0, 10.0, 15.0, 18.0]
    assert early["monetary"] == [35.0, 20.0, 10.0, 5.0]
    assert ask(small_log(), as_of_us=us("2023-01-01 00:00")).customers == 0


def test_the_table_of_groups_is_total_and_uses_every_name() -> None:
    # Five users make every score once; permutations of three measures make every triple of scores.
    seen: dict[tuple[int, int, int], str] = {}
    base = np.arange(5, dtype=np.int64)
    for shift_f in range(5):
        for shift_m in range(5):
            scores = Scores.of(Customers(base, base, np.roll(base, shift_f), np.roll(base, shift_m)))
            for place in range(5):
                triple = (int(scores.recency[place]), int(scores.frequency[place]), int(scores.monetary[place]))
                seen[triple] = GROUPS[scores.group[place]]
    assert len(seen) == 125
    assert set(seen.values()) == set(GROUPS) == set(GROUPS_ZH)
    assert (seen[5, 5, 5], seen[1, 1, 1], seen[1, 5, 4]) == ("Champions", "Lost", "Cannot Lose Them")
    assert (seen[5, 1, 2], seen[4, 1, 1], seen[3, 2, 2]) == ("New Customers", "Promising", "Need Attention")
    assert (seen[4, 3, 2], seen[3, 3, 3], seen[2, 5, 5]) == ("Potential Loyalists", "Loyal", "At Risk")
    assert (seen[3, 1, 2], seen[2, 1, 2]) == ("About To Sleep", "Hibernating")


def test_users_of_a_group() -> None:
    assert users_in(small_log(3), RfmSpec(), group="Champions").to_pydict() == {
        "user_id": ["a", "b"],
        "anonymous": [False, False],
    }
    assert users_in(small_log(3), RfmSpec(), group="Loyal").num_rows == 0
    with pytest.raises(InputError, match="unknown group 'Champion'; did you mean 'Champions'"):
        users_in(small_log(), RfmSpec(), group="Champion")


def test_nothing_is_no_error() -> None:
    result = ask(from_events([]))
    assert (result.customers, result.revenue) == (0, 0.0)
    assert {row.share for row in result.rows} == {None}
    assert rfm_table(from_events([])).num_rows == 0


def test_a_currency_without_minor_units() -> None:
    log = from_events([buy("a", 1, 1200)], currency="JPY", minor_digits=0)
    assert ask(log).revenue == 1200.0


def test_json_keys_are_stable() -> None:
    answer = json.loads(ask(small_log()).to_json())
    assert list(answer) == ["as_of", "currency", "customers", "orders", "revenue", "rows"]
    assert list(answer["rows"][0]) == [
        "group", "users", "share", "recency_days_median", "frequency_mean", "revenue"
    ]  # fmt: skip


def test_a_breakdown_shares_the_moment() -> None:
    result = rfm(small_log(), by="country")
    assert isinstance(result, Breakdown)
    groups = dict(result.groups)
    assert {value: group.customers for value, group in groups.items()} == {"DE": 2, "FR": 3}
    assert groups["DE"].as_of == groups["FR"].as_of
    assert groups["DE"].revenue == 80.0


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=40))
def test_quintiles_are_by_rank_with_ties_together(values: list[int]) -> None:
    scores = quintiles(np.array(values, np.int64)).tolist()
    for value, score in zip(values, scores, strict=True):
        worse = sum(other < value for other in values)
        assert score == 1 + (5 * worse) // len(values)
        assert 1 <= score <= 5


LOGS: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": st.sampled_from("abcdefghij"),
            "timestamp": st.integers(0, 20).map(lambda half: us("2024-01-01 00:00") + half * DAY_US // 2),
            "event_type": st.sampled_from(["purchase", "purchase", "purchase", "refund", "view_item"]),
            "order_id": st.sampled_from([None, "o1", "o2", "o3"]),
            "value": st.integers(0, 5000).map(lambda cents: cents / 100),
        }
    ),
    max_size=40,
)


@settings(max_examples=100, deadline=None)
@given(
    events=LOGS,
    as_of=st.sampled_from([None, us("2024-01-05 12:00"), us("2024-03-01 00:00")]),
    partitions=st.sampled_from([1, 3, 16]),
    threads=st.sampled_from([1, 4]),
)
def test_the_twin_agrees(events: list[dict[str, Any]], as_of: int | None, partitions: int, threads: int) -> None:
    log, scope = from_events(events, partitions=partitions), Scope(threads=threads)
    moment = max((e["timestamp"] for e in events), default=-1) + 1 if as_of is None else as_of
    past = [e for e in events if e["timestamp"] < moment]
    last: dict[str, int] = {}
    orders: dict[str, set[Any]] = {}
    cents: dict[str, int] = {}
    for event in past:
        if event["event_type"] == "purchase":
            user = event["user_id"]
            last[user] = max(last.get(user, 0), event["timestamp"])
            orders.setdefault(user, set()).add(event["order_id"] or event["timestamp"])
            cents[user] = cents.get(user, 0) + round(event["value"] * 100)
    for event in past:
        if event["event_type"] == "refund" and event["user_id"] in cents:
            cents[event["user_id"]] -= round(event["value"] * 100)
    users = sorted(last)

    def score(measure: dict[str, int], user: str) -> int:
        return 1 + 5 * sum(measure[other] < measure[user] for other in users) // len(users)

    counts = {user: len(orders[user]) for user in users}
    table = rfm_table(log, as_of_us=as_of, scope=scope).to_pydict()
    assert table["user_id"] == users
    assert table["recency_days"] == [(moment - last[user]) / DAY_US for user in users]
    assert table["frequency"] == [counts[user] for user in users]
    assert table["monetary"] == [cents[user] / 100 for user in users]
    assert table["r"] == [score(last, user) for user in users]
    assert table["f"] == [score(counts, user) for user in users]
    assert table["m"] == [score(cents, user) for user in users]
    result = ask(log, as_of_us=as_of, scope=scope)
    assert (result.customers, result.orders) == (len(users), sum(counts.values()))
    assert result.revenue == sum(cents.values()) / 100
    for row in result.rows:
        mine = [user for user, group in zip(users, table["group"], strict=True) if group == row.group]
        assert users_in(log, RfmSpec(as_of), group=row.group, scope=scope)["user_id"].to_pylist() == mine
        assert (row.users, row.revenue) == (len(mine), sum(cents[user] for user in mine) / 100)
        if mine:
            assert row.recency_days_median == statistics.median((moment - last[user]) / DAY_US for user in mine)
            assert row.frequency_mean == pytest.approx(statistics.mean(counts[user] for user in mine))


def test_cdnow_totals(shared_data: Path) -> None:
    lines = [line.split() for line in (shared_data / "cdnow" / "CDNOW_master.txt").read_text("utf-8").splitlines()]
    events = [
        {
            "user_id": words[0],
            "timestamp": dt.datetime.strptime(words[1], "%Y%m%d").replace(tzinfo=dt.UTC),
            "event_type": "purchase",
            "value": float(words[3]),
        }
        for words in lines
        if words[0].isdigit()
    ]
    result = ask(from_events(events, partitions=4))
    assert (len(events), result.customers, result.revenue) == (69_659, 23_570, 2_500_315.63)
    assert result.orders == len({(e["user_id"], e["timestamp"]) for e in events})
