"""TensorFlow's settings for one slot; called once, before the first operation."""

from __future__ import annotations

import logging
from typing import Any

from agebo_hpc.training.environment import check_devices, device_number, prepare_environment
from agebo_hpc.training.trainer import Slot


def configure_tensorflow(slot: Slot) -> None:
    """Import TensorFlow and set it up for a slot: threads, device, determinism.

    The graph optimizer is off: it delays the first step of every network, does not make steps that
    are matrix products faster, and in TensorFlow 2.20 it fails on merges with an error message.
    """
    prepare_environment(slot.threads)
    import tensorflow as tf

    # Every network is traced once; TensorFlow would call that a mistake again and again.
    tf.get_logger().setLevel("ERROR")
    _set_threads(tf.config.threading, slot.threads)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    tf.config.experimental.enable_op_determinism()
    devices = tf.config.list_physical_devices("GPU")
    check_devices(len(devices))
    if devices:
        device = devices[device_number(slot.local_rank, len(devices))]
        tf.config.set_visible_devices(device, "GPU")
        tf.config.experimental.set_memory_growth(device, True)


def _set_threads(threading: Any, threads: int) -> None:
    """Set the threads of an operation; one operation runs at a time.

    They cannot be changed once TensorFlow has computed something, as it may have for whoever calls
    an estimator or a command from Python: such a process keeps the threads that it has.
    """
    try:
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        logging.getLogger(__name__).info(
            "TensorFlow was used in this process before; its threads stay as they are, in place "
            "of %d.",
            threads,
        )
