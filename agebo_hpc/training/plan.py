"""What decides a training's outcome."""

from __future__ import annotations

from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from agebo_hpc.data.target import RealCoding
from agebo_hpc.space.configuration import Hyperparameters
from agebo_hpc.space.graph import Graph
from agebo_hpc.space.problem import Problem, Recipe
from agebo_hpc.training.metrics import Decode


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that decides a training's outcome.

    Attributes
    ----------
    graph
        Graph of the network.
    task
        ``"classification"`` or ``"regression"``.
    hyperparameters
        ``batch_size`` and ``learning_rate`` for one process, ``num_processes`` (n). The global
        batch has n * batch_size rows and the rate follows the linear scaling rule whatever the
        number of processes that really train; a single process takes the whole batch itself.
    recipe
        Epochs, schedules, optimizer, loss and metric, with what the hyperparameters say of them.
    keep_best
        Keep the weights of the epoch with the best validation metric instead of the last.
    seed, evaluation_id
        Seed of initial weights and shuffles.
    class_weights
        Weights in the training loss, by class index; empty: all rows count alike.
    decode
        From targets to the user's unit or labels, which metrics are in; None: there are none.
    is_weighted
        Whether the rows count differently: their sources have weights.
    recoded
        How a real target is coded, where it is not standardised.
    """

    graph: Graph
    task: str
    hyperparameters: Hyperparameters
    recipe: Recipe
    keep_best: bool = False
    seed: int = 0
    evaluation_id: int = 0
    class_weights: tuple[float, ...] = ()
    decode: Decode | None = None
    is_weighted: bool = False
    recoded: RealCoding | None = None

    @classmethod
    def of(
        cls,
        problem: Problem,
        graph: Graph,
        task: str,
        hyperparameters: Hyperparameters,
        seeds: tuple[int, int],
        class_weights: tuple[float, ...] = (),
        decode: Decode | None = None,
        is_weighted: bool = False,
        recoded: RealCoding | None = None,
    ) -> TrainingPlan:
        """Return a problem's plan for a network; ``seeds`` are (search seed, evaluation id)."""
        recipe = problem.recipe.of_configuration(hyperparameters)
        best = problem.objective == "best"
        return cls(
            graph,
            task,
            hyperparameters,
            recipe,
            best,
            *seeds,
            class_weights=class_weights,
            decode=decode,
            is_weighted=is_weighted,
            recoded=recoded,
        )

    @property
    def key(self) -> str:
        """Eight hexadecimal digits that tell this training from others; the same in each process.

        The number of processes that really train is not in it, nor is what follows from the data.
        """
        chosen = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in sorted(self.hyperparameters.items())
        }
        plain = replace(self, hyperparameters=chosen, decode=None, recoded=None)
        return f"{crc32(repr(plain).encode()):08x}"
