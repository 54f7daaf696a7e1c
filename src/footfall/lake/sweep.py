"""What killed processes leave in the lake's folder: scratch files, and data files that were never committed."""

from __future__ import annotations

from pathlib import Path

from footfall.errors import LakeError
from footfall.lake.engine import remove_dead_scratch
from footfall.lake.tables import TABLES, Tables


def sweep(tables: Tables) -> list[Path]:
    """Remove what killed processes left behind.

    Data files are written and committed under the write lock only. So whoever holds it knows that a data file that the
    newest version of its table does not name belongs to nobody. Where another process is writing, nothing is done: the
    next one will sweep.

    Args:
        tables: The workspace's tables.

    Returns:
        The data files that were removed.
    """
    remove_dead_scratch(tables)
    removed: list[Path] = []
    try:
        with tables.lock(timeout_s=0):
            for name in TABLES:
                # By the name alone: a path may be written in several ways, and these names come once.
                known = {Path(file).name for file in tables.files(name)}
                for path in (tables.root / name).glob("part-*.parquet"):
                    if path.name not in known:
                        path.unlink(missing_ok=True)
                        removed.append(path)
    except LakeError:
        return removed
    return removed
