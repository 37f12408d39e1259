"""Epochs and batch sizes by the rows of a data set, and what a task can have."""

import pytest

from agebo_hpc.space.problem import Problem, preset


@pytest.mark.parametrize(
    ("rows", "epochs", "batch"),
    [
        *((10, 40, 32), (500, 40, 32), (2_000, 40, 128), (19_031, 40, 256), (39_043, 26, 256)),
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
