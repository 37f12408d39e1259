"""The compiled training loop of one network on one group of processes.

A whole epoch is one call into TensorFlow: a loop over rows of a table of batches, each step a
gather, a forward and a backward pass, one average of the flat gradient over the group, and one
optimizer update. Nothing in Python runs per step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from agebo_hpc.errors import NonFiniteLossError
from agebo_hpc.random_state import Stream, generator
from agebo_hpc.space.configuration import Hyperparameters
from agebo_hpc.space.graph import Graph
from agebo_hpc.space.problem import Problem, Recipe
from agebo_hpc.training.data_parallel import Group
from agebo_hpc.training.metrics import TASKS, Task
from agebo_hpc.training.network import forward, initial_parameters
from agebo_hpc.training.optimizer import Adam
from agebo_hpc.training.schedules import LearningRateSchedule

VALIDATION_ROWS = 4096
"""Rows of one slice of an evaluation pass."""


@dataclass(frozen=True)
class Rows:
    """Rows of a table as tensors: x of shape (rows, features), y of shape (rows,)."""

    x: tf.Tensor
    y: tf.Tensor

    @classmethod
    def of(cls, x: np.ndarray, y: np.ndarray) -> Rows:
        """Wrap arrays; aligned read-only arrays are not copied."""
        return cls(tf.convert_to_tensor(x), tf.convert_to_tensor(y))

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return int(self.x.shape[0])

    def shard(self, rank: int, size: int) -> range:
        """Return the contiguous rows that one of ``size`` processes owns."""
        return range(rank * self.num_rows // size, (rank + 1) * self.num_rows // size)


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that decides a training's outcome.

    Attributes
    ----------
    graph
        The network.
    task
        A key of `agebo_hpc.training.metrics.TASKS`.
    hyperparameters
        ``batch_size`` and ``learning_rate`` for one process, ``num_processes`` (n). The global
        batch has n * batch_size rows and the rate follows the linear scaling rule whatever the
        number of processes that really train; a single process takes the whole batch itself.
    recipe
        Epochs and schedules.
    keep_best
        Keep the weights of the epoch with the best validation metric instead of the last.
    seed, evaluation_id
        Seed of initial weights and shuffles.
    """

    graph: Graph
    task: str
    hyperparameters: Hyperparameters
    recipe: Recipe
    keep_best: bool = False
    seed: int = 0
    evaluation_id: int = 0

    @classmethod
    def of(
        cls,
        problem: Problem,
        graph: Graph,
        task: str,
        hyperparameters: Hyperparameters,
        seeds: tuple[int, int],
    ) -> TrainingPlan:
        """Return a problem's plan for a network; ``seeds`` are (search seed, evaluation id)."""
        return cls(
            graph, task, hyperparameters, problem.recipe, problem.objective == "best", *seeds
        )


@dataclass
class TrainedNetwork:
    """What training gives.

    Attributes
    ----------
    parameters
        ndarray of shape (num_parameters,), float32.
    metric
        Validation metric of these parameters.
    curve
        One mapping for each epoch, see `agebo_hpc.space.configuration.Result`.
    times
        Seconds by phase.
    stopped
        Empty when all epochs were trained or early stopping ended it, else the reason.
    """

    parameters: np.ndarray
    metric: float
    curve: list[dict[str, float]]
    times: dict[str, float] = field(default_factory=dict)
    stopped: str = ""


STOP_REASONS = ("timeout", "order")
"""Why a training may be ended before its last epoch; the first that any process has counts."""

StopRule = Callable[[], str]
"""Called by every process after each epoch; one of `STOP_REASONS`, or empty to go on."""


def never_stop() -> str:
    """Train all epochs."""
    return ""


def train_network(
    plan: TrainingPlan,
    training: Rows,
    validation: Rows,
    group: Group,
    stop: StopRule = never_stop,
) -> TrainedNetwork:
    """Train a network.

    Collective over the group. Every process returns the same parameters and metric.

    Parameters
    ----------
    plan
        What to train and how.
    training, validation
        All rows; each process uses its own shard of both.
    group
        The processes.
    stop
        Asked after each epoch; training ends when any process has a reason.

    Raises
    ------
    NonFiniteLossError
        On all processes alike, when a loss is infinite or not a number.
    """
    return _Training(plan, training, validation, group).run(stop)


