"""Hyperparameter spaces: drawn, encoded, fixed, stored."""

import json

import numpy as np
import pytest
from skopt.space import Categorical, Integer, Real

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.space.hyperparameters import HyperparameterSpace
from agebo_hpc.space.problem import v1_hyperparameters


def test_the_papers_space_gives_its_values_as_plain_numbers():
    points = v1_hyperparameters().sample(500, np.random.default_rng(0))
    assert {point["batch_size"] for point in points} == {32, 64, 128, 256, 512, 1024}
    assert {point["num_processes"] for point in points} == {1, 2, 4, 8}
    rates = np.array([point["learning_rate"] for point in points])
    assert 0.001 <= rates.min() < 0.0013 and 0.08 < rates.max() <= 0.1
    assert abs(np.log10(rates).mean() + 2) < 0.06
    assert {type(value) for point in points for value in point.values()} == {int, float}


def test_the_same_generator_draws_the_same_points():
    space = v1_hyperparameters()
    first = space.sample(3, np.random.default_rng(5))
    assert first == space.sample(3, np.random.default_rng(5))


def test_numbers_are_seen_log_scaled_and_nominal_categories_one_hot():
    space = HyperparameterSpace(
        [
            Categorical([32, 64], name="batch_size"),
            Real(1e-3, 1e-1, prior="log-uniform", name="learning_rate"),
            Categorical(["sgd", "adam"], name="optimizer"),
            Real(0.0, 1.0, name="dropout"),
        ]
    )
    point = {"batch_size": 64, "learning_rate": 0.01, "optimizer": "adam", "dropout": 0.5}
    encoded = space.encode(space.columns([point]))
    assert np.allclose(encoded, [[np.log(64), np.log(0.01), 0, 1, 0.5]])
    nominal = HyperparameterSpace(space.dimensions, nominal=["batch_size"])
    assert np.allclose(nominal.encode(nominal.columns([point]))[0, :2], [0, 1])


def test_a_fixed_value_is_no_longer_tuned_and_stays_in_every_point():
    space = v1_hyperparameters().with_fixed({"batch_size": 128})
    assert space.names == ("learning_rate", "num_processes")
    assert {p["batch_size"] for p in space.sample(20, np.random.default_rng(0))} == {128}


@pytest.mark.parametrize(
    ("fixed", "text"),
    [
        ({"batch": 3}, "no hyperparameter 'batch'"),
        ({"batch_size": 33}, "batch_size is 33"),
        ({"learning_rate": "abc"}, "learning_rate is abc"),
    ],
)
def test_fixing_what_is_unknown_or_not_allowed_is_refused(fixed, text):
    with pytest.raises(ConfigurationError, match=text):
        v1_hyperparameters().with_fixed(fixed)


def test_defaults_are_the_papers_and_n_is_the_smallest_choice():
    assert v1_hyperparameters().defaults == {
        "batch_size": 256,
        "learning_rate": 0.01,
        "num_processes": 1,
    }
    assert v1_hyperparameters().with_processes([2, 4]).defaults["num_processes"] == 2


def test_one_choice_of_n_is_a_fixed_value():
    space = v1_hyperparameters().with_processes([2])
    assert space.processes == (2,)
    assert "num_processes" not in space.names


def test_a_space_survives_json():
    space = HyperparameterSpace(
        [
            Integer(16, 2048, prior="log-uniform", name="batch_size"),
            Real(1e-4, 1e-2, prior="log-uniform", name="learning_rate"),
            Categorical(["sgd", "adam"], name="optimizer"),
        ],
        fixed={"num_processes": 2},
        nominal=["optimizer"],
    )
    copy = HyperparameterSpace.from_dict(json.loads(json.dumps(space.to_dict())))
    assert copy.to_dict() == space.to_dict()
    assert copy.sample(4, np.random.default_rng(1)) == space.sample(4, np.random.default_rng(1))


def test_a_space_of_numpys_numbers_is_said_with_pythons():
    space = HyperparameterSpace(
        [
            Categorical(np.array([32, 64]), name="batch_size"),
            Integer(np.int64(1), np.int64(4), name="num_processes"),
            Real(np.float32(0.25), np.float64(0.5), name="learning_rate"),
        ],
        fixed={"epochs": np.int64(3)},
        defaults={"batch_size": np.int64(64)},
    )
    stored = json.loads(json.dumps(space.to_dict()))
    assert HyperparameterSpace.from_dict(stored).to_dict() == space.to_dict()
    assert json.loads(json.dumps(space.defaults)) == {
        "batch_size": 64,
        "num_processes": 1,
        "learning_rate": 0.375,
        "epochs": 3,
    }


def test_dimensions_without_names_or_named_alike_are_refused():
    for names in [("a", "a"), (None, "b")]:
        with pytest.raises(ConfigurationError, match="name"):
            HyperparameterSpace([Real(0, 1, name=name) for name in names])


def test_integers_on_a_logarithmic_scale_are_drawn_evenly_over_it():
    space = HyperparameterSpace([Integer(16, 2048, prior="log-uniform", name="batch_size")])
    drawn = [point["batch_size"] for point in space.sample(4000, np.random.default_rng(0))]
    assert {type(value) for value in drawn} == {int}
    counts, _ = np.histogram(np.log2(drawn), bins=7, range=(4, 11))
    assert min(drawn) < 18 and max(drawn) > 1950
    assert counts.min() > 0.8 * counts.max()
