"""From SQL text to the parts of a condition. Knows the grammar; knows nothing about events."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from footfall.errors import ConditionError, unknown_name
from footfall.histories._condition_nodes import COLUMNS, OPPOSITE, Comparison, Constant, Every, Node, Op, Some, Value

Tree = Any  # a node of the parser's; its base class bears another name in every other major version

_ACCEPTED: Final = (
    "accepted are a column compared with literals by = != <> < <= > >=, [not] in (...), [not] between ... and ..., "
    "[not] like, [not] ilike or is [not] null, joined by and, or, not and parentheses"
)
_FLIPPED: Final[dict[Op, Op]] = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_LITERAL_TYPES: Final = frozenset({"DATE", "DATETIME", "TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMPNTZ", "VARCHAR", "TEXT"})
_WANTED: Final = {
    "moment": "a time such as '2019-10-01' or '2019-10-01 18:30'",
    "day": "a day such as '2019-10-01'",
    "number": "a number",
}


def parse_sql(text: str) -> Node:
    """Read one SQL boolean expression (DuckDB's dialect).

    Args:
        text: The expression, without ``WHERE``.

    Raises:
        ConditionError: It cannot be read, or uses what conditions do not have.
    """
    import sqlglot
    from sqlglot.errors import ParseError, SqlglotError

    if not text.strip():
        raise ConditionError(f"the condition is empty; {_ACCEPTED}")
    try:
        return _Walk(text).truth(sqlglot.parse_one(text, dialect="duckdb"), positive=True)
    except ParseError as error:
        first = error.errors[0] if error.errors else {}
        place = f" at character {first['col']}, near {first['highlight']!r}" if first.get("col") else ""
        why = str(first.get("description") or error).splitlines()[0].rstrip(".")
        raise ConditionError(f"condition {text!r} cannot be read{place}: {why}; {_ACCEPTED}") from None
    except SqlglotError as error:
        why = str(error).splitlines()[0]
        raise ConditionError(f"condition {text!r} cannot be read: {why}; {_ACCEPTED}") from None
    except RecursionError:
        raise ConditionError(f"condition {text[:60]!r}... is nested too deeply; write it with fewer levels") from None


class _Walk:
    """One walk over a parsed expression; ``positive`` is False under an odd number of ``not``."""

    def __init__(self, text: str) -> None:
        from sqlglot import exp

        self.text, self.exp = text, exp
        self.comparisons: dict[type[Tree], Op] = {
            exp.EQ: "=",
            exp.NEQ: "!=",
            exp.LT: "<",
            exp.LTE: "<=",
            exp.GT: ">",
            exp.GTE: ">=",
        }

    def truth(self, node: Tree, *, positive: bool) -> Node:
        """Read an expression that is true or false."""
        exp = self.exp
        if isinstance(node, exp.Paren):
            return self.truth(node.this, positive=positive)
        if isinstance(node, exp.Not):
            return self.truth(node.this, positive=not positive)
        if isinstance(node, (exp.And, exp.Or)):
            parts = tuple(self.truth(part, positive=positive) for part in node.flatten())
            return Every(parts) if isinstance(node, exp.And) == positive else Some(parts)
        if isinstance(node, exp.Boolean):
            return Constant(bool(node.this) == positive)
        if isinstance(node, exp.Null):
            return Constant(true=False)
        if node.args.get("negate"):  # newer versions of the parser put the "not" of "not like" into the node
            positive = not positive
        return self.test(node, positive=positive)

    def test(self, node: Tree, *, positive: bool) -> Node:
        """Read one test of a column."""
        exp = self.exp
        if type(node) in self.comparisons:
            return self.comparison(node, self.comparisons[type(node)], positive=positive)
        if isinstance(node, exp.In) and node.expressions:
            return self.compare(node.this, "in", node.expressions, positive=positive)
        if isinstance(node, exp.Between):
            low = self.compare(node.this, ">=", [node.args["low"]], positive=positive)
            high = self.compare(node.this, "<=", [node.args["high"]], positive=positive)
            return Every((low, high)) if positive else Some((low, high))
        if isinstance(node, (exp.Like, exp.ILike, exp.Escape)):
            return self.like(node, positive=positive)
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            name = self.column(node.this)
            return Comparison(name, "null" if positive else "not null")
        if isinstance(node, exp.Alias):  # SQL lets a name follow an expression, to rename it
            raise self.error(node.this, f"{node.alias!r} behind it is one word too many")
        if isinstance(node, exp.Column):
            raise self.error(node, f"a column alone is no test; compare it, e.g. event_type = {node.name!r}")
        raise self.error(node, "this is not understood")

    def comparison(self, node: Tree, op: Op, *, positive: bool) -> Node:
        """Read ``column op literal`` or ``literal op column``."""
        exp = self.exp
        left, right = node.this.unnest(), node.expression.unnest()
        if isinstance(left, exp.Column) and isinstance(right, exp.Column) and right.this.quoted:
            raise self.error(right, f"a text stands in single quotes: '{right.name}'")
        if isinstance(left, exp.Column):
            return self.compare(left, op, [right], positive=positive)
        if isinstance(right, exp.Column):
            return self.compare(right, _FLIPPED[op], [left], positive=positive)
        raise self.error(node, "this is not understood")

    def compare(self, column: Tree, op: Op, literals: list[Tree], *, positive: bool) -> Node:
        """Build a comparison. A null among its literals makes it (or its opposite) true for no event, as in SQL."""
        name = self.column(column)
        op = op if positive else OPPOSITE[op]
        given = [literal for literal in literals if not isinstance(literal, self.exp.Null)]
        if not given or (op == "not in" and len(given) < len(literals)):
            return Constant(true=False)
        return Comparison(name, op, tuple(self.value(name, op, literal) for literal in given))

    def like(self, node: Tree, *, positive: bool) -> Node:
        """Read ``like`` and ``ilike``, with or without ``escape``."""
        exp, escape = self.exp, None
        if isinstance(node, exp.Escape):
            escape = node.expression.name
            node = node.this
            positive = positive != bool(node.args.get("negate"))
        if not isinstance(node, (exp.Like, exp.ILike)) or (escape is not None and len(escape) != 1):
            raise self.error(node, "escape takes one character")
        name, pattern = self.column(node.this), node.expression.unnest()
        op: Op = "ilike" if isinstance(node, exp.ILike) else "like"
        if isinstance(pattern, exp.Null):
            return Constant(true=False)
        if COLUMNS[name].kind != "text" or not (isinstance(pattern, exp.Literal) and pattern.is_string):
            raise self.error(node, "like compares a text column with a pattern in single quotes")
        return Comparison(name, op if positive else OPPOSITE[op], (_arrow_pattern(pattern.name, escape),))

    def column(self, node: Tree) -> str:
        """Return the name of a column that exists."""
        node = node.unnest()
        if not isinstance(node, self.exp.Column):
            raise self.error(node, "a column must stand here")
        name = ".".join(part.name for part in node.parts)
        name = name if node.this.quoted else name.lower()
        if name not in COLUMNS:
            raise self.error(node, unknown_name("column", name, COLUMNS), accepted=False)
        return name

    def value(self, name: str, op: Op, node: Tree) -> Value:
        """Return a literal as its column's kind."""
        kind, (text, quoted) = COLUMNS[name].kind, self.literal(node)
        if kind == "presence":
            raise self.error(node, f"{name} can only be tested with is null and is not null")
        if kind == "text":
            if not quoted and op not in {"=", "!=", "in", "not in"}:
                raise self.error(node, f"{name} is text; compare it with a text in single quotes")
            return text
        try:
            if kind == "moment":
                return dt.datetime.fromisoformat(text.strip())
            if kind == "day":
                return dt.date.fromisoformat(text.strip())
            number = Decimal(text.strip())
        except (ValueError, InvalidOperation):
            number = Decimal("NaN")
        if not number.is_finite():
            wanted = {
                "moment": "a time such as '2019-10-01' or '2019-10-01 18:30'",
                "day": "a day such as '2019-10-01'",
            }
            raise self.error(node, f"{name} is compared with {wanted.get(kind, 'a number')}")
        return number

    def literal(self, node: Tree) -> tuple[str, bool]:
        """Return the text of a literal, and whether it stood in quotes."""
        exp, node, sign = self.exp, node.unnest(), ""
        if isinstance(node, exp.Neg):
            node, sign = node.this.unnest(), "-"
        if isinstance(node, exp.Cast) and node.to.this.name in _LITERAL_TYPES:
            node = node.this
        if isinstance(node, exp.Literal) and not (sign and node.is_string):
            return sign + str(node.this), bool(node.is_string)
        if isinstance(node, exp.RawString):
            return str(node.this), True
        raise self.error(node, "a literal must stand here: a number, or a text in single quotes")

    def error(self, node: Tree, why: str, *, accepted: bool = True) -> ConditionError:
        """Return the error that says what is wrong, and where."""
        starts = [n.meta["start"] for n in node.walk() if "start" in n.meta]
        place = f", at character {min(starts) + 1}" if starts else ""
        tail = f"; {_ACCEPTED}" if accepted else ""
        return ConditionError(f"condition {self.text!r}{place}, in {node.sql(dialect='duckdb')!r}: {why}{tail}")


def _arrow_pattern(pattern: str, escape: str | None) -> str:
    r"""Rewrite a LIKE pattern for Arrow, whose escape character is always the backslash; SQL has none unless said.

    >>> print(_arrow_pattern(r"50!%_\_", "!"))
    50\%_\\_
    """
    out, escaped = [], False
    for char in pattern:
        if not escaped and char == escape:
            escaped = True
            continue
        out.append("\\" + char if char == "\\" or (escaped and char in "%_") else char)
        escaped = False
    return "".join(out)
