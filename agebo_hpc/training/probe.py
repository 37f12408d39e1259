"""Small questions to TensorFlow and Horovod, for `info` and `smoke`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from agebo_hpc.training.preload import load_tensorflow

if TYPE_CHECKING:
    import tensorflow as tf


def devices() -> list[str]:
    """Return the names of the devices that TensorFlow sees, such as ``CPU:0``."""
    load_tensorflow(with_horovod=False)
    import tensorflow as tf

    return [d.name.split("physical_device:")[-1] for d in tf.config.list_physical_devices()]


def horovod_build() -> dict[str, bool]:
    """Return what Horovod was built with."""
    load_tensorflow(with_horovod=True)
    import horovod.tensorflow as hvd

    questions = ("mpi_built", "gloo_built", "nccl_built", "cuda_built", "rocm_built")
    return {name: bool(getattr(hvd, name)()) for name in questions}


def gradient_is_right() -> bool:
    """Return whether a compiled matrix product has the gradient that NumPy computes. Local."""
    load_tensorflow(with_horovod=False)
    import tensorflow as tf

    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 8)).astype(np.float32)
    w = tf.constant(rng.normal(size=(8, 3)).astype(np.float32))

    @tf.function
    def gradient(inputs: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss = tf.reduce_sum(tf.matmul(inputs, weights))
        return tape.gradient(loss, weights)

    expected = np.repeat(x.sum(axis=0)[:, None], 3, axis=1)
    return bool(np.allclose(gradient(tf.constant(x), w).numpy(), expected, atol=1e-3))


def sum_over(comm: Any, value: float, name: str, way: str) -> float:
    """Return the sum of ``value`` over a communicator. Collective over `comm`.

    Parameters
    ----------
    comm
        mpi4py communicator; its group is started and stopped again.
    value
        This rank's number.
    name
        Name of the tensor, the same on all ranks.
    way
        One of `agebo_hpc.training.ways.WAYS`.
    """
    load_tensorflow(with_horovod=way == "horovod")
    import tensorflow as tf

    from agebo_hpc.training.data_parallel import GROUPS

    group = GROUPS[way](comm)
    try:
        return float(group.sum(tf.constant([value]), name).numpy()[0])
    finally:
        group.stop()
