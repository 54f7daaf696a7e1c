"""Links between devices and users: state them, undo them, see them. What they mean stands in ``events.identity``.

Links follow from events that carry both ids; those need no row here. ``lake/links`` holds what is stated beyond that:
links made by hand, aliases, and undone links. Rows are only ever added; the newest row of a pair holds.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Literal

from footfall.errors import InputError
from footfall.events.identity import REASONS, reason
from footfall.events.readers._base import lit
from footfall.lake import keys
from footfall.lake.engine import Engine
from footfall.lake.tables import WrittenFile
from footfall.lake.workspace import Workspace
from footfall.results import Result

Origin = Literal["events", "alias", "user"]


def link(workspace: Workspace, anonymous_id: str, user_id: str, *, at: dt.datetime | None = None) -> None:
    """State that a device is a user's; holds from the next compile on, and is said again after ``unlink``.

    Args:
        workspace: Where.
        anonymous_id: The device.
        user_id: The user.
        at: When the user was on that device, aware; matters only for a device of several users. Now without it.

    Raises:
        InputError: An id is blank, or the time has no zone.
    """
    _state(workspace, anonymous_id, user_id, "user", at=at, undone=False)


def alias(workspace: Workspace, previous_id: str, user_id: str, *, at: dt.datetime | None = None) -> None:
    """State that an id (a user's or a device's) was replaced by a user id.

    Args:
        workspace: Where.
        previous_id: The id that is given up.
        user_id: The id that holds from then on.
        at: When, aware; of several aliases of one id the newest holds. Now without it.

    Raises:
        InputError: An id is blank, both are the same, or the time has no zone.
    """
    if previous_id.strip() == user_id.strip():
        raise InputError(f"an alias needs two different ids, got {user_id.strip()!r} twice")
    _state(workspace, previous_id, user_id, "alias", at=at, undone=False)


def unlink(workspace: Workspace, anonymous_id: str, user_id: str) -> None:
    """Undo a link or alias, whether it was stated or follows from events; it stays undone until it is stated again.

    Args:
        workspace: Where.
        anonymous_id: The device, or the earlier id of an alias.
        user_id: The user.

    Raises:
        InputError: There is no such link.
    """
    anonymous_id, user_id = anonymous_id.strip(), user_id.strip()
    with workspace.engine() as run:
        users = run.arrow(
            "SELECT DISTINCT user_id FROM (SELECT anonymous_id, user_id FROM events WHERE user_id IS NOT NULL "
            "UNION ALL SELECT anonymous_id, user_id FROM links) WHERE anonymous_id = ? ORDER BY user_id LIMIT 1000",
            [anonymous_id],
        )["user_id"].to_pylist()
    if user_id not in users:
        known = f"it is linked to: {', '.join(users[:5])}" if users else "nothing links it to any user"
        raise InputError(f"there is no link between {anonymous_id!r} and {user_id!r} to undo; {known}")
    _state(workspace, anonymous_id, user_id, "user", at=None, undone=True)


def _state(
    workspace: Workspace, anonymous_id: str, user_id: str, origin: Origin, *, at: dt.datetime | None, undone: bool
) -> None:
    """Add one row; it is newer than every other, whatever the clock says."""
    anonymous_id, user_id = anonymous_id.strip(), user_id.strip()
    if not anonymous_id or not user_id:
        raise InputError(f"a link needs an anonymous id and a user id, got {anonymous_id!r} and {user_id!r}")
    if at is not None and at.tzinfo is None:
        raise InputError(f"the time {at} has no zone; give one such as {at.isoformat()}+00:00")
    tables = workspace.tables
    with tables.lock(), workspace.engine() as run:
        newest = run.row("SELECT coalesce(epoch_us(max(ingested_at)), 0) FROM links")[0]
        now_us = max(_us(dt.datetime.now(dt.UTC)), int(str(newest)) + 1)
        at_us = now_us if at is None else _us(at)
        path = tables.root / "links" / f"part-{uuid.uuid4().hex}.parquet"
        run.run(f"""
            COPY (SELECT {lit(anonymous_id)} AS anonymous_id, {lit(user_id)} AS user_id,
                make_timestamptz({at_us}) AS linked_at, {lit(origin)} AS origin, {undone} AS undone,
                make_timestamptz({now_us}) AS ingested_at)
            TO {lit(str(path))} (FORMAT parquet)""")
        tables.commit("links", [WrittenFile(path, 1, (now_us, now_us), "ingested_at")])


def _us(moment: dt.datetime) -> int:
    return (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


@dataclasses.dataclass(frozen=True)
class DeviceLinks:
    """One device that was linked at some time.

    Attributes:
        anonymous_id: The device.
        users: Number of users it is linked to now, aliases followed.
        joined: Whether its events without a user go to users.
        reason: Why, or why not: a key of ``events.identity.REASONS``.
        anonymous_events: Events on it that name no user: those that the link decides about.
        user_ids: The users, in order; the first ten of them.
        undone: Users whose link was undone.
    """

    anonymous_id: str
    users: int
    joined: bool
    reason: str
    anonymous_events: int
    user_ids: tuple[str, ...]
    undone: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class LinksReport(Result):
    """Devices and the users they are linked to.

    Attributes:
        max_users_per_device: The setting that was applied.
        devices: Number of devices that were linked at some time.
        reasons: Reason to number of devices.
        rows: The devices, those with most users first.
        lake_version: The lake's version.
    """

    max_users_per_device: int
    devices: int
    reasons: Mapping[str, int]
    rows: tuple[DeviceLinks, ...]
    lake_version: str

    def headline(self) -> str:
        """Say how many devices are joined to users."""
        joined = sum(n for name, n in self.reasons.items() if name in {"one_user", "several_users"})
        return f"{self.devices:,} linked devices, {joined:,} joined to users (bound: {self.max_users_per_device} users)"

    def notes(self) -> Sequence[str]:
        """Explain every reason that occurs."""
        left_out = self.devices - len(self.rows)
        lines = [f"{name} ({n:,}): {REASONS[name]}" for name, n in self.reasons.items()]
        return [*lines, f"{left_out:,} more devices are not shown; see --limit"] if left_out else lines


def links_report(workspace: Workspace, *, limit: int = 1000) -> LinksReport:
    """List the linked devices: which users, joined or not, and why.

    Args:
        workspace: Where.
        limit: Most devices to list; ``devices`` and ``reasons`` count all.

    Raises:
        InputError: ``limit`` is below one.
    """
    if limit < 1:
        raise InputError(f"limit must be at least 1, got {limit}")
    bound, version = workspace.settings.max_users_per_device, workspace.tables.version()
    with workspace.engine() as run:
        keys.resolve_all(workspace, run)
        _describe_devices(run)
        counted = run.arrow("SELECT users, count(*) AS n FROM described GROUP BY users")
        rows = run.arrow(f"""
            SELECT d.anonymous_id, d.users, coalesce(l.n, 0) AS lonely, list_sort(d.user_ids)[:10] AS user_ids, d.undone
            FROM described d
            LEFT JOIN (SELECT anonymous_id, count(*) AS n FROM events WHERE user_id IS NULL GROUP BY anonymous_id) l
                USING (anonymous_id)
            ORDER BY d.users DESC, d.anonymous_id LIMIT {limit}""").to_pylist()
    reasons: dict[str, int] = {}
    for users, n in zip(counted["users"].to_pylist(), counted["n"].to_pylist(), strict=True):
        name = reason(users, bound)
        reasons[name] = reasons.get(name, 0) + n
    devices = tuple(
        DeviceLinks(
            anonymous_id=row["anonymous_id"],
            users=row["users"],
            joined=1 <= row["users"] <= bound,
            reason=reason(row["users"], bound),
            anonymous_events=row["lonely"],
            user_ids=tuple(row["user_ids"] or ()),
            undone=tuple(row["undone"] or ()),
        )
        for row in rows
    )
    ordered = {name: reasons[name] for name in REASONS if name in reasons}
    return LinksReport(bound, sum(reasons.values()), ordered, devices, version)


def _describe_devices(run: Engine) -> None:
    """Make ``described``: every device that was linked at some time, its users now, and those undone."""
    run.run(f"""
        CREATE TEMP TABLE described AS SELECT anonymous_id, coalesce(p.users, 0) AS users, p.user_ids, u.undone
        FROM (SELECT anonymous_id, count(*) AS users, list(user_id) AS user_ids
              FROM ({keys.pairs()}) GROUP BY anonymous_id) p
        FULL JOIN (SELECT anonymous_id, list(user_id ORDER BY user_id) AS undone
                   FROM stated_now WHERE undone GROUP BY anonymous_id) u USING (anonymous_id)""")
