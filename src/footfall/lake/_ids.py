"""The distinct pairs of ids in events, collected within bounded memory, and kept from one compile to the next."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from footfall.events.identity import ALIAS_EVENT
from footfall.events.readers._base import lit
from footfall.lake.engine import Engine, scan, sql_list

SEEN_FILE: Final = "seen.parquet"
ALIASES_FILE: Final = "aliases.parquet"

PAIR_BYTES: Final = 100
"""What the engine needs at most for one distinct pair while it groups."""


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


def collect(run: Engine, events: Sequence[str], base: Base | None, memory_bytes: int) -> None:
    """Make ``seen_*`` (distinct pairs) and ``aliased_*`` (alias events) of then, since then (``new``), and now.

    Args:
        run: Any engine.
        events: Files of ``events`` since the base.
        base: What was compiled before.
        memory_bytes: The engine's memory.
    """
    _collect_seen(run, events, memory_bytes)
    run.run(f"""
        CREATE TEMP TABLE aliased_new AS SELECT previous, user_id, m[1] AS t, m[2] AS i, m[3] AS s FROM (
            SELECT anonymous_id AS previous, user_id,
                max(row(epoch_us("timestamp"), epoch_us(ingested_at), coalesce("sequence", 0))) AS m
            FROM ({scan("events", events)})
            WHERE event_type = {lit(ALIAS_EVENT)} AND anonymous_id IS NOT NULL AND user_id IS NOT NULL
            GROUP BY ALL)""")
    if base is None:
        run.run("CREATE TEMP VIEW seen_then AS SELECT * FROM seen_new WHERE false")
        run.run("CREATE TEMP VIEW aliased_then AS SELECT * FROM aliased_new WHERE false")
        run.run("CREATE TEMP VIEW seen_now AS SELECT * FROM seen_new")
    else:
        for name, file in (("seen_then", SEEN_FILE), ("aliased_then", ALIASES_FILE)):
            run.run(f"CREATE TEMP VIEW {name} AS SELECT * FROM read_parquet({lit(str(base.folder / file))})")
        run.run("""
            CREATE TEMP TABLE seen_known AS SELECT n.rowid AS place FROM seen_then t JOIN seen_new n
            ON n.user_id IS NOT DISTINCT FROM t.user_id AND n.anonymous_id IS NOT DISTINCT FROM t.anonymous_id""")
        run.run("""
            CREATE TEMP VIEW seen_now AS SELECT * FROM seen_then
            UNION ALL SELECT * FROM seen_new WHERE rowid NOT IN (FROM seen_known)""")
    run.run("CREATE TEMP VIEW aliased_now AS SELECT * FROM aliased_then UNION SELECT * FROM aliased_new")


def _collect_seen(run: Engine, events: Sequence[str], memory_bytes: int) -> None:
    """Make ``seen_new``; more pairs than memory holds are grouped file by file first, and then bucket by bucket."""
    run.run("CREATE TEMP TABLE seen_new (user_id VARCHAR, anonymous_id VARCHAR)")
    rows = max(memory_bytes // 2 // PAIR_BYTES, 1)
    chunks = _chunks(run, events, rows)
    pairs = "SELECT user_id, anonymous_id FROM ({}) GROUP BY ALL"
    if len(chunks) == 1:
        run.run(f"INSERT INTO seen_new {pairs.format(scan('events', chunks[0]))}")
        return
    buckets = 2
    while buckets < len(chunks):  # as many as there are chunks: then even nothing but new pairs fits
        buckets *= 2
    home = run.scratch / "pairs"
    home.mkdir()
    bucket = f"CAST(hash(coalesce(anonymous_id, user_id)) & {buckets - 1} AS INTEGER) AS bucket"
    for i, chunk in enumerate(chunks):
        run.run(f"""
            COPY (SELECT *, {bucket} FROM ({pairs.format(scan("events", chunk))}))
            TO {lit(str(home / str(i)))} (FORMAT parquet, COMPRESSION lz4, PARTITION_BY (bucket))""")
    for i in range(buckets):
        files = [str(path) for path in sorted(home.glob(f"*/bucket={i}/*.parquet"))]
        if files:
            relation = f"FROM read_parquet({sql_list(files)}, hive_partitioning = false)"
            run.run(f"INSERT INTO seen_new {pairs.format(relation)}")


def _chunks(run: Engine, events: Sequence[str], most_rows: int) -> list[list[str]]:
    """Cut the list of files into pieces of about so many rows; at least one piece."""
    if not events:
        return [[]]
    sizes = run.arrow(f"SELECT file_name, num_rows FROM parquet_file_metadata({sql_list(events)})")
    chunks: list[list[str]] = [[]]
    filled = 0
    for file, rows in zip(sizes["file_name"].to_pylist(), sizes["num_rows"].to_pylist(), strict=True):
        if filled and filled + rows > most_rows:
            chunks.append([])
            filled = 0
        chunks[-1].append(file)
        filled += rows
    return chunks


def save(run: Engine, folder: Path) -> None:
    """Keep the pairs of ids of everything compiled so far, for the next time.

    Args:
        run: ``collect`` ran in it.
        folder: An existing folder.
    """
    for table, name in (("seen_now", SEEN_FILE), ("aliased_now", ALIASES_FILE)):
        run.run(f"COPY (SELECT * FROM {table}) TO {lit(str(folder / name))} (FORMAT parquet)")
