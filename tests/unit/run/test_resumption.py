"""What has changed since an earlier session, and what only an earlier version did not know."""

import json
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import asdict, fields, replace

import pytest

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.run.resumption import changed_configuration, check_problem
from agebo_hpc.space.problem import preset
from agebo_hpc.space.recipe import Recipe
from agebo_hpc.storage.run_directory import RunDirectory


def configuration(recipe):
    return {"request": {}, "search": {}, "problem": {"recipe": asdict(recipe)}}


def test_a_recipe_of_an_earlier_version_is_not_a_changed_one():
    stored = configuration(Recipe(epochs=7))
    for name in ("loss", "metric", "class_weights"):
        del stored["problem"]["recipe"][name]
    before = deepcopy(stored)
    config, changes = changed_configuration(stored, configuration(Recipe(epochs=7)))
    assert changes == {} and config == before
    other = configuration(replace(Recipe(epochs=7), loss="mae"))
    config, changes = changed_configuration(stored, other)
    assert list(changes) == ["problem.recipe"]
    assert config["problem"]["recipe"]["loss"] == "mae"


def test_a_search_keeps_the_number_of_random_points_that_it_began_with():
    stored, now = configuration(Recipe()), configuration(Recipe())
    stored["search"]["num_initial"], now["search"]["num_initial"] = 1, 5
    config, changes = changed_configuration(stored, now)
    assert changes == {} and config["search"]["num_initial"] == 1


@pytest.mark.parametrize("name", [field.name for field in fields(Recipe)])
def test_a_run_begun_before_the_recipe_had_something_is_resumed(name, tmp_path):
    problem = preset("v1")
    recipe = asdict(problem.recipe)
    by_default = recipe[name] == getattr(Recipe(), name)
    del recipe[name]
    space = problem.hyperparameters
    stored = {
        "architecture": json.loads(problem.architecture.to_json()),
        "hyperparameters": space.to_dict(),
        "objective": problem.objective,
        "recipe": recipe,
    }
    run = RunDirectory(tmp_path, {"problem": stored}, "")
    session = SearchRequest(data="table.h5", out=str(tmp_path))
    with nullcontext() if by_default else pytest.raises(ConfigurationError):
        check_problem(run, problem, space, session, force=False)
