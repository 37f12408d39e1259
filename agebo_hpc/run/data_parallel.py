"""What a search says and checks of trainings on several ranks before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.execution.executor import Executor
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.training.ways import Way, check_children

if TYPE_CHECKING:
    from agebo_hpc.space.hyperparameters import HyperparameterSpace
    from agebo_hpc.space.problem import Problem


def announce(
    executor: Executor, way: Way | None, problem: Problem, space: HyperparameterSpace
) -> None:
    """Log how gradients are summed, where trainings on several ranks will come."""
    if way is not None and problem.trainer is None and max(space.processes) > 1:
        executor.data_parallel = way.name
        executor.remarks = [*executor.remarks, str(way)]


def check_isolation(
    request: SearchRequest, way: Way | None, problem: Problem, space: HyperparameterSpace
) -> None:
    """Refuse trainings on several ranks in child processes that nothing joins.

    Raises
    ------
    ConfigurationError
        If the problem has a trainer of its own, or the way is not Horovod.
    """
    if request.isolation != "child" or max(space.processes) == 1:
        return
    if problem.trainer:
        raise ConfigurationError(
            "--isolation child lets children meet without MPI, and the problem's own trainer "
            "expects a communicator; search with --processes 1 or without --isolation child."
        )
    if way is not None:
        check_children(request.data_parallel, way)
