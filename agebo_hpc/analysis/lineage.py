"""Where architectures come from: parents, generations, and the population over time.

The journal names the parent of each evaluation. Those of earlier versions did not: there parents
are found again by repeating the draws, for the generator of a proposal follows from the seed and
the evaluation's id, and the journal says how many results the search had been told by then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from agebo_hpc.analysis.tables import SCORED, require_columns
from agebo_hpc.random_state import Stream, generator
from agebo_hpc.space.configuration import NO_PARENT

EVOLVING = ("agebo", "age", "mixed-age")
"""Methods whose architectures have parents."""


@dataclass(frozen=True)
class Evolution:
    """What the draws of aging evolution depend on.

    Attributes
    ----------
    seed
        Seed of the search, >= 0.
    population_size, sample_size
        P and S, 1 <= S <= P.
    """

    seed: int
    population_size: int
    sample_size: int

    @classmethod
    def of_config(cls, search: Mapping[str, Any]) -> Evolution | None:
        """Read the table ``search`` of a configuration; None if it does not evolve."""
        if search.get("method") not in EVOLVING:
            return None
        try:
            found = cls(*(int(search[k]) for k in ("seed", "population_size", "sample_size")))
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        is_right = found.seed >= 0 and 1 <= found.sample_size <= found.population_size < 2**31
        return found if is_right else None

    def is_of_all(self, changed: Collection[str]) -> bool:
        """Tell whether it was the same in all sessions, after the names of what was changed."""
        return not {"search.population_size", "search.sample_size"} & set(changed)


Row = tuple[str, int, int, float, float]
"""Origin, id of the parent, changed decision, gain, generation."""


def lineage(
    frame: pd.DataFrame,
    parents: Mapping[int, int],
    told: Mapping[int, int] | None,
    evolution: Evolution,
) -> pd.DataFrame:
    """Find the parent of each evaluation.

    Parameters
    ----------
    frame
        A history, in the order of its results.
    parents
        Id of the parent, or `NO_PARENT`, by id; those that were recorded.
    told
        Number of results that the search knew of when it proposed an evaluation, by id, to find
        other parents by repeating draws. None: they are unknown.
    evolution
        How the search evolved.

    Returns
    -------
    DataFrame
        One row for each finished evaluation, in the order of the history: ``evaluation_id``,
        ``origin`` ("random", "mutation", or "unknown" where no parent was recorded and the
        repeated draw gives none that differs in one decision at most), ``parent_id`` (-1 for
        none), ``decision`` (which one was changed, from 0; -1 for none), ``gain`` over the
        parent's objective, ``generation`` (0 for random ones; NaN if unknown).
    """
    require_columns(frame, ["evaluation_id", "status", "objective", "architecture"])
    draws = None if told is None else _Draws(frame, told, evolution)
    known = {
        int(id): (float(objective), architecture)
        for id, objective, architecture in zip(
            frame["evaluation_id"], frame["objective"], frame["architecture"], strict=True
        )
    }
    rows: dict[int, Row] = {}
    for id, (objective, child) in sorted(known.items()):
        parent = parents.get(id)
        if parent is None and draws is not None:
            parent = draws.parent(id, child)
        if parent == NO_PARENT:
            rows[id] = ("random", NO_PARENT, -1, np.nan, 0.0)
        elif parent is None or parent not in known:
            rows[id] = ("unknown", NO_PARENT, -1, np.nan, np.nan)
        else:
            before, architecture = known[parent]
            decision = [*_changed(architecture, child), -1][0]
            generation = rows[parent][-1] + 1 if parent in rows else np.nan
            rows[id] = ("mutation", parent, decision, objective - before, generation)
    found = [rows[int(id)] for id in frame["evaluation_id"]]
    columns = ["origin", "parent_id", "decision", "gain", "generation"]
    table = pd.DataFrame(found, columns=columns)
    table.insert(0, "evaluation_id", frame["evaluation_id"].to_numpy())
    return table


class _Draws:
    """The draws of a search, made once more."""

    def __init__(self, frame: pd.DataFrame, told: Mapping[int, int], evolution: Evolution) -> None:
        # NaN is what a failure has for an objective; only the others enter the population.
        enters = (frame["status"].isin(SCORED) & frame["objective"].notna()).to_numpy()
        self._entered = np.concatenate([[0], np.cumsum(enters)])
        members = frame[enters]
        self._ids = members["evaluation_id"].to_numpy()
        self._objectives = members["objective"].to_numpy()
        self._architectures = list(members["architecture"])
        self._told = told
        self._evolution = evolution

    def parent(self, evaluation_id: int, child: tuple[int, ...]) -> int | None:
        """Return the parent's id; None where the draw gives one that cannot be it."""
        told = min(self._told.get(evaluation_id, 0), len(self._entered) - 1)
        known = int(self._entered[told])
        if known < self._evolution.population_size:
            return NO_PARENT
        parent = _parent(evaluation_id, known, self._objectives, self._evolution)
        is_one = len(_changed(self._architectures[parent], child)) <= 1
        return int(self._ids[parent]) if is_one else None


