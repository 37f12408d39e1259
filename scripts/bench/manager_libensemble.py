"""libEnsemble over MPI with scikit-optimize or random points as its persistent generator.

    mpirun -n N python scripts/bench/manager_libensemble.py skopt|random

The generator runs in a thread of the manager, so every other rank simulates; results come back
one by one, and as many points as there are workers lie ready.
"""

import sys

import numpy as np
from libensemble.alloc_funcs.start_only_persistent import only_persistent_gens
from libensemble.libE import libE
from libensemble.message_numbers import (
    EVAL_GEN_TAG,
    FINISHED_PERSISTENT_GEN_TAG,
    PERSIS_STOP,
    STOP_TAG,
)
from libensemble.tools.persistent_support import PersistentSupport
from manager_futures import RandomPoints, forest_optimizer
from manager_work import objective, sleep_and_record
from mpi4py import MPI

FOREVER = 1e7
"""Seconds; the job is ended from outside."""


def simulate(rows, persis_info, sim_specs, info):
    """Run an evaluation on a worker; its number is that of libEnsemble's history."""
    sleep_and_record(int(info["H_rows"][0]))
    out = np.zeros(1, dtype=sim_specs["out"])
    out["f"] = -objective(*rows["x"][0])
    return out, persis_info


def generate(rows, persis_info, gen_specs, info):
    """Propose as many points as there were results, for ever."""
    user = gen_specs["user"]
    is_random = user["kind"] == "random"
    optimizer = RandomPoints() if is_random else forest_optimizer(user["workers"])
    support = PersistentSupport(info, EVAL_GEN_TAG)
    number, tag = 2 * user["workers"], None
    while tag not in (STOP_TAG, PERSIS_STOP):
        points = np.zeros(number, dtype=gen_specs["out"])
        points["x"] = [optimizer.ask() for _ in range(number)]
        tag, _, results = support.send_recv(points)
        number = 0 if results is None else len(results)
        for result in results if number else ():
            optimizer.tell([int(result["x"][0]), float(result["x"][1])], float(result["f"]))
    return None, persis_info, FINISHED_PERSISTENT_GEN_TAG


def main() -> None:
    """Start when all ranks have finished their imports."""
    comm = MPI.COMM_WORLD
    comm.Barrier()
    workers = comm.Get_size() - 1
    libE(
        {"sim_f": simulate, "in": ["x"], "out": [("f", float)]},
        {
            "gen_f": generate,
            "persis_in": ["x", "f"],
            "out": [("x", float, (2,))],
            "user": {"kind": sys.argv[1], "workers": workers},
        },
        {"wallclock_max": FOREVER},
        alloc_specs={"alloc_f": only_persistent_gens, "user": {"async_return": True}},
        libE_specs={
            "comms": "mpi",
            "mpi_comm": comm,
            "gen_on_manager": True,
            "disable_log_files": True,
            "save_H_and_persis_on_abort": False,
            "disable_resource_manager": True,
        },
    )


if __name__ == "__main__":
    main()
