"""Keyed hashes: how addresses, agents and erased ids are kept; without the workspace's key they say nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

LABELS: Final = {"ip": "(ip)", "user_agent": "(user agent)"}
"""What stands for an address or an agent in the text of a refused row."""

_TRACES: Final = (
    (r"\b\d{1,3}(\.\d{1,3}){3}\b", "(ip)"),
    (r"(?i)\b[0-9a-f]{1,4}(:[0-9a-f]{0,4}){3,7}\b", "(ip)"),
    (r'(?i)("[^"]*agent[^"]*"\s*:\s*)"([^"\\]|\\.)*"?', '\\1"(user agent)"'),
    (r'\b(Mozilla|Opera|Dalvik)/\d[^"]*', "(user agent)"),
    (r"\b[A-Za-z][\w.-]*/\d+(\.\d+)+", "(user agent)"),
)
"""How addresses and agents look in a line that cannot be taken apart, and what is put in their place."""


def keyed_hash(text: str, secret: bytes) -> str:
    """Return the keyed hash under which an address, an agent or an erased id is kept (nested SHA-256, hex)."""
    key = secret.hex()
    inner = hashlib.sha256(f"{key}{text}".encode()).hexdigest()
    return hashlib.sha256(f"{key}{inner}".encode()).hexdigest()


def keyed_hash_sql(expression: str, secret_hex: str) -> str:
    """Return the SQL of ``keyed_hash``; null stays null."""
    return f"sha256('{secret_hex}' || sha256('{secret_hex}' || {expression}))"


def masked_sql(expression: str, hidden: Iterable[str]) -> str:
    """Return the SQL of a text without the row's address and agent, as they are or as JSON spells them.

    Args:
        expression: SQL of the text.
        hidden: Those keys of ``LABELS`` that the source gives, in columns ``t_<name>``.
    """
    for name in hidden:
        given = f"coalesce(t_{name}, chr(0))"
        spelt = f"coalesce(trim(CAST(to_json(t_{name}) AS VARCHAR), '\"'), chr(0))"
        for text in (given, spelt):
            expression = f"replace({expression}, {text}, '{LABELS[name]}')"
    return expression


def masked_line_sql(expression: str) -> str:
    """Return the SQL of a line that cannot be taken apart, without what looks like an address or an agent."""
    for pattern, label in _TRACES:
        quoted = (text.replace("'", "''") for text in (pattern, label))
        expression = "regexp_replace({}, '{}', '{}', 'g')".format(expression, *quoted)
    return expression
