"""A problem as plain data: what Python made travels in a file of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.space.architecture import ArchitectureSpace
from agebo_hpc.space.hyperparameters import HyperparameterSpace
from agebo_hpc.space.recipe import Recipe

if TYPE_CHECKING:
    from agebo_hpc.space.problem import Problem


def problem_data(problem: Problem) -> dict[str, Any]:
    """Return a problem as plain data for JSON.

    Raises
    ------
    ConfigurationError
        If it has a trainer of its own, which is code.
    """
    if problem.trainer is not None:
        raise ConfigurationError(
            "The problem has a trainer of its own, which other processes load from a file; give "
            "it as FILE.py:NAME."
        )
    return {
        "data": problem.data,
        "architecture": json.loads(problem.architecture.to_json()),
        "hyperparameters": problem.hyperparameters.to_dict(),
        "recipe": asdict(problem.recipe),
        "objective": problem.objective,
        "first": [list(architecture) for architecture in problem.first],
        "by_rows": problem.by_rows,
        "full_epochs": problem.full_epochs,
    }


def fields_of_problem(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the problem that `problem_data` told."""
    return {
        **data,
        "architecture": ArchitectureSpace.from_json(json.dumps(data["architecture"])),
        "hyperparameters": HyperparameterSpace.from_dict(data["hyperparameters"]),
        "recipe": Recipe(**data["recipe"]),
        "first": tuple(map(tuple, data["first"])),
    }
