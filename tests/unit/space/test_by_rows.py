"""Epochs and batch sizes by the rows of a data set, and what a task can have."""

import pytest

from agebo_hpc.space.by_rows import first_by_rows
from agebo_hpc.space.problem import Problem, preset

FIRST = {"members": 2, "embedding": (16, 8), "categories": 8, "repeated": 64, "means": False}


@pytest.mark.parametrize(
    ("rows", "epochs", "batch"),
    [
        *((10, 20, 128), (500, 20, 128), (9_000, 20, 128), (19_031, 40, 256), (39_043, 26, 256)),
        *((137_484, 7, 512), (226_540, 4, 1024), (10**8, 4, 1024)),
    ],
)
def test_more_rows_have_fewer_epochs_and_larger_batches(rows, epochs, batch):
    problem = preset("tabular").for_data(rows, "classification")
    assert problem.recipe.epochs == epochs
    assert problem.hyperparameters.defaults["batch_size"] == batch
    [choices] = [
        d.categories for d in problem.hyperparameters.dimensions if d.name == "batch_size"
    ]
    assert batch in choices and len(choices) == 4
    # What follows from the rows has been decided then.
    assert problem.for_data(7, "classification") is problem


def test_a_regression_has_no_labels_to_smooth():
    tuned = {
        task: preset("tabular").for_data(5000, task).hyperparameters.names
        for task in ("classification", "regression")
    }
    assert set(tuned["classification"]) - set(tuned["regression"]) == {"label_smoothing"}
    preset("tabular").for_data(5000, "regression").check_data("regression", (3,), None)


def test_problems_of_the_papers_are_as_they_are():
    problem = Problem()
    assert problem.for_data(10**6, "regression") is problem
    assert problem.first == ()


@pytest.mark.parametrize(
    ("rows", "seconds", "epochs", "in_full"),
    [
        *((39_043, None, 26, None), (39_043, 3600.0, 26, None), (39_043, 180.0, 7, 26)),
        *((500, 60.0, 20, None), (10**6, 180.0, 1, 4), (137_484, 0.0, 1, 7)),
    ],
)
def test_a_search_of_little_time_has_shorter_trainings(rows, seconds, epochs, in_full):
    problem = preset("tabular").for_data(rows, "classification", seconds)
    assert (problem.recipe.epochs, problem.full_epochs) == (epochs, in_full)


@pytest.mark.parametrize(
    ("rows", "units", "dropout", "sigma"),
    [
        *((300, 128, 0.2, 0.1), (3_999, 128, 0.2, 0.1), (4_000, 128, 0.1, 0.1)),
        *((15_999, 128, 0.1, 0.1), (16_000, 256, 0.1, 0.3), (10**6, 256, 0.1, 0.3)),
    ],
)
def test_few_rows_begin_with_narrower_networks_and_drop_more(rows, units, dropout, sigma):
    problem = preset("tabular").for_data(rows, "regression")
    space = problem.architecture
    assert problem.first[0] == space.of_layers([(units, "relu")] * 3, **FIRST)
    assert len(problem.first) == len(preset("tabular").first)
    defaults = problem.hyperparameters.defaults
    assert (defaults["dropout"], defaults["sigma"]) == (dropout, sigma)


def test_layers_that_are_narrow_enough_stay_whatever_their_activation():
    space = preset("tabular").architecture
    mixed = space.of_layers([(64, "swish"), (512, "linear"), (384, "swish")], members=4)
    [narrowed] = first_by_rows(space, [mixed], 1000)
    assert narrowed == space.of_layers([(64, "swish"), (128, "linear"), (128, "swish")], members=4)
    assert first_by_rows(space, [mixed], 10**6) == (
        space.of_layers([(64, "swish"), (256, "linear"), (256, "swish")], members=4),
    )
