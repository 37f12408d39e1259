"""What all figures share: size, colours, units of time, files."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from agebo_hpc.errors import ConfigurationError, UsageError
from agebo_hpc.files import write_file, writing

try:
    import matplotlib as mpl
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
except ModuleNotFoundError as error:
    raise ConfigurationError(
        "Figures need matplotlib, which is not installed: `pip install 'agebo_hpc[plot]'`."
    ) from error

SUFFIXES = (".png", ".pdf", ".svg")
WIDTH = 7.2
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b5b95", "#444444")
"""Okabe and Ito's, which colour-blind readers tell apart."""
GREY = "#9a9a9a"
SEQUENCE = "viridis"
RASTER_ABOVE = 500
"""More marks than that are one picture within a vector figure: files stay small, pages quick."""
SHORT_TEXT = 45
"""Characters of a legend's text of which two stand side by side."""
_UNITS = ((3 * 3600.0, 3600.0, "hours"), (180.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))


def new_figure(
    height: float = 4.6,
    rows: int = 1,
    columns: int = 1,
    sharey: bool = False,
    width: float = WIDTH,
    heights: Sequence[float] | None = None,
) -> tuple[Figure, list[Axes]]:
    """Return an empty figure, of the common width unless told, and its axes, row after row."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=sharey, height_ratios=heights)
    axes = [ax for row in grid for ax in row]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.25)
        ax.set_axisbelow(True)
    return figure, axes


def legend_below(figure: Figure, axes: Axes) -> None:
    """Put the legend of some axes below a figure, in two columns where the texts are short."""
    handles, texts = axes.get_legend_handles_labels()
    columns = 2 if len(texts) > 1 and max(map(len, texts)) <= SHORT_TEXT else 1
    figure.legend(handles, texts, loc="outside lower center", ncols=columns, fontsize="small")


def colour(number: int) -> str:
    """Return the colour of a series; colours repeat after eight."""
    return COLOURS[number % len(COLOURS)]


def time_unit(longest: float) -> tuple[float, str]:
    """Return seconds of the unit in which times up to ``longest`` are shown, and its name."""
    return next((unit, name) for limit, unit, name in _UNITS if longest >= limit)


def show_from(axes: Axes, objectives: np.ndarray, floor: float) -> int:
    """Let the vertical axis begin at a floor; return how many objectives lie below it."""
    below = int((objectives < floor).sum())
    best = float(objectives.max())
    margin = 0.05 * (best - floor) or 0.05 * abs(best) or 1.0
    axes.set_ylim(floor - margin, best + margin)
    return below


def plain(text: object, longest: int = 60) -> str:
    """Return any text for a figure: one line, not too long, and no formula."""
    line = " ".join(str(text).split())
    line = line if len(line) <= longest else line[: longest - 1] + "\u2026"
    return line.replace("$", r"\$")


def told_apart(names: Iterable[object], longest: int) -> dict[str, str]:
    """Return names as `plain` does, so that no two different ones look alike.

    Parameters
    ----------
    names
        Any; equal ones count once.
    longest
        Characters of a name, at most; some more where very many look alike.

    Returns
    -------
    dict
        What is shown, by name. Of those whose beginnings are alike the end is shown too, and
        where this does not help, a number.
    """
    lines = {str(name): " ".join(str(name).split()) for name in names}
    tail = longest // 2
    cuts: list[Callable[[str, int], str]] = [
        lambda line, _: line if len(line) <= longest else f"{line[: longest - 1]}\u2026",
        lambda line, _: f"{line[: longest - 1 - tail]}\u2026{line[-tail:]}",
        lambda line, k: f"{line[: max(1, longest - 1 - len(str(k)))]}\u2026{k}",
    ]
    shown: dict[str, str] = {}
    for cut in cuts:
        left = [name for name in lines if name not in shown]
        tried = {name: cut(lines[name], number) for number, name in enumerate(left, 1)}
        seen = Counter([*tried.values(), *shown.values()])
        shown |= {name: line for name, line in tried.items() if seen[line] == 1 or cut is cuts[-1]}
    return {name: shown[name].replace("$", r"\$") for name in lines}


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """Draw a figure as ``png``, ``pdf`` or ``svg``; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    settings = {"svg.hashsalt": "agebo_hpc", "svg.fonttype": "path"}
    with mpl.rc_context(settings), warnings.catch_warnings():
        # A name may have characters that the font lacks; a frame stands for them.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure.savefig(buffer, format=kind, dpi=150, metadata=dates.get(kind))
    return buffer.getvalue()


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, PDF or SVG, atomically; the suffix chooses.

    Raises
    ------
    UsageError
        If the suffix is another one, or the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise UsageError(f"The figure {str(path)!r} must end in {', '.join(SUFFIXES)}.")
    with writing("path", path):
        write_file(path, figure_bytes(figure, path.suffix[1:]))
