"""Small questions to the HDF5 library, for `info` and `smoke`."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np


def hdf5_version() -> str:
    """Return the version of the HDF5 library that h5py uses."""
    return str(h5py.version.hdf5_version)


def hdf5_round_trip(path: Path) -> bool:
    """Write 10,000 numbers to a new file, read them back and compare. Local.

    Parameters
    ----------
    path
        File that does not exist yet; it is left for the caller to remove.
    """
    numbers = np.arange(10_000, dtype=np.float32)
    with h5py.File(path, "x") as file:
        file.create_dataset("numbers", data=numbers, chunks=True, compression="gzip")
    with h5py.File(path, "r") as file:
        return bool(np.array_equal(file["numbers"][:], numbers))
