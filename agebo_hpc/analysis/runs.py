"""A run as the analysis sees it: its history, its sessions, how its architectures are said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from agebo_hpc.analysis.tables import Interval, decisions_text, scored, status_counts
from agebo_hpc.baselines.record import Baselines, baselines_of
from agebo_hpc.errors import ConfigurationError, DataError
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.configuration import Evaluation, Result
from agebo_hpc.storage.past_session import PastSession
from agebo_hpc.storage.reader import read_replay
from agebo_hpc.storage.replay import Replay
from agebo_hpc.storage.rows import columns_of, frame_of
from agebo_hpc.storage.run_directory import RunDirectory


@dataclass(frozen=True)
class Run:
    """What was read of a run directory at one moment.

    Attributes
    ----------
    path, label
        Directory of the run, and its name in tables and figures.
    config
        All that was asked.
    status
        Content of ``status.json``, or None.
    history
        One row for each finished evaluation.
    pending
        Submitted and not finished evaluations, by id.
    sessions
        Every run of the program on this directory.
    told
        Number of results that the search had been told when it proposed an evaluation, by id.
    parents
        Id of each evaluation's parent by its own; those that the journal names.
    changed
        Names in the configuration that a later session changed.
    baselines
        What simple models reach; None: not measured for this data set and metric.
    pieces
        Where evaluations are trained piece by piece, one row for each piece that has ended.
    paused
        Ids of those that were trained for a part of their epochs and do not train now.
    """

    path: Path
    label: str
    config: dict[str, Any]
    status: dict[str, Any] | None
    history: pd.DataFrame
    pending: dict[int, Evaluation]
    sessions: list[PastSession]
    told: dict[int, int]
    parents: dict[int, int] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    baselines: Baselines | None = None
    pieces: pd.DataFrame | None = None
    paused: frozenset[int] = frozenset()

    @property
    def latest(self) -> pd.DataFrame:
        """One row for each evaluation with an objective, also of those that are paused."""
        if self.pieces is None:
            return self.history
        return scored(self.pieces).drop_duplicates("evaluation_id", keep="last")

    @property
    def intervals(self) -> list[Interval] | None:
        """Start and last sign of each session; None if no session was recorded."""
        return [(session.started, session.last_seen) for session in self.sessions] or None

    @property
    def num_slots(self) -> int:
        """Slots of the last session, 1 if no session was recorded."""
        return self.sessions[-1].num_slots if self.sessions else 1

    def section(self, name: str) -> dict[str, Any]:
        """Return a table of the configuration; empty if it has none of this name."""
        found = self.config.get(name)
        return found if isinstance(found, dict) else {}

    @property
    def capacity(self) -> list[tuple[float, float, int]]:
        """Start, last sign and slots of each session; if none was recorded, results tell."""
        if self.sessions:
            return [
                (session.started, session.last_seen, session.num_slots)
                for session in self.sessions
            ]
        return [(self.history["submitted"].min(), self.history["ended"].max(), 1)]

    @property
    def metric(self) -> str:
        """What the objective is, for axes and headings."""
        return str(self.section("problem").get("metric", "objective"))

    @cached_property
    def space(self) -> ArchitectureSpace | None:
        """The space of the architectures, None if this version does not know it."""
        try:
            return ArchitectureSpace(**self.section("problem")["architecture"])
        except (KeyError, TypeError, ValueError, AttributeError, ConfigurationError):
            return None

    def describe(self, architecture: tuple[int, ...]) -> str:
        """Describe an architecture in one line; by numbers if its space is unknown."""
        if self.space is None:
            return decisions_text(architecture)
        try:
            lines = self.space.describe(architecture).splitlines()
        except ConfigurationError:
            return decisions_text(architecture)
        return "; ".join(_node_text(line) for line in lines)


def _node_text(line: str) -> str:
    """Return what a node is, without its number; with several sub-graphs, in which it is."""
    place, _, text = line.partition(": ")
    if not place.partition("node")[1]:
        return line
    subgraph = place.partition(", node")[0] if place.startswith("sub-graph") else ""
    return f"{subgraph}: {text}" if subgraph else text


def read_run(path: str | Path) -> Run:
    """Read a run directory without disturbing a search that writes it.

    Raises
    ------
    InputMissingError
        If there is none.
    DataError
        If it is damaged.
    """
    directory = RunDirectory.open(path)
    replay = read_replay(path)
    problem = directory.config.get("problem", {})
    return Run(
        path=directory.path,
        label=directory.path.resolve().name,
        config=directory.config,
        status=directory.read_status(),
        history=frame_of(columns_of(replay.results)),
        pending=replay.pending,
        sessions=replay.sessions,
        told=replay.told,
        parents=replay.parents,
        changed=replay.changed,
        baselines=baselines_of(directory.path, problem),
        pieces=_pieces(replay),
        paused=frozenset(replay.paused),
    )


def read_runs(paths: Sequence[str | Path]) -> dict[str, Run]:
    """Read runs of which something is finished, by label; equal names are told apart by path.

    Raises
    ------
    InputMissingError
        If one is not there.
    DataError
        If one is damaged, or none of its evaluations is finished.
    """
    runs = [read_run(path) for path in dict.fromkeys(Path(path) for path in paths)]
    for run in runs:
        if run.history.empty:
            raise DataError(f"{str(run.path)!r} has no evaluation that is done{_instead(run)}.")
    labels = [run.label for run in runs]
    return {run.label if labels.count(run.label) == 1 else str(run.path): run for run in runs}


def _pieces(replay: Replay) -> pd.DataFrame | None:
    ended = [event for event in replay.past if isinstance(event, Result)]
    return frame_of(columns_of(ended)) if replay.past else None


def read_scored_runs(paths: Sequence[str | Path]) -> dict[str, Run]:
    """Read runs that have a score to show, by label; see `read_runs`.

    Raises
    ------
    InputMissingError
        If one is not there.
    DataError
        If one is damaged, or none of its evaluations is done.
    """
    runs = read_runs(paths)
    for run in runs.values():
        if scored(run.history).empty:
            raise DataError(f"{str(run.path)!r} has no evaluation that is done{_instead(run)}.")
    return runs


def _instead(run: Run) -> str:
    """Return a sentence about a run without a score."""
    counts = [f"{count} {name}" for name, count in status_counts(run.history).items()]
    return f" ({', '.join([*counts, f'{len(run.pending)} pending'])}); wait, or read its log.txt"
