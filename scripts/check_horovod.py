"""Check a Horovod build on two ranks: `mpirun -n 2 python scripts/check_horovod.py`.

Each rank gives a number, the sum has to arrive on both. Anything else ends with code 1.
"""

import faulthandler
import os
import sys

os.environ.setdefault("HOROVOD_ELASTIC", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
LIMIT_SECONDS = 90


def check() -> str:
    import mpi4py

    mpi4py.rc.thread_level = "multiple"
    from mpi4py import MPI

    size, rank = MPI.COMM_WORLD.Get_size(), MPI.COMM_WORLD.Get_rank()
    if size != 2:
        return f"MPI says the world has {size} rank(s), mpirun started 2: two MPI libraries mixed?"
    import horovod.tensorflow as hvd
    import tensorflow as tf

    hvd.init(comm=MPI.COMM_WORLD)
    total = hvd.allreduce(tf.constant([rank + 1.0]), op=hvd.Sum, name="check").numpy()[0]
    hvd.shutdown()
    return "" if total == 3.0 else f"the sum of 1 and 2 over the ranks came back as {total}"


if __name__ == "__main__":
    faulthandler.dump_traceback_later(LIMIT_SECONDS, exit=True)
    problem = check()
    if problem:
        print(problem, file=sys.stderr)
    sys.exit(1 if problem else 0)
