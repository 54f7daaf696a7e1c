"""DuckDB, asked in SQL that trusts the order of the table's rows; see ``_tool_duckdb``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import _tool_duckdb
from _tool_duckdb import VERSION_OF, answer, prepare

QUESTIONS: Final = tuple(_tool_duckdb.UNORDERED_SQL)


def ask(question: str, folder: Path) -> Any:
    """Do the work, without partitions and order."""
    return _tool_duckdb.ask(question, folder, ordered=False)


__all__ = ["QUESTIONS", "VERSION_OF", "answer", "ask", "prepare"]
