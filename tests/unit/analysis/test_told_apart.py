"""Names in figures: short, and never two that look alike."""

from __future__ import annotations

import pandas as pd
import pytest

from agebo_hpc.analysis.figures.quality import (
    column_importance_figure,
    confusion_figure,
    most_confused_figure,
)
from agebo_hpc.analysis.figures.style import told_apart

ALIKE = {
    "short": ["a", "b", "c"],
    "ends differ": [f"{'x' * 60}{k}" for k in range(30)],
    "middles differ": [f"{'x' * 40}{k}{'y' * 40}" for k in range(200)],
    "spaces differ": ["a b", "a  b", "a\nb", "a b "],
    "formulas": [f"$\\alpha${'z' * 40}{k}" for k in range(3)],
    "as if cut before": ["x" * 20, "x" * 7 + "…" + "x" * 6, "x" * 13 + "…"],
    "numbers": [1, 2.5, 10**30],
}


@pytest.mark.parametrize("names", ALIKE.values(), ids=ALIKE)
def test_no_two_names_look_alike(names: list[object]) -> None:
    shown = told_apart([*names, *names], 14)
    assert list(shown) == [str(name) for name in names]
    lines = list(shown.values())
    assert len(set(lines)) == len(lines)
    assert all(len(line.replace(r"\$", "$")) <= 14 for line in lines)


def test_the_figures_tell_classes_and_columns_apart() -> None:
    names = ALIKE["middles differ"][:5]
    matrix = pd.DataFrame(1, index=names, columns=names)
    pairs = pd.DataFrame({"true": names, "predicted": names[::-1], "rows": 3, "share": 0.5})
    columns = pd.DataFrame({"column": names, "importance": 0.1, "deviation": 0.0})
    for figure in (confusion_figure(matrix), most_confused_figure(pairs),
                   column_importance_figure(columns, "accuracy")):  # fmt: skip
        labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
        assert len(set(labels)) == 5
