"""What an analysis returns: frozen dataclasses that print as tables and become Arrow, pandas, polars and JSON.

A result names the field that holds its rows (a tuple of frozen dataclasses); all its other fields are single values.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import io
import json
import math
import shutil
import typing
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from footfall.errors import MissingDependencyError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa


@dataclasses.dataclass(frozen=True)
class Result:
    """Base of every typed result.

    Attributes:
        rows_field: Name of the field that holds the rows of the table.
    """

    rows_field: ClassVar[str] = "rows"

    def headline(self) -> str:
        """Return the sentence shown above the table (may be empty)."""
        return ""

    def notes(self) -> Sequence[str]:
        """Return the sentences shown below the table: definitions, warnings, what was left out."""
        return ()

    def table_rows(self) -> list[dict[str, Any]]:
        """Return the rows as plain dictionaries, one key per column."""
        return [plain(row) for row in getattr(self, self.rows_field)]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-ready values; the keys are the field names."""
        return {field.name: plain(getattr(self, field.name)) for field in dataclasses.fields(self)}

    def to_json(self) -> str:
        """Return ``to_dict`` as one JSON document."""
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)

    def to_arrow(self) -> pa.Table:
        """Return the rows as an Arrow table."""
        import pyarrow as pa

        rows = self.table_rows()
        return pa.Table.from_pylist(rows) if rows else pa.table({name: pa.nulls(0) for name in self._names()})

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows as a pandas frame.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingDependencyError("pandas", "pandas", "to_pandas()") from None
        rows = self.table_rows()
        return pd.DataFrame(rows) if rows else pd.DataFrame(columns=self._names())

    def to_polars(self) -> pl.DataFrame:
        """Return the rows as a polars frame.

        Raises:
            MissingDependencyError: polars is not installed.
        """
        try:
            import polars as pl
        except ImportError:
            raise MissingDependencyError("polars", "polars", "to_polars()") from None
        rows = self.table_rows()
        return pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame(schema=self._names())

    def _names(self) -> list[str]:
        """Return the columns of a table that has no rows to tell them; none where a result makes rows of its own."""
        if type(self).table_rows is not Result.table_rows:
            return []
        kinds = typing.get_args(typing.get_type_hints(type(self))[self.rows_field])
        return [field.name for field in dataclasses.fields(kinds[0])] if dataclasses.is_dataclass(kinds[0]) else []

    def __str__(self) -> str:
        width = shutil.get_terminal_size((140, 40)).columns
        parts = [self.headline(), render_table(self.table_rows(), width=width), *self.notes()]
        return "\n".join(part for part in parts if part)


def plain(value: Any) -> Any:
    """Turn a value into JSON-ready parts: dataclasses to dicts, times to ISO 8601, decimals to numbers.

    A float that is not finite becomes ``None``: JSON has no word for it.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(v) for v in value]
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return plain(float(value))
    if hasattr(value, "tolist"):  # NumPy scalars and arrays, without importing NumPy
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


MAX_TURNED = 12
"""Rows up to which a table too wide for the terminal is turned on its side: one line per column, one column per row."""


def render_table(rows: Sequence[Mapping[str, Any]], *, width: int | None = None) -> str:
    """Draw rows as a text table.

    A table wider than the terminal is turned on its side when it has few rows; a long one stays as wide as it is.

    Args:
        rows: Dictionaries; the first one gives the column order.
        width: Columns of the terminal; as wide as needed without it.
    """
    if not rows:
        return "(no rows)"
    text = _draw(rows)
    if width is None or len(rows) > MAX_TURNED or max(map(len, text.splitlines())) <= width:
        return text
    names = list(rows[0])
    turned = [
        {names[0]: name, **{format_cell(row[names[0]]): _named_cell(name, row.get(name)) for row in rows}}
        for name in names[1:]
    ]
    unique = len({format_cell(row[names[0]]) for row in rows}) == len(rows)
    if not unique or len(names) <= len(rows):
        return text
    on_its_side = _draw(turned, turned=True)
    # A column of sentences makes every column wide: then the table is better left as it is.
    return on_its_side if max(map(len, on_its_side.splitlines())) <= max(map(len, text.splitlines())) else text


def _draw(rows: Sequence[Mapping[str, Any]], *, turned: bool = False) -> str:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    names = list(rows[0])
    for name in names:
        numeric = turned or all(isinstance(row.get(name), (int, float, type(None))) for row in rows)
        table.add_column(
            name, justify="right" if numeric and not (turned and name == names[0]) else "left", no_wrap=True
        )
    for row in rows:
        table.add_row(*(_named_cell(name, row.get(name)) for name in names))
    out = io.StringIO()
    Console(file=out, width=10_000, no_color=True, markup=False, emoji=False, highlight=False).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _named_cell(name: str, value: Any) -> str:
    """Write one value of a column; shares and probabilities as percentages."""
    if isinstance(value, float) and ("share" in name or name == "probability"):
        return f"{value:.2%}"
    return format_cell(value)


def format_cell(value: Any) -> str:
    """Write one value for a person: thousands apart, at most four significant decimals, ``-`` for nothing.

    >>> format_cell(1234567), format_cell(0.123456), format_cell(None), format_cell(["a", "b"])
    ('1,234,567', '0.1235', '-', 'a, b')
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) >= 100 else f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {format_cell(v)}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(format_cell(v) for v in value)
    return str(value)
