"""Everything the lake holds about a person, as one JSONL document: a manifest, then every row of every table."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from footfall._version import __version__
from footfall.errors import InputError
from footfall.lake._person import PERSONAL, Person, SharedDevice, find_person, is_theirs, load_person
from footfall.lake._traces import erased_at
from footfall.lake.engine import Engine
from footfall.lake.workspace import Workspace
from footfall.results import Result

_ORDER: Final[Mapping[str, str]] = {
    "events": '"timestamp", ingested_at, "sequence", event_id',
    "rejects": "ingested_at, file, line, reject_id",
    "links": "ingested_at, anonymous_id, user_id",
}
_BATCH_ROWS: Final = 10_000


@dataclasses.dataclass(frozen=True)
class HeldRows:
    """What one table holds about a person.

    Attributes:
        table: Its name.
        rows: Number of rows.
    """

    table: str
    rows: int


@dataclasses.dataclass(frozen=True)
class ExportReport(Result):
    """What is held about a person.

    Attributes:
        user_id: The id that was asked for.
        dry_run: Rows were only counted.
        user_ids: The person's user ids, earlier ones included.
        anonymous_ids: The person's devices: linked to nobody else.
        shared_devices: Devices of others too; what is not the person's there is not in the export.
        tables: Rows per table.
        out: The file that was written, or None.
        lake_version: The lake's version.
        data: Table to its rows, when no file was asked for; empty otherwise.
    """

    rows_field = "tables"
    user_id: str
    dry_run: bool
    user_ids: Sequence[str]
    anonymous_ids: Sequence[str]
    shared_devices: Sequence[SharedDevice]
    tables: Sequence[HeldRows]
    out: str | None
    lake_version: str
    data: Mapping[str, Sequence[Mapping[str, Any]]] = dataclasses.field(default_factory=dict)

    def headline(self) -> str:
        """Say how much there is, and where it is."""
        rows = sum(table.rows for table in self.tables)
        where = f", written to {self.out}" if self.out else ""
        return f"{rows:,} rows are held of {self.user_id}{where}"

    def notes(self) -> Sequence[str]:
        """Say which ids were meant, and what is not in it."""
        lines = [
            f"{name}: {', '.join(ids)}"
            for name, ids in (("user ids", self.user_ids), ("anonymous ids", self.anonymous_ids))
            if ids
        ]
        return lines + [
            f"left out: {d.others:,} events without a user of {d.anonymous_id}, a device that {d.users:,} users share"
            for d in self.shared_devices
        ]


def export_user(workspace: Workspace, user_id: str, *, dry_run: bool = False, out: Path | None = None) -> ExportReport:
    """Give everything that the lake holds about a person; the rows are those that ``erase`` would remove.

    The file has one JSON object per line. The first is the manifest: ids, lake version, number of rows per table. Each
    other one is a row, with its ``table``; values that are missing are left out, decimals keep all their digits, and
    ``properties`` is an object.

    Args:
        workspace: Where.
        user_id: A user id, or an anonymous id.
        dry_run: Only count.
        out: The file to write, readable by its owner only; without it the rows are in the report's ``data``.

    Raises:
        InputError: The lake knows nobody of that id, or the file cannot be written or exists already.
    """
    given = user_id.strip()
    if not given:
        raise InputError("export needs a user id or an anonymous id, got a blank")
    if out is not None and not dry_run:
        _check_target(out)
    with workspace.engine() as run:
        version = workspace.tables.version()
        person = find_person(workspace, run, given)
        if person is None:
            at = erased_at(workspace, given)
            why = f"it was erased at {at}" if at else "no event, refused row or link has it as user_id or anonymous_id"
            raise InputError(f"nothing is held of {given!r}: {why}")
        load_person(run, person.user_ids, person.anonymous_ids, person.event_ids)
        counts = {
            table: int(str(run.row(f"SELECT count(*) FROM {table} WHERE {is_theirs(table)}")[0])) for table in PERSONAL
        }
        data: dict[str, tuple[Mapping[str, Any], ...]] = {}
        if not dry_run and out is None:
            data = {table: tuple(_rows(run, table)) for table in PERSONAL}
        elif not dry_run and out is not None:
            _write(run, out, _manifest(person, version, counts))
    return ExportReport(
        user_id=given,
        dry_run=dry_run,
        user_ids=person.user_ids,
        anonymous_ids=person.anonymous_ids,
        shared_devices=person.shared_devices,
        tables=tuple(HeldRows(table, n) for table, n in counts.items()),
        out=str(out) if out is not None and not dry_run else None,
        lake_version=version,
        data=data,
    )


def _check_target(out: Path) -> None:
    if out.exists():
        raise InputError(f"{out} exists already; remove it, or give another file with --out")
    if not out.parent.is_dir():
        raise InputError(f"{out} cannot be written: {out.parent} is no folder; give another file with --out")


def _manifest(person: Person, version: str, counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "table": "manifest",
        "user_id": person.given,
        "user_ids": list(person.user_ids),
        "anonymous_ids": list(person.anonymous_ids),
        "shared_devices": [dataclasses.asdict(d) for d in person.shared_devices],
        "exported_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "lake_version": version,
        "footfall": __version__,
        "rows": dict(counts),
    }


def _rows(run: Engine, table: str) -> Iterator[dict[str, Any]]:
    """Yield the person's rows of a table, missing values left out."""
    sql = f"SELECT * FROM {table} WHERE {is_theirs(table)} ORDER BY {_ORDER.get(table, 'ALL')}"
    for batch in run.batches(sql, _BATCH_ROWS):
        for row in batch.to_pylist():
            yield {name: value for name, value in row.items() if value is not None}


def _write(run: Engine, out: Path, manifest: Mapping[str, Any]) -> None:
    """Write the document, whole or not at all."""
    temporary = out.with_name(f".{out.name}.{uuid.uuid4().hex}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(manifest, ensure_ascii=False) + "\n")
            for table in PERSONAL:
                for row in _rows(run, table):
                    file.write(_line({"table": table} | row) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(out)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _line(row: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{json.dumps(name)}: {_value(name, value)}" for name, value in row.items()) + "}"


def _value(name: str, value: Any) -> str:
    """Write a value as JSON; no digit of a decimal is lost, which a float could not promise."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, dt.datetime):
        return json.dumps(value.isoformat())
    if name == "properties" and _is_object(value):
        return str(value).replace("\r", " ").replace("\n", " ")  # JSON has line ends only between its parts
    return json.dumps(value, ensure_ascii=False)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
