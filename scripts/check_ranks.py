"""Check that two ranks can work together: `mpirun -n 2 python scripts/check_ranks.py horovod`.

Each rank gives a number, the sum has to arrive on both: by Horovod, or with the word `mpi` by
MPI's own allreduce. Anything else ends with code 1.
"""

import faulthandler
import os
import sys
from typing import Any

os.environ.setdefault("HOROVOD_ELASTIC", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
LIMIT_SECONDS = 300


def sum_by_horovod(comm: Any, number: float) -> float:
    import horovod.tensorflow as hvd
    import tensorflow as tf

    hvd.init(comm=comm)
    total = float(hvd.allreduce(tf.constant([number]), op=hvd.Sum, name="check").numpy()[0])
    hvd.shutdown()
    return total


def sum_by_mpi(comm: Any, number: float) -> float:
    import numpy as np
    import tensorflow as tf

    total = np.empty(1, dtype=np.float32)
    comm.Allreduce(tf.constant([number]).numpy(), total)
    return float(total[0])


WAYS = {"horovod": sum_by_horovod, "mpi": sum_by_mpi}


def check(way: str) -> str:
    import mpi4py

    mpi4py.rc.thread_level = "multiple"
    from mpi4py import MPI

    size, rank = MPI.COMM_WORLD.Get_size(), MPI.COMM_WORLD.Get_rank()
    if size != 2:
        return f"MPI says the world has {size} rank(s), mpirun started 2: two MPI libraries mixed?"
    total = WAYS[way](MPI.COMM_WORLD, rank + 1.0)
    return "" if total == 3.0 else f"the sum of 1 and 2 over the ranks came back as {total}"


if __name__ == "__main__":
    faulthandler.dump_traceback_later(LIMIT_SECONDS, exit=True)
    if len(sys.argv) != 2 or sys.argv[1] not in WAYS:
        sys.exit(f"usage: mpirun -n 2 python scripts/check_ranks.py {'|'.join(WAYS)}")
    problem = check(sys.argv[1])
    if problem:
        print(problem, file=sys.stderr)
    sys.exit(1 if problem else 0)
