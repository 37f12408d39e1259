"""Environment variables that must be set before TensorFlow and Horovod are imported."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from agebo_hpc.errors import LaunchError

GPUS_VARIABLE = "AGEBO_GPUS_PER_NODE"
ORDER_VARIABLE = "AGEBO_DEVICE_ORDER"

CYCLE_MILLISECONDS = "0.05"
"""How long Horovod waits between looks for new tensors: its default of 1 ms is longer than a
whole training step of a small network."""


def prepare_environment(threads: int) -> None:
    """Set thread counts and Horovod's switches for this process. What the user set stays.

    Parameters
    ----------
    threads
        Threads of this slot, >= 1: TensorFlow's intra-op threads and OpenMP's.
    """
    settings = {
        "OMP_NUM_THREADS": str(threads),
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": "1",
        "KMP_BLOCKTIME": "0",
        # By itself TensorFlow does so only on processors with instructions for networks; steps
        # were 5 to 16 % faster on another one, too.
        "TF_ENABLE_ONEDNN_OPTS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        # Without it Horovod bakes the first group's size into cached functions, and the
        # next group of another size hangs.
        "HOROVOD_ELASTIC": "1",
        # HOROVOD_FUSION_THRESHOLD stays as it is: a step has one tensor and nothing to fuse, but
        # with 0 the next group's start ends in a segmentation fault.
        "HOROVOD_CYCLE_TIME": CYCLE_MILLISECONDS,
        "HOROVOD_STALL_CHECK_TIME_SECONDS": "60",
        "HOROVOD_STALL_SHUTDOWN_TIME_SECONDS": "600",
        # A process that is not part of an elastic launcher must not wait for one.
        "HOROVOD_LOG_LEVEL": "error",
    }
    for name, value in settings.items():
        os.environ.setdefault(name, value)


def check_devices(number: int, environ: Mapping[str, str] | None = None) -> None:
    """Compare the GPUs that TensorFlow sees with what the job was given. Local.

    Parameters
    ----------
    number
        Number of GPUs that TensorFlow sees, >= 0.
    environ
        Environment to read; this process's by default.

    Raises
    ------
    LaunchError
        If the job has GPUs and TensorFlow sees none: it would train on a few cores instead.
    """
    environ = os.environ if environ is None else environ
    expected = environ.get(GPUS_VARIABLE, "")
    if number or not expected.isdigit() or int(expected) == 0:
        return
    raise LaunchError(
        f"{GPUS_VARIABLE} is {expected} but TensorFlow sees no GPU on {socket.gethostname()}: it "
        "is built without GPUs or does not find CUDA. Load the site's TensorFlow module, or set "
        f"{GPUS_VARIABLE}=0 to train on cores."
    )


def device_number(local_rank: int, number: int, environ: Mapping[str, str] | None = None) -> int:
    """Return which GPU of its node a trainer rank takes. Local.

    Parameters
    ----------
    local_rank
        Number of the slot on its node, from 0.
    number
        GPUs that this process sees, >= 1.
    environ
        Environment to read; this process's by default. An order of devices there, such as
        ``3,2,1,0``, counts where it names as many as the process sees.

    Raises
    ------
    LaunchError
        If the order is not one.
    """
    environ = os.environ if environ is None else environ
    text = environ.get(ORDER_VARIABLE, "")
    if not text:
        return local_rank % number
    words = text.split(",")
    order = [int(word) for word in words if word.strip().isdigit()]
    if len(order) != len(words) or sorted(order) != list(range(len(order))):
        raise LaunchError(
            f"{ORDER_VARIABLE} is {text}; give each device once, such as 0,1,2,3 or 3,2,1,0."
        )
    if len(order) != number:
        # A launcher that shows each rank its own device has put them in order already.
        return local_rank % number
    return order[local_rank % number]
