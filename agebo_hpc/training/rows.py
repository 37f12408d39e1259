"""Rows of a table as tensors, without a copy: all processes of a node share one in memory.

`tf.convert_to_tensor` copies every array, also one that is mapped from a file: each rank of a
node would hold its own table. DLPack does not copy, but it wants a writable array and leaves the
alignment to its caller: TensorFlow ends the process when a kernel meets a misaligned tensor.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

ALIGNMENT = 64
"""Bytes. What TensorFlow's kernels for the CPU expect of the address of a tensor; prepared data
sets lay out their arrays accordingly."""


Inputs: TypeAlias = "tf.Tensor | tuple[tf.Tensor, tf.Tensor]"
"""x of shape (rows, features), float32; or x and codes, of shape (rows, columns), int32."""

Targets: TypeAlias = "tf.Tensor | tuple[tf.Tensor, tf.Tensor]"
"""y of shape (rows,); or y and what each row counts, of the same shape, float32."""

Window = tuple[Inputs, Targets, NDArray[np.int32]]
"""Inputs and targets of some rows, and which of them each step takes: shape (steps, batch)."""

Slice = tuple[Inputs, Targets, range]
"""Inputs and targets of some rows, and the range of them that is meant."""


def shard_of(num_rows: int, rank: int, size: int) -> range:
    """Return the contiguous rows that one of ``size`` processes owns."""
    return range(rank * num_rows // size, (rank + 1) * num_rows // size)


class Source(Protocol):
    """Rows that a training goes through."""

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        ...

    def windows(
        self, shard: range, steps: int, batch: int, rng: np.random.Generator
    ) -> Iterator[Window]:
        """Yield an epoch over a shard in random order.

        The last step is filled up with rows that were already seen, so that every process takes
        the same number of equal steps and every row is seen.

        Parameters
        ----------
        shard
            The rows of this process.
        steps, batch
            Steps of all windows together, and rows of each; ``steps * batch >= len(shard)``.
        rng
            Gives the order.
        """
        ...

    def slices(self, shard: range) -> Iterator[Slice]:
        """Yield the rows of a shard in order, each once."""
        ...


@dataclass(frozen=True)
class Rows:
    """Rows of a table as tensors: inputs, y of shape (rows,), and weights where there are any."""

    x: Inputs
    y: tf.Tensor
    weights: tf.Tensor | None = None

    @classmethod
    def of(
        cls,
        x: np.ndarray,
        y: np.ndarray,
        codes: np.ndarray | None = None,
        weights: np.ndarray | None = None,
    ) -> Rows:
        """Wrap arrays; those of a prepared data set are not copied, see `shared_tensor`.

        Parameters
        ----------
        x, y
            Features and targets.
        codes
            Codes for networks that take them besides.
        weights
            What each row counts; None: all count alike.
        """
        features = shared_tensor(x)
        return cls(
            features if codes is None else (features, shared_tensor(codes)),
            shared_tensor(y),
            None if weights is None else shared_tensor(weights),
        )

    @property
    def _targets(self) -> Targets:
        return self.y if self.weights is None else (self.y, self.weights)

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return int(self.y.shape[0])

    def windows(
        self, shard: range, steps: int, batch: int, rng: np.random.Generator
    ) -> Iterator[Window]:
        """Yield one window, of all rows, see `Source`."""
        rows = aligned_array(steps * batch, np.int32)
        order, rest = np.split(rows, [len(shard)])
        order[:] = np.arange(shard.start, shard.stop, dtype=np.int32)
        rng.shuffle(order)
        rest[:] = order[: len(rest)]
        yield self.x, self._targets, rows.reshape(steps, batch)

    def slices(self, shard: range) -> Iterator[Slice]:
        """Yield one slice."""
        yield self.x, self._targets, shard


class _DeclaredWritable:
    """Lends an array's memory under the claim that it may be written to, and keeps it alive.

    Nothing writes to a tensor. Should something do so all the same, a page that is mapped
    read-only stops it.
    """

    def __init__(self, array: NDArray[np.generic]) -> None:
        self._array = array
        address = (array.ctypes.data, False)
        self.__array_interface__ = {**array.__array_interface__, "data": address}


def shared_tensor(array: NDArray[np.generic]) -> tf.Tensor:
    """Return a tensor on an array's own memory where that is possible, else on a copy.

    Possible on a CPU, for arrays that are C-contiguous and aligned to `ALIGNMENT` bytes, as
    those of a prepared data set are. A GPU has a memory of its own and gets a copy.

    Parameters
    ----------
    array
        An array of any shape; it must not change as long as the tensor lives. The tensor keeps it
        alive.
    """
    if not is_shareable(array) or tf.config.list_logical_devices("GPU"):
        return tf.convert_to_tensor(array)
    writable = np.asarray(_DeclaredWritable(array))
    return tf.experimental.dlpack.from_dlpack(writable.__dlpack__())


def is_shareable(array: NDArray[np.generic]) -> bool:
    """Tell whether TensorFlow can compute on an array's own memory."""
    return (
        array.size > 0
        and bool(array.flags.c_contiguous)
        and array.ctypes.data % ALIGNMENT == 0
        and array.dtype.isnative
    )


def aligned_array(size: int, dtype: type[np.generic]) -> NDArray[Any]:
    """Return an uninitialised array of shape (size,) that `shared_tensor` does not copy."""
    spare = ALIGNMENT // np.dtype(dtype).itemsize
    memory = np.empty(size + spare, dtype)
    start = -memory.ctypes.data % ALIGNMENT // memory.itemsize
    return memory[start : start + size]
