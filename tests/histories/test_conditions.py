"""Conditions: against DuckDB on generated expressions and events, and on examples worked out by hand."""

from __future__ import annotations

import datetime as dt
import functools
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footfall.errors import ConditionError
from footfall.histories.conditions import CONDITION_COLUMNS, Condition
from footfall.histories.memory import from_events, time_us
from footfall.histories.store import Histories
from footfall.histories.vocabulary import Vocabulary

ZONE = "Europe/Berlin"
ITEMS: dict[str, tuple[str | None, str | None, float | None]] = {
    "i1": ("electronics.phone", "acme", 19.99),
    "i2": ("electronics", "Zeta", 5.0),
    "i3": (None, "acme", None),
    "i'4": ("50%_off", None, 0.1),
}
NUMBERS = [0.1, 1.0, 2.5, 19.99, 20.0]


def with_catalogue(histories: Histories) -> Histories:
    """Give the item vocabulary its attributes, as the compiler does."""
    items = histories.vocabularies["item"]
    known = [ITEMS[i] for i in items.ids]
    table = items.table.append_column("category", pa.array([k[0] for k in known], pa.string()))
    table = table.append_column("brand", pa.array([k[1] for k in known], pa.string()))
    table = table.append_column("price", pa.array([k[2] for k in known], pa.float64()))
    vocabularies = {**histories.vocabularies, "item": Vocabulary("item", table)}
    return Histories(
        histories.partitions, vocabularies, histories.users, histories.manifest, histories.timezone, histories.currency
    )


def event(**columns: Any) -> dict[str, Any]:
    """Make one event; a view by user ``u`` at the beginning of 2024 unless said otherwise."""
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    return {"user_id": "u", "event_type": "view_item", "timestamp": start, **columns}


def mask(text: str, events: list[dict[str, Any]], **histories: Any) -> list[bool]:
    """Evaluate a condition on events of one user that are given in time order."""
    compiled = from_events(events, **histories)
    found: list[bool] = Condition.parse(text).mask(compiled, compiled.partitions[0]).tolist()
    return found


# --- the twin: DuckDB evaluates the same text on the same events ------------------------------------------------------

TEXTS = {
    "event_type": ["view_item", "purchase", "nobody"],
    "item_id": ["i1", "i2", "i'4", "zz"],
    "category": ["electronics", "electronics.phone", "50%_off"],
    "brand": ["acme", "Zeta"],
    "country": ["DE", "FR"],
    "user_id": ["u", "v"],
}
PATTERNS = ["%", "electronics%", "%e", "_1", "i_", "50!%!_%", "50%", "", "%'%", "A%"]
MOMENTS = ["2024-03-31", "2024-03-31 03:30:00", "2024-10-27 12:00", "2024-03-31T00:00:00+00:00"]


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@st.composite
def one_column(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["text", "text", "like", "number", "number", "calendar", "time", "null", "constant"]))
    op = draw(st.sampled_from(["=", "!=", "<>", "<", "<=", ">", ">="]))
    no = draw(st.sampled_from(["", "not "]))
    if kind == "constant":
        return draw(st.sampled_from(["true", "false", "null", "price = null", "country in ('DE', null)"]))
    if kind == "null":
        columns = ["price", "country", "category", "item_price", "order_id", "position", "value", "rating", "item_id"]
        return f"{draw(st.sampled_from(columns))} is {no}null"
    if kind == "like":
        column, pattern = draw(st.sampled_from(sorted(TEXTS))), draw(st.sampled_from(PATTERNS))
        escape = " escape '!'" if "!" in pattern else ""
        word = "like" if escape or draw(st.booleans()) else "ilike"
        return f"{column} {no}{word} {quoted(pattern)}{escape}"
    if kind == "text":
        column = draw(st.sampled_from(sorted(TEXTS)))
        values = [quoted(v) for v in draw(st.lists(st.sampled_from(TEXTS[column]), min_size=2, max_size=2))]
    elif kind == "number":
        column = draw(st.sampled_from(["price", "quantity", "value", "rating", "position", "item_price"]))
        values = [str(v) for v in draw(st.lists(st.sampled_from([*NUMBERS, 3, -1]), min_size=2, max_size=2))]
    elif kind == "calendar":
        column = draw(st.sampled_from(["hour", "weekday"]))
        values = [str(v) for v in draw(st.lists(st.integers(0, 23), min_size=2, max_size=2))]
    else:
        column = draw(st.sampled_from(["timestamp", "date"]))
        values = draw(st.lists(st.sampled_from(MOMENTS[:1] if column == "date" else MOMENTS), min_size=2, max_size=2))
        values = [quoted(v) for v in values]
    form = draw(st.sampled_from(["compare", "compare", "turned", "in", "between"]))
    if form == "compare":
        return f"{column} {op} {values[0]}"
    if form == "turned":
        return f"{values[0]} {op} {column}"
    if form == "in":
        return f"{column} {no}in ({', '.join(values)})"
    return f"{column} {no}between {values[0]} and {values[1]}"


