from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from footfall.histories.compile import compile as compile_histories
from footfall.histories.flagged import robot_users
from footfall.lake.quality import RobotUsers, check
from footfall.lake.workspace import Workspace

PutRows = Callable[[Workspace, str, Sequence[Mapping[str, Any]]], None]


def test_robots_of_compiled_histories(tmp_path: Path, put_rows: PutRows) -> None:
    shop = Workspace.init(tmp_path / "shop")
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    # "clock" ticks every 10 s, 200 times; "agent" says what it is, once; "ann" looks at three things in an hour.
    said = [("clock", 10 * i, None) for i in range(200)] + [("agent", 0, "agent: Googlebot")]
    said += [("ann", s, None) for s in (0, 700, 3600)]
    put_rows(
        shop,
        "events",
        [
            {
                "event_id": str(i), "user_id": user, "timestamp": start + dt.timedelta(seconds=s), "bot": bot,
                "event_type": "view_item", "item_id": "i", "ingested_at": start, "sequence": i,
            }
            for i, (user, s, bot) in enumerate(said)
        ],
    )  # fmt: skip
    assert robot_users(shop) is None
    compile_histories(shop)
    robots = robot_users(shop)
    assert robots == RobotUsers(users=3, agent=1, behaviour=1, either=2, behaviour_events=200)
    assert any("1 users who behave like robots" in f.what for f in check(shop, robots=robots).findings)
