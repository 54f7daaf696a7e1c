"""Keyed hashes: how addresses, agents and erased ids are kept; without the workspace's key they say nothing."""

from __future__ import annotations

import hashlib


def keyed_hash(text: str, secret: bytes) -> str:
    """Return the keyed hash under which an address, an agent or an erased id is kept (nested SHA-256, hex)."""
    key = secret.hex()
    inner = hashlib.sha256(f"{key}{text}".encode()).hexdigest()
    return hashlib.sha256(f"{key}{inner}".encode()).hexdigest()


def keyed_hash_sql(expression: str, secret_hex: str) -> str:
    """Return the SQL of ``keyed_hash``; null stays null."""
    return f"sha256('{secret_hex}' || sha256('{secret_hex}' || {expression}))"