expressions = st.recursive(
    one_column(),
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, inner),
    ),
    max_leaves=4,
)


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


# hours around both changes of the clock in Berlin, and ordinary days
TIMES = [
    dt.datetime(2024, month, day, hour, minute, tzinfo=dt.UTC)
    for month, day in ((3, 30), (3, 31), (10, 27))
    for hour in (0, 1, 2, 11, 22, 23)
    for minute in (0, 30)
]
events_given = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": st.sampled_from(["u", "v"]),
            "event_type": st.sampled_from(["view_item", "purchase"]),
            "timestamp": st.sampled_from(TIMES),
            "item_id": optional(st.sampled_from(sorted(ITEMS))),
            "country": optional(st.sampled_from(["DE", "FR", "IT"])),
            "price": optional(st.sampled_from(NUMBERS)),
            "quantity": optional(st.sampled_from(NUMBERS)),
            "value": optional(st.sampled_from(NUMBERS)),
            "rating": optional(st.sampled_from(NUMBERS)),
            "position": optional(st.integers(0, 4)),
            "order_id": optional(st.just("o")),
        }
    ),
    min_size=1,
    max_size=8,
)

TYPES = {"timestamp": "TIMESTAMPTZ", "position": "INTEGER"} | dict.fromkeys(
    ("price", "quantity", "value", "rating"), "DECIMAL(18,4)"
)


@functools.cache
def duck() -> duckdb.DuckDBPyConnection:
    """Open one database for all examples; it knows the catalogue."""
    connection = duckdb.connect()
    connection.execute(f"SET TimeZone = '{ZONE}'")
    connection.execute("SET threads = 1")
    connection.execute(
        "CREATE TABLE items (item_id VARCHAR, category VARCHAR, brand VARCHAR, item_price DECIMAL(18,4))"
    )
    connection.executemany("INSERT INTO items VALUES (?, ?, ?, ?)", [[i, *known] for i, known in ITEMS.items()])
    return connection


def by_duckdb(text: str, events: list[dict[str, Any]]) -> list[bool]:
    """Evaluate the text as SQL; rows in the order of the events."""
    connection = duck()
    names = list(events[0])
    columns = ", ".join(f"{name} {TYPES.get(name, 'VARCHAR')}" for name in names)
    connection.execute(f"CREATE OR REPLACE TABLE given (place INTEGER, {columns})")
    rows = [[i, *(e[name] for name in names)] for i, e in enumerate(events)]
    connection.executemany(f"INSERT INTO given VALUES ({', '.join('?' * (len(names) + 1))})", rows)
    seen = (
        "SELECT *, hour(timestamp) AS hour, isodow(timestamp) - 1 AS weekday, CAST(timestamp AS DATE) AS date "
        "FROM given LEFT JOIN items USING (item_id)"
    )
    found = connection.execute(f"SELECT coalesce({text}, false) FROM ({seen}) ORDER BY place").fetchall()
    return [bool(value) for (value,) in found]


