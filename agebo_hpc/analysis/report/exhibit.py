"""One piece of a report: a figure with its tables and how to read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Exhibit:
    """A figure, its tables, and what they say.

    Attributes
    ----------
    name
        Name of its files, without suffix.
    title, reading
        Heading, and how to read it; plain text.
    draw
        Draws the figure; None if there is none.
    tables
        What the figure shows, by name of the file; written as CSV.
    shown
        Tables that the page shows, by heading.
    texts
        Numbered lists that the page shows, by heading.
    missing
        Why there is nothing to show; empty if there is.
    """

    name: str
    title: str
    reading: str
    draw: Callable[[], Figure] | None = None
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    shown: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    missing: str = ""

    @cached_property
    def figure(self) -> Figure | None:
        """The figure, drawn at the first call; None if there is none."""
        return None if self.draw is None else self.draw()


def without_empty(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of the best without the parameters where none has any (simulations)."""
    if "parameters" in table and not table["parameters"].any():
        return table.drop(columns="parameters")
    return table
