"""Which trainer a search needs: here, and as data for processes that only train."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agebo_hpc.execution.trainer_spec import TrainerSpec
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.training.own_trainer import arguments_of
from agebo_hpc.training.plain_problem import problem_to_dict
from agebo_hpc.training.tensorflow_trainer import TensorFlowTrainer
from agebo_hpc.training.time_limit import limited
from agebo_hpc.training.trainer import Slot, Trainer

if TYPE_CHECKING:
    from agebo_hpc.space.problem import Problem

TENSORFLOW = "agebo_hpc.training.tensorflow_trainer:make_trainer"
OWN = "agebo_hpc.training.own_trainer:make_trainer"
SLEEPING = "agebo_hpc.simulation.sleeping:make_trainer"


def trainer_spec(
    request: SearchRequest, problem: Problem, data_parallel: str = "mpi"
) -> TrainerSpec:
    """Return what a process that only trains has to know of a search. Local.

    Parameters
    ----------
    request
        Request of the search.
    problem
        Problem of the request, checked.
    data_parallel
        How trainings on several processes sum their gradients.
    """
    if request.simulate is not None:
        factory, arguments = (
            SLEEPING,
            {"simulation": request.simulate, "epochs": request.epochs or 1},
        )
    elif problem.trainer is not None:
        factory, arguments = OWN, arguments_of(problem, str(request.problem))
    else:
        factory, arguments = TENSORFLOW, problem_to_dict(problem)
    return TrainerSpec(factory, arguments, request.seed, request.eval_timeout, data_parallel)


def make_trainer(request: SearchRequest, slot: Slot, problem: Problem) -> Trainer:
    """Return the trainer of a process that has the problem and does more than train. Local.

    Parameters
    ----------
    request
        Request of the search.
    slot
        Slot of this process.
    problem
        Problem of the request, checked.
    """
    if request.simulate is not None:
        return trainer_spec(request, problem).make_trainer(slot)
    if problem.trainer is not None:
        return limited(problem.trainer(problem, slot), request.eval_timeout)
    return TensorFlowTrainer(problem, slot, request.eval_timeout)
