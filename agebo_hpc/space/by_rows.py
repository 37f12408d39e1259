"""What follows from the number of training rows: epochs, batch sizes, and what a task can have."""

from __future__ import annotations

from dataclasses import replace

from agebo_hpc.space.hyperparameters import HyperparameterSpace
from agebo_hpc.space.recipe import Recipe

ROW_VISITS = 1_000_000
"""Rows that a training goes through, each as often as there are epochs."""
FEWEST_EPOCHS, MOST_EPOCHS = 4, 40
BATCHES: tuple[tuple[float, int, tuple[int, ...]], ...] = (
    (2_000, 32, (16, 32, 64, 128)),
    (16_000, 128, (32, 64, 128, 256)),
    (64_000, 256, (128, 256, 512, 1024)),
    (200_000, 512, (128, 256, 512, 1024)),
    (float("inf"), 1024, (256, 512, 1024, 2048)),
)
"""Below so many training rows: the default batch size, and those to choose among."""


def recipe_by_rows(recipe: Recipe, rows: int) -> Recipe:
    """Return the recipe with as many epochs as so many training rows need."""
    epochs = max(FEWEST_EPOCHS, min(MOST_EPOCHS, round(ROW_VISITS / rows)))
    return replace(recipe, epochs=epochs)


def hyperparameters_by_rows(
    space: HyperparameterSpace, rows: int, task: str
) -> HyperparameterSpace:
    """Return the space with batch sizes for so many training rows, and no label of a regression.

    Parameters
    ----------
    space
        Tunes ``batch_size`` and, unless that is fixed, ``label_smoothing``.
    rows
        Number of rows of the training part, >= 1.
    task
        ``"classification"`` or ``"regression"``.
    """
    from skopt.space import Categorical

    default, choices = next((usual, every) for most, usual, every in BATCHES if rows < most)
    batches = Categorical(list(choices), name="batch_size")
    unused = "label_smoothing" if task == "regression" else ""
    dimensions = [
        batches if dimension.name == "batch_size" else dimension
        for dimension in space.dimensions
        if dimension.name != unused
    ]
    tuned = {dimension.name for dimension in dimensions}
    defaults = {**space.defaults, "batch_size": default}
    kept = {name: value for name, value in defaults.items() if name in tuned}
    return HyperparameterSpace(dimensions, space.fixed, space.nominal, kept)
