"""Recipes: what a configuration changes of them, and what data they are for."""

import pytest
from skopt.space import Categorical, Integer

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.space import problem as problems
from agebo_hpc.space.hyperparameters import HyperparameterSpace
from agebo_hpc.space.problem import Problem, preset
from agebo_hpc.space.recipe import LOSSES, Recipe

SEVEN = ("sgd", "rmsprop", "adagrad", "adam", "adadelta", "adamax", "nadam")


def test_hyperparameters_named_like_fields_take_their_place():
    recipe = Recipe(epochs=7).of_configuration(
        {"batch_size": 32, "optimizer": "nadam", "loss": "mae", "early_stopping_patience": 4}
    )
    assert (recipe.optimizer, recipe.loss, recipe.early_stopping_patience) == ("nadam", "mae", 4)
    assert recipe.epochs == 7 and recipe.plateau_patience == 5


def test_each_task_has_its_own_losses_and_metrics():
    assert [Recipe().loss_of(task) for task in LOSSES] == ["cross_entropy", "mse"]
    assert [Recipe().metric_of(task).name for task in LOSSES] == ["accuracy", "r2"]
    with pytest.raises(ConfigurationError, match="loss is 'mae', but .* classification"):
        Recipe(loss="mae").loss_of("classification")
    with pytest.raises(ConfigurationError, match="metric is 'roc_auc', but .* regression"):
        Recipe(metric="roc_auc").metric_of("regression")
    with pytest.raises(ConfigurationError, match="metric is 'happiness'"):
        Recipe(metric="happiness")


def test_balanced_weights_give_every_class_the_same_sum():
    weights = Recipe(class_weights="balanced").weights_of(("no", "yes"), (900, 100))
    assert weights == pytest.approx((1000 / 1800, 1000 / 200))


def test_given_weights_are_found_by_the_labels_and_others_refused():
    recipe = Recipe(class_weights={0: 0.52, 1: 13.87})
    assert recipe.weights_of((0, 1), (96, 4)) == (0.52, 13.87)
    assert recipe.weights_of((1, 0), (4, 96)) == (13.87, 0.52)
    with pytest.raises(ConfigurationError, match="classes 0, 1; the data set has no, yes"):
        recipe.weights_of(("no", "yes"), (96, 4))
    with pytest.raises(ConfigurationError, match="a regression"):
        recipe.weights_of(None, None)


@pytest.mark.parametrize("weights", ["even", {}, {0: 0.0, 1: 1.0}, {0: float("nan")}])
def test_weights_that_make_no_sense_are_refused(weights):
    with pytest.raises(ConfigurationError, match="class_weights"):
        Recipe(class_weights=weights)


def test_a_choice_that_no_recipe_can_have_is_refused_at_once():
    for dimension, text in [
        (Categorical(["adam", "sgdd"], name="optimizer"), "sgdd"),
        (Integer(-1, 5, name="plateau_patience"), "plateau_patience is -1"),
    ]:
        with pytest.raises(ConfigurationError, match=text):
            Problem(hyperparameters=HyperparameterSpace([dimension]))


def test_presets_of_the_second_paper_say_what_it_says(monkeypatch):
    combo, attn = preset("combo-like"), preset("attn-like")
    assert combo.hyperparameters.defaults == {
        "batch_size": 32,
        "learning_rate": 0.001,
        "optimizer": "adam",
        "plateau_patience": 5,
        "early_stopping_patience": 10,
        "loss": "mse",
        "num_processes": 1,
    }
    assert set(attn.hyperparameters.names) == set(combo.hyperparameters.names) - {"loss"}
    assert tuple(combo.hyperparameters.dimensions[2].categories) == SEVEN
    monkeypatch.setattr(problems, "OPTIMIZERS", ("newer", *problems.OPTIMIZERS))
    assert preset("combo-like").hyperparameters.to_dict() == combo.hyperparameters.to_dict()
    assert combo.recipe.epochs == attn.recipe.epochs == 100
    assert (combo.recipe.metric, attn.recipe.metric) == ("r2", "average_precision")
    with_eight = combo.hyperparameters.with_processes([8])
    assert with_eight.defaults["num_processes"] == 8
    assert with_eight.defaults["batch_size"] == 32


def test_a_data_set_that_a_problem_is_not_for_is_refused():
    combo, attn = preset("combo-like"), preset("attn-like")
    combo.check_data("regression", (7, 3, 3), None)
    attn.check_data("classification", (7,), (0, 1))
    for problem, shape, text in [
        (combo, ("regression", (7,), None), "3 inputs"),
        (combo, ("classification", (7, 3, 3), (0, 1)), "metric is 'r2'"),
        (attn, ("regression", (7,), None), "metric is 'average_precision'"),
    ]:
        with pytest.raises(ConfigurationError, match=text):
            problem.check_data(*shape)
    losses = HyperparameterSpace([Categorical(["mse", "mae"], name="loss")])
    with pytest.raises(ConfigurationError, match="loss is 'mse'"):
        Problem(hyperparameters=losses).check_data("classification", (7,), (0, 1))


def test_defaults_of_a_space_are_kept_where_they_are_allowed():
    space = HyperparameterSpace(
        [Categorical(["sgd", "adam"], name="optimizer")], defaults={"optimizer": "adam"}
    )
    copy = HyperparameterSpace.from_dict(space.to_dict())
    assert copy.defaults["optimizer"] == "adam"
    assert copy.with_fixed({"optimizer": "sgd"}).defaults["optimizer"] == "sgd"
    with pytest.raises(ConfigurationError, match="default of optimizer is lamb"):
        HyperparameterSpace(space.dimensions, defaults={"optimizer": "lamb"})
