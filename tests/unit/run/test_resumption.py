"""What has changed since an earlier session, and what only an earlier version did not know."""

from copy import deepcopy
from dataclasses import asdict, replace

from agebo_hpc.run.resumption import changed_configuration
from agebo_hpc.space.recipe import Recipe


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