def evaluate_rows(graph: Graph, parameters: np.ndarray, task: str, rows: Rows) -> dict[str, float]:
    """Compute loss and metric of a network on rows. Local.

    Returns
    -------
    dict
        ``"loss"`` and the task's metric by its name.
    """
    tensor = tf.constant(parameters)
    kind = TASKS[task]
    sums = _sum_over(
        kind, lambda x: forward(graph, tensor, x), rows, range(rows.num_rows)
    )().numpy()
    return {
        "loss": float(sums[0] / rows.num_rows),
        kind.metric: kind.metric_from_sums(sums, rows.num_rows),
    }


class _Training:
    def __init__(self, plan: TrainingPlan, training: Rows, validation: Rows, group: Group) -> None:
        self._started = time.perf_counter()
        self._plan = plan
        self._recipe = plan.recipe
        self._task = TASKS[plan.task]
        self._group = group
        self._validation = validation
        self._shard = training.shard(group.rank, group.size)
        self._batch, self._steps = local_batches(
            training.num_rows, plan.hyperparameters, group.size
        )
        rng = generator(plan.seed, plan.evaluation_id, Stream.TRAINING)
        start = group.broadcast(tf.constant(initial_parameters(plan.graph, rng)), "parameters")
        self._optimizer = Adam(start.numpy())
        self._train_epoch = self._compile_epoch(training)
        self._validate = _sum_over(
            self._task, self._outputs, validation, validation.shard(group.rank, group.size)
        )

    def run(self, stop: StopRule) -> TrainedNetwork:
        hyperparameters = self._plan.hyperparameters
        schedule = LearningRateSchedule(
            hyperparameters["learning_rate"],
            hyperparameters["num_processes"],
            self._steps,
            self._recipe,
        )
        clock = _Phases(build=time.perf_counter() - self._started)
        curve: list[dict[str, float]] = []
        best = _Best(self._recipe.early_stopping_patience, self._plan.keep_best)
        stopped = ""
        for epoch in range(self._recipe.epochs):
            began = time.perf_counter()
            rates = schedule.rates(epoch)
            local_loss = self._train_epoch(self._shuffled(epoch), tf.constant(rates)).numpy()
            clock.lap("first_epoch" if epoch == 0 else "train", began)
            validating = time.perf_counter()
            loss, sums, reason = self._summarise(local_loss, stop())
            clock.lap("validate", validating)
            entry = {
                "epoch": epoch + 1,
                "loss": loss,
                "validation_loss": float(sums[0] / self._validation.num_rows),
                "validation_metric": self._task.metric_from_sums(sums, self._validation.num_rows),
                "learning_rate": float(rates[-1]),
                "seconds": time.perf_counter() - began,
            }
            self._require_finite(entry)
            curve.append(entry)
            schedule.observe(epoch, entry["validation_loss"])
            best.observe(entry["validation_metric"], self._optimizer.parameters)
            if best.patience_exhausted or epoch + 1 == self._recipe.epochs:
                break
            if reason:
                stopped = reason
                break
        metric, parameters = best.choose(curve, self._optimizer.parameters)
        return TrainedNetwork(parameters, metric, curve, clock.seconds, stopped)

    def _outputs(self, x: tf.Tensor) -> tf.Tensor:
        return forward(self._plan.graph, self._optimizer.parameters, x)

    def _summarise(self, local_loss: float, reason: str) -> tuple[float, np.ndarray, str]:
        """Average the epoch's loss, sum the validation, agree on stopping, in one message."""
        flags = [float(reason == known) for known in STOP_REASONS]
        own = tf.constant([local_loss / self._group.size, *flags], tf.float64)
        vector = tf.concat([own, self._validate()], axis=0)
        loss, *rest = self._group.sum(vector, "epoch").numpy()
        agreed = [known for known, flag in zip(STOP_REASONS, rest, strict=False) if flag]
        return float(loss), np.array(rest[len(STOP_REASONS) :]), agreed[0] if agreed else ""

    def _require_finite(self, entry: Mapping[str, float]) -> None:
        for name in ("loss", "validation_loss"):
            if not np.isfinite(entry[name]):
                raise NonFiniteLossError(
                    f"The {name.replace('_', ' ')} is {entry[name]} after epoch {entry['epoch']}."
                )

    def _shuffled(self, epoch: int) -> tf.Tensor:
        """Return the rows of each step: int32 of shape (steps, batch), the shard shuffled.

        The last step is filled up with rows from the start of the shuffle, so that every process
        takes the same number of equal steps and every row is seen.
        """
        plan = self._plan
        rng = generator(
            plan.seed, plan.evaluation_id, Stream.TRAINING, 1 + epoch, self._group.rank
        )
        order = self._shard.start + rng.permutation(len(self._shard)).astype(np.int32)
        rows = np.resize(order, self._steps * self._batch)
        return tf.constant(rows.reshape(self._steps, self._batch))

    def _compile_epoch(self, training: Rows) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
        optimizer, group, task = self._optimizer, self._group, self._task
        steps, share = self._steps, 1.0 / group.size
        graph = self._plan.graph

        def step(index: tf.Tensor, total: tf.Tensor, rows: tf.Tensor, rates: tf.Tensor) -> Any:
            x = tf.gather(training.x, rows[index])
            y = tf.gather(training.y, rows[index])
            loss, gradient = loss_and_gradient(graph, task, optimizer.parameters, x, y)
            if group.size > 1:
                gradient = share * group.sum(gradient, "gradient")
            optimizer.apply(gradient, rates[index])
            return index + 1, total + tf.cast(loss, tf.float64)

        @tf.function(autograph=False)
        def epoch(rows: tf.Tensor, rates: tf.Tensor) -> tf.Tensor:
            _, total = tf.while_loop(
                lambda index, _: index < steps,
                lambda index, total: step(index, total, rows, rates),
                (tf.constant(0), tf.constant(0.0, tf.float64)),
                parallel_iterations=1,
            )
            return total / steps

        return epoch


