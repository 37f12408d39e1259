"""The trainer of this package: networks of a problem, by TensorFlow."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agebo_hpc.errors import ConfigurationError
from agebo_hpc.space.assignment import Assignment
from agebo_hpc.space.configuration import Evaluation
from agebo_hpc.training.trainer import Outcome, PreparedTraining, Slot, StopRule
from agebo_hpc.training.ways import load_horovod

if TYPE_CHECKING:
    # It brings scikit-learn, which a rank whose training only sleeps need not load.
    from agebo_hpc.space.problem import Problem

logger = logging.getLogger(__name__)


class TensorFlowTrainer:
    """Trains the networks of a problem with TensorFlow, on several ranks by Horovod or MPI.

    Parameters
    ----------
    problem
        Names the prepared data set.
    slot
        Gives the number of threads and the device.
    eval_timeout
        Seconds after which an evaluation ends at its epoch's end; 0: never.

    Raises
    ------
    ConfigurationError
        If the problem has hyperparameters that this trainer does not use, or does not fit the
        data set.
    DataError
        If the data set is damaged.
    """

    def __init__(self, problem: Problem, slot: Slot, eval_timeout: float = 0.0) -> None:
        from agebo_hpc.space.hyperparameters import REQUIRED
        from agebo_hpc.space.recipe import OF_A_CONFIGURATION

        known = (*REQUIRED, *OF_A_CONFIGURATION)
        unused = sorted(problem.hyperparameters.all_names - set(known))
        if unused:
            raise ConfigurationError(
                f"The hyperparameters {', '.join(unused)} are not used by the TensorFlow trainer, "
                f"which knows {', '.join(known)}. Remove them or give the problem a trainer."
            )
        from agebo_hpc.data.dataset import open_dataset
        from agebo_hpc.data.numbers import network_shape
        from agebo_hpc.training.environment import prepare_environment
        from agebo_hpc.training.preload import load_tensorflow
        from agebo_hpc.training.runtime import configure_tensorflow

        prepare_environment(slot.threads)
        # Another thread may import what is left out meanwhile.
        if threading.active_count() == 1:
            load_tensorflow(slot.with_group and slot.data_parallel == "horovod")
        configure_tensorflow(slot)
        from agebo_hpc.training.programs import Programs
        from agebo_hpc.training.stream import open_rows

        if slot.with_group and slot.data_parallel == "horovod":
            # An import that fails must fail here, not in one member of a group.
            load_horovod()
        if problem.data is None:
            raise ValueError("The problem has no data set.")
        dataset = open_dataset(problem.data, slot.verify)
        problem.check_data(dataset.task, dataset.input_widths, dataset.class_labels)
        dataset = dataset.recoded(problem.recipe.coding)
        self._problem = problem
        self._task = dataset.task
        self._shape = network_shape(dataset, problem.architecture)
        self._class_weights = problem.recipe.weights_of(
            dataset.class_labels, dataset.class_counts("train")
        )
        self._decode = dataset.decode
        self._is_weighted = dataset.is_weighted
        self._recoded = dataset.recoding
        with_codes = bool(self._shape[-1])
        parts = [part.arrays(with_codes) for part in (dataset.train, dataset.validation)]
        self._training, self._validation = open_rows(parts, problem.recipe.input)
        self._eval_timeout = eval_timeout
        self._way = slot.data_parallel
        self._programs = Programs()
        # What lives as long as the process need not be looked through after each evaluation.
        gc.collect()
        gc.freeze()

    def prepare(self, evaluation: Evaluation, seed: int) -> PreparedTraining:
        """Decode the architecture. Local."""
        return self._prepare(evaluation, seed)

    def prepare_piece(
        self, assignment: Assignment, seed: int, state: bytes | None
    ) -> PreparedTraining:
        """Decode the architecture, and the state that the training goes on from. Local."""
        return self._prepare(assignment.evaluation, seed, assignment.end, state)

    def _prepare(
        self, evaluation: Evaluation, seed: int, end: int | None = None, state: bytes | None = None
    ) -> PreparedTraining:
        from agebo_hpc.training.engine import TrainingPlan

        configuration = evaluation.configuration
        graph = self._problem.architecture.decode(configuration.architecture, *self._shape)
        plan = TrainingPlan.of(
            self._problem,
            graph,
            self._task,
            configuration.hyperparameters,
            (seed, evaluation.id),
            self._class_weights,
            self._decode,
            self._is_weighted,
            self._recoded,
        )
        rows = (self._training, self._validation)
        return _TensorFlowTraining(
            plan, rows, self._programs, self._eval_timeout, self._way, end, _read(state, plan.key)
        )

    def clean(self) -> None:
        """Collect the graphs of the last training. Local.

        They are cycles: without this they pile up until Python looks for them.
        """
        gc.collect()


def _read(data: bytes | None, key: str) -> Any:
    """Return the state that a training goes on from; None: it begins at its first epoch."""
    from agebo_hpc.training.training_state import TrainingState

    try:
        return None if data is None else TrainingState.from_bytes(data, key)
    except ValueError as error:
        # What it gives is the same; it only takes longer.
        logger.warning("A training begins anew: %s.", error)
        return None


class _TensorFlowTraining:
    def __init__(
        self,
        plan: Any,
        rows: tuple[Any, Any],
        programs: Any,
        eval_timeout: float,
        way: str,
        end: int | None,
        state: Any,
    ) -> None:
        self._plan = plan
        self._rows = rows
        self._programs = programs
        self._eval_timeout = eval_timeout
        self._way = way
        self._end = end
        self._state = state

    def run(self, comm: Any | None, stop: StopRule) -> Outcome:
        from agebo_hpc.training.data_parallel import start_group
        from agebo_hpc.training.engine import train_network

        began = time.monotonic()

        def after_epoch(record: Mapping[str, float]) -> str:
            is_ordered = stop(record)
            if self._eval_timeout and time.monotonic() - began > self._eval_timeout:
                return "timeout"
            return "order" if is_ordered else ""

        group = start_group(comm, self._way)
        try:
            trained = train_network(
                self._plan,
                *self._rows,
                group,
                after_epoch,
                self._programs,
                self._end,
                self._state,
            )
        finally:
            group.stop()
        if trained.state is None or group.rank:
            return trained.outcome
        return replace(trained.outcome, state=trained.state.to_bytes(self._plan.key))


def make_trainer(
    arguments: Mapping[str, Any], slot: Slot, eval_timeout: float
) -> TensorFlowTrainer:
    """Return the trainer of a process that does nothing but train. Local.

    It loads TensorFlow without what only users of Keras need.

    Parameters
    ----------
    arguments
        Dictionary that `agebo_hpc.training.plain_problem.problem_to_dict` returned.
    slot
        Slot of this process.
    eval_timeout
        Seconds after which an evaluation ends at its epoch's end; 0: never.
    """
    from agebo_hpc.training.plain_problem import problem_from_dict
    from agebo_hpc.training.preload import load_tensorflow

    problem = problem_from_dict(arguments)
    load_tensorflow(slot.with_group and slot.data_parallel == "horovod")
    return TensorFlowTrainer(problem, slot, eval_timeout)
