"""How far the evaluations of a search that trains piece by piece have come."""

from __future__ import annotations

from typing import Any

import pandas as pd

from agebo_hpc.analysis.tables import scored
from agebo_hpc.text import counted, noun


def rungs_of(pieces: pd.DataFrame | None, full_length: int | None) -> dict[str, Any]:
    """Sum up the pieces of trainings.

    Parameters
    ----------
    pieces
        One row for each piece that has ended; None: all are trained in full.
    full_length
        Epochs of a whole training; None: not known.

    Returns
    -------
    dict
        ``rungs``: how many evaluations came to each number of epochs, or beyond; ``promoted``:
        how many of them came further; ``stopped_at``: how many were stopped there. ``spent``:
        epochs that were trained, without those that were trained twice; ``spent_in_full``: those
        that whole trainings of the same evaluations take. None where all are trained in full.
    """
    names = ("rungs", "promoted", "stopped_at", "spent", "spent_in_full")
    if pieces is None:
        return dict.fromkeys(names)
    valued = scored(pieces)
    reached = valued.groupby("evaluation_id")["epochs"].max()
    levels = sorted({int(level) for level in valued["epochs"]})
    stopped = valued[valued["status"] == "stopped"].groupby("epochs").size()
    trained = pieces.groupby("evaluation_id")["epochs"].max()
    return {
        "rungs": {level: int((reached >= level).sum()) for level in levels},
        "promoted": {level: int((reached > level).sum()) for level in levels},
        "stopped_at": {int(level): int(number) for level, number in stopped.items()},
        "spent": int(trained.sum()),
        "spent_in_full": None if full_length is None else full_length * len(trained),
    }


def rung_lines(stands: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what is said of the rungs, as (name, text); nothing where there are none."""
    if not stands["rungs"]:
        return []
    told = []
    for level, number in stands["rungs"].items():
        stopped = stands["stopped_at"].get(level, 0)
        told.append(f"{number} after {level}" + (f" ({stopped} stopped)" if stopped else ""))
    lines = [("rungs", f"{', '.join(told)} {noun(max(stands['rungs']), 'epoch')}")]
    spent, in_full = stands["spent"], stands["spent_in_full"]
    if in_full:
        share = f"{spent / in_full:.0%} of the {in_full:,} that whole trainings take"
        lines.append(("trained", f"{counted(spent, 'epoch')}, {share}"))
    return lines
