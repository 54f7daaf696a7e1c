"""Published sums of real logs, as `ingest`, `check` and `sessions` give them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

import footfall
from footfall.journeys.sessions import SessionsResult


def test_rees46_sample(shared_data: Path, tmp_path: Path) -> None:
    shop = footfall.init(tmp_path / "shop")
    report = shop.ingest(shared_data / "rees46_oct2019_sample" / "2019-Oct.csv")
    # 17,435 lines; the last one is torn in its user id and is the one reject, and five are said twice.
    assert (report.read, report.accepted, report.duplicates, report.rejected) == (17_435, 17_429, 5, 1)
    read = report.as_read
    assert (read.users, read.items) == (4_505, 6_493)
    assert dict(read.event_types) == {"view_item": 17_056, "purchase": 214, "add_to_cart": 165}
    quality = shop.check()
    sessions_column = next(c for c in quality.columns if c.column == "session_id")
    assert sessions_column.distinct == 5_066
    sessions = shop.sessions()
    assert isinstance(sessions, SessionsResult)
    # The literature's 4,519 counts the torn line, whose cut user id makes a user and a session of its own.
    assert (sessions.sessions, sessions.users) == (4_518, 4_504)


@pytest.mark.slow
def test_online_retail(shared_data: Path, tmp_path: Path) -> None:
    shop = footfall.init(tmp_path / "shop", currency="GBP", timezone="Europe/London")
    days = shared_data / "uci_online_retail" / "by-day"
    report = shop.ingest(days)
    read = report.as_read
    assert (report.files, report.read) == (305, 541_909)
    assert (read.orders, read.users, read.items) == (25_900, 4_372, 4_070)
    assert (read.refunds, read.without_user) == (10_624, 135_080)
    assert round(read.value, 2) == 9_747_747.93
    assert (report.accepted, report.duplicates) == (536_641, 5_268)
    # Two equal lines of an invoice can be two sales: kept on demand, and then the sums are those of the file.
    kept = shop.ingest(days, keep_identical=True)
    assert (kept.accepted, kept.duplicates) == (5_268, 536_641)
    quality = shop.check()
    assert quality.totals.rows == 541_909
    (money,) = quality.money
    assert round(money.net, 2) == Decimal("9747747.93")
    assert shop.ingest(days, keep_identical=True).accepted == 0


@pytest.mark.slow
def test_dunnhumby(shared_data: Path, tmp_path: Path) -> None:
    shop = footfall.init(tmp_path / "shop")
    report = shop.ingest(
        shared_data / "dunnhumby" / "transactions.parquet",
        mapping={
            "user_id": "household_id",
            "order_id": "basket_id",
            "item_id": "product_id",
            "timestamp": "transaction_timestamp",
            "quantity": "quantity",
            "value": "sales_value",
        },
        constants={"event_type": "purchase"},
    )
    read = report.as_read
    assert (report.read, read.users, read.orders) == (1_469_307, 2_469, 155_848)
    assert round(read.value, 2) == 4_596_039.58
    assert report.rejected == 0


def test_cdnow(shared_data: Path, tmp_path: Path) -> None:
    shop = footfall.init(tmp_path / "shop")
    report = shop.ingest(
        shared_data / "cdnow" / "CDNOW_master.txt",
        mapping={
            "user_id": "customer_id",
            "timestamp": "date",
            "quantity": "number_of_cds",
            "value": "dollar_value",
        },
        constants={"event_type": "purchase"},
    )
    assert (report.read, report.as_read.users) == (69_659, 23_570)
    assert round(report.as_read.value, 2) == 2_500_315.63
    assert report.rejected == 0
