"""Checkpoints of a search's trainings: where they are, and what a session begins and ends with."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from agebo_hpc.execution.executor import Executor
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.storage.checkpoints import CheckpointFiles, Checkpoints
from agebo_hpc.storage.run_directory import CHECKPOINTS_NAME

if TYPE_CHECKING:
    # The history loads pandas, which ranks that train do without.
    from agebo_hpc.storage.history import History


def checkpoint_files(request: SearchRequest) -> CheckpointFiles | None:
    """Return where trainings leave what they go on from; None: nowhere. Local; nothing is made."""
    if not request.checkpoint_space:
        return None
    return CheckpointFiles(Path(request.out) / CHECKPOINTS_NAME)


def checkpoints_of(
    request: SearchRequest, history: History, executor: Executor, changes: Collection[str]
) -> Checkpoints | None:
    """Return a run's checkpoints as this session begins with them; None where there are none.

    For the manager.

    Parameters
    ----------
    request
        Request of the search.
    history
        The history, which says what may go on.
    executor
        One that trains nothing needs none.
    changes
        What this session changes of the configuration: with other data or another recipe than
        before nothing goes on.
    """
    if executor.is_simulated:
        return None
    files = CheckpointFiles(history.run.checkpoints_path)
    checkpoints = Checkpoints(files, int(request.checkpoint_space * 2**30))
    is_other = any(f"problem.{name}" in changes for name in ("data_fingerprint", "recipe"))
    if is_other or not request.checkpoint_space:
        checkpoints.clear()
    if not request.checkpoint_space:
        return None
    checkpoints.take_up(history.pending, history.paused)
    return checkpoints
