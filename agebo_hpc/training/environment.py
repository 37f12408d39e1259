"""Environment variables that must be set before TensorFlow and Horovod are imported."""

from __future__ import annotations

import os

CYCLE_MILLISECONDS = "0.05"
"""How long Horovod waits between looks for new tensors: its default of 1 ms is longer than a
whole training step of a small network."""


def prepare_environment(threads: int) -> None:
    """Set thread counts and Horovod's switches for this process. What the user set stays.

    Parameters
    ----------
    threads
        Of this slot, >= 1: TensorFlow's intra-op threads and OpenMP's.
    """
    settings = {
        "OMP_NUM_THREADS": str(threads),
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": "1",
        "KMP_BLOCKTIME": "0",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        # Without it Horovod bakes the first group's size into cached functions, and the
        # next group of another size hangs.
        "HOROVOD_ELASTIC": "1",
        "HOROVOD_CYCLE_TIME": CYCLE_MILLISECONDS,
        "HOROVOD_STALL_CHECK_TIME_SECONDS": "60",
        "HOROVOD_STALL_SHUTDOWN_TIME_SECONDS": "600",
        # A process that is not part of an elastic launcher must not wait for one.
        "HOROVOD_LOG_LEVEL": "error",
    }
    for name, value in settings.items():
        os.environ.setdefault(name, value)
