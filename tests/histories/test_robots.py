from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import pstdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.histories import memory, robots
from footfall.histories.columns import USER_BOT_BEHAVIOUR

S = 1_000_000
TYPES = ("view_item", "purchase", "message_sent")


def judge(times: Sequence[int], types: Sequence[str] | None = None) -> bool:
    """One user, after another who did one thing, so that offsets matter."""
    kinds = robots.kinds_of(TYPES)
    codes = [3, *(TYPES.index(t) + 3 for t in types or ["view_item"] * len(times))]
    offsets = np.array([0, 1, 1 + len(times)], np.int64)
    time = np.array([0, *times], np.int64)
    flags = robots.behaves_like_robot(offsets, offsets[1:], time, np.array(codes, np.int16), kinds)
    assert not flags[0]
    return bool(flags[1])


def irregular(n: int, mean_s: float, seed: int = 0) -> list[int]:
    """Moments with exponential gaps."""
    gaps = np.random.default_rng(seed).exponential(mean_s * S, n).astype(np.int64) + 1
    return [int(moment) for moment in np.cumsum(gaps)]


def test_a_pace_no_person_keeps() -> None:
    assert judge(irregular(1200, 5))  # 12 a minute: 900 acts in about 75 minutes
    assert not judge(irregular(880, 5))  # as fast, but not for long
    assert not judge(irregular(1200, 60))  # 60 an hour, 20 hours through


def test_the_pace_counts_moments_not_rows() -> None:
    lines = [t for t in irregular(90, 300) for _ in range(20)]  # 90 orders of 20 lines
    assert not judge(lines)
    assert not judge(irregular(1200, 5), ["message_sent"] * 1200)  # shown to the user, not done by them


def test_a_clock() -> None:
    even = [i * 60 * S for i in range(101)]  # 100 equal gaps
    assert judge(even)
    assert not judge(even[:-1])
    shaky = [t + (i % 2) * 10 * S for i, t in enumerate(even)]
    # gaps are 70 s and 50 s by turns: mean 60, standard deviation 10, coefficient of variation 1/6
    assert not judge(shaky)
    nearly = [t + (i % 2) * S for i, t in enumerate(even)]
    # gaps are 61 s and 59 s by turns: standard deviation 1, coefficient of variation 1/60 < 0.05
    assert judge(nearly)


def test_a_clock_inside_a_long_history() -> None:
    before = irregular(200, 900)
    during = [before[-1] + 500 * S + i * 30 * S for i in range(101)]
    after = [during[-1] + t for t in irregular(200, 900, seed=1)]
    assert judge(before + during + after)
    assert not judge(before + during[:90] + after)


def test_gaps_over_an_hour_are_no_clock() -> None:
    assert not judge([i * 86_400 * S for i in range(300)])  # a daily habit is a person's


def test_reading_without_sleep_and_without_buying() -> None:
    times = irregular(5600, 15)  # 15 s a page: 5,760 a day; 900 take 3 h 45 min, which is no pace
    assert judge(times)
    bought = ["view_item"] * 5600
    bought[2800] = "purchase"
    assert not judge(times, bought)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0, 900, S, S + 70_000, 3 * S, 3600 * S, 3601 * S]), min_size=90, max_size=130))
def test_the_clock_rule_equals_its_words(gaps: list[int]) -> None:
    times = np.cumsum([0, *gaps]).tolist()
    acts = sorted(set(times))
    steps = [b - a for a, b in pairwise(acts)]
    expected = False
    for i in range(len(steps) - 99):
        window = steps[i : i + 100]
        if max(window) <= 3600 * S:
            ms = [g // 1000 for g in window]
            expected |= sum(ms) > 0 and pstdev(ms) / (sum(ms) / 100) < 0.05
    assert judge(times) == expected


def test_regular_runs_are_found_among_many_examples() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        gaps = rng.normal(20, 20 * 0.03, 120)  # a script with a little jitter: 3 %
        assert judge(np.cumsum(gaps * S).astype(int).tolist())
        gaps = rng.lognormal(np.log(20), 0.5, 120)  # a person
        assert not judge(np.cumsum(gaps * S).astype(int).tolist())


def test_memory_histories_carry_the_flag() -> None:
    robot = [{"user_id": "r", "timestamp": i * S, "event_type": "view_item"} for i in range(150)]
    person = [{"user_id": "p", "timestamp": i * i * S, "event_type": "view_item"} for i in range(150)]
    histories = memory.from_events([*robot, *person])
    assert histories.partitions[0].user_bot.tolist() == [USER_BOT_BEHAVIOUR, 0]


def test_real_shoppers_are_people(shared_data: Path) -> None:
    clicks = shared_data / "yoochoose_clicks_100k" / "yoochoose-clicks-100k_train_full.txt"
    views = shared_data / "rees46_oct2019_sample" / "2019-Oct.csv"
    if not clicks.exists() or not views.exists():
        pytest.skip(f"{clicks.name} or {views.name} is not there")
    events: list[dict[str, object]] = []
    for line in clicks.read_text().splitlines()[1:]:
        session, _, second = line.split("\t")
        events.append({"user_id": f"y{session}", "timestamp": round(float(second) * S), "event_type": "view_item"})
    for line in views.read_text().splitlines()[1:-1]:  # the last line is torn
        cells = line.split(",")
        moment = dt.datetime.strptime(cells[0], "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=dt.UTC)
        events.append({"user_id": f"r{cells[7]}", "timestamp": moment, "event_type": "view_item"})
    histories = memory.from_events(events)
    assert histories.n_users > 20_000
    assert not histories.partitions[0].user_bot.any()
