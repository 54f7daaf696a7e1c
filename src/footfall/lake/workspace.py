"""A workspace on disk: its settings, its secret, its tables and folders."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import json
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from footfall.config import FILE, TEMPLATE, checked, load
from footfall.errors import WorkspaceError
from footfall.lake.engine import Engine, engine
from footfall.lake.tables import Tables

ERASURES: Final = "erasures.jsonl"
"""The audit of erasures, one JSON object per line: who (keyed hash), when, and what was removed; see ``_traces``."""


@dataclasses.dataclass(frozen=True)
class Erased:
    """Someone who was erased.

    Attributes:
        who: Keyed hash of the id.
        at: When; rows before that moment stay out for good.
    """

    who: str
    at: dt.datetime


class Workspace:
    """One workspace.

    Attributes:
        path: Its folder.
        settings: What it is set to.
        tables: Its Delta tables.
    """

    def __init__(self, path: Path) -> None:
        """Open a workspace.

        Args:
            path: A folder with ``footfall.toml``.

        Raises:
            WorkspaceError: It is none.
        """
        self.path = path
        self.settings = load(path)
        self.tables = Tables(path / "lake")
        self.tables.create()

    @classmethod
    def init(cls, path: Path, *, currency: str = "USD", timezone: str = "UTC") -> Workspace:
        """Make a new workspace.

        Args:
            path: A folder that does not exist, or is empty.
            currency: ISO 4217 code.
            timezone: IANA zone.

        Raises:
            WorkspaceError: The folder holds something already.
            ConfigError: The currency or the zone cannot be used; nothing is made.
        """
        # Before anything is written: a folder with settings that cannot be used could be neither opened nor made anew.
        checked("currency", currency, str(path))
        checked("timezone", timezone, str(path))
        whole = path.absolute()
        if re.search(r"%[0-9a-fA-F]{2}", str(whole)):
            raise WorkspaceError(f"{whole} cannot be a workspace: Delta Lake takes the % for a code; rename it")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            what = "is a workspace already" if (path / FILE).exists() else "exists and is not empty"
            raise WorkspaceError(f"{path} {what}; give a folder that does not exist or is empty")
        path.mkdir(parents=True, exist_ok=True)
        (path / FILE).write_text(TEMPLATE.format(currency=currency, timezone=timezone), "utf-8")
        descriptor = os.open(path / ".secret", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        return cls(path)

    @property
    def secret(self) -> bytes:
        """The key of all keyed hashes of this workspace (addresses, agents, erased ids)."""
        return bytes.fromhex((self.path / ".secret").read_text().strip())

    def erased(self) -> list[Erased]:
        """Return everyone who was erased from this workspace, under keyed hashes."""
        return [Erased(line["who"], dt.datetime.fromisoformat(line["at"])) for line in self._audit() if "who" in line]

    def erased_events(self) -> set[str]:
        """Return the erased events that name nobody but were somebody's, as keyed hashes of their ids."""
        return {event for line in self._audit() for event in line.get("events", ())}

    def _audit(self) -> list[dict[str, Any]]:
        path = self.path / "lake" / ERASURES
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]

    @property
    def histories_root(self) -> Path:
        """Where compiled histories lie, one folder per lake version."""
        return self.path / "histories"

    @contextlib.contextmanager
    def engine(self) -> Iterator[Engine]:
        """Open a DuckDB connection with all tables as views."""
        with engine(self.tables, self.settings) as opened:
            yield opened
