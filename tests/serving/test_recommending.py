"""Recommending: users by their ids, what may be shown to them, what was known then, and why."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from footfall.errors import InputError
from footfall.histories.columns import FIRST_CODE
from footfall.histories.event_features import described
from footfall.histories.memory import from_events
from footfall.histories.slices import as_of
from footfall.histories.store import Histories
from footfall.recommenders._base import Recommender
from footfall.recommenders.behaviour import Behaviour
from footfall.recommenders.markov import Markov
from footfall.recommenders.popularity import Popularity
from footfall.serving.bundles import open_bundle, write_bundle
from footfall.serving.recommending import REASON, Recommending, Wanted, wanted_of
from footfall.serving.vocabularies import Vocabularies
from footfall.tasks._answers import Filters
from footfall.training.loop import TrainingSettings

HOUR = 3_600_000_000
START = 1_700_000_000_000_000
N_ITEMS, N_USERS = 20, 40
Event = dict[str, Any]


def number(item: str) -> int:
    return int(item[1:])


def following(item: str) -> str:
    return f"i{(number(item) + 1) % N_ITEMS:02d}"


def ring_events() -> list[Event]:
    """Users who walk round a ring of items; after each view a search that is about no item."""
    rng = np.random.default_rng(0)
    events: list[Event] = []
    for user in range(N_USERS):
        first = int(rng.integers(N_ITEMS)) if user % 2 else 0
        for step in range(int(rng.integers(3, 8))):
            at = START + (user + step * 30) * HOUR
            row = {"user_id": f"u{user:02d}", "event_type": "view_item", "item_id": f"i{(first + step) % N_ITEMS:02d}"}
            events += [
                row | {"timestamp": at},
                {"user_id": f"u{user:02d}", "event_type": "search", "timestamp": at + 1},
            ]
    events.append({"user_id": "searcher", "event_type": "search", "timestamp": START})
    events.append({"user_id": "buyer", "event_type": "purchase", "item_id": "i07", "timestamp": START})
    return events


def catalogued(histories: Histories) -> Histories:
    vocabulary = histories.vocabularies["item"]
    table = vocabulary.table
    numbers = [number(id_) for id_ in vocabulary.ids]
    columns = {
        "name": [None if n == 3 else f"thing {n}" for n in numbers],
        "category": ["even" if n % 2 == 0 else "odd" for n in numbers],
        "brand": ["low" if n < 10 else "high" for n in numbers],
        "price": [float(n) for n in numbers],
        "available": [n != 5 for n in numbers],
    }
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    items = dataclasses.replace(vocabulary, table=table)
    return dataclasses.replace(histories, vocabularies={**histories.vocabularies, "item": items})


def put(folder: Path, histories: Histories, model: Recommender, *, exclude_seen: bool = True, **more: Any) -> None:
    log = described(histories)
    question = {"exclude_seen": exclude_seen, "types": ["view_item"]} | more
    about = {"question": question, "question_text": "the next item viewed", "served": f"{model.name} of all"}
    write_bundle(folder, "recommend", model.fit(log), Vocabularies.of(histories, log.content), about)


@pytest.fixture(scope="module")
def histories() -> Histories:
    return catalogued(from_events(ring_events(), partitions=3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, histories: Histories) -> Path:
    home = tmp_path_factory.mktemp("models")
    put(home, histories, Markov())
    return home


@pytest.fixture(scope="module")
def model(folder: Path, histories: Histories) -> Recommending:
    return Recommending(open_bundle(folder, "recommend"), histories)


def seen_by(user: str, before: int = 2**62, kind: str = "view_item") -> list[str]:
    return [
        e["item_id"]
        for e in sorted(ring_events(), key=lambda e: e["timestamp"])
        if e["user_id"] == user and e["event_type"] == kind and e["timestamp"] < before
    ]


def shown(model: Recommending, user: str, **wanted: Any) -> list[str]:
    items: list[str] = model.recommend([user], wanted_of(**({"k": N_ITEMS} | wanted))).table["item_id"].to_pylist()
    return items


USERS = [f"u{user:02d}" for user in range(N_USERS)]


def test_the_columns_are_those_of_the_design(model: Recommending) -> None:
    found = model.recommend(USERS[:3], Wanted(k=4))
    assert found.table.schema == pa.schema(
        [("user_id", pa.string()), ("item_id", pa.string()), ("rank", pa.int32()), ("score", pa.float32())]
    )
    assert found.table["user_id"].to_pylist() == [user for user in USERS[:3] for _ in range(4)]
    assert found.table["rank"].to_pylist() == [1, 2, 3, 4] * 3
    scores = np.array(found.table["score"].to_pylist()).reshape(3, 4)
    assert (np.diff(scores, axis=1) <= 0).all()
    with_reasons = model.recommend(USERS[:1], Wanted(k=4, reasons=True)).table
    assert with_reasons.schema == found.table.schema.append(pa.field("reasons", pa.list_(REASON)))
    parts = {field.name: field.type for field in REASON}
    assert parts == {
        "item_id": pa.string(),
        "event_type": pa.string(),
        "timestamp": pa.timestamp("us", "UTC"),
        "weight": pa.float32(),
    }
    none = model.recommend([], Wanted())
    assert (none.table.num_rows, none.users, none.cold) == (0, 0, 0)
    assert none.table.schema == found.table.schema


def test_the_next_item_of_the_ring_stands_first(model: Recommending) -> None:
    right = sum(following(seen_by(user)[-1]) == shown(model, user, in_stock=False)[0] for user in USERS)
    assert right >= 0.9 * N_USERS


def test_users_are_found_by_their_ids_in_any_order_and_as_often_as_given(model: Recommending) -> None:
    table = model.recommend(["u07", "u31", "u07"], Wanted(k=3)).table.to_pylist()
    assert [row["user_id"] for row in table] == ["u07"] * 3 + ["u31"] * 3 + ["u07"] * 3
    assert table[:3] == table[6:]
    assert [row["item_id"] for row in table[3:6]] == shown(model, "u31", k=3)
    ids = [id_ for users in model.histories.users for id_ in users["user_id"].to_pylist()]
    assert [ids[row] for row in model.rows_of(["u07", "u31"]).tolist()] == ["u07", "u31"]
    assert model.rows_of(["u07", "u7", "nobody"]).tolist()[1:] == [-1, -1]


@pytest.mark.parametrize("family", [Popularity, Markov])
def test_one_of_whom_nothing_is_known_has_what_is_popular(
    family: type[Popularity | Markov], tmp_path: Path, histories: Histories
) -> None:
    put(tmp_path, histories, family())  # Markov itself has nothing to say of nobody
    asked = Recommending(open_bundle(tmp_path, "recommend"), histories)
    counts: dict[str, int] = {}
    for event in ring_events():
        if "item_id" in event:
            counts[event["item_id"]] = counts.get(event["item_id"], 0) + 1
    items = histories.vocabularies["item"]
    del counts["i05"]  # not in stock
    best = sorted(counts, key=lambda item: (-counts[item], items.code(item)))
    assert shown(asked, "nobody", k=5) == best[:5]


def test_those_of_whom_nothing_is_known_are_counted(model: Recommending, folder: Path, histories: Histories) -> None:
    found = model.recommend(["u01", "nobody", "no one", "searcher"], Wanted(k=2))
    assert (found.users, found.cold) == (4, 2)  # a search is something that is known
    assert "Nothing is known of 2 users of them: what is popular with everybody is shown." in str(found)
    assert found.table["user_id"].to_pylist() == [u for u in ("u01", "nobody", "no one", "searcher") for _ in range(2)]
    assert not model.recommend(["u01"], Wanted()).notes()
    early = Recommending(open_bundle(folder, "recommend"), as_of(histories, START + HOUR // 2))
    assert early.recommend(["u00", "u01", "nobody"], Wanted()).cold == 2  # u01 had done nothing yet


def test_everybody_is_everybody_with_an_event(model: Recommending, folder: Path, histories: Histories) -> None:
    rows, ids = model.everybody()
    assert sorted(ids) == sorted([*USERS, "searcher", "buyer"])
    assert model.recommend(None, Wanted(k=1)).table["user_id"].to_pylist() == ids
    assert len(rows) == len(ids)
    early = Recommending(open_bundle(folder, "recommend"), as_of(histories, START + 3 * HOUR))
    assert sorted(early.everybody()[1]) == ["buyer", "searcher", "u00", "u01", "u02"]


def test_items_that_were_had_are_left_out_as_the_model_was_trained_or_as_is_asked(
    model: Recommending, tmp_path: Path, histories: Histories
) -> None:
    put(tmp_path, histories, Markov(), exclude_seen=False)
    other = Recommending(open_bundle(tmp_path, "recommend"), histories)
    stock = N_ITEMS - 1
    for user in USERS[:6]:
        had = set(seen_by(user)) - {"i05"}
        assert not had & set(shown(model, user))
        assert len(shown(model, user)) == stock - len(had)
        assert had <= set(shown(other, user))
        assert len(shown(other, user)) == stock
        assert shown(model, user, exclude_seen=False) == shown(other, user)
        assert shown(other, user, exclude_seen=True) == shown(model, user)


def test_only_events_that_were_asked_for_count_as_had(model: Recommending) -> None:
    assert seen_by("buyer", kind="purchase") == ["i07"]
    assert "i07" in shown(model, "buyer")  # the question is about views, and this was an order


def test_filters_hold(model: Recommending) -> None:
    cases: list[tuple[dict[str, Any], set[int]]] = [
        ({}, set(range(N_ITEMS)) - {5}),
        ({"in_stock": False}, set(range(N_ITEMS))),
        ({"category": "even"}, set(range(0, N_ITEMS, 2))),
        ({"brand": "high"}, set(range(10, N_ITEMS))),
        ({"min_price": 4, "max_price": 6}, {4, 6}),
        ({"brand": "high", "category": "odd", "max_price": 13}, {11, 13}),
    ]
    for asked, allowed in cases:
        assert {number(item) for item in shown(model, "nobody", **asked)} == allowed
    with pytest.raises(InputError, match="no item of 20 may be shown under"):
        shown(model, "nobody", brand="none")
    # What is kept of one call is not what the next one asked for.
    assert {number(item) for item in shown(model, "nobody", category="odd")} == set(range(1, N_ITEMS, 2)) - {5}
    assert {number(item) for item in shown(model, "nobody", category="even")} == set(range(0, N_ITEMS, 2))


def test_filters_do_not_move_the_scores_of_what_is_left(model: Recommending) -> None:
    whole = {row["item_id"]: row["score"] for row in model.recommend(["u09"], Wanted(k=99)).table.to_pylist()}
    some = model.recommend(["u09"], Wanted(k=99, filters=Filters(category="odd"))).table.to_pylist()
    assert [row["score"] for row in some] == [whole[row["item_id"]] for row in some]
    assert [row["item_id"] for row in some] == [item for item in whole if number(item) % 2]


def test_a_list_is_never_longer_than_what_there_is(model: Recommending) -> None:
    found = model.recommend(["u09"], Wanted(k=500)).table
    assert found.num_rows == N_ITEMS - 1 - len(set(seen_by("u09")) - {"i05"})
    assert not np.isnan(found["score"].to_numpy()).any()
    assert found["rank"].to_pylist() == list(range(1, found.num_rows + 1))
    for k, diversity in ((0, 0.0), (3, 2.0)):
        with pytest.raises(InputError, match="accepted: k from 1, diversity from 0 to 1"):
            model.recommend(["u09"], Wanted(k=k, diversity=diversity))


def test_a_diverse_list_begins_the_same_and_goes_on_otherwise(model: Recommending) -> None:
    plain, diverse = shown(model, "u09", k=5), shown(model, "u09", k=5, diversity=0.7)
    assert plain[0] == diverse[0]
    assert plain != diverse
    assert shown(model, "u09", k=5, diversity=0.0) == plain


def test_reasons_are_the_events_that_the_item_follows(model: Recommending) -> None:
    right = 0
    for user in USERS:
        rows = model.recommend([user], wanted_of(k=1, reasons=True, in_stock=False)).table.to_pylist()
        reasons = rows[0]["reasons"]
        assert 0 < sum(reason["weight"] for reason in reasons) <= 1 + 1e-6
        assert all(reason["event_type"] == "view_item" for reason in reasons)
        assert {reason["item_id"] for reason in reasons} <= set(seen_by(user))
        right += following(reasons[0]["item_id"]) == rows[0]["item_id"]
        (when,) = {
            e["timestamp"] for e in ring_events() if e["user_id"] == user and e.get("item_id") == reasons[0]["item_id"]
        }
        assert reasons[0]["timestamp"] == dt.datetime.fromtimestamp(when / 1e6, dt.UTC)
    assert right >= 0.9 * N_USERS
    assert model.recommend(["nobody"], Wanted(k=1, reasons=True)).table["reasons"].to_pylist() == [[]]


def test_a_table_for_people_says_names_and_reasons(model: Recommending) -> None:
    found = model.recommend(["u09", "nobody"], Wanted(k=2, reasons=True))
    rows = found.table_rows()
    assert list(rows[0]) == ["user_id", "rank", "item_id", "name", "score", "because"]
    assert rows[0]["name"] == f"thing {number(rows[0]['item_id'])}"
    last = number(seen_by("u09")[-1])
    assert rows[0]["because"].startswith(f"view_item thing {last} on 2023-11-")
    assert rows[2]["because"] == "popular with everybody"
    assert found.headline() == f"the next item viewed: 2 users, by markov of all (version {found.version})"
    answer = found.to_dict()
    assert {"question", "model", "version", "users", "cold", "recall", "rows"} <= set(answer)
    assert answer["rows"] == rows
    everything = model.recommend(None, Wanted(k=N_ITEMS, exclude_seen=False)).table_rows()
    assert {row["name"] for row in everything if row["item_id"] == "i03"} == {None}


MOMENTS = [START + HOUR // 2, START + 40 * HOUR, START + 100 * HOUR]


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_happened_later_is_not_known(moment: int, folder: Path, histories: Histories) -> None:
    known = Recommending(open_bundle(folder, "recommend"), as_of(histories, moment))
    early = [event for event in ring_events() if event["timestamp"] < moment]
    cut = from_events(early, partitions=3)
    silent: dict[str, Any] = {"in_stock": False, "k": N_ITEMS}
    other = Recommending(open_bundle(folder, "recommend"), cut)
    for user in ("u00", "u09", "u33", "buyer", "nobody"):
        found = known.recommend([user], wanted_of(**silent, reasons=True)).table.to_pylist()
        assert not {row["item_id"] for row in found} & set(seen_by(user, moment))
        late = dt.datetime.fromtimestamp(moment / 1e6, dt.UTC)
        assert all(reason["timestamp"] < late for row in found for reason in row["reasons"])
        # A log that was read then knows only the items of then; what it knows stands in the same order.
        then = other.recommend([user], wanted_of(**silent)).table.to_pylist()
        items = set(cut.vocabularies["item"].ids)
        assert [(row["item_id"], row["score"]) for row in found if row["item_id"] in items] == [
            (row["item_id"], row["score"]) for row in then
        ]


def spoken(moment: int, channel: str) -> list[Event]:
    """Walks in which the channel tells the way; before a moment, everybody comes by one of them."""
    rng = np.random.default_rng(1)
    events = []
    for user in range(40):
        place = int(rng.integers(N_ITEMS))
        for step in range(8):
            at = START + (step * 20 + user % 20) * HOUR
            way = channel if at < moment else ["web", "app"][user % 2]
            row = {"user_id": f"u{user:02d}", "event_type": "view_item", "item_id": f"i{place:02d}", "channel": way}
            events.append(row | {"timestamp": at})
            place = (place + (1 if way == "web" else -1)) % N_ITEMS
    return events


@pytest.mark.parametrize("channel", ["web", "app"])
def test_a_model_reads_an_event_the_same_whatever_other_events_say(channel: str, tmp_path: Path) -> None:
    # Before the moment there is one channel only; the model has learnt from a log with two.
    moment = START + 60 * HOUR
    histories = from_events(spoken(moment, channel))
    put(tmp_path, histories, Behaviour(training=TrainingSettings(epochs=4)))
    fitted = open_bundle(tmp_path, "recommend").model
    whole = described(histories)
    assert whole.timestamp_us is not None
    expected = fitted.scores(whole.where(whole.timestamp_us < moment))
    known = Recommending(open_bundle(tmp_path, "recommend"), as_of(histories, moment))
    np.testing.assert_allclose(known.bundle.model.scores(known.log), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["markov", "behaviour"])
def test_others_who_are_asked_for_do_not_matter(kind: str, tmp_path: Path, histories: Histories) -> None:
    put(tmp_path, histories, {"markov": Markov(), "behaviour": Behaviour(training=TrainingSettings(epochs=1))}[kind])
    asked = Recommending(open_bundle(tmp_path, "recommend"), histories)
    together = asked.recommend(None, Wanted(k=5)).table.to_pylist()
    for user in ("u00", "u17", "searcher"):
        mine = [row for row in together if row["user_id"] == user]
        alone = asked.recommend([user], Wanted(k=5)).table.to_pylist()
        assert [row["item_id"] for row in mine] == [row["item_id"] for row in alone]
        assert [row["score"] for row in mine] == pytest.approx([row["score"] for row in alone], rel=1e-4, abs=1e-5)


def test_a_setting_that_does_not_exist_names_the_nearest() -> None:
    with pytest.raises(InputError, match="unknown setting of recommend 'brnd'; did you mean 'brand'"):
        wanted_of(brnd="x")
    assert wanted_of(k=3, brand="x", reasons=True) == Wanted(3, None, Filters(brand="x"), 0.0, reasons=True)


def test_tables_come_in_parts_that_make_the_whole(model: Recommending) -> None:
    rows, ids = model.everybody()
    parts = list(model.tables(rows, ids, Wanted(k=3)))
    assert pa.concat_tables(parts).equals(model.recommend(None, Wanted(k=3)).table)
    asked, found = model.lists(rows, Wanted(k=3))
    assert found.items.shape == (len(rows), 3)
    assert len(asked) == len(rows)
    assert (found.items >= FIRST_CODE).all()
