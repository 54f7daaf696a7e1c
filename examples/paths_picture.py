"""Draw the paths to an event as an SVG: ``python examples/paths_picture.py WORKSPACE OUT.svg [EVENT]``.

Columns are steps before the event; the height of a box is its share of the paths, a ribbon is what follows what.
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.sax.saxutils import escape

import footfall
from footfall.journeys.paths import PathsResult

WIDTH, HEIGHT, TOP, BOX, GAP = 960, 420, 58, 14, 10
PALETTE = (
    "#3b6fb6", "#e08a2e", "#4f9d69", "#b04a5a", "#7a5fa8", "#2f8f9d", "#8a7f3c", "#6b7785", "#c26ba0", "#1f4e5f",
    "#a3b92b", "#8c5a3c",
)  # fmt: skip
GREY = "#c4c9d1"


def picture(result: PathsResult) -> str:
    """Return the SVG of a result.

    Args:
        result: Paths without a breakdown.
    """
    kinds = [s.event_type for s in result.steps if not s.event_type.startswith("(")]
    colour = {kind: PALETTE[i % len(PALETTE)] for i, kind in enumerate(dict.fromkeys(kinds))}
    columns = [[s for s in result.steps if s.step == k + 1] for k in range(result.max_steps)]
    left = [40 + k * (WIDTH - 190) / (result.max_steps - 1) for k in range(result.max_steps)]
    scale = (HEIGHT - TOP - 20 - GAP * (max(map(len, columns)) - 1)) / result.paths
    place: dict[tuple[int, str], float] = {}
    boxes = []
    for k, column in enumerate(columns):
        y = float(TOP)
        for step in column:
            place[k + 1, step.event_type] = y
            height = step.paths * scale
            fill = colour.get(step.event_type, GREY)
            boxes.append(f'<rect x="{left[k]:.1f}" y="{y:.1f}" width="{BOX}" height="{height:.1f}" fill="{fill}"/>')
            if height >= 9:
                text = escape(f"{step.event_type} {step.share:.0%}")
                boxes.append(f'<text x="{left[k] + BOX + 5:.1f}" y="{y + height / 2 + 4:.1f}">{text}</text>')
            y += height + GAP
    ribbons = _ribbons(result, place, left, scale, colour)
    title = escape(f"{result.headline()}: what came before, step by step")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return (
        f'{head} font-family="sans-serif" font-size="12">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
        f'<text x="40" y="28" font-size="16" font-weight="bold">{title}</text>'
        f"{''.join(ribbons)}{''.join(boxes)}</svg>\n"
    )


def _ribbons(
    result: PathsResult,
    place: dict[tuple[int, str], float],
    left: list[float],
    scale: float,
    colour: dict[str, str],
) -> list[str]:
    used_out = dict.fromkeys(place, 0.0)
    used_in = dict.fromkeys(place, 0.0)
    ribbons = []
    for link in sorted(result.links, key=lambda x: (x.step, place[x.step, x.source], place[x.step + 1, x.target])):
        source, target, thick = (link.step, link.source), (link.step + 1, link.target), link.paths * scale
        x0, x1 = left[link.step - 1] + BOX, left[link.step]
        y0, y1 = place[source] + used_out[source], place[target] + used_in[target]
        used_out[source] += thick
        used_in[target] += thick
        middle = (x0 + x1) / 2
        shape = (
            f"M{x0:.1f},{y0:.1f} C{middle:.1f},{y0:.1f} {middle:.1f},{y1:.1f} {x1:.1f},{y1:.1f} "
            f"L{x1:.1f},{y1 + thick:.1f} C{middle:.1f},{y1 + thick:.1f} {middle:.1f},{y0 + thick:.1f} "
            f"{x0:.1f},{y0 + thick:.1f} Z"
        )
        ribbons.append(f'<path d="{shape}" fill="{colour.get(link.source, GREY)}" fill-opacity="0.28"/>')
    return ribbons


def main() -> None:
    """Draw the paths of the workspace named on the command line."""
    if len(sys.argv) not in {3, 4}:
        sys.exit(f"usage: {sys.argv[0]} WORKSPACE OUT.svg [EVENT]")
    event = sys.argv[3] if len(sys.argv) == 4 else "purchase"
    result = footfall.open(sys.argv[1]).paths(end=event, collapse=True, exclude_bots=True)
    assert isinstance(result, PathsResult)
    Path(sys.argv[2]).write_text(picture(result), encoding="utf-8")


if __name__ == "__main__":
    main()
