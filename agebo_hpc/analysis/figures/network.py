"""The picture of a network: its operations from the top down, and what skips past them."""

from __future__ import annotations

from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from agebo_hpc.analysis.figures.style import COLOURS, plain
from agebo_hpc.analysis.network_layout import Box, Line, NetworkLayout

BOX_WIDTH, BOX_HEIGHT, THIN_HEIGHT = 2.35, 0.46, 0.25
GAP, SIDE_GAP = 0.2, 0.2
MARGIN = 0.12
"""All in inches."""
FILLS = {
    "input": "#eef1f4",
    "dense": "#e3f0fa",
    "merge": "#f6efe2",
    "concat": "#f6efe2",
    "embed": "#e4f3ec",
    "periodic": "#e4f3ec",
    "piecewise_linear": "#e4f3ec",
    "output": "#fbe6da",
}
INK = "#1c2530"


def network_figure(layout: NetworkLayout) -> Figure:
    """Draw a network.

    Parameters
    ----------
    layout
        What `agebo_hpc.analysis.network_layout.network_layout` gives.
    """
    tops = _tops(layout)
    widest = max(max(abs(box.place) for box in layout.boxes), 0.0)
    half = widest * (BOX_WIDTH + SIDE_GAP) + BOX_WIDTH / 2
    skips = [line for line in layout.lines if line.is_skip]
    room = max((_reach(layout, line) for line in skips), default=0.0)
    right = max(half, max((_edge(layout, line) for line in skips), default=0.0) + room)
    width, height = half + right + 2 * MARGIN, tops[-1] + 2 * MARGIN
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-half - MARGIN, right + MARGIN)
    axes.set_ylim(height - MARGIN, -MARGIN)
    axes.axis("off")
    for number, line in enumerate(skips):
        axes.add_patch(_skip(layout, tops, line, COLOURS[number % len(COLOURS)]))
    for line in layout.lines:
        if not line.is_skip:
            axes.add_patch(_arrow(layout, tops, line))
    for box in layout.boxes:
        left, top = _left(box), tops[box.row]
        axes.add_patch(
            FancyBboxPatch(
                (left, top),
                BOX_WIDTH,
                _height(box),
                boxstyle="round,pad=0,rounding_size=0.06",
                facecolor=FILLS.get(box.kind, "#f3f3f3"),
                edgecolor="#8a97a5",
                linewidth=0.8,
            )
        )
        middle = top + _height(box) / 2
        lift = 0.085 if box.detail else 0.0
        at = left + BOX_WIDTH / 2
        common: dict[str, Any] = {"ha": "center", "va": "center", "color": INK}
        axes.text(at, middle - lift, plain(box.title), fontsize=9, **common)
        if box.detail:
            axes.text(at, middle + lift, plain(box.detail), fontsize=7, **common)
    return figure


def _height(box: Box) -> float:
    return BOX_HEIGHT if box.detail else THIN_HEIGHT


def _left(box: Box) -> float:
    return box.place * (BOX_WIDTH + SIDE_GAP) - BOX_WIDTH / 2


def _tops(layout: NetworkLayout) -> list[float]:
    """Return where each row begins, and where the last one ends."""
    tops = [0.0]
    for row in range(layout.num_rows):
        tops.append(tops[-1] + max(map(_height, layout.row(row))) + GAP)
    return [*tops[:-1], tops[-1] - GAP]


def _edge(layout: NetworkLayout, line: Line) -> float:
    """Return the right end of the boxes that a skip goes past."""
    first, last = layout.boxes[line.source].row, layout.boxes[line.target].row
    return max(_left(box) + BOX_WIDTH for box in layout.boxes if first <= box.row <= last)


def _reach(layout: NetworkLayout, line: Line) -> float:
    """Return how far a skip bends out: the longer the farther, so that none hides another."""
    rows = layout.boxes[line.target].row - layout.boxes[line.source].row
    return 0.16 + 0.11 * min(rows, 12)


def _skip(layout: NetworkLayout, tops: list[float], line: Line, colour: str) -> FancyArrowPatch:
    source, target = layout.boxes[line.source], layout.boxes[line.target]
    start = _left(source) + BOX_WIDTH, tops[source.row] + 0.62 * _height(source)
    end = _left(target) + BOX_WIDTH, tops[target.row] + 0.4 * _height(target)
    far = _edge(layout, line) + _reach(layout, line)
    # A cubic curve reaches three quarters of the way to its control points.
    bend = max(start[0], end[0]) + (far - max(start[0], end[0])) / 0.75
    path = Path(
        [start, (bend, start[1]), (bend, end[1]), end],
        [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4],
    )
    return FancyArrowPatch(
        path=path,
        arrowstyle="-|>",
        mutation_scale=7,
        color=colour,
        linewidth=1.2,
        shrinkA=0,
        shrinkB=0,
    )


def _arrow(layout: NetworkLayout, tops: list[float], line: Line) -> FancyArrowPatch:
    source, target = layout.boxes[line.source], layout.boxes[line.target]
    return FancyArrowPatch(
        (_left(source) + BOX_WIDTH / 2, tops[source.row] + _height(source)),
        (_left(target) + BOX_WIDTH / 2, tops[target.row]),
        arrowstyle="-|>",
        mutation_scale=7,
        color="#5d6b7a",
        linewidth=0.9,
        shrinkA=0,
        shrinkB=0,
    )
