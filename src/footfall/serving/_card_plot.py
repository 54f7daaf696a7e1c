"""The plot of a card: what was said against what came, with intervals and counts. Equal facts draw equal bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILES: Final[Mapping[str, str]] = {"binary": "reliability.svg", "amount": "deciles.svg"}
"""Name of the plot, by what is foretold."""
_SKEWED: Final = 0.1
"""Where half of the bins lie within this share of the range, a square-root scale draws them apart."""
_SAID, _CAME, _GREY = "#1f5fa8", "#c8571b", "#8a8a8a"
_STYLE: Final[Any] = {
    "svg.hashsalt": "footfall",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
}


def write_plot(facts: Mapping[str, Any], folder: Path) -> Path | None:
    """Draw a card's plot into a folder.

    Args:
        facts: Of a bundle of a prediction; ``judged`` holds the bins.
        folder: Where it is written.

    Returns:
        The file; None where the facts hold no bins.
    """
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        figure = drawn(facts)
        if figure is None:
            return None
        path = folder / FILES[facts["kind"]]
        # Without a date, and with ids that follow from the content, the file is the same whenever it is written.
        figure.savefig(path, metadata={"Date": None, "Creator": None})
    return path


def drawn(facts: Mapping[str, Any]) -> Figure | None:
    """Return a card's plot as a figure; None where the facts hold no bins.

    Args:
        facts: As for ``write_plot``.
    """
    judged = facts["judged"]
    title = f"{facts['task']}: {facts['question_text']}\n{facts['served']}, {facts['judged_users']:,} judged users"
    if facts["kind"] == "binary":
        return _reliability(judged["reliability"], title) if judged["reliability"] else None
    return _deciles(judged["deciles"], title, facts.get("currency", "")) if judged["deciles"] else None


def _reliability(bins: Sequence[Mapping[str, Any]], title: str) -> Figure:
    from matplotlib.figure import Figure

    said = np.array([row["mean_probability"] for row in bins])
    rate, low, high = (np.array([row[name] for row in bins]) for name in _RATES)
    most = min(1.0, 1.08 * max(float(high.max()), float(said.max())))
    figure = Figure(figsize=(6.4, 7.0), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot([0, most], [0, most], color=_GREY, linestyle="--", linewidth=1, label="perfectly calibrated")
    spread = np.stack((rate - low, high - rate))
    drawing = {"color": _SAID, "marker": "o", "capsize": 3, "linewidth": 1.2, "clip_on": False}
    above.errorbar(said, rate, yerr=spread, label="bins of users", **drawing)
    above.set_title(title, fontsize=11)
    above.set_ylabel("observed rate (bar: 95 % interval)")
    above.legend(loc="upper left", frameon=False)
    count = np.array([row["count"] for row in bins])
    below.vlines(said, 0, count, color=_SAID, linewidth=4, alpha=0.7)
    below.set_ylabel("users in the bin")
    below.set_ylim(0, 1.15 * count.max())
    words = ""
    if float(np.median(said)) < _SKEWED * most:
        words = ", square-root scale"
        for axes, axis in ((above, "both"), (below, "x")):
            _square_root(axes, axis, most)
    above.set_xlim(0, most)
    above.set_ylim(0, most)
    below.set_xlabel(f"mean probability said in the bin{words}")
    for axes in (above, below):
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _square_root(axes: Any, axis: str, most: float) -> None:
    """Draw small numbers apart, and name round numbers along the axis."""
    from matplotlib.ticker import FixedLocator

    steps = 10.0 ** np.floor(np.log10(most)) * np.array([0, 0.2, 0.5, 1, 2, 4, 6, 8])
    ticks = steps[steps <= most]
    for one in "xy" if axis == "both" else axis:
        getattr(axes, f"set_{one}scale")("function", functions=(_root, np.square))
        getattr(axes, f"{one}axis").set_major_locator(FixedLocator(ticks))
        getattr(axes, f"{one}axis").set_major_formatter(lambda value, _: f"{value:.3g}")


def _root(values: Any) -> Any:
    return np.sqrt(np.maximum(values, 0))


def _deciles(bins: Sequence[Mapping[str, Any]], title: str, currency: str) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    place = np.array([row["decile"] for row in bins])
    said = np.array([row["mean_predicted"] for row in bins])
    came = np.array([row["mean_actual"] for row in bins])
    # An interval that cannot be told has no bar.
    ends = [[came[at] if row[name] is None else row[name] for at, row in enumerate(bins)] for name in _AMOUNTS]
    spread = np.maximum(np.stack((came - np.array(ends[0]), np.array(ends[1]) - came)), 0)
    figure = Figure(figsize=(7.2, 4.8), layout="constrained")
    axes = figure.subplots()
    axes.bar(place - 0.2, said, width=0.38, color=_SAID, label="foretold")
    axes.bar(place + 0.2, came, width=0.38, color=_CAME, label="came (bar: 95 % interval)")
    axes.errorbar(place + 0.2, came, yerr=spread, fmt="none", ecolor="#444444", capsize=3, linewidth=1)
    axes.set_title(title, fontsize=11)
    axes.set_xlabel("tenth of users, by the amount foretold (1: the highest)")
    axes.set_ylabel(f"mean amount a user{f', {currency}' if currency else ''}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xticks(place)
    axes.set_ylim(bottom=min(0.0, float(came.min())))
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper right", frameon=False)
    return figure


_RATES: Final = ("observed_rate", "observed_low", "observed_high")
_AMOUNTS: Final = ("actual_low", "actual_high")
