"""TensorFlow's settings for one slot; called once, before the first operation."""

from __future__ import annotations

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
    tf.config.threading.set_intra_op_parallelism_threads(slot.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    tf.config.experimental.enable_op_determinism()
    devices = tf.config.list_physical_devices("GPU")
    check_devices(len(devices))
    if devices:
        device = devices[device_number(slot.local_rank, len(devices))]
        tf.config.set_visible_devices(device, "GPU")
        tf.config.experimental.set_memory_growth(device, True)
