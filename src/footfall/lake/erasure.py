"""Erasure of a person: from every table, from old files and the log, from compiled histories; with an audit.

Under the locks of writing and compiling: a journal of the ids is written, files that hold the person are rewritten
without, old files and the old log go, histories go, the audit gets its lines, the journal goes. Killed at any moment,
the next erasure (of anyone; the same command run again) finishes from the journal first.

Afterwards no file of the workspace holds the person's rows. Not touched: the catalogue, other people's texts that speak
of the person (they are counted), exports and copies made elsewhere. Rows of before the erasure stay out for good:
ingest knows erased ids by keyed hashes.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow.parquet as pq

from footfall.errors import InputError
from footfall.events.readers._base import lit, q
from footfall.lake._person import (
    PERSONAL,
    SharedDevice,
    count_mentions,
    find_person,
    is_theirs,
    load_person,
    names_them,
)
from footfall.lake._quality_ingests import DUPLICATES_BEFORE, noted
from footfall.lake._traces import (
    Journal,
    append_audit,
    bundles_before,
    erased_at,
    histories_lock,
    remove_histories,
)
from footfall.lake.engine import Engine, remove_dead_scratch, scan
from footfall.lake.tables import Tables, WrittenFile
from footfall.lake.workspace import Workspace
from footfall.lake.write import PARQUET
from footfall.results import Result


@dataclasses.dataclass(frozen=True)
class ErasedRows:
    """What was removed from one table.

    Attributes:
        table: Its name.
        rows: Rows removed.
    """

    table: str
    rows: int


@dataclasses.dataclass(frozen=True)
class ErasureReport(Result):
    """What was erased, or would be.

    Attributes:
        user_id: The id that was asked for.
        dry_run: Nothing was changed; the report says what would be.
        at: The moment of the erasure, ISO 8601; None for a dry run.
        user_ids: The person's user ids, earlier ones included.
        anonymous_ids: The person's devices: linked to nobody else.
        shared_devices: Devices of others too; their events without a user stay where they are not the person's.
        tables: Rows per table.
        cleared: Rows of others that stay, without the id of the device they named.
        mentions: Rows of others that name the person in their properties; they stay as they are.
        histories: Compiled versions that were removed; they are compiled anew when they are needed.
        retrain: Bundles trained on data with this person, as paths in the workspace.
        lake_version_before: The lake's version before.
        lake_version: The lake's version now.
        remarks: What else should be said.
    """

    rows_field = "tables"
    user_id: str
    dry_run: bool
    at: str | None
    user_ids: Sequence[str]
    anonymous_ids: Sequence[str]
    shared_devices: Sequence[SharedDevice]
    tables: Sequence[ErasedRows]
    cleared: int
    mentions: int
    histories: Sequence[str]
    retrain: Sequence[str]
    lake_version_before: str
    lake_version: str
    remarks: Sequence[str] = ()

    def headline(self) -> str:
        """Say what was removed."""
        rows = sum(table.rows for table in self.tables)
        verb = "would remove" if self.dry_run else "removed"
        return f"{verb} {rows:,} rows of {self.user_id}; lake version {self.lake_version}"

    def notes(self) -> Sequence[str]:
        """Say which ids were meant, what stays, and what has to be made anew."""
        lines = [
            f"{name}: {', '.join(ids)}"
            for name, ids in (("user ids", self.user_ids), ("anonymous ids", self.anonymous_ids))
            if ids
        ]
        lines += [
            f"kept: {d.others:,} events without a user of {d.anonymous_id}, a device that {d.users:,} users share"
            for d in self.shared_devices
        ]
        if self.cleared:
            lines.append(f"{self.cleared:,} rows of other users stay, without the id of the device they named")
        if self.mentions:
            lines.append(f"{self.mentions:,} rows of other users name this person in their properties, and stay")
        if self.histories:
            verb = "would be removed" if self.dry_run else "removed"
            lines.append(f"histories {verb}: {', '.join(self.histories)}; run: footfall compile")
        lines += [f"retrain: {path} was trained on data with this person" for path in self.retrain]
        return [*lines, *self.remarks]


def erase(workspace: Workspace, user_id: str, *, dry_run: bool = False) -> ErasureReport:
    """Remove a person from every table, for good.

    Args:
        workspace: Where.
        user_id: A user id, or an anonymous id. Of a user, all earlier ids that aliases lead from and all devices linked
            to nobody else go too; a device that is linked to exactly one user stands for that user.
        dry_run: Change nothing; report what would be removed.

    Raises:
        InputError: The lake knows nobody of that id.
        LakeError: Another process has been writing or compiling for an hour.
    """
    given = user_id.strip()
    if not given:
        raise InputError("erase needs a user id or an anonymous id, got a blank")
    if dry_run:
        plan = _plan(workspace, given)
        if plan is None:
            return _nothing(workspace, given, dry_run=True)
        versions = [p.name for p in _compiled(workspace)]
        return _report(workspace, plan, versions, workspace.tables.version(), dry_run=True)
    with histories_lock(workspace), workspace.tables.lock():
        before = Journal.read(workspace)
        finished = None if before is None else _carry_out(workspace, before)
        plan = _plan(workspace, given)
        if plan is not None:
            plan.write(workspace)
            return _carry_out(workspace, plan)
        if finished is not None and before is not None and given in before.ids:
            remark = "an erasure that was cut short has been finished; the numbers are those it began with"
            return dataclasses.replace(finished, user_id=given, remarks=(*finished.remarks, remark))
        return _nothing(workspace, given, dry_run=False)


def _plan(workspace: Workspace, given: str) -> Journal | None:
    """Find the person and count the rows, or return None where there is nobody."""
    with workspace.engine() as run:
        person = find_person(workspace, run, given)
        if person is None:
            return None
        load_person(run, person.user_ids, person.anonymous_ids, person.event_ids)
        removed, cleared = {}, 0
        for table in PERSONAL:
            counts = run.row(
                f"SELECT count(*) FILTER ({is_theirs(table)}), count(*) FILTER ({names_them(table)}) FROM {table}"
            )
            removed[table] = int(str(counts[0]))
            cleared += int(str(counts[1]))
        return Journal(
            erasure=uuid.uuid4().hex,
            at=dt.datetime.now(dt.UTC).isoformat(),
            given=given,
            user_ids=person.user_ids,
            anonymous_ids=person.anonymous_ids,
            event_ids=person.event_ids,
            shared_devices=[dataclasses.asdict(d) for d in person.shared_devices],
            removed=removed,
            cleared=cleared,
            mentions=count_mentions(run, person),
            lake_version_before=workspace.tables.version(),
        )


def _carry_out(workspace: Workspace, journal: Journal) -> ErasureReport:
    """Do what the journal says; every step may have been done before."""
    tables = workspace.tables
    with workspace.engine() as run:
        load_person(run, journal.user_ids, journal.anonymous_ids, journal.event_ids)
        for table in PERSONAL:
            _rewrite(run, tables, table, journal.erasure)
    for table in PERSONAL:
        kept = {DUPLICATES_BEFORE: str(noted(tables).duplicates)} if table == "events" else {}
        tables.forget(table, {"erasure": journal.erasure} | kept)
    removed = remove_histories(workspace)
    in_use = remove_dead_scratch(tables)
    version = tables.version()
    append_audit(workspace, journal, version)
    Journal.remove(workspace)
    report = _report(workspace, journal, removed, version, dry_run=False)
    if in_use:
        remark = f"{in_use} scratch folders of running commands may hold old rows until those commands end"
        report = dataclasses.replace(report, remarks=(*report.remarks, remark))
    return report


_TIME_COLUMN: Final[Mapping[str, str]] = {"events": "timestamp"}
"""Table to the column that file statistics are kept for; of all others it is ``ingested_at``."""


def _rewrite(run: Engine, tables: Tables, table: str, erasure: str) -> None:
    """Replace every file of a table that holds the person by one without, in one commit."""
    files = tables.files(table)
    if not files:
        return
    theirs, named = is_theirs(table), names_them(table)
    hit = run.arrow(
        f"SELECT filename, count(*) FILTER (NOT coalesce({theirs}, false)) AS kept FROM "
        f"({scan(table, files, named=True)}) GROUP BY filename HAVING bool_or({theirs}) OR bool_or({named})"
    ).to_pylist()
    written = [_without(run, tables, table, row["filename"], row["kept"]) for row in hit if row["kept"]]
    if hit:
        tables.commit(table, written, {"erasure": erasure}, removed=[row["filename"] for row in hit])


def _without(run: Engine, tables: Tables, table: str, file: str, rows: int) -> WrittenFile:
    """Write a file's rows but the person's to a new file of the same columns."""
    path = tables.root / table / f"part-{uuid.uuid4().hex}.parquet"
    time_column = _TIME_COLUMN.get(table, "ingested_at")
    columns = pq.read_schema(file).names
    shown = {c: q(c) for c in columns}
    if "anonymous_id" in columns:
        shown["anonymous_id"] = f"CASE WHEN {names_them(table)} THEN NULL ELSE anonymous_id END AS anonymous_id"
    run.run(
        f"COPY (SELECT {', '.join(shown.values())} FROM ({scan(table, [file])}) "
        f"WHERE NOT coalesce({is_theirs(table)}, false)) TO {lit(str(path))} {PARQUET}"
    )
    low, high = run.row(
        f"SELECT epoch_us(min({q(time_column)})), epoch_us(max({q(time_column)})) FROM ({scan(table, [str(path)])})"
    )
    span = None if low is None else (int(str(low)), int(str(high)))
    return WrittenFile(path, rows, span, time_column)


def _compiled(workspace: Workspace) -> list[Any]:
    root = workspace.histories_root
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")) if root.exists() else []


def _nothing(workspace: Workspace, given: str, *, dry_run: bool) -> ErasureReport:
    """Report on somebody of whom nothing is held, because of an earlier erasure; anybody else is a mistake."""
    at = erased_at(workspace, given)
    if at is None:
        raise InputError(
            f"nothing is held of {given!r}: no event, refused row or link has it as user_id or anonymous_id; "
            "ids are compared exactly, capitals and leading zeros included"
        )
    version = workspace.tables.version()
    return ErasureReport(
        user_id=given,
        dry_run=dry_run,
        at=None,
        user_ids=(),
        anonymous_ids=(),
        shared_devices=(),
        tables=tuple(ErasedRows(table, 0) for table in PERSONAL),
        cleared=0,
        mentions=0,
        histories=(),
        retrain=(),
        lake_version_before=version,
        lake_version=version,
        remarks=(f"nothing is held of {given}; it was erased at {at}",),
    )


def _report(
    workspace: Workspace, journal: Journal, histories: Sequence[str], version: str, *, dry_run: bool
) -> ErasureReport:
    return ErasureReport(
        user_id=journal.given,
        dry_run=dry_run,
        at=None if dry_run else journal.at,
        user_ids=tuple(journal.user_ids),
        anonymous_ids=tuple(journal.anonymous_ids),
        shared_devices=tuple(SharedDevice(**d) for d in journal.shared_devices),
        tables=tuple(ErasedRows(table, n) for table, n in journal.removed.items()),
        cleared=journal.cleared,
        mentions=journal.mentions,
        histories=tuple(histories),
        retrain=tuple(bundles_before(workspace, journal.lake_version_before)),
        lake_version_before=journal.lake_version_before,
        lake_version=version,
    )
