"""Writing one staged batch: rejects, catalogue rows and events, as Parquet files that are then committed."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa

from footfall.events import bots
from footfall.events.readers._base import Projection, Reader, lit
from footfall.lake import staging
from footfall.lake._mentions import values_in
from footfall.lake.catalogue import described, new_items_sql
from footfall.lake.engine import Engine
from footfall.lake.raw import RawFiles
from footfall.lake.report import IngestReport, Totals
from footfall.lake.secrecy import keyed_hash, keyed_hash_sql
from footfall.lake.tables import WrittenFile
from footfall.lake.tally import Tally
from footfall.lake.workspace import Erased, Workspace
from footfall.schema import EVENT_COLUMNS

PARQUET: Final = (
    "(FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 122880, "
    "DICTIONARY_SIZE_LIMIT 4096)"
)
"""A dictionary is tried for every column of text, and larger ones cost more to build than they save on disk."""


class Writer:
    """Takes one staged batch to the lake."""

    def __init__(
        self,
        workspace: Workspace,
        run: Engine,
        reader: Reader,
        projection: Projection,
        raw: RawFiles,
        now: dt.datetime,
        tally: Tally,
    ) -> None:
        """Remember the batch.

        Args:
            workspace: Where to.
            run: Holds ``staged``.
            reader: The batch's reader.
            projection: Its projection.
            raw: Its files.
            now: The moment of the ingest.
            tally: Adds up over batches.
        """
        self._workspace, self._run, self._reader, self._projection = workspace, run, reader, projection
        self._raw, self._now, self._tally = raw, now, tally
        self._ingest_id = uuid.uuid4().hex
        self._heeded: set[Erased] = set()
        self._now_sql = f"make_timestamptz({int(now.timestamp() * 1_000_000)})"
        self._has_ip = "ip" in projection.event
        self._has_agent = "user_agent" in projection.event

    @property
    def _exploded(self) -> bool:
        return self._projection.explode is not None

    def refuse_erased(self) -> None:
        """Refuse rows of erased people that lie before their erasure; of such a row nothing is kept.

        A row that names another user belongs to that one: it stays, without the device of the erased. Only what was
        erased since the last call is looked for: called once more under the lock, it costs nothing as a rule.
        """
        erased = [e for e in self._workspace.erased() if e not in self._heeded]
        if not erased:
            return
        self._heeded.update(erased)
        moments = pa.array([e.at for e in erased], pa.timestamp("us", "UTC"))
        table = pa.table({"who": pa.array([e.who for e in erased], pa.string()), "at": moments})
        self._run.load("erased", table)
        refused = "_reason = 'erased_user', _raw = NULL, user_id = NULL, anonymous_id = NULL"
        self._erase_staged("user_id", refused)
        self._erase_staged("anonymous_id", refused, "AND (staged.user_id IS NULL OR staged._reason IS NOT NULL)")
        self._erase_staged("anonymous_id", "anonymous_id = NULL")
        self._refuse_unread({e.who for e in erased})
        self._refuse_unnamed(refused)

    def _erase_staged(self, column: str, change: str, condition: str = "") -> None:
        who = keyed_hash_sql(f"staged.{column}", self._workspace.secret.hex())
        self._run.run(
            f"UPDATE staged SET {change} FROM erased WHERE erased.who = {who} "
            f'AND coalesce(staged."timestamp" < erased.at, true) {condition}'
        )

    def _refuse_unread(self, erased: set[str]) -> None:
        """Keep no line that could not be read and names someone erased: its user is not known, its text may tell."""
        lines = self._run.arrow(
            "SELECT rowid AS r, _raw FROM staged WHERE _raw IS NOT NULL AND user_id IS NULL AND anonymous_id IS NULL "
            'AND coalesce("timestamp" < (SELECT max("at") FROM erased), true)'
        )
        secret = self._workspace.secret
        gone = [
            r
            for r, raw in zip(lines["r"].to_pylist(), lines["_raw"].to_pylist(), strict=True)
            if any(keyed_hash(value, secret) in erased for value in values_in(raw))
        ]
        self._run.load("unread", pa.table({"r": pa.array(gone, pa.int64())}))
        self._run.run("UPDATE staged SET _reason = 'erased_user', _raw = NULL WHERE rowid IN (SELECT r FROM unread)")

    def _refuse_unnamed(self, refused: str) -> None:
        """Refuse events that name only a device of several users, and were erased as one user's."""
        events = self._workspace.erased_events()
        if events:
            self._run.load("erased_events", pa.table({"id": pa.array(sorted(events), pa.string())}))
            hashed = keyed_hash_sql(staging.event_id(exploded=self._exploded), self._workspace.secret.hex())
            self._run.run(
                f"UPDATE staged SET {refused} WHERE user_id IS NULL AND {hashed} IN (SELECT id FROM erased_events)"
            )

    def hash_addresses(self) -> None:
        """Replace addresses and agents by keyed hashes; known robots are flagged by their agent first."""
        self._run.run("CREATE OR REPLACE TEMP TABLE agents (agent VARCHAR, hashed VARCHAR, bot VARCHAR)")
        if not self._has_agent:
            return
        names = self._run.arrow("SELECT DISTINCT user_agent FROM staged WHERE user_agent IS NOT NULL")
        agents = names["user_agent"].to_pylist()
        flags = [bots.agent_reason(agent) for agent in agents]
        hashed = [keyed_hash(agent, self._workspace.secret) for agent in agents]
        columns = {"agent": agents, "hashed": hashed, "bot": flags}
        table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
        self._run.connection.register("agent_flags", table)
        self._run.run("INSERT INTO agents SELECT agent, hashed, bot FROM agent_flags")
        self._run.connection.unregister("agent_flags")

    def commit(self) -> IngestReport:
        """Write and commit everything; the workspace's lock must be held. Returns what was done."""
        reasons = self._counts("SELECT _reason, count(*) FROM staged WHERE _reason IS NOT NULL GROUP BY 1")
        doubles = self._counts("SELECT why, count(DISTINCT r) FROM dropped GROUP BY 1")
        read = int(str(self._run.row("SELECT count(*) FROM staged")[0]))
        rejected, duplicates = sum(reasons.values()), sum(doubles.values())
        as_read, as_accepted = self._tally.add(all_kept=rejected + duplicates == 0)
        self._write_rejects()
        items = self._write_items(all_kept=duplicates == 0)
        noted = {"ingested_us": int(self._now.timestamp() * 1_000_000), "duplicates": duplicates, "rejected": rejected}
        accepted, n_bots = self._write_events(noted)
        assert accepted + duplicates + rejected == read, "rows were lost between reading and writing"  # noqa: S101
        return self._report(read, accepted, reasons, doubles, as_read, as_accepted, items, n_bots)

    def commit_items_only(self) -> IngestReport:
        """Write and commit a file of the catalogue; the workspace's lock must be held. Returns what was done.

        A row is a duplicate if nothing new is known of its item after it.
        """
        reasons = self._counts("SELECT _reason, count(*) FROM staged WHERE _reason IS NOT NULL GROUP BY 1")
        read = int(str(self._run.row("SELECT count(*) FROM staged")[0]))
        self._write_rejects()
        items = self._write_items(all_kept=True)
        self._run.refresh("items", self._files_of_this("items"))
        self._run.run(
            "CREATE OR REPLACE TEMP TABLE dropped AS SELECT rowid AS r, 'known' AS why FROM staged "
            "WHERE _reason IS NULL AND i_item_id NOT IN (SELECT item_id FROM items)"
        )
        doubles = self._counts("SELECT why, count(*) FROM dropped GROUP BY 1")
        rejected, duplicates = sum(reasons.values()), sum(doubles.values())
        as_read, as_accepted = self._tally.add(all_kept=rejected + duplicates == 0, catalogue=True)
        accepted = read - rejected - duplicates
        return self._report(read, accepted, reasons, doubles, as_read, as_accepted, items, 0)

    def _report(
        self,
        read: int,
        accepted: int,
        reasons: dict[str, int],
        doubles: dict[str, int],
        as_read: Totals,
        as_accepted: Totals,
        items: int,
        n_bots: int,
    ) -> IngestReport:
        return IngestReport(
            source=self._reader.name,
            guessed=False,
            files=len(self._raw.inputs),
            read=read,
            accepted=accepted,
            duplicates=sum(doubles.values()),
            rejected=sum(reasons.values()),
            reasons=dict(sorted(reasons.items(), key=lambda kv: -kv[1])),
            duplicate_reasons=doubles,
            as_read=as_read,
            as_accepted=as_accepted,
            items=items,
            bots=n_bots,
            lake_version=self._workspace.tables.version(),
        )

    def _counts(self, sql: str) -> dict[str, int]:
        table = self._run.arrow(sql)
        names, counts = (table.column(i).to_pylist() for i in (0, 1))
        return dict(zip(names, counts, strict=True))

    def _columns(self) -> set[str]:
        """Return the columns of ``staged`` that hold anything, and those that every event has."""
        names = self._run.arrow("SELECT column_name FROM duckdb_columns() WHERE table_name = 'staged'")
        every = [n for n in names["column_name"].to_pylist() if n in EVENT_COLUMNS]
        counts = self._run.row("SELECT " + ", ".join(f'count("{n}")' for n in every) + " FROM staged")
        return {name for name, n in zip(every, counts, strict=True) if n} | {"timestamp", "event_type"}

    def _new_file(self, table: str) -> Path:
        return self._workspace.tables.root / table / f"part-{self._ingest_id}-{uuid.uuid4().hex[:8]}.parquet"

    def _copy(self, table: str, sql: str, time_column: str, noted: Mapping[str, int] | None = None) -> int:
        """Write a query's rows into the table's folder and commit the file. Returns the number of rows."""
        path = self._new_file(table)
        self._run.run(f"COPY ({sql}) TO '{str(path).replace(chr(39), chr(39) * 2)}' {PARQUET}")
        quoted = f"read_parquet({lit(str(path))})"
        rows, low, high = self._run.row(
            f'SELECT count(*), epoch_us(min("{time_column}")), epoch_us(max("{time_column}")) FROM {quoted}'
        )
        if not rows:
            path.unlink()
            return 0
        span = None if low is None else (int(str(low)), int(str(high)))
        written = WrittenFile(path, int(str(rows)), span, time_column)
        metadata = {"ingest": self._ingest_id, "source": self._reader.name}
        metadata |= {name: str(n) for name, n in (noted or {}).items()}
        self._workspace.tables.commit(table, [written], metadata)
        return written.rows

    def _write_rejects(self) -> None:
        """Keep what was refused; a row that was refused before is not kept twice."""
        kept = (
            f"SELECT {lit(self._reader.name)} AS source, _file AS file, _line AS line, _reason AS reason, "
            "_detail AS detail, coalesce(user_id, anonymous_id) AS user_id, _raw AS raw FROM staged "
            "WHERE _reason IS NOT NULL AND _reason <> 'erased_user'"
        )
        self._run.refresh("rejects", self._workspace.tables.files("rejects"))
        whens = " ".join(f"WHEN {lit(read)} THEN {lit(given)}" for read, given in self._raw.names.items())
        file = f"CASE file {whens} ELSE file END" if whens else "file"
        # Equal refused rows of one file are numbered: each is kept once, however often the file is read.
        place = f"row_number() OVER (PARTITION BY parse_filename({file}), reason, raw)"
        key = f"md5(concat_ws('|', source, parse_filename({file}), reason, coalesce(raw, ''), {place}))"
        columns = f"source, {file} AS file, line, reason, detail, user_id, raw, {self._now_sql} AS ingested_at"
        sql = (
            f"SELECT * FROM (SELECT {key} AS reject_id, {columns} FROM ({kept})) "
            "WHERE reject_id NOT IN (SELECT reject_id FROM rejects)"
        )
        self._copy("rejects", sql, "ingested_at")

    def _files_of_this(self, table: str) -> list[str]:
        return [f for f in self._workspace.tables.files(table) if self._ingest_id in f]

    def _write_items(self, *, all_kept: bool) -> int:
        """Add what the rows say of their items where it differs from what is known. Returns the rows added."""
        own = self._reader.target == "items" and staging.has_properties(self._projection, self._raw)
        if not described(self._projection, properties=own):
            return 0
        self._run.refresh("items", self._workspace.tables.files("items"))
        new = new_items_sql(self._projection, self._reader.name, self._now_sql, properties=own, all_kept=all_kept)
        return self._copy("items", new, "seen_at")

    def _write_events(self, noted: Mapping[str, int]) -> tuple[int, int]:
        """Write the accepted rows and note numbers in the log. Returns how many, and how many are flagged as robots."""
        held = self._columns()
        given = {c: f'staged."{c}"' for c in EVENT_COLUMNS if c in held}
        given |= {
            "event_id": staging.event_id(exploded=self._exploded),
            "ingested_at": self._now_sql,
            "source": lit(self._reader.name),
            "sequence": "staged.rowid",
        }
        if self._has_agent:
            given |= {"bot": "agents.bot", "user_agent": "agents.hashed"}
        if self._has_ip:
            given["ip"] = keyed_hash_sql("staged.ip", self._workspace.secret.hex())
        # Columns that the source lacks are not written: to a reader of the table they are null, and cost nothing.
        shown = ", ".join(f'CAST({given[c]} AS {kind}) AS "{c}"' for c, kind in EVENT_COLUMNS.items() if c in given)
        join = "LEFT JOIN agents ON agents.agent = staged.user_agent" if self._has_agent else ""
        none = self._run.row("SELECT count(*) FROM dropped") == (0,)
        unless = "" if none else "AND staged.rowid NOT IN (SELECT r FROM dropped)"
        sql = f"SELECT {shown} FROM staged {join} WHERE _reason IS NULL {unless}"
        n = self._copy("events", sql, "timestamp", noted)
        if not self._has_agent:
            return n, 0
        flagged = self._run.row(
            f"SELECT count(*) FROM staged {join} WHERE _reason IS NULL AND agents.bot IS NOT NULL {unless}"
        )
        return n, int(str(flagged[0]))