@settings(max_examples=120, deadline=None)
@given(text=expressions, events=events_given, partitions=st.sampled_from([1, 4]))
def test_conditions_say_what_sql_says(text: str, events: list[dict[str, Any]], partitions: int) -> None:
    histories = with_catalogue(from_events(events, partitions=partitions, timezone=ZONE))
    condition = Condition.parse(text)
    ours = sorted(
        (str(user), int(time), bool(true))
        for part, users in zip(histories.partitions, histories.users, strict=True)
        for user, time, true in zip(
            np.repeat(users["user_id"].to_pylist(), np.diff(part.offsets)),
            part.timestamp_us,
            condition.mask(histories, part),
            strict=True,
        )
    )
    theirs = sorted(
        (e["user_id"], time_us(e["timestamp"]), true) for e, true in zip(events, by_duckdb(text, events), strict=True)
    )
    assert ours == theirs


# --- examples by hand -------------------------------------------------------------------------------------------------


def test_a_missing_value_is_neither_equal_nor_different() -> None:
    events = [event(country="DE"), event(country="FR"), event()]
    assert mask("country = 'DE'", events) == [True, False, False]
    assert mask("country <> 'DE'", events) == [False, True, False]
    assert mask("not country = 'DE'", events) == [False, True, False]
    assert mask("country not in ('DE', null)", events) == [False, False, False]
    assert mask("country is null or country = 'FR'", events) == [False, True, True]


def test_money_and_prices_compare_as_written() -> None:
    events = [event(price=19.99, value=10.1), event(price=20.0, value=10.11), event()]
    assert mask("price = 19.99", events) == [True, False, False]
    assert mask("price > 19.99", events) == [False, True, False]
    assert mask("price in (19.99, 3)", events) == [True, False, False]
    assert mask("value = 10.10", events) == [True, False, False]
    assert mask("value >= 10.105", events) == [False, True, False]
    assert mask("value < 1e400 and price < 1e300", events) == [True, True, False]
    assert mask("value = 5", [event(value=5)], currency="JPY", minor_digits=0) == [True]


def test_an_amount_of_zero_counts_as_missing() -> None:
    assert mask("value < 5", [event(value=0), event(), event(value=1)]) == [False, False, True]
    assert mask("value is null", [event(value=0), event(), event(value=1)]) == [True, True, False]


def test_numbers_may_stand_for_ids_and_ids_for_themselves() -> None:
    events = [event(item_id="100"), event(item_id="0100"), event()]
    assert mask("item_id = 100", events) == [True, False, False]
    assert mask("item_id in (100, '0100')", events) == [True, True, False]
    with pytest.raises(ConditionError, match="item_id is text; compare it with a text in single quotes"):
        Condition.parse("item_id > 100")


def test_times_are_the_shops() -> None:
    # 2023-12-31 23:30 UTC is 00:30 on Monday 2024-01-01 in Berlin
    night = [event(timestamp=dt.datetime(2023, 12, 31, 23, 30, tzinfo=dt.UTC))]
    for text, there, in_utc in [
        ("timestamp >= '2024-01-01'", True, False),
        ("timestamp >= '2024-01-01T00:00:00Z'", False, False),
        ("timestamp >= timestamp '2024-01-01 00:30'", True, False),
        ("'2024-01-01'::date = date", True, False),
        ("hour = 0 and weekday = 0", True, False),
        ("hour = 23 and weekday = 6", False, True),
    ]:
        assert mask(text, night, timezone=ZONE) == [there], text
        assert mask(text, night) == [in_utc], text


def test_user_id_is_the_id_of_the_history() -> None:
    events = [event(), {**event(), "user_id": None, "anonymous_id": "c1"}]
    histories = from_events(events)
    found = Condition.parse("user_id = 'c1'").mask(histories, histories.partitions[0])
    assert found.tolist() == [False, True]


