"""Contender of `bench_training.py`: this project's training, in one process or on ranks.

After the arrays, the command line says by what ranks sum: ``horovod`` or ``mpi``.
"""

import sys
import time

from bench_training_contender import answer, arrays, keep_to_own_core, requests

from agebo_hpc.execution.mpi.start import start_mpi
from agebo_hpc.space.graph import Graph
from agebo_hpc.space.problem import Recipe
from agebo_hpc.training.runtime import configure_tensorflow
from agebo_hpc.training.trainer import Slot

MANY = 100_000
VALIDATION_ROWS = 256
"""Few: what is compared is training."""


def main() -> None:
    """Train for a window for each request."""
    comm = start_mpi().COMM_WORLD
    keep_to_own_core(comm)
    way = sys.argv[2]
    configure_tensorflow(Slot(1, comm.Get_rank(), comm.Get_size() > 1, way))
    from agebo_hpc.training.data_parallel import start_group
    from agebo_hpc.training.engine import TrainingPlan, train_network
    from agebo_hpc.training.programs import Programs
    from agebo_hpc.training.rows import Rows

    data = arrays()
    rows = Rows.of(data["x"], data["y"])
    few = Rows.of(data["x"][:VALIDATION_ROWS], data["y"][:VALIDATION_ROWS])
    size = comm.Get_size()
    programs = Programs(most=1)
    for request in requests(comm):
        hyperparameters = {
            "batch_size": request["batch_size"],
            "learning_rate": 0.001,
            "num_processes": size,
        }
        recipe = Recipe(epochs=MANY, warmup_epochs=0, plateau_patience=0)
        graph = Graph.from_dict(request["graph"])
        plan = TrainingPlan(graph, "classification", hyperparameters, recipe)
        started: list[float] = []

        def enough(started: list[float] = started, seconds: float = request["seconds"]) -> str:
            # The first epoch may have the tracing in it and does not count.
            started.append(time.perf_counter())
            return "order" if started[-1] - started[0] > seconds else ""

        group = start_group(comm, way)
        trained = train_network(plan, rows, few, group, enough, programs=programs)
        group.stop()
        epochs = len(trained.outcome.curve) - 1
        if comm.Get_rank() == 0:
            answer(epochs * rows.num_rows / trained.outcome.times["train"])


if __name__ == "__main__":
    main()