def _parent(evaluation_id: int, known: int, objectives: np.ndarray, evolution: Evolution) -> int:
    """Repeat the draw of aging evolution; return the position among the members."""
    rng = generator(evolution.seed, evaluation_id, Stream.ARCHITECTURE)
    size = evolution.population_size
    sample = known - size + rng.choice(size, evolution.sample_size, replace=False)
    return int(sample[np.argmax(objectives[sample])])


def _changed(parent: tuple[int, ...], child: tuple[int, ...]) -> list[int]:
    """Return the positions at which two decision vectors differ; all if their lengths do."""
    if len(parent) != len(child):
        return list(range(max(len(parent), len(child))))
    return [i for i, (a, b) in enumerate(zip(parent, child, strict=True)) if a != b]


def ancestors(table: pd.DataFrame, evaluation_id: int) -> list[int]:
    """Return an evaluation and its line of parents, youngest first.

    Parameters
    ----------
    table
        What `lineage` gives.
    evaluation_id
        Id of the youngest.
    """
    parents = dict(zip(table["evaluation_id"], table["parent_id"], strict=True))
    line = [evaluation_id]
    while parents.get(line[-1], -1) >= 0:
        line.append(int(parents[line[-1]]))
    return line


def population(
    frame: pd.DataFrame, table: pd.DataFrame, size: int, num_points: int = 200
) -> pd.DataFrame:
    """Describe the population of aging evolution while the search goes on.

    Parameters
    ----------
    frame
        A history, in the order of its results.
    table
        What `lineage` gives for it.
    size
        Size P of the population.
    num_points
        After how many results, spread evenly, it is described at most, >= 2.

    Returns
    -------
    DataFrame
        ``results`` told by then, ``members``, ``worst``, ``mean`` and ``best`` objective,
        ``age`` (mean seconds since a member's evaluation ended), ``oldest`` (seconds),
        ``generation`` (mean), ``unique`` architectures.
    """
    require_columns(frame, ["status", "objective", "architecture", "ended"])
    enters = (frame["status"].isin(SCORED) & frame["objective"].notna()).to_numpy()
    entered = np.cumsum(enters)
    members = frame[enters]
    objectives = members["objective"].to_numpy()
    ended = members["ended"].to_numpy()
    generations = table.loc[enters, "generation"].to_numpy()
    architectures = list(members["architecture"])
    rows = []
    for position in np.unique(np.linspace(0, max(0, len(frame) - 1), num_points, dtype=int)):
        if not len(frame) or not entered[position]:
            continue
        now = slice(max(0, entered[position] - size), entered[position])
        ages = np.maximum(0.0, frame["ended"].iloc[position] - ended[now])
        known = generations[now][np.isfinite(generations[now])]
        rows.append(
            {
                "results": int(position) + 1,
                "members": now.stop - now.start,
                "worst": objectives[now].min(),
                "mean": objectives[now].mean(),
                "best": objectives[now].max(),
                "age": ages.mean(),
                "oldest": ages.max(),
                "generation": known.mean() if len(known) else np.nan,
                "unique": len(set(architectures[now])),
            }
        )
    columns = [
        *("results", "members", "worst", "mean", "best", "age", "oldest", "generation", "unique"),
    ]
    return pd.DataFrame(rows, columns=columns)
