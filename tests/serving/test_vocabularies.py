"""Codes of one log read by a model of another: what was known stays, what is new finds its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from footfall.histories.columns import FIRST_CODE, UNSEEN
from footfall.histories.event_features import described
from footfall.histories.memory import from_events
from footfall.histories.sequences import Sequences
from footfall.histories.store import Histories
from footfall.recommenders._base import Recommender
from footfall.recommenders._registry import families
from footfall.recommenders.behaviour import Behaviour
from footfall.recommenders.blend import Blend
from footfall.recommenders.markov import Markov
from footfall.recommenders.neighbours import Neighbours
from footfall.recommenders.only import Only
from footfall.recommenders.popularity import Popularity
from footfall.serving.bundles import open_bundle, write_bundle
from footfall.serving.recommending import Recommending, wanted_of
from footfall.serving.vocabularies import Vocabularies
from footfall.training.loop import TrainingSettings

Event = dict[str, Any]
HOUR = 3_600_000_000


def small_log(seed: int = 0, users: int = 30) -> list[Event]:
    rng = np.random.default_rng(seed)
    return [
        {
            "user_id": f"u{user:02d}",
            "timestamp": (user * 7 + step * 50) * HOUR,
            "event_type": ["view_item", "view_item", "purchase"][int(rng.integers(3))],
            "item_id": f"i{(user + step * int(rng.integers(1, 3))) % 12:02d}",
            "channel": ["web", "app"][int(rng.integers(2))],
            "device": ["phone", "desktop", "tablet"][int(rng.integers(3))],
            "price": float(rng.integers(1, 200)),
        }
        for user in range(users)
        for step in range(int(rng.integers(2, 9)))
    ]


def with_catalogue(histories: Histories, more: Sequence[str] = ()) -> Histories:
    """Describe the items by their ids, and add some that nothing has happened to yet."""
    vocabulary = histories.vocabularies["item"]
    ids = [*vocabulary.ids, *more]
    counts = [*vocabulary.table["count"].to_pylist(), *[0] * len(more)]
    kinds = [int(id_[1:]) % 3 for id_ in ids]
    columns = {
        "id": ids,
        "count": counts,
        "category": [f"all > {'abc'[kind]}" for kind in kinds],
        "brand": [f"brand {kind}" for kind in kinds],
        "price": [float(10 + 40 * kind) for kind in kinds],
    }
    table = dataclasses.replace(vocabulary, table=pa.table(columns))
    return dataclasses.replace(histories, vocabularies={**histories.vocabularies, "item": table})


def codes_of(log: Sequences, histories: Histories) -> dict[str, Sequences]:
    """Return each user's own history, by id."""
    ids = [id_ for users in histories.users for id_ in users["user_id"].to_pylist()]
    return {id_: log.take(np.array([row])) for row, id_ in enumerate(ids)}


def shuffled(events: Sequence[Event], seed: int = 4) -> list[Event]:
    """Return the same events in another order, so that every id has another code."""
    return [events[i] for i in np.random.default_rng(seed).permutation(len(events))]


def newer(events: Sequence[Event]) -> list[Event]:
    """Return a log that begins with ids nobody knew."""
    later = 10**6 * HOUR
    fresh = [
        {"user_id": "new", "timestamp": later, "event_type": "wish", "item_id": "i90", "channel": "radio"},
        {"user_id": "u00", "timestamp": later + 1, "event_type": "view_item", "item_id": "i91", "device": "watch"},
    ]
    return [*fresh, *shuffled(events)]


def test_the_same_log_is_read_as_it_is() -> None:
    histories = with_catalogue(from_events(small_log()))
    log = described(histories)
    read, back = Vocabularies.of(histories, log.content).read(histories, log)
    assert back.tolist() == list(range(len(histories.vocabularies["item"])))
    for name in ("item", "event_type", "timestamp_us", "offsets"):
        np.testing.assert_array_equal(getattr(read, name), getattr(log, name))
    for name, column in log.extra.items():
        np.testing.assert_array_equal(read.extra[name], column)
    assert read.content is not None
    assert log.content is not None
    assert read.content.names == log.content.names


