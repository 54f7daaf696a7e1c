"""The rivals' virtual environment: made from ``requirements.txt`` when it is first needed."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Final

from _measure import HERE, output

HOME: Final = HERE / "work" / ".venv-rivals"
OWN: Final = ("footfall", "duckdb", "duckdb_unordered")
"""Tools that this interpreter has."""


def python_for(tool: str) -> str:
    """Return the interpreter that has a tool; makes the rivals' environment if need be, which takes a minute.

    Args:
        tool: Which ``_tool_<name>`` module.
    """
    return sys.executable if tool in OWN else str(_environment() / "bin" / "python")


def _environment() -> Path:
    wanted = hashlib.sha256((HERE / "requirements.txt").read_bytes()).hexdigest()
    made = HOME / ".made"
    if not made.exists() or made.read_text() != wanted:
        print(f"making the rivals' environment in {HOME.relative_to(HERE.parent)}", file=sys.stderr)
        output([sys.executable, "-m", "venv", "--clear", str(HOME)])
        pip = [str(HOME / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        output([*pip, "-r", str(HERE / "requirements.txt")])
        made.write_text(wanted)
    return HOME
