"""The trainer that a problem file brings along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from agebo_hpc.training.time_limit import limited
from agebo_hpc.training.trainer import Slot, Trainer

if TYPE_CHECKING:
    from agebo_hpc.space.problem import Problem


def arguments_of(problem: Problem, file: str) -> dict[str, Any]:
    """Return what `make_trainer` needs of a problem that was read from ``FILE.py:NAME``."""
    return {
        "problem": file,
        "data": problem.data,
        "recipe": asdict(problem.recipe),
        "objective": problem.objective,
    }


def make_trainer(arguments: Mapping[str, Any], slot: Slot, eval_timeout: float) -> Trainer:
    """Return the trainer of a problem file, with the changes that a search makes. Local.

    Parameters
    ----------
    arguments
        Dictionary that `arguments_of` returned.
    slot
        Slot of this process.
    eval_timeout
        Seconds after which an evaluation ends at its epoch's end; 0: never.
    """
    from agebo_hpc.space.problem import Recipe, load_problem

    problem = replace(
        load_problem(arguments["problem"]),
        data=arguments["data"],
        recipe=Recipe(**arguments["recipe"]),
        objective=arguments["objective"],
    )
    assert problem.trainer is not None
    return limited(problem.trainer(problem, slot), eval_timeout)