@pytest.mark.parametrize("partitions", [1, 3])
def test_a_log_that_was_compiled_anew_is_read_in_the_old_codes(partitions: int) -> None:
    old = with_catalogue(from_events(small_log()))
    new = with_catalogue(from_events(shuffled(small_log()), partitions=partitions))
    assert old.vocabularies["item"].ids != new.vocabularies["item"].ids
    log = described(old)
    read, back = Vocabularies.of(old, log.content).read(new, described(new))
    assert read.n_codes == log.n_codes
    assert read.sizes == log.sizes
    theirs = codes_of(read, new)
    for id_, mine in codes_of(log, old).items():
        for name in ("item", "event_type", "timestamp_us"):
            np.testing.assert_array_equal(getattr(theirs[id_], name), getattr(mine, name))
        for name, column in mine.extra.items():
            np.testing.assert_array_equal(theirs[id_].extra[name], column)
    items = new.vocabularies["item"]
    assert [items.decode(int(code)) for code in back[FIRST_CODE:]] == old.vocabularies["item"].ids
    assert read.content is not None
    assert log.content is not None
    for name, field in log.content.fields.items():
        names = read.content.fields[name].names
        assert names == field.names
        np.testing.assert_array_equal(read.content.fields[name].codes, field.codes)


def test_a_newer_log_keeps_the_codes_and_adds_to_them() -> None:
    old, new = from_events(small_log()), from_events(newer(small_log()))
    read, back = Vocabularies.of(old, None).read(new, described(new))
    assert read.n_codes == len(old.vocabularies["item"]) + 2
    assert read.content is None
    items = new.vocabularies["item"]
    known = [items.decode(int(code)) for code in back[FIRST_CODE:]]
    assert known[:-2] == old.vocabularies["item"].ids
    assert set(known[-2:]) == {"i90", "i91"}
    mine, theirs = codes_of(described(old), old), codes_of(read, new)
    for id_, history in mine.items():
        np.testing.assert_array_equal(theirs[id_].item[: history.n_events], history.item)
        np.testing.assert_array_equal(theirs[id_].event_type[: history.n_events], history.event_type)  # type: ignore[index]
        for name in ("channel", "device"):
            np.testing.assert_array_equal(theirs[id_].extra[name][: history.n_events], history.extra[name])
    fresh = theirs["new"]
    assert known[int(fresh.item[0]) - FIRST_CODE] == "i90"
    assert fresh.event_type is not None
    assert fresh.event_type[0] == len(old.vocabularies["event_type"])  # after all that were known
    assert fresh.extra["channel"][0] == len(old.vocabularies["channel"])
    assert read.sizes["channel"] == len(old.vocabularies["channel"]) + 1


def test_an_item_that_the_log_does_not_know_any_more_keeps_its_code_and_is_nobody() -> None:
    old = from_events(small_log())
    gone = "i05"
    new = from_events([event for event in shuffled(small_log()) if event["item_id"] != gone])
    read, back = Vocabularies.of(old, None).read(new, described(new))
    assert read.n_codes == len(old.vocabularies["item"])
    code = old.vocabularies["item"].code(gone)
    assert back[code] == UNSEEN
    assert code not in read.item
    assert (back == UNSEEN).sum() == 2  # it, and what always was


def test_vocabularies_are_kept_as_they_are(tmp_path: Path) -> None:
    events = [event | {"item_id": f"{event['item_id']} \u9774 \"'\n"} for event in small_log()]
    histories = from_events(events)
    made = Vocabularies.of(histories, None)
    made.save(tmp_path)
    again = Vocabularies.load(tmp_path)
    log = described(histories)
    read, back = again.read(histories, log)
    np.testing.assert_array_equal(read.item, log.item)
    assert back.tolist() == list(range(log.n_codes))
    assert list(again.ids["item"]) == histories.vocabularies["item"].ids


MODELS: dict[str, Any] = {
    "markov": Markov,
    "neighbours": Neighbours,
    "of purchases": lambda: Only(Popularity(), (4,)),
    "blend": lambda: Blend((Markov(), Popularity()), (0.6, 0.4)),
    "behaviour": lambda: Behaviour(training=TrainingSettings(epochs=1)),
}
QUESTION = {"exclude_seen": False, "types": ["view_item"]}


def kept(folder: Path, histories: Histories, model: Recommender) -> None:
    log = described(histories)
    about = {"question": QUESTION, "question_text": "next", "served": model.name}
    write_bundle(folder, "recommend", model.fit(log), Vocabularies.of(histories, log.content), about)


