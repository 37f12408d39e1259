"""The compiled steps: gather a batch, forward, backward, average over the group, update.

The graph is small on purpose. Measured on a CPU with random networks of the v1 space: merging a
merge point's projections into one product, a variable for each layer, unrolled steps,
TensorFlow's single-threaded executor and XLA left the time of a step where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from agebo_hpc.space.graph import Graph
from agebo_hpc.space.problem import Recipe
from agebo_hpc.training.data_parallel import Group
from agebo_hpc.training.metrics import Task
from agebo_hpc.training.network import TrainingStep, decaying, forward
from agebo_hpc.training.optimizer import Optimizer
from agebo_hpc.training.precision import COMPUTE_TYPES, ConstantScale, LossScale
from agebo_hpc.training.rows import Inputs, Targets

EpochFunction = Callable[..., tf.Tensor]
"""(inputs, y, rows of each step (steps, batch), rate of each step, what the first step has beside
its rows: a `TrainingStep`'s key, number and arguments) -> sum of the steps' losses."""


def input_spec(graph: Graph) -> Any:
    """Return what a compiled function gets of the inputs of a network, see `rows.Inputs`."""
    x = tf.TensorSpec((None, graph.num_features - graph.num_codes), tf.float32)
    codes = tf.TensorSpec((None, graph.num_codes), tf.int32)
    return (x, codes) if graph.num_codes else x


def network_input(inputs: Inputs, take: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Return what a network takes of the rows that ``take`` takes: codes are numbers to it."""
    if not isinstance(inputs, tuple):
        return take(inputs)
    x, codes = inputs
    return tf.concat([take(x), tf.cast(take(codes), tf.float32)], axis=1)


def make_scale(precision: str) -> ConstantScale | LossScale:
    """Return what scales the loss at a precision of the layers' products."""
    return LossScale() if precision == "float16" else ConstantScale()


def compile_epoch(
    graph: Graph,
    task: Task,
    recipe: Recipe,
    batch: int,
    state: tuple[Optimizer, ConstantScale | LossScale],
    group: Group,
) -> EpochFunction:
    """Return the function that trains a network on a table of rows; traced at the first call.

    Calls of the function are collective over the group, or over a later one of the same
    way and size.
    """
    compute_type = COMPUTE_TYPES[recipe.precision]
    optimizer, scale = state

    def scaled(loss: tf.Tensor) -> tf.Tensor:
        # One number divided here saves a pass over the sum of the group's gradients.
        return scale.scaled(loss / group.size if group.size > 1 else loss)

    def backward(
        parameters: tf.Tensor, x: tf.Tensor, y: Targets, *now: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        at = TrainingStep(*now)
        return loss_and_gradient(graph, task, parameters, x, y, compute_type, scaled, at)

    if uses_xla(recipe.xla):
        backward = tf.function(backward, autograph=False, jit_compile=True)

    decay = recipe.weight_decay * decaying(graph) if recipe.weight_decay else None

    def update(gradient: tf.Tensor, rate: tf.Tensor) -> None:
        if decay is not None:
            optimizer.parameters.assign_sub(rate * decay * optimizer.read())
        optimizer.apply(gradient, rate)

    def step(x: Any, y: Any, rows: tf.Tensor, rate: tf.Tensor, *now: tf.Tensor) -> tf.Tensor:
        of_step = network_input(x, lambda part: tf.gather(part, rows))
        targets = tf.nest.map_structure(lambda part: tf.gather(part, rows), y)
        loss, gradient = backward(optimizer.read(), of_step, targets, *now)
        if group.size > 1:
            gradient = group.sum(gradient, "gradient")
        scale.apply(gradient, lambda gradient: update(gradient, rate))
        return tf.cast(loss, tf.float64)

    @tf.function(
        autograph=False,
        input_signature=[
            input_spec(graph),
            task.target_spec,
            tf.TensorSpec((None, batch), tf.int32),
            tf.TensorSpec((None,), tf.float32),
            tf.TensorSpec((2,), tf.int64),
            tf.TensorSpec((), tf.int64),
            tf.TensorSpec((len(graph.arguments()),), tf.float32),
        ],
    )
    def epoch(
        x: Inputs,
        y: Targets,
        rows: tf.Tensor,
        rates: tf.Tensor,
        key: tf.Tensor,
        first: tf.Tensor,
        arguments: tf.Tensor,
    ) -> tf.Tensor:
        steps = tf.shape(rows)[0]

        def body(index: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            now = key, first + tf.cast(index, tf.int64), arguments
            return index + 1, total + step(x, y, rows[index], rates[index], *now)

        _, total = tf.while_loop(
            lambda index, _: index < steps,
            body,
            (tf.constant(0), tf.constant(0.0, tf.float64)),
            parallel_iterations=1,
        )
        return total

    return epoch


def uses_xla(choice: str) -> bool:
    """Tell whether XLA compiles the step.

    On a CPU it takes 1.5 to 2.5 s for each network and keeps its programs in memory, for steps
    that are hardly faster; on a GPU it saves launches of many small kernels.
    """
    return choice == "on" or choice == "auto" and bool(tf.config.list_logical_devices("GPU"))


def loss_and_gradient(
    graph: Graph,
    task: Task,
    parameters: tf.Tensor,
    x: tf.Tensor,
    y: Targets,
    compute_type: tf.DType = tf.float32,
    scaled: Callable[[tf.Tensor], tf.Tensor] = lambda loss: loss,
    step: TrainingStep | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the mean loss over the rows and the gradient of the scaled loss.

    Parameters
    ----------
    graph, task
        The network and what it is trained for.
    parameters
        Flat vector of shape (num_parameters,), float32.
    x, y
        Features and targets of the rows, with their weights where there are any.
    compute_type
        Type in which the layers' products are computed.
    scaled
        What is done to the loss before its gradient is taken.
    step
        What the step has beside its rows; None: the first one, with the graph's own numbers.
    """
    step = TrainingStep.of(graph) if step is None else step
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(parameters)
        outputs = forward(graph, parameters, x, compute_type, step)
        loss = tf.reduce_mean(task.losses(outputs, y))
        target = scaled(loss)
    return loss, tape.gradient(target, parameters)
