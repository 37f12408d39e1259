"""The training of one network on one group of processes, epoch by epoch.

A whole epoch is one call into TensorFlow, see `agebo_hpc.training.step`, or one for each window
of rows when they are streamed. Nothing in Python runs per step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple
from zlib import crc32

import numpy as np
import tensorflow as tf

from agebo_hpc.errors import NonFiniteLossError, WeightsDifferError
from agebo_hpc.random_state import Stream, generator
from agebo_hpc.space.configuration import Hyperparameters, Status
from agebo_hpc.space.graph import Graph
from agebo_hpc.space.recipe import NUMBERS
from agebo_hpc.training.best_epoch import BestEpoch
from agebo_hpc.training.data_parallel import Group
from agebo_hpc.training.metrics import make_task
from agebo_hpc.training.network import TrainingStep, initial_parameters
from agebo_hpc.training.passes import VALIDATION_ROWS, evaluate_rows
from agebo_hpc.training.plan import TrainingPlan
from agebo_hpc.training.programs import TRACED, Programs, Shapes
from agebo_hpc.training.rows import Rows, Source, shard_of, shared_tensor
from agebo_hpc.training.schedules import LearningRateSchedule
from agebo_hpc.training.step import loss_and_gradient
from agebo_hpc.training.trainer import Outcome
from agebo_hpc.training.training_state import TrainingState

__all__ = [
    "STOP_REASONS",
    "VALIDATION_ROWS",
    "AfterEpoch",
    "Rows",
    "TrainedNetwork",
    "TrainingPlan",
    "evaluate_rows",
    "local_batches",
    "loss_and_gradient",
    "never_stop",
    "train_network",
]


class TrainedNetwork(NamedTuple):
    """A network and how its training ended.

    Attributes
    ----------
    parameters
        ndarray of shape (num_parameters,), float32.
    outcome
        What becomes of the evaluation; the objective is the validation metric of these parameters,
        None where the time was over.
    state
        From where the training can go on; None where it has come to its end, or its time is over.
    """

    parameters: np.ndarray
    outcome: Outcome
    state: TrainingState | None = None


STOP_REASONS = {"timeout": Status.TIMED_OUT, "order": Status.CUT}
"""Why a training may be ended before its last epoch, and what the evaluation is then; the first
reason that any process has counts."""

AfterEpoch = Callable[[Mapping[str, float]], str]
"""Called by every process once after each epoch, with the epoch's record, before the next one
begins; returns one of `STOP_REASONS`, or nothing to go on."""


def never_stop(record: Mapping[str, float]) -> str:
    """Train all epochs."""
    return ""


def train_network(
    plan: TrainingPlan,
    training: Source,
    validation: Source,
    group: Group,
    after_epoch: AfterEpoch = never_stop,
    programs: Programs | None = None,
    end: int | None = None,
    state: TrainingState | None = None,
) -> TrainedNetwork:
    """Train a network, or go on with its training.

    A training that is paused and continued, as often as may be, gives the same parameters as one
    that is not: bit for bit on one process.

    Collective over the group. Every process returns the same parameters and metric.

    Parameters
    ----------
    plan
        What to train and how.
    training, validation
        All rows; each process uses its own shard of both.
    group
        The processes that train together.
    after_epoch
        Gets the record of each epoch; training ends with this epoch when any process has a
        reason to.
    programs
        Compiled functions of earlier trainings; this one's are added. None: nothing is kept.
    end
        Epochs after which the training is paused; None: it is trained to its end.
    state
        Where it was paused, the same on all processes; None: it begins.

    Raises
    ------
    NonFiniteLossError
        On all processes alike, when a loss is infinite or not a number.
    WeightsDifferError
        On all processes alike, when they end with different parameters.
    """
    programs = Programs(most=0) if programs is None else programs
    running = _TrainingRun(plan, training, validation, group, programs)
    trained = running.run(after_epoch, end or plan.recipe.epochs, state)
    programs.keep(running.program)
    return trained


class _TrainingRun:
    def __init__(
        self,
        plan: TrainingPlan,
        training: Source,
        validation: Source,
        group: Group,
        programs: Programs,
    ) -> None:
        self._started = time.perf_counter()
        self._plan = plan
        self._recipe = plan.recipe
        self._task = make_task(
            plan.task,
            plan.graph.num_outputs,
            plan.recipe,
            plan.class_weights,
            plan.decode,
            plan.is_weighted,
            plan.recoded,
        )
        self._group = group
        self._training = training
        self._validation = validation
        self._shard = shard_of(training.num_rows, group.rank, group.size)
        self._batch, self._steps = local_batches(
            training.num_rows, plan.hyperparameters, group.size, plan.recipe.accumulate_steps
        )
        rng = generator(plan.seed, plan.evaluation_id, Stream.TRAINING)
        graph = plan.graph.with_numbers(**{name: getattr(plan.recipe, name) for name in NUMBERS})
        start = group.broadcast(tf.constant(initial_parameters(graph, rng)), "parameters")
        self._step = self._first_step(graph)
        shapes = Shapes(
            graph=graph.without_numbers(),
            task=plan.task,
            **{name: getattr(plan.recipe, name) for name in TRACED},
            class_weights=plan.class_weights,
            is_weighted=plan.is_weighted,
            batch=self._batch,
            group_size=group.size,
            way=group.way,
        )
        self.program = programs.take(shapes, self._task, plan.recipe, start, group)
        self._optimizer = self.program.optimizer

    def run(
        self, after_epoch: AfterEpoch, end: int, state: TrainingState | None
    ) -> TrainedNetwork:
        hyperparameters = self._plan.hyperparameters
        schedule = LearningRateSchedule(
            hyperparameters["learning_rate"],
            hyperparameters["num_processes"] * self._recipe.accumulate_steps,
            self._steps,
            self._recipe,
        )
        clock = _Phases(build=time.perf_counter() - self._started)
        curve: list[dict[str, float]] = []
        best = BestEpoch(self._recipe.early_stopping_patience, self._plan.keep_best)
        stopped, first = "", 0
        if state is not None:
            first, curve = state.epoch, [dict(entry) for entry in state.curve]
            self.program.load_state(state.optimizer, state.loss_scale)
            schedule.load_state(state.schedule)
            best.load_state(state.best)
        for epoch in range(first, end):
            began = time.perf_counter()
            rates = schedule.rates(epoch)
            local_loss = self._train_epoch(epoch, rates)
            clock.lap("first_epoch" if epoch == first else "train", began)
            validating = time.perf_counter()
            loss, sums, predicts_one = self._summarise(local_loss)
            clock.lap("validate", validating)
            entry = {
                "epoch": epoch + 1,
                "loss": loss,
                "validation_loss": self._task.loss_from_sums(sums, self._validation.num_rows),
                "learning_rate": float(rates[-1]),
            }
            self._require_finite(entry)
            entry["validation_metric"] = self._task.metric_from_sums(
                sums, self._validation.num_rows
            )
            entry["seconds"] = time.perf_counter() - began
            curve.append(entry)
            reason = after_epoch(entry)
            schedule.observe(epoch, entry["validation_loss"])
            best.observe(entry["validation_metric"], self._optimizer.parameters, predicts_one)
            if best.patience_exhausted or epoch + 1 == end:
                break
            stopped = self._agreed(reason)
            if stopped:
                break
        metric, parameters = best.choose(curve, self._optimizer.parameters)
        is_over = best.patience_exhausted or len(curve) == self._recipe.epochs
        status = STOP_REASONS.get(stopped, Status.DONE if is_over else Status.PAUSED)
        outcome = Outcome(
            status=status,
            objective=None if status is Status.TIMED_OUT else metric,
            curve=tuple(curve),
            times=clock.seconds,
            num_parameters=self._plan.graph.num_parameters,
            checksum=self._equal_checksum(parameters),
            predicts_one=best.predicts_one,
        )
        goes_on = status in (Status.PAUSED, Status.CUT)
        left = self._state(schedule, best, curve) if goes_on else None
        return TrainedNetwork(parameters, outcome, left)

    def _state(
        self, schedule: LearningRateSchedule, best: BestEpoch, curve: list[dict[str, float]]
    ) -> TrainingState:
        optimizer, loss_scale = self.program.state()
        return TrainingState(
            len(curve), optimizer, loss_scale, schedule.state(), best.state(), tuple(curve)
        )

    def _train_epoch(self, epoch: int, rates: np.ndarray) -> float:
        """Train on every row of the shard; return the mean loss of the steps."""
        plan = self._plan
        rng = generator(
            plan.seed, plan.evaluation_id, Stream.TRAINING, 1 + epoch, self._group.rank
        )
        total, done = 0.0, 0
        for x, y, rows in self._training.windows(self._shard, self._steps, self._batch, rng):
            following = tf.constant(rates[done : done + len(rows)])
            first = tf.constant(epoch * self._steps + done, tf.int64)
            now = self._step.key, first, self._step.arguments
            total += float(self.program.train(x, y, shared_tensor(rows), following, *now))
            done += len(rows)
        return total / self._steps

    def _first_step(self, graph: Graph) -> TrainingStep:
        """Return what the first step has beside its rows; the draws of each rank are its own."""
        plan, rank = self._plan, self._group.rank
        rng = generator(plan.seed, plan.evaluation_id, Stream.NOISE, rank)
        key = tf.constant(rng.integers(2**62, size=2))
        return replace(TrainingStep.of(graph), key=key)

    def _summarise(self, local_loss: float) -> tuple[float, np.ndarray, str]:
        """Average the epoch's loss and sum the validation, in one message.

        The bounds of the decisions are no sums: each process has a place of its own for them.
        """
        size = self._group.size
        shard = shard_of(self._validation.num_rows, self._group.rank, size)
        found = self.program.validate(self._validation, shard)
        bounds = np.zeros((2, size))
        bounds[:, self._group.rank] = found.lowest, found.highest
        vector = np.concatenate([[local_loss / size], bounds.ravel(), found.sums])
        summed = self._group.sum(tf.constant(vector), "epoch").numpy()
        loss, lowest, highest, rest = np.split(summed, [1, 1 + size, 1 + 2 * size])
        predicts_one = self._task.predicts_one(float(lowest.min()), float(highest.max()))
        return float(loss[0]), rest, predicts_one

    def _agreed(self, reason: str) -> str:
        """Return the first reason to stop that any process has; nothing if none has."""
        flags = [float(reason == known) for known in STOP_REASONS]
        sums = self._group.sum(tf.constant(flags, tf.float64), "stop").numpy()
        return next((known for known, flag in zip(STOP_REASONS, sums, strict=True) if flag), "")

    def _require_finite(self, entry: Mapping[str, float]) -> None:
        for name in ("loss", "validation_loss"):
            if not np.isfinite(entry[name]):
                raise NonFiniteLossError(
                    f"The {name.replace('_', ' ')} is {entry[name]} after epoch {entry['epoch']}."
                )

    def _equal_checksum(self, parameters: np.ndarray) -> int:
        """Return the checksum that all processes have; float64 holds each of them exactly."""
        checksum = crc32(parameters.tobytes())
        checksums = np.zeros(self._group.size)
        checksums[self._group.rank] = checksum
        checksums = self._group.sum(tf.constant(checksums), "checksums").numpy()
        if len(set(checksums)) > 1:
            said = ", ".join(f"{int(checksum):08x}" for checksum in checksums)
            raise WeightsDifferError(
                f"The {self._group.size} processes ended with different weights (checksums "
                f"{said}); the network is of no use. Check that all ranks run on the same kind "
                "of processor with the same libraries."
            )
        return checksum


def local_batches(
    num_rows: int, hyperparameters: Hyperparameters, group_size: int, accumulate_steps: int = 1
) -> tuple[int, int]:
    """Return (rows of a process in one step, steps of an epoch), the same on every process.

    A global batch of n * batch_size rows is divided among the processes. A batch cannot be
    larger than the smallest shard. Batches whose gradients make one update are one batch: no
    layer looks at more than one row, so that the mean of their gradients is the gradient of all
    their rows, and one large product is faster than several small ones.
    """
    global_batch = hyperparameters["batch_size"] * hyperparameters["num_processes"]
    global_batch *= accumulate_steps
    smallest, largest = num_rows // group_size, -(-num_rows // group_size)
    batch = max(1, min(global_batch // group_size, smallest))
    return batch, -(-largest // batch)


class _Phases:
    """Seconds by phase; a phase that comes again adds up."""

    def __init__(self, build: float) -> None:
        self.seconds = {"build": build}

    def lap(self, phase: str, began: float) -> None:
        """Add the time since ``began`` to a phase."""
        elapsed = time.perf_counter() - began
        self.seconds[phase] = self.seconds.get(phase, 0.0) + elapsed
