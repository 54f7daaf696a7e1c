from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from footfall.errors import InputError
from footfall.lake import keys
from footfall.lake.links import LinksReport, alias, link, links_report, unlink
from footfall.lake.workspace import Workspace

Row = dict[str, Any]
PutRows = Callable[[Workspace, str, Sequence[Mapping[str, Any]]], None]
Put = Callable[..., None]

START_US = 1_600_000_000_000_000


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    return Workspace.init(tmp_path / "shop")


@pytest.fixture
def put(shop: Workspace, put_rows: PutRows) -> Put:
    """Add events, each (second, user, device) or (second, user, device, event type)."""

    def of(*events: tuple[Any, ...]) -> None:
        rows = []
        for i, (second, user, device, *kind) in enumerate(events):
            moment = START_US + second * 1_000_000
            row = {"event_id": f"{second} {user} {device} {i}", "user_id": user, "anonymous_id": device, "sequence": i}
            rows.append(
                row | {"timestamp": moment, "ingested_at": START_US, "event_type": kind[0] if kind else "view_item"}
            )
        put_rows(shop, "events", rows)

    return of


def at(second: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=START_US + second * 1_000_000)


def whose(shop: Workspace) -> list[str]:
    """The history keys of all events, in order of time."""
    with shop.engine() as run:
        keys.resolve_all(shop, run)
        found = run.arrow("""
            SELECT coalesce(u.key, a.key, d.key) AS key FROM compiling e LEFT JOIN user_keys u USING (user_id)
            LEFT JOIN assigned a ON e.user_id IS NULL AND a.anonymous_id = e.anonymous_id AND a.instant = e."timestamp"
            LEFT JOIN device_keys d ON e.user_id IS NULL AND d.anonymous_id = e.anonymous_id
            ORDER BY "timestamp", "sequence" """)["key"].to_pylist()
        distinct = run.arrow("SELECT key FROM keys")["key"].to_pylist()
    assert set(found) == set(distinct)
    return [str(key) for key in found]


def row_of(report: LinksReport, device: str) -> tuple[int, bool, str]:
    row = next(row for row in report.rows if row.anonymous_id == device)
    return row.users, row.joined, row.reason


def test_events_of_a_device_with_one_user_are_that_users(shop: Workspace, put: Put) -> None:
    put((0, None, "d"), (1, "ann", "d"), (2, None, "d"), (3, None, "other"), (4, "bob", None))
    assert whose(shop) == ["u:ann", "u:ann", "u:ann", "a:other", "u:bob"]
    assert row_of(links_report(shop), "d") == (1, True, "one_user")


def test_events_are_never_rewritten(shop: Workspace, put: Put) -> None:
    put((0, None, "d"))
    files = shop.tables.files("events")
    link(shop, "d", "bob")
    assert whose(shop) == ["u:bob"]
    with shop.engine() as run:
        assert run.arrow("SELECT user_id, anonymous_id FROM events").to_pylist() == [
            {"user_id": None, "anonymous_id": "d"}
        ]
    assert shop.tables.files("events") == files


def test_on_a_device_of_several_users_the_next_one_identified_gets_the_event_else_the_last(
    shop: Workspace, put: Put
) -> None:
    put((0, None, "d"), (1, "ann", "d"), (1, None, "d"), (2, None, "d"), (5, "bob", "d"), (6, None, "d"))
    # 0 -> ann at 1;  1 -> ann at 1 (at or after);  2 -> bob at 5;  6 -> nobody after it, so the last: bob
    assert whose(shop) == ["u:ann", "u:ann", "u:ann", "u:bob", "u:bob", "u:bob"]
    assert row_of(links_report(shop), "d") == (2, True, "several_users")


def test_a_device_of_too_many_users_melts_nobody(shop: Workspace, put: Put) -> None:
    assert shop.settings.max_users_per_device == 3
    put(*((i, f"user {i}", "till") for i in range(3)), (9, None, "till"))
    assert whose(shop)[-1] == "u:user 2"
    put((3, "user 3", "till"))
    assert whose(shop)[-1] == "a:till"
    report = links_report(shop)
    assert row_of(report, "till") == (4, False, "shared_device")
    assert report.reasons == {"shared_device": 1}
    assert any("max_users_per_device" in note for note in report.notes())


def test_a_link_can_be_stated_and_undone_and_stated_again(shop: Workspace, put: Put) -> None:
    put((0, None, "d"))
    assert whose(shop) == ["a:d"]
    for _ in range(2):
        link(shop, "d", "ann")
        assert whose(shop) == ["u:ann"]
        unlink(shop, "d", "ann")
        assert whose(shop) == ["a:d"]
    report = links_report(shop)
    assert row_of(report, "d") == (0, False, "undone")
    assert report.rows[0].undone == ("ann",)


def test_a_link_that_follows_from_events_can_be_undone_and_stays_undone(shop: Workspace, put: Put) -> None:
    put((0, None, "d"), (1, "ann", "d"))
    unlink(shop, "d", "ann")
    assert whose(shop) == ["a:d", "u:ann"]  # the event that names its user stays that user's
    put((2, "ann", "d"))
    assert whose(shop) == ["a:d", "u:ann", "u:ann"]
    link(shop, "d", "ann")
    assert whose(shop) == ["u:ann", "u:ann", "u:ann"]


