"""What the presets search, in words."""

import pytest
from click.testing import CliRunner

from agebo_hpc.cli.search import search
from agebo_hpc.space.problem import PRESETS, preset
from agebo_hpc.space.ranges import ABOUT, ranges


@pytest.mark.parametrize("name", PRESETS)
def test_every_choice_of_a_preset_is_named(name):
    problem, said = preset(name), dict(ranges(preset(name)))
    assert ABOUT[name]
    for unit in problem.architecture.units:
        assert str(unit) in said["layer of a node"]
    for dimension in problem.hyperparameters.dimensions:
        ends = dimension.bounds if hasattr(dimension, "low") else dimension.categories
        assert all(f"{end:g}" in said[dimension.name] for end in ends if not isinstance(end, str))
    for fixed, value in problem.hyperparameters.fixed.items():
        assert said[fixed] == f"{value}, fixed"
    kinds = {variable.kind for variable in problem.architecture.variables}
    assert ("members" in said) == ("members" in kinds)


def test_the_ranges_of_the_papers_are_said_to_the_number():
    said = dict(ranges(preset("v1")))
    assert said["batch_size"] == "32, 64, 128, 256, 512, 1024"
    assert said["learning_rate"].startswith("0.001 to 0.1, on a log")
    assert said["num_processes"] == "1, 2, 4, 8"
    assert (said["nodes"], said["epochs"], said["optimizer"]) == ("10", "20", "adam")
    assert dict(ranges(preset("combo-like")))["nodes"] == "3 in each of 3 sub-graphs"


def test_the_help_says_the_default_preset_and_the_long_one_all():
    short = CliRunner().invoke(search, ["--help"]).output
    assert "--preset tabular:" in short and "0.0005 to 0.01" in short
    assert "--preset v1:" not in short
    whole = CliRunner().invoke(search, ["--help-all"]).output
    assert all(f"--preset {name}:" in whole for name in PRESETS)