def loss_and_gradient(
    graph: Graph, task: Task, parameters: tf.Variable, x: tf.Tensor, y: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the mean loss over the rows and its gradient of shape (num_parameters,)."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(parameters)
        loss = tf.reduce_mean(task.losses(forward(graph, parameters, x), y))
    return loss, tape.gradient(loss, parameters)


def local_batches(
    num_rows: int, hyperparameters: Hyperparameters, group_size: int
) -> tuple[int, int]:
    """Return (rows of a process in one step, steps of an epoch), the same on every process.

    A global batch of n * batch_size rows is divided among the processes. A batch cannot be
    larger than the smallest shard.
    """
    global_batch = hyperparameters["batch_size"] * hyperparameters["num_processes"]
    smallest, largest = num_rows // group_size, -(-num_rows // group_size)
    batch = max(1, min(global_batch // group_size, smallest))
    return batch, -(-largest // batch)


def _sum_over(
    task: Task, outputs: Callable[[tf.Tensor], tf.Tensor], rows: Rows, shard: range
) -> Callable[[], tf.Tensor]:
    """Compile a pass that sums the task's columns over a shard, slice by slice."""

    def body(start: tf.Tensor, total: tf.Tensor) -> Any:
        end = tf.minimum(start + VALIDATION_ROWS, shard.stop)
        return end, total + task.sums(outputs(rows.x[start:end]), rows.y[start:end])

    @tf.function(autograph=False)
    def sums() -> tf.Tensor:
        _, total = tf.while_loop(
            lambda start, _: start < shard.stop,
            body,
            (tf.constant(shard.start), tf.zeros(task.num_sums, tf.float64)),
            parallel_iterations=1,
        )
        return total

    return sums


class _Best:
    """Keeps the best epoch's metric and, when asked, its parameters; counts without progress."""

    def __init__(self, patience: int, keep_parameters: bool) -> None:
        self._patience = patience
        self._keep_parameters = keep_parameters
        self._metric = -np.inf
        self._parameters: np.ndarray | None = None
        self._without_progress = 0

    def observe(self, metric: float, parameters: tf.Variable) -> None:
        if metric > self._metric:
            self._metric = metric
            self._without_progress = 0
            if self._keep_parameters:
                self._parameters = parameters.numpy()
        else:
            self._without_progress += 1

    @property
    def patience_exhausted(self) -> bool:
        return 0 < self._patience <= self._without_progress

    def choose(
        self, curve: list[dict[str, float]], parameters: tf.Variable
    ) -> tuple[float, np.ndarray]:
        if self._parameters is not None:
            return self._metric, self._parameters
        return curve[-1]["validation_metric"], parameters.numpy()


class _Phases:
    """Seconds by phase; a phase that comes again adds up."""

    def __init__(self, build: float) -> None:
        self.seconds = {"build": build}

    def lap(self, phase: str, began: float) -> None:
        """Add the time since ``began`` to a phase."""
        elapsed = time.perf_counter() - began
        self.seconds[phase] = self.seconds.get(phase, 0.0) + elapsed
