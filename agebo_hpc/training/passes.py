"""Passes over rows that change nothing: sums of losses and metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from agebo_hpc.space.graph import Graph
from agebo_hpc.training.metrics import TASKS, Task
from agebo_hpc.training.network import forward
from agebo_hpc.training.rows import Source

VALIDATION_ROWS = 4096
"""Rows of one slice of an evaluation pass: the outputs of all layers for so many are in memory."""

Sums = Callable[[Source, range], np.ndarray]
"""(rows, shard) -> the task's sums over the shard, float64."""


def evaluate_rows(
    graph: Graph, parameters: np.ndarray, task: str, rows: Source
) -> dict[str, float]:
    """Compute loss and metric of a network on rows. Local.

    Returns
    -------
    dict
        ``"loss"`` and the task's metric by its name.
    """
    tensor = tf.constant(parameters)
    kind = TASKS[task]
    sum_over = compile_sums(kind, graph, lambda x: forward(graph, tensor, x))
    sums = sum_over(rows, range(rows.num_rows))
    return {
        "loss": float(sums[0] / rows.num_rows),
        kind.metric: kind.metric_from_sums(sums, rows.num_rows),
    }


def compile_sums(task: Task, graph: Graph, outputs: Callable[[tf.Tensor], tf.Tensor]) -> Sums:
    """Return a function that sums the task's columns over a shard, slice by slice."""

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec((None, graph.num_features), tf.float32),
            tf.TensorSpec((None,), task.target_type),
            tf.TensorSpec((), tf.int32),
            tf.TensorSpec((), tf.int32),
        ],
    )
    def sums(x: tf.Tensor, y: tf.Tensor, first: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
        def body(start: tf.Tensor, total: tf.Tensor) -> Any:
            end = tf.minimum(start + VALIDATION_ROWS, stop)
            return end, total + task.sums(outputs(x[start:end]), y[start:end])

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
