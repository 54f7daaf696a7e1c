"""The task: what is planted is served, and nothing at or after the cutoff moves a score."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import footfall
from footfall.errors import InputError
from footfall.evaluation.leaderboard import Leaderboard
from footfall.histories.event_features import described
from footfall.histories.memory import from_events
from footfall.histories.sequences import Sequences
from footfall.histories.slices import as_of
from footfall.histories.store import Histories
from footfall.recommenders._registry import families
from footfall.recommenders.behaviour import Behaviour
from footfall.recommenders.markov import Markov
from footfall.recommenders.popularity import PopularityRecent
from footfall.serving.bundles import open_bundle, write_bundle
from footfall.serving.recommending import Recommending, wanted_of
from footfall.serving.vocabularies import Vocabularies
from footfall.tasks._base import Given, Trained
from footfall.tasks._contest import GATES, contest, names_of
from footfall.tasks._question import Question
from footfall.tasks._registry import by_name, tasks
from footfall.tasks.recommend import Recommend, TrainResult

HOUR = 3_600_000_000
DAY = 24 * HOUR
START = 1_700_000_000_000_000
N_ITEMS = 24
Event = dict[str, Any]


def ring(users: int = 70, *, seed: int = 0, days: float = 20, step_us: int = 4 * HOUR) -> list[Event]:
    """Users who walk round a ring of items; every third begins at item 0, which is so the most popular part."""
    rng = np.random.default_rng(seed)
    events = []
    for user in range(users):
        first, begin = int(rng.integers(N_ITEMS)) if user % 3 else 0, START + int(rng.integers(0, int(days * DAY)))
        for step in range(int(rng.integers(6, 12))):
            row = {"user_id": f"u{user:03d}", "event_type": "view_item", "item_id": f"i{(first + step) % N_ITEMS:02d}"}
            events.append(row | {"timestamp": begin + step * step_us})
    return events


def trained(events: Sequence[Event], asked: dict[str, Any] | None = None, **given: Any) -> tuple[Trained, Sequences]:
    histories = from_events(events)
    found = Recommend(**(asked or {})).train(Given(histories, **({"epochs": 1} | given)))
    return found, described(histories)


def successors(model: Any, log: Sequences, histories: Histories) -> float:
    ids = histories.vocabularies["item"].ids
    best = [ids[code - 3] for code in model.scores(log).argmax(1).tolist()]
    lasts = [ids[int(log[row][-1]) - 3] for row in range(len(log))]
    return float(np.mean([int(b[1:]) == (int(a[1:]) + 1) % N_ITEMS for a, b in zip(lasts, best, strict=True)]))


def result_of(found: Trained) -> TrainResult:
    assert isinstance(found.result, TrainResult)
    return found.result


@pytest.fixture(scope="module")
def rings() -> tuple[Trained, Sequences]:
    return trained(ring())


def test_what_is_served_recommends_what_comes_next_and_beats_what_is_popular(rings: tuple[Trained, Sequences]) -> None:
    found, log = rings
    assert successors(found.model, log, from_events(ring())) > 0.9
    rows = {row.recommender.split(" ")[0]: row for row in result_of(found).rows}
    served = result_of(found).rows[0]
    assert served.served
    assert [row.served for row in result_of(found).rows].count(True) == 1
    assert served.recommender == result_of(found).served
    assert served.ndcg_10 is not None
    assert rows["popularity_recent"].ndcg_10 is not None
    assert served.ndcg_10.low > rows["popularity_recent"].ndcg_10.high
    assert set(rows) == {"behaviour", "blend", *GATES} > {"markov", "popularity_user"}


def test_a_result_says_what_was_asked_chosen_and_left_out(rings: tuple[Trained, Sequences]) -> None:
    result = result_of(rings[0])
    text = str(result)
    assert "Recommend the next item viewed" in text
    assert f"Served from now on: {result.served}" in text
    assert "Ranked over all items; chosen and judged on" in text
    assert f"The behaviour model has {sum(result.parameters.values()):,} parameters" in text
    assert result.to_dict()["rows"][0]["served"] is True
    table = {row["recommender"]: row for row in result.table_rows()}
    assert list(next(iter(table.values()))) == [
        "recommender",
        "NDCG@10",
        "NDCG@10_low",
        "NDCG@10_high",
        "HitRate@10",
        "Coverage@10",
        "fit_cpu_s",
        "served",
    ]
    assert table["markov"]["HitRate@10"] == pytest.approx(1, abs=0.1)


def test_the_question_of_the_served_model_is_told_with_it(rings: tuple[Trained, Sequences]) -> None:
    about = rings[0].about
    assert about["question"]["goal"] == "view"
    assert about["question"]["types"] == ("view_item",)
    assert about["judged_cases"] == result_of(rings[0]).judged_cases > 20
    assert about["horizon_us"] == (max(e["timestamp"] for e in ring()) - min(e["timestamp"] for e in ring())) // 6


@pytest.mark.parametrize("family", ["popularity", "markov", "neighbours"])
def test_the_family_that_is_asked_for_is_served_whoever_would_win(family: str) -> None:
    found, log = trained(ring(), {"family": family})
    assert found.model == families()[family]()
    assert result_of(found).served == family
    again = families()[family]().fit(log)
    np.testing.assert_array_equal(found.model.scores(log), again.scores(log))  # it learnt from everything


def test_a_blend_that_is_asked_for_is_served() -> None:
    found, _ = trained(ring(), {"family": "blend"})
    assert result_of(found).served.startswith("blend (")
    assert len(result_of(found).rows) == len(GATES) + 2


def test_the_behaviour_model_that_is_asked_for_is_served() -> None:
    found, _ = trained(ring(), {"family": "behaviour"})
    assert isinstance(found.model, Behaviour)
    assert result_of(found).parameters == found.model.model.count_parameters()  # type: ignore[union-attr]
    assert [curve[0]["phase"] for curve in found.curves.values()] == ["chosen"]
    assert {look["phase"] for look in found.curves["behaviour"]} == {"chosen", "final"}


def test_a_blend_that_cannot_be_made_is_not_silently_another_family() -> None:
    try:
        found, _ = trained(ring(10), {"family": "blend"})
    except InputError:
        return
    assert "blend" in str(result_of(found).left_out) or result_of(found).served.startswith("blend")


def test_an_unknown_family_names_the_nearest() -> None:
    with pytest.raises(InputError, match="unknown recommender 'markof'; did you mean 'markov'"):
        trained(ring(3), {"family": "markof"})


def test_a_family_that_cannot_learn_is_left_out_with_its_reason() -> None:
    events = [
        {"user_id": f"u{i}", "event_type": "view_item", "item_id": f"i{i % 7}", "timestamp": START + i * HOUR}
        for i in range(60)
    ]
    found, _ = trained(events)
    result = result_of(found)
    assert list(result.left_out) == ["behaviour"]
    assert "Left out: behaviour: there is nothing to learn from: no history has two events" in str(result)
    assert result.served in GATES
    assert result.parameters == {}
    with pytest.raises(InputError, match=r"no recommender could learn from this log \(behaviour: there is nothing"):
        trained(events, {"family": "behaviour"})


def test_the_task_is_found_by_being_there() -> None:
    assert by_name("recommend") is tasks()["recommend"] is Recommend
    with pytest.raises(InputError, match="unknown task 'recomend'; did you mean 'recommend'"):
        by_name("recomend")


def test_families_are_put_side_by_side_on_what_none_of_them_saw() -> None:
    histories = from_events(ring(120, step_us=DAY))
    said: list[str] = []
    board = Recommend().evaluate(
        Given(histories, epochs=1, horizon_us=8 * DAY, say=said.append), against=("markov", "popularity"), seeds=(0, 1)
    )
    assert isinstance(board, Leaderboard)
    means = {row.recommender: row.metrics["NDCG@10"].mean for row in board.rows}
    assert set(means) == {"behaviour", "markov", "popularity"}  # the model is always among them
    assert means["markov"] > 2 * means["popularity"]
    assert all(row.seeds == (0, 1) for row in board.rows)
    log = described(histories)
    assert log.timestamp_us is not None
    question = Question.of(histories, log)
    assert board.cases == len(question.cases(log, int(log.timestamp_us.max()) + 1 - 8 * DAY, 8 * DAY))
    assert "asking markov" in said


def test_too_few_users_to_be_judged_by_is_one_line() -> None:
    with pytest.raises(InputError, match=r"only .* users have an event .* at least 20 are needed; give a longer") as e:
        Recommend().evaluate(Given(from_events(ring(15)), epochs=1))
    assert "\n" not in str(e.value)


def test_a_blend_that_is_asked_for_alone_stands_on_the_leaderboard() -> None:
    board = Recommend().evaluate(
        Given(from_events(ring(120, step_us=DAY)), epochs=1, horizon_us=8 * DAY), against=("blend",)
    )
    assert {row.recommender for row in board.rows} >= {"behaviour", "blend"}


# --- leakage: nothing at or after the cutoff moves a score ---------------------------------------------------------

CUTOFF = START + 14 * DAY
CATEGORIES = ("shoes > men", "shoes > women", "hats")


def shop_log(users: int = 60, seed: int = 1) -> list[Event]:
    """Views, carts, orders and searches with everything that an event can say, in order of time.

    All items, types, channels and the rest are there before the cutoff, so that codes are the same whatever follows.
    """
    rng = np.random.default_rng(seed)
    events = []
    for i in range(N_ITEMS):
        for j, kind in enumerate(("view_item", "add_to_cart", "purchase", "search")):
            events.append(event(rng, f"u{i % users:03d}", kind, i, START + (4 * i + j) * 60_000_000))
    for user in range(users):
        place, moment = int(rng.integers(N_ITEMS)), START + DAY + int(rng.integers(0, 6 * DAY))
        for _ in range(int(rng.integers(8, 20))):
            kind = str(rng.choice(["view_item"] * 5 + ["add_to_cart", "purchase", "purchase", "search"]))
            events.append(event(rng, f"u{user:03d}", kind, place, moment))
            place = (place + 1) % N_ITEMS if rng.random() < 0.8 else int(rng.integers(N_ITEMS))
            moment += int(rng.integers(1, 40)) * HOUR
    return sorted(events, key=lambda e: e["timestamp"])


def event(rng: np.random.Generator, user: str, kind: str, item: int, moment: int) -> Event:
    row: Event = {"user_id": user, "event_type": kind, "timestamp": moment}
    row |= {"channel": ["web", "app"][item % 2], "device": ["phone", "desktop"][item % 3 % 2]}
    if kind == "search":
        return row | {"query": ["red shoes", "blue hats"][item % 2]}
    row |= {"item_id": f"i{item:02d}", "price": float(10 + item), "quantity": int(rng.integers(1, 4))}
    if kind == "purchase":
        row |= {"order_id": f"{user}-{moment // DAY}", "value": float(10 + item), "rating": int(rng.integers(1, 6))}
    return row


def permuted(late: list[Event]) -> list[Event]:
    items = np.random.default_rng(2).permutation([e["item_id"] for e in late if "item_id" in e]).tolist()
    return [e | ({"item_id": items.pop()} if "item_id" in e else {}) for e in late]


def retold(late: list[Event]) -> list[Event]:
    more = {"channel": "app", "device": "phone", "price": 999.0, "quantity": 9, "rating": 1, "bot": "agent: x"}
    return [e | {"event_type": "purchase", "item_id": "i03", "order_id": "x"} | more for e in late]


def added(late: list[Event]) -> list[Event]:
    rng = np.random.default_rng(3)
    more = [
        event(rng, f"{'u' if i % 2 else 'new'}{int(rng.integers(60)):03d}", "purchase", i % 5, CUTOFF + i * HOUR)
        for i in range(200)
    ]
    return [*late, *more]


CHANGES: dict[str, Callable[[list[Event]], list[Event]]] = {
    "items permuted": permuted,
    "moved later": lambda late: [e | {"timestamp": e["timestamp"] + 50 * DAY} for e in late],
    "all at the cutoff": lambda late: [e | {"timestamp": CUTOFF} for e in late],
    "told otherwise": retold,
    "added, of new users too": added,
    "taken away": lambda late: late[:0],
}


def catalogued(histories: Histories) -> Histories:
    """Describe the items, the same way in every log."""
    import pyarrow as pa

    vocabulary = histories.vocabularies["item"]
    table = vocabulary.table
    numbers = [int(id_[1:]) for id_ in vocabulary.ids]
    for name, values in {
        "name": [f"red thing {n % 4}" for n in numbers],
        "category": [CATEGORIES[n % 3] for n in numbers],
        "brand": [f"b{n % 5}" for n in numbers],
        "price": [float(10 + n) for n in numbers],
    }.items():
        table = table.append_column(name, pa.array(values))
    described_items = dataclasses.replace(vocabulary, table=table)
    return dataclasses.replace(histories, vocabularies={**histories.vocabularies, "item": described_items})


def as_known(change: str | None) -> Histories:
    events = shop_log()
    late = [e for e in events if e["timestamp"] >= CUTOFF]
    assert 50 < len(late) < len(events) - 50
    early = [e for e in events if e["timestamp"] < CUTOFF]
    whole = [*early, *(late if change is None else CHANGES[change](late))]
    return as_of(catalogued(from_events(whole)), CUTOFF)


def learnt(histories: Histories, goal: str) -> tuple[dict[str, Any], Sequences, str]:
    """Let every family learn; return by family what it scores, how it was judged, and how the cases were cut."""
    log = described(histories)
    question = Question.of(histories, log, goal)
    names = [name for name in names_of(["all"]) if name not in ("als", "bpr")]  # these two are asked below
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("footfall.tasks._contest._RANKED_CASES", 20)
        found = contest(log, question, Given(histories, epochs=1, horizon_us=4 * DAY), names, refit_all=True)
    assert not found.left_out
    asked = log.take(np.arange(60))
    scores = {e.name: (e.recommender.scores(asked), e.judged) for e in found.entrants}
    return scores, asked, f"{question} {found.how}"


@pytest.fixture(scope="module")
def before_any_change() -> dict[str, Any]:
    return {goal: learnt(as_known(None), goal) for goal in ("view", "purchase")}


@pytest.mark.parametrize("goal", ["view", "purchase"])
@pytest.mark.parametrize("change", CHANGES)
def test_nothing_at_or_after_the_cutoff_moves_a_score_of_any_family(
    change: str, goal: str, before_any_change: dict[str, Any]
) -> None:
    scores, asked, said = before_any_change[goal]
    other_scores, other_asked, other_said = learnt(as_known(change), goal)
    assert said == other_said
    assert "users by their next items of the last 4 days" in said
    for name in ("offsets", "item", "event_type", "timestamp_us"):
        np.testing.assert_array_equal(getattr(asked, name), getattr(other_asked, name))
    assert set(scores) == set(other_scores)
    kind = {"view": "view_item", "purchase": "purchase"}[goal]
    families_ = {"behaviour", "markov", "ease", "neighbours", "tifu_knn", "popularity_recent", f"markov of {kind}"}
    assert families_ <= set(scores)
    assert any(name.startswith("blend") for name in scores)
    assert any(name.startswith("ranked") for name in scores)
    for name, (values, judged) in scores.items():
        np.testing.assert_array_equal(values, other_scores[name][0], err_msg=name)
        np.testing.assert_array_equal(judged.places, other_scores[name][1].places, err_msg=name)
    assert np.ptp(scores["behaviour"][0][:, 3:], axis=0).max() > 0  # it does look at histories


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_learnt_from_the_whole_log_does_move(change: str) -> None:
    # The twin of the test above, which so can fail: without the cutoff the same changes are seen.
    events = shop_log()
    late = [e for e in events if e["timestamp"] >= CUTOFF]
    early = [e for e in events if e["timestamp"] < CUTOFF]
    logs = [described(from_events([*early, *some])) for some in (late, CHANGES[change](late))]
    asked = described(as_of(from_events(events), CUTOFF)).take(np.arange(60))
    models = (PopularityRecent(window_days=1), PopularityRecent(window_days=30), Markov())
    scores = [[model.fit(log).scores(asked) for model in models] for log in logs]
    assert any((one != other).any() for one, other in zip(*scores, strict=True))


@pytest.mark.parametrize("name", ["als", "bpr"])
@pytest.mark.parametrize("change", CHANGES)
def test_nothing_at_or_after_the_cutoff_moves_a_factor(name: str, change: str) -> None:
    pytest.importorskip("implicit")
    settings = {"als": {"iterations": 2}, "bpr": {"iterations": 3}}[name]
    logs = [described(as_known(None)), described(as_known(change))]
    one, other = (families()[name](**settings).fit(log).scores(log.take(np.arange(60))) for log in logs)
    np.testing.assert_array_equal(one, other)


def served(histories: Histories, folder: Path, **asked: Any) -> list[dict[str, Any]]:
    found = Recommend(**asked).train(Given(histories, epochs=1))
    write_bundle(folder, "recommend", found.model, Vocabularies.of(histories, found.content), found.about)
    model = Recommending(open_bundle(folder, "recommend"), histories)
    table = model.recommend([f"u{i:03d}" for i in range(60)], wanted_of(k=8, reasons=True)).table
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


@pytest.mark.parametrize("family", ["behaviour", "blend", "popularity_recent"])
def test_lists_as_of_the_cutoff_are_the_same_whatever_follows(family: str | None, tmp_path: Path) -> None:
    expected = served(as_known(None), tmp_path / "a", family=family)
    assert len({row["item_id"] for row in expected}) >= 8
    for number, change in enumerate(("items permuted", "added, of new users too")):
        assert served(as_known(change), tmp_path / str(number), family=family) == expected


def test_an_evaluation_before_the_cutoff_is_the_same_whatever_follows() -> None:
    boards = [
        Recommend(goal="purchase").evaluate(
            Given(as_known(change), epochs=1, horizon_us=4 * DAY), against=("markov", "popularity_recent", "blend")
        )
        for change in (None, "items permuted", "added, of new users too")
    ]
    kept = [
        {row["recommender"]: {k: v for k, v in row.items() if "cpu" not in k} for row in board.table_rows()}
        for board in boards
    ]
    assert kept[0] == kept[1] == kept[2]
    assert boards[0].cases == boards[1].cases == boards[2].cases >= 20


def test_a_shop_that_is_trained_and_asked_as_of_a_cutoff_knows_nothing_of_later(tmp_path: Path, put_rows: Any) -> None:
    tables = []
    for name in (None, "items permuted", "added, of new users too"):
        events = shop_log()
        late = [e for e in events if e["timestamp"] >= CUTOFF]
        rows = [*(e for e in events if e["timestamp"] < CUTOFF), *(late if name is None else CHANGES[name](late))]
        shop = footfall.init(tmp_path / str(name))
        stamped = [{**row, "event_id": str(i), "ingested_at": START, "sequence": i} for i, row in enumerate(rows)]
        put_rows(shop.workspace, "events", [decimals(row) for row in stamped])
        moment = "2023-11-28T22:13:20"  # START + 14 days, in the shop's zone, which is UTC
        assert shop.moment_us(moment, "cutoff") == CUTOFF
        shop.train(cutoff=moment, epochs=1)
        users = [f"u{i:03d}" for i in range(60)]
        tables.append(shop.recommend(users, as_of=moment, k=5).table.to_pylist())
        now = shop.recommend(users, k=5).table.to_pylist()
        assert now != tables[-1]  # asked now, it does know what happened since
    assert tables[0] == tables[1]
    assert [row["item_id"] for row in tables[0]] == [row["item_id"] for row in tables[2]]


def decimals(row: Event) -> Event:
    from decimal import Decimal

    return {k: Decimal(str(v)) if k in ("price", "value") else v for k, v in row.items()}
