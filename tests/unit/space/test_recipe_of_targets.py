"""Which transforms and losses of a target go together, and what else is refused in a line."""

import pytest
from skopt.space import Categorical

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.run.advice import advice_on_loss
from agebo_hpc.space.hyperparameters import HyperparameterSpace
from agebo_hpc.space.problem import Problem, preset
from agebo_hpc.space.recipe import LOSSES, Recipe


def test_only_what_is_asked_for_changes_how_targets_are_learnt():
    assert Recipe().coding == ""
    for loss in (*LOSSES["regression"], "quantile:0.3"):
        assert Recipe(loss=loss).coding == ""
    assert Recipe(metric="mean_poisson_deviance").coding == ""
    assert Recipe(target_transform="log").coding == "log"
    assert Recipe(loss="gamma").coding == "gamma"


@pytest.mark.parametrize("loss", ["poisson", "gamma"])
@pytest.mark.parametrize("transform", ["log", "quantile", "none"])
def test_losses_of_rates_are_of_the_target_as_it_is(loss, transform):
    with pytest.raises(ConfigurationError, match=f"{transform}, but the loss {loss}.*leave out"):
        Recipe(loss=loss, target_transform=transform)


def test_unknown_names_and_classes_are_refused():
    with pytest.raises(ConfigurationError, match="'box-cox'; choose among standard, none, log"):
        Recipe(target_transform="box-cox")
    for recipe in (Recipe(target_transform="log"), Recipe(loss="poisson")):
        with pytest.raises(ConfigurationError, match="the data set is a classification"):
            Problem(recipe=recipe).check_data("classification", (7,), (0, 1))
        Problem(recipe=recipe).check_data("regression", (7,), None)


@pytest.mark.parametrize("fixed", [True, False])
def test_losses_whose_networks_learn_other_numbers_are_not_tuned_together(fixed):
    space = HyperparameterSpace([Categorical(["mse", "poisson"], name="loss")])
    space = space.with_fixed({"loss": "poisson"}) if fixed else space
    with pytest.raises(ConfigurationError, match="give --loss poisson"):
        Problem(hyperparameters=space).check_data("regression", (7,), None)


def test_the_space_of_losses_of_a_preset_is_that_of_before():
    [loss] = [d for d in preset("combo-like").hyperparameters.dimensions if d.name == "loss"] or [
        None
    ]
    assert loss is None or tuple(loss.categories) == LOSSES["regression"]


def test_a_metric_of_rates_names_its_loss_once():
    assert "--loss poisson" in advice_on_loss("neg_mean_poisson_deviance", Recipe())
    assert "--loss gamma" in advice_on_loss("neg_mean_gamma_deviance", Recipe())
    for recipe in (Recipe(loss="poisson"), Recipe(loss="mse"), Recipe(target_transform="log")):
        assert advice_on_loss("neg_mean_poisson_deviance", recipe) == ""
    assert advice_on_loss("r2", Recipe()) == ""