def asked(folder: Path, histories: Histories, **wanted: Any) -> dict[tuple[str, str], float]:
    model = Recommending(open_bundle(folder, "recommend"), histories)
    rows = model.recommend([f"u{i:02d}" for i in range(30)], wanted_of(**({"k": 20} | wanted))).table.to_pylist()
    return {(row["user_id"], row["item_id"]): row["score"] for row in rows}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_a_log_compiled_anew_gives_the_very_same_recommendations(name: str, exclude_seen: bool, tmp_path: Path) -> None:
    old = with_catalogue(from_events(small_log()))
    kept(tmp_path, old, MODELS[name]())
    expected = asked(tmp_path, old, exclude_seen=exclude_seen)
    assert len(expected) == 30 * 12 if not exclude_seen else len(expected) < 30 * 12
    again = with_catalogue(from_events(shuffled(small_log()), partitions=2))
    found = asked(tmp_path, again, exclude_seen=exclude_seen)
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)  # a batch of another order rounds otherwise


def test_filters_of_a_log_compiled_anew_are_about_the_same_items(tmp_path: Path) -> None:
    old = with_catalogue(from_events(small_log()))
    kept(tmp_path, old, Markov())
    again = with_catalogue(from_events(shuffled(small_log())))
    for wanted in ({"category": "all > b"}, {"brand": "brand 2"}, {"max_price": 10.0}):
        expected = asked(tmp_path, old, **wanted)
        assert len(expected) == 30 * 4
        assert asked(tmp_path, again, **wanted) == pytest.approx(expected)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_new_to_a_model_leaves_the_rest_as_it_was(name: str, tmp_path: Path) -> None:
    old = with_catalogue(from_events(small_log()))
    kept(tmp_path, old, MODELS[name]())
    expected = asked(tmp_path, old)
    new = with_catalogue(from_events(newer(small_log())), more=["i99"])
    found = asked(tmp_path, new)
    assert {item for _, item in found} == {item for _, item in expected} | {"i90", "i91", "i99"}
    # All but u00, who has done something since; a blend puts all scores on one scale, so new items move it a little.
    untouched = {key: score for key, score in found.items() if key[0] != "u00" and key in expected}
    if name != "blend":
        before = {key: score for key, score in expected.items() if key[0] != "u00"}
        assert untouched == pytest.approx(before, rel=1e-5, abs=1e-6)
    if name not in ("blend", "behaviour"):
        assert {score for (_, item), score in found.items() if item in ("i90", "i91", "i99")} == {0}


@pytest.mark.parametrize("name", sorted(set(families()) - {"only", "blend", "ranked", "behaviour"}))
def test_a_baseline_scores_what_it_has_never_met_with_nothing(name: str) -> None:
    log = described(from_events(small_log()))
    model = families()[name]().fit(log)
    before = model.scores(log)
    assert model.grow(dataclasses.replace(log, n_codes=log.n_codes + 3))
    after = model.scores(dataclasses.replace(log, n_codes=log.n_codes + 3))
    np.testing.assert_array_equal(after[:, : log.n_codes], before)
    assert (after[:, log.n_codes :] == 0).all()


def test_a_new_item_stands_where_its_content_puts_it(tmp_path: Path) -> None:
    # Everybody keeps to one of three categories, with its own brand and price. Of each there is an item nobody has met.
    rng = np.random.default_rng(0)
    events = [
        {
            "user_id": f"u{user:02d}",
            "timestamp": (user * 3 + step * 10) * HOUR,
            "event_type": "view_item",
            "item_id": f"i{3 * int(rng.integers(8)) + user % 3:02d}",
        }
        for user in range(30)
        for step in range(14)
    ]
    old = with_catalogue(from_events(events))
    settings = TrainingSettings(epochs=30, tokens=128, learning_rate=1e-2, every=30, half=False)
    kept(tmp_path, old, Behaviour(training=settings, held_out=0))
    new = with_catalogue(from_events(shuffled(events)), more=["i60", "i61", "i62"])
    found = asked(tmp_path, new, k=40)
    right = 0
    for user in range(30):
        own = f"i{60 + user % 3}"
        others = [f"i{60 + kind}" for kind in range(3) if kind != user % 3]
        right += all(found[f"u{user:02d}", own] > found[f"u{user:02d}", other] for other in others)
    assert right >= 28
