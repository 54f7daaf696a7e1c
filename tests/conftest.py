"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import settings

from footfall.lake.tables import WrittenFile, arrow_schema
from footfall.lake.workspace import Workspace

ROOT = Path(__file__).parents[1]

# One commit gives one result; to look for more, run with HYPOTHESIS_PROFILE=explore, and keep what is found as a case.
# A kernel's first call compiles it, so no example is too slow.
settings.register_profile("repeat", derandomize=True, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data; a test that needs it skips where it is missing."""
    folder = Path(os.environ.get("FOOTFALL_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set FOOTFALL_DATA to the folder that holds it")
    return folder


PutRows = Callable[[Workspace, str, Sequence[Mapping[str, Any]]], None]


@pytest.fixture(scope="session")
def put_rows() -> PutRows:
    """Write rows straight into a table of the lake, as one file and one commit; columns left out are null."""

    def put(workspace: Workspace, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        path = workspace.tables.root / table / f"{uuid.uuid4().hex}.parquet"
        pyarrow.parquet.write_table(pa.Table.from_pylist([dict(row) for row in rows], arrow_schema(table)), path)
        workspace.tables.commit(table, [WrittenFile(path, len(rows))])

    return put
