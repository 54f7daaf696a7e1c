"""Logs made by hypothesis, and the slow plain twin of the session rule, shared by the tests of journeys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import strategies as st

Event = Mapping[str, Any]
Session = dict[str, Any]

US = 1_000_000
START_US = 1_569_888_000 * US  # 2019-10-01 00:00 UTC

EVENT_TYPES = ("view_item", "add_to_cart", "purchase", "search", "message_sent")
PAUSES_US = (
    *(0, 1, 4 * US, 10 * US, 10 * US + 1, 60 * US),
    *(1800 * US - 1, 1800 * US, 1800 * US + 1, 7200 * US),
    *(43_200 * US, 86_400 * US, 3 * 86_400 * US + 7),
)


@pytest.fixture(scope="session")
def logs() -> st.SearchStrategy[list[Event]]:
    """A few users, pauses on and around the edges of the rules, missing values everywhere, in any order."""

    @st.composite
    def log(draw: st.DrawFn) -> list[Event]:
        events: list[Event] = []
        for user in range(draw(st.integers(1, 4))):
            now = START_US + draw(st.integers(0, 86_400)) * US
            for _ in range(draw(st.integers(1, 12))):
                now += draw(st.sampled_from(PAUSES_US))
                events.append(
                    {
                        "user_id" if user else "anonymous_id": f"u{max(user, 1)}",
                        "timestamp": now,
                        "event_type": draw(st.sampled_from(EVENT_TYPES)),
                        "session_id": draw(st.sampled_from((None, "s1", "s2", "s3"))),
                        "campaign": draw(st.sampled_from((None, None, "c1", "c2"))),
                        "device": draw(st.sampled_from((None, "phone", "desktop"))),
                        "bot": draw(st.sampled_from((None, None, None, None, "agent"))),
                    }
                )
        return draw(st.permutations(events))

    return log()


@pytest.fixture(scope="session")
def twin_sessions() -> Callable[..., list[Session]]:
    """The session rule in plain Python, from its words: all sessions of a log, by user and number.

    A session is ``{"user", "anonymous", "number", "cut", "events"}``, its events in time order.
    """

    def of(log: Sequence[Event], *, gap_s: int = 1800, max_s: int = 86_400, source: bool = False) -> list[Session]:
        histories: dict[tuple[str, bool], list[Event]] = {}
        for event in log:
            anonymous = event.get("user_id") is None
            histories.setdefault((event["anonymous_id" if anonymous else "user_id"], anonymous), []).append(event)
        found: list[Session] = []
        for (user, anonymous), mine in sorted(histories.items()):
            mine.sort(key=lambda e: int(e["timestamp"]))
            sessions: list[Session] = []
            by_id: dict[str, Session] = {}
            current: Session | None = None
            before: Event | None = None
            for event in mine:
                id_ = event.get("session_id") if source else None
                if id_ is not None:
                    cut = None if id_ in by_id else "source"
                    current = by_id.get(id_, current)
                elif current is None or before is None:
                    cut = "first"
                elif event["timestamp"] - before["timestamp"] > gap_s * US:
                    cut = "gap"
                elif event["timestamp"] - current["events"][0]["timestamp"] > max_s * US:
                    cut = "length"
                else:
                    cut = None
                if cut is not None:
                    cut = cut if sessions else "first"
                    current = {"user": user, "anonymous": anonymous, "number": len(sessions) + 1, "cut": cut}
                    current["events"] = []
                    sessions.append(current)
                    if id_ is not None:
                        by_id[id_] = current
                assert current is not None
                current["events"].append(event)
                before = event
            found += sessions
        return found

    return of
