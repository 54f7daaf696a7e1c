"""The contest: what is planted wins, what cannot take part says why, and what was held out was not learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.histories.columns import FIRST_CODE
from footfall.histories.event_features import described
from footfall.histories.memory import from_events
from footfall.histories.sequences import Sequences
from footfall.histories.store import Histories
from footfall.recommenders._registry import families
from footfall.recommenders.behaviour import Behaviour
from footfall.recommenders.blend import Blend
from footfall.recommenders.only import Only
from footfall.recommenders.popularity import Popularity
from footfall.tasks._base import Given
from footfall.tasks._contest import METRIC, Contest, contest, entrants, epochs_for, names_of, unfitted
from footfall.tasks._question import Question

HOUR = 3_600_000_000
DAY = 24 * HOUR
START = 1_700_000_000_000_000
N_ITEMS = 30


def ring(users: int, *, seed: int = 0, kind: str = "view_item", days: float = 30, step_us: int = 4 * HOUR) -> list[Any]:
    """Users who walk round a ring of items, from some moment of the log on; item 0 is stood on more often."""
    rng = np.random.default_rng(seed)
    events = []
    for user in range(users):
        first = int(rng.integers(N_ITEMS)) if user % 3 else 0
        begin = START + int(rng.integers(0, int(days * DAY) + 1))
        for step in range(int(rng.integers(6, 12))):
            item = f"i{(first + step) % N_ITEMS:02d}"
            moment = begin + step * step_us
            events.append({"user_id": f"u{user:03d}", "event_type": kind, "item_id": item, "timestamp": moment})
    return events


def held(
    events: Sequence[Any],
    names: Sequence[str],
    *,
    goal: str | None = None,
    refit_all: bool = True,
    first: str | None = None,
    **given: Any,
) -> Contest:
    histories = from_events(events)
    log = described(histories)
    question = Question.of(histories, log, goal)
    return contest(log, question, Given(histories, **({"epochs": 1} | given)), names, refit_all=refit_all, first=first)


def learnt_from(contest_: Contest, name: str, log: Sequences) -> float:
    """Return the number of events that a popularity was fitted on."""
    (entrant,) = [entrant for entrant in contest_.entrants if entrant.name == name]
    return float(entrant.recommender.scores(log.take(np.arange(1)))[0, FIRST_CODE:].sum())


def next_in_ring(contest_: Contest, name: str, events: Sequence[Any]) -> float:
    """Return the share of users whose first item is the next one of the ring."""
    histories = from_events(events)
    log = described(histories)
    (entrant,) = [entrant for entrant in contest_.entrants if entrant.name == name]
    ids = histories.vocabularies["item"]
    best = [ids.decode(int(code)) for code in entrant.recommender.scores(log).argmax(1)]
    lasts = [ids.decode(int(log[row][-1])) for row in range(len(log))]
    return float(
        np.mean([int(b[1:]) == (int(a[1:]) + 1) % N_ITEMS for a, b in zip(lasts, best, strict=True) if a and b])
    )


EVENTS = ring(90)


@pytest.fixture(scope="module")
def rings() -> Contest:
    return held(EVENTS, ("behaviour", "popularity", "popularity_recent", "markov", "neighbours", "blend"))


def test_what_is_planted_beats_what_is_popular(rings: Contest) -> None:
    worth = {e.name: e.judged.mean(METRIC) for e in rings.entrants if e.judged is not None}
    assert worth["markov"] > 0.9 > 2 * worth["popularity"]
    assert rings.entrants[0].name.startswith(("markov", "behaviour", "blend"))
    assert list(worth.values()) == sorted(worth.values(), reverse=True)
    assert next_in_ring(rings, "markov", EVENTS) > 0.95
    assert next_in_ring(rings, "popularity", EVENTS) < 0.2


def test_a_blend_is_no_worse_than_what_it_is_made_of_on_the_cases_that_chose_it(rings: Contest) -> None:
    # With fewer than 200 cases the same ones choose and judge, and all weight on one member is one of the choices.
    assert rings.judged_cases < 200
    worth = {e.name: e.judged.mean(METRIC) for e in rings.entrants if e.judged is not None}
    (blend,) = [e for e in rings.entrants if isinstance(e.recommender, Blend)]
    assert worth[blend.name] >= max(worth.values()) - 0.01
    assert isinstance(blend.recommender, Blend)
    assert sum(blend.recommender.weights) == pytest.approx(1)
    assert min(blend.recommender.weights) > 0
    assert blend.fit_cpu_s > 0


def test_a_blend_is_made_of_the_very_models_that_were_fitted_on_everything(rings: Contest) -> None:
    (blend,) = [e for e in rings.entrants if isinstance(e.recommender, Blend)]
    assert isinstance(blend.recommender, Blend)
    others = [e.recommender for e in rings.entrants if e is not blend]
    assert all(any(member is other for other in others) for member in blend.recommender.members)
    for member, weight in zip(blend.recommender.members, blend.recommender.weights, strict=True):
        assert f"{weight:.1f} {member.name}" in blend.name


def test_a_blend_of_two_that_each_know_half_beats_both() -> None:
    # Half of the users walk round the ring; the others come back to an item of their own after three others.
    rng = np.random.default_rng(2)
    events = []
    for user in range(120):
        own, begin = int(rng.integers(N_ITEMS)), START + int(rng.integers(0, 30 * DAY))
        for step in range(9):
            place = own + step if user % 2 else int(rng.integers(N_ITEMS)) if step % 4 else own
            row = {"user_id": f"u{user}", "event_type": "view_item", "item_id": f"i{place % N_ITEMS}"}
            events.append(row | {"timestamp": begin + step * HOUR})
    found = held(events, ("popularity_user", "markov", "blend"))
    worth = {e.name.split()[0]: e.judged.mean(METRIC) for e in found.entrants if e.judged is not None}
    assert worth["blend"] > max(worth["markov"], worth["popularity_user"])
    (blend,) = [entrant.recommender for entrant in found.entrants if isinstance(entrant.recommender, Blend)]
    assert {member.name for member in blend.members} == {"markov", "popularity_user"}


def test_nothing_of_the_horizon_is_learnt_before_it_is_judged() -> None:
    events = ring(90, step_us=DAY)
    log = described(from_events(events))
    assert log.timestamp_us is not None
    end = int(log.timestamp_us.max()) + 1 - 20 * DAY
    for refit_all, expected in ((False, int((log.timestamp_us < end).sum())), (True, log.n_events)):
        found = held(events, ("popularity", "markov"), refit_all=refit_all, horizon_us=20 * DAY)
        assert [entrant.name for entrant in found.entrants] == ["markov", "popularity"]
        assert learnt_from(found, "popularity", log) == expected
        # What stands first is fitted on everything in any case: it knows what stands in the horizon alone.
        assert next_in_ring(found, "markov", events) > 0.9
    assert "next items of the last" in found.how


def test_where_too_little_happens_later_everyones_last_item_is_held_out() -> None:
    events = ring(40, days=0, step_us=HOUR)  # everybody begins at the same moment
    rows = [e | {"timestamp": e["timestamp"] - (0 if e["user_id"] == "u000" else 40 * DAY)} for e in events]
    log = described(from_events(rows))
    found = held(rows, ("popularity", "markov"), refit_all=False)
    assert "judged on 40 users by their last items, for too little happens later" in found.how
    assert found.judged_cases == 40
    assert learnt_from(found, "popularity", log) == log.n_events - 40


def test_last_items_that_are_held_out_are_of_the_events_that_are_asked_for() -> None:
    rows: list[Any] = []
    for user in range(30):
        kinds = ["purchase", "view_item", "purchase", "purchase", "view_item"]  # what follows the last order is cut too
        rows += [
            {"user_id": f"u{user}", "event_type": kind, "item_id": f"i{(user + i) % 9}", "timestamp": START + i}
            for i, kind in enumerate(kinds)
        ]
    found = held(rows, ("popularity", "markov"), goal="purchase", refit_all=False, first="markov")
    log = described(from_events(rows))
    assert learnt_from(found, "popularity", log) == 30 * 3
    assert learnt_from(found, "popularity of purchase", log) == 30 * 2


def test_the_family_that_is_asked_for_stands_first_and_alone_is_fitted_anew() -> None:
    log = described(from_events(EVENTS))
    found = held(EVENTS, ("markov", "popularity", "neighbours"), refit_all=False, first="popularity")
    assert [entrant.name for entrant in found.entrants] == ["popularity", "markov", "neighbours"]
    assert learnt_from(found, "popularity", log) == log.n_events
    worth = [e.judged.mean(METRIC) for e in found.entrants if e.judged is not None]
    assert worth[0] < worth[2] < worth[1]


def test_too_few_users_are_not_judged_by_and_everything_is_learnt_from() -> None:
    events = ring(19)
    found = held(events, ("popularity", "markov", "blend"))
    assert [entrant.name for entrant in found.entrants] == ["popularity", "markov"]  # in the order they were given
    assert all(entrant.judged is None for entrant in found.entrants)
    assert "not judged: 19 users" in found.how
    assert "at least 20 are needed" in found.how
    log = described(from_events(events))
    assert learnt_from(found, "popularity", log) == log.n_events
    assert next_in_ring(found, "markov", events) > 0.7


def test_a_family_that_cannot_learn_is_left_out_with_its_reason() -> None:
    events = [
        {"user_id": f"u{i}", "event_type": "view_item", "item_id": f"i{i % 7}", "timestamp": START + i * HOUR}
        for i in range(60)
    ]
    said: list[str] = []
    found = held(events, ("behaviour", "popularity"), say=said.append)
    assert [entrant.name for entrant in found.entrants] == ["popularity"]
    (why,) = [entrant.why_not for entrant in found.left_out]
    assert "there is nothing to learn from: no history has two events" in why
    assert said == ["fitting behaviour", "fitting popularity"]


def test_rivals_are_also_shown_only_what_is_asked_for() -> None:
    rows = ring(40) + ring(40, seed=1, kind="purchase")
    found = held(rows, ("popularity", "popularity_user"), goal="purchase")
    names = {entrant.name for entrant in found.entrants}
    assert names == {
        "popularity",
        "popularity of purchase",
        "popularity_user",
        "popularity_user of purchase",
    }
    log = described(from_events(rows))
    assert learnt_from(found, "popularity", log) == len(rows)
    assert learnt_from(found, "popularity of purchase", log) == sum(row["event_type"] == "purchase" for row in rows)
    (only,) = [e.recommender for e in found.entrants if e.name == "popularity of purchase"]
    assert isinstance(only, Only)


def asked_of(rows: Sequence[Any], goal: str | None) -> tuple[Histories, Sequences, Question]:
    histories = from_events(rows)
    log = described(histories)
    return histories, log, Question.of(histories, log, goal)


@pytest.mark.parametrize(
    ("goal", "share", "expected"), [("view", 0.0, None), ("view", 0.5, "event"), ("purchase", 0.5, "order")]
)
def test_the_model_learns_what_is_asked(goal: str, share: float, expected: str | None) -> None:
    rows = ring(10) + (ring(10, kind="purchase") if share else [])
    histories, log, question = asked_of(rows, goal)
    (entrant,) = entrants("behaviour", question, Given(histories, size="tiny", epochs=3), log)
    assert isinstance(entrant.recommender, Behaviour)
    assert entrant.recommender.goal == expected
    assert entrant.recommender.goal_types == question.codes
    assert entrant.recommender.training.epochs == 3
    assert len(entrants("markov", question, Given(histories), log)) == (1 if expected is None else 2)


@pytest.mark.parametrize(("events", "epochs"), [(0, 24), (10, 24), (600_000, 10), (10**7, 2), (10**9, 2)])
def test_a_small_log_is_gone_over_more_often(events: int, epochs: int) -> None:
    assert epochs_for(events) == epochs


def test_the_final_model_trains_for_as_many_epochs_as_were_best() -> None:
    found = held(EVENTS, ("behaviour",), epochs=6)
    (entrant,) = found.entrants
    chosen = [look for look in entrant.curve if look["phase"] == "chosen"]
    final = [look for look in entrant.curve if look["phase"] == "final"]
    best = max((look for look in chosen if look["metric"] is not None), key=lambda look: look["metric"])
    assert isinstance(entrant.recommender, Behaviour)
    assert entrant.recommender.training.epochs == best["epoch"] == final[-1]["epoch"]
    assert all(look["metric"] is None for look in final)
    assert entrant.recommender.held_out == 0


def test_the_same_seed_gives_the_same_contest() -> None:
    first, second = (held(EVENTS, ("behaviour", "markov", "blend"), seed=3) for _ in range(2))
    log = described(from_events(EVENTS))
    assert [e.name for e in first.entrants] == [e.name for e in second.entrants]
    for one, other in zip(first.entrants, second.entrants, strict=True):
        np.testing.assert_array_equal(one.recommender.scores(log), other.recommender.scores(log))


def test_all_names_every_family_but_the_wrapper() -> None:
    assert set(names_of(["all"])) == set(families()) - {"only"}
    assert names_of(["markov", "all"])[0] == "markov"
    assert len(names_of(["markov", "all", "markov"])) == len(families()) - 1
    with pytest.raises(InputError, match="unknown recommender 'markow'; did you mean 'markov'"):
        names_of(["markow"])
    with pytest.raises(InputError, match="unknown recommender 'only'"):
        names_of(["only"])


def test_what_is_fitted_anew_has_the_settings_and_nothing_that_was_learnt() -> None:
    log = described(from_events(EVENTS))
    for model in (Popularity(), Only(Popularity(), (3,))):
        fitted = model.fit(log)
        again = unfitted(fitted)
        assert again == fitted
        with pytest.raises(InputError, match="has learnt nothing yet"):
            again.scores(log)
        fitted.scores(log)  # the old one still knows


def test_half_the_cases_choose_and_the_other_half_judge() -> None:
    events = ring(320, days=0, step_us=DAY)
    found = held(events, ("popularity",), horizon_us=5 * DAY)
    _, log, question = asked_of(events, None)
    assert log.timestamp_us is not None
    cases = question.cases(log, int(log.timestamp_us.max()) + 1 - 5 * DAY, 5 * DAY)
    assert len(cases) >= 200
    assert found.judged_cases == len(cases) - len(cases) // 2


def passers_by(visits: int, *, seed: int = 0) -> list[Any]:
    """Visits one after the other, each by somebody who never comes back, each three steps round the ring."""
    rng = np.random.default_rng(seed)
    events = []
    for visit in range(visits):
        first = int(rng.integers(N_ITEMS))
        for step in range(4):
            moment = START + visit * HOUR + step * 60_000_000
            item = f"i{(first + step) % N_ITEMS:02d}"
            events.append({"user_id": f"v{visit:04d}", "event_type": "view_item", "item_id": item, "timestamp": moment})
    return events


def test_where_nobody_returns_newcomers_judge_what_was_learnt_before_them() -> None:
    found = held(passers_by(1200), ["markov", "popularity"])
    assert "users who came for the first time, by their last items of the last 7 days" in found.how
    assert found.judged_cases == 168  # a visit an hour for a week
    best = found.entrants[0]
    assert best.name == "markov"
    assert best.judged is not None
    assert best.judged.mean("HitRate@10") > 0.95
