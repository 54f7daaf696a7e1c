"""How many users the compiled histories flag as robots: for the quality report, which cannot see histories itself."""

from __future__ import annotations

import numpy as np

from footfall.errors import StaleHistoriesError
from footfall.histories.columns import USER_BOT_AGENT, USER_BOT_BEHAVIOUR
from footfall.histories.compile import open_histories
from footfall.histories.store import Histories
from footfall.lake.quality import RobotUsers
from footfall.lake.workspace import Workspace


def robot_users(workspace: Workspace) -> RobotUsers | None:
    """Count the robots in the histories of the lake's newest version; None where those are not compiled.

    Args:
        workspace: Whose.
    """
    try:
        histories = open_histories(workspace, compile_if_needed=False)
    except StaleHistoriesError:
        return None
    return count_robots(histories)


def count_robots(histories: Histories) -> RobotUsers:
    """Count the users that are flagged as robots, by their agent and by their behaviour.

    Args:
        histories: Any.
    """
    agent = behaviour = either = events = 0
    for part in histories.partitions:
        by_agent = (part.user_bot & USER_BOT_AGENT) != 0
        by_behaviour = (part.user_bot & USER_BOT_BEHAVIOUR) != 0
        agent += int(by_agent.sum())
        behaviour += int(by_behaviour.sum())
        either += int((by_agent | by_behaviour).sum())
        events += int(np.diff(part.offsets)[by_behaviour].sum())
    return RobotUsers(histories.n_users, agent, behaviour, either, events)
