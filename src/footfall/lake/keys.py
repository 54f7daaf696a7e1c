"""Whose history each event belongs to, as SQL over the lake; the rules are those of ``events.identity``.

``resolve`` leaves temporary tables and views in the engine:

- ``keyed``: every event to compile, with its history's ``key``;
- ``keys``: the distinct keys of those events (and perhaps some without events);
- ``rebuilt``: keys whose compiled events are out of date; all of their events are in ``keyed``, old ones included;
- ``seen_now``: all distinct pairs of user_id and anonymous_id; ``stated_now``: what was last said of each pair by hand.

With a base (what was compiled before), only events since then are read, unless links between devices and users have
changed what older events mean. The base's distinct pairs are kept beside the histories for that purpose. In names,
``then`` is the base and ``now`` is everything; a *lonely* event names no user.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from footfall.events.identity import ALIAS_EVENT, Alias, follow
from footfall.events.readers._base import lit
from footfall.lake.engine import Engine, scan

SEEN_FILE: Final = "seen.parquet"
ALIASES_FILE: Final = "aliases.parquet"


@dataclasses.dataclass(frozen=True)
class Base:
    """What was compiled before.

    Attributes:
        events: The files of ``events`` in it.
        links: The files of ``links`` in it.
        folder: Where ``save`` put its pairs of ids.
        ingested_us: The newest ``ingested_at`` in it; microseconds since 1970 UTC.
    """

    events: Sequence[str]
    links: Sequence[str]
    folder: Path
    ingested_us: int


def resolve(run: Engine, limit: int, base: Base | None = None) -> int:
    """Find whose history each event belongs to.

    Args:
        run: Its views ``events`` (to compile) and ``links`` show what is there now; with a base, ``events`` shows only
            what came after it.
        limit: ``max_users_per_device``.
        base: What was compiled before; without it everything is new.

    Returns:
        The number of keys in ``rebuilt``.
    """
    run.run(f"CREATE TEMP VIEW old_events AS {scan('events', base.events if base else ())}")
    run.run(f"CREATE TEMP VIEW old_links AS {scan('links', base.links if base else ())}")
    _collect_ids(run, base)
    for when, links in (("then", "old_links"), ("now", "links")):
        run.run(f"CREATE TEMP TABLE stated_{when} AS {_newest_statements(links)}")
        _follow_aliases(run, when)
        _link_devices(run, when)
    run.run("CREATE TEMP TABLE rebuilt (key VARCHAR)")
    if base is not None:
        _find_moved(run, limit)
        _find_rebuilt(run, limit, base)
    _find_shared(run, limit, everything=base is None)
    _assign_shared(run)
    _show_keyed(run)
    return int(str(run.row("SELECT count(*) FROM rebuilt")[0]))


def save(run: Engine, folder: Path) -> None:
    """Keep the pairs of ids of everything compiled so far, for the next time.

    Args:
        run: ``resolve`` ran in it.
        folder: An existing folder.
    """
    for table, name in (("seen_now", SEEN_FILE), ("aliased_now", ALIASES_FILE)):
        run.run(f"COPY (SELECT * FROM {table}) TO {lit(str(folder / name))} (FORMAT parquet)")


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


def _collect_ids(run: Engine, base: Base | None) -> None:
    """Make ``seen_*`` (distinct pairs) and ``aliased_*`` (alias events) of then, since then (``new``), and now."""
    run.run("CREATE TEMP TABLE seen_new AS SELECT user_id, anonymous_id FROM events GROUP BY ALL")
    run.run(f"""
        CREATE TEMP TABLE aliased_new AS SELECT previous, user_id, m[1] AS t, m[2] AS i, m[3] AS s FROM (
            SELECT anonymous_id AS previous, user_id,
                max(row(epoch_us("timestamp"), epoch_us(ingested_at), coalesce("sequence", 0))) AS m
            FROM events WHERE event_type = {lit(ALIAS_EVENT)} AND anonymous_id IS NOT NULL AND user_id IS NOT NULL
            GROUP BY ALL)""")
    if base is None:
        run.run("CREATE TEMP VIEW seen_then AS SELECT * FROM seen_new WHERE false")
        run.run("CREATE TEMP VIEW aliased_then AS SELECT * FROM aliased_new WHERE false")
        run.run("CREATE TEMP VIEW seen_now AS SELECT * FROM seen_new")
    else:
        for name, file in (("seen_then", SEEN_FILE), ("aliased_then", ALIASES_FILE)):
            run.run(f"CREATE TEMP VIEW {name} AS SELECT * FROM read_parquet({lit(str(base.folder / file))})")
        run.run("CREATE TEMP TABLE seen_now AS SELECT * FROM seen_then UNION SELECT * FROM seen_new")
    run.run("CREATE TEMP VIEW aliased_now AS SELECT * FROM aliased_then UNION SELECT * FROM aliased_new")


def _newest_statements(links: str) -> str:
    """Build the SQL of what was last said of each pair of ids."""
    return f"""
        SELECT anonymous_id, user_id, origin, linked_at, ingested_at, coalesce(undone, false) AS undone FROM {links}
        QUALIFY row_number() OVER (PARTITION BY anonymous_id, user_id
            ORDER BY ingested_at DESC, linked_at DESC, undone DESC) = 1"""


def _follow_aliases(run: Engine, when: str) -> None:
    """Make ``canon_<when>``: user_id and the user it is now known as, where that is another."""
    # Most earlier ids are those of devices; only those that are users' ids matter here.
    table = run.arrow(f"""
        WITH said AS (
            SELECT previous, user_id, t, i, s FROM aliased_{when} a WHERE {_not_undone("a.previous", "a.user_id", when)}
            UNION ALL SELECT anonymous_id, user_id, epoch_us(linked_at), epoch_us(ingested_at), 0
            FROM stated_{when} WHERE origin = {lit(ALIAS_EVENT)} AND NOT undone)
        SELECT * FROM said WHERE previous IN (SELECT user_id FROM said)
            OR previous IN (SELECT user_id FROM stated_{when})
            OR previous IN (SELECT user_id FROM seen_{when} WHERE user_id IS NOT NULL)""")
    previous, user, *moment = (column.to_pylist() for column in table.columns)
    ends = follow(Alias(p, u, m) for p, u, m in zip(previous, user, zip(*moment, strict=True), strict=True))
    ids = {"user_id": pa.array(list(ends), pa.string()), "canonical": pa.array(list(ends.values()), pa.string())}
    run.load(f"canon_{when}", pa.table(ids))


def _link_devices(run: Engine, when: str) -> None:
    """Make ``pairs_<when>`` and ``homes_<when>``: the users of each linked device that has lonely events."""
    lonely = f"(SELECT anonymous_id FROM seen_{when} WHERE user_id IS NULL)"
    run.run(f"CREATE TEMP TABLE pairs_{when} AS {pairs(when)} AND p.anonymous_id IN {lonely}")
    run.run(f"""
        CREATE TEMP TABLE homes_{when} AS
        SELECT anonymous_id, count(*) AS users, min(user_id) AS first_user, bit_xor(hash(user_id)) AS signature
        FROM pairs_{when} GROUP BY anonymous_id""")


def _find_moved(run: Engine, limit: int) -> None:
    """Make ``moved``: devices whose compiled lonely events may belong to somebody else now."""
    run.run(f"""
        CREATE TEMP TABLE moved AS SELECT anonymous_id
        FROM (SELECT DISTINCT anonymous_id FROM seen_then WHERE user_id IS NULL)
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
    late = f"events WHERE epoch_us(ingested_at) <= {base.ingested_us}"
    late_devices = f"(SELECT anonymous_id FROM {late} AND user_id IS NULL)"
    run.run(f"""
        INSERT INTO rebuilt SELECT DISTINCT key FROM (
            SELECT 'a:' || anonymous_id FROM moved
            UNION ALL {linked.format(when="then", devices="(FROM moved)")}
            UNION ALL {linked.format(when="now", devices="(FROM moved)")}
            UNION ALL SELECT unnest(['u:' || coalesce(t.canonical, user_id), 'u:' || coalesce(n.canonical, user_id)])
                FROM canon_then t FULL JOIN canon_now n USING (user_id) WHERE t.canonical IS DISTINCT FROM n.canonical
            UNION ALL SELECT 'u:' || coalesce(c.canonical, user_id)
                FROM (SELECT user_id FROM {late} AND user_id IS NOT NULL) LEFT JOIN canon_now c USING (user_id)
            UNION ALL SELECT 'a:' || anonymous_id FROM {late_devices}
            UNION ALL {linked.format(when="now", devices=late_devices)}) AS k(key)""")


