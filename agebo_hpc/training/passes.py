"""Passes over rows that change nothing: sums of losses and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from agebo_hpc.metrics.record import Shards
from agebo_hpc.space.graph import Graph
from agebo_hpc.space.recipe import Recipe
from agebo_hpc.training.metrics import Decode, Task, make_task
from agebo_hpc.training.network import forward
from agebo_hpc.training.rows import Inputs, Source, Targets
from agebo_hpc.training.step import input_spec, network_input

VALIDATION_ROWS = 4096
"""Rows of one slice of an evaluation pass: the outputs of all layers for so many are in memory."""


class Pass(NamedTuple):
    """What a pass over a shard gives.

    Attributes
    ----------
    sums
        The task's sums over the shard, float64; the metric's own vector follows, see `Task`.
    lowest, highest
        The smallest and the largest decision; +inf and -inf where the shard has no row.
    """

    sums: np.ndarray
    lowest: float
    highest: float


Sums = Callable[[Source, range], Pass]
"""(rows, shard) -> what the pass gives."""


def evaluate_rows(
    graph: Graph,
    parameters: np.ndarray,
    task: str,
    rows: Source,
    recipe: Recipe | None = None,
    decode: Decode | None = None,
    is_weighted: bool = False,
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
    decode, is_weighted
        See `agebo_hpc.training.metrics.make_task`.

    Returns
    -------
    dict
        ``"loss"`` and the task's metric by its name.
    """
    tensor = tf.constant(parameters)
    kind = make_task(task, graph.num_outputs, recipe, decode=decode, is_weighted=is_weighted)
    sum_over = compile_sums(kind, graph, lambda x: forward(graph, tensor, x))
    sums = sum_over(rows, range(rows.num_rows)).sums
    return {
        "loss": kind.loss_from_sums(sums, rows.num_rows),
        kind.metric: kind.metric_from_sums(sums, rows.num_rows),
    }


def compile_sums(task: Task, graph: Graph, outputs: Callable[[tf.Tensor], tf.Tensor]) -> Sums:
    """Return a function that sums the task's columns over a shard, slice by slice."""
    if task.shards is not None:
        return _compile_outputs(task, task.shards, graph, outputs)

    @tf.function(
        autograph=False,
        input_signature=[
            input_spec(graph),
            task.target_spec,
            tf.TensorSpec((), tf.int32),
            tf.TensorSpec((), tf.int32),
        ],
    )
    def sums(x: Inputs, y: Targets, first: tf.Tensor, stop: tf.Tensor) -> Any:
        def body(start: tf.Tensor, total: tf.Tensor, bounds: tf.Tensor) -> Any:
            end = tf.minimum(start + VALIDATION_ROWS, stop)
            found = outputs(network_input(x, lambda part: part[start:end]))
            bounds = tf.maximum(bounds, _bounds(task, found))
            targets = tf.nest.map_structure(lambda part: part[start:end], y)
            return end, total + task.sums(found, targets), bounds

        nothing = tf.constant(NO_ROWS, tf.float64)
        _, total, bounds = tf.while_loop(
            lambda start, *_: start < stop,
            body,
            (first, tf.zeros(task.num_sums, tf.float64), nothing),
            parallel_iterations=1,
        )
        return total, bounds

    def sum_over(rows: Source, shard: range) -> Pass:
        total, bounds = np.zeros(task.num_sums), np.asarray(NO_ROWS)
        for x, y, part in rows.slices(shard):
            more, of_part = sums(x, y, tf.constant(part.start), tf.constant(part.stop))
            total += more.numpy()
            bounds = np.maximum(bounds, of_part.numpy())
        return Pass(total, -float(bounds[0]), float(bounds[1]))

    return sum_over


NO_ROWS = (-np.inf, -np.inf)
"""Bounds of no decision, see `_bounds`."""


def _bounds(task: Task, found: tf.Tensor) -> tf.Tensor:
    """Return the smallest decision with its sign turned, and the largest: both grow with rows."""
    decision = task.decision(found)
    return tf.stack([tf.reduce_max(-decision), tf.reduce_max(decision)])


def _compile_outputs(
    task: Task, shards: Shards, graph: Graph, outputs: Callable[[tf.Tensor], tf.Tensor]
) -> Sums:
    """Return a function that sums the task's columns and makes the metric's vector of outputs."""

    @tf.function(
        autograph=False,
        input_signature=[
            input_spec(graph),
            task.target_spec,
        ],
    )
    def of_slice(x: Inputs, y: Targets) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        found = outputs(network_input(x, lambda part: part))
        return task.sums(found, y), found, _bounds(task, found)

    def sum_over(rows: Source, shard: range) -> Pass:
        total, bounds = np.zeros(task.num_sums), np.asarray(NO_ROWS)
        vector = shards.start(rows.num_rows)
        place = shard.start
        for x, y, part in rows.slices(shard):
            for start in range(part.start, part.stop, VALIDATION_ROWS):
                end = min(start + VALIDATION_ROWS, part.stop)
                now = tf.nest.map_structure(lambda part: part[start:end], (x, y))  # noqa: B023
                sums, found, of_part = of_slice(*now)
                total += sums.numpy()
                bounds = np.maximum(bounds, of_part.numpy())
                targets = [part.numpy() for part in tf.nest.flatten(now[1])]
                shards.add(vector, place, found.numpy(), *targets)
                place += end - start
        return Pass(np.concatenate([total, vector]), -float(bounds[0]), float(bounds[1]))

    return sum_over
