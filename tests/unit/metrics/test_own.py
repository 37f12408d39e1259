"""A metric that is a function of the user's own file."""

import os

import numpy as np
import pytest

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.metrics import own
from agebo_hpc.metrics.predictions import Classes, Numbers
from agebo_hpc.metrics.record import Shards
from agebo_hpc.metrics.table import find, said, shown
from agebo_hpc.run.configuration import data_identity
from agebo_hpc.run.request import SearchRequest
from agebo_hpc.space.problem import Problem, load_problem
from agebo_hpc.space.recipe import Recipe

FUNCTIONS = """
import numpy as np

def profit(y_true, y_pred):
    return np.mean(np.where(y_pred == "yes", np.where(y_true == "yes", 10, -1), 0))

def sharpness(y_true, y_prob, sample_weight=None):
    return np.average(y_prob[:, 1], weights=sample_weight)

def within(y_true, y_pred):
    return np.mean(abs(y_true - y_pred) < 10)

def fails(y_true, y_pred):
    return 1 / 0

def text(y_true, y_pred):
    return "good"

def nothing(y_true, y_pred):
    return float("nan")

def one(y_true):
    return 1.0

number = 3
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "costs.py"
    path.write_text(FUNCTIONS)
    return path


def labels(indices):
    return np.array(["no", "yes"])[np.asarray(indices, int)]


def test_it_gets_labels_over_all_shards(file):
    rng = np.random.default_rng(0)
    outputs, y = rng.normal(size=(101, 2)), rng.integers(0, 2, 101).astype(np.int32)
    metric = find(f"{file}:profit")
    shards = Shards(metric, 2, labels)
    total = 0
    for cut in (slice(0, 7), slice(7, 101)):
        vector = shards.start(101)
        shards.add(vector, cut.start, outputs[cut], y[cut])
        total = total + vector
    predicted = outputs.argmax(axis=1)
    expected = (10 * (predicted & y).sum() - (predicted & ~y & 1).sum()) / 101
    assert shards.score(total) == pytest.approx(expected)
    assert metric.shown_name == "profit" and said(metric.name, 2.0) == "profit 2"
    assert shown(metric.name, 2.0) == ("profit", 2.0)


def test_the_name_of_its_second_parameter_asks_for_probabilities_and_it_may_weigh(file):
    shares = np.array([[0.9, 0.1], [0.4, 0.6]])
    metric = find(f"{file}:sharpness")
    assert metric.weighs and metric.score(Classes(shares, np.array([0, 1]))) == 0.35
    weights = np.array([0.0, 2.0])
    assert metric.score(Classes(shares, np.array([0, 1]), weights)) == 0.6
    assert not find(f"{file}:profit").weighs


def test_numbers_are_in_the_users_unit(file):
    shards = Shards(find(f"{file}:within"), 1, lambda z: 100 + 50 * np.asarray(z, float))
    vector = shards.start(2)
    shards.add(vector, 0, np.array([[0.0], [1.0]]), np.array([0.1, 1.3]))
    assert shards.score(vector) == 0.5


def test_what_is_not_a_number_is_none_and_no_error(file):
    assert np.isnan(find(f"{file}:nothing").score(Numbers(np.ones(2), np.ones(2))))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fails", r"fails of .*costs.py raised ZeroDivisionError in line 14: division by zero"),
        ("text", "returned 'good'; it must return a number"),
    ],
)
def test_its_errors_name_it_and_the_line(file, name, text):
    with pytest.raises(ConfigurationError, match=text) as caught:
        find(f"{file}:{name}").score(Numbers(np.ones(2), np.ones(2)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("profits", "does not define 'profits'"),
        ("number", "is a int, no function"),
        ("one", r"has the parameters \(y_true\); give it two"),
    ],
)
def test_what_is_no_such_function_is_refused(file, name, text):
    with pytest.raises(ConfigurationError, match=text):
        find(f"{file}:{name}")


def test_files_that_cannot_be_used_are_refused(file, tmp_path, monkeypatch):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        find(f"{tmp_path}/none.py:profit")
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0")
    with pytest.raises(ConfigurationError, match="raised ZeroDivisionError"):
        find(f"{broken}:profit")
    other = tmp_path / "other.py"
    other.write_text(FUNCTIONS)
    monkeypatch.setattr(own, "_owner", lambda path: os.geteuid() + 777)
    with pytest.raises(ConfigurationError, match="belongs to another user"):
        find(f"{other}:profit")


def test_a_function_of_a_problem_file_is_kept_by_its_name(file):
    file.write_text(
        FUNCTIONS + "\nfrom agebo_hpc import Problem, Recipe\n"
        "problem = Problem(recipe=Recipe(metric=within))\n"
    )
    recipe = load_problem(f"{file}:problem").recipe
    assert recipe.metric == f"{file.resolve()}:within"
    assert Recipe(metric=recipe.metric) == recipe
    assert recipe.loss_of("regression") == "mse"


def test_a_function_without_a_place_is_refused():
    with pytest.raises(ConfigurationError, match="defined with a name at the top"):
        Recipe(metric=lambda y_true, y_pred: 0.0)


def test_it_is_tried_before_the_search_begins(file, tiny_dataset):
    problem = Problem(data=str(tiny_dataset), recipe=Recipe(metric=f"{file}:fails"))
    with pytest.raises(ConfigurationError, match="ZeroDivisionError in line 14"):
        data_identity(problem)
    good = Problem(data=str(tiny_dataset), recipe=Recipe(metric=f"{file}:profit"))
    assert data_identity(good)["metric"] == f"{file.resolve()}:profit"
    told = data_identity(good)["metric_source"]
    assert data_identity(good)["metric_source"] == told
    file.write_text(f"{file.read_text()}\n# Another content.\n")
    assert data_identity(good)["metric_source"] != told


def test_the_command_line_takes_it(file):
    assert SearchRequest(data="d.h5", out="r", metric=f"{file}:profit").metric.endswith("profit")
