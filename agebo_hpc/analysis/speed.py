"""Score against speed: what each network of a run predicts in a second, told from its operations.

A run keeps the speed of its machine and the shape of its data, so that neither the machine nor the
data are needed here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from agebo_hpc.analysis.runs import Run
from agebo_hpc.analysis.tables import scored
from agebo_hpc.errors import ConfigurationError
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.cost import CostBounds, told_decoder
from agebo_hpc.space.graph import Graph

MOST_HEIGHTS = 8
"""How far below the front a figure reaches at most, in heights of the front."""


def speeds(run: Run) -> pd.DataFrame:
    """Return what each scored evaluation's network predicts in a second, fastest first.

    Returns
    -------
    DataFrame
        ``evaluation_id``, ``objective``, ``parameters``, ``flops`` of a row's products,
        ``rows_per_second`` of one core, ``on_front``: no other one is both faster and better.
        Empty if the run does not say the speed of its machine, or its space is unknown.
    """
    speed = run.section("machine").get("products_per_second")
    shape = run.section("problem").get("shape")
    if not speed or not shape or run.space is None:
        return pd.DataFrame()
    rows = scored(run.history)
    try:
        graphs = _graphs(run.space, shape, rows["architecture"])
        bounds = CostBounds(speed=float(speed))
    except (ConfigurationError, LookupError, TypeError, ValueError, AttributeError):
        return pd.DataFrame()
    table = pd.DataFrame(
        {
            "evaluation_id": rows["evaluation_id"].to_numpy(),
            "objective": rows["objective"].to_numpy(),
            "parameters": rows["num_parameters"].to_numpy(),
            "flops": [graph.flops for graph in graphs],
            "rows_per_second": np.round([bounds.rows_per_second(graph) for graph in graphs]),
        }
    ).sort_values(["rows_per_second", "objective"], ascending=[False, False], ignore_index=True)
    best = table["objective"].cummax()
    return table.assign(on_front=best > best.shift(fill_value=-np.inf))


def lowest_shown(table: pd.DataFrame) -> float:
    """Return from which objective on a figure shows evaluations, given what `speeds` returns.

    Most are bad or slow: it is of those near the front, and of the better half unless this lies
    far below.
    """
    if table.empty:
        return -np.inf
    front = table["objective"][table["on_front"]]
    low, height = front.min(), front.max() - front.min()
    floor = min(low - height, max(table["objective"].median(), low - MOST_HEIGHTS * height))
    return float(max(table["objective"].min(), floor))


def _graphs(
    space: ArchitectureSpace, shape: dict[str, Any], architectures: pd.Series
) -> list[Graph]:
    decode = told_decoder(space, shape)
    return [decode(architecture) for architecture in architectures]
