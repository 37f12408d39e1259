"""A manager/worker loop as one writes it by hand: `mpi4py.futures` and scikit-optimize.

    mpirun -n N python scripts/bench/manager_futures.py skopt|random

Each result is told at once, and one new point is asked for and submitted in its place.
"""

import sys
from concurrent.futures import FIRST_COMPLETED, wait
from itertools import count

from manager_work import objective, sleep_and_record
from mpi4py import MPI
from mpi4py.futures import MPICommExecutor
from skopt import Optimizer
from skopt.learning import RandomForestRegressor
from skopt.space import Categorical, Real, Space

DIMENSIONS = [
    Categorical([32, 64, 128, 256, 512, 1024], name="batch_size"),
    Real(1e-3, 1e-1, prior="log-uniform", name="learning_rate"),
]


class RandomPoints:
    """Proposes points at random, with the interface of a skopt optimizer."""

    def __init__(self) -> None:
        self._space = Space(DIMENSIONS)

    def ask(self) -> list:
        """Return a point."""
        return self._space.rvs(1)[0]

    def tell(self, point: list, value: float) -> None:
        """Learn nothing."""


def forest_optimizer(num_workers: int) -> Optimizer:
    """Return scikit-optimize with the settings of the paper."""
    return Optimizer(
        DIMENSIONS,
        base_estimator=RandomForestRegressor(n_estimators=10, min_samples_leaf=1),
        n_initial_points=num_workers,
        initial_point_generator="random",
        acq_func="LCB",
        acq_func_kwargs={"kappa": 0.001},
        acq_optimizer="sampling",
        random_state=42,
    )


def evaluate(number: int, point: list) -> float:
    """Run an evaluation on a worker."""
    sleep_and_record(number)
    return objective(*point)


def search(pool, optimizer) -> None:
    """Keep all workers busy until the job is ended from outside."""
    numbers, running = count(), {}

    def start() -> None:
        point = optimizer.ask()
        running[pool.submit(evaluate, next(numbers), point)] = point

    for _ in range(MPI.COMM_WORLD.Get_size() - 1):
        start()
    while True:
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            optimizer.tell(running.pop(future), -future.result())
            start()


def main() -> None:
    """Start when all ranks have finished their imports."""
    comm = MPI.COMM_WORLD
    comm.Barrier()
    with MPICommExecutor(comm) as pool:
        if pool is not None:
            is_random = sys.argv[1] == "random"
            optimizer = RandomPoints() if is_random else forest_optimizer(comm.Get_size() - 1)
            search(pool, optimizer)


if __name__ == "__main__":
    main()
