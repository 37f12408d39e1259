"""What a step has to know of a problem, as plain data for its order.

A step trains one configuration. Without the space that the search chose it from it need not load
scikit-optimize, scikit-learn and SciPy, which takes as long as TensorFlow does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.hyperparameters import HyperparameterSpace
from agebo_hpc.space.problem import Problem
from agebo_hpc.space.recipe import Recipe


def problem_to_dict(problem: Problem) -> dict[str, Any] | None:
    """Say a problem without its hyperparameters; None where it has a trainer, which is code."""
    if problem.trainer is not None:
        return None
    return {
        "data": problem.data,
        "architecture": problem.architecture.to_json(),
        "recipe": asdict(problem.recipe),
        "objective": problem.objective,
    }


def problem_from_dict(data: Mapping[str, Any], hyperparameters: Mapping[str, Any]) -> Problem:
    """Return the problem of one configuration: its hyperparameters are fixed."""
    return Problem(
        data["data"],
        ArchitectureSpace.from_json(data["architecture"]),
        HyperparameterSpace([], hyperparameters),
        Recipe(**data["recipe"]),
        data["objective"],
    )
