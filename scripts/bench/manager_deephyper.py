"""DeepHyper's centralized Bayesian optimization with its MPI evaluator.

    mpirun -n N python scripts/bench/manager_deephyper.py bo|random

A forest of ten trees and the sampling acquisition optimizer, as for the other contenders, and the
multi-point strategy that its documentation names the cheapest.
"""

import sys

from deephyper.evaluator import MPICommEvaluator
from deephyper.hpo import CBO, HpProblem, RandomSearch
from manager_work import objective, sleep_and_record
from mpi4py import MPI

FOREVER = 10**8


def evaluate(job) -> float:
    """Run an evaluation on a worker."""
    sleep_and_record(int(str(job.id).rpartition(".")[2]))
    return objective(job.parameters["batch_size"], job.parameters["learning_rate"])


def space() -> HpProblem:
    """Return the two hyperparameters that all contenders search."""
    problem = HpProblem()
    problem.add_hyperparameter([32, 64, 128, 256, 512, 1024], "batch_size")
    problem.add_hyperparameter((1e-3, 1e-1, "log-uniform"), "learning_rate")
    return problem


def main() -> None:
    """Start when all ranks have finished their imports."""
    if not MPI.Is_initialized():  # Importing DeepHyper puts it off.
        MPI.Init_thread()
    comm = MPI.COMM_WORLD
    comm.Barrier()
    with MPICommEvaluator(evaluate) as evaluator:
        if evaluator is not None and evaluator.is_master:
            if sys.argv[1] == "random":
                search = RandomSearch(space(), random_state=42, checkpoint_history_to_csv=False)
            else:
                search = CBO(
                    space(),
                    random_state=42,
                    checkpoint_history_to_csv=False,
                    surrogate_model="RF",
                    surrogate_model_kwargs={"n_estimators": 10},
                    acq_func="UCBd",
                    acq_func_kwargs={"kappa": 0.001},
                    acq_optimizer="sampling",
                    multi_point_strategy="qUCBd",
                    n_initial_points=comm.Get_size() - 1,
                )
            search.search(evaluator, max_evals=FOREVER)


if __name__ == "__main__":
    main()
