"""Whose history each event belongs to, as SQL over the lake; the rules are those of ``events.identity``.

``resolve`` leaves temporary tables and views in the engine. A history's key is ``u:`` and a user id, or ``a:`` and an
anonymous id; an event is *lonely* that names no user.

- ``keys``: the distinct keys of the events to compile (and perhaps some that have none);
- ``user_keys`` (user_id, key); ``device_keys`` (anonymous_id, key), for lonely events; ``assigned`` (anonymous_id,
  instant, key), for lonely events on the devices in ``shared``, where it depends on the time;
- ``compiling``: the events to compile: those since the base, and all older ones of the keys in ``rebuilt``;
- ``rebuilt``: keys whose compiled events are out of date;
- ``seen_now``: all distinct pairs of user_id and anonymous_id; ``stated_now``: what was last said of each pair by hand.

With a base (what was compiled before), only events since then are read, unless links between devices and users have
changed what older events mean. In names, ``then`` is the base and ``now`` is everything.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from footfall.events.identity import ALIAS_EVENT, Alias, follow
from footfall.lake._ids import Base, collect, save
from footfall.lake.engine import Engine, scan
from footfall.lake.workspace import Workspace

__all__ = ["Base", "pairs", "resolve", "resolve_all", "save"]


def resolve(
    run: Engine,
    events: Sequence[str],
    links: Sequence[str],
    *,
    limit: int,
    memory_bytes: int,
    base: Base | None = None,
) -> int:
    """Find whose history each event belongs to.

    Args:
        run: Any engine.
        events: Files of ``events`` to compile; with a base, those since then.
        links: Files of ``links``, all of them.
        limit: ``max_users_per_device``.
        memory_bytes: The engine's memory.
        base: What was compiled before; without it everything is new.

    Returns:
        The number of keys in ``rebuilt``.
    """
    run.run(f"CREATE TEMP VIEW new_events AS {scan('events', events)}")
    run.run(f"CREATE TEMP VIEW old_events AS {scan('events', base.events if base else ())}")
    collect(run, events, base, memory_bytes)
    for when, files in (("then", base.links if base else ()), ("now", links)):
        run.run(f"CREATE TEMP TABLE stated_{when} AS {_newest_statements(scan('links', files))}")
        _follow_aliases(run, when)
    run.run("CREATE TEMP TABLE rebuilt (key VARCHAR)")
    if base is None:
        _link_devices(run, "now", "")
    else:
        _find_candidates(run)
        for when in ("then", "now"):
            _link_devices(run, when, "AND p.anonymous_id IN (FROM candidates)")
        _find_moved(run, limit)
        _find_rebuilt(run, limit, base)
        _link_more_devices(run)
    _find_shared(run, limit)
    _assign_shared(run)
    _name_keys(run)
    _show_compiling(run)
    return int(str(run.row("SELECT count(*) FROM rebuilt")[0]))


def resolve_all(workspace: Workspace, run: Engine) -> None:
    """Find whose history each event of the lake belongs to.

    Args:
        workspace: Where.
        run: Any engine of it.
    """
    tables, settings = workspace.tables, workspace.settings
    limit, memory = settings.max_users_per_device, settings.memory_bytes
    resolve(run, tables.files("events"), tables.files("links"), limit=limit, memory_bytes=memory)


def pairs(when: str = "now") -> str:
    """Build the SQL of all links that hold: anonymous_id and user_id, aliases followed; it ends in a WHERE clause.

    Args:
        when: ``then`` or ``now``.
    """
    return f"""
        SELECT DISTINCT p.anonymous_id, coalesce(c.canonical, p.user_id) AS user_id
        FROM (SELECT anonymous_id, user_id FROM seen_{when} WHERE user_id IS NOT NULL AND anonymous_id IS NOT NULL
              UNION ALL SELECT anonymous_id, user_id FROM stated_{when}) p
        LEFT JOIN canon_{when} c ON c.user_id = p.user_id
        WHERE {_not_undone("p.anonymous_id", "p.user_id", when)}"""


def _not_undone(anonymous_id: str, user_id: str, when: str) -> str:
    return f"""NOT EXISTS (SELECT 1 FROM stated_{when} said
        WHERE said.undone AND said.anonymous_id = {anonymous_id} AND said.user_id = {user_id})"""


def _newest_statements(links: str) -> str:
    """Build the SQL of what was last said of each pair of ids."""
    return f"""
        SELECT anonymous_id, user_id, origin, linked_at, ingested_at, coalesce(undone, false) AS undone FROM ({links})
        QUALIFY row_number() OVER (PARTITION BY anonymous_id, user_id
            ORDER BY ingested_at DESC, linked_at DESC, undone DESC) = 1"""


def _follow_aliases(run: Engine, when: str) -> None:
    """Make ``canon_<when>``: user_id and the user it is now known as, where that is another."""
    # Most earlier ids are those of devices; only those that are users' ids matter here.
    table = run.arrow(f"""
        WITH said AS (
            SELECT previous, user_id, t, i, s FROM aliased_{when} a WHERE {_not_undone("a.previous", "a.user_id", when)}
            UNION ALL SELECT anonymous_id, user_id, epoch_us(linked_at), epoch_us(ingested_at), 0
            FROM stated_{when} WHERE origin = '{ALIAS_EVENT}' AND NOT undone)
        SELECT * FROM said WHERE previous IN (SELECT user_id FROM said)
            OR previous IN (SELECT user_id FROM stated_{when})
            OR previous IN (SELECT user_id FROM seen_{when} WHERE user_id IS NOT NULL)""")
    previous, user, *moment = (column.to_pylist() for column in table.columns)
    ends = follow(Alias(p, u, m) for p, u, m in zip(previous, user, zip(*moment, strict=True), strict=True))
    ids = {"user_id": pa.array(list(ends), pa.string()), "canonical": pa.array(list(ends.values()), pa.string())}
    run.load(f"canon_{when}", pa.table(ids))


def _find_candidates(run: Engine) -> None:
    """Make ``renamed`` (users whose aliases changed) and ``candidates``: devices whose users may have changed."""
    run.run("""
        CREATE TEMP TABLE renamed AS SELECT user_id, coalesce(t.canonical, user_id) AS user_then,
            coalesce(n.canonical, user_id) AS user_now
        FROM canon_then t FULL JOIN canon_now n USING (user_id) WHERE user_then <> user_now""")
    run.run("""
        CREATE TEMP TABLE candidates AS SELECT anonymous_id FROM seen_new WHERE anonymous_id IS NOT NULL
        UNION SELECT anonymous_id FROM (FROM stated_now EXCEPT FROM stated_then)
        UNION SELECT anonymous_id FROM (FROM stated_then EXCEPT FROM stated_now)
        UNION SELECT anonymous_id FROM seen_now
            WHERE user_id IN (SELECT user_id FROM renamed) AND anonymous_id IS NOT NULL
        UNION SELECT anonymous_id FROM stated_now WHERE user_id IN (SELECT user_id FROM renamed)""")


def _link_devices(run: Engine, when: str, narrow: str) -> None:
    """Make ``pairs_<when>`` and ``homes_<when>``: the users of each linked device that has lonely events."""
    lonely = f"AND p.anonymous_id IN (SELECT anonymous_id FROM seen_{when} WHERE user_id IS NULL)"
    run.run(f"CREATE TEMP TABLE pairs_{when} AS {pairs(when)} {narrow} {lonely}")
    kind = "VIEW" if narrow else "TABLE"  # the narrow ones are small, and grow by _link_more_devices
    run.run(f"""
        CREATE TEMP {kind} homes_{when} AS
        SELECT anonymous_id, count(*) AS users, min(user_id) AS first_user, bit_xor(hash(user_id)) AS signature
        FROM pairs_{when} GROUP BY anonymous_id""")


def _link_more_devices(run: Engine) -> None:
    """Add to ``pairs_now`` the other devices of rebuilt users: their older lonely events are read again, too."""
    if run.row("SELECT count(*) FROM rebuilt") == (0,):
        return
    run.run(f"""
        CREATE TEMP TABLE more AS SELECT DISTINCT anonymous_id FROM (
            SELECT * FROM ({pairs("now")}) WHERE 'u:' || user_id IN (FROM rebuilt))
        WHERE anonymous_id NOT IN (FROM candidates)
            AND anonymous_id IN (SELECT anonymous_id FROM seen_now WHERE user_id IS NULL)""")
    run.run(f"INSERT INTO pairs_now {pairs('now')} AND p.anonymous_id IN (FROM more)")


def _find_moved(run: Engine, limit: int) -> None:
    """Make ``moved``: devices whose compiled lonely events may belong to somebody else now."""
    run.run(f"""
        CREATE TEMP TABLE moved AS SELECT anonymous_id
        FROM (SELECT anonymous_id FROM seen_then WHERE user_id IS NULL AND anonymous_id IN (FROM candidates))
        LEFT JOIN homes_then t USING (anonymous_id) LEFT JOIN homes_now n USING (anonymous_id)
        WHERE least(coalesce(t.users, 0), coalesce(n.users, 0)) <= {limit} AND (
            t.users IS DISTINCT FROM n.users OR t.signature IS DISTINCT FROM n.signature
            OR (n.users > 1 AND anonymous_id IN (
                SELECT anonymous_id FROM seen_new WHERE user_id IS NOT NULL
                UNION ALL SELECT anonymous_id FROM (FROM stated_now EXCEPT FROM stated_then)
                UNION ALL SELECT anonymous_id FROM (FROM stated_then EXCEPT FROM stated_now))))""")


def _find_rebuilt(run: Engine, limit: int, base: Base) -> None:
    """Fill ``rebuilt`` with every key that compiled events leave or join, or whose order they may change."""
    linked = f"""SELECT 'u:' || p.user_id FROM pairs_{{when}} p JOIN homes_{{when}} h USING (anonymous_id)
        WHERE h.users <= {limit} AND p.anonymous_id IN {{devices}}"""
    # Rows of an ingest that overlapped the last one compiled: of events at one moment, theirs may have to come first.
    late = f"new_events WHERE epoch_us(ingested_at) <= {base.ingested_us}"
    late_devices = f"(SELECT anonymous_id FROM {late} AND user_id IS NULL)"
    run.run(f"""
        INSERT INTO rebuilt SELECT DISTINCT key FROM (
            SELECT 'a:' || anonymous_id FROM moved
            UNION ALL {linked.format(when="then", devices="(FROM moved)")}
            UNION ALL {linked.format(when="now", devices="(FROM moved)")}
            UNION ALL SELECT unnest(['u:' || user_then, 'u:' || user_now]) FROM renamed
            UNION ALL SELECT 'u:' || coalesce(c.canonical, user_id)
                FROM (SELECT user_id FROM {late} AND user_id IS NOT NULL) LEFT JOIN canon_now c USING (user_id)
            UNION ALL SELECT 'a:' || anonymous_id FROM {late_devices}
            UNION ALL {linked.format(when="now", devices=late_devices)}) AS k(key)""")


def _find_shared(run: Engine, limit: int) -> None:
    """Make ``single`` (devices of one user) and ``shared`` (of several, not too many) from those with lonely events."""
    run.run("CREATE TEMP TABLE single AS SELECT anonymous_id, first_user FROM homes_now WHERE users = 1")
    run.run(f"CREATE TEMP TABLE shared AS SELECT anonymous_id FROM homes_now WHERE users BETWEEN 2 AND {limit}")


def _assign_shared(run: Engine) -> None:
    """Make ``assigned``: for a shared device and each moment of a lonely event on it, whose that event is."""
    if run.row("SELECT count(*) FROM shared") == (0,):
        run.run("CREATE TEMP TABLE assigned (anonymous_id VARCHAR, instant TIMESTAMPTZ, key VARCHAR)")
        return
    columns = 'user_id, anonymous_id, "timestamp" AS instant, ingested_at AS i, "sequence" AS s'
    run.run(f"""
        CREATE TEMP VIEW on_shared AS SELECT * FROM (
            SELECT {columns} FROM new_events UNION ALL SELECT {columns} FROM old_events)
        WHERE anonymous_id IN (FROM shared)""")
    run.run(f"""
        CREATE TEMP TABLE moments AS SELECT anonymous_id, instant, arg_min(u, row(i, s, u)) AS user_id FROM (
            SELECT p.anonymous_id, p.instant, p.i, p.s, coalesce(c.canonical, p.user_id) AS u FROM (
                SELECT anonymous_id, user_id, instant, i, s FROM on_shared WHERE user_id IS NOT NULL
                UNION ALL SELECT anonymous_id, user_id, linked_at, ingested_at, -1 FROM stated_now
                    WHERE anonymous_id IN (FROM shared)) p
            LEFT JOIN canon_now c ON c.user_id = p.user_id
            WHERE {_not_undone("p.anonymous_id", "p.user_id", "now")})
        GROUP BY ALL""")
    run.run("""
        CREATE TEMP TABLE assigned AS
        SELECT l.anonymous_id, l.instant, 'u:' || coalesce(m.user_id, z.user_id) AS key
        FROM (SELECT DISTINCT anonymous_id, instant FROM on_shared WHERE user_id IS NULL) l
        ASOF LEFT JOIN moments m ON l.anonymous_id = m.anonymous_id AND l.instant <= m.instant
        LEFT JOIN (SELECT anonymous_id, arg_max(user_id, instant) AS user_id FROM moments GROUP BY ALL) z
            ON z.anonymous_id = l.anonymous_id""")


def _name_keys(run: Engine) -> None:
    """Make ``user_keys``, ``device_keys`` and ``keys``; of older ids only those with a key in ``rebuilt``."""
    users = "SELECT DISTINCT user_id FROM {} WHERE user_id IS NOT NULL"
    devices = "SELECT anonymous_id FROM {} WHERE user_id IS NULL AND anonymous_id NOT IN (FROM shared)"
    user_key = """SELECT user_id, 'u:' || coalesce(canonical, user_id) AS key
        FROM ({}) LEFT JOIN canon_now USING (user_id)"""
    device_key = """SELECT anonymous_id, coalesce('u:' || first_user, 'a:' || anonymous_id) AS key
        FROM ({}) LEFT JOIN single USING (anonymous_id)"""
    for table, ids, key in (("user_keys", users, user_key), ("device_keys", devices, device_key)):
        run.run(f"CREATE TEMP TABLE {table} AS {key.format(ids.format('seen_new'))}")
        if run.row("SELECT count(*) FROM rebuilt") != (0,):
            run.run(f"""
                INSERT INTO {table} SELECT * FROM ({key.format(ids.format("seen_then"))}) WHERE key IN (FROM rebuilt)
                EXCEPT FROM {table}""")
    run.run("""
        CREATE TEMP TABLE keys AS SELECT key FROM user_keys UNION SELECT key FROM device_keys
        UNION SELECT key FROM assigned UNION FROM rebuilt""")


def _show_compiling(run: Engine) -> None:
    """Make ``compiling``; conditions that could be met by no older event are left out."""
    if run.row("SELECT count(*) FROM rebuilt") == (0,):
        run.run("CREATE TEMP VIEW compiling AS FROM new_events")
        return
    for table, ids in (
        ("user_keys", "user_id"),
        ("device_keys", "anonymous_id"),
        ("assigned", "anonymous_id, instant"),
    ):
        run.run(f"CREATE TEMP TABLE again_{table} AS SELECT {ids} FROM {table} WHERE key IN (FROM rebuilt)")
    run.run("""
        CREATE TEMP VIEW compiling AS FROM new_events UNION ALL FROM old_events WHERE user_id IN (FROM again_user_keys)
        OR (user_id IS NULL AND (anonymous_id IN (FROM again_device_keys)
            OR (anonymous_id, "timestamp") IN (FROM again_assigned)))""")
