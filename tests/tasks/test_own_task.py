"""The example of ``docs/tasks.md`` is a task: its code runs, and it is learnt, judged and asked like the others."""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from footfall.errors import InputError
from footfall.histories.memory import from_events
from footfall.tasks._base import Given

PAGE = Path(__file__).parents[2] / "docs" / "tasks.md"
DAY = 86_400_000_000
START = 1_700_000_000_000_000


def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    module = types.ModuleType("footfall.tasks.returns")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # dataclasses look there for what a name means
    exec(compile(code, str(PAGE), "exec"), module.__dict__)
    return module.__dict__["Returns"]


def log(*, refunds: bool) -> list[dict[str, Any]]:
    """Every third user sends back two of three orders, the others none."""
    rng = np.random.default_rng(0)
    events: list[dict[str, Any]] = []
    for user in range(150):
        moment = START + int(rng.integers(0, 3 * DAY))
        while moment < START + 70 * DAY:
            row = {"user_id": f"u{user:03d}", "item_id": f"i{rng.integers(9)}", "timestamp": moment, "value": 9.0}
            events.append(row | {"event_type": "purchase", "order_id": f"o{len(events)}"})
            if refunds and user % 3 == 0 and rng.random() < 0.7:
                events.append(row | {"event_type": "refund", "timestamp": moment + DAY})
            moment += int(rng.uniform(2, 6) * DAY)
    return sorted(events, key=lambda event: event["timestamp"])


def test_the_example_is_a_task(monkeypatch: pytest.MonkeyPatch) -> None:
    returns = example(monkeypatch)(lookback="30d")
    given = Given(from_events(log(refunds=True)), epochs=1, horizon_us=7 * DAY)
    board = returns.evaluate(given, against=("linear", "constant"))
    auroc = {row.predictor: row.metrics["AUROC"].mean for row in board.rows}
    assert auroc["linear"] > 0.9
    assert auroc["constant"] == pytest.approx(0.5)
    with pytest.raises(InputError, match="no event of type refund"):
        returns.evaluate(Given(from_events(log(refunds=False))), against=("linear",))
