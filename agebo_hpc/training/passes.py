"""Passes over rows that change nothing: sums of losses and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from agebo_hpc.space.graph import Graph
from agebo_hpc.space.recipe import Recipe
from agebo_hpc.training.metrics import RowScores, Task, make_task
from agebo_hpc.training.network import forward
from agebo_hpc.training.rows import Inputs, Source
from agebo_hpc.training.step import input_spec, network_input

VALIDATION_ROWS = 4096
"""Rows of one slice of an evaluation pass: the outputs of all layers for so many are in memory."""

Sums = Callable[[Source, range], np.ndarray]
"""(rows, shard) -> the task's sums over the shard, float64; scores of rows follow, see `Task`."""


def evaluate_rows(
    graph: Graph, parameters: np.ndarray, task: str, rows: Source, recipe: Recipe | None = None
) -> dict[str, float]:
    """Compute loss and metric of a network on rows. Local.

    Parameters
    ----------
    graph, parameters
        The network's graph and its flat vector of parameters.
    task
        ``"classification"`` or ``"regression"``.
    rows
        All of them count.
    recipe
        Gives loss and metric; None: the task's own.

    Returns
    -------
    dict
        ``"loss"`` and the task's metric by its name.
    """
    tensor = tf.constant(parameters)
    kind = make_task(task, graph.num_outputs, recipe)
    sum_over = compile_sums(kind, graph, lambda x: forward(graph, tensor, x))
    sums = sum_over(rows, range(rows.num_rows))
    return {
        "loss": float(sums[0] / rows.num_rows),
        kind.metric: kind.metric_from_sums(sums, rows.num_rows),
    }


def compile_sums(task: Task, graph: Graph, outputs: Callable[[tf.Tensor], tf.Tensor]) -> Sums:
    """Return a function that sums the task's columns over a shard, slice by slice."""
    if task.row_scores is not None:
        return _compile_scores(task, task.row_scores, graph, outputs)

    @tf.function(
        autograph=False,
        input_signature=[
            input_spec(graph),
            tf.TensorSpec((None,), task.target_type),
            tf.TensorSpec((), tf.int32),
            tf.TensorSpec((), tf.int32),
        ],
    )
    def sums(x: Inputs, y: tf.Tensor, first: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        def body(start: tf.Tensor, total: tf.Tensor) -> Any:
            end = tf.minimum(start + VALIDATION_ROWS, stop)
            rows = network_input(x, lambda part: part[start:end])
            return end, total + task.sums(outputs(rows), y[start:end])

        _, total = tf.while_loop(
            lambda start, _: start < stop,
            body,
            (first, tf.zeros(task.num_sums, tf.float64)),
            parallel_iterations=1,
        )
        return total

    def sum_over(rows: Source, shard: range) -> np.ndarray:
        total = np.zeros(task.num_sums)
        for x, y, part in rows.slices(shard):
            total += sums(x, y, tf.constant(part.start), tf.constant(part.stop)).numpy()
        return total

    return sum_over


def _compile_scores(
    task: Task, row_scores: RowScores, graph: Graph, outputs: Callable[[tf.Tensor], tf.Tensor]
) -> Sums:
    """Return a function that sums the task's columns and lists what it needs of each row."""

    @tf.function(
        autograph=False,
        input_signature=[
            input_spec(graph),
            tf.TensorSpec((None,), task.target_type),
        ],
    )
    def of_slice(x: Inputs, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        found = outputs(network_input(x, lambda part: part))
        return task.sums(found, y), row_scores(found, y)

    def sum_over(rows: Source, shard: range) -> np.ndarray:
        total = np.zeros(task.num_sums)
        scores = np.zeros((rows.num_rows, task.num_scores))
        place = shard.start
        for x, y, part in rows.slices(shard):
            for start in range(part.start, part.stop, VALIDATION_ROWS):
                end = min(start + VALIDATION_ROWS, part.stop)
                now = tf.nest.map_structure(lambda part: part[start:end], (x, y))  # noqa: B023
                sums, of_rows = of_slice(*now)
                total += sums.numpy()
                scores[place : place + end - start] = of_rows.numpy()
                place += end - start
        return np.concatenate([total, scores.ravel()])

    return sum_over
