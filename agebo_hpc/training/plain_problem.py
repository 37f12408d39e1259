"""What a process that trains has to know of a problem, as plain data that travel.

It trains configurations. Without the space that the search chooses them from it need not load
scikit-optimize, scikit-learn and SciPy, which takes more than half as long as TensorFlow.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.hyperparameters import HyperparameterSpace
from agebo_hpc.space.problem import Problem
from agebo_hpc.space.recipe import Recipe


def problem_to_dict(problem: Problem) -> dict[str, Any]:
    """Return a checked problem as plain data, all but a trainer of its own."""
    return {
        "data": problem.data,
        "architecture": problem.architecture.to_json(),
        "recipe": asdict(problem.recipe),
        "objective": problem.objective,
        "hyperparameters": problem.hyperparameters.defaults,
    }


def problem_from_dict(data: Mapping[str, Any]) -> Problem:
    """Return the problem of `problem_to_dict`; it tunes nothing."""
    return Problem(
        data["data"],
        ArchitectureSpace.from_json(data["architecture"]),
        HyperparameterSpace([], data["hyperparameters"]),
        Recipe(**data["recipe"]),
        data["objective"],
    )
