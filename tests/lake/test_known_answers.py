"""Published counts and sums of real logs, as `ingest`, `check` and `sessions` themselves give them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

import footfall
from footfall.journeys.sessions import SessionsResult
from footfall.lake import ingest as module
from footfall.lake.ingest import IngestOptions, IngestReport
from footfall.lake.rejects import rejects
from footfall.lake.workspace import Workspace

Check = Callable[..., IngestReport]


def test_rees46_sample(shared_data: Path, workspace: Workspace, check_ingest: Check) -> None:
    report = check_ingest(workspace, [shared_data / "rees46_oct2019_sample"])
    assert (report.source, report.guessed) == ("rees46", True)
    assert report.read == 17_435
    assert dict(report.as_read.event_types) == {"view_item": 17_056, "purchase": 214, "add_to_cart": 165}
    assert (report.as_read.users, report.as_read.items) == (4_505, 6_493)
    # The last line is torn within its user's id; of the rest, five are equal to an earlier line.
    assert report.reasons == {"missing_columns": 1}
    assert report.duplicate_reasons == {"identical": 5}
    assert report.accepted == 17_435 - 1 - 5
    torn = rejects(workspace).rows[0]
    assert (torn.line, torn.detail) == (17_436, "8 of 9 columns")
    assert (torn.raw or "").endswith("25.71,52040330")
    assert (report.as_read.first, report.as_read.last) == ("2019-10-01T00:00:00+00:00", "2019-10-01T02:50:00+00:00")
    shop = footfall.open(workspace.path)
    column = next(c for c in shop.check().columns if c.column == "session_id")
    assert column.distinct == 5_066
    sessions = shop.sessions()
    assert isinstance(sessions, SessionsResult)
    # The literature's 4,519 counts the torn line, whose cut user id makes a user and a session of its own.
    assert (sessions.sessions, sessions.users) == (4_518, 4_504)


def test_rees46_sample_with_equal_lines_kept(shared_data: Path, workspace: Workspace, check_ingest: Check) -> None:
    report = check_ingest(workspace, [shared_data / "rees46_oct2019_sample"], IngestOptions(keep_identical=True))
    assert (report.accepted, report.duplicates, report.rejected) == (17_434, 0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("batch_bytes", [1 << 30, 1 << 24])
def test_online_retail_in_305_files(
    batch_bytes: int, shared_data: Path, tmp_path: Path, check_ingest: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_BYTES", batch_bytes)
    shop = Workspace.init(tmp_path / "shop", currency="GBP", timezone="Europe/London")
    report = check_ingest(shop, [shared_data / "uci_online_retail"])
    assert (report.source, report.files, report.read, report.rejected) == ("online_retail", 305, 541_909, 0)
    read = report.as_read
    assert (read.orders, read.users, read.items) == (25_900, 4_372, 4_070)
    assert (read.refunds, read.without_user, round(read.value, 2)) == (10_624, 135_080, 9_747_747.93)
    assert "9,747,747.93" in str(report)
    assert read.event_types["adjustment"] == 3  # bad debt
    # 5,268 lines are equal to an earlier one, as others have counted.
    assert report.duplicate_reasons == {"identical": 5_268}
    kept = check_ingest(shop, [shared_data / "uci_online_retail"], IngestOptions(keep_identical=True), fresh=False)
    assert (kept.accepted, kept.duplicate_reasons) == (5_268, {"known": 536_641})
    assert kept.as_read == read
    with shop.engine() as run:
        assert run.row(
            'SELECT CAST(round(sum(CASE event_type WHEN \'refund\' THEN -"value" ELSE "value" END), 2) AS DOUBLE), '
            "count(DISTINCT order_id), count(DISTINCT user_id), count(DISTINCT item_id) FROM events"
        ) == (9_747_747.93, 25_900, 4_372, 4_070)
    quality = footfall.open(shop.path).check()
    (money,) = quality.money
    assert (quality.totals.rows, round(money.net, 2)) == (541_909, Decimal("9747747.93"))


@pytest.mark.slow
def test_dunnhumby_by_mapping(shared_data: Path, workspace: Workspace, check_ingest: Check) -> None:
    mapping = {
        "user_id": "household_id",
        "timestamp": "transaction_timestamp",
        "item_id": "product_id",
        "order_id": "basket_id",
        "quantity": "quantity",
        "value": "sales_value",  # of the line, after discounts
    }
    options = IngestOptions(mapping=mapping, constants={"event_type": "purchase"})
    report = check_ingest(workspace, [shared_data / "dunnhumby" / "transactions.parquet"], options)
    read = report.as_read
    assert (report.source, report.read, report.duplicates, report.rejected) == ("mapped", 1_469_307, 0, 0)
    assert (read.users, read.orders, read.items, read.value) == (2_469, 155_848, 68_509, 4_596_039.58)
    assert report.as_accepted == read
    with workspace.engine() as run:
        assert run.row("SELECT count(DISTINCT json_extract_string(properties, '$.store_id')) > 400 FROM events") == (
            True,
        )


@pytest.mark.parametrize("keep", [False, True])
def test_cdnow_by_mapping(keep: bool, shared_data: Path, workspace: Workspace, check_ingest: Check) -> None:
    mapping = {
        "user_id": "customer_id",
        "timestamp": "date",
        "quantity": "number_of_cds",
        "value": "dollar_value",
    }
    options = IngestOptions(mapping=mapping, constants={"event_type": "purchase"}, delimiter=" ", keep_identical=keep)
    report = check_ingest(workspace, [shared_data / "cdnow" / "CDNOW_master.txt"], options)
    assert (report.read, report.rejected) == (69_659, 0)
    assert (report.as_read.users, report.as_read.value) == (23_570, 2_500_315.63)
    assert report.as_read.first == "1997-01-01T00:00:00+00:00"
    # 255 customers bought for the same sum twice on one day: only --keep-identical takes these for two sales.
    assert report.duplicates == (0 if keep else 255)
    assert report.as_accepted.value == (2_500_315.63 if keep else 2_495_982.75)
