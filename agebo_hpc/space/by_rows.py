"""What follows from the number of training rows: epochs, batch sizes, widths, regularisation.

Networks overfit few rows in few steps: they are then narrower, drop more, begin with
slower waves and stop sooner, see docs/method.rst for what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agebo_hpc.space.architecture import Architecture, ArchitectureSpace
from agebo_hpc.space.hyperparameters import HyperparameterSpace
from agebo_hpc.space.recipe import Recipe

ROW_VISITS = 1_000_000
"""Rows that a training goes through, each as often as there are epochs."""
FEWEST_EPOCHS = 4
FEWEST_NETWORKS = 12
"""Networks that a search sees at least, if it has the time for one epoch of each."""
VISITS_PER_SECOND = 20_000
"""Rows that a core trains in a second with the networks that a search begins with, about."""


@dataclass(frozen=True)
class Usual:
    """What a search begins with where there are so many training rows.

    Attributes
    ----------
    below
        It is for fewer rows than this.
    most_epochs
        Most epochs of a training.
    batch_size, batch_sizes
        The default, and what to choose among.
    units
        Most units of a layer of the first networks.
    defaults
        Defaults of other hyperparameters that are tuned.
    """

    below: float
    most_epochs: int
    batch_size: int
    batch_sizes: tuple[int, ...]
    units: int
    defaults: dict[str, float]


FEW = {"dropout": 0.2, "sigma": 0.1}
SOME = {"dropout": 0.1, "sigma": 0.1}
MANY = {"dropout": 0.1, "sigma": 0.3}
BY_ROWS = (
    Usual(4_000, 20, 128, (32, 64, 128, 256), 128, FEW),
    Usual(16_000, 20, 128, (32, 64, 128, 256), 128, SOME),
    Usual(64_000, 40, 256, (128, 256, 512, 1024), 256, MANY),
    Usual(200_000, 40, 512, (128, 256, 512, 1024), 256, MANY),
    Usual(float("inf"), 40, 1024, (256, 512, 1024, 2048), 256, MANY),
)


def usual_of(rows: int) -> Usual:
    """Return what is for so many training rows."""
    return next(usual for usual in BY_ROWS if rows < usual.below)


def recipe_by_rows(recipe: Recipe, rows: int) -> Recipe:
    """Return the recipe with as many epochs as so many training rows need."""
    most = usual_of(rows).most_epochs
    return replace(recipe, epochs=max(FEWEST_EPOCHS, min(most, round(ROW_VISITS / rows))))


def first_by_rows(
    space: ArchitectureSpace, first: Sequence[Architecture], rows: int
) -> tuple[Architecture, ...]:
    """Return the first networks with layers as wide as so many training rows bear."""
    most = usual_of(rows).units
    return tuple(_narrowed(space, architecture, most) for architecture in first)


def _narrowed(space: ArchitectureSpace, architecture: Architecture, most: int) -> Architecture:
    fitting = [place for place, units in enumerate(space.units) if units <= most]
    widest, kinds = max(fitting, default=0), len(space.activations)
    narrowed = list(architecture)
    for place, variable in enumerate(space.variables):
        layer = space.layer(architecture[place]) if variable.kind == "node" else None
        if layer is not None and layer[0] > most:
            narrowed[place] = 1 + widest * kinds + (architecture[place] - 1) % kinds
    return tuple(narrowed)


def shortened(recipe: Recipe, rows: int, seconds: float | None) -> Recipe:
    """Return the recipe with so few epochs that a search of this time sees a dozen networks.

    By what a core usually does, not by what this one does, so that all ranks and every machine
    have the same.

    Parameters
    ----------
    recipe
        The recipe in full.
    rows
        Number of rows of the training part, >= 1.
    seconds
        Time of the search; None: it has no bound.
    """
    if seconds is None:
        return recipe
    visits = seconds / FEWEST_NETWORKS * VISITS_PER_SECOND
    epochs = max(1, min(recipe.epochs, int(visits / rows)))
    warmup_epochs = round(recipe.warmup_epochs * (epochs / recipe.epochs))
    return replace(recipe, epochs=epochs, warmup_epochs=warmup_epochs)


def hyperparameters_by_rows(
    space: HyperparameterSpace, rows: int, task: str
) -> HyperparameterSpace:
    """Return the space with what so many training rows begin with, and no label of a regression.

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

    usual = usual_of(rows)
    batches = Categorical(list(usual.batch_sizes), name="batch_size")
    unused = "label_smoothing" if task == "regression" else ""
    dimensions = [
        batches if dimension.name == "batch_size" else dimension
        for dimension in space.dimensions
        if dimension.name != unused
    ]
    tuned = {dimension.name for dimension in dimensions}
    defaults = {**space.defaults, "batch_size": usual.batch_size, **usual.defaults}
    kept = {name: value for name, value in defaults.items() if name in tuned}
    return HyperparameterSpace(dimensions, space.fixed, space.nominal, kept)
