"""Contender of `bench_training.py`: `keras.Model.fit` as a user writes it.

On more than one rank the model's training step averages its gradients with Horovod, in Horovod's
default settings: Horovod's own wrapper of optimizers does not know Keras 3's.
"""

import time
from typing import Any

import mpi4py

mpi4py.rc.thread_level = "multiple"
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from bench_training_contender import (  # noqa: E402
    answer,
    arrays,
    keep_to_own_core,
    requests,
)
from mpi4py import MPI  # noqa: E402
from tensorflow import keras  # noqa: E402

from agebo_hpc.space.graph import Graph  # noqa: E402
from agebo_hpc.training.network import initial_parameters, keras_model  # noqa: E402


class AveragedModel(keras.Model):  # type: ignore[misc]
    """A model whose gradients are averaged over all ranks."""

    def train_step(self, data: Any) -> dict[str, Any]:
        """Make one step on this rank's batch."""
        import horovod.tensorflow as hvd

        x, y = data
        with tf.GradientTape() as tape:
            outputs = self(x, training=True)
            loss = self.compute_loss(x, y, outputs)
        gradients = tape.gradient(loss, self.trainable_weights)
        # All in one operation: the branches of a network come in another order on each rank, and
        # on one thread each rank then waited for a gradient that the other had not come to.
        gradients = hvd.grouped_allreduce(gradients, name="gradients")
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        return self.compute_metrics(x, y, outputs)


def main() -> None:
    """Train for a window for each request."""
    comm = MPI.COMM_WORLD
    rank, size = comm.Get_rank(), comm.Get_size()
    keep_to_own_core(comm)
    if size > 1:
        import horovod.tensorflow as hvd

        hvd.init(comm=comm)
    data = arrays()
    x, y = data["x"][rank::size], data["y"][rank::size]
    for request in requests(comm):
        batch_size = request["batch_size"]
        rows = len(data["y"]) // size // batch_size * batch_size
        if request["new"]:
            keras.backend.clear_session()
            model = make_model(Graph.from_dict(request["graph"]), size)
            model.fit(x[: 2 * batch_size], y[: 2 * batch_size], batch_size, verbose=0)
        seconds: list[float] = []
        while sum(seconds) < request["seconds"]:
            began = time.perf_counter()
            model.fit(x[:rows], y[:rows], batch_size, verbose=0)
            seconds.append(comm.bcast(time.perf_counter() - began))
        if rank == 0:
            answer(len(seconds) * rows * size / sum(seconds))


def make_model(graph: Graph, size: int) -> Any:
    """Return the compiled Keras model of a network; it starts alike on all ranks."""
    parameters = initial_parameters(graph, np.random.default_rng(0))
    model = keras_model(graph, parameters, "regression")
    if size > 1:
        model = AveragedModel(model.inputs, model.outputs)
    model.compile(
        keras.optimizers.Adam(0.001 * size),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        # Horovod's operations cannot be compiled by XLA.
        jit_compile=False if size > 1 else "auto",
    )
    return model


if __name__ == "__main__":
    main()
