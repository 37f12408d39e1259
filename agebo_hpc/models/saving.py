"""Letting TensorFlow and Keras write, and telling in our words when they cannot."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import tensorflow as tf

from agebo_hpc.directories import new_directory
from agebo_hpc.files import destination, new_file, writing
from agebo_hpc.leftovers import hidden_beside, remove, signals_in_order

_NUMBERS = {
    errno.ENOSPC: "No space left on device",
    errno.EDQUOT: "Disk quota exceeded",
    errno.EROFS: "Read-only file system",
    errno.EACCES: "Permission denied",
    errno.EFBIG: "File too large",
}
"""Number of an error -> how the C library says it, in the middle of TensorFlow's message."""


def save_directory(out: Path, fill: Callable[[Path], None], replace: bool) -> None:
    """Make a directory of files, all of them or nothing.

    Parameters
    ----------
    out
        The directory; see `agebo_hpc.directories.new_directory`.
    fill
        Writes the files into the directory it is given.
    replace
        Whether a directory there is replaced.

    Raises
    ------
    UsageError
        If it cannot be written there.
    """
    with writing("--out", out), new_directory(out, replace) as directory, _as_os_errors():
        fill(directory)


def save_file(out: Path, name: str, write: Callable[[Path], None]) -> None:
    """Write a file with a library that wants a path, all of it or nothing.

    Parameters
    ----------
    out
        The file, or a device or FIFO that is written to.
    name
        What the library is told that the file is called; for its ending.
    write
        Writes the path that it is given.

    Raises
    ------
    UsageError
        If it cannot be written there.
    """
    with writing("--out", out), _scratch(out) as home:
        with _as_os_errors():
            write(home / name)
        with new_file(out) as file, open(home / name, "rb") as written:
            shutil.copyfileobj(written, file)


@contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    """Make a directory for a while, on the file system of a file that will be written."""
    place = destination(out)
    if place.is_stream:
        with TemporaryDirectory() as home:
            yield Path(home)
        return
    beside = hidden_beside(place.path)
    with signals_in_order():
        try:
            beside.mkdir(mode=0o700)
            yield beside
        finally:
            remove(beside)


@contextmanager
def _as_os_errors() -> Iterator[None]:
    """Raise TensorFlow's errors about a disk as errors of the system."""
    try:
        yield
    except tf.errors.OpError as error:
        text = str(error.message or error)
        number = next((n for n, said in _NUMBERS.items() if said in text), errno.EIO)
        raise OSError(number, _NUMBERS.get(number, text.splitlines()[0])) from error
    except RuntimeError as error:
        # HDF5 has its own kind.
        number = next((n for n, said in _NUMBERS.items() if said in str(error)), 0)
        if not number:
            raise
        raise OSError(number, _NUMBERS[number]) from error
