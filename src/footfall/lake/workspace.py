"""A workspace on disk: its settings, its secret, its tables and folders."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from footfall import config
from footfall.errors import WorkspaceError
from footfall.lake.engine import Engine, engine
from footfall.lake.tables import Tables


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
        self.settings = config.load(path)
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
        """
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            what = "is a workspace already" if (path / config.FILE).exists() else "exists and is not empty"
            raise WorkspaceError(f"{path} {what}; give a folder that does not exist or is empty")
        path.mkdir(parents=True, exist_ok=True)
        (path / config.FILE).write_text(config.TEMPLATE.format(currency=currency, timezone=timezone), "utf-8")
        descriptor = os.open(path / ".secret", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        return cls(path)

    @property
    def secret(self) -> bytes:
        """The key of all keyed hashes of this workspace (addresses, agents, erased ids)."""
        return bytes.fromhex((self.path / ".secret").read_text().strip())

    @property
    def histories_root(self) -> Path:
        """Where compiled histories lie, one folder per lake version."""
        return self.path / "histories"

    @contextlib.contextmanager
    def engine(self) -> Iterator[Engine]:
        """Open a DuckDB connection with all tables as views."""
        with engine(self.tables, self.settings) as opened:
            yield opened
