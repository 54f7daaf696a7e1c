"""Parts of a card that are tables: robustness, drift, fairness; and how numbers stand in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SLICES = {"learnt": "learnt from", "calibrated": "calibrated on", "judged": "judged on"}


def number(value: float | None, digits: int = 3) -> str:
    """Write a number with so many significant digits, thousands apart; ``-`` for none.

    Args:
        value: Or None where it cannot be told.
        digits: Significant ones; numbers from 1,000 on are whole.

    >>> number(0.012345), number(1234.5), number(None), number(0.9)
    ('0.0123', '1,234', '-', '0.9')
    """
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"


def share(value: float | None) -> str:
    """Write a share as a percentage, small ones with more decimals; ``-`` for none.

    >>> share(0.5), share(0.0405), share(0.00405)
    ('50 %', '4.05 %', '0.405 %')
    """
    if value is None:
        return "-"
    return f"{100 * value:.3g} %"


def with_interval(ends: Sequence[float | None]) -> str:
    """Write a value and its interval.

    Args:
        ends: Value, low, high; None where it cannot be told.

    >>> with_interval([0.87567, 0.8298, 0.915]), with_interval([0.5, None, None]), with_interval([0, 0, 0.0043])
    ('0.876 [0.830, 0.915]', '0.500', '0.00000 [0.00000, 0.00430]')
    """
    value, low, high = ends
    if value is None:
        return "-"
    if low is None or high is None:
        return _fixed(value, value)
    like = value or high or low
    return f"{_fixed(value, like)} [{_fixed(low, like)}, {_fixed(high, like)}]"


def _fixed(value: float, like: float) -> str:
    """Write a number with as many decimals as give another three significant digits."""
    size = abs(like)
    if size == 0:
        return "0"
    decimals = (
        0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 10 else 3 if size >= 0.1 else 4 if size >= 0.01 else 5
    )
    return f"{value:,.{decimals}f}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table's lines in Markdown; a bar within a cell is kept from being one of the table's.

    Args:
        heads: Names of the columns.
        rows: Cells.
    """
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]


def robustness_part(facts: Mapping[str, Any]) -> list[str]:
    """Return how answers move under edits of the log.

    Args:
        facts: Of a bundle of a prediction.
    """
    found = facts["robustness"]
    if not found:
        return []
    unit = "" if facts["kind"] == "binary" else ", by the mean amount"
    metric = "AP" if facts["kind"] == "binary" else "Gini"
    cells = [
        [row["edit"], f"-{row['events_lost']:,} +{row['events_added']:,}", number(row["mean_change"], 2),
         number(row["p95_change"], 2), number(row["spearman"]), share(row["overlap"]),
         with_interval([row["metrics"][metric][name] for name in ("change", "low", "high")])]
        for row in found["edits"]
    ]  # fmt: skip
    heads = ("edit", "events", f"mean change{unit}", "95 % change below", "Spearman", "highest tenth kept",
             f"{metric} changes by [95 %]")  # fmt: skip
    said = (
        f"**Stability {number(found['stability'], 2)}**: the share of the highest tenth of users that stays in it, "
        f"mean over these edits of the log ({found['users']:,} judged users, {found['events']:,} events; about 0.1 "
        "would be chance). A tenth of the events is touched each time; the last day is missing whole."
    )
    texts = [f"- {row['edit']}: {row['text']}." for row in found["edits"]]
    return ["## Robustness", said, "", *table(heads, cells), "", *texts]


def reasons_part(facts: Mapping[str, Any]) -> list[str]:
    """Return whether the reasons that are given are the ones that count.

    Args:
        facts: Of a bundle of a prediction.
    """
    found = facts.get("reasons_check") or {}
    if not found:
        return []
    cells = [
        [what, f"{row['users']:,}", number(row["named"], 3), number(row["random"], 3),
         with_interval([row["ratio"], row["low"], row["high"]])]
        for what, row in found.items()
    ]  # fmt: skip
    said = (
        "How far a score moves when what was named as its reasons is taken away, against as much taken away at random; "
        "a ratio above 1 says that reasons are reasons."
    )
    heads = ("reasons", "users", "named moves it by", "random by", "ratio [95 %]")
    return ["## Reasons, checked by deletion", said, "", *table(heads, cells)]


def drift_part(facts: Mapping[str, Any]) -> list[str]:
    """Return what has moved between learning and judging.

    Args:
        facts: Of a bundle of a prediction.
    """
    found, binary = facts["drift"], facts["kind"] == "binary"
    scores = found["scores"]
    text = (
        f"From the earlier half of the cutoffs learnt from to the judged moment, {found['n_some']} of "
        f"{found['n_features']} features moved (PSI above 0.1, and above chance), {found['n_much']} of them far (above "
        f"0.25). Answers from calibration to judging: PSI {number(scores['psi'])}, {scores['size']}. Features that "
        "count all of the past, or days since something, move by themselves while a log is young."
    )
    lines = ["## Drift", text, ""]
    cells = [[f"`{r['feature']}`", number(r["psi"]), number(r["by_chance"], 2), r["size"]] for r in found["features"]]
    lines += table(("furthest moved", "PSI", "by chance below", "size"), cells)
    said = share if binary else number
    rates = [[SLICES[r["slice"]], r["at"][:10], f"{r['users']:,}", said(r["rate"])] for r in found["rates"]]
    lines += ["", *table(("moment", "at", "users", "rate of yes" if binary else "mean amount"), rates)]
    if not found["halves"]:
        return lines
    names = [name for name in ("AUROC", "AP", "Gini", "Spearman") if name in found["halves"][0]]
    halves = [
        [row["half"], f"{row['users']:,}", number(row.get("days_since"), 2), said(row.get("rate")),
         *(with_interval(row.get(name, (None, None, None))) for name in names)]
        for row in found["halves"]
    ]  # fmt: skip
    heads = (
        "judged users",
        "users",
        "days since last act (median)",
        "rate of yes" if binary else "mean amount",
        *names,
    )
    return [*lines, "", *table(heads, halves)]


def fairness_part(facts: Mapping[str, Any]) -> list[str]:
    """Return how groups of users fare; nothing where nobody looked.

    Args:
        facts: Of a bundle of a prediction; ``fairness`` holds tables by group.
    """
    tables = facts.get("fairness")
    if not tables:
        return []
    lines = ["## Fairness", "The same model on groups of the judged users; in brackets: 95 % interval."]
    for one in tables:
        names = [name for name in one["groups"][0] if name not in ("group", "users")] if one["groups"] else []
        cells = [
            [str(row["group"]), f"{row['users']:,}", *(_value(row.get(name)) for name in names)]
            for row in one["groups"]
        ]
        lines += ["", f"By {one['by']}:", "", *table((one["by"], "users", *names), cells)]
        if one.get("warnings"):
            lines += ["", *(f"- {warning}" for warning in one["warnings"])]
    return lines


def _value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return with_interval(value)
    return number(value) if isinstance(value, (int, float)) or value is None else str(value)
