"""Reading a history, also while a search writes it: no locks, no changes."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd

from agebo_hpc.storage.checks import check_config, check_length
from agebo_hpc.storage.journal_lines import read_journal
from agebo_hpc.storage.replay import Replay
from agebo_hpc.storage.rows import columns_of, frame_of
from agebo_hpc.storage.run_directory import RunDirectory
from agebo_hpc.storage.sealed_file import read_head

logger = logging.getLogger(__name__)


def read_replay(path: str | Path) -> Replay:
    """Read what happened in a run so far: results, pending evaluations, sessions. Local.

    Raises
    ------
    InputMissingError
        If there is no such run directory.
    DataError
        If its journal and the copy of it are damaged or cut short, or ``config.toml`` was changed.
    """
    return Replay.from_events(read_events(path))


def read_events(path: str | Path) -> list[dict[str, Any]]:
    """Read the events of a run so far, one for each line of its journal. Local.

    Raises
    ------
    InputMissingError
        If there is no such run directory.
    DataError
        If its journal and the copy of it are damaged or cut short, or ``config.toml`` was changed.
    """
    run = RunDirectory.open(path)
    # Read before the journal: a search may append to it, and publish, in between.
    known = read_head(run.history_path).get("journal_lines", 0)
    known_lines = known if type(known) is int else 0
    scan = read_journal(run.journal_path)
    events = scan.events
    check_length(run, len(events), known_lines)
    check_config(run, events)
    for remark in (scan.remark and f"{run.journal_path}: {scan.remark}.", run.lost_config):
        if remark:
            logger.warning("%s", remark)
    return events


def read_history(path: str | Path, paused: bool = False) -> pd.DataFrame:
    """Read one row for each finished evaluation, in order of completion. Local.

    Parameters
    ----------
    path
        A run directory; a search may be writing it.
    paused
        Whether those have a row, too, that were paused and have not ended since: with status
        ``paused``, and with what they had at the highest rung that they have come to.

    Returns
    -------
    DataFrame
        ``evaluation_id``, ``status``, ``objective`` (NaN unless done, stopped or paused),
        ``architecture`` (tuple of int), ``configuration_key``; each hyperparameter;
        ``num_parameters``, ``seconds_<phase>``, ``seconds_total`` (ended - started);
        ``submitted``, ``started``, ``ended`` (seconds since 1970, UTC), ``ranks`` (tuple of int),
        ``host``, ``peak_memory`` (bytes), ``epochs``, ``curve`` (tuple of one mapping for each
        epoch),
        ``traceback``.

    Raises
    ------
    InputMissingError
        If there is no such run directory.
    DataError
        If its journal and the copy of it are damaged or cut short, or ``config.toml`` was changed.
    """
    replay = read_replay(path)
    return frame_of(columns_of(replay.latest if paused else replay.results))
