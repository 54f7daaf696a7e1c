"""What adds nothing: equal rows, equal ids, orders sent twice; within a file, across files, and across ingests."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall.lake import ingest as module
from footfall.lake.ingest import IngestOptions, IngestReport, ingest
from footfall.lake.workspace import Workspace

HEAD = "user_id,event_type,product_id,timestamp\n"
A = "u1,view,p1,2024-03-01 10:00:00\n"
B = "u2,view,p2,2024-03-01 11:00:00\n"
KEEP = IngestOptions(keep_identical=True)


def take(workspace: Workspace, path: Path, text: str, options: IngestOptions | None = None) -> IngestReport:
    path.write_text(text, "utf-8")
    report = ingest(workspace, [str(path)], options)
    assert report.accepted + report.duplicates + report.rejected == report.read
    return report


def ids(workspace: Workspace) -> list[str]:
    with workspace.engine() as run:
        found: list[str] = run.arrow("SELECT event_id FROM events ORDER BY 1")["event_id"].to_pylist()
    return found


def test_equal_rows_of_one_file_are_one(workspace: Workspace, tmp_path: Path) -> None:
    report = take(workspace, tmp_path / "log.csv", HEAD + A + B + A + A)
    assert (report.read, report.accepted, report.duplicate_reasons) == (4, 2, {"identical": 2})


def test_equal_rows_of_two_files_are_one_in_one_ingest_or_in_two(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text(HEAD + A)
    (tmp_path / "2.csv").write_text(HEAD + A + B)
    together = ingest(workspace, [str(tmp_path / "1.csv"), str(tmp_path / "2.csv")])
    assert (together.accepted, together.duplicate_reasons) == (2, {"identical": 1})
    other = Workspace.init(tmp_path / "other")
    ingest(other, [str(tmp_path / "1.csv")])
    later = ingest(other, [str(tmp_path / "2.csv")])
    assert (later.accepted, later.duplicate_reasons) == (1, {"known": 1})
    assert ids(other) == ids(workspace)


def test_a_file_renamed_packed_or_with_other_column_order_is_the_same_log(workspace: Workspace, tmp_path: Path) -> None:
    take(workspace, tmp_path / "1.csv", HEAD + A + B)
    rows = [line.split(",") for line in (HEAD + A + B).splitlines()]
    turned = "".join(f"{time},{item},{user},{kind}\n" for user, kind, item, time in rows)
    assert take(workspace, tmp_path / "2.csv", turned).duplicate_reasons == {"known": 2}
    assert take(workspace, tmp_path / "3.csv", (HEAD + A + B).replace("\n", "\r\n")).duplicate_reasons == {"known": 2}
    assert take(workspace, tmp_path / "4.csv", (HEAD + A + B).replace(",", ";")).duplicate_reasons == {"known": 2}
    quoted = "\n".join(",".join(f'"{cell}"' for cell in row) for row in rows)
    assert take(workspace, tmp_path / "5.csv", quoted).duplicate_reasons == {"known": 2}
    (tmp_path / "6.csv.gz").write_bytes(gzip.compress((HEAD + A + B).encode()))
    assert ingest(workspace, [str(tmp_path / "6.csv.gz")]).duplicate_reasons == {"known": 2}
    (tmp_path / "7.csv").write_text(HEAD + A + B, "utf-16")
    assert ingest(workspace, [str(tmp_path / "7.csv")]).duplicate_reasons == {"known": 2}


def test_a_file_named_twice_is_read_once(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "1.csv").write_text(HEAD + A + B)
    (logs / "link.csv").symlink_to(logs / "1.csv")
    monkeypatch.chdir(tmp_path)
    given_twice = ["logs", "logs/", "./logs/1.csv", str(logs), "logs/*.csv", "logs/../logs"]
    report = ingest(workspace, given_twice)
    assert (report.files, report.read, report.accepted) == (1, 2, 2)


def test_keep_identical_numbers_them(workspace: Workspace, tmp_path: Path) -> None:
    first = take(workspace, tmp_path / "log.csv", HEAD + A + B + A + A, KEEP)
    assert (first.accepted, first.duplicates) == (4, 0)
    assert len(set(ids(workspace))) == 4
    again = take(workspace, tmp_path / "log.csv", HEAD + A + B + A + A, KEEP)
    assert (again.accepted, again.duplicate_reasons) == (0, {"known": 4})


def test_both_modes_in_turn_agree_on_the_first_of_equal_rows(workspace: Workspace, tmp_path: Path) -> None:
    path, text = tmp_path / "log.csv", HEAD + A + A + A
    assert take(workspace, path, text).accepted == 1
    assert take(workspace, path, text, KEEP).accepted == 2  # the second and the third
    before = ids(workspace)
    assert take(workspace, path, text).accepted == 0
    assert take(workspace, path, text, KEEP).accepted == 0
    assert ids(workspace) == before
    fresh = Workspace.init(tmp_path / "fresh")
    take(fresh, path, text, KEEP)
    assert ids(fresh) == before


def test_a_file_that_grew_adds_what_is_new(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    take(workspace, path, HEAD + A + A, KEEP)
    assert take(workspace, path, HEAD + A + A + B + A + "torn\n", KEEP).accepted == 2  # B, and a third A
    assert take(workspace, path, HEAD + A + A + B + A + "torn\nworn\n", KEEP).accepted == 0
    with workspace.engine() as run:
        assert run.row("SELECT count(*) FROM rejects") == (2,)


def test_keep_identical_holds_within_a_file_not_across_files(workspace: Workspace, tmp_path: Path) -> None:
    # The same line in a second file is the same log sent once more; twice in one file may be two sales.
    (tmp_path / "1.csv").write_text(HEAD + A + A)
    (tmp_path / "2.csv").write_text(HEAD + A)
    report = ingest(workspace, [str(tmp_path / "1.csv"), str(tmp_path / "2.csv")], KEEP)
    assert (report.accepted, report.duplicate_reasons) == (2, {"identical": 1})


def given_ids(*rows: tuple[str, str, str]) -> str:
    lines = [f"{event},{user},view_item,{item},2024-03-01 10:00:00\n" for event, user, item in rows]
    return "event_id,user_id,event_type,item_id,timestamp\n" + "".join(lines)


def test_equal_ids_are_one_event_whatever_else_is_said(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    first = take(workspace, path, given_ids(("e1", "u1", "p1"), ("e1", "u2", "p2"), ("e2", "u1", "p1")), KEEP)
    assert (first.accepted, first.duplicate_reasons) == (2, {"identical": 1})
    assert ids(workspace) == ["e1", "e2"]
    later = take(workspace, path, given_ids(("e2", "u9", "p9"), ("e3", "u1", "p1")))
    assert (later.accepted, later.duplicate_reasons) == (1, {"known": 1})


def test_rows_without_an_id_among_rows_with_ids(workspace: Workspace, tmp_path: Path) -> None:
    text = given_ids(("e1", "u1", "p1"), ("", "u1", "p1"), ("", "u1", "p1"), ("null", "u1", "p2"))
    report = take(workspace, tmp_path / "log.csv", text)
    assert (report.accepted, report.duplicate_reasons) == (3, {"identical": 1})
    assert take(workspace, tmp_path / "log.csv", text).accepted == 0
    assert take(workspace, tmp_path / "log.csv", text, KEEP).accepted == 1


def test_ids_are_known_however_far_apart_the_times_are(workspace: Workspace, tmp_path: Path) -> None:
    text = given_ids(("e1", "u1", "p1"))
    take(workspace, tmp_path / "log.csv", text)
    assert take(workspace, tmp_path / "log.csv", text.replace("2024", "2020")).duplicate_reasons == {"known": 1}


def test_a_refused_row_does_not_stand_for_its_good_twin(workspace: Workspace, tmp_path: Path) -> None:
    bad = "e1,u1,view_item,,2024-03-01 10:00:00\n"
    report = take(workspace, tmp_path / "log.csv", given_ids(("e2", "u1", "p")) + bad + bad.replace(",,", ",p,"))
    assert (report.accepted, report.duplicates, report.reasons) == (2, 0, {"missing_item": 1})


# Orders


def order(message: str, products: Sequence[Any], order_id: str = "O1", second: int = 0, **more: Any) -> str:
    call = {
        "type": "track", "event": "Order Completed", "messageId": message, "userId": "u1",
        "timestamp": f"2024-03-01T10:00:{second:02d}Z",
        "properties": {
            "order_id": order_id, "products": [{"product_id": p, "price": 5, "quantity": 1} for p in products],
        },
    }  # fmt: skip
    return json.dumps(call | more) + "\n"


def values(workspace: Workspace) -> float:
    with workspace.engine() as run:
        return float(str(run.row("SELECT coalesce(sum(\"value\"), 0) FROM events WHERE event_type = 'purchase'")[0]))


@pytest.mark.parametrize("apart", [False, True])
def test_an_order_sent_twice_under_another_message_is_one_sale(
    apart: bool, workspace: Workspace, tmp_path: Path
) -> None:
    first, second = order("m1", "ab"), order("m2", "ba", second=30)
    path = tmp_path / "log.jsonl"
    if apart:
        assert take(workspace, path, first).accepted == 2
        report = take(workspace, path, second)
        assert (report.accepted, report.duplicate_reasons) == (0, {"resent": 2})
    else:
        report = take(workspace, path, first + second)
        assert (report.accepted, report.duplicate_reasons) == (2, {"resent": 2})
    assert values(workspace) == 10
    again = take(workspace, path, first + second + order("m3", "ab", second=50))
    assert (again.accepted, again.duplicate_reasons) == (0, {"known": 2, "resent": 4})


def test_two_equal_lines_of_one_sending_are_two_sales(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    report = take(workspace, path, order("m1", "aab"))
    assert (report.accepted, report.duplicates, values(workspace)) == (3, 0, 15)
    assert take(workspace, path, order("m2", "aab", second=1)).duplicate_reasons == {"resent": 3}
    # One line less or more is another content.
    assert take(workspace, path, order("m3", "ab", second=2)).accepted == 2


def test_an_order_that_grew_is_no_repetition(workspace: Workspace, tmp_path: Path) -> None:
    report = take(workspace, tmp_path / "log.jsonl", order("m1", "a") + order("m2", "ab", second=1))
    assert (report.accepted, report.duplicates) == (3, 0)


def test_the_same_order_id_of_another_user_is_another_order(workspace: Workspace, tmp_path: Path) -> None:
    report = take(workspace, tmp_path / "log.jsonl", order("m1", "a") + order("m2", "a", second=1, userId="u2"))
    assert (report.accepted, report.duplicates) == (2, 0)


def test_only_purchases_are_sent_twice(workspace: Workspace, tmp_path: Path) -> None:
    refunds = order("m1", "a", event="Order Refunded") + order("m2", "a", second=1, event="Order Refunded")
    no_order = order("m3", "a", order_id="") + order("m4", "a", order_id="", second=1)
    assert take(workspace, tmp_path / "log.jsonl", refunds + no_order).accepted == 4


def plain(*rows: tuple[str, int]) -> str:
    """Purchases of order 7: item and minute."""
    lines = [f"u1,purchase,{item},2024-03-01 10:{minute:02d}:00,7,5,1\n" for item, minute in rows]
    return "user_id,event_type,product_id,timestamp,order_id,price,quantity\n" + "".join(lines)


def test_an_order_in_rows_is_what_has_one_moment(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    assert take(workspace, path, plain(("a", 0), ("b", 0))).accepted == 2
    assert take(workspace, path, plain(("b", 5), ("a", 5))).duplicate_reasons == {"resent": 2}
    assert take(workspace, path, plain(("a", 9))).accepted == 1  # a line more: it was added to the order
    assert take(workspace, path, plain(("a", 9), ("b", 0), ("a", 0))).duplicate_reasons == {"known": 3}


def test_ids_with_a_number_sign_are_no_places_in_a_message(workspace: Workspace, tmp_path: Path) -> None:
    def rows(prefix: str, minute: int) -> str:
        head = "event_id,user_id,event_type,item_id,timestamp,order_id,price\n"
        return head + "".join(
            f"{prefix}{n}#1,u1,purchase,{item},2024-03-01 10:{minute:02d}:00,7,5\n" for n, item in enumerate("ab")
        )

    assert take(workspace, tmp_path / "log.csv", rows("x", 0)).accepted == 2
    # The whole order once more, under new ids: had its lines been taken for two messages, it would seem new.
    assert take(workspace, tmp_path / "log.csv", rows("y", 5)).duplicate_reasons == {"resent": 2}


def test_a_ga4_purchase_sent_twice(workspace: Workspace, tmp_path: Path) -> None:
    def event(microseconds: int, items: Sequence[str]) -> str:
        row: Mapping[str, Any] = {
            "event_date": "20240301", "event_timestamp": str(1_709_287_200_000_000 + microseconds),
            "event_name": "purchase", "user_pseudo_id": "d1", "ecommerce": {"transaction_id": "T1"},
            "items": [{"item_id": i, "price": 5.0, "quantity": 2} for i in items],
        }  # fmt: skip
        return json.dumps(row) + "\n"

    path = tmp_path / "events.jsonl"
    report = take(workspace, path, event(0, "ab") + event(0, "ab") + event(700, "ab"))
    assert (report.source, report.accepted) == ("ga4", 2)
    assert report.duplicate_reasons == {"identical": 2, "resent": 2}
    assert values(workspace) == 20


# Many small files in any grouping and any order of reading give one lake

LINES = st.lists(st.tuples(st.sampled_from("uv"), st.sampled_from("pq"), st.integers(0, 3)), max_size=5)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logs=st.lists(LINES, min_size=2, max_size=4), keep=st.booleans(), data=st.data())
def test_any_grouping_gives_the_same_lake(
    logs: list[list[tuple[str, str, int]]],
    keep: bool,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home = tmp_path_factory.mktemp("grouping")
    paths = [home / f"{n}.csv" for n in range(len(logs))]
    for path, log in zip(paths, logs, strict=True):
        path.write_text(HEAD + "".join(f"{u},view,{p},2024-03-0{d + 1}\n" for u, p, d in log))
    options = IngestOptions(keep_identical=keep)
    # By hand: a row stands once, or as often as in the file that has it most often.
    every = set(itertools.chain(*logs))
    expected = sum(max(log.count(row) for log in logs) if keep else 1 for row in every)

    at_once = Workspace.init(home / "at once")
    assert ingest(at_once, [str(p) for p in paths], options).accepted == expected
    one_by_one = Workspace.init(home / "one by one")
    for path in data.draw(st.permutations(paths)):
        ingest(one_by_one, [str(path)], options)
    in_batches = Workspace.init(home / "in batches")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BATCH_BYTES", 1)
        report = ingest(in_batches, [str(p) for p in paths], options)
    assert report.accepted == expected
    assert report.as_accepted.users == len({u for u, _, _ in every})
    assert ids(at_once) == ids(one_by_one) == ids(in_batches)
    assert len(ids(at_once)) == expected


def test_totals_over_several_batches_are_those_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check_ingest: Callable[..., IngestReport]
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for n in range(5):
        rows = [f"u{(n + i) % 7},{kind},p{i % 3},2024-03-0{n + 1}\n" for i, kind in enumerate(["view", "purchase"] * 4)]
        (logs / f"{n}.csv").write_text(HEAD + "".join(rows) + f"u{n}\n" + rows[0])
    (logs / "z.jsonl").write_text(
        '{"user_id": "u1", "event_type": "view", "product_id": "p9", "timestamp": "2024-03-09"}\n'
    )
    (logs / "items.csv").write_text("item_id,name,category\np1,cup,home\np2,pan,home\n")
    one = check_ingest(Workspace.init(tmp_path / "one"), [logs / "0.csv", logs / "1.csv"])
    monkeypatch.setattr(module, "BATCH_BYTES", 1)
    several = check_ingest(Workspace.init(tmp_path / "several"), [logs / "0.csv", logs / "1.csv"])
    assert (several.as_read, several.as_accepted, several.files) == (one.as_read, one.as_accepted, one.files)
    assert several.reasons == one.reasons
    assert several.duplicate_reasons == one.duplicate_reasons

    seen: list[tuple[str, int, int]] = []
    mixed = ingest(
        Workspace.init(tmp_path / "mixed"),
        [str(logs)],
        progress=lambda text, done, total: seen.append((text, done, total)),
    )
    assert mixed.source == "plain, footfall_items"
    assert mixed.as_read.rows == mixed.read == 5 * 10 + 2 + 1
    assert mixed.as_accepted.rows == mixed.accepted == 5 * 8 + 2 + 1
    assert (mixed.as_accepted.users, mixed.as_accepted.items) == (7, 4)  # p0, p1, p2 and p9
    total = sum(path.stat().st_size for path in logs.iterdir())
    assert seen[0] == ("reading 0.csv", 0, total)
    assert seen[-1] == ("committed z.jsonl", total, total)
    assert [text for text, _, _ in seen[1::2]] == [f"committed {p.name}" for p in sorted(logs.iterdir())]
