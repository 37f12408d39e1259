"""Problems from files and presets, configurations and results as data."""

import copy
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from agebo_hpc.errors import ConfigurationError, InputMissingError
from agebo_hpc.space.configuration import Configuration, Evaluation, Result, Status
from agebo_hpc.space.problem import Problem, Recipe, load_problem, preset, v1_hyperparameters

PROBLEM = """
from agebo_hpc.space.problem import Problem, Recipe
problem = Problem(data="table.h5", recipe=Recipe(epochs=3))
def make():
    return problem
number = 3
broken = 1 / 0 if False else None
"""


@pytest.fixture
def problem_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PROBLEM)
    return path


def test_a_problem_file_gives_an_object_or_calls_a_function(problem_file):
    for name in ("problem", "make"):
        problem = load_problem(f"{problem_file}:{name}")
        assert problem.recipe.epochs == 3
        assert problem.data == str(problem_file.parent / "table.h5")


@pytest.mark.parametrize(
    ("name", "text"), [("absent", "absent"), ("number", "int"), ("broken", "NoneType")]
)
def test_what_is_no_problem_is_refused_by_name(problem_file, name, text):
    with pytest.raises(ConfigurationError, match=text):
        load_problem(f"{problem_file}:{name}")


OWN_TRAINER = """
import sys
from agebo_hpc.training.own_trainer import make_trainer
from agebo_hpc.training.trainer import Slot

arguments = {"problem": sys.argv[1], "data": None, "recipe": {"epochs": 2}, "objective": "best"}
trainer = make_trainer(arguments, Slot(), 0.0)
print(trainer.num_epochs)
heavy = {"skopt", "sklearn", "scipy", "pandas", "h5py", "tensorflow"}
print(sorted(heavy & set(sys.modules)))
"""
OF_A_RANK = """
from agebo_hpc.space.problem import Problem

class Trainer:
    def __init__(self, problem, slot):
        problem.check_data("classification", (3,), ["no", "yes"])
        self.num_epochs = problem.recipe.epochs

problem = Problem(trainer=Trainer)
"""


def test_a_rank_that_only_trains_by_a_problem_file_loads_no_library_of_a_search(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(OF_A_RANK)
    done = subprocess.run(
        [sys.executable, "-c", OWN_TRAINER, f"{path}:problem"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == ["2", "[]"]


def test_the_space_that_a_problem_has_by_default_is_made_when_it_is_looked_at():
    expected = v1_hyperparameters().to_dict()
    for look in (
        lambda space: space,
        copy.copy,
        copy.deepcopy,
        lambda space: pickle.loads(pickle.dumps(space)),
    ):
        space = look(Problem().hyperparameters)
        assert space.all_names == set(v1_hyperparameters().defaults)
        assert space.to_dict() == look(space).to_dict() == expected
        assert space.names == ("batch_size", "learning_rate", "num_processes")
    with pytest.raises(AttributeError, match="no attribute 'colour'"):
        Problem().hyperparameters.colour  # noqa: B018


def test_a_file_that_raises_is_refused_with_its_error(tmp_path):
    path = tmp_path / "bad.py"
    path.write_text("raise RuntimeError('no such luck')")
    with pytest.raises(ConfigurationError, match="no such luck"):
        load_problem(f"{path}:problem")


def test_a_file_is_read_as_it_is_now_and_nothing_is_written_beside_it(tmp_path):
    path = tmp_path / "mine.py"
    text = (
        "from agebo_hpc.space.problem import Problem, Recipe\n"
        "mine = Problem(recipe=Recipe(epochs={}))\n"
    )
    for epochs in (2, 3, 4):
        path.write_text(text.format(epochs))
        os.utime(path, (1, 1))  # as if changed within one second
        assert load_problem(f"{path}:mine").recipe.epochs == epochs
    assert os.listdir(tmp_path) == ["mine.py"]


def test_a_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "problem.txt"
    path.write_text("")
    with pytest.raises(ConfigurationError, match="not a Python file"):
        load_problem(f"{path}:mine")


def test_a_missing_file_and_a_reference_without_a_name_are_refused(tmp_path):
    with pytest.raises(InputMissingError, match=r"gone\.py"):
        load_problem(f"{tmp_path}/gone.py:problem")
    with pytest.raises(ConfigurationError, match=r"FILE\.py:NAME"):
        load_problem("gone.py")


def test_an_unknown_preset_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigurationError, match="'v1-small'"):
        preset("v1-smal")


@pytest.mark.parametrize("field", [{"epochs": 0}, {"plateau_factor": 1.0}, {"warmup_epochs": -1}])
def test_a_recipe_that_makes_no_sense_is_refused(field):
    with pytest.raises(ConfigurationError, match=next(iter(field))):
        Recipe(**field)


def test_an_unknown_objective_is_refused():
    with pytest.raises(ConfigurationError, match="first"):
        Problem(objective="first")


CONFIGURATION = Configuration(
    (1, 0, 2), {"batch_size": 64, "learning_rate": 0.0123456789, "num_processes": 2}
)


def test_a_configuration_survives_json_and_is_equal_and_hashed_by_value():
    copy = Configuration.from_json(CONFIGURATION.to_json())
    assert copy == CONFIGURATION
    assert hash(copy) == hash(CONFIGURATION)
    assert copy.key == CONFIGURATION.key
    other = Configuration((1, 0, 3), CONFIGURATION.hyperparameters)
    assert other != CONFIGURATION and other.key != CONFIGURATION.key


def test_a_result_survives_json():
    result = Result(
        Evaluation(7, CONFIGURATION),
        Status.DONE,
        0.75,
        curve=({"epoch": 1, "loss": 0.5},),
        times={"train": 1.5},
        submitted=1.0,
        started=2.0,
        ended=3.0,
        ranks=(1, 2),
        host="n1",
        num_parameters=10,
        peak_memory=5,
    )
    assert Result.from_dict(json.loads(json.dumps(result.to_dict()))) == result
