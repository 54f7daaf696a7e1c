"""Typed results: what they become in JSON, Arrow, pandas and polars, and how they are drawn."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import json
import math
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.results import MAX_TURNED, Result, format_cell, plain, render_table


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    users: int
    share: float | None
    tags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Counted(Result):
    rows_field: ClassVar[str] = "steps"

    since: dt.datetime
    revenue: decimal.Decimal
    steps: tuple[Row, ...]

    def headline(self) -> str:
        return "two steps"

    def notes(self) -> tuple[str, ...]:
        return ("a note",)


RESULT = Counted(
    dt.datetime(2024, 3, 1, 12, 30, tzinfo=dt.UTC),
    decimal.Decimal("12.50"),
    (Row("view", 1234, None), Row("büy", 7, 0.25, ("a", "b"))),
)
EMPTY = dataclasses.replace(RESULT, steps=())


def test_json_has_every_field_under_its_name() -> None:
    assert json.loads(RESULT.to_json()) == {
        "since": "2024-03-01T12:30:00+00:00",
        "revenue": 12.5,
        "steps": [
            {"name": "view", "users": 1234, "share": None, "tags": []},
            {"name": "büy", "users": 7, "share": 0.25, "tags": ["a", "b"]},
        ],
    }
    assert "büy" in RESULT.to_json()


def test_arrow_has_one_typed_column_per_field() -> None:
    table = RESULT.to_arrow()
    assert table.column_names == ["name", "users", "share", "tags"]
    assert table.schema.types == [pa.string(), pa.int64(), pa.float64(), pa.list_(pa.string())]
    assert table.to_pylist() == RESULT.table_rows()


def test_pandas_and_polars_hold_the_same_rows() -> None:
    pandas, polars = RESULT.to_pandas(), RESULT.to_polars()
    assert polars.to_dicts() == RESULT.table_rows()
    assert list(pandas.columns) == polars.columns == ["name", "users", "share", "tags"]
    assert [pandas[c].dtype.kind for c in ("users", "share")] == ["i", "f"]
    assert [str(polars.schema[c]) for c in ("users", "share", "tags")] == ["Int64", "Float64", "List(String)"]
    assert pandas["users"].tolist() == [1234, 7]
    assert math.isnan(pandas["share"][0])


def test_a_value_that_comes_late_decides_the_type_of_its_column() -> None:
    rows = (*[Row(f"step {n}", n, None) for n in range(500)], Row("last", 1, 0.5))
    result = dataclasses.replace(RESULT, steps=rows)
    assert result.to_polars()["share"].to_list() == [None] * 500 + [0.5]
    assert result.to_arrow()["share"].type == pa.float64()


def test_an_empty_result_keeps_its_columns() -> None:
    names = ["name", "users", "share", "tags"]
    assert EMPTY.table_rows() == []
    assert (EMPTY.to_arrow().num_rows, EMPTY.to_arrow().column_names) == (0, names)
    assert (len(EMPTY.to_pandas()), list(EMPTY.to_pandas().columns)) == (0, names)
    assert (EMPTY.to_polars().height, EMPTY.to_polars().columns) == (0, names)
    assert json.loads(EMPTY.to_json())["steps"] == []
    assert str(EMPTY) == "two steps\n(no rows)\na note"


@dataclasses.dataclass(frozen=True)
class Shared(Result):
    rows: tuple[Row, ...]


@given(
    st.lists(
        st.builds(
            Row,
            name=st.text(st.characters(exclude_categories=["Cs"])),
            users=st.integers(-(2**63), 2**63 - 1),
            share=st.one_of(st.none(), st.floats()),
            tags=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=3).map(tuple),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_road_out_of_a_result_gives_the_same_rows(rows: list[Row]) -> None:
    result = Shared(tuple(rows))
    want = [
        {
            "name": row.name,
            "users": row.users,
            "share": row.share if row.share is not None and math.isfinite(row.share) else None,
            "tags": list(row.tags),
        }
        for row in rows
    ]
    assert result.to_arrow().to_pylist() == want
    assert result.to_polars().to_dicts() == want
    assert json.loads(result.to_json()) == {"rows": want}
    assert result.to_pandas()["users"].tolist() == [row["users"] for row in want]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        (-math.inf, None),
        (np.float64("nan"), None),
        (np.int32(3), 3),
        (np.bool_(True), True),
        (np.array([[1.0, math.inf]]), [[1.0, None]]),
        (np.datetime64("2024-03-01T00:00:01", "us"), "2024-03-01T00:00:01"),
        (dt.date(2024, 3, 1), "2024-03-01"),
        (decimal.Decimal("0.10"), 0.1),
        (decimal.Decimal("NaN"), None),
        ({1: (decimal.Decimal(2), {"x": math.nan})}, {"1": [2.0, {"x": None}]}),
        (frozenset({"a"}), ["a"]),
        (Row("a", 1, math.nan), {"name": "a", "users": 1, "share": None, "tags": []}),
        (None, None),
        (True, True),
    ],
    ids=repr,
)
def test_a_value_becomes_what_json_has_a_word_for(value: Any, expected: Any) -> None:
    made = plain(value)
    assert (made, type(made)) == (expected, type(expected))
    assert json.loads(json.dumps(made, allow_nan=False)) == expected


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (True, "yes"),
        (1234567, "1,234,567"),
        (1234.567, "1,234.57"),
        (0.000123456, "0.0001235"),
        ({"a": 1, "b": None}, "a: 1, b: -"),
        (["a", 1000], "a, 1,000"),
        ("[red]", "[red]"),
    ],
)
def test_a_cell_is_written_for_a_person(value: Any, shown: str) -> None:
    assert format_cell(value) == shown


def test_shares_are_percentages_and_markup_in_data_is_text() -> None:
    drawn = render_table([{"name": "[bold]x[/bold] :smile:", "bounce_share": 0.123456, "ratio": 0.5}])
    assert "[bold]x[/bold] :smile:" in drawn
    assert "12.35%" in drawn
    assert "0.5" in drawn


def test_a_wide_table_of_few_rows_is_turned_and_a_long_one_is_not() -> None:
    def rows(n: int) -> list[dict[str, Any]]:
        return [{"group": f"g{i}", **{f"column_{c}": c * 1000 + i for c in range(30)}} for i in range(n)]

    turned = render_table(rows(2), width=80).splitlines()
    assert turned[0].split() == ["group", "g0", "g1"]
    assert turned[-1].split() == ["column_29", "29,000", "29,001"]
    assert render_table(rows(2)).splitlines()[0].split()[:2] == ["group", "column_0"]
    many = render_table(rows(MAX_TURNED + 1), width=80)
    assert many == render_table(rows(MAX_TURNED + 1))
    # Rows of one name could not be told apart once turned.
    same = [{**row, "group": "g"} for row in rows(2)]
    assert render_table(same, width=80) == render_table(same)