def _find_shared(run: Engine, limit: int, *, everything: bool) -> None:
    """Make ``shared``: devices of several users (not too many) whose lonely events are to be compiled."""
    asked = """AND (anonymous_id IN (SELECT anonymous_id FROM seen_new WHERE user_id IS NULL)
        OR anonymous_id IN (SELECT anonymous_id FROM pairs_now WHERE 'u:' || user_id IN (FROM rebuilt)))"""
    run.run(f"""
        CREATE TEMP TABLE shared AS SELECT anonymous_id FROM homes_now
        WHERE users BETWEEN 2 AND {limit} {"" if everything else asked}""")


def _assign_shared(run: Engine) -> None:
    """Make ``assigned``: for a shared device and each moment of a lonely event on it, whose that event is."""
    if run.row("SELECT count(*) FROM shared") == (0,):
        run.run("CREATE TEMP TABLE assigned (anonymous_id VARCHAR, instant TIMESTAMPTZ, user_id VARCHAR)")
        return
    columns = 'user_id, anonymous_id, "timestamp" AS instant, ingested_at AS i, "sequence" AS s'
    run.run(f"""
        CREATE TEMP VIEW on_shared AS SELECT * FROM (
            SELECT {columns} FROM events UNION ALL SELECT {columns} FROM old_events)
        WHERE anonymous_id IN (FROM shared)""")
    run.run(f"""
        CREATE TEMP TABLE moments AS SELECT anonymous_id, instant, arg_min(u, row(i, s, u)) AS user_id FROM (
            SELECT p.anonymous_id, p.instant, p.i, p.s, coalesce(c.canonical, p.user_id) AS u FROM (
                SELECT anonymous_id, user_id, instant, i, s FROM on_shared WHERE user_id IS NOT NULL
                UNION ALL SELECT anonymous_id, user_id, linked_at, ingested_at, -1 FROM stated_now) p
            LEFT JOIN canon_now c ON c.user_id = p.user_id
            WHERE {_not_undone("p.anonymous_id", "p.user_id", "now")})
        GROUP BY ALL""")
    run.run("""
        CREATE TEMP TABLE assigned AS
        SELECT l.anonymous_id, l.instant, coalesce(m.user_id, z.user_id) AS user_id
        FROM (SELECT DISTINCT anonymous_id, instant FROM on_shared WHERE user_id IS NULL) l
        ASOF LEFT JOIN moments m ON l.anonymous_id = m.anonymous_id AND l.instant <= m.instant
        LEFT JOIN (SELECT anonymous_id, arg_max(user_id, instant) AS user_id FROM moments GROUP BY ALL) z
            ON z.anonymous_id = l.anonymous_id""")