def test_an_undone_user_no_longer_counts_on_a_shared_device(shop: Workspace, put: Put) -> None:
    put((0, None, "d"), (1, "ann", "d"), (2, None, "d"), (3, "bob", "d"))
    assert whose(shop) == ["u:ann", "u:ann", "u:bob", "u:bob"]
    unlink(shop, "d", "ann")
    assert whose(shop) == ["u:bob", "u:ann", "u:bob", "u:bob"]


def test_a_stated_link_has_a_moment_on_a_device_of_several_users(shop: Workspace, put: Put) -> None:
    put((0, None, "d"), (4, None, "d"), (9, "bob", "d"))
    link(shop, "d", "ann", at=at(2))
    assert whose(shop) == ["u:ann", "u:bob", "u:bob"]


def test_an_alias_event_joins_users_and_devices(shop: Workspace, put: Put) -> None:
    put(
        (0, "temp-1", None),
        (1, None, "d"),
        (2, "ann", "temp-1", "alias"),
        (3, "ann", "d", "alias"),
        (4, "temp-1", None),
    )
    assert whose(shop) == ["u:ann"] * 5


def test_aliases_are_followed_from_id_to_id(shop: Workspace, put: Put) -> None:
    put((0, "a", None), (1, "b", None), (2, None, "d"), (3, "a", "d"))
    alias(shop, "a", "b")
    alias(shop, "b", "c")
    assert whose(shop) == ["u:c"] * 4
    unlink(shop, "b", "c")
    assert whose(shop) == ["u:b"] * 4


def test_an_alias_of_a_user_known_from_a_link_alone_is_followed(shop: Workspace, put: Put) -> None:
    put((0, None, "d"))
    link(shop, "d", "old name")
    alias(shop, "old name", "ann")
    assert whose(shop) == ["u:ann"]


def test_two_ids_of_one_person_are_one_user_of_the_device(shop: Workspace, put: Put) -> None:
    put((0, None, "d"), *((i, f"id {i}", "d") for i in range(1, 6)))
    assert whose(shop)[0] == "a:d"  # five users: too many
    for i in range(2, 6):
        alias(shop, f"id {i}", "id 1")
    assert whose(shop) == ["u:id 1"] * 6
    assert row_of(links_report(shop), "d") == (1, True, "one_user")


def test_a_circle_of_aliases_ends(shop: Workspace, put: Put) -> None:
    put((0, "a", None), (1, "b", None), (2, "c", None))
    alias(shop, "a", "b")
    alias(shop, "b", "c")
    alias(shop, "c", "a")  # would close the circle: left out
    assert whose(shop) == ["u:c"] * 3


def test_the_newest_alias_of_an_id_holds(shop: Workspace, put: Put) -> None:
    put((0, "a", None))
    alias(shop, "a", "new", at=at(9))
    alias(shop, "a", "old", at=at(5))
    assert whose(shop) == ["u:new"]


def test_blank_and_unknown_ids_are_refused(shop: Workspace, put: Put) -> None:
    put((0, "ann", "d"), (1, "bob", "d"))
    with pytest.raises(InputError, match=r"needs an anonymous id and a user id, got '' and 'ann'"):
        link(shop, " ", "ann")
    with pytest.raises(InputError, match=r"needs two different ids, got 'ann' twice"):
        alias(shop, "ann", "ann ")
    with pytest.raises(InputError, match=r"no link between 'd' and 'eve' to undo; it is linked to: ann, bob"):
        unlink(shop, "d", "eve")
    with pytest.raises(InputError, match=r"no link between 'x' and 'ann' to undo; nothing links it to any user"):
        unlink(shop, "x", "ann")
    with pytest.raises(
        InputError, match=r"the time 2020-01-01 00:00:00 has no zone; give one such as 2020-01-01T00:00:00\+00:00"
    ):
        link(shop, "d", "ann", at=dt.datetime(2020, 1, 1))  # noqa: DTZ001 - that is what is refused
    with pytest.raises(InputError, match="limit must be at least 1, got 0"):
        links_report(shop, limit=0)
    assert shop.tables.files("links") == []


def test_ids_may_hold_any_character(shop: Workspace, put: Put) -> None:
    put((0, None, "d'; DROP TABLE x; --"))
    link(shop, "d'; DROP TABLE x; --", "ann's")
    assert whose(shop) == ["u:ann's"]


def test_the_report_counts_all_devices_and_shows_those_with_most_users(shop: Workspace, put: Put) -> None:
    put((0, "a", "one"), (1, "a", "two"), (2, "b", "two"), (3, None, "two"), (4, None, "never linked"))
    put(*((i, f"u{i}", "kiosk") for i in range(5)))
    report = links_report(shop, limit=2)
    assert [(row.anonymous_id, row.anonymous_events) for row in report.rows] == [("kiosk", 0), ("two", 1)]
    assert report.rows[1].user_ids == ("a", "b")
    assert report.reasons == {"one_user": 1, "several_users": 1, "shared_device": 1}
    assert report.devices == 3
    assert report.headline() == "3 linked devices, 2 joined to users (bound: 3 users)"
    assert report.notes()[-1] == "1 more devices are not shown; see --limit"
    assert report.to_dict()["rows"][0]["reason"] == "shared_device"


def test_an_empty_lake_has_no_links(shop: Workspace) -> None:
    assert links_report(shop).rows == ()
    assert whose(shop) == []
