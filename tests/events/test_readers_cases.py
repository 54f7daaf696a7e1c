"""One contract for every reader: its cases, what it may not lose, and that its own tables are known as its own."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

import footfall.events.readers as package
from footfall.events.readers import _registry
from footfall.events.readers._base import Projection, Reader, q

FOLDER = Path(package.__path__[0])


class Plain(yaml.SafeLoader):
    """YAML without its guesses about times: in a case a time is a text, as in a file."""


Plain.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Case(NamedTuple):
    reader: Reader
    name: str
    format: str
    input: str
    expect: list[dict[str, Any]]
    items: list[dict[str, Any]]
    changed: set[str]


def reader_modules() -> list[str]:
    names = [m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")]
    return [name for name in names if name != "mapped"]  # has no columns of its own; see test_readers_mapped.py


def load_cases() -> list[Case]:
    cases = []
    for module in reader_modules():
        reader = next(r for r in _registry.readers().values() if r.project.__module__.endswith("." + module))
        for raw in yaml.load((FOLDER / f"{module}.cases.yaml").read_text("utf-8"), Loader=Plain):
            changed = {str(c) for c in raw.pop("changed", [])}
            made = {"format": "csv", "items": [], **raw}
            cases.append(Case(reader, changed=changed, **made))
    return cases


CASES = load_cases()
every_case = pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.reader.name}: {c.name}")


@pytest.mark.parametrize("module", reader_modules())
def test_a_reader_has_cases(module: str) -> None:
    names = [c.name for c in CASES if c.reader.project.__module__.endswith("." + module)]
    assert len(names) >= 2
    assert len(set(names)) == len(names)


@every_case
def test_case(case: Case, read_text: Callable[..., Any]) -> None:
    read = read_text(case.reader, case.input, case.format)
    assert read.events == case.expect
    assert read.items == case.items


@pytest.mark.parametrize("case", [c for c in CASES if c.format == "jsonl"], ids=lambda c: f"{c.reader.name}: {c.name}")
def test_looking_for_more_keys_than_the_lines_have_changes_nothing(case: Case, read_text: Callable[..., Any]) -> None:
    read = read_text(case.reader, case.input, case.format, more=sorted(case.reader.known))
    assert (read.events, read.items) == (case.expect, case.items)


@every_case
def test_no_value_is_lost(
    case: Case, read_text: Callable[..., Any], parse_text: Callable[..., Any], leaves: Callable[..., set[str]]
) -> None:
    table = parse_text(case.input, case.format)
    read = read_text(case.reader, case.input, case.format)
    values = leaves(table.lines if table.lines is not None else table.rows)
    assert values - leaves([read.events, read.items], True) == case.changed


@every_case
def test_every_column_is_used_or_kept(case: Case, parse_text: Callable[..., Any]) -> None:
    columns = parse_text(case.input, case.format).columns
    projection = case.reader.project(columns)
    expressions = " ".join(expressions_of(projection))
    lost = [c for c in columns if c not in projection.rest and q(c) not in expressions]
    assert not lost


def expressions_of(projection: Projection) -> list[str]:
    parts = (projection.event, projection.items, projection.prepare, projection.prepare_element)
    return [sql for part in parts for sql in part.values()] + [projection.explode or "", projection.properties or ""]


@every_case
def test_a_case_is_known_by_its_columns(case: Case, parse_text: Callable[..., Any]) -> None:
    columns = parse_text(case.input, case.format).columns
    assert _registry.guess(columns) is case.reader
    assert _registry.choose(columns, case.reader.name) is case.reader
    best, second = sorted(((r.fit(columns), r.needs) for r in _registry.readers().values()), reverse=True)[:2]
    assert best == (case.reader.fit(columns), case.reader.needs)
    assert best > second


@pytest.mark.parametrize("reader", _registry.readers().values(), ids=lambda r: r.name)
def test_a_reader_projects_its_least_and_all_its_columns(reader: Reader) -> None:
    least = [*sorted(reader.required), *(min(group) for group in reader.one_of)]
    for columns in (least, sorted(reader.known)):
        assert reader.fit(columns) == 1.0
        projection = reader.project(columns)
        assert set(projection.rest) <= set(columns)
        assert bool(projection.event) == (reader.target == "events")
        assert "item_id" in projection.items or not projection.items
    assert reader.fit(sorted(reader.known)[:0]) == 0.0
