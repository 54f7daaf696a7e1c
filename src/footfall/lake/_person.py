"""Who is meant by an id, and which rows are that person's. Export and erasure see the same rows.

A person is a user with every earlier id that aliases lead from, and all devices (anonymous ids) that are linked to
nobody else; the rules are those of ``events.identity``. Of the events without a user on a device of several users,
those are the person's that these rules give to that user; the others stay, and the device is reported.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Final

import pyarrow as pa

from footfall.lake import keys
from footfall.lake._mentions import is_bare_number, names_one_of
from footfall.lake.engine import Engine
from footfall.lake.tables import TABLES
from footfall.lake.workspace import Workspace

PERSONAL: Final = tuple(name for name, columns in TABLES.items() if "user_id" in columns)
"""Tables that hold rows of people."""


@dataclasses.dataclass(frozen=True)
class SharedDevice:
    """A device of several users.

    Attributes:
        anonymous_id: The device.
        users: Number of users it is linked to.
        own: Of its events without a user, those that are the person's.
        others: Those that are not.
    """

    anonymous_id: str
    users: int
    own: int
    others: int


@dataclasses.dataclass(frozen=True)
class Person:
    """The ids of one person.

    Attributes:
        given: The id that was asked for.
        user_ids: User ids: the present one first, then earlier ones that aliases lead from.
        anonymous_ids: Devices linked to nobody else.
        shared_devices: Devices linked to others too.
        event_ids: Events without a user on those that are the person's.
    """

    given: str
    user_ids: tuple[str, ...]
    anonymous_ids: tuple[str, ...]
    shared_devices: tuple[SharedDevice, ...] = ()
    event_ids: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids, each once."""
        return tuple(dict.fromkeys([*self.user_ids, *self.anonymous_ids]))


def find_person(workspace: Workspace, run: Engine, given: str) -> Person | None:
    """Find out who is meant by an id, or None where the lake knows nobody of that id.

    Args:
        workspace: Where.
        run: An engine with all its tables; used for nothing else before.
        given: A user id or an anonymous id.
    """
    keys.resolve_all(workspace, run)
    run.run(f"CREATE TEMP TABLE linked AS {keys.pairs()}")
    users = _column(
        run,
        "SELECT DISTINCT coalesce(c.canonical, k.id) FROM (SELECT user_id AS id FROM seen_now UNION ALL "
        "SELECT user_id FROM stated_now UNION ALL SELECT user_id FROM canon_now) k "
        "LEFT JOIN canon_now c ON c.user_id = k.id WHERE k.id = ?",
        given,
    )
    if not users:
        users = _column(run, "SELECT DISTINCT user_id FROM linked WHERE anonymous_id = ? ORDER BY 1", given)
    if len(users) == 1:
        return _user(run, given, users[0])
    device = "SELECT anonymous_id FROM seen_now WHERE anonymous_id = $1 UNION ALL SELECT anonymous_id FROM stated_now"
    if users or _column(run, f"SELECT 1::VARCHAR FROM ({device} WHERE anonymous_id = $1) LIMIT 1", given):
        return Person(given, (), (given,))
    if _column(run, "SELECT reject_id FROM rejects WHERE user_id = ? LIMIT 1", given) or naming_rejects(run, [given]):
        return Person(given, (given,), (given,))
    return None


def _user(run: Engine, given: str, user: str) -> Person:
    """Collect all ids of a user."""
    earlier = _column(
        run, "SELECT user_id FROM canon_now WHERE canonical = ? AND user_id <> canonical ORDER BY 1", user
    )
    users = [user, *earlier]
    devices = _column(run, "SELECT anonymous_id FROM linked GROUP BY 1 HAVING bool_and(user_id = ?) ORDER BY 1", user)
    # The same text as a device that nobody is linked to: some sources give a known user's id in both places.
    for id_ in users:
        others = _column(run, "SELECT user_id FROM linked WHERE anonymous_id = ? LIMIT 1", id_)
        if not others and _column(run, "SELECT anonymous_id FROM seen_now WHERE anonymous_id = ? LIMIT 1", id_):
            devices.append(id_)
    shared = (
        "SELECT anonymous_id, count(*) AS users FROM linked WHERE anonymous_id IN (SELECT anonymous_id FROM linked "
        "WHERE user_id = $1) GROUP BY anonymous_id HAVING count(*) > 1"
    )
    lonely = """SELECT e.event_id, e.anonymous_id, coalesce(a.key, d.key) = 'u:' || $1 AS own FROM compiling e
        LEFT JOIN assigned a ON a.anonymous_id = e.anonymous_id AND a.instant = e."timestamp"
        LEFT JOIN device_keys d ON d.anonymous_id = e.anonymous_id WHERE e.user_id IS NULL"""
    rows = run.arrow(
        f"SELECT s.anonymous_id, any_value(users) AS users, count(*) FILTER (own) AS own, "
        f"count(*) FILTER (NOT own) AS others FROM ({shared}) s LEFT JOIN ({lonely}) l USING (anonymous_id) "
        "GROUP BY s.anonymous_id ORDER BY 1",
        [user],
    ).to_pylist()
    events = []
    if any(row["own"] for row in rows):
        events = _column(
            run,
            f"SELECT event_id FROM ({lonely}) WHERE own AND anonymous_id IN (SELECT anonymous_id FROM ({shared}))",
            user,
        )
    return Person(
        given,
        tuple(users),
        tuple(dict.fromkeys(devices)),
        tuple(SharedDevice(**row) for row in rows),
        tuple(sorted(events)),
    )