def _show_keyed(run: Engine) -> None:
    """Make ``keyed`` and ``keys``; joins that could find nothing are left out."""
    joins, user, whens = "", "e.user_id", []
    lonely = "CASE WHEN e.user_id IS NULL THEN e.anonymous_id END"
    if run.row("SELECT count(*) FROM canon_now") != (0,):
        joins, user = " LEFT JOIN canon_now c ON c.user_id = e.user_id", "coalesce(c.canonical, e.user_id)"
    run.run("CREATE TEMP TABLE single AS SELECT anonymous_id, first_user FROM homes_now WHERE users = 1")
    if run.row("SELECT count(*) FROM single") != (0,):
        joins += f" LEFT JOIN single h ON h.anonymous_id = {lonely}"
        whens.append("WHEN h.first_user IS NOT NULL THEN 'u:' || h.first_user")
    known, unknown = f"CASE WHEN e.user_id IS NOT NULL THEN 'u:' || {user}", "ELSE 'a:' || e.anonymous_id END"
    # Who gets the events of a shared device depends on their times, which the pairs of ids do not have.
    run.run(f"""
        CREATE TEMP TABLE keys AS SELECT {" ".join([known, *whens, unknown])} AS key FROM seen_new e{joins}
            WHERE e.user_id IS NOT NULL OR e.anonymous_id NOT IN (FROM shared)
        UNION SELECT 'u:' || user_id FROM assigned UNION FROM rebuilt""")
    if run.row("SELECT count(*) FROM assigned") != (0,):
        joins += f' LEFT JOIN assigned s ON s.anonymous_id = {lonely} AND s.instant = e."timestamp"'
        whens.append("WHEN s.user_id IS NOT NULL THEN 'u:' || s.user_id")
    keyed = f"SELECT e.*, {' '.join([known, *whens, unknown])} AS key FROM {{events}} e{joins}"
    again = f" UNION ALL FROM ({keyed.format(events='old_events')}) WHERE key IN (FROM rebuilt)"
    none_rebuilt = run.row("SELECT count(*) FROM rebuilt") == (0,)
    run.run(f"CREATE TEMP VIEW keyed AS {keyed.format(events='events')}{'' if none_rebuilt else again}")
