"""Funnels on examples worked out by hand."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from footfall.errors import InputError
from footfall.histories.conditions import Condition
from footfall.histories.memory import from_events
from footfall.histories.store import Histories
from footfall.journeys._run import Scope
from footfall.journeys.funnel import FunnelBreakdown, FunnelResult, Step, funnel

HOUR_US = 3600 * 1_000_000


def log(**users: str) -> Histories:
    """Compile histories written as ``0v 1c/phone``: the hour, the event type's first letter, the device.

    ``v`` is view, ``c`` cart, ``p`` purchase, ``s`` search; all of them are in the vocabulary.
    """
    names = {"v": "view", "c": "cart", "p": "purchase", "s": "search"}
    rows: list[dict[str, Any]] = [
        {"user_id": "all", "timestamp": -HOUR_US * 10**6, "event_type": name} for name in names.values()
    ]
    for user, events in users.items():
        for event in events.split():
            what, _, device = event.partition("/")
            rows.append(
                {
                    "user_id": user,
                    "timestamp": round(float(what[:-1]) * HOUR_US),
                    "event_type": names[what[-1]],
                    "device": device or None,
                }
            )
    return from_events(rows)


def ask(histories: Histories, steps: Any = "view cart purchase", within: Any = "10h", **options: Any) -> Any:
    """Ask a funnel about everything since hour 0, which leaves out the user who only fills the vocabulary."""
    options.setdefault("scope", Scope(from_us=0))
    return funnel(histories, steps.split() if isinstance(steps, str) else steps, within=within, **options)


def counts(histories: Histories, *args: Any, **options: Any) -> list[int]:
    """Return the users of each step."""
    return [row.users for row in ask(histories, *args, **options).steps]


def test_a_funnel_counts_users_shares_drops_and_times() -> None:
    histories = log(
        a="0v 1c 3p",  # 1 h to the cart, 2 h more to the purchase
        b="0v 3c",  # 3 h to the cart, then nothing
        c="0v 0.5s 50s",
        d="0c 1p",  # never enters
    )
    result = ask(histories, within="10h")
    assert [row.users for row in result.steps] == [3, 2, 1]
    assert [row.share_of_first for row in result.steps] == [1, 2 / 3, 1 / 3]
    assert [row.share_of_previous for row in result.steps] == [1, 2 / 3, 1 / 2]
    assert [row.dropped for row in result.steps] == [0, 1, 1]
    assert [row.median_s for row in result.steps] == [None, 2 * 3600, 2 * 3600]  # (1 h + 3 h) / 2; 2 h
    assert result.steps[1].p90_s == pytest.approx((1 + 0.9 * (3 - 1)) * 3600)
    assert [row.median_from_first_s for row in result.steps] == [None, 2 * 3600, 3 * 3600]
    assert (result.entered, result.converted, result.conversion) == (3, 1, 1 / 3)


def test_the_window_is_inclusive() -> None:
    assert counts(log(a="0v 10c"), "view cart") == [1, 1]
    assert counts(log(a="0v 10.0001c"), "view cart") == [1, 0]
    microsecond = dt.timedelta(microseconds=1)
    exactly = dt.timedelta(hours=10)
    assert counts(log(a="0v 10c"), "view cart", exactly) == [1, 1]
    assert counts(log(a="0v 10c"), "view cart", exactly - microsecond) == [1, 0]


def test_any_first_step_may_start_an_attempt_and_the_longest_wins() -> None:
    # from hour 0 the purchase comes too late; from hour 8 the cart is missing; hour 4 has it all
    assert counts(log(a="0v 4v 5c 8v 12p")) == [1, 1, 1]
    # the later start loses nothing that the earlier one had
    assert counts(log(a="0v 5c 9v")) == [1, 1, 0]


def test_times_are_those_of_the_attempt_that_is_completed_first_and_starts_last() -> None:
    # views at 0 and 3, cart at 5: 2 hours; the second cart at 6 completes nothing earlier
    steps = ask(log(a="0v 3v 5c 6c"), "view cart").steps
    assert steps[1].median_s == 2 * 3600


def test_events_of_one_microsecond_serve_in_step_order_however_they_are_stored() -> None:
    assert counts(log(a="1p 1c 1v")) == [1, 1, 1]
    assert counts(log(a="0v 1p 1c")) == [1, 1, 1]
    assert counts(log(a="1p 1c 1c 1v"), order="strict") == [1, 1, 1]  # the other cart may come before the view
    assert counts(log(a="0v 1c 1c 2p"), order="strict") == [1, 1, 0]  # but not here: one of them lies between


def test_one_event_serves_one_step() -> None:
    assert counts(log(a="0v"), "view view") == [1, 0]
    assert counts(log(a="0v 0v"), "view view") == [1, 1]
    assert counts(log(a="0v 1c 2v"), "view cart view") == [1, 1, 1]
    assert counts(log(a="0v 1c"), "view cart view") == [1, 1, 0]
    # a purchase of more than 0 is a purchase too, but there is only one
    both = [Step.parse("purchase"), Step.parse("event_type in ('purchase', 'cart')")]
    assert counts(log(a="0p"), both) == [1, 0]
    # the one cart must be left to the step that nothing else can serve
    assert counts(log(a="0c 0p"), both) == [1, 1]


def test_the_window_may_run_from_the_previous_step() -> None:
    histories = log(a="0v 9c 18p", b="0v 11c 12p", c="0v 1v 11c")
    assert counts(histories) == [3, 2, 0]
    assert counts(histories, window_from="previous") == [3, 2, 1]


def test_in_a_strict_funnel_nothing_lies_between() -> None:
    histories = log(
        direct="0v 1c 2p",
        after="0s 1v 2v 3c 4p",  # the second view starts anew
        other="0v 1s 2c 3p",
        repeat="0v 1c 2c 3p",  # the repeated cart breaks the attempt
        together="0v 1c 1s 2p",  # search and cart at one time: the cart can be first, but then the search is between
    )
    assert counts(histories, order="strict") == [5, 4, 2]
    assert counts(histories) == [5, 5, 5]


def test_events_out_of_scope_do_not_break_a_strict_funnel() -> None:
    scope = Scope(where="event_type <> 'search'", from_us=0)
    assert counts(log(a="0v 1s 2c 3p"), order="strict", scope=scope) == [1, 1, 1]


def test_in_any_order_rows_count_how_many_steps_were_made() -> None:
    histories = log(a="0p 1v 2c", b="0c 1c 2p", c="0p 11v", d="0s")
    result = ask(histories, order="any")
    assert [row.users for row in result.steps] == [3, 2, 1]
    assert [row.label for row in result.steps] == ["any 1 of 3", "any 2 of 3", "any 3 of 3"]
    assert result.steps[1].median_s == 1.0 * 3600  # a: 0 to 1; b: the cart at 1 and the purchase at 2
    assert counts(histories, order="any", window_from="previous", within="11h") == [3, 3, 1]


@pytest.mark.parametrize(
    ("events", "users", "why"),
    [
        ("0s 1v 2c", [1, 1], "before entering"),
        ("1v 2c 3s", [1, 1], "after converting"),
        ("1v 2s 3c", [0, 0], "between"),
        ("1v 2s", [0, 0], "while the window is open, though the cart never comes"),
        ("1v 12s", [1, 0], "after the window has passed"),
        ("1v 11s", [0, 0], "at the very end of the window"),
        ("1v 1s 2c", [1, 1], "at the microsecond of the entry"),
        ("1v 2s 2c", [1, 1], "at the microsecond of the conversion"),
        ("1v 2s 30v 31c", [0, 0], "the whole funnel, whatever comes later"),
        ("1v 2c 3v 4s", [1, 1], "after the first conversion, whatever comes later"),
    ],
)
def test_an_exclusion_between_entering_and_converting_removes_the_user(events: str, users: list[int], why: str) -> None:
    result = ask(log(a=events), "view cart", exclude=["search"])
    assert [row.users for row in result.steps] == users, why
    assert result.excluded == 1 - users[0]


def test_exclusions_follow_the_window_of_the_previous_step() -> None:
    histories = log(a="0v 8c 15s 17p")
    assert counts(histories, exclude=["search"]) == [1, 1, 0]
    assert counts(histories, exclude=["search"], window_from="previous") == [0, 0, 0]


def test_an_exclusion_may_be_a_condition() -> None:
    histories = log(a="0v 1s/phone 2c", b="0v 1s/desk 2c")
    excluded = ask(histories, "view cart", exclude=[Condition("event_type = 'search' and device = 'phone'")])
    assert [row.users for row in excluded.steps] == [1, 1]
    assert counts(histories, "view cart", exclude=[Step.parse("search where device = 'phone'")]) == [1, 1]


def test_optional_steps_may_be_left_out_and_have_their_own_numbers() -> None:
    histories = log(all="0v 1c 4p", skip="0v 2p", stop="0v 1c", none="0v")
    rows = ask(histories, "view cart? purchase").steps
    assert [row.users for row in rows] == [4, 2, 2]
    assert [row.optional for row in rows] == [False, True, False]
    assert [row.share_of_previous for row in rows] == [1, 0.5, 0.5]  # the view is the step before the purchase
    assert [row.dropped for row in rows] == [0, 0, 2]
    assert rows[2].median_s == 3 * 3600  # from the view: 4 h and 2 h


def test_an_attempt_with_more_optional_steps_wins_though_it_starts_earlier() -> None:
    rows = ask(log(a="0v 1c 2v 3p"), "view cart? purchase").steps
    assert [row.users for row in rows] == [1, 1, 1]
    assert rows[2].median_s == 3 * 3600
    # but never at the price of a required step: only the view at 2 is in time
    assert counts(log(a="0v 1c 2v 11p"), "view cart? purchase") == [1, 0, 1]


def test_users_whose_window_has_not_passed_are_in_progress() -> None:
    histories = log(
        done="0v 1c",
        passed="0v",
        again="0v 14v",  # the first window has passed, the second has not
        just="10v",  # its last moment is that of the log's last event
        end="20s",
    )
    result = ask(histories, "view cart")
    assert [row.in_progress for row in result.steps] == [0, 2]
    assert [row.dropped for row in result.steps] == [0, 3]
    assert (result.conversion, result.conversion_settled) == (1 / 4, 1 / 2)
    assert result.log_end == dt.datetime(1970, 1, 1, 20, tzinfo=dt.UTC)


def test_the_log_ends_where_it_ends_not_where_the_condition_last_holds() -> None:
    histories = log(a="0v/phone", b="20v/desk")
    phone = ask(histories, "view cart", scope=Scope(where="device = 'phone'", from_us=0))
    assert phone.in_progress == 0
    until = ask(histories, "view cart", scope=Scope(from_us=0, to_us=5 * HOUR_US))
    assert until.in_progress == 1


def test_without_a_window_nobody_is_said_to_be_in_progress() -> None:
    result = ask(log(a="0v 1000c", b="0v"), "view cart", within=None)
    assert (result.converted, result.in_progress, result.conversion_settled) == (1, None, None)
    assert result.steps[1].in_progress is None


def test_a_breakdown_takes_the_first_the_last_or_a_steps_value() -> None:
    histories = log(a="0v/phone 1c/desk 2p", b="0v 1c/desk 2s/phone", c="0v")

    def groups(by_value: str) -> dict[str, list[int]]:
        result = ask(histories, by="device", by_value=by_value)
        assert isinstance(result, FunnelBreakdown)
        return {value: [row.users for row in r.steps] for value, r in result.groups}

    assert groups("first") == {"phone": [1, 1, 1], "desk": [1, 1, 0], "(none)": [1, 0, 0]}
    assert groups("last") == {"desk": [1, 1, 1], "phone": [1, 1, 0], "(none)": [1, 0, 0]}
    assert groups("step:1") == {"phone": [1, 1, 1], "(none)": [2, 1, 0]}
    assert groups("step:2") == {"desk": [2, 2, 1], "(none)": [1, 0, 0]}


def test_a_breakdown_names_eight_values_and_keeps_the_rest() -> None:
    histories = log(**{f"u{n}": f"0v/d{n % 10}" for n in range(28)})  # d0 to d7: three users, d8 and d9: two
    result = ask(histories, "view cart", by="device")
    assert [(value, r.entered) for value, r in result.groups] == [*((f"d{n}", 3) for n in range(8)), ("(other)", 4)]
    answer = result.to_dict()
    assert (answer["by"], answer["by_value"], answer["groups"][0]["value"]) == ("device", "first", "d0")
    assert result.headline() == "by device (each user's first known value)"
    at_step = ask(histories, "view cart", by="device", by_value="step:1")
    assert at_step.headline() == "by device (its value at step 1 of each user's attempt)"


def test_the_same_users_stand_behind_every_number() -> None:
    histories = log(b="0v 1c", a="0v 1c 2p", c="0v", z="0s")
    result = ask(histories, want_users=True)
    assert [result.users(n)["user_id"].to_pylist() for n in (1, 2, 3)] == [["a", "b", "c"], ["a", "b"], ["a"]]
    assert [result.users(n, "dropped")["user_id"].to_pylist() for n in (1, 2, 3)] == [[], ["c"], ["b"]]
    assert result.users_table().to_pylist() == [
        {"user_id": "a", "anonymous": False, "step": 3, "label": "purchase", "converted": True},
        {"user_id": "b", "anonymous": False, "step": 2, "label": "cart", "converted": False},
        {"user_id": "c", "anonymous": False, "step": 1, "label": "view", "converted": False},
    ]
    by = ask(histories, by="device", want_users=True)
    assert by.groups[0][1].users(2)["user_id"].to_pylist() == ["a", "b"]


def test_users_have_to_be_asked_for() -> None:
    histories = log(a="0v 1c")
    with pytest.raises(InputError, match="make it with want_users=True"):
        ask(histories).users(1)
    with pytest.raises(InputError, match="make it with want_users=True"):
        ask(histories).users_table()
    result = ask(histories, want_users=True)
    with pytest.raises(InputError, match="step = 4 cannot be used; this funnel has the steps 1 to 3"):
        result.users(4)
    with pytest.raises(InputError, match="accepted are 'reached' and 'dropped'"):
        result.users(1, "lost")


def test_steps_may_have_labels_and_conditions() -> None:
    histories = log(a="0v/phone 1c", b="0v/desk 1c")
    result = ask(histories, ["looked: view where device = 'phone'", "event_type = 'cart'"])
    assert [(r.label, r.event_type, r.users) for r in result.steps] == [
        ("looked", "view", 1),
        ("event_type = 'cart'", None, 1),
    ]


def test_the_answer_in_json_has_stable_keys() -> None:
    answer = json.loads(ask(log(a="0v 1c"), "view cart", want_users=True).to_json())
    assert list(answer["steps"][0]) == [
        *("step", "label", "event_type", "optional", "users", "share_of_first", "share_of_previous"),
        *("dropped", "in_progress", "median_s", "p90_s", "median_from_first_s", "p90_from_first_s"),
    ]
    assert {k: v for k, v in answer.items() if k not in {"steps", "definitions"}} == {
        "entered": 1,
        "converted": 1,
        "conversion": 1.0,
        "in_progress": 0,
        "conversion_settled": 1.0,
        "excluded": 0,
        "order": "ordered",
        "window_from": "first",
        "within_s": 36000.0,
        "log_end": "1970-01-01T01:00:00+00:00",
    }


def test_the_answer_prints_with_its_definitions() -> None:
    result = ask(log(a="0v 1c", b="0v", c="0v 0.1s 1c", d="1v"), "view cart", exclude=["search"])
    assert result.headline() == (
        "3 users entered, 1 converted within 10h (33.33%); 2 still in progress (100.00% without them); "
        "1 removed by exclusions"
    )
    text = str(result)
    for said in ("Within 10h of the first step", "A user counts once", "In progress", "Removed: users with search"):
        assert said in text
    anyhow = ask(log(a="0v"), "view cart", order="any", within=None, window_from="previous")
    assert "at least k of: view, cart. No window." in anyhow.notes()[0]
    assert anyhow.headline() == "1 users entered, 0 converted (0.00%)"


def test_a_result_becomes_a_frame() -> None:
    result = ask(log(a="0v 1c"), "view cart")
    assert result.to_arrow()["users"].to_pylist() == [1, 1]
    assert result.to_pandas()["users"].tolist() == [1, 1]
    assert result.to_polars()["users"].to_list() == [1, 1]


@pytest.mark.parametrize("order", ["ordered", "strict", "any"])
@pytest.mark.parametrize("by", [None, "device"])
def test_nobody_in_scope_is_an_answer_too(order: Any, by: str | None) -> None:
    result = ask(log(a="0v"), order=order, by=by, scope=Scope(from_us=10 * HOUR_US))
    if by is not None:
        assert result.groups == ()
        return
    assert isinstance(result, FunnelResult)
    assert [(r.users, r.share_of_first, r.median_s) for r in result.steps] == [(0, None, None)] * 3
    assert (result.conversion, result.log_end) == (None, None)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"within": "0d"}, "the window of a funnel '0d' is no time at all"),
        ({"within": "-1d"}, "the window of a funnel '-1d' is negative"),
        ({"within": "7"}, "the window of a funnel '7' has no unit after 7"),
        ({"within": dt.timedelta(0)}, "the window of a funnel must be longer than 0; give a duration such as 7d"),
        ({"within": 7}, "the window of a funnel cannot be 7; give a duration such as 7d, 24h or 30m, or None"),
        ({"steps": ["view"]}, "a funnel needs two steps that are not optional; given: view"),
        ({"steps": []}, "a funnel needs two steps that are not optional; given: none"),
        ({"steps": ["view", "cart?"]}, "a funnel needs two steps that are not optional; given: view, cart ?"),
        ({"steps": "view"}, "steps is a list, such as ['view_item', 'purchase']; given: 'view'"),
        ({"steps": ["view?", "cart", "purchase"]}, "the first step (view) cannot be optional"),
        ({"steps": ["view"] * 15}, "15 steps are too many; with order='ordered' 14 are possible"),
        ({"steps": ["view"] * 11, "order": "any"}, "11 steps are too many; with order='any' 10 are possible"),
        ({"steps": ["view", "cart?", "purchase"], "order": "any"}, "in any order no step can be optional (cart)"),
        ({"steps": ["veiw", "cart"]}, "unknown event type in this log 'veiw'; did you mean 'view'?"),
        ({"steps": ["view", "cart where prize > 3"]}, "unknown column 'prize'; did you mean 'price'"),
        ({"exclude": ["serach"]}, "unknown event type in this log 'serach'; did you mean 'search'"),
        ({"exclude": "search"}, "exclude is a list"),
        ({"exclude": ["search?"]}, "an exclusion cannot be optional"),
        ({"order": "loose"}, "unknown order 'loose'. Accepted: any, ordered, strict"),
        ({"window_from": "last"}, "unknown window_from 'last'. Accepted: first, previous"),
        ({"by": "devise"}, "unknown column to break down by 'devise'; did you mean 'device'"),
        ({"by": "device", "by_value": "step:3"}, "unknown by_value 'step:3'; did you mean 'step:"),
        ({"by_value": "last"}, "by_value='last' says which value of a column counts; name the column with by"),
    ],
)
def test_what_cannot_be_asked_is_explained(changed: dict[str, Any], message: str) -> None:
    settings: dict[str, Any] = {"steps": ["view", "cart"], "within": "1d", **changed}
    with pytest.raises(InputError) as error:
        funnel(log(a="0v"), settings.pop("steps"), **settings)
    assert message in str(error.value)


def test_the_window_has_to_be_said() -> None:
    with pytest.raises(TypeError, match="within"):
        funnel(log(a="0v"), ["view", "cart"])  # type: ignore[call-arg]


def test_fourteen_steps_and_an_exclusion_fit() -> None:
    events = " ".join(f"{n}v" for n in range(14))
    for order in ("ordered", "strict"):
        assert counts(log(a=events), " ".join(["view"] * 14), within="2d", order=order, exclude=["cart"]) == [1] * 14
    assert counts(log(a=events.replace("12v", "12c")), " ".join(["view"] * 14), within="2d", exclude=["cart"])[0] == 0
    at_once = log(a=" ".join(["0v"] * 13))
    assert counts(at_once, " ".join(["view"] * 14)) == [1] * 13 + [0]