def _column(run: Engine, sql: str, parameter: str) -> list[str]:
    return [str(v) for v in run.arrow(sql, [parameter]).column(0).to_pylist()]


def load_person(run: Engine, user_ids: Sequence[str], anonymous_ids: Sequence[str], event_ids: Sequence[str]) -> None:
    """Make the tables that ``is_theirs`` and ``names_them`` speak of.

    Args:
        run: An engine with the table ``rejects``.
        user_ids: The person's user ids.
        anonymous_ids: The person's devices.
        event_ids: The person's events that neither of these names.
    """
    everyone = list(dict.fromkeys([*user_ids, *anonymous_ids]))
    texts: Iterable[tuple[str, Sequence[str]]] = (
        ("their_users", user_ids),
        ("their_devices", anonymous_ids),
        ("their_ids", everyone),
        ("their_events", event_ids),
        ("their_rejects", naming_rejects(run, everyone)),
    )
    for name, ids in texts:
        run.load(name, pa.table({"id": pa.array(list(ids), pa.string())}))


def naming_rejects(run: Engine, ids: Sequence[str]) -> list[str]:
    """Return the ids of refused rows whose text names one of these ids as a whole value.

    Args:
        run: An engine with the table ``rejects``.
        ids: A person's ids.
    """
    run.load("sought", pa.table({"id": pa.array(list(ids), pa.string())}))
    # A text with a backslash may hold an id in JSON's other spelling of it; only the reader of JSON can tell.
    batches = run.batches(
        "SELECT reject_id, user_id IS NULL AS nobody, raw FROM rejects "
        f"WHERE contains(raw, chr(92)) OR {_contains_one('raw', 'sought')}",
        rows=10_000,
    )
    found = []
    for batch in batches:
        for reject_id, nobody, raw in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if names_one_of(raw, ids, nobody=nobody):
                found.append(reject_id)
    return found


def _contains_one(column: str, table: str) -> str:
    """Build the SQL that looks for the texts of a small table in a column; as a join it takes ten times as long."""
    return f"len(list_filter((SELECT list(id) FROM {table}), lambda n: contains({column}, n))) > 0"


def is_theirs(table: str) -> str:
    """Return the SQL that tells whether a row of a table is the person's; it may be null for no.

    Args:
        table: One of ``PERSONAL``.
    """
    if table == "rejects":
        return "(user_id IN (FROM their_ids) OR reject_id IN (FROM their_rejects))"
    if table == "links":
        return "(user_id IN (FROM their_users) OR anonymous_id IN (FROM their_ids))"
    theirs = ["user_id IN (FROM their_users)"]
    if "anonymous_id" in TABLES[table]:
        theirs.append("(user_id IS NULL AND anonymous_id IN (FROM their_devices))")
    if table == "events":
        theirs.append("event_id IN (FROM their_events)")
    return f"({' OR '.join(theirs)})"


def names_them(table: str) -> str:
    """Return the SQL that tells whether another user's row names the person as its device; it may be null for no.

    Such rows remain when a link was undone, or when a shared device itself is erased.

    Args:
        table: One of ``PERSONAL``.
    """
    if table not in {"rejects", "links"} and "anonymous_id" in TABLES[table]:
        return f"(anonymous_id IN (FROM their_ids) AND NOT coalesce({is_theirs(table)}, false))"
    return "false"


def count_mentions(run: Engine, person: Person) -> int:
    """Return how many events of others name the person, as a whole text, in what the source said beyond our columns.

    Args:
        run: ``load_person`` ran in it.
        person: Who; ids that are bare numbers are not looked for.
    """
    needles = [json.dumps(i, ensure_ascii=False) for i in person.ids if not is_bare_number(i)]
    if not needles:
        return 0
    run.load("needles", pa.table({"id": pa.array(needles, pa.string())}))
    n = run.row(
        f"SELECT count(*) FROM events WHERE NOT coalesce({is_theirs('events')}, false) "
        f"AND {_contains_one('properties', 'needles')}"
    )[0]
    return int(str(n))
