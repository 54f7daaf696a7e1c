"""Durations, read and written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.durations import format_duration, parse_duration_s
from footfall.errors import InputError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7d", 7 * 86_400),
        ("24h", 86_400),
        ("30m", 1800),
        ("90s", 90),
        ("2w", 14 * 86_400),
        ("1d12h", 36 * 3600),
        (" 1 Day 12 Hours ", 36 * 3600),
        ("1.5h", 5400),
        ("0.5h30min", 3600),
    ],
)
def test_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "duration '' cannot be read; give a number and a unit (s, m, h, d, w), such as 90s"),
        ("soon", "duration 'soon' cannot be read"),
        ("7d soon", "cannot be read"),
        ("d7", "cannot be read"),
        ("1.5.5h", "cannot be read"),
        ("7", "duration '7' has no unit after 7"),
        ("3mo", "has an unknown unit 'mo'"),
        ("1y", "has an unknown unit 'y'"),
        ("-7d", "duration '-7d' is negative"),
        ("0d", "duration '0d' is no time at all"),
        ("0.5s", "duration '0.5s' is not a whole number of seconds"),
    ],
)
def test_what_is_no_duration_is_explained(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_duration_s(text)
    assert message in str(error.value)


def test_the_message_says_what_the_duration_was_for() -> None:
    with pytest.raises(InputError, match=r"^--within '7' has no unit"):
        parse_duration_s("7", name="--within")


@given(st.integers(1, 10**9))
def test_what_is_written_is_read_back(seconds: int) -> None:
    assert parse_duration_s(format_duration(seconds)) == seconds
