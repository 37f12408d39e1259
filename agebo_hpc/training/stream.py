"""Rows that are read from the prepared file while they are used: for data larger than memory.

A process reads its shard in chunks of consecutive rows. An epoch takes the chunks in random
order, a window of them at a time; within a window all rows are shuffled. The next window is read
while the present one is trained on, so two windows are in memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agebo_hpc.processes.memory import node_memory
from agebo_hpc.training.rows import (
    Inputs,
    Rows,
    Slice,
    Source,
    Targets,
    Window,
    aligned_array,
    shared_tensor,
)

CHUNK_ROWS = 4096
"""Rows that are read in one piece: a seek for about a megabyte."""

WINDOW_BYTES = 2**28
"""Size of one window of one process, in bytes; two windows are in memory."""

LARGEST_SHARE = 0.5
"""Larger tables than this share of the node's memory are streamed unless asked otherwise."""


class StreamedRows:
    """Rows of the arrays of a prepared file; see `agebo_hpc.training.rows.Source`.

    Parameters
    ----------
    x, y
        Maps of the file, of shapes (rows, features) and (rows,); only their places are used. `y`
        may be in memory.
    chunk_rows, window_rows
        Rows of a chunk, and most rows of a window, which holds one or more whole chunks; None:
        `CHUNK_ROWS`, and as many as `WINDOW_BYTES` hold.
    codes
        Map of the codes, of shape (rows, columns of codes), for networks that take them.
    weights
        Map of what each row counts, of shape (rows,); None: all count alike.
    """

    def __init__(
        self,
        x: np.memmap[Any, Any],
        y: NDArray[Any],
        chunk_rows: int | None = None,
        window_rows: int | None = None,
        codes: np.memmap[Any, Any] | None = None,
        weights: np.memmap[Any, Any] | None = None,
    ) -> None:
        inputs = (x,) if codes is None else (x, codes)
        targets = (y,) if weights is None else (y, weights)
        self._parts = tuple(_place(array) for array in (*inputs, *targets))
        self._num_inputs = len(inputs)
        self.num_rows = len(x)
        row_bytes = sum(place.row_bytes for place in self._parts)
        window_rows = window_rows or WINDOW_BYTES // row_bytes
        self._chunk_rows = chunk_rows or CHUNK_ROWS
        self._window_chunks = max(1, window_rows // self._chunk_rows)

    def windows(
        self, shard: range, steps: int, batch: int, rng: np.random.Generator
    ) -> Iterator[Window]:
        """Yield an epoch, window by window, see `Source`.

        Rows that do not fill a step are kept for the next window.
        """
        chunks = self._chunks(shard)
        order = [chunks[position] for position in rng.permutation(len(chunks))]
        kept = [np.empty((0, *place.row_shape), place.dtype) for place in self._parts]
        left = steps
        with _Reader(self._parts, batch, self._window_chunks * self._chunk_rows) as reader:
            for is_last, arrays, first, stop in reader.read(self._grouped(order)):
                start = first - len(kept[0])
                for array, rows in zip(arrays, kept, strict=True):
                    array[start:first] = rows
                shuffled = np.arange(start, stop, dtype=np.int32)
                rng.shuffle(shuffled)
                if is_last:
                    # np.resize repeats from the start.
                    here, kept_rows = left, shuffled[:0]
                    shuffled = np.resize(shuffled, left * batch)
                else:
                    here = min(left, len(shuffled) // batch)
                    shuffled, kept_rows = np.split(shuffled, [here * batch])
                kept = [array[kept_rows] for array in arrays]
                left -= here
                if here:
                    rows = aligned_array(here * batch, np.int32)
                    rows[:] = shuffled
                    yield *self._tensors(arrays), rows.reshape(here, batch)

    def slices(self, shard: range) -> Iterator[Slice]:
        """Yield the rows of a shard, window by window."""
        with _Reader(self._parts, 0, self._window_chunks * self._chunk_rows) as reader:
            for _, arrays, first, stop in reader.read(self._grouped(self._chunks(shard))):
                yield *self._tensors(arrays), range(first, stop)

    def _tensors(self, arrays: Sequence[NDArray[Any]]) -> tuple[Inputs, Targets]:
        """Return the inputs and the targets of rows."""
        tensors = [shared_tensor(array) for array in arrays]
        inputs, targets = tensors[: self._num_inputs], tensors[self._num_inputs :]
        return (
            inputs[0] if len(inputs) == 1 else tuple(inputs),
            targets[0] if len(targets) == 1 else tuple(targets),
        )

    def _chunks(self, shard: range) -> list[range]:
        starts = range(shard.start, shard.stop, self._chunk_rows)
        return [range(start, min(start + self._chunk_rows, shard.stop)) for start in starts]

    def _grouped(self, chunks: Sequence[range]) -> list[Sequence[range]]:
        number = self._window_chunks
        return [chunks[start : start + number] for start in range(0, len(chunks), number)]


class _Place:
    """Where the rows of an array are: in memory."""

    def __init__(self, array: NDArray[Any]) -> None:
        self._array = array
        self.dtype = array.dtype
        self.row_shape = array.shape[1:]
        self.row_bytes = int(np.prod(self.row_shape, dtype=int)) * array.dtype.itemsize

    def empty(self, rows: int) -> NDArray[Any]:
        width = int(np.prod(self.row_shape, dtype=int))
        return aligned_array(rows * width, self.dtype.type).reshape(rows, *self.row_shape)

    def open(self) -> AbstractContextManager[Any]:
        """Return what is to be open while rows are read."""
        return nullcontext()

    def read(self, file: Any, array: NDArray[Any], rows: range) -> None:
        """Fill an array with rows."""
        array[:] = self._array[rows.start : rows.stop]


class _FilePlace(_Place):
    """Where the rows of an array are: in a file."""

    def __init__(self, array: np.memmap[Any, Any]) -> None:
        super().__init__(array)
        self._path = Path(str(array.filename))
        self._offset = int(array.offset)

    def open(self) -> AbstractContextManager[Any]:
        """Return the file."""
        return self._path.open("rb", buffering=0)

    def read(self, file: Any, array: NDArray[Any], rows: range) -> None:
        """Fill an array with rows."""
        _read_into(file, array, self._offset + rows.start * self.row_bytes)


def _place(array: NDArray[Any]) -> _Place:
    return _FilePlace(array) if isinstance(array, np.memmap) else _Place(array)


class _Reader:
    """Reads windows into two buffers in turn, the next one while the present one is used.

    Parameters
    ----------
    places
        Places of the arrays in the file.
    room
        Rows left free before those that are read.
    window_rows
        Most rows of a window.
    """

    def __init__(self, places: Sequence[_Place], room: int, window_rows: int) -> None:
        self._places = places
        self._room = room
        self._buffers = [[place.empty(room + window_rows) for place in places] for _ in range(2)]
        self._thread = ThreadPoolExecutor(1)
        self._files: list[Any] = []
        self._close = ExitStack()

    def __enter__(self) -> _Reader:
        with ExitStack() as files:
            self._files = [files.enter_context(place.open()) for place in self._places]
            self._close = files.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()
        self._close.close()

    def read(
        self, windows: Sequence[Sequence[range]]
    ) -> Iterator[tuple[bool, list[NDArray[Any]], int, int]]:
        """Yield (whether it is the last, arrays, first row, stop) of each window."""
        coming = self._thread.submit(self._fill, 0, windows[0])
        for number in range(len(windows)):
            stop = coming.result()
            is_last = number + 1 == len(windows)
            if not is_last:
                coming = self._thread.submit(self._fill, number + 1, windows[number + 1])
            yield is_last, self._buffers[number % 2], self._room, stop

    def _fill(self, number: int, chunks: Sequence[range]) -> int:
        """Read chunks into a window's buffer; return where they end."""
        stop = self._room
        for chunk in chunks:
            start, stop = stop, stop + len(chunk)
            for place, file, array in zip(
                self._places, self._files, self._buffers[number % 2], strict=True
            ):
                place.read(file, array[start:stop], chunk)
        return stop


def _read_into(file: FileIO, array: NDArray[Any], offset: int) -> None:
    """Fill an array from a place in a file."""
    memory = array.data.cast("B")
    done = 0
    while done < len(memory):
        number = os.preadv(file.fileno(), [memory[done:]], offset + done)
        if number == 0:
            raise OSError(f"{file.name} has become shorter while it was read.")
        done += number


def open_rows(
    parts: Sequence[Mapping[str, Any]], choice: str, memory: int | None = None
) -> list[Source]:
    """Return parts of a data set in memory, or streamed.

    Parameters
    ----------
    parts
        ``x``, ``y`` and, where there are any, ``codes`` and ``weights`` of each, maps of the
        prepared file.
    choice
        ``"memory"``, ``"stream"`` or ``"auto"``: streamed when all parts together are larger
        than `LARGEST_SHARE` of the memory.
    memory
        Bytes; None: what this node has.
    """
    if choice == "auto":
        memory = memory or node_memory()
        size = sum(array.nbytes for part in parts for array in part.values())
        choice = "stream" if size > LARGEST_SHARE * memory else "memory"
    if choice == "stream":
        return [StreamedRows(**part) for part in parts]
    return [Rows.of(**part) for part in parts]
