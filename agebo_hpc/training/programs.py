"""A network's compiled functions, kept for the next evaluations of the same shapes.

Tracing takes most of what an evaluation costs beside its epochs. A later training of the same
network with the same rows in a step and as many processes finds it done, whatever its learning
rate, seed and number of epochs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from agebo_hpc.space.graph import Graph
from agebo_hpc.space.recipe import Recipe
from agebo_hpc.training.data_parallel import Group
from agebo_hpc.training.metrics import Task
from agebo_hpc.training.network import forward
from agebo_hpc.training.optimizer import OPTIMIZERS
from agebo_hpc.training.passes import compile_sums
from agebo_hpc.training.step import compile_epoch, make_scale

KEPT = 4
"""Programs that stay: each holds its graphs, a few MiB."""

TRACED = ("optimizer", "precision", "xla", "loss", "metric", "weight_decay", "label_smoothing")
"""Choices of a recipe that a program's graphs depend on."""


@dataclass(frozen=True)
class Shapes:
    """All that a program's graphs depend on.

    Attributes
    ----------
    graph, task
        The network, without the numbers that are given at each training, and what it is for.
    optimizer, precision, xla, loss, metric, weight_decay, label_smoothing
        Those of a recipe, see `TRACED`.
    class_weights
        Weights in the training loss, by class index; empty: none.
    is_weighted
        Whether the rows come with weights.
    batch
        Rows of a step on one process.
    group_size, way
        Processes, and how they sum.
    """

    graph: Graph
    task: str
    optimizer: str
    precision: str
    xla: str
    loss: str
    metric: str
    weight_decay: float
    label_smoothing: float
    class_weights: tuple[float, ...]
    batch: int
    group_size: int
    way: str
    is_weighted: bool = False


class Program:
    """The compiled functions of one network, and the variables that they work on.

    Parameters
    ----------
    shapes
        What it is for.
    task, recipe
        Task and recipe, with the choices that `shapes` has.
    start
        Parameters, of shape (num_parameters,), float32.
    group
        The processes of the first training.
    """

    def __init__(
        self, shapes: Shapes, task: Task, recipe: Recipe, start: tf.Tensor, group: Group
    ) -> None:
        self.shapes = shapes
        graph = shapes.graph
        make = OPTIMIZERS[shapes.optimizer]
        self.optimizer = make(start.numpy(), graph.parameter_shapes())
        self._scale = make_scale(shapes.precision)
        state = self.optimizer, self._scale
        self.train = compile_epoch(graph, task, recipe, shapes.batch, state, group)
        self.validate = compile_sums(
            task, graph, lambda x: forward(graph, self.optimizer.read(), x)
        )

    def state(self) -> tuple[tuple[np.ndarray, ...], tuple[float, ...]]:
        """Return the states of the optimizer and of the loss scale."""
        return self.optimizer.state(), self._scale.state()

    def load_state(self, optimizer: tuple[np.ndarray, ...], loss_scale: tuple[float, ...]) -> None:
        """Take over what `state` gave."""
        self.optimizer.load_state(optimizer)
        self._scale.load_state(loss_scale)

    def restart(self, start: tf.Tensor) -> None:
        """Begin anew from other parameters."""
        self.optimizer.restart(start)
        self._scale.restart()


class Programs:
    """The programs of the latest trainings.

    Parameters
    ----------
    most
        Number of programs that are kept, >= 0.
    """

    def __init__(self, most: int = KEPT) -> None:
        self._most = most
        self._kept: list[Program] = []

    def take(
        self, shapes: Shapes, task: Task, recipe: Recipe, start: tf.Tensor, group: Group
    ) -> Program:
        """Return a program at its start: one that was kept, or a new one. Local.

        It is not kept any more: a training that fails does not bring it back.
        """
        for program in self._kept:
            if program.shapes == shapes:
                self._kept.remove(program)
                program.restart(start)
                return program
        return Program(shapes, task, recipe, start, group)

    def keep(self, program: Program) -> None:
        """Keep a program whose training has ended well; the oldest one goes."""
        self._kept.append(program)
        del self._kept[: -self._most or None]

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._kept)
