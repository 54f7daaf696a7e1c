from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from footfall.events.identity import MAX_ALIAS_HOPS, REASONS, Alias, follow, reason


def said(*pairs: str) -> list[Alias]:
    """Aliases written ``earlier>later``, one after another in time."""
    split = [pair.split(">") for pair in pairs]
    return [Alias(previous, user, (i, 0, 0)) for i, (previous, user) in enumerate(split)]


def test_aliases_are_followed_to_the_end() -> None:
    assert follow(said("a>b", "b>c", "x>c")) == {"a": "c", "b": "c", "x": "c"}


def test_the_newest_alias_of_an_id_holds_whatever_the_order_given() -> None:
    assert follow(said("a>b", "a>c")) == {"a": "c"}
    assert follow(reversed(said("a>b", "a>c"))) == {"a": "c"}


def test_an_alias_that_closes_a_circle_is_left_out() -> None:
    assert follow(said("a>b", "b>a")) == {"a": "b"}
    assert follow(said("a>a")) == {}
    assert follow(said("a>b", "b>c", "c>a", "c>d")) == {"a": "d", "b": "d", "c": "d"}  # c>d replaced c>a


def test_a_long_chain_is_followed_so_far() -> None:
    chain = said(*(f"{i}>{i + 1}" for i in range(30)))
    ends = follow(chain)
    assert ends["0"] == str(MAX_ALIAS_HOPS)
    assert ends["25"] == "30"


def test_a_very_long_chain_takes_no_time() -> None:
    assert len(follow(said(*(f"{i}>{i + 1}" for i in range(20_000))))) == 20_000
    assert len(follow(said(*(f"{i}>{i + 1}" for i in reversed(range(20_000)))))) == 20_000


@given(st.lists(st.tuples(*[st.sampled_from("abcdef")] * 2, st.integers(0, 5)), max_size=12))
def test_nobody_stays_in_a_circle(pairs: list[tuple[str, str, int]]) -> None:
    ends = follow(Alias(a, b, (t, 0, 0)) for a, b, t in pairs)
    assert all(end not in ends for end in ends.values())  # an end is no id that was replaced
    assert set(ends) <= {a for a, _, _ in pairs}


def test_reasons() -> None:
    assert [reason(n, 3) for n in (0, 1, 2, 3, 4)] == [
        "undone",
        "one_user",
        "several_users",
        "several_users",
        "shared_device",
    ]
    assert {reason(n, 1) for n in range(4)} == {"undone", "one_user", "shared_device"}
    assert set(REASONS) == {reason(n, 2) for n in range(4)}