def test_what_the_log_does_not_have_matches_nothing() -> None:
    assert mask("device = 'phone' or brand like '%' or item_price > 0 or session_id is not null", [event()]) == [False]
    assert mask("device is null and brand is null and item_price is null and order_id is null", [event()]) == [True]


def test_an_empty_log_has_an_empty_answer() -> None:
    assert mask("price > 3 and country = 'DE' and user_id = 'u' and true", []) == []


def test_answers_are_kept_with_the_vocabulary_and_their_number_is_bounded() -> None:
    histories = from_events([event(country="DE"), event(country="FR")])
    for i in range(100):
        Condition.parse(f"country = '{i}'").mask(histories, histories.partitions[0])
    assert 0 < len(histories.vocabularies["country"].memo) <= 32
    found = Condition.parse("country = 'FR'").mask(histories, histories.partitions[0])
    assert found.tolist() == [False, True]


def test_a_condition_is_a_value() -> None:
    assert Condition.parse(" price > 3 ") == Condition("price > 3")
    assert len({Condition("price > 3"), Condition("price > 3"), Condition("price > 4")}) == 2
    assert str(Condition.parse("PRICE > 3")) == "PRICE > 3"


def test_a_long_flat_condition_is_read() -> None:
    text = " or ".join(f"item_id = 'i{i}'" for i in range(300))
    assert mask(text, [event(item_id="i299"), event(item_id="x")]) == [True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the condition is empty; accepted are a column compared with literals"),
        (
            "prise > 3",
            "condition 'prise > 3', at character 1, in 'prise': unknown column 'prise'; did you mean 'price'",
        ),
        ("price > 3 and brnd = 'x'", "at character 15, in 'brnd': unknown column 'brnd'; did you mean 'brand'?"),
        ("item.name = 'x'", "unknown column 'item.name'"),
        ("price >", "cannot be read at character 7"),
        ("(price > 3", "cannot be read at character 10"),
        ("price > 'x", "cannot be read"),
        ("purchase", "a column alone is no test; compare it, e.g. event_type = 'purchase'"),
        ("price > 3 euro", "in 'price > 3': 'euro' behind it is one word too many"),
        ("price + 1 > 3", "this is not understood"),
        ("price > quantity", "at character 9, in 'quantity': a literal must stand here"),
        ("lower(brand) = 'x'", "this is not understood"),
        ("brand in (select 1)", "this is not understood"),
        ("brand similar to 'x'", "this is not understood"),
        ('brand = "acme"', "a text stands in single quotes: 'acme'"),
        ("price = 'cheap'", "price is compared with a number"),
        ("price = 'nan'", "price is compared with a number"),
        ("timestamp > 'yesterday'", "timestamp is compared with a time such as '2019-10-01'"),
        ("timestamp > 5", "timestamp is compared with a time such as '2019-10-01'"),
        ("date = '2019-10'", "date is compared with a day such as '2019-10-01'"),
        ("order_id = 'o1'", "order_id can only be tested with is null and is not null"),
        ("price like '1%'", "like compares a text column with a pattern in single quotes"),
        ("brand like 'x' escape '!!'", "escape takes one character"),
        ("price > 3; drop table events", "this is not understood"),
        ("select price > 3", "this is not understood"),
        ("price = -'3'", "a literal must stand here"),
        ("'a' = 'a'", "this is not understood"),
        ("(price > 3) = true", "this is not understood"),
        ("not " * 5000 + "price > 3", "nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_explained(text: str, message: str) -> None:
    with pytest.raises(ConditionError) as error:
        Condition.parse(text)
    assert message in str(error.value)


def test_an_unknown_column_lists_all_columns() -> None:
    with pytest.raises(ConditionError) as error:
        Condition.parse("colour = 'red'")
    assert all(name in str(error.value) for name in CONDITION_COLUMNS)
